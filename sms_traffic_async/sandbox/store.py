"""Every message of the sandbox, whatever protocol it came by.

A message lives seven sandbox days, found by its id, by the id of one of its
parts, and by its tracking data. The page looks at the newest few thousand
only. The raw request that brought it is kept for the newest requests.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.numbers import Operator
from sms_traffic_async.secrets import mask_phone, mask_text

__all__ = ("DAY", "Exchange", "Store", "StoredMessage")

DAY = 86_400.0
KEEP_DAYS = 7
KEEP_MESSAGES = 1_000_000
"""A hard bound below which the days decide."""
KEEP_NEWEST = 5_000
KEEP_EXCHANGES = 1_000
KEEP_EXCHANGE_BYTES = 16 * 1024 * 1024

_ID_BITS = 20
_LONG_ID = 10**38


@dataclass(slots=True, kw_only=True, repr=False, eq=False)
class StoredMessage:
    """One message as the platform knows it. Times are sandbox seconds since the epoch.

    Attributes:
        id: its id; the first part's where parts have ids of their own.
        part_ids: one id a part (v1, SOAP); empty where the message has one id.
        direction: ``mt`` to a subscriber, ``mo`` from one.
        protocol: how it came.
        node: that took it, 1 or 2.
        request_id: of the request it came in.
        ip: that it came from.
        login: whose it is.
        department: of that login.
        to: the subscriber: the recipient of ``mt``, the sender of ``mo``.
        originator: the sender of ``mt``, the number written to of ``mo``.
        text: as it goes on the air.
        sent_at: when it went to the operator; ``None`` before.
        status_at: when its status was reached; ``None`` before the first.
        status: the platform's word; ``""`` while there is none.
        error: the operator's reason, 1 to 17; 0 for none.
        history: every status with its time.
        course: what its life is to bring; empty before it begins.
        course_code: the reason that goes with it.
    """

    id: str
    login: str
    department: str
    to: str
    originator: str
    text: str
    encoding: str
    parts: int
    cost: Decimal
    protocol: str
    node: int
    request_id: str
    submitted_at: float
    operator: Operator
    direction: Literal["mt", "mo"] = "mt"
    part_ids: tuple[str, ...] = ()
    tracking_data: str | None = None
    restrictive_id: str | None = None
    batch_name: str = ""
    start_at: float | None = None
    validity: float | None = None
    flash: bool = False
    ip: str = ""
    channel: str = "sms"
    status: str = ""
    error: int = 0
    sent_at: float | None = None
    status_at: float | None = None
    read_at: float | None = None
    history: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])
    course: str = ""
    course_code: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id it answers to."""
        return self.part_ids or (self.id,)

    def __repr__(self) -> str:
        return (
            f"StoredMessage(id={self.id!r}, protocol={self.protocol!r}, to={mask_phone(self.to)!r}, "
            f"text={mask_text(self.text)}, status={self.status!r})"
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exchange:
    """One request and its answer as they were on the wire; ``head`` shows no secret."""

    request_id: str
    protocol: str
    operation: str
    node: int
    at: float
    first_line: str
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    status: int
    answer: bytes

    @property
    def head(self) -> str:
        """The request's first line and headers, the secret half of a token masked."""
        lines = [f"{name.decode('latin-1')}: {_masked(name, value)}" for name, value in self.headers]
        return "\r\n".join([self.first_line, *lines])

    def __repr__(self) -> str:
        return f"Exchange({self.request_id!r}, {self.protocol} {self.operation}, {self.status})"


def _masked(name: bytes, value: bytes) -> str:
    if name == b"authorization":
        public, _, _ = value.partition(b"/")
        return f"{public.decode('latin-1')[:40]}/********"
    if name in {b"cookie", b"proxy-authorization"}:
        return "********"
    return value.decode("latin-1")


class Store:
    """The messages, newest last."""

    def __init__(self, clock: SandboxClock, *, keep_newest: int = KEEP_NEWEST) -> None:
        self._clock = clock
        self._by_id: dict[str, StoredMessage] = {}
        self._by_tracking: dict[str, list[StoredMessage]] = {}
        self._in_order: deque[StoredMessage] = deque()
        self._newest: deque[StoredMessage] = deque(maxlen=keep_newest)
        self._exchanges: OrderedDict[str, Exchange] = OrderedDict()
        self._exchange_bytes = 0
        self._last_id = 0
        self._requests = 0
        self.total: int = 0
        self.listeners: list[Callable[[Exchange], None]] = []
        """Called with every request that is recorded."""
        self.keepers: list[Callable[[StoredMessage | None], None]] = []
        """Called with every message that came or has one more part; with ``None`` when all are forgotten."""

    def new_id(self, digits: int = 19) -> str:
        """A fresh id: growing, of 19 digits, or of 39 as the newest on the live platform."""
        self._last_id = max(self._last_id + 1, int(self._clock.now() * 1000) << _ID_BITS)
        return str(self._last_id) if digits == 19 else str(_LONG_ID + self._last_id)

    def new_request_id(self) -> str:
        """A name for one request, for logs and the page."""
        self._requests += 1
        return f"r{self._requests:07d}"

    def add(self, message: StoredMessage) -> None:
        """Take a message in."""
        self._forget_old()
        for message_id in message.ids:
            self._by_id[message_id] = message
        if message.tracking_data:
            self._by_tracking.setdefault(message.tracking_data, []).append(message)
        self._in_order.append(message)
        self._newest.append(message)
        self.total += 1
        self._keep(message)

    def add_part(self, message: StoredMessage, part_id: str) -> None:
        """One more part of a message that is there already has come, under an id of its own."""
        message.part_ids += (part_id,)
        self._by_id[part_id] = message
        self._keep(message)

    def get(self, message_id: str) -> StoredMessage | None:
        """The message of an id, if it is still kept."""
        self._forget_old()
        return self._by_id.get(message_id)

    def by_tracking_data(self, label: str) -> tuple[StoredMessage, ...]:
        """Every message with this label, oldest first."""
        self._forget_old()
        return tuple(self._by_tracking.get(label, ()))

    def newest(self) -> tuple[StoredMessage, ...]:
        """What the page shows, oldest first."""
        return tuple(self._newest)

    @property
    def shown(self) -> int:
        """How many messages `newest` has."""
        return len(self._newest)

    def __iter__(self) -> Iterator[StoredMessage]:
        self._forget_old()
        return iter(tuple(self._in_order))

    def __len__(self) -> int:
        return len(self._in_order)

    def record(self, exchange: Exchange) -> None:
        """Keep a request and its answer, as long as there is room."""
        for listener in self.listeners:
            listener(exchange)
        self._exchanges[exchange.request_id] = exchange
        self._exchange_bytes += len(exchange.body) + len(exchange.answer)
        while len(self._exchanges) > KEEP_EXCHANGES or self._exchange_bytes > KEEP_EXCHANGE_BYTES:
            _, old = self._exchanges.popitem(last=False)
            self._exchange_bytes -= len(old.body) + len(old.answer)

    def exchange(self, request_id: str) -> Exchange | None:
        """The request of this name, if it is still kept."""
        return self._exchanges.get(request_id)

    def clear(self) -> None:
        """Forget every message and request; ids go on growing."""
        self._by_id.clear()
        self._by_tracking.clear()
        self._in_order.clear()
        self._newest.clear()
        self._exchanges.clear()
        self._exchange_bytes = 0
        self.total = 0
        self._keep(None)

    @property
    def counters(self) -> tuple[int, int]:
        """The last id and the last request's number."""
        return self._last_id, self._requests

    def go_on(self, last_id: int, requests: int) -> None:
        """Let ids and request names grow on from those of an earlier run."""
        self._last_id, self._requests = max(self._last_id, last_id), max(self._requests, requests)

    def _keep(self, message: StoredMessage | None) -> None:
        for keeper in self.keepers:
            keeper(message)

    def _forget_old(self) -> None:
        in_order = self._in_order
        horizon = self._clock.now() - KEEP_DAYS * DAY
        while in_order and (in_order[0].submitted_at < horizon or len(in_order) > KEEP_MESSAGES):
            old = in_order.popleft()
            for message_id in old.ids:
                self._by_id.pop(message_id, None)
            if old.tracking_data:
                same = self._by_tracking.get(old.tracking_data, [])
                if old in same:
                    same.remove(old)
                if not same:
                    self._by_tracking.pop(old.tracking_data, None)
