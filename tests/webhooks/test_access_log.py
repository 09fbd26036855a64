"""Access logs of real servers, with the filter on: no secret, no number, no text."""

from __future__ import annotations

import asyncio
import logging
import socket

import httpx
import pytest
from aiohttp import web

from sms_traffic_async.webhooks import AccessLogFilter, WebhookApp
from sms_traffic_async.webhooks.aiohttp import register
from tests.support.virtual_loop import virtual
from tests.webhooks.kit import LOCAL, SECRET, Application, uvicorn_serving

pytestmark = virtual
PERSONAL = (SECRET, "79161112233", "private", "%EF%F0")
QUERY = "message=private%20%EF%F0&phone=79161112233&sms_id=1"


async def call(url: str) -> None:
    async with httpx.AsyncClient() as client:
        for path in (f"/inbound/{SECRET}?{QUERY}", f"/inbound?secret={SECRET}&{QUERY}", "/elsewhere"):
            await client.get(url + path)


def shown(caplog: pytest.LogCaptureFixture, name: str) -> str:
    return "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records if record.name == name)


async def test_uvicorn(application: Application, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("uvicorn.access")
    caplog.set_level(logging.INFO, log.name)
    cleaner = AccessLogFilter([SECRET])
    log.addFilter(cleaner)
    try:
        async with uvicorn_serving(WebhookApp(secret=SECRET, **application.handlers)) as url:
            await call(url)
    finally:
        log.removeFilter(cleaner)
    assert "GET /inbound/…?… HTTP/1.1" in shown(caplog, log.name)
    assert "GET /elsewhere HTTP/1.1" in shown(caplog, log.name)
    assert not [word for word in PERSONAL if word in shown(caplog, log.name)]
    assert len(application.messages) == 1


async def test_aiohttp(application: Application, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("aiohttp.access")
    caplog.set_level(logging.INFO, log.name)
    cleaner = AccessLogFilter([SECRET])
    log.addFilter(cleaner)
    app = web.Application()
    register(app, "/", WebhookApp(secret=SECRET, **application.handlers))
    runner = web.AppRunner(app, access_log=log)
    await runner.setup()
    listener = socket.create_server((LOCAL, 0))
    await web.SockSite(runner, listener).start()
    try:
        await call(f"http://{LOCAL}:{listener.getsockname()[1]}")
        while len([record for record in caplog.records if record.name == log.name]) < 3:
            await asyncio.sleep(0)  # it writes after the answer
    finally:
        await runner.cleanup()
        log.removeFilter(cleaner)
    assert "GET /inbound/…?…" in shown(caplog, log.name)
    assert "GET /elsewhere" in shown(caplog, log.name)
    assert not [word for word in PERSONAL if word in shown(caplog, log.name)]


async def test_what_is_no_text_is_left_alone() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%s %d", ("a?b=c", 200), None)
    assert AccessLogFilter([]).filter(record)
    assert record.getMessage() == "a?… 200"
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%(a)s", ({"a": 1},), None)
    assert AccessLogFilter([]).filter(record)
    assert record.getMessage() == "1"
