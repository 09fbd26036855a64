"""Pushes in a FastAPI application: a router, and dependencies for endpoints of your own.

::

    receiver = Receiver(secret=SECRET, statuses=store)
    app.include_router(router(receiver), prefix="/sms")

or, where you would rather write the endpoint::

    Statuses = Annotated[tuple[StatusUpdate, ...], Depends(status_updates(receiver))]

    @app.post("/sms/{secret}")
    async def statuses(updates: Statuses) -> None:
        await store(updates)

Needs the extra ``fastapi``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.requests import ClientDisconnect

from sms_traffic_async.messages import InboundMessage, StatusUpdate
from sms_traffic_async.protocols.pushes import PushKind
from sms_traffic_async.webhooks.exchange import Disconnected, Incoming, Reply, used_headers
from sms_traffic_async.webhooks.openapi import operation
from sms_traffic_async.webhooks.receiver import Receiver
from sms_traffic_async.webhooks.routes import METHODS, SEGMENTS, secrets_in

__all__ = ("inbound_message", "router", "status_updates")

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")
_GONE = Reply(status=400, body=b"disconnected")


def router(receiver: Receiver, **options: Any) -> APIRouter:
    """All paths of ``routes``, described in the application's OpenAPI without the secret.

    Args:
        receiver: checks, reads, hands over and answers.
        **options: of ``APIRouter``, such as ``tags=["sms"]``.
    """
    made = APIRouter(**options)
    for segment, kind in SEGMENTS.items():
        for path in (segment, segment + "/{secret}"):
            # An APIRouter without a prefix has no empty path.
            _add(made, path or "/", kind, receiver, shown=path.endswith("}") == receiver.gate.has_secret)
    return made


def _add(made: APIRouter, path: str, kind: PushKind | None, receiver: Receiver, *, shown: bool) -> None:
    for method in METHODS[kind]:
        made.add_api_route(
            path,
            _endpoint(receiver, kind),
            methods=[method],
            response_class=Response,
            include_in_schema=shown,
            name=f"sms_traffic_{method.lower()}_{kind or 'push'}",
            openapi_extra=_described(kind, method, secret="{secret}" in path),
        )
    # Other methods are refused by the receiver: a stranger is told nothing, and ``Allow`` is whole.
    others = [method for method in _METHODS if method not in METHODS[kind]]
    made.add_api_route(path, _endpoint(receiver, kind), methods=others, include_in_schema=False)


def _described(kind: PushKind | None, method: str, *, secret: bool) -> dict[str, Any]:
    described = operation(kind, method)
    if secret:
        of_path = {"name": "secret", "in": "path", "required": True, "schema": {"type": "string"}}
        described["parameters"] = [of_path, *described.get("parameters", [])]
    return described


def _endpoint(receiver: Receiver, kind: PushKind | None) -> Endpoint:
    async def push(request: Request) -> Response:
        try:
            reply = await receiver.serve(_incoming(request, kind))
        except Disconnected:
            reply = _GONE
        # The type is said by its header alone: starlette would add a charset of its own.
        return Response(content=reply.body, status_code=reply.status, headers=reply.all_headers())

    return push


def status_updates(receiver: Receiver) -> Callable[[Request], Awaitable[tuple[StatusUpdate, ...]]]:
    """A dependency: the statuses of a push, after every check of the receiver.

    What your endpoint answers is the answer. Repeats and the order are yours
    then, and the receiver's ``statuses`` is not called.
    """

    async def updates(request: Request) -> tuple[StatusUpdate, ...]:
        try:
            push = await receiver.statuses_of(_incoming(request, "statuses"))
        except Disconnected:
            push = _GONE
        if isinstance(push, Reply):
            raise _refusal(push)
        return push.updates

    return updates


def inbound_message(receiver: Receiver) -> Callable[[Request], Awaitable[InboundMessage | None]]:
    """A dependency: a subscriber's message to an inbound or short number, after every check of the receiver.

    Answer exactly 200 and plain text (``response_class=PlainTextResponse``), for
    the same ``message_id`` the same. With ``None`` there is nothing to use: 200
    and an empty body.
    """

    async def message(request: Request) -> InboundMessage | None:
        try:
            push = await receiver.message_of(_incoming(request, "inbound"))
        except Disconnected:
            push = _GONE
        if isinstance(push, Reply):
            raise _refusal(push)
        return None if push is None else push.message

    return message


def _refusal(reply: Reply) -> HTTPException:
    return HTTPException(reply.status, detail=reply.body.decode("ascii"), headers=dict(reply.headers))


def _incoming(request: Request, kind: PushKind | None) -> Incoming:
    query: bytes = request.scope.get("query_string") or b""
    of_path: str | None = request.path_params.get("secret")
    return Incoming(
        kind=kind,
        secrets=secrets_in(query, of_path),
        method=request.method,
        query=query,
        headers=used_headers(request.headers.items()),
        peer=request.client.host if request.client else None,
        chunks=_chunks(request),
    )


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise Disconnected from None
