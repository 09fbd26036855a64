"""F5 and F6: workers on one PostgreSQL outbox are killed, and the server is crashed, over and over.

The platform is the sandbox in this process; its accept log is the truth. Workers
are processes, killed with SIGKILL and replaced, as a supervisor would. Nobody
helps a worker through a crash of the server: it has to live.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sms_traffic_async.messages import Message
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.outbox.postgres_schema import install
from sms_traffic_async.outbox.store import State
from sms_traffic_async.sandbox import FaultRule, Latency, Pace, Sandbox, Switches
from sms_traffic_async.sandbox.switches import Concurrent
from sms_traffic_async.storage.sqlite import StorageError
from tests.faults.cluster_processes import Workers
from tests.faults.cluster_worker import Told, run_worker
from tests.support.postgres import Cluster

__all__ = ("Seen", "fault_run", "idle_run", "make_sandbox", "message_of", "workers_on")

TOGETHER = 500


@dataclass(slots=True, kw_only=True)
class Seen:
    """What a run has shown.

    Attributes:
        lost: committed, and never taken by the platform.
        duplicates: taken more than once.
        open: not settled at the end.
        wrong: settled otherwise than as accepted.
        died: workers that ended by themselves.
        reclaims: F6, seconds from a kill until another worker had sent what the dead one held.
    """

    messages: int = 0
    kills: int = 0
    restarts: int = 0
    lost: int = 0
    duplicates: int = 0
    open: int = 0
    wrong: int = 0
    died: int = 0
    seconds: float = 0.0
    reclaims: list[float] = field(default_factory=list[float])

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing twice, nobody dead."""
        return not (self.lost or self.duplicates or self.open or self.wrong or self.died)

    def row(self) -> str:
        """For a table."""
        told = asdict(self)
        reclaims: Sequence[float] = sorted(told.pop("reclaims"))
        if reclaims:
            told |= {"reclaim median": round(reclaims[len(reclaims) // 2], 2), "reclaim max": round(reclaims[-1], 2)}
        return json.dumps(told | {"seconds": round(self.seconds, 1)})


def message_of(number: int) -> Message:
    """Every message of a run goes to a number of its own, and has a key: enqueued twice, it is kept once."""
    return Message(to=f"79{number:09d}", text=f"N {number}", key=f"order-{number}")


async def _enqueue(outbox: Outbox, first: int, count: int) -> None:
    messages = [message_of(number) for number in range(first, first + count)]
    while True:
        try:
            await outbox.enqueue_many(messages)
        except StorageError:
            continue  # the same keys again: what was committed all the same is not kept twice
        return


def workers_on(dsn: str, sandbox: Sandbox, **options: Any) -> Workers:
    """Processes that empty this outbox into this sandbox; options of ``Told``."""
    return Workers(run_worker, Told(dsn=dsn, api_key=sandbox.api_key, nodes=tuple(sandbox.urls), **options))


def make_sandbox(latency: float = 0.0, concurrent: Concurrent = "race") -> Sandbox:
    """A platform that answers so late, at most twice as late.

    ``race``: a request of a dead worker that still waits does not refuse the next one under its id (U4).
    """
    switches = Switches(antispam=False, restrictive_concurrent=concurrent)
    made = Sandbox(switches=switches, pace=Pace(send=0, buffer=0, final=3600), keep=200_000)
    made.outcomes.clear()
    if latency:
        made.faults.add(FaultRule(effect=Latency(seconds=latency, jitter=latency)), seed=1)
    return made


async def fault_run(
    *, messages: int, kills: int, restarts: int, workers: int = 4, lease: float = 5.0, latency: float = 0.1,
    interval: float = 1.2, seed: int = 1, say: bool = False, on: Cluster | None = None,
) -> Seen:  # fmt: skip
    """F5; on a server of its own, or a given one."""
    chance, seen = random.Random(seed), Seen(messages=messages)
    begun = time.monotonic()
    faults = ["kill"] * kills + ["restart"] * restarts
    chance.shuffle(faults)
    with contextlib.nullcontext(on) if on else Cluster() as cluster:
        dsn = cluster.create_database()
        await install(dsn)
        async with Outbox(dsn) as outbox, make_sandbox(latency) as sandbox:
            with workers_on(dsn, sandbox, lease=lease) as pool:
                await asyncio.gather(*(pool.start() for _ in range(workers)))
                feeding = asyncio.create_task(_feed(outbox, messages))
                for fault in faults:
                    await asyncio.sleep(interval * (0.5 + chance.random()))
                    if fault == "kill":
                        pool.kill(chance.randrange(len(pool.running)))
                        await pool.start()
                        seen.kills += 1
                    else:
                        await asyncio.to_thread(cluster.restart, "immediate")
                        seen.restarts += 1
                    if say:
                        print(fault, len(sandbox.accepted), flush=True)
                await feeding
                seen.open = await _drained(outbox, timeout=120 + messages / 100)
                seen.died = pool.census()
            counts = await outbox.counts()
            sent = {State.ACCEPTED, State.FINAL}
            seen.wrong = sum(count for state, count in counts.items() if state not in sent) - seen.open
            taken = Counter(entry.to for entry in sandbox.accepted)
            seen.lost = sum(not taken[f"79{number:09d}"] for number in range(messages))
            seen.duplicates = sum(times > 1 for times in taken.values())
    seen.seconds = time.monotonic() - begun
    return seen


async def _feed(outbox: Outbox, messages: int) -> None:
    for first in range(0, messages, TOGETHER):
        await _enqueue(outbox, first, min(TOGETHER, messages - first))


async def _drained(outbox: Outbox, *, timeout: float) -> int:
    """Until nothing is open; how many are, when patience ends."""
    until = time.monotonic() + timeout
    while True:
        counts = await outbox.counts()
        left = sum(counts.get(state, 0) for state in (State.PENDING, State.SENDING, State.AMBIGUOUS))
        if not left or time.monotonic() > until:
            return left
        await asyncio.sleep(0.2)


async def idle_run(*, kills: int, lease: float = 2.0, say: bool = False, on: Cluster | None = None) -> Seen:
    """F6: the only message is in the hands of a worker that dies; nothing else ever happens to the queue."""
    seen = Seen(messages=kills)
    begun = time.monotonic()
    with contextlib.nullcontext(on) if on else Cluster() as cluster:
        dsn = cluster.create_database()
        await install(dsn)
        async with Outbox(dsn) as outbox, make_sandbox() as sandbox:
            with workers_on(dsn, sandbox, lease=lease, lanes=1) as pool:
                await pool.start()
                for number in range(kills):
                    await _orphan(outbox, sandbox, pool, number)
                    died = time.monotonic()
                    while len(sandbox.accepted) <= number:
                        await asyncio.sleep(0.005)
                        assert time.monotonic() < died + 60, "never reclaimed"
                    seen.reclaims.append(time.monotonic() - died)
                    seen.kills += 1
                    seen.open = await _drained(outbox, timeout=10)
                    if say:
                        print(number, round(seen.reclaims[-1], 2), flush=True)
                seen.died = pool.census()
            seen.duplicates = sum(times > 1 for times in Counter(entry.to for entry in sandbox.accepted).values())
            seen.lost = kills - len({entry.to for entry in sandbox.accepted})
    seen.seconds = time.monotonic() - begun
    return seen


async def _orphan(outbox: Outbox, sandbox: Sandbox, pool: Workers, number: int) -> None:
    """A worker takes the message, and is killed while the platform keeps it waiting, before it was taken."""
    held = sandbox.faults.injected
    sandbox.faults.add(FaultRule(effect=Latency(seconds=600.0, when="before"), operation="send", times=1))
    await outbox.enqueue(message_of(number))
    while sandbox.faults.injected == held:
        await asyncio.sleep(0.005)
    await pool.start()
    pool.kill(0)
