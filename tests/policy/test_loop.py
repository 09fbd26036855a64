"""run_call(): one call with its repeats, by hand clock."""

from __future__ import annotations

import asyncio
import logging
import math
import subprocess
import sys
from dataclasses import replace
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import AuthenticationFailed, NotSent, OutcomeUnknown, SendError
from sms_traffic_async.policy.loop import Finished, Stopped, run_call
from sms_traffic_async.policy.retry import (
    KEYED_SEND,
    QUERY,
    RESENDING_SEND,
    UNKEYED_SEND,
    Attempt,
    CallRules,
    Verdict,
    pinned,
)
from tests.policy.hand_clock import HandClock
from tests.policy.scene import POLICY, Turn, asked, house

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT


async def test_the_first_attempt_is_the_whole_call() -> None:
    place = house("ok")
    assert await place.call() == Finished(value="from n1", node="n1")
    assert place.telemetry.stats.snapshot() == {}
    assert isinstance(place.clock, HandClock)
    assert place.clock.slept == []


async def test_none_is_a_result_like_any_other() -> None:
    async def attempt(_node: str) -> None:
        return None

    place = house()
    finished = await run_call(
        attempt,
        rules=QUERY,
        policy=POLICY,
        nodes=place.nodes,
        pauses=place.pauses,
        clock=place.clock,
        deadline=math.inf,
    )
    assert finished == Finished(value=None, node="n1")


ROWS: list[tuple[str, CallRules, list[Turn], list[tuple[str, float]], str]] = [
    ("failover", KEYED_SEND, [U, "ok"], [("n1", 0), ("n2", 0)], "n2"),
    ("two rounds", KEYED_SEND, [U, U, U, "ok"], [("n1", 0), ("n2", 0), ("n1", 0.25), ("n2", 0.75)], "n2"),
    ("code 1000", UNKEYED_SEND, [R, "ok"], [("n1", 0), ("n2", 1.25)], "n2"),
    ("429", KEYED_SEND, [(T, 20.0), "ok"], [("n1", 0), ("n1", 21)], "n1"),
    ("429 twice", KEYED_SEND, [(T, 20.0), T, "ok"], [("n1", 0), ("n1", 21), ("n1", 22.25)], "n1"),
    ("sticky", KEYED_SEND, [A, U, R, "ok"], [("n1", 0), ("n1", 0.25), ("n1", 0.75), ("n1", 5.75)], "n1"),
    ("resend", RESENDING_SEND, [A, "ok"], [("n1", 0), ("n1", 0.25)], "n1"),
    ("query", QUERY, [A, "ok"], [("n1", 0), ("n2", 0.25)], "n2"),
    ("pinned", pinned("n2"), [U, (A, 2.0), "ok"], [("n2", 0), ("n2", 0.25), ("n2", 2.35)], "n2"),
]


@pytest.mark.parametrize("rules, turns, expected, node", [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
async def test_repeats(rules: CallRules, turns: list[Turn], expected: list[tuple[str, float]], node: str) -> None:
    place = house(*turns)
    finished = await place.call(rules)
    assert isinstance(finished, Finished)
    assert (finished.value, finished.node, finished.requests) == (f"from {node}", node, len(turns))
    assert [attempt.verdict for attempt in finished.attempts] == [
        turn[0] if isinstance(turn, tuple) else turn for turn in turns[:-1]
    ]
    assert asked(place) == expected


STOPS: list[tuple[str, CallRules, list[Turn], str]] = [
    ("permanent", KEYED_SEND, [P], "permanent"),
    ("permanent later", KEYED_SEND, [U, P], "permanent"),
    ("unkeyed", UNKEYED_SEND, [A], "ambiguous"),
    ("unkeyed later", UNKEYED_SEND, [U, A], "ambiguous"),
    ("resend", RESENDING_SEND, [A] * 3, "ambiguous"),
    ("attempts", KEYED_SEND, [R] * 12, "attempts"),
]


@pytest.mark.parametrize("rules, turns, reason", [row[1:] for row in STOPS], ids=[row[0] for row in STOPS])
async def test_stops(rules: CallRules, turns: list[Turn], reason: str) -> None:
    place = house(*turns)
    stopped = await place.call(rules)
    assert isinstance(stopped, Stopped)
    assert stopped.reason == reason
    assert [attempt.verdict for attempt in stopped.attempts] == turns
    assert stopped.ambiguous == (A in turns)
    assert place.telemetry.stats.counters[f"policy.stop.{reason}"] == 1


async def test_what_happened_is_counted() -> None:
    place = house(U, (T, 1.0), A, R, "ok")
    await place.call()
    assert place.telemetry.stats.snapshot() == {
        "policy.pause": 1,
        "policy.repeat.ambiguous": 1,
        "policy.repeat.refused": 1,
        "policy.repeat.throttled": 1,
        "policy.repeat.unsent": 1,
    }


async def test_it_needs_no_telemetry() -> None:
    assert isinstance(await house(U, P).call(telemetry=False), Stopped)


async def test_the_log_names_nodes_and_waits_only(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await house(U, "ok").call()
    assert caplog.messages == ["send on n1 was unsent, again on n2 in 0.00 s"]


async def test_the_deadline_ends_it_before_the_wait() -> None:
    place = house((T, 20.0), deadline=1_010.0)
    assert await place.call() == Stopped(
        reason="deadline",
        attempts=(Attempt(node="n1", started=1_000.0, ended=1_000.0, verdict=T, retry_after=20.0),),
        retry_after=20.0,
    )
    assert isinstance(place.clock, HandClock)
    assert place.clock.slept == []


async def test_a_deadline_that_is_past_sends_nothing() -> None:
    place = house(deadline=1_000.0)
    assert await place.call() == Stopped(reason="deadline")
    assert place.asked == []


class LateClock(HandClock):
    """A machine that sleeps longer than it was told."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + 10.0)


@pytest.mark.parametrize("turn, deadline, reason", [(R, 1_005.0, "deadline"), (A, math.inf, "window")])
async def test_a_sleep_that_took_too_long_is_not_followed_by_an_attempt(
    turn: Verdict, deadline: float, reason: str
) -> None:
    place = house(turn, clock=LateClock(), deadline=deadline, policy=replace(POLICY, window=5.0))
    stopped = await place.call()
    assert isinstance(stopped, Stopped)
    assert stopped.reason == reason
    assert len(place.asked) == 1


async def test_too_late_still_tells_what_was_asked_for() -> None:
    place = house((T, 20.0), clock=LateClock(), deadline=1_025.0)
    stopped = await place.call()
    assert isinstance(stopped, Stopped)
    assert (stopped.reason, stopped.retry_after) == ("deadline", 20.0)
    assert len(stopped.attempts) == 1


# Budget.


async def test_repeats_are_paid_by_the_node_that_failed() -> None:
    place = house(U, R, (T, 1.0), "ok")
    await place.call()
    assert [entry.budget for entry in place.nodes.snapshot()] == [
        500 - 5 + 1,
        500 - 14,
    ]  # the turn to the other node was free


async def test_after_an_ambiguous_attempt_repeats_are_free() -> None:
    place = house(A, U, R, (T, 1.0), P)
    await place.call()
    assert [entry.budget for entry in place.nodes.snapshot()] == [500, 500]


async def test_without_budget_it_stops_and_pays_nothing() -> None:
    place = house(U, U, policy=replace(POLICY, budget=13))
    stopped = await place.call()
    assert isinstance(stopped, Stopped)
    assert stopped.reason == "budget"
    assert [entry.budget for entry in place.nodes.snapshot()] == [13, 13]


async def test_a_429_is_cheaper_than_a_failure() -> None:
    assert isinstance(await house((T, 1.0), "ok", policy=replace(POLICY, budget=5)).call(), Finished)
    assert isinstance(await house((T, 1.0), "ok", policy=replace(POLICY, budget=4)).call(), Stopped)


# What an attempt raises.


@pytest.mark.parametrize(
    "error",
    [NotSent("no place", reason="overloaded"), AuthenticationFailed("no"), ValueError("bug"), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("before", [[], [U], [U, R]], ids=["first", "second", "third"])
async def test_what_an_attempt_raises_is_raised_as_it_is(error: BaseException, before: list[Turn]) -> None:
    place = house(*before, error)
    with pytest.raises(type(error)) as caught:
        await place.call()
    assert caught.value is error
    assert len(place.asked) == len(before) + 1


@pytest.mark.parametrize("error", [NotSent("closing", reason="closed"), AuthenticationFailed("no")])
async def test_not_sent_after_an_ambiguous_attempt_would_be_a_lie(error: SendError) -> None:
    place = house(A, U, error)
    stopped = await place.call()
    assert isinstance(stopped, Stopped)
    assert stopped.reason == "local"
    assert stopped.ambiguous
    assert [attempt.verdict for attempt in stopped.attempts] == [A, U]


@pytest.mark.parametrize("error", [OutcomeUnknown("gone"), ValueError("bug"), asyncio.CancelledError()])
async def test_other_errors_after_an_ambiguous_attempt_are_raised(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        await house(A, error).call()
    assert caught.value is error


# tenacity.


def test_the_first_attempt_imports_no_tenacity() -> None:
    code = (
        "import asyncio, sys\n"
        "from sms_traffic_async.clock import SYSTEM_CLOCK\n"
        "from sms_traffic_async.policy.loop import run_call\n"
        "from sms_traffic_async.policy.limits import Pauses\n"
        "from sms_traffic_async.policy.nodes import NodeSet\n"
        "from sms_traffic_async.policy.retry import Attempt, QUERY, Verdict\n"
        "from sms_traffic_async.settings import RetryPolicy\n"
        "answers = [1, Attempt(node='n', started=0, ended=0, verdict=Verdict.PERMANENT),\n"
        "           Attempt(node='n', started=0, ended=0, verdict=Verdict.UNSENT), 2]\n"
        "async def attempt(node): return answers.pop(0)\n"
        "async def main():\n"
        "    nodes = NodeSet(['n', 'm'], policy=RetryPolicy(), clock=SYSTEM_CLOCK)\n"
        "    for _ in range(3):\n"
        "        result = await run_call(attempt, rules=QUERY, policy=RetryPolicy(), nodes=nodes, pauses=Pauses(),\n"
        "                                clock=SYSTEM_CLOCK, deadline=1e12)\n"
        "        print(type(result).__name__, 'tenacity' in sys.modules)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Finished", "False", "Stopped", "False", "Finished", "True"]


@pytest.mark.filterwarnings("error")
async def test_tenacity_stops_nothing_by_itself() -> None:
    """Hours pass on our clock, hundreds of turns are made: only our decision ends it."""
    place = house(*[(T, 60.0)] * 90, "ok")
    finished = await place.call()
    assert isinstance(finished, Finished)
    assert finished.requests == 91
    assert isinstance(place.clock, HandClock)
    assert place.clock.now == 1_000.0 + 90 * 63.0


# Any platform, any script.

turns = st.lists(
    st.sampled_from([U, R, T, A, A]) | st.tuples(st.just(T), st.floats(0.0, 30.0)) | st.just("ok"), max_size=40
)
RULES = [KEYED_SEND, UNKEYED_SEND, RESENDING_SEND, QUERY, pinned("n2"), replace(KEYED_SEND, node_limits=True)]


@given(
    turns=turns, rules=st.sampled_from(RULES), left=st.floats(0.0, 200.0), chance=st.floats(0.0, 1.0, exclude_max=True)
)
def test_whatever_the_platform_does(turns: list[Turn], rules: CallRules, left: float, chance: float) -> None:
    clock = HandClock(chance=chance)
    good: Turn = "ok"
    script = [*turns, *repeat(good, 100)]
    place = house(*script, clock=clock, deadline=clock.now + left)
    outcome = asyncio.run(place.call(rules))
    given_turns = script[: len(place.asked)]
    verdicts = [turn[0] if isinstance(turn, tuple) else turn for turn in given_turns]
    asked_waits = sum(isinstance(turn, tuple) for turn in given_turns)
    assert len(place.asked) <= POLICY.max_attempts + asked_waits
    assert all(at < 1_000.0 + left for _, at in place.asked)
    assert clock.now <= 1_000.0 + left
    failed = [verdict for verdict in verdicts if verdict != "ok"]
    assert [attempt.verdict for attempt in outcome.attempts] == failed
    if A in verdicts and rules.operation == "send":
        doubt = verdicts.index(A)
        assert {node for node, _ in place.asked[doubt:]} == {place.asked[doubt][0]}, "N2"
        if rules is UNKEYED_SEND:
            assert doubt == len(verdicts) - 1, "an unkeyed ambiguous send is never repeated"
        if rules is RESENDING_SEND:
            assert verdicts.count(A) <= 4
    if rules.pinned:
        assert {node for node, _ in place.asked} <= {rules.pinned}
    assert isinstance(outcome, Finished) == (bool(verdicts) and verdicts[-1] == "ok")
