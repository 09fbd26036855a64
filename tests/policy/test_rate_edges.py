"""The rate limiter at its edges: what it says of itself, and the very numbers its rules name."""

from __future__ import annotations

import math

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.policy.rate import ISOLATED, RateLimiter, RateSnapshot, wait
from sms_traffic_async.settings import RetryPolicy
from tests.policy.hand_clock import HandClock


def test_a_limiter_as_it_stands() -> None:
    limiter = RateLimiter(10, burst=2, catch_up=0.5)
    limiter.take(4, 100.0)
    limiter.pause_until(101.0)
    assert limiter.snapshot() == RateSnapshot(
        rate=10.0, allowed=10.0, burst=7.0, paused_until=101.0, free_at=100.4, throttles=0, cuts=0
    )
    limiter.throttled(102.0)
    now = limiter.snapshot()
    assert (now.rate, now.throttles, now.cuts) == (10.0, 1, 1)
    assert now.allowed == limiter.allowed < 10.0
    assert RateLimiter(None).snapshot().rate is None


def test_no_reservation_is_before_an_earlier_one() -> None:
    limiter = RateLimiter(None)
    assert limiter.take(1, 10.0) == 10.0
    assert limiter.ready_at(9.0) == 10.0


@pytest.mark.parametrize("accepted,cuts", [(ISOLATED - 1, 1), (ISOLATED, 0)])
def test_one_refusal_in_so_many_teaches_nothing(accepted: float, cuts: int) -> None:
    limiter = RateLimiter(None)
    limiter.succeeded(0.0, accepted)
    limiter.throttled(0.5)
    assert limiter.snapshot().cuts == cuts
    assert (limiter.allowed == math.inf) == (cuts == 0)


def test_what_is_wrong_with_a_limiter() -> None:
    with pytest.raises(ConfigurationError, match=r"^a rate is a number of units per second greater than 0, or None"):
        RateLimiter(0)
    with pytest.raises(ConfigurationError, match=r"^burst is a number of at least 1$"):
        RateLimiter(1, burst=0.5)
    for catch_up in (-0.1, math.inf, math.nan, True, None):
        with pytest.raises(ConfigurationError, match=r"^catch_up is a number of seconds, 0 or more$"):
            RateLimiter(1, catch_up=catch_up)  # type: ignore[arg-type] # misuse
    with pytest.raises(ConfigurationError, match=r"^nodes: at least one name, and none twice$"):
        NodeSet((), policy=RetryPolicy(), clock=HandClock())


async def test_who_waits_is_told_by_its_own_cost() -> None:
    clock = HandClock()
    limiter = RateLimiter(1, burst=3)
    limiter.take(1, clock.monotonic())
    assert not await wait(limiter, 3, clock=clock, before=clock.now + 0.5)
    began = clock.now
    assert await wait(limiter, 3, clock=clock, before=clock.now + 1.5)
    assert clock.now == began + 1.0


async def test_who_stands_behind_a_costly_one_knows_how_long_that_takes() -> None:
    clock = HandClock()
    limiter = RateLimiter(10)
    limiter.line.cost = 20.0  # two seconds of it wait
    assert not await wait(limiter, clock=clock, before=clock.now + 1.9)
    assert clock.slept == []
    limiter.line.cost = 0.0
    assert await wait(limiter, clock=clock, before=clock.now)
