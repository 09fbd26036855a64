"""The platform itself: one store, one clock, one set of accounts, no protocol.

Every protocol's room asks it the same things: is this recipient right, may this
sender be used, take these messages. Taking is one synchronous block, so an
accepted message, its entry in the accept log and its price cannot come apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from sms_traffic_async.sandbox.accept_log import AcceptEntry, AcceptLog
from sms_traffic_async.sandbox.accounts import Accounts, Principal
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.drafts import MOST_PARTS, Arrival, Draft, Prepared
from sms_traffic_async.sandbox.faults import Faults
from sms_traffic_async.sandbox.findings import Findings
from sms_traffic_async.sandbox.inbound import Inbound
from sms_traffic_async.sandbox.life import Life, Pace
from sms_traffic_async.sandbox.numbers import check_number, federal_number, operator_of
from sms_traffic_async.sandbox.outcomes import NumberOutcome, Outcomes
from sms_traffic_async.sandbox.refusals import Refusal, refuse
from sms_traffic_async.sandbox.reports import Reports
from sms_traffic_async.sandbox.restrictive import RestrictiveIds
from sms_traffic_async.sandbox.rules import AirText, SpamFilter, check_originator, on_air
from sms_traffic_async.sandbox.stats import SandboxStats
from sms_traffic_async.sandbox.store import KEEP_NEWEST, Store, StoredMessage
from sms_traffic_async.sandbox.switches import Switches

__all__ = ("Platform",)

NUMBER_CODES = frozenset(range(425, 431))
"""What ``check_number`` refuses with; blocked (432) and unsubscribed (431) numbers stay refused."""
BAD_NUMBER = NumberOutcome(suffix="", course="rejected", note="a number that is none")


class Platform:
    """Everything behind the doors of one sandbox."""

    def __init__(
        self,
        clock: SandboxClock,
        accounts: Accounts,
        *,
        switches: Switches | None = None,
        pace: Pace | None = None,
        keep: int = KEEP_NEWEST,
        outcomes: Sequence[NumberOutcome] = (),
    ) -> None:
        self.clock = clock
        self.accounts = accounts
        self.switches: Switches = switches or Switches()
        self.store: Store = Store(clock, keep_newest=keep)
        self.accepted: AcceptLog = AcceptLog(clock)
        self.outcomes: Outcomes = Outcomes(outcomes)
        self.life: Life = Life(clock, pace or Pace())
        self.faults: Faults = Faults(clock)
        self.findings: Findings = Findings(clock)
        self.restrictive: RestrictiveIds = RestrictiveIds(clock, lambda: self.switches)
        self.spam: SpamFilter = SpamFilter(clock)
        self.reports: Reports = Reports(self.store, clock, lambda: self.switches, lambda: self.life.pace)
        self.arrivals: list[Callable[[StoredMessage], None]] = []
        """Called with every new message, sent and inbound, in the block that takes it."""
        self.inbound: Inbound = Inbound(self)
        """Takes messages of subscribers in; ``inbound.ways`` deliver them."""

    @property
    def stats(self) -> SandboxStats:
        """Everything in numbers."""
        return SandboxStats(
            messages=self.store.total,
            accepted=self.accepted.total,
            findings=self.findings.total,
            faults=len(self.faults),
        )

    def prepare(self, draft: Draft, arrival: Arrival) -> Prepared | Refusal:
        """Everything that can speak against one message, in the platform's order; takes nothing."""
        switches, account = self.switches, arrival.principal.account
        if not draft.text:
            return refuse(423, draft.to)
        refusal = None if draft.any_number else check_number(draft.to)
        if refusal is not None:
            return refusal
        outcome = self.outcomes.of(draft.to)
        if draft.any_number and (check_number(draft.to) or outcome.code in NUMBER_CODES):
            # Queued and billed whatever it looks like; the SMSC then refuses it (document, status Rejected).
            outcome = BAD_NUMBER
        if outcome.course == "refused":
            return refuse(outcome.code, draft.to, draft.to)
        number = federal_number(draft.to) if switches.federal_numbers else draft.to
        if draft.to in account.blocked or number in account.blocked:
            return refuse(432, draft.to)
        originator = check_originator(draft.originator or account.default_originator, account, number, switches)
        if isinstance(originator, Refusal):
            return originator
        air = draft.air or on_air(
            draft.text,
            number=draft.to,
            transliterate=draft.transliterate,
            max_parts=draft.max_parts,
            switches=switches,
            encoding=draft.encoding,
            reference_bytes=draft.reference_bytes,
            flash=draft.flash,
        )
        if isinstance(air, Refusal):
            return air
        return Prepared(draft, number, originator, air, outcome, account.price * air.parts)

    def take(self, prepared: Sequence[Prepared], arrival: Arrival) -> list[StoredMessage] | Refusal:
        """Accept messages, all or (without the money for all) none. One synchronous block."""
        account = arrival.principal.account
        cost = sum((one.cost for one in prepared), Decimal(0))
        if prepared and not account.affords(cost):
            return refuse(415)
        account.balance -= cost
        return [self._take(one, arrival) for one in prepared]

    def take_part(self, prepared: Prepared, arrival: Arrival, message: StoredMessage | None) -> StoredMessage | Refusal:
        """Accept one part of a long message that comes in parts; `start` it when they are there.

        Args:
            prepared: the part.
            arrival: the request.
            message: what the part belongs to; ``None`` makes a new one of it.
        """
        account = arrival.principal.account
        if not account.affords(prepared.cost):
            return refuse(415)
        account.balance -= prepared.cost
        part_id = self.store.new_id(self.switches.id_digits)
        if message is None:
            message = self._stored(prepared, arrival, (part_id,))
        else:
            message.cost += prepared.cost
            self.store.add_part(message, part_id)
        self._log(prepared.draft, arrival, part_id)
        return message

    def start(self, message: StoredMessage, outcome: NumberOutcome) -> None:
        """A message that was taken is whole: its life begins."""
        account = self.accounts.get(message.login.partition(":")[0])
        spam = self.switches.antispam and self.spam.is_spam(account, message.to, message.text)
        self.life.begin(message, outcome, rejected=spam)
        for listener in self.arrivals:
            listener(message)

    def resume(self, message: StoredMessage) -> None:
        """Take a message of another run in as it was; its statuses are told by `Life.reach`."""
        self.store.add(message)
        draft = Draft(to=message.to, text=message.text, tracking_data=message.tracking_data)
        self._log(draft, message, message.id)
        for listener in self.arrivals:
            listener(message)

    def receive(self, *, sender: str, recipient: str, text: str, login: str = "", node: int = 1) -> StoredMessage:
        """Store an inbound message, and deliver it nowhere; ``inbound`` does both."""
        account = self.accounts.get(login.partition(":")[0])
        now = self.clock.now()
        air = on_air(text, number=sender, transliterate=False, max_parts=MOST_PARTS, switches=Switches())
        measured = AirText(text, "ucs2", 1) if isinstance(air, Refusal) else air
        message = StoredMessage(
            id=self.store.new_id(self.switches.id_digits),
            login=login or account.login,
            department="",
            to=sender,
            originator=recipient,
            text=text,
            encoding=measured.encoding,
            parts=measured.parts,
            cost=Decimal(0),
            protocol="air",
            node=node,
            request_id="",
            submitted_at=now,
            operator=operator_of(sender),
            direction="mo",
            sent_at=now,
            status_at=now,
        )
        self.store.add(message)
        for listener in self.arrivals:
            listener(message)
        return message

    def local_start(self, start: datetime, number: str, *, local_time: bool) -> float:
        """When a scheduled message starts; ``localtime`` reads the clock time in the subscriber's zone."""
        if local_time:
            start = start.replace(tzinfo=timezone(timedelta(hours=operator_of(number).utc_offset)))
        return start.timestamp()

    def visible(self, message: StoredMessage, *, node: int, protocol: str, principal: Principal) -> bool:
        """Whether a look-up on this node finds a message yet (U6, U11), and whether it belongs to the asker."""
        switches = self.switches
        if not principal.sees(message.login) or message.direction == "mo":
            return False
        if message.protocol != protocol and not switches.statuses_other_protocols:
            return False
        if message.node == node:
            delay = switches.statuses_delay
        elif switches.statuses_cross_node:
            delay = max(switches.statuses_delay, switches.statuses_cross_node_delay)
        else:
            return False
        return self.clock.now() >= message.submitted_at + delay

    def reset(self) -> None:
        """Forget messages, logs, faults and counters; accounts, switches and the clock stay."""
        self.life.forget()
        self.store.clear()
        self.accepted.clear()
        self.findings.clear()
        self.faults.reset()
        self.restrictive.clear()
        self.spam.clear()
        self.inbound.clear()
        self.reports.clear()
        self.outcomes.reset()
        self.accounts.forget_rates()

    def _take(self, prepared: Prepared, arrival: Arrival) -> StoredMessage:
        digits = self.switches.id_digits
        part_ids: tuple[str, ...] = ()
        if arrival.ids_per_part:
            part_ids = tuple(self.store.new_id(digits) for _ in range(prepared.air.parts))
        message = self._stored(prepared, arrival, part_ids)
        self._log(prepared.draft, arrival, message.id)
        self.start(message, prepared.outcome)
        return message

    def _stored(self, prepared: Prepared, arrival: Arrival, part_ids: tuple[str, ...]) -> StoredMessage:
        draft, number, originator, air, _, cost = prepared
        principal = arrival.principal
        message = StoredMessage(
            id=part_ids[0] if part_ids else self.store.new_id(self.switches.id_digits),
            part_ids=part_ids,
            login=principal.login,
            department=principal.department_name,
            to=number,
            originator=originator,
            text=air.text,
            encoding=air.encoding,
            parts=air.parts,
            cost=cost,
            protocol=arrival.protocol,
            node=arrival.node,
            request_id=arrival.request_id,
            submitted_at=self.clock.now(),
            operator=operator_of(number),
            tracking_data=draft.tracking_data,
            restrictive_id=arrival.restrictive_id,
            batch_name=draft.batch_name,
            start_at=draft.start_at,
            validity=draft.validity,
            flash=draft.flash,
            ip=arrival.ip,
        )
        self.store.add(message)
        return message

    def _log(self, draft: Draft, arrival: Arrival | StoredMessage, message_id: str) -> None:
        self.accepted.add(
            AcceptEntry(
                message_id=message_id,
                node=arrival.node,
                at=self.clock.now(),
                tracking_data=draft.tracking_data,
                restrictive_id=arrival.restrictive_id,
                to=draft.to,
                text=draft.text,
                protocol=arrival.protocol,
                request_id=arrival.request_id,
            )
        )
