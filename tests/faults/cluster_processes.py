"""Worker processes of the cluster runs: each is forked from one that has imported everything, and can be killed.

A new interpreter for each would be most of what a run costs.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any, Self

__all__ = ("Child", "Workers")

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.cluster_worker"])


class Child:
    """One process.

    Args:
        work: a function of a module: is given a pipe to say and be told something on, and ``words``.
        words: for it.
    """

    def __init__(self, work: Callable[..., None], *words: Any) -> None:
        self._said, told = _context.Pipe()
        self._process: BaseProcess = _context.Process(target=work, args=(told, *words))
        self._process.start()
        told.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    async def said(self) -> Any:
        """What it says next; raises ``EOFError`` when it is gone."""
        return await asyncio.to_thread(self._said.recv)

    def tell(self, word: Any) -> None:
        """Tell it something."""
        self._said.send(word)

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._process.exitcode is not None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self.end()

    def end(self, seconds: float = 60.0) -> int:
        """Wait for its end; gives the exit code."""
        self._process.join(seconds)
        code = self._process.exitcode
        assert code is not None, "it does not end"
        self._said.close()
        self._process.close()
        return code


class Workers:
    """Processes that do the same, each replaced when it was killed.

    Args:
        work: as of ``Child``; says something when it is at work.
        words: for it.
    """

    def __init__(self, work: Callable[..., None], *words: Any) -> None:
        self._work = work
        self._words = words
        self.running: list[Child] = []
        self.died = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.running:
            child.kill()

    async def start(self) -> Child:
        """One more; returns when it is at work."""
        child = Child(self._work, *self._words)
        self.running.append(child)
        await child.said()
        return child

    def kill(self, index: int) -> None:
        """SIGKILL."""
        child = self.running.pop(index)
        self.died += child.ended
        child.kill()

    async def drain(self, index: int) -> int:
        """SIGTERM, and wait; gives the exit code."""
        child = self.running.pop(index)
        self.died += child.ended
        child.signal(signal.SIGTERM)
        return await asyncio.to_thread(child.end)

    def census(self) -> int:
        """How many ended by themselves, so far."""
        return self.died + sum(child.ended for child in self.running)
