"""One direction of one connection: its offsets, and what happens at which of them.

Pure: no I/O, and time is an argument. A piece never crosses an offset at which
something happens, so "after byte n" is exact whatever sizes the peers read and
write.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from sms_traffic_async.sandbox.network.faults import (
    Blackhole,
    ConnectionFault,
    Cut,
    Direction,
    Drip,
    Garbage,
    HalfClose,
    Latency,
    Replace,
    Reset,
)
from sms_traffic_async.sandbox.network.rules import Rule

__all__ = ("Lane",)

PIECE_BYTES = 65_536
QUEUED_BYTES = 65_536
UNLIMITED = 1 << 62
# A dripping line is served so often a second, as long as that is at least a byte.
DRIPS_PER_SECOND = 20


@dataclass(slots=True, eq=False)
class _Attached:
    """A rule's fault as it lies on this lane."""

    rule: Rule
    fault: ConnectionFault
    overlay: bytes
    noted: bool = False
    done: bool = False


@final
class Lane:
    """Bytes between a reader and a writer, and the faults on their way.

    Attributes:
        name: the direction.
        received: bytes read from the source.
        forwarded: bytes written to the sink.
        swallows: whether the sink has seen the end already and later bytes are dropped.
    """

    __slots__ = (
        "_attached",
        "_chance",
        "_last_due",
        "_not_before",
        "_note",
        "_queue",
        "_queued",
        "_seed",
        "forwarded",
        "name",
        "received",
        "swallows",
    )

    def __init__(self, name: Direction, seed: str, note: Callable[[ConnectionFault, Direction, int], None]) -> None:
        self.name: Direction = name
        self.received: int = 0
        self.forwarded: int = 0
        self.swallows: bool = False
        self._seed = seed
        self._chance: random.Random | None = None  # costs more than the rest of a lane; few need it
        self._note = note
        self._attached: list[_Attached] = []
        self._queue: deque[tuple[float, bytes]] = deque()
        self._queued = 0
        self._last_due = 0.0
        self._not_before = 0.0

    def attach(self, rule: Rule, fault: ConnectionFault, overlay: bytes = b"") -> None:
        """Lay a fault on this lane, if it concerns this direction."""
        if fault.direction in {self.name, "both"}:
            self._attached.append(_Attached(rule, fault, overlay))

    def detach(self, rule: Rule) -> None:
        """Take a rule's fault away."""
        self._attached = [attached for attached in self._attached if attached.rule is not rule]
        self._not_before = 0.0

    def may_read(self) -> int:
        """Bytes to ask the source for: 0 when the queue is full or a blackhole begins here."""
        return max(0, min(PIECE_BYTES, QUEUED_BYTES - self._queued, self._room(self.received)))

    def put(self, data: bytes, now: float) -> None:
        """Queue what was read; ``b""`` is the end of the stream."""
        for attached in self._attached:
            if isinstance(attached.fault, Latency):
                self._say(attached)
                now += attached.fault.seconds + self._jitter(attached.fault.jitter)
        self._last_due = max(self._last_due, now)
        self._queue.append((self._last_due, data))
        self._queued += len(data)
        self.received += len(data)

    def wait(self, now: float) -> float | None:
        """Seconds until the writer has something to do; None: until something changes."""
        if not self._queue or self._room(self.forwarded) <= 0:
            return None
        return max(0.0, self._queue[0][0] - now, self._not_before - now)

    def due(self, *, arrived: bool) -> Cut | Reset | HalfClose | None:
        """What is to happen at this offset, once.

        Args:
            arrived: whether a byte has come that could go out now. What stands
                at offset 0 waits for it.
        """
        for attached in self._attached:
            fault = attached.fault
            if attached.done or isinstance(fault, Latency | Drip | Replace | Garbage):
                continue
            if fault.after is None or self.forwarded < fault.after:
                continue
            if isinstance(fault, Blackhole):
                self._say(attached)
            elif arrived or self.forwarded > 0:
                attached.done = True
                self._say(attached)
                return fault
        return None

    def piece(self) -> bytes:
        """The bytes that may go out in one write; ``b""`` is the end of the stream."""
        data = self._queue[0][1]
        size = min(len(data), self._room(self.forwarded))
        for attached in self._attached:
            fault = attached.fault
            if isinstance(fault, Cut | Reset | HalfClose) and not attached.done and fault.after is not None:
                size = min(size, fault.after - self.forwarded)
        rate = self._rate()
        if rate is not None:
            size = min(size, max(1, int(rate / DRIPS_PER_SECOND)))
        return self._overlaid(data[:size])

    def took(self, size: int, now: float) -> None:
        """A piece of this size is out (or swallowed)."""
        due, data = self._queue[0]
        self._queued -= size
        if size == len(data):
            self._queue.popleft()
        else:
            self._queue[0] = (due, data[size:])
        rate = self._rate()
        if rate is not None:
            self._not_before = now + size / rate
        if not self.swallows:
            self.forwarded += size

    def _jitter(self, seconds: float) -> float:
        if not seconds:
            return 0.0
        if self._chance is None:
            self._chance = random.Random(self._seed)
        return self._chance.uniform(0, seconds)

    def _room(self, count: int) -> int:
        holes = (each.fault.after - count for each in self._attached if isinstance(each.fault, Blackhole))
        return min(holes, default=UNLIMITED)

    def _rate(self) -> float | None:
        rates: list[float] = []
        for attached in self._attached:
            if isinstance(attached.fault, Drip):
                self._say(attached)
                rates.append(attached.fault.bytes_per_second)
        return min(rates, default=None)

    def _overlaid(self, data: bytes) -> bytes:
        for attached in self._attached:
            fault = attached.fault
            if not isinstance(fault, Replace | Garbage):
                continue
            start = max(fault.at, self.forwarded)
            stop = min(fault.at + len(attached.overlay), self.forwarded + len(data))
            if start < stop:
                self._say(attached)
                new = attached.overlay[start - fault.at : stop - fault.at]
                data = data[: start - self.forwarded] + new + data[stop - self.forwarded :]
        return data

    def _say(self, attached: _Attached) -> None:
        if not attached.noted:
            attached.noted = True
            self._note(attached.fault, self.name, self.forwarded)
