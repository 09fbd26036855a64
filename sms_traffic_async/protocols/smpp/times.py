"""SMPP's own time format (3.4, 7.1.1): ``YYMMDDhhmmsstnnp``, 16 characters or none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from sms_traffic_async.errors import LocalProtocolError

__all__ = ("format_absolute", "format_relative", "parse_time")

_FORMAT: Final = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([+\-R])\Z", re.ASCII)
_QUARTER: Final = 900
_DAY: Final = 86_400
_MONTH: Final = 30
_YEAR: Final = 365
_CENTURY: Final = 2000


def format_relative(seconds: float) -> str:
    """So many seconds from when the SMSC takes the message; a part of a second counts whole.

    Months are 30 days and years 365, but a validity of this platform is a day at most.

    Raises:
        LocalProtocolError: not more than 0, or 100 years and more.
    """
    whole = -int(-seconds // 1)
    days, rest = divmod(whole, _DAY)
    if whole <= 0 or days >= 100 * _YEAR:
        raise LocalProtocolError("a relative time is more than 0 seconds and less than 100 years")
    years, days = divmod(days, _YEAR)
    months, days = divmod(days, _MONTH)
    return f"{years:02d}{months:02d}{days:02d}{rest // 3600:02d}{rest // 60 % 60:02d}{rest % 60:02d}000R"


def format_absolute(moment: datetime) -> str:
    """A point in time with its offset in quarters of an hour.

    Raises:
        LocalProtocolError: without a time zone, or not in the years 2000 to 2099.
    """
    offset = moment.utcoffset()
    if offset is None:
        raise LocalProtocolError("a time needs its time zone")
    quarters, odd = divmod(abs(int(offset.total_seconds())), _QUARTER)
    if odd:
        return format_absolute(moment.astimezone(UTC))
    if not _CENTURY <= moment.year < _CENTURY + 100:
        raise LocalProtocolError("SMPP writes years with two digits: 2000 to 2099")
    sign = "-" if offset < timedelta(0) else "+"
    return f"{moment:%y%m%d%H%M%S}{moment.microsecond // 100_000}{quarters:02d}{sign}"


def parse_time(text: str) -> datetime | timedelta | None:
    """An aware time, a span, or ``None`` for an empty or unreadable field. Never raises."""
    match = _FORMAT.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, tenth, quarters = map(int, match.groups()[:8])
    if match[9] == "R":
        days = year * _YEAR + month * _MONTH + day
        return timedelta(days=days, hours=hour, minutes=minute, seconds=second)
    offset = timedelta(seconds=quarters * _QUARTER) * (-1 if match[9] == "-" else 1)
    try:
        zone = timezone(offset)
        return datetime(_CENTURY + year, month, day, hour, minute, second, tenth * 100_000, zone)
    except ValueError:
        return None
