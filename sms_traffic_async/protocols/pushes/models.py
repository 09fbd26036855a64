"""What a push says: values only. Names are the library's; the platform's spelling lives in ``wire``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sms_traffic_async.messages import InboundMessage, StatusUpdate

__all__ = ("BadItem", "Charset", "CharsetOption", "InboundPush", "PushKind", "StatusPush")

PushKind: TypeAlias = Literal["statuses", "inbound", "short_number"]
Charset: TypeAlias = Literal["windows-1251", "utf-8"]
CharsetOption: TypeAlias = Literal["auto", "windows-1251", "utf-8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadItem:
    """Something in a push that cannot be used. It is set aside; the rest of the push goes its way.

    Attributes:
        kind: what it was meant to be; ``None`` where nobody can tell.
        reason: one sentence that quotes nothing of it.
        raw: as it came (a JSON value, the fields of a form, or octets), or the
            value that was made of it. May hold numbers and texts; never printed.
    """

    kind: PushKind | None
    reason: str
    raw: Any = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPush:
    """One call with statuses.

    Attributes:
        updates: in the order of the call.
        bad: items that are no status.
    """

    updates: tuple[StatusUpdate, ...] = ()
    bad: tuple[BadItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPush:
    """One call with a subscriber's message.

    Attributes:
        kind: to an inbound or to a short number.
        message: the message.
        charset: what it was read in, and what the reply is written in.
    """

    kind: Literal["inbound", "short_number"]
    message: InboundMessage
    charset: Charset
