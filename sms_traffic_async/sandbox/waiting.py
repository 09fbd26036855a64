"""Waiting for a message to arrive, in real seconds: tests and the control API."""

from __future__ import annotations

import asyncio

from sms_traffic_async.sandbox.platform import Platform
from sms_traffic_async.sandbox.search import Matcher
from sms_traffic_async.sandbox.store import StoredMessage

__all__ = ("wait_for_message",)


async def wait_for_message(platform: Platform, matches: Matcher, timeout: float) -> StoredMessage | None:  # noqa: ASYNC109 - the bound is the answer, not an error
    """The oldest shown message that matches, now or as soon as one comes; ``None`` at the time-out.

    Args:
        platform: where.
        matches: see `matcher`.
        timeout: seconds of the loop's clock.

    Raises:
        ClockStopped: the sandbox is closing.

    Cancellation: waits no longer.
    """
    for message in platform.store.newest():
        if matches(message):
            return message
    loop = asyncio.get_running_loop()
    found: list[StoredMessage] = []
    future: asyncio.Future[None] = loop.create_future()

    def arrived(message: StoredMessage) -> None:
        if not found and matches(message):
            found.append(message)
            platform.clock.wake(future)

    timer = loop.call_later(timeout, platform.clock.wake, future)
    platform.arrivals.append(arrived)
    try:
        await platform.clock.pending(future)
    finally:
        timer.cancel()
        platform.arrivals.remove(arrived)
    return found[0] if found else None
