"""Bodies under a cap: nothing that arrives may take more memory than the cap and a chunk.

Answers are asked for without compression. One that is compressed all the same
is inflated here, a bounded piece at a time, because the HTTP library would
inflate a chunk of 199 kB to 200 MB before anybody could count.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Protocol

__all__ = ("PIECE", "BadEncoding", "BodyTooLarge", "decoded", "inflater_for", "read_capped")

PIECE = 65_536
"""The most that is inflated at once, in bytes."""

_GZIP = zlib.MAX_WBITS | 16
_ZLIB_HEAD = 2


class BodyTooLarge(Exception):
    """The body is longer than the cap."""


class BadEncoding(Exception):
    """The body is compressed in a way that is unknown, damaged or cut off."""


class _Member(Protocol):
    """zlib's decompression object, whose class has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Inflater:
    """Inflates gzip or deflate piece by piece."""

    __slots__ = ("_gzip", "_head", "_member")

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._head: bytes = b""
        self._member: _Member | None = zlib.decompressobj(_GZIP) if gzip else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces that these bytes inflate to, each at most ``PIECE`` long.

        Raises:
            BadEncoding: they are damaged.
        """
        if self._member is None:
            data = self._head + data
            if len(data) < _ZLIB_HEAD:
                self._head = data
                return
            self._member = zlib.decompressobj(zlib.MAX_WBITS if _is_zlib(data) else -zlib.MAX_WBITS)
        while data:
            if self._member.eof:
                if not self._gzip:
                    raise BadEncoding("bytes after the end of the compressed body")
                # A gzip file may have several members (RFC 1952, 2.2).
                self._member = zlib.decompressobj(_GZIP)
            piece = _inflate(self._member, data)
            data = self._member.unconsumed_tail or self._member.unused_data
            if piece:
                yield piece

    def rest(self) -> Iterator[bytes]:
        """What is still inside, after the last byte was fed.

        Raises:
            BadEncoding: the body was cut off.
        """
        member = self._member
        while member is not None and not member.eof and (piece := _inflate(member, b"")):
            yield piece
        if member is None or not member.eof:
            raise BadEncoding("the compressed body is cut off")


def _inflate(member: _Member, data: bytes) -> bytes:
    try:
        return member.decompress(data, PIECE)
    except zlib.error:
        raise BadEncoding("the compressed body is damaged") from None


def _is_zlib(data: bytes) -> bool:
    """Whether it begins with zlib's header (RFC 1950); some servers send "deflate" bare."""
    return data[0] & 0x0F == zlib.DEFLATED and (data[0] << 8 | data[1]) % 31 == 0


def inflater_for(encoding: str | None) -> Inflater | None:
    """What undoes a ``Content-Encoding``; ``None`` where nothing is to be undone.

    Raises:
        BadEncoding: neither gzip nor deflate.
    """
    name = "" if encoding is None else encoding.strip().lower()
    if name in {"", "identity"}:
        return None
    if name in {"gzip", "x-gzip"}:
        return Inflater(gzip=True)
    if name == "deflate":
        return Inflater(gzip=False)
    raise BadEncoding("the body is compressed in a way nobody asked for")


async def decoded(raw: AsyncIterable[bytes], encoding: str | None, cap: int | None) -> AsyncIterator[bytes]:
    """The body's bytes as they come, inflated, each piece at most a network chunk or ``PIECE``.

    Args:
        raw: the bytes of the wire.
        encoding: the ``Content-Encoding`` header.
        cap: the most bytes to give; ``None`` for no cap.

    Raises:
        BodyTooLarge: there are more than ``cap``.
        BadEncoding: the compression is unknown, damaged or cut off.
    """
    inflater = inflater_for(encoding)
    room = float("inf") if cap is None else cap
    # A compressed body that inflates to nothing must end too.
    raw_room = room + PIECE
    async for chunk in raw:
        raw_room -= len(chunk)
        if raw_room < 0:
            raise BodyTooLarge
        for piece in (chunk,) if inflater is None else inflater.feed(chunk):
            room -= len(piece)
            if room < 0:
                raise BodyTooLarge
            yield piece
    if inflater is None:
        return
    for piece in inflater.rest():
        room -= len(piece)
        if room < 0:
            raise BodyTooLarge
        yield piece


async def read_capped(raw: AsyncIterable[bytes], encoding: str | None, cap: int) -> bytes:
    """The whole body, inflated.

    Raises:
        BodyTooLarge: more than ``cap`` bytes.
        BadEncoding: see ``decoded``.
    """
    if encoding is None:
        return await _read_plain(raw, cap)
    return b"".join([piece async for piece in decoded(raw, encoding, cap)])


async def _read_plain(raw: AsyncIterable[bytes], cap: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in raw:
        size += len(chunk)
        if size > cap:
            raise BodyTooLarge
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
