"""HTTP API v2: JSON and an API key. The protocol this library prefers."""

from __future__ import annotations

from sms_traffic_async.protocols.http_v2.client import HttpV2
from sms_traffic_async.protocols.http_v2.models import (
    CheckedReply,
    CheckFailure,
    Destination,
    SendEvidence,
    SendReply,
    StatusesReply,
)

__all__ = (
    "CheckFailure",
    "CheckedReply",
    "Destination",
    "HttpV2",
    "SendEvidence",
    "SendReply",
    "StatusesReply",
)
