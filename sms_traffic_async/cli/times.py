"""Times as people type them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from cyclopts import Parameter

__all__ = ("Ago", "AgoOrNone", "MomentOrNone", "read_ago", "read_moment")

_EXAMPLE = "2026-01-31T09:00+03:00"
_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_moment(text: str) -> datetime:
    """A time with its zone.

    Raises:
        ValueError: it is none, or has no zone; the sentence gives an example.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"a time with its zone is needed, such as {_EXAMPLE}") from None
    if moment.utcoffset() is None:
        # Whose midnight it is, the operator's or the platform's, is not for us to guess.
        raise ValueError(f"the time has no zone: write it such as {_EXAMPLE}, or with a Z for UTC")
    return moment


def read_ago(text: str, now: datetime) -> datetime:
    """As ``read_moment``, or ``now``, or how long ago: ``90s``, ``30m``, ``2h``, ``7d``.

    Raises:
        ValueError: it is none of these.
    """
    if text.strip() == "now":
        return now
    found = _AGO.fullmatch(text.strip())
    try:
        if found is not None:
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        return read_moment(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{error}; or 'now', or how long ago, such as 30m, 2h or 7d") from None


def _moment(_kind: Any, tokens: Sequence[Any]) -> datetime:
    return read_moment(tokens[0].value)


def _ago(_kind: Any, tokens: Sequence[Any]) -> datetime:
    return read_ago(tokens[0].value, datetime.now(UTC))


# What an option is declared as; a ValueError of the converter becomes a usage error that names the option.
MomentOrNone = Annotated[datetime | None, Parameter(converter=_moment)]
Ago = Annotated[datetime, Parameter(converter=_ago)]
AgoOrNone = Annotated[datetime | None, Parameter(converter=_ago)]
