"""The tracking store in a SQLite file of its own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson

from sms_traffic_async.clock import Clock
from sms_traffic_async.delivery.store import Acked, Change, Ended, Followed, Kept, PartEnded, pack, unpack, unpack_part
from sms_traffic_async.storage.sqlite import SqliteFile, StorageClosed, StorageError

__all__ = ("SqliteTracking",)

MIGRATIONS: Final = (
    """
    CREATE TABLE followed (
        message_id TEXT PRIMARY KEY, rest TEXT NOT NULL, via TEXT, key TEXT, until REAL NOT NULL, begins REAL
    ) WITHOUT ROWID;
    CREATE TABLE part (message_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE finished (message_id TEXT PRIMARY KEY, at REAL NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX finished_at ON finished (at);
    CREATE TABLE unread (place INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)
    """,
    """
    ALTER TABLE unread ADD COLUMN at REAL NOT NULL DEFAULT 0;
    UPDATE unread SET at = strftime('%s', 'now')
    """,
)
KEEP_FINISHED = 3 * 86_400.0
"""Seconds for which an end is remembered (document: marking as checked is possible for 3 days)."""
KEEP_UNREAD = 7 * 86_400.0
"""Seconds for which what no reader takes is kept: without a bound the file of a service that only waits would grow."""
PURGE_EVERY = 1_000


class SqliteTracking:
    """Keeps what a tracker needs after a restart; see ``TrackingStore``.

    Args:
        path: the file; made if it is not there, readable by its owner only.
        clock: to know what is old.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._file: SqliteFile | None = None
        self._saves = 0

    async def open(self, *, finished: int) -> Kept:
        """Open the file.

        Raises:
            ConfigurationError: another process has it open.
            StorageError: it cannot be read.

        Cancellation: the file is closed again.
        """
        file = await SqliteFile.open(self._path, migrations=MIGRATIONS)
        now = self._clock.wall()

        def load(connection: sqlite3.Connection) -> Kept:
            _purge(connection, now)
            try:
                return _kept(connection, finished)
            except (ValueError, TypeError) as error:  # its own words may quote the row
                problem = type(error).__name__
            raise StorageError(f"{self._path} holds what cannot be read: {problem}")

        try:
            kept = await file.run(load)
        except BaseException:
            await file.aclose()
            raise
        self._file = file
        return kept

    async def save(self, changes: Sequence[Change], /) -> None:
        """Keep changes, all or none."""
        if self._file is None:
            raise StorageClosed("the store is not open")
        self._saves += 1
        purge_at = self._clock.wall() if self._saves % PURGE_EVERY == 0 else None

        def write(connection: sqlite3.Connection) -> None:
            for change in changes:
                _write(connection, change)
            if purge_at is not None:
                _purge(connection, purge_at)

        await self._file.run(write)

    async def aclose(self) -> None:
        """Close the file."""
        if self._file is not None:
            await self._file.aclose()


def _purge(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM finished WHERE at < ?", (now - KEEP_FINISHED,))
    # Places are in the order of their times, so this looks at no more than it deletes.
    newest = connection.execute("SELECT place FROM unread WHERE at >= ? ORDER BY place LIMIT 1", (now - KEEP_UNREAD,))
    found = newest.fetchone()
    if found is None:
        connection.execute("DELETE FROM unread")
    else:
        connection.execute("DELETE FROM unread WHERE place < ?", found)


def _kept(connection: sqlite3.Connection, finished: int) -> Kept:
    rows = connection.execute("SELECT body FROM finished ORDER BY at DESC LIMIT ?", (finished,)).fetchall()
    return Kept(
        followed=_followed(connection),
        finished=[unpack(body) for (body,) in reversed(rows)],
        unread=[unpack(body) for (body,) in connection.execute("SELECT body FROM unread ORDER BY place")],
    )


def _followed(connection: sqlite3.Connection) -> list[Followed]:
    parts = {
        message_id: unpack_part(body) for message_id, body in connection.execute("SELECT message_id, body FROM part")
    }
    found: list[Followed] = []
    rows = connection.execute("SELECT message_id, rest, via, key, until, begins FROM followed ORDER BY until")
    for message_id, rest, via, key, until, begins in rows:
        ids = (message_id, *orjson.loads(rest))
        heard = tuple(parts[one] for one in ids if one in parts)
        found.append(Followed(message_ids=ids, via=via, key=key, until=until, begins=begins, heard=heard))
    return found


def _write(connection: sqlite3.Connection, change: Change) -> None:
    match change:
        case Followed():
            first, *rest = change.message_ids
            connection.execute(
                "INSERT OR IGNORE INTO followed VALUES (?, ?, ?, ?, ?, ?)",
                (first, orjson.dumps(rest).decode(), change.via, change.key, change.until, change.begins),
            )
        case PartEnded():
            connection.execute("INSERT OR REPLACE INTO part VALUES (?, ?)", (change.message_id, pack(change.update)))
        case Ended():
            update, body = change.update, pack(change.update)
            connection.execute("DELETE FROM followed WHERE message_id = ?", (update.message_id,))
            if len(update.message_ids) > 1:
                connection.executemany("DELETE FROM part WHERE message_id = ?", [(one,) for one in update.message_ids])
            connection.execute("INSERT OR REPLACE INTO finished VALUES (?, ?, ?)", (update.message_id, change.at, body))
            if change.unread:
                connection.execute(
                    "INSERT OR IGNORE INTO unread (event_id, body, at) VALUES (?, ?, ?)",
                    (update.event_id, body, change.at),
                )
        case Acked():
            connection.execute("DELETE FROM unread WHERE event_id = ?", (change.event_id,))
