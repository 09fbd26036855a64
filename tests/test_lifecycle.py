"""The life of a session, without the session."""

import asyncio
import contextvars
import multiprocessing
from multiprocessing.connection import Connection

import pytest

from sms_traffic_async.clock import SystemClock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.lifecycle import Interrupted, Life, SessionClosed, State
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


async def work(life: Life, seconds: float) -> str:
    try:
        with life.call():
            await asyncio.sleep(seconds)
    except Interrupted:
        return "interrupted"
    except SessionClosed:
        return "closed"
    return "done"


async def test_free_until_the_first_call() -> None:
    life = Life()
    states = [life.state]
    assert await work(life, 0) == "done"
    states.append(life.state)
    assert states == [State.FREE, State.OPEN]


async def test_close_waits_for_calls_within_the_grace_time() -> None:
    life = Life()
    calls = [asyncio.create_task(work(life, seconds)) for seconds in (1, 5, 9)]
    await asyncio.sleep(0)
    started = asyncio.get_running_loop().time()
    assert await life.close(10)
    assert [call.result() for call in calls] == ["done"] * 3
    assert asyncio.get_running_loop().time() - started == pytest.approx(9)


async def test_what_is_left_after_the_grace_time_is_interrupted() -> None:
    life = Life()
    short, long = asyncio.create_task(work(life, 1)), asyncio.create_task(work(life, 1000))
    await asyncio.sleep(0)
    started = asyncio.get_running_loop().time()
    await life.close(10)
    assert (await short, await long) == ("done", "interrupted")
    assert asyncio.get_running_loop().time() - started == pytest.approx(10)


async def test_no_call_begins_once_close_began() -> None:
    life = Life()
    under_way = asyncio.create_task(work(life, 5))
    await asyncio.sleep(0)
    closing = asyncio.create_task(life.close(10))
    await asyncio.sleep(1)
    assert await work(life, 0) == "closed"
    assert await closing
    assert await under_way == "done"
    life.closed()
    assert await work(life, 0) == "closed"


async def test_a_second_close_waits_for_the_first() -> None:
    life = Life()
    call = asyncio.create_task(work(life, 5))
    await asyncio.sleep(0)
    first = asyncio.create_task(life.close(10))
    await asyncio.sleep(0)
    second = asyncio.create_task(life.close(10))
    assert await first
    await asyncio.sleep(1)
    assert not second.done()
    life.closed()
    assert not await second
    assert await call == "done"


async def test_a_cancelled_close_interrupts_at_once() -> None:
    life = Life()
    call = asyncio.create_task(work(life, 1000))
    await asyncio.sleep(0)
    closing = asyncio.create_task(life.close(100))
    await asyncio.sleep(1)
    started = asyncio.get_running_loop().time()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert await call == "interrupted"
    assert asyncio.get_running_loop().time() - started < 1


async def test_a_foreign_cancellation_stays_one() -> None:
    life = Life()
    call = asyncio.create_task(work(life, 1000))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not life.calls


async def test_a_foreign_cancellation_wins_over_an_interruption() -> None:
    life = Life()
    call = asyncio.create_task(work(life, 1000))
    await asyncio.sleep(0)
    for scope in life.calls:
        scope.interrupt()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_background_tasks_are_named_owned_and_in_an_empty_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="empty")
    variable.set("the caller's")
    seen: list[str] = []
    life = Life()
    life.bind()

    async def forever() -> None:
        seen.append(variable.get())
        await asyncio.sleep(1e6)

    task = life.spawn(forever(), "poller")
    await asyncio.sleep(0)
    assert task.get_name() == "sms-traffic poller"
    assert seen == ["empty"]
    await life.close(1)
    assert task.cancelled()
    assert not life.tasks


async def test_another_loop_is_refused() -> None:
    life = Life()
    life.bind()

    def elsewhere() -> None:
        async def use() -> None:
            life.bind()

        asyncio.run(use())

    with pytest.raises(ConfigurationError, match="another event loop"):
        await asyncio.to_thread(elsewhere)


def _in_a_child(life: Life, pipe: Connection) -> None:
    async def use() -> None:
        life.bind()

    try:
        asyncio.run(use())
    except ConfigurationError as error:
        pipe.send(str(error))
    else:
        pipe.send("bound")


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
async def test_a_forked_child_is_refused() -> None:
    life = Life()
    life.bind()
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_a_child, args=(life, there))
    child.start()
    said = here.recv() if here.poll(10) else "nothing"
    child.join()
    assert "fork" in said


async def test_close_of_a_life_that_never_began() -> None:
    life = Life()
    assert await life.close(10)
    assert life.state is State.CLOSED
    assert not await life.close(10)


async def test_without_a_loop_of_asyncio_the_error_says_so() -> None:
    """As under trio, whose loop asyncio does not see, or in a bare thread."""
    for call in (Life().bind, SystemClock().monotonic):
        with pytest.raises(ConfigurationError, match="needs asyncio's event loop"):
            await asyncio.to_thread(call)
