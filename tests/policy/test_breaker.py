"""The health of one node: rule by rule."""

from __future__ import annotations

import math

import pytest

from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.policy.breaker import Breaker, NodeState

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT
HEALTHY, RECOVERING, SUSPECT, OPEN = NodeState.HEALTHY, NodeState.RECOVERING, NodeState.SUSPECT, NodeState.OPEN


def fresh() -> Breaker:
    return Breaker(suspect_after=2.0)


def opened(now: float = 100.0, chance: float = 0.0) -> Breaker:
    breaker = fresh()
    for _ in range(5):
        breaker.judged(U, now, chance)
    assert breaker.state(now) is OPEN
    return breaker


def test_a_new_node_is_healthy_and_needs_no_probe() -> None:
    assert fresh().state(0.0) is HEALTHY
    assert fresh().probe_at() == math.inf
    assert not fresh().take_probe(1e9)


@pytest.mark.parametrize("verdict", [U, A])
def test_five_failures_in_a_row_open_it(verdict: Verdict) -> None:
    breaker = fresh()
    for n in range(5):
        assert breaker.state(100.0) is HEALTHY
        breaker.judged(verdict, 100.0 + n, 0.0)
    assert breaker.state(105.0) is OPEN


@pytest.mark.parametrize("verdict", [None, P, R, T])
def test_an_answer_is_no_failure_and_breaks_the_row(verdict: Verdict | None) -> None:
    breaker = fresh()
    for n in range(18):
        breaker.judged(verdict if n % 5 == 4 else U, 100.0, 0.0)
    assert breaker.state(100.0) is HEALTHY
    assert breaker.failures == 3


@pytest.mark.parametrize("verdict", [None, P, R, T])
def test_answers_alone_never_open_it(verdict: Verdict | None) -> None:
    breaker = fresh()
    for _ in range(1_000):
        breaker.judged(verdict, 100.0, 0.0)
    assert breaker.state(100.0) is HEALTHY


@pytest.mark.parametrize(
    "calls, state",
    [
        ("af" * 10, OPEN),
        ("af" * 9 + "f", HEALTHY),  # 19 calls
        ("a" + "af" * 10, HEALTHY),  # 10 of 21
        ("a" + "af" * 10 + "f", OPEN),  # 11 of 22
        ("a" * 20 + "ffffa" * 5, HEALTHY),  # 20 of 45
        ("a" * 14 + "ffffa" * 3 + "ffff", HEALTHY),  # 16 of 33
        ("a" * 13 + "ffffa" * 3 + "ffff", OPEN),  # 16 of 32
        ("fa" * 10, HEALTHY),  # only a failure can open it
    ],
)
def test_half_of_at_least_twenty_open_it(calls: str, state: NodeState) -> None:
    breaker = fresh()
    for call in calls:
        breaker.judged(U if call == "f" else None, 100.0, 0.0)
    assert breaker.state(100.0) is state


@pytest.mark.parametrize("later, state", [(8.0, OPEN), (9.0, OPEN), (10.0, HEALTHY), (11.0, HEALTHY)])
def test_the_window_is_ten_seconds(later: float, state: NodeState) -> None:
    breaker = fresh()
    for n in range(19):
        breaker.judged(None if n % 2 else U, 100.5, 0.0)
    breaker.judged(U, 100.5 + later, 0.0)
    assert breaker.state(100.5 + later) is state


def test_probes_come_after_5_10_20_40_and_then_every_60_seconds() -> None:
    breaker, now, waits = opened(), 100.0, []
    for _ in range(7):
        waits.append(breaker.probe_at() - now)
        assert not breaker.take_probe(breaker.probe_at() - 0.001)
        now = breaker.probe_at()
        assert breaker.take_probe(now)
        breaker.probed(ok=False, now=now, chance=0.0)
        assert breaker.state(now) is OPEN
    assert waits == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0]


@pytest.mark.parametrize("chance, wait", [(0.0, 5.0), (0.5, 4.5), (0.999, 4.001)])
def test_probes_are_jittered(chance: float, wait: float) -> None:
    assert math.isclose(opened(100.0, chance).probe_at(), 100.0 + wait)


def test_one_probe_at_a_time() -> None:
    breaker = opened()
    assert breaker.take_probe(105.0)
    assert not breaker.take_probe(105.0)
    assert not breaker.take_probe(134.9)
    assert breaker.take_probe(135.0), "the first was never reported"


def test_a_good_probe_closes_it_and_it_recovers_for_thirty_seconds() -> None:
    breaker = opened()
    assert breaker.take_probe(105.0)
    breaker.probed(ok=True, now=106.0, chance=0.0)
    assert breaker.state(106.0) is RECOVERING
    assert breaker.state(135.9) is RECOVERING
    assert breaker.state(136.0) is HEALTHY


def test_while_it_recovers_it_is_probed_every_ten_seconds() -> None:
    breaker, at = opened(), []
    assert breaker.take_probe(105.0)
    breaker.probed(ok=True, now=105.0, chance=0.0)
    while (due := breaker.probe_at()) < math.inf:
        at.append(due)
        assert breaker.take_probe(due)
        breaker.probed(ok=True, now=due, chance=0.0)
    assert at == [115.0, 125.0, 135.0]
    assert breaker.state(135.0) is HEALTHY


def test_a_probe_that_fails_while_it_recovers_opens_it_again_for_longer() -> None:
    breaker = opened()
    breaker.probed(ok=True, now=105.0, chance=0.0)
    breaker.probed(ok=False, now=115.0, chance=0.0)
    assert breaker.state(115.0) is OPEN
    assert breaker.probe_at() == 125.0


def test_a_failure_while_it_recovers_starts_the_thirty_seconds_again() -> None:
    breaker = opened()
    breaker.probed(ok=True, now=105.0, chance=0.0)
    breaker.judged(A, 130.0, 0.0)
    assert breaker.state(159.9) is RECOVERING
    assert breaker.state(160.0) is HEALTHY


def test_after_a_recovery_the_waits_begin_at_five_seconds() -> None:
    breaker = opened()
    breaker.probed(ok=False, now=105.0, chance=0.0)
    breaker.probed(ok=True, now=115.0, chance=0.0)
    for _ in range(5):
        breaker.judged(U, 145.0, 0.0)
    assert breaker.state(145.0) is OPEN
    assert breaker.probe_at() == 150.0


@pytest.mark.parametrize("verdict", [None, P, R, T])
def test_any_answer_closes_it(verdict: Verdict | None) -> None:
    breaker = opened()
    breaker.judged(verdict, 101.0, 0.0)
    assert breaker.state(101.0) is RECOVERING
    assert breaker.failures == 0


def test_answers_while_it_recovers_do_not_replace_the_probes() -> None:
    breaker = opened()
    breaker.judged(None, 101.0, 0.0)
    assert breaker.probe_at() == 111.0
    breaker.judged(None, 130.9, 0.0)
    assert breaker.probe_at() == 111.0
    breaker.judged(None, 131.0, 0.0)
    assert breaker.state(131.0) is HEALTHY
    assert breaker.probe_at() == math.inf


def test_what_opened_it_is_forgotten_when_it_closes() -> None:
    breaker = fresh()
    for n in range(20):
        breaker.judged(None if n % 2 else U, 100.0, 0.0)
    breaker.judged(U, 100.0, 0.0)
    assert breaker.state(100.0) is OPEN
    breaker.judged(None, 101.0, 0.0)
    for _ in range(4):
        breaker.judged(U, 101.0, 0.0)
    assert breaker.state(101.0) is RECOVERING


def test_failures_of_an_open_node_do_not_put_the_probe_off() -> None:
    breaker = opened()
    breaker.judged(U, 104.0, 0.0)
    assert breaker.probe_at() == 105.0


# Suspicion.


def test_two_seconds_of_silence_with_a_request_in_flight_are_suspect() -> None:
    breaker = fresh()
    breaker.started(100.0)
    assert breaker.state(101.9) is HEALTHY
    assert breaker.state(102.0) is SUSPECT
    breaker.heard(103.0)
    assert breaker.state(104.9) is HEALTHY
    assert breaker.state(105.0) is SUSPECT


def test_an_idle_node_is_not_suspect() -> None:
    breaker = fresh()
    breaker.started(100.0)
    breaker.heard(100.1)
    breaker.ended(100.1)
    assert breaker.state(1_000.0) is HEALTHY
    breaker.started(1_000.0)
    assert breaker.state(1_001.9) is HEALTHY


def test_more_requests_do_not_break_the_silence() -> None:
    breaker = fresh()
    breaker.started(100.0)
    breaker.started(101.0)
    breaker.started(101.9)
    assert breaker.state(102.0) is SUSPECT


def test_a_silence_that_was_given_up_stays_suspect_until_the_node_is_heard() -> None:
    breaker = fresh()
    breaker.started(100.0)
    breaker.ended(115.0)
    assert breaker.in_flight == 0
    assert breaker.state(1_000.0) is SUSPECT
    assert breaker.probe_at() == 120.0
    breaker.heard(1_000.0)
    assert breaker.state(1_000.0) is HEALTHY


def test_the_first_of_several_that_give_up_sets_the_probe() -> None:
    breaker = fresh()
    breaker.started(100.0)
    breaker.started(100.0)
    breaker.ended(103.0)
    breaker.ended(107.0)
    assert breaker.probe_at() == 108.0


def test_a_quick_failure_is_not_silence() -> None:
    breaker = fresh()
    breaker.started(100.0)
    breaker.ended(100.5)
    breaker.judged(U, 100.5, 0.0)
    assert breaker.state(200.0) is HEALTHY


@pytest.mark.parametrize("ok, state", [(True, HEALTHY), (False, OPEN)])
def test_a_suspect_node_is_probed(ok: bool, state: NodeState) -> None:
    breaker = fresh()
    breaker.started(100.0)
    breaker.ended(115.0)
    assert breaker.take_probe(120.0)
    breaker.probed(ok=ok, now=120.1, chance=0.0)
    assert breaker.state(120.1) is state
    assert breaker.probe_at() == (math.inf if ok else 125.1)


def test_an_answer_ends_the_suspicion_and_its_probe() -> None:
    breaker = fresh()
    breaker.started(100.0)
    breaker.ended(115.0)
    breaker.judged(None, 115.0, 0.0)
    assert breaker.state(115.0) is HEALTHY
    assert breaker.probe_at() == math.inf


def test_an_end_without_a_start_does_no_harm() -> None:
    breaker = fresh()
    breaker.ended(100.0)
    assert breaker.in_flight == 0
