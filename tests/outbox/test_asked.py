"""What `Outbox.enqueue` is asked for, and what the health page answers to what it is not for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox, State
from sms_traffic_async.outbox.health import LONGEST_LINE, serve_health
from tests.support.virtual_loop import VirtualClock

MESSAGE = Message(to="79161112233", text="Ваш заказ готов")
virtual = pytest.mark.asyncio(loop_factories=["virtual"])


@pytest_asyncio.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with Outbox(tmp_path / "o.db", clock=VirtualClock()) as made:
        yield made


@virtual
async def test_not_before_is_a_moment_or_seconds(outbox: Outbox) -> None:
    now = datetime.fromtimestamp(VirtualClock().wall(), UTC)
    for not_before in (now + timedelta(minutes=1), 60.0, 60):
        await outbox.enqueue(MESSAGE, not_before=not_before)
    due = await outbox.store.next_due("v2")
    assert due is not None
    assert 59 < due <= 60
    await outbox.enqueue(MESSAGE, not_before=now - timedelta(days=1))  # a moment that has passed is now
    assert await outbox.store.next_due("v2") == 0.0


@virtual
@pytest.mark.parametrize(
    "asked, field",
    [
        ({"not_before": datetime(2026, 1, 1)}, "not_before"),  # noqa: DTZ001 - a time of no place is what is refused
        ({"not_before": -1.0}, "not_before"),
        ({"not_before": float("inf")}, "not_before"),
        ({"not_before": float("nan")}, "not_before"),
        ({"priority": 1 << 40}, "priority"),
        ({"priority": True}, "priority"),
        ({"key": "a\nb"}, "key"),
        ({"key": ""}, "key"),
    ],
)
async def test_what_cannot_be_kept_is_refused_before_anything_is(
    outbox: Outbox, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidMessage) as caught:
        await outbox.enqueue(MESSAGE, **asked)
    assert caught.value.field == field
    assert sum((await outbox.counts()).values()) == 0


@virtual
async def test_purge_takes_ends_only(outbox: Outbox) -> None:
    await outbox.enqueue(MESSAGE)
    for seconds, states in ((-1.0, [State.FINAL]), (float("nan"), [State.FINAL]), (0.0, [State.PENDING])):
        with pytest.raises(ConfigurationError, match="purge takes"):
            await outbox.purge(seconds, states=states)
    assert (await outbox.counts())[State.PENDING] == 1


@pytest.mark.parametrize("where", ["mysql://localhost/sms", "redis://localhost"])
def test_no_other_database(where: str) -> None:
    with pytest.raises(ConfigurationError, match="an outbox is a path"):
        Outbox(where)


@pytest.mark.parametrize(
    "asked, said",
    [
        (b"POST /health HTTP/1.1\r\n\r\n", b"405"),
        (b"\r\n\r\n", b"405"),
        (b"GET /metrics HTTP/1.1\r\n\r\n", b"404"),
        (b"HEAD /health HTTP/1.1\r\n\r\n", b"503"),  # no worker has started
        (b"GET /health HTTP/1.1\r\nx: " + b"y" * LONGEST_LINE * 2 + b"\r\n\r\n", b""),
    ],
)
async def test_the_health_page_for_others(tmp_path: Path, asked: bytes, said: bytes) -> None:
    async with Outbox(tmp_path / "o.db") as outbox, serve_health(outbox, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked)
        try:
            answer = await reader.read()
        except ConnectionResetError:
            answer = b""
        writer.close()
        assert answer.split(b" ", 2)[1:2] == ([said] if said else [])
        if asked.startswith(b"HEAD"):
            assert answer.endswith(b"\r\n\r\n")


async def test_a_health_page_where_something_else_listens(tmp_path: Path) -> None:
    async with Outbox(tmp_path / "o.db") as outbox, serve_health(outbox, "127.0.0.1", 0) as port:
        with pytest.raises(ConfigurationError, match="cannot be served"):
            async with serve_health(outbox, "127.0.0.1", port):
                raise AssertionError
