"""Two scripted nodes of the platform over real TCP, with the truth about what they accepted.

The sandbox is the strict platform; this one does exactly what a test tells it
to, step by step, and keeps no rule of its own but the restrictiveId's hour.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from sms_traffic_async import SmsTraffic
from sms_traffic_async.clock import Clock
from sms_traffic_async.settings import HttpOptions, RetryPolicy, Timeouts
from tests.protocols.http.kit import read_request
from tests.support.virtual_loop import VirtualClock

__all__ = ("API_KEY", "Accepted", "Got", "Platform", "Step", "client", "platform")

API_KEY = "1837/ptf9Bs9Apk4EgyP4gUCy2ajwfFVchwaR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens to one ``/v2/send``.

    Attributes:
        accept: the messages are taken, before anything else.
        consume: the restrictiveId counts as seen even if nothing was taken.
        code: body code of a whole-request refusal.
        status: HTTP status with an empty body.
        headers: of the answer.
        body: answered instead of what would be true.
        rows: changes the destinations of a good answer.
        end: no answer at all: the connection ends or hangs.
        wait: seconds before the answer.
    """

    accept: bool = False
    consume: bool = False
    code: int | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    rows: Callable[[list[dict[str, Any]]], list[Any]] | None = None
    end: str | None = None
    wait: float = 0.0


ACCEPT = Step(accept=True)
LOST = Step(accept=True, end="fin")
"""Accepted, and the answer never came."""
VANISHED = Step(end="fin")
"""Not accepted, and no answer came: the client cannot tell it from ``LOST``."""
TEMPORARY = Step(code=1000)
USED_UP = Step(code=1000, consume=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One message the platform took: the truth."""

    message_id: str
    label: str
    to: int
    text: str
    node: int
    restrictive_id: str
    at: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """One request that arrived whole."""

    node: int
    line: str
    headers: Mapping[str, str]
    body: Any
    at: float


class Platform:
    """Both nodes. ``script[1]`` and ``script[2]`` are the steps of the next sends on each node."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.script: dict[int, list[Step]] = {1: [], 2: []}
        self.queries: dict[int, list[Step]] = {1: [], 2: []}
        self.got: list[Got] = []
        self.accepted: list[Accepted] = []
        self.ids_shared = True
        self.statuses_shared = True
        self.statuses_delay = 0.0
        self.urls: tuple[str, ...] = ()
        self.down: set[int] = set()
        self.answer_query: Callable[[Got], bytes] = self._query
        self._seen: set[tuple[int, str]] = set()
        self._ids = itertools.count(1046379029789147161)
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def sends(self) -> list[Got]:
        return [got for got in self.got if got.line.startswith("POST /v2/send ")]

    @property
    def looks(self) -> list[Got]:
        return [got for got in self.got if got.line.startswith("POST /v2/statuses/list ")]

    async def serve(self, node: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            line, headers, raw = await read_request(reader)
            body = orjson.loads(raw) if raw else None
            got = Got(node=node, line=line, headers=headers, body=body, at=self.clock.monotonic())
            self.got.append(got)
            if line.startswith("POST /v2/send "):
                step = self._next(self.script[node])
                answer = self._send(got, step)
            else:
                step = self._next(self.queries[node])
                answer = self.answer_query(got)
            await asyncio.sleep(step.wait if step is not None else 0.0)
            if step is not None and step.end is not None:
                await _end(step.end, writer)
                return
            writer.write(_response(answer, step))

    def _next(self, steps: list[Step]) -> Step | None:
        return steps.pop(0) if steps else None

    def _send(self, got: Got, step: Step | None) -> bytes:
        rid = got.body["restrictiveId"]
        key = (0 if self.ids_shared else got.node, rid)
        if step is None:
            if key in self._seen:
                step = Step(code=105)
            else:
                step = ACCEPT
        rows: list[Any] = []
        if step.accept:
            rows = [self._accept(got, destination, rid) for destination in got.body["destinations"]]
        if step.accept or step.consume:
            self._seen.add(key)
        if step.code is not None:
            return orjson.dumps({"success": False, "error": {"code": step.code, "message": "no 79161112233"}})
        if step.rows is not None:
            rows = step.rows(rows)
        return orjson.dumps({"success": True, "destinations": rows})

    def _accept(self, got: Got, destination: dict[str, Any], rid: str) -> dict[str, Any]:
        label = destination.get("trackingData", got.body.get("trackingData"))
        text = destination.get("content", {}).get("sms", {}).get("message")
        taken = Accepted(
            message_id=str(next(self._ids)),
            label=label,
            to=destination["to"],
            text=text or got.body["channels"]["sms"]["message"],
            node=got.node,
            restrictive_id=rid,
            at=self.clock.monotonic(),
            wall=self.clock.wall(),
        )
        self.accepted.append(taken)
        return {"phone": taken.to, "id": taken.message_id, "trackingData": label}

    def _query(self, got: Got) -> bytes:
        if got.line.startswith("GET /v2/account "):
            return b'{"success":true,"data":{"account":"12520.35"}}'
        if got.line.startswith("POST /v2/statuses/checked "):
            return orjson.dumps({"success": True, "data": {"updated": got.body, "failed": []}})
        labels, ids = got.body.get("trackingData", ()), got.body.get("ids", ())
        rows = [
            _status_row(one)
            for one in self.accepted
            if (one.label in labels or one.message_id in ids) and self._visible(one, got.node)
        ]
        return orjson.dumps({"success": True, "data": rows})

    def _visible(self, one: Accepted, node: int) -> bool:
        return (self.statuses_shared or one.node == node) and self.clock.monotonic() >= one.at + self.statuses_delay


def _status_row(one: Accepted) -> dict[str, Any]:
    return {
        "smsId": one.message_id,
        "trackingData": one.label,
        "submissionDate": datetime.fromtimestamp(one.wall, UTC).isoformat(),
        "status": "",
    }


def _response(body: bytes, step: Step | None) -> bytes:
    status, headers = 200, {"Content-Type": "application/json"}
    if step is not None:
        headers |= step.headers
        body = body if step.body is None else step.body
        if step.status is not None:
            status, body = step.status, b"" if step.body is None else step.body
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{fields}\r\n".encode() + body


async def _end(how: str, writer: asyncio.StreamWriter) -> None:
    if how == "hang":
        await asyncio.get_running_loop().create_future()
    if how == "rst":
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


@contextlib.asynccontextmanager
async def platform(clock: Clock | None = None) -> AsyncIterator[Platform]:
    """Both nodes, listening."""
    one = Platform(clock or VirtualClock())
    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    def accept(node: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                if node not in one.down:
                    await one.serve(node, reader, writer)
            writer.close()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.append(asyncio.get_running_loop().create_task(serve(reader, writer)))

        return connected

    servers = [await asyncio.start_server(accept(node), "127.0.0.1", 0) for node in (1, 2)]
    one.urls = tuple(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers)
    try:
        yield one
    finally:
        for server in servers:
            server.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)
        for result in results:
            if isinstance(result, Exception):
                raise result


@contextlib.asynccontextmanager
async def client(
    one: Platform,
    *,
    nodes: Sequence[str] | None = None,
    timeouts: Timeouts | None = None,
    retry: RetryPolicy | None = None,
    http: HttpOptions | None = None,
    **options: Any,
) -> AsyncIterator[SmsTraffic]:
    """A session that talks to it, on its clock."""
    session = SmsTraffic(
        api_key=API_KEY,
        nodes=one.urls if nodes is None else nodes,
        timeouts=timeouts,
        retry=retry,
        http=http,
        clock=one.clock,
        **options,
    )
    async with session:
        yield session
