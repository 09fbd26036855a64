"""The health of one node: any order of events against a plain model."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.policy.breaker import Breaker, NodeState
from tests.policy.machines import MACHINE

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT
HEALTHY, RECOVERING, SUSPECT, OPEN = NodeState.HEALTHY, NodeState.RECOVERING, NodeState.SUSPECT, NodeState.OPEN


def fresh() -> Breaker:
    return Breaker(suspect_after=2.0)


class BreakerModel:
    """The rules written down as a list of what happened, read from scratch each time."""

    def __init__(self) -> None:
        self.opened = False
        self.row = 0
        self.calls: list[tuple[float, bool]] = []
        self.recovering_since = -math.inf

    def judged(self, verdict: Verdict | None, now: float) -> None:
        failed = verdict in {U, A}
        if not failed:
            self.answered(now, failed=False)
            return
        self.calls.append((now, True))
        self.row += 1
        if self.opened:
            return
        if now < self.recovering_since + 30.0:
            self.recovering_since = now
        window = [bad for at, bad in self.calls if int(at) > int(now) - 10]
        if self.row >= 5 or (len(window) >= 20 and sum(window) * 2 >= len(window)):
            self.opened = True

    def answered(self, now: float, *, failed: bool) -> None:
        self.calls.append((now, failed))
        self.alive(now)

    def alive(self, now: float) -> None:
        self.row = 0
        if self.opened:
            self.opened = False
            self.recovering_since = now
            self.calls.clear()


class BreakerMachine(RuleBasedStateMachine):
    """Time passes, requests start, end, are heard and judged, probes are taken and reported."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = fresh()
        self.model = BreakerModel()
        self.now = 1_000.0
        self.flying = 0
        self.probing = False
        self.taken_at = -math.inf

    @rule(seconds=st.sampled_from([0.1, 0.9, 1.0, 2.0, 5.0, 11.0, 30.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(verdicts=st.lists(st.sampled_from([None, *Verdict, U, U, A]), min_size=1, max_size=12))
    def requests(self, verdicts: list[Verdict | None]) -> None:
        for verdict in verdicts:
            self.breaker.started(self.now)
            self.breaker.ended(self.now)
            self.breaker.judged(verdict, self.now, 0.5)
            self.model.judged(verdict, self.now)

    @rule()
    def start(self) -> None:
        self.breaker.started(self.now)
        self.flying += 1

    @precondition(lambda self: self.flying)
    @rule(verdict=st.sampled_from([None, *Verdict]))
    def end(self, verdict: Verdict | None) -> None:
        self.breaker.ended(self.now)
        self.flying -= 1
        self.breaker.judged(verdict, self.now, 0.5)
        self.model.judged(verdict, self.now)

    @rule()
    def hear(self) -> None:
        self.breaker.heard(self.now)

    @rule()
    def take_probe(self) -> None:
        due = self.breaker.probe_at()
        taken = self.breaker.take_probe(self.now)
        assert taken == (self.now >= due)
        if taken:
            assert self.now >= self.taken_at + 30.0 or not self.probing, "one probe at a time"
            self.probing, self.taken_at = True, self.now
            assert not self.breaker.take_probe(self.now)

    @precondition(lambda self: self.probing)
    @rule(ok=st.booleans())
    def report_probe(self, ok: bool) -> None:
        self.breaker.probed(ok=ok, now=self.now, chance=0.5)
        self.probing = False
        if ok:
            self.model.alive(self.now)
        else:
            self.model.opened = True

    @invariant()
    def open_exactly_when_the_rules_say_so(self) -> None:
        assert (self.breaker.state(self.now) is OPEN) == self.model.opened
        assert self.breaker.failures == self.model.row
        assert self.breaker.in_flight == self.flying

    @invariant()
    def an_open_node_is_always_probed_within_a_minute(self) -> None:
        if self.model.opened:
            assert self.breaker.probe_at() <= self.now + 60.0

    @invariant()
    def a_node_that_is_not_open_recovers_for_thirty_seconds(self) -> None:
        state = self.breaker.state(self.now)
        if state is RECOVERING:
            assert self.now < self.model.recovering_since + 30.0
        if state is HEALTHY:
            assert self.now >= self.model.recovering_since + 30.0


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = MACHINE
