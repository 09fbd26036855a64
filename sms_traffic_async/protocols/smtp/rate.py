"""How many letters a minute: places reserved ahead, for everybody who shares the value. Pure: time is an argument."""

from __future__ import annotations

import bisect

__all__ = ("WINDOW", "LetterRate")

WINDOW = 60.0
"""Seconds."""


class LetterRate:
    """At most ``limit`` letters begin in any minute.

    Args:
        limit: letters a minute.
    """

    __slots__ = ("_limit", "_taken")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: list[float] = []

    def reserve(self, now: float, before: float) -> float | None:
        """Take the next place.

        Args:
            now: monotonic seconds.
            before: the place is of no use at or after this time.

        Returns:
            When the letter may begin, not before ``now``; ``None`` if no place is early enough, and none is taken then.
        """
        while self._taken and self._taken[0] <= now - WINDOW:
            del self._taken[0]
        taken = self._taken
        at = now if len(taken) < self._limit else max(now, taken[-self._limit] + WINDOW)
        if at >= before:
            return None
        bisect.insort(taken, at)
        return at

    def give_back(self, at: float) -> None:
        """A place that was not used, such as that of a caller who was cancelled while waiting for it."""
        index = bisect.bisect_left(self._taken, at)
        if index < len(self._taken) and self._taken[index] == at:
            del self._taken[index]
