"""Creating, polling and reading a report, over real TCP and a virtual clock."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from sms_traffic_async.errors import (
    ConfigurationError,
    DeadlineExceeded,
    LocalProtocolError,
    ReportGone,
    RequestFailed,
    RequestRefused,
)
from sms_traffic_async.protocols.http_v2.reports.link import REPORT_DEADLINE, ReportTicket
from sms_traffic_async.protocols.http_v2.reports.rows import DEFAULT_FIELDS
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http_v2.reports.support import (
    API_KEY,
    GONE,
    ID,
    NOT_READY,
    Answer,
    ReportNode,
    csv_answer,
    desk,
    json_answer,
)
from tests.support.virtual_loop import virtual

pytestmark = virtual

FIELDS = ("id", "submission_date", "message", "status")
CSV = b"12345;2021-01-01T00:00:00+03:00;hello world;Delivered"


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_the_documents_example() -> None:
    headers = {"Content-Disposition": f'attachment; filename="{ID}.csv"'}
    async with ReportNode([csv_answer(CSV, headers=headers)]) as node, desk(node.url) as at:
        report = at.report(since=datetime(2025, 1, 1, tzinfo=UTC), fields=FIELDS)
        async with report:
            assert report.ticket == ReportTicket(report_id=ID, node=node.url.removeprefix("http://"))
            rows = [row async for row in report]
        assert [row.raw for row in rows] == [("12345", "2021-01-01T00:00:00+03:00", "hello world", "Delivered")]
        assert rows[0].status == "Delivered"
        assert report.rows == 1
        assert report.total is None
        made, fetched = node.got
        assert (made.method, made.path) == ("POST", "/v2/report")
        assert made.headers["content-type"] == "application/json"
        assert made.body == {"from": "2025-01-01T03:00:00+03:00", "fields": list(FIELDS), "format": "csv"}
        assert (fetched.method, fetched.path) == ("GET", f"/v2/report/{ID}")
        assert "range" not in fetched.headers
        for got in node.got:
            assert got.headers["authorization"] == f"Bearer {API_KEY}"
            assert got.headers["accept-encoding"] == "identity"


async def test_long_polls_of_five_minutes_each() -> None:
    polls = [Answer(status=204, wait=299.0) for _ in range(10)]
    async with ReportNode([*polls, csv_answer(CSV, wait=299.0)]) as node, ReportNode() as other:
        async with desk(node.url, other.url) as at, at.report(fields=FIELDS) as report:
            began = now()
            assert len([row async for row in report]) == 1
            assert now() - began == pytest.approx(11 * 299.0 + 10, abs=1.0)
        times = [got.at for got in node.gets]
        assert all(later - earlier >= 299.0 + 1.0 for earlier, later in pairwise(times))
        assert other.got == []


async def test_two_polls_are_at_least_a_second_apart() -> None:
    async with ReportNode([NOT_READY] * 5 + [csv_answer(CSV)]) as node:
        async with desk(node.url) as at, at.report(fields=FIELDS) as report:
            assert len([row async for row in report]) == 1
        times = [got.at for got in node.gets]
        assert [round(later - earlier, 3) for earlier, later in pairwise(times)] == [1.0] * 5


async def test_a_report_that_is_gone() -> None:
    async with ReportNode([json_answer(GONE, status=404)]) as node, ReportNode() as other:
        async with desk(node.url, other.url) as at, at.report() as report:
            with pytest.raises(ReportGone, match="7 days") as caught:
                await anext(report)
            assert caught.value.code == 1
            assert caught.value.operation == "v2.report"
            assert caught.value.node == node.url.removeprefix("http://")
            with pytest.raises(RequestFailed, match="ended before"):
                await anext(report)
        assert len(node.gets) == 1
        assert other.got == []


@pytest.mark.parametrize("form, least", [("7", 7.0), ("0", 0.25), (None, 1.0)])
async def test_429_waits_as_told_on_the_same_node(form: str | None, least: float) -> None:
    refusal = Answer(status=429, headers={} if form is None else {"Retry-After": form})
    async with ReportNode([refusal, refusal, csv_answer(CSV)]) as node, ReportNode() as other:
        async with desk(node.url, other.url) as at, at.report(fields=FIELDS) as report:
            assert len([row async for row in report]) == 1
        times = [got.at for got in node.gets]
        assert times[1] - times[0] >= least
        assert times[1] - times[0] <= 2 * least + 0.01
        assert times[2] - times[1] >= least
        assert other.got == []


async def test_429_counted_per_node_leaves_the_other_free() -> None:
    busy = [Answer(status=429, headers={"Retry-After": "60"})]
    options = HttpOptions(limits_are_per_node=True)
    async with ReportNode(posts=busy) as node, ReportNode([csv_answer(CSV)]) as other:
        async with desk(node.url, other.url, http=options) as at:
            began = now()
            async with at.report(fields=FIELDS) as report:
                assert len([row async for row in report]) == 1
            assert now() - began < 1
        assert [got.method for got in other.got] == ["POST", "GET"]


async def test_429_past_the_deadline_fails_at_once() -> None:
    async with (
        ReportNode([Answer(status=429, headers={"Retry-After": "100"})]) as node,
        desk(node.url) as at,
        at.report(timeout=50) as report,
    ):
        began = now()
        with pytest.raises(RequestRefused) as caught:
            await anext(report)
        assert now() - began < 1
        assert caught.value.retry_after == pytest.approx(100, rel=0.2)


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(status=503),
        Answer(status=500, body=b"<html>oops"),
        Answer(status=502),
        Answer(status=408),
        Answer(cut=0, how="fin", length=10),
        Answer(cut=0, how="rst", length=10),
        Answer(status=200, headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<html>proxy</html>"),
        Answer(status=206, headers={"Content-Range": "bytes 5-9/10"}, body=b"12345"),
        Answer(status=200, headers={"Content-Type": "application/json"}, body=b'{"code":0}'),
        Answer(status=202, body=b""),
        csv_answer(b"garbage", headers={"Content-Encoding": "br"}),
        csv_answer(b"garbage", headers={"Content-Encoding": "gzip"}),
    ],
)
async def test_trouble_is_retried_on_the_same_node(trouble: Answer) -> None:
    async with ReportNode([trouble, trouble, csv_answer(CSV)]) as node, ReportNode() as other:
        async with desk(node.url, other.url) as at, at.report(fields=FIELDS) as report:
            assert len([row async for row in report]) == 1
        assert len(node.gets) == 3
        assert len({got.at for got in node.gets}) == 3
        assert other.got == []
        assert await node.quiet() == 0


async def test_trouble_without_end_is_given_up_after_the_policys_attempts() -> None:
    async with ReportNode(lambda _got: Answer(status=503)) as node, desk(node.url) as at, at.report() as report:
        with pytest.raises(RequestFailed, match="HTTP 503"):
            await anext(report)
        assert len(node.gets) == at.settings.retry.max_attempts


@pytest.mark.parametrize(
    "answer, error, code",
    [
        (Answer(status=403, body=b"no"), RequestRefused, 403),
        (Answer(status=401), RequestRefused, 401),
        (Answer(status=307, headers={"Location": "http://127.0.0.1:9/"}), RequestRefused, None),
        (json_answer({"code": 5, "description": "failed"}), RequestRefused, 5),
        (json_answer({"success": False, "error": {"code": 403, "message": "Access denied"}}), RequestRefused, 403),
        (json_answer({"code": 403, "description": "x"}, status=400), RequestRefused, 403),
    ],
)
async def test_no_means_no(answer: Answer, error: type[Exception], code: int | None) -> None:
    async with ReportNode([answer]) as node:
        async with desk(node.url) as at, at.report() as report:
            with pytest.raises(error) as caught:
                await anext(report)
            assert caught.value.code == code  # type: ignore[attr-defined] # a RequestError
        assert len(node.gets) == 1


async def test_unanswered_creation_is_repeated_on_either_node() -> None:
    lost = Answer(cut=0, length=10)
    async with ReportNode(posts=[lost]) as node, ReportNode([csv_answer(CSV)]) as other:
        async with desk(node.url, other.url) as at, at.report(fields=FIELDS) as report:
            assert report.ticket is not None
            assert report.ticket.node == other.url.removeprefix("http://")
            assert len([row async for row in report]) == 1
        assert [got.method for got in node.got] == ["POST"]
        assert [got.method for got in other.got] == ["POST", "GET"]


async def test_temporary_error_is_repeated_on_the_other_node() -> None:
    busy = json_answer({"code": 1000, "description": "Temporary error"})
    async with ReportNode(posts=[busy]) as node, ReportNode([csv_answer(CSV)]) as other:
        async with desk(node.url, other.url) as at, at.report(fields=FIELDS) as report:
            assert len([row async for row in report]) == 1
        assert len(node.posts) == len(other.posts) == 1


async def test_temporary_error_without_end() -> None:
    busy = json_answer({"code": 1000, "description": "Temporary error"})
    async with ReportNode(posts=lambda _got: busy) as node, desk(node.url) as at:
        with pytest.raises(RequestRefused, match="1000") as caught:
            await at.report(timeout=20).__aenter__()
        assert caught.value.code == 1000
        assert len(node.posts) > 1


@pytest.mark.parametrize(
    "answer, error, code",
    [
        (json_answer({"code": 103, "description": "bad"}), RequestRefused, 103),
        (json_answer({"success": False, "error": {"code": 403, "message": "Access denied"}}), RequestRefused, 403),
        (Answer(status=403), RequestRefused, 403),
        (Answer(status=404), RequestRefused, None),
    ],
)
async def test_creation_that_is_refused(answer: Answer, error: type[Exception], code: int | None) -> None:
    async with ReportNode(posts=[answer]) as node, desk(node.url) as at:
        with pytest.raises(error) as caught:
            async with at.report():
                raise AssertionError
        assert type(caught.value) is error
        assert caught.value.code == code  # type: ignore[attr-defined] # a RequestError
        assert len(node.got) == 1


async def test_answer_that_promises_nothing_is_no_creation() -> None:
    odd = [json_answer(b'{"code":0,"reportId":"../secret"}'), Answer(body=b"<html>"), json_answer(b"[]")]
    async with ReportNode([csv_answer(CSV)], [*odd, json_answer({"code": 0, "report_id": "a-1"})]) as node:
        async with desk(node.url) as at, at.report(fields=FIELDS) as report:
            assert len([row async for row in report]) == 1
        assert len(node.posts) == 4
        assert node.gets[0].path == "/v2/report/a-1"


async def test_deadline_while_the_report_is_not_ready() -> None:
    async with ReportNode(lambda _got: Answer(status=204, wait=100.0)) as node, desk(node.url) as at:
        async with at.report(timeout=250) as report:
            began = now()
            with pytest.raises(DeadlineExceeded) as caught:
                await anext(report)
            assert now() - began == pytest.approx(250, abs=2)
            assert isinstance(caught.value, TimeoutError)
        assert await node.quiet() == 1  # the POST's own


async def test_deadline_in_the_pause_between_two_polls_keeps_the_ticket() -> None:
    async with ReportNode(lambda _got: NOT_READY) as node, desk(node.url) as at:
        async with at.report(timeout=2.5) as report:
            with pytest.raises(DeadlineExceeded, match="not ready in time") as caught:
                await anext(report)
            assert caught.value.last == report.ticket
        assert len(node.gets) == 3


async def test_deadline_in_the_middle_of_the_body() -> None:
    async with ReportNode([csv_answer(CSV + b"\n" + CSV, cut=60, how="hang")]) as node, desk(node.url) as at:
        async with at.report(timeout=30, fields=FIELDS) as report:
            assert (await anext(report)).id == "12345"
            began = now()
            with pytest.raises(DeadlineExceeded):
                await anext(report)
            assert now() - began == pytest.approx(30, abs=1)
        assert await node.quiet() == 1


async def test_without_a_timeout_an_hour_is_given() -> None:
    async with (
        ReportNode(lambda _got: Answer(status=204, wait=290.0)) as node,
        desk(node.url) as at,
        at.report() as report,
    ):
        began = now()
        with pytest.raises(DeadlineExceeded):
            await anext(report)
        assert now() - began == pytest.approx(REPORT_DEADLINE, abs=2)


async def test_silence_past_the_read_timeout_is_retried() -> None:
    async with ReportNode([Answer(wait=400.0), csv_answer(CSV)]) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            began = now()
            assert len([row async for row in report]) == 1
            assert 330 <= now() - began < 340
        assert len(node.gets) == 2


@pytest.mark.parametrize("chunked", [None, 1, 100])
async def test_compressed_answer(chunked: int | None) -> None:
    body = gzip.compress(b"\n".join([CSV] * 500))
    async with (
        ReportNode([csv_answer(body, headers={"Content-Encoding": "gzip"}, chunked=chunked)]) as node,
        desk(node.url) as at,
        at.report(fields=FIELDS) as report,
    ):
        assert len([row async for row in report]) == 500


async def test_windows_1251_and_byte_order_mark() -> None:
    text = '1;79161112233;"Ваш код; ""1234""\nникому";;;;Delivered;SMS\n'
    for charset in ("windows-1251", "utf-8-sig", "utf-8"):
        async with (
            ReportNode([csv_answer(text.encode(charset), chunked=7)]) as node,
            desk(node.url) as at,
            at.report() as report,
        ):
            assert [row.message async for row in report] == ['Ваш код; "1234"\nникому']


async def test_a_report_of_no_rows() -> None:
    async with ReportNode([csv_answer(b"")]) as node, desk(node.url) as at, at.report() as report:
        assert [row async for row in report] == []
        with pytest.raises(StopAsyncIteration):
            await anext(report)
        assert len(node.gets) == 1


async def test_cap_of_the_settings() -> None:
    async with ReportNode([csv_answer(CSV + b"\n" + CSV)]) as node:
        async with desk(node.url, http=HttpOptions(max_report_bytes=100)) as at, at.report(fields=FIELDS) as report:
            with pytest.raises(RequestFailed, match="longer than 100 bytes"):
                await anext(report)
        assert len(node.gets) == 1
        assert await node.quiet() == 0


async def test_rows_are_not_read_ahead_without_bound() -> None:
    body = CSV.replace(b"12345", b"1") + b"\n"
    async with ReportNode([csv_answer(body * 400_000)]) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            await anext(report)
            await asyncio.sleep(5)
            # What is held is a chunk of rows; the rest waits in the sockets.
            assert report.rows == 1
            held = sum(1 for _ in report._batch)
            assert held < 5000
        assert await node.quiet() == 1  # the POST's own


async def test_leaving_the_block_early_closes_the_connection() -> None:
    async with ReportNode([csv_answer((CSV + b"\n") * 100_000)]) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            async for row in report:
                assert row.id == "12345"
                break
        assert await node.quiet() == 1  # the POST's own
        assert len(asyncio.all_tasks()) == 2  # this test, and that connection's server


async def test_a_connection_read_to_its_end_is_used_again() -> None:
    async with ReportNode(lambda _got: csv_answer(CSV)) as node, desk(node.url) as at:
        for _ in range(3):
            async with at.report(fields=FIELDS) as report:
                assert len([row async for row in report]) == 1
        assert node.open == 2


async def test_misuse_is_told() -> None:
    async with ReportNode(lambda _got: csv_answer((CSV + b"\n") * 100_000)) as node, desk(node.url) as at:
        for timeout in (0, -1, float("nan")):
            with pytest.raises(ConfigurationError, match="timeout"):
                at.report(timeout=timeout)
        report = at.report(fields=FIELDS)
        with pytest.raises(ConfigurationError, match="async with"):
            await anext(report)
        with pytest.raises(ConfigurationError, match="async with"):
            await report.save("x")
        async with report:
            with pytest.raises(ConfigurationError, match="entered once"):
                await report.__aenter__()
            await anext(report)
            with pytest.raises(LocalProtocolError, match="are being read"):
                await report.save("x")
        assert len(node.posts) == 1


async def test_two_readers_at_once_are_told() -> None:
    async with (
        ReportNode([Answer(wait=10, status=204), csv_answer(CSV)]) as node,
        desk(node.url) as at,
        at.report(fields=FIELDS) as report,
    ):
        first = asyncio.ensure_future(anext(report))
        await asyncio.sleep(1)
        with pytest.raises(LocalProtocolError, match="another task"):
            await anext(report)
        assert (await first).id == "12345"


async def test_a_report_is_not_used_after_its_block() -> None:
    async with ReportNode(lambda _got: csv_answer(CSV)) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as unread:
            pass
        async with at.report(fields=FIELDS) as begun:
            await anext(begun)
        for report in (unread, begun):
            with pytest.raises(ConfigurationError, match="async with"):
                await anext(report)
            with pytest.raises(ConfigurationError, match="async with"):
                await report.save("x")
        assert len(node.gets) == 1


async def test_block_left_under_a_reader() -> None:
    body = (CSV + b"\n") * 2
    async with ReportNode([csv_answer(body, wait=10)]) as node, desk(node.url) as at:
        async with at.report(fields=FIELDS) as report:
            reading = asyncio.ensure_future(anext(report))
            await asyncio.sleep(1)
        assert (await reading).id == "12345"
        assert (await anext(report)).id == "12345"
        with pytest.raises(ConfigurationError, match="async with"):
            await anext(report)


async def test_ticket_reads_a_report_again() -> None:
    async with ReportNode() as node, ReportNode([csv_answer(CSV)]) as other, desk(node.url, other.url) as at:
        ticket = ReportTicket(report_id="kept-1", node=other.url.removeprefix("http://"))
        async with at.report(ticket=ticket, fields=FIELDS) as report:
            assert report.ticket == ticket
            assert len([row async for row in report]) == 1
        assert node.got == []
        assert [(got.method, got.path) for got in other.got] == [("GET", "/v2/report/kept-1")]
        for bad, said in (
            (ReportTicket(report_id="kept-1", node="elsewhere"), "not a node"),
            (ReportTicket(report_id="a/b", node=ticket.node), "report id"),
            (ReportTicket(report_id="", node=ticket.node), "report id"),
        ):
            with pytest.raises(ConfigurationError, match=said):
                at.report(ticket=bad)
        with pytest.raises(ConfigurationError, match="many jobs"):
            at.report(ticket=ticket, format="json")


async def test_session_that_closes_interrupts() -> None:
    async with ReportNode([Answer(wait=300.0, status=204)]) as node, desk(node.url) as at:
        async with at.report() as report:
            reading = asyncio.ensure_future(anext(report))
            await asyncio.sleep(10)
            await at.life.close(5.0)
            with pytest.raises(RequestFailed, match="session was closed"):
                await reading
        with pytest.raises(RequestFailed, match="session was closed"):
            await at.report().__aenter__()
        assert await node.quiet() == 1


async def test_no_place_for_the_creation_until_the_deadline() -> None:
    async with ReportNode() as node, desk(node.url) as at:
        for _ in range(at.settings.http.in_flight):
            await at.pool.places.acquire()
        began = now()
        with pytest.raises(RequestFailed, match="no free connection in time"):
            await at.report(timeout=20).__aenter__()
        assert now() - began == pytest.approx(20, abs=1)
        assert node.got == []


async def test_fields_are_always_said() -> None:
    async with ReportNode([csv_answer(b"")]) as node, desk(node.url) as at, at.report():
        assert node.posts[0].body["fields"] == list(DEFAULT_FIELDS)


async def test_department_of_the_main_account_is_said() -> None:
    async with ReportNode([csv_answer(b"")]) as node, desk(node.url) as at, at.report(department=""):
        assert node.posts[0].body["department"] == ""


async def test_telemetry_counts() -> None:
    seen: list[Any] = []
    async with ReportNode([NOT_READY, Answer(status=503), csv_answer(CSV)]) as node, desk(node.url) as at:
        at.telemetry.hooks = (seen.append,)
        async with at.report(fields=FIELDS) as report:
            assert len([row async for row in report]) == 1
        assert [event.operation for event in seen] == ["v2.report"] * 4
        assert [event.status for event in seen] == [200, 204, 503, 200]
        assert at.telemetry.stats.counters["policy.repeat.ambiguous"] == 1
