"""What ``send_many`` has done so far, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from sms_traffic_async.errors import Outcome, SendError
from sms_traffic_async.messages import SendResult

__all__ = ("BulkSummary",)


@dataclass(slots=True, kw_only=True)
class BulkSummary:
    """Counts of messages, by outcome.

    Attributes:
        taken: read from the source.
        accepted: the platform took them.
        rejected: the platform, or our own checks, said no.
        not_sent: provably nothing left.
        unknown: an SMS may have gone out.
        exhausted: the source was read to its end.
        total: messages in the source, where it says so beforehand.
    """

    taken: int = 0
    accepted: int = 0
    rejected: int = 0
    not_sent: int = 0
    unknown: int = 0
    exhausted: bool = False
    total: int | None = None

    @property
    def interrupted(self) -> int:
        """Taken from the source and without an outcome so far; after the block an SMS may have gone out."""
        return self.taken - self.accepted - self.rejected - self.not_sent - self.unknown

    @property
    def untouched(self) -> int | None:
        """Never read from the source; ``None`` while nobody can tell."""
        if self.exhausted:
            return 0
        return None if self.total is None else max(self.total - self.taken, 0)

    def add(self, result: SendResult) -> None:
        """Count one result."""
        match result.error:
            case None:
                self.accepted += 1
            case SendError(outcome=Outcome.UNKNOWN):
                self.unknown += 1
            case SendError(outcome=Outcome.NOT_SENT):
                self.not_sent += 1
            case _:
                self.rejected += 1

    def __str__(self) -> str:
        left = {None: "the rest untouched", 0: "none untouched"}.get(self.untouched, f"{self.untouched} untouched")
        without = f", {self.interrupted} without an outcome" if self.interrupted else ""
        return (
            f"{self.accepted} accepted, {self.rejected} rejected, {self.not_sent} not sent, {self.unknown} unknown"
            f"{without}, {left}"
        )
