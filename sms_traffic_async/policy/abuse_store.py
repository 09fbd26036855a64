"""Where the abuse guard counts: a small interface, and one that counts in memory.

Rules
-----
1. A store takes all claims of a message or none.
2. It sees hashes, never numbers or texts.
3. In memory everything is bounded: so many keys, and so many moments a key. What
   is merged to stay within it is remembered longer, never shorter.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sms_traffic_async.errors import ConfigurationError

__all__ = ("AbuseStore", "Claim", "MemoryStore", "OverLimit")

MOMENTS = 64
"""Of one key; with more, the two oldest become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """So much of something, of which there is only so much in a sliding window.

    Attributes:
        rule: the rule that asks, as ``Guarded.rule`` names it.
        key: what is counted; a hash.
        window: seconds.
        limit: the most of it in any window.
        amount: how much is claimed.
        member: counts different members instead: one that is in the window already costs nothing.
    """

    rule: str
    key: str
    window: float
    limit: int
    amount: int = 1
    member: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverLimit:
    """A claim that does not fit.

    Attributes:
        claim: which.
        retry_after: seconds until it would; ``None`` if it never does.
    """

    claim: Claim
    retry_after: float | None


class AbuseStore(Protocol):
    """Counters of sliding windows; shared by processes, if they share a store."""

    async def take(self, claims: Sequence[Claim], now: float) -> OverLimit | None:
        """Take all of them, or none and say which does not fit.

        Args:
            claims: with different keys.
            now: seconds since the epoch.
        """
        ...

    async def give_back(self, claims: Sequence[Claim], now: float) -> None:
        """Nothing was sent for what was taken."""
        ...


class _Window:
    """What was taken of one key, oldest first."""

    __slots__ = ("expires", "members", "moments", "total")

    def __init__(self) -> None:
        self.moments: deque[tuple[float, int]] = deque()
        self.members: dict[str, float] = {}
        self.total = 0
        self.expires = 0.0

    def forget(self, before: float) -> None:
        """What was taken at that time or earlier counts no longer."""
        while self.moments and self.moments[0][0] <= before:
            self.total -= self.moments.popleft()[1]
        while self.members and next(iter(self.members.values())) <= before:
            del self.members[next(iter(self.members))]

    def wait(self, claim: Claim, now: float) -> float | None:
        """Seconds until a claim fits, 0 if it does, ``None`` if it never will."""
        if claim.member is not None:
            others = len(self.members) - (claim.member in self.members)
            if others < claim.limit:
                return 0.0
            return next(iter(self.members.values())) + claim.window - now if claim.limit else None
        excess = self.total + claim.amount - claim.limit
        if excess <= 0:
            return 0.0
        for at, amount in self.moments:
            excess -= amount
            if excess <= 0:
                return at + claim.window - now
        return None

    def add(self, claim: Claim, now: float) -> None:
        """Take it."""
        self.expires = max(self.expires, now + claim.window)
        if claim.member is not None:
            self.members.pop(claim.member, None)  # so that they stay in the order of their times
            self.members[claim.member] = now
            return
        self.total += claim.amount
        if self.moments and self.moments[-1][0] >= now:
            at, amount = self.moments.pop()
            self.moments.append((at, amount + claim.amount))
            return
        self.moments.append((now, claim.amount))
        if len(self.moments) > MOMENTS:
            _, first = self.moments.popleft()
            at, second = self.moments.popleft()
            self.moments.appendleft((at, first + second))

    def remove(self, claim: Claim) -> None:
        """Take it back, from the latest."""
        if claim.member is not None:
            self.members.pop(claim.member, None)
            return
        left = claim.amount
        while left and self.moments:
            at, amount = self.moments.pop()
            taken = min(left, amount)
            left -= taken
            self.total -= taken
            if amount > taken:
                self.moments.append((at, amount - taken))


class MemoryStore:
    """Counts in this process. Every step is O(log n) of the keys.

    Args:
        capacity: keys at most. When it is full, what would be forgotten next is forgotten now.

    Attributes:
        evicted: keys that were forgotten before their time. Above 0, ``capacity`` is too small.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        if type(capacity) is not int or capacity < 1:
            raise ConfigurationError("capacity is a whole number greater than 0")
        self._capacity = capacity
        self._windows: dict[str, _Window] = {}
        self._order: list[tuple[float, str]] = []
        self.evicted: int = 0

    def __len__(self) -> int:
        return len(self._windows)

    async def take(self, claims: Sequence[Claim], now: float) -> OverLimit | None:
        """See ``AbuseStore``. Never suspends."""
        for claim in claims:
            window = self._windows.get(claim.key)
            if window is None:
                window = _Window()
            window.forget(now - claim.window)
            wait = window.wait(claim, now)
            if wait != 0.0:
                return OverLimit(claim=claim, retry_after=wait)
        for claim in claims:
            window = self._windows.get(claim.key)
            if window is None:
                window = self._windows[claim.key] = _Window()
                heapq.heappush(self._order, (now + claim.window, claim.key))
            window.add(claim, now)
        self._clear(now)
        return None

    async def give_back(self, claims: Sequence[Claim], now: float) -> None:  # noqa: ARG002 - as others need it
        """See ``AbuseStore``. Never suspends."""
        for claim in claims:
            window = self._windows.get(claim.key)
            if window is not None:
                window.remove(claim)

    def _clear(self, now: float) -> None:
        while self._order and (self._order[0][0] <= now or len(self._windows) > self._capacity):
            due, key = heapq.heappop(self._order)
            window = self._windows[key]
            if window.expires > due:  # it was used since
                heapq.heappush(self._order, (window.expires, key))
                continue
            self.evicted += due > now
            del self._windows[key]
