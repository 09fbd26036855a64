"""What messages of several callers share in one ``/v2/send``, and what stays each one's own.

Rules
-----
1. What stands once in a request (originator, transliteration, ``maxParts``,
   validity, start, name of the mailing) must be equal for all.
2. Every message brings its text and its label. One with params or ``[[`` shares a
   request only with the same text, which then stands where the document shows
   that it is filled in.
3. ``key=`` goes alone, because its restrictiveId is derived from the key.
4. A batch's restrictiveId is made with it and belongs to these messages alone; a
   batch of one goes out under the message's own id.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import InvalidMessage, SendError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.message_rules import PARTS_MAX
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.batching import Batcher
from sms_traffic_async.protocols.flight import Flight, Item, Leaving, Slot
from sms_traffic_async.protocols.http_v2.batch import Batch, plain_encoding, request_of, sized
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.failures import SEND
from sms_traffic_async.protocols.http_v2.sending import Delivery
from sms_traffic_async.protocols.lanes import Lane
from sms_traffic_async.protocols.overdue import overdue
from sms_traffic_async.protocols.scopes import Scopes
from sms_traffic_async.telemetry import CALLS

if TYPE_CHECKING:
    import asyncio

    from sms_traffic_async.protocols import flight
    from sms_traffic_async.protocols.http.record import Outcome

__all__ = ("V2Batching", "V2Item", "item_of", "shared_batch")


_NO_OPTIONS = (None,) * 5
NUMBER_DIGITS = 5
"""Of the 32 hexadecimal digits of an id, those that tell the messages of one batch apart."""


class V2Item(Item):
    """One message of a shared batch: a ``Labelled`` member and an ``Addressed`` destination at once.

    Made for every message that is queued, so it is one object and not three. Its id
    is made with its first batch: a batch makes those of all its messages at once.

    Attributes:
        key: its id in errors and submissions.
        label: the trackingData it is sent with; ``tracking_data`` is the same.
        own_label: the label was made here and is unique.
        text: its own text; ``None`` where the batch has a common one.
        template: that one.
        params: values for it.
        plain: neither text nor label needs an escape in JSON.
        parts_exact: whether the document leaves no doubt about ``parts``.
        encoding: ``gsm7`` or ``ucs2``, as estimated.
        message: where the options stand that all of the group share.
        max_parts: what the platform is told.
        originator: the message's or the session's.
    """

    __slots__ = ("encoding", "key", "label", "max_parts", "message", "originator", "own_label", "params",
                 "parts_exact", "plain", "template", "text", "tracking_data")  # fmt: skip

    def __init__(self, message: Message, group: Hashable, lane: Lane, limit: float, deadline: float) -> None:
        self.message: Message = message
        self.group = group
        self.to: str = message.to
        self.parts = 1
        self.lane = lane
        self.limit = limit
        self.deadline = deadline
        self.alarm: float | None = None
        self.outcome: Outcome | None = None
        self.failure: Exception | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.delivery: flight.Delivery | None = None
        self.task: asyncio.Task[Any] | None = None
        self.quit: Callable[[Any, Leaving], None] | None = None
        self.place = 0
        self.calls: tuple[int, ...] = CALLS.get()
        label = message.tracking_data
        self.key: str = ""
        self.label: str = label or ""
        self.tracking_data: str = self.label
        self.own_label: bool = label is None
        self.text: str | None = message.text
        self.template: str | None = None
        self.params: Mapping[str, str] | None = None
        self.plain: bool = label is None
        self.parts_exact: bool = True
        self.encoding: str | None = None
        self.max_parts: int | None = None
        self.originator: str | None = None

    def name(self, key: str) -> None:
        """Give it its id; does nothing the second time."""
        if not self.key:
            self.key = key
            if self.own_label:
                self.label = self.tracking_data = key


def item_of(
    message: Message,
    *,
    originator: str | None,
    max_parts: int,
    lane: Lane,
    deadline: float,
    clock: Clock,
) -> V2Item | InvalidMessage:
    """A message as it waits for a batch, or why v2 cannot carry it. Hot: runs for every message that is queued.

    Args:
        message: the message; it has no ``key``.
        originator: the sender where the message names none.
        max_parts: the limit where the message gives none.
        lane: where it waits.
        deadline: the caller's, monotonic seconds.
        clock: tells how long ``expires_in`` is.
    """
    originator = message.originator or originator
    if (
        message.transliterate is message.flash is message.truncate is False
        and message.params is None
        and message.start_at is None
        and message.validity is None
        and message.batch_name is None
        and message.max_parts is None
        and message.expires_in is None
        and max_parts >= PARTS_MAX
        and (encoding := plain_encoding(message.text)) is not None
    ):
        # Nearly all of them: nothing to compare but a name, nothing to find out but the alphabet.
        item = V2Item(message, originator, lane, deadline, deadline)
        item.encoding = encoding
        item.originator = originator
        return item
    return _item_of(message, originator, max_parts, lane, deadline, clock)


def _item_of(
    message: Message, originator: str | None, max_parts: int, lane: Lane, deadline: float, clock: Clock
) -> V2Item | InvalidMessage:
    size = sized(message, max_parts)
    if isinstance(size, InvalidMessage):
        return size
    text, parts, exact, encoding, limit = size
    template = text if message.params is not None or "[[" in text else None
    start = message.start_at
    options = (limit, message.validity, message.batch_name, template, start)
    group: Hashable = originator
    if options != _NO_OPTIONS or message.transliterate:
        group = (originator, message.transliterate, limit, message.validity, message.batch_name, template,
                 None if start is None else (start.isoformat(), message.local_time))  # fmt: skip
    limit_at = deadline
    if message.expires_in is not None:
        limit_at = min(deadline, clock.monotonic() + message.expires_in)
    item = V2Item(message, group, lane, limit_at, deadline)
    item.parts = parts
    item.text = text if template is None else None
    item.template = template
    item.params = message.params
    item.plain = False
    item.parts_exact = exact
    item.encoding = encoding
    item.max_parts = limit
    item.originator = originator
    return item


def shared_batch(items: Sequence[V2Item]) -> Batch:
    """The batch of messages of one group; frozen from here on."""
    first = items[0]
    message = first.message
    if len(items) == 1:
        first.name(str(uuid.uuid4()))
    else:
        _name_all(items)
    return Batch(
        members=tuple(items),
        request=request_of(
            message,
            tuple(items),
            text=first.template,
            originator=first.originator,
            max_parts=first.max_parts,
            restrictive_id=first.key if len(items) == 1 else str(uuid.uuid4()),
        ),
        chosen=False,
    )


def _name_all(items: Sequence[V2Item]) -> None:
    """Ids for all of a batch: one UUID, and in it a number for each. At random once a batch, so a fork repeats none."""
    head = str(uuid.uuid4())[:-NUMBER_DIGITS]
    for number, item in enumerate(items):
        if not item.key:
            item.key = key = f"{head}{number:05x}"
            if item.own_label:
                item.label = item.tracking_data = key


class V2Batching:
    """Shares the requests of one v2 client among concurrent messages.

    Args:
        calls: the client's calls.
        life: the session's.
        scopes: probe the nodes that are due.
    """

    def __init__(self, calls: V2Calls, life: Life, scopes: Scopes) -> None:
        http = calls.settings.http
        self._calls = calls
        self._scopes = scopes
        self.batcher: Batcher[V2Item] = Batcher(
            self, life=life, clock=calls.clock, slots=http.in_flight, most=http.batch
        )
        self.batcher.gauges(calls.telemetry.stats, "v2")

    def item(self, message: Message, lane: Lane, timeout: float | None) -> V2Item | InvalidMessage:
        """See ``item_of``."""
        calls = self._calls
        settings = calls.settings
        if message.validity is not None:
            calls.warn_of_short_validity(message.validity)
        return item_of(
            message,
            originator=settings.originator,
            max_parts=settings.max_parts,
            lane=lane,
            deadline=calls.deadline(timeout),
            clock=calls.clock,
        )

    # --- what the batcher asks of it

    def flight(self, items: list[V2Item], slot: Slot) -> Flight[V2Item, Delivery]:
        """See ``Carrier``."""

        def deliver(items: list[V2Item], older: Delivery | None) -> Delivery:
            return Delivery(
                self._calls,
                shared_batch(items),
                deadline=max([item.deadline for item in items]),
                expires_at=max([item.limit for item in items]),
                slot=slot,
                shared=True,
                older=older,
            )

        return Flight(items, deliver)

    def not_sent(self, item: V2Item, why: Leaving) -> SendError:
        """See ``Carrier``."""
        calls = self._calls
        item.name(str(uuid.uuid4()))
        return overdue(item.key, why, operation=SEND, via="v2", paused=calls.paused("send"), telemetry=calls.telemetry)

    def after(self) -> None:
        """See ``Carrier``."""
        self._scopes.probe_what_is_due()
