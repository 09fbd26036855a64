"""What failed attempts are called, for a send and for everything else.

Only ever called where no attempt may have been taken: whether it was is decided
by who sends, before anything is given a name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sms_traffic_async.api_codes import refusal_for
from sms_traffic_async.errors import (
    AuthenticationFailed,
    NotSent,
    NotSentReason,
    PermissionDenied,
    RateLimited,
    Rejected,
    RequestError,
    RequestFailed,
    RequestRefused,
    SendError,
    TlsError,
)
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.policy.loop import Stopped
from sms_traffic_async.protocols.http.answers import Fault

__all__ = (
    "FaultNamer",
    "UntrustedNode",
    "UntrustedNodeQuery",
    "Wording",
    "lifetime_over",
    "no_place",
    "query_error",
    "send_error",
    "session_closed",
    "told_to_wait",
)

_UNAUTHORIZED, _FORBIDDEN = 401, 403
_REACH_ADVICE = "Check the network, the proxy and the nodes' URLs."
_TLS_ADVICE = "Check who answers there: the certificate is not the platform's, or its authority is not known here."

FaultNamer = Callable[[Fault, str | None, str], Rejected]
"""Makes the error of a refusal: of the fault, the node, and the message's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What errors call a protocol's credential.

    Attributes:
        refused: the sentence for HTTP 401.
        forbidden: the sentence for HTTP 403.
        refused_advice: what to do about the first.
        forbidden_advice: what to do about the second.
    """

    refused: str
    forbidden: str
    refused_advice: str
    forbidden_advice: str

    def advice(self, status: int | None) -> str:
        """What to do about a status."""
        return {_UNAUTHORIZED: self.refused_advice, _FORBIDDEN: self.forbidden_advice}.get(status or 0, "")


class UntrustedNode(NotSent, TlsError):
    """No node's certificate was accepted: not sent, and never sent without TLS."""

    def __init__(self, text: str, *, reason: NotSentReason = "unreachable", **rest: Any) -> None:
        super().__init__(text, reason=reason, **({"advice": _TLS_ADVICE} | rest))
        self.retryable = False  # the same certificate would be shown again


class UntrustedNodeQuery(RequestFailed, TlsError):
    """The same for a call that sends nothing."""


def send_error(
    stopped: Stopped, *, operation: str, key: str, fault_error: FaultNamer, wording: Wording, expired: bool = False
) -> SendError:
    """Why a message was not sent.

    Args:
        stopped: how the call ended; none of its attempts may have been taken.
        operation: such as ``v2.send``.
        key: the message's id.
        fault_error: names a refusal in a body.
        wording: what the credential is called.
        expired: its own time to live ended before the caller's deadline.
    """
    last = _telling(stopped)
    if stopped.reason == "overloaded":
        return no_place(operation, key, None if last is None else last.node)
    if last is not None and last.verdict is Verdict.PERMANENT:
        error: SendError = _refused(last, operation, key, fault_error, wording)
    elif expired and stopped.reason == "deadline":
        error = lifetime_over(operation, key)
    elif last is None and stopped.retry_after is None:
        error = NotSent(f"{operation}: the deadline passed before it could be sent.", reason="expired", message_key=key)
    elif last is None or last.verdict is Verdict.THROTTLED:
        error = told_to_wait(operation, key, stopped.retry_after, None if last is None else last.node)
    elif last.verdict is Verdict.REFUSED:
        error = _refused(last, operation, key, fault_error, wording)
    else:
        error = _unreachable(last, operation, key)
    error.__cause__ = None if last is None else last.cause
    return error


def no_place(operation: str, key: str | None, node: str | None) -> NotSent:
    """It waited for a free place until its time was over."""
    return NotSent(
        f"{operation}: no free place in time.",
        reason="overloaded",
        node=node,
        message_key=key,
        advice="Send less at once, or allow more time or more requests in flight.",
    )


def session_closed(operation: str, key: str) -> NotSent:
    """The session was closed before the message left."""
    return NotSent(f"{operation}: the session was closed.", reason="closed", message_key=key)


def lifetime_over(operation: str, key: str) -> NotSent:
    """``expires_in`` of the message was over first."""
    return NotSent(f"{operation}: its time to live ended before it could be sent.", reason="expired", message_key=key)


def told_to_wait(operation: str, key: str, retry_after: float | None, node: str | None = None) -> RateLimited:
    """The platform wants no such calls for longer than the caller waits."""
    return RateLimited(
        f"{operation}: the platform asked to wait past the deadline.",
        retry_after=retry_after,
        node=node,
        message_key=key,
        advice="Send it again after that time.",
    )


def _telling(stopped: Stopped) -> Attempt | None:
    """The attempt that tells most: the last one that was answered, else the last."""
    answered = [attempt for attempt in stopped.attempts if attempt.answered]
    if answered:
        return answered[-1]
    return stopped.attempts[-1] if stopped.attempts else None


def _refused(attempt: Attempt, operation: str, key: str, fault_error: FaultNamer, wording: Wording) -> Rejected:
    if isinstance(attempt.detail, Fault):
        return fault_error(attempt.detail, attempt.node, key)
    if attempt.status == _UNAUTHORIZED:
        return AuthenticationFailed(
            f"{operation}: {wording.refused} (HTTP 401).",
            node=attempt.node,
            message_key=key,
            advice=wording.refused_advice,
        )
    if attempt.status == _FORBIDDEN:
        return PermissionDenied(
            f"{operation}: {wording.forbidden} (HTTP 403).",
            node=attempt.node,
            message_key=key,
            advice=wording.forbidden_advice,
        )
    return Rejected(
        f"{operation}: refused with HTTP {attempt.status}.",
        node=attempt.node,
        message_key=key,
        advice="Check the nodes' URLs: the platform itself does not answer a send like that.",
    )


def _unreachable(attempt: Attempt, operation: str, key: str) -> NotSent:
    if isinstance(attempt.cause, TlsError):
        return UntrustedNode(
            f"{operation}: the certificate was not accepted.",
            node=attempt.node,
            message_key=key,
            advice=_TLS_ADVICE,
        )
    return NotSent(
        f"{operation}: no node could be reached.",
        reason="unreachable",
        node=attempt.node,
        message_key=key,
        advice=_REACH_ADVICE,
    )


def query_error(stopped: Stopped, *, operation: str, wording: Wording) -> RequestError:
    """Why a call that sends nothing has no result."""
    last = _telling(stopped)
    if stopped.reason == "overloaded":
        return RequestFailed(f"{operation}: no free place in time", operation=operation)
    if last is None:
        error: RequestError = RequestFailed(
            f"{operation}: the platform asked to wait past the deadline.",
            operation=operation,
            retry_after=stopped.retry_after,
        )
    elif isinstance(last.detail, Fault):
        error = refusal_for(last.detail.code, last.detail.message, operation=operation, node=last.node)
    elif isinstance(last.cause, TlsError):
        error = UntrustedNodeQuery(
            f"{operation}: the certificate was not accepted. {_TLS_ADVICE}", operation=operation, node=last.node
        )
    elif last.verdict in {Verdict.PERMANENT, Verdict.THROTTLED}:
        error = RequestRefused(
            f"{operation}: refused with HTTP {last.status}. {wording.advice(last.status)}".strip(),
            operation=operation,
            code=last.status if last.status in {_UNAUTHORIZED, _FORBIDDEN} else None,
            node=last.node,
            retry_after=stopped.retry_after,
        )
    else:
        error = RequestFailed(
            f"{operation}: no usable answer from any node: {last.description}.",
            operation=operation,
            node=last.node,
            retry_after=stopped.retry_after,
        )
    error.__cause__ = None if last is None else last.cause
    return error
