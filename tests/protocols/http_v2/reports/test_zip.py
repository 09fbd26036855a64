from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms_traffic_async.errors import RequestFailed
from sms_traffic_async.protocols.http_v2.reports import zip as zip_module
from sms_traffic_async.protocols.http_v2.reports.zip import PIECE, RATIO_FREE, FirstMember

TEXT = "".join(
    f"{number};2021-01-01T00:00:00+03:00;Ваш код {number * 7919};Delivered\n" for number in range(500)
).encode()


class OneWay(io.RawIOBase):
    """A sink that cannot seek: zipfile then writes data descriptors, as a server that streams does."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        chunk = bytes(memoryview(data))  # type: ignore[arg-type] # any buffer
        self.data += chunk
        return len(chunk)


def packed(
    *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, streamed: bool = False, force_zip64: bool = False
) -> bytes:
    sink = OneWay()
    whole = io.BytesIO()
    with zipfile.ZipFile(sink if streamed else whole, "w", method) as archive:
        for name, data in members:
            if name.endswith("/"):
                archive.writestr(zipfile.ZipInfo(name), b"")
                continue
            with archive.open(name, "w", force_zip64=force_zip64) as member:
                member.write(data)
    return bytes(sink.data) if streamed else whole.getvalue()


def unpack(data: bytes, *, size: int = 1 << 20, cap: int | None = None) -> bytes:
    member = FirstMember(cap=cap)
    out = bytearray()
    for at in range(0, len(data), size):
        for piece in member.feed(data[at : at + size]):
            assert 0 < len(piece) <= PIECE
            out += piece
    member.close()
    return bytes(out)


@pytest.mark.parametrize("force_zip64", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_first_member(method: int, streamed: bool, force_zip64: bool) -> None:
    data = packed(("report.csv", TEXT), method=method, streamed=streamed, force_zip64=force_zip64)
    assert bool(data[6] & 0x08) is streamed
    for size in (1, 7, 1000, len(data)):
        assert unpack(data, size=size) == TEXT


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_every_cut_in_two(method: int, streamed: bool) -> None:
    text = TEXT[:300]
    data = packed(("a.csv", text), method=method, streamed=streamed)
    for cut in range(len(data)):
        member = FirstMember()
        out = b"".join([*member.feed(data[:cut]), *member.feed(data[cut:])])
        member.close()
        assert out == text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_empty_member_and_large_member(method: int, streamed: bool) -> None:
    assert unpack(packed(("a.csv", b""), method=method, streamed=streamed)) == b""
    large = TEXT * 60
    assert len(large) > 3 * PIECE
    assert unpack(packed(("a.csv", large), method=method, streamed=streamed), size=65_536) == large


def test_only_the_first_file_is_taken_and_folders_are_passed() -> None:
    data = packed(("reports/", b""), ("reports/a.csv", TEXT), ("b.csv", b"other"))
    assert unpack(data) == TEXT
    assert unpack(data, size=3) == TEXT


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_folder_with_contents_is_no_way_past_the_cap(method: int) -> None:
    data = packed(("folder-a.csv", bytes(1000)), method=method).replace(b"folder-a.csv", b"folder-a.cs/") * 50
    with pytest.raises(RequestFailed, match="a folder in it has contents"):
        unpack(data, cap=1000)


def test_no_file_at_all() -> None:
    assert unpack(packed()) == b""
    assert unpack(packed(("folder/", b""))) == b""


def test_name_is_never_used() -> None:
    assert unpack(packed(("../../etc/passwd", TEXT), streamed=True)) == TEXT


def test_descriptor_without_its_signature() -> None:
    data = packed(("a.csv", TEXT), streamed=True)
    at = data.index(b"PK\x07\x08")
    assert unpack(data[:at] + data[at + 4 :]) == TEXT


def test_stored_text_that_looks_like_a_descriptor() -> None:
    text = b"1;PK\x07\x08" + bytes(24) + b"PK\x07\x08" + TEXT + b"PK\x07\x08"
    data = packed(("a.csv", text), method=zipfile.ZIP_STORED, streamed=True)
    for size in (1, 5, 10_000):
        assert unpack(data, size=size) == text


def test_zip64_sizes_in_the_local_header() -> None:
    crc = zlib.crc32(TEXT)
    header = struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 45, 0, 0, 0, 0, crc, 0xFFFFFFFF, 0xFFFFFFFF, 1, 28)
    extra = struct.pack("<HHL", 0x9999, 4, 7) + struct.pack("<HHQQ", 1, 16, len(TEXT), len(TEXT))
    assert unpack(header + b"a" + extra + TEXT) == TEXT


def test_sizes_that_are_said_to_stand_elsewhere_and_do_not() -> None:
    header = struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 45, 0, 0, 0, 0, 0, 0xFFFFFFFF, 0xFFFFFFFF, 1, 8)
    for extra in (struct.pack("<HHL", 0x9999, 4, 7), struct.pack("<HHL", 1, 4, 7)):
        with pytest.raises(RequestFailed, match="ends in the middle"):
            unpack(header + b"a" + extra + TEXT)


@pytest.mark.parametrize(
    "data, said",
    [
        (b"", "ends in the middle"),
        (b"PK\x03", "ends in the middle"),
        (b"12345;2021-01-01", "does not begin as one"),
        (b"<html>proxy</html>", "does not begin as one"),
        (packed(("a.csv", TEXT))[:1000], "ends in the middle"),
        (packed(("a.csv", TEXT), method=zipfile.ZIP_STORED, streamed=True)[:1000], "ends in the middle"),
        (packed(("a.csv", TEXT), method=zipfile.ZIP_LZMA), "packed by method 14"),
        (packed(("a.csv", TEXT), method=zipfile.ZIP_BZIP2), "packed by method 12"),
    ],
)
def test_refused(data: bytes, said: str) -> None:
    with pytest.raises(RequestFailed, match=said):
        unpack(data)


def test_encrypted_is_refused() -> None:
    data = bytearray(packed(("a.csv", TEXT)))
    data[6] |= 1
    with pytest.raises(RequestFailed, match="encrypted"):
        unpack(bytes(data))


@pytest.mark.parametrize("streamed", [False, True])
def test_damage_is_seen(streamed: bool) -> None:
    good = packed(("a.csv", TEXT), streamed=streamed)
    begin = 30 + len("a.csv")
    seen = 0
    for at in range(begin, begin + 400):
        data = bytearray(good)
        data[at] ^= 0x10
        with pytest.raises(RequestFailed):
            unpack(bytes(data))
        seen += 1
    assert seen == 400


def test_wrong_length_is_seen() -> None:
    data = bytearray(packed(("a.csv", TEXT)))
    struct.pack_into("<L", data, 22, len(TEXT) + 1)
    with pytest.raises(RequestFailed, match="checksum or length"):
        unpack(bytes(data))


def test_cap() -> None:
    data = packed(("a.csv", TEXT))
    assert unpack(data, cap=len(TEXT)) == TEXT
    with pytest.raises(RequestFailed, match=f"more than {len(TEXT) - 1} bytes"):
        unpack(data, cap=len(TEXT) - 1)


def test_bomb_is_stopped_early_and_holds_little() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 20)
    body = b"".join([*(packer.compress(zeros) for _ in range(200)), packer.flush()])
    header = struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 20, 8, 8, 0, 0, 0, 0, 0, 1, 0)
    member, given = FirstMember(), 0
    with pytest.raises(RequestFailed, match="400 times"):
        for piece in member.feed(header + b"a" + body):
            assert len(piece) <= PIECE
            given += len(piece)
    assert given <= max(RATIO_FREE, zip_module.RATIO * len(body)) + PIECE
    assert given < 200 << 20


def test_what_follows_the_file_is_dropped() -> None:
    member = FirstMember()
    assert b"".join(member.feed(packed(("a.csv", TEXT)))) == TEXT
    assert list(member.feed(b"x" * 1000)) == []
    member.close()


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300), size=st.integers(1, 40))
def test_garbage_gives_our_error_or_bytes(data: bytes, size: int) -> None:
    for start in (b"", b"PK\x03\x04", packed(("a", b"text;text"))[:40]):
        # Anything but our own error fails.
        with suppress(RequestFailed):
            unpack(start + data, size=size)
