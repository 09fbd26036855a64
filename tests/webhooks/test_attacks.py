"""The attack table: what an enemy or a broken peer sends, what is answered, and what it costs. Over real TCP.

=========================  =====================================================================
attack                     design
=========================  =====================================================================
forged push                no secret, no entry: 404 before the body is read
wrong secret               404; compared in constant time; never logged
spoofed X-Forwarded-For    believed from named proxies only, read from the right
replay                     200, and nothing is handed over
oversized                  413, told or not told beforehand; nothing past the cap is kept
slow                       408 after ``body_timeout``
compressed                 415: nothing is inflated
deep, wrong type, garbage  200 and set aside; the rest of the push goes its way
too many items             the first ``max_items``, the others set aside
status of an unknown id    200; bounded memory; a session's tracker holds it
going backwards            200, and nothing is handed over
too many at once           503
=========================  =====================================================================
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import zlib

import httpx
import pytest

from sms_traffic_async.webhooks import WebhookApp, WebhookOptions
from tests.support.virtual_loop import virtual
from tests.webhooks.kit import FORM, JSON, LOCAL, SECRET, Application, raw_call, statuses, uvicorn_serving
from tests.webhooks.test_servers import SERVERS

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]
servers = pytest.mark.parametrize("server", ["uvicorn", "fastapi router", "aiohttp"])
GOOD = statuses(("1", "Delivered"))


def head(url: str, kind: str = "statuses", secret: str = SECRET) -> bytes:
    path = httpx.URL(url).path.rstrip("/") + f"/{kind}/{secret}"
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n".encode()


def base(url: str) -> str:
    parts = httpx.URL(url)
    return f"http://{parts.host}:{parts.port}"


@servers
@pytest.mark.parametrize(
    "path",
    [
        "", "/statuses", "/statuses/", f"/statuses/{SECRET[:-1]}", f"/statuses/{SECRET}x",
        f"/statuses/{SECRET.upper()}", f"/{SECRET}/statuses", "/statuses?secret=", f"/statuses?Secret={SECRET}",
        f"/statuses/x?token={SECRET}",
        "/statuses/%00", "/statuses/%ff%fe", "/statuses/" + "x" * 5_000,
    ],
    ids=range(13),
)  # fmt: skip
async def test_forged_without_the_secret(server: str, path: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        answer = await client.post(url + path, content=GOOD, headers=JSON)
        assert answer.status_code in ({404, 307} if path in {"", "/statuses/"} else {404})
    assert application.seen == []
    assert application.bad == []


@servers
async def test_a_strangers_body_is_not_read(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url:
        # It announces a body and never sends it: the answer comes all the same.
        octets = head(url, secret="wrong" * 5) + b"Content-Length: 100000\r\n\r\n"
        answer = await raw_call(base(url), octets)
        assert answer.startswith(b"HTTP/1.1 404")


@servers
@pytest.mark.parametrize(
    "forwarded, status",
    [
        ([], 404),
        (["192.0.2.7"], 200),
        (["192.0.2.7, 203.0.113.9"], 404),
        (["192.0.2.7", "203.0.113.9"], 404),
        (["203.0.113.9", "192.0.2.7"], 200),
        (["192.0.2.7, 127.0.0.1"], 200),
        (["192.0.2.7 203.0.113.9"], 404),
        (["localhost"], 404),
    ],
)
async def test_spoofed_forwarding_behind_a_named_proxy(
    server: str, forwarded: list[str], status: int, application: Application
) -> None:
    options = WebhookOptions(networks=("192.0.2.0/24",), proxies=(LOCAL,))
    receiver = WebhookApp(secret=SECRET, options=options, **application.handlers)
    async with SERVERS[server](receiver) as url:
        lines = b"".join(b"X-Forwarded-For: %s\r\n" % value.encode() for value in forwarded)
        answer = await raw_call(base(url), head(url) + lines + b"Content-Length: %d\r\n\r\n" % len(GOOD) + GOOD)
        assert answer.startswith(f"HTTP/1.1 {status}".encode())
    assert len(application.updates) == (status == 200)


@servers
async def test_spoofed_forwarding_without_a_proxy(server: str, application: Application) -> None:
    options = WebhookOptions(networks=("192.0.2.0/24",))
    receiver = WebhookApp(secret=SECRET, options=options, **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        for name in ("x-forwarded-for", "forwarded", "x-real-ip", "client-ip"):
            answer = await client.post(f"{url}/{SECRET}", content=GOOD, headers={**JSON, name: "192.0.2.7"})
            assert answer.status_code == 404
    assert application.seen == []


@servers
async def test_replayed_and_backwards(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        pushes = [GOOD] * 3 + [statuses(("1", word)) for word in ("", "Buffered SMSC", "Expired", "Non Delivered")]
        for body in pushes:
            assert (await client.post(f"{url}/{SECRET}", content=body, headers=JSON)).status_code == 200
    assert application.seen == [("1", "Delivered")]
    counted = receiver.stats.snapshot()
    assert counted["webhooks.statuses_duplicate"] == 2
    assert counted["webhooks.statuses_stale"] == 2
    assert counted["webhooks.statuses_conflict"] == 2


@servers
async def test_oversized_and_said_so(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url:
        for length in (b"262145", b"99999999999999999999", b"9" * 400):
            answer = await raw_call(base(url), head(url) + b"Content-Length: %s\r\n\r\n" % length)
            assert answer.split(b" ")[1] in {b"413", b"400"}, length  # what is no length the server refuses itself
    assert receiver.stats.snapshot()["webhooks.refused_size"] >= 1
    assert application.bad == []


@servers
async def test_oversized_and_not_said(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, options=WebhookOptions(max_body_bytes=10_000), **application.handlers)
    async with SERVERS[server](receiver) as url:
        chunk = b"3e8\r\n" + b"[" * 1_000 + b"\r\n"
        answer = await raw_call(base(url), head(url) + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2_000)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 413")  # a reset may overtake the answer
    assert receiver.stats.snapshot() == {"webhooks.refused_size": 1}


@servers
async def test_a_body_at_the_cap_is_taken(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, options=WebhookOptions(max_body_bytes=10_000), **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        for size, status in ((10_000, 200), (10_001, 413)):
            answer = await client.post(f"{url}/{SECRET}", content=GOOD.ljust(size), headers=JSON)
            assert answer.status_code == status


@servers
async def test_slow(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, options=WebhookOptions(body_timeout=5), **application.handlers)
    async with SERVERS[server](receiver) as url:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        answer = await raw_call(base(url), head(url) + b"Content-Length: 100\r\n\r\n[")
        assert answer.startswith(b"HTTP/1.1 408")
        assert 5 <= loop.time() - begun < 60
    assert application.seen == []


@servers
async def test_compressed(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    bombs = {"deflate": zlib.compress(b"[" * 20_000_000), "gzip": gzip.compress(b"[" * 20_000_000)}
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        for encoding, bomb in bombs.items():
            headers = {**JSON, "content-encoding": encoding}
            answer = await client.post(f"{url}/{SECRET}", content=bomb, headers=headers)
            assert answer.status_code == 415
    assert application.seen == []


@servers
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 40_000,
        b'[{"sms_id":"1","status":' + b"[" * 900 + b"]" * 900 + b"}]",
        b'[{"sms_id":{"$ne":null},"status":"Delivered"}]',
        b'{"sms_id":1e999,"status":"Delivered"}',
        b'"' + b"x" * 200_000 + b'"',
        b"\xff" * 1_000,
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"&" * 200_000,
    ],
    ids=range(9),
)
async def test_deep_wrong_and_garbage(server: str, body: bytes, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/{SECRET}", content=body, headers=FORM)
        assert (answer.status_code, answer.content) == (200, b"")
        answer = await client.post(f"{url}/{SECRET}", content=GOOD, headers=JSON)
        assert answer.status_code == 200
    assert application.seen == [("1", "Delivered")]
    assert len(application.bad) == 1


@servers
async def test_too_many_items(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, options=WebhookOptions(max_items=50), **application.handlers)
    body = statuses(*((str(number), "Read") for number in range(60)))
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        assert (await client.post(f"{url}/{SECRET}", content=body, headers=JSON)).status_code == 200
    assert len(application.updates) == 50
    assert len(application.bad[0].raw) == 10


@servers
async def test_statuses_of_messages_nobody_sent(server: str, application: Application) -> None:
    receiver = WebhookApp(secret=SECRET, options=WebhookOptions(remembered=100), **application.handlers)
    async with SERVERS[server](receiver) as url, httpx.AsyncClient() as client:
        for call in range(10):
            body = statuses(*((f"forged-{call}-{number}", "Delivered") for number in range(100)))
            assert (await client.post(f"{url}/{SECRET}", content=body, headers=JSON)).status_code == 200
    desk = receiver._statuses
    assert desk is not None
    assert desk._statuses is not None
    assert len(desk._statuses) <= 200


async def test_the_secret_is_in_no_log_of_ours(application: Application, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    receiver = WebhookApp(secret=SECRET, **application.handlers)
    async with uvicorn_serving(receiver, access_log=False) as url, httpx.AsyncClient() as client:
        for guess in (SECRET, "wrong-guess-of-a-stranger"):
            await client.post(f"{url}/{guess}", content=GOOD + b"x", headers=JSON)
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("sms_traffic_async"))
    assert "wrong secret" in ours
    assert SECRET not in ours
    assert "wrong-guess" not in ours
