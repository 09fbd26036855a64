"""Several worker processes on one PostgreSQL: one that hangs, a rolling restart, a rate that all share."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest

from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.outbox.store import State
from sms_traffic_async.sandbox import FaultRule, Latency, Sandbox
from sms_traffic_async.sandbox.effects_smpp import When
from tests.faults.cluster_limit import busiest
from tests.faults.cluster_outbox import make_sandbox, message_of, workers_on

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


async def until(true: Callable[[], bool]) -> None:
    """Real processes: somebody has to look."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def settled(outbox: Outbox, count: int) -> None:
    """Until so many are accepted."""
    async with asyncio.timeout(60):
        while (await outbox.counts()).get(State.ACCEPTED, 0) < count:
            await asyncio.sleep(0.02)


def taken(sandbox: Sandbox) -> Counter[str]:
    return Counter(entry.to for entry in sandbox.accepted)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_that_hangs_past_its_lease_neither_settles_nor_sends_twice(dsn: str, when: When) -> None:
    async with Outbox(dsn) as outbox, make_sandbox(concurrent="wait") as sandbox:
        with workers_on(dsn, sandbox, lease=0.8) as workers:
            hung = await workers.start()
            sandbox.faults.add(FaultRule(effect=Latency(seconds=2.5, when=when), operation="send", times=1))
            name = await outbox.enqueue(message_of(1))
            await until(lambda: sandbox.faults.injected > 0)
            hung.signal(signal.SIGSTOP)
            await workers.start()
            await settled(outbox, 1)  # by the other one
            done = await outbox.status(name)
            workers.kill(1)
            hung.signal(signal.SIGCONT)
            await outbox.enqueue(message_of(2))
            await settled(outbox, 2)  # by the one that hung
            hung.signal(signal.SIGTERM)
            counters = await hung.said()
        assert taken(sandbox) == {"79000000001": 1, "79000000002": 1}
        assert await outbox.status(name) == done
        assert done is not None
        assert done.attempts == 1  # one unit, which was claimed twice
        assert (counters["outbox.lost_tokens"], counters["outbox.accepted"]) == (1, 1)


async def test_a_rolling_restart_sends_everything_once_and_at_once(dsn: str) -> None:
    """The lease is long: whatever a worker left behind would come late, and show."""
    count = 240
    async with Outbox(dsn) as outbox, make_sandbox(0.05) as sandbox:
        with workers_on(dsn, sandbox, lease=60.0, most=5) as workers:
            await asyncio.gather(*(workers.start() for _ in range(4)))
            begun = time.monotonic()
            for turn in range(4):
                await outbox.enqueue_many([message_of(number) for number in range(turn, count, 4)])
                await workers.start()
                assert await workers.drain(0) == 0
            await settled(outbox, count)
            assert time.monotonic() - begun < 30
            assert workers.census() == 0
        assert set(taken(sandbox).values()) == {1}
        assert len(taken(sandbox)) == count
        requests = Counter(entry.restrictive_id for entry in sandbox.accepted)
        assert sum(requests.values()) == count
        assert await outbox.counts() == {State.ACCEPTED: count}
        assert {row.attempts for row in await outbox.store.listing([State.ACCEPTED], limit=count)} == {1}


async def test_workers_share_the_rate_of_their_account(dsn: str) -> None:
    count, rate = 40, 20.0
    async with Outbox(dsn) as outbox, make_sandbox() as sandbox:
        await outbox.enqueue_many([message_of(number) for number in range(count)])
        with workers_on(dsn, sandbox, rate=rate, most=1, lanes=4) as workers:
            await asyncio.gather(*(workers.start() for _ in range(3)))
            await settled(outbox, count)
        moments = [entry.at for entry in sandbox.accepted]
        assert busiest(moments) <= 1.5 * rate  # how late a busy machine wakes somebody; alone each would have 20
        assert max(moments) - min(moments) >= 0.7 * (count - 1) / rate  # the first may be late; alone it were a third
