"""What the platform is told and what it answers about reports: values and bytes.

Document, "Выгрузка сообщений". The answers have an envelope of their own,
``{"code", "description", "reportId"}``; the usual ``{"success", "error"}`` is
read too (field notes, R1). Pure: no I/O, no clock.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.protocols.http_v2.fields import Damaged, Row, as_list, as_row, first, read_int, read_text
from sms_traffic_async.protocols.http_v2.models import Fault
from sms_traffic_async.protocols.http_v2.reports.query import ReportQuery

__all__ = (
    "Page",
    "decode_created",
    "decode_fault",
    "decode_page",
    "encode_query",
    "is_report_id",
)

_REPORT_ID = re.compile(r"[A-Za-z0-9._~-]{1,128}")
# The document's example is not JSON: cells stand as {"text"} (field notes, R3). Whole strings are
# matched first, so a text that looks like it is left alone; possessively, and to the end of the
# text if need be, so that no input takes more than one pass.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)'
_BRACED = re.compile(rf"\{{\s*+({_STRING})\s*+\}}|({_STRING})", re.DOTALL)
_BRACED_LIMIT = 500_000
_SPARE_CELLS = 32


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Page:
    """One JSON answer: rows of cells, and how many rows there are in all."""

    count: int
    rows: tuple[tuple[str, ...], ...]


def encode_query(query: ReportQuery) -> bytes:
    """The body of POST /v2/report. Times are given in the platform's UTC+3; the fields always."""
    body: dict[str, Any] = {}
    if query.since is not None:
        body["from"] = query.since.astimezone(MOSCOW).isoformat()
    if query.until is not None:
        body["to"] = query.until.astimezone(MOSCOW).isoformat()
    for name in ("originator", "subscriber", "type", "status", "channels", "department"):
        # An empty department is the main account (field notes, R10): only None is left out.
        if (value := getattr(query, name)) is not None:
            body[name] = value
    body["fields"] = query.columns
    body["format"] = query.format
    for name in ("limit", "offset"):
        if (value := getattr(query, name)) is not None:
            body[name] = value
    return orjson.dumps(body)


def decode_created(body: bytes) -> str | Fault:
    """The answer to POST /v2/report: the report's id, or a refusal.

    Raises:
        Damaged: it is neither.
    """
    answer = _object(body)
    fault = _fault(answer)
    if fault is not None:
        return fault
    report_id = first(answer, "reportId", "report_id")
    if not isinstance(report_id, str) or not is_report_id(report_id):
        raise Damaged("no report id")
    return report_id


def is_report_id(text: str) -> bool:
    """Whether it may stand in a path: unreserved characters only (RFC 3986, 2.3)."""
    return _REPORT_ID.fullmatch(text) is not None


def decode_fault(body: bytes) -> Fault | None:
    """The refusal that a body holds, if any: a failed report has no documented form (field notes, R7)."""
    try:
        return _fault(_object(body))
    except Damaged:
        return None


def decode_page(body: bytes, width: int) -> Page | Fault:
    """A JSON report of rows ``width`` cells wide, or a refusal.

    Numbers keep their digits, null is an empty cell, new properties are ignored.

    Raises:
        Damaged: it is neither.
    """
    answer = _object(body)
    listed, count = answer.get("messages"), read_int(answer.get("count"))
    if listed is None and (fault := _fault(answer)) is not None:
        return fault
    if count is None or count < 0:
        raise Damaged("count is not a number")
    return Page(count=count, rows=tuple(_cells(row, width) for row in as_list(listed, "messages")))


def _object(body: bytes) -> Row:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("windows-1251", errors="replace")
    answer: Row | None = None
    try:
        answer = as_row(_loads(text))
    except RecursionError:
        pass
    except ValueError:
        with suppress(ValueError, RecursionError):
            if len(text) <= _BRACED_LIMIT:
                answer = as_row(_loads(_BRACED.sub(r"\1\2", text)))
    if answer is None:
        raise Damaged("not a JSON object")
    return answer


def _loads(text: str) -> Any:
    # Not orjson: an id of 40 digits written as a number must keep its digits, and a cost its zeros.
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _fault(answer: Row) -> Fault | None:
    """A code greater than 0, in this envelope or in the usual one."""
    source = as_row(answer.get("error")) or answer
    code = read_int(source.get("code"))
    if not code:
        return None
    return Fault(code=code, message=read_text(first(source, "description", "message")) or "")


def _cells(row: object, width: int) -> tuple[str, ...]:
    cells: list[str] = []
    for cell in as_list(row, "a row")[: width + _SPARE_CELLS]:
        if isinstance(cell, str):
            cells.append(cell)
        elif cell is None:
            cells.append("")
        elif isinstance(cell, bool):
            cells.append(str(cell).lower())
        else:
            raise Damaged("a cell is neither text nor a number")
    return tuple(cells)
