"""Sending many messages: results as they come, in constant memory.

Leaving the block stops the work: nothing more is read from the source, what
is under way is interrupted with an honest outcome (reading on after the block
gives those results too), and ``.summary`` says what was sent, refused, unknown
and untouched.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

from sms_traffic_async.errors import ConfigurationError, InvalidMessage, NotSent, Outcome, SendError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message, SendResult, Submission

__all__ = ("BulkSend", "BulkSummary", "Messages")

Messages: TypeAlias = Iterable[Message] | AsyncIterable[Message]

MOST_CONCURRENCY = 10_000
STOP_SECONDS = 5.0
"""How long leaving the block waits for interrupted messages to get their outcome."""


@dataclass(slots=True, kw_only=True)
class BulkSummary:
    """Counts of messages, by outcome.

    Attributes:
        taken: read from the source.
        accepted: the platform took them.
        rejected: the platform, or our own checks, said no.
        not_sent: provably nothing left.
        unknown: an SMS may have gone out.
        interrupted: taken, and without an outcome because leaving the block was
            cancelled; an SMS may have gone out.
        exhausted: the source was read to its end.
    """

    taken: int = 0
    accepted: int = 0
    rejected: int = 0
    not_sent: int = 0
    unknown: int = 0
    exhausted: bool = False

    @property
    def interrupted(self) -> int:
        """Taken from the source, and without an outcome."""
        return self.taken - self.accepted - self.rejected - self.not_sent - self.unknown

    def add(self, result: SendResult) -> None:
        """Count one result."""
        match result.error:
            case None:
                self.accepted += 1
            case SendError(outcome=Outcome.UNKNOWN):
                self.unknown += 1
            case SendError(outcome=Outcome.NOT_SENT):
                self.not_sent += 1
            case _:
                self.rejected += 1


class BulkSend:
    """What ``send_many`` returns: an async context manager and iterator of results.

    Results come in the order in which they are known; ``index`` tells the
    place in the source. Not re-entrant; one consumer.
    """

    def __init__(
        self, messages: Messages, send: Callable[[Message], Awaitable[Submission]], *, life: Life, concurrency: int
    ) -> None:
        if type(concurrency) is not int or not 1 <= concurrency <= MOST_CONCURRENCY:
            raise ConfigurationError(f"concurrency is a whole number from 1 to {MOST_CONCURRENCY}")
        if not isinstance(cast("object", messages), Iterable | AsyncIterable):
            raise ConfigurationError("send_many takes an iterable or async iterable of Message")
        self.summary = BulkSummary()
        self._source = messages
        self._send = send
        self._life = life
        self._concurrency = concurrency
        # Whoever does not read stops the sending, not the memory: a worker that has
        # laid down a result waits until there is room before it takes another message.
        self._results: deque[SendResult] = deque()
        self._failure: BaseException | None = None
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._reading = asyncio.Lock()
        self._sync: Iterator[Message] | None = None
        self._async: AsyncIterator[Message] | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._sending: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._alive = 0
        self._entered = False

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigurationError("one send_many is entered once: make another")
        self._entered = True
        if isinstance(self._source, AsyncIterable):
            self._async = aiter(self._source)
        else:
            self._sync = iter(self._source)
        self._alive = self._concurrency
        for number in range(self._concurrency):
            worker = self._life.spawn(self._work(), f"bulk {number}")
            worker.add_done_callback(self._worker_ended)
            self._workers.append(worker)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop. What is under way is interrupted with an honest outcome; reading on gives those results too.

        Cancellation: messages under way are left without an outcome (``summary.interrupted``).
        """
        self._stopping = True
        self._life.interrupt(self._sending)
        for worker in self._workers:
            if worker not in self._sending:
                worker.cancel()
        try:
            if self._workers:
                await asyncio.wait(self._workers, timeout=STOP_SECONDS)
        finally:
            for worker in self._workers:
                worker.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SendResult:
        if not self._entered:
            raise ConfigurationError("enter it first: async with sms.send_many(...) as results")
        while not self._results:
            if not self._alive:
                failure, self._failure = self._failure, None
                if failure is not None:
                    raise failure
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        result = self._results.popleft()
        self._space.set()
        return result

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        self._alive -= 1
        if not worker.cancelled() and (error := worker.exception()) is not None and self._failure is None:
            self._failure = error
            self._stopping = True
        self._news.set()

    async def _work(self) -> None:
        while (taken := await self._next()) is not None:
            me = cast("asyncio.Task[Any]", asyncio.current_task())
            self._sending.add(me)
            try:
                result = await self._one(*taken)
            finally:
                self._sending.discard(me)
            # Counted and laid down before anything is awaited: leaving the block loses no outcome.
            self.summary.add(result)
            self._results.append(result)
            self._news.set()
            if isinstance(result.error, NotSent) and result.error.reason == "closed":
                return
            while len(self._results) >= self._concurrency and not self._stopping:
                self._space.clear()
                await self._space.wait()

    async def _next(self) -> tuple[int, Message] | None:
        async with self._reading:
            if self.summary.exhausted or self._stopping:
                return None
            try:
                message = next(self._sync) if self._sync is not None else await self._anext()
            except (StopIteration, StopAsyncIteration):
                self.summary.exhausted = True
                return None
            if not isinstance(cast("object", message), Message):
                raise ConfigurationError(
                    f"send_many takes Message values: item {self.summary.taken} is a {type(message).__name__}"
                )
            index = self.summary.taken
            self.summary.taken += 1
            return index, message

    async def _anext(self) -> Message:
        assert self._async is not None  # noqa: S101 - one of the two is set on entry
        return await anext(self._async)

    async def _one(self, index: int, message: Message) -> SendResult:
        try:
            submission = await self._send(message)
        except (SendError, InvalidMessage) as error:
            return SendResult(message=message, index=index, error=error)
        return SendResult(message=message, index=index, submission=submission)
