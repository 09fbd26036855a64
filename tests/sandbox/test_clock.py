"""The sandbox's clock: order, advancing, real and virtual time."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.clock import ClockStopped, SandboxClock, parse_duration
from tests.support.virtual_loop import virtual


@pytest.mark.parametrize(
    "value,seconds",
    [
        (0, 0.0),
        (90, 90.0),
        (0.25, 0.25),
        ("2h", 7200.0),
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        (" 1D ", 86_400.0),
        ("1.5s", 1.5),
        (timedelta(minutes=3), 180.0),
    ],
)
def test_lengths_of_time(value: float | str | timedelta, seconds: float) -> None:
    assert parse_duration(value) == seconds


@pytest.mark.parametrize(
    "value", ["", "soon", "2 h", "h2", "-1h", -1, -0.001, float("inf"), timedelta(seconds=-1), "5"]
)
def test_what_is_no_length_of_time(value: float | str | timedelta) -> None:
    with pytest.raises(ConfigurationError):
        parse_duration(value)


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        SandboxClock(datetime(2025, 1, 1))  # noqa: DTZ001 - the point


async def test_entries_fire_in_order_and_read_their_own_time() -> None:
    clock = SandboxClock(1000.0, running=False)
    clock.start()
    seen: list[tuple[str, float]] = []

    def note(name: str) -> None:
        seen.append((name, clock.now()))

    clock.call_later(5, note, "b")
    clock.call_later(1, note, "a")
    clock.call_later(5, note, "c")
    clock.call_later(6, note, "late")
    clock.call_later(2, note, "never").cancel()
    await clock.advance(5)
    assert seen == [("a", 1001.0), ("b", 1005.0), ("c", 1005.0)]
    assert clock.now() == 1005.0


async def test_what_an_entry_schedules_is_due_too() -> None:
    clock = SandboxClock(0.0, running=False)
    clock.start()
    seen: list[float] = []

    def again() -> None:
        seen.append(clock.now())
        clock.call_later(10, again)

    clock.call_later(10, again)
    await clock.advance("1m")
    assert seen == [10, 20, 30, 40, 50, 60]


async def test_sleepers_go_on_before_time_does() -> None:
    clock = SandboxClock(0.0, running=False)
    clock.start()
    seen: list[float] = []

    async def worker() -> None:
        for _ in range(3):
            await clock.sleep(10)
            seen.append(clock.now())

    task = asyncio.create_task(worker())
    await clock.advance(25)
    assert seen == [10, 20]
    await clock.advance(5)
    assert seen == [10, 20, 30]
    await task


async def test_a_standing_clock_stands() -> None:
    clock = SandboxClock(0.0, running=False)
    clock.start()
    fired: list[int] = []
    clock.call_later(0.0, fired.append, 1)
    for _ in range(50):
        await asyncio.sleep(0)
    assert clock.now() == 0.0
    assert not fired
    await clock.advance(0)
    assert fired == [1]


@virtual
async def test_the_loop_drives_a_running_clock() -> None:
    clock = SandboxClock(datetime(2025, 12, 18, tzinfo=UTC))
    clock.start()
    begun = clock.now()
    started = time.monotonic()
    await clock.sleep(86_400)
    assert clock.now() == pytest.approx(begun + 86_400, abs=0.01)
    assert time.monotonic() - started < 5
    await clock.advance("1h")
    assert clock.now() == pytest.approx(begun + 90_000, abs=0.01)
    await clock.sleep(60)
    assert clock.now() == pytest.approx(begun + 90_060, abs=0.01)
    clock.close()


@virtual
async def test_an_earlier_entry_takes_the_timer_over() -> None:
    clock = SandboxClock(0.0)
    clock.start()
    seen: list[str] = []
    clock.call_later(100, seen.append, "second")
    clock.call_later(1, seen.append, "first")
    await asyncio.sleep(2)
    assert seen == ["first"]
    await asyncio.sleep(100)
    assert seen == ["first", "second"]
    clock.close()


@virtual
async def test_ten_thousand_entries_at_once_leave_room_for_others() -> None:
    clock = SandboxClock(0.0)
    clock.start()
    seen: list[int] = []
    turns: list[int] = []
    for number in range(10_000):
        clock.call_at(1.0, seen.append, number)

    def breathe() -> None:
        turns.append(len(seen))
        if len(seen) < 10_000:
            asyncio.get_running_loop().call_soon(breathe)

    asyncio.get_running_loop().call_later(1.0, breathe)
    await asyncio.sleep(3)
    assert seen == list(range(10_000))
    assert len({count for count in turns if 0 < count < 10_000}) > 5
    clock.close()


async def test_closing_ends_sleepers_and_silences_entries() -> None:
    clock = SandboxClock(0.0, running=False)
    clock.start()
    fired: list[int] = []
    clock.call_later(1, fired.append, 1)
    task = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    clock.close()
    with pytest.raises(ClockStopped):
        await task
    with pytest.raises(ClockStopped):
        await clock.sleep(1)
    clock.call_later(0, fired.append, 2)
    await clock.advance(100)
    assert not fired


async def test_a_cancelled_sleeper_leaves_nothing() -> None:
    clock = SandboxClock(0.0, running=False)
    clock.start()
    task = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await clock.advance(20)
    assert clock.now() == 20


async def test_an_entry_that_raises_does_not_stop_the_clock(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context["exception"]))
    clock = SandboxClock(0.0)
    clock.start()
    done = asyncio.Event()
    clock.call_later(0, divmod, 1, 0)
    clock.call_later(0, done.set)
    await asyncio.wait_for(done.wait(), 5)
    assert [type(error) for error in errors] == [ZeroDivisionError]
    clock.close()


async def test_two_advances_follow_each_other() -> None:
    clock = SandboxClock(0.0, running=False)
    clock.start()
    seen: list[float] = []

    async def note() -> None:
        await clock.sleep(5)
        seen.append(clock.now())

    task = asyncio.create_task(note())
    await asyncio.gather(clock.advance(10), clock.advance(10))
    assert clock.now() == 20
    assert seen == [5]
    await task


def test_dates_are_in_the_platforms_zone() -> None:
    clock = SandboxClock(datetime(2025, 11, 27, 10, 56, 41, 562_000, tzinfo=UTC))
    assert clock.datetime().isoformat(timespec="milliseconds") == "2025-11-27T13:56:41.562+03:00"
    assert clock.http_date() == "Thu, 27 Nov 2025 10:56:41 GMT"
