"""Values of a call: what they answer and what they never print."""

from __future__ import annotations

import dataclasses

import pytest

from sms_traffic_async.policy import retry
from sms_traffic_async.policy.attempts import (
    KEYED_SEND,
    QUERY,
    REPORT,
    RESENDING_SEND,
    UNKEYED_SEND,
    Attempt,
    CallRules,
    History,
    Verdict,
    pinned,
)

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT


def made(verdict: Verdict, node: str = "n1", at: float = 0.0, retry_after: float | None = None) -> Attempt:
    return Attempt(node=node, started=at, ended=at + 1.0, verdict=verdict, retry_after=retry_after)


def test_an_attempt_prints_no_words_of_the_platform() -> None:
    attempt = Attempt(
        node="n1",
        started=0.0,
        ended=1.0,
        verdict=P,
        code=432,
        description="blocked: 79161112233",
        cause=ValueError("79161112233 secret"),
        detail={"phone": "79161112233"},
    )
    assert "79161112233" not in repr(attempt)
    assert "79161112233" not in repr(History(rules=QUERY, attempts=(attempt,)))


def test_an_attempt_is_compared_by_what_happened_and_can_be_hashed() -> None:
    plain = made(A)
    assert dataclasses.replace(plain, cause=OSError(), detail=[]) == plain
    assert hash(dataclasses.replace(plain, detail=[])) == hash(plain)
    assert dataclasses.replace(plain, node="n2") != plain


@pytest.mark.parametrize(
    "verdict, status, code, answered",
    [
        (U, None, None, False),
        (A, None, None, False),
        (A, 502, None, True),
        (A, None, 7, True),
        (T, None, None, True),
        (R, None, 1000, True),
        (P, None, None, True),
    ],
)
def test_answered(verdict: Verdict, status: int | None, code: int | None, answered: bool) -> None:
    attempt = Attempt(node="n1", started=0, ended=1, verdict=verdict, status=status, code=code)
    assert attempt.answered is answered


def test_history() -> None:
    history = History(rules=KEYED_SEND, attempts=(made(U, "n1", 5.0),))
    assert (history.ambiguous, history.first_ambiguous, history.bound) == (False, None, None)
    first, last = made(A, "n2", 7.0), made(A, "n2", 9.0)
    longer = history.add(first).add(last).add(made(R, "n2", 11.0))
    assert history.attempts == (made(U, "n1", 5.0),)
    assert longer.ambiguous
    assert longer.first_ambiguous is first
    assert longer.first_at == 5.0
    assert longer.last == made(R, "n2", 11.0)
    assert longer.bound == "n2"


def test_only_waits_that_the_platform_asked_for_are_not_counted() -> None:
    attempts = (made(T, retry_after=3.0), made(T, retry_after=0.0), made(T), made(R, retry_after=3.0), made(U), made(A))
    assert History(rules=QUERY, attempts=attempts).counted == 4


@pytest.mark.parametrize(
    "rules, bound",
    [
        (KEYED_SEND, "n1"),
        (UNKEYED_SEND, "n1"),
        (RESENDING_SEND, "n1"),
        (QUERY, None),
        (REPORT, None),
        (pinned("n9"), "n9"),
    ],
)
def test_who_is_bound_by_an_ambiguous_attempt(rules: CallRules, bound: str | None) -> None:
    assert History(rules=rules, attempts=(made(A, "n1"),)).bound == bound


def test_what_each_kind_of_call_may_do() -> None:
    assert [
        (rules.operation, rules.repeat_ambiguous, rules.sticky_ambiguous, rules.keyed, rules.resends, rules.pinned)
        for rules in (KEYED_SEND, UNKEYED_SEND, RESENDING_SEND, QUERY, REPORT, pinned("n2"))
    ] == [
        ("send", True, True, True, None, None),
        ("send", False, True, False, None, None),
        ("send", True, True, False, 2, None),
        ("query", True, False, False, None, None),
        ("report", True, False, False, None, None),
        ("report", True, False, False, None, "n2"),
    ]
    assert not any(
        rules.node_limits for rules in (KEYED_SEND, UNKEYED_SEND, RESENDING_SEND, QUERY, REPORT, pinned("n2"))
    )


def test_the_policy_offers_the_values_too() -> None:
    assert retry.Verdict is Verdict
    assert retry.KEYED_SEND is KEYED_SEND
