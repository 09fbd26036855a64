"""Reports of the sandbox through a session: every filter, field, format and fault, read strictly on the other side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ReportGone, RequestFailed, RequestRefused
from sms_traffic_async.protocols.http_v2.reports.link import ReportTicket
from sms_traffic_async.protocols.http_v2.reports.query import ReportQuery
from sms_traffic_async.protocols.http_v2.reports.report import Report
from sms_traffic_async.protocols.http_v2.reports.rows import FIELDS, ReportRow
from sms_traffic_async.sandbox import Pace, Sandbox, Switches
from sms_traffic_async.sandbox.effects import Drop, Effect, Garbage, Half, ProxyPage, ServerError, Temporary, Throttle
from sms_traffic_async.sandbox.faults import FaultRule
from sms_traffic_async.sandbox.network import Cut
from sms_traffic_async.session import SmsTraffic
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600.0


@asynccontextmanager
async def platform(**options: Any) -> AsyncIterator[tuple[Sandbox, SmsTraffic]]:
    """A sandbox and a session whose clocks agree; nothing that the client does is found wanting."""
    async with Sandbox(start=START, **options) as sandbox:
        clock = VirtualClock(wall=START.timestamp())
        async with SmsTraffic(**sandbox.client_options(), clock=clock) as sms:
            yield sandbox, sms
        assert list(sandbox.findings) == []


async def fill(sandbox: Sandbox, sms: SmsTraffic) -> dict[str, str]:
    """Messages that differ in everything a report filters by; name -> id."""
    ids: dict[str, str] = {}

    async def send(name: str, to: str, text: str, **more: Any) -> None:
        ids[name] = (await sms.send(to, text, **more)).message_ids[0]

    await send("delivered", "79161112233", 'Ваш код; "1234"\nникому', batch_name="осень")
    await asyncio.sleep(HOUR)
    await send("failed", "79161119003", "no")
    await send("read", "79161119041", "read me", originator="MyCompany")
    await asyncio.sleep(HOUR)
    await send("buffered", "77011239031", "wait")
    ids["inbound"] = sandbox.platform.receive(sender="79161112233", recipient="3299", text="STOP").id
    await asyncio.sleep(HOUR)
    return ids


@pytest_asyncio.fixture
async def varied() -> AsyncIterator[tuple[SmsTraffic, Sandbox, dict[str, str]]]:
    async with platform() as (sandbox, sms):
        yield sms, sandbox, await fill(sandbox, sms)


async def rows_of(sms: SmsTraffic, **query: Any) -> list[ReportRow]:
    async with sms.v2.report(**query) as report:
        return [row async for row in report]


@pytest.mark.parametrize(
    "query, names",
    [
        ({}, "delivered failed read buffered inbound"),
        ({"since": START + timedelta(minutes=30)}, "failed read buffered inbound"),
        ({"until": START + timedelta(minutes=90)}, "delivered failed read"),
        ({"since": START + timedelta(minutes=30), "until": START + timedelta(minutes=90)}, "failed read"),
        ({"originator": "MyCompany"}, "read"),
        ({"originator": "mycompany"}, ""),
        ({"subscriber": "+7 (916) 111-22-33"}, "delivered inbound"),
        ({"subscriber": 79161112233, "type": "mt"}, "delivered"),
        ({"type": "mt"}, "delivered failed read buffered"),
        ({"type": "mo"}, "inbound"),
        ({"status": "delivered"}, "delivered read"),
        ({"status": "not_delivered"}, "failed"),
        ({"status": "read"}, "read"),
        ({"channels": ["sms", "viber"]}, "delivered failed read buffered inbound"),
        ({"channels": ["viber"]}, ""),
        ({"department": ""}, "delivered failed read buffered inbound"),
        ({"department": "sandbox:nobody"}, ""),
    ],
)
@pytest.mark.parametrize("form", ["csv", "zip", "json"])
async def test_filters(
    varied: tuple[SmsTraffic, Sandbox, dict[str, str]], form: str, query: dict[str, Any], names: str
) -> None:
    sms, _, ids = varied
    rows = await rows_of(sms, format=form, **query)
    assert [row.id for row in rows] == [ids[name] for name in names.split()]


@pytest.mark.parametrize("form", ["csv", "zip", "json"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "windows-1251"])
async def test_every_field_in_any_order(form: str, charset: Any) -> None:
    async with platform(switches=Switches(report_charset=charset)) as (sandbox, sms):
        ids = await fill(sandbox, sms)
        order = (*FIELDS[9:], *FIELDS[:9])
        rows = {row.id: row for row in await rows_of(sms, format=form, fields=order)}
    first = rows[ids["delivered"]]
    assert first.fields == order
    assert first.complete
    assert first.subscriber == "79161112233"
    assert first.message == 'Ваш код; "1234"\nникому'
    assert first.submission_date == START
    assert first.send_date is not None
    assert first.delivery_date is not None
    assert START <= first.delivery_date < START + timedelta(minutes=1)
    assert first.read_date is None
    assert first.channel == "sms"
    assert first.status == "Delivered"
    assert isinstance(first.cost, Decimal)
    assert first.originator
    assert first.ip == "127.0.0.1"
    assert first.error is None
    assert first.parts == 1
    assert first.operator_name
    assert first.country_name == "Russian Federation"
    assert first.batch_name == "осень"
    assert first.department_name == ""
    failed = rows[ids["failed"]]
    assert failed.status == "Non Delivered"
    assert failed.error is not None
    assert int(failed.error) == 3
    assert rows[ids["read"]].read_date is not None
    assert rows[ids["buffered"]].delivery_date is None


async def test_documents_cells_and_names() -> None:
    switches = Switches(report_document_cells=True, report_id_key="report_id")
    async with platform(switches=switches) as (sandbox, sms):
        ids = await fill(sandbox, sms)
        assert {row.id for row in await rows_of(sms, format="json")} == set(ids.values())


async def test_slow_report_is_polled_for_without_hurry() -> None:
    async with platform(pace=Pace(report=1700.0)) as (sandbox, sms):
        ids = await fill(sandbox, sms)
        # The sandbox writes a finding where two polls are less than a second apart; platform() looks.
        rows = await rows_of(sms)
        assert {row.id for row in rows} == set(ids.values())


async def test_the_other_node_does_not_have_it_and_is_not_asked() -> None:
    async with platform(proxied=True) as (sandbox, sms):
        await fill(sandbox, sms)
        query = ReportQuery()
        async with sms.v2.report() as report:
            assert report.ticket is not None
            first = sandbox.urls[0].removeprefix("http://")
            second = sandbox.urls[1].removeprefix("http://")
            assert report.ticket.node == first
            assert len([row async for row in report]) == 5
        assert list(sandbox.proxies[1].log) == []
        elsewhere = ReportTicket(report_id=report.ticket.report_id, node=second)
        async with again(sms, query, elsewhere) as copy:
            with pytest.raises(ReportGone):
                await anext(copy)
        async with again(sms, query, report.ticket) as copy:
            assert len([row async for row in copy]) == 5


def again(sms: SmsTraffic, query: ReportQuery, ticket: ReportTicket) -> Report:
    """A report that exists already, read with what the session's own calls use."""
    calls = sms.v2._calls
    return Report(
        query,
        settings=sms.settings,
        pool=calls.pool,
        nodes=calls.nodes,
        pauses=calls.pauses,
        clock=calls.clock,
        telemetry=calls.telemetry,
        life=sms.v2._life,
        ticket=ticket,
    )


async def test_seven_days(tmp_path: Path) -> None:
    async with platform() as (sandbox, sms):
        await fill(sandbox, sms)
        async with sms.v2.report(timeout=30 * 86_400) as report:
            assert len([row async for row in report]) == 5
            await sandbox.advance("8d")
            with pytest.raises(ReportGone) as caught:
                await report.save(tmp_path / "r.csv")
            assert caught.value.code == 1
        assert not (tmp_path / "r.csv").exists()


EFFECTS: list[Effect] = [
    Throttle(retry_after=3.0),
    Throttle(retry_after=3.0, form="http-date"),
    Throttle(retry_after=3.0, form="garbage"),
    Throttle(retry_after=3.0, form="absent"),
    ServerError(status=503, retry_after=2.0),
    ServerError(status=502, when="after"),
    Temporary(),
    Temporary(when="after"),
    Half(),
    Half(how="rst"),
    Drop(when="before"),
    Drop(when="after", how="rst"),
    ProxyPage(),
]


@pytest.mark.parametrize(
    "operation, effect",
    [
        pytest.param(operation, effect, id=f"{operation}-{number}-{effect.kind}")
        for operation in ("report", "download")
        for number, effect in enumerate(EFFECTS)
        # Half of a streamed answer is half of 64 blanks here; test_reports_resume cuts real downloads.
        if operation == "report" or not isinstance(effect, Half)
    ],
)
async def test_faults_of_the_platform(effect: Effect, operation: str) -> None:
    async with platform() as (sandbox, sms):
        ids = await fill(sandbox, sms)
        sandbox.faults.add(FaultRule(effect=effect, operation=operation, times=2))
        for form in ("csv", "json"):
            rows = await rows_of(sms, format=form)
            assert [row.id for row in rows] == list(ids.values())
        assert len(sandbox.faults.log) == 2


async def test_garbage_for_an_answer_to_the_creation() -> None:
    async with platform() as (sandbox, sms):
        ids = await fill(sandbox, sms)
        sandbox.faults.add(FaultRule(effect=Garbage(), operation="report", times=3))
        assert [row.id for row in await rows_of(sms)] == list(ids.values())


async def test_flaky_platform_with_many_reports() -> None:
    async with platform(profile="flaky", seed=7) as (sandbox, sms):
        async with Sandbox():  # another platform beside it disturbs nothing
            for number in range(40):
                sandbox.platform.receive(sender="79161112233", recipient="3299", text=f"т{number}")
            for _ in range(15):
                assert len(await rows_of(sms, type="mo")) == 40
        assert len(sandbox.faults.log) > 0


@pytest.mark.parametrize("granted", [True, False])
async def test_download_cut_by_the_network(granted: bool, tmp_path: Path) -> None:
    async with platform(proxied=True, switches=Switches(report_ranges=granted)) as (sandbox, sms):
        report_id = sandbox.platform.reports.synthetic(rows=20_000)
        job = sandbox.platform.reports.get(report_id)
        assert job is not None
        assert job.content is not None
        whole = b"".join(job.content.chunks(0, job.content.length))
        node = sandbox.urls[0].removeprefix("http://")
        for nth, after in ((1, 1_000_000), (2, 2_000_000)):
            sandbox.proxies[0].rules.add(Cut(after=after, direction="down", how="rst"), nth=nth)
        async with again(sms, ReportQuery(), ReportTicket(report_id=report_id, node=node)) as report:
            saved = await report.save(tmp_path / "r.csv")
        assert saved.resumed == 2
        assert saved.path.read_bytes() == whole
        async with again(sms, ReportQuery(), ReportTicket(report_id=report_id, node=node)) as report:
            sandbox.proxies[0].rules.add(Cut(after=1_500_000, direction="down", how="fin"), times=1)
            await sandbox.proxies[0].drop_all(how="rst")
            ids = [row.id async for row in report]
        assert len(ids) == len(set(ids)) == 20_000


@pytest.mark.parametrize("as_body", [False, True])
async def test_token_without_the_permission(as_body: bool) -> None:
    async with Sandbox(switches=Switches(forbidden_as_body=as_body)) as sandbox:
        sandbox.accounts.add_token("77/noReports", login=sandbox.accounts.get().login, permissions={"send"})
        async with SmsTraffic(nodes=sandbox.urls, api_key="77/noReports", clock=VirtualClock()) as sms:
            with pytest.raises(RequestRefused) as caught:
                await rows_of(sms)
            assert caught.value.code == 403
        assert len(list(sandbox.faults.log)) == 0


async def test_departments_own_account_is_forced() -> None:
    async with platform() as (sandbox, sms):
        account = sandbox.accounts.get()
        account.add_department("shop", "pw")
        sandbox.accounts.add_token("78/shopKey", login=f"{account.login}:shop")
        await fill(sandbox, sms)
        async with SmsTraffic(nodes=sandbox.urls, api_key="78/shopKey", clock=VirtualClock()) as shop:
            sent = await shop.send("79161112244", "п" * 71)
            for department in (None, "", "sandbox"):
                rows = await rows_of(shop, department=department, fields=("id", "parts", "department_name"))
                assert [row.id for row in rows] == [sent.message_ids[0]]
                assert rows[0].parts == 2
        rows = await rows_of(sms, department=f"{account.login}:shop")
        assert len(rows) == 1


@pytest.mark.parametrize("per", ["message", "part"])
async def test_every_row_of_json_past_two_thousand(per: Any) -> None:
    async with platform(switches=Switches(report_rows=per)) as (sandbox, sms):
        for number in range(2600):
            sandbox.platform.receive(sender="79161112233", recipient="3299", text=f"т{number}")
            if number % 5 == 0:
                await asyncio.sleep(1)
        expected = [row.raw for row in await rows_of(sms, type="mo")]
        assert len(expected) == 2600
        async with sms.v2.report(format="json", type="mo", since=START) as report:
            found = [row.raw async for row in report]
        assert found == expected
        async with sms.v2.report(format="json", type="mo", since=START, fields=("message",)) as report:
            assert [row.message async for row in report] == [row[2] for row in expected]


async def test_too_many_in_one_second_for_json() -> None:
    async with platform() as (sandbox, sms):
        for number in range(2100):
            sandbox.platform.receive(sender="79161112233", recipient="3299", text=f"т{number}")
        with pytest.raises(RequestFailed, match="format='csv'"):
            await rows_of(sms, format="json", since=START)
        assert len(await rows_of(sms, since=START)) == 2100


async def test_rate_of_the_token() -> None:
    async with platform() as (sandbox, sms):
        await fill(sandbox, sms)
        sandbox.switches = replace(sandbox.switches, token_rate=0.5)
        for _ in range(3):
            assert len(await rows_of(sms)) == 5


async def test_session_closes_while_a_report_is_awaited() -> None:
    async with Sandbox(start=START, pace=Pace(report=100_000.0)) as sandbox:
        clock = VirtualClock(wall=START.timestamp())
        sms = SmsTraffic(**sandbox.client_options(), clock=clock)
        reading = asyncio.ensure_future(rows_of(sms))
        await asyncio.sleep(1000)
        await sms.aclose()
        with pytest.raises(RequestFailed, match="session was closed"):
            await reading
