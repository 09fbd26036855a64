r"""A zip report, unpacked while it arrives.

The document says "csv, packed into a zip" and shows neither header nor name, so
the first member that is a file is taken and no name is ever used (field notes,
R5). The archive is read forwards, from its local headers:

1. A deflated member ends where its data says so, with or without a data
   descriptor after it (APPNOTE 4.3.9); so does a stored one whose size the header
   gives. A stored member of unknown size ends at the descriptor whose length and
   CRC are those of all that came before it. So neither a temporary file nor the
   central directory is needed, and what is held is bounded: one piece of output,
   24 bytes of look-back, one header.
2. Encrypted members and other methods are refused.
3. Length and CRC are compared at the end. Rows are handed out before that: a
   reader that gets ``RequestFailed`` from the last step has read damaged rows.
4. Output past ``RATIO_FREE`` bytes may not be more than ``RATIO`` times the
   input, and never more than the cap.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterator
from typing import TypeAlias

from sms_traffic_async.errors import RequestFailed

__all__ = ("PIECE", "RATIO", "RATIO_FREE", "FirstMember")

PIECE = 262_144
"""Bytes handed out at once, at most."""
RATIO = 400
"""Rows carry an id and dates of their own: a real report packs 5 to 60 times, and deflate cannot pass 1,032."""
RATIO_FREE = 33_554_432

_LOCAL, _DESCRIPTOR = b"PK\x03\x04", b"PK\x07\x08"
_NO_MORE_FILES = frozenset({b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"})
_HEADER = struct.Struct("<HHHHHLLLHH")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8
_UNKNOWN = 0xFFFFFFFF
_ZIP64 = 0x0001
_DESCRIPTOR_MAX = 24

_Steps: TypeAlias = Generator[bytes, None, None]


class FirstMember:
    """Turns chunks of an archive into pieces of its first file. Pure: no I/O, no clock.

    Args:
        cap: bytes of output, at most; None for no cap.
    """

    def __init__(self, *, cap: int | None = None) -> None:
        self._cap = cap
        self._taken = 0
        self._given = 0
        self._crc = 0
        self._buffer = bytearray()
        self._done = False
        self._folder = False
        self._steps = self._archive()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What these bytes unpack to, a piece at a time; what follows the file is dropped.

        Take every piece before feeding again.

        Raises:
            RequestFailed: not an archive, damaged, encrypted, or too large.
        """
        if self._done:
            return
        self._taken += len(data)
        self._buffer += data
        try:
            for piece in self._steps:
                if not piece:
                    return
                yield piece
        except zlib.error:
            raise _bad("its data is damaged") from None
        self._done = True
        self._buffer.clear()

    def close(self) -> None:
        """Say that no more comes.

        Raises:
            RequestFailed: the file is not complete.
        """
        if not self._done:
            raise _bad("it ends in the middle")

    def _archive(self) -> _Steps:
        while True:
            signature = yield from self._exactly(4)
            if signature in _NO_MORE_FILES:
                return
            if signature != _LOCAL:
                raise _bad("it does not begin as one")
            _, flags, method, _, _, crc, packed, size, name_length, extra_length = _HEADER.unpack(
                (yield from self._exactly(_HEADER.size))
            )
            name = yield from self._exactly(name_length)
            extra = yield from self._exactly(extra_length)
            if flags & _ENCRYPTED:
                raise _bad("it is encrypted")
            if _UNKNOWN in {packed, size}:
                size, packed = _zip64_sizes(extra, size, packed)
            self._folder = name.endswith(b"/")
            known = None if flags & _SIZES_FOLLOW else size
            yield from self._member(method, known, None if flags & _SIZES_FOLLOW else crc)
            if not self._folder:
                return

    def _member(self, method: int, size: int | None, crc: int | None) -> _Steps:
        """One member's data: deflated, or stored with or without a size beforehand."""
        if method == _DEFLATED:
            yield from self._inflate()
            if crc is None:
                # The signature is optional (APPNOTE 4.3.9.3).
                first = yield from self._exactly(4)
                crc = int.from_bytes((yield from self._exactly(4)) if first == _DESCRIPTOR else first, "little")
        elif method == _STORED and size is not None:
            yield from self._copy(size)
        elif method == _STORED:
            yield from self._search()
            crc = self._crc
        else:
            raise _bad(f"packed by method {method}")
        if crc != self._crc or size not in {None, self._given}:
            raise _bad("its contents do not match their checksum or length")

    def _exactly(self, count: int) -> Generator[bytes, None, bytes]:
        while len(self._buffer) < count:
            yield b""
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _inflate(self) -> _Steps:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        while not stream.eof:
            while not self._buffer:
                yield b""
            data = bytes(self._buffer)
            self._buffer.clear()
            full = True
            while full and not stream.eof:
                piece = stream.decompress(data, PIECE)
                data = stream.unconsumed_tail
                # A full piece may leave output inside zlib though all input is used up.
                full = len(piece) == PIECE or bool(data)
                if piece:
                    yield self._out(piece)
        self._buffer += stream.unused_data

    def _copy(self, size: int) -> _Steps:
        while self._given < size:
            while not self._buffer:
                yield b""
            piece = bytes(self._buffer[: min(PIECE, size - self._given)])
            del self._buffer[: len(piece)]
            yield self._out(piece)

    def _search(self) -> _Steps:
        """A stored member without a size: it ends at a descriptor that describes it."""
        while True:
            at = self._buffer.find(_DESCRIPTOR)
            if at < 0 or len(self._buffer) - at < _DESCRIPTOR_MAX:
                sure = at if at >= 0 else max(len(self._buffer) - len(_DESCRIPTOR) + 1, 0)
                yield from self._copy(self._given + sure)
                yield b""
                continue
            yield from self._copy(self._given + at)
            if self._describes(bytes(self._buffer[:_DESCRIPTOR_MAX])):
                return
            yield from self._copy(self._given + 1)

    def _describes(self, descriptor: bytes) -> bool:
        crc, *sizes = struct.unpack("<LLL", descriptor[4:16])
        large = struct.unpack("<QQ", descriptor[8:24])
        given = self._given
        return crc == self._crc and (sizes == [given, given] or large == (given, given))

    def _out(self, piece: bytes) -> bytes:
        if self._folder:  # it would be taken for the report, and each of them would have a cap of its own
            raise _bad("a folder in it has contents")
        self._given += len(piece)
        self._crc = zlib.crc32(piece, self._crc)
        if self._cap is not None and self._given > self._cap:
            raise _bad(f"it unpacks to more than {self._cap} bytes")
        if self._given > RATIO_FREE and self._given > RATIO * self._taken:
            raise _bad(f"it unpacks to more than {RATIO} times its size")
        return piece


def _zip64_sizes(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    """Sizes past 4 GiB stand in an extra field (APPNOTE 4.5.3); the local header holds both."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == _ZIP64 and length >= 16 and at + 20 <= len(extra):  # noqa: PLR2004 - two 8-octet sizes
            return struct.unpack_from("<QQ", extra, at + 4)
        at += 4 + length
    return size, packed


def _bad(what: str) -> RequestFailed:
    return RequestFailed(f"not a readable zip report: {what}", operation="v2.report")
