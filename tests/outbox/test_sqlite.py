"""The store in a SQLite file: the contract, and what can go wrong with a file."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox import Outbox, SQLiteStore, State, sqlite
from sms_traffic_async.outbox.store import Entry
from sms_traffic_async.storage.sqlite import StorageClosed, StorageError
from tests.outbox.contract import LEASE, Rig, StoreContract, entry
from tests.support.virtual_loop import VirtualClock


class Clock(VirtualClock):
    """Wall time that a test sets; ``leapt`` of it never passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_700_000_000.0
        self.leapt = 0.0

    def wall(self) -> float:
        return self.now + self.leapt

    def monotonic(self) -> float:
        return self.now


async def opened(path: Path, clock: Clock | None = None) -> Rig:
    time = clock or Clock()
    store = SQLiteStore(path, clock=time)
    await store.open()

    async def wait(seconds: float) -> None:
        time.now += seconds

    return Rig(store=store, wait=wait)


@pytest_asyncio.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    made = await opened(tmp_path / "outbox.db")
    yield made
    await made.store.aclose()


class TestContract(StoreContract):
    """All of it."""


async def test_after_a_restart_nothing_waits_for_a_dead_lease(tmp_path: Path) -> None:
    first = await opened(tmp_path / "o.db")
    await first.store.add([entry("a")])
    unit = await first.one(lease=3_600)
    await first.store.begin(unit)
    await first.store.aclose()
    second = await opened(tmp_path / "o.db")
    again = await second.one()
    assert (again.id, again.maybe) == (unit.id, True)
    await second.store.aclose()


async def test_where_the_clock_leaps_forward_who_holds_a_unit_holds_it_for_as_long_as_before(tmp_path: Path) -> None:
    clock = Clock()
    it = await opened(tmp_path / "o.db", clock)
    await it.store.add([entry("a")])
    unit = await it.one(lease=10.0)
    await it.store.begin(unit)
    clock.leapt = 3_600.0
    assert not await it.claim()
    assert not await it.claim()  # it leapt once
    assert await it.store.renew([unit], lease=10.0) == {unit.token}
    await it.wait(10.1)
    assert (await it.one()).maybe
    await it.store.aclose()


async def test_a_leap_that_could_not_be_written_down_is_noticed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    it = await opened(tmp_path / "o.db", clock)
    await it.store.add([entry("a")])
    unit = await it.one(lease=10.0)
    clock.leapt = 3_600.0
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "claim", full)
        with pytest.raises(StorageError):
            await it.claim()
    assert not await it.claim()
    assert await it.store.begin(unit)
    await it.store.aclose()


def full(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


async def test_a_clock_that_is_set_back_delays_nothing_and_lengthens_no_life(tmp_path: Path) -> None:
    clock = Clock()
    it = await opened(tmp_path / "o.db", clock)
    await it.store.add([entry("later", delay=60.0, group="l"), entry("code", lives=120.0, group="c", delay=100.0)])
    await it.store.add([entry("now")])
    unit = await it.one()
    await it.store.begin(unit)
    clock.now -= 7_200
    assert not await it.claim()
    clock.now += 61
    assert {one.id for one in await it.claim(units=5)} >= {unit.id}
    assert await it.state("later") is State.SENDING
    clock.now += 60
    await it.claim()
    assert await it.state("code") is State.EXPIRED
    await it.store.aclose()


async def test_a_second_process_is_refused_when_it_opens(tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    async with Outbox(path):
        script = (
            "import asyncio, sys\nfrom sms_traffic_async.outbox import Outbox\n"
            "from sms_traffic_async.errors import ConfigurationError\n"
            "try:\n    asyncio.run(Outbox(sys.argv[1]).open())\n"
            "except ConfigurationError as error:\n    print(error)\n"
        )
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
        )
    assert "one process at a time" in done.stdout


async def test_a_second_outbox_of_the_same_process_is_refused_too(tmp_path: Path) -> None:
    async with Outbox(tmp_path / "o.db") as outbox:
        with pytest.raises(ConfigurationError, match="one process at a time"):
            await Outbox(tmp_path / "o.db").open()
        await outbox.store.add([entry("a")])


async def test_callers_of_one_moment_share_a_commit_and_no_failure(rig: Rig) -> None:
    wrong = Entry(id="9" * 36, body=b"", key=object())  # type: ignore[arg-type]  # what a store cannot keep
    first, known = entry("a"), entry("b")
    await rig.store.add([known])
    made = await asyncio.gather(
        rig.store.add([first]),
        rig.store.add([entry("c"), wrong]),
        rig.store.add([second := entry("d"), entry("b"), first]),
        return_exceptions=True,
    )
    assert made[0] == [first.id]
    assert isinstance(made[1], sqlite3.Error)
    assert made[2] == [second.id, known.id, first.id]
    assert await rig.store.counts() == {State.PENDING: 3}
    assert await rig.store.get("c") is None  # all or none


async def test_what_was_handed_in_is_kept_when_the_outbox_closes(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.db")
    await outbox.open()
    adding = asyncio.gather(*(outbox.store.add([entry(str(number))]) for number in range(20)))
    await asyncio.sleep(0)
    await outbox.aclose()
    assert len(await adding) == 20
    async with outbox:
        assert await outbox.counts() == {State.PENDING: 20}


async def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "o.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(ConfigurationError, match="later version"):
        await SQLiteStore(tmp_path / "o.db").open()


async def test_an_empty_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "o.db").close()
    it = await opened(tmp_path / "o.db")
    await it.store.add([entry("a")])
    assert await it.state("a") is State.PENDING
    await it.store.aclose()


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "o.db").write_bytes(b"this is a letter, and a long one" * 100)
    with pytest.raises(StorageError, match="cannot be used"):
        await SQLiteStore(tmp_path / "o.db").open()


async def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    """By somebody who is not root: root may write to any file."""
    async with Outbox(tmp_path / "o.db") as outbox:
        await outbox.store.add([entry("a")])
    with sqlite3.connect(tmp_path / "o.db") as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    (tmp_path / "o.db").chmod(0o444)
    script = (
        "import asyncio, os, sys\n"
        "from sms_traffic_async.outbox import Outbox\nfrom sms_traffic_async.storage.sqlite import StorageError\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "try:\n    asyncio.run(Outbox(sys.argv[1]).open())\n"
        "except StorageError as error:\n    print('refused', type(error).__name__)\n"
    )
    for parent in [tmp_path, *tmp_path.parents][:3]:
        parent.chmod(0o755)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script, str(tmp_path / "o.db")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "refused StorageError" in done.stdout, done.stderr


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


async def test_a_full_disk_is_said_and_nothing_that_was_kept_is_lost(tmp_path: Path) -> None:
    kept: list[str] = []
    async with Outbox(tmp_path / "o.db") as outbox:
        await outbox.store.add([entry("first")])
        with small_disk(400_000), pytest.raises(StorageError, match="database said no"):
            for number in range(2_000):
                await outbox.store.add([Entry(id=f"{number:036}", body=os.urandom(500))])
                kept.append(f"{number:036}")
        assert kept
        await outbox.store.add([entry("there is room again")])
    async with Outbox(tmp_path / "o.db") as outbox:
        assert await outbox.counts() == {State.PENDING: len(kept) + 2}
        assert [(row.id) for row in await outbox.store.listing([State.PENDING], limit=len(kept))][1:] == kept[:-1]


async def test_a_closed_outbox_says_so(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.db")
    with pytest.raises(StorageClosed):
        await outbox.counts()
    async with outbox:
        pass
    await outbox.aclose()
    with pytest.raises(StorageClosed):
        await outbox.counts()


async def test_a_callers_connection_is_refused(rig: Rig) -> None:
    with pytest.raises(ConfigurationError, match="PostgreSQL"):
        await rig.store.add([entry()], conn=object())


async def test_a_cancelled_enqueue_is_kept_or_not_and_a_repeat_is_harmless(rig: Rig) -> None:
    for turn in range(20):
        task = asyncio.create_task(rig.store.add([entry(f"k{turn}")]))
        for _ in range(turn % 4):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await rig.store.add([entry(f"k{turn}")])
    assert await rig.store.counts() == {State.PENDING: 20}


async def test_a_lease_lasts_as_long_as_it_was_asked_for(rig: Rig) -> None:
    await rig.store.add([entry()])
    await rig.one(lease=LEASE)
    due = await rig.store.next_due("v2")
    assert due == LEASE
