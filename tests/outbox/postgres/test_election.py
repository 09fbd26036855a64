"""Who may bind: advisory locks of a real PostgreSQL."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.postgres_database import Database, end_task
from sms_traffic_async.outbox.postgres_election import Election, Seat
from sms_traffic_async.outbox.postgres_port import Connection
from tests.support.postgres import Cluster, HurriedClock

ONE = Seat(server="smpps://server1.example:4441", system_id="acct")
TWO = Seat(server="smpps://server2.example:4441", system_id="acct")


class Workers:
    """Elections of several workers, and who is bound where."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.bound: dict[Seat, list[str]] = {ONE: [], TWO: []}
        self.most = 0
        self.terms = 0
        self.unbinding = 0.0
        self.changed = asyncio.Event()
        self.fails: set[str] = set()

    def start(self, name: str, *seats: Seat, hurry: float = 0.01) -> None:
        async def serve(seat: Seat) -> None:
            if name in self.fails:
                raise RuntimeError("the platform refuses")
            self.bound[seat].append(name)
            self.terms += 1
            self.most = max(self.most, len(self.bound[seat]))
            self.changed.set()
            try:
                await asyncio.Event().wait()
            finally:
                try:
                    if self.unbinding:
                        await asyncio.sleep(self.unbinding)
                finally:
                    self.bound[seat].remove(name)
                    self.changed.set()

        election = Election(self._dsn, seats, serve, clock=HurriedClock(hurry=hurry))
        self.tasks[name] = asyncio.create_task(election.run())

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    def all_bound_since(self, terms: int) -> bool:
        return self.terms >= terms + 2 and all(self.bound.values())

    async def stop(self, name: str) -> None:
        await end_task(self.tasks.pop(name))


@pytest_asyncio.fixture
async def workers(dsn: str, no_tasks_left: None) -> AsyncIterator[Workers]:
    made = Workers(dsn)
    yield made
    for name in tuple(made.tasks):
        await made.stop(name)
    assert made.most <= 1, "two were bound at one seat at once"


async def test_one_of_many_is_bound(workers: Workers) -> None:
    for name in "abcd":
        workers.start(name, ONE)
    await workers.until(lambda: len(workers.bound[ONE]) == 1)


async def test_two_workers_share_two_seats(workers: Workers) -> None:
    # Less of a hurry: whoever is late to connect finds both taken.
    workers.start("a", ONE, TWO, hurry=0.2)
    workers.start("b", TWO, ONE, hurry=0.2)
    await workers.until(lambda: all(workers.bound.values()))
    assert workers.bound[ONE] != workers.bound[TWO]


async def test_one_worker_alone_takes_both(workers: Workers) -> None:
    workers.start("a", ONE, TWO)
    await workers.until(lambda: all(workers.bound.values()))


async def test_who_stops_hands_over_after_unbinding(workers: Workers) -> None:
    workers.unbinding = 0.05
    workers.start("a", ONE)
    await workers.until(lambda: workers.bound[ONE] == ["a"])
    workers.start("b", ONE)
    await workers.stop("a")
    assert workers.bound[ONE] != ["a"]
    await workers.until(lambda: workers.bound[ONE] == ["b"])


async def test_a_second_cancellation_frees_no_seat_that_is_bound(workers: Workers) -> None:
    workers.unbinding = 3_600.0
    workers.start("a", ONE)
    await workers.until(lambda: workers.bound[ONE] == ["a"])
    election = workers.tasks["a"]
    election.cancel()
    await asyncio.wait([election], timeout=0.05)
    assert workers.bound[ONE] == ["a"]
    await workers.stop("a")  # passed on, so it unbinds no longer
    assert not workers.bound[ONE]
    workers.start("b", ONE)
    await workers.until(lambda: workers.bound[ONE] == ["b"])
    workers.unbinding = 0.0


async def test_a_lost_connection_ends_serving_first(workers: Workers, database: Database) -> None:
    workers.unbinding = 0.05
    workers.start("a", ONE)
    await workers.until(lambda: workers.bound[ONE] == ["a"])
    workers.changed.clear()

    async def cut(connection: Connection) -> None:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )

    await database.run(cut)
    await workers.until(lambda: not workers.bound[ONE])
    await workers.until(lambda: workers.bound[ONE] == ["a"])


async def test_a_crash_of_the_server_moves_nobody_twice(workers: Workers, cluster: Cluster) -> None:
    for name in "abc":
        workers.start(name, ONE, TWO)
    await workers.until(lambda: all(workers.bound.values()))
    for _ in range(3):
        terms = workers.terms
        await asyncio.to_thread(cluster.restart, "immediate")
        await workers.until(partial(workers.all_bound_since, terms))


async def test_a_binder_that_fails_costs_its_seat_only(workers: Workers, caplog: pytest.LogCaptureFixture) -> None:
    workers.fails = {"a"}
    workers.start("a", ONE)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await workers.until(lambda: bool(workers.bound[ONE]))
    assert not workers.bound[ONE]
    workers.start("b", ONE)
    await workers.until(lambda: workers.bound[ONE] == ["b"])
    assert not workers.tasks["a"].done()
    assert "ended by RuntimeError" in caplog.text


def test_seats_are_told_apart() -> None:
    pairs = [("ab", "c"), ("a", "bc"), ("a", "b c"), ("a", "c"), ("a:1", "c")]
    assert len({Seat(server=f"smpps://{host}", system_id=name).key for host, name in pairs}) == len(pairs)


def test_with_tls_or_without_it_is_the_same_seat() -> None:
    servers = ("smpps://a.example", "smpp://a.example:4442", "smpps://A.example:4441")
    assert len({Seat(server=server, system_id="x").key for server in servers}) == 1


@pytest.mark.parametrize("seats", [(), (ONE, ONE)])
async def test_bad_seats_are_refused(seats: tuple[Seat, ...]) -> None:
    async def serve(_seat: Seat) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError):
        Election("postgresql://x/y", seats, serve)
