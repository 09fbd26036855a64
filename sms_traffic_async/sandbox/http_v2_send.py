"""``POST /v2/send``: the one operation that accepts messages (document, "Отправка СМС сообщений").

Order: the restrictiveId is entered first, so that a request that fails later
may or may not have used it up (U2); then everything that speaks against the
whole request; then each destination; then the money; then acceptance, in one
synchronous block.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import orjson

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared
from sms_traffic_async.sandbox.http_call import Answer, Call
from sms_traffic_async.sandbox.http_v2_answers import failed, id_json
from sms_traffic_async.sandbox.http_v2_reading import Destination, SendBody, read_send, rfc3339
from sms_traffic_async.sandbox.numbers import federal_number
from sms_traffic_async.sandbox.refusals import Refusal, refuse
from sms_traffic_async.sandbox.rules import check_originator, expand, placeholders
from sms_traffic_async.sandbox.store import DAY

__all__ = ("send",)

TRACKING_DATA_LONGEST = 40
RESTRICTIVE_ID_LONGEST = 36
FURTHEST_START = 30 * DAY
WHOLE_REQUEST = frozenset({415, 419, 421, 1000})
"""Codes that refuse a request even when one destination brought them up."""


class _Schedule(NamedTuple):
    start: datetime | None
    local_time: bool


async def send(call: Call, principal: Principal) -> Answer:
    """Answer one send."""
    body = read_send(call)
    if body.restrictive_id is None or len(body.restrictive_id) > RESTRICTIVE_ID_LONGEST:
        await call.gate()
        return _accept(call, principal, body)[0]
    ticket = await call.platform.restrictive.enter(body.restrictive_id, node=call.node, principal=principal)
    if ticket is None:
        return failed(refuse(105))
    try:
        await call.gate()
        answer, taken = _accept(call, principal, body)
        if taken:
            ticket.accepted()
        return answer
    finally:
        ticket.failed()


def _accept(call: Call, principal: Principal, body: SendBody) -> tuple[Answer, bool]:
    """The answer, and whether the request as a whole was taken."""
    platform = call.platform
    refusal = _whole_request(call, principal, body)
    if refusal is not None:
        return failed(refusal), False
    schedule = _schedule(call, body)
    if isinstance(schedule, Refusal):
        return failed(schedule), False
    arrival = Arrival(
        protocol="v2",
        node=call.node,
        principal=principal,
        request_id=call.request_id,
        ip=call.ip,
        restrictive_id=body.restrictive_id,
    )
    checked = [platform.prepare(_draft(call, body, one, schedule), arrival) for one in body.destinations]
    refusal = _first_for_all(call, checked)
    if refusal is not None:
        return failed(refusal), False
    taken = platform.take([one for one in checked if isinstance(one, Prepared)], arrival)
    if isinstance(taken, Refusal):
        return failed(taken), False
    messages = iter(taken)
    rows: list[dict[str, Any]] = []
    for destination, one in zip(body.destinations, checked, strict=True):
        if isinstance(one, Prepared):
            message = next(messages)
            rows.append(_row(call, body, destination, message.to, message.id))
        else:
            rows.append(_refused_row(call, body, destination, one))
    return Answer(200, orjson.dumps({"success": True, "destinations": rows})), True


def _whole_request(call: Call, principal: Principal, body: SendBody) -> Refusal | None:
    account = principal.account
    if not account.http_allowed:
        return refuse(439)
    if not body.destinations:
        return refuse(103)
    labels = [body.tracking_data, *(one.tracking_data for one in body.destinations)]
    if any(label is not None and len(label) > TRACKING_DATA_LONGEST for label in labels):
        return refuse(104)
    if body.restrictive_id is not None and len(body.restrictive_id) > RESTRICTIVE_ID_LONGEST:
        return refuse(106)
    for line, destination in enumerate(body.destinations, 1):
        if not destination.to:
            return refuse(422, line, (destination.text or "")[:40])
    if not body.message and not any(one.text for one in body.destinations):
        return refuse(405)
    originator = body.originator or account.default_originator
    shown = check_originator(originator, account, "", call.platform.switches)
    return shown if isinstance(shown, Refusal) else None


def _schedule(call: Call, body: SendBody) -> _Schedule | Refusal:
    if body.start is None:
        return _Schedule(None, local_time=False)
    start = rfc3339(body.start)
    if start is None:
        call.finding("scheduling", "the start is not an RFC 3339 date with an offset", refused=True)
        return refuse(416, body.start[:40])
    now = call.platform.clock.now()
    if start.timestamp() > now + FURTHEST_START:
        return refuse(504)
    if start.timestamp() < now and not body.local_time:
        return refuse(417, body.start)
    return _Schedule(start, body.local_time)


def _draft(call: Call, body: SendBody, destination: Destination, schedule: _Schedule) -> Draft:
    platform = call.platform
    to = destination.to or ""
    individual = destination.text is not None
    text = (destination.text if individual else body.message) or ""
    if "[[" in text and (not individual or platform.switches.individual_templates):
        params = destination.params or {}
        if not params.keys() >= placeholders(text):
            call.finding("destinations[].params", "a [[name]] of the text has no value and goes out as it stands")
        text = expand(text, params)
    start: float | None = None
    if schedule.start is not None:
        start = platform.local_start(schedule.start, to, local_time=schedule.local_time)
    return Draft(
        to=to,
        text=text,
        originator=body.originator,
        tracking_data=destination.tracking_data if destination.tracking_data is not None else body.tracking_data,
        transliterate=body.transliterate,
        max_parts=body.max_parts,
        start_at=start,
        batch_name=body.batch_name,
        validity=body.timeout,
    )


def _first_for_all(call: Call, checked: list[Prepared | Refusal]) -> Refusal | None:
    everything = call.platform.switches.number_errors == "request"
    for one in checked:
        if isinstance(one, Refusal) and (everything or one.code in WHOLE_REQUEST):
            return one
    return None


def _row(call: Call, body: SendBody, destination: Destination, number: str, message_id: str) -> dict[str, Any]:
    # A number that is not digits cannot be a JSON number; it goes back as it came.
    phone: Any = int(number) if number.isascii() and number.isdigit() else number
    as_number = call.platform.switches.ids_as_numbers
    row: dict[str, Any] = {"phone": phone, "id": id_json(message_id, as_number=as_number)}
    label = destination.tracking_data if destination.tracking_data is not None else body.tracking_data
    if label is not None:
        row["trackingData"] = label
    return row


def _refused_row(call: Call, body: SendBody, destination: Destination, refusal: Refusal) -> dict[str, Any]:
    platform = call.platform
    row = _row(
        call,
        body,
        destination,
        federal_number(destination.to or ""),
        platform.store.new_id(platform.switches.id_digits),
    )
    if not platform.switches.refused_have_ids:
        del row["id"]
    row["error"] = {"code": refusal.code, "message": refusal.text}
    return row
