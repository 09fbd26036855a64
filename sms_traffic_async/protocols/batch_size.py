"""How many messages one request takes, so that its answer stays under a second. Pure.

An answer takes about ``a + b * messages`` seconds. Both are estimated from the
latest answers, of which older ones count less and less. Where ``a`` alone is
over the goal, a smaller batch would not help: it may then cost as much again.
"""

from __future__ import annotations

__all__ = ("GOAL", "BatchSize")

GOAL = 1.0
"""Seconds in which a request is to be answered."""
AIM = 0.8
"""Seconds aimed at, so that usual variation stays under the goal."""
START = 100
"""Messages of the first batch at most; as long as answers are fast, the next ones grow."""
MEMORY = 0.85
"""What the weight of an answer is multiplied by with each one after it."""
STEEPEST_CUT = 4
STEEPEST_GROWTH = 1.5
GROWTH, ROOM = 1.25, 0.75
# With less than this (a tenth, squared) between the sizes of the answers nothing can be told about b.
LEAST_SPREAD = 0.01


class BatchSize:
    """Adapts the size of batches.

    Args:
        most: the largest batch; the first one holds at most ``START``.

    Attributes:
        now: messages the next batch may hold.
    """

    __slots__ = ("_most", "_n", "_nn", "_nt", "_t", "_w", "now")

    def __init__(self, most: int) -> None:
        self._most = most
        self.now: int = min(most, START)
        self._w = self._n = self._t = self._nn = self._nt = 0.0

    @property
    def most(self) -> int:
        """The largest batch."""
        return self._most

    def answered(self, messages: int, seconds: float) -> None:
        """A request of so many messages was answered after so long."""
        keep, n, t = MEMORY, float(messages), max(seconds, 0.0)
        self._w = self._w * keep + 1.0
        self._n = self._n * keep + n
        self._t = self._t * keep + t
        self._nn = self._nn * keep + n * n
        self._nt = self._nt * keep + n * t
        if self.now == self._most and t <= AIM:
            return
        wanted = self._wanted(n, t)
        if messages >= self.now and t <= AIM * ROOM:
            # Full, and soon answered: one slow answer of the past is not believed for ever.
            wanted = max(wanted, self.now * GROWTH + 1)
        low = max(1, min(self.now, messages) // STEEPEST_CUT)
        high = int(self.now * STEEPEST_GROWTH) + 1
        self.now = max(1, min(int(min(max(wanted, low), high)), self._most))

    def _wanted(self, n: float, t: float) -> float:
        mean_n, mean_t = self._n / self._w, self._t / self._w
        spread = self._nn / self._w - mean_n * mean_n
        if spread < LEAST_SPREAD * mean_n * mean_n:
            # All of one size: in proportion, if there is something to complain of. A lone message that took long
            # says nothing about batches.
            if t > AIM:
                return n * AIM / t if n > 1 else self.now
            return self.now
        slope = (self._nt / self._w - mean_n * mean_t) / spread
        if slope <= 0:
            return self._most
        fixed = max(mean_t - slope * mean_n, 0.0)
        return max(AIM - fixed, min(fixed, AIM)) / slope
