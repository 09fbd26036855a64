"""An outbox at one moment. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sms_traffic_async.outbox.store import State

__all__ = ("OutboxStats",)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStats:
    """An outbox, and the workers of this process, at one moment.

    Attributes:
        messages: how many there are in each state.
        workers: at work here; ``None`` before the first ``run``.
        under_way: units that they are sending.
        paused: seconds for which nothing is claimed, because the account was refused.
    """

    messages: Mapping[State, int]
    workers: int | None
    under_way: int
    paused: float
