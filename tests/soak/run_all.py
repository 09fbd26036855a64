"""F15: every protocol, pushes, receipts, subscribers and an outbox in one session, with faults, for an hour.

The sandbox runs in a process of its own; what is weighed is the client. In real time, on Linux with glibc. Run by
``nox -s soak_all``::

    python -m tests.soak.run_all --minutes 60
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from sms_traffic_async import (
    InboundOptions,
    Message,
    Outbox,
    SmppOptions,
    SmsTraffic,
    SmtpOptions,
    SoapOptions,
    TrackingOptions,
)
from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.errors import SendError
from sms_traffic_async.otel import OtelHooks
from sms_traffic_async.outbox.store import OPEN, State
from sms_traffic_async.webhooks import WebhookOptions
from tests.faults.following_worker import serving
from tests.soak.memory import MOST_RESIDENT_GROWTH, growth, in_use, resident
from tests.soak.whole_platform import SHORT_NUMBER, SMPP_RATE
from tests.soak.whole_verdict import Journal, OutboxRow, number_of, parts_of, steady, verdict
from tests.webhooks.kit import SECRET

__all__ = ("RATES", "Platform", "WholeSoak")

RATES: Mapping[str, float] = {"v2": 50.0, "v1": 2.0, "soap": 2.0, "smtp": 1.0, "smpp": 18.0, "outbox": 5.0}
"""Messages a second. Every tenth of SMPP has two parts, so that is 20 parts a second."""
TICK = 0.05
MOST_GROWTH = 0.15
"""MB a minute by which the floor of the bytes in use may rise: 32 bytes a message. Between two full collections they
rise by 3 MB a minute, and a sample every 30 seconds does not hit the floor itself."""
SETTLE = 400.0
"""Seconds for what is under way at the end; a message whose push was lost is asked about after a quarter of a minute,
and then ever more rarely."""
REMEMBERED = 20_000
"""Ends and receipts that are known again: less than by default, so that what is remembered is full long before the
second quarter of an hour. Receipts that SMPP delivered are known again for the latest 40,000: half an hour."""


class Platform(Protocol):
    """The sandbox, in this process or another."""

    async def order(self, order: dict[str, Any]) -> dict[str, int]:
        """See ``WholePlatform.order``."""
        ...


class Nowhere(SpanExporter):
    """Counts spans and keeps none."""

    def __init__(self) -> None:
        self.spans = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += len(spans)
        return SpanExportResult.SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The process at one moment; ``tasks`` without those that wait for a message of theirs, memory as in ``memory``."""

    seconds: float
    sent: int
    most_open: int
    ends: int
    inbound: int
    megabytes: float
    resident: float
    tasks: int
    descriptors: int
    threads: int
    worst_ms: float

    def row(self) -> str:
        """A line of the table."""
        cells = (f"{self.seconds / 60:.1f}", self.sent, self.most_open, self.ends, self.inbound,
                 f"{self.megabytes:.1f}", f"{self.resident:.1f}", self.tasks, self.descriptors, self.threads,
                 f"{self.worst_ms:.0f}")  # fmt: skip
        return "| " + " | ".join(map(str, cells)) + " |"


HEAD = (
    "| minute | handed in | most open | ends told | from subscribers | in use, MB | resident, MB |"
    " tasks | descriptors | threads | longest loop pause, ms |"
)


@dataclass
class WholeSoak:
    """One run over an open session and outbox."""

    sms: SmsTraffic
    outbox: Outbox
    platform: Platform
    journal: Journal
    minutes: float
    rates: Mapping[str, float] = field(default_factory=lambda: RATES)
    every: float = 30.0
    samples: list[Sample] = field(default_factory=list)
    sends: set[asyncio.Task[None]] = field(default_factory=set)
    worst: float = 0.0
    most_open: int = 0

    async def run(self) -> None:
        """Serve, read and send; returns when the last message has its end."""
        stop = asyncio.Event()
        options = WebhookOptions(remembered=REMEMBERED)
        async with serving(self.sms.webhooks(secret=SECRET, options=options), 0) as port:
            readers = [
                asyncio.create_task(self._updates(), name="updates"),
                asyncio.create_task(self._inbound(), name="inbound"),
            ]
            worker = asyncio.create_task(self.outbox.run(self.sms, stop=stop), name="worker")
            await self.platform.order({"aim": [f"http://127.0.0.1:{port}", SECRET]})
            try:
                await self._load()
                await self._settle()
                self._sample(self.samples[-1].seconds + self.every)
            finally:
                stop.set()
                for reader in readers:
                    reader.cancel()
                await asyncio.wait([worker, *readers])
            for task in (worker, *readers):
                if not task.cancelled():
                    task.result()

    async def _updates(self) -> None:
        async with self.sms.updates(finals_only=True) as updates:
            async for update in updates:
                self.journal.ended(update.message_id, "given up" if update.given_up else str(update.status))

    async def _inbound(self) -> None:
        async with self.sms.inbound() as messages:
            async for message in messages:
                assert message.source == ("push" if message.short_number == SHORT_NUMBER else "smpp")
                self.journal.came(message.text)

    async def _send(self, index: int, via: Any) -> None:
        text = f"Код {index}" + (" и длинное продолжение" * 5 if parts_of(index, via) > 1 else "")
        message = Message(to=number_of(index), text=text)
        if via == "outbox":
            await self.outbox.enqueue(message, key=f"soak-{index}")
            return
        try:
            submission = await self.sms.send(message, via=via)
        except SendError as error:
            self.journal.failed(index, error.outcome)
        else:
            self.journal.accepted(index, submission.message_ids)

    async def _load(self) -> None:
        loop = asyncio.get_running_loop()
        begun = due = loop.time()
        end, sampled = begun + self.minutes * 60, begun
        owed = dict.fromkeys(self.rates, 0.0)
        while due < end:
            due += TICK
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.worst = max(self.worst, loop.time() - due)
            for via, rate in self.rates.items():
                owed[via] += rate * TICK
                while owed[via] >= 1:
                    owed[via] -= 1
                    self._hand_in(via)
            if due - sampled >= self.every:
                sampled = due
                self._sample(due - begun)

    def _hand_in(self, via: str) -> None:
        task = asyncio.create_task(self._send(self.journal.begin(via), via))
        self.sends.add(task)
        task.add_done_callback(self._sent)
        self.most_open = max(self.most_open, len(self.sends))

    def _sent(self, task: asyncio.Task[None]) -> None:
        self.sends.discard(task)
        task.result()  # anything but a SendError is a defect, and is printed by the loop

    async def _settle(self) -> None:
        """Until every send, every message of the outbox, every receipt and push, and every followed one has ended."""
        await self.platform.order({"hush": True})
        quiet = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE):
                while quiet < 2:
                    await asyncio.sleep(1.0)
                    counts = await self.outbox.counts()
                    left = {
                        "sends": len(self.sends),
                        "outbox": sum(counts.get(state, 0) for state in OPEN),
                        "followed": self.sms.stats.gauges()["tracking.followed"],
                        **await self.platform.order({}),
                    }
                    quiet = 0 if any(left.values()) else quiet + 1

    def _sample(self, seconds: float) -> None:
        sample = Sample(
            seconds=seconds,
            sent=len(self.journal.outcome),
            most_open=self.most_open,
            ends=self.journal.ends,
            inbound=self.journal.inbound,
            megabytes=in_use(),
            resident=resident(),
            tasks=len(asyncio.all_tasks()) - sum(not send.done() for send in self.sends),
            descriptors=sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1,
            threads=threading.active_count(),
            worst_ms=self.worst * 1000,
        )
        self.samples.append(sample)
        print(sample.row(), flush=True)
        self.worst, self.most_open = 0.0, 0

    async def rows(self) -> list[OutboxRow]:
        """What is in the outbox, every state of it."""
        found: list[OutboxRow] = []
        after: str | None = None
        while page := await self.outbox.store.listing(list(State), after=after, limit=1_000):
            after = page[-1].id
            found += [
                OutboxRow(index=int((row.key or "").rpartition("-")[2]), state=row.state, message_ids=row.message_ids)
                for row in page
            ]
        return found

    def growth(self) -> dict[str, Any]:
        """What the second half of the load says of the process: by then all that is remembered is full."""
        later = [one for one in self.samples[:-1] if one.seconds >= self.minutes * 30]
        row = steady(later)
        grown = growth([(one.seconds / 60, one.megabytes) for one in later])
        resident_grown = growth([(one.seconds / 60, one.resident) for one in later])
        row["growth_mb_per_hour"] = {"in use": round(grown * 60, 2), "resident": round(resident_grown * 60, 2)}
        row["flat"] = (
            grown <= MOST_GROWTH
            and resident_grown <= MOST_RESIDENT_GROWTH
            and all(row[one]["holds"] for one in ("tasks", "descriptors", "threads"))
        )
        return row


def session(told: Mapping[str, Any], folder: Path, hooks: OtelHooks, *, clock: Clock = SYSTEM_CLOCK) -> SmsTraffic:
    """Everything as it is by default, but for addresses, the account's rate, and what is remembered."""
    context = None if told["authority"] is None else ssl.create_default_context(cadata=told["authority"])
    host, port = told["smtp"]
    soap, second = told["soap"]
    return SmsTraffic(
        api_key=told["api_key"],
        login=told["login"],
        password=told["password"],
        nodes=told["nodes"],
        soap=SoapOptions(url=soap, second_url=second),
        smtp=SmtpOptions(sender="soak@example.org", host=host, port=port, tls="none", allow_passwords_without_tls=True),
        smpp=SmppOptions(servers=told["smpp"], ssl_context=context, rate=SMPP_RATE),
        tracking=TrackingOptions(store=folder / "tracking.db", early=1_000, finished=REMEMBERED),
        inbound=InboundOptions(remembered=500),
        hooks=hooks,
        clock=clock,
    )


def telemetry() -> tuple[OtelHooks, Nowhere, InMemoryMetricReader]:
    """Spans and metrics as in production, kept nowhere."""
    spans, reader = Nowhere(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider(metric_readers=[reader])
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    return OtelHooks(tracer_provider=tracers, meter_provider=meters), spans, reader


class Process:
    """The platform in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hear(self) -> Any:
        """One line of it."""
        assert self._process.stdout is not None
        return json.loads(await self._process.stdout.readline())

    async def order(self, order: dict[str, Any]) -> dict[str, int]:
        """See ``WholePlatform.order``."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        answer: dict[str, int] = await self.hear()
        return answer

    async def reckoning(self) -> dict[str, Any]:
        """End it; what it took."""
        output, _ = await self._process.communicate(b"")
        told: dict[str, Any] = json.loads(output)
        return told


@contextlib.asynccontextmanager
async def apart() -> AsyncIterator[Process]:
    """The sandbox's process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.soak.whole_platform",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def soak(minutes: float, every: float) -> dict[str, Any]:
    """Run, print the table, and judge."""
    hooks, spans, _ = telemetry()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with apart() as platform:
            told = await platform.hear()
            journal = Journal(folder / "journal.txt")
            async with Outbox(folder / "outbox.db", hooks=hooks) as outbox, session(told, folder, hooks) as sms:
                run = WholeSoak(sms, outbox, platform, journal, minutes, every=every)
                print(HEAD, "|" + "---|" * HEAD.count(" | ") + "---|", sep="\n", flush=True)
                await run.run()
                rows, reading = await run.rows(), sms.stats.read()
            row = verdict(journal, rows, await platform.reckoning())
    row |= {"growth": run.growth(), "spans": spans.spans, "counters": dict(reading.counters)}
    row["holds"] = row["true"] and row["growth"]["flat"]
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two lines of the table")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    row = asyncio.run(soak(arguments.minutes, arguments.every))
    print(json.dumps(row | {"seconds": round(time.perf_counter() - begun)}))
    print("passed" if row["holds"] else "FAILED")
    return int(not row["holds"])


if __name__ == "__main__":
    raise SystemExit(main())
