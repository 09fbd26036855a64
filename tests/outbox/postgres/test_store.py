"""The store on a real PostgreSQL: many workers, crashes, transactions of the caller's, and whole units."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.postgres import PostgresStore
from sms_traffic_async.outbox.postgres_schema import VERSION, install
from sms_traffic_async.outbox.store import Entry, Result, State, Unit
from sms_traffic_async.storage.sqlite import StorageClosed
from tests.outbox.postgres.moments import jobs_and_units, let_pass
from tests.support.peers import python_peer
from tests.support.postgres import Cluster, HurriedClock


@pytest_asyncio.fixture
async def store(dsn: str, no_tasks_left: None) -> AsyncIterator[PostgresStore]:
    opened = PostgresStore(dsn, clock=HurriedClock(), patience=10_000)
    await opened.open()
    yield opened
    await opened.aclose()


def entry(group: str = "g", **options: Any) -> Entry:
    return Entry(id=str(uuid.uuid4()), body=b"body", group=group, **options)


async def nothing_is_left(store: PostgresStore) -> None:
    """What is over costs nothing."""
    assert await jobs_and_units(store) == 0


def accepted(unit: Unit) -> list[Result]:
    return [Result(id=member.id, state=State.ACCEPTED, message_ids=(f"p{member.id}",)) for member in unit.members]


async def test_many_workers_share_and_nobody_has_what_another_has(store: PostgresStore) -> None:
    added = await store.add([entry() for _ in range(500)])
    held: list[str] = []

    async def work() -> None:
        while units := await store.claim(via="v2", most=7, units=2, lease=60):
            for unit in units:
                held.extend(member.id for member in unit.members)
                assert await store.begin(unit)
                assert await store.settle(unit, accepted(unit))

    await asyncio.gather(*(work() for _ in range(8)))
    assert Counter(held) == Counter(added)
    assert await store.counts() == {State.ACCEPTED: 500}
    await nothing_is_left(store)


async def test_an_abandoned_unit_comes_back_whole_and_once(store: PostgresStore) -> None:
    await store.add([entry() for _ in range(30)])
    (unit,) = await store.claim(via="v2", most=30, units=1, lease=5)
    assert await store.begin(unit, node="n1", digest=b"d")
    assert await store.claim(via="v2", most=30, units=1, lease=5) == []
    await let_pass(store, 6)
    found = await asyncio.gather(*(store.claim(via="v2", most=3, units=4, lease=5) for _ in range(6)))
    (again,) = [one for units in found for one in units]
    assert [member.id for member in again.members] == [member.id for member in unit.members]
    assert (again.id, again.maybe, again.node, again.digest, again.attempts) == (unit.id, True, "n1", b"d", 2)
    assert again.token != unit.token
    assert again.age is not None
    assert 6 <= again.age < 60
    assert not await store.begin(unit)
    assert not await store.settle(unit, accepted(unit))
    assert await store.renew([unit, again], lease=5) == {again.token}
    assert await store.settle(again, accepted(again))
    await nothing_is_left(store)


async def test_a_crash_of_the_server_loses_nothing(store: PostgresStore, cluster: Cluster) -> None:
    added = await store.add([entry() for _ in range(200)])
    seen: set[str] = set()
    crashes = 0
    while len(seen) < len(added):
        if len(seen) // 50 > crashes - 1:
            crashes += 1
            crash = asyncio.create_task(asyncio.to_thread(cluster.restart, "immediate"))
        units = await store.claim(via="v2", most=10, units=1, lease=600)
        for unit in units:
            # A claim does not wait for the disk: a crash may forget it, and then it cannot begin.
            if await store.begin(unit) and await store.settle(unit, accepted(unit)):
                seen.update(member.id for member in unit.members)
        if not units:
            await let_pass(store, 601)  # what a claim whose answer was lost has left behind
            seen = {row.id for row in await store.listing([State.ACCEPTED], limit=1_000)}
        await crash
    assert await store.counts() == {State.ACCEPTED: 200}
    assert crashes >= 4
    await nothing_is_left(store)


async def test_listeners_of_other_processes_hear(store: PostgresStore, dsn: str) -> None:
    other = PostgresStore(dsn)
    await other.open()
    heard = asyncio.Event()
    store.listen(heard.set)
    async with asyncio.timeout(20):
        await heard.wait()  # it listens
        heard.clear()
        await other.add([entry()])
        await heard.wait()
    await other.aclose()


async def test_its_age_is_kept_by_what_goes_back(store: PostgresStore) -> None:
    first = await store.add([entry() for _ in range(3)])
    (unit,) = await store.claim(via="v2", most=10, units=1, lease=5)
    await store.add([entry() for _ in range(3)])
    assert await store.settle(unit, [])
    (again,) = await store.claim(via="v2", most=3, units=1, lease=5)
    assert [member.id for member in again.members] == first


async def test_who_comes_back_in_whatever_way_is_as_old_as_before(store: PostgresStore) -> None:
    names = await store.add([entry() for _ in range(4)])
    (unit,) = await store.claim(via="v2", most=3, units=1, lease=5)
    assert await store.begin(unit)
    told = [
        Result(id=names[0], state=State.PENDING),
        Result(id=names[1], state=State.HELD, code=415),
        Result(id=names[2], state=State.AMBIGUOUS, after=30),
    ]
    assert await store.settle(unit, told)
    assert await store.release(1) == 1
    await store.add([entry()])
    assert await store.cancel(names[3])
    (again,) = await store.claim(via="v2", most=2, units=1, lease=5)
    assert [member.id for member in again.members] == names[:2]


@pytest.mark.parametrize("leader", [True, False])
async def test_who_leaves_a_unit_that_goes_on_is_sent_alone(store: PostgresStore, leader: bool) -> None:
    await store.add([entry() for _ in range(3)])
    (unit,) = await store.claim(via="v2", most=3, units=1, lease=5)
    assert await store.begin(unit)
    order = [member.id for member in unit.members]
    leaves = order[0] if leader else order[1]
    rest = [name for name in order if name != leaves]
    told = [Result(id=name, state=State.AMBIGUOUS, after=30) for name in rest]
    assert await store.settle(unit, [Result(id=leaves, state=State.PENDING, crowd=1), *told])
    (alone,) = await store.claim(via="v2", most=3, units=5, lease=5)
    assert [member.id for member in alone.members] == [leaves]
    assert alone.members[0].attempts == 2
    assert await store.settle(alone, accepted(alone))
    await let_pass(store, 31)
    (again,) = await store.claim(via="v2", most=3, units=5, lease=5)
    assert (again.id, [member.id for member in again.members]) == (unit.id, rest)
    assert await store.settle(again, accepted(again))
    assert await store.counts() == {State.ACCEPTED: 3}
    await nothing_is_left(store)


# --- transactions of the caller's


async def test_enqueued_with_the_order_or_not_at_all_by_asyncpg(store: PostgresStore, dsn: str) -> None:
    connection = await python_peer("asyncpg").connect(dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("CREATE TABLE shop (id int)")
        (kept,) = await store.add([entry(key="order-1")], conn=connection)
        assert await store.counts() == {}
        await transaction.rollback()
        assert await store.counts() == {}
        async with connection.transaction():
            (kept,) = await store.add([entry(key="order-1")], conn=connection)
            assert await store.get(kept) is None
        row = await store.get("order-1")
        assert row is not None
        assert row.id == kept
        async with connection.transaction():
            assert await store.add([entry(key="order-1")], conn=connection) == [kept]
    finally:
        await connection.close()
    (unit,) = await store.claim(via="v2", most=9, units=9, lease=5)
    assert [member.id for member in unit.members] == [kept]


async def test_enqueued_with_the_order_or_not_at_all_by_psycopg(store: PostgresStore, dsn: str) -> None:
    psycopg: Any = python_peer("psycopg")
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await store.add([entry(key="order-1", delay=5.0, lives=60.0)], conn=connection)
        await connection.rollback()
        assert await store.counts() == {}
        kept = await store.add([entry(key="order-1"), entry(), entry(key="order-1")], conn=connection)
        assert kept[0] == kept[2]
        assert await store.counts() == {}
        await connection.commit()
    assert await store.counts() == {State.PENDING: 2}
    (unit,) = await store.claim(via="v2", most=9, units=9, lease=5)
    assert [member.id for member in unit.members] == kept[:2]
    assert unit.members[0].body == b"body"


async def test_two_transactions_with_one_key_are_one_message(store: PostgresStore, dsn: str) -> None:
    connections = [await python_peer("asyncpg").connect(dsn) for _ in range(2)]
    try:
        first = connections[0].transaction()
        await first.start()
        (kept,) = await store.add([entry(key="order-1")], conn=connections[0])
        second = connections[1].transaction()
        await second.start()
        other = asyncio.create_task(store.add([entry(key="order-1")], conn=connections[1]))
        await asyncio.sleep(0)
        assert not other.done()
        await first.commit()
        assert await other == [kept]
        await second.commit()
    finally:
        for connection in connections:
            await connection.close()


async def test_only_a_connection_is_taken(store: PostgresStore, dsn: str) -> None:
    psycopg: Any = python_peer("psycopg")
    async with (
        python_peer("asyncpg").create_pool(dsn, min_size=1) as pool,
        await psycopg.AsyncConnection.connect(dsn) as connection,
    ):
        for other in (object(), pool, connection.cursor()):
            with pytest.raises(ConfigurationError, match="conn= takes"):
                await store.add([entry()], conn=other)


async def test_a_connection_without_a_transaction_is_refused(store: PostgresStore, dsn: str) -> None:
    psycopg: Any = python_peer("psycopg")
    connection = await python_peer("asyncpg").connect(dsn)
    try:
        with pytest.raises(ConfigurationError, match="no transaction open"):
            await store.add([entry()], conn=connection)
    finally:
        await connection.close()
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as other:
        with pytest.raises(ConfigurationError, match="no transaction open"):
            await store.add([entry()], conn=other)
        async with other.transaction():
            await store.add([entry()], conn=other)
    assert await store.counts() == {State.PENDING: 1}


# --- life


async def test_an_outbox_of_the_version_before_is_brought_up_to_date(store: PostgresStore, dsn: str) -> None:
    """Its jobs were numbered as they were made, whoever they were of; now they have their messages' ages."""
    kept = await store.add([entry() for _ in range(6)])
    (held,) = await store.claim(via="v2", most=2, units=1, lease=5)
    assert await store.begin(held)
    connection = await python_peer("asyncpg").connect(dsn)
    try:
        await connection.execute(
            "SELECT setval(pg_get_serial_sequence('sms_outbox_pgqueuer', 'id'), 3);"
            "UPDATE sms_outbox_pgqueuer SET id = -id;"
            "UPDATE sms_outbox_pgqueuer AS job SET id = nextval(pg_get_serial_sequence('sms_outbox_pgqueuer', 'id'))"
            " FROM (SELECT id FROM sms_outbox_pgqueuer ORDER BY id) AS newest WHERE job.id = newest.id;"
            "ALTER TABLE sms_outbox_message DROP COLUMN trace;"
            "UPDATE sms_outbox_schema SET steps = 2"
        )
        await connection.execute(  # who was beside the carrier of a unit had a job of its own
            "INSERT INTO sms_outbox_pgqueuer (id, priority, entrypoint, status, heartbeat, execute_after, dedupe_key)"
            " VALUES (99, 0, 'm 1 -', 'picked', 'infinity', now(), $1)",
            held.members[1].id,
        )
    finally:
        await connection.close()
    with pytest.raises(ConfigurationError, match="older version"):
        await PostgresStore(dsn).open()
    assert await install(dsn) == (2, VERSION)
    assert await install(dsn) == (VERSION, VERSION)
    kept += await store.add([entry()])
    found = await store.claim(via="v2", most=2, units=9, lease=5)
    assert [member.id for unit in found for member in unit.members] == kept[2:]
    await let_pass(store, 6)
    again = await store.claim(via="v2", most=9, units=9, lease=5)
    assert {unit.id for unit in again} == {unit.id for unit in [held, *found]}
    for unit in again:
        waits = [Result(id=member.id, state=State.PENDING) for member in unit.members]
        await store.settle(unit, waits if unit.id == held.id else accepted(unit))
    (once_more,) = await store.claim(via="v2", most=9, units=9, lease=5)
    assert [member.id for member in once_more.members] == kept[:2]
    await store.settle(once_more, accepted(once_more))
    await nothing_is_left(store)


async def test_a_database_without_an_outbox_is_refused(cluster: Cluster) -> None:
    store = PostgresStore(cluster.create_database())
    with pytest.raises(ConfigurationError, match="outbox init"):
        await store.open()
    await store.aclose()


async def test_closed_is_closed(store: PostgresStore) -> None:
    await store.aclose()
    with pytest.raises(StorageClosed):
        await store.counts()
    await store.aclose()


@pytest.mark.parametrize("phase", range(6))
async def test_cancelled_anywhere_nothing_is_half_done(store: PostgresStore, phase: int) -> None:
    """A claim is cancelled at one of its statements: then either all of it stands or nothing."""
    await store.add([entry() for _ in range(5)])
    task = asyncio.create_task(store.claim(via="v2", most=5, units=1, lease=5))
    for _ in range(4 * phase):
        await asyncio.sleep(0)
    task.cancel()
    results = await asyncio.gather(task, return_exceptions=True)
    counts = await store.counts()
    assert counts in ({State.PENDING: 5}, {State.SENDING: 5}), results
    await let_pass(store, 6)
    units: Sequence[Unit] = await store.claim(via="v2", most=5, units=3, lease=5)
    assert [len(unit.members) for unit in units] == [5]
