"""Inbound messages as values: one deliver_sm's share of a text, and the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from sms_traffic_async.protocols.smpp.submits import DataSm, DeliverSm
from sms_traffic_async.protocols.smpp.vocabulary import EsmClass
from sms_traffic_async.secrets import mask_phone
from sms_traffic_async.text import decode_short_message, parse_user_data

__all__ = ("GAP", "InboundText", "Key", "Part", "part_of")

Carrier: TypeAlias = DeliverSm | DataSm
GAP: Final = "…"
_UDHI: Final = int(EsmClass.UDHI)


class Key(NamedTuple):
    """What the parts of one message have in common. ``width`` is 1 or 2 octets, 0 for parameters instead of a UDH."""

    source_addr: str
    destination_addr: str
    reference: int
    total: int
    width: int

    def __repr__(self) -> str:
        return f"Key({mask_phone(self.source_addr)!r}, reference={self.reference}, total={self.total})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part:
    """One deliver_sm's share of a message.

    Attributes:
        octets: its text, without any UDH.
        data_coding: how to read them.
        number: which part it is, from 1.
        key: what it belongs to; ``None`` for a message of its own.
        token: whatever the caller wants to find again.
    """

    octets: bytes
    data_coding: int
    number: int = 1
    key: Key | None = None
    source_addr: str = ""
    destination_addr: str = ""
    token: Any = None

    def __repr__(self) -> str:
        return f"Part(number={self.number}, key={self.key!r}, octets=<{len(self.octets)}>)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InboundText:
    """A message, as far as it came.

    Attributes:
        source_addr: who wrote it.
        destination_addr: to which of your numbers.
        parts: in order; those that are missing are missing here too.
        total: how many there should be.
        first_at: when the first of them came.
    """

    source_addr: str
    destination_addr: str
    parts: tuple[Part, ...]
    total: int
    first_at: float

    @property
    def is_complete(self) -> bool:
        """Whether all of it is there."""
        return len(self.parts) == self.total

    @property
    def missing(self) -> tuple[int, ...]:
        """The numbers of the parts that did not come."""
        there = {part.number for part in self.parts}
        return tuple(number for number in range(1, self.total + 1) if number not in there)

    @property
    def text(self) -> str:
        """The text. Missing parts read as ``…``, octets that are no text (binary data_coding) as nothing."""
        pieces: list[str] = []
        run, coding, last = b"", 0, 0
        for part in self.parts:
            is_next = part.number == last + 1
            # Neighbours in one coding are decoded together: some senders cut a surrogate pair in two.
            if not is_next or part.data_coding != coding:
                pieces.append(decode_short_message(run, coding) or "")
                run, coding = b"", part.data_coding
            if not is_next:
                pieces.append(GAP)
            run += part.octets
            last = part.number
        pieces.append(decode_short_message(run, coding) or "")
        if last < self.total:
            pieces.append(GAP)
        return "".join(pieces)

    @property
    def tokens(self) -> tuple[Any, ...]:
        """The parts' tokens, in order."""
        return tuple(part.token for part in self.parts)

    def __repr__(self) -> str:
        return f"InboundText(source_addr={mask_phone(self.source_addr)!r}, parts={len(self.parts)} of {self.total})"


def part_of(pdu: Carrier, token: Any = None) -> Part:
    """A deliver_sm as a part; one that belongs to nothing has no key. Never raises."""
    octets = pdu.user_data
    key: Key | None = None
    number = 1
    if pdu.esm_class & _UDHI:
        user_data = parse_user_data(octets)
        octets = user_data.body
        found = user_data.concatenation
        if found is not None:
            key = Key(pdu.source_addr, pdu.destination_addr, found.reference, found.total, found.reference_bytes)
            number = found.part
    sar = pdu.tlvs.sar if pdu.tlvs and key is None else None
    if sar is not None:
        key = Key(pdu.source_addr, pdu.destination_addr, sar.reference, sar.total, 0)
        number = sar.part
    return Part(
        octets=octets,
        data_coding=pdu.data_coding,
        number=number,
        key=key,
        source_addr=pdu.source_addr,
        destination_addr=pdu.destination_addr,
        token=token,
    )
