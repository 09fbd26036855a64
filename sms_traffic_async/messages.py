"""Values that every protocol shares: what is sent, what came of it, what comes in.

All are frozen, none prints a phone number or a text. Ids are strings, times
are aware datetimes, money is Decimal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from sms_traffic_async import message_rules as rules
from sms_traffic_async.addresses import Region
from sms_traffic_async.errors import InvalidMessage, SendError
from sms_traffic_async.secrets import mask_phone, mask_text
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus

__all__ = (
    "MOSCOW",
    "Balance",
    "Evidence",
    "InboundMessage",
    "Message",
    "SendResult",
    "StatusUpdate",
    "Submission",
    "Via",
)

MOSCOW = timezone(timedelta(hours=3), "UTC+3")
"""The platform's zone where a date carries none (field notes, 0.6)."""

Via: TypeAlias = Literal["v2", "v1", "soap", "smpp", "smtp"]
Evidence: TypeAlias = Literal["answer", "lookup", "push", "handover"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message:
    """One SMS to one number, checked when it is made.

    Attributes:
        to: the number in international form, digits only after normalisation.
        text: the text; may hold ``[[name]]`` where ``params`` are given (v2).
        originator: the sender's name or number; ``None`` takes the session's.
        key: your own id for this sending. The same key within the hour is the
            same SMS: a repeat of yours is harmless (v2).
        tracking_data: your label, sent as it is, at most 40 characters.
        params: values for ``[[name]]`` in the text (v2).
        max_parts: refuse a text of more parts; ``None`` takes the session's.
        truncate: cut the text to ``max_parts`` instead of refusing it.
        transliterate: let the platform turn Cyrillic into Latin letters.
        flash: shown at once and not kept; one part only; not v2.
        start_at: do not send before this time (aware).
        local_time: read the clock time of ``start_at`` in the subscriber's zone (v2).
        batch_name: the name of the mailing this belongs to (v2).
        validity: seconds the platform tries to deliver; below 600 operators
            may ignore or refuse it.
        expires_in: seconds after which *we* do not send it any more.
        region: ``RU`` reads national forms of ``to`` as Russian, ``INT`` takes
            digits that could be one as they stand; not compared.

    Raises:
        InvalidMessage: naming the field, the value masked, and the rule.
    """

    to: str
    text: str
    originator: str | None = None
    key: str | None = None
    tracking_data: str | None = None
    params: Mapping[str, str] | None = field(default=None, hash=False)
    max_parts: int | None = None
    truncate: bool = False
    transliterate: bool = False
    flash: bool = False
    start_at: datetime | None = None
    local_time: bool = False
    batch_name: str | None = None
    validity: int | None = None
    expires_in: float | None = None
    region: Region | None = field(default=None, compare=False)

    # Written out, because a traceback printed with locals shows this frame too, and the frame of a generated __init__
    # keeps the number and the text. Here they are gone before anything is raised.
    def __init__(
        self,
        *,
        to: str | int,
        text: str,
        originator: str | None = None,
        key: str | None = None,
        tracking_data: str | None = None,
        params: Mapping[str, str] | None = None,
        max_parts: int | None = None,
        truncate: bool = False,
        transliterate: bool = False,
        flash: bool = False,
        start_at: datetime | None = None,
        local_time: bool = False,
        batch_name: str | None = None,
        validity: int | None = None,
        expires_in: float | None = None,
        region: Region | None = None,
    ) -> None:
        draft: Any = self
        if type(self) is Message:
            _become(self, _Draft)  # stores at a tenth of the price of object.__setattr__, and there are sixteen
            draft.to = to
            draft.text = text
            draft.originator = originator
            draft.key = key
            draft.tracking_data = tracking_data
            draft.params = params
            draft.max_parts = max_parts
            draft.truncate = truncate
            draft.transliterate = transliterate
            draft.flash = flash
            draft.start_at = start_at
            draft.local_time = local_time
            draft.batch_name = batch_name
            draft.validity = validity
            draft.expires_in = expires_in
            draft.region = region
            draft.__class__ = Message
            # Nearly every message is no more than a number of +7 and a text; then the rest need not be looked at again.
            if (
                originator is None and key is None and tracking_data is None and params is None and max_parts is None
                and start_at is None and batch_name is None and validity is None and expires_in is None
                and region is None and truncate is transliterate is flash is local_time is False
                and rules.is_usual_phone(to) and rules.is_usual_text(text)
            ):  # fmt: skip
                return
        else:
            _fill(self, (to, text, originator, key, tracking_data, params, max_parts, truncate, transliterate, flash,
                         start_at, local_time, batch_name, validity, expires_in, region))  # fmt: skip
        problem = _settle(self)
        if problem is not None:
            del draft
            del to, text, originator, key, tracking_data, params, max_parts, truncate, transliterate, flash
            del start_at, local_time, batch_name, validity, expires_in, region
            raise problem

    def __repr__(self) -> str:
        return f"Message(to={mask_phone(self.to)!r}, text={mask_text(self.text)})"


_become: Callable[[object, type], None] = object.__dict__["__class__"].__set__
_PUTS: tuple[Callable[[object, Any], None], ...] = tuple(vars(Message)[name].__set__ for name in Message.__slots__)


class _Draft:
    """A ``Message`` while it is made: the same slots, and nothing that freezes them."""

    __slots__ = Message.__slots__


def _fill(message: Message, values: tuple[Any, ...]) -> None:
    """Set every field, in order; for a subclass, whose layout is another one."""
    for put, value in zip(_PUTS, values, strict=True):
        put(message, value)


def _settle(message: Message) -> InvalidMessage | None:
    """Normalise a new message in place and tell what is wrong with it. Hot: runs for every message."""
    to, text = message.to, message.text
    problem: InvalidMessage | None = None
    if message.region is not None or not rules.is_usual_phone(to):
        digits, problem = rules.read_phone(to, message.region)
        if digits is not to:
            object.__setattr__(message, "to", digits)
    if not rules.is_usual_text(text):
        problem = problem or rules.text_problem(text)
    if message.originator is not None:
        problem = problem or rules.originator_problem(message.originator)
    if message.tracking_data is not None:
        problem = problem or rules.label_problem("tracking_data", message.tracking_data, rules.TRACKING_DATA_MAX)
    if message.key is not None:
        problem = problem or rules.label_problem("key", message.key, rules.KEY_MAX)
    if message.params is not None:
        params, wrong = rules.read_params(message.params)
        object.__setattr__(message, "params", params)
        problem = problem or wrong
    if not (message.truncate is message.transliterate is message.flash is message.local_time is False):
        problem = problem or rules.flag_problem(
            truncate=message.truncate,
            transliterate=message.transliterate,
            flash=message.flash,
            local_time=message.local_time,
        )
    return problem or _settle_rest(message)


def _settle_rest(message: Message) -> InvalidMessage | None:
    problem = None
    if message.batch_name is not None:
        problem = rules.label_problem("batch_name", message.batch_name, rules.KEY_MAX)
    if message.max_parts is not None:
        problem = problem or rules.number_problem("max_parts", message.max_parts, 1, rules.PARTS_MAX)
    if message.validity is not None:
        problem = problem or rules.number_problem("validity", message.validity, 1, rules.VALIDITY_MAX)
    if message.expires_in is not None:
        problem = problem or rules.seconds_problem("expires_in", message.expires_in)
    if message.start_at is not None:
        problem = problem or rules.start_problem(message.start_at)
    return problem


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Submission:
    """The platform took the message, and there is a witness for it.

    Attributes:
        via: the protocol that carried it.
        message_ids: the platform's ids: one in v2, one per part elsewhere.
            Empty where the platform gives none (a scheduled v1 message).
        key: the id this library (or your ``key=``) gave it; equals the
            restrictiveId of a v2 request that carried this message alone.
        tracking_data: the label it can be looked up by (v2).
        to: the number.
        node: the node that took it.
        evidence: how we know: the ``answer`` itself, a ``lookup`` after an
            answer was lost, or a ``push``. ``handover`` is less than the others:
            a mail server has the letter, and the platform has yet to answer.
        parts: the estimated number of parts; exact where ``parts_exact``.
        encoding: ``gsm7`` or ``ucs2``, as estimated.
        accepted_at: when we learnt of it (aware, UTC).
        start_at: the time it is scheduled for, if any.
        attempts: requests that were made for it.
    """

    via: Via
    message_ids: tuple[str, ...]
    key: str
    to: str
    node: str
    accepted_at: datetime
    evidence: Evidence = "answer"
    tracking_data: str | None = None
    parts: int | None = None
    parts_exact: bool = True
    encoding: str | None = None
    start_at: datetime | None = None
    attempts: int = 1

    @property
    def message_id(self) -> str | None:
        """The first id; the only one in v2."""
        return self.message_ids[0] if self.message_ids else None

    def __repr__(self) -> str:
        return f"Submission(via={self.via!r}, message_ids={self.message_ids!r}, to={mask_phone(self.to)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What became of one message of a bulk: a submission or an error, never both.

    Attributes:
        message: as the source gave it.
        index: its place in the source, from 0.
        submission: what the platform took.
        error: why it did not, or that nobody can tell.
    """

    message: Message
    index: int
    submission: Submission | None = None
    error: SendError | InvalidMessage | None = None

    @property
    def ok(self) -> bool:
        """Whether the platform took it."""
        return self.submission is not None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StatusUpdate:
    """What the platform says of one message, from an answer, a push or a receipt.

    Attributes:
        message_id: the platform's id.
        status: the status, open-ended; ``""`` while nothing is known.
        tracking_data: the label it was sent with, where the source gives it.
        to: the number, where the source gives it.
        submitted_at: when the platform took it.
        sent_at: when it went to the operator.
        status_at: when the status was reached ("deliveryDate" in the document).
        error: the operator's reason (table "err"), where there is one.
        error_text: the reason in the platform's words.
        operator_id: the subscriber's operator, by the platform's own number.
        mcc: the mobile country code of the subscriber's network.
        mnc: the mobile network code; see ``network``.
        parts: number of parts, where the source gives it.
        channel: ``sms`` or another, where the source gives it.
        login: whose message it is, where a push says so.
        node: the node that was asked, for ``poll``.
        source: ``poll``, ``push`` or ``receipt``.
        raw: the reply as it came, for what this value does not name.
    """

    message_id: str
    status: MessageStatus
    tracking_data: str | None = None
    to: str | None = None
    submitted_at: datetime | None = None
    sent_at: datetime | None = None
    status_at: datetime | None = None
    error: DeliveryErrorCode | None = None
    error_text: str | None = None
    operator_id: int | None = None
    mcc: int | None = None
    mnc: int | None = None
    parts: int | None = None
    channel: str | None = None
    login: str | None = None
    node: str | None = None
    source: Literal["poll", "push", "receipt"] = "poll"
    raw: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def is_final(self) -> bool:
        """No further change is expected (Delivered may still become Read, Clicked or Checked)."""
        return self.status.is_final

    @property
    def is_delivered(self) -> bool:
        """Delivered, Read, Clicked or Checked."""
        return self.status.is_delivered

    @property
    def network(self) -> str | None:
        """MCC and MNC as usually written, ``250-01``; the number form loses the zero."""
        if self.mcc is None or self.mnc is None:
            return None
        return f"{self.mcc:03d}-{self.mnc:02d}"

    def __repr__(self) -> str:
        return f"StatusUpdate(message_id={self.message_id!r}, status={str(self.status)!r}, source={self.source!r})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class InboundMessage:
    """A message from a subscriber to one of your numbers.

    Attributes:
        sender: the subscriber's number.
        text: what they wrote.
        message_id: the platform's id; the same id is the same message.
        recipient: your number, where the source gives it.
        short_number: your short number, if it was one.
        sent_at: when they sent it, where the source gives it.
        received_at: when the platform, or for a push this process, got it.
        source: the way it came.
        raw: the fields as they came, for what this value does not name.
    """

    sender: str
    text: str
    message_id: str | None = None
    recipient: str | None = None
    short_number: str | None = None
    sent_at: datetime | None = None
    received_at: datetime | None = None
    source: Literal["smpp", "push", "poll", "report", "email"] = "push"
    raw: Mapping[str, Any] | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"InboundMessage(sender={mask_phone(self.sender)!r}, text={mask_text(self.text)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """The account's balance; may be negative. The document names no unit.

    Attributes:
        amount: the number.
        raw: as the platform wrote it.
        node: the node that told it.
    """

    amount: Decimal
    raw: str
    node: str
