"""What a misbehaving HTTP server does with one connection; ``servers`` runs them."""

from __future__ import annotations

import asyncio
import functools
import gzip
import socket
import ssl
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ("ANSWER", "BEHAVIOURS", "BOMB_BYTES", "FACTS", "BadServer", "Behaviour", "Exchange", "Fact", "Request")

ANSWER = b'{"success":true,"data":{}}'
BOMB_BYTES = 200 * 1024 * 1024
XML_DEPTH = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a behaviour does to one request.

    Attributes:
        sent: whether any byte of the request can have left the client.
        whole: whether the server read the whole request.
        body_bytes: how long the request's body must be for this to happen.
        tls: whether the base URL is https.
    """

    sent: bool = True
    whole: bool = True
    body_bytes: int = 0
    tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request that arrived whole."""

    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class BadServer:
    """Where to find a misbehaving server, and what it saw.

    Attributes:
        base_url: without a slash at the end.
        ssl_context: for the client: verifies, and trusts what it should; None for http.
        connections: accepted (TLS: past the handshake).
        requests: those that were read whole, in order.
        elsewhere: requests that came to where ``redirect_307`` points.
    """

    base_url: str = ""
    ssl_context: ssl.SSLContext | None = None
    connections: int = 0
    requests: list[Request] = field(default_factory=list[Request])
    elsewhere: list[Request] = field(default_factory=list[Request])
    answer: bytes = ANSWER
    content_type: str = "application/json"


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One connection, as a behaviour sees it."""

    server: BadServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    turn: int = 0

    async def request(self) -> Request | None:
        """Read one request whole; None at the end of the stream."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            line, *fields = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        except asyncio.IncompleteReadError:
            return None
        request = Request(line=line, headers=headers, body=body)
        self.server.requests.append(request)
        self.turn += 1
        return request

    async def head(self, status: str = "200 OK", **headers: str | int) -> None:
        fields: dict[str, str | int] = {"Content-Type": self.server.content_type, "Connection": "close"}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.write(f"HTTP/1.1 {status}\r\n{text}\r\n".encode("latin-1"))

    async def reply(self, body: bytes, status: str = "200 OK", **headers: str | int) -> None:
        await self.head(status, Content_Length=len(body), **headers)
        await self.write(body)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def hang(self) -> None:
        await asyncio.get_running_loop().create_future()


Behaviour: TypeAlias = Callable[[Exchange], Awaitable[None]]
BEHAVIOURS: dict[str, Behaviour] = {}
FACTS: dict[str, Fact] = {}


def behaviour(fact: Fact) -> Callable[[Behaviour], Behaviour]:
    def register(behave: Behaviour) -> Behaviour:
        name = getattr(behave, "__name__", "")
        BEHAVIOURS[name] = behave
        FACTS[name] = fact
        return behave

    return register


BIG = 8 * 1024 * 1024


@behaviour(Fact())
async def accept_and_hang(exchange: Exchange) -> None:
    await exchange.request()
    await exchange.hang()


@behaviour(Fact())
async def fin_after_body(exchange: Exchange) -> None:
    await exchange.request()


@behaviour(Fact())
async def rst_after_body(exchange: Exchange) -> None:
    await exchange.request()
    exchange.reset()


@behaviour(Fact(whole=False, body_bytes=400_000))
async def rst_mid_body(exchange: Exchange) -> None:
    await exchange.reader.readexactly(2_000)
    exchange.reset()


@behaviour(Fact(whole=False, body_bytes=BIG))
async def stops_reading(exchange: Exchange) -> None:
    await exchange.reader.readexactly(100)
    await exchange.hang()


@behaviour(Fact())
async def rst_on_second_request(exchange: Exchange) -> None:
    """The first request is answered well; the next one on this connection is read and reset."""
    await exchange.request()
    await exchange.reply(exchange.server.answer, Connection="keep-alive")
    await exchange.request()
    exchange.reset()


@behaviour(Fact())
async def closes_idle(exchange: Exchange) -> None:
    """Answers well, promises to keep the connection, and closes it a second later."""
    await exchange.request()
    await exchange.reply(exchange.server.answer, Connection="keep-alive")
    await asyncio.sleep(1)


@behaviour(Fact())
async def garbage_status_line(exchange: Exchange) -> None:
    await exchange.request()
    await exchange.write(b"\x16\x03\x01 not http at all\r\n\r\n" + exchange.server.answer)


@behaviour(Fact())
async def short_body(exchange: Exchange) -> None:
    """Content-Length promises ten bytes more than come."""
    await exchange.request()
    await exchange.head(Content_Length=len(exchange.server.answer) + 10)
    await exchange.write(exchange.server.answer)


@behaviour(Fact())
async def cut_chunk(exchange: Exchange) -> None:
    await exchange.request()
    await exchange.head(Transfer_Encoding="chunked")
    answer = exchange.server.answer
    await exchange.write(b"%x\r\n%b\r\n%x\r\nab" % (len(answer), answer, 0x40))


@behaviour(Fact())
async def bad_chunk_size(exchange: Exchange) -> None:
    await exchange.request()
    await exchange.head(Transfer_Encoding="chunked")
    await exchange.write(b"zz\r\n" + exchange.server.answer)


@behaviour(Fact())
async def header_200kb(exchange: Exchange) -> None:
    await exchange.request()
    await exchange.reply(exchange.server.answer, X_Filler="x" * 200_000)


@behaviour(Fact())
async def endless_informational(exchange: Exchange) -> None:
    """100 Continue for ever."""
    await exchange.request()
    while True:
        await exchange.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        await asyncio.sleep(0.1)


@behaviour(Fact())
async def bad_gzip(exchange: Exchange) -> None:
    await exchange.request()
    broken = bytearray(gzip.compress(exchange.server.answer * 20))
    broken[12:20] = b"\xff" * 8
    await exchange.reply(bytes(broken), Content_Encoding="gzip")


@behaviour(Fact())
async def gzip_bomb(exchange: Exchange) -> None:
    await exchange.request()
    await exchange.reply(_bomb(), Content_Encoding="gzip")


@behaviour(Fact())
async def endless_body(exchange: Exchange) -> None:
    """A body without a length and without an end, as fast as it is taken."""
    await exchange.request()
    await exchange.head()
    while True:
        await exchange.write(b" " * 65_536)
        await asyncio.sleep(0)


@behaviour(Fact())
async def deep_xml(exchange: Exchange) -> None:
    """A million nested elements, 7 MB."""
    await exchange.request()
    await exchange.reply(b"<a>" * XML_DEPTH + b"</a>" * XML_DEPTH, Content_Type="text/xml")


@behaviour(Fact())
async def drip(exchange: Exchange) -> None:
    """A good answer, one byte a second from the status line on."""
    await exchange.request()
    answer = exchange.server.answer
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer):
        await exchange.write(bytes((byte,)))
        await asyncio.sleep(1)


@behaviour(Fact())
async def redirect_307(exchange: Exchange) -> None:
    """To a path of this very server, where ``BadServer.elsewhere`` counts."""
    request = await exchange.request()
    if request is not None and " /elsewhere " in request.line:
        exchange.server.elsewhere.append(request)
        await exchange.reply(exchange.server.answer)
    else:
        await exchange.reply(b"", "307 Temporary Redirect", Location=f"{exchange.server.base_url}/elsewhere")


@behaviour(Fact())
async def proxy_page(exchange: Exchange) -> None:
    """What a captive portal or a corporate proxy says instead of the platform."""
    await exchange.request()
    page = b"<!DOCTYPE html><html><body><h1>Web access blocked</h1></body></html>"
    await exchange.reply(page, Content_Type="text/html")


@behaviour(Fact(whole=False, body_bytes=BIG))
async def early_429(exchange: Exchange) -> None:
    """429 while the body still comes; closing with unread bytes turns it into a reset."""
    await exchange.reader.readuntil(b"\r\n\r\n")
    await exchange.reply(b"", "429 Too Many Requests", Retry_After=1)


async def healthy(exchange: Exchange) -> None:
    while await exchange.request() is not None:
        await exchange.reply(exchange.server.answer, Connection="keep-alive")


async def tls_hangs(exchange: Exchange) -> None:
    await exchange.hang()


async def not_tls(exchange: Exchange) -> None:
    await exchange.reader.readexactly(5)
    await exchange.reply(b"", "400 Bad Request")


TLS = ("tls_untrusted", "tls_expired", "tls_not_yet_valid", "tls_wrong_name", "tls_1_0")
FACTS |= dict.fromkeys(("refused", "unreachable"), Fact(sent=False, whole=False))
FACTS |= dict.fromkeys((*TLS, "tls_hangs", "not_tls"), Fact(sent=False, whole=False, tls=True))
BEHAVIOURS |= {"tls_hangs": tls_hangs, "not_tls": not_tls} | dict.fromkeys((*TLS, "healthy", "healthy_tls"), healthy)


@functools.cache
def _bomb() -> bytes:
    """200 MB of zeros in about 200 kB of gzip, made from one compressed megabyte."""
    megabyte = bytes(1024 * 1024)
    count = BOMB_BYTES // len(megabyte)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = deflate.compress(megabyte) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = functools.reduce(lambda value, _: zlib.crc32(megabyte, value), range(count), 0)
    head = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
    return head + block * count + b"\x03\0" + struct.pack("<II", checksum, BOMB_BYTES)
