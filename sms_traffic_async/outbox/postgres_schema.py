"""The outbox's tables in PostgreSQL, and how they come to be (``sms-traffic outbox init``).

The engine's tables are PgQueuer's own business; ours stand beside them. One row
of ``sms_outbox_schema`` tells how many of the steps below a database has had.
Only one process installs at a time; another waits for it.
"""

from __future__ import annotations

from typing import Final

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox import postgres_port as port
from sms_traffic_async.outbox.postgres_engine import CARRIER_ID, QUEUE, Engine
from sms_traffic_async.outbox.postgres_port import Connection, Statements
from sms_traffic_async.secrets import ForeignError, Secret
from sms_traffic_async.storage.sqlite import StorageError

__all__ = ("VERSION", "check", "install")

_LOCK: Final = "sms-traffic outbox schema"

_RATE: Final = """
CREATE TABLE sms_outbox_rate (
    name text PRIMARY KEY,
    rate float8 NOT NULL CHECK (rate > 0),
    tat timestamptz NOT NULL DEFAULT clock_timestamp(),
    paused_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10)
"""

_MESSAGES: Final = """
CREATE TABLE sms_outbox_message (
    id text COLLATE "C" PRIMARY KEY,
    n bigint GENERATED ALWAYS AS IDENTITY,
    key text UNIQUE,
    body bytea NOT NULL,
    crew text NOT NULL,
    crowd integer NOT NULL,
    priority integer NOT NULL,
    state text NOT NULL,
    expires timestamptz,
    unit text,
    attempts integer NOT NULL DEFAULT 0,
    created timestamptz NOT NULL DEFAULT now(),
    changed timestamptz NOT NULL DEFAULT now(),
    message_ids text[] NOT NULL DEFAULT '{}',
    node text,
    code integer,
    reason text,
    status text,
    ended boolean NOT NULL DEFAULT false
);
CREATE INDEX sms_outbox_message_state ON sms_outbox_message (state, id);
CREATE INDEX sms_outbox_message_expires ON sms_outbox_message (expires)
    WHERE state = 'pending' AND expires IS NOT NULL;
CREATE TABLE sms_outbox_platform_id (message_id text PRIMARY KEY, id text NOT NULL);
CREATE TABLE sms_outbox_unit (
    id text PRIMARY KEY,
    via text NOT NULL,
    members text[] NOT NULL,
    began timestamptz,
    tried timestamptz,
    node text,
    digest bytea,
    attempts integer NOT NULL DEFAULT 1
);
CREATE INDEX sms_outbox_pgqueuer_due ON sms_outbox_pgqueuer (execute_after) WHERE status = 'queued'
"""

# Jobs have the numbers of their messages. What a worker of the version before still adds goes last, and meets none.
_AGES: Final = f"""
UPDATE {QUEUE} SET id = -id;
UPDATE {QUEUE} AS job SET id = m.n FROM sms_outbox_message AS m WHERE job.dedupe_key = m.id;
SELECT setval(pg_get_serial_sequence('{QUEUE}', 'id'), {1 << 61});
UPDATE {QUEUE} SET id = {CARRIER_ID} WHERE dedupe_key IN (SELECT id FROM sms_outbox_unit)
"""  # noqa: S608 - names of our own

# Who is in a unit has no job of its own any more.
_UNITS: Final = f"DELETE FROM {QUEUE} WHERE status = 'picked' AND heartbeat = 'infinity'"  # noqa: S608 - as above

_TRACES: Final = "ALTER TABLE sms_outbox_message ADD COLUMN trace text"

_STEPS: Final = (_RATE, _MESSAGES, _AGES, _UNITS, _TRACES)
VERSION: Final = len(_STEPS)
"""Steps that this library knows."""


async def install(dsn: str | Secret) -> tuple[int, int]:
    """Make the tables, or bring them up to date. Nothing happens where they are.

    Args:
        dsn: of a user who may create tables.

    Returns:
        The steps the database had, and those it has now.

    Raises:
        ConfigurationError: a later version of this library made them, or the DSN cannot be read.
        StorageError: the server is away, or said no.

    Cancellation: whole steps stand; the next call goes on from there.
    """
    secret = Secret(dsn)
    del dsn  # a traceback printed with locals shows this frame
    library = port.asyncpg()
    try:
        connection = await port.connect(secret)
        try:
            await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", _LOCK)
            return await _install(connection)
        finally:
            connection.terminate()  # the lock goes with it
    except (library.PostgresError, library.InterfaceError, OSError, TimeoutError) as error:
        code = getattr(error, "sqlstate", None)
        said = f"{type(error).__name__}" + (f" ({code})" if code else "")
        raise StorageError(f"PostgreSQL: the outbox cannot be installed: {said}") from ForeignError(said)


async def _install(connection: Connection) -> tuple[int, int]:
    await connection.execute("CREATE TABLE IF NOT EXISTS sms_outbox_schema (steps integer NOT NULL)")
    had = await _steps(connection) or 0
    if had > VERSION:
        raise ConfigurationError("the outbox in this database was made by a later version of this library")
    await Engine(connection).install()
    for number, step in enumerate(_STEPS[had:], had + 1):
        async with connection.transaction():
            await connection.execute(step)
            await connection.execute("DELETE FROM sms_outbox_schema")
            await connection.execute("INSERT INTO sms_outbox_schema VALUES ($1)", number)
    return had, VERSION


async def check(statements: Statements) -> None:
    """Refuse a database whose tables are not those this library writes to.

    Raises:
        ConfigurationError: they are missing, older or newer; says what to do.
    """
    try:
        had = await _steps(statements)
    except port.asyncpg().UndefinedTableError:
        had = None
    if had == VERSION:
        return
    if had is None or had < VERSION:
        state = "has no outbox" if had is None else "has an outbox of an older version"
        raise ConfigurationError(f"this database {state}: run sms-traffic outbox init first")
    raise ConfigurationError("the outbox in this database was made by a later version of this library")


async def _steps(statements: Statements) -> int | None:
    rows = await statements.fetch("SELECT max(steps) AS steps FROM sms_outbox_schema")
    steps: int | None = rows[0]["steps"]
    return steps
