"""What comes back to a session: statuses, messages of subscribers, and marks for codes that were used.

One of each for all views, made when it is first needed: a service that never
asks pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sms_traffic_async.delivery.checking import Checks, Mark
from sms_traffic_async.delivery.inbound import Inbound
from sms_traffic_async.delivery.inbound_feed import InboundFeed, by_list, by_report
from sms_traffic_async.delivery.intake import open_store
from sms_traffic_async.delivery.routes import Routes, asking
from sms_traffic_async.delivery.tracker import Tracker
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import StatusUpdate

if TYPE_CHECKING:
    from sms_traffic_async.connections import Connections
    from sms_traffic_async.delivery.asking import Ask
    from sms_traffic_async.protocols.smpp.receiving import Receiving

__all__ = ("Reception",)


class Reception:
    """Tracker, inbound messages and marks of one session."""

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self._receiving: Receiving | None = None

    @cached_property
    def tracker(self) -> Tracker:
        """Who follows messages to their end."""
        shared = self._shared
        tracker = Tracker(
            Routes(self._ways()),
            options=shared.settings.tracking,
            poll_after=shared.settings.timeouts.poll_after,
            store=open_store(shared.settings.tracking, clock=shared.clock),
            **self._common(),
        )
        shared.telemetry.accepted = tracker.sent
        return tracker

    @cached_property
    def inbound(self) -> Inbound:
        """Messages of subscribers."""
        shared, credentials = self._shared, self._shared.settings.credentials
        feed = InboundFeed(
            clock=shared.clock,
            listed=None if credentials.login is None else by_list(shared.http_v1(shared.settings)),
            reported=None if credentials.api_key is None else by_report(shared.http_v2(shared.settings)),
        )
        common = self._common()
        del common["clock"]
        return Inbound(options=shared.settings.inbound, feed=feed, listening=self._listening, **common)

    @cached_property
    def checks(self) -> Checks:
        """Who marks messages as checked.

        Raises:
            ConfigurationError: there are no credentials.
        """
        shared, credentials = self._shared, self._shared.settings.credentials
        mark: Mark
        if credentials.api_key is not None:
            mark = shared.http_v2(shared.settings).mark_checked
        elif credentials.login is not None:
            mark = shared.http_v1(shared.settings).mark_checked
        else:
            raise ConfigurationError("marking needs an API key, or login and password")
        return Checks(mark, spawn=shared.life.spawn)

    async def open(self) -> None:
        """Go on where a store left off; for a session that has one.

        Raises:
            ConfigurationError: another process has the store.
            StorageError: it cannot be read.
        """
        if self._shared.settings.tracking.store is not None:
            await self.tracker.open()

    def hear(self, receiving: Receiving) -> None:
        """Take what comes in over SMPP."""
        self._receiving = receiving
        receiving.updates = self.tracker.take

    def closing(self) -> None:
        """No more messages are taken; the reader's loop ends."""
        if "inbound" in self.__dict__:
            self.inbound.aclose()

    async def aclose(self) -> None:
        """End the readers' loops, write what is left, close the store."""
        if "tracker" in self.__dict__:
            await self.tracker.aclose()

    def _listening(self, somebody: bool) -> None:
        # While nobody reads, the platform is told so and keeps what there is.
        if self._receiving is not None:
            self._receiving.inbound = self.inbound.take if somebody else None
        elif somebody and self._shared.settings.smpp is not None:
            self._shared.transceiver.start()
            self._listening(somebody)

    def _common(self) -> dict[str, Any]:
        shared = self._shared
        return {"spawn": shared.life.spawn, "clock": shared.clock, "telemetry": shared.telemetry}

    def _ways(self) -> dict[str, Callable[[], Ask]]:
        shared, settings = self._shared, self._shared.settings
        ways: dict[str, Callable[[], Ask]] = {}
        if settings.credentials.api_key is not None:
            ways["v2"] = self._asking_v2
        if settings.credentials.login is not None:
            ways["v1"] = lambda: asking(shared.http_v1(settings))
            if shared.has_soap:
                ways["soap"] = lambda: asking(shared.soap(settings))
        return ways

    def _asking_v2(self) -> Ask:
        v2 = self._shared.http_v2(self._shared.settings)

        async def ask(ids: Sequence[str]) -> Sequence[StatusUpdate]:
            # Extended: the operator's reason is what people want to know of a message that was not delivered.
            return (await v2.statuses(ids, extended=True)).found

        return ask
