"""A platform, or somebody between, that answers with malice: every answer ends in an honest outcome, soon and small."""

from __future__ import annotations

import asyncio
import gzip
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sms_traffic_async import OutcomeUnknown, RequestError, RetryPolicy, SmsTraffic, SoapOptions, Timeouts
from sms_traffic_async.messages import Via
from tests.support.exposure import shown

PHONE, TEXT = "79163574826", "Меченый текст"
PASSWORD, KEY_SECRET = "marked-pass-W8", "marked-secret-half-of-the-key-Q7"


@asynccontextmanager
async def answering(head: bytes, body: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that reads each request whole and answers the same; its URL, and the request lines it saw."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            seen.append(request.split(b"\r\n")[0])
            length = next(
                (int(line[15:]) for line in request.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            await reader.readexactly(length)
            writer.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body))
            for start in range(0, len(body), 1 << 16):
                writer.write(body[start : start + (1 << 16)])
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
        server.close()


def session(url: str) -> SmsTraffic:
    return SmsTraffic(
        api_key=f"1/{KEY_SECRET}",
        login="login",
        password=PASSWORD,
        nodes=[url],
        soap=SoapOptions(url=f"{url}/smsservice"),
        timeouts=Timeouts(deadline=5.0),
        retry=RetryPolicy(max_attempts=1, lookup_window=0.1),
    )


OK = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"
XML, JSON = OK % b"text/xml", OK % b"application/json"
REPLY = b"<reply><result>OK</result><code>0</code></reply>"
TRICKS: dict[str, tuple[Via, bytes, bytes]] = {
    "xml: external entity": (
        "v1", XML, b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + REPLY.replace(b"OK", b"&x;"),
    ),
    "xml: laughs": (
        "v1", XML,
        b'<!DOCTYPE r [<!ENTITY a "' + b"a" * 9999 + b'"><!ENTITY b "' + b"&a;" * 9999 + b'">]><reply>&b;</reply>',
    ),
    "xml: a million levels": ("v1", XML, b"<a>" * 200_000 + b"</a>" * 200_000),
    "xml: 100,000 attributes": ("v1", XML, b"<reply " + b" ".join(b'a%d=""' % n for n in range(100_000)) + b"/>"),
    "xml: a page": ("v1", OK % b"text/html", b"<html><body>Login to the hotel's network</body></html>"),
    "soap: laughs": ("soap", XML, b'<!DOCTYPE e [<!ENTITY a "aaa">]><e>&a;</e>'),
    "json: success is a word": ("v2", JSON, b'{"success":"true","data":{"destinations":[{"smsId":"1"}]}}'),
    "json: a list": ("v2", JSON, b"[true]"),
    "json: trailing data": ("v2", JSON, b'{"success":true,"data":{}} {"success":true}'),
    "json: not a number": ("v2", JSON, b'{"success":true,"data":NaN}'),
    "json: 100,000 levels": ("v2", JSON, b"[" * 100_000 + b"]" * 100_000),
    "a gigabyte in a megabyte": ("v2", JSON + b"content-encoding: gzip\r\n", b""),
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
async def test_an_answer_that_is_none_is_an_honest_unknown(name: str) -> None:
    via, head, body = TRICKS[name]
    if not body:
        body = await asyncio.to_thread(lambda: gzip.compress(bytes(1 << 20), 9) * 1000)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    async with answering(head, body) as (url, seen), session(url) as sms:
        with pytest.raises(OutcomeUnknown) as caught:
            await sms.send(PHONE, TEXT, via=via)
    assert seen
    assert time.process_time() - began < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kilobytes
    told = shown(caught.value)
    for secret in (PHONE, TEXT, PASSWORD, KEY_SECRET):
        assert secret not in told


@pytest.mark.parametrize("via", ["v2", "v1", "soap"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(via: Via, status: int) -> None:
    async with answering(JSON, b"{}") as (witness, called):
        head = f"HTTP/1.1 {status} Moved\r\nlocation: {witness}/v2/send\r\n".encode()
        async with answering(head, b"") as (url, seen), session(url) as sms:
            with pytest.raises(Exception) as caught:
                await sms.send(PHONE, TEXT, via=via)
            with pytest.raises(RequestError):
                await sms.balance()
    assert seen
    assert called == []
    assert PASSWORD not in shown(caught.value)


@pytest.mark.parametrize("via", ["v2", "v1", "soap"])
async def test_nothing_of_a_send_stands_in_a_url(via: Via) -> None:
    async with answering(JSON, b"{}") as (url, seen), session(url) as sms:
        for work in (sms.send(PHONE, TEXT, via=via), sms.balance(), sms.v1.balance()):
            with pytest.raises(Exception):  # noqa: B017 - only the request line matters here
                await work
    assert len(seen) >= 3
    for line in seen:
        for secret in (PHONE.encode(), b"pass", b"login", KEY_SECRET.encode(), TEXT.encode("cp1251")):
            assert secret not in line


@pytest.mark.parametrize(
    "wrong", ["../v2/account", "1/../../x", "1?x=1", "1#x", "1 HTTP/1.1\r\nX: y", "", "я", "1" * 129]
)
async def test_an_id_cannot_leave_its_place_in_a_path(wrong: str) -> None:
    async with answering(JSON, b"{}") as (url, seen), session(url) as sms:
        calls: list[Any] = [sms.mark_checked(wrong), sms.v2.mark_checked([wrong])]
        for call in calls:
            with pytest.raises(Exception):  # noqa: B017 - refused, however
                await call
    assert all(line.split(b" ")[1].count(b"..") == 0 and line.endswith(b" HTTP/1.1") for line in seen)
    assert all(b"?x" not in line and b"#" not in line for line in seen)
