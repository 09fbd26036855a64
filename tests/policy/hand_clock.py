"""A clock that a test moves by hand; sleeping moves it at once. For one caller at a time."""

from __future__ import annotations


class HandClock:
    """``sms_traffic_async.clock.Clock`` without a loop."""

    def __init__(self, now: float = 1_000.0, chance: float = 0.5) -> None:
        self.now = now
        self.chance = chance
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_767_225_600.0 + self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def random(self) -> float:
        return self.chance
