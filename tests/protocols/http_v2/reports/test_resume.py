"""Downloads that break: gone on with by Range, or from the start, on the same node, losing and doubling nothing."""

from __future__ import annotations

import asyncio
import gzip
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from sms_traffic_async.errors import ReportGone, RequestFailed
from tests.protocols.http_v2.reports.support import (
    NOT_READY,
    Answer,
    Got,
    ReportNode,
    csv_answer,
    desk,
    json_answer,
    part_of,
)
from tests.support.cuts import cut_points
from tests.support.virtual_loop import virtual

pytestmark = virtual

FIELDS = ("id", "message", "status")
ROWS = [(str(number), f'Код {number}; "не говорите"\nникому', "Delivered") for number in range(4000)]
BODY = "".join('{};"{}";{}\n'.format(row[0], row[1].replace('"', '""'), row[2]) for row in ROWS).encode()


def zipped(body: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.csv", body)
    return out.getvalue()


class Cutting:
    """Gives the report, but cuts every answer after some bytes of it; ranges are granted or not."""

    def __init__(
        self,
        body: bytes,
        *cuts: int,
        granted: bool = True,
        how: Any = "fin",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.body = body
        self.cuts = list(cuts)
        self.granted = granted
        self.how = how
        self.headers = headers

    def __call__(self, got: Got) -> Answer:
        cut = self.cuts.pop(0) if self.cuts else None
        if self.granted and "range" in got.headers:
            return part_of(self.body, got, cut=cut, how=self.how)
        return csv_answer(self.body, cut=cut, how=self.how, headers=dict(self.headers))


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("granted", [True, False])
async def test_rows_go_on_after_losses(granted: bool, how: str) -> None:
    sizes = (100_000, 1, 50_000) if granted else (100_000, 100_001, 150_000)
    async with ReportNode(Cutting(BODY, *sizes, granted=granted, how=how)) as node, ReportNode() as other:
        async with desk(node.url, other.url) as at, at.report(fields=FIELDS) as report:
            assert [row.raw async for row in report] == ROWS
        ranges = [got.headers.get("range") for got in node.gets]
        assert ranges == [None, "bytes=100000-", "bytes=100001-", f"bytes={150_001 if granted else 150_000}-"]
        assert other.got == []
        assert await node.quiet() == 0


@pytest.mark.parametrize("granted", [True, False])
async def test_file_goes_on_after_losses(granted: bool, tmp_path: Path) -> None:
    sizes = (100_000, 1, 50_000) if granted else (100_000, 100_001, 150_000)
    async with ReportNode(Cutting(BODY, *sizes, granted=granted)) as node:
        async with desk(node.url) as at, at.report(fields=FIELDS) as report:
            saved = await report.save(tmp_path / "r.csv")
        assert saved.path.read_bytes() == BODY
        assert saved.size == len(BODY)
        assert saved.resumed == 3
        assert list(tmp_path.iterdir()) == [saved.path]


@pytest.mark.parametrize("granted", [True, False])
async def test_every_cut_of_a_small_report(granted: bool) -> None:
    body = BODY[:180] + b'x";Read\n'
    cutting = Cutting(body, granted=granted)
    async with ReportNode(cutting) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            whole = [row.raw async for row in report]
        assert len(whole) > 2
        for count, cut in enumerate(cut_points(len(body)), 1):
            cutting.cuts = [cut]
            async with at.report(fields=FIELDS) as report:
                assert [row.raw async for row in report] == whole
            assert len(node.gets) == 1 + 2 * count


async def test_zip_goes_on_after_losses(tmp_path: Path) -> None:
    packed = zipped(BODY)
    async with (
        ReportNode(Cutting(packed, 10, 1000, 5, 7000)) as node,
        desk(node.url) as at,
        at.report(fields=FIELDS, format="zip") as report,
    ):
        assert [row.raw async for row in report] == ROWS
    async with (
        ReportNode(Cutting(packed, 10, 1000, granted=False)) as node,
        desk(node.url) as at,
        at.report(fields=FIELDS, format="zip") as report,
    ):
        saved = await report.save(tmp_path / "r.zip")
    with zipfile.ZipFile(saved.path) as archive:
        assert archive.read("report.csv") == BODY


async def test_a_link_that_always_breaks_is_given_up(tmp_path: Path) -> None:
    async with ReportNode(lambda _got: csv_answer(BODY, cut=100_000)) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            with pytest.raises(RequestFailed, match="cut off"):
                await report.save(tmp_path / "r.csv")
        assert len(node.gets) == 12
        node.got.clear()
        async with at.report(fields=FIELDS) as report:
            began = asyncio.get_running_loop().time()
            with pytest.raises(RequestFailed, match="cut off"):
                async for _ in report:
                    pass
            assert 0 < report.rows < len(ROWS)
            assert asyncio.get_running_loop().time() - began > 1
        # The first answer's loss counts as the first attempt.
        assert len(node.gets) == 12


async def test_progress_is_not_given_up() -> None:
    body = BODY[:30_000].rpartition(b"\n")[0]

    def a_thousand_each(got: Got) -> Answer:
        if "range" in got.headers:
            return part_of(body, got, cut=1000)
        return csv_answer(body, cut=1000)

    async with ReportNode(a_thousand_each) as node, desk(node.url) as at, at.report(fields=("id", "x")[:1]) as report:
        saved = [row async for row in report]
    assert len(node.gets) == len(body) // 1000 + 1
    assert saved


async def test_range_from_elsewhere_is_not_believed() -> None:
    def odd(got: Got) -> Answer:
        tries = len(node.gets)
        if tries == 1:
            return csv_answer(BODY, cut=50_000)
        if tries == 2:
            headers = {"Content-Range": f"bytes 0-9/{len(BODY)}", "Content-Type": "text/csv"}
            return Answer(status=206, body=BODY[:10], headers=headers)
        assert "range" not in got.headers
        return csv_answer(BODY)

    async with ReportNode(odd) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        assert [row.raw async for row in report] == ROWS
    assert len(node.gets) == 3


@pytest.mark.parametrize("content_range", ["", "bytes */10", "items 50000-60000/70000", "bytes 50000-60000/1"])
async def test_range_that_says_nothing_is_not_believed(content_range: str) -> None:
    def odd(_got: Got) -> Answer:
        tries = len(node.gets)
        if tries == 2:
            return Answer(status=206, body=b"junk", headers={"Content-Range": content_range})
        return csv_answer(BODY, cut=50_000 if tries == 1 else None)

    async with ReportNode(odd) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        assert [row.raw async for row in report] == ROWS


async def test_nothing_left_to_go_on_with() -> None:
    # The body came whole, but its end was lost: chunked, and the last chunk is missing.
    chunked = csv_answer(BODY, chunked=5000, cut=-len(b"0\r\n\r\n"))

    def scripted(got: Got) -> Answer:
        tries = len(node.gets)
        if tries == 1:
            return chunked
        if "range" in got.headers:
            return Answer(status=416, headers={"Content-Range": f"bytes */{len(BODY)}"})
        return csv_answer(BODY)

    async with ReportNode(scripted) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        assert [row.raw async for row in report] == ROWS
    assert [got.headers.get("range") is None for got in node.gets] == [True, False, True]


async def test_report_that_changed_is_not_patched_together(tmp_path: Path) -> None:
    def changing(got: Got) -> Answer:
        return csv_answer(BODY, cut=50_000) if len(node.gets) == 1 else csv_answer(BODY + b"more")

    async with ReportNode(changing) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        with pytest.raises(RequestFailed, match="changed while it was read"):
            async for _ in report:
                pass
    async with ReportNode(changing) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        saved = await report.save(tmp_path / "r.csv")
    assert saved.path.read_bytes() == BODY + b"more"


async def test_proxy_page_is_not_taken_for_another_report(tmp_path: Path) -> None:
    answers = [
        csv_answer(BODY, cut=50_000),
        Answer(headers={"Content-Type": "text/html"}, body=b"<html>login</html>"),
        csv_answer(BODY),
    ]
    async with ReportNode(answers * 2) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        assert [row.raw async for row in report] == ROWS
        saved = await report.save(tmp_path / "r.csv")
    assert saved.path.read_bytes() == BODY


async def test_report_that_changes_all_the_time_is_given_up(tmp_path: Path) -> None:
    def changing(_got: Got) -> Answer:
        return csv_answer(BODY, cut=50_000, headers={"ETag": f'"{len(node.gets)}"'})

    async with ReportNode(changing) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        with pytest.raises(RequestFailed, match="changed while it was read"):
            await report.save(tmp_path / "r.csv")
    assert len(node.gets) == 5


async def test_report_that_shrank_is_told() -> None:
    def shrinking(_got: Got) -> Answer:
        if len(node.gets) == 1:
            return csv_answer(BODY, chunked=1000, cut=50_000)
        return csv_answer(BODY[:10_000], chunked=1000)

    async with ReportNode(shrinking) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        with pytest.raises(RequestFailed, match="changed while it was read"):
            async for _ in report:
                pass


async def test_entity_tag_guards_the_range() -> None:
    async with ReportNode(Cutting(BODY, 1000, headers={"ETag": '"v1"'})) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            assert [row.raw async for row in report] == ROWS
        assert node.gets[1].headers["if-range"] == '"v1"'
    async with ReportNode(Cutting(BODY, 1000, headers={"ETag": 'W/"v1"'})) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            assert [row.raw async for row in report] == ROWS
        assert "if-range" not in node.gets[1].headers


async def test_no_range_is_asked_of_whom_refuses_ranges() -> None:
    async with ReportNode(Cutting(BODY, 1000, headers={"Accept-Ranges": "none"})) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            assert [row.raw async for row in report] == ROWS
        assert "range" not in node.gets[1].headers


async def test_no_range_is_asked_of_a_compressed_answer() -> None:
    packed = gzip.compress(BODY)

    def scripted(_got: Got) -> Answer:
        cut = len(packed) // 2 if len(node.gets) == 1 else None
        return csv_answer(packed, cut=cut, headers={"Content-Encoding": "gzip"})

    async with ReportNode(scripted) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        assert [row.raw async for row in report] == ROWS
    assert "range" not in node.gets[1].headers


async def test_not_ready_again_after_a_loss() -> None:
    def scripted(got: Got) -> Answer:
        tries = len(node.gets)
        if tries == 1:
            return csv_answer(BODY, cut=60_000)
        return NOT_READY if tries < 4 else part_of(BODY, got)

    async with ReportNode(scripted) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        assert [row.raw async for row in report] == ROWS
    assert len(node.gets) == 4


async def test_gone_after_a_loss() -> None:
    answers = [csv_answer(BODY, cut=60_000), json_answer({"code": 1}, status=404)]
    async with ReportNode(answers) as node, desk(node.url) as at, at.report(fields=FIELDS) as report:
        with pytest.raises(ReportGone, match="7 days"):
            async for _ in report:
                pass
        assert len(node.gets) == 2


async def test_json_page_goes_on_after_a_loss() -> None:
    page = b'{"count":1,"messages":[["1","text","Read"]]}'

    def scripted(got: Got) -> Answer:
        if len(node.gets) == 1:
            return json_answer(page, cut=20)
        return part_of(page, got)

    async with (
        ReportNode(scripted) as node,
        desk(node.url) as at,
        at.report(fields=FIELDS, format="json", limit=10) as report,
    ):
        assert [row.raw async for row in report] == [("1", "text", "Read")]
        assert report.total == 1
