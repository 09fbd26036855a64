"""One HTTP port of one node: reads requests whole, suffers faults, writes answers.

A raw ASGI application: what a request costs here is most of what a run of
100,000 messages costs. Each protocol is a room that names its operations and
answers a `Call`; everything that protocols share is here:

1. A request whose body did not arrive whole is never processed.
2. Faults before acceptance happen where the room calls ``call.gate()``; faults
   after it replace the answer of a room that has done its work.
3. What was received and answered is recorded, for the page and the control API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any, TypeAlias

from sms_traffic_async.sandbox.clock import ClockStopped
from sms_traffic_async.sandbox.effects import Drop, Half, Latency, Throttle
from sms_traffic_async.sandbox.http_breakage import JSON, close_connection, connection_of, gone, write_part
from sms_traffic_async.sandbox.http_call import Answer, Call, HttpRoom, Interrupted, Receive, Scope, Send
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.store import Exchange

__all__ = ("App", "BodyTooLargeError", "NodeApp", "read_body", "write")

App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 32 * 1024 * 1024


class NodeApp:
    """The ASGI application of one node. Rooms are found by the beginning of the path."""

    def __init__(self, platform: Platform, node: int) -> None:
        self.platform = platform
        self.node = node
        self._second = -1
        self._date = b""
        self._rooms: list[tuple[str, HttpRoom]] = []
        self._mounted: list[tuple[str, App]] = []
        self._placed: dict[str, App] = {}

    def add_room(self, prefix: str, room: HttpRoom) -> None:
        """Put a protocol under a path."""
        self._rooms.append((prefix, room))

    def mount(self, prefix: str, app: App) -> None:
        """Put a foreign ASGI application (the control API, the page) under a path."""
        self._mounted.append((prefix, app))

    def place(self, path: str, app: App) -> None:
        """Put a foreign ASGI application at this very path."""
        self._placed[path] = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        path: str = scope["path"]
        for prefix, room in self._rooms:
            if path.startswith(prefix):
                await self._serve(room, scope, receive, send)
                return
        # Nothing of the platform: like any server's, these answers have the real time.
        placed = self._placed.get(path)
        if placed is not None:
            await placed(scope, receive, dated(send))
            return
        for prefix, app in self._mounted:
            if path.startswith(prefix):
                await app(scope, receive, dated(send))
                return
        await write(send, Answer(404, b'{"error":"no such path"}'), _real_date())

    async def _serve(self, room: HttpRoom, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive)
            if body is None:
                return
            call = Call(scope, body, room, self.node, self.platform, receive)
            await self._answer(call, scope, send)
        except BodyTooLargeError:
            await self._write(
                scope, send, Answer(413, b'{"error":"request too large"}', (*JSON, (b"connection", b"close")))
            )
        except ClockStopped:
            # The sandbox is closing: whoever still waits for an answer loses the connection.
            close_connection(scope, rst=False)

    async def _answer(self, call: Call, scope: Scope, send: Send) -> None:
        platform = self.platform
        call.effects = platform.faults.draw(call.room.protocol, self.node, call.operation, call.request_id)
        answer: Answer | None
        try:
            answer = await self._process(call)
        except Interrupted as fault:
            answer = fault.answer
            if answer is None:
                await self._drop(call, scope, rst=fault.rst)
                return
        for effect, chance in call.effects:
            if effect.when != "after":
                continue
            if isinstance(effect, Latency):
                await platform.clock.sleep(effect.seconds + effect.jitter * chance)
            elif isinstance(effect, Drop):
                await self._drop(call, scope, rst=effect.how == "rst")
                return
            elif isinstance(effect, Half):
                self._record(call, answer.status, b"")
                part, length = beginning(answer)
                await write_part(
                    answer.status, answer.headers, part, length, scope, call.receive, rst=effect.how == "rst"
                )
                return
            else:
                answer = call.broken(effect)
        self._record(call, answer.status, answer.body)
        await self._write(scope, send, answer)

    async def _process(self, call: Call) -> Answer:
        for effect, _ in call.effects:
            # Too many requests: refused before anything of the request was looked at.
            if isinstance(effect, Throttle) and effect.when == "before":
                return call.broken(effect)
        answer = await call.room.handle(call)
        if not call.passed:
            # Refused before the gate: what was drawn for this request happens to it all the same.
            await call.gate()
        return answer

    async def _drop(self, call: Call, scope: Scope, *, rst: bool) -> None:
        self._record(call, 0, b"")
        close_connection(scope, rst=rst)
        await gone(call.receive)

    async def _write(self, scope: Scope, send: Send, answer: Answer) -> None:
        """With the Date of the sandbox's clock, as Retry-After dates are."""
        clock = self.platform.clock
        second = int(clock.now())
        if second != self._second:
            self._second = second
            self._date = clock.http_date(second).encode()
        connection = connection_of(scope)
        # Head and body in one packet: half the system calls, and the client wakes once.
        connection.hold()
        try:
            await write(send, answer, self._date)
        finally:
            connection.release()

    def _record(self, call: Call, status: int, answer: bytes) -> None:
        self.platform.store.record(
            Exchange(
                request_id=call.request_id,
                protocol=call.room.protocol,
                operation=call.operation,
                node=self.node,
                at=call.at,
                first_line=f"{call.method} {call.path} HTTP/1.1",
                headers=call.headers,
                body=call.body,
                status=status,
                answer=answer,
            )
        )


class BodyTooLargeError(Exception):
    """A request body past the cap."""


async def read_body(scope: Scope, receive: Receive, limit: int = MAX_BODY) -> bytes | None:
    """The whole body, or ``None`` if the client went away before its end."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            # Gone, perhaps after all of it had arrived: then it is processed, and the answer reaches nobody.
            rest = connection_of(scope).whole_body()
            return None if rest is None else b"".join([*pieces, rest])
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if not more and not pieces:
            return body
        pieces.append(body)
        size += len(body)
        if size > limit:
            raise BodyTooLargeError
        if not more:
            return b"".join(pieces)


def beginning(answer: Answer) -> tuple[bytes, int]:
    """Half of an answer (of a long one, of its first piece), and the length that the whole would have."""
    body = answer.body
    if answer.stream is not None:
        body = next(iter(answer.stream), b"")
    length = len(answer.body) if answer.length is None else answer.length
    return body[: len(body) // 2], max(length, 1)


def _real_date() -> bytes:
    return formatdate(usegmt=True).encode()


def dated(send: Send) -> Send:
    """Adds the Date, of real time, to what an application sends that names none."""

    async def send_dated(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [(b"date", _real_date()), *message.get("headers", ())]}
        await send(message)

    return send_dated


async def write(send: Send, answer: Answer, date: bytes) -> None:
    """Write an answer."""
    length = len(answer.body) if answer.stream is None else answer.length
    headers = [(b"date", date), *answer.headers]
    if length is not None and answer.status != 204:
        headers.append((b"content-length", b"%d" % length))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.stream is None:
        await send({"type": "http.response.body", "body": answer.body})
        return
    for chunk in answer.stream:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        # Without a turn of the loop a gigabyte would be one long step of it.
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})
