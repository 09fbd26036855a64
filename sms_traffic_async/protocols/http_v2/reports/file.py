"""A file that appears whole or not at all, written without holding up the event loop.

1. Everything goes into a new file beside the target, readable by its owner only:
   reports hold numbers and texts. It takes the target's name after fsync.
2. One thread of its own writes. It is handed about a megabyte at a time, and
   the next hand-over waits for the last: two are held at most.
3. Whatever else happens, the new file is removed; that needs no await, so a
   cancellation leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ("HANDOVER", "WholeFile")

HANDOVER = 1_048_576
"""Bytes given to the thread at once, about."""
_WRITE = 131_072
"""Bytes of one write. Larger ones make the kernel look for larger free pages, and a virtual machine has to ask its host
for these: 330 MB/s with a megabyte a write, 480 MB/s with this, where memory had been idle."""


class WholeFile:
    """``async with WholeFile(path) as file: ... await file.commit()``.

    Args:
        path: the target; one that exists is replaced at the end.

    Attributes:
        size: bytes written.

    Raises:
        OSError: from any step, as the system gives it.
    """

    def __init__(self, path: Path) -> None:
        self.size: int = 0
        self._target = path
        # Chosen here and not by the thread, so that it can be removed whatever the thread is doing.
        self._path = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sms-traffic report")
        self._descriptor = -1
        self._gathered: list[bytes] = []
        self._gathered_size = 0
        self._writing: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._run(self._create)
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    async def write(self, data: bytes) -> None:
        """Add to the file.

        Cancellation: the file is incomplete from here on.
        """
        self._gathered.append(data)
        self._gathered_size += len(data)
        self.size += len(data)
        del data  # numbers and texts stay out of tracebacks
        if self._gathered_size >= HANDOVER:
            await self._hand_over()

    async def restart(self) -> None:
        """Drop what was written."""
        self._gathered.clear()
        self._gathered_size = self.size = 0
        await self._settle()
        await self._run(self._truncate)

    async def commit(self) -> None:
        """Make it durable under the target's name.

        Cancellation: it is there whole, or not at all.
        """
        await self._hand_over()
        await self._settle()
        await self._run(self._finish)

    async def _hand_over(self) -> None:
        await self._settle()
        gathered, self._gathered, self._gathered_size = self._gathered, [], 0
        self._writing = self._submit(lambda: self._write(gathered))

    async def _settle(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    def _submit(self, work: Callable[[], None]) -> asyncio.Future[None]:
        done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        # A failure that nobody waits for any more is not worth a line in the log.
        done.add_done_callback(_look_at)
        return done

    async def _run(self, work: Callable[[], None]) -> None:
        await self._submit(work)

    def _leave(self) -> None:
        """Remove the new file, if it still has its own name. Nothing here waits."""
        if self._writing is not None:
            self._writing.cancel()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        # The thread may be in the middle of a write, and some systems do not remove an open file.
        self._thread.submit(self._clean_up)
        self._thread.shutdown(wait=False)

    def _create(self) -> None:
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)

    def _write(self, gathered: list[bytes]) -> None:
        data = memoryview(b"".join(gathered))
        gathered.clear()
        while data:
            data = data[os.write(self._descriptor, data[:_WRITE]) :]

    def _truncate(self) -> None:
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)

    def _finish(self) -> None:
        os.fsync(self._descriptor)
        self._close()
        self._path.replace(self._target)
        if os.name == "posix":  # pragma: no branch - elsewhere a folder cannot be opened
            # The new name is durable only with its directory.
            folder = os.open(self._target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _clean_up(self) -> None:
        with suppress(OSError):
            self._close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _look_at(done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        done.exception()
