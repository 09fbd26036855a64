"""uvicorn's HTTP/1.1 protocol in the caller's own loop.

uvicorn's ``Server`` would take the process's signals and wake ten times a
second; neither has a place inside somebody's test. So its protocol is used, and
listening and closing are done here. Nothing is logged but faults of the sandbox
itself, and the loggers of uvicorn are left as they are.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.http_node import App
from sms_traffic_async.telemetry import get_logger

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

__all__ = ("HttpListener",)

KEEP_ALIVE = 75
"""Seconds an idle connection stays open; what the usual front servers do."""
BACKLOG = 512
GRACE = 0.25
CLOSE_TIMEOUT = 2.0


class HttpListener:
    """One listening socket with its connections and requests, for any ASGI application."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._server: asyncio.Server | None = None
        self._state: ServerState | None = None
        self.port: int = 0

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            ConfigurationError: the extra is missing, or the port is taken.
        """
        make, self._state = _protocol_factory(self._app)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(make, host, port, backlog=BACKLOG)
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Stop listening, let requests under way end, and end what does not, within a bound."""
        server, state = self._server, self._state
        if server is None or state is None:
            return
        self._server = None
        server.close()
        for connection in tuple(state.connections):
            connection.shutdown()
        # Nobody sleeps on the sandbox's clock any more: what is going to end by itself does so now.
        await _ended(state, GRACE)
        for connection in tuple(state.connections):
            connection.transport.abort()
        await _ended(state, CLOSE_TIMEOUT)
        for task in tuple(state.tasks):
            task.cancel()
        await _ended(state, CLOSE_TIMEOUT)
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await server.wait_closed()


async def _ended(state: ServerState, seconds: float) -> None:
    if state.tasks:
        await asyncio.wait(tuple(state.tasks), timeout=seconds)
    # A closed transport reports to its protocol in the next turns of the loop.
    for _ in range(3):
        await asyncio.sleep(0)


def _protocol_factory(app: App) -> tuple[Any, ServerState]:
    try:
        from uvicorn.config import Config
        from uvicorn.server import ServerState
    except ImportError as error:
        raise ConfigurationError("the sandbox needs its extra: pip install 'sms-traffic-async[sandbox]'") from error
    from sms_traffic_async.sandbox.http_uvicorn import NodeProtocol

    config: Config = Config(
        app,
        interface="asgi3",
        http=NodeProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE,
    )
    config.load()
    state = ServerState()
    logger = get_logger("sandbox")

    def make() -> NodeProtocol:
        return NodeProtocol(config, state, {}, logger)

    return make, state
