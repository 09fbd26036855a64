"""The last second as a platform counts it: so many in any second, by its own clock and not by ours.

An even pace alone loses what every late timer costs, and cannot know that a
request was long on its way: the first one opens a connection, arrives late, and
then one too many stands in the platform's second.

1. The n-th request after another goes a second (and a margin) after that one
   arrived. So a late timer costs its lateness once a second, and not once a request.
2. A request arrives when it goes, unless its answer took much longer than answers
   usually do: then as much later.
3. A refusal doubles the margin; answers without one take it back, little by little.
"""

from __future__ import annotations

import math
import statistics
from collections import deque

__all__ = ("Passage", "Window")

MARGIN, MOST_MARGIN = 0.01, 0.05
"""Seconds between what was counted and what is counted next: the network moves requests closer together. How much
closer, a refusal tells."""
MARGIN_KEPT = 0.999
"""Of a larger margin, after each answer without a refusal."""
REMEMBERED = 32
"""Answers that tell how long an answer usually takes."""


class Passage:
    """One request that went.

    Attributes:
        went: when, monotonic seconds.
        took: seconds until its answer; 0 while there is none.
    """

    __slots__ = ("took", "went")

    def __init__(self, went: float) -> None:
        self.went: float = went
        self.took: float = 0.0


class Window:
    """At most ``rate`` requests in any second; for rates below one, one in so many seconds. Pure; O(1).

    Args:
        rate: requests a second.
    """

    __slots__ = ("_latest", "_length", "_log", "_margin", "_usual")

    def __init__(self, rate: float) -> None:
        many = max(int(rate), 1)
        self._length = many / rate
        self._margin = MARGIN
        self._log: deque[Passage] = deque(maxlen=many)
        self._latest: deque[float] = deque(maxlen=REMEMBERED)
        self._usual = math.inf

    @property
    def rate(self) -> float:
        """Requests a second. Setting it keeps what was counted."""
        return (self._log.maxlen or 1) / self._length

    @rate.setter
    def rate(self, rate: float) -> None:
        many = max(int(rate), 1)
        self._length = many / rate
        self._log = deque(self._log, maxlen=many)

    def ready_at(self) -> float:
        """When the next one may go, monotonic seconds."""
        log = self._log
        if len(log) < (log.maxlen or 0):
            return -math.inf
        oldest = log[0]
        return oldest.went + max(oldest.took - self._usual, 0.0) + self._length + self._margin

    def go(self, now: float) -> Passage:
        """One goes. Tell ``answered`` when its answer is there."""
        passage = Passage(now)
        self._log.append(passage)
        return passage

    def answered(self, passage: Passage, now: float, *, refused: bool = False) -> None:
        """A complete answer came; ``refused`` if it was "too many"."""
        if refused:
            self._margin = min(2.0 * self._margin, MOST_MARGIN)
        else:
            self._margin = max(MARGIN_KEPT * self._margin, MARGIN)
        passage.took = now - passage.went
        self._latest.append(passage.took)
        self._usual = statistics.median(self._latest)
