"""Messages of ``send_many`` that a protocol takes without a task for each.

A protocol that can is a `Poster`: it takes messages, and lays what became of each
into a `Tray`. So thousands are under way for one task that reads the source, and
nobody is woken for each of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sms_traffic_async.errors import InvalidMessage, SendError
from sms_traffic_async.messages import Message, Submission

__all__ = ("Poster", "Tray")


class Tray:
    """Where what became of the messages of one ``send_many`` comes together. Each is told once.

    Args:
        take: is called when something was laid into ``accepted``; it empties that.
        refuse: takes a message that was not sent, or of which nobody knows; its place; and why.

    Attributes:
        accepted: messages that the platform took, with their places. Whoever brings many lays down all of them, then
            calls ``take`` once.
        is_closed: nobody wants to know any more.
    """

    __slots__ = ("accepted", "is_closed", "refuse", "take")

    def __init__(
        self, take: Callable[[], None], refuse: Callable[[Message, int, SendError | InvalidMessage], None]
    ) -> None:
        self.accepted: list[tuple[Message, int, Submission]] = []
        self.is_closed: bool = False
        self.take: Callable[[], None] = take
        self.refuse: Callable[[Message, int, SendError | InvalidMessage], None] = refuse


class Poster(Protocol):
    """A protocol that takes messages and tells of them later."""

    def post(self, messages: Sequence[Message], first: int, tray: Tray, task: asyncio.Task[Any]) -> int:
        """Take messages, as many as there is room for; the tray may be told at once.

        Args:
            messages: what to send, in order.
            first: the place of the first of them in the source.
            tray: is told of each.
            task: the current one; `Life.interrupt` of it ends what is under way.

        Returns:
            How many were taken; 0 where there is room for none.

        Raises:
            ConfigurationError: another loop, or a forked child; none was taken.
        """
        ...

    async def post_in_turn(self, message: Message, index: int, tray: Tray, task: asyncio.Task[Any]) -> None:
        """Wait for room, then take one.

        Raises:
            ConfigurationError: another loop, or a forked child.

        Cancellation: it was not taken, and the tray is not told.
        """
        ...
