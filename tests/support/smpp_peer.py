"""A small SMSC on real TCP whose every answer a test scripts. The session machine in its other role does the framing.

``Smsc`` keeps what it was sent (``submits``) and answers as told: ``answer`` is
asked for each submit_sm and gives a status, a `Reply`, or None for silence.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias, cast

from sms_traffic_async.protocols.smpp.events import Ended, Event, Requested
from sms_traffic_async.protocols.smpp.options import KeepAlive, SessionOptions
from sms_traffic_async.protocols.smpp.pdu import (
    Bind,
    BindResp,
    DeliverSm,
    GenericNack,
    Request,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from sms_traffic_async.protocols.smpp.protocol import Answered, Notified, Session
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus, Role

__all__ = ("Peer", "Reply", "Smsc", "Submitted")

OK = CommandStatus.ESME_ROK
_QUIET = KeepAlive(interval=None, misses=None, silence=None)


@dataclass(slots=True)
class Submitted:
    """One submit_sm as it came."""

    peer: Peer
    sequence: int
    request: SubmitSm
    at: float
    reply: Reply | None = None
    message_id: str = ""


@dataclass(slots=True)
class Reply:
    """How one submit_sm is answered."""

    status: int = 0
    delay: float = 0.0
    message_id: str | None = None
    nack: bool = False
    cut: bool = False
    """Abort the connection instead."""
    then_cut: bool = False
    """Abort the connection after the answer."""


Answer: TypeAlias = Callable[[Submitted], "Reply | int | None"]


class Peer(asyncio.Protocol):
    """One connection of a client's."""

    def __init__(self, smsc: Smsc) -> None:
        self.smsc = smsc
        self.session = Session(Role.SMSC, smsc.now(), options=smsc.options)
        self.mode: BindMode | None = None
        self.ended: Ended | None = None
        self.lost = False
        self.unbound = False
        self.answers: list[Answered] = []
        self.bind: Bind | None = None
        self.mute = False
        """Reads and says nothing: a blackholed host."""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.smsc.peers.append(self)
        if self.smsc.silent:
            self.mute = True

    def data_received(self, data: bytes) -> None:
        if self.mute:
            self.smsc.swallowed += len(data)
            return
        self.session.receive_data(data, self.smsc.now())
        for event in self.session.events():
            self._met(event)
        self.flush()

    def _met(self, event: Event) -> None:
        if isinstance(event, Requested):
            self._requested(event)
        elif isinstance(event, Answered):
            self.answers.append(event)
        elif isinstance(event, Ended):
            self.ended = event
        elif isinstance(event, Notified) and isinstance(event.request, Unbind):
            self.unbound = True

    def _requested(self, event: Requested) -> None:
        request = event.request
        if isinstance(request, Bind):
            self.bind = request
            status = self.smsc.bind_status(self, request)
            if status is None:
                return
            if status == OK:
                self.mode = request.mode
            self.session.answer(
                event,
                BindResp(mode=request.mode, command_status=CommandStatus(status), system_id="SMSC"),
                self.smsc.now(),
            )
            if self.smsc.with_bind and status == OK and request.mode.receives:
                self.session.request(self.smsc.with_bind, self.smsc.now())
        elif isinstance(request, SubmitSm):
            self._submitted(event, request)

    def _submitted(self, event: Requested, request: SubmitSm) -> None:
        smsc = self.smsc
        submitted = Submitted(self, event.sequence, request, smsc.now())
        smsc.submits.append(submitted)
        answer = smsc.answer(submitted)
        if answer is None:
            smsc.unanswered.append((self, event, submitted))
            return
        reply = answer if isinstance(answer, Reply) else Reply(status=answer)
        submitted.reply = reply
        if reply.cut:
            if reply.status == 0:
                smsc.take(submitted)
            self.cut()
        elif reply.delay:
            asyncio.get_running_loop().call_later(reply.delay, self.reply, event, submitted, reply)
        else:
            self.reply(event, submitted, reply)

    def reply(self, event: Requested, submitted: Submitted, reply: Reply) -> None:
        """Answer one that waits."""
        if self.session.is_closed:
            return
        response: Any
        if reply.nack:
            response = GenericNack(command_status=CommandStatus(reply.status))
        elif reply.status:
            response = SubmitSmResp(command_status=CommandStatus(reply.status))
        else:
            response = SubmitSmResp(message_id=self.smsc.take(submitted, reply.message_id))
        self.session.answer(event, response, self.smsc.now())
        self.flush()
        if reply.then_cut:
            self.cut()

    def deliver(self, request: Request) -> None:
        self.session.request(request, self.smsc.now())
        self.flush()

    def unbind(self) -> None:
        self.session.unbind(self.smsc.now())
        self.flush()

    def write(self, data: bytes) -> None:
        """Octets past the session."""
        assert self._transport is not None
        self._transport.write(data)

    def cut(self) -> None:
        """Reset the connection."""
        if self._transport is not None:
            self._transport.abort()

    def flush(self) -> None:
        data = self.session.data_to_send()
        if self._transport is not None and not self._transport.is_closing():
            if data:
                self._transport.write(data)
            if self.session.is_closed:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._transport = None
        self.session.receive_eof(self.smsc.now())
        for event in self.session.events():
            self._met(event)


@dataclass(slots=True)
class Smsc:
    """A scripted SMSC. ``async with Smsc() as smsc: ... smsc.url``."""

    answer: Answer = lambda _: 0
    bind_answer: Callable[[Bind], int | None] = lambda _: 0
    slots: int = 1
    """Receivers and transceivers bound at once; more are refused with ESME_RALYBND."""
    tls: ssl.SSLContext | None = None
    with_bind: DeliverSm | None = None
    """Sent in one segment with the bind response."""
    silent: bool = False
    prefix: str = "id"
    port: int = 0
    peers: list[Peer] = field(default_factory=list)
    submits: list[Submitted] = field(default_factory=list)
    accepted: list[Submitted] = field(default_factory=list)
    unanswered: list[tuple[Peer, Requested, Submitted]] = field(default_factory=list)
    swallowed: int = 0
    options: SessionOptions = field(
        default_factory=lambda: SessionOptions(
            max_unanswered=20_000, window=1000, keep_alive=dict.fromkeys(BindMode, _QUIET)
        )
    )
    _server: asyncio.Server | None = None
    _ids: Any = field(default_factory=lambda: itertools.count(1))

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def listen(self) -> None:
        """Accept connections (again), on the same port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections, and cut those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for peer in self.peers:
            peer.cut()
        await asyncio.sleep(0.01)

    @property
    def url(self) -> str:
        return f"{'smpps' if self.tls else 'smpp'}://127.0.0.1:{self.port}"

    @property
    def name(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def bound(self) -> list[Peer]:
        return [peer for peer in self.peers if peer.session.is_bound and not peer.lost]

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def bind_status(self, peer: Peer, request: Bind) -> int | None:
        status = self.bind_answer(request)
        if status == 0 and request.mode.receives:
            others = [one for one in self.bound if one is not peer and one.mode is not None and one.mode.receives]
            if len(others) >= self.slots:
                return CommandStatus.ESME_RALYBND
        return status

    def take(self, submitted: Submitted, message_id: str | None = None) -> str:
        """It is accepted from here on."""
        submitted.message_id = message_id if message_id is not None else f"{self.prefix}{next(self._ids)}"
        self.accepted.append(submitted)
        return submitted.message_id

    def answer_all(self, status: int = 0) -> None:
        """Answer what waits."""
        self.answer_some(len(self.unanswered), status)

    def answer_some(self, count: int, status: int = 0) -> None:
        """Answer so many of what waits, the oldest first."""
        waiting, self.unanswered = self.unanswered[:count], self.unanswered[count:]
        for peer, event, submitted in waiting:
            peer.reply(event, submitted, Reply(status=status))

    def texts(self) -> list[bytes]:
        return [one.request.short_message for one in self.accepted]
