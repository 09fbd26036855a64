"""Letting time pass for a store whose clock is a server's: everything it knows of moves into the past."""

from __future__ import annotations

from functools import partial
from typing import Any

from sms_traffic_async.outbox.postgres import PostgresStore
from sms_traffic_async.outbox.postgres_engine import QUEUE
from sms_traffic_async.outbox.postgres_port import Connection

__all__ = ("TABLES", "empty", "jobs_and_units", "let_pass")

MOMENTS = {
    QUEUE: ("heartbeat", "execute_after"),
    "sms_outbox_message": ("expires", "created", "changed"),
    "sms_outbox_unit": ("began", "tried"),
}
TABLES = (*MOMENTS, "sms_outbox_platform_id")


async def _all(connection: Connection, *, statements: list[str]) -> list[Any]:
    return [await connection.fetch(statement) for statement in statements]


async def _run(store: PostgresStore, statements: list[str]) -> list[Any]:
    assert store.database is not None
    return await store.database.run(partial(_all, statements=statements))


async def let_pass(store: PostgresStore, seconds: float) -> None:
    """So many seconds."""
    pairs = {
        table: ", ".join(f"{column} = {column} - {seconds} * interval '1 second'" for column in columns)
        for table, columns in MOMENTS.items()
    }
    await _run(store, [f"UPDATE {table} SET {changes}" for table, changes in pairs.items()])  # noqa: S608 - names above


async def empty(store: PostgresStore) -> None:
    """As if just made."""
    await _run(store, [f"TRUNCATE {table}" for table in TABLES])


async def jobs_and_units(store: PostgresStore) -> int:
    """How many there are; none, where nothing is open."""
    found = await _run(store, [f"SELECT * FROM {table}" for table in (QUEUE, "sms_outbox_unit")])  # noqa: S608 - as above
    return sum(len(rows) for rows in found)
