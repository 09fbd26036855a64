"""Reading fields of JSON that somebody else wrote. Pure.

Ids come as strings or integers, numbers as digits in quotes, dates with or
without an offset, and under more than one name. What cannot be read is
``None``; only an answer that is none at all is ``Damaged``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar, cast

import orjson

from sms_traffic_async.message_rules import ID_MAX
from sms_traffic_async.protocols.http.answers import Damaged, Fault, read_moment

__all__ = (
    "Damaged",
    "Row",
    "as_list",
    "as_row",
    "decode",
    "first",
    "read_digits",
    "read_fault",
    "read_id",
    "read_int",
    "read_moment",
    "read_text",
)

T = TypeVar("T")
Row: TypeAlias = dict[str, Any]

_DIGITS_MAX = 18
_BOM = b"\xef\xbb\xbf"


class _FloatId(Exception):
    """An id came as a float: orjson makes one of every integer of 65 bits and more."""


def decode(body: bytes, read: Callable[[Row], T]) -> T | Fault:
    """An answer in the usual envelope, ``{"success": ..., "error": ..., ...}``.

    Args:
        body: as it came.
        read: reads an answer whose ``success`` is ``true`` and nothing else.

    Raises:
        Damaged: no JSON, no object, or neither a success nor an error that can be read.
    """
    body = body.removeprefix(_BOM)
    document: object = None
    with suppress(orjson.JSONDecodeError):  # which holds the whole body
        document = orjson.loads(body)
    try:
        return _judge(document, read)
    except _FloatId:
        document = _loads_exactly(body)
    return _judge(document, read)


def _judge(document: object, read: Callable[[Row], T]) -> T | Fault:
    answer = as_row(document)
    if answer is None:
        raise Damaged("not a JSON object")
    success = answer.get("success")
    fault = read_fault(answer.get("error"))
    if success is True and fault is None:
        return read(answer)
    if success is False and fault is not None:
        return fault
    raise Damaged("neither a success nor an error that can be read")


def _loads_exactly(body: bytes) -> object:
    """Every integer with all its digits, and ``None`` for what really is a float."""
    try:
        return json.loads(body, parse_float=_no_float)
    except (ValueError, RecursionError):
        return None


def _no_float(_digits: str) -> None:
    return None


def as_row(value: object) -> Row | None:
    """A JSON object, or ``None``."""
    if not isinstance(value, dict):
        return None
    return cast("Row", value)


def as_list(value: object, name: str) -> Sequence[Any]:
    """A JSON array.

    Raises:
        Damaged: it is none.
    """
    if not isinstance(value, list):
        raise Damaged(f"{name} is not a list")
    return cast("Sequence[Any]", value)


def first(row: Row, *names: str) -> Any:
    """The first of these fields that is there and not null."""
    for name in names:
        value = row.get(name)
        if value is not None:
            return value
    return None


def read_fault(value: object) -> Fault | None:
    """An error object with a code."""
    row = as_row(value)
    code = None if row is None else read_int(row.get("code"))
    if row is None or code is None:
        return None
    return Fault(code=code, message=read_text(row.get("message")) or "")


def read_id(value: object) -> str | None:
    """A message id: a string, or the digits of an integer. A float is no id."""
    if isinstance(value, str):
        text = value.strip()
        return text if 0 < len(text) <= ID_MAX and text.isprintable() else None
    if isinstance(value, float):
        raise _FloatId
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**ID_MAX:
        return None
    return str(value)


def read_text(value: object) -> str | None:
    """A string."""
    return value if isinstance(value, str) else None


def read_digits(value: object) -> str | None:
    """A phone number: a string, or the digits of an integer."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else read_text(value)


def read_int(value: object) -> int | None:
    """An integer, or a string of digits; ``None`` beyond 18 digits, which no store and no JSON could take on."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 10**_DIGITS_MAX else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX:
        return int(value)
    return None
