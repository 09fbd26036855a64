"""What following a message costs: memory and time of the tracker, and the store underneath it.

No peer follows messages, so the ratios are against ourselves and against the least a store can do:

fewer        reports/s with the large number of messages divided by reports/s with the small one: 1 where nothing
             grows with their number (a cache that is too small for them does).
bare_sqlite  one thread that does nothing but insert, 64 rows to a commit: rows/s of 64 callers of
             ``SqliteFile.run``, each waiting for its own row, divided by it.

``extra`` has what a service plans with: bytes for each message that is followed
(``followed``), whose status was heard (``heard``), and that ended, until its place in
the schedule comes up (``ended``); and what is done in a second at both sizes.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import asyncio
import gc
import sqlite3
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks._common import Options, finish, machine, parse_args
from sms_traffic_async.clock import SYSTEM_CLOCK
from sms_traffic_async.delivery.tracker import Tracker
from sms_traffic_async.messages import StatusUpdate, Submission, Via
from sms_traffic_async.settings_tracking import TrackingOptions
from sms_traffic_async.statuses import MessageStatus
from sms_traffic_async.storage.sqlite import SqliteFile
from sms_traffic_async.telemetry import Telemetry

ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 1_000
CALLERS = 64
SCHEMA = "CREATE TABLE row (id INTEGER PRIMARY KEY, word TEXT, at REAL)"
INSERT = "INSERT INTO row (word, at) VALUES (?, ?)"


class Nobody:
    """Answers no question: reports come by themselves here."""

    def route(self, _via: Via | None) -> str | None:
        """As with an API key."""
        return "v2"

    def ask(self, _route: str) -> Callable[[Sequence[str]], Awaitable[Sequence[StatusUpdate]]]:
        """Finds nothing."""

        async def ask(_ids: Sequence[str]) -> Sequence[StatusUpdate]:
            return ()

        return ask


def make(count: int, tasks: list[asyncio.Task[Any]]) -> Tracker:
    def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[Any]:
        tasks.append(asyncio.create_task(work, name=name))
        return tasks[-1]

    return Tracker(
        Nobody(),
        options=TrackingOptions(most=2 * count, buffer=2 * CHUNK),
        poll_after=3600.0,
        spawn=spawn,
        clock=SYSTEM_CLOCK,
        telemetry=Telemetry(),
    )


def message_id(number: int) -> str:
    return f"{8_657_491_497_164_801_235 + number}"


def submission(number: int) -> Submission:
    return Submission(
        via="v2",
        message_ids=(message_id(number),),
        key=f"{number:08d}-0000-4000-8000-000000000000",
        to="79161112233",
        node="api",
        accepted_at=ACCEPTED,
    )


def reports(start: int, status: MessageStatus) -> list[StatusUpdate]:
    # Ids are new strings, as they come from the wire.
    return [
        StatusUpdate(message_id=message_id(number), status=status, source="push", status_at=ACCEPTED)
        for number in range(start, start + CHUNK)
    ]


async def drain(updates: Any) -> None:
    for _ in range(updates.stats.waiting):
        await anext(updates)


async def run(count: int, options: Options) -> dict[str, float]:
    """Follow ``count`` messages to their end."""
    tasks: list[asyncio.Task[Any]] = []
    tracker = make(count, tasks)
    spent = dict.fromkeys(("sent", "buffered", "delivered"), 0.0)
    async with tracker.updates() as updates:
        for start in range(0, count, CHUNK):
            batch = [submission(number) for number in range(start, start + CHUNK)]
            begun = time.perf_counter()
            for one in batch:
                tracker.sent(one)
            spent["sent"] += time.perf_counter() - begun
        for name, status in (("buffered", MessageStatus.BUFFERED), ("delivered", MessageStatus.DELIVERED)):
            for start in range(0, count, CHUNK):
                chunk = reports(start, status)
                begun = time.perf_counter()
                assert tracker.take(chunk)
                await drain(updates)
                spent[name] += time.perf_counter() - begun
        assert tracker.stats.followed == 0
        assert updates.stats.read + updates.stats.skipped == 2 * count
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    figures = {name: count / seconds for name, seconds in spent.items()}
    options.say(
        f"{count:>9,} messages: {figures['sent']:>9,.0f} followed/s, "
        f"{figures['buffered']:>9,.0f} and {figures['delivered']:>9,.0f} reports/s read through updates()"
    )
    return figures


async def memory(count: int, options: Options) -> dict[str, float]:
    """Bytes of a message under way (nothing heard yet, then Buffered), and of an end."""
    tasks: list[asyncio.Task[Any]] = []
    tracker = make(count, tasks)
    async with tracker.updates(finals_only=True) as updates:
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            tracker.sent(submission(number))
        followed = (tracemalloc.get_traced_memory()[0] - before) / count
        for start in range(0, count, CHUNK):
            assert tracker.take(reports(start, MessageStatus.BUFFERED))
        heard = (tracemalloc.get_traced_memory()[0] - before) / count
        for start in range(0, count, CHUNK):
            assert tracker.take(reports(start, MessageStatus.DELIVERED))
            await drain(updates)
        remembered = tracker.stats.finished
        ended = (tracemalloc.get_traced_memory()[0] - before) / count
        tracemalloc.stop()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    options.say(f"{count:>9,} messages: {followed:.0f} bytes each, {heard:.0f} once a status was heard")
    options.say(
        f"{count:>9,} ended: {ended:.0f} bytes each until their turn to be asked about, {remembered:,} ends remembered"
    )
    return {"followed": followed, "heard": heard, "ended": ended}


def bare_sqlite(path: Path, rows: int) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute(SCHEMA)
    begun = time.perf_counter()
    for _ in range(rows // CALLERS):
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(CALLERS):
            connection.execute(INSERT, ("w" * 60, 1.0))
        connection.execute("COMMIT")
    seconds = time.perf_counter() - begun
    connection.close()
    return rows / seconds


async def our_sqlite(path: Path, rows: int) -> float:
    def work(connection: sqlite3.Connection) -> int | None:
        return connection.execute(INSERT, ("w" * 60, 1.0)).lastrowid

    async with await SqliteFile.open(path, migrations=(SCHEMA,)) as file:

        async def caller() -> None:
            for _ in range(rows // CALLERS):
                await file.run(work)

        begun = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        return rows / (time.perf_counter() - begun)


def storage(options: Options) -> tuple[float, float, float]:
    """The median ratio over rounds, and both figures."""
    rounds = 5 if options.quick else 15
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            theirs.append(bare_sqlite(Path(folder) / f"bare-{number}.db", 100 * CALLERS))
            ours.append(asyncio.run(our_sqlite(Path(folder) / f"ours-{number}.db", 100 * CALLERS)))
    ratio = statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
    options.say(f"durable rows/s, 64 callers: {statistics.median(ours):,.0f}")
    options.say(f"bare inserts, 64 to a commit: {statistics.median(theirs):,.0f}")
    return ratio, statistics.median(ours), statistics.median(theirs)


def main() -> None:
    options = parse_args(__doc__ or "")
    options.say(machine())
    small, large = (10_000, 50_000) if options.quick else (50_000, 1_000_000)
    figures = {count: asyncio.run(run(count, options)) for count in (small, large)}
    sizes = asyncio.run(memory(large, options))
    ratio, ours, theirs = storage(options)
    finish(
        "tracking",
        {"fewer": figures[large]["delivered"] / figures[small]["delivered"], "bare_sqlite": ratio},
        {
            "messages": large,
            "bytes": {name: round(value) for name, value in sizes.items()},
            "per_second": {
                count: {name: round(value) for name, value in found.items()} for count, found in figures.items()
            },
            "durable_rows_per_second": round(ours),
            "bare_rows_per_second": round(theirs),
        },
    )


if __name__ == "__main__":
    main()
