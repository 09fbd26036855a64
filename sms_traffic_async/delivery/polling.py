"""Asking the platform what became of messages, for everyone who waits at once.

One task serves all waiters: ids that are due are asked about together, each at
growing intervals, and a waiter that goes away takes its id along.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import InvalidMessage, RequestError, RequestRefused
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.telemetry import get_logger

__all__ = ("Ask", "StatusPoller", "Watch")

FIRST_INTERVAL = 1.0
GROWTH = 1.6
BATCH = 100
# Ids that fall due within this many seconds of each other share a request.
GATHER = 0.05

_log = get_logger("delivery")


class Ask(Protocol):
    """How statuses are asked for: ids in, what was found out."""

    def __call__(self, ids: Sequence[str], /) -> Awaitable[Sequence[StatusUpdate]]:
        """Raises RequestError when nobody answered."""
        ...


class Watch:
    """One message that somebody waits for.

    Attributes:
        last: the latest update, ``None`` while the platform said nothing.
    """

    __slots__ = ("_final", "interval", "last", "message_id", "watchers")

    def __init__(self, message_id: str, interval: float) -> None:
        self.message_id = message_id
        self.interval = interval
        self.watchers = 0
        self.last: StatusUpdate | None = None
        self._final: asyncio.Future[StatusUpdate] = asyncio.get_running_loop().create_future()

    async def final(self) -> StatusUpdate:
        """Wait for the final status. Cancelling it disturbs no other waiter."""
        return await asyncio.shield(self._final)

    def fail(self, error: InvalidMessage) -> None:
        """It cannot be asked about."""
        if not self._final.done():
            self._final.set_exception(error)
            self._final.exception()  # whoever waits gets it; nobody has to

    def learn(self, update: StatusUpdate) -> bool:
        """Take an update; whether it was the final one."""
        self.last = update
        if update.is_final and not self._final.done():
            self._final.set_result(update)
        return update.is_final


class StatusPoller:
    """Polls while somebody waits, and rests when nobody does.

    Args:
        ask: one look-up of at most ``BATCH`` ids.
        spawn: starts the poller's task; its owner awaits it.
        clock: time and sleep.
        longest: seconds, the longest interval between two questions about one message.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        clock: Clock,
        longest: float,
    ) -> None:
        self._ask = ask
        self._spawn = spawn
        self._clock = clock
        self._longest = longest
        self._watches: dict[str, Watch] = {}
        self._due: list[tuple[float, int, Watch]] = []
        self._order = itertools.count()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._watches)

    @contextmanager
    def watch(self, message_id: str) -> Generator[Watch]:
        """Ask about a message while the block lasts; the last one who leaves takes the id along."""
        watch = self._watches.get(message_id)
        if watch is None:
            watch = self._watches[message_id] = Watch(message_id, min(FIRST_INTERVAL, self._longest))
            self._schedule(watch)
        watch.watchers += 1
        if self._task is None or self._task.done():
            self._task = self._spawn(self._run(), "status poller")
        try:
            yield watch
        finally:
            watch.watchers -= 1
            if not watch.watchers and self._watches.get(message_id) is watch:
                del self._watches[message_id]

    def _schedule(self, watch: Watch) -> None:
        due = self._clock.monotonic() + watch.interval
        heapq.heappush(self._due, (due, next(self._order), watch))

    async def _run(self) -> None:
        while self._watches:
            delay = self._due[0][0] - self._clock.monotonic()
            if delay > 0:
                # An id that comes in meanwhile is due no sooner than the shortest interval.
                await self._clock.sleep(min(delay, FIRST_INTERVAL, self._longest))
            elif batch := self._take_due():
                await self._question(batch)

    def _take_due(self) -> list[Watch]:
        horizon = self._clock.monotonic() + GATHER
        batch: list[Watch] = []
        while self._due and self._due[0][0] <= horizon and len(batch) < BATCH:
            watch = heapq.heappop(self._due)[2]
            # A watch that everybody left is not the one of the same id that came later.
            if self._watches.get(watch.message_id) is watch:
                batch.append(watch)
        return batch

    async def _question(self, batch: list[Watch]) -> None:
        try:
            updates = await self._ask([watch.message_id for watch in batch])
        except (InvalidMessage, RequestRefused) as error:
            if len(batch) > 1:
                # One id may be what the platform, or our own check, does not take: nobody else waits for its sake.
                for watch in batch:
                    await self._question([watch])
                return
            if isinstance(error, InvalidMessage):
                batch[0].fail(error)
                return
            _log.warning("a status was refused: %s", type(error).__name__)
            updates = ()
        except RequestError as error:
            _log.warning("statuses could not be asked for: %s", type(error).__name__)
            updates = ()
        found = {update.message_id: update for update in updates}
        for watch in batch:
            if self._watches.get(watch.message_id) is not watch:
                continue
            update = found.get(watch.message_id)
            if update is not None and watch.learn(update):
                del self._watches[watch.message_id]
                continue
            watch.interval = min(watch.interval * GROWTH, self._longest)
            self._schedule(watch)
