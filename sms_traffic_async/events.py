"""What hooks are told: frozen events. None carries a phone number, a text or a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sms_traffic_async.telemetry import Stats

__all__ = (
    "InboundTaken",
    "ProcessEnded",
    "ProcessStarted",
    "RequestFinished",
    "SendEnded",
    "SendFinished",
    "SendStarted",
    "SessionEnded",
    "SessionMade",
    "UpdateTaken",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """One request on the wire ended.

    Attributes:
        operation: such as ``v2.send``.
        node: the node's name.
        seconds: from the first byte written to the verdict.
        verdict: ``answered`` or the attempt's verdict.
        status: the HTTP status, if one came.
        calls: the sends whose messages it carried (``SendStarted.call``), where a `ScopedHook` listens.
    """

    operation: str
    node: str
    seconds: float
    verdict: str
    status: int | None = None
    calls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFinished:
    """One message got its outcome.

    Attributes:
        via: the protocol.
        outcome: ``accepted``, ``rejected``, ``not_sent`` or ``unknown``.
        attempts: requests that were made for it.
        seconds: since its first request began.
        code: the platform's code, if it gave one.
    """

    via: str
    outcome: str
    attempts: int
    seconds: float
    code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendStarted:
    """A call that sends begins; for ``ScopedHook.begin``.

    Attributes:
        call: its number, unique in the process.
        via: the protocol that was asked for, or is the first that may be used.
        messages: how many it sends.
        origins: W3C traceparents of where the messages were enqueued, if they come from an outbox.
    """

    call: int
    via: str
    messages: int = 1
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendEnded:
    """That call ended.

    Attributes:
        call: its number.
        via: the protocol that was used last.
        outcome: ``accepted``, ``rejected``, ``not_sent``, ``unknown``, ``invalid``, ``cancelled``, ``failed``, or
            ``several`` for more than one message.
        seconds: for the caller, waiting included.
        error: the type of what was raised.
        code: the platform's.
        node: who answered.
        attempts: requests.
        parts: of the SMS, as estimated.
        message_ids: the platform's.
    """

    call: int
    via: str
    outcome: str
    seconds: float
    error: str | None = None
    code: int | None = None
    node: str | None = None
    attempts: int | None = None
    parts: int | None = None
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStarted:
    """Code of the application is about to be given statuses or messages of subscribers.

    Attributes:
        kind: ``statuses``, ``inbound`` or ``short_number``.
        source: ``webhook`` (a push is handed over) or ``callback`` (``on_status``).
        messages: how many.
        message_ids: of the statuses; those of sent messages.
    """

    kind: str
    source: str
    messages: int
    message_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEnded:
    """It returned, or raised.

    Attributes:
        seconds: what it took.
        error: the type of what it raised.
    """

    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundTaken:
    """The reader of ``sms.inbound()`` took a message.

    Attributes:
        seconds: since it was handed over.
    """

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateTaken:
    """The reader of ``sms.updates()`` took a status.

    Attributes:
        message_id: whose.
        seconds: since it was handed over.
    """

    message_id: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMade:
    """A session was made.

    Attributes:
        stats: its counters and gauges, which can be read until `SessionEnded`.
    """

    stats: Stats


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """A session was closed.

    Attributes:
        stats: its counters and gauges, as ``SessionMade`` gave them.
    """

    stats: Stats
