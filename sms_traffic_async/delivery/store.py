"""What has to survive a restart: messages under way, and final statuses nobody took yet.

The interface is three calls, so that another database is an afternoon's work.
Intermediate statuses are not kept: the platform is asked again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Protocol, TypeAlias, cast

import orjson

from sms_traffic_async.clock import Clock
from sms_traffic_async.delivery.values import TrackedUpdate, lean
from sms_traffic_async.errors import StorageClosed
from sms_traffic_async.lifecycle import Spawn
from sms_traffic_async.messages import StatusUpdate, Via
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus
from sms_traffic_async.telemetry import get_logger

__all__ = (
    "Acked",
    "Change",
    "Ended",
    "Followed",
    "Kept",
    "Ledger",
    "PartEnded",
    "TrackingStore",
    "pack",
    "unpack",
    "unpack_part",
)

BATCH = 1_000
MOST_WAITING = 100_000
PAUSE = 1.0

_log = get_logger("delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A message is followed from now on.

    Attributes:
        until: seconds since the epoch, when it is given up.
        begins: seconds since the epoch, before which nothing can be told (a scheduled message).
    """

    message_ids: tuple[str, ...]
    via: Via | None
    key: str | None
    until: float
    begins: float | None = None
    heard: tuple[StatusUpdate, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEnded:
    """One part of several reached its final status."""

    message_id: str
    update: StatusUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A message reached a final status, or was given up.

    Attributes:
        update: what readers are told.
        unread: a reader is still to take it.
        at: seconds since the epoch.
    """

    update: TrackedUpdate
    unread: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Acked:
    """Readers took it."""

    event_id: str


Change: TypeAlias = Followed | PartEnded | Ended | Acked


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a store knew when it was opened.

    Attributes:
        followed: messages without an end, oldest first.
        finished: ends, oldest first; the newest are enough.
        unread: what readers did not take, oldest first.
    """

    followed: Sequence[Followed] = ()
    finished: Sequence[TrackedUpdate] = ()
    unread: Sequence[TrackedUpdate] = ()


class TrackingStore(Protocol):
    """Where a tracker keeps what must survive it. One tracker uses it at a time."""

    async def open(self, *, finished: int) -> Kept:
        """Open it and tell what it knows, of ends at most the newest ``finished``."""
        ...

    async def save(self, changes: Sequence[Change], /) -> None:
        """Keep all of these changes, in order, or none: it returns when they are safe.

        A change may come a second time, after an error.
        """
        ...

    async def aclose(self) -> None:
        """Close it."""
        ...


class Ledger:
    """Writes changes behind the tracker's back, many at a time, in order.

    Args:
        store: where to.
        spawn: starts a task that its owner awaits.
        clock: for the pause after a failure.
    """

    def __init__(self, store: TrackingStore, *, spawn: Spawn, clock: Clock) -> None:
        self._store = store
        self._spawn = spawn
        self._clock = clock
        self._changes: deque[Change] = deque()
        self._added = 0
        self._saved = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """The disk does not keep up."""
        return len(self._changes) >= MOST_WAITING

    def add(self, change: Change) -> None:
        """Have a change written."""
        self._changes.append(change)
        self._added += 1
        if self._task is None or self._task.done():
            self._task = self._spawn(self._write(), "tracking store")

    async def flush(self) -> None:
        """Wait until everything added so far is safe.

        Raises:
            StorageError: the store failed; what was added is tried again by itself.

        Cancellation: harmless.
        """
        if self._saved == self._added:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((self._added, future))
        await future

    async def aclose(self) -> None:
        """Write what is left, once, and close the store.

        Whoever waits for what could not be written is told so.
        """
        try:
            if self._task is not None and not self._task.done():
                self._task.cancel()
                await asyncio.wait([self._task])
            while self._changes:
                await self._save()
        finally:
            self._fail(StorageClosed("the tracking store was closed before it had this"))
            await self._store.aclose()

    async def _write(self) -> None:
        while self._changes:
            try:
                await self._save()
            except Exception as error:  # noqa: BLE001 - a store of the caller's may fail in any way; nothing is dropped
                _log.warning("the tracking store failed and is tried again: %s", type(error).__name__)
                self._fail(error)
                await self._clock.sleep(PAUSE)

    async def _save(self) -> None:
        batch = list(islice(self._changes, BATCH))
        await self._store.save(batch)
        for _ in batch:
            self._changes.popleft()
        self._saved += len(batch)
        while self._waiters and self._waiters[0][0] <= self._saved:
            _, future = self._waiters.popleft()
            if not future.done():
                future.set_result(None)

    def _fail(self, error: Exception) -> None:
        for _, future in self._waiters:
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever waits gets it; one that was cancelled just now does not
        self._waiters.clear()


_DATES = ("submitted_at", "sent_at", "status_at")


def pack(update: StatusUpdate) -> bytes:
    """An update as JSON, without the raw reply."""
    return orjson.dumps(_plain(update))


def _plain(update: StatusUpdate) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in type(update).__dataclass_fields__:
        value = getattr(update, name)
        if name == "raw" or value is None or value == () or value is False:
            continue
        made[name] = [_plain(lean(one)) for one in value] if name == "details" else value
    made["status"] = str(update.status)
    if update.error is not None:
        made["error"] = int(update.error)
    return made


def unpack(data: bytes | str) -> TrackedUpdate:
    """The same, back; unknown fields of a later version are left out."""
    found = cast("dict[str, Any]", orjson.loads(data))
    details = tuple(StatusUpdate(**_values(one, StatusUpdate)) for one in found.pop("details", ()))
    values = _values(found, TrackedUpdate)
    values["message_ids"] = tuple(found.get("message_ids", ()))
    values["details"] = details
    return TrackedUpdate(**values)


def unpack_part(data: bytes | str) -> StatusUpdate:
    """An update of one part, back."""
    return StatusUpdate(**_values(cast("dict[str, Any]", orjson.loads(data)), StatusUpdate))


def _values(found: dict[str, Any], kind: type[StatusUpdate]) -> dict[str, Any]:
    known = kind.__dataclass_fields__
    values = {name: value for name, value in found.items() if name in known}
    values["status"] = MessageStatus.read(values.get("status"))
    values["error"] = DeliveryErrorCode.read(values.get("error"))
    for name in _DATES:
        if name in values:
            values[name] = datetime.fromisoformat(values[name])
    return values
