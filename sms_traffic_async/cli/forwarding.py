"""Hands pushes on to an application, which answers them: what ``listen --forward-to`` does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.webhooks.routes import KINDS

if TYPE_CHECKING:
    import httpx

__all__ = ("Forwarding", "forwarding")

Event: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Event]]
Send: TypeAlias = Callable[[Event], Awaitable[None]]
App: TypeAlias = Callable[[Event, Receive, Send], Awaitable[None]]
Told: TypeAlias = Callable[[str, int | None, str], object]

MOST_BODY = 256 * 1024
MOST_ANSWER = 64 * 1024
TIMEOUT = 10.0
_GOOD = frozenset({200, 204})
_BAD_GATEWAY = 502
# What belongs to one connection, and what the next one makes by itself.
_NOT_HANDED_ON = frozenset({b"host", b"connection", b"content-length", b"transfer-encoding", b"accept-encoding"})


@contextlib.asynccontextmanager
async def forwarding(inner: App, url: str, *, told: Told) -> AsyncGenerator[Forwarding]:
    """An ASGI application that asks one application first, and answers what another one answers.

    Args:
        inner: checks and prints a push; what it refuses goes nowhere.
        url: where pushes are handed on to, with their query and body as they came.
        told: called with the kind of push as its path names it, and the status of the answer or why there is none.

    Raises:
        ConfigurationError: no http or https URL.
    """
    import httpx

    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise ConfigurationError("--forward-to is an http or https URL")
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT) as client:
        yield Forwarding(client, inner, url, told)


class Forwarding:
    """See ``forwarding``."""

    def __init__(self, client: httpx.AsyncClient, inner: App, url: str, told: Told) -> None:
        self._client = client
        self._inner = inner
        self._url = url
        self._told = told

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One push."""
        body = await _whole(receive)
        refusal: list[Event] = []
        await self._inner(scope, _again(body), _keeping(refusal))
        if not refusal or refusal[0]["status"] not in _GOOD:
            for event in refusal:
                await send(event)
            return
        status, headers, answer = await self._hand_on(scope, body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _hand_on(self, scope: Event, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        import httpx

        query: bytes = scope.get("query_string") or b""
        url = self._url + ("" if not query else ("&" if "?" in self._url else "?") + query.decode("latin-1"))
        headers = [pair for pair in scope["headers"] if pair[0].lower() not in _NOT_HANDED_ON]
        try:
            request = self._client.build_request(scope["method"], url, headers=headers, content=body or None)
            answer = await self._client.send(request, stream=True)
            try:
                content = await _beginning(answer)
            finally:
                await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            self._told(_kind(scope), None, type(error).__name__)
            return _BAD_GATEWAY, [(b"content-length", b"0")], b""
        self._told(_kind(scope), answer.status_code, "")
        kept = [(b"content-length", b"%d" % len(content))]
        if answer.headers.get("content-type"):
            kept.append((b"content-type", answer.headers["content-type"].encode("latin-1", "replace")))
        return answer.status_code, [] if answer.status_code == 204 else kept, content  # noqa: PLR2004 - No Content


def _kind(scope: Event) -> str:
    """Which push it was. The rest of its path may be the secret."""
    first = scope["path"].strip("/").partition("/")[0]
    return first if first in KINDS else ""


async def _beginning(answer: httpx.Response) -> bytes:
    found = bytearray()
    async for piece in answer.aiter_bytes():
        found += piece
        if len(found) > MOST_ANSWER:
            break
    return bytes(found[:MOST_ANSWER])


async def _whole(receive: Receive) -> bytes:
    """The body, up to one byte more than is let in: who reads it next refuses it."""
    found = bytearray()
    while True:
        event = await receive()
        found += event.get("body") or b""
        if event["type"] != "http.request" or not event.get("more_body") or len(found) > MOST_BODY:
            return bytes(found[: MOST_BODY + 1])


def _again(body: bytes) -> Receive:
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Event:
        return events.pop() if events else {"type": "http.disconnect"}

    return receive


def _keeping(events: list[Event]) -> Send:
    async def send(event: Event) -> None:
        events.append(event)

    return send
