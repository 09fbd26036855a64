"""Messages that wait for a free request: two lanes, and in each the groups that may share one. Pure.

1. ``Lane.SEND`` goes before ``Lane.BULK``: a one-time code does not wait for a mailing.
2. Within a lane groups take turns, and within a group messages go in the order they came.
3. A batch holds messages of one group: the first lane's first, filled up from the other lane.
4. Every step is O(1) a message, taking one away from the middle included.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

__all__ = ("MOST_PARTS", "Lane", "Lanes", "Queued")

MOST_PARTS = 6000
"""Parts of one request whose ids are asked for (document, v1 ``want_sms_ids``); v2 names no limit."""


class Lane(enum.IntEnum):
    """Who goes first."""

    SEND = 0
    BULK = 1


class Queued(Protocol):
    """One message that waits."""

    @property
    def group(self) -> Hashable:
        """Messages of equal groups may share a request."""
        ...

    @property
    def lane(self) -> Lane:
        """Where it waits."""
        ...

    @property
    def parts(self) -> int:
        """Estimated parts."""
        ...


Q = TypeVar("Q", bound=Queued)


class Lanes(Generic[Q]):
    """The queue."""

    __slots__ = ("_lanes", "waiting")

    def __init__(self) -> None:
        self._lanes: tuple[OrderedDict[Hashable, OrderedDict[Q, None]], ...] = tuple(OrderedDict() for _ in Lane)
        self.waiting: int = 0
        """How many wait."""

    def put(self, one: Q) -> None:
        """Last in its group."""
        groups = self._lanes[one.lane]
        queue = groups.get(one.group)
        if queue is None:
            queue = groups[one.group] = OrderedDict()
        queue[one] = None
        self.waiting += 1

    def remove(self, one: Q) -> bool:
        """Take one away; whether it was there."""
        groups = self._lanes[one.lane]
        queue = groups.get(one.group)
        if queue is None or one not in queue:
            return False
        del queue[one]
        if not queue:
            del groups[one.group]
        self.waiting -= 1
        return True

    def take(self, most: int) -> list[Q]:
        """The next batch: at most so many messages, and ``MOST_PARTS`` parts; one at least, if one waits."""
        taken: list[Q] = []
        group: Hashable = None
        parts = 0
        for groups in self._lanes:
            if not groups or len(taken) >= most or (taken and group not in groups):
                continue
            group = group if taken else next(iter(groups))
            queue = groups[group]
            while queue and len(taken) < most:
                one = next(iter(queue))
                if taken and parts + one.parts > MOST_PARTS:
                    break
                del queue[one]
                taken.append(one)
                parts += one.parts
            if queue:
                groups.move_to_end(group)
                break
            del groups[group]
        self.waiting -= len(taken)
        return taken
