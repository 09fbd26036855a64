"""Real servers on port 0, and an application that writes down what it is handed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import uvicorn
from aiohttp import web

from sms_traffic_async import InboundMessage, StatusUpdate
from sms_traffic_async.webhooks import BadItem, NotTaken

SECRET = "kN0t-a-secret_of-anybody"
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
LOCAL = "127.0.0.1"


def statuses(*pairs: tuple[str, str]) -> bytes:
    """A JSON push of (id, status)."""
    return json.dumps([{"sms_id": one, "status": status} for one, status in pairs]).encode()


class Application:
    """The handlers of a user's application.

    Attributes:
        updates: statuses, in the order they were taken.
        calls: how many statuses each call had, those that failed too.
        failing: ids and texts over which a handler raises.
        broken: raise over everything.
        full: say "not now".
        gate: handlers wait for it.
    """

    def __init__(self) -> None:
        self.updates: list[StatusUpdate] = []
        self.messages: list[InboundMessage] = []
        self.bad: list[BadItem] = []
        self.calls: list[int] = []
        self.failing: set[str] = set()
        self.broken = False
        self.full = False
        self.reply: Any = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def statuses(self, updates: Sequence[StatusUpdate]) -> None:
        self.calls.append(len(updates))
        await self.gate.wait()
        if self.full:
            raise NotTaken
        if self.broken or any(update.message_id in self.failing for update in updates):
            raise RuntimeError("the database is away")
        self.updates += updates

    async def inbound(self, message: InboundMessage) -> None:
        self.calls.append(1)
        await self.gate.wait()
        if self.full:
            raise NotTaken
        if self.broken or message.text in self.failing:
            raise RuntimeError("the database is away")
        self.messages.append(message)

    async def short_number(self, message: InboundMessage) -> Any:
        await self.inbound(message)
        return self.reply if self.reply is not None else f"Ответ {len(self.messages)}"

    async def quarantine(self, bad: Sequence[BadItem]) -> None:
        self.bad += bad

    @property
    def handlers(self) -> dict[str, Any]:
        return {
            "statuses": self.statuses,
            "inbound": self.inbound,
            "short_number": self.short_number,
            "quarantine": self.quarantine,
        }

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [(update.message_id, str(update.status)) for update in self.updates]


@contextlib.asynccontextmanager
async def uvicorn_serving(app: Any, **config: Any) -> AsyncIterator[str]:
    """An ASGI application under uvicorn; gives its base URL."""
    listener = socket.create_server((LOCAL, 0))
    options = {"log_config": None, "proxy_headers": False, "timeout_keep_alive": 1, **config}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    # serve() would take the process's signals.
    task = asyncio.create_task(server._serve([listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0)
    try:
        yield f"http://{LOCAL}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


@contextlib.asynccontextmanager
async def aiohttp_serving(app: web.Application) -> AsyncIterator[str]:
    """An aiohttp application; gives its base URL."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listener = socket.create_server((LOCAL, 0))
    try:
        await web.SockSite(runner, listener).start()
        yield f"http://{LOCAL}:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


async def raw_call(url: str, octets: bytes) -> bytes:
    """Send octets, give all that comes until the server closes."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(octets)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer
