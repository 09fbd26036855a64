"""Messages of ``send_many`` that a protocol takes without a task for each.

A protocol that can is a `Poster`: it takes messages, and tells a `Waiter` what
became of each. So thousands are under way for one task that reads the source,
and nobody is woken for each of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from sms_traffic_async.errors import InvalidMessage, SendError
from sms_traffic_async.messages import Message, Submission

__all__ = ("Outcome", "Posted", "Poster", "Waiter")

Outcome: TypeAlias = Submission | SendError | InvalidMessage


class Waiter(Protocol):
    """Whoever is told the outcome of a message, once: a future, or something cheaper."""

    def done(self) -> bool:
        """Whether there is nothing to tell it (any more)."""
        ...

    def set_result(self, submission: Submission, /) -> None:
        """The platform took it."""
        ...

    def set_exception(self, error: Any, /) -> None:
        """It did not, or nobody knows."""
        ...


class Poster(Protocol):
    """A protocol that takes messages and tells of them later."""

    def post(self, messages: Sequence[Message], waiters: Sequence[Waiter], task: asyncio.Task[Any]) -> int:
        """Take messages, as many as there is room for; a waiter may be told at once.

        Args:
            messages: what to send, in order.
            waiters: who is told, one for each.
            task: the current one; `Life.interrupt` of it ends what is under way.

        Returns:
            How many were taken; 0 where there is room for none.

        Raises:
            ConfigurationError: another loop, or a forked child; none was taken.
        """
        ...

    async def post_in_turn(self, message: Message, waiter: Waiter, task: asyncio.Task[Any]) -> None:
        """Wait for room, then take one.

        Raises:
            ConfigurationError: another loop, or a forked child.

        Cancellation: it was not taken, and the waiter is not told.
        """
        ...


class Posted:
    """One message under way, and whom its outcome is told.

    Args:
        message: the message.
        index: its place in the source.
        tell: takes the outcome: a submission or an error.

    Attributes:
        is_over: it was told, or given up.
    """

    __slots__ = ("_tell", "index", "is_over", "message")

    def __init__(self, message: Message, index: int, tell: Callable[[Posted, Outcome], None]) -> None:
        self.message: Message = message
        self.index: int = index
        self.is_over: bool = False
        self._tell = tell

    def done(self) -> bool:
        """See `Waiter`."""
        return self.is_over

    def set_result(self, submission: Submission, /) -> None:
        """See `Waiter`."""
        self.is_over = True
        self._tell(self, submission)

    def set_exception(self, error: SendError | InvalidMessage, /) -> None:
        """See `Waiter`."""
        self.is_over = True
        self._tell(self, error)
