"""How a call ends: with a result, or with the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.policy.retry import StopReason

__all__ = ("Finished", "Stopped")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Generic[T]):
    """The call got its result.

    Attributes:
        value: what the attempt returned.
        node: the node that gave it.
        attempts: the failed attempts before it, oldest first.
    """

    value: T
    node: str
    attempts: tuple[Attempt, ...] = ()

    @property
    def requests(self) -> int:
        """Requests made for it, the last included."""
        return len(self.attempts) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The call ended without a result.

    Attributes:
        reason: see ``retry.Stop``.
        attempts: all attempts, oldest first; empty when a pause left no time
            for even one.
        retry_after: seconds until it makes sense again, where the platform said so.
    """

    reason: StopReason
    attempts: tuple[Attempt, ...] = ()
    retry_after: float | None = None

    @property
    def ambiguous(self) -> bool:
        """Whether any attempt may have been taken by the platform."""
        return any(attempt.verdict is Verdict.AMBIGUOUS for attempt in self.attempts)
