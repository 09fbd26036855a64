"""Who may reach the control API: this machine's own tools and pages, nobody's page from elsewhere.

A page of another site can make a browser send requests to 127.0.0.1. It cannot
choose the Host header, cannot hide its Origin, cannot send ``application/json``
without asking first, and cannot keep the browser from telling that the request
is another site's (``Sec-Fetch-Site``); so these four are checked. A body is
read up to a bound before anybody looks at it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from sms_traffic_async.sandbox.http_node import BodyTooLargeError, read_body

__all__ = ("MOST_BODY", "Guard")

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
MOST_BODY = 1024 * 1024
_OWN_SITE = frozenset({b"same-origin", b"none"})
_WRITING = frozenset({"POST", "PUT", "PATCH"})


class Guard:
    """An ASGI application in front of another, which is made when it is first needed."""

    def __init__(self, make: Callable[[], App], *, hosts: frozenset[str] = LOCAL) -> None:
        self._make = make
        self._app: App | None = None
        self._hosts = hosts

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        refusal = self._refusal(scope)
        if refusal is None:
            if self._app is None:
                self._app = self._make()
            if scope["method"] not in _WRITING:
                await self._app(scope, receive, send)
                return
            try:
                body = await read_body(scope, receive, MOST_BODY)
            except BodyTooLargeError:
                refusal = 413, f"a body has at most {MOST_BODY} bytes"
            else:
                if body is not None:
                    await self._app(scope, _replayed(body, receive), send)
                return
        status, text = refusal
        answer = b'{"error":"%b"}' % text.encode()
        # What was not read of the request is not read as the next one.
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _refusal(self, scope: MutableMapping[str, Any]) -> tuple[int, str] | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_local(host):
            return 403, "the Host header is not this machine's"
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") != f"http://{host}":
            return 403, "the Origin is another page's"
        site = headers.get(b"sec-fetch-site")
        if site is not None and site not in _OWN_SITE and headers.get(b"sec-fetch-mode") != b"navigate":
            return 403, "the request is another site's"
        if scope["method"] in _WRITING:
            media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if media != b"application/json":
                return 415, "the Content-Type is not application/json"
        return None

    def _is_local(self, host: str) -> bool:
        name, colon, port = host.rpartition(":")
        if colon and port.isascii() and port.isdigit():
            host = name
        return host.lower() in self._hosts


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read, to be read once more; what comes after it comes from where it came."""
    left = [body]

    async def again() -> MutableMapping[str, Any]:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again
