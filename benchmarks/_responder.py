"""A plain platform for benchmarks: answers ``/v2/send`` properly, as fast as a process can, in processes of its own.

It is no sandbox: it checks nothing but what an answer needs. ``GET /taken`` tells
how many messages it took. With a rate, one token may make so many requests in any
second; the others get a 429 with ``Retry-After: 1``.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import socket
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import orjson

__all__ = ("Counts", "counts", "responder")

_END = b"\r\n\r\n"


@dataclass(slots=True)
class Counts:
    """What a responder did.

    Attributes:
        messages: taken.
        requests: answered with 200.
        refused: answered with 429.
        refused_late: of those, the ones after the first second of requests.
        span: seconds from the first to the last request that was answered with 200.
    """

    messages: int = 0
    requests: int = 0
    refused: int = 0
    refused_late: int = 0
    span: float = 0.0


class _Platform:
    def __init__(self, rate: int | None, delay: float) -> None:
        self.rate = rate
        self.delay = delay
        self.counts = Counts()
        self.window: deque[float] = deque()
        self.first: float | None = None
        self.began = 0.0
        self.ids = itertools.count(1046379029789147161)

    def answer(self, head: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Status line and further headers, and the body."""
        if not head.startswith(b"POST"):
            fields = {name: getattr(self.counts, name) for name in Counts.__slots__}
            return b"200 OK", json.dumps(fields).encode()
        if self.rate is not None and not self._allowed(self.rate):
            return b"429 Too Many Requests\r\nRetry-After: 1", b""
        request: dict[str, Any] = orjson.loads(body)
        ids = self.ids
        rows = [
            {"phone": one["to"], "id": str(next(ids)), "trackingData": one.get("trackingData")}
            for one in request["destinations"]
        ]
        self.counts.messages += len(rows)
        self.counts.requests += 1
        now = time.monotonic()
        self.began = now if self.counts.requests == 1 else self.began
        self.counts.span = now - self.began
        return b"200 OK", orjson.dumps({"success": True, "destinations": rows})

    def _allowed(self, rate: int) -> bool:
        now = time.monotonic()
        self.first = now if self.first is None else self.first
        while self.window and self.window[0] <= now - 1.0:
            self.window.popleft()
        if len(self.window) >= rate:
            self.counts.refused += 1
            self.counts.refused_late += now > self.first + 1.0
            return False
        self.window.append(now)
        return True


class _Connection(asyncio.Protocol):
    def __init__(self, platform: _Platform) -> None:
        self.platform = platform
        self.buffer = bytearray()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(_END)) >= 0:
            head = bytes(self.buffer[:end])
            place = head.lower().find(b"\r\ncontent-length:")
            length = int(head[place + 17 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = bytes(self.buffer[end + 4 : end + 4 + length])
            del self.buffer[: end + 4 + length]
            status, content = self.platform.answer(head, body)
            answer = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
                status,
                len(content),
                content,
            )
            if self.platform.delay:
                asyncio.get_running_loop().call_later(self.platform.delay, self.transport.write, answer)
            else:
                self.transport.write(answer)


def _serve(told: Connection, rate: int | None, delay: float) -> None:
    async def main() -> None:
        platform = _Platform(rate, delay)
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Connection(platform), sock=listener, backlog=1024)
        told.send(listener.getsockname()[1])
        await server.serve_forever()

    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())


@contextmanager
def responder(*, rate: int | None = None, delay: float = 0.0) -> Iterator[str]:
    """The base URL of a responder in a process of its own.

    Args:
        rate: requests in any second; ``None`` for no limit.
        delay: seconds before each answer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, rate, delay), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def counts(url: str) -> Counts:
    """What it did so far."""
    with urllib.request.urlopen(f"{url}/taken", timeout=10) as answer:  # noqa: S310 - our own process
        return Counts(**json.load(answer))
