"""Ctrl-C and SIGTERM, heard inside a running loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator

__all__ = ("signals",)


@contextlib.contextmanager
def signals(heard: Callable[[], None], *, once: bool = False) -> Generator[None]:
    """Call a function for Ctrl-C and SIGTERM while the block lasts.

    Where a loop has no signals of its own (Windows), Ctrl-C raises KeyboardInterrupt as ever.

    Args:
        heard: called in the loop, as often as they come.
        once: only the first is heard; the next one acts as if nobody listened.
    """
    loop = asyncio.get_running_loop()
    taken: list[signal.Signals] = []

    def release() -> None:
        while taken:
            loop.remove_signal_handler(taken.pop())

    def hear() -> None:
        if once:
            release()
        heard()

    for one in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(one, hear)
            taken.append(one)
    try:
        yield
    finally:
        release()
