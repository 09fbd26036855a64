"""What a text becomes on the air: its encoding and its parts.

A single part holds 160 GSM characters or 70 UTF-16 units. Longer texts are cut
from the left, each part as full as it goes: 153 or 67 with a one-octet
reference, 152 or 66 with two (document, "UDH-склейка"). An escape pair and a
surrogate pair are never cut; a base letter and its combining mark may be.

This runs for every message sent: a text is encoded once, by codecs written in
C, and cut as octets.
"""

from __future__ import annotations

from typing import Final

from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.secrets import mask_text
from sms_traffic_async.text.alphabet import GATEWAY, Alphabet
from sms_traffic_async.text.data_coding import Encoding
from sms_traffic_async.text.limits import USUAL_RULES, cut, encode_ucs2, rules
from sms_traffic_async.text.parts import Segment, Segments
from sms_traffic_async.text.udh import MAX_PARTS, ReferenceBytes

__all__ = ("Segment", "Segments", "segment")

_BEYOND_LATIN_1: Final = "\u0100"
"""A Cyrillic text compares greater by its first letter, and the gateway has no character from here on."""


def segment(
    text: str,
    *,
    alphabet: Alphabet = GATEWAY,
    reference_bytes: ReferenceBytes = 1,
    encoding: Encoding | None = None,
    max_parts: int | None = None,
    truncate: bool = False,
    flash: bool = False,
) -> Segments:
    """Choose the encoding of a text and cut it into parts.

    Args:
        text: any text; an empty one is one empty part.
        alphabet: what data_coding 0 may hold: the platform's 117 characters,
            or `STANDARD` for a gateway that takes all of GSM 03.38.
        reference_bytes: 2 ties parts together more safely and costs a character each.
        encoding: ``None`` takes GSM where the text allows it, else UCS-2.
        max_parts: 1-255; a longer text is refused.
        truncate: cut a text that is too long to the most that fits instead.
        flash: a flash message is one part, whatever ``max_parts`` says.

    Raises:
        InvalidMessage: the text is no string, is too long, has half of a surrogate
            pair or U+0000, or does not go into the ``encoding`` asked for.
        ConfigurationError: an option is out of range.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        raise InvalidMessage("text", mask_text(text), "a string is needed")
    usual = alphabet is GATEWAY and reference_bytes == 1
    gsm7, ucs2 = USUAL_RULES if usual else rules(alphabet, reference_bytes)
    if max_parts is not None and (type(max_parts) is not int or not 1 <= max_parts <= MAX_PARTS):
        raise ConfigurationError(f"max_parts is a whole number from 1 to {MAX_PARTS}, not {max_parts!r}")
    if encoding is not None:
        octets = _encode_as(text, encoding, alphabet)
    elif usual and text >= _BEYOND_LATIN_1:
        octets = None
    else:
        octets = alphabet.try_encode(text)
    if octets is None:
        rule = ucs2
        octets = encode_ucs2(text)
    else:
        rule = gsm7
    if len(octets) <= rule.single:
        return Segments(text, octets, rule, 1)
    cuts = cut(text, octets, rule)
    count = cuts if isinstance(cuts, int) else len(cuts)
    most = 1 if flash else max_parts or MAX_PARTS
    if count > most and not truncate:
        limit = "a flash message is one part" if flash else f"at most {most} parts"
        raise InvalidMessage("text", mask_text(text), f"{limit}, this is {count}")
    made = Segments(text, octets, rule, cuts)
    return made if count <= most else made.truncated(most, encoding=encoding)


def _encode_as(text: str, encoding: Encoding, alphabet: Alphabet) -> bytes | None:
    if encoding == Encoding.GSM7:
        return alphabet.encode(text)
    if encoding == Encoding.UCS2:
        return None
    raise ConfigurationError("encoding is 'gsm7' or 'ucs2'")
