"""Time, sleeping and chance as one value that can be handed in.

Whatever decides something takes these as arguments, so a test moves time
instead of waiting for it.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol

from sms_traffic_async.errors import ConfigurationError

__all__ = ("SYSTEM_CLOCK", "Clock", "SystemClock", "running_loop")


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop that runs here.

    Raises:
        ConfigurationError: none of asyncio does.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "sms_traffic_async needs asyncio's event loop, and none is running here (trio's is not one)"
        ) from None


class Clock(Protocol):
    """Where a session gets time and chance from."""

    def monotonic(self) -> float:
        """Seconds that never go back; compared only with each other."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait. Cancelling it waits no longer and changes nothing else."""
        ...

    def random(self) -> float:
        """A number in [0, 1), for jitter."""
        ...


class SystemClock:
    """The running loop's clock, the machine's wall clock, and ``random``."""

    __slots__ = ()

    def monotonic(self) -> float:
        """The running loop's time, so timers and decisions read one clock."""
        return running_loop().time()

    def wall(self) -> float:
        """``time.time()``."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """``asyncio.sleep``."""
        await asyncio.sleep(seconds)

    def random(self) -> float:
        """``random.random()``: jitter, not cryptography."""
        return random.random()  # noqa: S311


SYSTEM_CLOCK = SystemClock()
