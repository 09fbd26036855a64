"""What goes into and comes out of SOAP: values only. The platform's spelling lives in ``wire``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sms_traffic_async.errors import InvalidRecipient, OutcomeUnknown, SendError
from sms_traffic_async.messages import Submission
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.http.replies import StatusesReply
from sms_traffic_async.protocols.http_v1.models import Recipient
from sms_traffic_async.secrets import mask_phone

__all__ = (
    "Info",
    "Member",
    "Recipient",
    "SendAnswer",
    "SendEvidence",
    "SendOptions",
    "SendReply",
    "SendRequest",
    "StatusesReply",
    "Unroutable",
)


class Unroutable(InvalidRecipient):
    """The platform has no way to this number's operator (``ProcessResult`` is Unroutable): no SMS goes out."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Member:
    """One message of a request.

    Attributes:
        index: its place in what the caller gave.
        key: its id in errors and submissions.
        to: the number.
        text: its own text; ``None`` where it gets the common one.
        parts: estimated number of parts.
        parts_exact: whether the document leaves no doubt about it.
        encoding: ``gsm7`` or ``ucs2``, as estimated.
        label: SOAP has nothing to look a message up by.
    """

    index: int
    key: str
    to: str
    text: str | None = None
    parts: int = 1
    parts_exact: bool = True
    encoding: str | None = None
    label: str | None = None

    def __repr__(self) -> str:
        return f"Member(key={self.key!r}, to={mask_phone(self.to)!r})"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReply:
    """What became of each message, in the order asked for.

    Attributes:
        outcomes: a ``Submission`` or a ``SendError`` for each recipient.
        requests: how many requests the messages were shared out to.
    """

    outcomes: tuple[Outcome, ...]
    requests: int = 1

    @property
    def accepted(self) -> tuple[Submission, ...]:
        """What the platform took."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Submission))

    @property
    def errors(self) -> tuple[SendError, ...]:
        """What it did not take, or what nobody can tell."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, SendError))

    def raise_for_error(self) -> None:
        """Raise the first error, an ``OutcomeUnknown`` before any other; do nothing if there is none."""
        errors = sorted(self.errors, key=lambda error: not isinstance(error, OutcomeUnknown))
        if errors:
            raise errors[0]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SendEvidence:
    """All that is known of a message whose outcome is not (``OutcomeUnknown.evidence``).

    Attributes:
        key: the id the library gave it; the platform does not know it.
        nodes: the servers that were tried, in order, each once.
        first_attempt_at: when the first request began (aware, UTC).
        last_attempt_at: when the last request that may have been taken ended.
        attempts: how many requests.
        to: the number; not printed.
    """

    key: str
    nodes: tuple[str, ...]
    first_attempt_at: datetime
    last_attempt_at: datetime
    attempts: int
    to: str

    def __repr__(self) -> str:
        return f"SendEvidence(key={self.key!r}, nodes={self.nodes!r}, attempts={self.attempts})"
