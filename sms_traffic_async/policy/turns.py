"""Waiting for one's turn at a rate limiter."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from sms_traffic_async.clock import Clock

if TYPE_CHECKING:
    from sms_traffic_async.policy.rate import RateLimiter

__all__ = ("Line", "wait")

LONGEST_NAP = 1.0
"""Whoever is first in line looks again after so long: the rate may have been raised meanwhile."""


class Line:
    """Who waits at one limiter, in order, and what all of them cost.

    Attributes:
        places: a future that is set when it is first, and its cost.
        cost: units, together.
    """

    __slots__ = ("cost", "places")

    def __init__(self) -> None:
        self.places: OrderedDict[asyncio.Future[None], float] = OrderedDict()
        self.cost: float = 0.0

    def leave(self, place: asyncio.Future[None]) -> None:
        """One goes, served or not: whoever is first now is told so."""
        self.cost -= self.places.pop(place)
        if not self.places:
            self.cost = 0.0  # fractions that were added and taken away in another order leave dust
        elif not (first := next(iter(self.places))).done():
            first.set_result(None)


async def wait(limiter: RateLimiter, cost: float = 1.0, *, clock: Clock, before: float = math.inf) -> bool:
    """Wait for a turn, and take it.

    Only the first in line sleeps, and nobody reserves ahead: a pause, a cut or a
    raised rate holds at once for everybody.

    Args:
        limiter: whose turn.
        cost: units.
        clock: for time and sleeping.
        before: the moment (monotonic) after which a turn is worth nothing.

    Returns:
        Whether the turn was taken; ``False`` as soon as it is known that it cannot come in time.

    Cancellation:
        Takes nothing, and the next in line is first.
    """
    now = clock.monotonic()
    line = limiter.line
    ready = limiter.ready_at(now, cost)
    if ready + line.cost / limiter.allowed > before:
        return False
    if not line.places and ready <= now:
        limiter.take(cost, now)
        return True
    place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    line.places[place] = cost
    line.cost += cost
    try:
        if next(iter(line.places)) is not place and not await _first(place, before - now):
            return False
        due = ready
        while (ready := limiter.ready_at(now := clock.monotonic(), cost)) > now:
            if ready > before:
                return False
            due = ready
            await clock.sleep(min(ready - now, LONGEST_NAP))
        if now > before:
            return False
        limiter.take(cost, now, due)
        return True
    finally:
        line.leave(place)


async def _first(place: asyncio.Future[None], seconds: float) -> bool:
    try:
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            await place
    except TimeoutError:
        return False
    return True
