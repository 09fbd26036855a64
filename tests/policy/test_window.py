"""The platform's second: never one too many in it, and little of it lost to late timers."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.policy.rate import RateLimiter, wait
from sms_traffic_async.policy.window import MARGIN, MOST_MARGIN, Window
from sms_traffic_async.protocols.http.pool import SHARE_OF_RATE
from tests.support.virtual_loop import VirtualClock, virtual

RATE = 20
SECONDS = 60.0


class LateClock(VirtualClock):
    """A clock whose sleepers wake late."""

    def __init__(self, late: Callable[[], float]) -> None:
        super().__init__()
        self._late = late

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self._late())


@dataclass
class Platform:
    """Takes so many requests in any second, as they arrive."""

    taken: list[float] = field(default_factory=list[float])
    refused: int = 0
    _second: deque[float] = field(default_factory=deque[float])

    def arrives(self, now: float) -> bool:
        while self._second and self._second[0] <= now - 1.0:
            self._second.popleft()
        if len(self._second) >= RATE:
            self.refused += 1
            return False
        self._second.append(now)
        self.taken.append(now)
        return True

    @property
    def used(self) -> float:
        """The share of the rate that was used."""
        return (len(self.taken) - 1) / (self.taken[-1] - self.taken[0]) / RATE


async def keep_busy(clock: VirtualClock, answer: Callable[[], float], *, opening: float = 0.0) -> Platform:
    """Four requests at a time for a minute; the first one opens a connection."""
    window = Window(RATE)
    limiter = RateLimiter(RATE * SHARE_OF_RATE, window=window)
    platform = Platform()
    until = clock.monotonic() + SECONDS
    first = iter([opening])

    async def work() -> None:
        while clock.monotonic() < until:
            assert await wait(limiter, clock=clock)
            passage = window.go(clock.monotonic())
            took = answer()
            await asyncio.sleep(next(first, 0.0) + took / 2)
            taken = platform.arrives(clock.monotonic())
            await asyncio.sleep(took / 2)
            window.answered(passage, clock.monotonic(), refused=not taken)

    await asyncio.gather(*(work() for _ in range(4)))
    return platform


@virtual
@pytest.mark.parametrize("late, least", [(0.0, 0.975), (0.01, 0.97), (0.03, 0.95), (0.06, 0.93)])
async def test_late_timers_cost_their_lateness_once_a_second(late: float, least: float) -> None:
    chance = random.Random(late)
    platform = await keep_busy(LateClock(lambda: chance.uniform(0.0, late)), lambda: 0.003)
    assert platform.used >= least
    assert platform.refused == 0


@virtual
@pytest.mark.parametrize("opening", [0.05, 0.15, 0.9])
async def test_a_request_that_is_long_on_its_way_is_counted_when_it_arrives(opening: float) -> None:
    chance = random.Random(7)
    platform = await keep_busy(VirtualClock(), lambda: chance.uniform(0.002, 0.006), opening=opening)
    assert platform.refused == 0
    assert len(platform.taken) >= (SECONDS - opening) * RATE * 0.96


@virtual
async def test_an_uneven_network_is_learned() -> None:
    chance = random.Random(3)
    platform = await keep_busy(VirtualClock(), lambda: chance.uniform(0.06, 0.16))
    assert platform.refused < 0.01 * len(platform.taken)
    assert platform.used >= 0.93


@given(
    st.floats(0.1, 50.0),
    st.lists(st.tuples(st.floats(0.0, 0.5), st.floats(0.0, 2.0), st.booleans()), min_size=1, max_size=120),
)
def test_never_more_than_the_rate_in_any_second(rate: float, calls: list[tuple[float, float, bool]]) -> None:
    window = Window(rate)
    many = max(int(rate), 1)
    went: list[float] = []
    now = 0.0
    for pause, took, refused in calls:
        now = max(now + pause, window.ready_at())
        passage = window.go(now)
        went.append(now)
        window.answered(passage, now + took, refused=refused)
    for earlier, later in zip(went, went[many:], strict=False):
        assert later - earlier >= many / rate + MARGIN * 0.999


def test_a_refusal_widens_the_margin_and_answers_take_it_back() -> None:
    window = Window(1)
    now = 0.0

    def one(*, refused: bool) -> float:
        nonlocal now
        passage = window.go(now)
        window.answered(passage, now + 0.1, refused=refused)
        wait_for = window.ready_at() - now
        now += wait_for
        return wait_for - 1.0

    assert one(refused=False) == pytest.approx(MARGIN)
    assert one(refused=True) == pytest.approx(2 * MARGIN)
    assert [one(refused=True) for _ in range(5)][-1] == pytest.approx(MOST_MARGIN)
    assert [one(refused=False) for _ in range(3000)][-1] == pytest.approx(MARGIN)


def test_without_a_window_nobody_makes_up_for_lateness() -> None:
    plain, windowed = RateLimiter(10), RateLimiter(10, window=Window(10))
    for limiter in (plain, windowed):
        limiter.take(1.0, 0.0)
        limiter.take(1.0, 0.15, 0.1)
    assert plain.ready_at(0.15) == pytest.approx(0.25)
    assert windowed.ready_at(0.15) == pytest.approx(0.2)
