"""Messages of the protocols without a key of the sender's: HTTP v1, SOAP, e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sms_traffic_async.secrets import mask_phone

__all__ = ("Member", "SendEvidence")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Member:
    """One message of a request.

    Attributes:
        index: its place in what the caller gave.
        key: its id in errors and submissions.
        to: the number; "" for a whole group.
        text: its own text; ``None`` where it gets the common one.
        push_id: what it is recognised by in the answer; not in SOAP.
        parts: estimated number of parts.
        parts_exact: whether the document leaves no doubt about it.
        encoding: ``gsm7`` or ``ucs2``, as estimated.
        label: there is nothing to look a message up by.
    """

    index: int
    key: str
    to: str
    text: str | None = None
    push_id: str | None = None
    parts: int = 1
    parts_exact: bool = True
    encoding: str | None = None
    label: str | None = None

    def __repr__(self) -> str:
        return f"Member(key={self.key!r}, to={mask_phone(self.to)!r})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendEvidence:
    """All that is known of a message whose outcome is not (``OutcomeUnknown.evidence``).

    There is nothing to look it up by: the cabinet, a report over v2 or a status
    push can tell.

    Attributes:
        key: the id the library gave it, or your push_id.
        push_id: the one it was sent with, if any.
        nodes: the nodes that were tried, in order, each once.
        first_attempt_at: when the first request began (aware, UTC).
        last_attempt_at: when the last request that may have been taken ended.
        attempts: how many requests.
        to: the number; not printed.
    """

    key: str
    push_id: str | None
    nodes: tuple[str, ...]
    first_attempt_at: datetime
    last_attempt_at: datetime
    attempts: int
    to: str

    def __repr__(self) -> str:
        return (
            f"SendEvidence(key={self.key!r}, nodes={self.nodes!r}, "
            f"first_attempt_at={self.first_attempt_at.isoformat()!r}, "
            f"last_attempt_at={self.last_attempt_at.isoformat()!r}, attempts={self.attempts})"
        )
