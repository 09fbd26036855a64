"""How much fits into a part, and where a long text is cut.

Numbers: document, "UDH-склейка" and "Кодировки"; 3GPP TS 23.040, 9.2.3.24. A
part is 140 octets of the air; its header takes 6 of them (7 with a two-octet
reference), which is 7 or 8 septets, and UTF-16 units are never halved.
"""

from __future__ import annotations

from codecs import utf_16_be_decode, utf_16_be_encode
from dataclasses import dataclass
from typing import Final, TypeAlias

from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.secrets import mask_text
from sms_traffic_async.text.alphabet import ESCAPE, GATEWAY, STANDARD, Alphabet
from sms_traffic_async.text.data_coding import Encoding
from sms_traffic_async.text.udh import ReferenceBytes

__all__ = ("Cuts", "Rule", "check_text", "cut", "decode_ucs2", "encode_ucs2", "pieces", "rules")

Cuts: TypeAlias = int | list[int]
"""How many parts, where all but the last are equally long; else where each ends, in octets."""

_HIGH_SURROGATE: Final = 0xD8 >> 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How many octets of a short_message a part's text takes, in one encoding.

    Attributes:
        single: the limit of a text that needs no header.
        part: the limit of one part of several.
        unit: octets to a unit: 1 for unpacked septets, 2 for UTF-16.
    """

    encoding: Encoding
    alphabet: Alphabet
    reference_bytes: ReferenceBytes
    single: int
    part: int
    unit: int


def _make_rules(alphabet: Alphabet, reference_bytes: ReferenceBytes) -> tuple[Rule, Rule]:
    gsm7_part, ucs2_part = (153, 134) if reference_bytes == 1 else (152, 132)
    return (
        Rule(
            encoding=Encoding.GSM7,
            alphabet=alphabet,
            reference_bytes=reference_bytes,
            single=160,
            part=gsm7_part,
            unit=1,
        ),
        Rule(
            encoding=Encoding.UCS2,
            alphabet=alphabet,
            reference_bytes=reference_bytes,
            single=140,
            part=ucs2_part,
            unit=2,
        ),
    )


_SIZES: tuple[ReferenceBytes, ...] = (1, 2)
_RULES: Final = {(alphabet, size): _make_rules(alphabet, size) for alphabet in (GATEWAY, STANDARD) for size in _SIZES}
USUAL_RULES: Final = _RULES[GATEWAY, 1]


def rules(alphabet: Alphabet, reference_bytes: ReferenceBytes) -> tuple[Rule, Rule]:
    """The rules of GSM and of UCS-2.

    Raises:
        ConfigurationError: ``reference_bytes`` is neither 1 nor 2.
    """
    if reference_bytes not in _SIZES:
        raise ConfigurationError("reference_bytes is 1 or 2")
    return _RULES.get((alphabet, reference_bytes)) or _make_rules(alphabet, reference_bytes)


def check_text(text: object) -> None:
    """Refuse what is no string, for callers without types.

    Raises:
        InvalidMessage: field ``text``.
    """
    if not isinstance(text, str):
        raise InvalidMessage("text", mask_text(text), "a string is needed")


def encode_ucs2(text: str) -> bytes:
    """The text as UTF-16 big-endian.

    Raises:
        InvalidMessage: half of a surrogate pair, which no phone can show; or
            U+0000, which ends the text early in phones, gateways and XML.
    """
    broken = -1
    octets = b""
    try:
        octets = utf_16_be_encode(text)[0]
    except UnicodeEncodeError as error:
        # Raised below: the codec's error holds the text, and would keep it as __context__.
        broken = error.start
    if broken >= 0:
        raise InvalidMessage("text", mask_text(text), f"half of a surrogate pair at {broken}")
    if "\0" in text:
        raise InvalidMessage("text", mask_text(text), "U+0000 would end the text where it stands")
    return octets


def decode_ucs2(octets: bytes) -> str:
    """What `encode_ucs2` made, as text again."""
    return utf_16_be_decode(octets)[0]


def cut(text: str, octets: bytes, rule: Rule) -> Cuts:
    """Cut ``octets``, which are ``text`` and too many for one part; never inside a pair."""
    size, part = len(octets), rule.part
    if size == len(text) * rule.unit:
        return -(-size // part)
    ends: list[int] = []
    end = part
    while end < size:
        end = whole_end(octets, end, rule)
        ends.append(end)
        end += part
    ends.append(size)
    return ends


def pieces(octets: bytes, cuts: Cuts, rule: Rule) -> list[bytes]:
    """``octets`` in parts, as `cut` says."""
    if isinstance(cuts, int):
        step = rule.part
        return [octets[at : at + step] for at in range(0, len(octets), step)]
    return [octets[at:end] for at, end in zip([0, *cuts], cuts)]  # noqa: B905 - the last end starts nothing


def whole_end(octets: bytes, end: int, rule: Rule) -> int:
    """``end``, or one unit before it where it would stand inside a pair."""
    if rule.unit == 1:
        return end - 1 if octets[end - 1] == ESCAPE else end
    return end - 2 if octets[end - 2] >> 2 == _HIGH_SURROGATE else end
