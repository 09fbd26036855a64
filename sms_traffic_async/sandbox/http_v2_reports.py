"""``POST /v2/report`` and ``GET /v2/report/{id}`` (document, "Выгрузка сообщений").

Creating answers at once; downloading waits up to five minutes of the sandbox's
clock for the report to be ready, then says 204. The envelope of both is
``{code, description}``, not v2's usual one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import orjson

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.http_breakage import JSON, Headers
from sms_traffic_async.sandbox.http_call import Answer, Call
from sms_traffic_async.sandbox.http_v2_reading import BadBody, Fields, read_json, rfc3339
from sms_traffic_async.sandbox.refusals import INVALID_FORMAT
from sms_traffic_async.sandbox.report_content import DEFAULT_FIELDS, FIELDS, Content
from sms_traffic_async.sandbox.reports import ReportJob, ReportQuery

__all__ = ("create_report", "download_report")

LONG_POLL = 300.0
POLL_INTERVAL = 1.0
"""Document: at most 5 minutes in a request, at least 1 second between two."""
PREFIX_LENGTH = len("/v2/report/")

BODY_FIELDS = frozenset(
    {
        "from",
        "to",
        "originator",
        "subscriber",
        "type",
        "status",
        "channels",
        "department",
        "fields",
        "format",
        "limit",
        "offset",
    }
)
TYPES = frozenset({"mt", "mo"})
STATUSES = frozenset({"delivered", "not_delivered", "read"})
CHANNELS = frozenset({"sms", "push", "viber", "whatsapp", "vk", "ok", "telegram"})
FORMATS = frozenset({"zip", "csv", "json"})


async def create_report(call: Call, principal: Principal) -> Answer:
    """Answer with the id of a new report."""
    try:
        query = _query(call, principal)
    except BadBody:
        return _envelope(INVALID_FORMAT.code, INVALID_FORMAT.text)
    await call.gate()
    job = call.platform.reports.create(query, node=call.node, principal=principal)
    key = call.platform.switches.report_id_key
    return Answer(200, orjson.dumps({"code": 0, "description": "", key: job.id}))


def _envelope(code: int, description: str, status: int = 200) -> Answer:
    return Answer(status, orjson.dumps({"code": code, "description": description}))


def _query(call: Call, principal: Principal) -> ReportQuery:
    body = Fields(call, read_json(call), "", BODY_FIELDS)
    kind = _one_of(body, "type", TYPES)
    status = _one_of(body, "status", STATUSES)
    form = _one_of(body, "format", FORMATS) or "json"
    channels = body.strings("channels")
    fields = body.strings("fields")
    _all_of(body, "channels", channels or (), CHANNELS)
    _all_of(body, "fields", fields or (), FIELDS)
    department = body.text("department")
    if principal.department is not None:
        department = principal.department.login
    is_json = form == "json"
    limit = body.number("limit", 1, 1000) if is_json else None
    offset = body.number("offset", 0, 1000) if is_json else None
    since, until = _date(body, "from"), _date(body, "to")
    if since is not None and until is not None and since > until:
        raise body.bad("to", "is before from")
    return ReportQuery(
        since=since,
        until=until,
        originator=body.text("originator"),
        subscriber=body.text("subscriber"),
        type=kind,  # type: ignore[arg-type] # checked against the document's words just above
        status=status,  # type: ignore[arg-type]
        channels=None if channels is None else frozenset(channels),
        department=department,
        fields=fields or DEFAULT_FIELDS,
        format=form,  # type: ignore[arg-type]
        limit=50 if limit is None else limit,
        offset=offset or 0,
    )


def _one_of(body: Fields, name: str, words: frozenset[str]) -> str | None:
    value = body.text(name)
    if value is not None and value not in words:
        raise body.bad(name, f"is not one of {', '.join(sorted(words))}")
    return value


def _all_of(body: Fields, name: str, values: Iterable[str], words: frozenset[str]) -> None:
    for value in values:
        if value not in words:
            raise body.bad(name, f"has a word that is not one of {', '.join(sorted(words))}")


def _date(body: Fields, name: str) -> float | None:
    value = body.text(name)
    if value is None:
        return None
    at = rfc3339(value)
    if at is None:
        raise body.bad(name, "is not an RFC 3339 date with an offset")
    return at.timestamp()


async def download_report(call: Call, principal: Principal) -> Answer:
    """Answer with a report, or 204 after five minutes, or 404."""
    await call.gate()
    reports = call.platform.reports
    report_id = call.path[PREFIX_LENGTH:]
    job = reports.get(report_id)
    if job is None or not job.belongs_to(principal, call.node):
        return _gone(report_id)
    now = call.platform.clock.now()
    if now < job.not_before:
        call.finding("(timing)", "a report is asked for again less than 1 second after a 204")
    if job.content is None:
        await _wait(call, job)
    if reports.get(report_id) is None:
        return _gone(report_id)
    if job.content is None:
        job.not_before = call.platform.clock.now() + POLL_INTERVAL
        return Answer(204, b"", ())
    return _deliver(call, job, job.content)


def _gone(report_id: str) -> Answer:
    return _envelope(1, f"Report {report_id} not found", 404)


async def _wait(call: Call, job: ReportJob) -> None:
    """Until the report is ready, five minutes have passed, or the client went away."""
    clock = call.platform.clock
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    job.waiters.add(future)
    timer = clock.call_later(LONG_POLL, clock.wake, future)
    watcher = asyncio.create_task(_until_gone(call, future), name="sandbox: long poll")
    try:
        await clock.pending(future, timer)
    finally:
        job.waiters.discard(future)
        watcher.cancel()
        await asyncio.wait((watcher,))


async def _until_gone(call: Call, future: asyncio.Future[None]) -> None:
    while (await call.receive())["type"] != "http.disconnect":
        pass
    call.platform.clock.wake(future)


def _deliver(call: Call, job: ReportJob, content: Content) -> Answer:
    form = job.query.format
    total = content.length
    if form == "json":
        return Answer(200, headers=JSON, stream=content.chunks(0, total), length=total)
    media = b"application/zip" if form == "zip" else b"text/csv"
    headers: Headers = (
        (b"content-disposition", f'attachment; filename="{job.id}.{form}"'.encode()),
        (b"accept-ranges", b"bytes"),
        (b"content-type", media),
    )
    wanted = call.header(b"range") if call.platform.switches.report_ranges else ""
    span = _range(wanted, total)
    if span is None:
        return Answer(200, headers=headers, stream=content.chunks(0, total), length=total)
    start, stop = span
    if start >= stop:
        return Answer(416, b"", (*headers, (b"content-range", b"bytes */%d" % total)))
    headers = (*headers, (b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, total)))
    return Answer(206, headers=headers, stream=content.chunks(start, stop), length=stop - start)


def _range(value: str, total: int) -> tuple[int, int] | None:
    """Start and end of one byte range; ``None`` for the whole (RFC 9110, 14.1.2)."""
    unit, _, ranges = value.partition("=")
    first, dash, last = ranges.strip().partition("-")
    if (
        unit.strip().lower() != "bytes"
        or not dash
        or not all(part.isascii() and part.isdigit() for part in first + last)
    ):
        return None
    if not first:
        return (max(0, total - int(last)), total) if last else None
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, total) if last else total
