"""Messages that are kept in a SQLite file: what callers hand in at the same moment is one piece of work.

Callers that wait for the disk come back together, and hand in together again. So
they share a statement, too, and not only the commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from sms_traffic_async.clock import Clock
from sms_traffic_async.outbox.store import CROWD, Entry
from sms_traffic_async.storage.sqlite import MOST_WAITING, SqliteFile, StorageError

__all__ = ("Adding",)

_ADD: Final = (
    "INSERT INTO message (id, key, state, grp, crowd, priority, due, expires, body, created, changed, trace) "  # noqa: S608 - a number of ours
    f"VALUES (?1, ?2, 'pending', ?3, {CROWD}, ?4, ?5, ?6, ?7, ?8, ?8, ?9) ON CONFLICT DO NOTHING"
)

_Rows: TypeAlias = list[tuple[Any, ...]]
_Waiting: TypeAlias = "tuple[_Rows, asyncio.Future[list[str]]]"


class Adding:
    """The way into one open file.

    Args:
        file: where messages are kept.
        clock: wall time.
    """

    def __init__(self, file: SqliteFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Waiting] = []
        self._count = 0

    def add(self, entries: Sequence[Entry]) -> asyncio.Future[list[str]]:
        """Keep messages, all or none; gives their ids, or those that their keys have.

        Raises:
            StorageError: more wait for the disk than may.

        Cancellation of the future: they are kept all the same.
        """
        if self._count >= MOST_WAITING:
            raise StorageError(f"{MOST_WAITING} messages wait for the disk already")
        now = self._clock.wall()
        rows: _Rows = [
            (
                one.id,
                one.key,
                one.group,
                one.priority,
                now + one.delay if one.delay > 0 else 0.0,
                None if one.lives is None else now + one.lives,
                one.body,
                now,
                one.trace,
            )
            for one in entries
        ]
        told: asyncio.Future[list[str]] = self._loop.create_future()
        self._count += len(rows)
        self._waiting.append((rows, told))
        if len(self._waiting) == 1:
            self._loop.call_soon(self._hand_in)
        return told

    def close(self) -> None:
        """Hand in what has not been."""
        self._hand_in()

    def _hand_in(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._submit(waiting)

    def _submit(self, waiting: list[_Waiting]) -> None:
        rows = [row for some, _ in waiting for row in some]
        try:
            done = self._file.submit(lambda connection: _insert(connection, rows))
        except StorageError as error:
            self._failed(waiting, error)
            return
        done.add_done_callback(lambda done: self._done(waiting, done))

    def _done(self, waiting: list[_Waiting], done: asyncio.Future[list[str] | None]) -> None:
        error = done.exception()
        if error is not None:
            self._failed(waiting, error)
            return
        known, place = done.result(), 0
        for rows, told in waiting:
            if not told.done():
                told.set_result([row[0] for row in rows] if known is None else known[place : place + len(rows)])
            place += len(rows)
        self._count -= place

    def _failed(self, waiting: list[_Waiting], error: BaseException) -> None:
        if len(waiting) > 1 and not isinstance(error, StorageError):
            # Something cannot be written; the others have nothing to do with it.
            for one in waiting:
                self._submit([one])
            return
        for rows, told in waiting:
            self._count -= len(rows)
            if not told.done():
                told.set_exception(error)


def _insert(connection: sqlite3.Connection, rows: _Rows) -> list[str] | None:
    """``None``: all are new, and have the ids that they came with."""
    if connection.executemany(_ADD, rows).rowcount == len(rows):
        return None
    return [_id_of(connection, row[0], row[1]) for row in rows]


def _id_of(connection: sqlite3.Connection, id_: str, key: str | None) -> str:
    found: tuple[str] = connection.execute(
        "SELECT id FROM message WHERE id = ?1 OR key = ?2 ORDER BY id = ?1 DESC LIMIT 1", (id_, key)
    ).fetchone()
    return found[0]
