"""What a submit_sm carries: the text, which part of it, and what the rules say of its length.

The platform looks at data_coding 0 and 3 only and passes the rest on as it is
(document, "Кодировки"); what its rules are broken by is told as problems.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from sms_traffic_async.protocols.smpp.pdu import SubmitSm
from sms_traffic_async.text import GATEWAY, Concatenation, decode_short_message, parse_user_data

__all__ = ("Alphabet", "ShortMessage", "read_short_message", "text_of")

Alphabet: TypeAlias = Literal["gsm7", "latin1", "ucs2", "binary"]

UDHI: Final = 0x40
SEPTETS: Final = 160
OCTETS: Final = 140
"""What one short message holds on the air: 160 septets, which come unpacked, or 140 octets."""


class ShortMessage(NamedTuple):
    """One submit_sm's share of a text.

    Attributes:
        octets: the text's octets, without any header.
        alphabet: what they are.
        data_coding: as it came.
        part: which part it is; ``None`` for a message of its own.
        flash: it is shown at once and not kept.
        too_long: it does not fit into one short message.
        problem: a rule that it breaks without being refused.
    """

    octets: bytes
    alphabet: Alphabet
    data_coding: int
    part: Concatenation | None
    flash: bool
    too_long: bool
    problem: str

    @property
    def encoding(self) -> str:
        """The word for it in the store."""
        return "gsm7" if self.alphabet == "latin1" else self.alphabet


def read_short_message(pdu: SubmitSm) -> ShortMessage:
    """Read one; never raises."""
    alphabet, flash = _alphabet(pdu.data_coding)
    octets = pdu.short_message
    part: Concatenation | None = None
    header = 0
    problem = ""
    if pdu.esm_class & UDHI:
        found = parse_user_data(octets)
        header = len(octets) - len(found.body)
        octets, part = found.body, found.concatenation
        if found.damaged or part is None:
            problem = "the UDH has no readable concatenation; it is passed on as it is"
    if alphabet in {"gsm7", "latin1"}:
        too_long = len(octets) > SEPTETS - (header * 8 + 6) // 7
        if pdu.data_coding in {0, 3} and not _within_the_table(octets, alphabet):
            problem = "has characters outside the document's table, which arrive as something else"
    else:
        too_long = len(octets) > OCTETS - header
        if alphabet == "ucs2" and len(octets) % 2:
            problem = "is UCS-2 with half a character"
    return ShortMessage(octets, alphabet, pdu.data_coding, part, flash, too_long, problem)


def text_of(octets: bytes, message: ShortMessage) -> str:
    """The octets of one or more parts as text; binary ones as hexadecimal digits."""
    if message.data_coding == 0:
        return GATEWAY.decode(octets)
    text = decode_short_message(octets, message.data_coding)
    return octets.hex(" ").upper() if text is None else text


def _within_the_table(octets: bytes, alphabet: Alphabet) -> bool:
    if alphabet == "gsm7":
        return "\ufffd" not in GATEWAY.decode(octets)
    return GATEWAY.try_encode(octets.decode("latin-1")) is not None


@lru_cache(maxsize=256)
def _alphabet(data_coding: int) -> tuple[Alphabet, bool]:
    """SMPP 3.4, 5.2.19; above 0x0F as in TS 23.038, 4."""
    group, low = divmod(data_coding, 16)
    if group == 0:
        plain: dict[int, Alphabet] = {0: "gsm7", 1: "gsm7", 3: "latin1", 8: "ucs2"}
        return plain.get(low, "binary"), False
    if group == 1:
        classed: dict[int, Alphabet] = {0: "gsm7", 8: "ucs2"}
        return classed.get(low & 0x0C, "binary"), low & 3 == 0
    if group == 0xF:
        return "binary" if low & 4 else "gsm7", low & 3 == 0
    waiting: dict[int, Alphabet] = {0xC: "gsm7", 0xD: "gsm7", 0xE: "ucs2"}
    return waiting.get(group, "binary"), False
