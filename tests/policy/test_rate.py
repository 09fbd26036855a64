"""The rate limiter: reservations, pauses, throttling, and F8 as a simulation."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.rate import CONGESTION, CUT, ISOLATED, LEAST, QUIET, RateLimiter

COSTS = st.sampled_from([0.5, 1.0, 1.0, 1.0, 2.0, 3.0, 10.0])
GAPS = st.sampled_from([0.0, 0.0, 0.01, 0.05, 0.3, 1.0, 7.0])


@pytest.mark.parametrize("rate", [0, -1, math.inf, math.nan, True, "20"])
def test_a_rate_is_a_positive_finite_number(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="rate"):
        RateLimiter(rate)
    limiter = RateLimiter(5)
    with pytest.raises(ConfigurationError, match="rate"):
        limiter.rate = rate
    assert limiter.rate == 5


@pytest.mark.parametrize("burst", [0, 0.99, math.inf, math.nan, True, None])
def test_a_burst_is_at_least_one(burst: float) -> None:
    with pytest.raises(ConfigurationError, match="burst"):
        RateLimiter(1, burst=burst)


def test_one_unit_every_interval() -> None:
    limiter = RateLimiter(20)
    assert [round(limiter.take(1, 100.0), 6) for _ in range(4)] == [100.0, 100.05, 100.1, 100.15]
    assert limiter.ready_at(100.0) == pytest.approx(100.2)
    assert limiter.ready_at(107.0) == 107.0


def test_a_burst_goes_at_once_and_comes_back_with_rest() -> None:
    limiter = RateLimiter(10, burst=3)
    assert [limiter.take(1, 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limiter.take(1, 0.0) == pytest.approx(0.1)
    assert [limiter.take(1, 9.0) for _ in range(3)] == [9.0, 9.0, 9.0]


def test_a_long_message_is_paid_afterwards_and_not_overtaken() -> None:
    limiter = RateLimiter(10)
    assert limiter.take(1, 0.0) == 0.0
    assert limiter.take(10, 0.0) == pytest.approx(0.1)
    assert limiter.take(1, 0.0) == pytest.approx(1.1)


def test_a_pause_holds_everything_and_is_never_shortened() -> None:
    limiter = RateLimiter(10)
    limiter.pause_until(5.0)
    limiter.pause_until(3.0)
    assert [round(limiter.take(1, 0.0), 6) for _ in range(3)] == [5.0, 5.1, 5.2]
    assert limiter.snapshot().paused_until == 5.0


def test_without_a_rate_only_a_pause_holds() -> None:
    limiter = RateLimiter(None)
    assert limiter.rate is None
    assert limiter.allowed == math.inf
    assert [limiter.take(1000, 1.0) for _ in range(5)] == [1.0] * 5
    limiter.pause_until(2.0)
    assert [limiter.take(1, 1.0) for _ in range(3)] == [2.0] * 3
    assert limiter.ready_at(3.0) == 3.0


def test_the_rate_can_be_set_while_it_runs() -> None:
    limiter = RateLimiter(1, burst=2)
    limiter.take(1, 0.0)
    limiter.take(1, 0.0)
    limiter.rate = 100  # two units are owed, not two seconds
    assert limiter.ready_at(0.0) == pytest.approx(0.01)
    limiter.rate = 1
    assert limiter.ready_at(0.0) == pytest.approx(1.0)
    limiter.rate = None
    assert limiter.ready_at(0.0) == 0.0
    assert limiter.allowed == math.inf


def test_a_raised_rate_leaves_reservations_where_they_are() -> None:
    limiter = RateLimiter(1)
    given = [limiter.take(1, 0.0) for _ in range(10)]
    limiter.rate = 100
    after = [limiter.take(1, 0.0) for _ in range(3)]
    assert given[-1] == 9.0
    assert [round(at, 6) for at in after] == [9.01, 9.02, 9.03]


def test_throttling_cuts_once_a_window_and_holds_longer_each_time() -> None:
    limiter = RateLimiter(20)
    limiter.take(1, 0.0)
    holds = []
    for now in (0.1, 0.2, 0.3, 0.5, 0.9):
        limiter.throttled(now)
        holds.append(limiter.snapshot().paused_until - now)
        assert limiter.allowed == pytest.approx(20 * CUT, rel=0.05)
    assert holds == sorted(holds)
    assert holds[0] == pytest.approx(0.1)
    assert holds[-1] == pytest.approx(1.0)
    limiter.throttled(0.1 + CONGESTION)
    assert limiter.allowed == pytest.approx(20 * CUT * CUT, rel=0.05)
    assert (limiter.snapshot().throttles, limiter.snapshot().cuts) == (6, 2)
    limiter.succeeded(2.0)
    limiter.throttled(2.0)
    assert limiter.snapshot().paused_until - 2.0 == pytest.approx(0.1)


def test_nobody_is_throttled_to_death() -> None:
    limiter = RateLimiter(20)
    for second in range(100):
        limiter.throttled(float(second))
    assert limiter.allowed >= LEAST
    assert limiter.take(1, 100.0) <= 100.0 + 1 / LEAST
    slow = RateLimiter(0.1)
    for second in range(100):
        slow.throttled(float(second))
    assert slow.allowed == 0.1


def unlimited(rate: float, until: float) -> RateLimiter:
    """One without a rate, at which so many a second were accepted."""
    limiter = RateLimiter(None)
    for number in range(1, round(rate * until) + 1):
        limiter.succeeded(number / rate)
    return limiter


def test_one_refusal_in_many_teaches_no_rate() -> None:
    limiter = unlimited(100, 3.0)
    for number in range(5):
        now = 3.0 + number
        limiter.throttled(now)
        assert limiter.allowed == math.inf
        assert limiter.take(1, now) == pytest.approx(now + 0.1)  # it stops everything for a moment all the same
        for step in range(1, round(ISOLATED) + 1):
            limiter.succeeded(now + 0.1 + step / 100)
    assert (limiter.snapshot().throttles, limiter.snapshot().cuts) == (5, 0)


@pytest.mark.parametrize("accepted,seconds", [(ISOLATED - 1, CONGESTION), (ISOLATED, CONGESTION * 0.99), (0, 0.1)])
def test_a_second_refusal_too_soon_teaches_one(accepted: float, seconds: float) -> None:
    limiter = unlimited(100, 3.0)
    limiter.throttled(3.0)
    limiter.succeeded(3.1, accepted)
    assert limiter.allowed == math.inf
    limiter.throttled(3.0 + seconds)
    assert limiter.allowed < math.inf
    assert limiter.snapshot().cuts == 1


def test_a_rate_is_learned_where_none_is_configured_and_let_go_of() -> None:
    limiter = unlimited(100, 3.0)
    now = 3.0
    limiter.throttled(now)
    limiter.throttled(now)
    assert 100 * CUT * 0.8 < limiter.allowed < 100 * CUT * 1.1
    assert limiter.take(1, now) > now
    assert limiter.take(1, now + QUIET) == now + QUIET
    assert limiter.allowed == math.inf
    # Throttled before anything was accepted: little is known, and little allowed.
    limiter = RateLimiter(None)
    limiter.throttled(0.0)
    assert limiter.allowed == LEAST


def late_pace(limiter: RateLimiter, late: float, seconds: float = 2.0) -> float:
    """Units a second that go, in a stretch without a change, if every timer comes so late."""
    now = began = 0.0
    went = 0
    while now < began + seconds:
        ready = limiter.ready_at(now)
        if ready > now:
            now = ready + late
        limiter.take(1.0, now)
        went += 1
    return went / (now - began)


def test_late_timers_are_caught_up() -> None:
    assert late_pace(RateLimiter(200), 0.001) < 200 * 0.9
    assert late_pace(RateLimiter(200, catch_up=0.01), 0.001) >= 200 * 0.99
    assert late_pace(RateLimiter(200, catch_up=0.01), 0.009) >= 200 * 0.99


def test_a_learned_rate_is_caught_up_too() -> None:
    learned = RateLimiter(None, catch_up=0.01)
    assert learned.burst == 1.0
    for number in range(300):
        learned.succeeded(number / 100 - 3.0)
    learned.throttled(-2.0)
    learned.throttled(-2.0)
    assert learned.burst == pytest.approx(1.0 + 0.01 * learned.allowed)
    assert learned.snapshot().burst == learned.burst
    # Two of them may go at once after the hold, so that the second makes up for a late timer.
    assert learned.take(1.0, 0.0) == 0.0
    assert learned.ready_at(0.0) == pytest.approx((1.0 - 0.01 * learned.allowed) / learned.allowed, abs=1e-3)


@pytest.mark.parametrize("catch_up", [-0.01, math.inf, math.nan, True, None])
def test_what_is_caught_up_is_a_time(catch_up: float) -> None:
    with pytest.raises(ConfigurationError, match="catch_up"):
        RateLimiter(1, catch_up=catch_up)


def test_it_prints_what_it_is() -> None:
    assert repr(RateLimiter(20, burst=2)) == "RateLimiter(rate=20.0, allowed=20, burst=2)"
    assert repr(RateLimiter(None)) == "RateLimiter(rate=None, allowed=inf, burst=1)"


@given(
    rate=st.sampled_from([0.5, 1.0, 7.3, 20.0, 300.0]),
    burst=st.sampled_from([1.0, 1.5, 5.0]),
    catch_up=st.sampled_from([0.0, 0.01, 0.5]),
    calls=st.lists(st.tuples(GAPS, COSTS), min_size=1, max_size=60),
)
def test_no_stretch_of_time_costs_more_than_it_may(
    rate: float, burst: float, catch_up: float, calls: list[tuple[float, float]]
) -> None:
    limiter = RateLimiter(rate, burst=burst, catch_up=catch_up)
    assert limiter.burst == burst + catch_up * rate
    now, given_out = 0.0, list[tuple[float, float]]()
    for gap, cost in calls:
        now += gap
        given_out.append((limiter.take(cost, now), cost))
        assert given_out[-1][0] >= now
    moments = [at for at, _ in given_out]
    assert moments == sorted(moments)
    totals = [0.0, *itertools.accumulate(cost for _, cost in given_out)]
    for last, (until, cost) in enumerate(given_out):
        for first in range(last + 1):
            spent = totals[last + 1] - totals[first]
            assert spent <= rate * (until - given_out[first][0]) + max(limiter.burst, cost) + 1e-6


@given(
    rate=st.sampled_from([1.0, 20.0]),
    calls=st.lists(COSTS, min_size=1, max_size=40),
)
def test_who_always_wants_more_uses_all_of_it(rate: float, calls: list[float]) -> None:
    limiter = RateLimiter(rate)
    for cost in calls:
        limiter.take(cost, 0.0)
    # Everything before the last was paid at exactly the rate: nothing is lost between callers.
    assert limiter.take(1, 0.0) == pytest.approx(sum(calls) / rate)


@dataclass
class Platform:
    """Accepts so many a sliding second; answers come after a round trip. What it throttles is offered again."""

    limits: list[tuple[float, int]]
    round_trip: float
    in_flight: int = 10
    accepted: list[float] = field(default_factory=list)
    throttled: list[float] = field(default_factory=list)

    def limit(self, now: float) -> int:
        return [limit for since, limit in self.limits if now >= since][-1]

    def run(self, limiter: RateLimiter, until: float) -> None:
        answers: list[tuple[float, bool]] = []
        window: deque[float] = deque()
        now = 0.0
        while now < until:
            ready = limiter.ready_at(now)
            if len(answers) == self.in_flight or (answers and answers[0][0] <= ready):
                at, fine = heapq.heappop(answers)
                now = max(now, at)
                if fine:
                    limiter.succeeded(now)
                else:
                    limiter.throttled(now)
                continue
            now = max(now, ready)
            assert limiter.take(1.0, now) == now
            while window and window[0] <= now - 1.0 + 1e-9:
                window.popleft()
            fine = len(window) < self.limit(now)
            if fine:
                window.append(now)
            (self.accepted if fine else self.throttled).append(now)
            heapq.heappush(answers, (now + self.round_trip, fine))

    def used(self, since: float, until: float) -> float:
        return sum(since <= at < until for at in self.accepted) / (self.limit(since) * (until - since))


@pytest.mark.parametrize("round_trip", [0.01, 0.02, 0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("rate", [20.0, 25.0, None])
def test_f8_the_limit_falls_to_a_quarter_and_comes_back(round_trip: float, rate: float | None) -> None:
    platform = Platform(limits=[(0.0, 20), (30.0, 5), (60.0, 20)], round_trip=round_trip)
    platform.run(RateLimiter(rate, catch_up=0.01), 90.0)
    # Ten seconds after each change nine tenths of what is allowed are used, and next to nothing is refused.
    assert platform.used(40.0, 60.0) >= 0.9
    assert platform.used(70.0, 90.0) >= 0.9
    assert len(platform.throttled) <= 0.05 * (len(platform.accepted) + len(platform.throttled))


def test_at_the_configured_rate_nothing_is_refused() -> None:
    platform = Platform(limits=[(0.0, 20)], round_trip=0.05)
    platform.run(RateLimiter(20), 60.0)
    assert platform.throttled == []
    assert platform.used(0.0, 60.0) >= 0.99
