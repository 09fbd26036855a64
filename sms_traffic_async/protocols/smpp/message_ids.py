"""Is the id in this receipt the id of that response? An option's value, so it lives with the values."""

from __future__ import annotations

from sms_traffic_async.message_ids import EXACT, IdMatching

__all__ = ("EXACT", "IdMatching")
