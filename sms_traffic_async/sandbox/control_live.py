"""The stream of changes, and how to connect: what the page needs beside the control API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import control_json as shown
from sms_traffic_async.sandbox.accounts import DEFAULT_API_KEY, DEFAULT_LOGIN, DEFAULT_PASSWORD
from sms_traffic_async.sandbox.control_answers import NO_STORE, Endpoint, answer
from sms_traffic_async.sandbox.control_openapi import openapi
from sms_traffic_async.sandbox.live import MOST_READERS, Live
from sms_traffic_async.sandbox.reading import codes

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.server import Sandbox

__all__ = ("PREFIX", "connect_json", "live_routes")

PREFIX = "/_sandbox/"

# Of a proxy in front of us: an event is of use at once.
_STREAM = NO_STORE | {"x-accel-buffering": "no"}


def live_routes(sandbox: Sandbox, live: Live) -> list[tuple[str, str, Endpoint]]:
    """Method, path and endpoint of each."""

    async def events(request: Request) -> Response:
        if live.readers >= MOST_READERS:
            return answer({"error": "too many readers"}, 503)
        seen = request.headers.get("last-event-id") or request.query_params.get("since")
        if seen is not None and not (seen.isascii() and seen.isdigit()):
            raise ConfigurationError("since is the number of an event")
        # A reader of an earlier sandbox may have seen more than there is: it is told to read again.
        stream = live.events(None if seen is None else int(seen))
        return StreamingResponse(stream, headers=_STREAM, media_type="text/event-stream")

    async def connect(_request: Request) -> Response:
        return answer(connect_json(sandbox))

    async def code(request: Request) -> Response:
        digits = "".join(char for char in str(request.path_params["number"]) if char.isdigit())
        for message in reversed(sandbox.messages):
            if message.direction == "mt" and digits and message.to.endswith(digits):
                found = codes(message.text)
                if found:
                    return answer({"code": found[0], "message": shown.message_json(message, sandbox.clock)})
        return answer({"error": "no code was sent to this number"}, 404)

    async def description(_request: Request) -> Response:
        return answer(openapi(PREFIX))

    return [
        ("GET", "events", events),
        ("GET", "connect", connect),
        ("GET", "codes/{number}", code),
        ("GET", "openapi.json", description),
    ]


def connect_json(sandbox: Sandbox) -> dict[str, Any]:
    """The variables that lead a client here, and every address."""
    api_key, login, password = sandbox.credentials
    urls = sandbox.urls
    environment = {
        # The published defaults open nothing but a sandbox; a user's own are not shown.
        "SMS_TRAFFIC_API_KEY": api_key if api_key == DEFAULT_API_KEY else "…",
        "SMS_TRAFFIC_LOGIN": login,
        "SMS_TRAFFIC_PASSWORD": password if (login, password) == (DEFAULT_LOGIN, DEFAULT_PASSWORD) else "…",
        "SMS_TRAFFIC_NODES": ",".join(urls),
    }
    if sandbox.smpp.ports:
        environment["SMS_TRAFFIC_SMPP_SERVERS"] = ",".join(sandbox.smpp.servers(tls=False))
    return {"environment": environment, "addresses": sandbox.addresses}
