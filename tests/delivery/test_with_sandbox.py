"""The rooms of delivery over real clients and the sandbox, by real TCP on the virtual loop."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.delivery.checking import Checks
from sms_traffic_async.delivery.inbound import Inbound
from sms_traffic_async.delivery.inbound_feed import InboundFeed, by_list, by_report
from sms_traffic_async.delivery.routes import Routes, asking
from sms_traffic_async.delivery.store_sqlite import SqliteTracking
from sms_traffic_async.delivery.tracker import Tracker
from sms_traffic_async.errors import DeadlineExceeded, RequestRefused
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.life import StatusChange
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings_tracking import InboundOptions, TrackingOptions
from sms_traffic_async.statuses import MessageStatus
from sms_traffic_async.telemetry import Telemetry
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

LONG = "Ваш заказ собран и ждёт вас. " * 6


class Rooms:
    """What a session will make, made by hand."""

    def __init__(self, sms: SmsTraffic, path: Path | None = None) -> None:
        self.life = Life()
        self.life.bind()
        clock, telemetry = VirtualClock(), Telemetry()
        common: dict[str, Any] = {"spawn": self.life.spawn, "telemetry": telemetry}
        self.tracker = Tracker(
            Routes({"v2": lambda: asking(sms.v2), "v1": lambda: asking(sms.v1)}),
            options=TrackingOptions(),
            poll_after=15.0,
            clock=clock,
            store=None if path is None else SqliteTracking(path, clock=clock),
            **common,
        )
        self.inbound = Inbound(
            options=InboundOptions(poll=30.0),
            feed=InboundFeed(clock=clock, listed=by_list(sms.v1), reported=by_report(sms.v2)),
            **common,
        )
        self.checks = Checks(sms.v2.mark_checked, spawn=self.life.spawn)

    async def aclose(self) -> None:
        self.inbound.aclose()
        await self.life.close(0)
        await self.tracker.aclose()


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(start=datetime.fromtimestamp(VirtualClock().wall(), UTC)) as sandbox:
        yield sandbox


@pytest_asyncio.fixture
async def sms(sandbox: Sandbox) -> AsyncIterator[SmsTraffic]:
    async with SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms:
        yield sms


async def test_what_nobody_reports_is_asked_about_by_the_protocol_that_sent(sms: SmsTraffic) -> None:
    rooms = Rooms(sms)
    async with rooms.tracker.updates(finals_only=True) as updates:
        expected: dict[str, str] = {}
        numbers = {"79161112233": "Delivered", "79161119001": "Non Delivered", "79161119020": "Expired"}
        for number, status in numbers.items():
            for via in ("v2", "v1"):
                submission = await sms.send(number, LONG, via="v2" if via == "v2" else "v1")
                rooms.tracker.sent(submission)
                expected[submission.message_ids[0]] = status
        ended = [await anext(updates) for _ in expected]
        assert {one.message_id: one.status for one in ended} == expected
        assert {len(one.details) for one in ended} == {0, 3}
    await rooms.aclose()


async def test_a_push_answers_at_once_and_a_wait_without_pushes_within_a_polling_interval(
    sms: SmsTraffic, sandbox: Sandbox
) -> None:
    rooms = Rooms(sms)
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await rooms.tracker.wait_for(await sms.send("79161112233", "Код 1"), timeout=60)).is_delivered
    assert loop.time() - started < 3

    def push(change: StatusChange) -> None:
        status = MessageStatus.read(change.status)
        assert rooms.tracker.take([StatusUpdate(message_id=change.message.id, status=status, source="push")])

    sandbox.platform.life.listeners.append(push)
    slow = await sms.send("79161119030", "Код 2")  # a minute
    started = loop.time()
    assert (await rooms.tracker.wait_for(slow, timeout=100)).source == "push"
    assert loop.time() - started == pytest.approx(60, abs=1)
    with pytest.raises(DeadlineExceeded) as caught:
        await rooms.tracker.wait_for(await sms.send("79161119031", "Код 3"), timeout=20)
    assert caught.value.last.status == "Buffered SMSC"
    await rooms.aclose()


async def test_a_restart_goes_on_where_it_was(sms: SmsTraffic, tmp_path: Path) -> None:
    path = tmp_path / "tracking.db"
    rooms = Rooms(sms, path)
    await rooms.tracker.open()
    sent = await sms.send("79161119030", "Код 4", key="otp-4")
    rooms.tracker.sent(sent)
    await rooms.aclose()
    rooms = Rooms(sms, path)
    await rooms.tracker.open()
    async with rooms.tracker.updates(finals_only=True) as updates:
        update = await anext(updates)
    assert (update.status, update.key, update.source) == ("Delivered", sent.key, "poll")
    await rooms.aclose()


@pytest.mark.parametrize("days, source, recipient", [(1, "poll", None), (5, "report", "1234")])
async def test_inbound_by_list_and_report_is_one_stream(
    sms: SmsTraffic, sandbox: Sandbox, days: int, source: str, recipient: str | None
) -> None:
    login = sandbox.client_options()["login"]

    def arrive(text: str) -> None:
        sandbox.platform.receive(sender="79161112233", recipient="1234", text=text, login=login)

    arrive("Да")
    arrive("Нет")
    rooms = Rooms(sms)
    since = datetime.fromtimestamp(VirtualClock().wall(), UTC) - timedelta(days=days)
    async with rooms.inbound.stream(since=since) as messages:
        found = [await anext(messages), await anext(messages)]
        assert [one.text for one in found] == ["Да", "Нет"]
        assert {(one.source, one.sender, one.recipient) for one in found} == {(source, "79161112233", recipient)}
        arrive("потом")
        later = await anext(messages)
        assert (later.text, later.source) == ("потом", "poll")
        await asyncio.sleep(100)
        assert messages.stats.waiting == 0  # what every look finds again was handed over
        assert messages.stats.repeated >= 6
    await rooms.aclose()


async def test_codes_that_were_used_are_marked(sms: SmsTraffic) -> None:
    rooms = Rooms(sms)
    sent = [await sms.send("79161112233", f"Код {number}") for number in range(5)]
    await asyncio.sleep(5)
    await asyncio.gather(*(rooms.checks.mark(one) for one in sent))
    found = (await sms.v2.statuses([one.message_ids[0] for one in sent])).found
    assert {update.status for update in found} == {"Checked"}
    with pytest.raises(RequestRefused):
        await rooms.checks.mark("1" * 19)
    await rooms.aclose()
