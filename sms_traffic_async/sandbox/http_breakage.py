"""How an HTTP answer is broken: half of it, none of it, too much of it."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

__all__ = (
    "CONNECTION",
    "HTML",
    "JSON",
    "Connection",
    "Headers",
    "close_connection",
    "connection_of",
    "end_transport",
    "gone",
    "gzip_bomb",
    "page",
    "retry_after_header",
    "write_part",
)

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

JSON: Headers = ((b"content-type", b"application/json"),)
HTML: Headers = ((b"content-type", b"text/html; charset=utf-8"),)
CONNECTION = "sandbox.connection"
"""Where a scope's ``state`` holds the `Connection` the request came by."""

_LINGER_OFF = struct.pack("ii", 1, 0)
_BLOCK = b" " * 1_000_000
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class Connection(Protocol):
    """The TCP connection of a request, as the server knows it."""

    transport: asyncio.Transport

    def hold(self) -> None:
        """Gather what is written until ``release()``."""
        ...

    def release(self) -> None:
        """Write what was gathered."""
        ...

    def whole_body(self) -> bytes | None:
        """What is left unread of the body of the request under way, if all of it has arrived."""
        ...


def retry_after_header(value: str | None) -> Headers:
    """The header that tells when to come again; none for ``None``."""
    return () if value is None else ((b"retry-after", value.encode()),)


def connection_of(scope: MutableMapping[str, Any]) -> Connection:
    """The connection a request came by."""
    connection: Connection = scope["state"][CONNECTION]
    return connection


def page(title: str) -> bytes:
    """What a proxy in between would say."""
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title></head>"
        f"<body><h1>{title}</h1><p>proxy.example</p></body></html>"
    ).encode()


def close_connection(scope: MutableMapping[str, Any], *, rst: bool) -> None:
    """End a request's connection: with what was written and FIN, or at once with RST."""
    end_transport(connection_of(scope).transport, rst=rst)


def end_transport(transport: asyncio.Transport, *, rst: bool) -> None:
    """The same for a transport of any protocol."""
    if not rst:
        transport.close()
        return
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):  # the other end may have been quicker, and the socket is closed
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
    transport.abort()


async def gone(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
    """Wait until the server has noticed that the connection ended, so that it asks for no answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def write_part(
    status: int,
    headers: Headers,
    part: bytes,
    length: int,
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    *,
    rst: bool,
) -> None:
    """Promise a body of ``length`` bytes, write a part of it, and end the connection."""
    lines = [b"HTTP/1.1 %d Answer" % status, *(name + b": " + value for name, value in headers)]
    lines.append(b"content-length: %d" % length)
    connection_of(scope).transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + part)
    close_connection(scope, rst=rst)
    await gone(receive)


@lru_cache(maxsize=4)
def gzip_bomb(size: int) -> bytes:
    """White space that inflates to ``size`` bytes, as one gzip member.

    A block ends on a full flush, so its deflated form can be repeated instead
    of compressing hundreds of megabytes.
    """
    blocks, rest = divmod(size, len(_BLOCK))
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(_BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15)
    tail = last.compress(_BLOCK[:rest]) + last.flush(zlib.Z_FINISH)
    crc = 0
    for _ in range(blocks):
        crc = zlib.crc32(_BLOCK, crc)
    crc = zlib.crc32(_BLOCK[:rest], crc)
    return _GZIP_HEAD + block * blocks + tail + struct.pack("<II", crc, size & 0xFFFFFFFF)
