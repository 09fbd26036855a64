"""What a report is asked for, checked before any I/O.

Document, "Создание задания на выгрузку отчёта".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sms_traffic_async.addresses import Region, normalise_phone
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.protocols.http_v2.reports.rows import DEFAULT_FIELDS, FIELDS
from sms_traffic_async.secrets import mask_text

__all__ = ("PAGE", "REACH", "ReportFormat", "ReportQuery", "ReportStatus", "ReportType")

ReportFormat: TypeAlias = Literal["csv", "zip", "json"]
ReportType: TypeAlias = Literal["mt", "mo"]
ReportStatus: TypeAlias = Literal["delivered", "not_delivered", "read"]

PAGE = 1000
"""Rows of one JSON answer, at most."""
REACH = 2000
"""Rows of one window that JSON can reach: an offset of 1000 and 1000 rows."""

_FORMATS = ("csv", "zip", "json")
_TYPES = (None, "mt", "mo")
_STATUSES = (None, "delivered", "not_delivered", "read")
_CHANNEL = re.compile(r"[a-z][a-z0-9_]*")
_LIKE_A_PHONE = re.compile(r"[+\d\s().-]+")
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReportQuery:
    """What a report is asked for, checked when it is made.

    Attributes:
        since: messages sent at or after this time (aware). Which date of a row that is, the document does not say.
        until: messages sent at or before this time (aware).
        format: ``csv``, ``zip`` (the same, packed) or ``json``.
        originator: this sender only; upper and lower case differ.
        subscriber: this number only, or this identifier of a push.
        type: ``mt`` (outgoing) or ``mo`` (incoming) only.
        status: ``delivered`` (Read included), ``not_delivered`` (final and
            neither of the two) or ``read`` only.
        channels: these channels only.
        department: this department's login only; ``""`` is the main account,
            ``None`` everybody.
        fields: the cells of a row, in this order.
        limit: rows of one JSON answer, 1 to 1000.
        offset: first row of one JSON answer, 0 to 1000.
        region: how ``subscriber`` is read, as in ``Message``.

    Raises:
        InvalidMessage: names field, value and rule.
    """

    since: datetime | None = None
    until: datetime | None = None
    format: ReportFormat = "csv"
    originator: str | None = None
    subscriber: str | int | None = None
    type: ReportType | None = None
    status: ReportStatus | None = None
    channels: Sequence[str] | None = None
    department: str | None = None
    fields: Sequence[str] | None = None
    limit: int | None = None
    offset: int | None = None
    region: Region | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        _check_times(self.since, self.until)
        _check_choice("format", self.format, _FORMATS)
        _check_choice("type", self.type, _TYPES)
        _check_choice("status", self.status, _STATUSES)
        _check_label("originator", self.originator, least=1)
        _check_label("department", self.department, least=0)
        object.__setattr__(self, "channels", _checked_channels(self.channels))
        object.__setattr__(self, "subscriber", _checked_subscriber(self.subscriber, self.channels, self.region))
        object.__setattr__(self, "fields", _checked_fields(self.fields))
        _check_number("limit", self.limit, 1, PAGE, self.format)
        _check_number("offset", self.offset, 0, REACH - PAGE, self.format)

    @property
    def columns(self) -> tuple[str, ...]:
        """The cells of a row: those asked for, or the document's list."""
        return DEFAULT_FIELDS if self.fields is None else tuple(self.fields)

    @property
    def paged(self) -> bool:
        """Whether every row is wanted of a format that gives a thousand at a time."""
        return self.format == "json" and self.limit is None and self.offset is None

    def page(self, since: datetime | None, until: datetime, *, offset: int, columns: tuple[str, ...]) -> ReportQuery:
        """One page of a window of this query."""
        return replace(self, since=since, until=until, limit=PAGE, offset=offset, fields=columns)

    def __repr__(self) -> str:
        return f"ReportQuery(format={self.format!r}, since={self.since}, until={self.until})"


def _check_times(since: Any, until: Any) -> None:
    for name, value in (("since", since), ("until", until)):
        if value is None:
            continue
        if not isinstance(value, datetime):
            raise InvalidMessage(name, type(value).__name__, "a datetime is needed")
        if value.utcoffset() is None:
            raise InvalidMessage(name, "a naive datetime", "needs a time zone, such as timezone.utc")
    if since is not None and until is not None and since > until:
        raise InvalidMessage("since", since.isoformat(), f"not after until, {until.isoformat()}")


def _check_choice(name: str, value: Any, choices: Sequence[str | None]) -> None:
    if value not in choices:
        raise InvalidMessage(name, repr(value)[:_SHOWN], f"one of {', '.join(filter(None, choices))}")


def _check_label(name: str, value: Any, *, least: int) -> None:
    if value is None:
        return
    if not isinstance(value, str) or len(value) < least:
        raise InvalidMessage(name, mask_text(value), f"a string of at least {least} characters")
    if any(ord(char) < 32 or char == "\x7f" for char in value):  # noqa: PLR2004 - C0 controls
        raise InvalidMessage(name, mask_text(value), "no control characters")


def _check_number(name: str, value: Any, low: int, high: int, form: str) -> None:
    if value is None:
        return
    if form != "json":
        raise InvalidMessage(name, repr(value)[:_SHOWN], f"json only: {form} gives every row")
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidMessage(name, repr(value)[:_SHOWN], f"a whole number from {low} to {high}")


def _names(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _checked_fields(fields: Any) -> tuple[str, ...] | None:
    if fields is None:
        return None
    names = _names(fields)
    for name in names:
        if name not in FIELDS:
            raise InvalidMessage("fields", repr(name)[:_SHOWN], f"each one of {', '.join(FIELDS)}")
    if not names or len(set(names)) != len(names):
        raise InvalidMessage("fields", ", ".join(names) or "none", "at least one, and each once")
    return names


def _checked_channels(channels: Any) -> tuple[str, ...] | None:
    """Open-ended: the document's lists of channels disagree (field notes, R8); only the spelling is looked at."""
    if channels is None:
        return None
    names = _names(channels)
    for name in names:
        if not isinstance(name, str) or not _CHANNEL.fullmatch(name):
            raise InvalidMessage("channels", repr(name)[:_SHOWN], "lower-case names such as sms, viber, telegram")
    if not names:
        raise InvalidMessage("channels", "none", "at least one, or None for all")
    return names


def _checked_subscriber(subscriber: Any, channels: Sequence[str] | None, region: Region | None) -> str | None:
    """A number in any usual spelling; what has letters is an identifier of a push and stays as it is."""
    if subscriber is None:
        return None
    if isinstance(subscriber, str):
        _check_label("subscriber", subscriber, least=1)
        if channels == ("push",) or not _LIKE_A_PHONE.fullmatch(subscriber):
            return subscriber
    try:
        return normalise_phone(subscriber, region=region)
    except InvalidMessage as error:
        raise InvalidMessage("subscriber", error.value, error.rule) from None
