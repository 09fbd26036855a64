"""What waits for a receiver: receipts and inbound messages, one queue for each login.

1. A delivery is kept until a receiver takes it: through unbound hours, lost
   connections, and answers that say "not now".
2. A refusal for now puts it back after a while; any other refusal ends it.
3. What was written and not answered when a link ended is delivered again, so a
   receiver may see it twice. The platform does no better.
4. A queue holds `MOST` deliveries; beyond that the oldest go, and are counted.
5. Faults strike when a delivery is posted, once; what is delivered again is not
   struck again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import Final, Literal, Protocol, TypeAlias

from sms_traffic_async.protocols.smpp.pdu import DeliverSm
from sms_traffic_async.sandbox.effects import Drop, Duplicate, Latency, Lose, Reorder
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.smpp_statuses import TEMPORARY

__all__ = ("Deliveries", "Delivery", "DeliveryQueue", "Receiver")

MOST: Final = 200_000
Operation: TypeAlias = Literal["receipt", "inbound"]


class Receiver(Protocol):
    """A link that is bound to receive."""

    node: int

    def pump_soon(self) -> None:
        """Something may wait for it."""
        ...


class Delivery:
    """One deliver_sm on its way."""

    __slots__ = ("done", "drop", "epoch", "message_id", "node", "operation", "pdu")

    def __init__(self, pdu: DeliverSm, *, operation: Operation, node: int, message_id: str) -> None:
        self.pdu: DeliverSm = pdu
        self.operation: Operation = operation
        self.node: int = node
        self.message_id: str = message_id
        self.done: bool = False
        self.drop: Drop | None = None
        """A fault: the connection that it is written on ends before or after it."""
        self.epoch: int = 0

    def copy(self) -> Delivery:
        """The same again, for a duplicate."""
        return Delivery(self.pdu, operation=self.operation, node=self.node, message_id=self.message_id)


class _Held:
    """A delivery that lets others pass."""

    __slots__ = ("delivery", "left")

    def __init__(self, delivery: Delivery, left: int) -> None:
        self.delivery = delivery
        self.left = left


class DeliveryQueue:
    """The deliveries of one login."""

    def __init__(self, platform: Platform, counts: Counter[str]) -> None:
        self._platform = platform
        self._counts = counts
        self._queues: dict[int, deque[Delivery]] = {1: deque(), 2: deque()}
        self._retries: set[Delivery] = set()
        self._held: list[_Held] = []
        self._epoch = 0
        self.receivers: list[Receiver] = []

    def __len__(self) -> int:
        return sum(map(len, self._queues.values())) + len(self._retries) + len(self._held)

    def join(self, receiver: Receiver) -> None:
        """A link is bound to receive."""
        self.receivers.append(receiver)

    def leave(self, receiver: Receiver) -> None:
        """It is over; what it would have had may go to another."""
        if receiver in self.receivers:
            self.receivers.remove(receiver)
            for other in self.receivers:
                other.pump_soon()

    def post(self, delivery: Delivery) -> None:
        """Take a delivery in, with the faults drawn for it."""
        delivery.epoch = self._epoch
        platform = self._platform
        struck = platform.faults.draw("smpp", delivery.node, delivery.operation, delivery.message_id)
        delay = 0.0
        held: Reorder | None = None
        copies = 0
        for effect, chance in struck:
            if isinstance(effect, Lose):
                self._counts["lost by a fault"] += 1
                return
            if isinstance(effect, Latency):
                delay += effect.seconds + effect.jitter * chance
            elif isinstance(effect, Duplicate):
                copies += effect.count
            elif isinstance(effect, Reorder):
                held = effect
            elif isinstance(effect, Drop):
                delivery.drop = effect
        deliveries = [delivery, *(delivery.copy() for _ in range(copies))]
        for one in deliveries:
            one.epoch = self._epoch
            if delay:
                platform.clock.call_later(delay, self._file, one)
            elif held is not None and one is delivery:
                waiting = _Held(one, held.by)
                self._held.append(waiting)
                platform.clock.call_later(held.seconds, self._release, waiting)
            else:
                self._file(one)

    def _file(self, delivery: Delivery) -> None:
        if delivery.epoch != self._epoch:
            return
        queue = self._queues[delivery.node]
        queue.append(delivery)
        if len(queue) > MOST:
            queue.popleft()
            self._counts["lost for want of room"] += 1
        if self._held:
            self._passed()
        self.ring(delivery.node)

    def _passed(self) -> None:
        for waiting in tuple(self._held):
            waiting.left -= 1
            if waiting.left <= 0:
                self._release(waiting)

    def _release(self, waiting: _Held) -> None:
        if waiting in self._held:
            self._held.remove(waiting)
            self._file(waiting.delivery)

    def next_for(self, receiver: Receiver) -> Delivery | None:
        """The delivery that this link is to have now."""
        for node in self._sources(receiver.node):
            queue = self._queues[node]
            while queue:
                delivery = queue.popleft()
                if not delivery.done:
                    return delivery
        return None

    def put_back(self, deliveries: Iterable[Delivery]) -> None:
        """What a link has not got rid of, in the order it had it."""
        for delivery in reversed(list(deliveries)):
            if not delivery.done and delivery.epoch == self._epoch:
                self._queues[delivery.node].appendleft(delivery)
                self._counts["redelivered"] += 1
                self.ring(delivery.node)

    def answered(self, delivery: Delivery, status: int) -> None:
        """A receiver said what it makes of a delivery."""
        if delivery.done:
            return
        if status in TEMPORARY:
            self._counts["refused for now"] += 1
            self._retries.add(delivery)
            self._platform.clock.call_later(self._platform.switches.smpp_retry_after, self._retry, delivery)
            return
        delivery.done = True
        self._counts["refused" if status else f"{delivery.operation}s delivered"] += 1

    def ring(self, node: int) -> None:
        """Wake the links that may have deliveries of a node."""
        for receiver in self.receivers:
            if node in self._sources(receiver.node):
                receiver.pump_soon()

    def clear(self) -> None:
        """Forget every delivery, those on their way too."""
        self._epoch += 1
        for queue in self._queues.values():
            queue.clear()
        self._retries.clear()
        self._held.clear()

    def _retry(self, delivery: Delivery) -> None:
        if delivery in self._retries:
            self._retries.discard(delivery)
            self.put_back((delivery,))

    def _sources(self, node: int) -> tuple[int, ...]:
        """Whose deliveries a receiver at this node gets (U9)."""
        other = 3 - node
        rule = self._platform.switches.smpp_receipts
        if rule == "same":
            return (node,)
        if rule == "other":
            return (other,)
        if any(receiver.node == other for receiver in self.receivers):
            return (node,)
        return (node, other)


class Deliveries:
    """All queues, and what was done with their deliveries.

    Attributes:
        counts: deliveries by what became of them.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._by_login: dict[str, DeliveryQueue] = {}
        self.counts: Counter[str] = Counter()

    def of(self, login: str) -> DeliveryQueue:
        """The queue of a login, ``main`` or ``main:sub``."""
        queue = self._by_login.get(login)
        if queue is None:
            queue = self._by_login[login] = DeliveryQueue(self._platform, self.counts)
        return queue

    def waiting(self, login: str | None = None) -> int:
        """How many deliveries have not been written yet, of one login or of all."""
        if login is not None:
            return len(self.of(login))
        return sum(map(len, self._by_login.values()))

    def clear(self) -> None:
        """Forget every delivery and count; who is bound stays so."""
        for queue in self._by_login.values():
            queue.clear()
        self.counts.clear()
