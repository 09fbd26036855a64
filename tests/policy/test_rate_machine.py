"""The rate limiter: any order of events against what it promises."""

from __future__ import annotations

import itertools
import math

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sms_traffic_async.policy.rate import CUT, LEAST, RateLimiter
from tests.policy.machines import MACHINE

RATES = st.sampled_from([0.4, 1.0, 5.0, 20.0, 200.0])
COSTS = st.sampled_from([0.0, 0.5, 1.0, 1.0, 2.0, 10.0])


class RateMachine(RuleBasedStateMachine):
    """Time passes; units are taken, given back, accepted and throttled; rate and pause change."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0
        self.given: list[tuple[float, float]] = []
        self.fastest = 0.0
        self.dearest = 1.0
        self.paused = -math.inf
        self.cut_at = -math.inf

    @initialize(rate=RATES, burst=st.sampled_from([1.0, 2.0, 5.0]), catch_up=st.sampled_from([0.0, 0.01, 0.2]))
    def made(self, rate: float, burst: float, catch_up: float) -> None:
        self.limiter = RateLimiter(rate, burst=burst, catch_up=catch_up)
        self.fastest, self.dearest = rate, self.limiter.burst

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.5, 1.0, 3.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(costs=st.lists(COSTS, min_size=1, max_size=8))
    def take(self, costs: list[float]) -> None:
        for cost in costs:
            ready = self.limiter.ready_at(self.now, cost)
            at = self.limiter.take(cost, self.now)
            assert at == ready
            assert at >= max(self.now, self.paused, self.given[-1][0] if self.given else -math.inf)
            self.dearest = max(self.dearest, cost)
            self.given.append((at, cost))

    @rule(seconds=st.sampled_from([0.1, 1.0, 60.0]))
    def pause(self, seconds: float) -> None:
        self.paused = max(self.paused, self.now + seconds)
        self.limiter.pause_until(self.now + seconds)

    @rule()
    def throttled(self) -> None:
        self.limiter.ready_at(self.now)
        before = self.limiter.allowed
        self.limiter.throttled(self.now)
        assert before * CUT - 1e-9 <= self.limiter.allowed <= before
        if self.now < self.cut_at + 1.0:
            assert self.limiter.allowed == before  # once a window of congestion
        else:
            self.cut_at = self.now
        assert self.now < self.limiter.snapshot().paused_until
        self.paused = max(self.paused, self.limiter.snapshot().paused_until)

    @rule(cost=COSTS)
    def succeeded(self, cost: float) -> None:
        self.limiter.succeeded(self.now, cost)

    @rule(rate=RATES)
    def another_rate(self, rate: float) -> None:
        self.limiter.rate = rate
        self.fastest, self.cut_at = max(self.fastest, rate), -math.inf
        self.dearest = max(self.dearest, self.limiter.burst)
        assert self.limiter.allowed == rate

    @invariant()
    def never_above_the_rate_and_never_nothing(self) -> None:
        assert self.limiter.rate is not None
        assert min(LEAST, self.limiter.rate) - 1e-9 <= self.limiter.allowed <= self.limiter.rate

    @invariant()
    def nobody_starves(self) -> None:
        latest = max(self.now, self.paused, self.given[-1][0] if self.given else -math.inf)
        slowest = min(LEAST, 0.4)
        owed = max(self.dearest, self.limiter.burst)
        assert self.limiter.ready_at(self.now) <= latest + owed / slowest + 1e-6

    @invariant()
    def no_second_costs_more_than_it_may(self) -> None:
        recent = self.given[-40:]
        totals = [0.0, *itertools.accumulate(cost for _, cost in recent)]
        first = 0
        for last, (until, _) in enumerate(recent):
            while recent[first][0] < until - 1.0:
                first += 1
            assert totals[last + 1] - totals[first] <= self.fastest + self.dearest + 1e-6


TestRateLimiter = RateMachine.TestCase
TestRateLimiter.settings = MACHINE
