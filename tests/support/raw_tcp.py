"""Raw sockets for tests that count bytes: a client and a server without any protocol.

asyncio's streams drop received bytes when a reset follows them; these do not.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Literal, Self

__all__ = ("ANSWER", "REQUEST", "Ending", "RawServer", "connected", "exchange", "now", "receive", "settled")

REQUEST = b"POST /v2/send HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{'success':true}"
Ending = Literal["eof", "reset"]


def now() -> float:
    return asyncio.get_running_loop().time()


async def receive(sock: socket.socket, limit: int = 1 << 30) -> tuple[bytes, Ending | None]:
    """Everything that comes, up to ``limit`` bytes, and how it ended."""
    loop = asyncio.get_running_loop()
    parts = bytearray()
    try:
        while len(parts) < limit:
            data = await loop.sock_recv(sock, min(65_536, limit - len(parts)))
            if not data:
                return bytes(parts), "eof"
            parts += data
    except ConnectionResetError:
        return bytes(parts), "reset"
    return bytes(parts), None


class RawServer:
    """A raw server: reads a request of known length, answers, reads on to the end."""

    def __init__(self, *, answer: bytes = ANSWER, request_size: int = len(REQUEST), pieces: int = 1 << 30) -> None:
        self.heard: list[bytes] = []
        self.endings: list[Ending | None] = []
        self._answer = answer
        self._request_size = request_size
        self._pieces = pieces
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._tasks.add(asyncio.create_task(self._accept()))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _accept(self) -> None:
        while True:
            sock, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._tasks.add(asyncio.create_task(self._serve(sock)))

    async def _serve(self, sock: socket.socket) -> None:
        index = len(self.heard)
        self.heard.append(b"")
        self.endings.append(None)
        with sock:
            self.heard[index], self.endings[index] = await receive(sock, self._request_size)
            if self.endings[index] is not None:
                return
            try:
                for start in range(0, len(self._answer), self._pieces):
                    piece = self._answer[start : start + self._pieces]
                    await asyncio.get_running_loop().sock_sendall(sock, piece)
                    await asyncio.sleep(0)
            except ConnectionError:
                self.endings[index] = "reset"
                return
            rest, self.endings[index] = await receive(sock)
            self.heard[index] += rest


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[socket.socket]:
    with socket.socket() as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        yield sock


async def exchange(port: int, *, pieces: int = 1 << 30) -> tuple[bytes, Ending | None]:
    """Send the request, read the answer (not more than its length) or the end."""
    loop = asyncio.get_running_loop()
    async with connected(port) as sock:
        try:
            for start in range(0, len(REQUEST), pieces):
                await loop.sock_sendall(sock, REQUEST[start : start + pieces])
                await asyncio.sleep(0)
        except ConnectionError:  # tells of the reset once; reading would now see a plain end
            return (await receive(sock))[0], "reset"
        received, ending = await receive(sock, len(ANSWER))
        if ending is None:
            # A cut after the last byte comes at once, before anybody has a reason to close.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    rest, ending = await receive(sock)
                    assert rest == b""
        return received, ending


async def settled() -> None:
    """Long enough for every end of stream to arrive; costs nothing on the virtual clock."""
    await asyncio.sleep(5)
