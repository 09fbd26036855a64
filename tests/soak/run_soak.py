"""F15: SMPP at 200 messages a second with receipts, for as long as is asked, with faults on.

The sandbox runs in a process of its own; what is weighed is the client: memory, tasks, descriptors. In real
time, over TLS. Whether memory is flat is told by the bytes in use and not by the resident size: see ``memory``, which
needs Linux with glibc. Run by ``nox -s soak``::

    python -m tests.soak.run_soak --minutes 10
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sms_traffic_async.errors import Outcome, SendError
from sms_traffic_async.messages import Message, StatusUpdate
from sms_traffic_async.settings import Credentials, Settings
from tests.protocols.smpp.kit import Client, client
from tests.soak.memory import MOST_IN_USE_GROWTH, MOST_RESIDENT_GROWTH, WARM_UP, growth, in_use, resident

__all__ = ("Sample", "Soak", "memory_of")

TICK = 0.05
MOST_OPEN = 5_000
"""Messages without outcome; beyond, the load would measure its own queue."""
SETTLE = 120.0
"""Seconds for what is under way at the end. Where one part of a message was lost, the platform waits a minute for it
before it sends the other's receipt; and the last link may have been lost just now."""
_CODES = {Outcome.ACCEPTED: 1, Outcome.REJECTED: 2, Outcome.NOT_SENT: 3, Outcome.UNKNOWN: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The process at one moment; ``tasks`` without those that wait for a message of theirs.

    ``open`` and ``worst_ms`` are the most since the row before. ``megabytes`` are in use, without the receipts seen
    lately: two tables of known size, which fill and are thrown away by turns. ``resident`` is with what the allocators
    keep.
    """

    seconds: float
    sent: int
    open: int
    receipts: int
    reconnects: int
    megabytes: float
    resident: float
    tasks: int
    descriptors: int
    worst_ms: float

    def row(self) -> str:
        """A line of the table."""
        cells = (f"{self.seconds / 60:.1f}", self.sent, self.open, self.receipts, self.reconnects,
                 f"{self.megabytes:.1f}", f"{self.resident:.1f}", self.tasks, self.descriptors,
                 f"{self.worst_ms:.0f}")  # fmt: skip
        return "| " + " | ".join(map(str, cells)) + " |"


HEAD = (
    "| minute | handed in | most open | receipts | reconnects | in use, MB | resident, MB |"
    " tasks | descriptors | longest loop pause, ms |"
)


def memory_of(samples: Sequence[Sample]) -> dict[str, Any]:
    """The memory's part of the verdict; a run that ends before its warm-up has grown by what it shows."""
    flat = [one for one in samples if one.seconds >= WARM_UP * 60] or samples
    grown = growth([(one.seconds / 60, one.megabytes) for one in flat])
    resident_grown = growth([(one.seconds / 60, one.resident) for one in flat])
    return {
        "growth_mb_per_minute": round(grown, 3),
        "resident_mb_per_minute": round(resident_grown, 3),
        "flat": grown <= MOST_IN_USE_GROWTH and resident_grown <= MOST_RESIDENT_GROWTH,
    }


@dataclass
class Soak:
    """One run. ``outstanding`` asks the platform how many receipts are still to come."""

    client: Client
    rate: float
    minutes: float
    outstanding: Callable[[], Awaitable[int]]
    every: float = 5.0
    outcomes: bytearray = field(default_factory=bytearray)
    samples: list[Sample] = field(default_factory=list)
    receipts: int = 0
    sends: set[asyncio.Task[None]] = field(default_factory=set)
    held_back: int = 0
    worst: float = 0.0
    most_open: int = 0

    def take(self, updates: Sequence[StatusUpdate]) -> bool:
        """The application's end of the receipts."""
        self.receipts += sum(update.status.is_final for update in updates)
        return True

    async def _send(self, index: int) -> None:
        text = f"Код {index}" + (" и длинное продолжение" * 5 if index % 10 == 0 else "")
        try:
            await self.client.smpp.submit(Message(to=f"79{index:09d}", text=text))
        except SendError as error:
            self.outcomes[index] = _CODES[error.outcome]
        else:
            self.outcomes[index] = _CODES[Outcome.ACCEPTED]

    async def run(self) -> None:
        """Hand messages in at the rate, whatever becomes of them."""
        self.client.hub.receiving.updates = self.take
        loop = asyncio.get_running_loop()
        begun = due = loop.time()
        end, sampled = begun + self.minutes * 60, begun
        owed = 0.0
        while due < end:
            due += TICK
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.worst = max(self.worst, loop.time() - due)
            owed += self.rate * TICK
            while owed >= 1:
                owed -= 1
                self._hand_in()
            if due - sampled >= self.every:
                sampled = due
                self._sample(due - begun)
        await self._settle()
        self._sample(loop.time() - begun)

    async def _settle(self) -> None:
        """Until every message has its outcome, and then every receipt is here: not a moment is long enough for both."""
        if self.sends:
            await asyncio.wait(self.sends, timeout=SETTLE)
        quiet = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE):
                while quiet < 2:
                    await asyncio.sleep(1.0)  # real time, as all of a soak
                    quiet = 0 if await self.outstanding() else quiet + 1

    def _hand_in(self) -> None:
        if len(self.sends) >= MOST_OPEN:
            self.held_back += 1
            return
        self.outcomes.append(0)
        task = asyncio.create_task(self._send(len(self.outcomes) - 1))
        self.sends.add(task)
        task.add_done_callback(self.sends.discard)
        self.most_open = max(self.most_open, len(self.sends))

    def _sample(self, seconds: float) -> None:
        stats = self.client.smpp.stats()
        sample = Sample(
            seconds=seconds,
            sent=len(self.outcomes),
            open=self.most_open,
            receipts=self.receipts,
            reconnects=stats.reconnects,
            megabytes=in_use() - self._remembered(),
            resident=resident(),
            tasks=len(asyncio.all_tasks()) - sum(not send.done() for send in self.sends),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1,
            worst_ms=self.worst * 1000,
        )
        self.samples.append(sample)
        if len(self.samples) % max(1, round(60 / self.every)) == 0:
            print(sample.row(), flush=True)
            self.worst, self.most_open = 0.0, 0

    def _remembered(self) -> float:
        """Megabytes of fingerprints of receipts: whole numbers of 32 bytes, in sets."""
        tables = self.client.hub.receiving._seen.generations
        return sum(sys.getsizeof(table) + 32 * len(table) for table in tables) / 1e6

    def verdict(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """What the table amounts to, held against what the platform accepted."""
        taken: Mapping[str, int] = told["accepted"]
        half = [one for one in self.samples[:-1] if one.seconds >= self.minutes * 30]
        false: dict[str, int] = dict.fromkeys(("lost", "false_refusals", "duplicates", "missing"), 0)
        for index, code in enumerate(self.outcomes):
            times = taken.get(f"79{index:09d}", 0)
            parts = 2 if index % 10 == 0 else 1
            false["lost"] += code == _CODES[Outcome.ACCEPTED] and times < parts
            false["false_refusals"] += code in {2, 3} and times > 0
            false["duplicates"] += times > parts
            false["missing"] += code == 0
        row: dict[str, Any] = {name: self.outcomes.count(code) for code, name in enumerate(
            ("missing", "accepted", "rejected", "not_sent", "unknown"))}  # fmt: skip
        row |= (
            false
            | {
                "held_back": self.held_back,
                "faults": told["faults"],
                "reconnects": self.samples[-1].reconnects,
                "parts_taken": sum(taken.values()),
                "receipts": self.receipts,  # H9: each part's last one, once
                **memory_of(self.samples[:-1]),
                "tasks": sorted({one.tasks for one in half}),
                "descriptors": sorted({one.descriptors for one in half}),
            }
        )
        # A link more, or one less, is a descriptor and a task of a connect under way.
        row["holds"] = (
            not any(false.values())
            and not self.held_back
            and row["receipts"] == row["parts_taken"]
            and row["flat"]
            and max(row["tasks"]) - min(row["tasks"]) <= 3
            and max(row["descriptors"]) - min(row["descriptors"]) <= 3
        )
        return row


@contextlib.asynccontextmanager
async def platform() -> AsyncIterator[tuple[dict[str, Any], asyncio.subprocess.Process]]:
    """The sandbox's process, and what it told of itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.soak.platform",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    try:
        assert process.stdout is not None
        yield json.loads(await process.stdout.readline()), process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def outstanding_at(process: asyncio.subprocess.Process) -> Callable[[], Awaitable[int]]:
    """Asks the sandbox in its process."""

    async def ask() -> int:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        number: int = json.loads(await process.stdout.readline())
        return number

    return ask


async def soak(minutes: float, rate: float, every: float = 5.0) -> dict[str, Any]:
    """Run, print the table, and judge."""
    async with platform() as (told, process):
        context = ssl.create_default_context(cadata=told["authority"])
        credentials = Credentials(login=told["login"], password=told["password"])
        settings = Settings(credentials=credentials)
        # Everything as it is by default, but for the rate: none is set, as for whoever does not know the account's.
        options: dict[str, Any] = {"ssl_context": context, "rate": None}
        async with client(told["servers"], settings=settings, **options) as one:
            run = Soak(one, rate, minutes, outstanding_at(process), every)
            print(HEAD, "|" + "---|" * HEAD.count(" | ") + "---|", sep="\n", flush=True)
            await run.run()
        output, _ = await process.communicate(b"")  # without input its standard input would stay open
        return run.verdict(json.loads(output))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=200.0)
    arguments = parser.parse_args()
    begun = time.perf_counter()
    row = asyncio.run(soak(arguments.minutes, arguments.rate))
    print(json.dumps(row | {"seconds": round(time.perf_counter() - begun)}))
    print("passed" if row["holds"] else "FAILED")
    return int(not row["holds"])


if __name__ == "__main__":
    raise SystemExit(main())
