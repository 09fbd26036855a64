"""H9: every final status reaches the application, whatever the sources and the process go through.

A model of the platform tells what became of messages by three sources at once:
pushes and receipts that are lost, come twice, late and out of order, and
answers to questions, which sometimes do not come. The process crashes (what its
store had not written is gone) and starts again over the same SQLite file, and
the application's reader fails and comes back. Run by ``nox -s faults``::

    python -m tests.faults.run_tracking --messages 100000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from sms_traffic_async.delivery.asking import Ask
from sms_traffic_async.delivery.store_sqlite import SqliteTracking
from sms_traffic_async.delivery.tracker import Tracker
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.errors import DeadlineExceeded, RequestFailed
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import StatusUpdate, Submission, Via
from sms_traffic_async.settings_tracking import TrackingOptions
from sms_traffic_async.statuses import MessageStatus
from sms_traffic_async.telemetry import Telemetry
from tests.support.virtual_loop import VirtualClock, run_virtual

__all__ = ("Told", "tracking_run")

WINDOW = 1_800.0
FINALS = ("Delivered", "Delivered", "Delivered", "Non Delivered", "Expired", "Rejected", "Read")
NEVER = 0.01
LOST, TWICE, LATE, SILENT = 0.2, 0.2, 0.2, 0.1
ACCEPTED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Told:
    """What the application was told, held against the truth.

    Attributes:
        messages: that the store was known to have.
        missing: whose end never reached the application.
        wrong: whose end was told as something it never was.
        twice: events told more than once in one process life, and taken.
        again: events told again after a crash, or after a reader failed: allowed, and their ids are the same.
        given_up: messages without an end, of which the application was told so.
        waits: ``wait_for`` calls; ``waits_ended`` of them gave the right end, or said in time that there is none.
        left: what the tracker still followed when all was over.
    """

    messages: int = 0
    missing: int = 0
    wrong: int = 0
    twice: int = 0
    again: int = 0
    given_up: int = 0
    waits: int = 0
    waits_ended: int = 0
    waits_interrupted: int = 0
    crashes: int = 0
    reader_failures: int = 0
    left: int = 0
    reports: dict[str, int] = field(default_factory=dict[str, int])


TICK = 0.05
"""Things happen on a grid of so many seconds: each step of the virtual clock costs real time."""


def later(seconds: float, call: Callable[..., None], *values: object) -> None:
    loop = asyncio.get_running_loop()
    loop.call_at(math.ceil((loop.time() + seconds) / TICK) * TICK, call, *values)


class DatabaseDown(Exception):
    """The application's own trouble."""


class Platform:
    """The truth, and three ways of telling it."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.history: dict[str, list[str]] = {}
        self.tracker: Tracker | None = None
        self.reports: Counter[str] = Counter()
        self.under_way = 0

    def accept(self, ids: Sequence[str]) -> None:
        chance = self.chance
        never = chance.random() < NEVER
        final = chance.choice(FINALS)
        for one in ids:
            self.history[one] = []
            course = ["Buffered SMSC"] if never else ["Buffered SMSC", "Delivered" if final == "Read" else final]
            course += ["Read"] if final == "Read" and not never else []
            moment = 0.0
            for status in course:
                moment += 2 * TICK + chance.expovariate(1 / 4.0)  # never two in one tick, which has no order
                later(moment, self._reach, one, status)

    def _reach(self, one: str, status: str) -> None:
        chance = self.chance
        self.history[one].append(status)
        sources: tuple[Literal["push", "receipt"], ...] = ("push", "receipt")
        for source in sources:
            if chance.random() < LOST:
                self.reports["lost"] += 1
                continue
            for _ in range(2 if chance.random() < TWICE else 1):
                delay = chance.uniform(0, 200) if chance.random() < LATE else chance.uniform(0, 0.5)
                update = StatusUpdate(message_id=one, status=MessageStatus.read(status), source=source)
                later(delay, self._tell, update)
                self.under_way += 1

    def _tell(self, update: StatusUpdate) -> None:
        """One report; what is not taken comes again."""
        if self.tracker is not None and self.tracker.take([update]):
            self.reports[update.source] += 1
            self.under_way -= 1
        else:
            self.reports["refused"] += 1
            later(self.chance.uniform(1, 10), self._tell, update)

    def route(self, via: Via | None) -> str | None:
        return "v1" if via == "v1" else "v2"

    def ask(self, route: str) -> Ask:
        async def ask(ids: Sequence[str]) -> Sequence[StatusUpdate]:
            await asyncio.sleep(TICK * self.chance.randint(1, 6))
            self.reports["asked"] += 1
            if self.chance.random() < SILENT:
                self.reports["unanswered"] += 1
                raise RequestFailed("no answer")
            known = [one for one in ids if self.history.get(one)]
            self.chance.shuffle(known)
            return [StatusUpdate(message_id=one, status=MessageStatus.read(self.history[one][-1])) for one in known]

        return ask


class Application:
    """Sends, reads, waits, crashes, and remembers what it was told."""

    def __init__(self, path: Path, *, seed: int, buffer: int) -> None:
        self.path = path
        self.chance = random.Random(seed)
        self.platform = Platform(random.Random(f"platform {seed}"))
        self.clock = VirtualClock(seed=seed)
        self.buffer = buffer
        self.told = Told()
        self.durable: dict[str, tuple[str, ...]] = {}
        self.lives: dict[str, Counter[int]] = {}
        self.ends: dict[str, list[TrackedUpdate]] = {}
        self.life_number = 0
        self.life = Life()
        self.tracker: Tracker | None = None
        self.store: SqliteTracking | None = None
        self.tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self.life_number += 1
        self.life = Life()
        self.life.bind()
        self.store = SqliteTracking(self.path, clock=self.clock)
        self.tracker = Tracker(
            self.platform,
            options=TrackingOptions(window=WINDOW, longest=300.0, buffer=self.buffer),
            poll_after=15.0,
            spawn=self.life.spawn,
            clock=self.clock,
            telemetry=Telemetry(),
            store=self.store,
        )
        await self.tracker.open()
        self.platform.tracker = self.tracker
        self._spawn(self.read())

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def crash(self) -> None:
        """What the store was not given is gone; what was read and not acknowledged is not."""
        self.told.crashes += 1
        self.platform.tracker = None
        for task in [*self.tasks, *self.life.tasks]:
            task.cancel()
        await asyncio.wait([*self.tasks, *self.life.tasks, asyncio.ensure_future(asyncio.sleep(0))])
        assert self.store is not None
        await self.store.aclose()
        await asyncio.sleep(self.chance.uniform(0.1, 3))

    async def read(self) -> None:
        assert self.tracker is not None
        while True:
            try:
                async with self.tracker.updates(finals_only=True) as updates:
                    async for update in updates:
                        self._fail_sometimes()
                        self.lives.setdefault(update.event_id, Counter())[self.life_number] += 1
                        self.ends.setdefault(update.message_id, []).append(update)
                        if self.chance.random() < 0.02:
                            await asyncio.sleep(TICK)  # a crash may come before the acknowledgement
            except DatabaseDown:
                await asyncio.sleep(1)

    def _fail_sometimes(self) -> None:
        if self.chance.random() < 0.001:
            self.told.reader_failures += 1
            raise DatabaseDown

    async def send(self, count: int, per_second: float) -> None:
        number = 0
        while number < count:
            batch = []
            for _ in range(min(100, count - number)):
                parts = 3 if self.chance.random() < 0.2 else 1
                ids = tuple(f"{number}.{part}" for part in range(parts))
                via: Via = "v1" if parts > 1 else "v2"
                batch.append(
                    Submission(via=via, message_ids=ids, key=f"key {number}", to="7", node="api", accepted_at=ACCEPTED)
                )
                number += 1
                self.platform.accept(ids)
            tracker = self.tracker
            if tracker is not None and tracker is self.platform.tracker:
                for one in batch:
                    tracker.sent(one)
                settled = asyncio.ensure_future(tracker.settled())
                await asyncio.wait([settled], timeout=5)
                if tracker is self.platform.tracker and settled.done() and not settled.exception():
                    self.durable |= {one.message_ids[0]: one.message_ids for one in batch}
                    for one in self.chance.sample(batch, min(5, len(batch))):
                        self._wait_for(tracker, one)
                settled.cancel()
            await asyncio.sleep(len(batch) / per_second)

    def _wait_for(self, tracker: Tracker, one: Submission) -> None:
        async def wait() -> None:
            self.told.waits += 1
            try:
                update = await tracker.wait_for(one, timeout=600)
            except DeadlineExceeded:
                last = self.platform.history[one.message_ids[0]]
                self.told.waits_ended += last == ["Buffered SMSC"]
            except asyncio.CancelledError:
                self.told.waits_interrupted += 1
                raise
            else:
                self.told.waits_ended += self.is_true(update)

        self._spawn(wait())

    def is_true(self, update: TrackedUpdate) -> bool:
        reached = set.intersection(*(set(self.platform.history[one]) for one in update.message_ids))
        return update.status in reached or any(
            update.status in self.platform.history[one] for one in update.message_ids
        )

    def reckon(self) -> Told:
        told = self.told
        told.messages = len(self.durable)
        for one in self.durable:
            ends = self.ends.get(one, [])
            told.missing += not ends
            told.given_up += any(end.given_up for end in ends)
            told.wrong += any(not self.is_true(end) for end in ends)
            told.wrong += any(end.given_up and self.platform.history[one][-1] != "Buffered SMSC" for end in ends)
        for lives in self.lives.values():
            told.twice += sum(times > 1 for times in lives.values())
            told.again += len(lives) - 1
        told.reports = dict(self.platform.reports)
        return told


async def tracking_run(
    path: Path, *, count: int, seed: int, per_second: float = 500.0, crash_every: float = 20.0, buffer: int = 1_000
) -> Told:
    """Send ``count`` messages and follow all of them to their end."""
    app = Application(path, seed=seed, buffer=buffer)
    await app.start()
    sending = asyncio.create_task(app.send(count, per_second))
    while not sending.done():
        await asyncio.wait([sending], timeout=crash_every * app.chance.uniform(0.5, 1.5))
        await app.crash()
        await app.start()
    await sending
    assert app.tracker is not None
    # By now nothing may wait longer than the platform can tell, however the questions went.
    await asyncio.sleep(2 * WINDOW)
    app.told.left = app.tracker.stats.followed + app.platform.under_way
    await app.crash()
    return app.reckon()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tracking.db"

        async def run() -> Told:
            return await tracking_run(path, count=arguments.messages, seed=arguments.seed)

        told = run_virtual(run)
    print(json.dumps(asdict(told) | {"seed": arguments.seed, "seconds": round(time.perf_counter() - started, 1)}))
    bad = told.missing or told.wrong or told.twice or told.left
    bad = bad or told.waits_ended + told.waits_interrupted != told.waits
    print("FAILED" if bad else "passed")
    return int(bool(bad))


if __name__ == "__main__":
    raise SystemExit(main())
