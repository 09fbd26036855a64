"""The platform on your machine, to develop and test against (docs/sandbox.md).

``async with Sandbox() as sandbox:`` serves HTTP API v2, v1, SOAP and SMPP on two
nodes and a mail server over one message store, with a clock that a test moves and faults on demand. It needs the
extra ``sms-traffic-async[sandbox]``; importing this package does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.accept_log import AcceptEntry, AcceptLog
    from sms_traffic_async.sandbox.accounts import (
        DEFAULT_API_KEY,
        DEFAULT_LOGIN,
        DEFAULT_ORIGINATOR,
        DEFAULT_PASSWORD,
        Account,
        Accounts,
    )
    from sms_traffic_async.sandbox.clock import SandboxClock
    from sms_traffic_async.sandbox.effects import (
        BadLength,
        Coalesce,
        Drop,
        Duplicate,
        EarlyReceipt,
        Garbage,
        GhostBind,
        GzipBomb,
        Half,
        Latency,
        Lose,
        NoAnswer,
        ProxyPage,
        Reorder,
        ServerError,
        Status,
        Temporary,
        Throttle,
        Unbind,
    )
    from sms_traffic_async.sandbox.faults import FaultRecord, FaultRule, Faults
    from sms_traffic_async.sandbox.findings import Finding
    from sms_traffic_async.sandbox.life import Pace
    from sms_traffic_async.sandbox.mailing_lists import MailingList
    from sms_traffic_async.sandbox.outcomes import NumberOutcome
    from sms_traffic_async.sandbox.pushes import Pushes
    from sms_traffic_async.sandbox.pushes_log import PushAttempt, PushCall
    from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings, Retries, ShortNumber
    from sms_traffic_async.sandbox.rates import Rate
    from sms_traffic_async.sandbox.server import Sandbox
    from sms_traffic_async.sandbox.smpp import BoundLink, Smsc
    from sms_traffic_async.sandbox.smtp_replies import ReplyLetter
    from sms_traffic_async.sandbox.smtp_settings import EmailSettings
    from sms_traffic_async.sandbox.store import StoredMessage
    from sms_traffic_async.sandbox.switches import Switches

__all__ = (
    "DEFAULT_API_KEY",
    "DEFAULT_LOGIN",
    "DEFAULT_ORIGINATOR",
    "DEFAULT_PASSWORD",
    "AcceptEntry",
    "AcceptLog",
    "Account",
    "Accounts",
    "BadLength",
    "BoundLink",
    "Coalesce",
    "Drop",
    "Duplicate",
    "EarlyReceipt",
    "EmailSettings",
    "FaultRecord",
    "FaultRule",
    "Faults",
    "Finding",
    "Garbage",
    "GhostBind",
    "GzipBomb",
    "Half",
    "InboundSettings",
    "Latency",
    "Lose",
    "MailingList",
    "NoAnswer",
    "NumberOutcome",
    "Pace",
    "ProxyPage",
    "PushAttempt",
    "PushCall",
    "PushSettings",
    "Pushes",
    "Rate",
    "Reorder",
    "ReplyLetter",
    "Retries",
    "Sandbox",
    "SandboxClock",
    "ServerError",
    "ShortNumber",
    "Smsc",
    "Status",
    "StoredMessage",
    "Switches",
    "Temporary",
    "Throttle",
    "Unbind",
)

_ROOMS = {
    "accept_log": ("AcceptEntry", "AcceptLog"),
    "accounts": (
        "DEFAULT_API_KEY",
        "DEFAULT_LOGIN",
        "DEFAULT_ORIGINATOR",
        "DEFAULT_PASSWORD",
        "Account",
        "Accounts",
    ),
    "clock": ("SandboxClock",),
    "effects": (
        "BadLength",
        "Coalesce",
        "Drop",
        "Duplicate",
        "EarlyReceipt",
        "Garbage",
        "GhostBind",
        "GzipBomb",
        "Half",
        "Latency",
        "Lose",
        "NoAnswer",
        "ProxyPage",
        "Reorder",
        "ServerError",
        "Status",
        "Temporary",
        "Throttle",
        "Unbind",
    ),
    "faults": ("FaultRecord", "FaultRule", "Faults"),
    "findings": ("Finding",),
    "life": ("Pace",),
    "mailing_lists": ("MailingList",),
    "outcomes": ("NumberOutcome",),
    "pushes": ("Pushes",),
    "pushes_log": ("PushAttempt", "PushCall"),
    "pushes_settings": ("InboundSettings", "PushSettings", "Retries", "ShortNumber"),
    "rates": ("Rate",),
    "server": ("Sandbox",),
    "smpp": ("BoundLink", "Smsc"),
    "smtp_replies": ("ReplyLetter",),
    "smtp_settings": ("EmailSettings",),
    "store": ("StoredMessage",),
    "switches": ("Switches",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _ROOM_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
