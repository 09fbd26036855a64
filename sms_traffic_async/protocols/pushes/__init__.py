"""Pushes: what the platform sends to your server. Pure parsers; ``sms_traffic_async.webhooks`` serves them."""

from __future__ import annotations

from sms_traffic_async.protocols.pushes.forms import encode_reply
from sms_traffic_async.protocols.pushes.models import (
    BadItem,
    Charset,
    CharsetOption,
    InboundPush,
    PushKind,
    StatusPush,
)
from sms_traffic_async.protocols.pushes.wire import (
    is_json,
    kind_of,
    read_inbound,
    read_parameters,
    read_status_form,
    read_statuses,
)

__all__ = (
    "BadItem",
    "Charset",
    "CharsetOption",
    "InboundPush",
    "PushKind",
    "StatusPush",
    "encode_reply",
    "is_json",
    "kind_of",
    "read_inbound",
    "read_parameters",
    "read_status_form",
    "read_statuses",
)
