"""Reading ``Retry-After``: seconds or a date, from a clock that may be wrong.

The platform's document says that the header may come and not in which form
(U7), so both forms of RFC 9110 (10.2.3) are read, each as strictly as ``float``
is not: ``float`` takes ``inf``, ``nan``, ``1e400`` and Arabic digits.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ("MIN_WAIT", "parse_retry_after", "with_jitter")

MIN_WAIT = 0.25
"""Seconds waited where the platform says "at once" or names a time that is past."""

_JITTER = 0.1
_SPACE = " \t\r\n"
# "Wednesday, 29-Sep-2023 16:26:57 GMT" has 35 characters; what is much longer is no date, and not worth parsing.
_LONGEST_DATE = 64


def parse_retry_after(value: str | None, *, date: str | None, now: float, cap: float) -> float | None:
    """How long the platform asks to wait.

    Args:
        value: the header; ``None`` where there is none.
        date: the ``Date`` header of the same answer. A date is measured
            against it, so a wrong clock on either side does no harm.
        now: wall clock seconds, for an answer without a readable ``Date``.
        cap: the longest wait believed, in seconds.

    Returns:
        Seconds from 0 (``0``, or a date that is past) to ``cap``; ``None``
        where nothing was asked for, or nothing readable: then it is the
        caller's own backoff.
    """
    if value is None:
        return None
    text = value.strip(_SPACE)
    if not text.isascii():
        return None
    if text.isdigit():
        return _seconds(text, cap)
    until = _timestamp(text)
    if until is None:
        return None
    said_at = None if date is None else _timestamp(date.strip(_SPACE))
    return min(max(until - (now if said_at is None else said_at), 0.0), cap)


def with_jitter(delay: float, chance: float) -> float:
    """The wait to make of it: never shorter than asked, up to a tenth longer, at least ``MIN_WAIT``.

    Args:
        delay: seconds, as ``parse_retry_after`` gave them.
        chance: a number in [0, 1).
    """
    return max(delay, MIN_WAIT) * (1.0 + _JITTER * chance)


def _seconds(digits: str, cap: float) -> float:
    # int() refuses more than 4,300 digits, so the size is judged by the length first.
    significant = digits.lstrip("0")
    if len(significant) > len(str(int(cap))):
        return cap
    return min(float(significant or "0"), cap)


def _timestamp(text: str) -> float | None:
    if len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
        # asctime and "-0000" come back naive; HTTP dates are UTC (RFC 9110, 5.6.7).
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return (aware - _EPOCH).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        # What parsedate_to_datetime raises on garbage differs from version to version.
        return None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
