"""What all views of one session share: connections, node health, pauses, background tasks.

``with_options`` makes another view with other options over the same value of
this class; whoever made it first closes it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.events import SessionEnded, SessionMade
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.settings import Node, Settings, SoapOptions
from sms_traffic_async.telemetry import Telemetry

if TYPE_CHECKING:
    from sms_traffic_async.protocols.http.pool import HttpPool
    from sms_traffic_async.protocols.http_v1 import HttpV1
    from sms_traffic_async.protocols.http_v2 import HttpV2
    from sms_traffic_async.protocols.smpp.client import Smpp
    from sms_traffic_async.protocols.smpp.transceiver import Transceiver
    from sms_traffic_async.protocols.smtp import Smtp
    from sms_traffic_async.protocols.smtp.rate import LetterRate
    from sms_traffic_async.protocols.soap import Soap
    from sms_traffic_async.reception import Reception

__all__ = ("Connections",)


class Connections:
    """Everything a session opens, opened on first use and closed once."""

    def __init__(self, settings: Settings, *, clock: Clock, telemetry: Telemetry) -> None:
        self.settings = settings
        self.clock = clock
        self.telemetry = telemetry
        self.life: Life = Life()
        self.pauses: Pauses = Pauses()
        self.nodes: NodeSet = self._node_set(settings.nodes)
        # Imported now, where an application starts, and not inside its loop at the first message.
        credentials = settings.credentials
        if credentials.api_key is not None:
            importlib.import_module("sms_traffic_async.protocols.http_v2")
        elif credentials.login is not None:
            importlib.import_module("sms_traffic_async.protocols.http_v1")
        self._pool: HttpPool | None = None
        self._soap_nodes: NodeSet | None = None
        self._letter_rate: LetterRate | None = None
        self._transceiver: Transceiver | None = None
        self._first_smpp: Smpp | None = None
        self._reception: Reception | None = None
        telemetry.emit(SessionMade(stats=telemetry.stats))

    def _node_set(self, nodes: Sequence[Node]) -> NodeSet:
        return NodeSet([node.name for node in nodes], policy=self.settings.retry, clock=self.clock)

    @property
    def pool(self) -> HttpPool:
        """The HTTP connections of every HTTP protocol."""
        if self._pool is None:
            from sms_traffic_async.protocols.http.pool import HttpPool

            self._pool = HttpPool(self.settings, telemetry=self.telemetry)
        return self._pool

    def http_v2(self, settings: Settings) -> HttpV2:
        """The v2 client of one view.

        Raises:
            ConfigurationError: no API key.
        """
        from sms_traffic_async.protocols.http_v2 import HttpV2

        return HttpV2(settings, pool=self.pool, nodes=self.nodes, **self._common())

    def http_v1(self, settings: Settings) -> HttpV1:
        """The v1 client of one view.

        Raises:
            ConfigurationError: no login.
        """
        from sms_traffic_async.protocols.http_v1 import HttpV1

        return HttpV1(settings, pool=self.pool, nodes=self.nodes, **self._common())

    @property
    def has_soap(self) -> bool:
        """Whether it is known where SOAP is spoken: its servers are not the nodes'."""
        return self.settings.soap != SoapOptions() or self.settings.nodes == Settings().nodes

    def soap(self, settings: Settings) -> Soap:
        """The SOAP client of one view. SOAP has servers of its own.

        Raises:
            ConfigurationError: no login.
        """
        from sms_traffic_async.protocols.soap import Soap

        if not self.has_soap:
            raise ConfigurationError(
                "SOAP has servers of its own, and nodes= leads elsewhere: give soap=SoapOptions(url=...)"
            )
        if self._soap_nodes is None:
            self._soap_nodes = self._node_set(self.settings.soap.nodes)
        return Soap(settings, options=settings.soap, pool=self.pool, nodes=self._soap_nodes, **self._common())

    def smtp(self, settings: Settings) -> Smtp:
        """The e-mail client of one view.

        Raises:
            ConfigurationError: no ``smtp=SmtpOptions(...)``, or no login.
        """
        from sms_traffic_async.protocols.smtp import Smtp
        from sms_traffic_async.protocols.smtp.rate import LetterRate

        if settings.smtp is None:
            raise ConfigurationError("e-mail needs smtp=SmtpOptions(...): your relay and your address")
        if self._letter_rate is None:
            self._letter_rate = LetterRate(settings.smtp.letters_per_minute)
        return Smtp(settings, options=settings.smtp, rate=self._letter_rate, **self._common())

    def smpp(self, settings: Settings) -> Smpp:
        """The SMPP client of one view.

        Raises:
            ConfigurationError: no ``smpp=SmppOptions(...)``, or no login.
        """
        from sms_traffic_async.protocols.smpp.client import Smpp

        client = Smpp(settings, transceiver=self.transceiver, shared=self._first_smpp, **self._owned())
        if self._first_smpp is None:
            self._first_smpp = client
        return client

    @property
    def transceiver(self) -> Transceiver:
        """The SMPP connections.

        Raises:
            ConfigurationError: no ``smpp=SmppOptions(...)``, or no login.
        """
        if self._transceiver is None:
            from sms_traffic_async.protocols.smpp.transceiver import Transceiver

            if self.settings.smpp is None:
                raise ConfigurationError("SMPP needs smpp=SmppOptions(...)")
            self._transceiver = Transceiver(self.settings, options=self.settings.smpp, **self._owned())
            self.reception.hear(self._transceiver.receiving)
        return self._transceiver

    async def entered(self) -> None:
        """The session was entered: open what should be open from then on.

        Raises:
            ConfigurationError: another process has the tracking store.
        """
        self.life.bind()
        if self.settings.tracking.store is not None:
            await self.reception.open()
        options = self.settings.smpp
        if options is not None and options.connect == "on_enter":
            self.transceiver.start()

    def _owned(self) -> dict[str, Any]:
        return {"clock": self.clock, "telemetry": self.telemetry, "life": self.life}

    def _common(self) -> dict[str, Any]:
        return {"pauses": self.pauses, **self._owned()}

    @property
    def reception(self) -> Reception:
        """What comes back: statuses and messages of subscribers."""
        if self._reception is None:
            from sms_traffic_async.reception import Reception

            self._reception = Reception(self)
        return self._reception

    async def aclose(self, grace: float) -> None:
        """Drain, then close what was opened; bounded by twice the grace time and the transports' own close.

        Cancellation: skips the grace time; connections are closed all the same.
        """
        first = False
        if self._reception is not None:
            self._reception.closing()
        try:
            first = await self.life.close(grace)
        except asyncio.CancelledError:
            first = True
            raise
        finally:
            if first:
                try:
                    await self._release()
                finally:
                    self.life.closed()
                    self.telemetry.emit(SessionEnded(stats=self.telemetry.stats))

    async def _release(self) -> None:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.life.ended)
            for opened in (self._reception, self._pool, self._transceiver):
                if opened is not None:
                    stack.push_async_callback(opened.aclose)
