"""Every call to a customer's server or mailbox with its attempts, for the page and for tests."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sms_traffic_async.sandbox.inbound_email import Letter
from sms_traffic_async.sandbox.pushes_wire import HttpPush
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("CallState", "Dropped", "PushAttempt", "PushCall", "PushKind", "PushLog")

PushKind: TypeAlias = Literal["statuses", "inbound", "short_number", "email"]
Dropped: TypeAlias = Literal["", "before", "after"]
CallState: TypeAlias = Literal["waiting", "in flight", "delivered", "given up", "forgotten"]

KEEP_CALLS = 1_000
KEEP_BYTES = 16 * 1024 * 1024
KEEP_ATTEMPTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAttempt:
    """One time that a call was made.

    Attributes:
        at: sandbox time, seconds since the epoch.
        seconds: of the loop's own time until its end.
        status: what was answered: of HTTP, or 250 of a mail server; ``None`` without an answer.
        error: why there is none, as a few words; empty with one.
        answer: the answer's body, its beginning.
        by_hand: made because somebody asked for it.
    """

    at: float
    seconds: float
    status: int | None = None
    error: str = ""
    answer: bytes = field(default=b"", repr=False)
    content_type: str = field(default="", repr=False)
    by_hand: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class PushCall:
    """One call, however often it is made.

    Attributes:
        id: its name, such as ``push-17``.
        kind: what it tells.
        login: whose setting it follows.
        parcel: what is sent.
        messages: what it is about.
        message_ids: the ids it names, in its order.
        created_at: sandbox time, seconds since the epoch.
        state: ``forgotten`` is what a reset took away.
        attempts: the newest ones, oldest first.
        next_at: when it is tried next; ``None`` where it is not, or at once.
        drop: a fault: the connection of the first attempt ends before or after the request.
    """

    id: str
    kind: PushKind
    login: str
    parcel: HttpPush | Letter = field(repr=False)
    messages: tuple[StoredMessage, ...] = field(repr=False)
    message_ids: tuple[str, ...]
    created_at: float
    state: CallState = "waiting"
    attempts: deque[PushAttempt] = field(default_factory=lambda: deque[PushAttempt](maxlen=KEEP_ATTEMPTS))
    next_at: float | None = None
    drop: Dropped = ""

    @property
    def size(self) -> int:
        """Bytes that it keeps."""
        return len(self.parcel.body) + sum(len(one.answer) for one in self.attempts)


class PushLog:
    """The newest calls, oldest first, and how many there were at all."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, PushCall] = OrderedDict()
        self._bytes = 0
        self.total: int = 0

    def add(self, call: PushCall) -> None:
        """Keep a call as long as there is room."""
        self.total += 1
        self._calls[call.id] = call
        self._bytes += len(call.parcel.body)
        while len(self._calls) > KEEP_CALLS or self._bytes > KEEP_BYTES:
            _, old = self._calls.popitem(last=False)
            self._bytes -= len(old.parcel.body)

    def get(self, call_id: str) -> PushCall | None:
        """The call of a name, if it is still kept."""
        return self._calls.get(call_id)

    def clear(self) -> None:
        """Forget them."""
        self._calls.clear()
        self._bytes = 0
        self.total = 0

    def __iter__(self) -> Iterator[PushCall]:
        return iter(tuple(self._calls.values()))

    def __len__(self) -> int:
        return len(self._calls)
