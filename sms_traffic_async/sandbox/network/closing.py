"""The two ways a TCP connection ends, as a peer sees them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Iterable

__all__ = ("end_with_fin", "end_with_rst")

LINGER_SECONDS = 1.0
DRAIN_SECONDS = 0.2

if sys.platform == "win32":

    def _unsent(_sock: socket.socket) -> int:
        return 0  # cannot be asked here; loopback has delivered it

else:
    import fcntl
    import termios

    def _unsent(sock: socket.socket) -> int:
        """Bytes that the peer's side has not acknowledged (SIOCOUTQ)."""
        try:
            answer = fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4))
        except OSError:
            return 0
        return int.from_bytes(answer, sys.byteorder)


async def end_with_fin(sockets: Iterable[socket.socket]) -> None:
    """End every stream, and swallow what still comes, for a second at most.

    Closing a socket with unread bytes would send a reset instead, and take bytes
    with it that the peer has not read yet.
    """
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS), asyncio.TaskGroup() as tasks:
            for sock in sockets:
                tasks.create_task(_swallow(sock))
    for sock in sockets:
        sock.close()


async def end_with_rst(sockets: Iterable[socket.socket], *, drain: bool) -> None:
    """Reset every connection.

    Args:
        sockets: whose peers see it.
        drain: first let the bytes that were forwarded arrive, for 0.2 seconds at
            most; a reset throws away what is still in the sender's buffer.
    """
    pause = 0.001
    while drain and pause < DRAIN_SECONDS and any(_unsent(sock) for sock in sockets):
        await asyncio.sleep(pause)
        pause *= 2
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


async def _swallow(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while await asyncio.get_running_loop().sock_recv(sock, 65_536):
            pass
