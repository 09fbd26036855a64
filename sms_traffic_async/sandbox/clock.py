"""The sandbox's wall clock: real time drives it, and a test may move it.

Everything that happens later (a scheduled send, a receipt, the end of an hour,
a report that becomes ready) is an entry of one heap. One timer of the running
loop stands for the earliest of them, so a loop with virtual time moves it too.

Rules:

1. Entries fire in the order of their times; equal times in the order they were
   made. An entry reads its own time from ``now()`` while a test moves the clock.
2. ``advance()`` fires everything up to its target before it returns, what those
   entries schedule included, and lets coroutines that slept on this clock run
   before it goes on to the next instant.
3. The clock never goes back.
"""

from __future__ import annotations

import asyncio
import heapq
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import formatdate
from typing import Any, TypeAlias

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import MOSCOW

__all__ = ("ClockStopped", "Duration", "SandboxClock", "Scheduled", "parse_duration")

Duration: TypeAlias = str | float | timedelta

MAX_PER_TURN = 500
"""Entries fired before other callbacks of the loop get their turn."""
SETTLE_TURNS = 12
"""Loop turns given to coroutines that an entry woke, before time moves on."""

LATEST = 190_287_792_000.0
"""A date has four digits of a year, on every platform."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class ClockStopped(Exception):
    """The sandbox is closing: whoever slept on its clock is to end."""


def parse_duration(value: Duration) -> float:
    """Seconds from ``90``, ``"2h"``, ``"1h30m"``, ``"500ms"`` or a timedelta.

    Raises:
        ConfigurationError: anything else, and a negative length.
    """
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, str):
        text = value.strip().lower()
        pieces = _DURATION.findall(text)
        if not pieces or "".join(number + unit for number, unit in pieces) != text:
            raise ConfigurationError(f"a length of time is seconds or such as '2h', '1h30m', '500ms', not {value!r}")
        seconds = sum(float(number) * _UNITS[unit] for number, unit in pieces)
    else:
        seconds = float(value)
    if not 0 <= seconds < float("inf"):
        raise ConfigurationError("the clock moves forward only, by a finite length of time")
    return seconds


class Scheduled:
    """One entry of the clock; ``cancel()`` takes it back."""

    __slots__ = ("args", "callback", "when")

    def __init__(self, when: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.when: float = when
        self.callback: Callable[..., object] | None = callback
        self.args: tuple[Any, ...] = args

    def cancel(self) -> None:
        """Not to fire any more. Doing it twice, or after it fired, changes nothing."""
        self.callback = None
        self.args = ()


class SandboxClock:
    """Wall time of the sandbox, in seconds since the epoch.

    Args:
        start: the first reading; ``None`` takes the machine's time.
        running: whether real time moves it. ``False`` stands still until
            ``advance()``.
    """

    def __init__(self, start: datetime | float | None = None, *, running: bool = True) -> None:
        if isinstance(start, datetime):
            if start.utcoffset() is None:
                raise ConfigurationError("the sandbox's start is a datetime with a time zone")
            start = start.timestamp()
        self._still: float | None = time.time() if start is None else float(start)
        self._running = running
        self._offset = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._heap: list[tuple[float, int, Scheduled]] = []
        self._orders = 0
        self._sleepers: set[asyncio.Future[None]] = set()
        self._stirred = False
        self._unsettled = False
        self._moving = asyncio.Lock()
        self.settlers: list[Callable[[], Awaitable[object]]] = []
        """Awaited by ``advance()`` before it leaves an instant that woke anything; they end by themselves."""
        self._closed = False

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        if self._still is not None or self._loop is None:
            return self._still or 0.0
        return self._loop.time() + self._offset

    def datetime(self, at: float | None = None) -> datetime:
        """A reading as an aware datetime in the platform's zone, UTC+3."""
        return datetime.fromtimestamp(self.now() if at is None else at, MOSCOW)

    def http_date(self, at: float | None = None) -> str:
        """A reading as the HTTP ``Date`` header writes it."""
        return formatdate(self.now() if at is None else at, usegmt=True)

    def start(self) -> None:
        """Bind to the running loop and go."""
        self._loop = asyncio.get_running_loop()
        if self._running:
            self._go()

    def close(self) -> None:
        """Stop for good: nothing fires any more, and every sleeper gets ``ClockStopped``."""
        self._still = self.now()
        self._closed = True
        self._disarm()
        self._heap.clear()
        for sleeper in tuple(self._sleepers):
            if not sleeper.done():
                sleeper.set_exception(ClockStopped("the sandbox is closing"))

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Scheduled:
        """Fire ``callback(*args)`` when the clock reads ``when``. It must not raise."""
        self._orders += 1
        entry = Scheduled(when, callback, args)
        if not self._closed:
            # A tuple is compared without a step of Python's own.
            heapq.heappush(self._heap, (when, self._orders, entry))
            if self._heap[0][2] is entry and self._still is None:
                self._arm()
        return entry

    def call_later(self, seconds: float, callback: Callable[..., object], *args: Any) -> Scheduled:
        """The same, so many sandbox seconds from now."""
        return self.call_at(self.now() + seconds, callback, *args)

    async def sleep(self, seconds: float) -> None:
        """Wait on this clock.

        Raises:
            ClockStopped: the sandbox is closing.

        Cancellation: waits no longer; nothing else changes.
        """
        if self._closed:
            raise ClockStopped("the sandbox is closing")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = self.call_later(seconds, self.wake, future)
        await self.pending(future, entry)

    async def pending(self, future: asyncio.Future[None], *entries: Scheduled) -> None:
        """Await a future that closing the clock ends; its entries are taken back after it."""
        self._sleepers.add(future)
        try:
            await future
        finally:
            self._sleepers.discard(future)
            for entry in entries:
                entry.cancel()

    def wake(self, future: asyncio.Future[None]) -> None:
        """End a wait, from an entry of this clock or from anywhere in the loop."""
        if not future.done():
            self._stirred = True
            future.set_result(None)

    def stir(self) -> None:
        """Say that an entry woke a task by other means, so ``advance()`` lets it run."""
        self._stirred = True

    def unsettle(self) -> None:
        """Say that something begins when this instant is over, so ``advance()`` waits for it before the next."""
        self._unsettled = True

    async def advance(self, duration: Duration) -> None:
        """Move the clock forward; everything due on the way happens before this returns.

        Raises:
            ConfigurationError: not a length of time, a negative one, or one that ends too late.

        Cancellation: the clock stays where it got to.
        """
        seconds = parse_duration(duration)
        async with self._moving:
            here = self.now()
            target = here + seconds
            if target > LATEST:
                raise ConfigurationError("the sandbox's clock ends with the year 8000")
            self._disarm()
            self._still = here
            try:
                await self._settle()
                await self._walk(target)
                self._still = target
            finally:
                if self._running and not self._closed:
                    self._go()

    async def _walk(self, target: float) -> None:
        fired = 0
        while not self._closed:
            if self._unsettled and not self._more_now():
                self._unsettled = False
                await self._settle()
                continue
            entry = self._due(target)
            if entry is None:
                return
            self._still = max(self._still or 0.0, entry.when)
            self._run(entry)
            fired += 1
            if self._stirred:
                await self._settle()
            elif fired % MAX_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _settle(self) -> None:
        for _ in range(SETTLE_TURNS):
            self._stirred = False
            await asyncio.sleep(0)
        for settler in self.settlers:
            await settler()

    def _more_now(self) -> bool:
        heap = self._heap
        while heap and heap[0][2].callback is None:
            heapq.heappop(heap)
        return bool(heap) and heap[0][0] <= (self._still or 0.0)

    def _due(self, limit: float) -> Scheduled | None:
        heap = self._heap
        while heap and heap[0][0] <= limit:
            entry = heapq.heappop(heap)[2]
            if entry.callback is not None:
                return entry
        return None

    @staticmethod
    def _run(entry: Scheduled) -> None:
        callback, args = entry.callback, entry.args
        entry.cancel()
        if callback is not None:
            callback(*args)

    def _go(self) -> None:
        if self._loop is not None:
            self._offset = self.now() - self._loop.time()
            self._still = None
            self._arm()

    def _arm(self) -> None:
        self._disarm()
        if self._loop is not None and self._heap:
            self._timer = self._loop.call_at(self._heap[0][0] - self._offset, self._fire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        limit = self.now()
        try:
            for _ in range(MAX_PER_TURN):
                entry = self._due(limit)
                if entry is None:
                    break
                self._run(entry)
        finally:
            # An entry that raises must not silence the ones behind it.
            if self._still is None and not self._closed:
                self._arm()
