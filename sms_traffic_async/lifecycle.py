"""The life of a session: free, then bound to one loop and process, then closed.

1. Nothing is bound until the first call that awaits; then loop and process are
   remembered, and another loop or a forked child gets a sentence for an error.
2. Every background task is named, started in an empty context, owned here and
   awaited at close.
3. Close stops the intake, waits for the calls under way, and after the grace
   time interrupts what is left; each such call ends with an honest outcome.
4. Close is bounded; closed is for ever.
"""

from __future__ import annotations

import asyncio
import contextvars
import enum
import os
from collections.abc import Callable, Collection, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from sms_traffic_async.clock import running_loop
from sms_traffic_async.errors import ConfigurationError

__all__ = ("Call", "CallScope", "Interrupted", "Life", "SessionClosed", "Spawn", "State", "gone")

LAST_SECONDS = 1.0

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]
"""Starts a background task under a name; its owner awaits it: ``Life.spawn``."""


class State(enum.Enum):
    """Where a session is in its life."""

    FREE = "free"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Interrupted(Exception):
    """Close interrupted this call; turned into an outcome by whoever made the call."""


class SessionClosed(Exception):
    """A call came after close began; turned into an outcome by whoever made the call."""


class Call(Protocol):
    """A public call under way: a ``CallScope``, or a message that waits for a shared request."""

    task: asyncio.Task[Any] | None
    """Who made it."""

    def interrupt(self) -> None:
        """End it, with an honest outcome."""
        ...


class CallScope:
    """One public call under way. Close can interrupt it, once, after the grace time."""

    __slots__ = ("_cancelling", "_interrupted", "_life", "task")

    def __init__(self, life: Life) -> None:
        self._life = life
        self.task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._interrupted = False

    def __enter__(self) -> Self:
        self._life.enter(self)
        if self.task is not None:
            self._cancelling = self.task.cancelling()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._life.forget(self)
        if not self._interrupted or self.task is None:
            return
        # As asyncio.timeout does: our own cancel() is taken back, a foreign one is left to go on.
        if self.task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise Interrupted from None

    def interrupt(self) -> None:
        """Cancel the call; it surfaces as ``Interrupted`` and not as a cancellation."""
        if not self._interrupted and self.task is not None:
            self._interrupted = True
            self.task.cancel()


class Life:
    """Binding, ownership of tasks, and the orderly end."""

    def __init__(self) -> None:
        self.state: State = State.FREE
        self.calls: set[Call] = set()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid: int | None = None
        self._idle: asyncio.Event | None = None
        self._ended: asyncio.Event | None = None

    def bind(self) -> None:
        """Bind to the running loop and this process, or check that they are the bound ones.

        Raises:
            ConfigurationError: another loop, a forked child, or no loop of asyncio.
        """
        loop = running_loop()
        if self._loop is loop and self._pid == os.getpid():
            return
        if self._loop is None:
            self._loop, self._pid = loop, os.getpid()
            self._idle, self._ended = asyncio.Event(), asyncio.Event()
            if self.state is State.FREE:
                self.state = State.OPEN
            return
        if self._pid != os.getpid():
            raise ConfigurationError("this session was opened before a fork: make one in each process")
        raise ConfigurationError("this session belongs to another event loop: make one per asyncio.run()")

    def enter(self, call: Call) -> None:
        """A call begins; ``forget`` ends it.

        Raises:
            SessionClosed: close began.
            ConfigurationError: another loop, a forked child, or no task.
        """
        self.bind()
        if self.state is not State.OPEN:
            raise SessionClosed
        task = asyncio.current_task()
        if task is None:
            raise ConfigurationError("a session is used from inside an asyncio task")
        call.task = task
        self.calls.add(call)

    def call(self) -> CallScope:
        """A scope around one public call; see ``CallScope``."""
        return CallScope(self)

    def spawn(
        self, work: Coroutine[Any, Any, None], name: str, *, context: contextvars.Context | None = None
    ) -> asyncio.Task[None]:
        """Start a background task in an empty context, or in one of its own; it is cancelled and awaited at close."""
        context = contextvars.Context() if context is None else context
        task = asyncio.create_task(work, name=f"sms-traffic {name}", context=context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def interrupt(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        """Interrupt the calls that these tasks are making."""
        for call in tuple(self.calls):
            if call.task in tasks:
                call.interrupt()

    def forget(self, call: Call) -> None:
        """A call ended."""
        self.calls.discard(call)
        if not self.calls and self.state is State.CLOSING and self._idle is not None:
            self._idle.set()

    async def close(self, grace: float) -> bool:
        """Stop the intake, let calls finish for ``grace`` seconds, interrupt the rest, end the tasks.

        Returns:
            Whether this call did it; a second concurrent close waits for the
            first and returns False.

        Cancellation:
            Skips the rest of the grace time: calls are interrupted and tasks
            cancelled at once, then the cancellation goes on.
        """
        if self.state is State.FREE:
            self.state = State.CLOSED
            return True
        if self.state is State.CLOSED:
            return False
        self.bind()
        if self.state is not State.OPEN:
            assert self._ended is not None  # noqa: S101 - bound above
            await self._ended.wait()
            return False
        self.state = State.CLOSING
        try:
            await self._drain(grace)
        finally:
            for call in tuple(self.calls):
                call.interrupt()
            for task in tuple(self.tasks):
                task.cancel()
        await self._drain(grace)
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=grace or LAST_SECONDS)
        return True

    async def ended(self) -> None:
        """Wait for tasks that close cancelled and that only the end of their connections ends; at most a second."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=LAST_SECONDS)

    def closed(self) -> None:
        """Everything owned is released; nobody waits any longer."""
        self.state = State.CLOSED
        if self._ended is not None:
            self._ended.set()

    async def _drain(self, seconds: float) -> None:
        assert self._idle is not None  # noqa: S101 - bound before
        if not self.calls:
            return
        self._idle.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return


async def gone(*tasks: asyncio.Task[Any]) -> None:
    """Wait for the end of tasks that were cancelled. A cancellation of whoever waits is raised at last."""
    cancelled: asyncio.CancelledError | None = None
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
