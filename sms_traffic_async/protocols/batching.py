"""Natural batching: concurrent sends share requests, without a timer.

Rules
-----
1. While no request is under way a message leaves at once, alone, in its caller's
   own task. Batching costs a lone message nothing.
2. Otherwise messages queue (``lanes``). Of at most N requests the next one that is
   free takes as many of them as its answer can be expected for within a second; at
   the end of the loop's turn, so that all who send in that turn are in it, and all
   who send again when they hear of a batch that was answered.
3. No task, timeout scope or semaphore a message: one task a batch, one timer for
   all deadlines.
4. The queue is bounded. What does not fit waits for room until its deadline; a
   message whose deadline comes in the queue was not sent, "overloaded", and one
   whose time to live ends there "expired".
5. Everything but the sending itself is synchronous, so no cancellation comes
   between a message and its place.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import SendError
from sms_traffic_async.lifecycle import Life, SessionClosed
from sms_traffic_async.protocols.alarms import Alarms
from sms_traffic_async.protocols.batch_size import BatchSize
from sms_traffic_async.protocols.flight import Flight, Item, Leaving, Slot
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.lanes import Lanes
from sms_traffic_async.telemetry import Stats

__all__ = ("ROOM", "Batcher", "BatchingStats", "Carrier")

ROOM = 10_000
"""Messages that may be queued."""

I = TypeVar("I", bound=Item)  # noqa: E741 - an item


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchingStats:
    """What waits, and what is under way, at one moment.

    Attributes:
        waiting: messages in the queue, and those that wait for room in it.
        in_flight: requests that send.
        batch: the most messages the next one takes.
    """

    waiting: int
    in_flight: int
    batch: int


class Carrier(Protocol[I]):
    """What a protocol adds."""

    def flight(self, items: list[I], slot: Slot) -> Flight[I, Any]:
        """What carries a batch."""
        ...

    def not_sent(self, item: I, why: Leaving) -> SendError:
        """The outcome of one that never left the queue; noted and counted."""
        ...

    def after(self) -> None:
        """A batch is through."""
        ...


class Batcher(Generic[I]):
    """The queue of one client, and the requests in flight that are fed from it.

    Args:
        carrier: forms and sends a batch.
        life: owns the tasks of batches.
        clock: deadlines are its monotonic seconds.
        slots: requests in flight at once.
        most: messages of one batch.
        room: messages that may be queued.
    """

    def __init__(
        self, carrier: Carrier[I], *, life: Life, clock: Clock, slots: int, most: int, room: int = ROOM
    ) -> None:
        self._carrier = carrier
        self._life = life
        self._all_slots = self._slots = slots
        self._room = room
        self._turning = 0
        self._lanes: Lanes[I] = Lanes()
        self._overflow: OrderedDict[I, None] = OrderedDict()
        self._alarms: Alarms[I] = Alarms(clock, self._ring)
        self.size: BatchSize = BatchSize(most)

    @property
    def waiting(self) -> int:
        """Messages that wait for a request, or for room to."""
        return self._lanes.waiting + len(self._overflow)

    @property
    def stats(self) -> BatchingStats:
        """How it is doing."""
        return BatchingStats(waiting=self.waiting, in_flight=self._all_slots - self._slots, batch=self.size.now)

    def gauges(self, stats: Stats, via: str) -> None:
        """Show it among the gauges of a session."""
        stats.watch(f"{via}.waiting", self, lambda one: one.stats.waiting)
        stats.watch(f"{via}.in_flight", self, lambda one: one.stats.in_flight)

    def slot(self) -> Slot | None:
        """A request for one message, if none is under way and nobody waits. Its ``free`` must be called."""
        if self._slots != self._all_slots or self._turning or self.waiting:
            return None
        self._slots -= 1
        return Slot(self._freed, self.size.answered)

    async def send(self, item: I) -> Outcome:
        """Wait until an item has its outcome.

        Raises:
            Exception: it could not even be tried (a configuration that does not work).

        Cancellation: an item that is not yet being written is not sent.
        """
        try:
            self._life.enter(item)
        except SessionClosed:
            return self._carrier.not_sent(item, "closed")
        item.quit = self.leave
        loop = asyncio.get_running_loop()
        waiter = item.waiter = loop.create_future()
        self._alarms.set(item, item.limit)
        if self._lanes.waiting < self._room and not self._overflow:
            self._lanes.put(item)
            if self._slots and not self._turning:
                self._turning += 1
                loop.call_soon(self._turned)
        else:
            self._overflow[item] = None
        try:
            await waiter
        except asyncio.CancelledError:
            self.leave(item, "closed")
            raise
        finally:
            self._alarms.forget(item)
            self._life.forget(item)
        return item.result()

    def _freed(self) -> None:
        self._slots += 1
        self._pump()

    def _answered(self) -> None:
        # Its callers are about to hear of it, in the next turn, and many of them send again at once.
        self._slots += 1
        self._turning += 1
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._turned)

    def _turned(self) -> None:
        self._turning -= 1
        self._pump()

    def _pump(self) -> None:
        self._admit()  # those in the queue may all have left it
        while self._slots and self._lanes.waiting:
            items = self._lanes.take(self.size.now)
            self._admit()
            self._slots -= 1
            slot = Slot(self._answered, self.size.answered)
            self._life.spawn(self._carry(self._carrier.flight(items, slot), slot), "batch")

    def _admit(self) -> None:
        """Whoever waits for room gets what there is of it, in order."""
        while self._overflow and self._lanes.waiting < self._room:
            one, _ = self._overflow.popitem(last=False)
            self._lanes.put(one)

    async def _carry(self, flight: Flight[I, Any], slot: Slot) -> None:
        try:
            await flight.run()
        finally:
            slot.free()
        self._carrier.after()

    def _ring(self, item: I) -> None:
        """Its limit, or its deadline, has come."""
        delivery = item.delivery
        if delivery is not None and delivery.may_be_taken and item.limit < item.deadline:
            item.limit = item.deadline
            self._alarms.set(item, item.deadline)
            return
        self.leave(item, "expired")

    def leave(self, item: I, why: Leaving) -> None:
        """An item is not waited for any more; it gets its outcome, if it has none."""
        if item.over:
            return
        if item.delivery is not None:
            item.settle(item.delivery.leave(item.place, why))
            return
        if item in self._overflow:
            del self._overflow[item]
        else:
            self._lanes.remove(item)
        if why == "expired" and item.limit >= item.deadline:
            why = "overloaded"  # its time to live was not over: it waited for a free request in vain
        item.settle(self._carrier.not_sent(item, why))
