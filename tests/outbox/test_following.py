"""Statuses on their way into the store: what is at hand together, and nothing acknowledged before it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio

from sms_traffic_async.delivery.streams import UpdateStream
from sms_traffic_async.outbox import following
from sms_traffic_async.outbox.following import Following
from sms_traffic_async.outbox.sqlite import SQLiteStore
from sms_traffic_async.outbox.store import News, Result, State
from sms_traffic_async.session import SmsTraffic
from tests.outbox.contract import entry
from tests.support.tracking import Rig, report, rig, sent
from tests.support.virtual_loop import VirtualClock

pytestmark = pytest.mark.asyncio(loop_factories=["virtual"])
T = TypeVar("T")


class SlowStore(SQLiteStore):
    """Tells which calls of ``learn`` there were. Where it is slow, the answer of each comes late."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, clock=VirtualClock())
        self.learnt: list[list[str]] = []
        self.slow = 0.0

    async def learn(self, news: Sequence[News]) -> list[News]:
        self.learnt.append([f"{one.message_id} {one.status}" for one in news])
        left = await super().learn(news)
        await asyncio.sleep(self.slow)
        return left


class Heard(SmsTraffic):
    """A session that hears what a tracker is told."""

    def __init__(self, it: Rig) -> None:
        super().__init__(api_key="1837/key", nodes=["http://127.0.0.1:1"])
        self.it = it

    def updates(self, *, finals_only: bool = False) -> UpdateStream:
        return self.it.tracker.updates(finals_only=finals_only)


async def at_once(work: Callable[[], Awaitable[T]], /) -> T:
    return await work()


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SlowStore]:
    made = SlowStore(tmp_path / "o.db")
    await made.open()
    yield made
    await made.aclose()


async def accepted(store: SlowStore, *names: str) -> list[Result]:
    """Messages in the store that the platform has taken as p1 and so on; their results."""
    await store.add([entry(name) for name in names])
    (unit,) = await store.claim(via="v2", most=100, units=1, lease=600.0)
    assert await store.begin(unit)
    said = [
        Result(id=member.id, state=State.ACCEPTED, message_ids=(f"p{name}",))
        for member, name in zip(unit.members, names, strict=True)
    ]
    assert await store.settle(unit, said)
    return said


def tell(it: Rig, *names: str, status: str = "Delivered") -> None:
    for one in names:
        it.tracker.sent(sent(one))
        it.tracker.take([report(one, status)])


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def states(store: SlowStore, *names: str) -> list[State]:
    rows = [await store.get(name) for name in names]
    return [row.state for row in rows if row is not None]


async def test_what_heaps_up_meanwhile_is_written_down_together_in_order(
    store: SlowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "AT_ONCE", 3)
    await accepted(store, "1", "2", "3", "4", "5", "6")
    async with rig() as it:
        writer = Following(store, Heard(it), at_once, VirtualClock())
        task = asyncio.create_task(writer.follow())
        await writer.ready.wait()
        store.slow = 1.0
        tell(it, "p1")
        await until(lambda: len(store.learnt) == 1)  # it waits for nothing else
        tell(it, "p2", "p3", status="Buffered SMSC")
        tell(it, "p4", "p2", "p5")
        await until(lambda: len(store.learnt) == 3)
        await asyncio.sleep(2)
        task.cancel()
        await asyncio.wait([task])
    assert store.learnt == [
        ["p1 Delivered"],
        ["p2 Buffered SMSC", "p3 Buffered SMSC", "p4 Delivered"],
        ["p2 Delivered", "p5 Delivered"],
    ]
    final, accepted_ = State.FINAL, State.ACCEPTED
    assert await states(store, *"123456") == [final, final, accepted_, final, final, accepted_]


async def test_nothing_is_acknowledged_before_it_is_in_the_store(store: SlowStore) -> None:
    await accepted(store, "1", "2", "3")
    tried = asyncio.Event()

    async def never(_work: Callable[[], Awaitable[T]], /) -> T:
        tried.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with rig() as it:
        broken = Following(store, Heard(it), never, VirtualClock())
        task = asyncio.create_task(broken.follow())
        await broken.ready.wait()
        tell(it, "p1", "p2")
        await tried.wait()
        tell(it, "p3")
        task.cancel()
        await asyncio.wait([task])
        writer = Following(store, Heard(it), at_once, VirtualClock())
        task = asyncio.create_task(writer.follow())
        await until(lambda: bool(store.learnt))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
    assert store.learnt == [["p1 Delivered", "p2 Delivered", "p3 Delivered"]]
    assert await states(store, *"123") == [State.FINAL] * 3


async def test_an_acceptance_that_comes_while_its_status_is_looked_for_misses_nothing(store: SlowStore) -> None:
    async with rig() as it:
        writer = Following(store, Heard(it), at_once, VirtualClock())
        task = asyncio.create_task(writer.follow())
        await writer.ready.wait()
        store.slow = 5.0
        tell(it, "p1", "p?")
        await until(lambda: len(store.learnt) == 1)
        await asyncio.sleep(1)  # the store has looked, and nobody knows the answer yet
        store.slow = 0.0
        await writer.accepted(await accepted(store, "1"))
        assert await states(store, "1") == [State.FINAL]
        await asyncio.sleep(10)
        task.cancel()
        await asyncio.wait([task])
