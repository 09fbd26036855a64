"""The outbox in PostgreSQL: workers on any number of machines, PgQueuer as the engine.

What was enqueued survives a crash of any worker, and of the server. An enqueue may
be part of the caller's own transaction: then the SMS exists exactly if the order
does. Where the server goes away, everybody waits and goes on by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.outbox import postgres_claims as claims
from sms_traffic_async.outbox import postgres_rows as rows
from sms_traffic_async.outbox.postgres_database import Database
from sms_traffic_async.outbox.postgres_engine import CHANNEL
from sms_traffic_async.outbox.postgres_port import Work, statements_of
from sms_traffic_async.outbox.postgres_rate import SharedRate
from sms_traffic_async.outbox.postgres_schema import check
from sms_traffic_async.outbox.store import Entry, News, Result, Row, State, Unit, Use
from sms_traffic_async.secrets import Secret
from sms_traffic_async.storage.sqlite import StorageClosed

if TYPE_CHECKING:
    from sms_traffic_async.outbox.postgres_election import Election
    from sms_traffic_async.session import SmsTraffic

__all__ = ("PostgresStore",)

T = TypeVar("T")


class PostgresStore:
    """See ``Store`` and the module.

    Args:
        dsn: ``postgresql://user:password@host/database``, whose tables ``sms-traffic outbox init`` has made. Not
            through a pooler of transactions: listening and election need sessions.
        clock: for pauses between tries; the time is the server's.
        connections: at most, of this process; listening takes one more.
        patience: seconds for which work is tried again while the server is away.

    Attributes:
        database: the supervised connections; ``SharedRate`` takes it.

    Raises:
        ConfigurationError: asyncpg or PgQueuer is not installed.
    """

    def __init__(
        self, dsn: str | Secret, *, clock: Clock = SYSTEM_CLOCK, connections: int = 8, patience: float = 60.0
    ) -> None:
        self._dsn = Secret(dsn)
        del dsn  # a traceback printed with locals shows this frame
        self._clock = clock
        self._connections = connections
        self._patience = patience
        self._heard: list[Callable[[], None]] = []
        self.database: Database | None = None

    async def open(self) -> None:
        """See ``Store``."""
        if self.database is not None:
            return
        made = Database(self._dsn, size=self._connections, clock=self._clock, patience=self._patience)
        try:
            await made.run(check)
        except BaseException:
            await made.aclose()
            raise
        self.database = made
        if self._heard:
            made.listen(CHANNEL, self._hear)

    async def aclose(self) -> None:
        """See ``Store``."""
        database, self.database = self.database, None
        if database is not None:
            await database.aclose()

    async def add(self, entries: Sequence[Entry], *, conn: object | None = None) -> list[str]:
        """See ``Store``. ``conn`` is an asyncpg connection or a psycopg ``AsyncConnection``, in a transaction.

        Its errors are then the caller's own, as its library raises them: the transaction is over, and whoever began it
        begins again.
        """
        if conn is not None:
            return await rows.add(statements_of(conn), entries)
        return await self._run(partial(rows.add, entries=entries))

    async def claim(self, *, via: str, most: int, units: int, lease: float) -> list[Unit]:
        """See ``Store``."""
        return await self._run(partial(claims.claim, via=via, most=most, units=units, lease=lease))

    async def begin(self, unit: Unit, *, node: str | None = None, digest: bytes | None = None) -> bool:
        """See ``Store``."""
        return await self._run(partial(claims.begin, unit=unit, node=node, digest=digest), atomic=False)

    async def renew(self, units: Sequence[Unit], *, lease: float) -> frozenset[str]:
        """See ``Store``."""
        return await self._run(partial(claims.renew, units=units, lease=lease), atomic=False)

    async def settle(self, unit: Unit, results: Sequence[Result]) -> bool:
        """See ``Store``."""
        return await self._run(partial(claims.settle, unit=unit, results=results))

    async def learn(self, news: Sequence[News]) -> list[News]:
        """See ``Store``."""
        return await self._run(partial(rows.learn, news=news), atomic=False)

    async def get(self, name: str) -> Row | None:
        """See ``Store``."""
        return await self._run(partial(rows.get, name=name), atomic=False)

    async def listing(self, states: Sequence[State], *, after: str | None = None, limit: int = 100) -> list[Row]:
        """See ``Store``."""
        return await self._run(partial(rows.listing, states=states, after=after, limit=limit), atomic=False)

    async def cancel(self, name: str) -> bool:
        """See ``Store``."""
        return await self._run(partial(rows.cancel, name=name))

    async def retry(self, name: str) -> bool:
        """See ``Store``."""
        return await self._run(partial(rows.retry, name=name))

    async def release(self, limit: int) -> int:
        """See ``Store``."""
        return await self._run(partial(rows.release, limit=limit))

    async def resolve(self, name: str, state: State, *, message_ids: Sequence[str] = ()) -> bool:
        """See ``Store``."""
        return await self._run(partial(rows.resolve, name=name, state=state, message_ids=message_ids))

    async def purge(self, states: Sequence[State], *, older_than: float, limit: int = 10_000) -> int:
        """See ``Store``."""
        return await self._run(partial(rows.purge, states=states, older_than=older_than, limit=limit))

    async def counts(self) -> Mapping[State, int]:
        """See ``Store``."""
        return await self._run(rows.counts, atomic=False)

    async def next_due(self, via: str) -> float | None:
        """See ``Store``."""
        return await self._run(lambda connection: rows.next_due(connection, via), atomic=False)

    def listen(self, heard: Callable[[], None]) -> None:
        """See ``Store``. Hears what any process adds, and every reconnection."""
        self._heard.append(heard)
        if self.database is not None:
            self.database.listen(CHANNEL, self._hear)

    def turns(self, account: str, rate: float) -> SharedRate:
        """See ``Store``."""
        return SharedRate(self._opened(), account, rate, clock=self._clock)

    def binder(self, sms: SmsTraffic, use: Use) -> Election:
        """See ``Store``."""
        from sms_traffic_async.outbox.postgres_binder import elected_sessions

        return elected_sessions(self._dsn, sms.settings, use, guard=sms.guard, hooks=sms.hooks, clock=self._clock)

    def _hear(self, payload: str) -> None:
        # The engine tells of every change; only what was put into the queue is work.
        if payload and json.loads(payload).get("operation") != "insert":
            return
        for heard in self._heard:
            heard()

    async def _run(self, work: Work[T], *, atomic: bool = True) -> T:
        return await self._opened().run(work, atomic=atomic)

    def _opened(self) -> Database:
        if self.database is None:
            raise StorageClosed("the outbox is not open")
        return self.database
