"""The stage table of docs/reliability.md, measured against the servers that other tests rely on."""

from __future__ import annotations

import asyncio
import functools
import ssl
import warnings
from typing import Any

import httpx
import pytest

from tests.support.certificates import client_context
from tests.support.servers import BOMB_BYTES, CONTROLS, FACTS, NAMES, BadServer, misbehaving
from tests.support.virtual_loop import virtual

DEADLINE = 20.0
CAP_BYTES = 16_000_000


class Call:
    """One POST through httpx: what came of it, and which trace events it left."""

    def __init__(self) -> None:
        self.response: httpx.Response | None = None
        self.body = bytearray()
        self.error: Exception | None = None
        self.events: list[str] = []

    async def _trace(self, event: str, info: dict[str, Any]) -> None:
        self.events.append(event)

    @property
    def sent(self) -> bool:
        return "http11.send_request_headers.started" in self.events

    async def run(self, client: httpx.AsyncClient, server: BadServer, size: int) -> None:
        extensions = {"trace": self._trace}
        try:
            async with (
                asyncio.timeout(DEADLINE),
                client.stream(
                    "POST", f"{server.base_url}/v2/send", content=bytes(size), extensions=extensions
                ) as answer,
            ):
                self.response = answer
                async for piece in answer.aiter_raw():
                    self.body += piece
                    if len(self.body) > CAP_BYTES:
                        return
        except (httpx.HTTPError, TimeoutError) as error:
            self.error = error


@functools.cache
def no_tls() -> ssl.SSLContext:
    """Costs nothing to build, and trusts nobody: for plain http."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client_for(server: BadServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        verify=server.ssl_context or no_tls(),
        trust_env=False,
        timeout=httpx.Timeout(5.0, connect=3.0, read=5.0, write=5.0),
        headers={"Accept-Encoding": "identity"},
    )


async def call(server: BadServer, size: int) -> Call:
    async with client_for(server) as client:
        one = Call()
        await one.run(client, server, size)
        return one


EXPECTED: dict[str, tuple[type[Exception] | None, int | None]] = {
    "accept_and_hang": (httpx.ReadTimeout, None),
    "fin_after_body": (httpx.RemoteProtocolError, None),
    "rst_after_body": (httpx.ReadError, None),
    "rst_mid_body": (httpx.ReadError, None),
    "stops_reading": (httpx.WriteTimeout, None),
    "rst_on_second_request": (None, 200),
    "closes_idle": (None, 200),
    "garbage_status_line": (httpx.RemoteProtocolError, None),
    "short_body": (httpx.RemoteProtocolError, 200),
    "cut_chunk": (httpx.RemoteProtocolError, 200),
    "bad_chunk_size": (httpx.RemoteProtocolError, 200),
    "header_200kb": (httpx.RemoteProtocolError, None),
    "endless_informational": (TimeoutError, None),
    "bad_gzip": (None, 200),
    "gzip_bomb": (None, 200),
    "endless_body": (None, 200),
    "deep_xml": (None, 200),
    "drip": (TimeoutError, None),
    "redirect_307": (None, 307),
    "proxy_page": (None, 200),
    "early_429": (httpx.ReadError, None),
    "refused": (httpx.ConnectError, None),
    "unreachable": (httpx.ConnectTimeout, None),
    "tls_untrusted": (httpx.ConnectError, None),
    "tls_expired": (httpx.ConnectError, None),
    "tls_not_yet_valid": (httpx.ConnectError, None),
    "tls_wrong_name": (httpx.ConnectError, None),
    "tls_1_0": (httpx.ConnectError, None),
    "tls_hangs": (httpx.ConnectTimeout, None),
    "not_tls": (httpx.ConnectError, None),
}


def test_the_table_names_every_behaviour() -> None:
    assert set(EXPECTED) == set(NAMES) == set(FACTS)
    assert not set(CONTROLS) & set(NAMES)


@virtual
@pytest.mark.parametrize("name", NAMES)
async def test_each_server_misbehaves_as_its_fact_says(name: str) -> None:
    fact = FACTS[name]
    async with misbehaving(name) as server:
        assert server.base_url.startswith("https://" if fact.tls else "http://")
        one = await call(server, fact.body_bytes or 100)
        error, status = EXPECTED[name]
        assert type(one.error) is (error or type(None)), one.error
        assert (one.response.status_code if one.response is not None else None) == status
        assert one.sent is fact.sent
        assert len(server.requests) == (1 if fact.whole else 0)
        if fact.whole:
            assert server.requests[0].line == "POST /v2/send HTTP/1.1"
            assert len(server.requests[0].body) == (fact.body_bytes or 100)
        assert (len(one.body) > CAP_BYTES) is (name == "endless_body")
        assert server.elsewhere == []


@virtual
@pytest.mark.parametrize("name", CONTROLS)
async def test_the_controls_answer(name: str) -> None:
    async with misbehaving(name, answer=b"<reply/>", content_type="text/xml") as server:
        one = await call(server, 100)
        assert one.response is not None
        assert (one.error, one.response.status_code, bytes(one.body)) == (None, 200, b"<reply/>")
        assert one.response.headers["content-type"] == "text/xml"
        assert (server.connections, len(server.requests)) == (1, 1)


@virtual
async def test_the_second_request_on_a_connection_is_reset() -> None:
    async with misbehaving("rst_on_second_request") as server, client_for(server) as client:
        calls = [Call(), Call()]
        for one in calls:
            await one.run(client, server, 10)
        assert [type(one.error) for one in calls] == [type(None), httpx.ReadError]
        assert (server.connections, len(server.requests)) == (1, 2)


@virtual
async def test_a_connection_that_was_closed_while_idle_is_opened_again() -> None:
    async with misbehaving("closes_idle") as server, client_for(server) as client:
        for _ in range(2):
            one = Call()
            await one.run(client, server, 10)
            assert one.error is None
            await asyncio.sleep(2)
        assert (server.connections, len(server.requests)) == (2, 2)


@pytest.mark.skipif(not ssl.HAS_TLSv1, reason="this OpenSSL knows no TLS 1.0")
@virtual
async def test_the_tls_1_0_server_speaks_tls_1_0() -> None:
    """A client that still allows it gets through, so it is the version that careful ones refuse."""
    context = client_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with misbehaving("tls_1_0") as server:
        server.ssl_context = context
        one = await call(server, 100)
        assert one.error is None
        assert one.response is not None
        stream = one.response.extensions["network_stream"]
        assert (stream.get_extra_info("ssl_object").version(), len(server.requests)) == ("TLSv1", 1)


@virtual
async def test_whoever_follows_the_redirect_is_counted() -> None:
    async with misbehaving("redirect_307") as server, httpx.AsyncClient(trust_env=False, verify=no_tls()) as client:
        answer = await client.post(f"{server.base_url}/v2/send", content=b"secret", follow_redirects=True)
        assert answer.status_code == 200
        assert [request.body for request in server.elsewhere] == [b"secret"]


@virtual
async def test_a_drip_takes_its_time() -> None:
    async with misbehaving("drip", answer=b"{}") as server:
        loop = asyncio.get_running_loop()
        before = loop.time()
        async with httpx.AsyncClient(trust_env=False, verify=no_tls(), timeout=2) as client:
            answer = await client.post(server.base_url, content=b"x")
        assert answer.json() == {}
        # No read timeout of 2 s stops it: every byte is in time.
        assert loop.time() - before == pytest.approx(len("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") - 1)


@virtual
async def test_the_bomb_is_a_bomb() -> None:
    async with misbehaving("gzip_bomb") as server:
        one = await call(server, 10)
        assert len(one.body) < 400_000
        inflated = 0
        async with (
            httpx.AsyncClient(trust_env=False, verify=no_tls()) as client,
            client.stream("POST", server.base_url, content=b"x") as answer,
        ):
            async for piece in answer.aiter_bytes(65_536):
                inflated += len(piece)
        assert inflated == BOMB_BYTES
