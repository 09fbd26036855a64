"""F3: SMPP under kills of its links, throttling, full queues, silence and late answers.

The client and the sandbox run over real TCP on one virtual loop. Once with ``on_unknown="raise"``: nothing is
taken twice. Once with ``"resend"``: nothing is taken more often than once, and once more for every part that
went again; never more than three times. Run by ``nox -s faults_smpp``::

    python -m tests.faults.run_smpp --messages 100000 --kills 1000
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from sms_traffic_async.errors import Outcome, SendError
from sms_traffic_async.messages import Message, SendResult
from sms_traffic_async.protocols.smpp.stats import SmppStats
from sms_traffic_async.sandbox import (
    BadLength,
    Drop,
    FaultRule,
    Garbage,
    Half,
    Latency,
    NoAnswer,
    Pace,
    Sandbox,
    Status,
    Switches,
    Temporary,
    Throttle,
    Unbind,
)
from sms_traffic_async.sandbox.accept_log import AcceptLog
from sms_traffic_async.sandbox.effects import Effect
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import OnUnknown, Timeouts
from tests.support.virtual_loop import VirtualClock, run_virtual

__all__ = ("MOST_ACCEPTANCES", "PartHistory", "SmppRun", "broken", "smpp_run")

MOST_ACCEPTANCES = 3
LONG_EVERY = 10
"""Every so many messages one has two parts."""

KILLS: tuple[tuple[float, Effect], ...] = (
    (0.20, Drop(when="before", how="rst")),
    (0.10, Drop(when="before")),
    (0.20, Drop(when="after")),
    (0.15, Drop(when="after", how="rst")),
    (0.10, Half()),
    (0.05, BadLength()),
    (0.10, Unbind(when="before")),
    (0.10, Unbind()),
)
"""How often each is what ends a link."""
OTHERS: tuple[tuple[float, Effect], ...] = (
    (0.010_0, Throttle()),
    (0.002_0, Temporary()),  # ESME_RMSGQFUL
    (0.005_0, Status(status=0x45)),
    (0.002_0, Status(status=0x08)),
    (0.002_0, Status(status=0x0B)),
    (0.000_5, Status(status=0x400, bare=True)),
    (0.000_3, NoAnswer(when="before")),
    (0.000_3, NoAnswer()),
    (0.000_2, Garbage()),
    (0.000_5, Latency(seconds=1, jitter=50)),
)
"""How many submit_sm suffer what leaves the link alone."""


@dataclass(slots=True)
class PartHistory:
    """What was told of every message, held against the accept log part by part.

    Attributes:
        lost: H1, told "accepted" and not all of its parts taken.
        false_refusals: H2, told "rejected" or "not sent" and taken in part or in whole.
        twice: parts taken more than once.
        extra: acceptances beyond the first of each part.
        most: how often the part was taken that was taken most.
        wrong_answers: ids that the accept log does not have for this message.
    """

    told: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    errors: Counter[str] = field(default_factory=Counter[str])
    lost: int = 0
    false_refusals: int = 0
    twice: int = 0
    extra: int = 0
    most: int = 0
    wrong_answers: int = 0
    missing: int = 0
    evicted: bool = False

    def add(self, result: SendResult) -> None:
        """One message got its outcome."""
        number = result.message.to
        assert number not in self.told, "one number, one message"
        if result.submission is not None:
            self.told[number] = Outcome.ACCEPTED
            self.ids[number] = result.submission.message_ids
            return
        assert isinstance(result.error, SendError), result.error
        self.errors[f"{type(result.error).__name__} {result.error.code or ''}".strip()] += 1
        self.told[number] = result.error.outcome

    def reckon(self, log: AcceptLog, *, sent: int) -> None:
        """Hold what was told against the log."""
        self.missing = sent - len(self.told)
        self.evicted = len(log) != log.total
        parts: dict[str, Counter[str]] = {}
        ids: dict[str, set[str]] = {}
        for entry in log:
            parts.setdefault(entry.to, Counter())[entry.text] += 1
            ids.setdefault(entry.to, set()).add(entry.message_id)
        for number, outcome in self.told.items():
            taken = parts.get(number, Counter[str]())
            told = self.ids.get(number, ())
            self.lost += outcome is Outcome.ACCEPTED and len(taken) < len(told)
            self.false_refusals += outcome in {Outcome.REJECTED, Outcome.NOT_SENT} and bool(taken)
            self.wrong_answers += not set(told) <= ids.get(number, set())
            self.twice += sum(times > 1 for times in taken.values())
            self.extra += sum(times - 1 for times in taken.values())
            self.most = max(self.most, *taken.values(), 0)

    def row(self) -> dict[str, Any]:
        """The figures for a table."""
        counts = Counter(self.told.values())
        row: dict[str, Any] = {"messages": len(self.told)}
        row |= {outcome.name.lower(): counts[outcome] for outcome in Outcome}
        names = ("lost", "false_refusals", "twice", "extra", "most", "wrong_answers", "missing")
        return row | {name: getattr(self, name) for name in names} | {"errors": dict(self.errors)}


def messages(count: int, first: int) -> Iterator[Message]:
    """One number, one message; no two parts of one are alike."""
    for number in range(first, first + count):
        long = " и его вторая часть, которой нет в первой" * 2 if number % LONG_EVERY == 0 else ""
        yield Message(to=f"79{number:09d}", text=f"Код {number}{long}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppRun:
    """A run's figures: the history, the client's own counts, how many links died, and how many faults there were."""

    history: PartHistory
    stats: SmppStats
    kills: int
    faults: int


async def smpp_run(on_unknown: OnUnknown, *, count: int, kills: int, first: int = 0, seed: int = 1) -> SmppRun:
    """Send ``count`` messages over links of which about ``kills`` are killed."""
    clock = VirtualClock(seed=seed)
    async with Sandbox(
        switches=Switches(antispam=False, smpp_rate=None),
        pace=Pace(send=0, buffer=0, final=0),
        seed=seed,
        start=datetime.fromtimestamp(clock.wall(), UTC),
        keep=100,
        smpp_tls_ports=None,
    ) as sandbox:
        sandbox.outcomes.clear()  # numbers of a run end in anything
        # Twice what is asked for: many hit a link that another has ended already, and an unbind counts as no kill.
        share = 2 * kills / count
        rules = [(share * part, effect) for part, effect in KILLS] + list(OTHERS)
        for probability, effect in rules:
            rule = FaultRule(effect=effect, probability=probability, protocol="smpp", operation="submit")
            sandbox.faults.add(rule, seed=seed)
        options = sandbox.client_options() | {
            "api_key": None,
            "smpp": sandbox.smpp_options(tls=False, rate=None, window=50, transmitters=1),
        }
        history = PartHistory()
        async with SmsTraffic(**options, clock=clock, on_unknown=on_unknown, timeouts=Timeouts(deadline=900.0)) as sms:
            async with sms.send_many(messages(count, first), via="smpp", concurrency=500) as results:
                async for result in results:
                    history.add(result)
            stats = sms.smpp.stats()
        history.reckon(sandbox.accepted, sent=count)
        return SmppRun(history=history, stats=stats, kills=stats.reconnects, faults=sandbox.faults.injected)


def broken(run: SmppRun, on_unknown: OnUnknown) -> bool:
    """Whether an invariant does not hold."""
    told = run.history
    bad = told.lost or told.false_refusals or told.missing or told.wrong_answers or told.evicted
    if on_unknown == "raise":
        return bool(bad or told.twice)
    return bool(bad or told.extra > run.stats.repeated or told.most > MOST_ACCEPTANCES)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    failed = False
    for on_unknown in get_args(OnUnknown):
        started = time.perf_counter()

        async def run(on_unknown: OnUnknown = on_unknown) -> SmppRun:
            return await smpp_run(on_unknown, count=arguments.messages, kills=arguments.kills, seed=arguments.seed)

        done = run_virtual(run)
        bad = broken(done, on_unknown) or done.kills < arguments.kills
        failed = failed or bad
        row: Mapping[str, Any] = {"on_unknown": on_unknown, **done.history.row()}
        names = ("repeated", "throttled", "full", "late")
        row = {**row, **{name: getattr(done.stats, name) for name in names}, "kills": done.kills, "faults": done.faults}
        print(json.dumps({**row, "holds": not bad, "seconds": round(time.perf_counter() - started, 1)}), flush=True)
    print("FAILED" if failed else "passed")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
