"""Zip reports over the wire: unpacked as a stream, under caps, without stopping the loop."""

from __future__ import annotations

import asyncio
import io
import struct
import zipfile
import zlib

import pytest

from sms_traffic_async.errors import RequestFailed
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http_v2.reports.support import Answer, ReportNode, desk, json_answer
from tests.support.virtual_loop import virtual

pytestmark = virtual

FIELDS = ("id", "message", "status")
BODY = "".join(f"{number};Код {number * 7919};Read\n" for number in range(20_000)).encode("windows-1251")


def zip_answer(body: bytes, **rest: object) -> Answer:
    return Answer(body=body, headers={"Content-Type": "application/zip"}, **rest)  # type: ignore[arg-type] # fields of Answer


def packed(body: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../report.csv", body)
    return out.getvalue()


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    line = b"1;" + b"x" * 1000 + b";Read\n"
    block = line * 1040
    body = b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])
    return struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 20, 8, 8, 0, 0, 0, 0, 0, 1, 0) + b"a" + body


async def test_rows_of_a_zip() -> None:
    async with ReportNode([zip_answer(packed(BODY))]) as node, desk(node.url) as at:
        async with at.report(format="zip", fields=FIELDS) as report:
            rows = [row async for row in report]
        assert node.posts[0].body["format"] == "zip"
    assert len(rows) == 20_000
    assert rows[-1].message == f"Код {19_999 * 7919}"


async def test_bomb_is_stopped() -> None:
    data = bomb(300)
    assert len(data) < 1_000_000
    async with ReportNode([zip_answer(data)]) as node, desk(node.url) as at:
        async with at.report(format="zip", fields=FIELDS) as report:
            with pytest.raises(RequestFailed, match="400 times"):
                async for _ in report:
                    pass
        assert len(node.gets) == 1
    assert await node.quiet() == 0


async def test_cap_holds_for_what_it_unpacks_to() -> None:
    options = HttpOptions(max_report_bytes=300_000)
    async with (
        ReportNode([zip_answer(packed(BODY))]) as node,
        desk(node.url, http=options) as at,
        at.report(format="zip", fields=FIELDS) as report,
    ):
        with pytest.raises(RequestFailed, match="unpacks to more than 300000 bytes"):
            async for _ in report:
                pass
        assert report.rows > 0


async def test_others_have_their_turn_while_it_unpacks() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with ReportNode([zip_answer(bomb(30))]) as node, desk(node.url) as at:
        watching = asyncio.ensure_future(other())
        async with at.report(format="zip", fields=FIELDS) as report:
            await anext(report)
            before = turns
            for _ in range(25_000):
                await anext(report)
        watching.cancel()
    # 25 MB come out of two pieces of the wire: without turns in between there would be none or two.
    assert turns - before > 50


@pytest.mark.parametrize(
    "answer, said",
    [
        (zip_answer(BODY), "does not begin as one"),
        (zip_answer(packed(BODY)[:-2000]), "in the middle"),
        (zip_answer(b""), "in the middle"),
    ],
)
async def test_no_zip(answer: Answer, said: str) -> None:
    async with ReportNode([answer]) as node, desk(node.url) as at:
        async with at.report(format="zip", fields=FIELDS) as report:
            with pytest.raises(RequestFailed, match=said):
                async for _ in report:
                    pass
        assert len(node.gets) == 1


async def test_damage_at_the_end_is_told_after_the_rows() -> None:
    data = bytearray(packed(BODY))
    struct.pack_into("<L", data, 14, 12345)  # the checksum
    async with (
        ReportNode([zip_answer(bytes(data))]) as node,
        desk(node.url) as at,
        at.report(format="zip", fields=FIELDS) as report,
    ):
        with pytest.raises(RequestFailed, match="checksum"):
            async for _ in report:
                pass


async def test_refusal_instead_of_a_zip() -> None:
    async with (
        ReportNode([json_answer({"code": 5, "description": "no"})]) as node,
        desk(node.url) as at,
        at.report(format="zip") as report,
    ):
        with pytest.raises(Exception, match="code 5"):
            await anext(report)
