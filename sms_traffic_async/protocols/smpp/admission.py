"""Waiting for room in a full queue: first come, first served, until the caller's deadline."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from sms_traffic_async.protocols.smpp.parcel import Parcel

__all__ = ("Admission", "Answer")

_SLACK = 64
Answer: TypeAlias = Literal["come", "late", "closed"]


class _Waiter:
    """Somebody at the door; a call that close can interrupt (see `lifecycle.CallScope`)."""

    __slots__ = ("future", "task")

    def __init__(self, future: asyncio.Future[Answer], task: asyncio.Task[Any] | None) -> None:
        self.future = future
        self.task = task

    def tell(self, answer: Answer) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def interrupt(self) -> None:
        self.tell("closed")


class Admission:
    """The door of a full queue, with two lanes.

    Args:
        free: how many parts the queue has room for.
        calls: the session's calls.
        forget: takes one of them off.

    Attributes:
        waiting: how many wait, or have been called and not come in yet.
    """

    __slots__ = ("_called", "_calls", "_forget", "_free", "_gone", "_lanes", "waiting")

    def __init__(self, free: Callable[[], int], calls: set[Any], forget: Callable[[Any], None]) -> None:
        self._free = free
        self._calls = calls
        self._forget = forget
        self._lanes: tuple[deque[_Waiter], deque[_Waiter]] = (deque(), deque())
        self._called = 0
        self._gone = 0
        self.waiting: int = 0

    async def wait(self, parcel: Parcel) -> Answer:
        """Wait for a place.

        Args:
            parcel: who wants in; its lane, and the earlier of its deadline and its time to live.

        Returns:
            ``come``: the place is the caller's, who takes it before awaiting anything.

        Cancellation: a place that was given goes to the next.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), asyncio.current_task())
        timer = loop.call_at(min(parcel.deadline, parcel.expires_at), waiter.tell, "late")
        self._lanes[parcel.lane].append(waiter)
        self._calls.add(waiter)
        self.waiting += 1
        self.call()
        came = False
        try:
            answer = await waiter.future
            came = answer == "come"
            return answer
        finally:
            timer.cancel()
            self._forget(waiter)
            self.waiting -= 1
            future = waiter.future
            if future.done() and not future.cancelled() and future.result() == "come":
                self._called -= 1
            else:
                self._leave()
            if not came:
                self.call()

    def _leave(self) -> None:
        self._gone += 1
        if self._gone > _SLACK and self._gone > self.waiting:
            for lane in self._lanes:
                kept = [waiter for waiter in lane if not waiter.future.done()]
                lane.clear()
                lane.extend(kept)
            self._gone = 0

    def call(self) -> None:
        """Let in as many as there is room for."""
        for lane in self._lanes:
            while lane:
                if lane[0].future.done():
                    lane.popleft()
                    self._gone -= 1
                    continue
                if self._free() <= self._called:
                    return
                self._called += 1
                lane.popleft().tell("come")
