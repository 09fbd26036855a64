"""Replies that more than one protocol gives."""

from __future__ import annotations

from dataclasses import dataclass

from sms_traffic_async.errors import OutcomeUnknown, SendError
from sms_traffic_async.messages import StatusUpdate, Submission
from sms_traffic_async.protocols.http.record import Outcome

__all__ = ("CheckFailure", "CheckedReply", "Outcomes", "SendReply", "StatusesReply")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of each message of a send, in the order asked for.

    Attributes:
        outcomes: a ``Submission`` or a ``SendError`` for each recipient.
    """

    outcomes: tuple[Outcome, ...]

    @property
    def accepted(self) -> tuple[Submission, ...]:
        """What the platform took."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Submission))

    @property
    def errors(self) -> tuple[SendError, ...]:
        """What it did not take, or what nobody can tell."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, SendError))

    def raise_for_error(self) -> None:
        """Raise the first error, an ``OutcomeUnknown`` before any other; do nothing if there is none."""
        errors = sorted(self.errors, key=lambda error: not isinstance(error, OutcomeUnknown))
        if errors:
            raise errors[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReply(Outcomes):
    """What became of each message of a send over v1, SOAP or e-mail.

    Attributes:
        requests: how many requests, or letters, the messages were shared out to.
    """

    requests: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusesReply:
    """What ``statuses`` of v2 or v1 found.

    Attributes:
        found: one update for each message, in the order of the answers.
        missing: ids asked for and not answered: unknown to the platform, or not yet visible on the node.
        missing_tracking_data: the same for labels.
    """

    found: tuple[StatusUpdate, ...]
    missing: tuple[str, ...] = ()
    missing_tracking_data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFailure:
    """A message that was not marked as checked.

    Attributes:
        message_id: its id.
        error: the platform's words.
        code: its code, if it gave one.
    """

    message_id: str
    error: str
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedReply:
    """What ``mark_checked`` of v2 or v1 did: some ids may have failed while others were marked.

    Attributes:
        updated: ids that were marked.
        failed: ids that were not, and why.
    """

    updated: tuple[str, ...]
    failed: tuple[CheckFailure, ...] = ()
