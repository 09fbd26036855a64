"""`Sandbox`: opening, closing, waiting, proxies, loops; nothing is left behind."""

import asyncio
import logging
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import DEFAULT_API_KEY, DEFAULT_LOGIN, DEFAULT_PASSWORD, Pace, Sandbox
from sms_traffic_async.settings import SoapOptions
from tests.sandbox.foreign import TLS, Foreign
from tests.support.virtual_loop import virtual


@pytest_asyncio.fixture
async def _tidy(no_tasks_left: None) -> AsyncIterator[None]:
    yield


@pytest.mark.usefixtures("_tidy")
async def test_it_works_out_of_the_box() -> None:
    async with Sandbox(pace=Pace(send=0.0, buffer=0.0, final=0.0)) as sandbox:
        options = sandbox.client_options()
        smpp = options.pop("smpp")
        assert (smpp.servers, smpp.ssl_context is None) == (sandbox.smpp.servers(), False)
        assert options == {
            "nodes": sandbox.urls,
            "api_key": DEFAULT_API_KEY,
            "login": DEFAULT_LOGIN,
            "password": DEFAULT_PASSWORD,
            "soap": SoapOptions(url=sandbox.soap_urls[0], second_url=sandbox.soap_urls[1]),
        }
        assert all(url.startswith("http://127.0.0.1:") for url in sandbox.urls)
        assert len(set(sandbox.urls)) == 2
        async with Foreign(sandbox) as client:
            await client.sent(node=2)
        assert (len(sandbox.messages), len(sandbox.accepted)) == (1, 1)


async def test_it_is_entered_once() -> None:
    sandbox = Sandbox()
    with pytest.raises(ConfigurationError):
        _ = sandbox.urls
    async with sandbox:
        with pytest.raises(ConfigurationError):
            await sandbox.__aenter__()
    await sandbox.aclose()
    with pytest.raises(ConfigurationError):
        await sandbox.__aenter__()
    with pytest.raises(ConfigurationError):
        _ = sandbox.urls


async def test_a_taken_port_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
            async with Sandbox(ports=(0, port)):
                pass


def test_bad_options() -> None:
    with pytest.raises(ConfigurationError):
        Sandbox(ports=(1, 2, 3))
    with pytest.raises(ConfigurationError):
        Sandbox(profile="sunny")


async def test_a_missing_extra_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "uvicorn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setitem(sys.modules, "uvicorn.config", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'sms-traffic-async\[sandbox\]'"):
        async with Sandbox():
            pass


@pytest.mark.usefixtures("_tidy")
async def test_closing_ends_idle_waiting_and_half_sent_requests() -> None:
    sandbox = Sandbox(real_time=False, pace=Pace(report=1000))
    async with sandbox, Foreign(sandbox) as client:
        report = await client.report()
        waiting = asyncio.create_task(client.call("GET", f"/v2/report/{report}"))
        url = httpx.URL(sandbox.urls[0])
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"POST /v2/send HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf")
        while not any(job.waiters for job in sandbox.platform.reports):
            await asyncio.sleep(0)
        started = time.monotonic()
        await sandbox.aclose()
        assert time.monotonic() - started < 5
        with pytest.raises(httpx.TransportError):
            await waiting
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.usefixtures("_tidy")
async def test_a_client_that_does_not_read_cannot_hold_the_end_up() -> None:
    async with Sandbox(real_time=False) as sandbox:
        report = sandbox.platform.reports.synthetic(1_000_000)
        url = httpx.URL(sandbox.urls[0])
        _, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
        writer.write(
            f"GET /v2/report/{report} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sandbox.api_key}\r\n\r\n".encode()
        )
        await asyncio.sleep(0.05)  # real sockets have to fill up
        started = time.monotonic()
        await sandbox.aclose()
        assert time.monotonic() - started < 5
        writer.transport.abort()


async def test_nothing_is_logged_and_foreign_loggers_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi")]
    before = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    async with Sandbox() as sandbox, Foreign(sandbox) as client:
        await client.sent(text="secret code 1234")
        await client.call("GET", "/nowhere")
    assert [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers] == before
    ours = [record for record in caplog.records if record.name.startswith(("uvicorn", "sms_traffic_async"))]
    assert not ours
    assert "1234" not in caplog.text


async def test_what_is_not_the_platforms_has_the_real_time() -> None:
    async with Sandbox(start=datetime(2030, 1, 1, tzinfo=UTC)) as sandbox, httpx.AsyncClient(verify=TLS) as client:
        for path, status in (("/", 200), ("/_sandbox/connect", 200), ("/_sandbox/nowhere", 404), ("/nowhere", 404)):
            answer = await client.get(sandbox.urls[0] + path)
            assert answer.status_code == status
            assert len(answer.headers.get_list("date")) == 1
            assert abs(parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()) < 60
        told = (await client.get(f"{sandbox.urls[0]}/_sandbox/connect")).json()["environment"]
        assert told["SMS_TRAFFIC_SMPP_SERVERS"] == ",".join(sandbox.smpp.servers(tls=False))
        answer = await client.get(f"{sandbox.urls[0]}/v2/account")
        assert parsedate_to_datetime(answer.headers["date"]).year == 2030  # as the platform's dates in Retry-After


async def test_messages_can_be_waited_for() -> None:
    async with Sandbox() as sandbox, Foreign(sandbox) as client:
        task = asyncio.create_task(sandbox.wait_for("to:79161112233 text:code"))
        await client.sent(79161112244, "code 1")
        await client.sent(79161112233, "hello")
        assert not task.done()
        message_id = await client.sent(79161112233, "code 2")
        assert (await task).id == message_id
        assert (await sandbox.wait_for("text:hello", timeout=0)).text == "hello"
        with pytest.raises(TimeoutError, match="3 others"):
            await sandbox.wait_for("text:nothing", timeout=0.01)
        assert not sandbox.platform.arrivals


async def test_reset_keeps_accounts_and_switches(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.switches = replace(sandbox.switches, antispam=False)
    sandbox.faults.profile("throttled")
    await client.report()
    sandbox.faults.clear()
    await client.sent(restrictiveId="a", zzz=1)
    sandbox.accounts.get().blocked.add("79161112299")
    sandbox.reset()
    assert not sandbox.messages
    assert not sandbox.findings
    assert (len(sandbox.accepted), len(sandbox.faults), len(sandbox.platform.reports)) == (0, 0, 0)
    assert sandbox.switches.antispam is False
    assert sandbox.accounts.get().blocked == {"79161112299"}
    await client.sent(restrictiveId="a")
    await sandbox.advance(timedelta(seconds=5))
    assert sandbox.messages[0].status == "Delivered"


async def test_a_profile_from_the_start_comes_back_with_reset() -> None:
    sandbox = Sandbox(profile="throttled", seed=4)
    assert len(sandbox.faults) == 1
    sandbox.faults.clear()
    sandbox.reset()
    assert [rule.name for rule in sandbox.faults] == ["throttle"]


async def test_real_time_moves_it_by_default() -> None:
    async with Sandbox(pace=Pace(send=0.001, buffer=0.001, final=0.001)) as sandbox, Foreign(sandbox) as client:
        message_id = await client.sent()
        while await client.status(message_id) != "Delivered":
            await asyncio.sleep(0)


@pytest.mark.usefixtures("_tidy")
async def test_proxies_stand_in_front() -> None:
    async with Sandbox(proxied=True) as sandbox, Foreign(sandbox) as client:
        assert len(sandbox.proxies) == 2
        assert [f"http://127.0.0.1:{proxy.port}" for proxy in sandbox.proxies] == list(sandbox.urls)
        await client.sent()
        await client.sent(node=2)
        assert {entry.node for entry in sandbox.accepted} == {1, 2}


@virtual
@pytest.mark.usefixtures("_tidy")
async def test_it_lives_on_a_virtual_loop() -> None:
    """Twelve long polls of five minutes, and life at its own pace, cost no time."""
    started = time.monotonic()
    async with Sandbox(pace=Pace(report=3500, final=1800)) as sandbox, Foreign(sandbox) as client:
        for node in client.nodes:
            node.timeout = httpx.Timeout(None)
        message_id = await client.sent()
        report = await client.report()
        codes = [(await client.call("GET", f"/v2/report/{report}")).status_code for _ in range(12)]
        assert codes == [204] * 11 + [200]
        assert await client.status(message_id) == "Delivered"
    assert time.monotonic() - started < 20


def test_it_lives_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        async with Sandbox(real_time=False) as sandbox, Foreign(sandbox) as client:
            message_id = await client.sent()
            await sandbox.advance("1m")
            assert await client.status(message_id) == "Delivered"
            sandbox.faults.profile("dead-node")
            with pytest.raises(httpx.TransportError):
                await client.sent()
        assert len(asyncio.all_tasks()) == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def test_many_at_once(sandbox: Sandbox) -> None:
    """Three hundred requests over eight connections: each accepted once, ids different."""
    async with Foreign(sandbox) as client:

        async def some(first: int) -> list[str]:
            return [await client.sent(79160000000 + number) for number in range(first, 300, 8)]

        ids = [one for ids in await asyncio.gather(*map(some, range(8))) for one in ids]
    assert len(set(ids)) == 300
    assert {entry.message_id for entry in sandbox.accepted} == set(ids)
