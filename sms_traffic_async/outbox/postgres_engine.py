"""PgQueuer as the engine: its tables, its claims with a heartbeat, its notifications.

One job is one unit of work, and says only which one. What is true of a message
stands in our own tables beside it (``postgres_schema``), written in the same
transaction. Our jobs live in tables of their own (prefix ``sms_outbox_``), so
that neither another PgQueuer in the database nor its clean-up meets them.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from uuid import UUID

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.postgres_port import Statements

if TYPE_CHECKING:
    from pgqueuer.core.tm import TaskManager
    from pgqueuer.domain.settings import DBSettings
    from pgqueuer.ports.driver import NotifyCallback
    from pgqueuer.queries import Queries

__all__ = ("CARRIER_ID", "CHANNEL", "LOG", "QUEUE", "STALE", "Engine", "Job", "settings")

PREFIX: Final = "sms_outbox_"
QUEUE: Final = f"{PREFIX}pgqueuer"
LOG: Final = f"{PREFIX}pgqueuer_log"
CHANNEL: Final = f"{PREFIX}ch_pgqueuer"
CARRIER_ID: Final = f"nextval(pg_get_serial_sequence('{QUEUE}', 'id')) - {1 << 62}"
"""The number of a job that carries a unit: one that no message has."""
STALE: Final = 60.0
"""The engine calls a job abandoned so many seconds after its heartbeat. A lease of n seconds is a heartbeat that many
seconds less before now, so that every claim can have a lease of its own."""


@functools.cache
def settings() -> DBSettings:
    """The names of the engine's objects. All are given: PgQueuer would read the others from the environment.

    Raises:
        ConfigurationError: PgQueuer is not installed.
    """
    try:
        from pgqueuer.domain.settings import DBSettings, Durability
        from pgqueuer.domain.types import Channel
    except ImportError as error:
        raise ConfigurationError("an outbox on PostgreSQL needs: pip install 'sms-traffic-async[postgres]'") from error
    return DBSettings(
        prefix=PREFIX,
        db_schema=None,
        channel=Channel(CHANNEL),
        function=f"{PREFIX}fn_pgqueuer_changed",
        statistics_table=f"{PREFIX}pgqueuer_statistics",
        queue_status_type=f"{PREFIX}pgqueuer_status",
        queue_table=QUEUE,
        queue_table_log=LOG,
        trigger=f"{PREFIX}tg_pgqueuer_changed",
        schedules_table=f"{PREFIX}pgqueuer_schedules",
        durability=Durability.durable,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One unit of work as the engine knows it.

    Attributes:
        name: unique among the jobs that are queued or claimed.
        entrypoint: what it is claimed by.
        age: the message's number, which is the job's id: of one priority the oldest goes first, however often it
            came back. ``None`` for a job that keeps the one it has.
    """

    name: str
    entrypoint: str
    age: int | None = None
    priority: int = 0
    delay: float = 0.0


# PgQueuer numbers jobs by itself, and finishes and retries them by id, one at a time; ours have the numbers of their
# messages, and are told by name, many at once. Otherwise these are its own statements (QueryQueueBuilder.
# build_enqueue_query, build_log_job_query, build_retry_job_query), log included.
_ADD: Final = f"""
WITH given AS (
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::interval[])
        AS g (id, name, entrypoint, priority, delay)
), added AS (
    INSERT INTO {QUEUE} (id, priority, entrypoint, payload, execute_after, dedupe_key, status)
    SELECT id, priority, entrypoint, convert_to(name, 'UTF8'), now() + delay, name, 'queued' FROM given
    ON CONFLICT (dedupe_key) WHERE dedupe_key IS NOT NULL AND status IN ('queued', 'picked') DO NOTHING
    RETURNING id, entrypoint, priority
)
INSERT INTO {LOG} (job_id, status, entrypoint, priority) SELECT id, 'queued', entrypoint, priority FROM added
"""  # noqa: S608 - names of our own
_FINISH: Final = f"""
WITH done AS (
    DELETE FROM {QUEUE} WHERE dedupe_key = ANY($1::text[]) AND status IN ('queued', 'picked')
    RETURNING id, entrypoint, priority
)
INSERT INTO {LOG} (job_id, status, entrypoint, priority)
SELECT id, $2::text::{PREFIX}pgqueuer_status, entrypoint, priority FROM done
"""  # noqa: S608 - names of our own
_REQUEUE: Final = f"""
WITH again AS (
    UPDATE {QUEUE}
    SET status = 'queued', execute_after = now() + $2::interval, attempts = attempts + 1, updated = now(),
        heartbeat = now(), queue_manager_id = NULL
    WHERE dedupe_key = $1 AND status IN ('queued', 'picked')
    RETURNING id, entrypoint, priority
)
INSERT INTO {LOG} (job_id, status, entrypoint, priority) SELECT id, 'queued', entrypoint, priority FROM again
"""  # noqa: S608 - names of our own


class _Driver:
    """PgQueuer's driver over whatever runs a statement, also a transaction of the caller's."""

    def __init__(self, statements: Statements) -> None:
        from pgqueuer.core.tm import TaskManager

        self._statements = statements
        self._shutdown = asyncio.Event()
        self._tasks = TaskManager()

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return [dict(row) for row in await self._statements.fetch(query, *args)]

    async def execute(self, query: str, *args: object) -> str:
        return await self._statements.execute(query, *args)

    async def notify(self, channel: str, payload: str) -> None:
        await self._statements.execute("SELECT pg_notify($1, $2)", channel, payload)

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        raise NotImplementedError(f"{channel}: Database.listen does this")

    @property
    def shutdown(self) -> asyncio.Event:
        return self._shutdown

    @property
    def tm(self) -> TaskManager:
        return self._tasks

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


@functools.cache
def _builders() -> tuple[Any, Any]:
    from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder

    # One for all: the text of a claim is rendered once.
    return QueryBuilderEnvironment(settings()), QueryQueueBuilder(settings())


class Engine:
    """PgQueuer's statements on one connection, for as long as a transaction.

    Args:
        statements: what runs them.
    """

    __slots__ = ("_statements", "queries")

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        environment, queue = _builders()
        from pgqueuer.queries import Queries

        self.queries: Queries = Queries(_Driver(statements), qbe=environment, qbq=queue)

    async def install(self) -> None:
        """Make the engine's tables, or bring them up to date.

        Not inside a transaction: PostgreSQL takes no new label of an enumeration there.
        """
        if await self.queries.schema_is_installed():
            await self.queries.upgrade()
        else:
            await self.queries.install(create_schema=False)

    async def add(self, jobs: Sequence[Job]) -> None:
        """Make jobs, each with its age. None is made twice while one of its name is there."""
        if jobs:
            await self._statements.fetch(
                _ADD,
                [job.age for job in jobs],
                [job.name for job in jobs],
                [job.entrypoint for job in jobs],
                [job.priority for job in jobs],
                [timedelta(seconds=job.delay) for job in jobs],
            )

    async def claim(self, entrypoint: str, most: int, token: UUID) -> list[str]:
        """Claim jobs that are due, or whose lease ran out, by priority and age; gives their names."""
        from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
        from pgqueuer.queries import EntrypointExecutionParameter

        jobs = await self.queries.dequeue(
            most,
            {QueueEntrypoint(entrypoint): EntrypointExecutionParameter(concurrency_limit=0)},
            QueueManagerId(token),
            None,
            timedelta(seconds=STALE),
        )
        return [(job.payload or b"").decode() for job in jobs]

    async def finish(self, names: Sequence[str], status: Literal["successful", "canceled"] = "successful") -> None:
        """These jobs are done, claimed or not."""
        if names:
            await self._statements.fetch(_FINISH, list(names), status)

    async def requeue(self, name: str, *, delay: float) -> None:
        """A claimed job goes back into the queue, and is due after so many seconds."""
        await self._statements.fetch(_REQUEUE, name, timedelta(seconds=delay))
