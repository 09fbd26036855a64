"""Messages that wait to be written. Pure: no I/O, no clock.

1. Two lanes: what `send` brought goes before what `send_many` did; within a lane
   first come, first served.
2. What was taken and comes back (refused for now, never left) goes before all
   that was never taken, in its old order.
3. A message begun on a server is finished there before another is begun: its
   parts stay together and in order. The link holds it meanwhile (``link.current``).
4. What may go to one server only waits for that server, and holds up nobody else.
5. Taking one is O(1), or O(log n) for what came back. What nobody waits for any
   more stays until it is met, or until half of the queue is such.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import deque
from typing import Final

from sms_traffic_async.protocols.smpp.parcel import Parcel

__all__ = ("SubmitQueue",)

_SLACK: Final = 64
_Entry = tuple[int, int, Parcel]


class SubmitQueue:
    """The queue of one transceiver.

    Args:
        limit: parts that may wait. Nothing is refused here: see ``has_room``.

    Attributes:
        parts: how many wait, those of messages begun included.
        lanes: what was never taken: of `send`, and of `send_many`.
    """

    __slots__ = ("_bound", "_dropped", "_returned", "lanes", "limit", "parts")

    def __init__(self, limit: int) -> None:
        self.limit: int = limit
        self.parts: int = 0
        self.lanes: tuple[deque[Parcel], deque[Parcel]] = (deque(), deque())
        self._returned: list[_Entry] = []
        self._bound: dict[str, list[_Entry]] = {}
        self._dropped = 0

    @property
    def has_room(self) -> bool:
        """Whether another message may be put in."""
        return self.parts < self.limit

    def put(self, parcel: Parcel) -> None:
        """A new message, at the end of its lane."""
        self.parts += parcel.pending
        parcel.place = ""
        self.lanes[parcel.lane].append(parcel)

    def take(self, server: str, active: bool) -> Parcel | None:
        """The message to be written next on a server; it is out of the queue then, its pending parts still counted.

        Args:
            server: where there is room.
            active: whether new messages may go there; else only what is bound to it.
        """
        if self._bound:
            parcel = self._pop(self._bound.get(server), server)
            if parcel is not None:
                return parcel
        if not active:
            return None
        if self._returned:
            parcel = self._pop(self._returned, "")
            if parcel is not None:
                return parcel
        for lane in self.lanes:
            while lane:
                parcel = lane.popleft()
                if parcel.pending:
                    parcel.place = None
                    return parcel
                self._dropped -= 1
        return None

    def fresh(self) -> deque[Parcel] | None:
        """Messages of which the first may be taken from the left, without `take`; ``None``, or none, where not."""
        return None if self._bound or self._returned or self._dropped else self.lanes[0] or self.lanes[1]

    def written(self, parcel: Parcel) -> int:
        """The next pending part of a message that was taken goes out; returns its index."""
        self.parts -= 1
        parcel.pending -= 1
        todo = parcel.todo
        return 0 if todo is None else todo.pop(0)

    def give_back(self, parcel: Parcel, index: int | None = None) -> None:
        """A part is to be written (again), before everything that was never taken.

        Args:
            parcel: its message; put in if it neither waits in here, nor rests, nor is held by a link.
            index: the part; ``None`` for those that are pending anyway.
        """
        if index is not None:
            self.parts += 1
            parcel.pending += 1
            if parcel.todo is not None:
                insort(parcel.todo, index)
        if parcel.held or parcel.rests or parcel.place == parcel.bound_to:
            return
        if parcel.place is not None:
            self._dropped += 1  # it was bound after it had come back; where it lay it counts no more
        parcel.place = parcel.bound_to
        entry = (parcel.lane, parcel.number, parcel)
        heap = self._bound.setdefault(parcel.bound_to, []) if parcel.bound_to else self._returned
        heapq.heappush(heap, entry)

    def drop(self, parcel: Parcel) -> None:
        """Its pending parts will not be written, and none of it is given back any more."""
        self.parts -= parcel.pending
        parcel.pending = 0
        if parcel.todo:
            parcel.never |= set(parcel.todo)
            parcel.todo.clear()
        if parcel.place is not None:
            self._dropped += 1
            if self._dropped > _SLACK and self._dropped * 2 > self._length():
                self._sweep()

    def waits_for(self, server: str) -> bool:
        """Whether something may go to this server only."""
        return any(entry[2].pending and entry[2].place == server for entry in self._bound.get(server, ()))

    def _length(self) -> int:
        heaps = (self._returned, *self._bound.values())
        return sum(map(len, self.lanes)) + sum(map(len, heaps))

    def _pop(self, heap: list[_Entry] | None, place: str) -> Parcel | None:
        while heap:
            parcel = heapq.heappop(heap)[2]
            if parcel.pending and parcel.place == place:
                parcel.place = None
                return parcel
            self._dropped -= 1
        return None

    def _sweep(self) -> None:
        for lane in self.lanes:
            kept = [parcel for parcel in lane if parcel.pending]
            lane.clear()
            lane.extend(kept)
        for place, heap in {**self._bound, "": self._returned}.items():
            heap[:] = [entry for entry in heap if entry[2].pending and entry[2].place == place]
            heapq.heapify(heap)
        self._bound = {server: heap for server, heap in self._bound.items() if heap}
        self._dropped = 0
