"""A customer's server, made of asyncio streams alone, that writes down what it is sent and answers as a test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

import orjson

from sms_traffic_async.sandbox import Sandbox

__all__ = ("PHONE", "START", "App", "Got", "customer", "deliver")

START = datetime(2025, 12, 18, 12, 0, tzinfo=timezone(timedelta(hours=3)))
PHONE = "79161112233"


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def rows(self) -> list[dict[str, Any]]:
        read: list[dict[str, Any]] = orjson.loads(self.body)
        return read

    def form(self, charset: str = "windows-1251") -> dict[str, str]:
        source = self.body.decode("ascii") if self.method == "POST" else self.target.partition("?")[2]
        return dict(parse_qsl(source, encoding=charset, errors="strict", keep_blank_values=True))


Answer = int | tuple[int, bytes] | bytes | None
"""A status, a status and a body, a whole answer; ``None`` hangs up without one."""


@dataclass(slots=True)
class App:
    """The server: its URL, what came, and what it answers; the last answer goes on for ever."""

    url: str = ""
    answers: list[Answer | Callable[[Got], Answer]] = field(default_factory=lambda: [200])
    got: list[Got] = field(default_factory=list[Got])
    busy: int = 0
    most_busy: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for one in self.got for row in one.rows]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head[:-4].split("\r\n")
                pairs = (one.partition(": ") for one in rest)
                headers = {name.lower(): value for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                method, target, _ = line.split(" ")
                self.busy += 1
                self.most_busy = max(self.most_busy, self.busy)
                await asyncio.sleep(0)
                self.busy -= 1
                got = Got(method, target, headers, body)
                self.got.append(got)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                answer = answer(got) if callable(answer) else answer
                if answer is None:
                    break
                writer.write(_bytes(answer))
        self.open.discard(writer)
        writer.close()


def _bytes(answer: Answer) -> bytes:
    if isinstance(answer, bytes):
        return answer
    status, body = answer if isinstance(answer, tuple) else (answer, b"")
    return b"HTTP/1.1 %d X\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (status or 0, len(body), body)


@contextlib.asynccontextmanager
async def customer(*answers: Answer | Callable[[Got], Answer]) -> AsyncIterator[App]:
    app = App(answers=list(answers) or [200])
    server = await asyncio.start_server(app.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    app.url = f"http://{host}:{port}/status_callback_url"
    try:
        yield app
    finally:
        server.close()
        for writer in app.open:  # the platform keeps its connections; since Python 3.12 a server waits for them
            writer.close()
        async with asyncio.timeout(5):
            await server.wait_closed()


async def deliver(
    sandbox: Sandbox, *numbers: str, text: str = "Ваш код 4827", tracking: str | None = None
) -> list[str]:
    """Takes messages as v2 does, without its client; their ids."""
    from sms_traffic_async.sandbox.accounts import Principal
    from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared

    platform = sandbox.platform
    principal = Principal(account=sandbox.accounts.get())
    arrival = Arrival(protocol="v2", node=1, principal=principal, request_id="r1")
    prepared = [
        platform.prepare(Draft(to=one, text=text, tracking_data=tracking or f"label-{one}"), arrival)
        for one in numbers or (PHONE,)
    ]
    taken = platform.take([one for one in prepared if isinstance(one, Prepared)], arrival)
    assert isinstance(taken, list)
    return [message.id for message in taken]
