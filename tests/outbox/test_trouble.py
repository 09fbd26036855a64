"""The table "When something is wrong" of docs/outbox.md, where a worker or an older file is part of it."""

from __future__ import annotations

import asyncio
import resource
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox, OutboxTrouble, Row, SQLiteStore, State
from sms_traffic_async.outbox.sqlite_schema import MIGRATIONS
from sms_traffic_async.outbox.store import Entry, Result
from sms_traffic_async.sandbox import FaultRule, Latency, Sandbox
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import OnUnknown
from sms_traffic_async.storage.sqlite import StorageError
from tests.support.virtual_loop import VirtualClock

pytestmark = pytest.mark.asyncio(loop_factories=["virtual"])


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(smpp_ports=None, smpp_tls_ports=None, smtp_port=None) as made:
        yield made


def session(sandbox: Sandbox) -> SmsTraffic:
    return SmsTraffic(**sandbox.client_options(), clock=VirtualClock())


def message(number: int) -> Message:
    return Message(to=f"7916{number:07d}", text=f"Ваш заказ {number} готов", key=f"k{number}")


class Disk:
    """Full from ``fill`` to ``free``: no file of this process may be written, as SQLite sees it."""

    def __init__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, self._before[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


@pytest.fixture
def disk() -> Iterator[Disk]:
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    made = Disk()
    yield made
    made.free()
    signal.signal(signal.SIGXFSZ, ignored)


async def test_on_a_full_disk_the_worker_sends_nothing_and_goes_on_when_there_is_room(
    sandbox: Sandbox, tmp_path: Path, disk: Disk
) -> None:
    events: list[object] = []
    async with (
        Outbox(tmp_path / "o.db", clock=VirtualClock(), hooks=[events.append]) as outbox,
        session(sandbox) as sms,
    ):
        ids = await outbox.enqueue_many([message(number) for number in range(30)])
        stop = asyncio.Event()
        disk.fill()
        running = asyncio.create_task(outbox.run(sms, stop=stop))
        await asyncio.sleep(20)
        assert not len(sandbox.accepted)  # what cannot be written down beforehand is not sent
        with pytest.raises(StorageError, match="database said no"):
            await outbox.enqueue(message(99))
        assert not running.done()
        disk.free()
        await asyncio.sleep(60)
        stop.set()
        await running
        assert [sandbox.accepted.times(one) for one in ids] == [1] * 30
        assert await outbox.status("k99") is None
        assert any(isinstance(event, OutboxTrouble) for event in events)


async def test_a_disk_that_is_full_when_the_answer_comes_costs_no_second_sms(
    sandbox: Sandbox, tmp_path: Path, disk: Disk
) -> None:
    async with Outbox(tmp_path / "o.db", clock=VirtualClock()) as outbox, session(sandbox) as sms:
        one = await outbox.enqueue(message(1))
        sandbox.accepted.keepers.append(lambda entry: disk.fill())
        stop = asyncio.Event()
        running = asyncio.create_task(outbox.run(sms, stop=stop))
        await asyncio.sleep(120)  # four times its lease, which cannot be written either
        assert len(sandbox.accepted) == 1
        row = await outbox.status(one)
        assert row is not None
        assert row.state is State.SENDING
        disk.free()
        await asyncio.sleep(60)
        stop.set()
        await running
        row = await outbox.status(one)
        assert row is not None
        assert row.state in {State.ACCEPTED, State.FINAL}
        assert sandbox.accepted.times(one) == 1


class Leaps(VirtualClock):
    """Somebody sets it forward, or the machine sleeps."""

    __slots__ = ("leapt",)

    def __init__(self) -> None:
        super().__init__()
        self.leapt = 0.0

    def wall(self) -> float:
        return super().wall() + self.leapt


@pytest.mark.parametrize("on_unknown", ["raise", "resend"])
async def test_where_the_clock_leaps_what_is_being_sent_is_not_taken_for_a_dead_ones(
    sandbox: Sandbox, tmp_path: Path, on_unknown: OnUnknown
) -> None:
    sandbox.faults.add(FaultRule(protocol="v1", operation="send", effect=Latency(seconds=8), times=1))
    clock = Leaps()
    async with Outbox(tmp_path / "o.db", clock=clock) as outbox, session(sandbox) as plain:
        sms = plain.with_options(on_unknown=on_unknown)
        first = await outbox.enqueue(message(1))
        stop = asyncio.Event()
        running = asyncio.create_task(outbox.run(sms, via="v1", stop=stop))
        await asyncio.sleep(2)
        clock.leapt = 3_600.0
        second = await outbox.enqueue(message(2))  # the worker looks what there is to do
        await asyncio.sleep(20)
        stop.set()
        await running
        rows = [await outbox.status(one) for one in (first, second)]
    assert {row.state for row in rows if row is not None} <= {State.ACCEPTED, State.FINAL}
    assert len(sandbox.accepted) == 2


async def test_a_file_of_an_older_version_keeps_everything_it_holds(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    async with Outbox(path, clock=VirtualClock()) as outbox:
        ids = await outbox.enqueue_many([message(number) for number in range(4)])
        assert await outbox.cancel(ids[0])
        (unit,) = await outbox.store.claim(via="v2", most=2, units=1, lease=30)
        assert await outbox.store.settle(
            unit, [Result(id=member.id, state=State.HELD, code=415) for member in unit.members]
        )
        before = await outbox.counts()
    with sqlite3.connect(path) as connection:  # as the first version made it
        connection.execute("ALTER TABLE message DROP COLUMN trace")
        connection.execute("DROP INDEX message_settled")
        connection.execute("CREATE INDEX message_state ON message (state)")
        connection.execute("PRAGMA user_version=1")
    connection.close()
    async with Outbox(path, clock=VirtualClock()) as outbox, session(sandbox) as sms:
        assert await outbox.counts() == before == {State.CANCELLED: 1, State.HELD: 2, State.PENDING: 1}
        assert [row.id for row in await outbox.held()] == ids[1:3]
        assert await outbox.store.release(10) == 2
        await outbox.run(sms, until_empty=True)
        assert [sandbox.accepted.times(one) for one in ids] == [0, 1, 1, 1]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    connection.close()


class Watched(SQLiteStore):
    """Remembers what was asked for."""

    listed: list[int]

    async def listing(self, states: Sequence[State], *, after: str | None = None, limit: int = 100) -> list[Row]:
        rows = await super().listing(states, after=after, limit=limit)
        if State.ACCEPTED in states:
            self.listed.append(len(rows))
        return rows


async def test_much_that_was_sent_before_does_not_hold_up_a_start(sandbox: Sandbox, tmp_path: Path) -> None:
    """What an earlier process sent is asked about beside the work, a page at a time."""
    store = Watched(tmp_path / "o.db", clock=VirtualClock())
    store.listed = []
    async with Outbox(store, clock=VirtualClock()) as outbox, session(sandbox) as sms:
        old = [Entry(id=f"{number:036}", body=b"{}", group="-") for number in range(2_500)]
        await store.add(old)
        for unit in await store.claim(via="v2", most=1_000, units=3, lease=30):
            await store.settle(
                unit,
                [Result(id=one.id, state=State.ACCEPTED, message_ids=(f"9{one.id[-9:]}",)) for one in unit.members],
            )
        new = await outbox.enqueue(message(1))
        stop = asyncio.Event()
        running = asyncio.create_task(outbox.run(sms, stop=stop))
        await asyncio.sleep(0.5)
        assert sandbox.accepted.times(new) == 1
        assert store.listed == [1_000]
        await asyncio.sleep(10)
        assert store.listed[:3] == [1_000, 1_000, 500 + 1]
        assert len(store.listed) == 3
        stop.set()
        await running


@pytest.mark.parametrize(
    "options", [{"key": ""}, {"key": "k" * 201}, {"key": 7}, {"key": "\ud800"}, {"priority": 1.5}, {"priority": 10**9}]
)
async def test_what_no_store_can_keep_is_refused_before_it_meets_others(
    tmp_path: Path, options: dict[str, object]
) -> None:
    async with Outbox(tmp_path / "o.db", clock=VirtualClock()) as outbox:
        with pytest.raises(InvalidMessage, match=next(iter(options))):
            await outbox.enqueue(Message(to="79161112233", text="Готово"), **options)  # type: ignore[arg-type]  # wrong ones
        assert not await outbox.counts()
