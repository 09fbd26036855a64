"""restrictiveId: one request an hour, and every way to read that sentence.

The document says that the id "prevents a repeated sending within an hour" and
refuses a repeat with 105. What it leaves open are the switches U1 to U5: whether
nodes share ids, whether a failed request uses one up, whose ids collide, what
two requests at once do, and when the hour starts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from sms_traffic_async.sandbox.accounts import Principal
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.switches import Switches

__all__ = ("Key", "RestrictiveIds", "Ticket")

Key: TypeAlias = tuple[int, str, str]


class Ticket:
    """One request that works under an id. It ends accepted or failed, once."""

    __slots__ = ("_arrived", "_ids", "_key", "_open")

    def __init__(self, ids: RestrictiveIds, key: Key, arrived: float) -> None:
        self._ids = ids
        self._key = key
        self._arrived = arrived
        self._open = True

    def accepted(self) -> None:
        """The request was taken: the id is used up for an hour."""
        self._end(used=True)

    def failed(self) -> None:
        """The request was not taken: whether the id is used up is switch U2. After ``accepted()`` nothing."""
        self._end(used=False)

    def _end(self, *, used: bool) -> None:
        if self._open:
            self._open = False
            self._ids.ended(self._key, self._arrived, used=used)


class RestrictiveIds:
    """The ids seen within the hour."""

    def __init__(self, clock: SandboxClock, switches: Callable[[], Switches]) -> None:
        self._clock = clock
        self._switches = switches
        self._until: dict[Key, float] = {}
        self.keepers: list[Callable[[Key | None, float], None]] = []
        """Called with every id that is used and until when; with ``None`` when all are forgotten."""
        self._in_flight: dict[Key, list[asyncio.Future[None]]] = {}
        self._working: dict[Key, int] = {}
        self._ends: deque[tuple[float, Key]] = deque()

    async def enter(self, restrictive_id: str, *, node: int, principal: Principal) -> Ticket | None:
        """Begin a request; ``None`` says that the id was seen: answer 105.

        Waits for a request of the same id that is still being worked on, where
        switch U4 says so. Without one it does not give the loop away.
        """
        switches = self._switches()
        arrived = self._clock.now()
        key = self._key(restrictive_id, node, principal, switches)
        while True:
            if self._seen(key, switches):
                return None
            if not self._working.get(key) or switches.restrictive_concurrent == "race":
                break
            if switches.restrictive_concurrent == "refuse":
                return None
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._in_flight.setdefault(key, []).append(turn)
            await self._clock.pending(turn)
        self._working[key] = self._working.get(key, 0) + 1
        return Ticket(self, key, arrived)

    def ended(self, key: Key, arrived: float, *, used: bool) -> None:
        """One request under an id is done."""
        switches = self._switches()
        left = self._working.get(key, 1) - 1
        if left > 0:
            self._working[key] = left
        else:
            self._working.pop(key, None)
        if used or switches.restrictive_consumed_by_failure:
            start = arrived if switches.restrictive_hour_starts == "arrival" else self._clock.now()
            self._use(key, start + switches.restrictive_hour)
        for turn in self._in_flight.pop(key, ()):
            self._clock.wake(turn)

    def clear(self) -> None:
        """Forget every id that is not being worked on."""
        self._until.clear()
        self._ends.clear()
        for keeper in self.keepers:
            keeper(None, 0.0)

    def restore(self, key: Key, until: float) -> None:
        """An id that an earlier run has used."""
        self._use(key, until)

    @property
    def waiting(self) -> int:
        """How many requests wait for another of the same id to end (U4)."""
        return sum(map(len, self._in_flight.values()))

    def __len__(self) -> int:
        return len(self._until)

    def _seen(self, key: Key, switches: Switches) -> bool:
        now = self._clock.now()
        until = self._until.get(key)
        if until is None or until <= now:
            return False
        if switches.restrictive_hour_starts == "last_seen":
            self._use(key, now + switches.restrictive_hour)
        return True

    def _use(self, key: Key, until: float) -> None:
        self._until[key] = max(until, self._until.get(key, 0.0))
        self._ends.append((until, key))
        for keeper in self.keepers:
            keeper(key, self._until[key])
        now = self._clock.now()
        while self._ends and self._ends[0][0] <= now:
            _, old = self._ends.popleft()
            if self._until.get(old, now + 1) <= now:
                del self._until[old]

    @staticmethod
    def _key(restrictive_id: str, node: int, principal: Principal, switches: Switches) -> Key:
        by_token = switches.restrictive_scope == "token" and principal.token is not None
        scope = f"token {principal.token.public}" if by_token and principal.token else principal.account.login
        return (0 if switches.restrictive_shared else node, scope, restrictive_id)
