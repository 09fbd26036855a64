"""Where the connections come from: our own, the caller's, through a proxy; and what is refused."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Any

import httpx
import httpx2
import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.node import parse_nodes
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.protocols.http import pool as pool_room
from sms_traffic_async.protocols.http.exchange import HttpAnswer
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http.ports import borrowed_sender
from sms_traffic_async.settings import HttpOptions, Settings
from sms_traffic_async.telemetry import Telemetry
from sms_traffic_async.tls import default_context
from tests.protocols.http.kit import SECRET, desk, raw_server, read_request, response
from tests.support.certificates import client_context, server_context
from tests.support.exposure import shown
from tests.support.servers import misbehaving

LIBRARIES: dict[str, Any] = {"httpx": httpx, "httpx2": httpx2}


def make_pool(*, nodes: str = "http://127.0.0.1:9", **http: Any) -> HttpPool:
    return HttpPool(Settings(nodes=parse_nodes([nodes]), http=HttpOptions(**http)), telemetry=Telemetry())


@pytest.mark.parametrize("name", LIBRARIES)
async def test_a_borrowed_client_carries_and_proves(name: str) -> None:
    async with LIBRARIES[name].AsyncClient(headers={"X-App": "mine", "User-Agent": "app/1"}) as client:
        seen: dict[str, str] = {}

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                _, headers, _ = await read_request(reader)
                seen.update(headers)
                writer.write(response(b'{"ok":1}', headers="Set-Cookie: a=b\r\n"))

        async with raw_server(serve) as url, desk(url, http=HttpOptions(client=client)) as one:
            answer = await one.exchange()
            assert isinstance(answer, HttpAnswer)
            assert answer.body == b'{"ok":1}'
            assert (await one.pool.open()).proves(url)
        assert not client.is_closed, "a borrowed client is not ours to close"
        assert (seen["x-app"], seen["accept-encoding"], seen["user-agent"]) == ("mine", "identity", "app/1")
        assert seen["authorization"].endswith(SECRET)
        async with misbehaving("refused") as server, desk(server.base_url, http=HttpOptions(client=client)) as one:
            result = await one.exchange()
            assert isinstance(result, Attempt)
            assert result.verdict is Verdict.UNSENT


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("kind", ["subclass of the client", "subclass of the transport", "mock", "mount", "no pool"])
async def test_what_is_not_known_proves_nothing(name: str, kind: str) -> None:
    library = LIBRARIES[name]
    url = "http://127.0.0.1:9"

    own_client: Any = type("OwnClient", (library.AsyncClient,), {})
    own_transport: Any = type("OwnTransport", (library.AsyncHTTPTransport,), {})

    mock = library.MockTransport(lambda request: library.Response(200))
    client = {
        "subclass of the client": own_client,
        "subclass of the transport": lambda: library.AsyncClient(transport=own_transport()),
        "mock": lambda: library.AsyncClient(transport=mock),
        "mount": lambda: library.AsyncClient(mounts={"http://127.0.0.1": mock}),
        "no pool": library.AsyncClient,
    }[kind]()
    async with client:
        if kind == "no pool":
            del client._transport._pool
            assert not borrowed_sender(client).proves(url)
            client._transport = mock
            return
        sender = borrowed_sender(client)
        assert not sender.proves(url)
        assert not sender.proves(url), "asked twice"


async def test_a_borrowed_clients_own_habits_do_not_apply() -> None:
    """Redirects and credentials of the client would lead the message, or somebody's password, elsewhere."""
    async with (
        misbehaving("redirect_307") as server,
        httpx.AsyncClient(follow_redirects=True, auth=("user", "p4ss"), timeout=0.001) as client,
        desk(server.base_url, http=HttpOptions(client=client)) as one,
    ):
        answer = await one.exchange()
    assert isinstance(answer, HttpAnswer)
    assert answer.status == 307
    assert not server.elsewhere
    assert server.requests[0].headers["authorization"].endswith(SECRET)


async def test_a_mock_transport_still_carries() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"path": request.url.path})

    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client,
        desk("https://api.smstraffic.ru", http=HttpOptions(client=client)) as one,
    ):
        answer = await one.exchange()
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b'{"path":"/v2/send"}'


async def test_a_hook_that_reads_the_body_is_harmless() -> None:
    async def hook(answer: httpx.Response) -> None:
        await answer.aread()

    async with (
        httpx.AsyncClient(event_hooks={"response": [hook]}) as client,
        misbehaving("healthy") as server,
        desk(server.base_url, http=HttpOptions(client=client)) as one,
    ):
        for _ in range(2):
            answer = await one.exchange()
            assert isinstance(answer, HttpAnswer)
            assert answer.body == server.answer


class OddClient:
    """Looks like one and is none."""

    is_closed = False


@pytest.mark.parametrize("client", [object(), httpx, OddClient(), "client", httpx.AsyncClient])
def test_an_unknown_client_is_refused(client: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"httpx\.AsyncClient or an httpx2\.AsyncClient"):
        make_pool(client=client)


def test_a_synchronous_client_is_refused() -> None:
    with httpx.Client() as client, pytest.raises(ConfigurationError, match="Client"):
        make_pool(client=client)


async def test_a_closed_client_is_refused() -> None:
    client = httpx.AsyncClient()
    await client.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        make_pool(client=client)


async def test_nothing_is_opened_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    make = default_context

    def made() -> ssl.SSLContext:
        threads.append(threading.get_ident())
        return make()

    monkeypatch.setattr(pool_room, "default_context", made)
    pool = make_pool(nodes="https://api.smstraffic.ru")
    assert pool.ready() is None
    assert not threads
    senders = await asyncio.gather(*(pool.open() for _ in range(5)), *(pool.open(report=True) for _ in range(5)))
    assert len(set(map(id, senders))) == 2, "one way for requests, one for reports"
    assert len(threads) == 1, "the context is built once and shared"
    assert threads[0] != threading.get_ident(), "not on the loop"
    assert pool.ready() is senders[0]
    assert pool.ready(report=True) is senders[5]
    await pool.aclose()
    await pool.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        await pool.open()


async def test_the_default_context_verifies() -> None:
    context = default_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_where_no_node_speaks_tls_nothing_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_room, "default_context", lambda: pytest.fail("not needed"))
    pool = make_pool()
    sender: Any = await pool.open()
    context = sender._transport._pool._ssl_context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.cert_store_stats()["x509_ca"]
    await pool.aclose()


async def test_a_system_without_authorities_gets_those_of_certifi(monkeypatch: pytest.MonkeyPatch) -> None:
    class Paths:
        cafile = capath = None

    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: Paths)
    monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert default_context().cert_store_stats()["x509_ca"] > 50


@pytest.mark.parametrize("version", [ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_context_that_allows_old_tls_is_refused(version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    context.minimum_version = version
    if version is ssl.TLSVersion.MINIMUM_SUPPORTED:
        with pytest.raises(ConfigurationError, match="minimum_version"):
            make_pool(ssl_context=context)
    else:
        make_pool(ssl_context=context)


def test_a_context_that_does_not_verify_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    make_pool(ssl_context=context)
    assert "does not verify" in caplog.text


async def test_requests_and_reports_use_connections_of_their_own() -> None:
    async with misbehaving("healthy") as server, desk(server.base_url) as one:
        await one.exchange()
        async with one.stream() as answer:
            assert not isinstance(answer, Attempt)
        await one.exchange()
        assert server.connections == 2


async def test_an_idle_connection_that_was_closed_is_replaced() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response(b"{}"))

    async with raw_server(serve) as url, desk(url) as one:
        for _ in range(3):
            assert isinstance(await one.exchange(), HttpAnswer)
            await asyncio.sleep(0.05)


class Tunnel:
    """An HTTP proxy: CONNECT for https, plain forwarding is answered by itself."""

    def __init__(self, *, allow: bool = True) -> None:
        self.allow = allow
        self.lines: list[str] = []
        self.headers: list[dict[str, str]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, headers, _ = await read_request(reader)
        self.lines.append(line)
        self.headers.append(headers)
        if not line.startswith("CONNECT"):
            writer.write(response(b'{"via":"proxy"}'))
            return
        if not self.allow:
            writer.write(response(b"no", status="407 Proxy Authentication Required"))
            return
        host, _, port = line.split(" ")[1].rpartition(":")
        up_reader, up_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pump(reader, up_writer), _pump(up_reader, writer))
        finally:
            up_writer.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
        await sink.drain()
    sink.close()


@pytest.mark.parametrize("end", ["healthy_tls", "tls_untrusted"])
async def test_through_a_proxy(end: str) -> None:
    proxy = Tunnel()
    async with misbehaving("healthy_tls" if end == "healthy_tls" else end) as server, raw_server(proxy) as through:
        address = through.replace("http://", "http://user:p4ss@")
        http = HttpOptions(proxy=address, ssl_context=server.ssl_context)
        async with desk(server.base_url, http=http) as one:
            result = await one.exchange()
    assert proxy.lines[0].startswith("CONNECT ")
    assert "authorization" not in proxy.headers[0], "the API key goes to the platform only"
    assert "proxy-authorization" in proxy.headers[0]
    if end == "healthy_tls":
        assert isinstance(result, HttpAnswer)
        assert server.requests[0].headers["authorization"].endswith(SECRET)
    else:
        assert isinstance(result, Attempt)
        assert result.verdict is Verdict.UNSENT, "CONNECT is not our request"


async def test_through_a_proxy_that_speaks_tls_itself() -> None:
    proxy = Tunnel()
    async with misbehaving("healthy") as server, raw_server(proxy, ssl_context=server_context()) as through:
        http = HttpOptions(proxy=through, ssl_context=client_context())
        async with desk(server.base_url, http=http) as one:
            answer = await one.exchange()
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b'{"via":"proxy"}'


async def test_a_proxy_that_refuses_the_tunnel_sent_nothing() -> None:
    proxy = Tunnel(allow=False)
    async with (
        raw_server(proxy) as through,
        desk("https://api.smstraffic.ru", http=HttpOptions(proxy=through, ssl_context=client_context())) as one,
    ):
        result = await one.exchange()
    assert isinstance(result, Attempt)
    assert (result.verdict, result.status) == (Verdict.UNSENT, None)


@pytest.mark.parametrize("proxy", ["ftp://user:p4ss@host", "://", "nonsense p4ss"])
async def test_a_bad_proxy_is_refused_without_showing_it(proxy: str) -> None:
    pool = make_pool(proxy=proxy)
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        await pool.open()
    assert "p4ss" not in shown(caught.value)


async def test_the_environment_is_asked_only_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Tunnel()
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with misbehaving("healthy") as server, raw_server(proxy) as through:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, through)
        async with desk(server.base_url) as one:
            await one.exchange()
        assert not proxy.lines
        async with desk(server.base_url, http=HttpOptions(trust_env=True, ssl_context=client_context())) as one:
            answer = await one.exchange()
        assert isinstance(answer, HttpAnswer)
        assert answer.body == b'{"via":"proxy"}'
    assert proxy.lines[0].startswith(f"POST {server.base_url}/v2/send ")
    assert proxy.headers[0]["user-agent"].startswith("sms-traffic-async/")


async def test_tls_is_spoken_with_the_callers_context() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(response(b'{"tls":true}'))

    async with raw_server(serve, ssl_context=server_context()) as url, desk(url, ssl_context=client_context()) as one:
        answer = await one.exchange()
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b'{"tls":true}'
