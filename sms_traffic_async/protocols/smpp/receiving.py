"""What comes in over SMPP: receipts to status updates, parts to messages, and an answer to each.

One `Receiving` serves all links of a session, because receipts and parts may
come over any of them. It never awaits, never raises, has no clock of its own
for decisions, and everything in it is bounded.

What the owner of the links does:

* ``take(requests, link, now)`` with all `Requested` of one read, in order;
* ``submitted(message_id, now)`` for every accepted part, before its caller is told;
* ``lost(link, now)`` when a link is over, so that repeats are known as repeats;
* ``on_time(now)`` after all responses of one read, and at ``next_deadline()``, which may change with each of these;
* ``oldest_unanswered`` set to a function that tells when the oldest submit_sm
  without answer was written, ``None`` if there is none. A receipt of an unknown
  message waits only while such a submit could be its own; without the function,
  every such receipt waits for the full ``hold_receipts``.
* ``close(now)`` while the links can still write.

What a receipt or a message is answered with:

===================  ==================================================
ESME_ROK             ``updates`` took it; an inbound message was acknowledged
ESME_RMSGQFUL        the sink returned False: it is full
ESME_RX_T_APPN       nobody listens, or the sink raised
===================  ==================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.complaints import Complaints
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.protocols.smpp.arrivals import Acknowledgement, InboundSink, settle
from sms_traffic_async.protocols.smpp.correlation import Acknowledger, Correlation, EarlyReceipt, EarlyReceipts
from sms_traffic_async.protocols.smpp.deduplication import SeenReceipts
from sms_traffic_async.protocols.smpp.events import Requested
from sms_traffic_async.protocols.smpp.inbound import Carrier
from sms_traffic_async.protocols.smpp.inbox import Inbox, InboxStats
from sms_traffic_async.protocols.smpp.message_ids import EXACT, IdMatching
from sms_traffic_async.protocols.smpp.pdu import refusal
from sms_traffic_async.protocols.smpp.reassembly import Reassembler
from sms_traffic_async.protocols.smpp.receipts import is_receipt, read_update
from sms_traffic_async.protocols.smpp.submits import DataSm, DeliverSm
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus, EsmClass
from sms_traffic_async.telemetry import get_logger

__all__ = ("Acknowledgement", "Acknowledger", "InboundSink", "Receiving", "ReceivingStats", "UpdatesSink")

UpdatesSink: TypeAlias = Callable[[Sequence[StatusUpdate]], bool]

_TAKEN: Final = int(CommandStatus.ESME_ROK)
_FULL: Final = int(CommandStatus.ESME_RMSGQFUL)
_NOBODY: Final = int(CommandStatus.ESME_RX_T_APPN)

_RECEIPT: Final = int(EsmClass.RECEIPT)

_NOTHING_SEEN: Final[tuple[frozenset[int], frozenset[int]]] = (frozenset(), frozenset())
_NOTHING_KNOWN: Final[dict[str, str]] = {}

_log = get_logger("smpp")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivingStats:
    """What came in so far.

    Attributes:
        receipts: receipts handed over.
        unmatched: receipts of messages that this session does not know, whenever they were offered.
        duplicates: receipts that had been handed over before.
        refused: receipts that were left with the platform.
        held: receipts that wait for their message's response now.
        held_most: the most that ever waited at once.
        inbox: inbound messages.
    """

    receipts: int
    unmatched: int
    duplicates: int
    refused: int
    held: int
    held_most: int
    inbox: InboxStats


class Receiving:
    """The receiving side of a session. The module's text says who calls what.

    Attributes:
        updates: who takes status updates. True takes responsibility for all of
            them; False says that there is no room. ``None``: nobody listens,
            and the platform keeps its receipts.
        oldest_unanswered: when the oldest submit_sm without answer was written.
    """

    def __init__(
        self,
        *,
        clock: Clock = SYSTEM_CLOCK,
        matching: IdMatching = EXACT,
        hold_receipts: float = 3.0,
        hold_parts: float = 2.0,
        deduplicate: bool = True,
        max_held: int = 1000,
        reassembler: Reassembler | None = None,
        most_known: int | None = None,
    ) -> None:
        """Nobody listens yet.

        Args:
            clock: tells when a message came.
            matching: when the id of a receipt is the id of a response.
            hold_receipts: seconds that a receipt waits, unanswered, for its message's response; 0 for not at all.
            hold_parts: seconds that a part waits, unanswered, for the other parts.
            deduplicate: whether to look for receipts and messages that come again.
            max_held: receipts that wait at once; then the oldest is handed over.
            reassembler: how long and how many parts wait; ``None`` takes half an hour and 1,000 messages.
            most_known: ids of messages to remember.

        Raises:
            ConfigurationError: a number that makes no sense.
        """
        if hold_receipts < 0 or hold_parts < 0 or max_held < 1:
            raise ConfigurationError("Receiving: times are 0 or more, and max_held is 1 or more")
        self.updates: UpdatesSink | None = None
        self.oldest_unanswered: Callable[[], float | None] | None = None
        self._correlation = Correlation(matching, most=most_known)
        self._early = EarlyReceipts()
        self._hold = hold_receipts
        self._max_held = max_held
        self._deduplicate = deduplicate
        self._seen = SeenReceipts()
        self._inbox = Inbox(
            clock=clock,
            reassembler=Reassembler() if reassembler is None else reassembler,
            hold=hold_parts,
            deduplicate=deduplicate,
        )
        self._complaints = Complaints(_log, clock.monotonic)
        self._receipts = self._unmatched = self._duplicates = self._refused = self._held_most = 0

    @property
    def inbound(self) -> InboundSink | None:
        """Who takes messages: called with one and its `Acknowledgement`; False says that there is no room."""
        return self._inbox.sink

    @inbound.setter
    def inbound(self, sink: InboundSink | None) -> None:
        self._inbox.sink = sink

    def take(self, requests: Sequence[Requested], link: Acknowledger, now: float) -> None:
        """Take what one read brought, and answer it, now or later. Never raises, never awaits.

        Args:
            requests: every `Requested` of the session, in order.
            link: where they came from, and where the answers go.
            now: the time.
        """
        updates: list[StatusUpdate] = []
        events: list[Requested] = []
        fresh: set[int] = set()
        server, correlation = link.server, self._correlation
        known = correlation.young if correlation.is_exact else _NOTHING_KNOWN
        young, old = self._seen.generations if self._deduplicate else _NOTHING_SEEN
        just_now = fresh if self._deduplicate else old
        for event in requests:
            pdu: Carrier | None
            request = event.request
            if type(request) is DeliverSm and request.esm_class == _RECEIPT:
                pdu = request
            else:
                pdu = self._unusual_receipt(event, link, now)
                if pdu is None:
                    continue
            update, text_id = read_update(pdu, server)
            number = hash((pdu.source_addr, pdu.user_data, pdu.tlvs))
            if (number in just_now or number in young or number in old) and update.message_id:
                self._repeated(event, link, events if number in just_now else None)
                continue
            if update.message_id not in known:
                message_id = correlation.find(update.message_id, text_id)
                if message_id is not update.message_id:
                    if message_id is None and self._waits(update, text_id, number, event, link, now):
                        continue
                    update = self._named(update, message_id)
            events.append(event)
            fresh.add(number)
            updates.append(update)
        if events:
            self._answer(events, link, self._hand_over(updates, fresh))
        if self._early.count:
            self._let_go(self._overdue(now))

    def submitted(self, message_id: str, now: float) -> None:  # noqa: ARG002 - as all that links tell
        """A part was accepted under this id; receipts that came before are handed over. Cheap."""
        correlation = self._correlation
        if correlation.is_exact and len(correlation.young) < correlation.half - 1:
            correlation.young[message_id] = message_id
        else:
            correlation.learn(message_id)
        if self._early.count:
            # Nothing is overdue here: more of the same read's responses may follow this one.
            self._let_go(self._early.release(self._correlation.stored_keys(message_id)), message_id)

    def submitted_all(self, message_ids: list[str], now: float) -> None:
        """``submitted`` for everything that one read brought."""
        young = self._correlation.young
        if self._early.count or not self._correlation.is_exact:
            for message_id in message_ids:
                self.submitted(message_id, now)
        elif len(young) + len(message_ids) < self._correlation.half:
            young.update(zip(message_ids, message_ids, strict=True))
        else:
            for message_id in message_ids:
                self._correlation.learn(message_id)

    def lost(self, link: Acknowledger, now: float) -> None:
        """A link is over."""
        self._inbox.lost(link, now)

    def on_time(self, now: float) -> None:
        """Let go of what has waited long enough."""
        if self._early.count:
            self._let_go(self._overdue(now))
        self._inbox.on_time(now)

    def next_deadline(self) -> float | None:
        """When `on_time` has something to do; ``None`` while nothing waits."""
        waits = self._inbox.next_deadline()
        until = self._early.next_deadline()
        if waits is None or until is None:
            return until if waits is None else waits
        return min(waits, until)

    def close(self, now: float) -> None:
        """Let go of everything: receipts as they are, parts that only this process has as partial messages."""
        self._let_go(self._early.shrink(0))
        self._inbox.close(now)

    def stats(self) -> ReceivingStats:
        """What came in so far."""
        return ReceivingStats(
            receipts=self._receipts,
            unmatched=self._unmatched,
            duplicates=self._duplicates,
            refused=self._refused,
            held=self._early.count,
            held_most=self._held_most,
            inbox=self._inbox.stats(),
        )

    def _unusual_receipt(self, event: Requested, link: Acknowledger, now: float) -> Carrier | None:
        """A receipt that does not look like one at first sight; everything else is taken care of here."""
        pdu = event.request
        if not isinstance(pdu, (DeliverSm, DataSm)):
            link.answer(event, refusal(pdu.command, CommandStatus.ESME_RINVCMDID))
        elif is_receipt(pdu):
            return pdu
        else:
            self._inbox.take(event, pdu, link, now)
        return None

    def _named(self, update: StatusUpdate, message_id: str | None) -> StatusUpdate:
        """Under the id that the message was sent under, where that is another or not known."""
        if message_id is None:
            self._unmatched += 1
            return update
        return replace(update, message_id=message_id)

    def _repeated(self, event: Requested, link: Acknowledger, events: list[Requested] | None) -> None:
        """It was handed over before, or is about to be with ``events``, whose answer it shares."""
        self._duplicates += 1
        if events is None:
            settle(link, event, _TAKEN)
        else:
            events.append(event)

    def _waits(
        self, update: StatusUpdate, text_id: str | None, number: int, event: Requested, link: Acknowledger, now: float
    ) -> bool:
        """Whether it has to wait: a submit under way may turn out to be its message."""
        if not self._hold or self.updates is None or not self._may_come(now):
            return False
        keys = self._correlation.lookup_keys(update.message_id, text_id)
        if not keys:
            return False
        first = self._early.same(number) if self._deduplicate else None
        if first is not None:
            self._duplicates += 1
            first.owed.append((link, event))
            return True
        self._early.add(EarlyReceipt(update, keys, now, now + self._hold, (link, event), number))
        self._held_most = max(self._held_most, self._early.count)
        self._let_go(self._early.shrink(self._max_held))
        return True

    def _may_come(self, came_at: float) -> bool:
        if self.oldest_unanswered is None:
            return True
        oldest = self.oldest_unanswered()
        return oldest is not None and oldest <= came_at

    def _overdue(self, now: float) -> list[EarlyReceipt]:
        came_before = -math.inf
        if self.oldest_unanswered is not None:
            # A submit that was written after the receipt had come is not its message.
            oldest = self.oldest_unanswered()
            came_before = math.inf if oldest is None else oldest
        return self._early.expire(now, came_before)

    def _let_go(self, early: list[EarlyReceipt], message_id: str | None = None) -> None:
        for one in early:
            if self._deduplicate and one.fingerprint in self._seen:
                # It came again, and did not have to wait.
                self._duplicates += 1
                status = _TAKEN
            else:
                status = self._hand_over([self._named(one.update, message_id)], {one.fingerprint})
            for link, event in one.owed:
                settle(link, event, status)

    def _answer(self, events: list[Requested], link: Acknowledger, status: int) -> None:
        acknowledge = link.acknowledge
        for event in events:
            if type(event.request) is DeliverSm:
                acknowledge(event.sequence, status)
            else:
                settle(link, event, status)

    def _hand_over(self, updates: list[StatusUpdate], fresh: set[int]) -> int:
        sink = self.updates
        status = _NOBODY
        if sink is not None:
            try:
                status = _TAKEN if sink(updates) else _FULL
            except Exception as error:  # noqa: BLE001 - the application's fault must not break the link
                self._complaints.about("status updates could not be handed over: %s", type(error).__name__)
        if status == _TAKEN:
            self._receipts += len(updates)
            self._seen.add(fresh)
        else:
            self._refused += len(updates)
        return status
