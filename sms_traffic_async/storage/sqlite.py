"""A SQLite file for one process: one connection, one thread, one commit for everybody who waits.

1. Work is a function of the connection. What is handed in while the disk is busy
   runs together in the next transaction, and everybody is told after its commit:
   ``synchronous=FULL``, so what was told survives a power cut.
2. Work that fails fails alone. The group is then rolled back and run again piece
   by piece, so work is done twice: it reads and writes through its connection and
   does nothing else.
3. The file belongs to one process (``locking_mode=EXCLUSIVE``, ``busy_timeout=0``):
   a second one is refused when it opens the file, not at its first write.
4. The loop never waits for the disk; the thread never touches the loop but through
   ``call_soon_threadsafe``, once a group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from sms_traffic_async.errors import ConfigurationError, StorageClosed, StorageError

__all__ = ("SqliteFile", "StorageClosed", "StorageError", "Work")

T = TypeVar("T")
Work: TypeAlias = Callable[[sqlite3.Connection], T]

GROUP = 1_000
"""Pieces of one transaction, at most: whoever comes next waits no longer than that."""
MOST_WAITING = 100_000

_PRAGMAS = ("busy_timeout=0", "locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


class _Job:
    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None


class SqliteFile:
    """An open file; see the module. Made by ``await SqliteFile.open(...)``, closed by ``aclose()``.

    Attributes:
        path: where it is.
        groups: commits so far.
        jobs: pieces of work that were committed with them.
    """

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.groups: int = 0
        self.jobs: int = 0
        self._loop = loop
        self._pid = os.getpid()
        self._waiting: deque[_Job] = deque()
        self._wake = threading.Condition(threading.Lock())
        self._closing = False
        self._ended: asyncio.Future[None] = loop.create_future()
        self._thread: threading.Thread | None = None

    @classmethod
    async def open(cls, path: str | os.PathLike[str], *, migrations: Sequence[str]) -> Self:
        """Open or make a file and bring its tables up to date.

        Args:
            path: the file; its directory must be there. A new file is readable by its owner only.
            migrations: SQL scripts in order; ``PRAGMA user_version`` tells how many of them a file has had.

        Raises:
            ConfigurationError: another process has it open, or it was made by a later version of this library.
            StorageError: it cannot be opened, or is no database.

        Cancellation: the file is closed again.
        """
        loop = asyncio.get_running_loop()
        made = cls(Path(path), loop)
        opened: asyncio.Future[None] = loop.create_future()
        # A daemon: a process that forgot to close must still be able to end, and loses nothing that was told.
        made._thread = threading.Thread(
            target=made._live, args=(tuple(migrations), opened), name="sms-traffic sqlite", daemon=True
        )
        made._thread.start()
        try:
            await asyncio.shield(opened)
        except BaseException:
            await made.aclose()
            raise
        return made

    async def run(self, work: Work[T]) -> T:
        """Do a piece of work in the transaction of the next group, and wait for its commit.

        Args:
            work: reads and writes through the connection it is given; must not commit. It may be done twice.

        Returns:
            What the work returned; it is on the disk by then.

        Raises:
            StorageClosed: the file is closed.
            StorageError: the database said no (a full disk, a damaged file); ``__cause__`` says why.
            Exception: whatever the work raised; nothing of it was kept.

        Cancellation: before its group begins it is not done; after that it is, and nobody is told.
        """
        return await self.submit(work)

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """As ``run``; gives a future, so that no task is needed for it.

        Raises:
            StorageClosed, StorageError: it was not handed in.
        """
        if self._closing or os.getpid() != self._pid:
            raise StorageClosed("the file is closed" if self._closing else "the file was opened before a fork")
        if len(self._waiting) >= MOST_WAITING:
            raise StorageError(f"{MOST_WAITING} pieces of work wait for the disk already")
        future: asyncio.Future[T] = self._loop.create_future()
        waiting = self._waiting
        # Only an idle thread is woken: appending to a deque needs no lock.
        waiting.append(_Job(work, future))
        if len(waiting) == 1:
            with self._wake:
                self._wake.notify()
        return future

    async def aclose(self) -> None:
        """Do what is waiting, commit it, and close the file. A second call waits for the first.

        Cancellation: the thread ends all the same, a little later.
        """
        self._closing = True
        with self._wake:
            self._wake.notify()
        await asyncio.shield(self._ended)
        if self._thread is not None:
            self._thread.join()  # it has told its end already

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- in the thread ---

    def _live(self, migrations: tuple[str, ...], opened: asyncio.Future[None]) -> None:
        connection: sqlite3.Connection | None = None
        try:
            connection = _open(self.path, migrations)
            self._tell(_settle, opened, None)
            self._serve(connection)
        except BaseException as error:  # noqa: BLE001 - told to whoever opens, or to whoever waits
            self._tell(_settle, opened, error)
        finally:
            self._closing = True
            if connection is not None:
                connection.close()
            self._tell(self._end)

    def _serve(self, connection: sqlite3.Connection) -> None:
        waiting = self._waiting
        while True:
            if not waiting:
                with self._wake:
                    # Looked at again under the lock: whoever appends to an empty queue takes it to wake us.
                    while not waiting and not self._closing:
                        self._wake.wait()
                if not waiting:
                    return
            group: list[_Job] = []
            while waiting and len(group) < GROUP:
                group.append(waiting.popleft())
            group = [job for job in group if not job.future.cancelled()]
            if group:
                self._commit(connection, group)
                self._tell(_settle_all, group)

    def _commit(self, connection: sqlite3.Connection, group: list[_Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in group:
                job.result = job.work(connection)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - told to whoever handed the work in
            _roll_back(connection)
            if len(group) == 1:
                group[0].error = error
                return
            for job in group:
                self._commit(connection, [job])
            return
        self.groups += 1
        self.jobs += len(group)

    def _tell(self, told: Callable[..., None], *values: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(told, *values)
        except RuntimeError:
            return  # the loop is closed: nobody is there to be told

    def _end(self) -> None:
        while self._waiting:
            job = self._waiting.popleft()
            job.error = StorageClosed("the file was closed")
            _settle_all([job])
        _settle(self._ended, None)


def _open(path: Path, migrations: tuple[str, ...]) -> sqlite3.Connection:
    try:
        # Made by us, so that nobody else may read it; SQLite gives its companions the same mode. Never opened where it
        # is there: closing any descriptor of a file drops every POSIX lock that this process has on it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=True, cached_statements=512)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{path} cannot be opened: {type(error).__name__}") from error
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _migrate(connection, path, migrations)
    except sqlite3.Error as error:
        connection.close()
        if "locked" in str(error):
            raise ConfigurationError(
                f"{path} is in use: one process at a time, give every process a file of its own"
            ) from error
        raise StorageError(f"{path} cannot be used: {error}") from error
    except ConfigurationError:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: tuple[str, ...]) -> None:
    # A write transaction takes the lock for good, so a second process is refused here and not later.
    connection.execute("BEGIN EXCLUSIVE")
    had = connection.execute("PRAGMA user_version").fetchone()[0]
    if had > len(migrations):
        connection.execute("ROLLBACK")
        raise ConfigurationError(f"{path} was made by a later version of this library")
    for script in migrations[had:]:
        for statement in script.split(";"):
            if statement.strip():
                connection.execute(statement)
    connection.execute(f"PRAGMA user_version={len(migrations)}")
    connection.execute("COMMIT")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _settle_all(group: list[_Job]) -> None:
    for job in group:
        future = job.future
        if future.done():
            continue
        error = job.error
        if error is None:
            future.set_result(job.result)
        elif (
            isinstance(error, sqlite3.OperationalError | sqlite3.InternalError) or type(error) is sqlite3.DatabaseError
        ):
            failed = StorageError(f"the database said no: {error}")
            failed.__cause__ = error
            future.set_exception(failed)
        else:
            future.set_exception(error)


def _settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
        return
    future.set_exception(error)
    future.exception()  # whoever waits gets it; nobody has to
