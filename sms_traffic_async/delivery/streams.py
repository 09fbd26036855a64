"""Readers of statuses: ``async for update in sms.updates()``, and callbacks.

1. Every open reader gets every update, in the order in which it was learnt.
2. Asking for the next one acknowledges the last; leaving the block without an
   error does too. What was not acknowledged, and what was not read, goes to the
   next reader that opens (with a store: after a restart too).
3. A reader that does not keep up loses no final status: of a message the latest
   intermediate one waits, none when its buffer is full; when the buffer is full of
   final ones, nothing more is taken in (see ``Readers.room``).
4. A reader that left may come back soon: for a minute its place is kept in the same
   way. After that, or when nobody ever read, the oldest of what waits is dropped
   (counted); a store gives it again after a restart.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sms_traffic_async.clock import Clock
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.events import UpdateTaken
from sms_traffic_async.telemetry import Telemetry

__all__ = ("Readers", "StreamStats", "UpdateStream")

COMES_BACK = 60.0
"""Seconds after the last reader left, in which what waits for the next one is kept by taking in no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStats:
    """How a reader is doing.

    Attributes:
        waiting: updates it has not read.
        read: updates it was given.
        skipped: intermediate statuses it was not given, because a later one came or the buffer was full.
    """

    waiting: int
    read: int
    skipped: int


class _Box:
    """Updates in order; of a message at most one intermediate one."""

    __slots__ = ("items", "passing", "skipped")

    def __init__(self) -> None:
        self.items: OrderedDict[tuple[str, str], TrackedUpdate] = OrderedDict()
        self.passing: int = 0  # how many of them are intermediate
        self.skipped: int = 0

    def put(self, update: TrackedUpdate, most: int) -> None:
        key, items = _place(update), self.items
        if key[1]:
            items[key] = update
        elif key in items:
            self.skipped += 1
            items[key] = update
        elif len(items) < most:
            self.passing += 1
            items[key] = update
        else:
            self.skipped += 1

    def put_first(self, update: TrackedUpdate) -> None:
        key = _place(update)
        if key not in self.items:  # or a later one of the same message is there
            self.passing += not key[1]
            self.items[key] = update
            self.items.move_to_end(key, last=False)

    def pop(self) -> TrackedUpdate:
        key, update = self.items.popitem(last=False)
        self.passing -= not key[1]
        return update

    def drain(self, *, finals_only: bool = False) -> OrderedDict[tuple[str, str], TrackedUpdate]:
        """All that is here, which is no copy unless something is left out."""
        found, self.items = self.items, OrderedDict()
        if finals_only and self.passing:
            found = OrderedDict((key, update) for key, update in found.items() if key[1])
        self.passing = 0
        return found

    def fill(self, found: OrderedDict[tuple[str, str], TrackedUpdate], passing: int) -> None:
        """Take over what another box had; this one is empty."""
        self.items, self.passing = found, passing


def _place(update: TrackedUpdate) -> tuple[str, str]:
    if not update.is_last:
        return update.message_id, ""
    return update.message_id, "given up" if update.given_up else str(update.status)


class Readers:
    """Hands updates to whoever reads, and keeps them while nobody does.

    Args:
        buffer: updates that may wait for one reader.
        telemetry: counters.
        acked: told of a final update that every reader took.
        clock: to know for how long nobody has read.
        kept: a store has what nobody took, for after a restart.
    """

    def __init__(
        self,
        *,
        buffer: int,
        telemetry: Telemetry,
        acked: Callable[[TrackedUpdate], None],
        clock: Clock,
        kept: bool = False,
    ) -> None:
        self._buffer = buffer
        self._clock = clock
        self._kept = kept
        self._left_at: float | None = None
        self._stats = telemetry.stats
        self._acked = acked
        self._streams: list[UpdateStream] = []
        self._pending = _Box()
        self._holders: dict[str, int] = {}
        self.closed: bool = False

    def room(self) -> int:
        """How many more final statuses the slowest reader can take, or the one that left just now and comes back."""
        if self._streams:
            return max(0, min(self._buffer - len(stream.box.items) for stream in self._streams))
        return max(0, self._buffer - len(self._pending.items)) if self._coming_back() else self._buffer

    def _coming_back(self) -> bool:
        return self._left_at is not None and self._clock.monotonic() - self._left_at <= COMES_BACK

    def hand(self, update: TrackedUpdate) -> None:
        """Hand it to every reader."""
        if not self._streams:
            self._keep(update)
            return
        if update.is_last and len(self._streams) > 1:
            self._holders[update.event_id] = len(self._streams)
        for stream in self._streams:
            stream.offer(update, self._buffer)

    def restore(self, updates: Iterable[TrackedUpdate]) -> None:
        """What was not taken before a restart. Its reader is on its way."""
        self._left_at = self._clock.monotonic()
        for update in updates:
            self._pending.put(update, self._buffer)

    def attach(self, stream: UpdateStream) -> None:
        """A reader opened."""
        if not self._streams:
            # Handed over whole: a reader that fails and comes back ten thousand times a day copies nothing.
            passing = 0 if stream.finals_only else self._pending.passing
            stream.box.fill(self._pending.drain(finals_only=stream.finals_only), passing)
        self._streams.append(stream)

    def detach(self, stream: UpdateStream, given: Sequence[TrackedUpdate]) -> None:
        """A reader left. It did not take what it was given last, nor what is in its box."""
        if stream not in self._streams:
            return
        self._streams.remove(stream)
        self._left_at = self._clock.monotonic()
        box = stream.box
        for update in reversed(given):
            box.put_first(update)
        if not self._streams:
            # While anybody reads, nothing is pending; and nobody else holds any of these.
            self._holders.clear()
            passing = box.passing
            self._pending.fill(box.drain(), passing)
            return
        for update in box.drain().values():
            self.taken(update)

    def taken(self, update: TrackedUpdate) -> None:
        """One reader took it."""
        if not update.is_last:
            return
        left = self._holders.pop(update.event_id, 1) - 1 if self._holders else 0
        if left:
            self._holders[update.event_id] = left
        else:
            self._acked(update)

    def _keep(self, update: TrackedUpdate) -> None:
        if len(self._pending.items) >= self._buffer and not self._coming_back():
            # Nobody has read for long, so nobody is held up.
            self._pending.pop()
            self._stats.count("updates.unread_dropped")
        self._pending.put(update, self._buffer)

    def is_over(self, stream: UpdateStream) -> bool:
        """Nothing more is to be read from it: what a store keeps comes after the restart, and not twice."""
        return self.closed and (self._kept or not stream.box.items)

    def aclose(self) -> None:
        """No more comes: readers get what waits for them, unless a store keeps it, and then their loops end."""
        self.closed = True
        for stream in self._streams:
            stream.wake()


class UpdateStream:
    """What ``updates()`` returns: an async context manager and iterator of ``TrackedUpdate``. One task reads it.

    ::

        async with sms.updates() as updates:
            async for update in updates:
                await save(update.event_id, update.key, update.status)
    """

    def __init__(
        self,
        readers: Readers,
        *,
        finals_only: bool,
        opened: Callable[[], None] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.box: _Box = _Box()
        self.finals_only = finals_only
        self._readers = readers
        self._opened = opened
        self._telemetry = telemetry
        self._given_at = 0.0
        self._open = False
        self._entered = False
        self._given: list[TrackedUpdate] = []
        self._waiter: asyncio.Future[None] | None = None
        self._read = 0

    @property
    def stats(self) -> StreamStats:
        """How it is doing."""
        return StreamStats(waiting=len(self.box.items), read=self._read, skipped=self.box.skipped)

    def open(self) -> None:
        """Begin; what ``async with`` does."""
        if self._entered:
            raise ConfigurationError("one updates() is entered once: make another")
        self._entered = self._open = True
        if self._opened is not None:
            self._opened()
        self._readers.attach(self)

    def close(self) -> None:
        """End; what is read and not acknowledged, and what is not read, waits for the next reader."""
        self._open = False
        given, self._given = self._given, []
        self._readers.detach(self, given)

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave. Without an error the last update counts as taken; the rest waits for the next reader."""
        if kind is None:
            self.ack()
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TrackedUpdate:
        """The next update; asking for it acknowledges the last.

        Cancellation: harmless; nothing is lost.
        """
        found = await self.batch(1)
        if not found:
            raise StopAsyncIteration
        return found[0]

    async def batch(self, most: int) -> list[TrackedUpdate]:
        """The next updates, in order: those that are there, and it waits only for the first.

        Asking for more, in either way, acknowledges all of them.

        Args:
            most: how many at once; at least 1.

        Returns:
            Nothing when no more comes.

        Raises:
            ConfigurationError: ``most`` is no such number, the block was not entered, or another task reads.

        Cancellation: harmless; nothing is lost.
        """
        if type(most) is not int or most < 1:
            raise ConfigurationError("most is a whole number greater than 0")
        if not self._open:
            raise ConfigurationError("enter it first: async with sms.updates() as updates")
        self.ack()
        while not self._readers.is_over(self):
            if self.box.items:
                self._given = [self.box.pop() for _ in range(min(most, len(self.box.items)))]
                self._read += len(self._given)
                if self._telemetry is not None:
                    self._given_at = asyncio.get_running_loop().time()
                return list(self._given)
            if self._waiter is not None:
                raise ConfigurationError("one task reads an updates(): open another")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return []

    def ack(self) -> None:
        """What was read last was dealt with; done by asking for the next."""
        given, self._given = self._given, []
        for update in given:
            self._readers.taken(update)
            if self._telemetry is not None:
                seconds = asyncio.get_running_loop().time() - self._given_at
                self._telemetry.emit(UpdateTaken(message_id=update.message_id, seconds=seconds))

    def offer(self, update: TrackedUpdate, most: int) -> None:
        """Take an update in; called by ``Readers``."""
        if self.finals_only and not update.is_last:
            return
        self.box.put(update, most)
        self.wake()

    def wake(self) -> None:
        """There is news, or there will be none any more."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
