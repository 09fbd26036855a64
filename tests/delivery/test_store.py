"""What survives a restart, in a SQLite file and with a store that fails."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sms_traffic_async.delivery.intake import open_store
from sms_traffic_async.delivery.store import Change, Kept, TrackingStore, pack
from sms_traffic_async.delivery.store_sqlite import MIGRATIONS, SqliteTracking
from sms_traffic_async.delivery.values import Tracked, TrackedUpdate
from sms_traffic_async.errors import ConfigurationError, StatusesNotTaken
from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.settings_tracking import TrackingOptions
from sms_traffic_async.storage.sqlite import StorageError
from tests.support.tracking import Platform, Rig, report, rig, sent
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


def store(tmp_path: Path) -> SqliteTracking:
    return SqliteTracking(tmp_path / "tracking.db", clock=VirtualClock())


async def test_what_is_under_way_is_followed_after_a_restart(tmp_path: Path) -> None:
    start = datetime.fromtimestamp(VirtualClock().wall(), UTC) + timedelta(hours=1)
    async with rig("v2", "v1", store=store(tmp_path)) as it:
        it.tracker.sent(sent("1", key="mine"))
        it.tracker.sent(sent("2", "3", via="v1"))
        it.tracker.sent(sent("later", start_at=start))
        assert await it.tracker.record([report("3", "Delivered")])
    async with rig("v2", "v1", store=store(tmp_path)) as it:
        assert it.tracker.stats.followed == 3
        it.platform.statuses |= {"1": "Delivered", "2": "Delivered", "later": "Delivered"}
        async with it.tracker.updates() as updates:
            ended = {update.message_id: update for update in [await anext(updates) for _ in range(3)]}
        assert (ended["1"].key, ended["1"].via) == ("mine", "v2")
        assert [ids for _, route, ids in it.platform.asked if route == "v1"] == [("2",)]  # of 3 the end was kept
        assert [part.status for part in ended["2"].details] == ["Delivered", "Delivered"]
        assert min(it.platform.times("later")) - 1000 > 3600
    async with rig("v2", "v1", store=store(tmp_path)) as it:
        assert it.tracker.stats.followed == 0


async def test_a_final_status_that_nobody_took_comes_again_under_its_id_and_one_that_was_does_not(
    tmp_path: Path,
) -> None:
    async with rig(store=store(tmp_path)) as it:
        for number in range(4):
            it.tracker.sent(sent(str(number)))
        await it.tracker.record(
            [report(str(number), "Delivered", status_at=datetime.now(MOSCOW)) for number in range(3)]
        )
        first = it.tracker.updates()
        await first.__aenter__()
        seen = [await anext(first), await anext(first)]  # the second is not acknowledged: we crash
        await it.tracker.settled()
    async with rig(store=store(tmp_path)) as it, it.tracker.updates() as updates:
        again = [await anext(updates), await anext(updates)]
        assert [update.message_id for update in again] == ["1", "2"]
        assert again[0] == seen[1]
        assert again[0].event_id == seen[1].event_id
        assert again[0].status_at == seen[1].status_at
        await it.tracker.record([report(str(number), "Delivered") for number in range(3)])  # repeats, all known
        assert updates.stats.waiting == 0
        await it.tracker.record([report("0", "Read")])
        assert (await anext(updates)).status == "Read"
    async with rig(store=store(tmp_path)) as it, it.tracker.updates() as updates:
        assert updates.stats.waiting == 0
        assert it.tracker.stats.followed == 1


async def test_after_a_restart_the_reader_is_waited_for(tmp_path: Path) -> None:
    async with rig(store=store(tmp_path), buffer=5) as it:
        for number in range(10):
            it.tracker.sent(sent(str(number)))
        await it.tracker.record([report(str(number), "Delivered") for number in range(5)])
    async with rig(store=store(tmp_path), buffer=5) as it:
        assert not it.tracker.take([report("5", "Delivered")])  # they would push out what nobody took yet
        async with it.tracker.updates() as updates:
            assert [(await anext(updates)).message_id for _ in range(5)] == list("01234")
            assert it.tracker.take([report("5", "Delivered")])
            assert (await anext(updates)).message_id == "5"


async def test_what_was_not_read_when_the_session_closed_comes_once(tmp_path: Path) -> None:
    read: list[list[str]] = [[], []]

    async def reading(it: Rig, into: list[str], *, slowly: bool) -> None:
        async with it.tracker.updates() as updates:
            async for update in updates:
                into.append(update.message_id)
                await asyncio.sleep(1 if slowly else 0)

    for life, into in enumerate(read):
        async with rig(store=store(tmp_path)) as it:
            reader = asyncio.create_task(reading(it, into, slowly=not life))
            await asyncio.sleep(0)
            if not life:
                for number in range(10):
                    it.tracker.sent(sent(str(number)))
                await it.tracker.record([report(str(number), "Delivered") for number in range(10)])
            await asyncio.sleep(3.5)
            await it.tracker.aclose()
            await reader
    assert read[0] == ["0", "1", "2", "3"]
    assert read[1] == ["3", "4", "5", "6", "7", "8", "9"]  # the one that it was at was not acknowledged


async def test_what_no_reader_takes_is_kept_for_a_week(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with rig(store=store(tmp_path)) as it:
        it.tracker.sent(sent("old"))
        await it.tracker.record([report("old", "Delivered")])
    await asyncio.sleep(6 * 86_400)
    async with rig(store=SqliteTracking(tmp_path / "tracking.db", clock=clock)) as it:
        it.tracker.sent(sent("new"))
        await it.tracker.record([report("new", "Delivered")])
        assert [update.message_id for update in await waiting(it)] == ["old", "new"]
    await asyncio.sleep(2 * 86_400)
    async with rig(store=SqliteTracking(tmp_path / "tracking.db", clock=clock)) as it:
        assert [update.message_id for update in await waiting(it)] == ["new"]
    await asyncio.sleep(7 * 86_400)
    async with rig(store=SqliteTracking(tmp_path / "tracking.db", clock=clock)) as it:
        assert await waiting(it) == []


async def waiting(it: Rig) -> list[TrackedUpdate]:
    """What a reader would be told now; it takes nothing."""
    stream = it.tracker.updates()
    stream.open()
    found = list(stream.box.items.values())
    stream.close()
    return found


async def test_a_file_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    clock = VirtualClock(wall=time.time())
    update = Tracked("1", (), via="v2", key="mine", until=0.0).tracked(report("1", "Delivered"))
    with closing(sqlite3.connect(tmp_path / "tracking.db")) as old:
        old.executescript(MIGRATIONS[0])
        old.execute("INSERT INTO unread (event_id, body) VALUES (?, ?)", (update.event_id, pack(update)))
        old.execute("PRAGMA user_version = 1")
        old.commit()
    async with rig(store=SqliteTracking(tmp_path / "tracking.db", clock=clock)) as it:
        assert [(one.event_id, one.key) for one in await waiting(it)] == [(update.event_id, "mine")]


async def test_following_says_when_it_is_safe_and_takes_up_what_a_crash_forgot(tmp_path: Path) -> None:
    async with rig("v2", "v1", store=store(tmp_path)) as it:
        one = sent("1", "2", via="v1", key="mine")
        it.tracker.sent(one)
        await it.tracker.follow(one)
        # As a crash would leave it: another connection sees what is committed.
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("tracking.db", "tracking.db-wal"):
            (copy / name).write_bytes((tmp_path / name).read_bytes())
    async with rig("v2", "v1", store=store(copy)) as it:
        assert it.tracker.stats.followed == 1
        await it.tracker.follow(sent("3", "4", via="v1", key="forgotten"))
        await it.tracker.follow("5")
        await it.tracker.follow("5")
        assert it.tracker.stats.followed == 3
        it.platform.statuses |= dict.fromkeys("12345", "Delivered")
        async with it.tracker.updates() as updates:
            told = {update.message_ids: update.key for update in [await anext(updates) for _ in range(3)]}
        assert told == {("1", "2"): "mine", ("3", "4"): "forgotten", ("5",): None}
        await it.tracker.follow(one)  # it is over
        assert it.tracker.stats.followed == 0
        with pytest.raises(ConfigurationError, match="no message id"):
            await it.tracker.follow(sent())


async def test_no_more_are_followed_than_the_options_allow(tmp_path: Path) -> None:
    async with rig(store=store(tmp_path), most=1) as it:
        await it.tracker.follow("1")
        with pytest.raises(StatusesNotTaken, match="most"):
            await it.tracker.follow("2")
        await it.tracker.follow("1")


async def test_with_two_readers_it_is_taken_when_both_took_it(tmp_path: Path) -> None:
    async with rig(store=store(tmp_path)) as it:
        it.tracker.sent(sent("1"))
        async with it.tracker.updates() as one:
            other = it.tracker.updates()
            await other.__aenter__()
            await it.tracker.record([report("1", "Delivered")])
            await anext(one)
        await it.tracker.settled()
    async with rig(store=store(tmp_path)) as it, it.tracker.updates() as updates:
        assert (await anext(updates)).message_id == "1"


async def test_a_second_process_cannot_have_the_store(tmp_path: Path) -> None:
    async with rig(store=store(tmp_path)):
        with pytest.raises(ConfigurationError, match="in use"):
            async with rig(store=store(tmp_path)):
                pass


class Failing:
    """A store whose disk is full for a while."""

    def __init__(self) -> None:
        self.full = True
        self.saved: list[Change] = []
        self.closed = False

    async def open(self, *, finished: int) -> Kept:
        return Kept()

    async def save(self, changes: Sequence[Change], /) -> None:
        if self.full:
            raise StorageError("disk full")
        self.saved += changes

    async def aclose(self) -> None:
        self.closed = True


async def test_a_store_that_fails_is_told_to_whoever_records_and_nothing_is_dropped() -> None:
    failing = Failing()
    disk: TrackingStore = failing
    async with rig(store=disk) as it:
        it.tracker.sent(sent("1"))
        with pytest.raises(StorageError):
            await it.tracker.record([report("1", "Delivered")])
        failing.full = False
        await it.tracker.record([report("1", "Delivered")])  # the platform came again
        assert [type(change).__name__ for change in failing.saved] == ["Followed", "Ended"]
        recording = asyncio.create_task(it.tracker.record([report("1", "Read")]))
        await asyncio.sleep(0)
        recording.cancel()
        await asyncio.wait([recording])
    assert [type(change).__name__ for change in failing.saved] == ["Followed", "Ended", "Ended"]
    assert failing.closed


async def test_closing_with_a_store_that_fails_leaves_nobody_waiting() -> None:
    it = Rig(Platform(), Failing())
    await it.tracker.open()
    it.tracker.sent(sent("1"))
    with pytest.raises(StorageError, match="disk full"):
        await it.tracker.record([report("1", "Delivered")])
    recording = asyncio.create_task(it.tracker.record([report("1", "Read")]))
    await asyncio.sleep(0)  # it waits for the next try, a second from now
    with pytest.raises(StorageError, match="disk full"):
        await it.aclose()
    assert recording in (await asyncio.wait([recording], timeout=60))[0]
    assert isinstance(recording.exception(), StorageError)


@pytest.mark.parametrize("body", ["not JSON", "[]", "{}"])
async def test_a_file_that_cannot_be_read_is_said_and_closed_again(tmp_path: Path, body: str) -> None:
    async with rig(store=store(tmp_path)):
        pass
    with closing(sqlite3.connect(tmp_path / "tracking.db")) as connection, connection:
        connection.execute("INSERT INTO unread (event_id, body, at) VALUES ('1', ?, ?)", (body, VirtualClock().wall()))
    for _ in range(2):  # the second time it is not "in use"
        with pytest.raises(StorageError, match="holds what cannot be read"):
            await store(tmp_path).open(finished=10)


async def test_the_options_name_a_file_a_store_or_nothing(tmp_path: Path) -> None:
    clock = VirtualClock()
    assert open_store(TrackingOptions(), clock=clock) is None
    assert isinstance(open_store(TrackingOptions(store=tmp_path / "x.db"), clock=clock), SqliteTracking)
    failing = Failing()
    assert open_store(TrackingOptions(store=failing), clock=clock) is failing
