"""HTTP API v2 as bytes: JSON out, JSON in. Pure.

What is sent follows the document's tables, in the order of its examples. What
is read may come in every spelling that the document or the field notes know:
ids as strings or integers, dates with or without an offset, errors as objects
or strings. What cannot be told apart is ``Damaged``, which is no answer at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from sms_traffic_async.message_rules import ID_MAX
from sms_traffic_async.messages import MOSCOW, StatusUpdate
from sms_traffic_async.protocols.http.answers import read_amount
from sms_traffic_async.protocols.http_v2.fields import (
    Damaged,
    Row,
    as_list,
    as_row,
    decode,
    first,
    read_digits,
    read_fault,
    read_id,
    read_int,
    read_moment,
    read_text,
)
from sms_traffic_async.protocols.http_v2.models import (
    Addressed,
    CheckedReply,
    CheckFailure,
    Fault,
    SendAnswer,
    SendRequest,
    SentDestination,
)
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus

__all__ = (
    "Damaged",
    "decode_balance",
    "decode_checked",
    "decode_send",
    "decode_statuses",
    "encode_checked",
    "encode_send",
    "encode_statuses",
)


def encode_send(request: SendRequest, *, start_key: str = "startDateTime") -> bytes:
    """The body of ``POST /v2/send``.

    Args:
        request: what to say.
        start_key: the table's ``startDateTime``, or the example's ``startTime``.
    """
    sms: dict[str, Any] = {}
    if request.text is not None:
        sms["message"] = request.text
    if request.validity is not None:
        sms["timeout"] = request.validity
    if request.transliterate is not None:
        sms["transliterate"] = request.transliterate
    if request.max_parts is not None:
        sms["maxParts"] = request.max_parts
    body: dict[str, Any] = {"channels": {"sms": sms}} if sms else {}
    body["destinations"] = _destinations(request.destinations)
    if request.originator is not None:
        body["originator"] = request.originator
    if request.tracking_data is not None:
        body["trackingData"] = request.tracking_data
    if request.start_at is not None:
        body["scheduling"] = {start_key: _timestamp(request.start_at), "localtime": request.local_time}
    if request.batch_name is not None:
        body["batchName"] = request.batch_name
    if request.restrictive_id is not None:
        body["restrictiveId"] = request.restrictive_id
    return orjson.dumps(body)


def _destinations(destinations: Sequence[Addressed]) -> Any:
    """Hot: a batch of plain messages is written as it stands, at half the price of two dictionaries for each."""
    if not all(one.plain for one in destinations):
        return [_destination(one) for one in destinations]
    rows = [
        f'{{"to":{one.to},"trackingData":"{one.tracking_data}","content":{{"sms":{{"message":"{one.text}"}}}}}}'
        for one in destinations
    ]
    return orjson.Fragment(f"[{','.join(rows)}]")


def _destination(destination: Addressed) -> dict[str, Any]:
    found: dict[str, Any] = {"to": int(destination.to)}
    if destination.params is not None:
        found["params"] = dict(destination.params)
    if destination.tracking_data is not None:
        found["trackingData"] = destination.tracking_data
    if destination.text is not None:
        found["content"] = {"sms": {"message": destination.text}}
    return found


def _timestamp(moment: datetime) -> str:
    """RFC 3339. The offset stays the caller's: with ``localtime`` the digits of the clock count."""
    offset = moment.utcoffset()
    if offset is None or offset.seconds % 60 or offset.microseconds:
        moment = moment.astimezone(MOSCOW)  # an offset with seconds cannot be written
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")


def encode_statuses(ids: Sequence[str], tracking_data: Sequence[str], *, extended: bool) -> bytes:
    """The body of ``POST /v2/statuses/list``."""
    body: dict[str, Any] = {}
    if ids:
        body["ids"] = list(ids)
    if tracking_data:
        body["trackingData"] = list(tracking_data)
    body["extendedInfo"] = extended
    return orjson.dumps(body)


def encode_checked(ids: Sequence[str]) -> bytes:
    """The body of ``POST /v2/statuses/checked``: a bare array."""
    return orjson.dumps(list(ids))


def decode_send(body: bytes, labels: Sequence[str] = ()) -> SendAnswer | Fault:
    """The answer to ``/v2/send``.

    Args:
        body: as it came.
        labels: of the messages, in order, where they are all different; then
            the usual answer is read into ``ids`` in one go.

    Raises:
        Damaged: it is none; whether the request was taken is unknown.
    """

    def read(answer: Row) -> SendAnswer:
        rows = as_list(answer.get("destinations"), "destinations")
        ids = _ids(rows, labels) if labels else None
        if ids is not None:
            return SendAnswer(ids=ids)
        return SendAnswer(destinations=tuple([_sent(row) for value in rows if (row := as_row(value)) is not None]))

    return decode(body, read)


def decode_statuses(body: bytes, *, node: str | None = None) -> tuple[StatusUpdate, ...] | Fault:
    """The answer to ``/v2/statuses/list``; entries without a readable id are left out.

    Raises:
        Damaged: it is none.
    """

    def read(answer: Row) -> tuple[StatusUpdate, ...]:
        rows = as_list(answer.get("data"), "data")
        return tuple(update for value in rows if (update := _status(value, node)) is not None)

    return decode(body, read)


def decode_checked(body: bytes) -> CheckedReply | Fault:
    """The answer to ``/v2/statuses/checked``.

    Raises:
        Damaged: it is none.
    """
    return decode(body, _read_checked)


def decode_balance(body: bytes) -> tuple[Decimal, str] | Fault:
    """The answer to ``GET /v2/account``: the amount, and how it was written.

    Raises:
        Damaged: it is none, or the amount is not a number.
    """
    return decode(body, _read_balance)


def _ids(rows: Sequence[Any], labels: Sequence[str]) -> tuple[str, ...] | None:
    """The ids of an answer that has every label once, in order, with an id of digits and no error."""
    try:
        if [row["trackingData"] for row in rows] != labels:
            return None
        ids = tuple([row["id"] for row in rows])
        digits = "".join(ids)
        errors = [row.get("error") for row in rows]
    except (KeyError, TypeError):
        return None
    lengths = [len(one) for one in ids]
    if digits.isascii() and digits.isdigit() and min(lengths) > 0 and max(lengths) <= ID_MAX:
        return ids if errors.count(None) == len(errors) else None
    return None


def _sent(row: Row) -> SentDestination:
    error = row.get("error")
    fault = read_fault(error)
    message_id = read_id(first(row, "id", "smsId", "sms_id"))
    if error is not None and fault is None:
        message_id = None  # refused or not, nobody can tell: it has to be looked up
    return SentDestination(
        phone=read_digits(first(row, "phone", "to")),
        message_id=message_id,
        tracking_data=read_text(first(row, "trackingData", "tracking_data")),
        fault=fault,
        raw=row,
    )


def _status(value: object, node: str | None) -> StatusUpdate | None:
    row = as_row(value)
    message_id = None if row is None else read_id(first(row, "smsId", "sms_id", "id"))
    if row is None or message_id is None:
        return None
    reason = as_row(first(row, "statusExtended", "status_extended")) or {}
    return StatusUpdate(
        message_id=message_id,
        status=MessageStatus.read(row.get("status")),
        tracking_data=read_text(first(row, "trackingData", "tracking_data")),
        to=read_digits(first(row, "phone", "phone_number")),
        submitted_at=read_moment(first(row, "submissionDate", "submission_date", "submitionDate", "submition_date")),
        sent_at=read_moment(first(row, "sendDate", "send_date")),
        status_at=read_moment(first(row, "deliveryDate", "delivery_date")),
        error=DeliveryErrorCode.read(reason["code"] if "code" in reason else first(row, "error_code", "err_code")),
        error_text=read_text(reason.get("description")),
        operator_id=read_int(first(row, "operatorId", "operator_id")),
        mcc=read_int(row.get("mcc")),
        mnc=read_int(row.get("mnc")),
        parts=read_int(first(row, "partsCount", "parts_count")),
        channel=read_text(row.get("channel")),
        node=node,
        source="poll",
        raw=row,
    )


def _read_checked(answer: Row) -> CheckedReply:
    data = as_row(answer.get("data"))
    if data is None:
        raise Damaged("data is not an object")
    updated = as_list(data.get("updated", []), "updated")
    failed = as_list(data.get("failed", []), "failed")
    return CheckedReply(
        updated=tuple(message_id for value in updated if (message_id := read_id(value)) is not None),
        failed=tuple(failure for value in failed if (failure := _check_failure(value)) is not None),
    )


def _check_failure(value: object) -> CheckFailure | None:
    row = as_row(value) or {"id": value}
    message_id = read_id(first(row, "id", "smsId", "sms_id"))
    if message_id is None:
        return None
    # The error is a string here and an object everywhere else.
    fault = read_fault(row.get("error"))
    words = read_text(row.get("error")) or "" if fault is None else fault.message
    return CheckFailure(
        message_id=message_id, error=" ".join(words.split()), code=None if fault is None else fault.code
    )


def _read_balance(answer: Row) -> tuple[Decimal, str]:
    value = (as_row(answer.get("data")) or answer).get("account")
    return read_amount(str(value) if isinstance(value, int | float) else value)
