"""Messages from subscribers, from their PDUs to the application and back to their answers.

1. A message is acknowledged when the application says so; every part of it then, not before.
2. Nobody listens: ESME_RX_T_APPN at once, and nothing is kept. The application
   is full: ESME_RMSGQFUL. Either way the platform keeps the message and brings
   it again.
3. A part that waits for others longer than ``hold`` gets ESME_RX_T_APPN: a
   platform that sends one message at a time would never send the next part. Its
   octets stay here, and at the platform. If the platform brings it a second
   time and the others are still missing, it is acknowledged: from then on it is
   here only.
4. A copy of what the application has, or of a part that waits, does not go to
   the application; it shares the answer of the first.
5. What is not complete in time is given to the application as it is. What only
   this process has is offered again until the application takes it.
6. Everything is bounded.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sms_traffic_async.clock import Clock
from sms_traffic_async.complaints import Complaints
from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.protocols.smpp.arrivals import Acknowledgement, Arrival, InboundSink, settle
from sms_traffic_async.protocols.smpp.correlation import Acknowledger
from sms_traffic_async.protocols.smpp.deduplication import Line, Lines, SeenMessages, fingerprint
from sms_traffic_async.protocols.smpp.events import Requested
from sms_traffic_async.protocols.smpp.inbound import Carrier, InboundText
from sms_traffic_async.protocols.smpp.reassembly import Reassembler, part_of
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from sms_traffic_async.telemetry import get_logger

__all__ = ("Inbox", "InboxStats")

_TAKEN: Final = CommandStatus.ESME_ROK
_FULL: Final = CommandStatus.ESME_RMSGQFUL
_NOBODY: Final = CommandStatus.ESME_RX_T_APPN
_OFFER_AGAIN: Final = 1.0
_REPEATED_AFTER: Final = 30.0
"""The same text again over the same link, while the first waits unanswered so long: the platform repeats itself."""

_log = get_logger("smpp")


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxStats:
    """What came from subscribers.

    Attributes:
        messages: handed to the application.
        partial: of these, with parts missing.
        duplicates: PDUs that were there already.
        refused: PDUs that were left with the platform.
        waiting_parts: parts that wait for others now.
        unacknowledged: PDUs whose message the application has not acknowledged yet, or that wait.
        dropped: messages that only this process had and that nobody took.
    """

    messages: int
    partial: int
    duplicates: int
    refused: int
    waiting_parts: int
    unacknowledged: int
    dropped: int


class Inbox:
    """Inbound messages of an account, over all of its links. The module's text is its contract.

    Attributes:
        sink: who takes messages; ``None`` while nobody listens.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        reassembler: Reassembler,
        hold: float = 2.0,
        deduplicate: bool = True,
        repeat_within: float = 600.0,
        max_unacknowledged: int = 10_000,
        max_backlog: int = 1000,
    ) -> None:
        """An empty inbox.

        Args:
            clock: tells when a message came.
            reassembler: puts parts together.
            hold: seconds that a part waits unanswered for the others.
            deduplicate: whether to look for repeats of whole messages.
            repeat_within: seconds within which the platform may repeat itself.
            max_unacknowledged: PDUs that the application has, or that wait, without acknowledgement.
            max_backlog: messages that only this process has, offered again and again.
        """
        self.sink: InboundSink | None = None
        self._clock = clock
        self._complaints = Complaints(_log, clock.monotonic)
        self._reassembler = reassembler
        self._hold = hold
        self._deduplicate = deduplicate
        self._max_unacknowledged = max_unacknowledged
        self._lines = Lines()
        self._seen = SeenMessages(ttl=repeat_within)
        self._pending: dict[int, Arrival] = {}
        self._held: deque[Arrival] = deque()
        self._backlog: deque[InboundText] = deque()
        self._max_backlog = max_backlog
        self._offer_at = float("inf")
        self._is_closed = False
        self._open: set[Arrival] = set()
        self._messages = self._partial = self._duplicates = self._refused = self._dropped = 0

    def take(self, event: Requested, pdu: Carrier, link: Acknowledger, now: float) -> None:
        """A message, or a part of one. Answers it, now or later."""
        nobody = self.sink is None or self._is_closed
        if nobody or len(self._open) >= self._max_unacknowledged:
            self._refused += 1
            settle(link, event, _NOBODY if nobody else _FULL)
            return
        number = fingerprint(pdu)
        line = self._lines.of(link, now)
        arrival = Arrival(number, line, (link, event), now)
        part = part_of(pdu, arrival)
        is_part = part.key is not None
        if self._is_known(arrival, is_part=is_part):
            self._duplicates += 1
            return
        self._pending[number] = arrival
        self._open.add(arrival)
        joined = self._reassembler.add(part, now)
        if joined.duplicate:
            # The store of parts remembers longer than the one of repeats.
            self._duplicates += 1
            self._forget(arrival)
            arrival.settle(_TAKEN)
            return
        for message in joined.messages:
            self._offer(message, now)
        if arrival.is_waiting:
            self._held.append(arrival)

    def lost(self, link: Acknowledger, now: float) -> None:
        """A link is over: what was answered shortly before may come again over another."""
        self._lines.lost(link, now)

    def on_time(self, now: float) -> None:
        """Let go of what has waited long enough."""
        while self._held and (not self._held[0].is_waiting or self._held[0].came_at + self._hold <= now):
            arrival = self._held.popleft()
            if arrival.is_waiting:
                self._refused += arrival.settle(_NOBODY)
        for message in self._reassembler.expire(now):
            self._offer(message, now)
        if self._backlog and now >= self._offer_at:
            self._offer_backlog(now)

    def next_deadline(self) -> float | None:
        """When `on_time` has something to do."""
        while self._held and not self._held[0].is_waiting:
            self._held.popleft()
        moments = [] if not self._held else [self._held[0].came_at + self._hold]
        expires = self._reassembler.next_deadline()
        if expires is not None:
            moments.append(expires)
        if self._backlog:
            moments.append(self._offer_at)
        return min(moments, default=None)

    def close(self, now: float) -> None:
        """The end: parts that only this process has are offered as they are, the rest is left with the platform.

        So is what the application has and did not acknowledge: an unbind waits for no application.
        """
        self._is_closed = True
        for message in self._reassembler.flush():
            if any(not arrival.is_at_platform for arrival in message.tokens):
                self._offer(message, now)
            else:
                self._leave(message, _NOBODY)
        if self._backlog:
            self._offer_backlog(now)
        self._dropped += len(self._backlog)
        self._backlog.clear()
        self._held.clear()
        for arrival in self._open:
            self._refused += arrival.settle(_NOBODY)

    def stats(self) -> InboxStats:
        """What came so far."""
        return InboxStats(
            messages=self._messages,
            partial=self._partial,
            duplicates=self._duplicates,
            refused=self._refused,
            waiting_parts=self._reassembler.stored_parts,
            unacknowledged=len(self._open),
            dropped=self._dropped,
        )

    def _acknowledged(self, arrivals: tuple[Arrival, ...]) -> None:
        """The application is responsible for a message now."""
        now = self._clock.monotonic()
        for arrival in arrivals:
            arrival.settle(_TAKEN)
            arrival.is_at_platform = False
            self._forget(arrival)
            if self._deduplicate:
                self._seen.add(arrival.fingerprint, arrival.line, now)

    def _is_known(self, arrival: Arrival, *, is_part: bool) -> bool:
        first = self._pending.get(arrival.fingerprint)
        line, now = arrival.line, arrival.came_at
        if first is not None and (is_part or (self._deduplicate and self._is_repeated(first, line, now))):
            if not first.is_waiting or first.owed:
                first.owed += arrival.owed
            elif first.line is line:
                # Refused once, and the platform insists: see rule 3.
                first.is_at_platform = False
                arrival.settle(_TAKEN)
            else:
                first.owed, first.came_at = arrival.owed, now
                self._held.append(first)
            first.line = line
            return True
        if self._deduplicate and self._seen.is_repeat(arrival.fingerprint, line, now, is_part=is_part):
            arrival.settle(_TAKEN)
            return True
        return False

    def _is_repeated(self, first: Arrival, line: Line, now: float) -> bool:
        if first.line is not line:
            return first.line.ended_at is not None
        return bool(first.owed) and now - first.came_at >= _REPEATED_AFTER

    def _offer(self, inbound: InboundText, now: float) -> None:
        arrivals: tuple[Arrival, ...] = inbound.tokens
        for arrival in arrivals:
            arrival.is_waiting = False
        status = self._hand_over(inbound, arrivals)
        if status is _TAKEN:
            self._messages += 1
            self._partial += not inbound.is_complete
        elif all(arrival.is_at_platform for arrival in arrivals):
            self._leave(inbound, status)
        else:
            for arrival in arrivals:
                self._refused += arrival.settle(status)
            self._backlog.append(inbound)
            self._offer_at = now + _OFFER_AGAIN
            if len(self._backlog) > self._max_backlog:
                self._drop(self._backlog.popleft())

    def _hand_over(self, inbound: InboundText, arrivals: tuple[Arrival, ...]) -> CommandStatus:
        if self.sink is None:
            return _NOBODY
        ack = Acknowledgement(self._acknowledged, inbound, arrivals)
        message = InboundMessage(
            sender=inbound.source_addr,
            text=inbound.text,
            recipient=inbound.destination_addr or None,
            received_at=datetime.fromtimestamp(self._clock.wall(), UTC),
            source="smpp",
            raw={
                "data": ack.data,
                "data_coding": ack.data_coding,
                "parts": inbound.total,
                "missing": inbound.missing,
                "node": ack.node,
            },
        )
        try:
            is_taken = self.sink(message, ack)
        except Exception as error:  # noqa: BLE001 - the application's fault must not break the link
            self._complaints.about("an inbound message could not be handed over: %s", type(error).__name__)
            is_taken, refusal = False, _NOBODY
        else:
            refusal = _FULL
        if is_taken or ack.is_done:
            return _TAKEN
        ack.withdraw()
        return refusal

    def _leave(self, inbound: InboundText, command_status: CommandStatus) -> None:
        # All of it is with the platform, which brings it again, as if for the first time.
        for arrival in inbound.tokens:
            arrival.is_waiting = False
            self._refused += arrival.settle(command_status)
            self._forget(arrival)
        key = inbound.parts[0].key
        if key is not None:
            self._reassembler.forget(key)

    def _offer_backlog(self, now: float) -> None:
        waiting = list(self._backlog)
        self._backlog.clear()
        for inbound in waiting:
            self._offer(inbound, now)

    def _drop(self, inbound: InboundText) -> None:
        self._dropped += 1
        for arrival in inbound.tokens:
            self._forget(arrival)

    def _forget(self, arrival: Arrival) -> None:
        self._open.discard(arrival)
        if self._pending.get(arrival.fingerprint) is arrival:
            del self._pending[arrival.fingerprint]
