"""Sending many messages: results as they come, in constant memory.

Leaving the block stops the work: nothing more is read from the source (a
generator is closed), what is under way is interrupted with an honest outcome
(reading on after the block gives those results too), and ``.summary`` says what
was sent, refused, unknown and untouched.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeAlias, cast

from sms_traffic_async.bulk_source import Messages, Source
from sms_traffic_async.bulk_summary import BulkSummary
from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.errors import ConfigurationError, InvalidMessage, NotSent, SendError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message, SendResult, Submission
from sms_traffic_async.policy.rate import RateLimiter, wait
from sms_traffic_async.posting import Poster, Tray

__all__ = ("BulkSend", "BulkSummary", "Messages", "Progress")

MOST_CONCURRENCY = 10_000
STOP_SECONDS = 5.0
"""How long leaving the block waits for interrupted messages to get their outcome, and for a generator to close."""
PROGRESS_SECONDS = 0.2
AT_ONCE = 250
"""Messages handed in before the loop has its turn again."""

Progress: TypeAlias = Callable[[BulkSummary], None]


class BulkSend:
    """What ``send_many`` returns: an async context manager and iterator of results.

    Results come in the order in which they are known; ``index`` tells the
    place in the source. Not re-entrant; one consumer.

    Args:
        messages: read as needed, once, in the context of whoever enters the block; an asynchronous
            source in one task from beginning to end.
        send: sends one message; called ``concurrency`` times at once, in tasks that live as long as the block.
        poster: does the same without a task for each; ``send`` is not used then.
        life: the session's; owns those tasks.
        concurrency: messages under way at once.
        rate: SMS parts a second of this call, spread evenly; ``None`` for as fast as it goes.
        progress: called with the summary now and then (five times a second at
            most), and once at the end. What it raises ends the work.
        clock: for the rate and for progress.

    Raises:
        ConfigurationError: an argument is bad.
    """

    def __init__(
        self,
        messages: Messages,
        send: Callable[[Message], Awaitable[Submission]],
        *,
        poster: Poster | None = None,
        life: Life,
        concurrency: int,
        rate: float | None = None,
        progress: Progress | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if type(concurrency) is not int or not 1 <= concurrency <= MOST_CONCURRENCY:
            raise ConfigurationError(f"concurrency is a whole number from 1 to {MOST_CONCURRENCY}")
        if progress is not None and (not callable(cast("object", progress)) or inspect.iscoroutinefunction(progress)):
            raise ConfigurationError("progress is a plain function of the summary")
        self._source = Source(messages)
        self.summary: BulkSummary = BulkSummary(total=self._source.total)
        self._limiter = None if rate is None else RateLimiter(rate)
        self._send = send
        self._poster = poster
        self._life = life
        self._concurrency = concurrency
        # A protocol that takes many is not given each anew: there is work enough under way.
        self._few = concurrency - max(1, concurrency // 4)
        self._progress = progress
        self._clock = clock
        self._told_at = 0.0
        # Whoever does not read stops the sending, not the memory: a worker that has
        # laid down a result waits until there is room before it takes another message.
        self._results: deque[SendResult] = deque()
        self._failure: BaseException | None = None
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._reading = asyncio.Lock()
        self._workers: list[asyncio.Task[None]] = []
        self._sending: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._alive = 0
        self._posted = 0
        self._tray = Tray(self._take, self._refused)
        self._entered = False

    async def __aenter__(self) -> Self:
        if self._entered:
            raise ConfigurationError("one send_many is entered once: make another")
        self._entered = True
        self._source.open(self._life)
        self._told_at = self._clock.monotonic()
        total = self.summary.total
        self._alive = self._concurrency if total is None else min(self._concurrency, total)
        if self._poster is not None:
            self._alive = min(self._alive, 1)
        for number in range(self._alive):
            work = self._work() if self._poster is None else self._feed(self._poster)
            worker = self._life.spawn(work, f"bulk {number}")
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
        self._life.interrupt(set(self._workers))
        for worker in self._workers:
            if worker not in self._sending:
                worker.cancel()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                while self._alive or self._posted:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        finally:
            for worker in self._workers:
                worker.cancel()
            self._tray.is_closed = True
            self._posted = 0
            await self._close_source()
        self._tell()

    async def _close_source(self) -> None:
        try:
            await self._source.close(STOP_SECONDS)
        finally:
            if (spare := self._source.spare) is not None:
                self.summary.taken += 1
                self._lay(SendResult(message=spare, index=self.summary.taken - 1, error=_stopped()))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SendResult:
        if not self._entered:
            raise ConfigurationError("enter it first: async with sms.send_many(...) as results")
        while not self._results:
            if not self._alive and not self._posted:
                failure, self._failure = self._failure, None
                if failure is not None:
                    raise failure
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        result = self._results.popleft()
        if len(self._results) == self._concurrency - 1:  # only who waits for this is woken
            self._space.set()
        return result

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        self._alive -= 1
        if not worker.cancelled() and (error := worker.exception()) is not None and self._failure is None:
            self._failure = error
            self._stopping = True
        self._news.set()

    async def _work(self) -> None:
        me = cast("asyncio.Task[Any]", asyncio.current_task())
        while (taken := await self._next()) is not None:
            self._sending.add(me)
            try:
                result = await self._one(*taken)
            finally:
                self._sending.discard(me)
            self._lay(result)
            self._tell_in_time()
            if isinstance(result.error, NotSent) and result.error.reason == "closed":
                return
            while len(self._results) >= self._concurrency and not self._stopping:
                self._space.clear()
                await self._space.wait()

    async def _feed(self, poster: Poster) -> None:
        """The same in one task, for a protocol that needs none for each message."""
        summary = self.summary
        while not (self._stopping or summary.exhausted):
            free = min(self._concurrency - self._posted, AT_ONCE)
            if free <= 0 or len(self._results) >= self._concurrency:
                await self._change()
            elif self._limiter is None and self._source.is_plain:
                first, messages = summary.taken, self._source.some(free)
                summary.taken += len(messages)
                summary.exhausted = not messages
                await self._hand_in(first, messages, poster)
                if len(messages) == AT_ONCE:
                    await asyncio.sleep(0)
            elif (taken := await self._next()) is not None:
                await self._hand_in(taken[0], [taken[1]], poster)
            self._tell_in_time()
        while self._posted and not self._stopping:
            await self._change()
            self._tell_in_time()

    async def _hand_in(self, first: int, messages: list[Message], poster: Poster) -> None:
        """Hand messages to the protocol; those that do not come to it were not sent, and have that for a result."""
        me = cast("asyncio.Task[Any]", asyncio.current_task())
        self._posted += len(messages)
        done = 0
        try:
            while done < len(messages) and not self._stopping:
                count = poster.post(messages[done:], first + done, self._tray, me)
                if not count:
                    await poster.post_in_turn(messages[done], first + done, self._tray, me)
                    count = 1
                done += count
        finally:
            for index in range(done, len(messages)):
                self._refused(messages[index], first + index, _stopped())

    def _take(self) -> None:
        """The protocol has laid down what the platform took. Hot: runs for every message."""
        accepted, lay = self._tray.accepted, self._results.append
        if not self._tray.is_closed:
            for message, index, submission in accepted:
                # A frozen value made by its constructor costs four times as much.
                made: Any = _Draft()
                made.message = message
                made.index = index
                made.submission = submission
                made.error = None
                made.__class__ = SendResult
                lay(made)
            self.summary.accepted += len(accepted)
            self._posted -= len(accepted)
            self._news.set()
            if self._posted <= self._few or self._progress is not None:
                self._space.set()
        accepted.clear()

    def _refused(self, message: Message, index: int, error: SendError | InvalidMessage) -> None:
        """A message was not sent, or nobody knows."""
        if self._tray.is_closed:
            return
        self._posted -= 1
        self._lay(SendResult(message=message, index=index, error=error))
        if isinstance(error, NotSent) and error.reason == "closed":
            self._stopping = True
        self._space.set()

    async def _change(self) -> None:
        """Wait until a message has its outcome, or a result was read."""
        self._space.clear()
        await self._space.wait()

    def _lay(self, result: SendResult) -> None:
        # Counted and laid down before anything is awaited: leaving the block loses no outcome.
        self.summary.add(result)
        self._results.append(result)
        self._news.set()

    def _tell_in_time(self) -> None:
        if self._progress is not None and self._clock.monotonic() >= self._told_at + PROGRESS_SECONDS:
            self._tell()

    def _tell(self) -> None:
        self._told_at = self._clock.monotonic()
        if self._progress is not None:
            self._progress(self.summary)

    async def _next(self) -> tuple[int, Message] | None:
        async with self._reading:
            if self.summary.exhausted or self._stopping:
                return None
            try:
                message = await self._source.next()
            except Exception:
                self._stopping = True  # before anybody else asks it: after an error it says that it is at its end
                raise
            if message is None:
                self.summary.exhausted = True
                return None
            index = self.summary.taken
            self.summary.taken += 1
            if self._limiter is not None:
                try:
                    await wait(self._limiter, _parts(message), clock=self._clock)
                except asyncio.CancelledError:
                    self._lay(SendResult(message=message, index=index, error=_stopped()))
                    raise
            return index, message

    async def _one(self, index: int, message: Message) -> SendResult:
        try:
            submission = await self._send(message)
        except (SendError, InvalidMessage) as error:
            return SendResult(message=message, index=index, error=error)
        return SendResult(message=message, index=index, submission=submission)


class _Draft:
    """A `SendResult` while it is made."""

    __slots__ = SendResult.__slots__


def _stopped() -> NotSent:
    return NotSent("send_many was stopped before this message had its turn.", reason="closed")


def _parts(message: Message) -> float:
    from sms_traffic_async.text import estimate_v2

    return float(estimate_v2(message.text, transliterate=message.transliterate).parts)
