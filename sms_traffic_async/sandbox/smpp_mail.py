"""What waits for a receiver: receipts and inbound messages, one box for each login.

1. A letter is kept until a receiver takes it: through unbound hours, lost
   connections, and answers that say "not now".
2. A refusal for now puts it back after a while; any other refusal ends it.
3. What was written and not answered when a link ended is delivered again, so a
   receiver may see it twice. The platform does no better.
4. A box holds `MOST` letters; beyond that the oldest go, and are counted.
5. Faults strike when a letter is posted, once; what is delivered again is not
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

__all__ = ("Letter", "Mail", "Mailbox", "Receiver")

MOST: Final = 200_000
Operation: TypeAlias = Literal["receipt", "inbound"]


class Receiver(Protocol):
    """A link that is bound to receive."""

    node: int

    def pump_soon(self) -> None:
        """Something may wait for it."""
        ...


class Letter:
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

    def copy(self) -> Letter:
        """The same again, for a duplicate."""
        return Letter(self.pdu, operation=self.operation, node=self.node, message_id=self.message_id)


class _Held:
    """A letter that lets others pass."""

    __slots__ = ("left", "letter")

    def __init__(self, letter: Letter, left: int) -> None:
        self.letter = letter
        self.left = left


class Mailbox:
    """The letters of one login."""

    def __init__(self, platform: Platform, counts: Counter[str]) -> None:
        self._platform = platform
        self._counts = counts
        self._queues: dict[int, deque[Letter]] = {1: deque(), 2: deque()}
        self._retries: set[Letter] = set()
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

    def post(self, letter: Letter) -> None:
        """Take a letter in, with the faults drawn for it."""
        letter.epoch = self._epoch
        platform = self._platform
        struck = platform.faults.draw("smpp", letter.node, letter.operation, letter.message_id)
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
                letter.drop = effect
        letters = [letter, *(letter.copy() for _ in range(copies))]
        for one in letters:
            one.epoch = self._epoch
            if delay:
                platform.clock.call_later(delay, self._file, one)
            elif held is not None and one is letter:
                waiting = _Held(one, held.by)
                self._held.append(waiting)
                platform.clock.call_later(held.seconds, self._release, waiting)
            else:
                self._file(one)

    def _file(self, letter: Letter) -> None:
        if letter.epoch != self._epoch:
            return
        queue = self._queues[letter.node]
        queue.append(letter)
        if len(queue) > MOST:
            queue.popleft()
            self._counts["lost for want of room"] += 1
        if self._held:
            self._passed()
        self.ring(letter.node)

    def _passed(self) -> None:
        for waiting in tuple(self._held):
            waiting.left -= 1
            if waiting.left <= 0:
                self._release(waiting)

    def _release(self, waiting: _Held) -> None:
        if waiting in self._held:
            self._held.remove(waiting)
            self._file(waiting.letter)

    def next_for(self, receiver: Receiver) -> Letter | None:
        """The letter that this link is to have now."""
        for node in self._sources(receiver.node):
            queue = self._queues[node]
            while queue:
                letter = queue.popleft()
                if not letter.done:
                    return letter
        return None

    def put_back(self, letters: Iterable[Letter]) -> None:
        """What a link has not got rid of, in the order it had it."""
        for letter in reversed(list(letters)):
            if not letter.done and letter.epoch == self._epoch:
                self._queues[letter.node].appendleft(letter)
                self._counts["redelivered"] += 1
                self.ring(letter.node)

    def answered(self, letter: Letter, status: int) -> None:
        """A receiver said what it makes of a letter."""
        if letter.done:
            return
        if status in TEMPORARY:
            self._counts["refused for now"] += 1
            self._retries.add(letter)
            self._platform.clock.call_later(self._platform.switches.smpp_retry_after, self._retry, letter)
            return
        letter.done = True
        self._counts["refused" if status else f"{letter.operation}s delivered"] += 1

    def ring(self, node: int) -> None:
        """Wake the links that may have letters of a node."""
        for receiver in self.receivers:
            if node in self._sources(receiver.node):
                receiver.pump_soon()

    def clear(self) -> None:
        """Forget every letter, those on their way too."""
        self._epoch += 1
        for queue in self._queues.values():
            queue.clear()
        self._retries.clear()
        self._held.clear()

    def _retry(self, letter: Letter) -> None:
        if letter in self._retries:
            self._retries.discard(letter)
            self.put_back((letter,))

    def _sources(self, node: int) -> tuple[int, ...]:
        """Whose letters a receiver at this node gets (U9)."""
        other = 3 - node
        rule = self._platform.switches.smpp_receipts
        if rule == "same":
            return (node,)
        if rule == "other":
            return (other,)
        if any(receiver.node == other for receiver in self.receivers):
            return (node,)
        return (node, other)


class Mail:
    """All boxes, and what was done with their letters.

    Attributes:
        counts: letters by what became of them.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._boxes: dict[str, Mailbox] = {}
        self.counts: Counter[str] = Counter()

    def box(self, login: str) -> Mailbox:
        """The box of a login, ``main`` or ``main:sub``."""
        box = self._boxes.get(login)
        if box is None:
            box = self._boxes[login] = Mailbox(self._platform, self.counts)
        return box

    def waiting(self, login: str | None = None) -> int:
        """How many letters have not been written yet, of one login or of all."""
        if login is not None:
            return len(self.box(login))
        return sum(map(len, self._boxes.values()))

    def clear(self) -> None:
        """Forget every letter and count; who is bound stays so."""
        for box in self._boxes.values():
            box.clear()
        self.counts.clear()
