"""What is used of asyncpg and psycopg, as far as it is used; both speak ``$1``.

Neither is imported here before it is needed. asyncpg says nothing about types,
so its names are looked up once, behind these protocols.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.secrets import Secret, foreign_cause

__all__ = (
    "Connection",
    "Pool",
    "Row",
    "Statements",
    "Work",
    "acquire",
    "asyncpg",
    "connect",
    "make_pool",
    "statements_of",
)

T = TypeVar("T")
Row: TypeAlias = Mapping[str, Any]

CONNECT_TIMEOUT: Final = 5.0
COMMAND_TIMEOUT: Final = 30.0

# A dead machine is noticed after 5 + 3 x 2 s by the server: without these a lock of its may stand for hours.
SERVER_SETTINGS: Final = {
    "application_name": "sms-traffic",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}


class Statements(Protocol):
    """Whatever runs a statement: a connection of ours, or the caller's own transaction."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Row]:
        """The rows."""
        ...

    async def execute(self, query: str, *args: Any) -> str:
        """The command tag."""
        ...


class Connection(Statements, Protocol):
    """An asyncpg connection."""

    async def fetchrow(self, query: str, *args: Any, timeout: float | None = None) -> Row | None:  # noqa: ASYNC109 - asyncpg's
        """The first row."""
        ...

    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - asyncpg's
        """The first row's first column."""
        ...

    async def add_listener(self, channel: str, callback: Callable[[Any, int, str, Any], None]) -> None:
        """LISTEN."""
        ...

    def add_termination_listener(self, callback: Callable[[Any], None]) -> None:
        """Told when the connection ended."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """A transaction."""
        ...

    def terminate(self) -> None:
        """Close at once."""
        ...


class Pool(Protocol):
    """An asyncpg pool."""

    async def acquire(self, *, timeout: float) -> Connection:  # noqa: ASYNC109 - asyncpg's
        """A connection, until it is released."""
        ...

    async def release(self, connection: Connection) -> None:
        """Take it back."""
        ...

    async def close(self) -> None:
        """Wait for those in use, and close."""
        ...

    def terminate(self) -> None:
        """Close at once."""
        ...


Work: TypeAlias = Callable[[Connection], Coroutine[Any, Any, T]]


def asyncpg() -> Any:
    """The library.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return importlib.import_module("asyncpg")
    except ImportError as error:
        raise ConfigurationError("an outbox on PostgreSQL needs: pip install 'sms-traffic-async[postgres]'") from error


async def connect(dsn: Secret) -> Connection:
    """A connection outside any pool: what holds a session lock or listens needs its own.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError: as the network or the server put it.
        ConfigurationError: the DSN cannot be read.
    """
    try:
        connection: Connection = await asyncpg().connect(
            dsn.reveal(), timeout=CONNECT_TIMEOUT, command_timeout=COMMAND_TIMEOUT, server_settings=SERVER_SETTINGS
        )
    except ValueError as error:
        raise ConfigurationError("the DSN is not a PostgreSQL URL") from foreign_cause(error)
    return connection


def _nothing(_connection: object) -> str:
    return ""


async def make_pool(dsn: Secret, size: int) -> Pool:
    """A pool without any connection yet: the first work makes one."""
    library = asyncpg()
    # Nobody changes a session of ours, so nothing is reset when it goes back: that would be a round trip more.
    plain = type("PlainConnection", (library.Connection,), {"__slots__": (), "get_reset_query": _nothing})
    pool: Pool = await library.create_pool(
        dsn.reveal(),
        connection_class=plain,
        min_size=0,
        max_size=size,
        timeout=CONNECT_TIMEOUT,
        command_timeout=COMMAND_TIMEOUT,
        server_settings=SERVER_SETTINGS,
    )
    return pool


async def acquire(pool: Pool) -> Connection:
    """A connection of the pool; made now, if there is none.

    Raises:
        ConfigurationError: the DSN cannot be read.
    """
    try:
        return await pool.acquire(timeout=CONNECT_TIMEOUT)
    except ValueError as error:
        raise ConfigurationError("the DSN is not a PostgreSQL URL") from foreign_cause(error)


class _Psycopg:
    """A psycopg connection, told in ``$1``."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, query: str, *args: Any) -> Sequence[Row]:
        psycopg, rows = importlib.import_module("psycopg"), importlib.import_module("psycopg.rows")
        async with psycopg.AsyncRawCursor(self._connection, row_factory=rows.dict_row) as cursor:
            await cursor.execute(query, args or None)
            found: Sequence[Row] = await cursor.fetchall() if cursor.description is not None else ()
            return found

    async def execute(self, query: str, *args: Any) -> str:
        psycopg = importlib.import_module("psycopg")
        async with psycopg.AsyncRawCursor(self._connection) as cursor:
            await cursor.execute(query, args or None)
            return str(cursor.statusmessage or "")


def statements_of(connection: object) -> Statements:
    """The caller's own connection, inside its own transaction.

    Args:
        connection: of asyncpg (also one that a pool lent), or a psycopg ``AsyncConnection``. SQLAlchemy has it:
            ``(await (await session.connection()).get_raw_connection()).driver_connection``, after a first statement.

    Raises:
        ConfigurationError: it is neither, or no transaction is open on it: then the message would be kept at once,
            whatever becomes of the rest.
    """
    module = type(connection).__module__.partition(".")[0]
    given: Any = connection
    if module == "asyncpg" and hasattr(connection, "is_in_transaction"):  # a pool has fetch, too
        return _checked(given, given.is_in_transaction())
    if module == "psycopg" and hasattr(connection, "autocommit") and inspect.iscoroutinefunction(given.execute):
        # Without autocommit the first statement opens one.
        return _checked(_Psycopg(given), not given.autocommit or given.info.transaction_status.name != "IDLE")
    raise ConfigurationError("conn= takes an asyncpg connection or a psycopg AsyncConnection")


def _checked(connection: Statements, within: object) -> Statements:
    if not within:
        raise ConfigurationError(
            "conn= has no transaction open: begin one first (a session of SQLAlchemy has one after its first statement)"
        )
    return connection
