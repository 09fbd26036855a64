"""Durable enqueues a second: the outbox, the group commit under it alone, and aiosqlite with a commit for each.

::

    python benchmarks/outbox.py --messages 20000 --callers 64
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox
from sms_traffic_async.storage.sqlite import SqliteFile

TABLE = "CREATE TABLE message (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body BLOB NOT NULL)"
BODY = '{"to":"79161112233","text":"Ваш заказ готов, приходите"}'.encode()
INSERT = "INSERT INTO message (id, body) VALUES (?, ?)"


async def _callers(count: int, callers: int, one: Callable[[int], Awaitable[object]]) -> float:
    """Messages a second, with so many callers that each wait for the disk."""
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await one(number)

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return count / (time.perf_counter() - began)


async def outbox(path: Path, count: int, callers: int) -> float:
    async with Outbox(path) as box:
        message = Message(to="79161112233", text="Ваш заказ готов, приходите")
        return await _callers(count, callers, lambda number: box.enqueue(message, key=f"order-{number}"))


async def group_commit(path: Path, count: int, callers: int) -> float:
    file = await SqliteFile.open(path, migrations=(TABLE,))

    def work(number: int) -> Callable[[sqlite3.Connection], object]:
        return lambda connection: connection.execute(INSERT, (f"order-{number}", BODY))

    try:
        return await _callers(count, callers, lambda number: file.run(work(number)))
    finally:
        await file.aclose()


async def one_by_one(path: Path, count: int, callers: int) -> float:
    import aiosqlite

    async with aiosqlite.connect(path) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            await connection.execute(f"PRAGMA {pragma}")
        await connection.execute(TABLE)
        lock = asyncio.Lock()

        async def one(number: int) -> None:
            async with lock:  # a commit is the connection's, not the caller's
                await connection.execute(INSERT, (f"order-{number}", BODY))
                await connection.commit()

        return await _callers(count, callers, one)


def main() -> None:
    """Rounds in turn, medians, and the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round")
    options = parser.parse_args()
    if options.quick:
        options.messages, options.rounds = 4_000, 1
    measured: dict[str, list[float]] = {"outbox": [], "group_commit": [], "aiosqlite": []}
    for _ in range(options.rounds):
        for name, run, share in (
            ("outbox", outbox, 1),
            ("group_commit", group_commit, 1),
            ("aiosqlite", one_by_one, 10),
        ):
            with tempfile.TemporaryDirectory() as directory:
                rate = asyncio.run(run(Path(directory) / "o.db", options.messages // share, options.callers))
            measured[name].append(rate)
    medians = {name: round(statistics.median(rates)) for name, rates in measured.items()}
    print(json.dumps({
        **medians,
        "over_aiosqlite": round(medians["outbox"] / medians["aiosqlite"], 1),
        "of_group_commit": round(medians["outbox"] / medians["group_commit"], 2),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
