"""Everything this library raises, and what each means for the message.

::

    SmsTrafficError
    ├── ConfigurationError (ValueError)      bad option, missing extra, closed or foreign loop
    ├── InvalidMessage (ValueError)          refused before I/O: .field .value (masked) .rule
    ├── SendError                            .outcome .retryable .code .node .message_key .advice
    │   ├── NotSent                          provably nothing left: .reason
    │   ├── Rejected                         the platform said no: .code .description
    │   │   ├── AuthenticationFailed  PermissionDenied  InsufficientFunds
    │   │   ├── InvalidRecipient  InvalidOriginator
    │   │   ├── RateLimited (.retry_after)  TemporarilyUnavailable
    │   │   └── DuplicateRequest (.message_ids)
    │   └── OutcomeUnknown                   bytes left, no complete answer: .evidence
    ├── RequestError                         the same for calls that send nothing
    │   ├── RequestRefused (.code)           the platform said no
    │   ├── RequestFailed                    no usable answer
    │   ├── ReportGone                       the report is no longer stored
    │   └── IncompleteIncoming (.messages)   protocols.http_v1: a list of inbound messages that was cut
    ├── StorageError (StorageClosed)         the file or database of an outbox or a tracker said no
    ├── Unreadable                           outbox: a kept message is encrypted with another key
    ├── StatusesNotTaken  InboundNotTaken    no room now: the platform keeps it and comes again
    ├── TlsError  ProtocolError (LocalProtocolError, RemoteProtocolError)
    └── LinkLost (ConnectionError)  DeadlineExceeded (TimeoutError)

It branches by what the caller can do. Every error of a send answers
``.outcome``: whether an SMS may be on its way is data, not guesswork. Its text
says three things, in this order: what happened, whether an SMS may have gone
out, and the next step. Messages name no secret, no phone number and no text.
"""

from __future__ import annotations

import enum
from typing import Any, ClassVar, Literal, TypeAlias

__all__ = (
    "AuthenticationFailed",
    "ConfigurationError",
    "DeadlineExceeded",
    "DuplicateRequest",
    "InboundNotTaken",
    "InsufficientFunds",
    "InvalidMessage",
    "InvalidOriginator",
    "InvalidRecipient",
    "LinkLost",
    "LocalProtocolError",
    "NotSent",
    "NotSentReason",
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
    "SendError",
    "SmsTrafficError",
    "StatusesNotTaken",
    "StorageClosed",
    "StorageError",
    "TemporarilyUnavailable",
    "TlsError",
)

NotSentReason: TypeAlias = Literal["unreachable", "overloaded", "expired", "guarded", "closed"]


_AFTER_NOT_SENT: dict[NotSentReason, str] = {
    "unreachable": "Check the network and the addresses; sending it again is harmless.",
    "overloaded": "Send it again when there is less to do, or allow it more time; that is harmless.",
    "expired": "If it is still wanted, send it again with more time.",
    "guarded": "Change the guard's rules if this was to go out.",
    "closed": "Send it again in a session that is open; that is harmless.",
}


class Outcome(enum.Enum):
    """What is known of one message after an attempt to send it."""

    ACCEPTED = "accepted"
    """The platform took it: there is a witness (an answer, a look-up or a push)."""
    REJECTED = "rejected"
    """The platform said no; no SMS goes out."""
    NOT_SENT = "not_sent"
    """Provably nothing left this process; no SMS goes out."""
    UNKNOWN = "unknown"
    """Bytes left and no complete answer came; an SMS may have gone out."""


def _rebuild(cls: type[SmsTrafficError], text: str, state: dict[str, Any]) -> SmsTrafficError:
    error = cls.__new__(cls, text)
    Exception.__init__(error, text)
    error.__dict__.update(state)
    return error


class SmsTrafficError(Exception):
    """The root of everything raised on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), dict(self.__dict__))


class ConfigurationError(SmsTrafficError, ValueError):
    """A bad option, a missing extra, or a session used where it cannot live."""


class InvalidMessage(SmsTrafficError, ValueError):
    """Refused before any I/O; nothing was sent.

    Attributes:
        field: the name of the argument at fault.
        value: the value, masked.
        rule: what it breaks, as a sentence.
    """

    def __init__(self, field: str, value: str, rule: str) -> None:
        super().__init__(f"{field}: {rule} (got {value})")
        self.field = field
        self.value = value
        self.rule = rule


class SendError(SmsTrafficError):
    """A send that did not end in acceptance.

    Attributes:
        outcome: what is known of the message.
        retryable: whether sending the same message again *by the caller* can
            neither duplicate it nor fail for the same reason at once.
        code: the platform's code, if it gave one.
        node: the name of the node spoken to last, if any.
        message_key: the id this library gave the message (trackingData in v2).
        advice: the next step, as a sentence.
    """

    outcome: ClassVar[Outcome]
    retryable: bool = False
    _fate: ClassVar[str] = ""
    """The sentence on whether an SMS may have gone out."""
    _next_step: ClassVar[str] = ""
    """The advice where whoever raises it knows no better one."""

    def __init__(
        self,
        text: str,
        *,
        code: int | None = None,
        node: str | None = None,
        message_key: str | None = None,
        advice: str = "",
    ) -> None:
        self.code = code
        self.node = node
        self.message_key = message_key
        self.advice: str = advice or self._next_step
        said = text if text.endswith((".", "!", "?", "…")) else f"{text}."
        fate = "" if self._fate[:-1].casefold() in said.casefold() else self._fate
        super().__init__(" ".join(part for part in (said, fate, self.advice) if part))


class NotSent(SendError):
    """Provably nothing left this process.

    Attributes:
        reason: ``unreachable`` (no node could be reached), ``overloaded``
            (waited for a free place until the deadline), ``expired`` (its time
            to live or the deadline passed first), ``guarded`` (a guard of the
            caller's refused it), ``closed`` (the session was closing).
    """

    outcome = Outcome.NOT_SENT
    _fate = "Nothing was sent."

    def __init__(self, text: str, *, reason: NotSentReason, advice: str = "", **rest: Any) -> None:
        super().__init__(text, advice=advice or _AFTER_NOT_SENT.get(reason, ""), **rest)
        self.reason: NotSentReason = reason
        self.retryable: bool = reason in {"unreachable", "overloaded", "closed"}


class Rejected(SendError):
    """The platform said no; no SMS goes out.

    Attributes:
        description: the platform's own words, without phone numbers.
    """

    outcome = Outcome.REJECTED
    _fate = "No SMS goes out."
    _next_step = "Correct what was refused before you send it again."

    def __init__(self, text: str, *, description: str = "", **rest: Any) -> None:
        super().__init__(text, **rest)
        self.description = description


class AuthenticationFailed(Rejected):
    """The login, password or API key was not accepted (codes 401, 402, 411, 412; HTTP 401)."""

    _next_step = "Check the credentials; the same ones will be refused again."


class PermissionDenied(Rejected):
    """The credential may not do this (HTTP 403, codes 419 and 439)."""

    _next_step = "Ask your manager or the platform's support for the permission."


class InsufficientFunds(Rejected):
    """The account has no money left (code 415, ESME_RBINDFAIL)."""

    _next_step = "Top the account up, then send it again."


class InvalidRecipient(Rejected):
    """The number cannot be sent to (codes 403, 407, 422, 425–432, 440)."""

    _next_step = "Check the number."


class InvalidOriginator(Rejected):
    """The sender name is too long or not allowed (codes 421, 436)."""

    _next_step = "Use a sender that is registered for the account."


class RateLimited(Rejected):
    """Too many requests, and the wait asked for does not fit the deadline.

    Attributes:
        retry_after: seconds until the platform will listen again, if it said so.
    """

    retryable = True
    _next_step = "Send it again after a while, and less at once."

    def __init__(self, text: str, *, retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(text, **rest)
        self.retry_after = retry_after


class TemporarilyUnavailable(Rejected):
    """The platform could not take it now (code 1000) and the deadline came first."""

    retryable = True
    _next_step = "Send it again later."


class DuplicateRequest(Rejected):
    """The platform has taken a message under this restrictiveId within the hour (code 105).

    Attributes:
        message_ids: ids found for it by look-up. Where none is found nobody knows what came of the first: that is
            raised as ``OutcomeUnknown``. Empty only for an answer 105 that was read without a session.
    """

    _fate = "Nothing more goes out; what was sent first under this id stands."
    _next_step = "Its ids, where they were found, are in message_ids; another message needs another key."

    def __init__(self, text: str, *, message_ids: tuple[str, ...] = (), **rest: Any) -> None:
        super().__init__(text, **rest)
        self.message_ids = message_ids


class OutcomeUnknown(SendError):
    """Bytes left this process and no complete answer came: an SMS may have gone out.

    Never silently sent again. ``await sms.resolve(error)`` looks the truth up
    where the platform can tell.

    Attributes:
        evidence: what would be needed to find out: key, restrictiveId, node,
            times of the attempts. Holds no secret, no phone number and no text.
    """

    outcome = Outcome.UNKNOWN
    _fate = "An SMS may have gone out."
    _next_step = "Ask sms.resolve(error) before you send it again."

    def __init__(self, text: str, *, evidence: Any = None, **rest: Any) -> None:
        super().__init__(text, **rest)
        self.evidence = evidence


class RequestError(SmsTrafficError):
    """A call that sends nothing (status, balance, report) failed; it may be repeated.

    Attributes:
        operation: the call's name, such as ``v2.balance``.
        code: the platform's code, if it gave one.
        node: the node spoken to last.
        retry_after: seconds the platform asked to wait, if it did.
    """

    def __init__(
        self,
        text: str,
        *,
        operation: str = "",
        code: int | None = None,
        node: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.operation = operation
        self.code = code
        self.node = node
        self.retry_after = retry_after


class RequestRefused(RequestError):
    """The platform answered, and the answer is no."""


class RequestFailed(RequestError):
    """No node gave a usable answer before the deadline."""


class ReportGone(RequestError):
    """The report is not stored (any more): reports live 7 days, on one node."""


class StorageError(SmsTrafficError):
    """The file or database of an outbox or a tracker could not be opened, read or written; this work was not kept."""


class StorageClosed(StorageError):
    """It is closed, or closing."""


class StatusesNotTaken(SmsTrafficError):
    """No more statuses, or messages to follow, are taken now: there is no room, or the session closes."""


class InboundNotTaken(SmsTrafficError):
    """Nobody reads, or there is no room: the platform is to keep the message and come again."""


class TlsError(SmsTrafficError):
    """The peer's certificate was not accepted. Never answered by going without TLS."""


class ProtocolError(SmsTrafficError):
    """A protocol was broken."""


class LocalProtocolError(ProtocolError):
    """By us: a call in a state that does not allow it."""


class RemoteProtocolError(ProtocolError):
    """By the peer: bytes that the protocol does not allow."""


class LinkLost(SmsTrafficError, ConnectionError):
    """A persistent connection ended."""


class DeadlineExceeded(SmsTrafficError, TimeoutError):
    """The caller's deadline passed in a call that sends nothing.

    Attributes:
        last: the latest that was known by then, such as a ``StatusUpdate``.
    """

    def __init__(self, text: str, *, last: Any = None) -> None:
        super().__init__(text)
        self.last = last
