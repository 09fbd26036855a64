"""Receipts: a deliver_sm for every part that asked for one, as table 3 of the document has it."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.protocols.smpp.pdu import DeliverSm, SubmitSm, Tlvs
from sms_traffic_async.protocols.smpp.vocabulary import Tag
from sms_traffic_async.sandbox.life import FINAL, StatusChange, final_of
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.smpp_deliveries import Deliveries, Delivery
from sms_traffic_async.sandbox.store import StoredMessage
from sms_traffic_async.sandbox.switches import SmppIds
from sms_traffic_async.statuses import MessageStatus, receipt_state
from sms_traffic_async.text import GATEWAY

__all__ = ("Receipts", "response_id")

MOST: Final = 500_000
LONGEST_TEXT: Final = 65
RECEIPT: Final = 0x04
INTERMEDIATE: Final = 0x20
WANTED: Final = 0x03
WANTED_ON_FAILURE: Final = 2
WANTED_IN_BETWEEN: Final = 0x10
NETWORK_TYPE: Final = 8
"""Document, "TLV network_error_code"."""
DELIVERED: Final = frozenset({"Delivered", "Read", "Clicked", "Checked"})
"""Who read a message, or told its code, has it."""


class _Wanted(NamedTuple):
    """One part that asked for receipts."""

    part_id: str
    registered_delivery: int
    pdu: SubmitSm
    text: str
    submitted_at: float


class Receipts:
    """Writes receipts when a message's status changes."""

    def __init__(self, platform: Platform, deliveries: Deliveries) -> None:
        self._platform = platform
        self._deliveries = deliveries
        self._wanted: OrderedDict[str, list[_Wanted]] = OrderedDict()
        platform.life.listeners.append(self._changed)

    def expect(self, message: StoredMessage, part_id: str, pdu: SubmitSm, text: str) -> None:
        """A part was accepted; note what it asked for."""
        if not pdu.registered_delivery & (WANTED | WANTED_IN_BETWEEN):
            return
        one = _Wanted(part_id, pdu.registered_delivery, pdu, _snippet(text), self._platform.clock.now())
        self._wanted.setdefault(message.id, []).append(one)
        if len(self._wanted) > MOST:
            self._wanted.popitem(last=False)

    def early(self, message: StoredMessage, part_id: str, course: str, code: int) -> bool:
        """A fault: the last receipt of a part at once, if it has one. The message itself goes on as it would."""
        status = final_of(course)
        wanted = self._wanted.get(message.id, [])
        if status is None:
            return False
        for one in wanted:
            if one.part_id == part_id:
                wanted.remove(one)
                error = code if course == "not_delivered" else 0
                return self._write(message, one, status, error, self._platform.clock.now(), final=True)
        return False

    @property
    def due(self) -> int:
        """Parts that asked for a receipt and whose message has not come to its end."""
        return sum(map(len, self._wanted.values()))

    def clear(self) -> None:
        """Forget who asked."""
        self._wanted.clear()

    def _changed(self, change: StatusChange) -> None:
        message, _, status, at = change
        if message.protocol != "smpp":
            return
        final = status in FINAL
        wanted = self._wanted.pop(message.id, None) if final else self._wanted.get(message.id)
        for one in wanted or ():
            self._write(message, one, status, message.error, at, final=final)

    def _write(self, message: StoredMessage, one: _Wanted, status: str, error: int, at: float, *, final: bool) -> bool:
        asked = one.registered_delivery
        if final:
            due = asked & WANTED == 1 or (asked & WANTED == WANTED_ON_FAILURE and status not in DELIVERED)
        else:
            due = bool(asked & WANTED_IN_BETWEEN)
        if due:
            pdu = _receipt(message, one, status, error, at, final=final, ids=self._platform.switches.smpp_ids)
            delivery = Delivery(pdu, operation="receipt", node=message.node, message_id=one.part_id)
            self._deliveries.of(message.login).post(delivery)
        return due


def response_id(message_id: str, ids: SmppIds) -> str:
    """The id as a submit_sm_resp has it (switch ``smpp_ids``)."""
    if ids == "hex":
        return f"{int(message_id):x}"
    if ids == "case":
        return f"{int(message_id):X}"
    return message_id.zfill(len(message_id) + 4) if ids == "zeros" else message_id


def _receipt(
    message: StoredMessage, one: _Wanted, status: str, error: int, at: float, *, final: bool, ids: SmppIds
) -> DeliverSm:
    state, stat = receipt_state(MessageStatus.read(status))
    shown = f"{int(one.part_id):x}" if ids == "case" else one.part_id
    submit = one.pdu
    text = (
        f"id:{shown} sub:001 dlvrd:{int(status in DELIVERED):03d} submit date:{_minute(int(one.submitted_at // 60))} "
        f"done date:{_minute(int(at // 60))} stat:{stat} err:{error:03d} text:{one.text}"
    )
    tlvs = _TLVS_HEAD[state] + (len(shown) + 1).to_bytes(2) + shown.encode() + b"\0"
    if final and status not in DELIVERED:
        tlvs += _REASON + error.to_bytes(2)
    return DeliverSm(
        source_addr_ton=submit.dest_addr_ton,
        source_addr_npi=submit.dest_addr_npi,
        source_addr=message.to,
        dest_addr_ton=submit.source_addr_ton,
        dest_addr_npi=submit.source_addr_npi,
        destination_addr=message.originator,
        esm_class=RECEIPT if final else INTERMEDIATE,
        short_message=GATEWAY.try_encode(text) or b"",
        tlvs=Tlvs(tlvs),
    )


_TLVS_HEAD: Final = [
    Tlvs.build(((Tag.MESSAGE_STATE, bytes((state,))),)) + int(Tag.RECEIPTED_MESSAGE_ID).to_bytes(2)
    for state in range(10)
]
_REASON: Final = int(Tag.NETWORK_ERROR_CODE).to_bytes(2) + b"\0\3" + bytes((NETWORK_TYPE,))


def _snippet(text: str) -> str:
    """The beginning of a text as a receipt shows it: in the alphabet of data_coding 0."""
    text = text[:LONGEST_TEXT]
    if GATEWAY.try_encode(text) is not None:
        return text
    return "".join(char if char in GATEWAY else "?" for char in text)


@lru_cache(maxsize=1024)
def _minute(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, MOSCOW):%y%m%d%H%M}"
