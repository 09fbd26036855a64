"""Replies that more than one protocol gives."""

from __future__ import annotations

from dataclasses import dataclass

from sms_traffic_async.messages import StatusUpdate

__all__ = ("CheckFailure", "CheckedReply", "StatusesReply")


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
        error: the platform's words.
        code: its code, if it gave one.
    """

    message_id: str
    error: str
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedReply:
    """What ``mark_checked`` of v2 or v1 did: some ids may have failed while others were marked."""

    updated: tuple[str, ...]
    failed: tuple[CheckFailure, ...] = ()
