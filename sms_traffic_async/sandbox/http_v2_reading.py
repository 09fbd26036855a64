"""Reads v2 request bodies strictly by the document, by code of its own.

The client's encoder is not used here, so its faults cannot hide. A wrong type
is refused with 105; a field that the document does not have is written down
(and refused where a switch says so); names are case-sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

import orjson

from sms_traffic_async.sandbox.findings import nearest
from sms_traffic_async.sandbox.http_call import Call

__all__ = (
    "BadBody",
    "Destination",
    "Fields",
    "SendBody",
    "StatusesBody",
    "read_ids",
    "read_json",
    "read_send",
    "read_statuses",
    "rfc3339",
)

T = TypeVar("T")

MOST_IDS = 10_000
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")

SEND_FIELDS = frozenset(
    {"channels", "destinations", "originator", "trackingData", "scheduling", "batchName", "restrictiveId"}
)
CHANNELS = frozenset({"sms"})
# "timeout" stands in the document's example, not in its table.
SMS_FIELDS = frozenset({"message", "transliterate", "maxParts", "timeout"})
DESTINATION_FIELDS = frozenset({"to", "params", "trackingData", "content"})
# "startTime" is the example's spelling, "startDateTime" the table's.
SCHEDULING_FIELDS = frozenset({"startDateTime", "startTime", "localtime"})


class BadBody(Exception):
    """Something that cannot be read; the answer is 105 "Invalid request format"."""


@dataclass(frozen=True, slots=True, repr=False)
class Destination:
    """One recipient as the request names it; ``to`` is ``None`` where it is missing."""

    to: str | None
    text: str | None
    params: Mapping[str, str] | None
    tracking_data: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendBody:
    """The body of ``/v2/send``."""

    destinations: tuple[Destination, ...]
    message: str | None = None
    transliterate: bool = False
    max_parts: int = 255
    timeout: float | None = None
    originator: str | None = None
    tracking_data: str | None = None
    start: str | None = None
    local_time: bool = True
    batch_name: str = ""
    restrictive_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusesBody:
    """The body of ``/v2/statuses/list``; ``None`` where a list was not given."""

    ids: tuple[str, ...] | None
    tracking_data: tuple[str, ...] | None
    extended: bool


class Fields:
    """One JSON object of a request, read field by field."""

    __slots__ = ("_call", "_path", "_values")

    def __init__(self, call: Call, value: object, path: str, known: frozenset[str]) -> None:
        if not isinstance(value, dict):
            raise self._refused(call, path or "(body)", "is not an object")
        self._call = call
        self._path = path + "." if path else ""
        self._values = cast("dict[str, Any]", value)
        if not self._values.keys() <= known:
            self._unknown(known)

    def text(self, name: str) -> str | None:
        """A string."""
        value = self._values.get(name)
        if value is None or isinstance(value, str):
            return self._null(name, value)
        raise self.bad(name, "is not a string")

    def flag(self, name: str, default: bool) -> bool:
        """A boolean."""
        value = self._values.get(name)
        if isinstance(value, bool):
            return value
        if value is None:
            self._null(name, value)
            return default
        raise self.bad(name, "is not true or false")

    def number(self, name: str, low: int, high: int) -> int | None:
        """A whole number in a range."""
        value = self._values.get(name)
        if value is None:
            return self._null(name, None)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.bad(name, f"is not a whole number from {low} to {high}")
        return value

    def strings(self, name: str, most: int = MOST_IDS) -> tuple[str, ...] | None:
        """An array of strings."""
        value = self._values.get(name)
        if value is None:
            return self._null(name, None)
        return strings_of(self._call, value, self._path + name, most)

    def array(self, name: str) -> list[Any] | None:
        """An array of anything."""
        value = self._values.get(name)
        if value is None or isinstance(value, list):
            return self._null(name, cast("list[Any] | None", value))  # type: ignore[redundant-cast] # pyright needs it
        raise self.bad(name, "is not an array")

    def inner(self, name: str, known: frozenset[str]) -> Fields | None:
        """An object inside this one."""
        value = self._values.get(name)
        if value is None:
            return self._null(name, None)
        return Fields(self._call, value, self._path + name, known)

    def mapping(self, name: str) -> Mapping[str, str] | None:
        """Values by name: strings, or numbers taken as written."""
        value = self._values.get(name)
        if value is None:
            return self._null(name, None)
        if not isinstance(value, dict):
            raise self.bad(name, "is not an object")
        values = cast("dict[str, Any]", value)
        for key, item in values.items():
            if isinstance(item, bool) or not isinstance(item, (str, int, float)):
                raise self.bad(f"{name}.{key}", "is not a string")
        return {key: str(item) for key, item in values.items()}

    def raw(self, name: str) -> Any:
        """A value as it came."""
        return self._values.get(name)

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._values

    def bad(self, name: str, problem: str) -> BadBody:
        """Write a wrong value down; raise what is returned."""
        return self._refused(self._call, self._path + name, problem)

    def note(self, name: str, problem: str) -> None:
        """Write down what is odd but taken."""
        self._call.finding(self._path + name, problem)

    def _null(self, name: str, value: T) -> T:
        if value is None and name in self._values:
            self.note(name, "is null; leave the field out instead")
        return value

    def _unknown(self, known: frozenset[str]) -> None:
        refused = self._call.platform.switches.unknown_fields_refused
        for name in sorted(self._values.keys() - known):
            meant = nearest(name, known)
            hint = f"; did you mean {meant}?" if meant else ""
            self._call.finding(self._path + name, f"is not in the document{hint}", refused=refused)
        if refused:
            raise BadBody

    @staticmethod
    def _refused(call: Call, path: str, problem: str) -> BadBody:
        call.finding(path, problem, refused=True)
        return BadBody()


def rfc3339(text: str) -> datetime | None:
    """A date as the document asks for it (RFC 3339, 5.6), or ``None``."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def strings_of(call: Call, value: object, path: str, most: int) -> tuple[str, ...]:
    """A JSON array of strings, whole."""
    if not isinstance(value, list):
        call.finding(path, "is not an array", refused=True)
        raise BadBody
    items = cast("list[Any]", value)  # type: ignore[redundant-cast] # pyright needs it
    if len(items) > most:
        call.finding(path, f"has more than {most} items", refused=True)
        raise BadBody
    for position, item in enumerate(items):
        if not isinstance(item, str):
            call.finding(f"{path}[{position}]", "is not a string", refused=True)
            raise BadBody
    return tuple(items)


def read_json(call: Call) -> Any:
    """The body as JSON in UTF-8.

    Raises:
        BadBody: it is not.
    """
    try:
        return orjson.loads(call.body)
    except orjson.JSONDecodeError:
        call.finding("(body)", "is not JSON in UTF-8", refused=True)
        raise BadBody from None


def read_send(call: Call) -> SendBody:
    """The body of ``/v2/send``.

    Raises:
        BadBody: it cannot be read.
    """
    body = Fields(call, read_json(call), "", SEND_FIELDS)
    channels = body.inner("channels", CHANNELS)
    sms = channels.inner("sms", SMS_FIELDS) if channels else None
    scheduling = body.inner("scheduling", SCHEDULING_FIELDS)
    items = body.array("destinations") or []
    return SendBody(
        destinations=tuple([_destination(call, item, position) for position, item in enumerate(items)]),
        message=sms.text("message") if sms else None,
        transliterate=sms.flag("transliterate", default=False) if sms else False,
        max_parts=(sms.number("maxParts", 1, 255) if sms else None) or 255,
        timeout=sms.number("timeout", 1, 86_400) if sms else None,
        originator=body.text("originator"),
        tracking_data=body.text("trackingData"),
        start=_start(call, scheduling) if scheduling else None,
        local_time=scheduling.flag("localtime", default=True) if scheduling else True,
        batch_name=body.text("batchName") or "",
        restrictive_id=body.text("restrictiveId"),
    )


def _start(call: Call, scheduling: Fields) -> str | None:
    wanted = call.platform.switches.start_key
    found: str | None = None
    for name in ("startTime", "startDateTime"):
        if not scheduling.has(name):
            continue
        if wanted not in {"both", name}:
            raise scheduling.bad(name, f"is not taken here; the field is {wanted}")
        found = scheduling.text(name)
    return found


def _destination(call: Call, item: object, position: int) -> Destination:
    fields = Fields(call, item, f"destinations[{position}]", DESTINATION_FIELDS)
    to = fields.raw("to")
    if isinstance(to, str):
        fields.note("to", "is a string; the document has a number")
        number: str | None = to
    elif to is None:
        number = None
    elif isinstance(to, bool) or not isinstance(to, int):
        raise fields.bad("to", "is not a number")
    else:
        number = str(to)
    text: str | None = None
    if fields.has("content"):
        content = fields.inner("content", CHANNELS)
        sms = content.inner("sms", frozenset({"message"})) if content else None
        text = sms.text("message") if sms else None
    return Destination(number, text, fields.mapping("params"), fields.text("trackingData"))


def read_statuses(call: Call) -> StatusesBody:
    """The body of ``/v2/statuses/list``.

    Raises:
        BadBody: it cannot be read, or asks for nothing.
    """
    body = Fields(call, read_json(call), "", frozenset({"ids", "trackingData", "extendedInfo"}))
    found = StatusesBody(
        ids=body.strings("ids"),
        tracking_data=body.strings("trackingData"),
        extended=body.flag("extendedInfo", default=False),
    )
    if found.ids is None and found.tracking_data is None:
        raise body.bad("ids", "and trackingData are both missing")
    return found


def read_ids(call: Call, most: int) -> tuple[str, ...]:
    """The body of ``/v2/statuses/checked``: a bare array.

    Raises:
        BadBody: it cannot be read.
    """
    return strings_of(call, read_json(call), "(body)", most)
