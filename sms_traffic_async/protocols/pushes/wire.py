"""What the platform sends to your server, read into values. Pure; nothing here raises for what a peer wrote.

Sources: the document's "Автоматическое получение статусов" (JSON and form),
"Пересылка входящих сообщений на HTTP(S)-скрипт" and "Короткий номер"; field
notes B, C and I. Every spelling that was seen is read (``error_code`` and
``err_code``, ``operator_id`` and ``operatorId``), unknown fields are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import cast

import orjson

from sms_traffic_async.message_rules import ID_MAX
from sms_traffic_async.messages import InboundMessage, StatusUpdate
from sms_traffic_async.protocols.http_v2.fields import (
    Row,
    as_row,
    first,
    read_digits,
    read_int,
    read_moment,
    read_text,
)
from sms_traffic_async.protocols.pushes.forms import Fields, declared_charset, decode_value, media_type, read_form
from sms_traffic_async.protocols.pushes.models import BadItem, CharsetOption, InboundPush, PushKind, StatusPush
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus

__all__ = ("MOST_ITEMS", "is_json", "kind_of", "read_inbound", "read_parameters", "read_status_form", "read_statuses")

MOST_ITEMS = 1_000
"""The document says 50 in one call, which support can change (field notes, C)."""

_STATUS_MAX, _PHONE_MAX = 64, 40
_BOM = b"\xef\xbb\xbf"
_ID = ("sms_id", "smsId", "smsid", "message_id")
# What must not be kept with a message.
_SECRETS = frozenset({"secret", "password"})


# --- which push it is


def is_json(body: bytes, content_type: str = "") -> bool:
    """Whether a body is JSON, by its type or by its first character."""
    return media_type(content_type).endswith("json") or body[:64].removeprefix(_BOM).lstrip()[:1] in {b"[", b"{"}


def read_parameters(query: bytes, body: bytes = b"") -> Fields:
    """The parameters of a GET or POST; those of the body count before those of the query."""
    return read_form(query) | read_form(body)


def kind_of(fields: Fields) -> PushKind | None:
    """Which push these parameters are; ``None`` if they are none."""
    if "shortcode" in fields:
        return "short_number"
    if "message" in fields:
        return "inbound"
    if "status" in fields:
        return "statuses"
    return "inbound" if "phone" in fields else None


# --- statuses


def read_statuses(body: bytes, *, most: int = MOST_ITEMS) -> StatusPush:
    """Statuses as JSON: an array of objects, or one object.

    Args:
        body: as it came.
        most: items that are read; what is beyond is set aside as one bad item.
    """
    octets = body.removeprefix(_BOM)
    document: object = None
    with suppress(orjson.JSONDecodeError):
        document = orjson.loads(octets)
    rows = _rows(document)
    if rows is None:
        return StatusPush(bad=(BadItem(kind="statuses", reason="the body is not JSON with statuses", raw=body),))
    if any(_has_float_id(row) for row in rows[:most]):
        # orjson makes a float of every integer of 65 bits and more; an id is its digits.
        rows = _rows(_loads_exactly(octets)) or rows
    updates: list[StatusUpdate] = []
    bad: list[BadItem] = []
    for row in rows[:most]:
        update = _status(row)
        if isinstance(update, str):
            bad.append(BadItem(kind="statuses", reason=update, raw=row))
        else:
            updates.append(update)
    if len(rows) > most:
        bad.append(BadItem(kind="statuses", reason=f"beyond {most} items in one call", raw=rows[most:]))
    return StatusPush(updates=tuple(updates), bad=tuple(bad))


def read_status_form(fields: Fields, *, content_type: str = "") -> StatusPush:
    """One status as a form (document, "Автоматическое получение статусов" of HTTP API v1)."""
    declared = declared_charset(content_type)
    row = {name: decode_value(value, "auto", declared)[0] for name, value in fields.items() if name not in _SECRETS}
    update = _status(row)
    if isinstance(update, str):
        return StatusPush(bad=(BadItem(kind="statuses", reason=update, raw=row),))
    return StatusPush(updates=(update,))


def _rows(document: object) -> Sequence[object] | None:
    if isinstance(document, list):
        return cast("Sequence[object]", document)
    return (document,) if as_row(document) is not None else None


def _has_float_id(value: object) -> bool:
    row = as_row(value)
    return row is not None and isinstance(first(row, *_ID), float)


def _loads_exactly(octets: bytes) -> object:
    """Every integer with all its digits; what really is a float stays one."""
    try:
        return json.loads(octets)
    except (ValueError, RecursionError):
        return None


def _status(value: object) -> StatusUpdate | str:
    """A status, or what is wrong with it."""
    row = as_row(value)
    if row is None:
        return "the item is not an object"
    message_id = _read_id(first(row, *_ID))
    if message_id is None:
        return "there is no sms_id that can be read"
    status = row.get("status")
    # An empty one is a status: nothing known yet. It is read openly, yet it has to be a word.
    if not isinstance(status, str) or len(status) > _STATUS_MAX or not status.strip("\r\n\t").isprintable():
        return "there is no status that can be read"
    return StatusUpdate(
        message_id=message_id,
        status=MessageStatus.read(status),
        tracking_data=read_text(first(row, "tracking_data", "trackingData", "trackingdata")),
        to=_read_number(first(row, "phone_number", "phone", "phoneNumber")),
        submitted_at=read_moment(first(row, "submission_date", "submition_date", "submissionDate")),
        sent_at=read_moment(first(row, "send_date", "sendDate")),
        status_at=read_moment(first(row, "delivery_date", "deliveryDate")),
        error=_read_error(row),
        operator_id=read_int(first(row, "operator_id", "operatorId", "operatorid")),
        mcc=read_int(row.get("mcc")),
        mnc=read_int(row.get("mnc")),
        parts=read_int(first(row, "parts_count", "partsCount")),
        channel=read_text(row.get("channel")),
        login=read_text(row.get("login")),
        source="push",
        raw=row,
    )


def _read_error(row: Row) -> DeliveryErrorCode | None:
    return DeliveryErrorCode.read(first(row, "error_code", "err_code", "errorCode", "error"))


def _read_id(value: object) -> str | None:
    """An id: a string, or the digits of an integer."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**ID_MAX:
        return str(value)
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= ID_MAX and text.isprintable() else None


def _read_number(value: object) -> str | None:
    """A phone number as it came, without a plus; ``None`` where it is none."""
    text = (read_digits(value) or "").strip().removeprefix("+")
    return text if 0 < len(text) <= _PHONE_MAX and text.isprintable() else None


# --- inbound


def read_inbound(
    fields: Fields,
    *,
    kind: PushKind | None = None,
    charset: CharsetOption = "auto",
    content_type: str = "",
    received_at: datetime | None = None,
) -> InboundPush | BadItem:
    """A subscriber's message to an inbound or a short number.

    Args:
        fields: of the query or the body, see ``read_parameters``.
        kind: inbound or short number, where that is known; else the parameters tell.
        charset: what the account is set to in the cabinet.
        content_type: of the request; may declare a charset.
        received_at: the time to write down, as the push has none.
    """
    kind = "short_number" if kind == "short_number" or "shortcode" in fields else "inbound"
    declared = declared_charset(content_type)
    row = {name: decode_value(value, charset, declared)[0] for name, value in fields.items() if name not in _SECRETS}
    if "message" not in fields:
        return BadItem(kind=kind, reason="there is no message in it", raw=row)
    sender = _read_number(row.get("phone"))
    if sender is None:
        return BadItem(kind=kind, reason="there is no phone that can be read", raw=row)
    if sender.startswith("{{"):
        return BadItem(kind=kind, reason="the template of the URL was sent without values", raw=row)
    text, used = decode_value(fields["message"], charset, declared)
    short_number = _read_number(row.get("shortcode"))
    message = InboundMessage(
        sender=sender,
        text=text,
        message_id=_read_id(row.get("sms_id")),
        recipient=short_number,
        short_number=short_number,
        received_at=received_at,
        source="push",
        raw=row,
    )
    return InboundPush(kind=kind, message=message, charset=used)
