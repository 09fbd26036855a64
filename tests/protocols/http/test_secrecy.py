"""No log record, repr or traceback shows the key, a number or a text, however far a request gets."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import httpx2
import pytest

from sms_traffic_async.policy.attempts import Attempt
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http.kit import PHONE, SECRET, TEXT, desk, request
from tests.support.exposure import shown
from tests.support.servers import FACTS, NAMES, misbehaving
from tests.support.virtual_loop import virtual

pytestmark = virtual

WORDS = (SECRET, SECRET[:12], PHONE, TEXT, TEXT.encode().hex())


def told(text: str) -> list[str]:
    return [word for word in WORDS if word in text]


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpx2", "httpcore2", "hpack", "asyncio", "sms_traffic_async"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.parametrize("name", [*NAMES, "healthy", "healthy_tls"])
async def test_no_log_of_any_library_shows_anything(name: str, every_log: pytest.LogCaptureFixture) -> None:
    size = min(FACTS[name].body_bytes, 500_000) if name in FACTS else 0
    async with misbehaving(name) as server, desk(server.base_url, ssl_context=server.ssl_context) as one:
        result = await one.exchange(request(body_bytes=size), timeout=5.0)
    assert every_log.records, "nothing was logged, so nothing was tested"
    logged = "\n".join(f"{record.getMessage()} {record.args!r}" for record in every_log.records)
    assert not told(logged)
    assert not told(repr(result))
    if isinstance(result, Attempt) and result.cause is not None:
        assert not told(shown(result.cause))


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("name", ["healthy", "fin_after_body", "garbage_status_line", "refused"])
async def test_nor_with_a_borrowed_client(library: Any, name: str, every_log: pytest.LogCaptureFixture) -> None:
    async with (
        library.AsyncClient() as client,
        misbehaving(name) as server,
        desk(server.base_url, http=HttpOptions(client=client)) as one,
    ):
        result = await one.exchange(timeout=5.0)
    assert every_log.records
    assert not told("\n".join(f"{record.getMessage()} {record.args!r}" for record in every_log.records))
    assert not told(repr(result))


@pytest.mark.parametrize("name", ["unreachable", "tls_hangs", "stops_reading", "accept_and_hang", "drip"])
async def test_a_cancellation_shows_nothing(name: str) -> None:
    """The library's frames hold headers and body; a task that was cancelled is often logged with its traceback."""
    async with misbehaving(name) as server, desk(server.base_url, ssl_context=server.ssl_context) as one:
        sent = request(body_bytes=FACTS[name].body_bytes)
        task = asyncio.create_task(one.exchange(sent, timeout=100.0))
        await asyncio.sleep(50.0 if name == "drip" else 1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert not told(shown(caught.value))


@pytest.mark.parametrize("name", ["unreachable", "accept_and_hang", "drip"])
async def test_a_users_own_deadline_shows_nothing(name: str) -> None:
    async with misbehaving(name) as server, desk(server.base_url) as one:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(2.0):
                await one.exchange(timeout=100.0)
        assert not told(shown(caught.value))


async def test_values_do_not_print_what_they_carry() -> None:
    assert not told(repr(request()))
