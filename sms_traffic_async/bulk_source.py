"""Where ``send_many`` reads from: anything that can be iterated over, one message at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Sized
from contextlib import suppress
from typing import Any, TypeAlias, cast

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Message

__all__ = ("Messages", "Source")

Messages: TypeAlias = Iterable[Message] | AsyncIterable[Message]


class Source:
    """An iterable or async iterable of messages, read once.

    Args:
        messages: what to read; nothing is read yet.

    Raises:
        ConfigurationError: it cannot be iterated over.
    """

    def __init__(self, messages: Messages) -> None:
        if not isinstance(cast("object", messages), Iterable | AsyncIterable) or isinstance(
            cast("object", messages), Message
        ):
            raise ConfigurationError("send_many takes an iterable or async iterable of Message")
        self._messages = messages
        self._sync: Iterator[Message] | None = None
        self._async: AsyncIterator[Message] | None = None
        self.taken = 0

    @property
    def total(self) -> int | None:
        """Messages in it, where it says so beforehand."""
        return len(self._messages) if isinstance(self._messages, Sized) else None

    def open(self) -> None:
        """Begin."""
        if isinstance(self._messages, AsyncIterable):
            self._async = aiter(self._messages)
        else:
            self._sync = iter(self._messages)

    async def next(self) -> Message | None:
        """The next message; ``None`` at the end.

        Raises:
            ConfigurationError: an item is no message.
        """
        try:
            if self._sync is not None:
                message = next(self._sync)
            else:
                message = await anext(cast("AsyncIterator[Message]", self._async))
        except (StopIteration, StopAsyncIteration):
            return None
        if not isinstance(cast("object", message), Message):
            raise ConfigurationError(f"send_many takes Message values: item {self.taken} is a {type(message).__name__}")
        self.taken += 1
        return message

    async def close(self, seconds: float) -> None:
        """Close a generator, so that what it holds open is closed now and not at some later time.

        What it raises at its end is raised here, unless it takes longer than ``seconds``.
        """
        source: Any = self._async if self._sync is None else self._sync
        if isinstance(source, Generator):
            source.close()
        elif isinstance(source, AsyncGenerator):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await source.aclose()
