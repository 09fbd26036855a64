"""Asyncio client for the SMS Traffic gateway.

::

    async with SmsTraffic.from_env() as sms:
        sent = await sms.send("79161112233", "Ваш код 1234")
        update = await sms.wait_for(sent, timeout=60)

The public names are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sms_traffic_async._version import __version__

if TYPE_CHECKING:
    from sms_traffic_async.bulk import BulkSend, BulkSummary
    from sms_traffic_async.delivery.values import TrackedUpdate
    from sms_traffic_async.errors import (
        AuthenticationFailed,
        ConfigurationError,
        DeadlineExceeded,
        DuplicateRequest,
        InboundNotTaken,
        InsufficientFunds,
        InvalidMessage,
        InvalidOriginator,
        InvalidRecipient,
        LinkLost,
        LocalProtocolError,
        NotSent,
        Outcome,
        OutcomeUnknown,
        PermissionDenied,
        ProtocolError,
        RateLimited,
        Rejected,
        RemoteProtocolError,
        ReportGone,
        RequestError,
        RequestFailed,
        RequestRefused,
        SendError,
        SmsTrafficError,
        StatusesNotTaken,
        StorageClosed,
        StorageError,
        TemporarilyUnavailable,
        TlsError,
    )
    from sms_traffic_async.messages import Balance, InboundMessage, Message, SendResult, StatusUpdate, Submission
    from sms_traffic_async.outbox.outbox import Outbox
    from sms_traffic_async.policy.abuse import AbuseGuard, AbuseRules, Guarded
    from sms_traffic_async.secrets import Secret
    from sms_traffic_async.session import SmsTraffic
    from sms_traffic_async.settings import (
        Credentials,
        HttpOptions,
        InboundOptions,
        Node,
        RetryPolicy,
        Settings,
        SmppOptions,
        SmtpOptions,
        SoapOptions,
        Timeouts,
        TrackingOptions,
    )
    from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus

__all__ = (
    "AbuseGuard",
    "AbuseRules",
    "AuthenticationFailed",
    "Balance",
    "BulkSend",
    "BulkSummary",
    "ConfigurationError",
    "Credentials",
    "DeadlineExceeded",
    "DeliveryErrorCode",
    "DuplicateRequest",
    "Guarded",
    "HttpOptions",
    "InboundMessage",
    "InboundNotTaken",
    "InboundOptions",
    "InsufficientFunds",
    "InvalidMessage",
    "InvalidOriginator",
    "InvalidRecipient",
    "LinkLost",
    "LocalProtocolError",
    "Message",
    "MessageStatus",
    "Node",
    "NotSent",
    "Outbox",
    "Outcome",
    "OutcomeUnknown",
    "PermissionDenied",
    "ProtocolError",
    "RateLimited",
    "Rejected",
    "RemoteProtocolError",
    "ReportGone",
    "RequestError",
    "RequestFailed",
    "RequestRefused",
    "RetryPolicy",
    "Secret",
    "SendError",
    "SendResult",
    "Settings",
    "SmppOptions",
    "SmsTraffic",
    "SmsTrafficError",
    "SmtpOptions",
    "SoapOptions",
    "StatusUpdate",
    "StatusesNotTaken",
    "StorageClosed",
    "StorageError",
    "Submission",
    "TemporarilyUnavailable",
    "Timeouts",
    "TlsError",
    "TrackedUpdate",
    "TrackingOptions",
    "__version__",
)

# Where each public name lives. A test holds this table, the imports above and __all__ together.
_HOMES = {
    "delivery.values": ("TrackedUpdate",),
    "bulk": ("BulkSend", "BulkSummary"),
    "messages": ("Balance", "InboundMessage", "Message", "SendResult", "StatusUpdate", "Submission"),
    "outbox.outbox": ("Outbox",),
    "policy.abuse": ("AbuseGuard", "AbuseRules", "Guarded"),
    "secrets": ("Secret",),
    "session": ("SmsTraffic",),
    "settings": (
        "Credentials",
        "HttpOptions",
        "InboundOptions",
        "Node",
        "RetryPolicy",
        "Settings",
        "SmppOptions",
        "SmtpOptions",
        "SoapOptions",
        "Timeouts",
        "TrackingOptions",
    ),
    "statuses": ("DeliveryErrorCode", "MessageStatus"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOME_OF.get(name, 'errors')}")
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
