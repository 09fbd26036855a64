"""What is changed of uvicorn's protocol: the logger, access to the connection, and writes in one piece."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from sms_traffic_async.sandbox.http_breakage import CONNECTION

__all__ = ("HeldTransport", "NodeProtocol")

HELD_MOST = 256 * 1024


class HeldTransport:
    """A transport that can gather writes. Everything else goes to the real one."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None
        self._size = 0

    def write(self, data: bytes) -> None:
        """Write, or gather up to a bound."""
        if self._held is None:
            self._transport.write(data)
            return
        self._held.append(data)
        self._size += len(data)
        if self._size > HELD_MOST:
            self._flush()

    def hold(self) -> None:
        """Gather from now on."""
        self._held = []

    def release(self) -> None:
        """Write what was gathered, and gather no more."""
        self._flush()
        self._held = None

    def close(self) -> None:
        """Write what was gathered, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            self._transport.write(b"".join(self._held))
            self._held.clear()
            self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class NodeProtocol(H11Protocol):
    """Hands the connection to the application, logs where the sandbox logs."""

    def __init__(self, config: Config, state: ServerState, app_state: dict[str, Any], logger: logging.Logger) -> None:
        super().__init__(config, state, dict(app_state), asyncio.get_running_loop())
        self.logger = logger
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """A client came."""
        self._held = HeldTransport(transport)
        self.app_state[CONNECTION] = self
        super().connection_made(cast("asyncio.Transport", self._held))

    def connection_lost(self, exc: Exception | None) -> None:
        """A client went; its keep-alive timer goes with it, after an error too."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        # A circle less for the collector; requests under way have copies of their own.
        self.app_state.clear()

    def hold(self) -> None:
        """Gather what is written until ``release()``."""
        self._held.hold()

    def release(self) -> None:
        """Write what was gathered."""
        self._held.release()

    def whole_body(self) -> bytes | None:
        """What is left unread of the body of the request under way, if all of it has arrived.

        uvicorn says "disconnected" of a client that sent all and left; the
        platform would have processed what it has.
        """
        cycle = self.cycle
        return None if cycle.more_body else bytes(cycle.body)
