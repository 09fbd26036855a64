"""What goes into and comes out of HTTP API v1: values only.

Names are the library's; the platform's spelling lives in ``wire``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sms_traffic_async.errors import RequestError
from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.protocols.http.replies import CheckedReply, CheckFailure, SendReply, StatusesReply
from sms_traffic_async.protocols.members import Member, Recipient, SendEvidence
from sms_traffic_async.text import Rus

__all__ = (
    "CheckFailure",
    "CheckedReply",
    "GroupReply",
    "IncomingPage",
    "IncompleteIncoming",
    "MailingList",
    "Member",
    "MembersReply",
    "Recipient",
    "SendAnswer",
    "SendEvidence",
    "SendOptions",
    "SendReply",
    "SendRequest",
    "SentPart",
    "StatusesReply",
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendOptions:
    """What holds for every message of a request. ``None`` and false values are left out of it.

    Attributes:
        rus: always sent: 0 and 1 are windows-1251, 5 is UTF-8.
        originator: the sender.
        flash: shown at once and not kept.
        start_at: not before this time (aware).
        max_parts: the platform cuts what is longer, in silence.
        validity: seconds the platform tries to deliver (``timeout``).
        two_byte_concat: two octets of reference in a long text.
        ignore_phone_format: numbers are not checked, and billed.
        want_ids: ask for ids.
        extra: parameters the library does not know, by their wire names.
    """

    rus: Rus
    originator: str | None = None
    flash: bool = False
    start_at: datetime | None = None
    max_parts: int | None = None
    validity: int | None = None
    two_byte_concat: bool = False
    ignore_phone_format: bool = False
    want_ids: bool = True
    extra: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)

    def __repr__(self) -> str:
        return f"SendOptions(rus={self.rus!r}, want_ids={self.want_ids!r})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendRequest:
    """One request to ``multi.php`` that sends.

    Attributes:
        members: its messages; one that stands for the whole group with ``group``.
        options: what holds for all of them.
        text: the common text; ``None`` for individual ones.
        group: the name of a mailing list, instead of numbers.
        delimiter: what stands between individual messages, and in none of them.
    """

    members: tuple[Member, ...]
    options: SendOptions
    text: str | None = None
    group: str | None = None
    delimiter: str | None = None

    def __repr__(self) -> str:
        return f"SendRequest({len(self.members)} messages)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SentPart:
    """One ``message_info``: v1 gives every part of a long text an id of its own.

    Attributes:
        phone: the number, which may be another form of the one that was sent.
        message_id: the part's id.
        push_id: the one it was sent with, where push ids were asked for.
    """

    phone: str | None
    message_id: str
    push_id: str | None = None

    def __repr__(self) -> str:
        return f"SentPart(message_id={self.message_id!r}, push_id={self.push_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAnswer:
    """A send that was taken as a whole.

    Attributes:
        queued: the number in "queued N messages", which counts parts; ``None`` where it cannot be read.
        parts: what was given ids.
        description: the platform's words.
    """

    queued: int | None
    parts: tuple[SentPart, ...] = ()
    description: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReply:
    """A text went out to a whole mailing list.

    Attributes:
        queued: parts, as the platform counts them; ``None`` where it does not say.
        parts: number and id of each, where ids were asked for.
        node: the node that took it.
        attempts: requests that were made for it.
    """

    queued: int | None
    parts: tuple[SentPart, ...]
    node: str
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingList:
    """One list of ``list.php``.

    Attributes:
        id: what the calls of ``v1.lists`` want.
        name: what ``v1.send_group`` wants.
        created_at: when it was made (aware).
        congratulate: the birthday setting as it came; its values are not documented.
        members: the numbers, where the answer has any.
        raw: the list as it came.
    """

    id: str
    name: str
    created_at: datetime | None = None
    congratulate: str = ""
    members: tuple[str, ...] = field(default=(), repr=False)
    raw: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersReply:
    """Numbers were added to or removed from a list.

    Attributes:
        count: the number in the platform's sentence, for what it is worth: its example counts removed members as
            "added or updated". ``None`` where it says none.
        requests: requests that were made.
    """

    count: int | None
    requests: int = 1


class IncomingPage(NamedTuple):
    """One answer of ``operation=incoming``: its messages in its order, and the number in ``<count>``."""

    messages: tuple[InboundMessage, ...]
    said: int | None = None


class IncompleteIncoming(RequestError):
    """The platform gave messages of subscribers and may have more of them.

    Attributes:
        messages: those it gave, oldest first, each once.
    """

    def __init__(self, text: str, *, messages: tuple[InboundMessage, ...] = (), **rest: Any) -> None:
        super().__init__(text, **rest)
        self.messages = messages
