"""Durable enqueues a second: the outbox, the group commit under it alone, and aiosqlite with a commit for each.

All have the same number of callers that wait, and rows of the same size. ``cpu_of_group_commit`` is the same ratio in
processor time, which a machine that others use cannot spoil.

::

    python benchmarks/outbox.py --messages 20000 --callers 64
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import finish, version
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox
from sms_traffic_async.storage.sqlite import SqliteFile

TABLE = "CREATE TABLE message (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, body BLOB NOT NULL)"
BODY = '{"to":"79161112233","text":"Ваш заказ готов, приходите"}'.encode()
WANTED = {"aiosqlite": 15.0, "group_commit": 0.6}
INSERT = "INSERT INTO message (id, key, body) VALUES (?, ?, ?)"


def _row(number: int) -> tuple[str, str, bytes]:
    """As long as what the outbox has of a message: an id of 36 characters, the caller's key, the message."""
    return f"{number:036d}", f"order-{number}", BODY


async def _callers(count: int, callers: int, one: Callable[[int], Awaitable[object]]) -> tuple[float, float]:
    """Messages a second, with so many callers that each wait for the disk; and messages a second of processor time."""
    numbers = iter(range(count))

    async def caller() -> None:
        for number in numbers:
            await one(number)

    began, spent = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    return count / (time.perf_counter() - began), count / (time.process_time() - spent)


async def outbox(path: Path, count: int, callers: int) -> tuple[float, float]:
    async with Outbox(path) as box:
        message = Message(to="79161112233", text="Ваш заказ готов, приходите")
        return await _callers(count, callers, lambda number: box.enqueue(message, key=f"order-{number}"))


async def group_commit(path: Path, count: int, callers: int) -> tuple[float, float]:
    file = await SqliteFile.open(path, migrations=(TABLE,))

    def work(number: int) -> Callable[[sqlite3.Connection], object]:
        return lambda connection: connection.execute(INSERT, _row(number))

    try:
        return await _callers(count, callers, lambda number: file.run(work(number)))
    finally:
        await file.aclose()


async def one_by_one(path: Path, count: int, callers: int) -> tuple[float, float]:
    import aiosqlite

    async with aiosqlite.connect(path) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            await connection.execute(f"PRAGMA {pragma}")
        await connection.execute(TABLE)
        lock = asyncio.Lock()

        async def one(number: int) -> None:
            async with lock:  # a commit is the connection's, not the caller's
                await connection.execute(INSERT, _row(number))
                await connection.commit()

        return await _callers(count, callers, one)


def main() -> None:
    """Rounds in turn, medians, and the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", action="store_true", help="there is nothing else to print")
    options = parser.parse_args()
    if options.quick:
        options.messages, options.rounds = 4_000, 1
    measured: dict[str, list[tuple[float, float]]] = {"outbox": [], "group_commit": [], "aiosqlite": []}
    for _ in range(options.rounds):
        for name, run, share in (
            ("outbox", outbox, 1),
            ("group_commit", group_commit, 1),
            ("aiosqlite", one_by_one, 10),
        ):
            with tempfile.TemporaryDirectory() as directory:
                rate = asyncio.run(run(Path(directory) / "o.db", options.messages // share, options.callers))
            measured[name].append(rate)
    medians = {name: round(statistics.median(rate for rate, _ in rates)) for name, rates in measured.items()}
    cpu = {name: statistics.median(rate for _, rate in rates) for name, rates in measured.items()}
    finish(
        "outbox",
        {name: medians["outbox"] / medians[name] for name in ("aiosqlite", "group_commit")},
        {
            "per_second": medians,
            "cpu_of_group_commit": cpu["outbox"] / cpu["group_commit"],
            "versions": {"aiosqlite": version("aiosqlite")},
        },
        wanted=WANTED,
    )


if __name__ == "__main__":
    main()
