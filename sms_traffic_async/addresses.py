"""Who an SMS goes to and who it seems to come from.

Phone numbers are digits without "+" (document, "Формат номера телефона").
Originators are digits or a short name (document, "Адрес отправителя"). Nothing
here guesses: a form that two countries could mean is refused, and a Moscow
495 number is never turned into its federal twin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.secrets import mask_phone, mask_text
from sms_traffic_async.text.alphabet import STANDARD

__all__ = (
    "Originator",
    "OriginatorKind",
    "Region",
    "is_russian",
    "normalise_phone",
    "parse_originator",
)

Region: TypeAlias = Literal["RU", "INT"]
"""How a number without "+" is meant: Russian national forms too, or international as it stands."""

OriginatorKind: TypeAlias = Literal["numeric", "alphanumeric"]

PHONE_MIN_DIGITS = 5
PHONE_MAX_DIGITS = 15
NUMERIC_ORIGINATOR_MAX = 15
ALPHANUMERIC_ORIGINATOR_MAX = 11

TON_INTERNATIONAL, NPI_ISDN = 1, 1
TON_ALPHANUMERIC, NPI_UNKNOWN = 5, 0

_RU_LENGTH = 11
"""+7 numbers have ten national digits, in Russia and in Kazakhstan."""

_SEPARATORS = re.compile("[ \u00a0\u202f\u2009()\\[\\].\\-\u2010-\u2015\u2212]+")
_NATIONAL_8 = re.compile(r"8[034678]\d{9}")
"""Russian long-distance forms that no country's number can be told from.

81, 82 and 85x (Japan, Korea, Hong Kong and neighbours) are not among them: no
Russian area code starts with 1, 2 or 5.
"""


def normalise_phone(value: str | int, *, region: Region | None = None) -> str:
    """The digits of a phone number as every protocol of the platform wants them.

    Spaces, dashes, dots, brackets and one leading "+" are dropped. ``8`` and a
    Russian mobile number (``89`` and nine digits) becomes ``79…`` without being
    told the region; nothing else does. Doing it twice changes nothing.

    Args:
        value: the number; an ``int`` is read as its digits.
        region: ``"RU"`` also reads ``8`` and ten digits, and ten digits that
            start with 9, as Russian. ``"INT"`` says that the digits are
            international and takes the ones that would otherwise be refused as
            ambiguous: ``84…`` (Vietnam), ten digits from ``95``, ``960``, ``961``.

    Returns:
        5 to 15 digits, country code first.

    Raises:
        InvalidMessage: field ``to``; the value is masked.
    """
    if type(value) is str and len(value) == _RU_LENGTH and value[0] == "7" and value.isascii() and value.isdigit():
        return value
    digits = _digits(value)
    if region != "INT":
        digits = _from_national(value, digits, russian=region == "RU")
    if digits[0] == "0":
        raise _refuse(value, "starts with 0: the country code comes first, without 00")
    if digits[0] == "7" and len(digits) != _RU_LENGTH:
        raise _refuse(value, "invalid length: a number that starts with 7 has 11 digits")
    return digits


def is_russian(phone: str) -> bool:
    """Whether normalised digits are a Russian number: 7, but not 76 or 77 (Kazakhstan)."""
    return phone.startswith("7") and phone[1:2] not in {"6", "7"}


def _refuse(value: object, rule: str) -> InvalidMessage:
    return InvalidMessage("to", mask_phone(value), rule)


def _digits(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _refuse("?", "a string or a whole number is needed")
    if isinstance(value, int):
        # Above this, str() of a huge int is slow or refused by the interpreter.
        if not 0 < value < 10 ** (PHONE_MAX_DIGITS + 1):
            raise _refuse("?", f"invalid length: {PHONE_MIN_DIGITS} to {PHONE_MAX_DIGITS} digits")
        value = str(value)
    digits = _SEPARATORS.sub("", value).removeprefix("+")
    if not digits:
        raise _refuse(value, "holds no digits")
    if not (digits.isascii() and digits.isdigit()):
        raise _refuse(value, "only the digits 0-9, one leading '+', spaces, dashes, dots and brackets")
    if not PHONE_MIN_DIGITS <= len(digits) <= PHONE_MAX_DIGITS:
        raise _refuse(value, f"invalid length: {PHONE_MIN_DIGITS} to {PHONE_MAX_DIGITS} digits")
    return digits


def _from_national(value: object, digits: str, *, russian: bool) -> str:
    national_8 = len(digits) == _RU_LENGTH and digits[0] == "8"
    if national_8 and (russian or digits[1] == "9"):
        return "7" + digits[1:]
    national_10 = len(digits) == _RU_LENGTH - 1 and digits[0] == "9"
    if national_10 and russian:
        return "7" + digits
    if national_10 or (national_8 and _NATIONAL_8.fullmatch(digits)):
        raise _refuse(
            value, "may be a Russian number without its 7: give the country code, or say region='RU' or 'INT'"
        )
    return digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Originator:
    """A sender as the platform will see it.

    Attributes:
        value: the originator itself.
        kind: ``numeric`` (1-15 digits) or ``alphanumeric`` (up to 11 characters).
        warnings: what the platform or a phone may do to it, as sentences.
        replaced: characters that the platform replaces by look-alikes.
    """

    value: str
    kind: OriginatorKind
    warnings: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()

    @property
    def ton(self) -> int:
        """SMPP ``source_addr_ton``: 1 for digits, 5 for a name."""
        return TON_INTERNATIONAL if self.kind == "numeric" else TON_ALPHANUMERIC

    @property
    def npi(self) -> int:
        """SMPP ``source_addr_npi``: 1 for digits, 0 for a name."""
        return NPI_ISDN if self.kind == "numeric" else NPI_UNKNOWN

    def allowed_for(self, phone: str) -> bool:
        """Whether the document lets this sender write to normalised ``phone``.

        Digits may not be the sender of an SMS to a Russian number. The client
        never refuses for it (an account may differ); the platform does (436).
        """
        return self.kind == "alphanumeric" or not is_russian(phone)


_CYRILLIC = re.compile("[А-Яа-яЁё]")
_RECOMMENDED = re.compile(r"[A-Za-z0-9._-]*")

SPACE_WARNING = "leading or trailing space"


def parse_originator(value: str, *, strict: bool = True) -> Originator:
    """Check a sender and tell what kind it is.

    Args:
        value: 1-15 digits, or up to 11 characters of the basic GSM alphabet.
            Extension characters and Cyrillic letters are taken, with a warning:
            the platform replaces the first and transliterates the second.
        strict: ``False`` turns the refusal of outer spaces into a warning; the
            platform itself refuses them (0x0A over SMPP).

    Raises:
        InvalidMessage: field ``originator``; the value is not shown.
    """
    return _parse_originator(value, strict)


def _no_originator(value: object, rule: str) -> InvalidMessage:
    # A numeric sender may be somebody's number, so only the length is shown.
    return InvalidMessage("originator", mask_text(value), rule)


@lru_cache(maxsize=256)  # the same few names come with every message
def _parse_originator(value: object, strict: bool) -> Originator:
    if not isinstance(value, str) or not value:
        raise _no_originator(value, "a name of 1 to 11 characters or 1 to 15 digits")
    if value.isascii() and value.isdigit():
        if len(value) > NUMERIC_ORIGINATOR_MAX:
            raise _no_originator(value, f"a number of at most {NUMERIC_ORIGINATOR_MAX} digits")
        return Originator(value=value, kind="numeric")
    if not value.isprintable():
        raise _no_originator(value, "no line breaks and no control characters")
    if len(value) > ALPHANUMERIC_ORIGINATOR_MAX:
        raise _no_originator(value, f"a name of at most {ALPHANUMERIC_ORIGINATOR_MAX} characters")
    warnings: list[str] = []
    if value != value.strip():
        if strict:
            raise _no_originator(value, SPACE_WARNING)
        warnings.append(SPACE_WARNING)
    replaced = _check_characters(value, warnings)
    return Originator(value=value, kind="alphanumeric", warnings=tuple(warnings), replaced=replaced)


def _check_characters(value: str, warnings: list[str]) -> tuple[str, ...]:
    replaced = tuple(dict.fromkeys(char for char in value if char in STANDARD.extension))
    cyrillic = bool(_CYRILLIC.search(value))
    rest = _CYRILLIC.sub("", value)
    if STANDARD.first_unencodable(rest) is not None:
        raise _no_originator(value, "only characters of the GSM alphabet, or Cyrillic letters")
    if replaced:
        warnings.append("extension characters are replaced by the platform: " + " ".join(replaced))
    if cyrillic:
        warnings.append("Cyrillic letters are transliterated by the platform (HTTP only) and may outgrow 11 characters")
    if not _RECOMMENDED.fullmatch(rest):
        warnings.append("some phones and networks show only A-Z a-z 0-9 - _ .")
    return replaced
