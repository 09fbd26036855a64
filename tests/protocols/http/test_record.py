"""The record of one request: what each message's caller is told, and what whoever follows it hears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sms_traffic_async.clock import SYSTEM_CLOCK
from sms_traffic_async.errors import NotSent, OutcomeUnknown, Rejected
from sms_traffic_async.messages import Submission
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.protocols.http.record import SendRecord
from sms_traffic_async.protocols.http.replies import CheckedReply, CheckFailure, SendReply, StatusesReply
from sms_traffic_async.telemetry import Telemetry


@dataclass(frozen=True)
class One:
    key: str
    to: str = "79161112233"
    label: str | None = None
    parts: int | None = 1
    parts_exact: bool = True
    encoding: str | None = "gsm7"


class Record(SendRecord[One]):
    def evidence(self, member: One) -> Any:
        return ("evidence of", member.key)


def record(count: int = 3, **told: Any) -> tuple[Record, list[Any], list[Submission]]:
    events: list[Any] = []
    followed: list[Submission] = []
    telemetry = Telemetry(hooks=(events.append,) if told.get("hooks", True) else ())
    if told.get("followed", True):
        telemetry.accepted = followed.append
    made = Record(
        [One(key=str(place)) for place in range(count)],
        via="v1",
        operation="v1.send",
        start_at=None,
        clock=SYSTEM_CLOCK,
        telemetry=telemetry,
        unknown_advice="Look.",
    )
    return made, events, followed


def attempt(verdict: Verdict, cause: BaseException | None = None) -> Attempt:
    return Attempt(node="a:1", started=0.0, ended=5.0, verdict=verdict, cause=cause)


def submission(key: str) -> Submission:
    made, _, _ = record(1, followed=False)
    made.accept(0, ("17",), "a:1", evidence="answer")
    (found,) = made.outcomes()
    assert isinstance(found, Submission)
    return found


async def test_each_outcome_is_told_once() -> None:
    made, events, followed = record()
    made.begin()
    made.goes_to("a:1")
    made.accept(0, ("17",), "a:1", evidence="answer")
    made.fail(1, Rejected("no", code=5, message_key="1"))
    cause = ConnectionError()
    made.failed(attempt(Verdict.AMBIGUOUS, cause))
    taken, refused, unknown = made.outcomes()
    assert isinstance(taken, Submission)
    assert (taken.message_ids, taken.node, taken.attempts, made.any_accepted) == (("17",), "a:1", 1, True)
    assert isinstance(refused, Rejected)
    assert isinstance(unknown, OutcomeUnknown)
    assert (unknown.evidence, unknown.node, unknown.__cause__) == (("evidence of", "2"), "a:1", cause)
    assert [(event.outcome, event.code) for event in events] == [("accepted", None), ("rejected", 5), ("unknown", None)]
    assert followed == [taken]
    assert made.outcomes() == (taken, refused, unknown)
    assert len(events) == 3, "asked again, nothing is told again"


async def test_all_at_once_leaves_what_was_settled_before() -> None:
    made, events, followed = record(2)
    mine = [submission("0"), submission("1")]
    made.accept(0, ("before",), "a:1", evidence="lookup")
    made.accept_made(mine)
    first, second = made.outcomes()
    assert isinstance(first, Submission)
    assert (first.message_ids, second) == (("before",), mine[1])
    assert followed == [first, mine[1]]
    assert [event.outcome for event in events] == ["accepted"] * 2
    made.accept_made(mine)
    assert made.outcomes() == (first, second)
    assert len(events) == len(followed) == 2


async def test_all_at_once_without_a_follower() -> None:
    made, events, _ = record(2, followed=False)
    mine = [submission("0"), submission("1")]
    made.accept_made(mine)
    assert list(made.outcomes()) == mine
    assert (len(events), made.has_open) == (2, False)


async def test_nobody_listens_and_all_is_known_the_same() -> None:
    made, events, _ = record(1, followed=False, hooks=False)
    made.accept(0, ("1",), "a:1", evidence="answer")
    made.accept(0, ("2",), "b:1", evidence="lookup")
    (found,) = made.outcomes()
    assert isinstance(found, Submission)
    assert (found.message_ids, made.has_open, events) == (("2",), False, [])


async def test_what_may_have_been_taken_is_remembered_by_the_next_record() -> None:
    made, _, _ = record(1)
    made.left_unanswered()
    assert not made.ambiguous, "nothing had begun"
    made.goes_to("a:1")
    made.failed(attempt(Verdict.REFUSED))
    assert not made.ambiguous
    made.goes_to("b:1")
    made.left_unanswered()
    after, _, _ = record(1)
    after.follow(made)
    assert (after.ambiguous, after.attempts, after.nodes) == (True, 2, ("a:1", "b:1"))
    assert after.unknown(0).node == "b:1"
    assert after.has_open, "who does not wait any longer is told, and the message stays open"
    assert after.first_attempt_at <= after.last_attempt_at


async def test_the_worst_error_of_a_reply_is_raised_first() -> None:
    refused, unknown = NotSent("no", reason="closed"), OutcomeUnknown("?", evidence=None)
    reply = SendReply(outcomes=(submission("0"), refused, unknown))
    assert (len(reply.accepted), reply.errors) == (1, (refused, unknown))
    with pytest.raises(OutcomeUnknown):
        reply.raise_for_error()
    SendReply(outcomes=reply.accepted).raise_for_error()
    failed = CheckFailure(message_id="1", error="no", code=434)
    assert CheckedReply(updated=(), failed=(failed,)).failed[0].code == 434
    assert StatusesReply(found=()).missing_tracking_data == ()
