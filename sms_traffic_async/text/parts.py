"""A text with its encoding and its parts, as values.

`Segments` and `Segment` are no dataclasses: one is made for every message sent,
and making a frozen dataclass costs as much as encoding and cutting the text.
For the same reason nothing is built before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import NamedTuple, final

from sms_traffic_async.secrets import mask_text
from sms_traffic_async.text.data_coding import Encoding
from sms_traffic_async.text.limits import Cuts, Rule, cut, decode_ucs2, encode_ucs2, pieces, rules, whole_end
from sms_traffic_async.text.udh import PART_NUMBERS, ReferenceBytes, concatenation_head

__all__ = ("Segment", "Segments", "measure")


class Segment(NamedTuple):
    """One part.

    Attributes:
        number: which one, from 1.
        text: its characters.
        octets: the same, encoded, without a UDH.
        units: its length in septets or UTF-16 units.
    """

    number: int
    text: str
    octets: bytes
    units: int

    def __repr__(self) -> str:
        return f"Segment(number={self.number}, text={mask_text(self.text)}, units={self.units})"


_new_segment: Callable[[tuple[int, str, bytes, int]], Segment] = partial(
    tuple.__new__,  # pyright: ignore[reportUnknownMemberType] - generic; the annotation says what it makes
    Segment,
)
"""``Segment(...)`` without the constructor that NamedTuple writes in Python, at half the price."""


@final
class Segments:
    """A text with its encoding and its parts. Made by `segment`; never changes.

    Two are equal when they send the same octets in the same parts.
    """

    __slots__ = ("_cuts", "_dropped", "_octets", "_rule", "_text")

    def __init__(self, text: str, octets: bytes, rule: Rule, cuts: Cuts, dropped: int = 0) -> None:
        self._text = text
        self._octets = octets
        self._rule = rule
        self._cuts = cuts
        self._dropped = dropped

    def __repr__(self) -> str:
        return f"<Segments {self.count} x {self.encoding}, {mask_text(self._text)}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Segments):
            return NotImplemented
        return (self._rule, self._octets, self._dropped) == (other._rule, other._octets, other._dropped)

    def __hash__(self) -> int:
        return hash((self._rule, self._octets, self._dropped))

    @property
    def text(self) -> str:
        """The whole text, after ``truncate``."""
        return self._text

    @property
    def octets(self) -> bytes:
        """The whole text, encoded: unpacked septets or UTF-16 big-endian."""
        return self._octets

    @property
    def encoding(self) -> Encoding:
        """`Encoding.GSM7` or `Encoding.UCS2`."""
        return self._rule.encoding

    @property
    def data_coding(self) -> int:
        """SMPP data_coding: 0 or 8."""
        return self._rule.encoding.data_coding

    @property
    def reference_bytes(self) -> ReferenceBytes:
        """The size of the concatenation reference, 1 or 2 octets."""
        return self._rule.reference_bytes

    @property
    def count(self) -> int:
        """How many parts, from 1."""
        cuts = self._cuts
        return cuts if isinstance(cuts, int) else len(cuts)

    @property
    def units(self) -> int:
        """The whole length in septets or UTF-16 units, without any UDH."""
        return len(self._octets) // self._rule.unit

    @property
    def units_left(self) -> int:
        """How many units the last part has room for."""
        cuts, rule = self._cuts, self._rule
        if cuts == 1:
            return (rule.single - len(self._octets)) // rule.unit
        last = (cuts - 1) * rule.part if isinstance(cuts, int) else cuts[-2]
        return (rule.part - len(self._octets) + last) // rule.unit

    @property
    def dropped(self) -> int:
        """How many characters ``truncate`` cut off; 0 when none."""
        return self._dropped

    @property
    def forced_by(self) -> tuple[str, ...]:
        """The different characters that made it UCS-2, first come first.

        Empty for GSM, and where only the caller's ``encoding`` made it UCS-2.
        """
        if self._rule.encoding is Encoding.GSM7:
            return ()
        return self._rule.alphabet.unencodable(self._text)

    @property
    def ucs2_cost(self) -> int:
        """The parts that UCS-2 costs: how many fewer, were each of `forced_by` one GSM character."""
        if self._rule.encoding is Encoding.GSM7:
            return 0
        alphabet = self._rule.alphabet
        plain = "".join(char if char in alphabet else "?" for char in self._text)
        gsm7, _ = rules(alphabet, self._rule.reference_bytes)
        return self.count - measure(plain, alphabet.encode(plain), gsm7).count

    @property
    def parts(self) -> tuple[Segment, ...]:
        """The parts, built anew at each asking."""
        unit = self._rule.unit
        if self._cuts == 1:
            return (_new_segment((1, self._text, self._octets, len(self._octets) // unit)),)
        bodies = self.bodies
        units = [len(body) // unit for body in bodies]
        return tuple(map(_new_segment, zip(count(1), self.texts, bodies, units)))

    @property
    def texts(self) -> list[str]:
        """The characters of each part."""
        if self._cuts == 1:
            return [self._text]
        text, cuts, rule = self._text, self._cuts, self._rule
        texts: list[str] = []
        if isinstance(cuts, int):
            step = at = rule.part // rule.unit
            texts.append(text[:step])
            for _ in range(1, cuts):
                end = at + step
                texts.append(text[at:end])
                at = end
            return texts
        at = 0
        octets = self._octets
        read = rule.alphabet.decode if rule.unit == 1 else decode_ucs2
        for end in cuts:
            texts.append(read(octets[at:end]))
            at = end
        return texts

    @property
    def bodies(self) -> list[bytes]:
        """The encoded text of each part, without UDH."""
        if self._cuts == 1:
            return [self._octets]
        return pieces(self._octets, self._cuts, self._rule)

    def short_messages(self, reference: int) -> list[bytes]:
        """What goes into the ``short_message`` of each submit_sm.

        Several parts have a UDH in front, and their esm_class needs
        `ESM_CLASS_UDHI`; a single part has none.

        Args:
            reference: the number that ties the parts together, used modulo 256
                (or 65536). Take another one for every long message to a phone.
        """
        if self._cuts == 1:
            return [self._octets]
        octets, cuts, rule = self._octets, self._cuts, self._rule
        head = concatenation_head(reference, self.count, rule.reference_bytes)
        step = rule.part
        messages: list[bytes] = []
        at = 0
        if isinstance(cuts, int):
            for number in PART_NUMBERS[:cuts]:
                messages.append(head + number + octets[at : at + step])
                at += step
        else:
            for number, end in zip(PART_NUMBERS, cuts):  # noqa: B905 - there are numbers for 255 parts
                messages.append(head + number + octets[at:end])
                at = end
        return messages

    def truncated(self, max_parts: int, *, encoding: Encoding | None = None) -> Segments:
        """The longest beginning that takes at most ``max_parts`` parts.

        Exact: one part holds 160 or 70, not the 153 or 67 that the platform
        would keep of it. Where the character that forced UCS-2 falls off, the
        rest becomes GSM, unless ``encoding`` says otherwise.
        """
        if self.count <= max_parts:
            return self
        rule = self._rule
        kept = self._beginning(max_parts)
        if encoding is None and rule.encoding is Encoding.UCS2:
            # What stands before the character that forced UCS-2 may go out as GSM, where more of it fits.
            gsm7, _ = rules(rule.alphabet, rule.reference_bytes)
            before = self._text[: rule.alphabet.first_unencodable(self._text)]
            plain = measure(before, rule.alphabet.encode(before), gsm7)._beginning(max_parts)  # noqa: SLF001 - its own class
            if len(plain) >= len(kept):
                kept, rule = plain, gsm7
        octets = encode_ucs2(kept) if rule.encoding is Encoding.UCS2 else rule.alphabet.encode(kept)
        return measure(kept, octets, rule, dropped=len(self._text) - len(kept) + self._dropped)

    def _beginning(self, max_parts: int) -> str:
        if self.count <= max_parts:
            return self._text
        cuts, rule, octets = self._cuts, self._rule, self._octets
        if max_parts == 1:
            end = whole_end(octets, rule.single, rule)
        else:
            end = max_parts * rule.part if isinstance(cuts, int) else cuts[max_parts - 1]
        if isinstance(cuts, int):
            return self._text[: end // rule.unit]
        return rule.alphabet.decode(octets[:end]) if rule.unit == 1 else decode_ucs2(octets[:end])


def measure(text: str, octets: bytes, rule: Rule, *, dropped: int = 0) -> Segments:
    """`Segments` of a text that is already encoded."""
    return Segments(text, octets, rule, 1 if len(octets) <= rule.single else cut(text, octets, rule), dropped)
