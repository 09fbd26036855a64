"""Requests of ours that wait for an answer: their sequence numbers, and when to stop waiting.

1. A request is registered before its first octet can leave.
2. It is found by direction (this table is ours only), command and sequence
   number. A response of another kind with the same number does not touch it.
3. It leaves by its answer, by a generic_nack, by the end of the session, or by
   its deadline. The caller's cancellation does not free its place.
4. Past its deadline it is kept aside, so that a late answer still finds it.
5. Deadlines stand in a queue as long as each is later than the one before, as
   those of one kind of request are; the others on a heap. Requests of one moment
   share an entry. What was answered stays there until it comes to the front or
   until most is such, so every step is O(log n) at most and memory follows what
   is really waiting.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Any, Final, NamedTuple

__all__ = ("MAX_SEQUENCE", "Outstanding", "Waiting")

MAX_SEQUENCE: Final = 0x7FFF_FFFF
"""SMPP 3.4, 5.1.4: 1 to this."""
_SLACK: Final = 64


class Waiting(NamedTuple):
    """One request without answer.

    Attributes:
        command: its ``command_id``.
        token: what was handed in with it.
        sent_at: when it was queued for writing.
        counted: it takes a place of the window.
    """

    command: int
    token: Any
    sent_at: float
    counted: bool


# ``Waiting(...)`` without its constructor in Python, at a third of the price.
_new_waiting: Final[Callable[[tuple[int, Any, float, bool]], Waiting]] = partial(
    tuple.__new__,  # pyright: ignore[reportUnknownMemberType] # typed by the line above
    Waiting,
)


class _Run:
    """Requests with numbers in a row and one deadline. ``first`` moves past those that wait no more."""

    __slots__ = ("deadline", "end", "first")

    def __init__(self, deadline: float, first: int, end: int) -> None:
        self.deadline = deadline
        self.first = first
        self.end = end


class Outstanding:
    """The table.

    Attributes:
        waiting: by sequence number, in the order of sending.
        late: those past their deadline.
        in_flight: how many of ``waiting`` take a place of the window.
    """

    __slots__ = ("_heap", "_late_after", "_line", "_next", "in_flight", "late", "waiting")

    def __init__(self, late_after: float, first_sequence: int = 1) -> None:
        """An empty table.

        Args:
            late_after: seconds from sending until a late answer is not matched any more.
            first_sequence: the number to start with.
        """
        self.waiting: dict[int, Waiting] = {}
        self.late: dict[int, Waiting] = {}
        self.in_flight: int = 0
        self._heap: list[tuple[float, int]] = []
        self._line: deque[_Run] = deque()
        self._late_after = late_after
        self._next = first_sequence

    def next_sequence(self) -> int:
        """A number that nothing waits under; after the last comes 1 again."""
        sequence = self._next
        while sequence in self.waiting or sequence in self.late:
            sequence = 1 if sequence >= MAX_SEQUENCE else sequence + 1
        self._next = 1 if sequence >= MAX_SEQUENCE else sequence + 1
        return sequence

    def add(self, sequence: int, request: Waiting, deadline: float) -> None:
        """Register a request."""
        self.waiting[sequence] = request
        if request.counted:
            self.in_flight += 1
        line = self._line
        if not line or line[-1].deadline <= deadline:
            line.append(_Run(deadline, sequence, sequence + 1))
        else:
            heapq.heappush(self._heap, (deadline, sequence))

    def enter(self, command: int, tokens: Sequence[Any], now: float, deadline: float) -> Sequence[int]:
        """``add`` some that are counted, under ``next_sequence``. For every message of a busy link.

        Returns:
            Their sequence numbers.
        """
        first, waiting, line = self._next, self.waiting, self._line
        requests = map(_new_waiting, zip(repeat(command), tokens, repeat(now), repeat(True)))
        numbers = range(first, first + len(tokens))
        if (
            numbers.stop > MAX_SEQUENCE
            or self.late
            or (line and line[-1].deadline > deadline)
            or not waiting.keys().isdisjoint(numbers)
        ):
            sequences: list[int] = []
            for request in requests:
                sequence = self.next_sequence()
                self.add(sequence, request, deadline)
                sequences.append(sequence)
            return sequences
        self._next = numbers.stop
        waiting.update(zip(numbers, requests, strict=True))
        self.in_flight += len(numbers)
        line.append(_Run(deadline, first, numbers.stop))
        return numbers

    def take(self, sequence: int, command: int | None) -> tuple[Waiting, bool] | None:
        """The request that an answer belongs to, and whether the answer is late.

        Args:
            sequence: the answer's sequence number.
            command: the request's command; ``None`` for a generic_nack, which fits any.
        """
        for table in (self.waiting, self.late):
            request = table.get(sequence)
            if request is not None and (command is None or command == request.command):
                del table[sequence]
                if request.counted and table is self.waiting:
                    self.in_flight -= 1
                return request, table is self.late
        return None

    def expire(self, now: float) -> list[tuple[int, Waiting]]:
        """Move what is due out of the way and return what has just become late."""
        expired: list[tuple[int, Waiting]] = []
        while True:
            first = self.next_deadline()
            if first is None or first > now:
                return expired
            line, heap = self._line, self._heap
            if line and (not heap or (line[0].deadline, line[0].first) <= heap[0]):
                deadline, sequence = line[0].deadline, line[0].first
                line[0].first += 1
            else:
                deadline, sequence = heapq.heappop(heap)
            request = self.waiting.pop(sequence, None)
            if request is None:
                self.late.pop(sequence, None)
                continue
            if request.counted:
                self.in_flight -= 1
                self.late[sequence] = request
                # As long as was planned, from when it is told: the loop may have been blocked.
                stretch = max(0.0, request.sent_at + self._late_after - deadline)
                heapq.heappush(heap, (now + stretch, sequence))
            expired.append((sequence, request))

    def next_deadline(self) -> float | None:
        """When `expire` has something to do."""
        heap, line, waiting, late = self._heap, self._line, self.waiting, self.late
        if len(heap) + len(line) > _SLACK + 4 * (len(waiting) + len(late)):
            heap[:] = [entry for entry in heap if entry[1] in waiting or entry[1] in late]
            heapq.heapify(heap)
            kept = [run for run in line if self._waits(run)]
            line.clear()
            line.extend(kept)
        while heap and heap[0][1] not in waiting and heap[0][1] not in late:
            heapq.heappop(heap)
        while line and not self._waits(line[0]):
            line.popleft()
        if heap and line:
            return min(heap[0][0], line[0].deadline)
        return heap[0][0] if heap else line[0].deadline if line else None

    def _waits(self, run: _Run) -> bool:
        """Whether one of them waits; its first is such then."""
        first, end, waiting = run.first, run.end, self.waiting
        while first < end and first not in waiting:
            first += 1
        run.first = first
        return first < end

    def drain(self) -> list[tuple[int, Waiting]]:
        """Give up everything; returns what was waiting, in the order of sending."""
        left = list(self.waiting.items())
        self.waiting.clear()
        self.late.clear()
        self._heap.clear()
        self._line.clear()
        self.in_flight = 0
        return left
