"""What is known of a call that has not succeeded yet: verdicts, attempts, rules, history.

Plain values. What they mean together is decided in ``retry``.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = (
    "KEYED_SEND",
    "QUERY",
    "REPORT",
    "RESENDING_SEND",
    "RESENDS_PER_HOUR",
    "UNKEYED_SEND",
    "Attempt",
    "CallRules",
    "History",
    "Operation",
    "Verdict",
    "pinned",
)

Operation: TypeAlias = Literal["send", "query", "report"]
"""What a rate limit is counted for: polling never holds back a one-time code."""

RESENDS_PER_HOUR = 2
"""Repeats of an unkeyed ambiguous send: at most three acceptances, and the fifth same text would be rejected."""


class Verdict(enum.Enum):
    """How far a failed attempt got, and so what it means for the message."""

    UNSENT = "unsent"
    """Provably not one byte of the request left."""
    REFUSED = "refused"
    """A complete answer says: not taken, try again later (code 1000)."""
    THROTTLED = "throttled"
    """A complete answer says: too many (HTTP 429, ESME_RTHROTTLED); not taken."""
    PERMANENT = "permanent"
    """A complete answer says no, and would say so again."""
    AMBIGUOUS = "ambiguous"
    """Anything else: it may have been taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt that failed.

    Attributes:
        node: the node's name.
        started: monotonic seconds, before the first byte.
        ended: monotonic seconds, at the verdict.
        verdict: how far it got.
        status: the HTTP status, if one came.
        code: the platform's code, if it gave one.
        description: the platform's words; never printed.
        retry_after: seconds the platform asked to wait.
        cause: what to raise from; without foreign objects (``secrets.foreign_cause``).
            A ``TlsError`` here says that the certificate was not accepted.
        detail: a decoded refusal, or whatever the client wants back.
    """

    node: str
    started: float
    ended: float
    verdict: Verdict
    status: int | None = None
    code: int | None = None
    description: str = field(default="", repr=False)
    retry_after: float | None = None
    cause: BaseException | None = field(default=None, compare=False, repr=False)
    detail: Any = field(default=None, compare=False, repr=False)

    @property
    def answered(self) -> bool:
        """Whether the platform spoke at all."""
        return self.status is not None or self.code is not None or self.verdict not in _UNANSWERED


_UNANSWERED = frozenset({Verdict.UNSENT, Verdict.AMBIGUOUS})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRules:
    """What may be done with a call that failed.

    Attributes:
        operation: which pause it obeys.
        repeat_ambiguous: whether it may be repeated when nobody can tell
            whether it was taken.
        sticky_ambiguous: and then only on the same node (rule N2).
        pinned: the only node it may go to.
        node_limits: rate limits are counted per node, so a 429 on one leaves
            the other free.
        keyed: the platform knows repeats by a restrictiveId, for an hour.
        resends: repeats after an ambiguous attempt in any hour; ``None`` for
            as many as the other bounds allow.
    """

    operation: Operation
    repeat_ambiguous: bool
    sticky_ambiguous: bool
    pinned: str | None = None
    node_limits: bool = False
    keyed: bool = False
    resends: int | None = None


KEYED_SEND = CallRules(operation="send", repeat_ambiguous=True, sticky_ambiguous=True, keyed=True)
"""A v2 send: every one carries a restrictiveId."""
UNKEYED_SEND = CallRules(operation="send", repeat_ambiguous=False, sticky_ambiguous=True)
"""v1, SOAP, SMPP, SMTP with ``on_unknown="raise"``: at most once."""
RESENDING_SEND = CallRules(operation="send", repeat_ambiguous=True, sticky_ambiguous=True, resends=RESENDS_PER_HOUR)
"""v1, SOAP, SMPP, SMTP with ``on_unknown="resend"``: at least once."""
QUERY = CallRules(operation="query", repeat_ambiguous=True, sticky_ambiguous=False)
"""Statuses, balance, marking: repeating changes nothing."""
REPORT = CallRules(operation="report", repeat_ambiguous=True, sticky_ambiguous=False)
"""Asking for a report: a repeat is only one more job."""


def pinned(node: str) -> CallRules:
    """Rules for polling and fetching a report, which only the node that made it has."""
    return CallRules(operation="report", repeat_ambiguous=True, sticky_ambiguous=False, pinned=node)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The failed attempts of one call, oldest first; at least one."""

    rules: CallRules
    attempts: tuple[Attempt, ...]

    def add(self, attempt: Attempt) -> History:
        """The history with one more attempt."""
        return History(rules=self.rules, attempts=(*self.attempts, attempt))

    @property
    def last(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]

    @property
    def first_at(self) -> float:
        """When the first attempt began: a key's hour cannot have begun earlier."""
        return self.attempts[0].started

    @property
    def ambiguous(self) -> bool:
        """Whether any attempt may have been taken."""
        return any(attempt.verdict is Verdict.AMBIGUOUS for attempt in self.attempts)

    @property
    def first_ambiguous(self) -> Attempt | None:
        """The attempt that binds the call to a node (N2)."""
        return next((attempt for attempt in self.attempts if attempt.verdict is Verdict.AMBIGUOUS), None)

    @property
    def counted(self) -> int:
        """Attempts that ``max_attempts`` counts: not those the platform asked to wait after."""
        return sum(not _asked_to_wait(attempt) for attempt in self.attempts)

    @property
    def bound(self) -> str | None:
        """The only node the call may still go to, if there is one."""
        if self.rules.pinned is not None:
            return self.rules.pinned
        first = self.first_ambiguous if self.rules.sticky_ambiguous else None
        return None if first is None else first.node


def _asked_to_wait(attempt: Attempt) -> bool:
    return attempt.verdict is Verdict.THROTTLED and attempt.retry_after is not None
