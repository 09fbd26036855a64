"""What the platform writes to a customer's server, as bytes. Pure.

Sources: the document's "Автоматическое получение статусов" (JSON and form),
"Пересылка входящих сообщений на HTTP(S)-скрипт", "Короткий номер"; field notes
A 19, B, C and I. Dates are UTC+3 without saying so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

import orjson

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.sandbox.pushes_settings import Charset, Method, PushSettings, Spaces
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("HttpPush", "StatusItem", "inbound_push", "items_of", "status_json", "status_push")

AGENT = "StatusSender/2.0 Java/21"
FORM = "application/x-www-form-urlencoded"
_TEMPLATE = re.compile(r"\{\{(\w{1,40})\}\}")


class StatusItem(NamedTuple):
    """One status of one id, as it was when it was reached."""

    message: StoredMessage
    message_id: str
    status: str
    at: float
    error: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPush:
    """One request to a customer's server. Its URL and body may hold a secret, numbers and texts."""

    method: Method
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)


def items_of(message: StoredMessage, status: str, at: float) -> list[StatusItem]:
    """What there is to tell of a change: one item an id, so one a part where parts have ids of their own."""
    return [StatusItem(message, one, status, at, message.error) for one in message.ids]


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, MOSCOW):%Y-%m-%d %H:%M:%S}"


def status_json(item: StatusItem, settings: PushSettings) -> dict[str, Any]:
    """One object of a JSON push (document, "Автоматическое получение статусов в JSON"; field notes, C1 to C5)."""
    message, operator = item.message, item.message.operator
    example = settings.spelling == "example"
    row: dict[str, Any] = {
        "login": message.login,
        "sms_id": item.message_id,
        "phone_number": message.to,
        "status": item.status,
        "delivery_date": _date(item.at),
        "channel": message.channel,
    }
    if message.protocol == "v2":
        row["parts_count"] = message.parts
    row["err_code" if example else "error_code"] = item.error
    if message.protocol == "v2" and message.tracking_data is not None:
        row["tracking_data"] = message.tracking_data
    row["operatorId" if example else "operator_id"] = operator.operator_id
    row["mcc"], row["mnc"] = operator.mcc, operator.mnc
    return row


def status_push(items: Sequence[StatusItem], settings: PushSettings) -> HttpPush:
    """One call with statuses; as a form exactly one."""
    if settings.form == "form":
        (item,) = items
        pairs = [("sms_id", item.message_id), ("status", item.status), ("delivery_date", _date(item.at))]
        # The example has none for a delivered message; 0 would mean the same (field notes, B2).
        if item.error:
            pairs.append(("error_code", str(item.error)))
        body = b"&".join(b"%b=%b" % (name.encode(), _quoted(value.encode(), settings.spaces)) for name, value in pairs)
        return HttpPush(method="POST", url=settings.url, headers=_headers(FORM), body=body)
    rows = [status_json(item, settings) for item in items]
    body = orjson.dumps(rows[0] if settings.lone_object and len(rows) == 1 else rows)
    return HttpPush(method="POST", url=settings.url, headers=_headers("application/json"), body=body)


def inbound_push(
    message: StoredMessage,
    *,
    url: str,
    method: Method,
    charset: Charset,
    shortcode: str = "",
    password: str = "",
) -> HttpPush:
    """One call with a subscriber's message.

    Args:
        message: the message.
        url: where to; its ``{{message}}``, ``{{phone}}``, ``{{sms_id}}``, ``{{shortcode}}`` and ``{{password}}`` are
            filled in, and a GET without any has them appended.
        method: how.
        charset: of the text; a character it has not is sent as ``?``.
        shortcode: the short number, where it is one.
        password: of its script.
    """
    values = {"message": message.text, "phone": message.to, "sms_id": message.id}
    if shortcode:
        values["shortcode"] = shortcode
    if password:
        values["password"] = password
    quoted = {name: _quoted(value.encode(charset, "replace"), "plus").decode("ascii") for name, value in values.items()}
    filled = _TEMPLATE.sub(lambda found: quoted.get(found[1], ""), url)
    pairs = "&".join(f"{name}={value}" for name, value in quoted.items())
    if method == "POST":
        return HttpPush(method="POST", url=filled, headers=_headers(FORM), body=pairs.encode("ascii"))
    if filled == url:
        filled += ("&" if "?" in url else "?") + pairs
    return HttpPush(method="GET", url=filled, headers=_headers(None))


def _headers(content_type: str | None) -> tuple[tuple[str, str], ...]:
    named = () if content_type is None else (("Content-type", content_type),)
    return (("User-Agent", AGENT), ("Accept", "*/*"), *named)


def _quoted(octets: bytes, spaces: Spaces) -> bytes:
    safe = b" :" if spaces == "raw" else b" "
    text = quote_from_bytes(octets, safe=safe.decode())
    if spaces != "raw":
        text = text.replace(" ", "+" if spaces == "plus" else "%20")
    return text.encode("ascii")
