"""What a caller wants sent, as bodies of submit_sm, or what is wrong with it.

Gives the error instead of raising it: the frame that raises must hold no number
and no text, because a traceback printed with locals shows it.

Rules (document, table 2 and "UDH-склейка"; field notes, 0.11, 0.12, Q7, Q8, Q12)
---------------------------------------------------------------------------------
1. Sender 1/1 for digits, 5/0 for a name; destination 1/1; fields that the
   platform does not support stay empty, and no submit_sm has a TLV.
2. A text goes with data_coding 0 where the platform's alphabet allows it, else
   8; with flash 0x10 and 0x18, which the document does not name.
3. Several parts have a UDH with one reference for all of them. Every long
   message takes the next number, whoever it goes to.
4. Nothing is left out in silence.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, TypeAlias

from sms_traffic_async.addresses import parse_originator
from sms_traffic_async.capabilities import uncarried
from sms_traffic_async.complaints import ShortValidity
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.message_rules import number_problem, originator_problem
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.smpp.submits import SubmitSm
from sms_traffic_async.protocols.smpp.template import SubmitTemplate
from sms_traffic_async.protocols.smpp.times import format_relative
from sms_traffic_async.secrets import mask_text
from sms_traffic_async.telemetry import get_logger
from sms_traffic_async.text import ESM_CLASS_UDHI, GATEWAY, Encoding, segment
from sms_traffic_async.text.limits import cut, encode_ucs2, pieces, rules
from sms_traffic_async.text.parts import Segments
from sms_traffic_async.text.udh import ReferenceBytes, concatenation_head

__all__ = ("BINARY", "Bodies", "Outgoing")

BINARY: Final = 0x04
"""data_coding of octets (SMPP 3.4, 5.2.19)."""

_GSM7: Final = "gsm7"
_UCS2: Final = "ucs2"
_LATIN1_CODING: Final = 3
_GSM7_CODINGS: Final = frozenset({0x00, *range(0x10, 0x14), *range(0xF0, 0xF4)})
_UCS2_CODINGS: Final = frozenset({0x08, *range(0x18, 0x1C)})
_SINGLE_OCTETS: Final = 140
_BEYOND_LATIN_1: Final = "\u0100"
"""A Cyrillic text compares greater by its first letter, and the platform's alphabet has nothing from here on."""
_MOST_TEMPLATES: Final = 256
_OCTET_MAX: Final = 255


Bodies: TypeAlias = tuple[tuple[bytes, ...], str, int | None]
"""A message as it goes out: the bodies of its submit_sm, its encoding (``gsm7``, ``ucs2``, ``binary``), and what ties
its parts together (``None`` for one part). A plain tuple: one is made for every message."""


@dataclass(slots=True)
class _Reference:
    """One counter for all views of a session, so that two long messages in a row never share a number."""

    number: int

    def next(self) -> int:
        self.number = (self.number + 1) & 0xFFFF
        return self.number


class Outgoing:
    """Makes bodies of messages for one view of a session.

    Args:
        originator: the sender of messages that name none.
        max_parts: a longer text is refused.
        reference_bytes: of the number that ties parts together.
        registered_delivery: ask for delivery receipts.
        shared: the view whose reference numbers this one continues.
    """

    __slots__ = (
        "_max_parts",
        "_originator",
        "_plain",
        "_reference",
        "_reference_bytes",
        "_registered",
        "_rules",
        "_short_validity",
        "_templates",
    )

    def __init__(
        self,
        *,
        originator: str | None,
        max_parts: int = 255,
        reference_bytes: ReferenceBytes = 1,
        registered_delivery: bool = True,
        shared: Outgoing | None = None,
    ) -> None:
        self._originator = originator
        self._max_parts = max_parts
        self._reference_bytes: ReferenceBytes = reference_bytes
        self._rules = rules(GATEWAY, reference_bytes)
        self._registered = int(registered_delivery)
        self._reference: _Reference = (
            _Reference(random.randrange(0x1_0000))  # noqa: S311 - so that a restart does not repeat numbers
            if shared is None
            else shared._reference  # noqa: SLF001 - its own class
        )
        self._templates: dict[tuple[str | None, int | None], SubmitTemplate] = {}
        self._plain: SubmitTemplate | None = None
        self._short_validity = ShortValidity(get_logger("smpp"))

    def bodies(self, message: Message, data_coding: int | None = None) -> Bodies | InvalidMessage:
        """The bodies of a message, or what is wrong with it. Hot: runs for every message.

        Args:
            message: what to send.
            data_coding: instead of the one that the text asks for.
        """
        special = (
            message.key is not None
            or message.tracking_data is not None
            or message.params is not None
            or message.batch_name is not None
            or message.start_at is not None
            or message.local_time
            or message.transliterate
        )
        problem = uncarried(message, "smpp") if special else None
        if problem is not None:
            return problem
        named, validity = message.originator, message.validity
        template = self._plain if named is None and validity is None else self._templates.get((named, validity))
        if template is None:
            made = self._template(named, validity)
            if isinstance(made, InvalidMessage):
                return made
            template = made
        if data_coding is not None or message.flash:
            return self._in_coding(message, template, data_coding)
        # As `segment` would have it.
        text = message.text
        octets = None if text >= _BEYOND_LATIN_1 else GATEWAY.try_encode(text)
        try:
            if octets is not None:
                rule, coding, encoding = self._rules[0], 0, _GSM7
            else:
                octets = encode_ucs2(text)
                rule, coding, encoding = self._rules[1], 8, _UCS2
            if len(octets) <= rule.single:
                return (template.body(message.to, octets, coding),), encoding, None
            cuts = cut(text, octets, rule)
            count = cuts if isinstance(cuts, int) else len(cuts)
            most = message.max_parts or self._max_parts
            if count > most:  # refused, or cut
                size = self._reference_bytes
                segments = segment(text, reference_bytes=size, max_parts=most, truncate=message.truncate)
                return self._in_parts(template, message.to, segments, segments.data_coding, segments.encoding.value)
        except InvalidMessage as error:
            return error.with_traceback(None)
        return self._numbered(template, message.to, pieces(octets, cuts, rule), coding, encoding)

    def binary(
        self, to: str, data: bytes, *, data_coding: int, udh: bytes, originator: str | None, validity: int | None
    ) -> Bodies | InvalidMessage:
        """The bodies of octets, or what is wrong with them.

        Args:
            to: the number, normalised.
            data: the octets; more than fit into one SMS go as parts.
            data_coding: 0 to 255.
            udh: a header of the caller's own, its length octet included; one part only.
            originator: the sender.
            validity: seconds.
        """
        problem = _binary_problem(data, data_coding, udh, originator, validity)
        if problem is not None:
            return problem
        template = self._templates.get((originator, validity)) or self._template(originator, validity)
        if isinstance(template, InvalidMessage):
            return template
        if udh or len(data) <= _SINGLE_OCTETS:
            esm_class = ESM_CLASS_UDHI if udh else 0
            return (template.body(to, udh + data, data_coding, esm_class),), "binary", None
        size = _SINGLE_OCTETS - (6 if self._reference_bytes == 1 else 7)
        some = [data[at : at + size] for at in range(0, len(data), size)]
        if len(some) > self._max_parts:
            rule = f"at most {self._max_parts} parts, this is {len(some)}"
            return InvalidMessage("data", f"<{len(data)} octets>", rule)
        return self._numbered(template, to, some, data_coding, "binary")

    def _in_coding(
        self, message: Message, template: SubmitTemplate, data_coding: int | None
    ) -> Bodies | InvalidMessage:
        text = message.text
        kind: Encoding | None = None
        if data_coding is not None:
            if type(data_coding) is int and data_coding in _GSM7_CODINGS | {_LATIN1_CODING}:
                kind = Encoding.GSM7
            elif type(data_coding) is int and data_coding in _UCS2_CODINGS:
                kind = Encoding.UCS2
            else:
                shown = str(data_coding) if type(data_coding) is int else mask_text(data_coding)
                return InvalidMessage(
                    "data_coding", shown, "a text goes as 0, 3, 8 or their message classes; other codings as binary"
                )
        try:
            segments = segment(
                text,
                reference_bytes=self._reference_bytes,
                encoding=kind,
                max_parts=message.max_parts or self._max_parts,
                truncate=message.truncate,
                flash=message.flash,
            )
        except InvalidMessage as error:
            return error.with_traceback(None)
        encoding = segments.encoding
        coding = encoding.flash_data_coding if message.flash else encoding.data_coding
        if data_coding is not None:
            coding = data_coding
        if coding == _LATIN1_CODING:
            return self._in_latin_1(template, message.to, segments)
        return self._in_parts(template, message.to, segments, coding, encoding.value)

    def _in_parts(self, template: SubmitTemplate, to: str, segments: Segments, coding: int, encoding: str) -> Bodies:
        if segments.count == 1:
            return (template.body(to, segments.octets, coding),), encoding, None
        return self._numbered(template, to, segments.bodies, coding, encoding)

    def _in_latin_1(self, template: SubmitTemplate, to: str, segments: Segments) -> Bodies:
        # The platform's alphabet in other octets: Latin-1 has all of its characters (field notes, Q7).
        if segments.count == 1:
            return (template.body(to, segments.text.encode("latin-1"), _LATIN1_CODING),), _GSM7, None
        some = [text.encode("latin-1") for text in segments.texts]
        return self._numbered(template, to, some, _LATIN1_CODING, _GSM7)

    def _numbered(
        self, template: SubmitTemplate, to: str, some: list[bytes], data_coding: int, encoding: str
    ) -> Bodies:
        """The bodies of several parts, tied together by the next reference."""
        reference, size = self._reference.next(), self._reference_bytes
        head = concatenation_head(reference, len(some), size)
        return template.parts(to, head, some, data_coding), encoding, reference if size == 2 else reference & 0xFF  # noqa: PLR2004 - octets

    def _template(self, named: str | None, validity: int | None) -> SubmitTemplate | InvalidMessage:
        originator = named if named is not None else self._originator
        if originator is None:
            # An empty source address leaves the sender to the account's setting.
            ton = npi = 0
        else:
            sender = parse_originator(originator)
            ton, npi = sender.ton, sender.npi
            if not originator.isascii():
                rule = "SMPP carries ASCII names only; HTTP v2, v1 and SOAP take others"
                return InvalidMessage("originator", mask_text(originator), rule)
        sample = SubmitSm(
            source_addr_ton=ton,
            source_addr_npi=npi,
            source_addr=originator or "",
            registered_delivery=self._registered,
            validity_period="" if validity is None else format_relative(validity),
        )
        self._short_validity.look_at(validity)
        if len(self._templates) >= _MOST_TEMPLATES:
            self._templates.clear()
        template = self._templates[named, validity] = SubmitTemplate(sample)
        if named is None and validity is None:
            self._plain = template
        return template


def _binary_problem(
    data: object, data_coding: object, udh: object, originator: str | None, validity: int | None
) -> InvalidMessage | None:
    if not isinstance(data, bytes):
        return InvalidMessage("data", f"<{type(data).__name__}>", "bytes are needed")
    if not isinstance(udh, bytes):
        return InvalidMessage("udh", f"<{type(udh).__name__}>", "bytes are needed")
    if not data and not udh:
        return InvalidMessage("data", "no octets", "at least one octet is needed")
    if udh and (udh[0] != len(udh) - 1 or len(udh) + len(data) > _SINGLE_OCTETS):
        rule = f"its first octet is its length, and with the data it is at most {_SINGLE_OCTETS} octets"
        return InvalidMessage("udh", f"<{len(udh)} octets>", rule)
    return (
        number_problem("data_coding", data_coding, 0, _OCTET_MAX)
        or (None if validity is None else number_problem("validity", validity, 1, 86_400))
        or (None if originator is None else originator_problem(originator))
    )
