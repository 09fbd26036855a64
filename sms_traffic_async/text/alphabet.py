r"""The alphabets a text is measured in.

``STANDARD`` is GSM 03.38 (3GPP TS 23.038, 6.2.1): 127 characters of one septet
and ten more that cost two, the escape and their own.

``GATEWAY`` is what the platform takes in data_coding 0 and 3 (document,
"Кодировки"; the printed table of edition 1.85 where the text of 2.3 is
damaged): the standard's basic table without the ten Greek capitals and without
the escape, so without any extension. 117 characters; ``[ ] { } \ ^ ~ | €``
and ``ç`` are not among them.

What arrives in data_coding 0 is read with ``STANDARD``: phones use all of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, final

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.secrets import mask_text

__all__ = ("GATEWAY", "STANDARD", "Alphabet", "pack_septets", "unpack_septets")

ESCAPE: Final = 0x1B
_ESCAPE: Final = "\x1b"
_REPLACEMENT: Final = "\ufffd"
_LATIN_1_SIZE: Final = 256
_SEPTET_SIZE: Final = 128

# fmt: off
_BASIC_TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION_TABLE = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F,
    "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}
# fmt: on
_GREEK = frozenset("ΔΦΓΛΩΠΨΣΘΞ")


@final
class Alphabet:
    """One GSM alphabet: which characters it has and what septets they are.

    Septets are unpacked, one to an octet, as SMPP wants them.

    Attributes:
        name: ``"gateway"`` or ``"standard"``.
        basic: characters of one septet, with its value.
        extension: characters of two septets, with the second's value.
    """

    __slots__ = (
        "_after_escape",
        "_latin_1",
        "_latin_1_only",
        "_mapping",
        "_miss",
        "_one_septet",
        "basic",
        "extension",
        "name",
    )

    def __init__(self, name: str, *, basic: Mapping[str, int], extension: Mapping[str, int]) -> None:
        self.name: str = name
        self.basic: MappingProxyType[str, int] = MappingProxyType(dict(basic))
        self.extension: MappingProxyType[str, int] = MappingProxyType(dict(extension))
        self._miss = re.compile(f"[^{re.escape(self.characters)}]")
        self._mapping = {ord(char): chr(code) for char, code in basic.items()}
        self._mapping |= {ord(char): _ESCAPE + chr(code) for char, code in extension.items()}
        # Two C calls encode a Latin-1 text and show whether it had anything else: 0x1B is no character's value.
        self._latin_1 = bytes(basic.get(chr(code), ESCAPE) for code in range(_LATIN_1_SIZE))
        self._latin_1_only = not extension and all(ord(char) < _LATIN_1_SIZE for char in basic)
        one_septet = [_REPLACEMENT] * _LATIN_1_SIZE
        for char, code in basic.items():
            one_septet[code] = char
        if extension:
            one_septet[ESCAPE] = _ESCAPE
        self._one_septet = "".join(one_septet)
        self._after_escape = {one_septet[code]: char for char, code in extension.items()}

    def __repr__(self) -> str:
        return f"<Alphabet {self.name}>"

    def __contains__(self, char: str) -> bool:
        return char in self.basic or char in self.extension

    @property
    def characters(self) -> str:
        """Every character: the basic ones in table order, then the extension."""
        return "".join((*self.basic, *self.extension))

    def try_encode(self, text: str) -> bytes | None:
        """The text as unpacked septets, or ``None`` where a character is not in the alphabet."""
        octets = text.encode("latin-1", "ignore")
        if len(octets) == len(text):
            octets = octets.translate(self._latin_1)
            if ESCAPE not in octets:
                return octets
        if self._latin_1_only or self._miss.search(text):
            return None
        return text.translate(self._mapping).encode("latin-1")

    def encode(self, text: str) -> bytes:
        """The text as unpacked septets, one to an octet.

        Raises:
            InvalidMessage: field ``text``; names the first character that is
                not in the alphabet by code point and place.
        """
        octets = self.try_encode(text)
        if octets is None:
            first = self.unencodable(text)[0]
            rule = f"U+{ord(first):04X} at {text.index(first)} is not in the {self.name} alphabet"
            raise InvalidMessage("text", mask_text(text), rule)
        return octets

    def decode(self, octets: bytes) -> str:
        """Unpacked septets as text. Never raises.

        An escape before a value that the extension does not have shows the
        basic character; a double escape, or one at the end, shows a space (TS
        23.038, 6.2.1.1). Values that the alphabet does not have become U+FFFD.
        """
        text = octets.decode("latin-1").translate(self._one_septet)
        if self._after_escape and _ESCAPE in text:
            return _ESCAPED.sub(self._unescape, text)
        return text

    def first_unencodable(self, text: str) -> int | None:
        """Where the first character stands that is not in the alphabet."""
        place = self._miss.search(text)
        return None if place is None else place.start()

    def unencodable(self, text: str) -> tuple[str, ...]:
        """The different characters that are not in the alphabet, first come first."""
        return tuple(dict.fromkeys(self._miss.findall(text)))

    def _unescape(self, pair: re.Match[str]) -> str:
        char = pair[1]
        return self._after_escape.get(char, char) if char not in {"", _ESCAPE} else " "


_ESCAPED = re.compile(f"{_ESCAPE}(.?)", re.DOTALL)
_BASIC: Final = {char: code for code, char in enumerate(_BASIC_TABLE) if char != _ESCAPE}

STANDARD: Final = Alphabet("standard", basic=_BASIC, extension=_EXTENSION_TABLE)
"""GSM 03.38: the basic table and its extension. What arrives is read with it."""

GATEWAY: Final = Alphabet(
    "gateway", basic={char: code for char, code in _BASIC.items() if char not in _GREEK}, extension={}
)
"""The 117 characters that the platform takes in data_coding 0 and 3."""


def pack_septets(septets: bytes) -> bytes:
    """Pack septets into octets, seven bits each, lowest first (TS 23.038, 6.1.2.1).

    The platform wants them unpacked; this is for talking to what does not.

    Raises:
        ValueError: a value is above 127.
    """
    bits = 0
    for index, septet in enumerate(septets):
        if septet >= _SEPTET_SIZE:
            raise ValueError(f"septet {index} is above 127")
        bits |= septet << (7 * index)
    return bits.to_bytes((7 * len(septets) + 7) // 8, "little")


def unpack_septets(packed: bytes, count: int | None = None) -> bytes:
    """Undo `pack_septets`.

    Args:
        packed: the octets.
        count: how many septets there are. Without it, as many as fit: seven
            spare bits at the end then read as one septet of value 0.

    Raises:
        ValueError: there are not that many.
    """
    most = len(packed) * 8 // 7
    if count is None:
        count = most
    elif not 0 <= count <= most:
        raise ValueError(f"{len(packed)} octets hold 0 to {most} septets")
    bits = int.from_bytes(packed, "little")
    return bytes((bits >> (7 * index)) & 0x7F for index in range(count))
