"""Reports over real TCP: every filter and field, long poll, nodes, formats, Range, seven days."""

import asyncio
import csv
import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from sms_traffic_async.sandbox import Pace, Sandbox
from sms_traffic_async.sandbox.report_content import DEFAULT_FIELDS, FIELDS
from tests.sandbox.foreign import Foreign


async def download(client: Foreign, report_id: str, *, node: int = 1, **headers: str) -> Any:
    return await client.call("GET", f"/v2/report/{report_id}", node=node, headers=headers)


@pytest.fixture
async def varied(sandbox: Sandbox, client: Foreign) -> dict[str, str]:
    """Messages that differ in everything a report filters by; name -> id."""
    account = sandbox.accounts.get()
    account.add_department("shop", "pw")
    sandbox.accounts.add_token("2/x", login="sandbox:shop")
    ids = {"delivered": await client.sent(79161112233, 'hello; "you"\nthere', batchName="spring")}
    await sandbox.advance("1h")
    ids["failed"] = await client.sent(79161119003, "no")
    ids["read"] = await client.sent(79161119041, "read me", originator="MyCompany")
    await sandbox.advance("1h")
    ids["buffered"] = await client.sent(77011239031, "wait")
    async with Foreign(sandbox, "2/x") as shop:
        ids["shop"] = await shop.sent(79161112244, "п" * 71)
    ids["inbound"] = sandbox.platform.receive(sender="79161112233", recipient="3299", text="STOP").id
    await sandbox.advance("1h")
    return ids


@pytest.mark.parametrize(
    "query,names",
    [
        ({}, "delivered failed read buffered shop inbound"),
        ({"from": "2025-12-18T13:00:00+03:00"}, "failed read buffered shop inbound"),
        ({"to": "2025-12-18T13:00:00+03:00"}, "delivered failed read"),
        ({"from": "2025-12-18T10:00:00Z", "to": "2025-12-18T13:30:00+03:00"}, "failed read"),
        ({"from": "2025-12-18T12:00:00+03:00", "to": "2025-12-18T12:00:00+03:00"}, "delivered"),
        ({"originator": "MyCompany"}, "read"),
        ({"originator": "mycompany"}, ""),
        ({"subscriber": "79161112233"}, "delivered inbound"),
        ({"type": "mt"}, "delivered failed read buffered shop"),
        ({"type": "mo"}, "inbound"),
        ({"status": "delivered"}, "delivered read shop"),
        ({"status": "not_delivered"}, "failed"),
        ({"status": "read"}, "read"),
        ({"channels": ["sms", "viber"]}, "delivered failed read buffered shop inbound"),
        ({"channels": ["viber"]}, ""),
        ({"department": "sandbox:shop"}, "shop"),
        ({"department": ""}, "delivered failed read buffered inbound"),
        ({"subscriber": "79161112233", "type": "mt", "status": "delivered", "channels": ["sms"]}, "delivered"),
        ({"limit": 2}, "delivered failed"),
        ({"limit": 2, "offset": 1}, "failed read"),
        ({"offset": 5}, "inbound"),
        ({"offset": 9}, ""),
    ],
)
async def test_filters(client: Foreign, varied: dict[str, str], query: dict[str, Any], names: str) -> None:
    rows = await client.rows(fields=["id"], **query)
    assert [row[0] for row in rows] == [varied[name] for name in names.split()]


async def test_count_is_the_total(sandbox: Sandbox, client: Foreign, varied: dict[str, str]) -> None:
    report = await client.report(limit=2, fields=["id"])
    await sandbox.advance(1)
    body = (await download(client, report)).json()
    assert body["count"] == 6
    assert len(body["messages"]) == 2


async def test_a_department_sees_its_own(sandbox: Sandbox, varied: dict[str, str]) -> None:
    async with Foreign(sandbox, "2/x") as shop:
        queries: list[dict[str, Any]] = [{}, {"department": ""}, {"department": "sandbox:other"}]
        for department in queries:
            assert [row[0] for row in await shop.rows(fields=["id"], **department)] == [varied["shop"]]


async def test_every_field(client: Foreign, varied: dict[str, str]) -> None:
    fields = sorted(FIELDS)
    rows = await client.rows(fields=fields)
    by_name = {name: dict(zip(fields, row, strict=True)) for name, row in zip(varied, rows, strict=True)}
    assert by_name["delivered"] == {
        "id": varied["delivered"],
        "subscriber": "79161112233",
        "message": 'hello; "you"\nthere',
        "submission_date": "2025-12-18T12:00:00+03:00",
        "send_date": "2025-12-18T12:00:00+03:00",
        "delivery_date": "2025-12-18T12:00:00+03:00",
        "read_date": "",
        "channel": "sms",
        "status": "Delivered",
        "cost": "0.50",
        "originator": "SMSTraffic",
        "ip": "127.0.0.1",
        "error": "",
        "parts": "1",
        "operator_name": "Мобильные ТелеСистемы",
        "country_name": "Russian Federation",
        "batch_name": "spring",
        "department_name": "",
    }
    assert by_name["failed"]["error"] == "3"
    assert by_name["read"]["read_date"] == "2025-12-18T13:00:00+03:00"
    assert by_name["buffered"]["delivery_date"] == ""
    assert by_name["buffered"]["country_name"] == "Kazakhstan"
    assert (by_name["shop"]["department_name"], by_name["shop"]["parts"], by_name["shop"]["cost"]) == (
        "shop",
        "2",
        "1.00",
    )
    assert (by_name["inbound"]["subscriber"], by_name["inbound"]["originator"]) == ("79161112233", "3299")


async def test_the_default_fields(client: Foreign, varied: dict[str, str]) -> None:
    (row,) = await client.rows(originator="MyCompany")
    assert len(row) == len(DEFAULT_FIELDS) == 8
    assert (row[0], row[6], row[7]) == (varied["read"], "Read", "MyCompany")


async def test_rows_by_part(sandbox: Sandbox, client: Foreign, varied: dict[str, str]) -> None:
    sandbox.switches = sandbox.switches.changed({"report_rows": "part"})
    rows = await client.rows(fields=["id", "message", "cost", "subscriber"], department="sandbox:shop")
    assert [len(row[1]) for row in rows] == [67, 4]
    assert "".join(row[1] for row in rows) == "п" * 71
    assert [row[2] for row in rows] == ["0.50", "0.50"]
    assert rows[0][0] == varied["shop"]
    assert rows[1][0] != varied["shop"]
    assert len(await client.rows(fields=["id"])) == 7


async def test_the_documents_csv(sandbox: Sandbox, client: Foreign) -> None:
    """Document, "Пример ответа (с отчётом в формате CSV)": the same head, no line end after the last row."""
    message_id = await client.sent(text="hello world")
    await sandbox.advance(5)
    report = await client.report(format="csv", fields=["id", "submission_date", "message", "status"])
    await sandbox.advance(5)
    answer = await download(client, report)
    line = f"{message_id};2025-12-18T12:00:00+03:00;hello world;Delivered"
    assert answer.status_code == 200
    assert answer.text == line
    assert answer.headers["content-disposition"] == f'attachment; filename="{report}.csv"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-type"] == "text/csv"
    assert answer.headers["content-length"] == str(len(line))


@pytest.mark.parametrize(
    "charset,decoded", [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("windows-1251", "cp1251")]
)
async def test_charsets_and_quotes_of_a_csv(sandbox: Sandbox, client: Foreign, charset: str, decoded: str) -> None:
    sandbox.switches = sandbox.switches.changed({"report_charset": charset})
    texts = ['a;b "c"\nd', "Привет", ""]
    for text in texts[:2]:
        await client.sent(text=text)
    report = await client.report(format="csv", fields=["message", "batch_name"])
    await sandbox.advance(1)
    content = (await download(client, report)).content
    rows = list(csv.reader(io.StringIO(content.decode(decoded)), delimiter=";"))
    assert rows == [[text, ""] for text in texts[:2]]


async def test_a_zip_holds_the_csv(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent(text="hello")
    report = await client.report(format="zip", fields=["message"])
    await sandbox.advance(1)
    answer = await download(client, report)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [f"{report}.csv"]
        assert archive.read(f"{report}.csv") == b"hello"


async def test_the_documents_json(sandbox: Sandbox, client: Foreign) -> None:
    """Document: {"count":1,"messages":[["…"]]} and, in its example, cells that are not JSON."""
    message_id = await client.sent(text="hello world")
    fields = ["id", "message"]
    report = await client.report(fields=fields)
    sandbox.switches = replace(sandbox.switches, report_document_cells=False)
    await sandbox.advance(1)
    answer = await download(client, report)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"count": 1, "messages": [[message_id, "hello world"]]}
    sandbox.switches = replace(sandbox.switches, report_document_cells=True)
    report = await client.report(fields=fields)
    await sandbox.advance(1)
    answer = await download(client, report)
    assert answer.text == f'{{"count":1,"messages":[[{{"{message_id}"}},{{"hello world"}}]]}}'


@pytest.mark.parametrize("key", ["reportId", "report_id"])
async def test_the_name_of_the_id(sandbox: Sandbox, client: Foreign, key: str) -> None:
    sandbox.switches = sandbox.switches.changed({"report_id_key": key})
    answer = await client.post("/v2/report", {})
    assert answer == {"code": 0, "description": "", key: answer[key]}
    assert len(answer[key]) == 32


@pytest.mark.parametrize(
    "query",
    [
        {"from": "202-01-01T23:59:59+03:00"},
        {"from": "2025-01-01"},
        {"from": "2025-01-01T00:00:00"},
        {"from": 5},
        {"from": "2025-12-18T13:00:00+03:00", "to": "2025-12-18T12:00:00+03:00"},
        {"type": "both"},
        {"status": "Delivered"},
        {"channels": ["fax"]},
        {"channels": "sms"},
        {"fields": ["id", "phone"]},
        {"format": "xml"},
        {"limit": 0},
        {"limit": 1001},
        {"offset": -1},
        {"offset": 1001},
        {"limit": "5"},
    ],
)
async def test_what_cannot_be_asked(sandbox: Sandbox, client: Foreign, query: dict[str, Any]) -> None:
    answer = await client.post("/v2/report", query)
    assert answer == {"code": 105, "description": "Invalid request format"}
    assert len(sandbox.platform.reports) == 0
    assert sandbox.findings


async def test_limit_and_offset_are_of_json_only(sandbox: Sandbox, client: Foreign) -> None:
    for number in range(3):
        await client.sent(79161110000 + number)
    report = await client.report(format="csv", fields=["id"], limit=1, offset=2)
    await sandbox.advance(1)
    assert len((await download(client, report)).text.split("\n")) == 3
    assert (await client.post("/v2/report", {"format": "csv", "limit": 0}))["code"] == 0


async def test_a_misspelt_filter_is_written_down(sandbox: Sandbox, client: Foreign) -> None:
    await client.report(Originator="x")
    assert [finding.problem for finding in sandbox.findings] == ["is not in the document; did you mean originator?"]


async def polling(sandbox: Sandbox) -> None:
    """Until a request waits for a report."""
    for _ in range(10_000):
        if any(job.waiters for job in sandbox.platform.reports):
            return
        await asyncio.sleep(0)
    raise AssertionError("nobody polls")


async def test_a_long_poll_is_answered_when_the_report_is_ready(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.pace = replace(sandbox.pace, report=200)
    await client.sent()
    report = await client.report(fields=["status"])
    task = asyncio.create_task(download(client, report))
    await polling(sandbox)
    await sandbox.advance(199)
    assert not task.done()
    await sandbox.advance(1)
    answer = await task
    assert answer.status_code == 200
    assert answer.json()["messages"] == [["Delivered"]]


async def test_a_long_poll_ends_after_five_minutes(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.pace = replace(sandbox.pace, report=700)
    report = await client.report()
    for _ in range(2):
        task = asyncio.create_task(download(client, report))
        await polling(sandbox)
        await sandbox.advance(299)
        assert not task.done()
        await sandbox.advance(1)
        answer = await task
        assert answer.status_code == 204
        assert answer.content == b""
        assert "content-length" not in answer.headers
        await sandbox.advance(1)
    task = asyncio.create_task(download(client, report))
    await polling(sandbox)
    await sandbox.advance(100)
    assert (await task).status_code == 200
    assert not sandbox.findings


async def test_polling_too_fast_is_written_down(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.pace = replace(sandbox.pace, report=10_000)
    report = await client.report()
    for pause in (0.5, 1.0):
        task = asyncio.create_task(download(client, report))
        await polling(sandbox)
        await sandbox.advance(300)
        await task
        await sandbox.advance(pause)
        task = asyncio.create_task(download(client, report))
        await polling(sandbox)
        await sandbox.advance(300)
        await task
        await sandbox.advance(10)
    assert [finding.field for finding in sandbox.findings] == ["(timing)"]


async def test_a_client_that_leaves_a_long_poll_is_noticed(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.pace = replace(sandbox.pace, report=10_000)
    report = await client.report()
    task = asyncio.create_task(download(client, report))
    await polling(sandbox)
    task.cancel()
    await asyncio.wait((task,))
    for _ in range(10_000):
        if not any(job.waiters for job in sandbox.platform.reports):
            break
        await asyncio.sleep(0)
    assert not any(job.waiters for job in sandbox.platform.reports)


async def test_the_nodes_do_not_share_reports(sandbox: Sandbox, client: Foreign) -> None:
    report = await client.report(node=2)
    await sandbox.advance(1)
    assert (await download(client, report, node=2)).status_code == 200
    assert (await download(client, report, node=1)).status_code == 404


async def test_reports_belong_to_who_made_them(sandbox: Sandbox, client: Foreign, varied: dict[str, str]) -> None:
    mine = await client.report()
    async with Foreign(sandbox, "2/x") as shop:
        theirs = await shop.report()
        await sandbox.advance(1)
        assert (await download(shop, theirs)).status_code == 200
        assert (await download(shop, mine)).status_code == 404
    assert (await download(client, theirs)).status_code == 200


async def test_reports_are_gone_after_seven_days(sandbox: Sandbox, client: Foreign) -> None:
    report = await client.report()
    await sandbox.advance("6d")
    assert (await download(client, report)).status_code == 200
    await sandbox.advance("1d1s")
    answer = await download(client, report)
    assert answer.status_code == 404
    # The document prints a space after the comma, but its Content-Length of 76 is of the compact form.
    assert answer.text == f'{{"code":1,"description":"Report {report} not found"}}'
    assert len(report) == 32
    assert answer.headers["content-length"] == "76"


async def test_a_report_that_vanishes_under_a_long_poll(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.pace = Pace(report=250)
    report = await client.report()
    task = asyncio.create_task(download(client, report))
    await polling(sandbox)
    sandbox.platform.reports.clear()
    assert (await task).status_code == 404


@pytest.mark.parametrize(
    "value,span",
    [
        ("bytes=0-", (0, 100)),
        ("bytes=10-", (10, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-500", (90, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-500", (0, 100)),
        ("Bytes = 1-1", (1, 2)),
        ("bytes=5-2", None),
        ("bytes=a-b", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        ("bytes=-", None),
    ],
)
@pytest.mark.parametrize("granted", [True, False])
async def test_ranges(
    sandbox: Sandbox, client: Foreign, value: str, span: tuple[int, int] | None, granted: bool
) -> None:
    sandbox.switches = replace(sandbox.switches, report_ranges=granted)
    await client.sent(text="x" * 100)
    report = await client.report(format="csv", fields=["message"])
    await sandbox.advance(1)
    answer = await download(client, report, Range=value)
    if span is None or not granted:
        assert answer.status_code == 200
        assert answer.text == "x" * 100
        return
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/100"
    assert len(answer.content) == span[1] - span[0]


async def test_a_range_past_the_end(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent(text="x" * 100)
    report = await client.report(format="csv", fields=["message"])
    await sandbox.advance(1)
    answer = await download(client, report, Range="bytes=100-")
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */100"


async def test_a_synthetic_report_is_made_as_it_is_read(sandbox: Sandbox, client: Foreign) -> None:
    rows = 20_000
    report = sandbox.platform.reports.synthetic(rows)
    answer = await download(client, report, node=2)
    lines = list(csv.reader(io.StringIO(answer.text), delimiter=";"))
    assert len(lines) == rows
    assert len({line[0] for line in lines}) == rows
    assert {len(line) for line in lines} == {8}
    assert not answer.text.endswith("\n")
    cut = len(answer.content) // 3
    rest = await download(client, report, Range=f"bytes={cut}-")
    assert rest.status_code == 206
    assert answer.content[cut:] == rest.content


async def test_an_empty_report(sandbox: Sandbox, client: Foreign) -> None:
    for form in ("csv", "json", "zip"):
        report = await client.report(format=form)
        await sandbox.advance(1)
        answer = await download(client, report)
        assert answer.status_code == 200
        assert bool(answer.content) == (form != "csv")


async def test_a_finished_report_does_not_change(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent()
    report = await client.report(format="csv", fields=["status"])
    await sandbox.advance(0.1)
    first = (await download(client, report)).text
    await sandbox.advance("1h")
    await client.sent()
    assert (await download(client, report)).text == first != "Delivered"
