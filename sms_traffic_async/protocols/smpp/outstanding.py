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
6. Of a submit_sm only the token is kept by its number: when it was sent stands in
   its entry of that queue, and is asked for once a read.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sms_traffic_async.protocols.smpp.vocabulary import Command

__all__ = ("MAX_SEQUENCE", "Outstanding", "Waiting")

MAX_SEQUENCE: Final = 0x7FFF_FFFF
"""SMPP 3.4, 5.1.4: 1 to this."""
_SLACK: Final = 64
_SUBMIT: Final = int(Command.SUBMIT_SM)


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


class _Run:
    """Requests with numbers in a row, of one moment. ``first`` moves past those that wait no more."""

    __slots__ = ("deadline", "end", "first", "sent_at")

    def __init__(self, sent_at: float, deadline: float, first: int, end: int) -> None:
        self.sent_at = sent_at
        self.deadline = deadline
        self.first = first
        self.end = end


_first_of: Final = attrgetter("first")


class Outstanding:
    """The table.

    Attributes:
        submits: tokens of submit_sm by sequence number, in the order of sending. See `sent_at`.
        waiting: all else, and a submit_sm whose deadline is out of order.
        late: those past their deadline.
        in_flight: how many of the first two take a place of the window.
    """

    __slots__ = ("_heap", "_late_after", "_line", "_next", "in_flight", "late", "submits", "waiting")

    def __init__(self, late_after: float, first_sequence: int = 1) -> None:
        """An empty table.

        Args:
            late_after: seconds from sending until a late answer is not matched any more.
            first_sequence: the number to start with.
        """
        self.submits: dict[int, Any] = {}
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
        while sequence in self.submits or sequence in self.waiting or sequence in self.late:
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
            line.append(_Run(request.sent_at, deadline, sequence, sequence + 1))
        else:
            heapq.heappush(self._heap, (deadline, sequence))

    def enter(self, tokens: Sequence[Any], now: float, deadline: float) -> Sequence[int]:
        """``add`` some submit_sm, which are counted, under ``next_sequence``. For every message of a busy link.

        Returns:
            Their sequence numbers.
        """
        first, submits, line = self._next, self.submits, self._line
        numbers = range(first, first + len(tokens))
        while line and line[-1].deadline > deadline and not self._waits(line[-1]):
            line.pop()  # a bind, say, which has its answer
        if (
            numbers.stop > MAX_SEQUENCE
            or self.late
            or (line and line[-1].deadline > deadline)
            or not submits.keys().isdisjoint(numbers)
            or not self.waiting.keys().isdisjoint(numbers)
        ):
            return [self._enter_one(token, now, deadline) for token in tokens]
        self._next = numbers.stop
        submits.update(zip(numbers, tokens, strict=True))
        self.in_flight += len(numbers)
        line.append(_Run(now, deadline, first, numbers.stop))
        return numbers

    def _enter_one(self, token: Any, now: float, deadline: float) -> int:
        sequence, line = self.next_sequence(), self._line
        if line and line[-1].deadline > deadline:
            self.add(sequence, Waiting(_SUBMIT, token, now, counted=True), deadline)
        else:
            self.submits[sequence] = token
            self.in_flight += 1
            line.append(_Run(now, deadline, sequence, sequence + 1))
        return sequence

    def sent_at(self, sequence: int) -> float:
        """When a submit_sm was sent that is in ``submits``, or was until a moment ago."""
        line = self._line
        run = line[0]
        if not run.first <= sequence < run.end:
            run = line[bisect_right(line, sequence, key=_first_of) - 1]
            if not run.first <= sequence < run.end:  # the numbers began again from 1
                run = next(run for run in line if run.first <= sequence < run.end)
        return run.sent_at

    @property
    def oldest_at(self) -> float | None:
        """When the oldest request was sent that is counted and may still be answered, in time or late."""
        tables = (self.late, self.waiting)
        found = [next((one.sent_at for one in table.values() if one.counted), None) for table in tables]
        first = next(iter(self.submits), None)
        if first is not None:
            found.append(self.sent_at(first))
        return min((at for at in found if at is not None), default=None)

    def take(self, sequence: int, command: int | None) -> tuple[Waiting, bool] | None:
        """The request that an answer belongs to, and whether the answer is late.

        Args:
            sequence: the answer's sequence number.
            command: the request's command; ``None`` for a generic_nack, which fits any.
        """
        if sequence in self.submits and (command is None or command == _SUBMIT):
            return self._take_submit(sequence), False
        for table in (self.waiting, self.late):
            request = table.get(sequence)
            if request is not None and (command is None or command == request.command):
                del table[sequence]
                if request.counted and table is self.waiting:
                    self.in_flight -= 1
                return request, table is self.late
        return None

    def _take_submit(self, sequence: int) -> Waiting:
        self.in_flight -= 1
        return Waiting(_SUBMIT, self.submits.pop(sequence), self.sent_at(sequence), counted=True)

    def expire(self, now: float) -> list[tuple[int, Waiting]]:
        """Move what is due out of the way and return what has just become late."""
        expired: list[tuple[int, Waiting]] = []
        while True:
            first = self.next_deadline()
            if first is None or first > now:
                return expired
            line, heap = self._line, self._heap
            request: Waiting | None
            if line and (not heap or (line[0].deadline, line[0].first) <= heap[0]):
                deadline, sequence = line[0].deadline, line[0].first
                request = self._take_submit(sequence) if sequence in self.submits else self._give_up(sequence)
                line[0].first += 1
            else:
                deadline, sequence = heapq.heappop(heap)
                request = self._give_up(sequence)
            if request is None:
                self.late.pop(sequence, None)
                continue
            if request.counted:
                self.late[sequence] = request
                # As long as was planned, from when it is told: the loop may have been blocked.
                stretch = max(0.0, request.sent_at + self._late_after - deadline)
                heapq.heappush(heap, (now + stretch, sequence))
            expired.append((sequence, request))

    def _give_up(self, sequence: int) -> Waiting | None:
        request = self.waiting.pop(sequence, None)
        if request is not None and request.counted:
            self.in_flight -= 1
        return request

    def next_deadline(self) -> float | None:
        """When `expire` has something to do."""
        heap, line, waiting, late = self._heap, self._line, self.waiting, self.late
        if len(heap) + len(line) > _SLACK + 4 * (len(self.submits) + len(waiting) + len(late)):
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
        first, end, submits, waiting = run.first, run.end, self.submits, self.waiting
        while first < end and first not in submits and first not in waiting:
            first += 1
        run.first = first
        return first < end

    def drain(self) -> list[tuple[int, Waiting]]:
        """Give up everything; returns what was waiting, in the order of sending."""
        left = [(sequence, self._take_submit(sequence)) for sequence in tuple(self.submits)]
        left += self.waiting.items()
        left.sort(key=lambda one: one[1].sent_at)
        self.waiting.clear()
        self.late.clear()
        self._heap.clear()
        self._line.clear()
        self.in_flight = 0
        return left
