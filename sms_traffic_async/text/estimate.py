"""How many parts the platform will make of a text that it cuts itself.

Over HTTP and SOAP the platform chooses the encoding, so this is arithmetic on
what the document says, and ``exact`` tells where the document says enough. It
does not where the platform transliterates (its scheme is not documented),
shortens links or fills in ``[[name]]``. Over SMPP we cut, and `segment` is exact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.text.alphabet import GATEWAY, STANDARD, Alphabet
from sms_traffic_async.text.data_coding import Encoding
from sms_traffic_async.text.limits import check_text, encode_ucs2, rules
from sms_traffic_async.text.parts import Segments, measure
from sms_traffic_async.text.transliteration import to_gateway
from sms_traffic_async.text.udh import MAX_PARTS

__all__ = ("Estimate", "Rus", "choose_rus", "estimate_soap", "estimate_v1", "estimate_v2", "v1_max_characters")

Rus: TypeAlias = Literal[0, 1, 5]
"""v1 ``rus``: 0 windows-1251, Cyrillic transliterated; 1 windows-1251 and 5 UTF-8, both sent as UCS-2."""

_TEMPLATE: Final = "[["
_LINK = re.compile(r"(?i)\b(?:https?://|www\.)\S|\b(?:[\w-]+\.)+[^\W\d_]{2,}/\S")

TRANSLITERATED = "the platform transliterates by a scheme of its own"
LINKS = "the platform may shorten links"
TEMPLATE = "what [[name]] becomes is not known"
LATIN = "the document leaves open whether a Latin text keeps 160 characters with rus=1 and 5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How many parts a text will take.

    Attributes:
        parts: the number, from 1; the larger one where two are possible.
        encoding: what the platform will most likely send it in.
        units: its length in septets or UTF-16 units.
        doubts: why the number may be another one, as sentences.
    """

    parts: int
    encoding: Encoding
    units: int
    doubts: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the document leaves no doubt about ``parts``."""
        return not self.doubts


def choose_rus(text: str) -> Literal[0, 5]:
    """The ``rus`` that changes nothing in the text and keeps it cheapest.

    0 where every character is ASCII and in the gateway's alphabet, so a Latin
    text has 160 characters to a part however the document is read; else 5.
    """
    return 0 if text.isascii() and GATEWAY.try_encode(text) is not None else 5


def estimate_v1(text: str, *, rus: Rus | None = None, two_byte_concat: bool = False) -> Estimate:
    """Parts of a text sent by HTTP v1 (``multi.php``).

    Args:
        text: the text.
        rus: as it is sent; ``None`` takes `choose_rus`.
        two_byte_concat: as it is sent; 152 and 66 instead of 153 and 67.

    Raises:
        ConfigurationError: ``rus`` is none of 0, 1, 5.
        InvalidMessage: no string, half of a surrogate pair, or U+0000.
    """
    check_text(text)
    if rus is None:
        rus = choose_rus(text)
    if rus == 0:
        return _estimate(_latin(text, two_byte=two_byte_concat), text, transliterated=choose_rus(text) != 0)
    if rus not in {1, 5}:
        raise ConfigurationError("rus is 0, 1 or 5")
    found = _ucs2(text, two_byte=two_byte_concat)
    latin = _gsm7(text, STANDARD, two_byte=two_byte_concat)
    either = latin is not None and latin.count != found.count
    return _estimate(found, text, more=(LATIN,) if either else ())


def estimate_v2(text: str, *, transliterate: bool = False) -> Estimate:
    """Parts of a text sent by HTTP v2.

    Args:
        text: the text; ``[[name]]`` makes the estimate inexact.
        transliterate: as it is sent.

    Raises:
        InvalidMessage: no string, half of a surrogate pair, or U+0000.
    """
    check_text(text)
    plain = _gsm7(text, GATEWAY)
    if plain is None and transliterate:
        return _estimate(_latin(text), text, transliterated=True)
    return _estimate(plain or _ucs2(text), text)


def estimate_soap(text: str, *, latin_encoding: bool = False, two_byte_concat: bool = False) -> Estimate:
    """Parts of a text sent by SOAP.

    Args:
        text: the text.
        latin_encoding: LatinEncoding as it is sent: true is v1's ``rus=0``,
            false is UCS-2 for every text.
        two_byte_concat: TwoByteConcat as it is sent.

    Raises:
        InvalidMessage: no string, half of a surrogate pair, or U+0000.
    """
    check_text(text)
    if latin_encoding:
        return estimate_v1(text, rus=0, two_byte_concat=two_byte_concat)
    return _estimate(_ucs2(text, two_byte=two_byte_concat), text)


def v1_max_characters(rus: Rus, *, flash: bool = False, two_byte_concat: bool = False) -> int:
    """The longest text that v1 takes: 255 parts, or one for flash.

    39015 and 17085 as the document says; with ``two_byte_concat`` it gives no
    number, and 255 x 152 and 255 x 66 follow from its part sizes.
    """
    gsm7, ucs2 = rules(GATEWAY, 2 if two_byte_concat else 1)
    rule = gsm7 if rus == 0 else ucs2
    return (rule.single if flash else MAX_PARTS * rule.part) // rule.unit


def _gsm7(text: str, alphabet: Alphabet, *, two_byte: bool = False) -> Segments | None:
    octets = alphabet.try_encode(text)
    return None if octets is None else measure(text, octets, rules(alphabet, 2 if two_byte else 1)[0])


def _ucs2(text: str, *, two_byte: bool = False) -> Segments:
    return measure(text, encode_ucs2(text), rules(GATEWAY, 2 if two_byte else 1)[1])


def _latin(text: str, *, two_byte: bool = False) -> Segments:
    # What no scheme has a letter for counts as one character: the platform must put something in its place.
    encode_ucs2(text)
    latin = "".join(char if char in GATEWAY else "?" for char in to_gateway(text))
    return measure(latin, GATEWAY.encode(latin), rules(GATEWAY, 2 if two_byte else 1)[0])


def _estimate(found: Segments, text: str, *, transliterated: bool = False, more: tuple[str, ...] = ()) -> Estimate:
    doubts = list(more)
    if transliterated:
        doubts.append(TRANSLITERATED)
    if _LINK.search(text):
        doubts.append(LINKS)
    if _TEMPLATE in text:
        doubts.append(TEMPLATE)
    return Estimate(parts=found.count, encoding=found.encoding, units=found.units, doubts=tuple(doubts))
