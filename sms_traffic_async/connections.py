"""What all views of one session share: connections, node health, pauses, background tasks.

``with_options`` makes another view with other options over the same value of
this class; whoever made it first closes it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import StatusUpdate, Via
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.settings import Node, Settings, SoapOptions
from sms_traffic_async.telemetry import Telemetry

if TYPE_CHECKING:
    from sms_traffic_async.delivery.polling import Ask, StatusPoller
    from sms_traffic_async.protocols.http.pool import HttpPool
    from sms_traffic_async.protocols.http_v1 import HttpV1
    from sms_traffic_async.protocols.http_v2 import HttpV2
    from sms_traffic_async.protocols.smtp import Smtp
    from sms_traffic_async.protocols.smtp.rate import LetterRate
    from sms_traffic_async.protocols.soap import Soap

__all__ = ("Connections",)


class Connections:
    """Everything a session opens, opened on first use and closed once."""

    def __init__(self, settings: Settings, *, clock: Clock, telemetry: Telemetry) -> None:
        self.settings = settings
        self.clock = clock
        self.telemetry = telemetry
        self.life = Life()
        self.pauses = Pauses()
        self.nodes = self._node_set(settings.nodes)
        # Imported now, where an application starts, and not inside its loop at the first message.
        credentials = settings.credentials
        if credentials.api_key is not None:
            importlib.import_module("sms_traffic_async.protocols.http_v2")
        elif credentials.login is not None:
            importlib.import_module("sms_traffic_async.protocols.http_v1")
        self._pool: HttpPool | None = None
        self._soap_nodes: NodeSet | None = None
        self._letter_rate: LetterRate | None = None
        self._pollers: dict[str, StatusPoller] = {}

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

    def soap(self, settings: Settings) -> Soap:
        """The SOAP client of one view. SOAP has servers of its own.

        Raises:
            ConfigurationError: no login.
        """
        from sms_traffic_async.protocols.soap import Soap

        if settings.soap == SoapOptions() and settings.nodes != Settings().nodes:
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

    def _common(self) -> dict[str, Any]:
        return {"pauses": self.pauses, "clock": self.clock, "telemetry": self.telemetry, "life": self.life}

    def poller(self, via: Via | None) -> StatusPoller:
        """Who asks for the statuses of what a protocol sent; one poller a protocol.

        Args:
            via: the protocol that sent; ``None`` for whatever the credentials open.

        Raises:
            ConfigurationError: no credentials for it.
        """
        protocol = via or ("v2" if self.settings.credentials.api_key is not None else "v1")
        if protocol == "smtp":
            protocol = "v1"  # the platform answers a letter in the words of v1
        poller = self._pollers.get(protocol)
        if poller is None:
            from sms_traffic_async.delivery.polling import StatusPoller

            poller = self._pollers[protocol] = StatusPoller(
                self._ask(protocol), spawn=self.life.spawn, clock=self.clock, longest=self.settings.timeouts.poll_after
            )
        return poller

    def _ask(self, protocol: str) -> Ask:
        if protocol == "v2":
            v2 = self.http_v2(self.settings)

            async def ask_v2(ids: Sequence[str]) -> Sequence[StatusUpdate]:
                return (await v2.statuses(ids, extended=True)).found

            return ask_v2
        asked = self.soap(self.settings) if protocol == "soap" else self.http_v1(self.settings)

        async def ask(ids: Sequence[str]) -> Sequence[StatusUpdate]:
            return (await asked.statuses(ids)).found

        return ask

    async def aclose(self, grace: float) -> None:
        """Drain, then close what was opened; bounded by twice the grace time and the transports' own close.

        Cancellation: skips the grace time; connections are closed all the same.
        """
        first = False
        try:
            first = await self.life.close(grace)
        except asyncio.CancelledError:
            first = True
            raise
        finally:
            if first:
                try:
                    if self._pool is not None:
                        await self._pool.aclose()
                finally:
                    self.life.closed()
