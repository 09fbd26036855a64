"""What is received, as an OpenAPI description: for ``WebhookApp`` and for the FastAPI router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sms_traffic_async.protocols.pushes import PushKind
from sms_traffic_async.webhooks.routes import METHODS, SEGMENTS

__all__ = ("describe", "operation")

_STRING, _INTEGER = {"type": "string"}, {"type": "integer"}

_STATUS: dict[str, Any] = {
    "type": "object",
    "description": "Unknown fields are ignored; of each pair of spellings either is read.",
    "required": ["sms_id", "status"],
    "properties": {
        "login": _STRING,
        "sms_id": {**_STRING, "minLength": 1, "maxLength": 128},
        "phone_number": _STRING,
        "status": {**_STRING, "maxLength": 64},
        "delivery_date": {**_STRING, "description": "YYYY-MM-DD HH:MM:SS, UTC+3"},
        "channel": _STRING,
        "parts_count": _INTEGER,
        "error_code": _INTEGER,
        "err_code": _INTEGER,
        "tracking_data": _STRING,
        "operator_id": _INTEGER,
        "operatorId": _INTEGER,
        "mcc": _INTEGER,
        "mnc": _INTEGER,
    },
}
_STATUS_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["sms_id", "status"],
    "properties": {"sms_id": _STRING, "status": _STRING, "delivery_date": _STRING, "error_code": _STRING},
}
_MESSAGE: Mapping[str, Mapping[str, Any]] = {
    "message": {**_STRING, "description": "windows-1251 by default, UTF-8 where it is UTF-8"},
    "phone": _STRING,
    "sms_id": {**_STRING, "description": "the same id gets the same reply"},
}
_SHORT: Mapping[str, Mapping[str, Any]] = {"shortcode": _STRING, "password": _STRING}

_TEXT = {"text/plain": {"schema": _STRING}}
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"

_SUMMARIES: Mapping[PushKind | None, str] = {
    "statuses": "Statuses of messages",
    "inbound": "A subscriber's message to an inbound number",
    "short_number": "A subscriber's message to a short number; the answer goes to the subscriber",
    None: "Any push; its content tells which",
}
_REFUSALS = {
    "404": "Wrong secret, network or password, or nobody takes this kind",
    "405": "Another method",
    "408": "The body came too slowly",
    "413": "The body is too long",
    "415": "The body is compressed",
    "503": "Not taken: send it again",
}


def operation(kind: PushKind | None, method: str) -> dict[str, Any]:
    """One operation, without its path parameters.

    Args:
        kind: what the path is for; ``None`` for any.
        method: ``GET`` or ``POST``.
    """
    done = "The application has it" if kind == "statuses" else "The application has it; the body is the reply"
    responses: dict[str, Any] = {"200": {"description": done, "content": _TEXT}}
    if kind in {None, "statuses"}:
        responses["204"] = {"description": done}
    responses |= {status: {"description": text, "content": _TEXT} for status, text in _REFUSALS.items()}
    name = f"{method.lower()}_{kind or 'push'}"
    described: dict[str, Any] = {"summary": _SUMMARIES[kind], "operationId": name, "responses": responses}
    if method == "GET":
        needed = set[str]() if kind is None else {"message", "phone"}
        described["parameters"] = [
            {"name": field, "in": "query", "required": field in needed, "schema": schema}
            for field, schema in _fields(kind).items()
        ]
    else:
        described["requestBody"] = {"required": kind == "statuses", "content": _content(kind)}
    return described


def describe(*, title: str, prefix: str, secret: bool) -> dict[str, Any]:
    """The whole document.

    Args:
        title: its title.
        prefix: where the application is mounted.
        secret: whether the paths have a secret in them.
    """
    tail = "/{secret}" if secret else ""
    parameters = [{"name": "secret", "in": "path", "required": True, "schema": _STRING}] if secret else []
    paths: dict[str, Any] = {}
    for segment, kind in SEGMENTS.items():
        methods = {method.lower(): operation(kind, method) for method in METHODS[kind]}
        paths[prefix + segment + tail or "/"] = {"parameters": parameters, **methods}
    return {"openapi": "3.1.0", "info": {"title": title, "version": "1"}, "paths": paths}


def _fields(kind: PushKind | None) -> dict[str, Any]:
    return {**_MESSAGE} if kind == "inbound" else {**_MESSAGE, **_SHORT}


def _content(kind: PushKind | None) -> dict[str, Any]:
    message = {"type": "object", "required": ["message", "phone"], "properties": _fields(kind)}
    statuses = {_JSON: {"schema": {"anyOf": [{"type": "array", "items": _STATUS}, _STATUS]}}}
    if kind == "statuses":
        return {**statuses, _FORM: {"schema": _STATUS_FORM}}
    if kind is None:
        return {**statuses, _FORM: {"schema": {"anyOf": [_STATUS_FORM, message]}}}
    return {_FORM: {"schema": message}}
