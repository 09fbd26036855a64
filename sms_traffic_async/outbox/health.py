"""A page for whoever watches a worker: ``GET /health`` says how it is, as JSON. Nothing of any message is in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final

import orjson

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.storage.sqlite import StorageError

__all__ = ("serve_health",)

PATIENCE: Final = 5.0
LONGEST_LINE: Final = 4_096
MOST_HEADERS: Final = 100
AT_ONCE: Final = 16


@contextlib.asynccontextmanager
async def serve_health(outbox: Outbox, host: str, port: int) -> AsyncGenerator[int]:
    """Serve ``/health`` while the block lasts; gives the port.

    200 while the store answers and nothing is paused, also while another process holds the places to bind at
    (``standby``); else 503.

    Raises:
        ConfigurationError: the port cannot be had.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if places.locked():
            writer.transport.abort()
            return
        try:
            async with places, asyncio.timeout(PATIENCE):
                writer.write(await _reply(outbox, reader))
                await writer.drain()
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=LONGEST_LINE)
    except OSError as error:
        raise ConfigurationError(f"the health page cannot be served on {host}:{port}: {error.strerror}") from error
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _reply(outbox: Outbox, reader: asyncio.StreamReader) -> bytes:
    line = (await reader.readline()).split()
    for _ in range(MOST_HEADERS):
        if (await reader.readline()).strip() == b"":
            break
    if len(line) < 2 or line[0] not in {b"GET", b"HEAD"}:  # noqa: PLR2004 - method and path
        return _page(405, {"error": "GET /health"}, head=False)
    if line[1] != b"/health":
        return _page(404, {"error": "GET /health"}, head=line[0] == b"HEAD")
    status, facts = await _facts(outbox)
    return _page(status, facts, head=line[0] == b"HEAD")


async def _facts(outbox: Outbox) -> tuple[int, dict[str, Any]]:
    try:
        stats = await outbox.stats()
    except StorageError as error:
        return 503, {"status": "store", "error": type(error).__name__}
    if stats.workers is None:
        status = "starting"
    elif stats.paused:
        status = "paused"
    else:
        status = "running" if stats.workers else "standby"
    facts = {
        "status": status,
        "under_way": stats.under_way,
        "paused": round(stats.paused, 1),
        "messages": {state.value: count for state, count in stats.messages.items()},
    }
    return 200 if status in {"running", "standby"} else 503, facts


def _page(status: int, facts: dict[str, Any], *, head: bool) -> bytes:
    body = orjson.dumps(facts)
    reason = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}[status]
    lines = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{lines}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + (b"" if head else body)
