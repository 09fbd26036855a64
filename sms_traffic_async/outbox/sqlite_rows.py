"""Rows of an outbox in a SQLite file, and the values they become."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import orjson

from sms_traffic_async.outbox.store import Row, State

__all__ = ("COLUMNS", "find", "keep_ids", "row_of")

COLUMNS: Final = (
    "id, state, key, priority, body, attempts, created, changed, unit, message_ids, node, code, reason, status"
)


def row_of(values: tuple[Any, ...]) -> Row:
    """What ``COLUMNS`` give."""
    (id_, state, key, priority, body, attempts, created, changed, unit, ids, node, code, reason, status) = values
    return Row(
        id=id_,
        state=State(state),
        key=key,
        priority=priority,
        body=body,
        attempts=attempts,
        created=created,
        changed=changed,
        unit=unit,
        message_ids=() if ids is None else tuple(orjson.loads(ids)),
        node=node,
        code=code,
        reason=reason,
        status=status,
    )


def find(connection: sqlite3.Connection, name: str) -> tuple[int, str] | None:
    """Place and state of a message, by its id or its key."""
    for column in ("id", "key"):
        found: tuple[int, str] | None = connection.execute(
            f"SELECT n, state FROM message WHERE {column} = ?",  # noqa: S608 - one of the two words above
            (name,),
        ).fetchone()
        if found is not None:
            return found
    return None


def keep_ids(connection: sqlite3.Connection, n: int, message_ids: Sequence[str]) -> None:
    """Remember ids of the platform's for a message, beside those it has."""
    if not message_ids:
        return
    known = connection.execute("SELECT message_ids FROM message WHERE n = ?", (n,)).fetchone()[0]
    had: list[str] = [] if known is None else orjson.loads(known)
    new = [one for one in dict.fromkeys(message_ids) if one not in had]
    if not new:
        return
    connection.execute("UPDATE message SET message_ids = ? WHERE n = ?", (orjson.dumps(had + new).decode(), n))
    connection.executemany("INSERT OR REPLACE INTO platform_id VALUES (?, ?)", [(one, n) for one in new])
