"""Many parts, one status: what became of a message whose parts have ids of their own.

With link shortening, parts that were not needed become Deleted: they are
ignored while others are delivered (field notes, "Folding of parts").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.statuses import MessageStatus

__all__ = ("fold", "whole")


def fold(updates: Sequence[StatusUpdate]) -> StatusUpdate | None:
    """One update for a message.

    Args:
        updates: the latest of each part that is known, in the order of the parts.

    Returns:
        The update of the part that decides, under the first part's id: one that
        is not final yet, else one that was not delivered, else the latest.
        ``None`` where nothing is known.
    """
    return whole(updates) if updates else None


def whole(updates: Sequence[StatusUpdate]) -> StatusUpdate:
    """The same, where at least one part is known."""
    if len(updates) == 1:
        return updates[0]
    counted = [one for one in updates if one.status != MessageStatus.DELETED] or list(updates)
    undecided = [one for one in counted if not one.is_final] or [one for one in counted if not one.is_delivered]
    deciding = undecided[0] if undecided else max(counted, key=_reached)
    return replace(deciding, message_id=updates[0].message_id, parts=len(updates))


def _reached(update: StatusUpdate) -> float:
    return 0.0 if update.status_at is None else update.status_at.timestamp()
