"""Where ``send_many`` reads from: anything that can be iterated over, one message at a time."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Sized
from itertools import islice
from typing import Final, TypeAlias, cast

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message

__all__ = ("Messages", "Source")

Messages: TypeAlias = Iterable[Message] | AsyncIterable[Message]

_END = object()
_ONLY_MESSAGES: Final = frozenset[type]((Message,))


class Source:
    """An iterable or async iterable of messages, read once, in the context of whoever opens it.

    Args:
        messages: what to read; nothing is read yet.

    Attributes:
        taken: messages given out.

    Raises:
        ConfigurationError: it cannot be iterated over.
    """

    def __init__(self, messages: Messages) -> None:
        if not isinstance(cast("object", messages), Iterable | AsyncIterable) or isinstance(
            cast("object", messages), Message
        ):
            raise ConfigurationError("send_many takes an iterable or async iterable of Message")
        self._messages = messages
        self._context = contextvars.Context()
        self._sync: Iterator[Message] | None = None
        self._reader: _Reader | None = None
        self._error: Exception | None = None
        self.taken: int = 0

    @property
    def spare(self) -> Message | None:
        """One that was read while whoever asked for it was cancelled; to be looked at after ``close``."""
        answer = None if self._reader is None else self._reader.spare
        return answer if isinstance(answer, Message) else None

    @property
    def is_plain(self) -> bool:
        """Whether it is read without awaiting anything; see ``some``."""
        return self._sync is not None

    @property
    def total(self) -> int | None:
        """Messages in it, where it says so beforehand."""
        return len(self._messages) if isinstance(self._messages, Sized) else None

    def open(self, life: Life) -> None:
        """Begin.

        Args:
            life: owns the task that reads an asynchronous source.
        """
        self._context = contextvars.copy_context()
        if isinstance(self._messages, AsyncIterable):
            self._reader = _Reader(aiter(self._messages), life, self._context)
        else:
            self._sync = iter(self._messages)

    async def next(self) -> Message | None:
        """The next message; ``None`` at the end. One caller at a time.

        Raises:
            ConfigurationError: an item is no message.

        Cancellation: nothing is read any more; what was by then is ``spare``.
        """
        found: object
        if self._sync is not None:
            found = self._context.run(next, self._sync, _END)
        else:
            assert self._reader is not None  # noqa: S101 - opened
            try:
                found = await self._reader.next()
            except asyncio.CancelledError:
                self._reader.stop()
                raise
        if found is _END:
            return None
        if not isinstance(found, Message):
            raise _no_message(self.taken, found)
        self.taken += 1
        return found

    def some(self, most: int) -> list[Message]:
        """The next messages of a plain source, so many at most; none at the end.

        Raises:
            ConfigurationError: an item is no message.
            Exception: whatever the source raises. What it gave before that is told first, and the error next time.
        """
        found: list[Message] = []
        if self._error is None:
            try:
                self._context.run(self._read, found, most)
            except Exception as error:  # noqa: BLE001 - whatever it is: it is the asker's
                self._error = error
        self.taken += len(found)
        if self._error is not None and not found:
            raise self._error
        return found

    def _read(self, found: list[Message], most: int) -> None:
        assert self._sync is not None  # noqa: S101 - opened
        try:
            found.extend(islice(self._sync, most))
        finally:  # what came before an error counts
            if not _ONLY_MESSAGES.issuperset(map(type, found)):
                self._sort_out(found)

    def _sort_out(self, found: list[Message]) -> None:
        """Not each is a plain `Message`."""
        for index, one in enumerate(found):
            if not isinstance(cast("object", one), Message):
                del found[index:]
                raise _no_message(self.taken + index, one)

    async def close(self, seconds: float) -> None:
        """Close a generator, so that what it holds open is closed now and not at some later time.

        What it raises at its end is raised here, unless it takes longer than ``seconds``.
        """
        source = cast("object", self._sync)
        if isinstance(source, Generator):
            self._context.run(cast("Generator[Message]", source).close)
        if self._reader is not None:
            await self._reader.close(seconds)


def _no_message(index: int, found: object) -> ConfigurationError:
    return ConfigurationError(f"send_many takes Message values: item {index} is a {type(found).__name__}")


class _Reader:
    """Reads an asynchronous source, from the first message to the end of it, in one task.

    A generator may hold what belongs to a task or to a context while it waits to be asked: ``asyncio.timeout``, a task
    group, a span. So it is not asked, or closed, by whichever worker happens to want a message.
    """

    def __init__(self, source: AsyncIterator[Message], life: Life, context: contextvars.Context) -> None:
        self._source = source
        self._asked = asyncio.Event()
        self._answer: asyncio.Future[object] | None = None
        self._begun = self._stopping = False
        self.spare: object = None
        self._task = life.spawn(self._read(), "bulk source", context=context)

    async def next(self) -> object:
        """The next one, or ``_END``. One caller at a time; whoever is cancelled calls ``stop``."""
        if self._task.done():
            return _END
        answer = self._answer = asyncio.get_running_loop().create_future()
        self._asked.set()
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None:
                self.spare = answer.result()
            raise

    def stop(self) -> None:
        """End it, once: how it ends is its own affair."""
        if not self._stopping:
            self._stopping = True
            self._task.cancel()

    async def close(self, seconds: float) -> None:
        """Wait for its end, and raise what it raises then; twice ``seconds`` at most."""
        self.stop()
        if not self._task.done():
            await asyncio.wait([self._task], timeout=seconds)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=seconds)
        if not self._begun:
            await self._end()  # the task was cancelled before its first step
        if self._task.done() and not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error

    async def _read(self) -> None:
        self._begun = True
        try:
            while not self._stopping:
                await self._asked.wait()
                self._asked.clear()
                answer = self._answer
                try:
                    found = await anext(self._source, _END)
                except Exception as error:  # noqa: BLE001 - whatever it is: it is the asker's
                    if answer is not None and not answer.done():
                        answer.set_exception(error)
                    return
                if answer is not None and not answer.done():
                    answer.set_result(found)
                else:
                    self.spare = found
                if found is _END:
                    return
        finally:
            if self._answer is not None:
                self._answer.cancel()  # does nothing if it is there
            await self._end()

    async def _end(self) -> None:
        source = cast("object", self._source)
        if isinstance(source, AsyncGenerator):
            await cast("AsyncGenerator[Message]", source).aclose()
