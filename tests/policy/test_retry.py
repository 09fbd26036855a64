"""decide(): the table, row by row, and what holds for every history."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sms_traffic_async.errors import TlsError
from sms_traffic_async.policy.retry import (
    KEYED_SEND,
    QUERY,
    REPORT,
    RESENDING_SEND,
    UNKEYED_SEND,
    Again,
    Attempt,
    CallRules,
    Decision,
    History,
    Stop,
    Verdict,
    decide,
    latest_start,
    pinned,
    throttle_delay,
)
from sms_traffic_async.settings import RetryPolicy

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT
POLICY = RetryPolicy()
NODES = ("n1", "n2")
PER_NODE = dataclasses.replace(KEYED_SEND, node_limits=True)
NOW = 100.0

Step = tuple[str, Verdict] | tuple[str, Verdict, float]


def history(rules: CallRules, *steps: Step) -> History:
    """Attempts of no duration at second 0; the third of a step is its Retry-After."""
    attempts = tuple(
        Attempt(node=step[0], started=0.0, ended=0.0, verdict=step[1], retry_after=step[2] if len(step) == 3 else None)
        for step in steps
    )
    return History(rules=rules, attempts=attempts)


def decided(
    past: History,
    *,
    now: float = NOW,
    deadline: float = math.inf,
    order: Sequence[str] = NODES,
    chance: float = 0.5,
    affordable: bool = True,
    policy: RetryPolicy = POLICY,
) -> Decision:
    return decide(past, now, policy=policy, deadline=deadline, order=order, chance=chance, affordable=affordable)


TABLE: list[tuple[str, CallRules, list[Step], str, float]] = [
    # unsent: the other node at once, then full jitter
    ("U: other at once", KEYED_SEND, [("n1", U)], "n2", 0.0),
    ("U: unkeyed is just as free", UNKEYED_SEND, [("n1", U)], "n2", 0.0),
    ("U: from the standby to the main one", KEYED_SEND, [("n2", U)], "n1", 0.0),
    ("U U: all tried", KEYED_SEND, [("n1", U), ("n2", U)], "n1", 0.25),
    ("U U U: doubles", KEYED_SEND, [("n1", U), ("n2", U), ("n1", U)], "n2", 0.5),
    ("U x4", KEYED_SEND, [("n1", U), ("n2", U), ("n1", U), ("n2", U)], "n1", 1.0),
    ("U: a Retry-After cannot be, and is not obeyed elsewhere", KEYED_SEND, [("n1", U, 9.0)], "n2", 0.0),
    # refused: the other node after about a second
    ("R: other", KEYED_SEND, [("n1", R)], "n2", 1.25),
    ("R: unkeyed", UNKEYED_SEND, [("n1", R)], "n2", 1.25),
    ("R R: all tried", KEYED_SEND, [("n1", R), ("n2", R)], "n1", 1.25),
    ("R R R: doubles", KEYED_SEND, [("n1", R), ("n2", R), ("n1", R)], "n2", 2.5),
    ("R: asked to wait, but not by the other", KEYED_SEND, [("n1", R, 9.0)], "n2", 1.25),
    ("U R: back to the first", KEYED_SEND, [("n1", U), ("n2", R)], "n1", 1.25),
    # throttled: the same node, as asked
    ("T: as asked", KEYED_SEND, [("n1", T, 20.0)], "n1", 21.0),
    ("T: asked for nothing", KEYED_SEND, [("n1", T, 0.0)], "n1", 0.2625),
    ("T: not asked", KEYED_SEND, [("n1", T)], "n1", 1.25),
    ("T T: not asked, doubles", KEYED_SEND, [("n1", T), ("n1", T)], "n1", 2.5),
    ("T T: an asked wait does not double", KEYED_SEND, [("n1", T, 20.0), ("n1", T)], "n1", 1.25),
    ("U T: stays where it was told to wait", KEYED_SEND, [("n1", U), ("n2", T)], "n2", 1.25),
    ("T: limits per node", PER_NODE, [("n1", T, 20.0)], "n2", 0.0),
    ("T T: limits per node, both full", PER_NODE, [("n1", T, 20.0), ("n2", T, 5.0)], "n2", 5.25),
    ("R T: limits per node, the first was not full", PER_NODE, [("n1", R), ("n2", T)], "n1", 0.0),
    ("A T: limits per node, but bound", PER_NODE, [("n1", A), ("n1", T, 20.0)], "n1", 21.0),
    # ambiguous: N2
    ("A: same", KEYED_SEND, [("n1", A)], "n1", 0.25),
    ("A A: doubles", KEYED_SEND, [("n1", A), ("n1", A)], "n1", 0.5),
    ("A: as asked (503)", KEYED_SEND, [("n1", A, 20.0)], "n1", 21.0),
    ("U A: bound to the second", KEYED_SEND, [("n1", U), ("n2", A)], "n2", 0.25),
    ("A U: still bound", KEYED_SEND, [("n1", A), ("n1", U)], "n1", 0.5),
    ("A R: still bound", KEYED_SEND, [("n1", A), ("n1", R)], "n1", 2.5),
    ("A R: still bound, as asked", KEYED_SEND, [("n1", A), ("n1", R, 4.0)], "n1", 4.2),
    ("A: resending", RESENDING_SEND, [("n1", A)], "n1", 0.25),
    ("A A: resending, the second time", RESENDING_SEND, [("n1", A), ("n1", A)], "n1", 0.5),
    # queries go anywhere
    ("A: query", QUERY, [("n1", A)], "n2", 0.25),
    ("A: query, asked to wait, but not by the other", QUERY, [("n1", A, 20.0)], "n2", 0.25),
    ("A A: query", QUERY, [("n1", A), ("n2", A)], "n1", 0.25),
    ("A A A: query", REPORT, [("n1", A), ("n2", A), ("n1", A)], "n2", 0.5),
    # pinned calls know one node
    ("U: pinned", pinned("n1"), [("n1", U)], "n1", 0.25),
    ("A: pinned", pinned("n1"), [("n1", A)], "n1", 0.25),
    ("R: pinned", pinned("n1"), [("n1", R)], "n1", 1.25),
    ("T: pinned", pinned("n1"), [("n1", T, 3.0)], "n1", 3.15),
]


@pytest.mark.parametrize("rules, steps, node, delay", [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_again(rules: CallRules, steps: list[Step], node: str, delay: float) -> None:
    decision = decided(history(rules, *steps))
    assert isinstance(decision, Again)
    assert decision.node == node
    assert math.isclose(decision.delay, delay)


STOPS: list[tuple[str, CallRules, list[Step], bool, Stop]] = [
    ("P", KEYED_SEND, [("n1", P)], True, Stop(reason="permanent")),
    ("P with a Retry-After", QUERY, [("n1", P, 5.0)], True, Stop(reason="permanent", retry_after=5.0)),
    ("A P: keyed", KEYED_SEND, [("n1", A), ("n1", P)], True, Stop(reason="permanent")),
    ("A: unkeyed", UNKEYED_SEND, [("n1", A)], True, Stop(reason="ambiguous")),
    ("U A: unkeyed", UNKEYED_SEND, [("n1", U), ("n2", A)], True, Stop(reason="ambiguous")),
    ("A P: unkeyed stays ambiguous", UNKEYED_SEND, [("n1", A), ("n1", P)], True, Stop(reason="ambiguous")),
    ("A A A: resending, the hour is spent", RESENDING_SEND, [("n1", A)] * 3, True, Stop(reason="ambiguous")),
    ("attempts", KEYED_SEND, [("n1", R)] * 12, True, Stop(reason="attempts")),
    ("attempts before budget", KEYED_SEND, [("n1", A)] * 12, False, Stop(reason="attempts")),
    ("budget U", KEYED_SEND, [("n1", U)], False, Stop(reason="budget")),
    ("budget R", QUERY, [("n1", R, 3.0)], False, Stop(reason="budget", retry_after=3.0)),
    ("budget T", QUERY, [("n1", T, 3.0)], False, Stop(reason="budget", retry_after=3.0)),
]


@pytest.mark.parametrize("rules, steps, affordable, stop", [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
def test_stop(rules: CallRules, steps: list[Step], affordable: bool, stop: Stop) -> None:
    assert decided(history(rules, *steps), affordable=affordable) == stop


@pytest.mark.parametrize("last", [A, U, R, T])
def test_settling_an_ambiguous_send_needs_no_budget(last: Verdict) -> None:
    assert isinstance(decided(history(KEYED_SEND, ("n1", A), ("n1", last)), affordable=False), Again)


def test_asked_waits_are_no_attempts() -> None:
    patient = history(KEYED_SEND, *[("n1", T, 1.0)] * 50, *[("n1", R)] * 11)
    assert isinstance(decided(patient), Again)
    assert decided(history(KEYED_SEND, *[("n1", T)] * 12)) == Stop(reason="attempts")


def test_resends_of_an_hour_ago_do_not_count() -> None:
    spent = history(RESENDING_SEND, *[("n1", A)] * 4)
    assert decided(spent, now=3_600.0 - 0.001) == Stop(reason="ambiguous")
    assert isinstance(decided(spent, now=3_600.0), Again)


@pytest.mark.parametrize(
    "order, node",
    [(("n1", "n2"), "n2"), (("n2", "n1"), "n2"), (("n2",), "n2"), (("n1",), "n1"), (("n3", "n1", "n2"), "n3")],
)
def test_the_order_says_who_may_be_asked(order: Sequence[str], node: str) -> None:
    decision = decided(history(KEYED_SEND, ("n1", U)), order=order)
    assert decision == Again(node=node, delay=0.25 if node == "n1" else 0.0)


def test_three_nodes_take_turns() -> None:
    steps: list[Step] = []
    node = "n1"
    for _ in range(7):
        steps.append((node, U))
        decision = decided(history(KEYED_SEND, *steps), order=("n1", "n2", "n3"))
        assert isinstance(decision, Again)
        node = decision.node
    assert [step[0] for step in steps] == ["n1", "n2", "n3", "n1", "n2", "n3", "n1"]


def test_a_bound_call_stays_though_its_node_is_not_in_the_order() -> None:
    assert decided(history(KEYED_SEND, ("n1", A)), order=("n2",)) == Again(node="n1", delay=0.25)


# Certificates: row 3.


def tls(node: str) -> Attempt:
    return Attempt(node=node, started=0.0, ended=0.0, verdict=U, cause=TlsError("not trusted"))


def test_a_certificate_is_tried_once_on_each_node() -> None:
    one = History(rules=KEYED_SEND, attempts=(tls("n1"),))
    assert decided(one) == Again(node="n2", delay=0.0)
    assert decided(one.add(tls("n2"))) == Stop(reason="tls")
    assert decided(one, order=("n1",)) == Stop(reason="tls")
    assert decided(History(rules=pinned("n1"), attempts=(tls("n1"),))) == Stop(reason="tls")


def test_after_another_failure_the_other_node_has_its_try() -> None:
    past = history(KEYED_SEND, ("n1", U))
    assert decided(past.add(tls("n2"))) == Stop(reason="tls")
    assert decided(History(rules=KEYED_SEND, attempts=(tls("n1"),)).add(past.last)) == Again(node="n2", delay=0.0)


# Deadline and window.


@pytest.mark.parametrize(
    "steps, deadline, decision",
    [
        ([("n1", T, 20.0)], NOW + 21.5, Again(node="n1", delay=21.0)),
        ([("n1", T, 20.0)], NOW + 21.0, Stop(reason="deadline", retry_after=20.0)),
        ([("n1", T, 20.0)], NOW + 1.0, Stop(reason="deadline", retry_after=20.0)),
        ([("n1", U)], NOW + 0.001, Again(node="n2", delay=0.0)),
        ([("n1", U)], NOW, Stop(reason="deadline")),
        ([("n1", A)], NOW + 0.2, Stop(reason="deadline")),
        ([("n1", T)], NOW + 1.0, Stop(reason="deadline")),
    ],
)
def test_a_wait_that_would_reach_the_deadline_is_not_begun(
    steps: list[Step], deadline: float, decision: Decision
) -> None:
    assert decided(history(KEYED_SEND, *steps), deadline=deadline) == decision


def test_a_key_is_not_used_after_its_window() -> None:
    past = history(KEYED_SEND, ("n1", U), ("n2", A))
    assert decided(past, now=POLICY.window - 0.26) == Again(node="n2", delay=0.25)
    assert decided(past, now=POLICY.window - 0.25) == Stop(reason="window")
    assert decided(past, now=POLICY.window - 0.25, deadline=POLICY.window) == Stop(reason="deadline")
    assert latest_start(past, POLICY, math.inf) == POLICY.window
    assert latest_start(past, POLICY, 50.0) == 50.0


@pytest.mark.parametrize("rules", [KEYED_SEND, RESENDING_SEND, QUERY])
def test_without_a_doubt_under_a_key_there_is_no_window(rules: CallRules) -> None:
    past = history(rules, ("n1", U if rules is KEYED_SEND else A))
    assert isinstance(decided(past, now=10 * POLICY.window), Again)
    assert latest_start(past, POLICY, math.inf) == math.inf


# Growth.


@pytest.mark.parametrize("verdict, most", [(A, 30.0), (T, 30.0), (R, 30.0), (U, 30.0)])
def test_waits_are_capped_however_long_the_history(verdict: Verdict, most: float) -> None:
    past = history(KEYED_SEND, *[("n1", verdict)] * 2_000)
    patient = RetryPolicy(max_attempts=10_000, window=3599.0)
    decision = decided(past, order=("n1",), chance=0.999_999, policy=patient)
    assert isinstance(decision, Again)
    assert most - 0.001 < decision.delay <= most


@pytest.mark.parametrize("chance, delay", [(0.0, 1.0), (0.5, 1.25), (1.0, 1.5)])
def test_throttle_delay(chance: float, delay: float) -> None:
    assert throttle_delay(history(QUERY, ("n1", T)), POLICY, chance) == delay


# What holds for every history.

NAMES = ("n1", "n2", "n3")
RULES = [KEYED_SEND, UNKEYED_SEND, RESENDING_SEND, QUERY, REPORT, PER_NODE, pinned("n2")]
attempts = st.builds(
    Attempt,
    node=st.sampled_from(NAMES),
    started=st.floats(min_value=0, max_value=50),
    ended=st.floats(min_value=50, max_value=100),
    verdict=st.sampled_from(Verdict),
    retry_after=st.none() | st.floats(min_value=0, max_value=900),
)
histories = st.builds(
    History, rules=st.sampled_from(RULES), attempts=st.lists(attempts, min_size=1, max_size=30).map(tuple)
)
orders = st.permutations(NAMES).flatmap(lambda names: st.integers(1, 3).map(lambda n: tuple(names[:n])))


@given(
    past=histories,
    order=orders,
    now=st.floats(min_value=100, max_value=4_000),
    left=st.floats(min_value=-10, max_value=2_000) | st.just(math.inf),
    chance=st.floats(min_value=0, max_value=1, exclude_max=True),
    affordable=st.booleans(),
)
@example(past=history(UNKEYED_SEND, ("n1", A)), order=NODES, now=NOW, left=math.inf, chance=0.0, affordable=True)
def test_what_always_holds(
    past: History, order: tuple[str, ...], now: float, left: float, chance: float, affordable: bool
) -> None:
    decision = decided(past, now=now, deadline=now + left, order=order, chance=chance, affordable=affordable)
    if isinstance(decision, Stop):
        assert decision.retry_after == past.last.retry_after
        return
    ambiguous = [attempt for attempt in past.attempts if attempt.verdict is A]
    assert past.last.verdict is not P
    assert 0.0 <= decision.delay < math.inf
    assert now + decision.delay < now + left
    assert past.counted < POLICY.max_attempts
    assert decision.node in {*order, past.last.node, past.bound}
    assert affordable or ambiguous
    if past.rules.pinned is not None:
        assert decision.node == past.rules.pinned
    elif ambiguous and past.rules.operation == "send":
        assert decision.node == ambiguous[0].node, "N2"
    if ambiguous:
        assert past.rules.repeat_ambiguous, "an unkeyed ambiguous send is never repeated"
        if past.rules.keyed:
            assert now + decision.delay < past.first_at + POLICY.window
        if past.rules.resends is not None:
            assert sum(attempt.ended > now - 3_600 for attempt in ambiguous) <= 3
    if past.last.verdict is T:
        asked = past.last.retry_after
        assert decision.node == past.last.node or past.rules.node_limits or past.bound == decision.node
        if decision.node == past.last.node and asked is not None:
            assert decision.delay >= asked


@given(data=st.data(), rules=st.sampled_from(RULES), order=orders)
def test_every_call_ends_and_is_bounded(data: st.DataObject, rules: CallRules, order: tuple[str, ...]) -> None:
    """A platform that never answers well sees at most max_attempts requests and those it asked to wait."""
    now, node = 0.0, rules.pinned or order[0]
    policy = RetryPolicy(max_attempts=data.draw(st.integers(1, 6)))
    throttles = data.draw(st.integers(0, 5))
    past: History | None = None
    while True:
        verdict = data.draw(st.sampled_from([A, R, T, U]))
        asked = 1.0 if verdict is T and throttles > 0 else None
        throttles -= asked is not None
        attempt = Attempt(node=node, started=now, ended=now, verdict=verdict, retry_after=asked)
        past = History(rules=rules, attempts=(attempt,)) if past is None else past.add(attempt)
        asked_waits = sum(a.retry_after is not None for a in past.attempts)
        assert len(past.attempts) <= policy.max_attempts + asked_waits
        decision = decided(past, now=now, order=order, chance=0.5, policy=policy)
        if isinstance(decision, Stop):
            break
        now, node = now + decision.delay, decision.node
    if decision.reason == "attempts":
        assert past.counted == policy.max_attempts
