"""What subscribers write, as deliver_sms. The document describes neither coding nor parts (field notes, Q13)."""

from __future__ import annotations

from itertools import count
from typing import Final, Literal

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.protocols.smpp.pdu import DeliverSm, Tlvs
from sms_traffic_async.protocols.smpp.vocabulary import Tag
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.smpp_deliveries import Deliveries, Delivery
from sms_traffic_async.sandbox.store import StoredMessage
from sms_traffic_async.sandbox.switches import SmppInboundCoding, SmppInboundParts
from sms_traffic_async.text import STANDARD, Encoding, Segments, segment

__all__ = ("Inbound", "inbound_pdus")

UDHI: Final = 0x40
LATIN_1: Final = 3
_LATIN_PART: Final = 140
_LONGEST: Final = 160
"""Octets of one short message; a longer text without parts stands in message_payload."""
_LETTERS: Final = (5, 0)
_DIGITS: Final = (1, 1)


class Inbound:
    """Hands messages of subscribers on to whoever is bound to receive."""

    def __init__(self, platform: Platform, deliveries: Deliveries) -> None:
        self._platform = platform
        self._deliveries = deliveries
        self._references = count(1)

    def deliver(self, message: StoredMessage) -> None:
        """Post a message in as many deliver_sms as it takes, unless the account's settings say no.

        A short number's messages go to its script: the document forwards by SMPP what comes to an "incoming number".
        """
        settings = self._platform.inbound.account_of(message).inbound
        if not settings.smpp or settings.short_number(message.originator) is not None:
            return
        switches = self._platform.switches
        pdus = inbound_pdus(
            message.to,
            message.originator,
            message.text,
            coding=switches.smpp_inbound_coding,
            parts=switches.smpp_inbound_parts,
            reference=next(self._references),
        )
        for pdu in pdus:
            self.post(pdu, login=message.login, node=message.node, message_id=message.id)

    def post(self, pdu: DeliverSm, *, login: str, node: int = 1, message_id: str = "") -> None:
        """Post one deliver_sm as it is: binary, in a foreign coding, damaged.

        Raises:
            LocalProtocolError: a field of it does not fit its place.
        """
        pdu.body()
        self._deliveries.of(login).post(Delivery(pdu, operation="inbound", node=node, message_id=message_id))


def inbound_pdus(
    sender: str, recipient: str, text: str, *, coding: SmppInboundCoding, parts: SmppInboundParts, reference: int
) -> list[DeliverSm]:
    """A message as deliver_sms.

    Args:
        sender: the subscriber.
        recipient: the customer's number.
        text: what was written.
        coding: ``auto``, or one for all; what does not fit into it goes as UCS-2.
        parts: how a long one is told to be one.
        reference: ties the parts together.
    """
    if coding == "latin1":
        pieces = _latin(text)
        if pieces is not None:
            if parts == "payload":
                pieces = [b"".join(pieces)]
            return _pdus(sender, recipient, pieces, LATIN_1, parts, reference)
    made = _segments(text, coding, parts)
    if parts == "payload" and made.count > 1:
        return _pdus(sender, recipient, [made.octets], made.data_coding, parts, reference)
    return _pdus(sender, recipient, made.bodies, made.data_coding, parts, reference)


def _segments(text: str, coding: SmppInboundCoding, parts: SmppInboundParts) -> Segments:
    wanted = {"gsm7": Encoding.GSM7, "ucs2": Encoding.UCS2}.get(coding)
    width: Literal[1, 2] = 2 if parts == "udh16" else 1
    try:
        return segment(text, alphabet=STANDARD, encoding=wanted, reference_bytes=width)
    except InvalidMessage:
        return segment(text, alphabet=STANDARD, encoding=Encoding.UCS2, reference_bytes=width)


def _latin(text: str) -> list[bytes] | None:
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        return None
    step = _LATIN_PART if len(octets) <= _LATIN_PART else _LATIN_PART - 7
    return [octets[at : at + step] for at in range(0, len(octets), step)] or [b""]


def _pdus(
    sender: str, recipient: str, bodies: list[bytes], data_coding: int, parts: SmppInboundParts, reference: int
) -> list[DeliverSm]:
    total = len(bodies)
    ton, npi = _DIGITS if recipient.isdigit() else _LETTERS
    made: list[DeliverSm] = []
    for number, body in enumerate(bodies, 1):
        header, tlvs = _part(reference, total, number, parts) if total > 1 else (b"", ())
        whole = parts == "payload" and total == 1 and len(body) > _LONGEST
        made.append(
            DeliverSm(
                source_addr_ton=_DIGITS[0],
                source_addr_npi=_DIGITS[1],
                source_addr=sender,
                dest_addr_ton=ton,
                dest_addr_npi=npi,
                destination_addr=recipient,
                esm_class=UDHI if header else 0,
                data_coding=data_coding,
                short_message=b"" if whole else header + body,
                tlvs=Tlvs.build(((Tag.MESSAGE_PAYLOAD, body),) if whole else tlvs),
            )
        )
    return made


def _part(
    reference: int, total: int, number: int, parts: SmppInboundParts
) -> tuple[bytes, tuple[tuple[int, bytes], ...]]:
    if parts == "sar":
        return b"", (
            (Tag.SAR_MSG_REF_NUM, (reference & 0xFFFF).to_bytes(2)),
            (Tag.SAR_TOTAL_SEGMENTS, bytes((total,))),
            (Tag.SAR_SEGMENT_SEQNUM, bytes((number,))),
        )
    if parts == "udh16":
        return bytes((6, 8, 4)) + (reference & 0xFFFF).to_bytes(2) + bytes((total, number)), ()
    return bytes((5, 0, 3, reference & 0xFF, total, number)), ()
