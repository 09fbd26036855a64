"""Who may reach the control API: this machine's own tools and pages, nobody's page from elsewhere.

A page of another site can make a browser send requests to 127.0.0.1. It cannot
choose the Host header, cannot hide its Origin, and cannot send
``application/json`` without asking first; so these three are checked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

__all__ = ("Guard",)

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
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
            await self._app(scope, receive, send)
            return
        status, text = refusal
        body = b'{"error":"%b"}' % text.encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: MutableMapping[str, Any]) -> tuple[int, str] | None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_local(host):
            return 403, "the Host header is not this machine's"
        origin = headers.get(b"origin")
        if origin is not None:
            parts = urlsplit(origin.decode("latin-1"))
            if parts.scheme != "http" or parts.netloc != host:
                return 403, "the Origin is another page's"
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
