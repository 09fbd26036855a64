"""A pool, nodes and a request, for tests of one HTTP try over real TCP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.node import Node, parse_nodes
from sms_traffic_async.policy.attempts import Attempt
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest, call
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http.stage import Stage
from sms_traffic_async.protocols.http.stream import StreamedAnswer, stream
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Credentials, HttpOptions, Settings, Timeouts
from sms_traffic_async.telemetry import Telemetry

__all__ = ("CAP", "PHONE", "SECRET", "TEXT", "Desk", "desk", "raw_server", "request")

SECRET = "ptf9Bs9Apk4EgyP4gUCy2ajwfFVchwaR"
API_KEY = f"1837/{SECRET}"
PHONE = "79161112233"
TEXT = "Ваш код 123456, не говорите его никому"
CAP = 2_000_000

Accepted = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


def request(*, body_bytes: int = 0, operation: str = "v2.send", method: str = "POST") -> HttpRequest:
    content = f'{{"to":{PHONE},"text":"{TEXT}"}}'.encode()
    return HttpRequest(
        method=method,
        path="/v2/send",
        operation=operation,
        headers=(
            ("Authorization", f"Bearer {API_KEY}"),
            ("Accept-Encoding", "identity"),
            ("Content-Type", "application/json"),
        ),
        content=content.ljust(body_bytes) if method == "POST" else None,
    )


@dataclass(slots=True, kw_only=True)
class Desk:
    """Everything one try needs."""

    pool: HttpPool
    node: Node
    nodes: NodeSet
    clock: Clock
    timeouts: Timeouts
    events: list[Any] = field(default_factory=list[Any])

    async def exchange(
        self,
        sent: HttpRequest | None = None,
        *,
        timeout: float = 30.0,
        cap: int = CAP,
        stage: Stage | None = None,
    ) -> HttpAnswer | Attempt:
        return await call(
            self.pool,
            self.node,
            sent or request(),
            lambda answer: answer,
            nodes=self.nodes,
            clock=self.clock,
            deadline=self.clock.monotonic() + timeout,
            timeouts=self.timeouts,
            cap=cap,
            stage=stage,
        )

    def stream(
        self, sent: HttpRequest | None = None, *, timeout: float = 600.0, cap: int | None = None
    ) -> contextlib.AbstractAsyncContextManager[StreamedAnswer | Attempt]:
        return stream(
            self.pool,
            self.node,
            sent or request(),
            nodes=self.nodes,
            clock=self.clock,
            deadline=self.clock.monotonic() + timeout,
            timeouts=self.timeouts,
            cap=cap,
        )


@contextlib.asynccontextmanager
async def desk(
    url: str,
    *,
    ssl_context: ssl.SSLContext | None = None,
    http: HttpOptions | None = None,
    timeouts: Timeouts | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> AsyncIterator[Desk]:
    events: list[Any] = []
    settings = Settings(
        credentials=Credentials(api_key=Secret(API_KEY)),
        nodes=parse_nodes([url]),
        http=http or HttpOptions(ssl_context=ssl_context),
        timeouts=timeouts or Timeouts(),
    )
    pool = HttpPool(settings, telemetry=Telemetry(hooks=(events.append,)))
    nodes = NodeSet([node.name for node in settings.nodes], policy=settings.retry, clock=clock)
    try:
        yield Desk(
            pool=pool,
            node=settings.nodes[0],
            nodes=nodes,
            clock=clock,
            timeouts=settings.timeouts,
            events=events,
        )
    finally:
        await pool.aclose()


@contextlib.asynccontextmanager
async def raw_server(accepted: Accepted, *, ssl_context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A TCP server that does what the test says; yields its base URL."""
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await accepted(reader, writer)
            writer.close()
        finally:
            writers.append(writer)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=ssl_context)
    scheme = "http" if ssl_context is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)  # lets aborted transports close their sockets
        for result in results:
            if isinstance(result, Exception):
                raise result


async def read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    """Request line, headers and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}
    return line, headers, await reader.readexactly(int(headers.get("content-length", "0")))


def response(body: bytes = b"{}", *, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body
