"""Emptying the outbox in PostgreSQL, against bare PgQueuer emptying a queue of as many jobs that do nothing.

    python benchmarks/outbox_postgres.py [--quick]

Both run in one process on one PostgreSQL that waits for the disk. The outbox does
more: it forms units, writes two states and the platform's ids of every message.
The aim: at least 0.7 of bare PgQueuer.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import finish, parse_args, version
from sms_traffic_async.outbox import postgres_port as port
from sms_traffic_async.outbox.postgres import PostgresStore
from sms_traffic_async.outbox.postgres_schema import install
from sms_traffic_async.outbox.store import Entry, Result, State
from tests.support.postgres import Cluster

AIM = 0.7
MEMBERS = 100
LANES = 4


async def bare(dsn: str, count: int) -> float:
    """Jobs a second."""
    from pgqueuer.models import Job
    from pgqueuer.qm import QueueManager
    from pgqueuer.queries import Queries
    from pgqueuer.types import QueueExecutionMode

    async with port.asyncpg().create_pool(dsn, min_size=4, max_size=8) as pool:
        queries = Queries.from_asyncpg_pool(pool)
        await queries.install()
        await queries.enqueue(["job"] * count, [b"body"] * count, [0] * count)
        manager = QueueManager(queries)
        done = 0

        @manager.entrypoint("job")
        async def work(_job: Job) -> None:
            nonlocal done
            done += 1

        begun = time.perf_counter()
        await manager.run(batch_size=MEMBERS, mode=QueueExecutionMode.drain)
        seconds = time.perf_counter() - begun
    assert done == count
    return count / seconds


async def outbox(dsn: str, count: int) -> float:
    """Messages a second."""
    await install(dsn)
    store = PostgresStore(dsn)
    await store.open()
    for _ in range(0, count, 1_000):
        await store.add([Entry(id=str(uuid.uuid4()), body=b"body", group="-") for _ in range(1_000)])

    async def lane() -> None:
        while units := await store.claim(via="v2", most=MEMBERS, units=1, lease=60):
            for unit in units:
                assert await store.begin(unit, node="node", digest=b"digest")
                told = [Result(id=m.id, state=State.ACCEPTED, message_ids=(m.id,), node="node") for m in unit.members]
                assert await store.settle(unit, told)

    begun = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(LANES)))
    seconds = time.perf_counter() - begun
    assert await store.counts() == {State.ACCEPTED: count}
    await store.aclose()
    return count / seconds


def main() -> int:
    options = parse_args(__doc__ or "")
    count, rounds = (2_000, 1) if options.quick else (10_000, 3)
    with Cluster(sync=True) as cluster:
        pairs = [
            (asyncio.run(bare(cluster.create_database(), count)), asyncio.run(outbox(cluster.create_database(), count)))
            for _ in range(rounds)
        ]
    share = statistics.median(ours / theirs for theirs, ours in pairs)
    if not options.json:
        for theirs, ours in pairs:
            print(f"{count} messages: bare PgQueuer {theirs:.0f}/s, the outbox {ours:.0f}/s")
    finish(
        "outbox_postgres",
        {"pgqueuer": share},
        {"messages": count, "aim": AIM, "pgqueuer version": version("pgqueuer")},
        wanted={"pgqueuer": AIM},
    )
    return int(not options.quick and share < AIM)


if __name__ == "__main__":
    raise SystemExit(main())
