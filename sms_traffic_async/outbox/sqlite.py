"""The outbox in a SQLite file: one process, one connection, one commit for everybody who waits.

What was enqueued survives a crash of the process and of the machine; a second
process is refused. The file holds numbers and texts: it is readable by its owner
only, and ``encryption_key=`` of the outbox keeps texts and numbers out of it.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox import sqlite_rows as rows
from sms_traffic_async.outbox.sqlite_adding import Adding
from sms_traffic_async.outbox.sqlite_claims import claim, hold_on, let_go, pull_back
from sms_traffic_async.outbox.sqlite_schema import MIGRATIONS
from sms_traffic_async.outbox.store import Entry, News, Result, Row, State, Unit, Use
from sms_traffic_async.storage.sqlite import SqliteFile, StorageClosed, StorageError, Work

if TYPE_CHECKING:
    from sms_traffic_async.session import SmsTraffic

__all__ = ("SQLiteStore",)

T = TypeVar("T")


class SQLiteStore:
    """See ``Store`` and the module.

    Args:
        path: the file; made if it is not there. Its directory must be.
        clock: wall time.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._path = path
        self._clock = clock
        self._file: SqliteFile | None = None
        self._adding: Adding | None = None
        self._heard: list[Callable[[], None]] = []
        self._seen = (0.0, 0.0)

    async def open(self) -> None:
        """See ``Store``. Leases of the process before this one end here: it is gone."""
        if self._file is not None:
            return
        file = await SqliteFile.open(self._path, migrations=MIGRATIONS)
        try:
            now = self._clock.wall()
            self._seen = now, self._clock.monotonic()
            await file.run(lambda connection: _opened(connection, now))
        except BaseException:
            await file.aclose()
            raise
        self._file, self._adding = file, Adding(file, self._clock)

    async def aclose(self) -> None:
        """See ``Store``."""
        file, self._file = self._file, None
        adding, self._adding = self._adding, None
        if adding is not None:
            adding.close()
        if file is not None:
            await file.aclose()

    async def add(self, entries: Sequence[Entry], *, conn: object | None = None) -> list[str]:
        """See ``Store``. A caller's connection cannot be used: the file belongs to the outbox."""
        if conn is not None:
            raise ConfigurationError("conn= is for an outbox on PostgreSQL: a SQLite file has one connection, its own")
        if self._adding is None:
            raise StorageClosed("the outbox is not open")
        added = await self._adding.add(entries)
        self._tell()
        return added

    async def claim(self, *, via: str, most: int, units: int, lease: float) -> list[Unit]:
        """See ``Store``."""
        before = self._seen
        now, passed = self._seen = self._clock.wall(), self._clock.monotonic()
        leap = now - before[0] - (passed - before[1])
        tokens = [str(uuid.uuid4()) for _ in range(units)]
        ids = [str(uuid.uuid4()) for _ in range(units)]

        def work(connection: sqlite3.Connection) -> list[Unit]:
            pull_back(connection, now)
            hold_on(connection, leap)
            return claim(connection, now, via=via, most=most, lease=lease, tokens=tokens, ids=ids)

        try:
            return await self._run(work)
        except StorageError:
            self._seen = before
            raise

    async def begin(self, unit: Unit, *, node: str | None = None, digest: bytes | None = None) -> bool:
        """See ``Store``."""
        now = self._clock.wall()

        def work(connection: sqlite3.Connection) -> bool:
            done = connection.execute(
                "UPDATE unit SET first = coalesce(first, ?), last = ?, node = coalesce(?, node), "
                "digest = coalesce(digest, ?) WHERE id = ? AND token = ?",
                (now, now, node, digest, unit.id, unit.token),
            )
            return done.rowcount == 1

        return await self._run(work)

    async def renew(self, units: Sequence[Unit], *, lease: float) -> frozenset[str]:
        """See ``Store``."""
        until = self._clock.wall() + lease

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            sql = "UPDATE unit SET lease = ? WHERE id = ? AND token = ?"
            held = [one for one in units if connection.execute(sql, (until, one.id, one.token)).rowcount]
            return frozenset(one.token for one in held)

        return await self._run(work)

    async def settle(self, unit: Unit, results: Sequence[Result]) -> bool:
        """See ``Store``."""
        now = self._clock.wall()
        good = await self._run(lambda connection: let_go(connection, unit, results, now))
        self._tell()
        return good

    async def learn(self, news: Sequence[News]) -> list[News]:
        """See ``Store``."""
        now = self._clock.wall()
        return await self._run(lambda connection: [one for one in news if not _learn(connection, one, now)])

    async def get(self, name: str) -> Row | None:
        """See ``Store``."""
        found = await self._run(
            lambda connection: connection.execute(
                f"SELECT {rows.COLUMNS} FROM message WHERE id = ? OR key = ? ORDER BY id = ? DESC LIMIT 1",  # noqa: S608 - names of ours
                (name, name, name),
            ).fetchone()
        )
        return None if found is None else rows.row_of(found)

    async def listing(self, states: Sequence[State], *, after: str | None = None, limit: int = 100) -> list[Row]:
        """See ``Store``; by age."""
        sql = (
            f"SELECT {rows.COLUMNS} FROM message WHERE state IN ({_marks(states)}){_settled(states)} AND n > coalesce("  # noqa: S608 - names of ours
            "(SELECT n FROM message WHERE id <= ? ORDER BY id DESC LIMIT 1), 0) ORDER BY n LIMIT ?"
        )
        values = (*(state.value for state in states), after or "", limit)
        return [rows.row_of(one) for one in await self._run(lambda c: c.execute(sql, values).fetchall())]

    async def cancel(self, name: str) -> bool:
        """See ``Store``."""
        now = self._clock.wall()

        def change(connection: sqlite3.Connection, n: int, state: str) -> bool:
            sql = "UPDATE message SET state = 'cancelled', changed = ? WHERE n = ? AND state IN ('pending', 'held')"
            return connection.execute(sql, (now, n)).rowcount == 1 or state == State.CANCELLED

        return await self._change(name, change)

    async def retry(self, name: str) -> bool:
        """See ``Store``."""
        now = self._clock.wall()

        def change(connection: sqlite3.Connection, n: int, _state: str) -> bool:
            done = connection.execute(
                "UPDATE message SET state = 'pending', due = 0, expires = NULL, changed = ?, unit = NULL, place = NULL,"
                " code = NULL, reason = NULL, status = NULL, ended = 0 WHERE n = ? "
                "AND state IN ('held', 'unknown', 'rejected', 'expired')",
                (now, n),
            )
            return done.rowcount == 1

        done = await self._change(name, change)
        self._tell()
        return done

    async def release(self, limit: int) -> int:
        """See ``Store``."""
        now = self._clock.wall()
        sql = (
            "UPDATE message SET state = 'pending', due = 0, changed = ?, unit = NULL, place = NULL, code = NULL, "
            "reason = NULL WHERE n IN (SELECT n FROM message INDEXED BY message_settled WHERE state = 'held' "
            "AND state <> 'pending' AND code IS NOT NULL ORDER BY changed, n LIMIT ?)"
        )
        freed = await self._run(lambda connection: connection.execute(sql, (now, limit)).rowcount)
        self._tell()
        return freed

    async def resolve(self, name: str, state: State, *, message_ids: Sequence[str] = ()) -> bool:
        """See ``Store``."""
        if state not in {State.ACCEPTED, State.FINAL, State.REJECTED}:
            raise ConfigurationError("an unknown message is resolved to accepted, final or rejected")
        now = self._clock.wall()

        def change(connection: sqlite3.Connection, n: int, _state: str) -> bool:
            done = connection.execute(
                "UPDATE message SET state = ?, changed = ? WHERE n = ? AND (state = 'unknown' OR state = 'ambiguous' "
                "AND NOT EXISTS (SELECT 1 FROM unit WHERE id = message.unit AND token IS NOT NULL AND lease > ?))",
                (state.value, now, n, now),
            )
            if done.rowcount:
                rows.keep_ids(connection, n, message_ids)
            return done.rowcount == 1

        return await self._change(name, change)

    async def purge(self, states: Sequence[State], *, older_than: float, limit: int = 10_000) -> int:
        """See ``Store``. Freed pages are used again; the file does not shrink."""
        before = self._clock.wall() - older_than

        def work(connection: sqlite3.Connection) -> int:
            picked = connection.execute(
                f"SELECT n FROM message WHERE state IN ({_marks(states)}){_settled(states)} AND changed <= ? LIMIT ?",  # noqa: S608 - marks
                (*(state.value for state in states), before, limit),
            ).fetchall()
            connection.executemany("DELETE FROM platform_id WHERE n = ?", picked)
            connection.executemany("DELETE FROM message WHERE n = ?", picked)
            return len(picked)

        return await self._run(work)

    async def counts(self) -> Mapping[State, int]:
        """See ``Store``."""
        found = await self._run(
            lambda connection: connection.execute(
                "SELECT state, count(*) FROM message INDEXED BY message_settled WHERE state <> 'pending' "
                "GROUP BY state "
                "UNION ALL SELECT 'pending', "
                "(SELECT count(*) FROM message INDEXED BY message_ready WHERE state = 'pending' AND due = 0) + "
                "(SELECT count(*) FROM message INDEXED BY message_later WHERE state = 'pending' AND due > 0)"
            ).fetchall()
        )
        return {State(state): count for state, count in found if count}

    async def next_due(self, via: str) -> float | None:
        """See ``Store``."""
        now = self._clock.wall()
        soonest = await self._run(
            lambda connection: connection.execute(
                "SELECT min(at) FROM ("
                "SELECT 0 AS at WHERE EXISTS (SELECT 1 "
                "FROM message INDEXED BY message_ready WHERE state = 'pending' AND due = 0) UNION ALL "
                "SELECT min(due) FROM message INDEXED BY message_later WHERE state = 'pending' AND due > 0 UNION ALL "
                "SELECT min(lease) FROM unit WHERE via = ? UNION ALL "
                "SELECT min(expires) FROM message INDEXED BY message_expires "
                "WHERE state = 'pending' AND expires NOT NULL)",
                (via,),
            ).fetchone()[0]
        )
        return None if soonest is None else max(0.0, soonest - now)

    def listen(self, heard: Callable[[], None]) -> None:
        """See ``Store``."""
        self._heard.append(heard)

    def turns(self, account: str, rate: float) -> None:
        """See ``Store``. The file is of one process, whose session keeps to the rate by itself."""

    def binder(self, sms: SmsTraffic, use: Use) -> None:
        """See ``Store``. The file is of one process: nobody else stands for its places."""

    def _tell(self) -> None:
        for heard in self._heard:
            heard()

    async def _change(self, name: str, change: Callable[[sqlite3.Connection, int, str], bool]) -> bool:
        """Change one message, by its id or its key; ``change`` is given its place and its state."""

        def work(connection: sqlite3.Connection) -> bool:
            found = rows.find(connection, name)
            return found is not None and change(connection, *found)

        return await self._run(work)

    async def _run(self, work: Work[T]) -> T:
        if self._file is None:
            raise StorageClosed("the outbox is not open")
        return await self._file.run(work)


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _settled(states: Sequence[State]) -> str:
    """Lets the index of all that is not pending be used."""
    return "" if State.PENDING in states else " AND state <> 'pending'"


def _opened(connection: sqlite3.Connection, now: float) -> None:
    pull_back(connection, now)
    connection.execute("UPDATE unit SET lease = 0 WHERE token IS NOT NULL")


def _learn(connection: sqlite3.Connection, news: News, now: float) -> bool:
    found = connection.execute("SELECT n FROM platform_id WHERE message_id = ?", (news.message_id,)).fetchone()
    if found is None and news.id is not None:
        found = connection.execute("SELECT n FROM message WHERE id = ?", (news.id,)).fetchone()
    if found is None:
        return False
    n = found[0]
    rows.keep_ids(connection, n, (news.message_id,))
    # A message that is being sent is settled by whoever sends it, who finds there what was heard meanwhile.
    connection.execute("UPDATE message SET status = ?, ended = ended OR ? WHERE n = ?", (news.status, news.final, n))
    reached = State.FINAL if news.final else State.ACCEPTED
    connection.execute(
        "UPDATE message SET state = ?, changed = ? WHERE n = ? AND state IN ('ambiguous', 'unknown', 'accepted') "
        "AND state <> ?",
        (reached.value, now, n, reached.value),
    )
    return True
