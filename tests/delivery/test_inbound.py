"""Inbound messages: every way in, one stream out, nothing twice and nothing lost."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sms_traffic_async.delivery.inbound import Inbound
from sms_traffic_async.delivery.inbound_feed import InboundFeed, message_of
from sms_traffic_async.errors import ConfigurationError, InboundNotTaken, RequestFailed, RequestRefused
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.protocols.http_v1.models import IncompleteIncoming
from sms_traffic_async.protocols.http_v2.reports.rows import row_type
from sms_traffic_async.settings_tracking import InboundOptions
from sms_traffic_async.telemetry import Telemetry
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

BEGUN = datetime.fromtimestamp(1_767_225_600.0, UTC)


def message(one: str | None, **rest: Any) -> InboundMessage:
    return InboundMessage(sender="79161112233", text=f"text {one}", message_id=one, **rest)


class Rig:
    def __init__(self, *, listed: Any = None, reported: Any = None, **options: Any) -> None:
        self.life = Life()
        self.life.bind()
        self.switched: list[bool] = []
        self.inbound = Inbound(
            options=InboundOptions(**options),
            telemetry=Telemetry(),
            spawn=self.life.spawn,
            feed=InboundFeed(clock=VirtualClock(), listed=listed, reported=reported),
            listening=self.switched.append,
        )
        self.acked: list[str] = []

    def smpp(self, one: str | None, name: str = "") -> bool:
        return self.inbound.take(message(one, source="smpp"), lambda: self.acked.append(name or one or ""))


async def test_while_nobody_reads_the_platform_keeps_it() -> None:
    it = Rig()
    assert not it.smpp("1")
    with pytest.raises(InboundNotTaken):
        await it.inbound.handle(message("1"))
    async with it.inbound.stream():
        assert it.switched == [True]
        assert it.smpp("1")
    assert it.switched == [True, False]
    assert not it.smpp("2")


async def test_asking_for_the_next_acknowledges_the_last() -> None:
    it = Rig()
    async with it.inbound.stream() as messages:
        for one in ("1", "2", "3", "4"):
            assert it.smpp(one)
        assert it.acked == []
        await anext(messages)
        assert it.acked == []
        second = await anext(messages)
        assert it.acked == ["1"]
        second.ack()
        second.ack()
        assert it.acked == ["1", "2"]
        assert (await anext(messages)).text == "text 3"
    assert it.acked == ["1", "2", "3"]  # left in peace
    assert it.inbound.stats.waiting == 1


async def test_what_was_not_taken_goes_to_the_next_reader() -> None:
    it = Rig()
    with pytest.raises(ValueError, match="broken"):
        async with it.inbound.stream() as messages:
            for one in ("1", "2", "3"):
                it.smpp(one)
            async for received in messages:
                if received.message_id == "2":
                    raise ValueError("broken")
    assert it.acked == ["1"]
    async with it.inbound.stream() as messages:
        assert [(await anext(messages)).message_id for _ in range(2)] == ["2", "3"]
    assert it.acked == ["1", "2", "3"]


async def test_one_id_is_one_message_whichever_way_it_comes() -> None:
    it = Rig()
    async with it.inbound.stream() as messages:
        assert it.smpp("1", "smpp")
        pushed = asyncio.create_task(it.inbound.handle(message("1")))
        await asyncio.sleep(0)
        assert (await anext(messages)).source == "smpp"
        assert not pushed.done()
        it.smpp(None, "no id")
        it.smpp(None, "no id either")
        await anext(messages)
        await pushed  # answered when the application took it
        assert it.acked == ["smpp"]
        await it.inbound.handle(message("1"))  # at once: it was taken
        assert it.smpp("1", "again")
        assert it.acked == ["smpp", "again"]
        await anext(messages)
        assert it.inbound.stats.waiting == 0
        assert it.inbound.stats.repeated == 3


async def test_a_full_buffer_is_told() -> None:
    it = Rig(buffer=2)
    async with it.inbound.stream() as messages:
        assert [it.smpp(str(number)) for number in range(4)] == [True, True, False, False]
        assert it.smpp("1", "a repeat needs no room")
        await anext(messages)
        assert it.smpp("2")
    async with it.inbound.stream() as messages:
        assert [(await anext(messages)).message_id for _ in range(2)] == ["1", "2"]


async def test_misuse_is_told() -> None:
    it = Rig()
    stream = it.inbound.stream()
    with pytest.raises(ConfigurationError, match="enter it first"):
        await anext(stream)
    with pytest.raises(ConfigurationError, match="aware"):
        it.inbound.stream(since=datetime(2026, 1, 1))  # noqa: DTZ001 - misuse
    async with stream:
        with pytest.raises(ConfigurationError, match="one inbound"):
            await it.inbound.stream().__aenter__()
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        with pytest.raises(ConfigurationError, match="one task reads"):
            await anext(stream)
        reading.cancel()
        await asyncio.wait([reading])
        it.smpp("1")
        assert "79161112233" not in repr(await anext(stream))
        assert "text" not in repr(stream.stats)
    with pytest.raises(ConfigurationError, match="entered once"):
        await stream.__aenter__()


async def test_closing_ends_the_loop_after_what_waits() -> None:
    it = Rig()
    async with it.inbound.stream() as messages:
        it.smpp("1")
        it.inbound.aclose()
        assert not it.smpp("2")
        assert [received.message_id async for received in messages] == ["1"]


async def test_looks_at_the_list_go_back_a_little_and_hand_nothing_over_twice() -> None:
    looks: list[datetime] = []
    there: list[InboundMessage] = []

    async def listed(since: datetime) -> Sequence[InboundMessage]:
        looks.append(since)
        if len(looks) == 2:
            raise RequestFailed("down")
        return list(there)

    it = Rig(listed=listed, poll=60.0, overlap=600.0)
    async with it.inbound.stream() as messages:
        it.smpp("1")
        there += [message("1", source="poll"), message("2", source="poll")]
        found = [await anext(messages), await anext(messages)]
        assert [(one.message_id, one.source) for one in found] == [("1", "smpp"), ("2", "poll")]
        await asyncio.sleep(130)
        there.append(message("3", source="poll"))
        assert (await anext(messages)).message_id == "3"
    looks_then = len(looks)
    assert [(look - BEGUN).total_seconds() for look in looks[:4]] == pytest.approx([-600, -600, -600, -480], abs=1)
    await asyncio.sleep(600)
    assert len(looks) == looks_then
    assert not it.life.tasks


async def test_a_back_fill_takes_the_list_while_it_reaches_and_the_report_beyond() -> None:
    asked: list[tuple[str, datetime]] = []
    failures = [RequestFailed("down")]

    async def listed(since: datetime) -> Sequence[InboundMessage]:
        asked.append(("list", since))
        raise IncompleteIncoming("cut", messages=(message("new"),))

    async def reported(since: datetime) -> AsyncGenerator[InboundMessage, None]:
        asked.append(("report", since))
        yield message("old")
        if failures:
            raise failures.pop()
        yield message("new", source="report")

    it = Rig(listed=listed, reported=reported)
    async with it.inbound.stream(since=BEGUN - timedelta(days=5)) as messages:
        assert [(await anext(messages)).message_id for _ in range(2)] == ["old", "new"]
    assert [way for way, _ in asked] == ["report", "report"]
    asked.clear()
    since = BEGUN - timedelta(days=1)
    it = Rig(listed=listed)
    async with it.inbound.stream(since=since) as messages:
        assert (await anext(messages)).message_id == "new"  # what a list that is cut holds is taken
        await asyncio.sleep(3_600)
    assert asked == [("list", since)]  # and it would be cut again
    asked.clear()
    it = Rig(listed=listed, reported=reported)
    failures.append(RequestFailed("down"))
    async with it.inbound.stream(since=since) as messages:
        assert [(await anext(messages)).message_id for _ in range(2)] == ["new", "old"]
        await asyncio.sleep(3_600)
        assert messages.stats.waiting == 0
    assert asked == [("list", since), ("report", since)] * 2  # a report tells what the list leaves out
    it = Rig()
    async with it.inbound.stream(since=BEGUN - timedelta(days=1)) as messages:
        await asyncio.sleep(1)
        assert messages.stats.waiting == 0


async def test_a_report_that_is_refused_leaves_the_list_and_a_refused_list_nothing() -> None:
    asked: list[str] = []

    async def listed(since: datetime) -> Sequence[InboundMessage]:
        asked.append("list")
        assert (BEGUN - since).total_seconds() <= 2 * 86_400
        if len(asked) > 2:
            raise RequestRefused("no permission")
        return [message("new")]

    async def reported(_since: datetime) -> AsyncGenerator[InboundMessage, None]:
        asked.append("report")
        for refused in (RequestRefused("no permission"),):
            raise refused
        yield message("never")

    it = Rig(listed=listed, reported=reported)
    async with it.inbound.stream(since=BEGUN - timedelta(days=5)) as messages:
        assert (await anext(messages)).message_id == "new"
    assert asked == ["report", "list"]

    async def cut(since: datetime) -> Sequence[InboundMessage]:
        asked.append("cut")
        raise IncompleteIncoming("cut", messages=(message("new"),))

    it = Rig(listed=cut, reported=reported)
    async with it.inbound.stream(since=BEGUN - timedelta(days=1)) as messages:
        assert (await anext(messages)).message_id == "new"
        await asyncio.sleep(3600)
    assert asked == ["report", "list", "cut", "report"]
    del asked[2:]
    it = Rig(listed=listed)
    asked.append("again")
    async with it.inbound.stream(since=BEGUN - timedelta(days=1)):
        await asyncio.sleep(3600)
    assert asked == ["report", "list", "again", "list"]


async def test_a_webhook_is_not_left_waiting_for_a_reader_that_left() -> None:
    it = Rig()
    async with it.inbound.stream():
        first = asyncio.create_task(it.inbound.handle(message("1")))
        await asyncio.sleep(0)
    with pytest.raises(InboundNotTaken, match="reader left"):
        await first
    async with it.inbound.stream() as messages:
        again = asyncio.create_task(it.inbound.handle(message("1")))  # the platform came again
        await asyncio.sleep(0)
        assert messages.stats.waiting == 1
        (await anext(messages)).ack()
        await again


async def test_a_look_up_waits_for_room() -> None:
    async def reported(_since: datetime) -> AsyncGenerator[InboundMessage, None]:
        for number in range(100):
            yield message(str(number))

    it = Rig(reported=reported, buffer=5)
    async with it.inbound.stream(since=BEGUN - timedelta(days=5)) as messages:
        await asyncio.sleep(1)
        assert messages.stats.waiting == 5
        assert [(await anext(messages)).message_id for _ in range(100)] == [str(number) for number in range(100)]


def _row() -> InboundMessage:
    row = row_type(("id", "subscriber", "message", "submission_date", "originator"))
    return message_of(row(("77", "79161112233", "Да", "2026-01-01T10:00:00+03:00", "1234")))


async def test_a_row_of_a_report_is_a_message() -> None:
    made = _row()
    assert (made.message_id, made.sender, made.recipient, made.text, made.source) == (
        "77", "79161112233", "1234", "Да", "report",
    )  # fmt: skip
    assert made.sent_at == datetime(2026, 1, 1, 7, tzinfo=UTC)
