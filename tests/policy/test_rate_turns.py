"""Waiting for a turn: in order, with deadlines, whatever happens to the rate meanwhile."""

from __future__ import annotations

import asyncio
import math

import pytest

from sms_traffic_async.policy.rate import RateLimiter, wait
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

CLOCK = VirtualClock()


class Callers:
    """Tasks that wait at one limiter, and when each had its turn."""

    def __init__(self, limiter: RateLimiter) -> None:
        self.limiter = limiter
        self.start = CLOCK.monotonic()
        self.turns: list[tuple[str, float]] = []
        self.tasks: dict[str, asyncio.Task[bool]] = {}

    async def come(self, name: str, cost: float = 1.0, within: float = math.inf) -> asyncio.Task[bool]:
        self.tasks[name] = task = asyncio.create_task(self._one(name, cost, within))
        await asyncio.sleep(0)
        return task

    async def _one(self, name: str, cost: float, within: float) -> bool:
        if await wait(self.limiter, cost, clock=CLOCK, before=self.start + within):
            self.turns.append((name, round(CLOCK.monotonic() - self.start, 3)))
            return True
        return False

    async def all(self) -> dict[str, bool]:
        await asyncio.wait(self.tasks.values())
        return {name: task.result() for name, task in self.tasks.items() if not task.cancelled()}


async def test_turns_come_in_order_whatever_they_cost() -> None:
    callers = Callers(RateLimiter(10))
    for name, cost in (("a", 1), ("b", 10), ("c", 1), ("d", 2), ("e", 1)):
        await callers.come(name, cost)
    assert all((await callers.all()).values())
    assert callers.turns == [("a", 0.0), ("b", 0.1), ("c", 1.1), ("d", 1.2), ("e", 1.4)]


async def test_a_free_limiter_is_not_waited_for() -> None:
    limiter = RateLimiter(None)
    started = CLOCK.monotonic()
    assert all([await wait(limiter, clock=CLOCK) for _ in range(100)])
    assert CLOCK.monotonic() == started


async def test_who_cannot_be_in_time_is_told_at_once_and_takes_nothing() -> None:
    callers = Callers(RateLimiter(1))
    for name in "abc":
        await callers.come(name)
    late = await callers.come("late", within=2.5)
    await asyncio.sleep(0)
    assert late.done()
    assert not late.result()
    await callers.come("d", within=3.5)
    await callers.all()
    assert callers.turns == [("a", 0.0), ("b", 1.0), ("c", 2.0), ("d", 3.0)]


async def test_a_deadline_that_a_pause_overtakes_ends_the_wait() -> None:
    callers = Callers(RateLimiter(1))
    for name, within in (("a", 9.0), ("b", 9.0), ("c", 2.5), ("d", 99.0)):
        await callers.come(name, within=within)
    callers.limiter.pause_until(callers.start + 20.0)
    assert await callers.all() == {"a": True, "b": False, "c": False, "d": True}
    assert callers.turns == [("a", 0.0), ("d", 20.0)]


async def test_a_cancelled_caller_holds_nobody_up() -> None:
    callers = Callers(RateLimiter(1))
    for name in "abcde":
        await callers.come(name)
    callers.tasks["b"].cancel()  # the first in line
    callers.tasks["d"].cancel()  # one in the middle
    assert await callers.all() == {"a": True, "c": True, "e": True}
    assert callers.turns == [("a", 0.0), ("c", 1.0), ("e", 2.0)]
    assert callers.limiter.line.places == {}
    assert callers.limiter.line.cost == 0


async def test_one_cancelled_in_the_turn_in_which_it_becomes_first_passes_it_on() -> None:
    callers = Callers(RateLimiter(1))
    for name in "abcd":
        await callers.come(name)
    callers.tasks["b"].cancel()
    await asyncio.sleep(0)
    callers.tasks["c"].cancel()  # told that it is first, and cancelled before it ran
    await callers.all()
    assert callers.turns == [("a", 0.0), ("d", 1.0)]


async def test_a_raised_rate_is_felt_by_who_waits() -> None:
    callers = Callers(RateLimiter(0.1))
    for name in "abc":
        await callers.come(name)
    callers.limiter.rate = 100
    await callers.all()
    assert callers.turns[-1][1] <= 1.1


async def test_a_cut_slows_everybody_who_waits() -> None:
    callers = Callers(RateLimiter(10))
    for number in range(12):
        await callers.come(str(number))
    callers.limiter.throttled(CLOCK.monotonic())
    await callers.all()
    at = [moment for _, moment in callers.turns]
    assert at[-1] > 1.3
    assert [name for name, _ in callers.turns] == [str(number) for number in range(12)]
