"""Status pushes over real TCP: their form, what a bad answer brings, faults, the log, and resending by hand."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import Account, Drop, FaultRule, Latency, Sandbox
from sms_traffic_async.sandbox.effects import Duplicate, Lose, Reorder
from sms_traffic_async.sandbox.pushes_settings import PushSettings, Retries
from sms_traffic_async.secrets import Secret
from tests.sandbox.push_kit import PHONE, START, App, customer, deliver
from tests.sandbox.v1_kit import V1
from tests.support.virtual_loop import virtual

pytestmark = virtual


@pytest_asyncio.fixture
async def app(no_tasks_left: None) -> AsyncIterator[App]:
    async with customer() as served:
        yield served


@pytest_asyncio.fixture
async def sandbox(app: App) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False, login="login", password="password") as opened:
        opened.accounts.get().pushes = PushSettings(url=app.url)
        yield opened


async def never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


def settings(sandbox: Sandbox, **changes: object) -> None:
    account = sandbox.accounts.get()
    account.pushes = replace(account.pushes, **changes)  # type: ignore[arg-type] # any of its fields


async def test_a_push_after_every_change_as_in_the_documents_example(sandbox: Sandbox, app: App) -> None:
    (message_id,) = await deliver(sandbox, "78000000001", tracking="2de9efa4-3ee7-4691-bec0-81d93c5a54cf")
    await sandbox.advance("1m")
    assert [(one.method, one.target) for one in app.got] == [("POST", "/status_callback_url")] * 2
    assert app.got[0].headers["content-type"] == "application/json"
    assert app.got[0].headers["user-agent"] == "StatusSender/2.0 Java/21"
    assert [row["status"] for row in app.rows] == ["Buffered SMSC", "Delivered"]
    row = app.rows[-1]
    assert row == {
        "login": "login",
        "sms_id": message_id,
        "phone_number": "78000000001",
        "status": "Delivered",
        "delivery_date": "2025-12-18 12:00:00",
        "channel": "sms",
        "parts_count": 1,
        "err_code": 0,
        "tracking_data": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf",
        "operatorId": row["operatorId"],
        "mcc": 250,
        "mnc": 99,
    }
    assert sandbox.pushes.stats.delivered == 2


async def test_the_tables_spelling_and_one_object(sandbox: Sandbox, app: App) -> None:
    """C1, C2 and C6."""
    settings(sandbox, spelling="table", lone_object=True)
    await deliver(sandbox, "79161119003")
    await sandbox.advance("1m")
    row: object = app.got[-1].rows
    assert isinstance(row, dict)
    assert (row["status"], row["error_code"]) == ("Non Delivered", 3)
    assert "operator_id" in row
    assert not {"err_code", "operatorId"} & row.keys()


@pytest.mark.parametrize(
    "spaces,date",
    [
        ("plus", b"delivery_date=2025-12-18+12%3A00%3A00"),
        ("percent", b"delivery_date=2025-12-18%2012%3A00%3A00"),
        ("raw", b"delivery_date=2025-12-18 12:00:00"),
    ],
)
async def test_the_form_push(sandbox: Sandbox, app: App, spaces: str, date: bytes) -> None:
    """B1 and B2: one status a call, the date as the document prints it where wanted, a code only for a failure."""
    settings(sandbox, form="form", spaces=spaces)
    good, bad = await deliver(sandbox, PHONE, "79161119005")
    await sandbox.advance("1m")
    assert len(app.got) == 4
    assert app.got[0].headers["content-type"] == "application/x-www-form-urlencoded"
    bodies = [one.body for one in app.got]
    assert b"sms_id=%b&status=Delivered&%b" % (good.encode(), date) in bodies
    space = {"plus": b"+", "percent": b"%20", "raw": b" "}[spaces]
    assert b"sms_id=%b&status=Non%bDelivered&%b&error_code=5" % (bad.encode(), space, date) in bodies


async def test_at_most_fifty_in_a_call(sandbox: Sandbox, app: App) -> None:
    ids = await deliver(sandbox, *(str(79161200000 + number) for number in range(120)))
    await sandbox.advance("1m")
    sizes = [len(one.rows) for one in app.got]
    assert (max(sizes), sum(sizes)) == (50, 240)
    assert [row["sms_id"] for row in app.rows if row["status"] == "Delivered"] == ids
    assert app.most_busy == 1, "one call at a time, in order"
    settings(sandbox, batch=7)
    await deliver(sandbox, *(str(79161200000 + number) for number in range(20)))
    await sandbox.advance("1m")
    assert max(len(one.rows) for one in app.got[len(sizes) :]) == 7


async def test_one_status_a_part_where_parts_have_ids(sandbox: Sandbox, app: App) -> None:
    async with V1(sandbox, login="login", password="password") as v1:
        await v1.send(PHONE, "щ" * 100, rus="5")
    assert len(sandbox.messages[0].part_ids) == 2
    await sandbox.advance("1m")
    assert [row["sms_id"] for row in app.rows if row["status"] == "Delivered"] == list(sandbox.messages[0].part_ids)
    assert "parts_count" not in app.rows[0]
    assert "tracking_data" not in app.rows[0]


async def test_departments_and_accounts_without_a_script(sandbox: Sandbox, app: App) -> None:
    account = sandbox.accounts.get()
    account.add_department("subacc", "secret")
    sandbox.accounts.add(Account(login="other", password=Secret("other")))
    for login, password in (("login:subacc", "secret"), ("other", "other")):
        async with V1(sandbox, login=login, password=password) as v1:
            await v1.send(PHONE, "x")
    await sandbox.advance("1m")
    assert {row["login"] for row in app.rows} == {"login:subacc"}
    settings(sandbox, url="")
    await deliver(sandbox)
    await sandbox.advance("1m")
    assert len(app.rows) == 2


@pytest.mark.parametrize("status", [200, 204])
async def test_good_answers(sandbox: Sandbox, app: App, status: int) -> None:
    app.answers = [status]
    await deliver(sandbox)
    await sandbox.advance("1m")
    assert [call.state for call in sandbox.pushes.log] == ["delivered"] * 2
    assert sandbox.pushes.stats.unavailable == 0


@pytest.mark.parametrize("bad", [500, 404, 302, 201, 401, None, b"nonsense\r\n\r\n"])
async def test_a_bad_answer_makes_the_script_unavailable_and_calls_rare(
    sandbox: Sandbox, app: App, bad: int | bytes | None
) -> None:
    """Nothing goes out in a pause, one call is tried after it, and the first good answer brings the rest at once."""
    app.answers = [bad]
    ids = await deliver(sandbox, *(str(79161200000 + number) for number in range(60)))
    await sandbox.advance("4s")
    assert len(app.got) == 1
    assert sandbox.pushes.stats.unavailable == 1
    for pause in (5, 15, 60, 300, 900, 900):
        before = len(app.got)
        await sandbox.advance(pause)
        assert len(app.got) == before + 1, f"one attempt after {pause} s"
        assert app.got[-1].body == app.got[0].body, "the same call again"
    first = next(iter(sandbox.pushes.log))
    moments = [attempt.at for attempt in first.attempts]
    assert [round(later - earlier) for earlier, later in pairwise(moments)] == [
        5, 15, 60, 300, 900, 900,
    ]  # fmt: skip
    assert first.next_at == moments[-1] + 900
    assert first.state == "waiting"
    app.answers = [200]
    app.got.clear()
    await sandbox.advance("15m")
    assert sandbox.pushes.stats.unavailable == 0
    told = [row["sms_id"] for row in app.rows if row["status"] == "Delivered"]
    assert told == ids, "each once, in order"


async def test_retries_happen_in_their_order_within_one_long_step(sandbox: Sandbox, app: App) -> None:
    app.answers = [500, 500, 500, 200]
    await deliver(sandbox)
    await sandbox.advance("2h")
    (first, second) = sandbox.pushes.log
    assert [attempt.status for attempt in first.attempts] == [500, 500, 500, 200]
    assert [attempt.status for attempt in second.attempts] == [200]
    assert second.attempts[0].at == first.attempts[-1].at, "at once, when it answered again"


async def test_several_at_a_time(sandbox: Sandbox, app: App) -> None:
    """They fail as one: one pause, then one call alone, then all of them."""
    settings(sandbox, batch=5, retries=Retries(pauses=(10, 100), in_flight=4))
    app.answers = [500]
    ids = await deliver(sandbox, *(str(79161200000 + number) for number in range(40)))
    await sandbox.advance("1s")
    assert (app.most_busy, len(app.got)) == (4, 4)
    assert {round(call.attempts[-1].at + 10 - (call.next_at or 0)) for call in sandbox.pushes.log} == {0}
    app.answers = [200]
    await sandbox.advance("10s")
    assert len(app.got) == 4 + 16
    assert {row["sms_id"] for row in app.rows} == set(ids)
    assert sandbox.pushes.stats.delivered == 16


async def test_on_a_running_clock(app: App, no_tasks_left: None) -> None:
    async with Sandbox(start=START) as sandbox:
        sandbox.accounts.get().pushes = PushSettings(url=app.url, retries=Retries(pauses=(0.5,)))
        app.answers = [500, 200]
        (message_id,) = await deliver(sandbox)
        message = sandbox.platform.store.get(message_id)
        assert message is not None
        while len(app.got) < 3:
            await asyncio.sleep(0.05)
        await sandbox.pushes.settled()
        assert [row["status"] for row in app.rows] == ["Buffered SMSC", "Buffered SMSC", "Delivered"]


async def test_what_is_too_old_is_given_up(sandbox: Sandbox, app: App) -> None:
    settings(sandbox, retries=Retries(pauses=(60,), give_up=200))
    app.answers = [500]
    await deliver(sandbox)
    await sandbox.advance("1h")
    assert {call.state for call in sandbox.pushes.log} == {"given up"}
    assert {len(call.attempts) for call in sandbox.pushes.log} <= {1, 2, 3, 4}
    assert sandbox.pushes.stats.waiting == 0


async def test_nobody_listens_and_nobody_answers(sandbox: Sandbox, app: App) -> None:
    settings(sandbox, url="http://127.0.0.1:1/x")
    await deliver(sandbox)
    await sandbox.advance("1s")
    (call, *_) = sandbox.pushes.log
    assert (call.attempts[0].status, call.attempts[0].error) == (None, "ConnectError")
    silent = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        sandbox.reset()
        settings(sandbox, url=f"http://127.0.0.1:{port}/x", retries=Retries(timeout=0.5))
        await deliver(sandbox)
        await sandbox.advance("1s")
        (call, *_) = sandbox.pushes.log
        assert call.attempts[0].error == "no whole answer within 0.5 s"


# --- faults


async def test_lost(sandbox: Sandbox, app: App) -> None:
    sandbox.faults.add(FaultRule(effect=Lose(), operation="push", nth=2))
    await deliver(sandbox)
    await sandbox.advance("1h")
    assert [row["status"] for row in app.rows] == ["Buffered SMSC"]
    assert [record.operation for record in sandbox.faults.log] == ["push"]


async def test_late_duplicated_and_reordered(sandbox: Sandbox, app: App) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=30), operation="push", nth=1))
    await deliver(sandbox)
    await sandbox.advance("10s")
    assert [row["status"] for row in app.rows] == ["Delivered"]
    await sandbox.advance("30s")
    assert [row["status"] for row in app.rows] == ["Delivered", "Buffered SMSC"], "late, so out of order"
    for effect, told in (
        (Duplicate(count=2), ["Buffered SMSC"] * 3 + ["Delivered"]),
        (Reorder(by=1, seconds=60), ["Delivered", "Buffered SMSC"]),
        (Reorder(by=5, seconds=60), ["Delivered", "Buffered SMSC"]),
    ):
        sandbox.reset()
        app.got.clear()
        sandbox.faults.add(FaultRule(effect=effect, operation="push", nth=1))
        await deliver(sandbox)
        await sandbox.advance("30s")
        await sandbox.advance("40s")
        assert [row["status"] for row in app.rows] == told


@pytest.mark.parametrize("when,came", [("before", 2), ("after", 3)])
async def test_a_dropped_connection_is_tried_again(sandbox: Sandbox, app: App, when: str, came: int) -> None:
    """After it the application has the status, and gets it once more."""
    sandbox.faults.add(FaultRule(effect=Drop(when="before" if when == "before" else "after"), operation="push", nth=1))
    await deliver(sandbox)
    await sandbox.advance("1m")
    assert len(app.rows) == came
    (first, _) = sandbox.pushes.log
    assert [attempt.status for attempt in first.attempts] == [None, 200]
    assert "fault rule" in first.attempts[0].error


async def test_a_fault_without_an_operation_is_of_requests_only(sandbox: Sandbox, app: App) -> None:
    sandbox.faults.profile("flaky", 1)
    await deliver(sandbox, *(str(79161200000 + number) for number in range(50)))
    await sandbox.advance("1m")
    assert len(app.rows) == 100


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_under_every_fault_nothing_is_lost_that_no_rule_loses(
    sandbox: Sandbox, app: App, seed: int, in_flight: int
) -> None:
    settings(sandbox, batch=7, retries=Retries(pauses=(1, 2, 5), in_flight=in_flight))
    chance = random.Random(seed)
    app.answers = [lambda _got: chance.choice([200, 204, 200, 200, 500, None])]
    for effect in (Duplicate(), Reorder(by=3, seconds=20), Latency(seconds=1, jitter=30)):
        sandbox.faults.add(FaultRule(effect=effect, operation="push", probability=0.1), seed=seed)
    sandbox.faults.add(FaultRule(effect=Drop(when="before"), operation="push", probability=0.03), seed=seed)
    sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="push", probability=0.03), seed=seed)
    ids: list[str] = []
    for start in range(0, 300, 50):
        ids += await deliver(sandbox, *(str(79161200000 + start + number) for number in range(50)))
        await sandbox.advance("7s")
    await sandbox.advance("1h")
    told = Counter((row["sms_id"], row["status"]) for row in app.rows)
    assert told.keys() == {(one, status) for one in ids for status in ("Buffered SMSC", "Delivered")}
    assert told.total() > 2 * len(ids), "some came more than once"
    stats = sandbox.pushes.stats
    assert (stats.waiting, stats.lost, stats.unavailable) == (0, 0, 0)
    assert stats.delivered == stats.calls
    assert stats.attempts == stats.calls + stats.failed


# --- by hand


async def test_the_log_and_resending_by_hand(sandbox: Sandbox, app: App) -> None:
    app.answers = [(500, b"no database"), 200]
    (message_id,) = await deliver(sandbox)
    await sandbox.advance("2s")
    (call, *rest) = sandbox.pushes.log
    assert not rest, "the second status waits behind it"
    assert (call.kind, call.login, call.message_ids) == ("statuses", "login", (message_id,))
    (attempt,) = call.attempts
    assert (attempt.status, attempt.answer, attempt.by_hand) == (500, b"no database", False)
    assert call.next_at == attempt.at + 5
    told: list[str] = []
    sandbox.pushes.listeners.append(lambda call: told.append(f"{call.id} {call.state}"))
    sandbox.pushes.resend(call.id)
    with pytest.raises(ConfigurationError, match="under way"):
        sandbox.pushes.resend(call.id)
    await sandbox.pushes.settled()
    assert [one.by_hand for one in call.attempts] == [False, True]
    assert call.state == "delivered"
    assert told[:2] == ["push-1 in flight", "push-1 delivered"]
    assert [row["status"] for row in app.rows] == ["Buffered SMSC", "Buffered SMSC", "Delivered"], "and it is back"
    sandbox.pushes.resend(call.id)
    await sandbox.pushes.settled()
    assert len(call.attempts) == 3
    with pytest.raises(ConfigurationError, match="no such call"):
        sandbox.pushes.resend("push-99")
    app.answers = [500]
    sandbox.pushes.resend(call.id)
    await sandbox.pushes.settled()
    assert call.state == "delivered", "a failed repeat of what was delivered changes nothing"
    assert sandbox.pushes.stats.unavailable == 0


async def test_a_status_by_hand(sandbox: Sandbox, app: App) -> None:
    (message_id,) = await deliver(sandbox)
    message = sandbox.platform.store.get(message_id)
    assert message is not None
    sandbox.pushes.push(message, status="Lost Notification")
    await sandbox.pushes.settled()
    assert [(row["sms_id"], row["status"]) for row in app.rows] == [(message_id, "Lost Notification")]
    settings(sandbox, url="")
    with pytest.raises(ConfigurationError, match="no URL"):
        sandbox.pushes.push(message)


async def test_another_url_is_tried_at_once(sandbox: Sandbox, app: App) -> None:
    app.answers = [500]
    await deliver(sandbox)
    await sandbox.advance("1h")
    app.answers = [200]
    sandbox.pushes.recover("login")
    await sandbox.pushes.settled()
    assert sandbox.pushes.stats.waiting == 0


async def test_a_reset_forgets_what_waits(sandbox: Sandbox, app: App) -> None:
    app.answers = [500]
    await deliver(sandbox)
    await sandbox.advance("1m")
    (call, *_) = sandbox.pushes.log
    sandbox.reset()
    came = len(app.got)
    await sandbox.advance("1h")
    assert len(app.got) == came
    assert (call.state, len(sandbox.pushes.log)) == ("forgotten", 0)
    app.answers = [200]
    await deliver(sandbox)
    await sandbox.advance("1m")
    assert len(app.got) == came + 2


async def test_closing_ends_calls_under_way(no_tasks_left: None) -> None:
    silent = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    async with silent, Sandbox(start=START, real_time=False) as sandbox:
        sandbox.accounts.get().pushes = PushSettings(url=f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/")
        await deliver(sandbox)
        await sandbox.advance("1s")
        assert next(iter(sandbox.pushes.log)).state == "in flight"
        with pytest.raises(TimeoutError):
            await sandbox.pushes.settled(0.01)


async def test_a_script_that_hangs_holds_the_clock_up_once(no_tasks_left: None) -> None:
    silent = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    async with silent, Sandbox(start=START, real_time=False) as sandbox:
        url = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/"
        sandbox.accounts.get().pushes = PushSettings(url=url, retries=Retries(timeout=1000))
        began = asyncio.get_running_loop().time()
        for _ in range(20):
            await deliver(sandbox)
            await sandbox.advance("1m")
        assert asyncio.get_running_loop().time() - began < 5
        assert sandbox.pushes.stats.waiting > 0


async def test_nothing_secret_is_printed(sandbox: Sandbox, app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="sms_traffic_async")
    settings(sandbox, url=app.url + "?secret=s3cr3t")
    await deliver(sandbox)
    await sandbox.advance("1m")
    shown = repr(list(sandbox.pushes.log)) + repr(sandbox.accounts.get().pushes) + caplog.text
    for word in ("s3cr3t", PHONE, "4827"):
        assert word not in shown
