"""Connections to PostgreSQL that come back by themselves.

Rules
-----
1. Work is a coroutine function of one connection, and runs inside one
   transaction. It reads and writes through that connection and does nothing else:
   where the server went away it is done again on a new one, after 0.5 to 5 s.
2. A commit whose answer was lost is done again too. So work is written to be
   repeatable: it names the ids it makes, and holds the tokens it checks.
3. What is not about the connection (a bad statement, a missing table) is raised
   at once; the server's words are kept, the values never.
4. Whoever listens hears "something changed" after every reconnection as well:
   nobody knows what was missed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.outbox import postgres_port as port
from sms_traffic_async.outbox.postgres_port import CONNECT_TIMEOUT, Connection, Pool, Work
from sms_traffic_async.secrets import ForeignError, Secret
from sms_traffic_async.storage.sqlite import StorageClosed, StorageError
from sms_traffic_async.telemetry import get_logger

__all__ = ("Database", "backoff", "end_task", "is_transient")

T = TypeVar("T")

SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
LISTENER_PROBE = 10.0
"""A listening connection is asked so often whether it is there: nothing else would tell."""

# Shutting down, crashed, starting up, too many clients, out of disk or memory; deadlock and lost serialisation races.
_PASSING = ("08", "57P", "53", "40")

_log = get_logger("outbox")


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed on another connection, or a moment later."""
    library = port.asyncpg()
    if isinstance(error, library.PostgresError):
        return str(getattr(error, "sqlstate", None) or "").startswith(_PASSING)
    if isinstance(error, library.InterfaceError):
        return "closed" in str(error) or "released" in str(error)
    return isinstance(error, (OSError, TimeoutError, library.InternalClientError))


def backoff(failures: int, chance: float) -> float:
    """Seconds to wait after so many failures in a row: 0.5 doubling to 5, with jitter downwards, never below 0.5."""
    longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2.0 ** min(failures, 8))
    return SHORTEST_PAUSE + (longest - SHORTEST_PAUSE) * chance


class Database:
    """A pool under supervision; see the module. Made by ``Database(dsn)``, opened by the first work.

    Args:
        dsn: ``postgresql://user:password@host/database``; kept secret.
        size: connections at most.
        clock: time and chance.
        patience: seconds for which work is tried again while the server is away; then it fails.

    Attributes:
        works: how often work was begun.
        reconnects: how often it had to be done again.

    Raises:
        ConfigurationError: asyncpg is not installed.
    """

    def __init__(
        self, dsn: str | Secret, *, size: int = 4, clock: Clock = SYSTEM_CLOCK, patience: float = 30.0
    ) -> None:
        self.dsn: Secret = Secret(dsn)
        del dsn  # a traceback printed with locals shows this frame
        library = port.asyncpg()
        self._kinds = (
            library.PostgresError,
            library.InterfaceError,
            library.InternalClientError,
            OSError,
            TimeoutError,
        )
        self.works: int = 0
        self.reconnects: int = 0
        self._clock = clock
        self._size = size
        self._patience = patience
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._listener: asyncio.Task[None] | None = None

    async def run(self, work: Work[T], *, patience: float | None = None, atomic: bool = True) -> T:
        """Do work in one transaction, again if the server went away, and return what it returned.

        Args:
            work: see rule 1.
            atomic: ``False`` for work of a single statement, a transaction by itself: one round trip, not three.
            patience: seconds of trying, instead of the database's own; 0 tries once.

        Raises:
            StorageClosed: the database was closed.
            StorageError: the server stayed away, or said no; ``__cause__`` says why.
            SmsTrafficError: what the work itself raised.

        Cancellation: rolled back, unless the commit was on its way: then it may stand, and nobody is told.
        """
        until = self._clock.monotonic() + (self._patience if patience is None else patience)
        failures = 0
        task = asyncio.current_task()
        cancels = 0 if task is None else task.cancelling()
        while True:
            if self._closed:
                raise StorageClosed("the database is closed")
            try:
                return await self._once(work, atomic=atomic)
            except self._kinds as error:
                if task is not None and task.cancelling() > cancels:
                    raise asyncio.CancelledError from None  # undoing the work failed, too, and told of that instead
                pause = backoff(failures, self._clock.random())
                if not is_transient(error) or self._clock.monotonic() + pause > until:
                    raise _told(error) from _cause(error)
                _log.warning("postgres: %s; trying again in %.1f s", type(error).__name__, pause)
            failures += 1
            self.reconnects += 1
            await self._clock.sleep(pause)

    async def _once(self, work: Work[T], *, atomic: bool) -> T:
        pool = await self._open()
        connection = await port.acquire(pool)
        try:
            self.works += 1
            if not atomic:
                return await work(connection)
            async with connection.transaction():
                return await work(connection)
        finally:
            await pool.release(connection)

    async def _open(self) -> Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await port.make_pool(self.dsn, self._size)
            return self._pool

    # --- listening

    def listen(self, channel: str, heard: Callable[[str], None]) -> None:
        """Call ``heard(payload)`` for every NOTIFY on a channel, and ``heard("")`` after each (re)connection.

        One channel a database; calling it again changes nothing.
        """
        if self._listener is None and not self._closed:
            self._listener = asyncio.create_task(self._listen(channel, heard), name="sms-traffic postgres listener")

    async def _listen(self, channel: str, heard: Callable[[str], None]) -> None:
        failures = 0
        while True:
            try:
                connection = await port.connect(self.dsn)
            except Exception as error:  # noqa: BLE001 - whatever it is, only a later try can tell more
                _log.warning("postgres: not listening: %s", type(error).__name__)
                await self._clock.sleep(backoff(failures, self._clock.random()))
                failures += 1
                continue
            failures = 0
            try:
                await self._follow(connection, channel, heard)
            except Exception as error:  # noqa: BLE001 - as above
                _log.warning("postgres: stopped listening: %s", type(error).__name__)
            finally:
                connection.terminate()
            await self._clock.sleep(backoff(0, self._clock.random()))

    async def _follow(self, connection: Connection, channel: str, heard: Callable[[str], None]) -> None:
        ended = asyncio.Event()

        def hear(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            heard(str(payload))

        connection.add_termination_listener(lambda _connection: ended.set())
        await connection.add_listener(channel, hear)
        heard("")
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LISTENER_PROBE):
                    await ended.wait()
                return
            await connection.fetchval("SELECT 1", timeout=CONNECT_TIMEOUT)

    async def aclose(self) -> None:
        """Close the connections; work under way is given a moment, then cut.

        Cancellation: cuts at once.
        """
        self._closed = True
        await end_task(self._listener)
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await pool.close()
        except TimeoutError:
            pool.terminate()


async def end_task(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task of one's own and wait until it is over, whatever it says."""
    if task is None:
        return
    task.cancel()
    await asyncio.wait([task])


# The server's own words may quote a row ("Key (message_key)=(...) already exists"): its class and code do not.
def _told(error: BaseException) -> StorageError:
    return StorageError(f"PostgreSQL: {_name(error)}")


def _cause(error: BaseException) -> ForeignError:
    return ForeignError(f"{type(error).__module__}.{_name(error)}")


def _name(error: BaseException) -> str:
    code = getattr(error, "sqlstate", None)
    return type(error).__name__ + (f" ({code})" if code else "")
