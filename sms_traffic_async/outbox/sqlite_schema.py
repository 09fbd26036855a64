"""The tables of an outbox in a SQLite file."""

from __future__ import annotations

from typing import Final

__all__ = ("MIGRATIONS",)

MIGRATIONS: Final = (
    """
    CREATE TABLE message (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT, state TEXT NOT NULL, grp TEXT NOT NULL,
        crowd INTEGER NOT NULL, priority INTEGER NOT NULL, due REAL NOT NULL, expires REAL, body BLOB NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, changed REAL NOT NULL, unit TEXT, place INTEGER,
        message_ids TEXT, node TEXT, code INTEGER, reason TEXT, status TEXT,
        ended INTEGER NOT NULL DEFAULT 0
    );
    CREATE UNIQUE INDEX message_key ON message (key) WHERE key IS NOT NULL;
    CREATE INDEX message_ready ON message (priority DESC, n) WHERE state = 'pending' AND due = 0;
    CREATE INDEX message_later ON message (due) WHERE state = 'pending' AND due > 0;
    CREATE INDEX message_expires ON message (expires) WHERE state = 'pending' AND expires IS NOT NULL;
    CREATE INDEX message_state ON message (state);
    CREATE INDEX message_unit ON message (unit) WHERE unit IS NOT NULL;
    CREATE TABLE unit (
        id TEXT PRIMARY KEY, token TEXT, via TEXT NOT NULL, lease REAL NOT NULL, first REAL, last REAL, node TEXT,
        digest BLOB, attempts INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE platform_id (message_id TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX platform_id_n ON platform_id (n);
    CREATE TABLE seen (at REAL NOT NULL)
    """,
    """
    DROP INDEX message_state;
    CREATE INDEX message_settled ON message (state) WHERE state <> 'pending'
    """,
    "ALTER TABLE message ADD COLUMN trace TEXT",
)
"""``due`` is 0 for at once. ``lease`` of a unit: nobody may claim it before; of one that is not claimed, when it is
looked at again. ``seen``: the latest time this file has seen, to know that the clock was set back.
``message_settled`` is for counts and lists, which go by age in it. A new message stands in as few indexes as can be."""
