"""User data header: the octets before the text that say which part it is.

Long texts go as parts with a concatenation element, the only way the platform
takes them (document, "UDH-склейка"; 3GPP TS 23.040, 9.2.3.24). What arrives is
read by the standard's rules for damage, and never raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sms_traffic_async.errors import ConfigurationError

__all__ = (
    "ESM_CLASS_UDHI",
    "Concatenation",
    "InformationElement",
    "ReferenceBytes",
    "UserData",
    "build_concatenation",
    "concatenation_head",
    "has_udh",
    "is_receipt",
    "parse_user_data",
)

ReferenceBytes: TypeAlias = Literal[1, 2]

ESM_CLASS_UDHI: Final = 0x40
"""The bit of esm_class that says that the short_message starts with a UDH."""
_ESM_TYPE_MASK: Final = 0x3C
_ESM_TYPE_RECEIPT: Final = 0x04

_IEI_8_BIT: Final = 0x00
_IEI_16_BIT: Final = 0x08
_REFERENCE_BYTES: dict[tuple[int, int], ReferenceBytes] = {(_IEI_8_BIT, 3): 1, (_IEI_16_BIT, 4): 2}
"""(identifier, length) of the two concatenation elements."""

MAX_PARTS: Final = 255
PART_NUMBERS: Final = [bytes((number,)) for number in range(1, MAX_PARTS + 1)]
"""The last octet of a concatenation header, for each part."""


def has_udh(esm_class: int) -> bool:
    """Whether the UDHI bit of esm_class is set."""
    return esm_class & ESM_CLASS_UDHI != 0


def is_receipt(esm_class: int) -> bool:
    """Whether a deliver_sm is a delivery receipt (SMPP 3.4, 5.2.12)."""
    return esm_class & _ESM_TYPE_MASK == _ESM_TYPE_RECEIPT


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """Which part of which long message this is.

    Attributes:
        reference: the number that the parts of one message share.
        total: how many parts there are, 1-255.
        part: which one this is, from 1.
        reference_bytes: 1 or 2, how the reference was written.
    """

    reference: int
    total: int
    part: int
    reference_bytes: ReferenceBytes = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationElement:
    """One element of a header, as it came."""

    identifier: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UserData:
    """A short_message taken apart.

    Attributes:
        elements: the header's elements, in order.
        body: the text's octets.
        concatenation: which part this is, or ``None`` for a message of its own.
        damaged: the header's lengths do not add up. Then it says nothing (TS
            23.040, 9.2.3.24): there is no concatenation, and ``body`` is what
            follows it, or everything where it claims more than there is.
    """

    elements: tuple[InformationElement, ...] = ()
    body: bytes = b""
    concatenation: Concatenation | None = None
    damaged: bool = False


def concatenation_head(reference: int, total: int, reference_bytes: ReferenceBytes) -> bytes:
    """All of a concatenation header but its last octet, the number of the part.

    Args:
        reference: taken modulo 256 or 65536, so a plain counter will do.
        total: how many parts, 1-255.
        reference_bytes: 1 (``05 00 03 …``) or 2 (``06 08 04 …``).

    Raises:
        ConfigurationError: ``total`` or ``reference_bytes`` is none of these.
    """
    if not 1 <= total <= MAX_PARTS:
        raise ConfigurationError(f"a message has 1 to {MAX_PARTS} parts, not {total}")
    if reference_bytes == 1:
        return bytes((5, _IEI_8_BIT, 3, reference & 0xFF, total))
    if reference_bytes == 2:  # noqa: PLR2004 - the other of the two sizes
        return bytes((6, _IEI_16_BIT, 4, (reference >> 8) & 0xFF, reference & 0xFF, total))
    raise ConfigurationError("reference_bytes is 1 or 2")


def build_concatenation(concatenation: Concatenation) -> bytes:
    """The header of one part, with its length octet.

    Raises:
        ConfigurationError: the part is not within 1 to total.
    """
    head = concatenation_head(concatenation.reference, concatenation.total, concatenation.reference_bytes)
    if not 1 <= concatenation.part <= concatenation.total:
        raise ConfigurationError(f"part {concatenation.part} is not one of {concatenation.total}")
    return head + PART_NUMBERS[concatenation.part - 1]


def parse_user_data(octets: bytes) -> UserData:
    """Take apart a short_message whose esm_class has the UDHI bit. Never raises.

    A concatenation element with part or total 0, or a part above its total, is
    ignored; of several, the last one counts (TS 23.040, 9.2.3.24.1).
    """
    if not octets:
        return UserData(damaged=True)
    header_end = 1 + octets[0]
    if header_end > len(octets):
        return UserData(body=octets, damaged=True)
    elements: list[InformationElement] = []
    at = 1
    while at + 2 <= header_end and at + 2 + octets[at + 1] <= header_end:
        data_end = at + 2 + octets[at + 1]
        elements.append(InformationElement(identifier=octets[at], data=octets[at + 2 : data_end]))
        at = data_end
    damaged = at != header_end
    return UserData(
        elements=tuple(elements),
        body=octets[header_end:],
        concatenation=None if damaged else _concatenation(elements),
        damaged=damaged,
    )


def _concatenation(elements: list[InformationElement]) -> Concatenation | None:
    found: Concatenation | None = None
    for element in elements:
        reference_bytes = _REFERENCE_BYTES.get((element.identifier, len(element.data)))
        if reference_bytes is None:
            continue
        *reference, total, part = element.data
        if 1 <= part <= total:
            found = Concatenation(
                reference=int.from_bytes(bytes(reference)),
                total=total,
                part=part,
                reference_bytes=reference_bytes,
            )
    return found
