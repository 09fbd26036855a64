"""What an outcome means for a message of an outbox (docs/reliability.md, outcome table)."""

from __future__ import annotations

from typing import Final

from sms_traffic_async.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    InvalidMessage,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    SendError,
)
from sms_traffic_async.message_rules import ID_MAX
from sms_traffic_async.messages import Submission
from sms_traffic_async.outbox.store import Result, State
from sms_traffic_async.policy.abuse import Guarded

__all__ = ("AGAIN_LONGEST", "CHECK_SOONEST", "CODE_MAX", "again_after", "result_of")

AGAIN_SOONEST: Final = 1.0
AGAIN_LONGEST: Final = 60.0
CHECK_SOONEST: Final = 5.0

NO_CODE: Final = 0
"""Of an account that was refused without an API code, such as by HTTP 401."""

CODE_MAX: Final = 2**31 - 1
"""The largest that every store has a column for; SMPP has larger ones, and what cannot be written is tried for ever."""

_HELD: Final = (InsufficientFunds, AuthenticationFailed, PermissionDenied)


def again_after(attempts: int, soonest: float = AGAIN_SOONEST, longest: float = AGAIN_LONGEST) -> float:
    """Seconds to wait after so many attempts: doubling, up to a limit."""
    return float(min(longest, soonest * 2.0 ** min(max(attempts - 1, 0), 16)))


def result_of(id_: str, outcome: Submission | SendError | InvalidMessage, *, attempts: int, keyed: bool) -> Result:
    """What is written down.

    Args:
        id_: the message.
        outcome: what the session says of it.
        attempts: so far, to wait longer every time.
        keyed: the request has an id of ours, so that the truth can be looked up.
    """
    if isinstance(outcome, Submission):
        ids = tuple(one for one in outcome.message_ids if len(one) <= ID_MAX)  # SMPP's may have any length
        return Result(id=id_, state=State.ACCEPTED, message_ids=ids, node=outcome.node)
    if isinstance(outcome, InvalidMessage):
        return Result(id=id_, state=State.REJECTED, reason=f"{outcome.field}: {outcome.rule}")
    state, after = _state(outcome, attempts, keyed=keyed)
    reason = type(outcome).__name__
    if isinstance(outcome, Guarded):
        reason = f"{reason}: {outcome.rule}"
    elif isinstance(outcome, NotSent):
        reason = f"{reason}: {outcome.reason}"
    code = NO_CODE if outcome.code is None and isinstance(outcome, _HELD) else outcome.code
    if code is not None and abs(code) > CODE_MAX:
        code, reason = None, f"{reason}: code {code}"
    return Result(id=id_, state=state, after=after, node=outcome.node, code=code, reason=reason)


def _state(error: SendError, attempts: int, *, keyed: bool) -> tuple[State, float]:
    if isinstance(error, OutcomeUnknown):
        return (State.AMBIGUOUS, again_after(attempts, CHECK_SOONEST)) if keyed else (State.UNKNOWN, 0.0)
    if isinstance(error, _HELD):
        return State.HELD, 0.0
    if isinstance(error, RateLimited):
        return State.PENDING, error.retry_after or again_after(attempts)
    if isinstance(error, NotSent):
        # A guard of the caller's says no until somebody changes it.
        return (State.HELD, 0.0) if error.reason == "guarded" else (State.PENDING, again_after(attempts))
    if isinstance(error, Rejected) and not error.retryable:
        return State.REJECTED, 0.0
    return State.PENDING, again_after(attempts)
