"""One timer for the deadlines of many messages: two queues and one ``call_at``, not a timeout scope each.

Most callers give the same time, so most alarms come in the order in which they
ring: those stand in a deque, and the others in a heap. What is over leaves the
front of the deque at once, so nothing is kept alive for the sake of its deadline.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from sms_traffic_async.clock import Clock

__all__ = ("Alarms", "Sleeper")

# What is no longer waited for stays behind something that is, until it is this much more than that.
SLACK = 1024


class Sleeper(Protocol):
    """Whom an alarm is for."""

    alarm: float | None
    """When it rings, monotonic; ``None`` for never. Set here only."""


S = TypeVar("S", bound=Sleeper)


class Alarms(Generic[S]):
    """Rings for each sleeper once, at its time, in the order of the times. Belongs to the running loop.

    Args:
        clock: whose monotonic seconds the times are.
        ring: called with each sleeper whose time has come; must not raise.
    """

    __slots__ = ("_clock", "_heap", "_line", "_live", "_next", "_numbers", "_ring", "_timer")

    def __init__(self, clock: Clock, ring: Callable[[S], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._heap: list[tuple[float, int, S]] = []
        self._line: deque[tuple[float, S]] = deque()
        self._numbers = itertools.count()
        self._live = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0.0

    def set(self, sleeper: S, when: float) -> None:
        """Ring at ``when``, instead of what was set before."""
        if sleeper.alarm is None:
            self._live += 1
        sleeper.alarm = when
        line = self._line
        if not line or when >= line[-1][0]:
            line.append((when, sleeper))
        else:
            heapq.heappush(self._heap, (when, next(self._numbers), sleeper))
        if self._timer is None or when < self._next:
            self._schedule(when)

    def forget(self, sleeper: S) -> None:
        """Do not ring any more."""
        if sleeper.alarm is None:
            return
        sleeper.alarm = None
        self._live -= 1
        line = self._line
        while line and line[0][1].alarm != line[0][0]:
            line.popleft()
        if not self._live:
            self._heap.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif len(self._heap) + len(line) > 2 * self._live + SLACK:
            self._heap = [entry for entry in self._heap if entry[2].alarm == entry[0]]
            heapq.heapify(self._heap)
            self._line = deque(entry for entry in line if entry[1].alarm == entry[0])

    def __len__(self) -> int:
        return self._live

    def _schedule(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        delay = max(when - self._clock.monotonic(), 0.0)
        loop = asyncio.get_running_loop()
        # An empty context: the timer outlives the caller that happened to set it.
        self._timer = loop.call_later(delay, self._due, context=contextvars.Context())

    def _due(self) -> None:
        self._timer, self._next = None, math.inf
        now = self._clock.monotonic()
        while (entry := self._first()) is not None and entry[0] <= now:
            when, sleeper = entry
            if self._line and self._line[0][1] is sleeper and self._line[0][0] == when:
                self._line.popleft()
            else:
                heapq.heappop(self._heap)
            sleeper.alarm = None
            self._live -= 1
            self._ring(sleeper)
        # Whoever rang may have been set again, for later than the next one here.
        if entry is not None and entry[0] < self._next:
            self._schedule(entry[0])

    def _first(self) -> tuple[float, S] | None:
        """The earliest alarm that is still wanted."""
        line, heap = self._line, self._heap
        while line and line[0][1].alarm != line[0][0]:
            line.popleft()
        while heap and heap[0][2].alarm != heap[0][0]:
            heapq.heappop(heap)
        if not heap or (line and line[0][0] <= heap[0][0]):
            return line[0] if line else None
        return heap[0][0], heap[0][2]
