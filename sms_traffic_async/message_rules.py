"""What makes a message invalid, value by value.

Every function gives the error instead of raising it: the frame that raises must
hold no number and no text, because a traceback printed with locals shows it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard, cast

from sms_traffic_async.addresses import normalise_phone, parse_originator
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.secrets import mask_text

__all__ = (
    "ID_MAX",
    "KEY_MAX",
    "PARTS_MAX",
    "TRACKING_DATA_MAX",
    "VALIDITY_MAX",
    "flag_problem",
    "is_usual_phone",
    "label_problem",
    "number_problem",
    "originator_problem",
    "read_params",
    "read_phone",
    "seconds_problem",
    "start_problem",
    "text_problem",
)

ID_MAX = 128
"""Characters of an id; the document shows 19 and 40 digits and names no limit."""
KEY_MAX = 200
TRACKING_DATA_MAX = 40
"""Characters (document, ``trackingData``)."""
VALIDITY_MAX = 86_400
"""Seconds."""
PARTS_MAX = 255
"""The platform's own limit, and what one octet of a concatenation header can count."""

_REGIONS = ("RU", "INT")
_SHORT_WAY = 11
"""Digits of a number of +7."""


def is_usual_phone(to: object) -> TypeGuard[str]:
    """Whether it is a number of +7 as ``normalise_phone`` gives it back: nearly all of them are."""
    # As octets they are looked through three times as fast.
    return type(to) is str and len(to) == _SHORT_WAY and to[0] == "7" and to.isascii() and to.encode().isdigit()


def is_usual_text(text: object) -> TypeGuard[str]:
    """Whether nothing is wrong with a text, at first sight."""
    if type(text) is not str or not text or "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def read_phone(to: object, region: object) -> tuple[str, InvalidMessage | None]:
    """The digits of a number, or what is wrong with it or with its region."""
    if region is not None and region not in _REGIONS:
        return "", InvalidMessage("region", mask_text(region), "'RU', 'INT' or None")
    if is_usual_phone(to):
        return to, None
    try:
        return normalise_phone(cast("Any", to), region=cast("Any", region)), None
    except InvalidMessage as error:
        # Without its frames: they hold the number.
        return "", error.with_traceback(None)


def originator_problem(originator: object) -> InvalidMessage | None:
    """What is wrong with a sender; see ``addresses.parse_originator``."""
    if not isinstance(originator, str):
        return InvalidMessage("originator", mask_text(originator), "a string is needed")
    try:
        parse_originator(originator)
    except InvalidMessage as error:
        return error.with_traceback(None)
    return None


def text_problem(text: object) -> InvalidMessage | None:
    """What is wrong with a text; how long it may be is the protocol's question."""
    if not isinstance(text, str) or not text:
        return InvalidMessage("text", mask_text(text), "a text of at least one character is needed")
    return _unsendable("text", text)


def _unsendable(name: str, text: str) -> InvalidMessage | None:
    if "\0" in text:
        return InvalidMessage(name, mask_text(text), "U+0000 would end it where it stands")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            # Only built here: raised here, it would keep the codec's error, and with it the text, as its context.
            return InvalidMessage(name, mask_text(text), "holds half of a surrogate pair")
    return None


def label_problem(name: str, value: object, limit: int) -> InvalidMessage | None:
    """What is wrong with a key, a tracking label or the name of a mailing."""
    if not isinstance(value, str) or not 0 < len(value) <= limit:
        return InvalidMessage(name, mask_text(value), f"1 to {limit} characters")
    if value.isprintable():
        return None
    if any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in value):  # noqa: PLR2004 - C0, DEL and C1
        return InvalidMessage(name, mask_text(value), "no control characters")
    return _unsendable(name, value)


def read_params(params: object) -> tuple[dict[str, str] | None, InvalidMessage | None]:
    """A copy of the template's values, or what is wrong with them."""
    if not _is_mapping(params):
        return None, InvalidMessage("params", mask_text(params), "a mapping of names to values")
    copy = dict(params)
    for name, value in copy.items():
        for part in (name, value):
            if not isinstance(part, str):
                return None, InvalidMessage("params", mask_text(part), "names and values are strings")
        problem = _unsendable("params", name) or _unsendable("params", value)
        if problem is not None or not name:
            return None, problem or InvalidMessage("params", mask_text(name), "a name is not empty")
    return copy, None


def _is_mapping(value: object) -> TypeGuard[Mapping[Any, Any]]:
    return isinstance(value, Mapping)


def number_problem(name: str, value: object, low: int, high: int) -> InvalidMessage | None:
    """What is wrong with a whole number that has bounds."""
    if type(value) is int and low <= value <= high:
        return None
    shown = str(value) if isinstance(value, float) or (type(value) is int and abs(value) < 10**9) else mask_text(value)
    return InvalidMessage(name, shown, f"a whole number from {low} to {high}")


def seconds_problem(name: str, value: object) -> InvalidMessage | None:
    """What is wrong with a duration."""
    if type(value) in {int, float} and 0 < cast("float", value) < math.inf:
        return None
    shown = str(value) if isinstance(value, float) else mask_text(value)
    return InvalidMessage(name, shown, "seconds: a number greater than 0")


def start_problem(value: object) -> InvalidMessage | None:
    """What is wrong with a start; one without a zone is refused, as it could mean any hour."""
    if not isinstance(value, datetime):
        return InvalidMessage("start_at", mask_text(value), "a datetime is needed")
    if value.utcoffset() is None:
        return InvalidMessage("start_at", "a naive datetime", "needs a time zone, such as timezone.utc")
    return None


def flag_problem(**flags: object) -> InvalidMessage | None:
    """The first flag that is neither True nor False."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            return InvalidMessage(name, mask_text(value), "True or False")
    return None
