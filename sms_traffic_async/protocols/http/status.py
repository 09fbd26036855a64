"""What an HTTP status means, before anybody looks at the body (docs/reliability.md, rows 7 to 12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.policy.retry_after import parse_retry_after

__all__ = ("StatusVerdict", "classify_status", "node_health")

_TOO_MANY = 429
_TIMED_OUT = 408


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusVerdict:
    """What a status other than 2xx means.

    Attributes:
        verdict: ``THROTTLED``, ``AMBIGUOUS`` (a gateway's 502 can follow
            acceptance) or ``PERMANENT``.
        retry_after: seconds the platform asks to wait.
    """

    verdict: Verdict
    retry_after: float | None = None


def classify_status(status: int, headers: Mapping[str, str], *, now: float, cap: float) -> StatusVerdict | None:
    """Read a status.

    Args:
        status: the HTTP status.
        headers: of the answer, looked up in lower case.
        now: wall clock seconds, for a ``Retry-After`` that is a date.
        cap: the longest wait believed, in seconds.

    Returns:
        ``None`` for 2xx: the body decides.
    """
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own classes
        return None
    if status == _TOO_MANY:
        return StatusVerdict(verdict=Verdict.THROTTLED, retry_after=_asked(headers, now, cap))
    if status >= 500 or status == _TIMED_OUT or status < 200:  # noqa: PLR2004
        return StatusVerdict(verdict=Verdict.AMBIGUOUS, retry_after=_asked(headers, now, cap))
    return StatusVerdict(verdict=Verdict.PERMANENT)


def node_health(status: int) -> Verdict | None:
    """What a complete answer says about its node: a gateway's 502 is a failure, a 200 or a 404 is none."""
    said = classify_status(status, {}, now=0.0, cap=0.0)
    return None if said is None else said.verdict


def _asked(headers: Mapping[str, str], now: float, cap: float) -> float | None:
    return parse_retry_after(headers.get("retry-after"), date=headers.get("date"), now=now, cap=cap)
