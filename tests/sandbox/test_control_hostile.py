"""The control API and the page under those who mean no good: foreign pages, huge bodies, many and slow readers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.control import PREFIX
from sms_traffic_async.sandbox.control_guard import MOST_BODY
from sms_traffic_async.sandbox.live import MOST_READERS

JSON = {"content-type": "application/json"}
FOREIGN = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": "https://127.0.0.1:1"},
    {"origin": "http://127.0.0.1:1"},
    {"origin": "http://[::1"},
    {"host": "evil.example"},
    {"host": "127.0.0.1.evil.example"},
    {"host": "evil.example:8725"},
    {"host": ""},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
]


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(smtp_port=None, smpp_ports=None, smpp_tls_ports=None) as sandbox:
        yield sandbox


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    url = sandbox.urls[0] + PREFIX
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=20) as client:
        yield client


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: " ".join(map(str, headers.values())) or "none")
async def test_another_sites_page_is_refused(
    sandbox: Sandbox, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    sandbox.inbound(sender="79161112233", recipient="1234", text="secret")
    for method, path in (("GET", "messages"), ("GET", "events"), ("GET", "../"), ("DELETE", "findings")):
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 403, (method, path)
        assert "secret" not in answer.text
        assert "access-control-allow-origin" not in answer.headers
    answer = await client.post("reset", headers={**JSON, **headers})
    assert answer.status_code == 403
    assert len(sandbox.messages) == 1


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_form_can_send_changes_nothing(sandbox: Sandbox, client: httpx.AsyncClient, media: str) -> None:
    answer = await client.post("inbound", content=b'{"from":"1","to":"2","text":"x"}', headers={"content-type": media})
    assert answer.status_code == 415
    assert not sandbox.messages


async def test_a_link_from_elsewhere_opens_the_page(sandbox: Sandbox, client: httpx.AsyncClient) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = await client.get(sandbox.page_url, headers=headers)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy


async def test_a_preflight_allows_nothing(client: httpx.AsyncClient) -> None:
    headers = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    answer = await client.request("OPTIONS", "reset", headers=headers)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("told", [True, False], ids=["content-length", "chunked"])
async def test_a_huge_body_is_not_read(sandbox: Sandbox, client: httpx.AsyncClient, told: bool) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64 * MOST_BODY:
            sent += 65_536
            yield b" " * 65_536

    headers = JSON | ({"content-length": str(64 * MOST_BODY)} if told else {})
    try:
        answer = await client.post("inbound", content=body(), headers=headers)
    except httpx.TransportError:
        pass  # it may meet a closed connection while it still writes
    else:
        assert answer.status_code == 413
    assert sent < 64 * MOST_BODY
    assert (await client.get("health")).json()["messages"] == 0


async def test_other_answers_are_json_too(client: httpx.AsyncClient) -> None:
    for method, path, status in (("GET", "nothing", 404), ("GET", "reset", 405), ("GET", "../_sandbox/", 404)):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert answer.json()["error"]


async def open_reader(sandbox: Sandbox, *, buffer: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream of events, read by hand."""
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.setblocking(False)
    host, port = sandbox.urls[0].removeprefix("http://").split(":")
    await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=connection, limit=4096 if buffer else 1 << 23)
    writer.write(b"GET /_sandbox/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")), head
    return reader, writer


def readers(sandbox: Sandbox) -> int:
    """Connections that are open at the first node."""
    state = sandbox._listeners[0]._state
    assert state is not None
    return len(state.connections)


async def test_a_hundred_readers_and_no_more(sandbox: Sandbox) -> None:
    opened = [await open_reader(sandbox) for _ in range(MOST_READERS)]
    _, too_many = await open_reader(sandbox)
    sandbox.inbound(sender="79161112233", recipient="1234", text="for everybody")
    async with asyncio.timeout(20):
        await asyncio.gather(*(reader.readuntil(b"for everybody") for reader, _ in opened))
    for _, writer in [*opened, (None, too_many)]:
        writer.close()
    async with asyncio.timeout(20):
        while readers(sandbox):
            await asyncio.sleep(0)
        reader, writer = await open_reader(sandbox)  # there is room again
        sandbox.inbound(sender="79161112233", recipient="1234", text="once more")
        await reader.readuntil(b"once more")
    writer.close()


async def test_a_reader_that_does_not_read_costs_no_memory(sandbox: Sandbox) -> None:
    slow, writer = await open_reader(sandbox, buffer=4096)
    state = sandbox._listeners[0]._state
    assert state is not None
    largest = 0
    async with asyncio.timeout(40):
        quick, quick_writer = await open_reader(sandbox)
        for number in range(15):
            for _ in range(400):
                sandbox.platform.receive(
                    sender="79161112233", recipient="1234", text=f"round {number} " + "текст " * 20
                )
            await quick.readuntil(b"\n\n")  # somebody else gets everything meanwhile
            sizes = [protocol.transport.get_write_buffer_size() for protocol in state.connections]
            largest = max(largest, *sizes)
        # Six thousand messages were written about; what waits for the slow one is a batch or two of them.
        assert largest < 3_000_000
        del slow
        writer.close()
        quick_writer.close()
        while readers(sandbox):
            await asyncio.sleep(0)
