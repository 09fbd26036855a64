"""Following messages: three sources, one stream, nothing twice and nothing lost."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sms_traffic_async.delivery.store_sqlite import SqliteTracking
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.errors import (
    ConfigurationError,
    DeadlineExceeded,
    InvalidMessage,
    RequestFailed,
    RequestRefused,
    StatusesNotTaken,
)
from tests.support.tracking import now, report, rig, sent
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

WALL = 1_767_225_600.0


async def test_a_service_that_never_waits_pays_nothing() -> None:
    async with rig() as it:
        for number in range(100):
            it.tracker.sent(sent(str(number)))
        assert it.tracker.stats.followed == 0
        await asyncio.sleep(1000)
        assert not it.platform.asked
        assert not it.life.tasks


async def test_a_report_that_came_before_anybody_asked_serves_a_later_wait() -> None:
    async with rig() as it:
        assert it.tracker.take([report("1", "Buffered SMSC"), report("1", "Delivered")])
        started = now()
        update = await it.tracker.wait_for("1", timeout=10)
        assert update.is_delivered
        assert now() == started
        assert not it.platform.asked
        assert (await it.tracker.wait_for("1", timeout=10)) is update  # the end is remembered


async def test_a_push_answers_a_wait_at_once() -> None:
    async with rig() as it:
        waiting = asyncio.create_task(it.tracker.wait_for(sent("1"), timeout=60))
        await asyncio.sleep(0.5)
        it.tracker.take([report("1", "Delivered")])
        update = await waiting
        assert (update.status, update.source, update.key, update.via) == ("Delivered", "push", "key of 1", "v2")
        assert it.tracker.stats.followed == 0


async def test_without_pushes_the_platform_is_asked_at_growing_intervals() -> None:
    async with rig() as it:
        waiting = asyncio.create_task(it.tracker.wait_for("1", timeout=300))
        await asyncio.sleep(100)
        it.platform.statuses["1"] = "Delivered"
        assert (await waiting).source == "poll"
        times = it.platform.times("1")
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert times[0] - 1000 == pytest.approx(1.0, abs=0.1)
        assert gaps == pytest.approx(sorted(gaps), abs=0.02)
        assert gaps[-1] == pytest.approx(15, abs=1.1)


async def test_where_pushes_come_the_platform_is_not_asked_within_poll_after_but_then_it_is() -> None:
    async with rig() as it:
        it.tracker.take([report("other", "Delivered")])
        waiting = asyncio.create_task(it.tracker.wait_for("1", timeout=300))
        it.platform.statuses["1"] = "Delivered"  # its push went to another process
        await waiting
        assert [at - 1000 for at in it.platform.times("1")] == [pytest.approx(15, abs=1.1)]


async def test_a_wait_ends_in_time_and_tells_the_latest() -> None:
    async with rig() as it:
        it.platform.statuses["1"] = "Buffered SMSC"
        with pytest.raises(DeadlineExceeded) as caught:
            await it.tracker.wait_for("1", timeout=5)
        assert isinstance(caught.value.last, TrackedUpdate)
        assert caught.value.last.status == "Buffered SMSC"
        with pytest.raises(DeadlineExceeded) as caught:
            await it.tracker.wait_for("2", timeout=5)
        assert caught.value.last is None
        assert it.tracker.stats.followed == 0
        asked = len(it.platform.asked)
        await asyncio.sleep(1000)
        assert len(it.platform.asked) == asked  # nobody waits, nobody is asked
        it.tracker.take([report("1", "Buffered SMSC")])
        assert it.counted("tracking.duplicate") >= 1  # what the wait learnt was kept


async def test_a_cancelled_wait_disturbs_nobody() -> None:
    async with rig() as it:
        one, other = (asyncio.create_task(it.tracker.wait_for("1", timeout=60)) for _ in range(2))
        await asyncio.sleep(0.1)
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        it.tracker.take([report("1", "Expired")])
        assert (await other).status == "Expired"


async def test_parts_make_one_status_with_each_part_beside_it() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        message = sent("1", "2", "3", via="smpp")
        it.tracker.take([report("2", "Delivered", "receipt")])  # before the last submit_sm_resp
        it.tracker.sent(message)
        waiting = asyncio.create_task(it.tracker.wait_for(message, timeout=60))
        by_part = asyncio.create_task(it.tracker.wait_for("3", timeout=60))
        await asyncio.sleep(0)
        it.tracker.take([report("1", "Delivered", "receipt")])
        it.tracker.take([report("1", "Delivered", "receipt"), report("3", "Deleted", "receipt")])
        update = await waiting
        assert (update.status, update.message_id, update.message_ids, update.parts) == (
            "Delivered", "1", ("1", "2", "3"), 3,
        )  # fmt: skip
        assert [part.status for part in update.details] == ["Delivered", "Delivered", "Deleted"]
        assert await by_part == update
        it.tracker.take([report("3", "Deleted", "receipt"), report("1", "Read")])
        read = [await anext(updates), await anext(updates)]
        assert [one.status for one in read] == ["Delivered", "Read"]
        assert updates.stats.waiting == 0


async def test_the_stream_tells_every_status_once_and_in_order() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        it.tracker.sent(sent("1"))
        it.tracker.sent(sent("2"))
        for source in ("push", "receipt", "poll"):
            it.tracker.take([report("1", "Buffered SMSC", source), report("1", "", source)])
            assert (await anext(updates)).status == "Buffered SMSC" if source == "push" else True
            it.tracker.take([report("1", "Delivered", source), report("2", "Non Delivered", source)])
        found = [await anext(updates) for _ in range(2)]
        assert [(one.message_id, one.status) for one in found] == [("1", "Delivered"), ("2", "Non Delivered")]
        it.tracker.take([report("1", "Read"), report("1", "Delivered"), report("2", "Delivered")])
        assert (await anext(updates)).status == "Read"
        assert updates.stats.waiting == 0
        assert [one.status for one in it.tracker.stats.conflicts] == ["Delivered"]
        assert len({one.event_id for one in found}) == 2


async def test_what_nobody_reports_is_asked_about_after_poll_after_and_ever_more_rarely() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        it.tracker.sent(sent("1"))
        await asyncio.sleep(3600)
        times = [at - 1000 for at in it.platform.times("1")]
        assert times[0] == pytest.approx(15, abs=1.1)
        assert len(times) < 10
        it.platform.statuses["1"] = "Delivered"
        assert (await anext(updates)).is_delivered


async def test_questions_share_requests_and_go_to_who_sent() -> None:
    async with rig("v2", "v1") as it, it.tracker.updates(finals_only=True) as updates:
        for number in range(250):
            it.tracker.sent(sent(f"two-{number}"))
            it.platform.statuses[f"two-{number}"] = "Delivered"
        it.tracker.sent(sent("one-1", "one-2", via="v1"))
        it.tracker.sent(sent("smpp", via="smpp"))  # whose statuses v2 tells
        it.platform.statuses |= {"one-1": "Delivered", "one-2": "Delivered", "smpp": "Delivered"}
        ended = {(await anext(updates)).message_id for _ in range(252)}
        assert len(ended) == 252
        assert [len(ids) for _, route, ids in it.platform.asked if route == "v2"] == [100, 100, 51]
        assert [ids for _, route, ids in it.platform.asked if route == "v1"] == [("one-1", "one-2")]


async def test_of_several_parts_only_those_are_asked_about_whose_end_is_not_known() -> None:
    async with rig("v1") as it, it.tracker.updates() as updates:
        it.tracker.sent(sent("1", "2", via="v1"))
        it.tracker.take([report("1", "Delivered")])
        it.platform.statuses["2"] = "Delivered"
        while not (update := await anext(updates)).is_final:
            pass
        assert update.is_delivered
        assert [ids for _, _, ids in it.platform.asked] == [("2",)]


async def test_past_the_platforms_window_a_message_is_given_up_and_readers_are_told() -> None:
    async with rig(window=86_400.0) as it, it.tracker.updates() as updates:
        it.tracker.sent(sent("1"))
        it.platform.statuses["1"] = "Buffered SMSC"
        assert (await anext(updates)).status == "Buffered SMSC"
        last = await anext(updates)
        assert (last.given_up, last.is_last, last.is_final, last.status) == (True, True, False, "Buffered SMSC")
        assert 86_400 <= now() - 1000 < 86_400 + 3_700
        assert it.tracker.stats.followed == 0
        asked = len(it.platform.asked)
        assert asked < 60
        it.tracker.take([report("1", "Delivered")])  # after all
        after = await anext(updates)
        assert (after.status, after.given_up) == ("Delivered", False)
        assert after.event_id != last.event_id


async def test_a_message_that_starts_later_is_not_asked_about_before() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        start = datetime.fromtimestamp(WALL, UTC) + timedelta(hours=5)
        it.tracker.sent(sent("1", start_at=start))
        it.tracker.sent(sent("2"))
        it.platform.statuses["1"] = "Delivered"
        assert (await anext(updates)).is_delivered
        assert it.platform.times("1")[0] - 1000 == pytest.approx(5 * 3600 + 15, abs=2)


async def test_a_platform_that_does_not_answer_is_asked_again() -> None:
    async with rig() as it:
        it.platform.error = RequestFailed("down")
        it.platform.statuses["1"] = "Delivered"
        waiting = asyncio.create_task(it.tracker.wait_for("1", timeout=600))
        await asyncio.sleep(120)
        assert 2 <= len(it.platform.asked) < 15
        it.platform.error = None
        assert (await waiting).is_delivered


async def test_one_bad_id_holds_up_nobody() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        for number in range(8):
            it.tracker.sent(sent(str(number)))
            it.platform.statuses[str(number)] = "Delivered"
        it.platform.malformed = {"5"}
        waiting = asyncio.create_task(it.tracker.wait_for("6", timeout=60))
        with pytest.raises(InvalidMessage):
            await it.tracker.wait_for("5", timeout=60)
        assert (await waiting).is_delivered
        ended = {one.message_id: one for one in [await anext(updates) for _ in range(8)]}
        assert set(ended) == set("01234567")
        assert ended["5"].given_up
        it.platform.error = RequestRefused("no")
        with pytest.raises(DeadlineExceeded):
            await it.tracker.wait_for("9", timeout=60)


async def test_strangers_are_held_and_not_handed_on_unless_that_is_wanted() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        it.tracker.take([report("forged", "Delivered", tracking_data="label")])
        assert updates.stats.waiting == 0
        assert it.tracker.stats.held == 1
        found = it.tracker.held("label")
        assert found is not None
        assert found.message_id == "forged"
    async with rig(strangers="hand_on") as it, it.tracker.updates() as updates:
        for _ in range(3):
            it.tracker.take([report("1", "Buffered SMSC"), report("1", "Delivered")])
        it.tracker.sent(sent("1"))  # the answer to the send came after its push
        assert [(await anext(updates)).status for _ in range(2)] == ["Buffered SMSC", "Delivered"]
        assert updates.stats.waiting == 0


async def test_held_reports_are_bounded() -> None:
    async with rig(early=100) as it:
        for number in range(10_000):
            it.tracker.take([report(str(number), "Delivered")])
        assert it.tracker.stats.held <= 200
        assert (await it.tracker.wait_for("9950", timeout=1)).is_delivered


async def test_no_more_is_followed_than_agreed() -> None:
    async with rig(most=10) as it, it.tracker.updates() as updates:
        for number in range(20):
            it.tracker.sent(sent(str(number)))
        assert it.tracker.stats.followed == 10
        assert it.counted("tracking.too_many") == 10
        it.tracker.take([report(str(number), "Delivered") for number in range(20)])
        assert updates.stats.waiting == 10
        assert (await it.tracker.wait_for("19", timeout=1)).is_delivered


async def test_a_label_finds_a_message_without_an_id() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        it.tracker.sent(sent(tracking_data="label", key="mine"))
        it.tracker.take([report("77", "Buffered SMSC", tracking_data="label")])
        assert (await anext(updates)).key == "mine"
        it.platform.statuses["77"] = "Delivered"  # asked about by the id it got
        update = await anext(updates)
        assert (update.message_id, update.status) == ("77", "Delivered")
        it.tracker.take([report("78", "Delivered", tracking_data="other")])
        it.tracker.sent(sent(tracking_data="other", key="early"))
        assert (await anext(updates)).key == "early"


async def test_a_reader_that_does_not_read_holds_up_the_readers_and_never_a_wait() -> None:
    async with rig(buffer=10) as it, it.tracker.updates() as updates:
        for number in range(30):
            it.tracker.sent(sent(str(number)))
        assert it.tracker.take([report(str(number), "Delivered") for number in range(8)])
        assert not it.tracker.take([report(str(number), "Delivered") for number in range(8, 12)])
        assert it.tracker.take([report(str(number), "Buffered SMSC") for number in range(12, 30)])
        assert updates.stats.waiting == 10
        assert updates.stats.skipped == 16
        waiting = asyncio.create_task(it.tracker.wait_for("9", timeout=60))
        await asyncio.sleep(0)
        assert not it.tracker.take([report("9", "Delivered")])
        assert (await waiting).is_delivered
        with pytest.raises(StatusesNotTaken):
            await it.tracker.handle([report("9", "Delivered")])
        for _ in range(10):
            await anext(updates)
        assert it.tracker.take([report("9", "Delivered")])  # the platform comes again
        assert (await anext(updates)).message_id == "9"


async def test_nobody_is_asked_about_by_those_without_credentials() -> None:
    async with rig("none") as it:
        with pytest.raises(ConfigurationError, match="nobody can be asked"):
            await it.tracker.wait_for("1", timeout=5)
        async with it.tracker.updates() as updates:
            it.tracker.sent(sent("1", via="smpp"))
            it.tracker.take([report("1", "Delivered", "receipt")])
            assert (await anext(updates)).is_delivered
            it.tracker.sent(sent("2", via="smpp"))
            assert (await anext(updates)).given_up  # nothing waits for ever
        with pytest.raises(ConfigurationError, match="gave none"):
            await it.tracker.wait_for(sent(), timeout=5)


async def test_the_platform_is_never_asked_by_a_closed_tracker() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        it.tracker.sent(sent("1"))
        it.tracker.take([report("1", "Delivered")])
        await it.aclose()
        assert (await anext(updates)).is_delivered  # what waits is read
        with pytest.raises(StopAsyncIteration):
            await anext(updates)
        assert not it.tracker.take([report("1", "Read")])
        it.tracker.sent(sent("2"))
        await asyncio.sleep(1000)
        assert not it.platform.asked


async def test_whoever_waited_for_a_part_before_the_whole_was_known_gets_the_whole() -> None:
    async with rig("v1") as it:
        part = asyncio.create_task(it.tracker.wait_for("2", timeout=60))
        await asyncio.sleep(0)
        it.tracker.take([report("2", "Buffered SMSC")])
        async with it.tracker.updates(finals_only=True) as updates:  # from here on everything is followed
            message = sent("1", "2", via="v1")
            it.tracker.sent(message)
            it.tracker.sent(message)  # told twice
            assert it.tracker.stats.followed == 1
            it.tracker.take([report("2", "Delivered")])
            assert not part.done()
            it.tracker.take([report("1", "Delivered")])
            assert (await part).message_ids == ("1", "2")
            assert (await anext(updates)).key == "key of 1"
            assert updates.stats.waiting == 0
            assert it.tracker.stats.followed == 0


async def test_what_somebody_waits_for_is_followed_for_readers_that_come_later(tmp_path: Path) -> None:
    store = SqliteTracking(tmp_path / "tracking.db", clock=VirtualClock())
    async with rig(store=store) as it:
        waiting = asyncio.create_task(it.tracker.wait_for("1", timeout=5))
        with pytest.raises(DeadlineExceeded):
            await waiting
        assert it.tracker.stats.followed == 1  # with a store everything is
    async with rig() as it:
        waiting = asyncio.create_task(it.tracker.wait_for("1", timeout=5))
        await asyncio.sleep(0)
        async with it.tracker.updates() as updates:
            with pytest.raises(DeadlineExceeded):
                await waiting
            it.tracker.take([report("1", "Delivered")])
            assert (await anext(updates)).is_delivered
