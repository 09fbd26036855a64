"""One proxied connection: two lanes of bytes between two sockets.

1. Each lane has a reader and a writer with a bounded queue between them, so
   bytes that travel (``Latency``) do not hold up those that leave.
2. A link ends in one way only: whoever calls ``end`` first. What the peers then
   see is decided in ``_close``.
3. Every wait is for one thing, "something changed on this lane"; whoever wakes
   up looks again. So a rule can come and go at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias, final

from sms_traffic_async.sandbox.network.closing import end_with_fin, end_with_rst
from sms_traffic_async.sandbox.network.faults import (
    ConnectionFault,
    Direction,
    Garbage,
    HalfClose,
    How,
    Replace,
    Reset,
)
from sms_traffic_async.sandbox.network.lane import Lane
from sms_traffic_async.sandbox.network.rules import Injection, Rule

__all__ = ("Connection", "Ended", "Link")

Ended: TypeAlias = Literal["open", "eof", "fault", "peer", "unreachable", "dropped", "closed"]
"""How a connection stands. ``eof``: both peers ended it; ``fault``: a rule did; ``peer``: one of them reset it;
``unreachable``: the target could not be reached; ``dropped``: by ``drop_all``; ``closed``: with the proxy."""

CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What one connection carried.

    Attributes:
        number: counted from 1 for each proxy.
        up: bytes forwarded to the target.
        down: bytes forwarded to the client.
        ended: how it stands.
    """

    number: int
    up: int
    down: int
    ended: Ended


class _LinkEnd(Exception):
    """No error: it is how the tasks of a link end together."""


@final
class Link:
    """One connection, carried by ``run()`` in a task of the proxy's.

    Attributes:
        number: of the connection.
        ended: how it stands.
    """

    def __init__(
        self,
        number: int,
        client: socket.socket,
        target: tuple[str, int],
        *,
        seed: int,
        note: Callable[[Injection], None],
    ) -> None:
        self.number = number
        self.ended: Ended = "open"
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._server: socket.socket | None = None
        self._target = target
        self._seed = seed
        self._note_in_log = note
        self._end: asyncio.Future[tuple[How, Ended]] = self._loop.create_future()
        self._waiters: dict[Direction, set[asyncio.Future[None]]] = {"up": set(), "down": set()}
        self._up = Lane("up", f"{seed}/{number}/up", self._note)
        self._down = Lane("down", f"{seed}/{number}/down", self._note)

    def view(self) -> Connection:
        """The state now, as a value."""
        return Connection(number=self.number, up=self._up.forwarded, down=self._down.forwarded, ended=self.ended)

    def attach(self, rule: Rule, fault: ConnectionFault) -> None:
        """Lay a fault on this connection; it works from the next byte on."""
        overlay = b""
        if isinstance(fault, Replace):
            overlay = fault.data
        elif isinstance(fault, Garbage):
            overlay = random.Random(f"{self._seed}/{self.number}/{rule.index}").randbytes(fault.length)
        if isinstance(fault, Reset) and fault.after is None:
            self._note(fault, None, 0)
            self.end("rst", "fault")
            return
        for lane in (self._up, self._down):
            lane.attach(rule, fault, overlay)
            self._changed(lane)

    def detach(self, rule: Rule) -> None:
        """Take a rule's faults away. What they did stays done."""
        for lane in (self._up, self._down):
            lane.detach(rule)
            self._changed(lane)

    def end(self, how: How, why: Ended) -> None:
        """Let ``run()`` close both sides in this way. The first one to say it is obeyed."""
        if not self._end.done():
            self._end.set_result((how, why))

    async def run(self) -> None:
        """Carry bytes until the end.

        Cancellation: closes both sockets at once and forwards nothing more.
        """
        try:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._stop_at_end())
                    tasks.create_task(self._carry())
            except* OSError:
                self.end("rst", "peer")
            except* _LinkEnd:
                pass
            await self._close()
        finally:
            if self.ended == "open":
                self.ended = "closed"
            for sock in self._sockets():
                sock.close()

    async def _close(self) -> None:
        how, self.ended = self._end.result()
        if how == "rst":
            await end_with_rst(self._sockets(), drain=self.ended == "fault")
        elif self.ended != "eof":
            await end_with_fin(self._sockets())

    async def _stop_at_end(self) -> NoReturn:
        await asyncio.wait((self._end,))
        raise _LinkEnd

    async def _carry(self) -> None:
        # A blackhole both ways from the start: the target does not hear of this connection.
        while not (self._up.may_read() or self._down.may_read()):
            self._up.due(arrived=False)
            await self._wait(self._up)
        if self._end.done():  # reset at accept: the target does not hear of it either
            return
        server = await self._connect()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(self._up, self._client))
            tasks.create_task(self._write(self._up, server))
            tasks.create_task(self._read(self._down, server))
            tasks.create_task(self._write(self._down, self._client))
        self.end("fin", "eof")

    async def _connect(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._target[0] else socket.AF_INET
        self._server = server = socket.socket(family, socket.SOCK_STREAM)
        server.setblocking(False)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._loop.sock_connect(server, self._target)
        except OSError:  # TimeoutError is one
            self.end("rst", "unreachable")
            raise
        return server

    async def _read(self, lane: Lane, source: socket.socket) -> None:
        while True:
            room = lane.may_read()
            if not room:
                await self._wait(lane)
                continue
            data = await self._loop.sock_recv(source, room)
            lane.put(data, self._loop.time())
            self._changed(lane)
            if not data:
                return

    async def _write(self, lane: Lane, sink: socket.socket) -> None:
        while True:
            self._act(lane, sink, arrived=False)
            pause = lane.wait(self._loop.time())
            if pause != 0:
                await self._wait(lane, pause)
                continue
            self._act(lane, sink, arrived=True)
            piece = lane.piece()
            if not piece:
                self._finish(lane, sink)
                return
            if not lane.swallows:
                await self._loop.sock_sendall(sink, piece)
            lane.took(len(piece), self._loop.time())
            self._changed(lane)

    def _act(self, lane: Lane, sink: socket.socket, *, arrived: bool) -> None:
        """Do what is due at this offset.

        Raises:
            _LinkEnd: the link is over.
        """
        while (fault := lane.due(arrived=arrived)) is not None:
            if isinstance(fault, HalfClose):
                self._finish(lane, sink)
                lane.swallows = True
                continue
            self.end("rst" if isinstance(fault, Reset) else fault.how, "fault")
            raise _LinkEnd

    @staticmethod
    def _finish(lane: Lane, sink: socket.socket) -> None:
        if not lane.swallows:
            with contextlib.suppress(OSError):  # that peer has gone already
                sink.shutdown(socket.SHUT_WR)

    def _note(self, fault: ConnectionFault, direction: Direction | None, offset: int) -> None:
        self._note_in_log(
            Injection(connection=self.number, fault=fault, direction=direction, offset=offset, at=self._loop.time())
        )

    def _changed(self, lane: Lane) -> None:
        for waiter in self._waiters[lane.name]:
            _wake(waiter)

    async def _wait(self, lane: Lane, seconds: float | None = None) -> None:
        """Until something changed on this lane, or for so long."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, _wake, waiter)
        waiters = self._waiters[lane.name]
        waiters.add(waiter)
        try:
            await waiter
        finally:
            waiters.discard(waiter)
            if timer is not None:
                timer.cancel()

    def _sockets(self) -> tuple[socket.socket, ...]:
        return (self._client,) if self._server is None else (self._client, self._server)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
