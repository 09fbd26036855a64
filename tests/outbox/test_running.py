"""A run whose sessions come from an election: the places to bind at come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox, SQLiteStore, State
from sms_traffic_async.outbox.health import serve_health
from sms_traffic_async.outbox.store import Use
from sms_traffic_async.sandbox import FaultRule, Latency, Pace, Sandbox
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.storage.sqlite import StorageClosed
from tests.support.virtual_loop import VirtualClock

pytestmark = pytest.mark.asyncio(loop_factories=["virtual"])


class Chair:
    """One place, which is free when a test says so."""

    def __init__(self, sms: SmsTraffic, use: Use) -> None:
        self._sms = sms
        self.use = use
        self.free = asyncio.Event()
        self.taken = 0
        self.left = 0
        self.failures: list[Exception] = []

    async def run(self) -> None:
        while True:
            await self.free.wait()
            self.taken += 1
            try:
                async with SmsTraffic.from_settings(self._sms.settings, clock=VirtualClock()) as session:
                    await self.use(session)
            except Exception as error:  # as an election does
                self.failures.append(error)
            finally:
                self.left += 1
            await VirtualClock().sleep(6.0)


class ChairStore(SQLiteStore):
    """A file with a place to bind at beside it."""

    chair: Chair | None = None

    def binder(self, sms: SmsTraffic, use: Use) -> Chair:  # type: ignore[override]  # a file has none otherwise
        self.chair = Chair(sms, use)
        return self.chair


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(pace=Pace(send=0, buffer=0, final=3_600), smpp_tls_ports=None, smtp_port=None) as made:
        yield made


@pytest_asyncio.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with Outbox(ChairStore(tmp_path / "outbox.db", clock=VirtualClock()), clock=VirtualClock()) as made:
        yield made


def chair(outbox: Outbox) -> Chair:
    assert isinstance(outbox.store, ChairStore)
    assert outbox.store.chair is not None
    return outbox.store.chair


async def filled(outbox: Outbox) -> None:
    await outbox.enqueue_many([Message(to=f"7916000{number:04d}", text="Готово") for number in range(5)])


async def health(outbox: Outbox) -> str:
    async with serve_health(outbox, "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\n\r\n")
        answer = (await reader.read()).decode()
        writer.close()
        head, _, body = answer.partition("\r\n\r\n")
        return f"{head.split()[1]} {json.loads(body)['status']}"


async def test_who_holds_no_place_sends_nothing_and_says_that_it_stands_by(outbox: Outbox, sandbox: Sandbox) -> None:
    await filled(outbox)
    stop = asyncio.Event()
    assert await health(outbox) == "503 starting"
    async with SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms:
        running = asyncio.create_task(outbox.run(sms, via="smpp", stop=stop))
        await asyncio.sleep(10)
        assert not outbox.workers
        assert await health(outbox) == "200 standby"
        assert not len(sandbox.accepted)
        chair(outbox).free.set()
        await asyncio.sleep(5)
        assert len(sandbox.accepted) == 5
        assert await health(outbox) == "200 running"
        stop.set()
        await running
    assert (chair(outbox).taken, chair(outbox).left) == (1, 1)
    assert await outbox.counts() == {State.ACCEPTED: 5}


async def test_a_stop_without_a_place_is_over_at_once(outbox: Outbox, sandbox: Sandbox) -> None:
    stop = asyncio.Event()
    async with SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms:
        running = asyncio.create_task(outbox.run(sms, via="smpp", stop=stop, grace=100.0))
        await asyncio.sleep(1)
        began = VirtualClock().monotonic()
        stop.set()
        await running
        assert VirtualClock().monotonic() - began < 1


@pytest.mark.parametrize("placed", [True, False])
async def test_until_empty_ends_with_and_without_a_place(outbox: Outbox, sandbox: Sandbox, placed: bool) -> None:
    await filled(outbox)
    async with SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms:
        running = asyncio.create_task(outbox.run(sms, via="smpp", until_empty=True))
        await asyncio.sleep(3)
        assert not running.done()
        if placed:
            chair(outbox).free.set()
        else:  # somebody else empties it
            for row in await outbox.store.listing([State.PENDING]):
                assert await outbox.cancel(row.id)
        await running
    assert len(sandbox.accepted) == (5 if placed else 0)


async def test_a_closed_outbox_ends_the_election_too(outbox: Outbox, sandbox: Sandbox) -> None:
    async with SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms:
        running = asyncio.create_task(outbox.run(sms, via="smpp"))
        await asyncio.sleep(1)
        chair(outbox).free.set()
        await asyncio.sleep(1)
        await outbox.aclose()
        outbox.workers[0].wake()  # type: ignore[index]  # it runs
        with pytest.raises(StorageClosed):
            await running
    assert not chair(outbox).failures


async def test_a_place_that_is_lost_twice_leaves_no_worker_behind(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=60.0, when="after"), operation="submit"))
    await filled(outbox)
    async with SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms:
        stop = asyncio.Event()
        running = asyncio.create_task(outbox.run(sms, via="smpp", stop=stop))
        await asyncio.sleep(1)
        seated = asyncio.ensure_future(chair(outbox).use(sms))
        await asyncio.sleep(3)
        seated.cancel()
        await asyncio.sleep(1)  # what is on its way is given a moment
        assert not seated.done()
        seated.cancel()
        await asyncio.wait([seated])
        assert "sms-traffic outbox seat" not in {task.get_name() for task in asyncio.all_tasks()}
        stop.set()
        await running
