"""A function of yours, called with every status.

Calls come one after another, in order. A status counts as taken when the call
returned; a call that raises is made again after a pause, a few times, and then
the status is set aside (counted, logged without its content), so one bad one
does not hold up all that follow.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from sms_traffic_async.clock import Clock
from sms_traffic_async.complaints import Complaints
from sms_traffic_async.delivery.streams import StreamStats, UpdateStream
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.lifecycle import Spawn
from sms_traffic_async.processing import processing
from sms_traffic_async.telemetry import Telemetry, get_logger

__all__ = ("Callback", "StatusCallback")

StatusCallback: TypeAlias = Callable[[TrackedUpdate], Awaitable[None] | None]
LONGEST_PAUSE = 30.0

_log = get_logger("delivery")


class Callback:
    """A callback at work; ``remove()`` ends it.

    Args:
        callback: a function, or a coroutine function. A plain function must return at once: it runs in the loop.
        stream: where its updates come from; opened here.
        attempts: calls for one status.
        spawn: starts the task; its owner awaits it.
        clock: for the pauses.
        telemetry: counters.
    """

    def __init__(
        self,
        callback: StatusCallback,
        stream: UpdateStream,
        *,
        attempts: int,
        spawn: Spawn,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._callback = callback
        self._stream = stream
        self._attempts = attempts
        self._clock = clock
        self._complaints = Complaints(_log, clock.monotonic)
        self._telemetry = telemetry
        self._counters = telemetry.stats
        stream.open()
        self._task = spawn(self._run(), "status callback")

    @property
    def stats(self) -> StreamStats:
        """How it is doing."""
        return self._stream.stats

    async def remove(self) -> None:
        """Call it no more. A call under way is cancelled; its status goes to the next reader that opens."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self._stream.close()

    async def _run(self) -> None:
        try:
            async for update in self._stream:
                await self._call(update)
        except BaseException:
            self._stream.close()
            raise
        self._stream.ack()
        self._stream.close()

    async def _call(self, update: TrackedUpdate) -> None:
        for attempt in range(self._attempts):
            if attempt:
                await self._clock.sleep(min(2.0 ** (attempt - 1), LONGEST_PAUSE))
            try:
                with processing(self._telemetry, self._clock.monotonic, "statuses", "callback", (update.message_id,)):
                    made = self._callback(update)
                    if inspect.isawaitable(made):
                        await made
            except Exception as error:  # noqa: BLE001 - whatever a user's function raises
                self._counters.count("updates.callback_failed")
                self._complaints.about("a status callback failed: %s", type(error).__name__)
            else:
                return
        self._counters.count("updates.callback_gave_up")
        # Each by itself: whoever mends the callback has to know which ones to ask about. What is no word of the
        # document's may be anything, such as the end of a receipt without labels, with the message's text in it.
        status = str(update.status) if update.status.known else "another status"
        _log.error("a status callback failed %d times: %a is not told %s", self._attempts, update.message_id, status)
