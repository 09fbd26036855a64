"""Asking the platform about messages nobody reported: one task for each protocol that answers.

Messages that are due share a request. Where the platform does not answer, all
of them wait, and none is asked about twice as often for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from sms_traffic_async.clock import Clock
from sms_traffic_async.complaints import Complaints
from sms_traffic_async.delivery.schedule import Schedule
from sms_traffic_async.delivery.values import Tracked
from sms_traffic_async.errors import InvalidMessage, RequestError, RequestRefused
from sms_traffic_async.lifecycle import Spawn
from sms_traffic_async.messages import StatusUpdate, Via
from sms_traffic_async.telemetry import Telemetry, get_logger

__all__ = ("BATCH", "Ask", "Asker", "Asks")

BATCH = 100
LONGEST_PAUSE = 60.0

_log = get_logger("delivery")


class Ask(Protocol):
    """How statuses are asked for: ids in, what was found out."""

    def __call__(self, ids: Sequence[str], /) -> Awaitable[Sequence[StatusUpdate]]:
        """Raises RequestError when nobody answered, InvalidMessage for an id that is none."""
        ...


class Asks(Protocol):
    """Who can be asked about what; the session's connections."""

    def route(self, via: Via | None, /) -> str | None:
        """The protocol to ask about what ``via`` sent (``None``: unknown); ``None`` where the credentials open none."""
        ...

    def ask(self, route: str, /) -> Ask:
        """How to ask it."""
        ...


class Asker:
    """Asks one protocol while anything is due, and rests when nothing is.

    Args:
        ask: one look-up of at most ``BATCH`` ids; ``None`` where there is nobody to ask.
        schedule: who is due when.
        learn: takes what was found; False when there is no room for it now.
        spoilt: told of a message whose id cannot be asked about.
        spawn: starts the task; its owner awaits it.
        clock: time and sleep.
        telemetry: counters.
    """

    def __init__(
        self,
        ask: Ask | None,
        *,
        schedule: Schedule,
        learn: Callable[[Sequence[StatusUpdate]], bool],
        spoilt: Callable[[Tracked, InvalidMessage], None],
        spawn: Spawn,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.schedule = schedule
        self._ask = ask
        self._learn = learn
        self._spoilt = spoilt
        self._spawn = spawn
        self._clock = clock
        self._complaints = Complaints(_log, clock.monotonic)
        self._stats = telemetry.stats
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._sleeps_until = 0.0
        self._sooner = asyncio.Event()

    def start(self, item: Tracked) -> None:
        """A message got its place in the schedule."""
        if self._task is None or self._task.done():
            self._task = self._spawn(self._run(), "status poller")
        elif item.due is not None and item.due < self._sleeps_until:
            self._sooner.set()

    async def _sleep(self, due: float, seconds: float) -> None:
        self._sleeps_until = due
        self._sooner.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._sooner.wait()
        self._sleeps_until = 0.0

    async def _run(self) -> None:
        while (due := self.schedule.next_due()) is not None:
            delay = due - self._clock.monotonic()
            if delay > 0:
                await self._sleep(due, delay)
            elif batch := self.schedule.take_due(self._clock.monotonic(), BATCH):
                await self._question(batch)

    async def _question(self, batch: list[Tracked]) -> None:
        ids = [one for item in batch if not item.ended for one in item.open_ids()]
        if self._ask is None or not ids:
            self._next(batch)
            await asyncio.sleep(0)  # a million of them must not hold up the loop
            return
        try:
            updates = await self._ask(ids)
        except (InvalidMessage, RequestRefused) as error:
            await self._refused(batch, error)
            return
        except RequestError as error:
            await self._unanswered(batch, error)
            return
        self._failures = 0
        self._stats.count("tracking.asked", len(ids))
        if not self._learn(updates):
            self._stats.count("tracking.no_room")
        self._next(batch)

    async def _refused(self, batch: list[Tracked], error: InvalidMessage | RequestRefused) -> None:
        if len(batch) > 1:
            # One id may be what the platform, or our own check, does not take: nobody else waits for its sake.
            middle = len(batch) // 2
            await self._question(batch[:middle])
            await self._question(batch[middle:])
        elif isinstance(error, InvalidMessage):
            self._spoilt(batch[0], error)
        else:
            self._complaints.about("a status was refused: %s", type(error).__name__)
            self._next(batch)

    async def _unanswered(self, batch: list[Tracked], error: RequestError) -> None:
        self._complaints.about("statuses could not be asked for: %s", type(error).__name__)
        self._failures += 1
        now = self._clock.monotonic()
        for item in batch:
            if not item.ended:
                self.schedule.again(item, now)
        # The call has had its own repeats; all others would meet the same silence.
        await self._clock.sleep(max(error.retry_after or 0.0, min(2.0 ** (self._failures - 1), LONGEST_PAUSE)))

    def _next(self, batch: list[Tracked]) -> None:
        now = self._clock.monotonic()
        for item in batch:
            if not item.ended and item.due is None:
                self.schedule.after_question(item, now)
