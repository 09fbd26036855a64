"""What an outcome means for a message of an outbox, row by row (docs/reliability.md, outcome table)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    DuplicateRequest,
    InsufficientFunds,
    InvalidMessage,
    InvalidOriginator,
    InvalidRecipient,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from sms_traffic_async.messages import Submission
from sms_traffic_async.outbox.store import Result, State
from sms_traffic_async.outbox.verdicts import CODE_MAX, again_after, result_of
from sms_traffic_async.policy.abuse import Guarded

AT = datetime(2026, 1, 1, tzinfo=UTC)

ROWS: list[tuple[Any, bool, State, float, int | None, str]] = [
    # what came, whether it can be looked up, what it is now, seconds until it is looked at, code, reason
    (OutcomeUnknown("x"), True, State.AMBIGUOUS, 10.0, None, "OutcomeUnknown"),
    (OutcomeUnknown("x"), False, State.UNKNOWN, 0.0, None, "OutcomeUnknown"),
    (InsufficientFunds("x", code=415), True, State.HELD, 0.0, 415, "InsufficientFunds"),
    (InsufficientFunds("x"), True, State.HELD, 0.0, 0, "InsufficientFunds"),
    (AuthenticationFailed("x"), True, State.HELD, 0.0, 0, "AuthenticationFailed"),
    (AuthenticationFailed("x", code=401), True, State.HELD, 0.0, 401, "AuthenticationFailed"),
    (PermissionDenied("x"), True, State.HELD, 0.0, 0, "PermissionDenied"),
    (RateLimited("x", retry_after=17.0), True, State.PENDING, 17.0, None, "RateLimited"),
    (RateLimited("x"), True, State.PENDING, 2.0, None, "RateLimited"),
    (NotSent("x", reason="guarded"), True, State.HELD, 0.0, None, "NotSent: guarded"),
    (Guarded("x", rule="cooldown"), True, State.HELD, 0.0, None, "Guarded: cooldown"),
    (NotSent("x", reason="unreachable"), True, State.PENDING, 2.0, None, "NotSent: unreachable"),
    (NotSent("x", reason="overloaded"), False, State.PENDING, 2.0, None, "NotSent: overloaded"),
    (InvalidRecipient("x", code=406), True, State.REJECTED, 0.0, 406, "InvalidRecipient"),
    (InvalidOriginator("x"), True, State.REJECTED, 0.0, None, "InvalidOriginator"),
    (Rejected("x", code=9999), True, State.REJECTED, 0.0, 9999, "Rejected"),
    (Rejected("x", code=CODE_MAX), True, State.REJECTED, 0.0, CODE_MAX, "Rejected"),
    (Rejected("x", code=0xFFFFFFFF), False, State.REJECTED, 0.0, None, "Rejected: code 4294967295"),
    (DuplicateRequest("x", code=105), True, State.REJECTED, 0.0, 105, "DuplicateRequest"),
    (TemporarilyUnavailable("x", code=1000), True, State.PENDING, 2.0, 1000, "TemporarilyUnavailable"),
]


@pytest.mark.parametrize(
    "outcome,keyed,state,after,code,reason", ROWS, ids=[f"{row[5]}-{number}" for number, row in enumerate(ROWS)]
)
def test_an_outcome(outcome: Any, keyed: bool, state: State, after: float, code: int | None, reason: str) -> None:
    outcome.node = "one"
    found = result_of("m", outcome, attempts=2, keyed=keyed)
    assert found == Result(id="m", state=state, after=after, node="one", code=code, reason=reason)


def test_what_was_accepted() -> None:
    done = Submission(via="v2", message_ids=("1", "2"), key="k", to="79161112233", node="two", accepted_at=AT)
    found = result_of("m", done, attempts=1, keyed=True)
    assert found == Result(id="m", state=State.ACCEPTED, message_ids=("1", "2"), node="two")


def test_an_id_that_no_index_could_hold_is_left_out() -> None:
    done = Submission(via="smpp", message_ids=("1" * 128, "2" * 129), key="k", to="7", node="", accepted_at=AT)
    assert result_of("m", done, attempts=1, keyed=False).message_ids == ("1" * 128,)


def test_what_cannot_be_carried_names_the_field_and_not_the_value() -> None:
    found = result_of("m", InvalidMessage("text", "Код 1234", "too long"), attempts=1, keyed=True)
    assert found == Result(id="m", state=State.REJECTED, reason="text: too long")


def test_waits_double_up_to_a_minute() -> None:
    assert [again_after(attempts) for attempts in range(9)] == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert [again_after(attempts, 5.0, 600.0) for attempts in (1, 2, 3)] == [5.0, 10.0, 20.0]
    assert again_after(10**9) == 60.0
    assert again_after(17, 1.0, 1e9) == 65_536.0
    assert again_after(99, 1.0, 1e9) == 65_536.0


@pytest.mark.parametrize("attempts,after", [(1, 5.0), (3, 20.0), (9, 60.0)])
def test_a_doubt_is_looked_at_less_and_less_often(attempts: int, after: float) -> None:
    assert result_of("m", OutcomeUnknown("x"), attempts=attempts, keyed=True).after == after
