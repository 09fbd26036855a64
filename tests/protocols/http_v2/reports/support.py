"""A node that makes and serves reports as a test tells it to, and a desk to ask for them at. Real TCP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import orjson

from sms_traffic_async.clock import Clock
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.node import parse_nodes
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http_v2.reports.link import ReportTicket
from sms_traffic_async.protocols.http_v2.reports.query import ReportQuery
from sms_traffic_async.protocols.http_v2.reports.report import Report
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Credentials, Settings
from sms_traffic_async.telemetry import Telemetry
from tests.support.virtual_loop import VirtualClock

API_KEY = "1837/ptf9Bs9Apk4EgyP4gUCy2ajwfFVchwaR"
ID = "16e15fec1d27803e18511793b5bf699e"
# Document, "Пример ответа (если отчет более недоступен)"; compact on the wire (field notes, R4).
GONE = b'{"code":1,"description":"Report 16e15fec1d27803e18511793b5bf699e not found"}'
CREATED = b'{"code":0,"description":"","reportId":"16e15fec1d27803e18511793b5bf699e"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """A request that arrived whole, and when."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request is answered with.

    Attributes:
        cut: after so many bytes of the body something happens: ``how``.
        how: ``fin``, ``rst``, or ``hang`` until the client goes.
        wait: seconds before the head.
        length: what Content-Length says instead of the truth.
        chunked: without a length, in chunks of this many bytes.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    how: Literal["fin", "rst", "hang"] = "fin"
    wait: float = 0.0
    length: int | None = None
    chunked: int | None = None


def csv_answer(body: bytes, **rest: Any) -> Answer:
    headers = {"Content-Type": "text/csv", "Accept-Ranges": "bytes"} | rest.pop("headers", {})
    return Answer(body=body, headers=headers, **rest)


def json_answer(document: object, **rest: Any) -> Answer:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return Answer(body=body, headers={"Content-Type": "application/json"}, **rest)


def part_of(body: bytes, got: Got, **rest: Any) -> Answer:
    """A range as the platform would grant it."""
    start = int(got.headers["range"].removeprefix("bytes=").removesuffix("-"))
    headers = {"Content-Type": "text/csv", "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
    return Answer(status=206, body=body[start:], headers=headers, **rest)


NOT_READY = Answer(status=204)


class ReportNode:
    """One node. ``gets`` and ``posts`` are answers in order, or decide by the request."""

    def __init__(
        self,
        gets: Iterable[Answer] | Callable[[Got], Answer] = (),
        posts: Iterable[Answer] | Callable[[Got], Answer] | None = None,
    ) -> None:
        self.got: list[Got] = []
        self.open = 0
        self.head_sent = asyncio.Event()
        self._gets = gets if callable(gets) else _in_order(gets)
        always = json_answer(CREATED)
        self._posts = (lambda _got: always) if posts is None else posts if callable(posts) else _in_order(posts)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def gets(self) -> list[Got]:
        return [got for got in self.got if got.method == "GET"]

    @property
    def posts(self) -> list[Got]:
        return [got for got in self.got if got.method == "POST"]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def quiet(self) -> int:
        """Connections that are still open when everything under way has arrived."""
        await asyncio.sleep(0.5)
        return self.open

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._turn(reader, writer):
                    pass
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        got = Got(
            method=method,
            path=path,
            headers=headers,
            body=orjson.loads(body) if body else None,
            at=asyncio.get_running_loop().time(),
        )
        self.got.append(got)
        answer = (self._gets if method == "GET" else self._posts)(got)
        if answer.wait:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(answer.wait):
                    assert not await reader.read(1)
                    return False  # the client went away
        return await self._answer(answer, reader, writer)

    async def _answer(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        body, length = answer.body, len(answer.body) if answer.length is None else answer.length
        framing = "Transfer-Encoding: chunked" if answer.chunked else f"Content-Length: {length}"
        lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in answer.headers.items())]
        if answer.status != 204:
            lines.append(framing)
        writer.write("\r\n".join([*lines, "", ""]).encode())
        self.head_sent.set()
        if answer.chunked:
            pieces = [body[at : at + answer.chunked] for at in range(0, len(body), answer.chunked)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        writer.write(body if answer.cut is None else body[: answer.cut])
        await writer.drain()
        if answer.cut is None:
            return True
        if answer.how == "hang":
            await reader.read()
        elif answer.how == "rst":
            # Let the bytes arrive first: a reset takes what was not read with it.
            await asyncio.sleep(0.1)
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            writer.write_eof()
            await asyncio.sleep(0.1)
        return False


def _in_order(answers: Iterable[Answer]) -> Callable[[Got], Answer]:
    left = iter(answers)
    return lambda got: next(left, Answer(status=410, body=b"the test expected no further request"))


@dataclass(slots=True, kw_only=True)
class Desk:
    """Where reports are asked for: what a session would hand to them."""

    settings: Settings
    pool: HttpPool
    nodes: NodeSet
    pauses: Pauses
    clock: Clock
    telemetry: Telemetry
    life: Life

    def report(self, *, timeout: float | None = None, ticket: ReportTicket | None = None, **query: Any) -> Report:
        return Report(
            ReportQuery(**query),
            settings=self.settings,
            pool=self.pool,
            nodes=self.nodes,
            pauses=self.pauses,
            clock=self.clock,
            telemetry=self.telemetry,
            life=self.life,
            timeout=timeout,
            ticket=ticket,
        )


@contextlib.asynccontextmanager
async def desk(*urls: str, api_key: str = API_KEY, clock: Clock | None = None, **changes: Any) -> AsyncIterator[Desk]:
    settings = Settings(credentials=Credentials(api_key=Secret(api_key)), nodes=parse_nodes(urls)).with_changes(
        **changes
    )
    telemetry, life, clock = Telemetry(), Life(), clock or VirtualClock()
    pool = HttpPool(settings, telemetry=telemetry)
    nodes = NodeSet([node.name for node in settings.nodes], policy=settings.retry, clock=clock)
    try:
        yield Desk(
            settings=settings,
            pool=pool,
            nodes=nodes,
            pauses=Pauses(),
            clock=clock,
            telemetry=telemetry,
            life=life,
        )
    finally:
        await pool.aclose()
