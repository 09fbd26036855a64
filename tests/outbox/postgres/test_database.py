"""Connections that come back by themselves, on a real PostgreSQL that is stopped, crashed and started."""

import asyncio
import contextlib

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.postgres_database import Database, backoff
from sms_traffic_async.outbox.postgres_port import Connection, statements_of
from sms_traffic_async.outbox.postgres_schema import VERSION, check, install
from sms_traffic_async.storage.sqlite import StorageClosed, StorageError
from tests.support.postgres import Cluster, HurriedClock


async def one(connection: Connection) -> int:
    found: int = await connection.fetchval("SELECT 1")
    return found


async def test_work_goes_on_after_a_crash_of_the_server(database: Database, cluster: Cluster) -> None:
    assert await database.run(one) == 1
    await asyncio.to_thread(cluster.restart, "immediate")
    assert await database.run(one) == 1


async def test_work_waits_for_a_server_that_is_away(dsn: str, cluster: Cluster) -> None:
    database = Database(dsn, clock=HurriedClock(), patience=10_000)
    assert await database.run(one) == 1
    await asyncio.to_thread(cluster.stop)
    try:
        waiting = asyncio.create_task(database.run(one))
        async with asyncio.timeout(20):
            while database.reconnects < 2:
                await asyncio.sleep(0.01)
        assert not waiting.done()
    finally:
        await asyncio.to_thread(cluster.start)
    assert await waiting == 1
    await database.aclose()


async def test_patience_ends(dsn: str, cluster: Cluster) -> None:
    database = Database(dsn, clock=HurriedClock(), patience=3)
    await asyncio.to_thread(cluster.stop)
    try:
        with pytest.raises(StorageError, match="PostgreSQL: "):
            await database.run(one)
        with pytest.raises(StorageError):
            await database.run(one, patience=0)
    finally:
        await asyncio.to_thread(cluster.start)
    await database.aclose()


async def test_half_of_a_work_is_never_kept(database: Database, cluster: Cluster) -> None:
    tries = 0

    async def twice(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute("INSERT INTO sms_outbox_rate (name, rate) VALUES ($1, 1)", f"try {tries}")
        if tries == 1:
            await asyncio.to_thread(cluster.restart, "immediate")
        await connection.execute("INSERT INTO sms_outbox_rate (name, rate) VALUES ('other', 1)")

    await database.run(twice)
    rows = await database.run(lambda connection: connection.fetch("SELECT name FROM sms_outbox_rate ORDER BY name"))
    assert [row["name"] for row in rows] == ["other", f"try {tries}"]
    assert tries > 1


async def test_a_statement_that_cannot_work_is_told_at_once_and_quotes_nothing(database: Database) -> None:
    async def doubled(connection: Connection) -> None:
        for _ in range(2):
            await connection.execute("INSERT INTO sms_outbox_rate (name, rate) VALUES ('79161112233', 1)")

    with pytest.raises(StorageError, match=r"UniqueViolationError \(23505\)") as caught:
        await database.run(doubled)
    error: BaseException | None = caught.value
    while error is not None:
        assert "79161112233" not in str(error)
        error = error.__cause__
    assert database.reconnects == 0


async def test_our_own_errors_pass_and_roll_back(database: Database) -> None:
    async def refuse(connection: Connection) -> None:
        await connection.execute("INSERT INTO sms_outbox_rate (name, rate) VALUES ('a', 1)")
        raise ConfigurationError("no")

    with pytest.raises(ConfigurationError):
        await database.run(refuse)
    rows = await database.run(lambda connection: connection.fetch("SELECT 1 FROM sms_outbox_rate"))
    assert not rows


async def test_a_listener_hears_again_after_a_crash(dsn: str, cluster: Cluster, no_tasks_left: None) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    database = Database(dsn, clock=HurriedClock())
    database.listen("sms_test", heard.put_nowait)
    async with asyncio.timeout(20):
        assert await heard.get() == ""  # listening begins
        await database.run(lambda connection: connection.execute("NOTIFY sms_test, 'one'"))
        assert await heard.get() == "one"
        await asyncio.to_thread(cluster.restart, "immediate")
        assert await heard.get() == ""  # and whatever was missed is looked for
        await database.run(lambda connection: connection.execute("NOTIFY sms_test, 'two'"))
        assert await heard.get() == "two"
    await database.aclose()


async def test_closed_is_closed(database: Database) -> None:
    await database.run(one)
    await database.aclose()
    with pytest.raises(StorageClosed):
        await database.run(one)


async def test_close_does_not_wait_for_ever(database: Database) -> None:
    began = asyncio.Event()

    async def endless(connection: Connection) -> None:
        began.set()
        await connection.execute("SELECT pg_sleep(100)")

    async def asleep(connection: Connection) -> bool:
        asked = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND query = 'SELECT pg_sleep(100)'
        """
        return bool(await connection.fetchval(asked))

    task = asyncio.create_task(database.run(endless))
    await began.wait()
    async with asyncio.timeout(10):
        while not await database.run(asleep):  # a request to cancel that overtakes its statement is for nothing
            pass
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        await database.aclose()


async def test_a_cancellation_is_told_as_one_though_the_rollback_fails(database: Database) -> None:
    began = asyncio.Event()

    async def stuck(_connection: Connection) -> None:
        began.set()
        try:
            await asyncio.sleep(100)
        finally:
            raise TimeoutError  # as a server that does not answer the cancel request in time

    task = asyncio.create_task(database.run(stuck))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_pauses() -> None:
    assert [backoff(failures, 1.0) for failures in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert {backoff(failures, 0.0) for failures in range(6)} == {0.5}


@pytest.mark.parametrize("dsn", ["mysql://host/base", "postgresql://host:port/base"])
async def test_a_bad_dsn_is_told_without_showing_it(dsn: str) -> None:
    database = Database(dsn)
    with pytest.raises(ConfigurationError, match="DSN") as caught:
        await database.run(one)
    assert "base" not in str(caught.value)
    await database.aclose()


async def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(vars(Database("postgresql://u:hunter2@127.0.0.1/x")))


# --- the schema


async def test_installing_twice_changes_nothing(cluster: Cluster) -> None:
    dsn = cluster.create_database()
    assert await install(dsn) == (0, VERSION)
    assert await install(dsn) == (VERSION, VERSION)


async def test_many_install_at_once(cluster: Cluster) -> None:
    dsn = cluster.create_database()
    done = await asyncio.gather(*(install(dsn) for _ in range(4)))
    assert sorted(done) == [(0, VERSION)] + [(VERSION, VERSION)] * 3


async def test_a_database_without_an_outbox_is_refused(cluster: Cluster) -> None:
    database = Database(cluster.create_database())
    with pytest.raises(ConfigurationError, match="outbox init"):
        await database.run(check)
    await database.aclose()


@pytest.mark.parametrize("steps, words", [(-1, "older version"), (+1, "later version")])
async def test_another_version_is_refused(database: Database, steps: int, words: str) -> None:
    await database.run(check)
    await database.run(lambda connection: connection.execute("UPDATE sms_outbox_schema SET steps = steps + $1", steps))
    with pytest.raises(ConfigurationError, match=words):
        await database.run(check)


async def test_a_later_version_is_not_installed_over(dsn: str, database: Database) -> None:
    await database.run(lambda connection: connection.execute("UPDATE sms_outbox_schema SET steps = 99"))
    with pytest.raises(ConfigurationError, match="later version"):
        await install(dsn)


async def test_installing_without_a_server_is_told() -> None:
    with pytest.raises(StorageError, match="cannot be installed"):
        await install("postgresql://sms@127.0.0.1:1/none")


@pytest.mark.parametrize("connection", [None, object(), "postgresql://x/y"])
def test_only_connections_are_taken_for_connections(connection: object) -> None:
    with pytest.raises(ConfigurationError, match="conn="):
        statements_of(connection)
