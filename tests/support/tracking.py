"""A tracker to test, and a platform that it asks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal

from sms_traffic_async.delivery.asking import Ask
from sms_traffic_async.delivery.store import TrackingStore
from sms_traffic_async.delivery.tracker import Tracker
from sms_traffic_async.errors import SmsTrafficError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import StatusUpdate, Submission, Via
from sms_traffic_async.settings_tracking import TrackingOptions
from sms_traffic_async.statuses import MessageStatus
from sms_traffic_async.telemetry import Telemetry
from tests.support.virtual_loop import VirtualClock

__all__ = ("Platform", "Rig", "now", "report", "rig", "sent")

ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)


def now() -> float:
    return asyncio.get_running_loop().time()


def sent(*ids: str, via: Via = "v2", **rest: Any) -> Submission:
    key = rest.pop("key", f"key of {ids[0] if ids else 'nothing'}")
    return Submission(via=via, message_ids=ids, key=key, to="79161112233", node="api", accepted_at=ACCEPTED, **rest)


def report(
    message_id: str, status: str, source: Literal["poll", "push", "receipt"] = "push", **rest: Any
) -> StatusUpdate:
    return StatusUpdate(message_id=message_id, status=MessageStatus.read(status), source=source, **rest)


class Platform:
    """What it would answer, by id; and what it was asked."""

    def __init__(self, *routes: str) -> None:
        self.routes = routes or ("v2",)
        self.statuses: dict[str, str] = {}
        self.asked: list[tuple[float, str, tuple[str, ...]]] = []
        self.error: SmsTrafficError | None = None
        self.malformed: set[str] = set()

    def route(self, via: Via | None) -> str | None:
        wanted = via if via in self.routes else self.routes[0]
        return None if wanted == "none" else wanted

    def ask(self, route: str) -> Ask:
        async def ask(ids: Sequence[str]) -> Sequence[StatusUpdate]:
            self.asked.append((now(), route, tuple(ids)))
            await asyncio.sleep(0.01)
            if self.error is not None:
                raise self.error
            for one in ids:
                if one in self.malformed:
                    from sms_traffic_async.errors import InvalidMessage

                    raise InvalidMessage("ids", "…", "not an id")
            return [report(one, self.statuses[one], "poll") for one in ids if one in self.statuses]

        return ask

    def times(self, message_id: str) -> list[float]:
        return [at for at, _, ids in self.asked if message_id in ids]


class Rig:
    """A tracker with what it lives on."""

    def __init__(self, platform: Platform, store: TrackingStore | None = None, **options: Any) -> None:
        self.platform = platform
        self.life = Life()
        self.life.bind()
        self.telemetry = Telemetry()
        self.tracker = Tracker(
            platform,
            options=TrackingOptions(**options),
            poll_after=15.0,
            spawn=self.life.spawn,
            clock=VirtualClock(),
            telemetry=self.telemetry,
            store=store,
        )

    def counted(self, name: str) -> int:
        return self.telemetry.stats.counters.get(name, 0)

    async def aclose(self) -> None:
        await self.life.close(0)
        await self.tracker.aclose()
        self.life.closed()


@asynccontextmanager
async def rig(*routes: str, store: TrackingStore | None = None, **options: Any) -> AsyncIterator[Rig]:
    made = Rig(Platform(*routes), store, **options)
    await made.tracker.open()
    try:
        yield made
    finally:
        await made.aclose()
