"""What an outbox tells the hooks of the session, besides the events of the session itself."""

from __future__ import annotations

from dataclasses import dataclass

from sms_traffic_async.outbox.store import State

__all__ = ("OutboxPaused", "OutboxSettled", "OutboxTrouble")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettled:
    """Messages of one unit reached a state, and it is on the disk."""

    state: State
    count: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPaused:
    """Nothing is sent for so many seconds: no money, or the credentials are not accepted. An alarm for somebody."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxTrouble:
    """The store failed; the worker goes on trying."""

    error: str
