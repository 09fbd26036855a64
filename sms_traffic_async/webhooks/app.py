"""``WebhookApp``: the receiver as an ASGI application, for any server, or mounted in any ASGI framework."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from sms_traffic_async.webhooks.exchange import Disconnected, Incoming, Reply, used_headers
from sms_traffic_async.webhooks.openapi import describe
from sms_traffic_async.webhooks.receiver import Receiver
from sms_traffic_async.webhooks.routes import find_route, secrets_in

__all__ = ("WebhookApp",)

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class WebhookApp(Receiver):
    """A ``Receiver`` that is an ASGI application.

    ::

        app = WebhookApp(secret=SECRET, statuses=store_statuses)

    served by ``uvicorn module:app --no-access-log`` (an access log would show
    the secret; see ``AccessLogFilter``), or mounted:
    ``Mount("/sms", app=app)``. Its paths stand in ``routes``.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI has it."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    def openapi(self, *, title: str = "SMS Traffic pushes", prefix: str = "") -> dict[str, Any]:
        """What it serves, as an OpenAPI 3.1 document; without the secret."""
        return describe(title=title, prefix=prefix, secret=self.gate.has_secret)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = find_route(_below_mount(scope))
        if route is None:
            await _answer(send, Reply(status=404, body=b"not found"))
            return
        query: bytes = scope.get("query_string") or b""
        headers = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        client = scope.get("client")
        incoming = Incoming(
            kind=route[0],
            secrets=secrets_in(query, route[1]),
            method=scope["method"],
            query=query,
            headers=used_headers(headers),
            peer=client[0] if client else None,
            chunks=_chunks(receive),
        )
        try:
            reply = await self.serve(incoming)
        except Disconnected:
            return
        await _answer(send, reply)


def _below_mount(scope: Scope) -> str:
    """The path without what the application is mounted at (ASGI: ``path`` includes ``root_path``)."""
    path: str = scope["path"]
    root: str = scope.get("root_path") or ""
    return path[len(root) :] if root and path.startswith(root) else path


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise Disconnected
        if event.get("body"):
            yield event["body"]
        if not event.get("more_body"):
            return


async def _answer(send: Send, reply: Reply) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in reply.all_headers().items()]
    if reply.content_type is not None:
        headers.append((b"content-length", str(len(reply.body)).encode("ascii")))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif event["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
