"""What a session tells its driver. Frozen, in the order in which things happened."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sms_traffic_async.protocols.smpp.fields import Request, Response, draft_of
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus

__all__ = (
    "Answered",
    "BindRefused",
    "Bound",
    "EndReason",
    "Ended",
    "Event",
    "Expired",
    "Notified",
    "Refused",
    "Requested",
    "Unexpected",
)


class EndReason(enum.Enum):
    """Why a session is over."""

    UNBOUND = "unbound"
    """We said unbind; it was answered, or the peer closed instead of answering."""
    UNBOUND_BY_PEER = "unbound by the peer"
    """The peer said unbind; it was answered, or the peer did not wait for that."""
    LOST = "connection lost"
    DEAD_PEER = "enquire_link unanswered"
    SILENT_PEER = "no enquire_link or enquire_link_resp for too long"
    BROKEN_FRAMING = "bad command_length"
    STALLED_PDU = "a PDU began and did not end"
    BIND_UNANSWERED = "bind unanswered"
    NEVER_BOUND = "no bind for too long"
    UNBIND_UNANSWERED = "unbind unanswered"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """The bind was accepted: the session may be used in this mode.

    Attributes:
        mode: what it carries.
        system_id: the name the peer goes by.
        interface_version: the version the SMSC says it speaks, if it does.
    """

    mode: BindMode
    system_id: str = ""
    interface_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BindRefused:
    """The bind was refused. The connection is still open, and another may be tried on it."""

    mode: BindMode
    command_status: CommandStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request of ours was answered, by its response or by a generic_nack.

    Attributes:
        token: what was handed in with the request.
        sequence: the request's sequence number.
        response: the answer.
        elapsed: seconds since it was queued for writing.
        late: `Expired` was told before.
    """

    token: Any
    sequence: int
    response: Response
    elapsed: float
    late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A request of ours had no answer in time: its outcome is unknown, and the answer may still come.

    Attributes:
        token: what was handed in with the request.
        sequence: the request's sequence number.
        command: its ``command_id``.
        unsent: it never left `data_to_send`, and will not: provably not sent.
    """

    token: Any
    sequence: int
    command: int
    unsent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """The peer asks for something, and waits for ``session.answer(sequence, ...)``.

    In the SMSC's role this includes a bind, whose answer binds the session.
    """

    sequence: int
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """The peer tells something that has no answer: alert_notification, outbind, or that it unbinds."""

    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The session itself refused what the peer sent, and lives on.

    Attributes:
        command: the ``command_id`` as it came.
        sequence: its sequence number.
        command_status: what was answered.
        why: a sentence without content of the PDU.
    """

    command: int
    sequence: int
    command_status: CommandStatus
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected:
    """A response to nothing that is waited for; ignored.

    Attributes:
        command: the ``command_id`` as it came.
        sequence: its sequence number.
        command_status: its status.
    """

    command: int
    sequence: int
    command_status: CommandStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The session is over: write what `data_to_send` still gives, then close the connection.

    Attributes:
        reason: why.
        detail: a sentence more, if there is one.
        unsent: tokens of requests that never left `data_to_send`: provably not sent.
        unanswered: tokens of the others without answer, in the order of sending:
            their outcome is unknown. Those that were `Expired` are not told again.
        sequences: the sequence numbers of ``unanswered``; not compared.
    """

    reason: EndReason
    detail: str = ""
    unsent: tuple[Any, ...] = ()
    unanswered: tuple[Any, ...] = ()
    sequences: tuple[int, ...] = field(default=(), compare=False)


Event: TypeAlias = Answered | BindRefused | Bound | Ended | Expired | Notified | Refused | Requested | Unexpected

_new_answered: Final = draft_of(object, ("token", "sequence", "response", "elapsed", "late"))
_new_requested: Final = draft_of(object, ("sequence", "request"))


def answered(token: Any, sequence: int, response: Response, elapsed: float, late: bool) -> Answered:
    """``Answered(...)`` at a tenth of the price; see `draft_of`."""
    event = _new_answered()
    event.token = token
    event.sequence = sequence
    event.response = response
    event.elapsed = elapsed
    event.late = late
    event.__class__ = Answered
    return event  # type: ignore[no-any-return] # it has just become one


def requested(sequence: int, request: Request) -> Requested:
    """``Requested(...)`` at a fraction of the price."""
    event = _new_requested()
    event.sequence = sequence
    event.request = request
    event.__class__ = Requested
    return event  # type: ignore[no-any-return] # it has just become one
