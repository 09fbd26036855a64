"""What goes into and comes out of SOAP: values only. The platform's spelling lives in ``wire``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sms_traffic_async.errors import InvalidRecipient
from sms_traffic_async.protocols.http.replies import SendReply, StatusesReply
from sms_traffic_async.protocols.members import Member, Recipient

__all__ = (
    "Info",
    "Member",
    "Recipient",
    "SendAnswer",
    "SendOptions",
    "SendReply",
    "SendRequest",
    "StatusesReply",
    "Unroutable",
)


class Unroutable(InvalidRecipient):
    """The platform has no way to this number's operator (``ProcessResult`` is Unroutable): no SMS goes out."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendOptions:
    """What holds for every message of a request. ``None`` and false values are left out, but for ``latin``.

    Attributes:
        latin: ``LatinEncoding``, always sent: Cyrillic is transliterated; false is UCS-2 for every text.
        originator: the sender.
        want_ids: ask for ids.
        ignore_phone_format: numbers are not checked, and billed.
        validity: seconds the platform tries to deliver (``Timeout``).
        flash: shown at once and not kept.
        start_at: not before this time; a string goes as it is.
        max_parts: the platform cuts what is longer, in silence.
        two_byte_concat: two octets of reference in a long text.
    """

    latin: bool
    originator: str | None = None
    want_ids: bool = True
    ignore_phone_format: bool = False
    validity: int | None = None
    flash: bool = False
    start_at: datetime | str | None = None
    max_parts: int | None = None
    two_byte_concat: bool = False

    def __repr__(self) -> str:
        return f"SendOptions(latin={self.latin!r}, want_ids={self.want_ids!r})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendRequest:
    """One call of SendBulkSms (with ``text``) or SendIndividualSms (without); no number stands in it twice."""

    members: tuple[Member, ...]
    options: SendOptions
    text: str | None = None

    def __repr__(self) -> str:
        return f"SendRequest({len(self.members)} messages)"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Info:
    """One ``MessageInfo``: of a recipient, or of one part of its text.

    Attributes:
        phone: the number, which may be another form of the one that was sent.
        result: ``Accepted``, ``Unroutable``, or whatever came.
        message_id: only of what was accepted.
    """

    phone: str | None
    result: str
    message_id: str | None = None

    def __repr__(self) -> str:
        return f"Info(result={self.result!r}, message_id={self.message_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAnswer:
    """A send that was taken as a whole.

    Attributes:
        queued: the number in "queued N messages", which counts parts; ``None`` where it cannot be read.
        infos: what is said of each recipient.
        description: the platform's words.
    """

    queued: int | None
    infos: tuple[Info, ...] = ()
    description: str = field(default="", repr=False)
