"""The durable outbox: what was enqueued survives a crash, a deploy, a dead node. See ``docs/outbox.md``."""

from __future__ import annotations

from sms_traffic_async.outbox.codec import Unreadable
from sms_traffic_async.outbox.events import OutboxPaused, OutboxSettled, OutboxTrouble
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.outbox.sqlite import SQLiteStore
from sms_traffic_async.outbox.stats import OutboxStats
from sms_traffic_async.outbox.store import Row, State, Store

__all__ = (
    "Outbox",
    "OutboxPaused",
    "OutboxSettled",
    "OutboxStats",
    "OutboxTrouble",
    "Row",
    "SQLiteStore",
    "State",
    "Store",
    "Unreadable",
)
