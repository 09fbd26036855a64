"""What the octets of an SMPP ``short_message`` are.

``Encoding`` is the choice when sending; `decode_short_message` reads what
arrives in any data_coding (SMPP 3.4, 5.2.19; above 0x0F as in TS 23.038, 4).
The platform looks only at 0 and 3 and passes every other value on as it is.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sms_traffic_async.text.alphabet import STANDARD

__all__ = (
    "DATA_CODING_GSM7",
    "DATA_CODING_LATIN1",
    "DATA_CODING_NAMES",
    "DATA_CODING_UCS2",
    "Encoding",
    "decode_short_message",
)

DATA_CODING_GSM7: Final = 0x00
DATA_CODING_LATIN1: Final = 0x03
DATA_CODING_UCS2: Final = 0x08
_FLASH: Final = 0x10
"""Message class 0 of the general coding group (TS 23.038, 4): shown at once, not kept."""

DATA_CODING_NAMES: Mapping[int, str] = MappingProxyType(
    {
        0: "SMSC default alphabet (here GSM 03.38)",
        1: "IA5",
        2: "octet binary",
        3: "Latin 1",
        4: "octet binary",
        5: "JIS",
        6: "Cyrillic ISO-8859-5",
        7: "Latin/Hebrew",
        8: "UCS2",
        9: "pictogram",
        10: "ISO-2022-JP",
        13: "extended Kanji",
        14: "KS C 5601",
    }
)
"""The values that SMPP 3.4 names (5.2.19)."""

_CODECS: Final = {
    1: "ascii",
    DATA_CODING_LATIN1: "latin-1",
    6: "iso8859-5",
    7: "iso8859-8",
    DATA_CODING_UCS2: "utf-16-be",
    10: "iso2022-jp",
    14: "euc-kr",
}
_UCS2_GROUP = 0xE
_GSM7_GROUPS = frozenset({0xC, 0xD})
_CLASS_GROUPS = {0x1: 0x0C, 0xF: 0x04}
"""Groups with a message class, and the bits that name the alphabet in them."""


class Encoding(enum.StrEnum):
    """The two encodings a text is sent in."""

    GSM7 = "gsm7"
    """One septet a character, unpacked; 160 to a single part."""
    UCS2 = "ucs2"
    """UTF-16 big-endian: two octets a unit, 70 units to a single part."""

    @property
    def data_coding(self) -> int:
        """0 or 8."""
        return DATA_CODING_GSM7 if self is Encoding.GSM7 else DATA_CODING_UCS2

    @property
    def flash_data_coding(self) -> int:
        """0x10 or 0x18, message class 0. The document does not name them; the platform passes them on."""
        return _FLASH | self.data_coding


def decode_short_message(octets: bytes, data_coding: int) -> str | None:
    """Read incoming octets (without their UDH) as text. Never raises.

    data_coding 0 is read with the whole standard alphabet, extension included.
    What cannot be decoded becomes U+FFFD.

    Returns:
        The text, or ``None`` where the value says binary, compressed, or
        something that SMPP leaves open: keep the octets then.
    """
    codec = _CODECS.get(data_coding)
    if codec is None:
        group = data_coding >> 4
        if data_coding == DATA_CODING_GSM7 or group in _GSM7_GROUPS:
            return STANDARD.decode(octets)
        if group in _CLASS_GROUPS:
            return _decode_with_class(octets, data_coding & _CLASS_GROUPS[group])
        if group != _UCS2_GROUP:
            return None
        codec = _CODECS[DATA_CODING_UCS2]
    return octets.decode(codec, "replace")


def _decode_with_class(octets: bytes, alphabet: int) -> str | None:
    if alphabet == 0:
        return STANDARD.decode(octets)
    if alphabet == DATA_CODING_UCS2:
        return octets.decode("utf-16-be", "replace")
    return None
