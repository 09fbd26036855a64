"""Which labels of the caller's own were sent by this process, and how often.

A look-up by a label that was sent once tells what became of that message; by
one that was sent twice it tells nothing. Labels made by the library are unique
and need no entry.
"""

from __future__ import annotations

from collections import OrderedDict

__all__ = ("LEDGER", "LabelLedger")

KEEP = 7200.0
"""Seconds: twice the hour in which a send may be repeated."""
MOST = 100_000


class LabelLedger:
    """Counts labels. Times are monotonic seconds. Bounded: what falls out early makes every answer "not unique"."""

    __slots__ = ("_blind_until", "_most", "_seen")

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: OrderedDict[str, tuple[int, float, str]] = OrderedDict()
        self._blind_until = float("-inf")

    def note(self, label: str, now: float, key: str) -> None:
        """A message with this label is about to be sent; repeats of one message, which have its key, count once."""
        count, _, last = self._seen.get(label, (0, now, ""))
        self._seen[label] = (count + (key != last), now, key)
        self._seen.move_to_end(label)
        while True:  # the newest entry, this one, always ends it
            oldest, (_, at, _) = next(iter(self._seen.items()))
            if at > now - KEEP:
                if len(self._seen) <= self._most:
                    break
                self._blind_until = now + KEEP
            del self._seen[oldest]

    def unique(self, label: str, now: float) -> bool:
        """Whether exactly one message of this process had it, as far as it can matter."""
        count, _, _ = self._seen.get(label, (0, now, ""))
        return count == 1 and now >= self._blind_until


LEDGER = LabelLedger()
"""This process's: two sessions with one label between them must know of each other."""
