"""Pauses: what the platform closed for a while, and how its callers come back.

A 429 closes its credential *and* operation class (and node, where limits are
counted per node), not one call:

1. While a key is paused, its callers wait. One whose deadline comes before the
   end of the pause is turned away at once.
2. When the pause is over, one caller goes first. The others wait for what it is
   told.
3. Answered with anything but "too many": the others follow, two at a time, then
   three, then four. A crowd let in at once would only be told to wait again, and
   pay for it. When nobody waits any more, the key is free.
4. "Too many" again: all wait again, and one goes first again.
5. A caller that is not answered (lost, cancelled) makes room for nobody but the
   next in its place.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Literal, TypeAlias

from sms_traffic_async.clock import Clock
from sms_traffic_async.policy.attempts import Operation

__all__ = ("PauseKey", "Pauses", "Ticket", "Ticketless")

PauseKey: TypeAlias = tuple[str, Operation, str | None]
"""The credential's public id, the operation class, and the node where limits are per node."""

Ticket: TypeAlias = int
"""Given to who goes while others wait; ``Pauses.settle`` must be told what came of it."""

Ticketless: TypeAlias = Literal["free", "denied"]
"""What a caller without a ticket is told: nobody waits, or it cannot begin in time."""

_VOID: Ticket = 0


class _Pause:
    __slots__ = ("answers", "out", "queue", "room", "ticket", "until", "waiting")

    def __init__(self) -> None:
        self.until = -math.inf
        self.ticket = 0
        self.room = 1
        self.out = 0
        self.answers = 0
        self.waiting = 0
        self.queue: deque[asyncio.Future[Ticket]] = deque()

    def call_next(self) -> None:
        """Hand what room there is to those who wait longest."""
        while self.queue and self.out < self.room:
            waiter = self.queue.popleft()
            if not waiter.done():
                self.out += 1
                waiter.set_result(self.ticket)

    def send_back(self) -> None:
        """A new pause: whoever waits for room has to wait for its end first."""
        while self.queue:
            waiter = self.queue.popleft()
            if not waiter.done():
                waiter.set_result(_VOID)

    def leave(self, waiter: asyncio.Future[Ticket]) -> None:
        """One that waited goes away: what it was handed in this very moment goes to the next."""
        if waiter in self.queue:
            self.queue.remove(waiter)
        elif not waiter.cancelled() and waiter.result() == self.ticket:
            self.out -= 1
            self.call_next()


class Pauses:
    """All pauses of one session. Times are monotonic seconds."""

    __slots__ = ("_pauses", "_tickets")

    def __init__(self) -> None:
        self._pauses: dict[PauseKey, _Pause] = {}
        self._tickets = 0

    def pause(self, key: PauseKey, until: float) -> None:
        """Close a key until then; a pause is never shortened."""
        entry = self._pauses.setdefault(key, _Pause())
        entry.until = max(entry.until, until)
        # Who is still out went before this pause: it is not waited for, and its ticket is worth nothing.
        self._tickets += 1
        entry.ticket, entry.room, entry.out, entry.answers = self._tickets, 1, 0, 0
        entry.send_back()

    def closed(self, key: PauseKey) -> bool:
        """Whether a caller has to pass ``admit``. Cheap: asked before every request."""
        return key in self._pauses

    def remaining(self, key: PauseKey, now: float) -> float:
        """Seconds until somebody may go; 0 while the key is free."""
        entry = self._pauses.get(key)
        return 0.0 if entry is None else max(entry.until - now, 0.0)

    def overtaken(self, key: PauseKey, ticket: Ticket | None) -> bool:
        """Whether a pause came after this caller was let through (``None``: while the key was free)."""
        entry = self._pauses.get(key)
        return entry is not None and entry.ticket != ticket

    async def admit(self, key: PauseKey, *, clock: Clock, before: float) -> Ticket | Ticketless:
        """Wait until this caller may go.

        Args:
            key: what it wants to use.
            clock: for time and sleeping.
            before: the moment from which it is too late.

        Returns:
            A ticket that has to be settled; ``free`` when nobody waits; ``denied``
            as soon as it is known that it cannot begin in time.

        Cancellation:
            Changes nothing for the others.
        """
        entry = self._pauses.get(key)
        if entry is None:
            return "free"
        entry.waiting += 1
        try:
            while True:
                now = clock.monotonic()
                if now >= before or entry.until >= before:
                    return "denied"
                if now < entry.until:
                    await clock.sleep(entry.until - now)
                elif entry.out < entry.room and not entry.queue:
                    entry.out += 1
                    return entry.ticket
                elif await _handed(entry, before - now) == entry.ticket:
                    return entry.ticket
        finally:
            entry.waiting -= 1

    def settle(self, key: PauseKey, ticket: Ticket, *, answered: bool) -> None:
        """A caller with a ticket came back.

        Args:
            key: what it used.
            ticket: what ``admit`` gave it.
            answered: whether a complete answer came. If that was "too many",
                ``pause`` comes before this.
        """
        entry = self._pauses.get(key)
        if entry is None or entry.ticket != ticket:
            return
        entry.out -= 1
        if answered:
            entry.answers += 1
            if entry.answers >= entry.room:
                entry.room, entry.answers = entry.room + 1, 0
            if not entry.waiting:
                del self._pauses[key]
        entry.call_next()


async def _handed(entry: _Pause, seconds: float) -> Ticket:
    waiter: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
    entry.queue.append(waiter)
    try:
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            return await waiter
    except TimeoutError:
        entry.leave(waiter)
        return _VOID  # The caller looks again, and sees that it is too late.
    except asyncio.CancelledError:
        entry.leave(waiter)
        raise
