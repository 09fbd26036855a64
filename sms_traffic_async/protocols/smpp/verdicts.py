"""What is said of a message that was not accepted: the error and its evidence. `casework.Casework` is built on it.

Every sentence says what happened and whether an SMS may go out; the advice is
the next step.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import NotSent, NotSentReason, OutcomeUnknown, SendError
from sms_traffic_async.policy.rate import RateLimiter
from sms_traffic_async.protocols.smpp.brake import Brake
from sms_traffic_async.protocols.smpp.failures import SUBMIT, ruling_of, submit_error
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.parcel import Parcel, SubmitEvidence
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus

__all__ = ("Verdicts",)

UNKNOWN_ADVICE: Final = "A delivery receipt, a report or the cabinet can tell; sending it again may be a second SMS."
_NEVER: Final = float("inf")
_NOT_SENT: Final[dict[str, tuple[NotSentReason, str, str]]] = {
    "closed": ("closed", "the session was closed before the message left; nothing was sent.", "Send it again later."),
    "expired": (
        "expired",
        "its time to live was over before it could leave; nothing was sent.",
        "Send it again if it still makes sense.",
    ),
    "overloaded": (
        "overloaded",
        "it waited for its turn until the deadline; nothing was sent.",
        "Send fewer SMS at once, give more time, or have the rate or the window raised.",
    ),
    "unreachable": (
        "unreachable",
        "no server could be bound to before the deadline; nothing was sent.",
        "Check the network and the servers, then send it again.",
    ),
}


class Verdicts:
    """Makes errors. Not for use by itself.

    Attributes:
        links: bound links that submit.
        limiter: the account's.
        throttle: closed while the platform says "too many".
        trouble: makes the error of messages that cannot leave at all; ``None`` while they may.
        why_unreachable: a sentence about the latest failed connection, its status, and its cause.
    """

    def __init__(self, *, clock: Clock, limiter: RateLimiter, throttle: Brake) -> None:
        self.links: list[Link] = []
        self.limiter = limiter
        self.throttle = throttle
        self.trouble: Callable[[str], SendError] | None = None
        self.why_unreachable: tuple[str, int | None, BaseException | None] = ("", None, None)
        self._clock = clock

    def error_of(self, parcel: Parcel, now: float, why: str) -> SendError:
        """Why a message was not accepted.

        Args:
            parcel: the message.
            now: the time.
            why: ``closed``, ``expired`` or ``deadline``; empty where its parts say it.
        """
        if parcel.begun:
            return self._unknown(parcel, now)
        if parcel.refusal and why not in {"closed", "expired"}:
            status = CommandStatus(parcel.refusal)
            pause = max(self.limiter.ready_at(now), self.throttle.ready_at(now)) - now
            return submit_error(
                status,
                node=parcel.refused_by,
                key=parcel.key,
                tries=parcel.repeats + 1,
                retry_after=pause if 0 < pause < _NEVER else None,
            )
        if why == "deadline" and self.trouble is not None:
            return self.trouble(parcel.key)
        if why == "deadline":
            why = "overloaded" if self.links else "unreachable"
        return self.not_sent(parcel.key, why or "closed")

    def not_sent(self, key: str, why: str) -> NotSent:
        """The error of a message of which nothing left."""
        reason, text, advice = _NOT_SENT[why]
        code: int | None = None
        cause: BaseException | None = None
        if why == "unreachable":
            sentence, code, cause = self.why_unreachable
            text = f"{text} {sentence}".strip()
        error = NotSent(f"{SUBMIT}: {text}", reason=reason, message_key=key, advice=advice, code=code)
        error.__cause__ = cause
        return error

    def _unknown(self, parcel: Parcel, now: float) -> OutcomeUnknown:
        evidence = self._evidence(parcel, now)
        of = f"of {parcel.count} parts" if parcel.count > 1 else ""
        if parcel.refusal and not evidence.unanswered:
            status = CommandStatus(parcel.refusal)
            return OutcomeUnknown(
                f"{SUBMIT}: {len(evidence.accepted)} {of} were taken and the rest was refused (0x{status:08X}, "
                f"{status.meaning}): a part of the message may be shown.",
                evidence=evidence,
                node=parcel.node,
                message_key=parcel.key,
                code=parcel.refusal,
                advice=ruling_of(status).advice,
            )
        taken = f" {len(evidence.accepted)} {of} were taken." if evidence.accepted else ""
        return OutcomeUnknown(
            f"{SUBMIT}: the platform may have taken the message, and gave no complete answer.{taken}",
            evidence=evidence,
            node=parcel.node,
            message_key=parcel.key,
            code=parcel.refusal or None,
            advice=UNKNOWN_ADVICE,
        )

    def _evidence(self, parcel: Parcel, now: float) -> SubmitEvidence:
        ids = parcel.ids or {}
        rest = set(range(parcel.count)) - set(ids)
        lost = rest & set(parcel.unanswered or {})
        settled = parcel.refused | parcel.never | set(parcel.todo or ())
        # Of the others either an answer is awaited, or none: they were refused for now, or never left.
        unanswered = lost | (rest - settled) if parcel.flying else lost
        wall = self._clock.wall()
        return SubmitEvidence(
            key=parcel.key,
            nodes=tuple(dict.fromkeys((*parcel.nodes, parcel.node))),
            first_attempt_at=datetime.fromtimestamp(wall - (now - parcel.first_written), UTC),
            last_attempt_at=datetime.fromtimestamp(wall - (now - parcel.last_written), UTC),
            attempts=parcel.repeats + 1,
            parts=parcel.count,
            message_ids=parcel.message_ids,
            accepted=tuple(index + 1 for index in sorted(ids)),
            unanswered=tuple(index + 1 for index in sorted(unanswered)),
            unsent=tuple(index + 1 for index in sorted(rest - unanswered)),
            sequence=parcel.sequence,
            reference=parcel.reference,
            to=parcel.to,
        )
