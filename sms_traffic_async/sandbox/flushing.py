"""Writing now and then what came meanwhile: what the data file and the recorder have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

__all__ = ("FLUSH", "Flusher")

FLUSH: Final = 0.2
"""Seconds that a crash may cost."""


class Flusher:
    """Calls a writer every `FLUSH` seconds, from a task of its own that begins at once.

    Args:
        write: writes what there is; must not raise.
        name: of the task.
    """

    def __init__(self, write: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        self._write = write
        self._name = name
        self._writing: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] = asyncio.create_task(self._run(), name=name)

    async def aclose(self) -> None:
        """End; what is being written is written to its end."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if self._writing is not None:
            await self._writing

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH)
            # A task apart: whoever ends this one must not cut a write in two.
            self._writing = asyncio.create_task(self._write(), name=f"{self._name}'s write")
            await asyncio.shield(self._writing)
