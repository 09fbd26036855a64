"""Readers and callbacks: who takes what, and what happens to what nobody took."""

import asyncio
import logging
import time
from typing import Any

import pytest

from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.errors import ConfigurationError
from tests.support.tracking import Rig, now, report, rig, sent
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


def deliver(it: Rig, *ids: str) -> None:
    for one in ids:
        it.tracker.sent(sent(one))
        assert it.tracker.take([report(one, "Delivered")])


async def test_every_reader_gets_every_update() -> None:
    async with rig() as it, it.tracker.updates() as one, it.tracker.updates(finals_only=True) as other:
        it.tracker.sent(sent("1"))
        it.tracker.take([report("1", "Buffered SMSC"), report("1", "Delivered")])
        assert [(await anext(one)).status for _ in range(2)] == ["Buffered SMSC", "Delivered"]
        assert (await anext(other)).status == "Delivered"
        assert (one.stats.waiting, other.stats.waiting) == (0, 0)


async def test_what_was_not_acknowledged_goes_to_the_next_reader() -> None:
    async with rig() as it:
        with pytest.raises(ValueError, match="broken"):
            async with it.tracker.updates() as updates:
                deliver(it, "1", "2", "3")
                async for update in updates:
                    if update.message_id == "2":
                        raise ValueError("broken")  # it was not dealt with
        deliver(it, "4")  # while nobody reads
        async with it.tracker.updates() as updates:
            assert [(await anext(updates)).message_id for _ in range(3)] == ["2", "3", "4"]
        async with it.tracker.updates() as updates:  # left in peace: the last counts as taken
            assert updates.stats.waiting == 0


@pytest.mark.parametrize("most", [0, -1, True, 1.0])
async def test_a_batch_is_of_one_at_least(most: Any) -> None:
    async with rig() as it, it.tracker.updates() as updates:
        deliver(it, "1")
        with pytest.raises(ConfigurationError, match="most is a whole number"):
            await updates.batch(most)
        assert [update.message_id for update in await updates.batch(1)] == ["1"]  # nothing was taken or acknowledged


async def test_a_second_reader_that_leaves_takes_nothing_from_the_first() -> None:
    async with rig() as it, it.tracker.updates() as one:
        async with it.tracker.updates():
            deliver(it, "1", "2")
        assert [(await anext(one)).message_id for _ in range(2)] == ["1", "2"]
        assert one.stats.waiting == 0


async def test_while_nobody_reads_memory_is_bounded_and_the_oldest_goes() -> None:
    async with rig(buffer=10) as it:
        async with it.tracker.updates():
            pass
        deliver(it, *(str(number) for number in range(10)))
        it.tracker.sent(sent("10"))
        assert not it.tracker.take([report("10", "Delivered")])  # the reader may be back in a moment
        await asyncio.sleep(100)
        deliver(it, *(str(number) for number in range(10, 25)))
        assert it.counted("updates.unread_dropped") == 15
        async with it.tracker.updates() as updates:
            assert [(await anext(updates)).message_id for _ in range(10)] == [str(number) for number in range(15, 25)]


async def test_a_reader_that_fails_and_comes_back_copies_nothing() -> None:
    async def seconds(waiting: int) -> float:
        async with rig(buffer=20_000, most=100_000) as it:
            async with it.tracker.updates():
                deliver(it, *(str(number) for number in range(waiting)))
            begun = time.process_time()
            for _ in range(200):
                stream = it.tracker.updates(finals_only=True)
                stream.open()
                await anext(stream)
                stream.close()
            spent = time.process_time() - begun
            assert stream.stats.read == 1
            async with it.tracker.updates() as updates:
                assert [(await anext(updates)).message_id for _ in range(3)] == ["0", "1", "2"]
                assert updates.stats.waiting == waiting - 3
            return spent

    assert await seconds(10_000) < 10 * await seconds(100)


async def test_intermediate_statuses_wait_for_a_reader_of_all() -> None:
    async with rig() as it:
        async with it.tracker.updates() as updates:
            for one in ("1", "2"):
                it.tracker.sent(sent(one))
            it.tracker.take([report("1", "Buffered SMSC"), report("2", "Buffered SMSC"), report("2", "Delivered")])
        with pytest.raises(ValueError, match="broken"):
            async with it.tracker.updates() as updates:
                assert (await anext(updates)).status == "Buffered SMSC"
                it.tracker.take([report("1", "Delivered")])
                raise ValueError("broken")
        async with it.tracker.updates() as updates:
            told = [(update.message_id, update.status) for update in [await anext(updates) for _ in range(4)]]
        assert told == [("1", "Buffered SMSC"), ("2", "Buffered SMSC"), ("2", "Delivered"), ("1", "Delivered")]
        it.tracker.sent(sent("3"))
        async with it.tracker.updates():
            it.tracker.take([report("3", "Buffered SMSC"), report("3", "Delivered")])
        async with it.tracker.updates(finals_only=True) as updates:
            assert updates.stats.waiting == 1
            assert (await anext(updates)).status == "Delivered"


async def test_a_cancelled_read_loses_nothing() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        read: list[str] = []
        for number in range(20):
            reading = asyncio.ensure_future(anext(updates))
            await asyncio.sleep(0)
            if number % 3:
                deliver(it, str(number))
            reading.cancel()
            await asyncio.wait([reading])
            if not reading.cancelled():
                read.append(reading.result().message_id)
        assert 0 < len(read) < 13
        read += [(await anext(updates)).message_id for _ in range(updates.stats.waiting)]
        assert read == [str(number) for number in range(20) if number % 3]


async def test_what_is_there_is_read_at_once_and_acknowledged_at_once() -> None:
    async with rig() as it:
        with pytest.raises(ValueError, match="broken"):
            async with it.tracker.updates() as updates:
                reading = asyncio.ensure_future(updates.batch(3))
                await asyncio.sleep(1)
                assert not reading.done()
                deliver(it, "1")
                assert [update.message_id for update in await reading] == ["1"]  # nothing waits for more
                deliver(it, "2", "3", "4", "5", "6")
                assert [update.message_id for update in await updates.batch(3)] == ["2", "3", "4"]
                assert (updates.stats.read, updates.stats.waiting) == (4, 2)
                raise ValueError("broken")  # none of the three was dealt with
        async with it.tracker.updates() as updates:
            assert [update.message_id for update in await updates.batch(9)] == ["2", "3", "4", "5", "6"]
            deliver(it, "7")
            assert (await anext(updates)).message_id == "7"
        async with it.tracker.updates() as updates:
            assert updates.stats.waiting == 0
            await it.tracker.aclose()
            assert await updates.batch(9) == []


async def test_a_cancelled_read_of_several_loses_nothing() -> None:
    async with rig() as it, it.tracker.updates() as updates:
        reading = asyncio.ensure_future(updates.batch(9))
        await asyncio.sleep(0)
        deliver(it, "1", "2")
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        assert [update.message_id for update in await updates.batch(9)] == ["1", "2"]


async def test_misuse_is_told() -> None:
    async with rig() as it:
        stream = it.tracker.updates()
        with pytest.raises(ConfigurationError, match="enter it first"):
            await anext(stream)
        async with stream:
            reading = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            with pytest.raises(ConfigurationError, match="one task reads"):
                await anext(stream)
            reading.cancel()
            await asyncio.wait([reading])
        with pytest.raises(ConfigurationError, match="entered once"):
            await stream.__aenter__()


async def test_callbacks_are_called_one_after_another_plain_or_not() -> None:
    async with rig() as it:
        plain: list[str] = []
        awaited: list[str] = []

        async def slow(update: TrackedUpdate) -> None:
            await asyncio.sleep(1)
            awaited.append(update.message_id)

        def quick(update: TrackedUpdate) -> None:
            plain.append(update.message_id)

        handles = [it.tracker.on_status(slow), it.tracker.on_status(quick)]
        deliver(it, "1", "2", "3")
        await asyncio.sleep(0.5)
        assert (plain, awaited) == (["1", "2", "3"], [])
        await asyncio.sleep(3)
        assert awaited == ["1", "2", "3"]
        for handle in handles:
            await handle.remove()
        deliver(it, "4")
        await asyncio.sleep(3)
        assert plain == awaited == ["1", "2", "3"]


async def test_a_callback_that_fails_is_called_again_and_then_the_status_is_set_aside(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with rig(callback_attempts=3) as it:
        calls: list[tuple[float, str]] = []

        def fail(update: TrackedUpdate) -> None:
            calls.append((now() - 1000, update.message_id))
            if update.message_id == "1" or (update.message_id == "2" and len(calls) < 5):
                raise ValueError("79161112233 Код 1234")

        with caplog.at_level(logging.DEBUG):
            handle = it.tracker.on_status(fail)
            deliver(it, "1", "2", "3")
            await asyncio.sleep(60)
        assert [one for _, one in calls] == ["1", "1", "1", "2", "2", "3"]
        assert [at for at, _ in calls[:3]] == pytest.approx([0, 1, 3], abs=0.01)
        assert it.counted("updates.callback_gave_up") == 1
        errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
        assert errors == ["a status callback failed 3 times: '1' is not told Delivered"]
        assert "79161112233" not in caplog.text
        assert handle.stats.read == 3


async def test_what_a_status_that_nobody_listed_says_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with rig(callback_attempts=1) as it:

        def fail(_update: TrackedUpdate) -> None:
            raise ValueError

        with caplog.at_level(logging.DEBUG):
            it.tracker.on_status(fail, finals_only=False)
            it.tracker.sent(sent("1"))
            it.tracker.take([report("1", "DELIVRD Код 1234")])
            await asyncio.sleep(1)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["a status callback failed 1 times: '1' is not told another status"]
    assert "1234" not in caplog.text


async def test_what_a_removed_callback_was_at_goes_to_the_next_reader() -> None:
    async with rig() as it:

        async def stuck(_update: TrackedUpdate) -> None:
            await asyncio.Event().wait()

        handle = it.tracker.on_status(stuck)
        deliver(it, "1", "2")
        await asyncio.sleep(1)
        await handle.remove()
        async with it.tracker.updates() as updates:
            assert [(await anext(updates)).message_id for _ in range(2)] == ["1", "2"]


async def test_closing_ends_the_loops() -> None:
    async with rig() as it:
        read: list[str] = []

        async def reader() -> None:
            async with it.tracker.updates() as updates:
                read.extend([update.message_id async for update in updates])

        task = asyncio.create_task(reader())
        await asyncio.sleep(0)
        deliver(it, "1")
        await asyncio.sleep(0)
        await it.tracker.aclose()
        await task
        assert read == ["1"]
