"""Delivery receipts: a deliver_sm that tells what became of a message.

Optional parameters first, because they cannot be misread: 0x001E is the id,
0x0427 the state, 0x0423 the operator's reason. The text (document, table 3) is
read for what they leave open, field by field: any order, any case, any width,
everything may be missing. Reading a receipt never raises.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sms_traffic_async.messages import MOSCOW, StatusUpdate
from sms_traffic_async.protocols.smpp.fields import draft_of
from sms_traffic_async.protocols.smpp.message_ids import EXACT, IdMatching
from sms_traffic_async.protocols.smpp.submits import DataSm, DeliverSm
from sms_traffic_async.protocols.smpp.tlv import Tlvs, as_number
from sms_traffic_async.protocols.smpp.vocabulary import DataCoding, EsmClass, Tag
from sms_traffic_async.secrets import mask_phone
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus
from sms_traffic_async.text import parse_user_data

__all__ = ("EXACT", "IdMatching", "Receipt", "is_receipt", "parse_date", "read_receipt", "read_update")

Carrier: TypeAlias = DeliverSm | DataSm

_TLV_HEAD: Final = 4
_unpack_tlv: Final = struct.Struct(">HH").unpack_from
_TYPE_MASK: Final = 0x3C
_RECEIPTS: Final = frozenset({int(EsmClass.RECEIPT), int(EsmClass.INTERMEDIATE)})
_LONGEST: Final = 2048
"""Of a receipt's text so much is read; the document's longest has about 200 characters."""

# As the document writes it, between the id and the text, and as nearly everybody does.
_USUAL: Final = re.compile(
    r"sub:(\d*) dlvrd:(\d*) submit date:(\d*) done date:(\d*) stat:(\w*) err:(\w*)\Z", re.IGNORECASE | re.ASCII
)
_NAME: Final = re.compile(
    r"(?:^|(?<=\s))(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text)\s*:",
    re.IGNORECASE | re.ASCII,
)
_DATE_FORMS: Final = {10: (2, "00"), 12: (2, ""), 14: (4, "")}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Receipt:
    """What a receipt tells. ``None`` where it does not.

    Attributes:
        message_id: the id of the message, from the parameter, else from the text.
        text_id: the id in the text; some platforms write it in another base.
        status: the state as a status of the platform; unknown words are kept.
        state: the state's number, from the parameter.
        stat: the state's word, from the text.
        error: the operator's reason, from the parameter, else from the text.
        err: the reason as the text has it; not always a number.
        network_type: whose code the parameter's reason is.
        submit_date: when the platform took the message, as the text has it.
        done_date: when the state was reached, as the text has it.
        sub: parts submitted.
        dlvrd: parts delivered.
        text: the beginning of the message, as the text has it.
        source_addr: whom the message went to.
        destination_addr: whom it came from.
        raw: the whole text, as it came.
    """

    message_id: str | None
    text_id: str | None
    status: MessageStatus
    state: int | None
    stat: str | None
    error: DeliveryErrorCode | None
    err: str | None
    network_type: int | None
    submit_date: str | None
    done_date: str | None
    sub: int | None
    dlvrd: int | None
    text: str | None
    source_addr: str
    destination_addr: str
    raw: bytes

    @property
    def submitted_at(self) -> datetime | None:
        """``submit_date`` as a time. The document names no zone: UTC+3 is assumed (field notes, Q4)."""
        return None if self.submit_date is None else parse_date(self.submit_date)

    @property
    def done_at(self) -> datetime | None:
        """``done_date`` as a time."""
        return None if self.done_date is None else parse_date(self.done_date)

    def lookup_keys(self, matching: IdMatching = EXACT) -> tuple[str, ...]:
        """The keys under which its message may be filed, the surest first."""
        keys = dict.fromkeys(
            key
            for message_id in (self.message_id, self.text_id)
            if message_id is not None
            for key in matching.lookup_keys(message_id)
        )
        return tuple(keys)

    def update(self, *, message_id: str | None = None, node: str | None = None) -> StatusUpdate:
        """The same as the value that every protocol shares.

        Args:
            message_id: the id the message was sent under, where `IdMatching` found it.
            node: the node it came from.
        """
        made: Any = _new_update()
        made.message_id = message_id or self.message_id or ""
        made.status = self.status
        made.to = self.source_addr or None
        made.submitted_at = self.submitted_at
        made.status_at = self.done_at
        made.error = self.error
        made.node = node
        made.source = "receipt"
        made.raw = {"short_message": self.raw.decode("latin-1")}
        made.tracking_data = made.sent_at = made.error_text = made.operator_id = made.mcc = made.mnc = None
        made.parts = made.channel = made.login = None
        made.__class__ = StatusUpdate
        update: StatusUpdate = made
        return update

    def __repr__(self) -> str:
        return (
            f"Receipt(message_id={self.message_id!r}, status={str(self.status)!r}, error={self.error!r}, "
            f"source_addr={mask_phone(self.source_addr)!r})"
        )


_new_receipt: Final = draft_of(object, Receipt.__slots__)
_new_update: Final = draft_of(object, StatusUpdate.__slots__)


def is_receipt(pdu: Carrier) -> bool:
    """Whether it is a receipt or an intermediate notification, not a subscriber's message.

    Its esm_class says so, or the two parameters that only receipts have. Never
    its text: a subscriber can write ``id:1 stat:DELIVRD`` too.
    """
    if pdu.esm_class & _TYPE_MASK in _RECEIPTS:
        return True
    if not pdu.tlvs:
        return False
    found = pdu.tlvs.values()
    return Tag.RECEIPTED_MESSAGE_ID in found and Tag.MESSAGE_STATE in found


def read_receipt(pdu: Carrier) -> Receipt:
    """Read a receipt. Never raises; what cannot be read is ``None``, and ``raw`` keeps it."""
    raw = pdu.user_data
    if pdu.esm_class & _UDHI:
        raw = parse_user_data(raw).body
    message_id, state, reason = _parameters(pdu.tlvs) if pdu.tlvs else _NO_PARAMETERS
    text_id, fields, text = _text(raw, pdu.data_coding)
    made: Any = _new_receipt()
    made.message_id = message_id or text_id
    made.text_id = text_id
    made.state = state
    made.sub, made.dlvrd, made.submit_date, made.done_date, made.stat, made.err = fields
    made.status = _status(state, made.stat)
    if reason is None:
        made.network_type, made.error = None, _error(made.err)
    else:
        made.network_type, made.error = reason[0], _error(reason[1])
    made.text = text
    made.source_addr = pdu.source_addr
    made.destination_addr = pdu.destination_addr
    made.raw = raw
    made.__class__ = Receipt
    receipt: Receipt = made
    return receipt


def read_update(pdu: Carrier, node: str | None) -> tuple[StatusUpdate, str | None]:
    """``read_receipt(pdu).update(node=node)`` and its ``text_id``, at two thirds of the price. Never raises."""
    raw = pdu.user_data
    if pdu.esm_class & _UDHI:
        raw = parse_user_data(raw).body
    # The same steps as in `_text`; what is not usual goes the long way.
    head, mark, _ = raw.partition(b" text:")
    start, _, middle = head.partition(b" ")
    message_id, state, reason = _parameters(pdu.tlvs) if pdu.tlvs else _NO_PARAMETERS
    if not mark or start[:3] != b"id:" or (meaning := _meaning(middle, state, reason)) is None:
        receipt = read_receipt(pdu)
        return receipt.update(node=node), receipt.text_id
    text_id = start[3:].decode("latin-1") or None
    made: Any = _new_update()
    made.status, made.error, made.submitted_at, made.status_at = meaning
    made.message_id = message_id or text_id or ""
    made.to = pdu.source_addr or None
    made.node = node
    made.source = "receipt"
    made.raw = {"short_message": raw.decode("latin-1")}
    made.tracking_data = made.sent_at = made.error_text = made.operator_id = made.mcc = made.mnc = None
    made.parts = made.channel = made.login = None
    made.__class__ = StatusUpdate
    update: StatusUpdate = made
    return update, text_id


_UDHI: Final = int(EsmClass.UDHI)
_ID: Final = int(Tag.RECEIPTED_MESSAGE_ID)
_STATE: Final = int(Tag.MESSAGE_STATE)
_NETWORK_ERROR: Final = int(Tag.NETWORK_ERROR_CODE)
_NO_PARAMETERS: Final = (None, None, None)
_LISTED_STATES: Final = tuple(MessageStatus.from_receipt(number) for number in range(10))


def _parameters(tlvs: Tlvs) -> tuple[str | None, int | None, tuple[int, int] | None]:
    # One walk for the three, and of several of a kind the first. Tlvs.items() would take twice as long.
    message_id: str | None = None
    state: int | None = None
    reason: tuple[int, int] | None = None
    start, size = _TLV_HEAD, len(tlvs)
    while start <= size:
        tag, length = _unpack_tlv(tlvs, start - _TLV_HEAD)
        at = start + length
        if at > size:
            break
        if tag == _ID and message_id is None:
            stop = tlvs.find(0, start, at)
            message_id = tlvs[start : at if stop < 0 else stop].decode("latin-1")
        elif tag == _STATE and state is None:
            state = tlvs[start] if length == 1 else as_number(tlvs[start:at])
        elif tag == _NETWORK_ERROR and reason is None and length >= 3:  # noqa: PLR2004 - network type and code
            reason = tlvs[start], tlvs[start + 1] << 8 | tlvs[start + 2]
        start = at + _TLV_HEAD
    return message_id, state, reason


@lru_cache(maxsize=256)
def _error(err: str | int | None) -> DeliveryErrorCode | None:
    return DeliveryErrorCode.read(err)


@lru_cache(maxsize=256)
def _count(digits: str) -> int | None:
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None  # noqa: PLR2004 - sane


@lru_cache(maxsize=256)
def _status(state: int | None, stat: str | None) -> MessageStatus:
    # A number that means nothing does not outweigh a word that does.
    if state is not None and (stat is None or state < len(_LISTED_STATES)):
        return MessageStatus.from_receipt(state)
    return MessageStatus.from_receipt(stat)


@lru_cache(maxsize=1024)
def parse_date(text: str) -> datetime | None:
    """A receipt's date: ``YYMMDDhhmm``, also with seconds, also with the century; ``None`` if it is none.

    Of 12 digits the reading with seconds is taken. Dates repeat from receipt to
    receipt, so they are remembered.
    """
    form = _DATE_FORMS.get(len(text))
    if form is None or not (text.isascii() and text.isdigit()):
        return None
    year_digits, seconds = form
    year, rest = int(text[:year_digits]), text[year_digits:] + seconds
    month, day, hour, minute, second = (int(rest[at : at + 2]) for at in range(0, 10, 2))
    try:
        return datetime(year if year_digits > 2 else 2000 + year, month, day, hour, minute, second, tzinfo=MOSCOW)  # noqa: PLR2004
    except ValueError:
        return None


_Fields: TypeAlias = tuple[int | None, int | None, str | None, str | None, str | None, str | None]
"""sub, dlvrd, submit date, done date, stat, err."""
_NOTHING: Final[_Fields] = (None, None, None, None, None, None)


def _text(raw: bytes, data_coding: int) -> tuple[str | None, _Fields, str | None]:
    if not raw:
        return None, _NOTHING, None
    # Within a minute thousands of receipts differ only in their id, so what follows it is remembered.
    head, mark, text = raw.partition(b" text:")
    start, _, middle = head.partition(b" ")
    if mark and start[:3] == b"id:":
        fields = _usual(middle)
        if fields is not None:
            return start[3:].decode("latin-1") or None, fields, text[:_LONGEST].decode("latin-1")
    wide = data_coding == DataCoding.UCS2 and b"\0" in raw
    return _search(raw[:_LONGEST].decode("utf-16-be", "replace") if wide else raw[:_LONGEST].decode("latin-1"))


@lru_cache(maxsize=1024)
def _meaning(
    middle: bytes, state: int | None, reason: tuple[int, int] | None
) -> tuple[MessageStatus, DeliveryErrorCode | None, datetime | None, datetime | None] | None:
    fields = _usual(middle)
    if fields is None:
        return None
    _, _, submit_date, done_date, stat, err = fields
    return (
        _status(state, stat),
        _error(err if reason is None else reason[1]),
        None if submit_date is None else parse_date(submit_date),
        None if done_date is None else parse_date(done_date),
    )


@lru_cache(maxsize=1024)
def _usual(middle: bytes) -> _Fields | None:
    match = _USUAL.match(middle[:_LONGEST].decode("latin-1"))
    if match is None:
        return None
    sub, dlvrd, submit_date, done_date, stat, err = match.groups()
    return _count(sub), _count(dlvrd), submit_date or None, done_date or None, stat or None, err or None


def _search(text: str) -> tuple[str | None, _Fields, str | None]:
    found: dict[str, str] = {}
    names = list(_NAME.finditer(text))
    for number, match in enumerate(names):
        name = match[1].lower().replace(" ", "").replace("_", "")
        end = names[number + 1].start() if number + 1 < len(names) else len(text)
        if name == "text" and {"id", "stat"} <= found.keys():
            # Behind it comes what a subscriber is sent: nothing in there is a field any more.
            found["text"] = text[match.end() :]
            break
        # The first one counts, for the same reason.
        found.setdefault(name, text[match.end() : end].strip(" \0\r\n\t"))
    submit_date, done_date, stat, err = (found.get(name) or None for name in ("submitdate", "donedate", "stat", "err"))
    fields = (_count(found.get("sub", "")), _count(found.get("dlvrd", "")), submit_date, done_date, stat, err)
    return found.get("id") or None, fields, found.get("text")
