"""JSON reports: one page as asked for, or every row by jobs of a frozen window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from sms_traffic_async.errors import RequestFailed, RequestRefused
from sms_traffic_async.protocols.http_v2.reports.source import PAGE_LIMIT
from tests.protocols.http_v2.reports.support import Answer, Got, ReportNode, desk, json_answer
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

START = datetime(2025, 1, 1, tzinfo=UTC)
FIELDS = ("id", "message", "status")


class Platform:
    """Answers jobs from a table of (moment, cells by name), as the document says: both ends inclusive."""

    def __init__(self, rows: int, *, seconds: float = 1.0) -> None:
        self.table = [
            (
                START + timedelta(seconds=number * seconds),
                {"id": f"{number:019d}", "message": f"т{number}", "status": "Read"},
            )
            for number in range(rows)
        ]
        self.jobs: list[dict[str, Any]] = []

    def post(self, got: Got) -> Answer:
        self.jobs.append(got.body)
        return json_answer({"code": 0, "description": "", "reportId": str(len(self.jobs) - 1)})

    def get(self, got: Got) -> Answer:
        job = self.jobs[int(got.path.rpartition("/")[2])]
        since = datetime.fromisoformat(job["from"]) if "from" in job else datetime.min.replace(tzinfo=UTC)
        until = datetime.fromisoformat(job["to"])
        chosen = [[cells[name] for name in job["fields"]] for at, cells in self.table if since <= at <= until]
        page = chosen[job["offset"] : job["offset"] + job["limit"]]
        return json_answer({"count": len(chosen), "messages": page})

    def node(self) -> ReportNode:
        return ReportNode(self.get, self.post)


@pytest.mark.parametrize("rows, jobs", [(0, 1), (1000, 1), (1001, 2), (2000, 2), (2001, None), (7000, None)])
async def test_every_row_comes_once_and_in_order(rows: int, jobs: int | None) -> None:
    platform = Platform(rows, seconds=0.5)
    until = START + timedelta(days=1)
    async with platform.node() as node, ReportNode() as other, desk(node.url, other.url) as at:
        async with at.report(format="json", since=START, until=until, fields=FIELDS) as report:
            found = [row.raw async for row in report]
            assert report.total == rows
        assert found == [tuple(cells[name] for name in FIELDS) for _, cells in platform.table]
        if jobs is not None:
            assert len(platform.jobs) == jobs
        for job in platform.jobs:
            assert job["limit"] == 1000
            assert job["offset"] in {0, 1000}
            assert job["format"] == "json"
        # One node made them all.
        assert other.got == []


async def test_the_end_is_frozen_at_the_beginning() -> None:
    platform = Platform(1500)
    clock = VirtualClock()
    async with platform.node() as node, desk(node.url, clock=clock) as at:
        wall = clock.wall()
        async with at.report(format="json", since=START, fields=FIELDS) as report:
            assert len([row async for row in report]) == 1500
        ends = {job["to"] for job in platform.jobs}
        assert len(platform.jobs) == 2
        assert [datetime.fromisoformat(end).timestamp() for end in ends] == [pytest.approx(wall, abs=0.001)]


async def test_without_a_beginning() -> None:
    platform = Platform(5000, seconds=3600)
    async with platform.node() as node, desk(node.url) as at:
        async with at.report(format="json", fields=FIELDS) as report:
            assert len({row.id async for row in report}) == report.rows == 5000
        assert len(platform.jobs) < 40


async def test_ids_are_asked_for_and_not_handed_out() -> None:
    platform = Platform(2500)
    async with platform.node() as node, desk(node.url) as at:
        async with at.report(format="json", since=START, fields=("status", "message")) as report:
            rows = [row async for row in report]
        assert [row.raw for row in rows] == [(cells["status"], cells["message"]) for _, cells in platform.table]
        assert rows[0].fields == ("status", "message")
        assert platform.jobs[0]["fields"] == ["status", "message", "id"]


async def test_filters_stand_in_every_job() -> None:
    platform = Platform(3000)
    filters: dict[str, Any] = {
        "originator": "SMS",
        "subscriber": "79161112233",
        "type": "mt",
        "status": "read",
        "channels": ["sms"],
        "department": "",
    }
    async with (
        platform.node() as node,
        desk(node.url) as at,
        at.report(format="json", since=START, fields=FIELDS, **filters) as report,
    ):
        assert len([row async for row in report]) == 3000
    assert len(platform.jobs) > 4
    for job in platform.jobs:
        assert {name: job[name] for name in filters} == filters


@pytest.mark.parametrize("given", [{"limit": 5}, {"offset": 7}, {"limit": 1000, "offset": 1000}])
async def test_a_page_as_asked_for(given: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    page = {"count": 2001, "messages": [["1", "text", "Read"], ["1", "text", "Read"]]}
    async with ReportNode([json_answer(page)]) as node, desk(node.url) as at:
        async with at.report(format="json", fields=FIELDS, **given) as report:
            # What the caller asked for page by page is theirs: nothing is dropped.
            assert len([row async for row in report]) == 2
            assert report.total == 2001
        body = node.posts[0].body
        assert {name: body[name] for name in ("limit", "offset") if name in body} == given
    assert "2001 rows" in caplog.text


async def test_documents_cells() -> None:
    body = b'{"count":1,"messages":[[{"12345"}, {"2021-01-01T00:00:00+03:00"}, {"hello world"}, {"Delivered"}]]}'
    async with ReportNode([json_answer(body)]) as node, desk(node.url) as at:
        fields = ("id", "submission_date", "message", "status")
        async with at.report(format="json", limit=50, fields=fields) as report:
            rows = [row async for row in report]
    assert rows[0].raw == ("12345", "2021-01-01T00:00:00+03:00", "hello world", "Delivered")
    assert rows[0].submission_date == datetime(2020, 12, 31, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    "answer, error, said",
    [
        (json_answer({"code": 7, "description": "x"}), RequestRefused, "code 7"),
        (json_answer(b"[]"), RequestFailed, "not a readable json report"),
        (json_answer(b'{"count":1,"mess'), RequestFailed, "not a readable json report"),
        (json_answer({"count": 3, "messages": [["1"]]}), RequestFailed, "does not add up"),
    ],
)
async def test_page_that_is_none(answer: Answer, error: type[Exception], said: str) -> None:
    async with ReportNode([answer]) as node, desk(node.url) as at:
        async with at.report(format="json") as report:
            with pytest.raises(error, match=said):
                await anext(report)
        assert len(node.gets) == 1


async def test_page_past_the_limit() -> None:
    body = b'{"count":1,"messages":[["' + b"x" * PAGE_LIMIT + b'"]]}'
    async with ReportNode([json_answer(body)]) as node, desk(node.url) as at, at.report(format="json") as report:
        with pytest.raises(RequestFailed, match=f"longer than {PAGE_LIMIT} bytes"):
            await anext(report)


async def test_every_row_is_saved_as_one_document(tmp_path: Path) -> None:
    platform = Platform(2500)
    async with (
        platform.node() as node,
        desk(node.url) as at,
        at.report(format="json", since=START, fields=("status", "message")) as report,
    ):
        saved = await report.save(tmp_path / "all.json")
    document = orjson.loads(saved.path.read_bytes())
    assert document == {"count": 2500, "messages": [[cells["status"], cells["message"]] for _, cells in platform.table]}
    assert saved.size == saved.path.stat().st_size


@pytest.mark.parametrize("rows", [0, 1])
async def test_few_rows_are_saved(rows: int, tmp_path: Path) -> None:
    async with (
        Platform(rows).node() as node,
        desk(node.url) as at,
        at.report(format="json", since=START, fields=("id",)) as report,
    ):
        saved = await report.save(tmp_path / "all.json")
    assert orjson.loads(saved.path.read_bytes())["count"] == rows


async def test_rows_and_then_the_file() -> None:
    platform = Platform(10)
    async with platform.node() as node, desk(node.url) as at:
        async with at.report(format="json", since=START, fields=FIELDS) as report:
            assert len([row async for row in report]) == 10
            with pytest.raises(StopAsyncIteration):
                await anext(report)
        assert len(node.posts) == 1


async def test_trouble_in_the_middle_of_the_jobs() -> None:
    platform = Platform(2500)
    faults: list[Answer] = [Answer(status=503), Answer(status=204), Answer(cut=0, length=5)]

    def some(through: Callable[[Got], Answer]) -> Callable[[Got], Answer]:
        def answer(got: Got) -> Answer:
            if len(node.got) % 5 == 3 and faults:
                return faults.pop()
            return through(got)

        return answer

    async with (
        ReportNode(some(platform.get), some(platform.post)) as node,
        desk(node.url) as at,
        at.report(format="json", since=START, fields=FIELDS) as report,
    ):
        assert len({row.id async for row in report}) == 2500
    assert faults == []
