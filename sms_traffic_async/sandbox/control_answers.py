"""How the control API reads requests and answers them: JSON both ways, and nothing of it is kept by a browser."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, cast

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sms_traffic_async.errors import ConfigurationError

__all__ = ("NO_STORE", "Endpoint", "answer", "body_of")

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

NO_STORE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def answer(value: Any, status: int = 200) -> Response:
    """A value as the answer."""
    return Response(orjson.dumps(value), status, NO_STORE, "application/json")


async def body_of(request: Request) -> dict[str, Any]:
    """The object that a request brings; empty where it has no body.

    Raises:
        ConfigurationError: it is something else.
    """
    try:
        value = orjson.loads(await request.body() or b"{}")
    except orjson.JSONDecodeError:
        raise ConfigurationError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise ConfigurationError("the body is not a JSON object")
    return cast("dict[str, Any]", value)
