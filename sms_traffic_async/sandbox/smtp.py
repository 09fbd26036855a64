"""The mail server of the sandbox: aiosmtpd's protocol in the caller's own loop.

aiosmtpd's ``Controller`` would run a loop in a thread of its own; the sandbox
lives in one loop, so only the protocol is used. Its logger prints every line of
a letter at DEBUG, passwords and texts among them: those of the sandbox's own
connections are dropped.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextvars import ContextVar, copy_context
from functools import partial
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.smtp_desk import NODE, Desk
from sms_traffic_async.sandbox.smtp_faults import after, before, temporary
from sms_traffic_async.sandbox.smtp_replies import Replies
from sms_traffic_async.telemetry import get_logger

__all__ = ("SmtpListener",)

HOSTNAME = "smtp.sandbox"
MAX_LETTER = 32 * 1024 * 1024
IDLE = 300.0
CLOSE_TIMEOUT = 2.0

_log = get_logger("sandbox")
_OURS: ContextVar[bool] = ContextVar("sms_traffic_sandbox_smtp", default=False)


class _Quiet(logging.Filter):
    """Drops what aiosmtpd says of the sandbox's connections."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - logging's signature
        """Whether a record may pass."""
        return not _OURS.get()


_QUIET = _Quiet()


class _Protocol(SMTP):
    """One connection; its task is handed to the listener that owns it."""

    def __init__(self, handler: _Handler, owner: SmtpListener, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            handler,
            data_size_limit=MAX_LETTER,
            enable_SMTPUTF8=True,
            hostname=HOSTNAME,
            ident="SMS Traffic sandbox",
            tls_context=tls,
            timeout=IDLE,
            loop=asyncio.get_running_loop(),
        )
        self._owner = owner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came, or STARTTLS changed its transport."""
        context = copy_context()
        context.run(_OURS.set, True)
        context.run(super().connection_made, transport)
        task: asyncio.Task[None] | None = self._handler_coroutine
        if task is not None:
            self._owner.adopt(task, cast("asyncio.Transport", transport))


class _Handler:
    """aiosmtpd's hooks."""

    def __init__(self, platform: Platform, desk: Desk) -> None:
        self._platform = platform
        self._desk = desk

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """One recipient."""
        refusal = self._desk.recipient(address)
        if refusal is not None:
            self._desk.note("")("RCPT TO", f"is answered {refusal[:9]}", refused=True)
            return refusal
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str | bytes:  # noqa: N802 - its name
        """A whole letter; one request for each recipient, one answer for all."""
        platform = self._platform
        transport = cast("asyncio.Transport", server.transport)
        request_id = platform.store.new_request_id()
        effects = platform.faults.draw("smtp", NODE, "send", request_id)
        ended = await before(effects, platform.clock, transport)
        if ended is not None:
            return ended
        peer = cast("object", session.peer)  # annotated as a string, but it is asyncio's peername
        ip = str(cast("tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else ""
        content = envelope.content
        for number, address in enumerate(envelope.rcpt_tos):
            self._desk.take(
                content if isinstance(content, bytes) else b"",
                sender=envelope.mail_from or "",
                to=address,
                ip=ip,
                request_id=platform.store.new_request_id() if number else request_id,
                temporary=temporary(effects),
            )
        return await after(effects, platform.clock, transport, "250 2.0.0 OK, queued")

    async def handle_exception(self, error: Exception) -> str:
        """A fault of the sandbox itself, or its closing."""
        _log.error("the sandbox's mail server failed (%s)", type(error).__name__)
        return "451 4.3.0 The sandbox has a problem"


class SmtpListener:
    """One listening socket with its connections."""

    def __init__(self, platform: Platform, replies: Replies, *, tls: ssl.SSLContext | None = None) -> None:
        self._platform = platform
        self._replies = replies
        self._desk = Desk(platform, replies)
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.Transport] = {}
        self.port: int = 0

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            ConfigurationError: the port is taken.
        """
        logging.getLogger("mail.log").addFilter(_QUIET)
        handler = _Handler(self._platform, self._desk)
        make = partial(_Protocol, handler, self, self._tls)
        try:
            self._server = await asyncio.get_running_loop().create_server(make, host, port)
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    def adopt(self, task: asyncio.Task[None], transport: asyncio.Transport) -> None:
        """Own a connection's task until it ends."""
        if task not in self._connections:
            task.add_done_callback(self._ended)
        self._connections[task] = transport

    def reset(self) -> None:
        """Forget the reply letters and the count of letters."""
        self._desk.reset()
        self._replies.clear()

    async def aclose(self) -> None:
        """Stop listening and end every connection, within a bound."""
        server = self._server
        if server is None:
            return
        self._server = None
        server.close()
        connections = dict(self._connections)
        for transport in connections.values():
            transport.close()
        if connections:
            await asyncio.wait(connections, timeout=CLOSE_TIMEOUT)
        for task, transport in connections.items():
            transport.abort()
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await server.wait_closed()

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        if not task.cancelled():
            # A client that went away in the middle of an answer is nobody's error.
            task.exception()
