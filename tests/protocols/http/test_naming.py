"""What a call that ended without a result is called: for a message, and for a question."""

from __future__ import annotations

from typing import Any

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    NotSent,
    PermissionDenied,
    RateLimited,
    Rejected,
    RequestFailed,
    RequestRefused,
    SendError,
    TlsError,
)
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.policy.loop import Stopped
from sms_traffic_async.policy.retry import StopReason
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.failures import Wording, query_error, send_error, session_closed

WORDING = Wording(refused="key refused", forbidden="not allowed", refused_advice="Check it.", forbidden_advice="Ask.")
SILENT = {"verdict": Verdict.UNSENT}
REFUSED = {"verdict": Verdict.REFUSED, "status": 200, "code": 1000, "detail": Fault(code=1000, message="later")}
THROTTLED = {"verdict": Verdict.THROTTLED, "status": 429}
TLS = {"verdict": Verdict.UNSENT, "cause": TlsError("certificate")}
FAULT = {"verdict": Verdict.PERMANENT, "status": 200, "code": 415, "detail": Fault(code=415, message="no money")}


def permanent(status: int) -> dict[str, Any]:
    return {"verdict": Verdict.PERMANENT, "status": status}


def stopped(*attempts: dict[str, Any], reason: StopReason = "deadline", retry_after: float | None = None) -> Stopped:
    tried = tuple(Attempt(**{"node": f"n{place}", "started": 0.0, "ended": 1.0, **one})
                  for place, one in enumerate(attempts))  # fmt: skip
    return Stopped(reason=reason, attempts=tried, retry_after=retry_after)


def named(ended: Stopped, *, expired: bool = False) -> SendError:
    def fault_error(fault: Fault, node: str | None, key: str) -> Rejected:
        return Rejected("refused", code=fault.code, node=node, message_key=key)

    return send_error(ended, operation="v9.send", key="k", fault_error=fault_error, wording=WORDING, expired=expired)


@pytest.mark.parametrize(
    "attempts,reason,kind,word",
    [
        ([], "overloaded", NotSent, "overloaded"),
        ([SILENT], "overloaded", NotSent, "overloaded"),
        ([], "deadline", NotSent, "expired"),
        ([SILENT], "deadline", NotSent, "unreachable"),
        ([TLS], "deadline", TlsError, "unreachable"),
        ([THROTTLED], "deadline", RateLimited, None),
        ([REFUSED], "deadline", Rejected, None),
        ([REFUSED, SILENT], "deadline", Rejected, None),
        ([FAULT], "permanent", Rejected, None),
        ([permanent(401)], "permanent", AuthenticationFailed, None),
        ([permanent(403)], "permanent", PermissionDenied, None),
        ([permanent(404)], "permanent", Rejected, None),
    ],
)
def test_why_a_message_was_not_sent(
    attempts: list[dict[str, Any]], reason: StopReason, kind: type[SendError], word: str | None
) -> None:
    """The last word of a platform that spoke outweighs a later silence."""
    ended = stopped(*attempts, reason=reason)
    error = named(ended)
    assert isinstance(error, kind)
    assert getattr(error, "reason", None) == word
    answered = [attempt for attempt in ended.attempts if attempt.answered] or list(ended.attempts)
    assert error.node == (answered[-1].node if answered else None)
    assert error.message_key == "k"
    assert error.__cause__ is (answered[-1].cause if answered and reason != "overloaded" else None)


def test_a_pause_longer_than_the_deadline_tells_how_long() -> None:
    error = named(stopped(retry_after=60.0))
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.node) == (60.0, None)


def test_its_own_time_to_live_comes_before_the_silence_of_the_nodes() -> None:
    error = named(stopped(SILENT), expired=True)
    assert isinstance(error, NotSent)
    assert (error.reason, "time to live" in str(error)) == ("expired", True)
    assert isinstance(named(stopped(FAULT, reason="permanent"), expired=True), Rejected)


@pytest.mark.parametrize(
    "attempts,reason,kind,code",
    [
        ([], "overloaded", RequestFailed, None),
        ([], "deadline", RequestFailed, None),
        ([SILENT], "deadline", RequestFailed, None),
        ([TLS], "deadline", TlsError, None),
        ([THROTTLED], "deadline", RequestRefused, None),
        ([FAULT], "permanent", RequestRefused, 415),
        ([permanent(401)], "permanent", RequestRefused, 401),
        ([permanent(403)], "permanent", RequestRefused, 403),
        ([permanent(404)], "permanent", RequestRefused, None),
    ],
)
def test_why_a_question_has_no_answer(
    attempts: list[dict[str, Any]], reason: StopReason, kind: type[Exception], code: int | None
) -> None:
    error = query_error(stopped(*attempts, reason=reason, retry_after=3.0), operation="v9.balance", wording=WORDING)
    assert isinstance(error, kind)
    assert (error.operation, error.code) == ("v9.balance", code)
    assert str(error).startswith("v9.balance")


def test_a_closed_session_sent_nothing() -> None:
    error = session_closed("v9.send", "k")
    assert (error.reason, error.message_key) == ("closed", "k")


def test_advice_goes_with_what_it_is_about() -> None:
    said = [str(query_error(stopped(permanent(status), reason="permanent"), operation="q", wording=WORDING))
            for status in (401, 403, 404)]  # fmt: skip
    assert ["Check it." in said[0], "Ask." in said[1], said[2].endswith("HTTP 404.")] == [True] * 3
