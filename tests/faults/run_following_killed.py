"""H9 with real sources and real kills: the application is a process, and it ends by SIGKILL at random instants.

The sandbox tells what became of messages by pushes, receipts and answers, all
at once, and loses, delays, doubles and reorders them. The application
(``following_worker``) writes down what it sent and what it was told; the run
holds that against what the sandbox did. Everything is real TCP in real time::

    python -m tests.faults.run_following_killed --messages 100000
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import secrets
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sms_traffic_async.sandbox import FaultRule, Latency, Lose, NumberOutcome, Sandbox
from sms_traffic_async.sandbox.effects import Duplicate, Reorder
from sms_traffic_async.sandbox.pushes_settings import PushSettings, Retries
from tests.faults.following_worker import ENVIRONMENT, Orders

__all__ = ("Killed", "killed_run")

PATIENCE = 300.0
"""Seconds after the last message in which every end must be told."""
RETRIES = Retries(pauses=(0.5, 1.0, 3.0), in_flight=4, timeout=5.0)


@dataclass(slots=True, kw_only=True)
class Killed:
    """What the application was told, held against what the sandbox did.

    Attributes:
        messages: that the application knew to be followed.
        parts: of all of them.
        missing: whose end the application was not told.
        wrong: whose end was told as another than it was.
        twice: events that were told twice in one process life.
        again: events told in more than one life: the same ``event_id``, allowed.
        events_differ: messages whose end came under two ids.
        waits: ``wait_for`` calls; ``waits_ended`` gave the right end, ``waits_killed`` ended with their process.
        waits_lost: neither.
        kills: lives that ended by SIGKILL; ``died`` ended by themselves, which none may.
        orphans: accepted by the platform, and killed before the application knew: nobody can ask for them.
        left: what the last life still followed when all was over.
        sources: who told the ends.
        faults: that were injected into pushes and receipts.
    """

    messages: int = 0
    parts: int = 0
    missing: int = 0
    wrong: int = 0
    twice: int = 0
    again: int = 0
    events_differ: int = 0
    waits: int = 0
    waits_ended: int = 0
    waits_killed: int = 0
    waits_lost: int = 0
    kills: int = 0
    died: int = 0
    reader_failures: int = 0
    orphans: int = 0
    left: int = 0
    sources: dict[str, int] = field(default_factory=dict[str, int])
    faults: int = 0

    @property
    def good(self) -> bool:
        """Whether H9 holds."""
        bad = self.missing + self.wrong + self.twice + self.events_differ + self.waits_lost + self.died + self.left
        return not bad and self.waits_ended + self.waits_killed == self.waits


def spoil(sandbox: Sandbox, seed: int, *, late: float) -> None:
    """Pushes and receipts are lost, late (by so many seconds at most), doubled and out of order."""
    effects = ((Lose(), 0.2), (Latency(seconds=late / 60, jitter=late), 0.1), (Duplicate(), 0.2), (Reorder(), 0.2))
    for number, operation in enumerate(("push", "receipt")):
        for effect, share in effects:
            rule = FaultRule(effect=effect, operation=operation, probability=share)
            sandbox.faults.add(rule, seed=f"{seed}/{number}")


class Lives:
    """One process after another."""

    def __init__(self, sandbox: Sandbox, folder: Path, *, life: float, patient: bool, **orders: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        api_key, login, password = sandbox.credentials
        self.orders = Orders(
            api_key=api_key, login=login, password=password, nodes=list(sandbox.urls),
            smpp=list(sandbox.smpp.servers(tls=False)), folder=str(folder), secret=secrets.token_urlsafe(24),
            port=port, life=0, batch=min(100, orders["count"] // 2), **orders,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}/statuses/{self.orders.secret}"
        sandbox.accounts.get().pushes = PushSettings(url=url, retries=RETRIES)
        self.folder = folder
        self.chance = random.Random(self.orders.seed)
        self.life = life
        self.stretch = 1.0
        self.patient = patient
        self.told = Killed()

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A process; killed when the block is left, if it still lives."""
        self.orders = replace(self.orders, life=self.orders.life + 1)
        environment = os.environ | {ENVIRONMENT: json.dumps(asdict(self.orders)), "PYTHONUNBUFFERED": "1"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.following_worker",
            env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def killed(self) -> None:
        """One life, ended at a random instant: mostly at work, sometimes while it starts."""
        before = self.sent()
        async with self.one() as process:
            if self.patient or self.chance.random() < 0.9:
                assert process.stdout is not None
                await process.stdout.readline()
            while self.patient and process.returncode is None and before == self.sent() < self.orders.count:
                await asyncio.sleep(0.02)
            await asyncio.sleep(self.chance.uniform(0, self.life * self.stretch))
            self.told.died += process.returncode is not None
        self.told.kills += 1
        # Where nothing was done in a whole life the machine is slow, not the run endless.
        self.stretch = 1.0 if self.sent() > before else 1.5 * self.stretch

    async def last(self) -> None:
        """One life more, which ends in order when everything was told, or after ``PATIENCE``."""
        async with self.one() as process:
            before = time.monotonic()
            while not self.all_told() and time.monotonic() - before < PATIENCE and process.returncode is None:
                await asyncio.sleep(0.3)
            output, _ = await process.communicate(b"close\n")
        found: dict[str, int] = json.loads(output.splitlines()[-1]) if process.returncode == 0 else {}
        self.told.died += not found
        self.told.left = found.get("left", -1)

    def sent(self) -> int:
        """How many messages the application knows to be followed."""
        return sum(1 for _ in self.lines("sent.log"))

    def all_told(self) -> bool:
        """Everything was sent, and each end was told."""
        if self.sent() < self.orders.count:
            return False
        told = {line[2] for line in self.lines("told.log")}
        return all(line[1] in told for line in self.lines("sent.log"))

    def lines(self, name: str) -> Iterator[list[str]]:
        """A record of the application: its whole lines, life first."""
        path = self.folder / name
        if path.exists():
            with path.open(encoding="utf-8") as file:
                yield from (line[:-1].split("\t") for line in file if line.endswith("\n"))


def reckon(lives: Lives, sandbox: Sandbox) -> Killed:
    """Hold the records against the truth."""
    told, store = lives.told, sandbox.platform.store
    truth = {ids[0]: ids for _, *ids in lives.lines("sent.log")}
    told.messages, told.parts = len(truth), sum(map(len, truth.values()))
    ends: dict[str, set[tuple[str, str]]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for life, event_id, message_id, status, given_up, source in lives.lines("told.log"):
        message = store.get(message_id)
        told.wrong += message is None or given_up == "True" or message.status != status
        if message_id in truth and message_id not in ends:
            told.sources[source] = told.sources.get(source, 0) + 1
        ends.setdefault(message_id, set()).add((event_id, status))
        times[life, event_id] += 1
    told.missing = sum(one not in ends for one in truth)
    told.events_differ = sum(len(found) > 1 for found in ends.values())
    told.twice = sum(number - 1 for number in times.values())
    told.again = len(times) - len({event_id for _, event_id in times})
    waits = Counter[str]()
    last = str(lives.orders.life)
    begun: dict[tuple[str, str], str] = {}
    for life, message_id, word in lives.lines("waits.log"):
        begun[life, message_id] = word
    for (life, message_id), word in begun.items():
        message = store.get(message_id)
        ended = message is not None and message.status == word
        killed = word == "began" and life != last
        waits["ended" if ended else "killed" if killed else "lost"] += 1
    told.waits, told.waits_lost = len(begun), waits["lost"]
    told.waits_ended, told.waits_killed = waits["ended"], waits["killed"]
    told.reader_failures = sum(1 for _ in lives.lines("failures.log"))
    told.orphans = len(store) - told.messages
    told.faults = sandbox.faults.injected
    return told


async def killed_run(
    folder: Path,
    *,
    count: int,
    seed: int,
    life: float,
    after: int = 3,
    poll_after: float = 3.0,
    pauses: float = 0.01,
    patient: bool = False,
    progress: bool = False,
) -> Killed:
    """Send ``count`` messages in lives of ``life`` seconds at most, and follow all of them to their end.

    Args:
        folder: for the store and the records.
        after: kills after the last message was sent.
        poll_after: seconds without a word after which the platform is asked; reports are late by some of these.
        pauses: share of updates over which the application's reader takes its time.
        patient: kill nobody before something was sent, so that a short run has few lives.
        progress: print how far it is.
    """
    async with Sandbox(keep=4 * count, seed=seed) as sandbox:
        sandbox.switches = replace(sandbox.switches, smpp_rate=None, token_rate=None, antispam=False)
        sandbox.outcomes.clear()  # numbers that are refused, or never get there, are other tests' business
        sandbox.outcomes.add(NumberOutcome(suffix="13", course="not_delivered", code=3))
        spoil(sandbox, seed, late=6 * poll_after)
        orders = {"count": count, "seed": seed, "poll_after": poll_after, "pauses": pauses}
        lives = Lives(sandbox, folder, life=life, patient=patient, **orders)
        while lives.sent() < count and not lives.told.died:
            await lives.killed()
            if progress:
                print(f"life {lives.orders.life}: {lives.sent()} sent", file=sys.stderr, flush=True)
        lives.stretch = 1.0
        for _ in range(after):
            await lives.killed()
        await lives.last()
        return reckon(lives, sandbox)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--life", type=float, default=8.0, help="seconds of one process life, at most")
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(
            killed_run(Path(folder), count=arguments.messages, seed=arguments.seed, life=arguments.life, progress=True)
        )
    print(json.dumps(asdict(told) | {"seed": arguments.seed, "seconds": round(time.perf_counter() - started, 1)}))
    print("passed" if told.good else "FAILED")
    return int(not told.good)


if __name__ == "__main__":
    raise SystemExit(main())
