"""What several operations of v2 answer alike."""

from __future__ import annotations

from typing import Any

import orjson

from sms_traffic_async.sandbox.http_call import Answer
from sms_traffic_async.sandbox.refusals import Refusal

__all__ = ("failed", "id_json")


def failed(refusal: Refusal, status: int = 200) -> Answer:
    """A request that was refused as a whole."""
    body = orjson.dumps({"success": False, "error": {"code": refusal.code, "message": refusal.text}})
    return Answer(status, body)


def id_json(value: str, *, as_number: bool) -> Any:
    """An id as JSON: a string, or a number of any size."""
    return orjson.Fragment(value.encode()) if as_number else value
