"""What all views of one session share: connections, node health, pauses, background tasks.

``with_options`` makes another view with other options over the same value of
this class; whoever made it first closes it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.settings import Settings
from sms_traffic_async.telemetry import Telemetry

if TYPE_CHECKING:
    from sms_traffic_async.delivery.polling import StatusPoller
    from sms_traffic_async.protocols.http.pool import HttpPool
    from sms_traffic_async.protocols.http_v2 import HttpV2

__all__ = ("Connections",)


class Connections:
    """Everything a session opens, opened on first use and closed once."""

    def __init__(self, settings: Settings, *, clock: Clock, telemetry: Telemetry) -> None:
        self.settings = settings
        self.clock = clock
        self.telemetry = telemetry
        self.life = Life()
        self.pauses = Pauses()
        self.nodes = NodeSet([node.name for node in settings.nodes], policy=settings.retry, clock=clock)
        if settings.credentials.api_key is not None:
            # Imported now, where an application starts, and not inside its loop at the first message.
            importlib.import_module("sms_traffic_async.protocols.http_v2")
        self._pool: HttpPool | None = None
        self._poller: StatusPoller | None = None

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
        if settings.credentials.api_key is None:
            raise ConfigurationError("HTTP API v2 needs api_key= (or SMS_TRAFFIC_API_KEY)")
        from sms_traffic_async.protocols.http_v2 import HttpV2

        return HttpV2(
            settings,
            pool=self.pool,
            nodes=self.nodes,
            pauses=self.pauses,
            clock=self.clock,
            telemetry=self.telemetry,
            life=self.life,
        )

    def poller(self, v2: HttpV2) -> StatusPoller:
        """The one poller of this session."""
        if self._poller is None:
            from sms_traffic_async.delivery.polling import StatusPoller

            async def ask(ids: Sequence[str]) -> Sequence[StatusUpdate]:
                return (await v2.statuses(ids, extended=True)).found

            self._poller = StatusPoller(
                ask, spawn=self.life.spawn, clock=self.clock, longest=self.settings.timeouts.poll_after
            )
        return self._poller

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
