"""What a body can say apart from a result: a refusal, or nothing that can be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sms_traffic_async.messages import MOSCOW

__all__ = ("Damaged", "Fault", "read_amount", "read_moment")

_DATE_LEAST = len("2025-01-01T00:00")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,30}(?:[.,][0-9]{1,30})?")


class Damaged(ValueError):
    """The bytes are not an answer of this API. Its text quotes nothing of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The platform's error: of a whole request, or of one destination in it.

    Attributes:
        code: the number.
        message: the platform's words, which may quote a phone number or a text.
    """

    code: int
    message: str = field(default="", repr=False)


def read_moment(value: object) -> datetime | None:
    """An RFC 3339 date, or the same with a space; one without an offset is UTC+3."""
    if not isinstance(value, str) or len(value) < _DATE_LEAST:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=MOSCOW)


def read_amount(written: object) -> tuple[Decimal, str]:
    """A balance, and how it was written; a comma is taken for a point.

    Raises:
        Damaged: it is no number.
    """
    if not isinstance(written, str) or not _AMOUNT.fullmatch(written.strip()):
        raise Damaged("the balance is not a number")
    return Decimal(written.strip().replace(",", ".")), written
