import gzip
import os
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.protocols.http.caps import (
    PIECE,
    BadEncoding,
    BodyTooLarge,
    decoded,
    inflater_for,
    read_capped,
)

CAP = 1_000_000


async def chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    " GZIP ": gzip.compress,
    "deflate": zlib.compress,
}
BODY = b"0123456789" * 20_000


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
@pytest.mark.parametrize("size", [1, 7, 65_536, CAP])
async def test_a_plain_body(encoding: str | None, size: int) -> None:
    body = BODY[:5000]
    assert await read_capped(chunks(body, size), encoding, CAP) == body


@pytest.mark.parametrize("encoding", PACKERS)
@pytest.mark.parametrize("size", [1, 3, 1000, CAP])
async def test_a_compressed_body(encoding: str, size: int) -> None:
    packed = PACKERS[encoding](BODY)
    assert await read_capped(chunks(packed, size), encoding, CAP) == BODY


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_bare_deflate_is_read_too(size: int) -> None:
    assert await read_capped(chunks(bare_deflate(BODY), size), "deflate", CAP) == BODY


async def test_several_gzip_members() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two ") + gzip.compress(b"three")
    for size in (1, 10, 1000):
        assert await read_capped(chunks(packed, size), "gzip", CAP) == b"one two three"


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("cap, fits", [(len(BODY), True), (len(BODY) - 1, False)])
async def test_the_cap_counts_what_comes_out(encoding: str | None, cap: int, fits: bool) -> None:
    packed = BODY if encoding is None else PACKERS[encoding](BODY)
    if fits:
        assert await read_capped(chunks(packed), encoding, cap) == BODY
    else:
        with pytest.raises(BodyTooLarge):
            await read_capped(chunks(packed), encoding, cap)


async def test_a_bomb_costs_the_cap_and_a_piece() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            await read_capped(chunks(bomb, len(bomb)), "gzip", 500_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 500_000 + 4 * PIECE + len(bomb)


async def test_pieces_stay_small() -> None:
    bomb = gzip.compress(bytes(3_000_000))
    sizes = [len(piece) async for piece in decoded(chunks(bomb, len(bomb)), "gzip", None)]
    assert sum(sizes) == 3_000_000
    assert max(sizes) <= PIECE


async def test_a_compressed_body_that_inflates_to_nothing_ends_too() -> None:
    empty = gzip.compress(b"")
    with pytest.raises(BodyTooLarge):
        await read_capped(chunks(empty * 20_000, 1000), "gzip", 1000)


DAMAGED = {
    "cut": (gzip.compress(BODY)[:-4], "gzip"),
    "cut early": (gzip.compress(BODY)[:5], "gzip"),
    "one byte of deflate": (b"\x78", "deflate"),
    "garbage": (os.urandom(64).replace(b"\x1f\x8b", b"aa"), "gzip"),
    "flipped": (gzip.compress(BODY)[:20] + b"\xff\xff\xff\xff" + gzip.compress(BODY)[24:], "gzip"),
    "wrong sum": (gzip.compress(b"body")[:-8] + bytes(8), "gzip"),
    "after the end": (zlib.compress(b"body") + b"more", "deflate"),
    "after the end of gzip": (gzip.compress(b"body") + b"more", "gzip"),
    "not deflate": (b"\x78\x9c" + b"\xff" * 20, "deflate"),
    "empty": (b"", "gzip"),
}


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.parametrize("size", [1, 1000])
async def test_damage_is_told(case: str, size: int) -> None:
    data, encoding = DAMAGED[case]
    with pytest.raises(BadEncoding) as caught:
        await read_capped(chunks(data, size), encoding, CAP)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, identity", "\x00"])
async def test_what_nobody_asked_for(encoding: str) -> None:
    with pytest.raises(BadEncoding):
        inflater_for(encoding)
    with pytest.raises(BadEncoding):
        await read_capped(chunks(b"anything"), encoding, CAP)


@given(body=st.binary(max_size=3000), size=st.integers(1, 400), encoding=st.sampled_from(["gzip", "deflate", "bare"]))
async def test_any_body_in_any_pieces(body: bytes, size: int, encoding: str) -> None:
    packed = bare_deflate(body) if encoding == "bare" else PACKERS[encoding](body)
    name = "deflate" if encoding == "bare" else encoding
    assert await read_capped(chunks(packed, size), name, CAP) == body


@given(garbage=st.binary(max_size=300), encoding=st.sampled_from(["gzip", "deflate"]))
async def test_garbage_raises_nothing_else(garbage: bytes, encoding: str) -> None:
    try:
        await read_capped(chunks(garbage, 11), encoding, CAP)
    except (BadEncoding, BodyTooLarge):
        return


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "bare"])
@pytest.mark.parametrize("fits", [True, False])
async def test_what_is_still_inside_when_the_last_byte_was_fed(encoding: str, fits: bool) -> None:
    """A long run is written out piece by piece, and its last byte may be read long before that is done."""
    for extra in range(1, 600, 23):
        body = bytes(PIECE + extra)
        packed = bare_deflate(body) if encoding == "bare" else PACKERS[encoding](body)
        name = "deflate" if encoding == "bare" else encoding
        if fits:
            assert await read_capped(chunks(packed, CAP), name, len(body)) == body
        else:
            with pytest.raises(BodyTooLarge):
                await read_capped(chunks(packed, CAP), name, len(body) - 1)
