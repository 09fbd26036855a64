"""When to ask about which message. Pure; time is an argument.

Pauses grow along a fixed ladder, and on one rung everybody waits equally long:
what came first is due first, so a rung is a queue, and a million messages cost
nothing but their places in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count

from sms_traffic_async.delivery.values import Tracked

__all__ = ("Schedule", "ladder")

GATHER = 0.05
"""Messages that fall due within this many seconds of each other share a request."""


def ladder(first: float, growth: float, longest: float) -> tuple[float, ...]:
    """Growing pauses, the last of them ``longest``."""
    pauses = [min(first, longest)]
    while pauses[-1] < longest:
        pauses.append(min(pauses[-1] * growth, longest))
    return tuple(pauses)


class _Rung:
    __slots__ = ("dues", "items", "pause")

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.items: deque[Tracked] = deque()
        self.dues: deque[float] = deque()


class Schedule:
    """Places of messages on two ladders: of those somebody waits for, and of the others.

    Args:
        watched: pauses between questions about a message somebody waits for.
        others: pauses for the rest.
        stop: told of a message whose time is over.
    """

    def __init__(self, watched: Sequence[float], others: Sequence[float], *, stop: Callable[[Tracked], None]) -> None:
        self._rungs = [_Rung(pause) for pause in (*watched, *others)]
        self._first_other = len(watched)
        self._stop = stop
        self._later: list[tuple[float, int, Tracked]] = []
        self._order = count()

    def watch(self, item: Tracked, now: float, *, patient: bool) -> None:
        """Somebody began to wait for it; patiently, where reports come by themselves."""
        self._place(item, self._first_other - 1 if patient else 0, now)

    def follow(self, item: Tracked, now: float) -> None:
        """Nobody waits for it, or nobody does any longer."""
        self._place(item, self._first_other, now)

    def begin_at(self, item: Tracked, moment: float) -> None:
        """It is not sent before that moment: nothing can be told until then."""
        item.rung = self._first_other
        item.due = moment
        heappush(self._later, (moment, next(self._order), item))

    def after_question(self, item: Tracked, now: float) -> None:
        """It was asked about, and the end is not known yet."""
        last = (self._first_other if item.waiters else len(self._rungs)) - 1
        if item.waiters and item.rung > last:
            self._place(item, 0, now)
        elif not item.waiters and item.rung < self._first_other:
            self._place(item, self._first_other, now)
        else:
            self._place(item, min(item.rung + 1, last), now)

    def again(self, item: Tracked, now: float) -> None:
        """Nobody answered: the same pause once more."""
        self._place(item, item.rung, now)

    def next_due(self) -> float | None:
        """When somebody is due next (or only seems to be: whose place is empty is passed over then)."""
        heads = [rung.dues[0] for rung in self._rungs if rung.dues]
        if self._later:
            heads.append(self._later[0][0])
        return min(heads, default=None)

    def take_due(self, now: float, most: int) -> list[Tracked]:
        """Who is due, those waited for first; their parts together at most ``most`` (one message may have more)."""
        horizon = now + GATHER
        taken: list[Tracked] = []
        room = most
        while self._later and self._later[0][0] <= horizon:
            due, _, item = heappop(self._later)
            if item.due is due:
                self._place(item, item.rung, now)
        for rung in self._rungs:
            items, dues = rung.items, rung.dues
            while dues and dues[0] <= horizon:
                item = items[0]
                # The very float that was put here: another one means that the message moved, or ended.
                if item.due is dues[0]:
                    if room < 1 + len(item.more) and taken:
                        return taken
                    item.due = None
                    if item.until <= now and not item.waiters:
                        self._stop(item)
                    else:
                        taken.append(item)
                        room -= 1 + len(item.more)
                items.popleft()
                dues.popleft()
        return taken

    def _place(self, item: Tracked, number: int, now: float) -> None:
        rung = self._rungs[number]
        item.rung = number
        item.due = now + rung.pause
        rung.items.append(item)
        rung.dues.append(item.due)
