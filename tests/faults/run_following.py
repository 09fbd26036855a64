"""H9 with real sources: a session over the sandbox, told by pushes, receipts and answers at once.

Messages leave by v2 and SMPP. Pushes and receipts are lost, late, doubled and
out of order by fault rules; the session is closed in the middle of things and
another goes on over the same store; the application's reader fails and comes
back. Everything is real TCP, on the virtual loop::

    python -m tests.faults.run_following --messages 20000
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sms_traffic_async import DeadlineExceeded, RequestFailed, SmsTraffic, Submission, TrackingOptions
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.sandbox import NumberOutcome, Sandbox
from sms_traffic_async.sandbox.pushes_settings import PushSettings, Retries
from tests.faults.following_worker import serving, to_send
from tests.faults.run_following_killed import spoil
from tests.support.virtual_loop import VirtualClock, run_virtual
from tests.webhooks.kit import SECRET

__all__ = ("Followed", "following_run")

BATCH = 100
SETTLED = 1_200.0
"""Seconds in which a message has its end and was asked about, however its reports went."""


@dataclass(slots=True, kw_only=True)
class Followed:
    """What the application was told, held against what the sandbox did.

    Attributes:
        messages: that were accepted.
        missing: whose end the application was not told.
        wrong: whose end was told as another than it was.
        twice: events that were taken twice in one process life.
        again: events told in more than one life: the same ``event_id``, allowed.
        events_differ: messages whose end came under two ids.
        waits: ``wait_for`` calls; ``waits_ended`` gave the right end, ``waits_closed`` ended with their session.
        waits_lost: neither.
        left: what the last session still followed when all was over.
        sources: who told the ends.
        faults: that were injected into pushes and receipts.
    """

    messages: int = 0
    missing: int = 0
    wrong: int = 0
    twice: int = 0
    again: int = 0
    events_differ: int = 0
    waits: int = 0
    waits_ended: int = 0
    waits_closed: int = 0
    waits_lost: int = 0
    lives: int = 0
    reader_failures: int = 0
    left: int = 0
    sources: dict[str, int] = field(default_factory=dict[str, int])
    faults: int = 0


class DatabaseDown(Exception):
    """The application's own trouble."""


class Application:
    """Sends, reads, waits, restarts, and remembers what it was told."""

    def __init__(self, sandbox: Sandbox, path: Path, *, seed: int) -> None:
        self.sandbox = sandbox
        self.path = path
        self.port = 0
        self.chance = random.Random(seed)
        self.told = Followed()
        self.sent: list[Submission] = []
        self.ends: dict[str, list[TrackedUpdate]] = {}
        self.lives: dict[str, Counter[int]] = {}

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[SmsTraffic]:
        """One process life: a session, its webhooks under uvicorn, and a reader."""
        self.told.lives += 1
        sandbox = self.sandbox
        known = {**sandbox.client_options(), "smpp": sandbox.smpp_options(tls=False, rate=None, window=50)}
        tracking = TrackingOptions(store=self.path, longest=300.0)
        clock = VirtualClock(seed=self.told.lives)
        async with (
            SmsTraffic(**known, tracking=tracking, clock=clock) as sms,
            serving(sms.webhooks(secret=SECRET), self.port) as self.port,
        ):
            retries = Retries(pauses=(1.0, 5.0, 15.0), in_flight=4)
            url = f"http://127.0.0.1:{self.port}/statuses/{SECRET}"
            sandbox.accounts.get().pushes = PushSettings(url=url, retries=retries)
            reader = asyncio.create_task(self._read(sms))
            try:
                yield sms
            finally:
                await sms.aclose(grace=self.chance.choice((0.0, 0.2)))
                await reader

    async def _read(self, sms: SmsTraffic) -> None:
        while True:
            try:
                async with sms.updates(finals_only=True) as updates:
                    async for update in updates:
                        self._fail_sometimes()
                        self.lives.setdefault(update.event_id, Counter())[self.told.lives] += 1
                        self.ends.setdefault(update.message_id, []).append(update)
            except DatabaseDown:
                await asyncio.sleep(0.5)
                continue
            return

    def _fail_sometimes(self) -> None:
        if self.chance.random() < 0.002:
            self.told.reader_failures += 1
            raise DatabaseDown

    async def send(self, sms: SmsTraffic, first: int, count: int) -> list[asyncio.Task[None]]:
        """Send a batch, half by each protocol, and wait for some of it."""

        made: list[Submission] = await asyncio.gather(*(to_send(sms, number) for number in range(first, first + count)))
        self.sent += made
        return [asyncio.create_task(self._wait(sms, sent)) for sent in made[::10]]

    async def _wait(self, sms: SmsTraffic, sent: Submission) -> None:
        told = self.told
        told.waits += 1
        try:
            update = await sms.wait_for(sent, timeout=600)
        except DeadlineExceeded:
            told.waits_lost += 1
        except RequestFailed:
            told.waits_closed += 1  # the session ended first
        else:
            told.waits_ended += self._is_true(update)

    def _is_true(self, update: TrackedUpdate) -> bool:
        message = self.sandbox.platform.store.get(update.message_id)
        return message is not None and not update.given_up and update.status == message.status

    def reckon(self) -> Followed:
        told = self.told
        told.messages = len(self.sent)
        for sent in self.sent:
            ends = self.ends.get(sent.message_ids[0], [])
            told.missing += not ends
            told.wrong += any(not self._is_true(end) for end in ends)
            told.events_differ += len({end.event_id for end in ends}) > 1
        for lives in self.lives.values():
            told.twice += sum(times > 1 for times in lives.values())
            told.again += len(lives) - 1
        told.sources = dict(Counter(str(ends[0].source) for ends in self.ends.values()))
        told.faults = self.sandbox.faults.injected
        return told


async def following_run(path: Path, *, count: int, seed: int, per_life: int, late: float = 120.0) -> Followed:
    """Send ``count`` messages in lives of ``per_life``, and follow all of them to their end.

    Args:
        late: seconds by which reports are late at most.
    """
    async with Sandbox(start=datetime.fromtimestamp(VirtualClock().wall(), UTC), keep=4 * count, seed=seed) as sandbox:
        sandbox.switches = replace(sandbox.switches, smpp_rate=None, token_rate=None, antispam=False)
        sandbox.outcomes.clear()  # numbers that are refused, or never get there, are other tests' business
        sandbox.outcomes.add(NumberOutcome(suffix="13", course="not_delivered", code=3))
        spoil(sandbox, seed, late=late)
        app = Application(sandbox, path, seed=seed)
        waits: list[asyncio.Task[None]] = []
        number = 0
        while number < count:
            async with app.living() as sms:
                end = min(count, number + per_life)
                while number < end:
                    size = min(BATCH, end - number)
                    waits += await app.send(sms, number, size)
                    number += size
                await asyncio.sleep(app.chance.uniform(0.0, 2.0))
        async with app.living() as sms:
            # What nobody else would look at: a session without a reader of its own could not end what is left here.
            tracker = sms._shared.reception.tracker
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLED):
                    while tracker.stats.followed:
                        await asyncio.sleep(1)  # not all at once: uvicorn makes the clock stop ten times a second
            await asyncio.sleep(late + 5)  # the latest repeats change nothing
            app.told.left = tracker.stats.followed
        await asyncio.gather(*waits)
        return app.reckon()


def is_good(told: Followed) -> bool:
    """Whether H9 holds."""
    bad = told.missing or told.wrong or told.twice or told.events_differ or told.left or told.waits_lost
    return not bad and told.waits_ended + told.waits_closed == told.waits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-life", type=int, default=2_000)
    arguments = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:

        async def run() -> Followed:
            path = Path(folder) / "tracking.db"
            return await following_run(path, count=arguments.messages, seed=arguments.seed, per_life=arguments.per_life)

        told = run_virtual(run)
    print(json.dumps(asdict(told) | {"seed": arguments.seed, "seconds": round(time.perf_counter() - started, 1)}))
    print("passed" if is_good(told) else "FAILED")
    return int(not is_good(told))


if __name__ == "__main__":
    raise SystemExit(main())
