"""The listening port: open, refusing, or silent, and always ours."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable
from typing import Literal, TypeAlias, final

__all__ = ("Port", "PortState")

PortState: TypeAlias = Literal["open", "paused", "refusing", "silent", "closed"]

BACKLOG = 128
ACCEPTS_PER_TURN = 16
# Out of file descriptors: they come back when connections end, so look again soon.
ACCEPT_PAUSE = 0.1
FILLERS = 16


@final
class Port:
    """One TCP port of this host, whose state changes without an await.

    A plain ``asyncio.Server`` can only be open or gone. Between two states the
    port is free for the time of two system calls; while it refuses it is bound
    and does not listen, so nobody else can take it.

    Needs a loop with ``add_reader``: on Windows that is the selector loop.
    """

    __slots__ = ("_accepted", "_fillers", "_loop", "_socket", "_timer", "address", "state")

    def __init__(self, host: str, port: int, accepted: Callable[[socket.socket], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._accepted = accepted
        self._fillers: list[socket.socket] = []
        self._timer: asyncio.TimerHandle | None = None
        self.address: tuple[str, int] = (host, port)
        self._socket = self._bind()
        self.address = (host, self._socket.getsockname()[1])
        self.state: PortState = "refusing"

    def open(self) -> None:
        """Listen and accept."""
        if self.state == "open":
            return
        if self.state in {"silent", "closed"}:
            self._rebind()
        if self.state == "refusing":
            self._socket.listen(BACKLOG)
        self._stop_timer()
        self._loop.add_reader(self._socket, self._accept)
        self.state = "open"

    def pause(self) -> None:
        """Accept nobody for now; the kernel keeps ``BACKLOG`` connections waiting, then drops SYNs."""
        self._stop_accepting()
        self.state = "paused"

    def refuse(self) -> None:
        """Be bound, and not listen: ECONNREFUSED for whoever comes."""
        if self.state != "refusing":
            self._rebind()

    def silence(self) -> None:
        """Answer no SYN: listen with an accept queue of one place, which is taken."""
        if self.state == "silent":
            return
        self.refuse()
        self._socket.listen(0)
        self.state = "silent"
        for _ in range(FILLERS):
            filler = socket.socket(self._socket.family, socket.SOCK_STREAM)
            filler.setblocking(False)
            self._fillers.append(filler)
            filler.connect_ex(self.address)
            try:
                # On loopback a connect is through, or its SYN was dropped, before connect() returns.
                filler.getpeername()
            except OSError:
                return
        self.refuse()
        raise OSError("this system does not drop a SYN when the accept queue is full: use Refuse or Blackhole")

    def close(self) -> None:
        """Give the port back."""
        if self.state != "closed":
            self._stop_accepting()
            self._close_sockets()
            self.state = "closed"

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            # Connections accepted earlier still use this port; on Windows the option would let others steal it.
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind(self.address)
        except BaseException:
            listener.close()
            raise
        return listener

    def _rebind(self) -> None:
        self.close()
        self._socket = self._bind()
        self.state = "refusing"

    def _close_sockets(self) -> None:
        self._socket.close()
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_accepting(self) -> None:
        self._stop_timer()
        if self.state == "open":
            self._loop.remove_reader(self._socket)

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            if self.state != "open":
                return  # full meanwhile
            try:
                client, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self.pause()
                self._timer = self._loop.call_later(ACCEPT_PAUSE, self.open)
                return
            client.setblocking(False)
            with contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._accepted(client)
