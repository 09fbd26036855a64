"""Messages from subscribers as one stream, whichever way they come: SMPP, webhooks, the platform's list, a report.

1. A message counts as taken when the reader asks for the next one, or calls
   ``ack()`` on it. Only then SMPP acknowledges it and a webhook answers 200.
2. The same id is the same message, whatever way it comes: it is handed over once
   in a process life. A message without an id (SMPP gives none) is its own.
3. While nobody reads nothing is taken, so the platform keeps it. What was handed
   over and not taken, and what waits, goes to the next reader.
4. The buffer is bounded: SMPP and webhooks are told that it is full; our own
   look-ups wait for room.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, fields
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sms_traffic_async.delivery.ordering import Recent
from sms_traffic_async.errors import ConfigurationError, InboundNotTaken
from sms_traffic_async.events import InboundTaken
from sms_traffic_async.lifecycle import Spawn
from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.secrets import mask_phone, mask_text
from sms_traffic_async.settings_tracking import InboundOptions
from sms_traffic_async.telemetry import Telemetry

__all__ = ("Inbound", "InboundStats", "InboundStream", "Received")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Received(InboundMessage):
    """A message from a subscriber, to be acknowledged."""

    acknowledge: Callable[[], None] = field(compare=False)

    def ack(self) -> None:
        """It was dealt with; done by asking for the next message. A second call does nothing."""
        self.acknowledge()

    # A decorated class without a repr of its own would show the number and the text.
    def __repr__(self) -> str:
        return f"Received(sender={mask_phone(self.sender)!r}, text={mask_text(self.text)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundStats:
    """How the stream is doing.

    Attributes:
        waiting: messages nobody was given.
        unacknowledged: given, and not acknowledged.
        taken: acknowledged so far.
        repeated: came again.
    """

    waiting: int
    unacknowledged: int
    taken: int
    repeated: int


class _Item:
    __slots__ = ("acks", "done", "given_at", "message")

    def __init__(self, message: InboundMessage) -> None:
        self.message = message
        self.acks: list[Callable[[], None]] = []
        self.done = False
        self.given_at = 0.0


class Inbound:
    """The session's inbound messages; ``stream()`` opens them.

    Args:
        options: bounds.
        telemetry: counters.
        spawn: starts a task; its owner awaits it.
        feed: what looks the platform's lists up while somebody reads, given from when on; ``None`` for none.
        listening: told when somebody begins to read and when nobody does any longer (to switch SMPP's sink).
    """

    def __init__(
        self,
        *,
        options: InboundOptions,
        telemetry: Telemetry,
        spawn: Spawn,
        feed: Callable[[Inbound, datetime | None], Coroutine[Any, Any, None]] | None = None,
        listening: Callable[[bool], None] | None = None,
    ) -> None:
        self.options = options
        self._telemetry = telemetry
        self._stats = telemetry.stats
        self._spawn = spawn
        self._feed = feed
        self._listening = listening
        self._queue: deque[_Item] = deque()
        self._open: dict[str, _Item] = {}
        self._given: list[_Item] = []
        self._handled: Recent[str, bool] = Recent(options.remembered)
        self._reader: InboundStream | None = None
        self._task: asyncio.Task[Any] | None = None
        self._space = asyncio.Event()
        self._handling: set[asyncio.Future[bool]] = set()
        self._taken = 0
        self._repeated = 0
        self.closed: bool = False

    @property
    def stats(self) -> InboundStats:
        """How it is doing."""
        return InboundStats(
            waiting=len(self._queue), unacknowledged=len(self._given), taken=self._taken, repeated=self._repeated
        )

    @property
    def full(self) -> bool:
        """No more messages are taken now."""
        return len(self._queue) >= self.options.buffer

    # --- what comes in ---

    def take(self, message: InboundMessage, ack: Callable[[], None] | None = None) -> bool:
        """Take a message in, at once: SMPP's sink.

        Args:
            message: the message.
            ack: called once when the reader took it (at once for one that was taken before).

        Returns:
            False when there is no room, or nobody reads: it is to come again.
        """
        one = message.message_id
        if self._reader is None or self.closed:
            return False
        if one is not None and one in self._handled:
            self._repeated += 1
            if ack is not None:
                ack()
            return True
        item = None if one is None else self._open.get(one)
        if item is not None:
            self._repeated += 1
        elif self.full:
            self._stats.count("inbound.refused")
            return False
        else:
            item = _Item(message)
            self._queue.append(item)
            if one is not None:
                self._open[one] = item
            self._reader.wake()
        if ack is not None:
            item.acks.append(ack)
        return True

    async def handle(self, message: InboundMessage) -> None:
        """Take a message in and return when the reader took it: a webhook's handler.

        Raises:
            InboundNotTaken: nobody reads any more, or there is no room.

        Cancellation: it stays taken in; a repeat of it waits for the same reader.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self.take(message, lambda: _settle(done, taken=True)):
            raise InboundNotTaken("nobody reads inbound messages, or too many wait: the platform is to come again")
        self._handling.add(done)
        try:
            if not await done:
                raise InboundNotTaken("the reader left before it took the message: the platform is to come again")
        finally:
            self._handling.discard(done)

    async def put(self, message: InboundMessage) -> None:
        """Take a message in, waiting for room: what a look-up found. Messages taken before are passed over."""
        while self.full and not self.closed and self._reader is not None:
            self._space.clear()
            await self._space.wait()
        self.take(message)

    # --- what goes out ---

    def stream(self, *, since: datetime | None = None) -> InboundStream:
        """Everything that comes in while the block lasts. One at a time.

        Args:
            since: messages from then on (aware), as far as the platform still lists them, come first.
        """
        return InboundStream(self, since=since)

    def aclose(self) -> None:
        """No more comes; the reader's loop ends after what waits for it."""
        self.closed = True
        self._space.set()
        if self._reader is None:
            self._let_go()
        else:
            self._reader.wake()

    # --- for the reader ---

    def attach(self, reader: InboundStream, since: datetime | None) -> None:
        """Somebody reads."""
        if self._reader is not None:
            raise ConfigurationError("one inbound() at a time: share its messages out yourself")
        self._reader = reader
        if self._listening is not None:
            self._listening(True)
        if self._feed is not None:
            self._task = self._spawn(self._feed(self, since), "inbound feed")

    def detach(self) -> None:
        """Nobody reads any longer."""
        self._reader = None
        self._space.set()
        self._queue.extendleft(reversed(self._given))
        self._given.clear()
        self._let_go()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        if self._listening is not None:
            self._listening(False)

    def _let_go(self) -> None:
        """Whoever waits for the reader is told that it left; a repeat of the message finds it here."""
        for done in self._handling:
            _settle(done, taken=False)

    def next(self) -> Received | None:
        """The next message, if there is one."""
        if not self._queue:
            return None
        item = self._queue.popleft()
        self._given.append(item)
        item.given_at = asyncio.get_running_loop().time()
        self._space.set()
        values = {name: getattr(item.message, name) for name in _FIELDS}
        return Received(**values, acknowledge=lambda: self._ack(item))

    def _ack(self, item: _Item) -> None:
        if item.done:
            return
        item.done = True
        # Not given any more where its reader left without an acknowledgement: then it waits for the next.
        for place in (self._given, self._queue):
            if item in place:
                place.remove(item)
                break  # the queue is long, and it is nearly never there
        one = item.message.message_id
        if one is not None:
            self._open.pop(one, None)
            self._handled.put(one, True)
        self._taken += 1
        for ack in item.acks:
            ack()
        if self._telemetry.hooks:
            self._telemetry.emit(InboundTaken(seconds=asyncio.get_running_loop().time() - item.given_at))


def _settle(done: asyncio.Future[bool], *, taken: bool) -> None:
    if not done.done():
        done.set_result(taken)


_FIELDS = tuple(one.name for one in fields(InboundMessage))


class InboundStream:
    """What ``inbound()`` returns: an async context manager and iterator of ``Received``. One task reads it.

    ::

        async with sms.inbound() as messages:
            async for message in messages:
                await save(message.message_id, message.sender, message.text)
    """

    def __init__(self, inbound: Inbound, *, since: datetime | None) -> None:
        if since is not None and since.tzinfo is None:
            raise ConfigurationError("since is an aware datetime")
        self._inbound = inbound
        self._since = since
        self._entered = False
        self._open = False
        self._last: Received | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def stats(self) -> InboundStats:
        """How it is doing."""
        return self._inbound.stats

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigurationError("one inbound() is entered once: make another")
        self._inbound.attach(self, self._since)
        self._entered = self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave. Without an error the last message counts as taken; what was not taken waits for the next reader."""
        if kind is None and self._last is not None:
            self._last.ack()
        self._open = False
        self._inbound.detach()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        """The next message; asking for it acknowledges the last.

        Cancellation: harmless; nothing is lost.
        """
        if not self._open:
            raise ConfigurationError("enter it first: async with sms.inbound() as messages")
        last, self._last = self._last, None
        if last is not None:
            last.ack()
        while (message := self._inbound.next()) is None:
            if self._inbound.closed:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise ConfigurationError("one task reads an inbound(): share its messages out yourself")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._last = message
        return message

    def wake(self) -> None:
        """There is news, or there will be none any more."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
