"""F8, F9 and F11 for SMPP: recovery from throttling, failover, and graceful stop. On one virtual loop, over TCP.

Run by ``nox -s faults_smpp``::

    python -m tests.faults.smpp_figures
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sms_traffic_async.errors import NotSent, OutcomeUnknown
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.sandbox import FaultRule, Latency, NoAnswer, Pace, Sandbox, Switches
from sms_traffic_async.sandbox.network import Blackhole
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import Timeouts
from tests.support.virtual_loop import VirtualClock, run_virtual

__all__ = ("Failover", "Stops", "Throttling", "failover_run", "stop_run", "throttle_run")

IN_FLIGHT = 50


@contextlib.asynccontextmanager
async def both(
    seed: int, *, limit: float | None = None, proxied: bool = False, **smpp: Any
) -> AsyncIterator[tuple[Sandbox, SmsTraffic]]:
    """A sandbox and a client of it, on one clock."""
    clock = VirtualClock(seed=seed)
    async with Sandbox(
        switches=Switches(antispam=False, smpp_rate=limit),
        pace=Pace(send=0, buffer=0, final=0),
        seed=seed,
        start=datetime.fromtimestamp(clock.wall(), UTC),
        keep=100,
        proxied=proxied,
        smpp_tls_ports=None,
    ) as sandbox:
        sandbox.outcomes.clear()
        options = sandbox.client_options() | {"api_key": None, "smpp": sandbox.smpp_options(tls=False, **smpp)}
        async with SmsTraffic(**options, clock=clock, timeouts=Timeouts(deadline=3600.0)) as sms:
            yield sandbox, sms


# --- F8


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """F8.

    Attributes:
        share: accepted in the stretch from 10 s to 40 s after each change of the limit, against the limit.
        throttled: refusals with ESME_RTHROTTLED in all submit_sm.
        lost: messages that were not accepted in the end.
    """

    share: dict[str, float]
    throttled: float
    lost: int


async def throttle_run(
    *, rate: float | None = 20.0, limits: tuple[float, ...] = (20.0, 5.0, 20.0), seconds: float = 40.0
) -> Throttling:
    """Keep more waiting than may go, while the platform changes what it allows."""
    async with both(1, limit=limits[0], rate=rate, window=10) as (sandbox, sms):
        numbers = (f"79{number:09d}" for number in itertools.count())
        results: list[Submission] = []

        async def worker() -> None:
            while not over.is_set():
                results.append(await sms.smpp.submit(Message(to=next(numbers), text="hello")))

        over = asyncio.Event()
        workers = [asyncio.create_task(worker()) for _ in range(30)]
        share: dict[str, float] = {}
        for place, limit in enumerate(limits, 1):
            sandbox.switches = replace(sandbox.switches, smpp_rate=limit)
            await asyncio.sleep(10)
            before = sandbox.accepted.total
            await asyncio.sleep(seconds - 10)
            share[f"{place}: {limit:g}/s"] = round((sandbox.accepted.total - before) / (limit * (seconds - 10)), 3)
        over.set()
        await asyncio.gather(*workers)
        throttled = sms.smpp.stats().throttled
        ids = {entry.message_id for entry in sandbox.accepted}
        lost = sum(not ids.issuperset(result.message_ids) for result in results)
        return Throttling(
            share=share,
            throttled=round(throttled / (throttled + len(ids)), 4),
            lost=lost + abs(len(results) - len(ids)),
        )


# --- F9


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """F9.

    Attributes:
        in_flight: submit_sm without answer when the main server fell silent.
        first: seconds from then to the first acceptance at the other.
        unknown: messages that were told to be unknown.
        twice: messages that were taken twice.
        lost: messages that were told to be accepted and were not.
        back: seconds from the healing to the first acceptance at the main server.
        sent: messages in all.
    """

    in_flight: int
    first: float
    unknown: int
    twice: int
    lost: int
    back: float
    sent: int


async def failover_run() -> Failover:
    """The main server falls silent with a full window, and comes back a minute later."""
    async with both(1, proxied=True, rate=None, window=IN_FLIGHT) as (sandbox, sms):
        loop = asyncio.get_running_loop()
        numbers = (f"79{number:09d}" for number in itertools.count())
        told: dict[str, bool] = {}
        over = asyncio.Event()

        async def worker() -> None:
            while not over.is_set():
                number = next(numbers)
                try:
                    await sms.smpp.submit(Message(to=number, text="hello"))
                except OutcomeUnknown:
                    told[number] = False
                else:
                    told[number] = True
                await asyncio.sleep(5)

        async def taken_at(node: int) -> float:
            seen, begun = sandbox.accepted.total, loop.time()
            async with asyncio.timeout(600):
                while all(entry.node != node for entry in sandbox.accepted[seen:]):
                    seen = sandbox.accepted.total
                    await asyncio.sleep(0.01)
            return loop.time() - begun

        workers = [asyncio.create_task(worker()) for _ in range(10 * IN_FLIGHT)]
        await asyncio.sleep(5)
        proxy = sandbox.smpp.proxies[1, False]
        hole = proxy.rules.add(Blackhole(), live=True)
        async with asyncio.timeout(10):
            while sms.smpp.stats().in_flight < IN_FLIGHT:
                await asyncio.sleep(0.001)
        in_flight = sms.smpp.stats().in_flight
        first = await taken_at(2)
        await asyncio.sleep(60)
        proxy.rules.remove(hole)
        await proxy.drop_all()
        back = await taken_at(1)
        over.set()
        await asyncio.gather(*workers)
        taken = Counter(entry.to for entry in sandbox.accepted)
        return Failover(
            in_flight=in_flight,
            first=round(first, 2),
            unknown=list(told.values()).count(False),
            twice=sum(times > 1 for times in taken.values()),
            lost=sum(sent and not taken[number] for number, sent in told.items()),
            back=round(back, 1),
            sent=len(told),
        )


# --- F11


@dataclass(slots=True, kw_only=True)
class Stops:
    """F11, over all runs: what became of the messages without answer at the close; ``false`` were told wrongly."""

    runs: int = 0
    in_flight: int = 0
    accepted: int = 0
    unknown: int = 0
    not_sent: int = 0
    unsettled: int = 0
    false: int = 0
    slowest: float = 0.0


async def stop_run(*, runs: int = 100) -> Stops:
    """Close a session with a full window; every other time some answers never come."""
    done = Stops()
    for seed in range(runs):
        await _stop(done, seed)
    return done


async def _stop(done: Stops, seed: int) -> None:
    chance = random.Random(seed)
    async with both(seed, rate=None, window=IN_FLIGHT) as (sandbox, sms):
        loop = asyncio.get_running_loop()
        slow = FaultRule(effect=Latency(seconds=0.2, jitter=4 * chance.random()), operation="submit", protocol="smpp")
        sandbox.faults.add(slow, seed=seed)
        if seed % 2:
            sandbox.faults.add(FaultRule(effect=NoAnswer(), probability=0.1, operation="submit"), seed=seed)
        numbers = [f"79{number:09d}" for number in range(IN_FLIGHT)]
        sends = [asyncio.create_task(sms.smpp.submit(Message(to=number, text="hello"))) for number in numbers]
        async with asyncio.timeout(10):
            while sms.smpp.stats().in_flight < IN_FLIGHT:
                await asyncio.sleep(0.001)
        done.in_flight += sms.smpp.stats().in_flight
        begun = loop.time()
        await sms.aclose(grace=10)
        done.slowest = max(done.slowest, round(loop.time() - begun, 2))
        await asyncio.sleep(0)
        done.runs += 1
        done.unsettled += sum(not send.done() for send in sends)
        results = await asyncio.gather(*sends, return_exceptions=True)
        taken = Counter(entry.to for entry in sandbox.accepted)
        for number, result in zip(numbers, results, strict=True):
            done.accepted += isinstance(result, Submission)
            done.unknown += isinstance(result, OutcomeUnknown)
            done.not_sent += isinstance(result, NotSent)
            done.false += isinstance(result, Submission) and taken[number] != 1
            done.false += isinstance(result, NotSent) and taken[number] > 0
            done.false += taken[number] > 1 or not isinstance(result, Submission | OutcomeUnknown | NotSent)


def judge(throttling: Throttling, failover: Failover, stops: Stops) -> bool:
    """Whether all three reach their figures."""
    return (
        min(throttling.share.values()) >= 0.9
        and throttling.throttled <= 0.05
        and not throttling.lost
        and failover.in_flight >= IN_FLIGHT
        and failover.first < 2.0 + 3.0 + 1.0  # suspicion, connect_timeout, and a second
        and not failover.twice
        and not failover.lost
        and failover.unknown <= failover.in_flight
        and stops.in_flight == stops.accepted + stops.unknown == stops.runs * IN_FLIGHT
        and not stops.unsettled
        and not stops.false
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="graceful stops")
    arguments = parser.parse_args()
    started = time.perf_counter()
    throttling = run_virtual(throttle_run)
    print("F8 ", throttling, flush=True)
    learned = run_virtual(partial(throttle_run, rate=None))
    print("F8, without a rate ", learned, flush=True)
    failover = run_virtual(failover_run)
    print("F9 ", failover, flush=True)

    async def stop() -> Stops:
        return await stop_run(runs=arguments.runs)

    stops = run_virtual(stop)
    print("F11", stops, flush=True)
    holds = judge(throttling, failover, stops) and judge(learned, failover, stops)
    print(json.dumps({"holds": holds, "seconds": round(time.perf_counter() - started, 1)}))
    print("passed" if holds else "FAILED")
    return int(not holds)


if __name__ == "__main__":
    raise SystemExit(main())
