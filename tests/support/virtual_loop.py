"""A real event loop over real sockets whose clock jumps instead of waiting.

``VirtualLoop`` is asyncio's selector loop with a clock of its own. While
anything can still happen by itself (bytes on their way, a callback from a
thread, a job in an executor) it waits for that in real time and its clock
stands still. Only when nothing can happen any more, the clock jumps to the next
timer. So twelve long polls of 290 seconds over real TCP take milliseconds, and
no bytes ever come "too late" because a machine was slow.

In a test module::

    from tests.support.virtual_loop import VirtualClock, virtual

    pytestmark = virtual  # or @virtual on one test; async fixtures run on the same loop

which works where a conftest names ``tests.support.virtual_plugin``, as ours does. In a script: ``run_virtual(main)``.

What it can see and what not:

1. Sockets and pipes of this process: seen before every jump, and also bytes
   that the kernel holds back for a while (Nagle, a late window).
2. ``run_in_executor``, ``asyncio.to_thread``, ``getaddrinfo``: counted.
3. Other threads of this process (a storage writer, a server thread): a thread
   that runs, or waits for the disk, holds the clock; one that sleeps does not.
   A thread that sleeps in ``time.sleep`` needs ``loop.hold()``.
4. Other processes: not seen. Use ``with loop.hold():`` around the wait.
5. ``time.monotonic()`` and ``time.time()`` stay real. Code under test reads the
   loop's clock, or a ``Clock`` that was handed to it.

A loop that waits for nothing at all raises ``VirtualDeadlock`` after a few real
seconds; one whose clock passes 60 days (a test that waits for ever while a
heartbeat keeps ticking) raises it too, and so does one that was given
``real_seconds`` and outlives them: a loop that never pauses hides the exception
that a signal raises inside one of its callbacks.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import selectors
import threading
import time
from asyncio import events
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, TypeVarTuple, Unpack

import pytest

from tests.support.idleness import Threads, Wires

__all__ = ("ORIGIN", "VirtualClock", "VirtualDeadlock", "VirtualLoop", "run_virtual", "virtual")

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

virtual = pytest.mark.asyncio(loop_factories=("virtual",))
"""Runs a test, and its async fixtures, on a ``VirtualLoop``."""

ORIGIN = 1_000.0
"""What a new loop's clock shows. Not 0, which code may take for "never"."""

_HORIZON = 60 * 86_400.0
_IDLE_SECONDS = 5.0
# While a thread works the clock stands; a job that itself waits for a timer of this loop would then
# never end, so after this long in silence the clock goes on at the speed of real time.
_PATIENCE = 0.2
# Two looks at other threads are so far apart, with the GIL free between them.
_SETTLE = 0.000_05
# While anything is under way, look again so often (an event ends the wait at once).
_LOOK = 0.001
_WIRE_SECONDS = 0.5
_BACKLOG_SECONDS = 0.01


class VirtualDeadlock(RuntimeError):
    """The loop waits, and nothing is there that could ever wake it."""


if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

Events: TypeAlias = list[tuple[selectors.SelectorKey, int]]


class _JumpingSelector(selectors.DefaultSelector):
    """Waits for events that can come by themselves; moves the clock when none can."""

    def __init__(self, real_seconds: float) -> None:
        super().__init__()
        self.now = ORIGIN
        self._end = time.monotonic() + real_seconds
        self.holds = 0
        self._threads = Threads()
        self._wires = Wires()

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._wires.add(key.fd)
        return key

    def close(self) -> None:
        super().close()
        self._wires.close()

    def select(self, timeout: float | None = None) -> Events:
        if time.monotonic() > self._end:
            self._end += _IDLE_SECONDS  # for what the loop's owner has to put in order
            raise VirtualDeadlock(f"the real time of this loop is over, its clock shows {self.now - ORIGIN:.3f} s")
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.holds:
            return self._wait_for_threads(timeout)
        ready = self._settle()
        if ready:
            return ready
        if timeout is None:
            return self._wait_for_a_miracle()
        if self.now + timeout - ORIGIN > _HORIZON:
            raise VirtualDeadlock(
                f"the virtual clock passed {_HORIZON / 86_400:.0f} days: something ticks for ever, "
                "and what this test waits for does not come"
            )
        self.now += timeout
        return []

    def _settle(self) -> Events:
        """What comes after all, as long as threads work or the kernel holds something back."""
        if threading.active_count() > 1:
            self._threads.look()  # the next tells who moved while the GIL was free
            time.sleep(_SETTLE)
        begun = time.monotonic()
        while True:
            working = self._threads.at_work()
            held = self._wires.held(self._writers())
            if held and time.monotonic() - begun > _WIRE_SECONDS:
                self._wires.give_up(held)
                held = {}
            travelling = time.monotonic() - begun < _BACKLOG_SECONDS and self._wires.travelling()
            busy = bool(working or held or travelling)
            # The look comes after the questions: what was under way before them is there by now.
            ready = super().select(_LOOK if busy else 0)
            if ready or not busy:
                return ready

    def _writers(self) -> set[int]:
        return {key.fd for key in self.get_map().values() if key.events & selectors.EVENT_WRITE}

    def _wait_for_threads(self, timeout: float | None) -> Events:
        ready = super().select(_PATIENCE)
        if not ready and timeout is not None:
            self.now += min(timeout, _PATIENCE)
        return ready

    def _wait_for_a_miracle(self) -> Events:
        """No timer is set. Another process, a sleeping thread or a signal may still come."""
        ready = super().select(_IDLE_SECONDS)
        if ready:
            return ready
        raise VirtualDeadlock(
            f"nothing happened for {_IDLE_SECONDS:.0f} real seconds, no timer is set and no thread works: "
            "what is awaited here can never come (a wait for another process needs loop.hold())"
        )


class VirtualLoop(asyncio.SelectorEventLoop):
    """The selector event loop on a jumping clock. See the module.

    Args:
        real_seconds: how long it may live.
    """

    def __init__(self, *, real_seconds: float = math.inf) -> None:
        self._jumping = _JumpingSelector(real_seconds)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds on the virtual clock; starts at ``ORIGIN``."""
        return self._jumping.now

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the clock from jumping: something outside this loop's sight is at work.

        The clock goes on at about the speed of real time while held.
        """
        self._jumping.holds += 1
        try:
            yield
        finally:
            self._jumping.holds -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run in a thread; the clock waits until the loop has seen the result."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.holds += 1
        future.add_done_callback(self._release)
        return future

    def _release(self, _future: asyncio.Future[Any]) -> None:
        self._jumping.holds -= 1

    async def shutdown_default_executor(self, *args: Any, **options: Any) -> None:
        """Wait for the executor's threads in real time; later Pythons set a timer for it."""
        with self.hold():
            await super().shutdown_default_executor(*args, **options)


class VirtualClock:
    """``sms_traffic_async.clock.Clock`` on the running ``VirtualLoop``.

    Args:
        wall: seconds since the epoch at the loop's start; it moves with the loop.
        seed: of ``random()``.
    """

    __slots__ = ("_random", "_wall")

    def __init__(self, *, wall: float = 1_767_225_600.0, seed: int = 0) -> None:
        self._wall = wall
        self._random = random.Random(seed)

    def monotonic(self) -> float:
        """The virtual loop's time."""
        loop = events.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            raise TypeError("a VirtualClock tells time on a VirtualLoop only: mark the test with `virtual`")
        return loop.time()

    def wall(self) -> float:
        """Seconds since the epoch on the virtual clock."""
        return self._wall + self.monotonic() - ORIGIN

    async def sleep(self, seconds: float) -> None:
        """``asyncio.sleep``, which costs nothing here."""
        await asyncio.sleep(seconds)

    def random(self) -> float:
        """A seeded number in [0, 1)."""
        return self._random.random()


def run_virtual(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """``asyncio.run(main())`` on a ``VirtualLoop``."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())
