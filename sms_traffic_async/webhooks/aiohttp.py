"""Pushes in an aiohttp application.

::

    receiver = Receiver(secret=SECRET, statuses=store)
    register(app, "/sms", receiver)

Needs the extra ``aiohttp``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias, cast

from aiohttp import ClientPayloadError, web

from sms_traffic_async.protocols.pushes import PushKind
from sms_traffic_async.webhooks.exchange import Disconnected, Incoming, Reply, used_headers
from sms_traffic_async.webhooks.receiver import Receiver
from sms_traffic_async.webhooks.routes import SEGMENTS, secrets_in

__all__ = ("register",)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_GONE = Reply(status=400, body=b"disconnected")


def register(app: web.Application, path: str, receiver: Receiver) -> None:
    """Serve pushes below a path: all of ``routes``, with the secret behind or in the query.

    Args:
        app: your application.
        path: such as ``/sms``.
        receiver: checks, reads, hands over and answers.
    """
    base = path.rstrip("/")
    for segment, kind in SEGMENTS.items():
        handler = _handler(receiver, kind)
        app.router.add_route("*", base + segment or "/", handler)
        app.router.add_route("*", base + segment + "/{secret}", handler)


def _handler(receiver: Receiver, kind: PushKind | None) -> Handler:
    async def push(request: web.Request) -> web.StreamResponse:
        try:
            reply = await receiver.serve(_incoming(request, kind))
        except Disconnected:
            reply = _GONE
        return web.Response(status=reply.status, body=reply.body, headers=reply.all_headers())

    return push


def _incoming(request: web.Request, kind: PushKind | None) -> Incoming:
    query = request.rel_url.raw_query_string.encode("latin-1", "replace")
    return Incoming(
        kind=kind,
        secrets=secrets_in(query, request.match_info.get("secret")),
        method=request.method,
        query=query,
        headers=used_headers(request.headers.items()),
        peer=_peer(request),
        chunks=_chunks(request),
    )


def _peer(request: web.Request) -> str | None:
    """The other end of the connection, whatever a middleware made of ``request.remote``."""
    transport = request.transport
    name = None if transport is None else transport.get_extra_info("peername")
    # On a Unix socket it is a string.
    return str(cast("tuple[object, ...]", name)[0]) if isinstance(name, tuple) else None


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except (ClientPayloadError, ConnectionError):
        raise Disconnected from None
