"""What becomes of a submit_sm: the rules of the document, then the one store that every protocol shares."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Final, NamedTuple

from sms_traffic_async.protocols.smpp.pdu import SubmitSm, parse_time
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.classic import Note
from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.rates import Rate, RateWindow
from sms_traffic_async.sandbox.refusals import Refusal
from sms_traffic_async.sandbox.rules import AirText
from sms_traffic_async.sandbox.smpp_parts import Parts
from sms_traffic_async.sandbox.smpp_reading import ShortMessage, read_short_message, text_of
from sms_traffic_async.sandbox.smpp_statuses import of_refusal
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("Desk", "Sender", "Taken")

_OK: Final = CommandStatus.ESME_ROK
_UNSUPPORTED: Final = (
    ("service_type", CommandStatus.ESME_RINVSERTYP),
    ("priority_flag", CommandStatus.ESME_RINVPRTFLG),
    ("schedule_delivery_time", CommandStatus.ESME_RINVSCHED),
    ("replace_if_present_flag", CommandStatus.ESME_RINVREPFLAG),
    ("sm_default_msg_id", CommandStatus.ESME_RINVDFTMSGID),
)
"""Table 2 of the document: "Не поддерживается"."""
_ADDRESSES: Final = {True: (1, 1), False: (5, 0)}
"""TON and NPI of a sender of digits, and of letters."""


class Sender(NamedTuple):
    """Who a bound link belongs to."""

    principal: Principal
    system_id: str
    node: int
    ip: str


class Taken(NamedTuple):
    """A submit_sm that was accepted: its id and text, the message it is (part of), and what its number says of it."""

    message_id: str
    message: StoredMessage
    text: str
    course: str
    outcome_code: int


class Desk:
    """Takes submit_sms in."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._parts = Parts(platform)
        self._windows: dict[object, RateWindow] = {}

    def is_throttled(self, sender: Sender, bind: object) -> bool:
        """Count one message, and say whether it is one too many (U10)."""
        account = sender.principal.account
        switches = self._platform.switches
        rate = switches.smpp_rate if account.smpp_rate is None else account.smpp_rate
        if rate is None:
            return False
        scope = switches.smpp_rate_scope
        key: object = bind
        if scope != "bind":
            key = (scope, sender.system_id if scope == "system_id" else account.login)
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = RateWindow()
        return window.take(_per_second(rate), self._platform.clock.now()) > 0

    def submit(self, pdu: SubmitSm, sender: Sender, request_id: str) -> Taken | CommandStatus:
        """Take a message, or say why not."""
        note: Note = partial(
            self._platform.findings.add,
            protocol="smpp",
            operation="submit",
            node=sender.node,
            request_id=request_id,
        )
        refused = self._unsupported(pdu, note)
        if refused is not _OK:
            return refused
        if pdu.source_addr != pdu.source_addr.strip():
            note("source_addr", "has spaces at its ends", refused=True)
            return CommandStatus.ESME_RINVSRCADR
        _check_addresses(pdu, note)
        read = read_short_message(pdu)
        if read.problem:
            note("short_message", read.problem)
        if read.too_long:
            note("short_message", "is more than one short message holds", refused=True)
            return CommandStatus.ESME_RINVMSGLEN
        validity: float | None = None
        if pdu.validity_period:
            validity = self._validity(pdu.validity_period)
            if validity is None:
                note("validity_period", "is no time, or over", refused=True)
                return CommandStatus.ESME_RINVEXPIRY
        arrival = Arrival(
            protocol="smpp",
            node=sender.node,
            principal=sender.principal,
            request_id=request_id,
            ip=sender.ip,
            ids_per_part=True,
        )
        draft = _draft(pdu, read, validity)
        prepared = self._platform.prepare(draft, arrival)
        taken = prepared if isinstance(prepared, Refusal) else self._take(pdu, read, prepared, arrival)
        if isinstance(taken, Refusal):
            note("submit_sm", f"is refused: {taken.code}", refused=True)
            return of_refusal(taken.code)
        return taken

    def forget(self, bind: object) -> None:
        """A link is over: its own count goes."""
        self._windows.pop(bind, None)

    def clear(self) -> None:
        """Forget counts, and messages that are not whole."""
        self._windows.clear()
        self._parts.clear()

    def _take(self, pdu: SubmitSm, read: ShortMessage, prepared: Prepared, arrival: Arrival) -> Taken | Refusal:
        part = read.part
        if part is None or part.total == 1:
            made = self._platform.take((prepared,), arrival)
            message = made if isinstance(made, Refusal) else made[0]
        else:
            message = self._parts.take(pdu, read, part, prepared, arrival)
        if isinstance(message, Refusal):
            return message
        outcome = prepared.outcome
        return Taken(message.part_ids[-1], message, prepared.draft.text, outcome.course, outcome.code)

    def _unsupported(self, pdu: SubmitSm, note: Note) -> CommandStatus:
        if pdu.tlvs:
            note("tlvs", "submit_sm takes no optional parameters, long texts go by UDH", refused=True)
            return CommandStatus.ESME_ROPTPARNOTALLWD
        for name, status in _UNSUPPORTED:
            if getattr(pdu, name):
                refused = self._platform.switches.smpp_unsupported_refused
                note(name, "is not supported", refused=refused)
                if refused:
                    return status
        return _OK

    def _validity(self, text: str) -> float | None:
        found = parse_time(text)
        if isinstance(found, timedelta):
            return found.total_seconds() or None
        if isinstance(found, datetime):
            left = found.timestamp() - self._platform.clock.now()
            return left if left > 0 else None
        return None


def _check_addresses(pdu: SubmitSm, note: Note) -> None:
    originator = pdu.source_addr
    if originator and (pdu.source_addr_ton, pdu.source_addr_npi) != _ADDRESSES[originator.isdigit()]:
        note("source_addr_ton", "is 1 with source_addr_npi 1 for a sender of digits, 5 with 0 for one of letters")
    if (pdu.dest_addr_ton, pdu.dest_addr_npi) != _ADDRESSES[True]:
        note("dest_addr_ton", "is 1, with dest_addr_npi 1")


def _draft(pdu: SubmitSm, read: ShortMessage, validity: float | None) -> Draft:
    text = text_of(read.octets, read)
    return Draft(
        to=pdu.destination_addr,
        text=text,
        originator=pdu.source_addr or None,
        validity=validity,
        flash=read.flash,
        air=AirText(text, read.encoding, 1),
    )


@lru_cache(maxsize=64)
def _per_second(rate: float) -> Rate:
    return Rate.per_second(rate)
