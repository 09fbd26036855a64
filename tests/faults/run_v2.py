"""F2: HTTP API v2 under faults of the platform and of the network.

The client and the sandbox run over real TCP on one virtual loop: long waits
cost nothing. Run by ``nox -s faults``::

    python -m tests.faults.run_v2 --messages 100000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sms_traffic_async.errors import OutcomeUnknown
from sms_traffic_async.messages import Message
from sms_traffic_async.sandbox import (
    Drop,
    FaultRule,
    Garbage,
    GzipBomb,
    Half,
    Latency,
    Pace,
    ProxyPage,
    Sandbox,
    ServerError,
    Switches,
    Temporary,
    Throttle,
)
from sms_traffic_async.sandbox.network import Blackhole, Cut, Direction, Drip, Refuse, Reset, Unreachable
from sms_traffic_async.sandbox.network.faults import How
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import HttpOptions, Timeouts
from tests.faults.history import History, Verdicts
from tests.support.virtual_loop import VirtualClock, run_virtual

__all__ = ("PLATFORM_FAULTS", "VARIANTS", "fault_run")

VARIANTS: Mapping[str, Switches] = {
    f"U1 {'shared' if shared else 'per node'}, U2 {'consumed' if consumed else 'not consumed'}": Switches(
        restrictive_shared=shared,
        restrictive_consumed_by_failure=consumed,
        statuses_cross_node=shared,
    )
    for shared in (True, False)
    for consumed in (True, False)
}
"""All combinations of what the document leaves open about restrictiveId."""

# About one request in eight, on top of what the network does.
PLATFORM_FAULTS: tuple[tuple[float, Any], ...] = (
    (0.010, Throttle(retry_after=0.5)),
    (0.005, Throttle(retry_after=1.0, form="http-date")),
    (0.003, Throttle(retry_after=1.0, form="garbage")),
    (0.015, ServerError(status=503, when="before")),
    (0.010, ServerError(status=502, when="after")),
    (0.005, ServerError(status=504, when="after")),
    (0.005, ServerError(status=500, when="before")),
    (0.010, Temporary(when="before")),
    (0.010, Drop(when="before")),
    (0.015, Drop(when="after")),
    (0.010, Drop(when="after", how="rst")),
    (0.010, Half()),
    (0.005, Garbage()),
    (0.003, ProxyPage(status=200, when="before")),
    (0.003, ProxyPage(status=200, when="after")),
    (0.000_2, GzipBomb(size=20_000_000)),
    (0.010, Latency(seconds=0.2, jitter=20.0)),
)


def messages(count: int, first: int) -> Iterator[Message]:
    for number in range(first, first + count):
        yield Message(to=f"79{number:09d}", text=f"Код {number}")


async def disturb(sandbox: Sandbox, seed: int, outage: float) -> None:
    """Network faults on single connections all the time, and outages of one node at a time."""
    chance = random.Random(f"network {seed}")
    for proxy in sandbox.proxies:
        directions: tuple[Direction, ...] = ("up", "down")
        hows: tuple[How, ...] = ("fin", "rst")
        for direction in directions:
            for how in hows:
                proxy.rules.add(
                    Cut(after=chance.randrange(1, 4000), direction=direction, how=how),
                    probability=0.15,
                )
        proxy.rules.add(Reset(), probability=0.02)
        proxy.rules.add(Drip(bytes_per_second=20.0), probability=0.01)
    while True:
        await asyncio.sleep(outage * (0.5 + chance.random()))
        proxy = chance.choice(sandbox.proxies)
        fault = chance.choice((Refuse(), Unreachable(), Blackhole()))
        rule = proxy.rules.add(fault, live=isinstance(fault, Blackhole))
        await asyncio.sleep(1 + 14 * chance.random())
        proxy.rules.remove(rule)
        if isinstance(fault, Blackhole):
            await proxy.drop_all()


async def fault_run(
    variant: Switches,
    *,
    count: int,
    first: int,
    seed: int,
    in_flight: int = 16,
    outage: float = 60.0,
    batch: int | None = None,
) -> tuple[Verdicts, Mapping[str, int]]:
    """Send ``count`` messages under faults; the verdicts, and how many faults there were.

    ``batch`` lets concurrent messages share requests, so many in each at most.
    """
    switches = replace(variant, antispam=False, statuses_cross_node_delay=0.5)
    clock = VirtualClock(seed=seed)
    async with Sandbox(
        switches=switches,
        pace=Pace(send=0, buffer=0, final=0),
        proxied=True,
        seed=seed,
        start=datetime.fromtimestamp(clock.wall(), UTC),  # both ends' clocks agree, as far as clocks do
        keep=100,
    ) as sandbox:
        sandbox.outcomes.clear()  # numbers of a run end in anything
        for share, effect in PLATFORM_FAULTS:
            sandbox.faults.add(FaultRule(effect=effect, probability=share), seed=seed)
        network = asyncio.create_task(disturb(sandbox, seed, outage))
        options = sandbox.client_options()
        history, unknown = History(), {}
        async with SmsTraffic(
            **options,
            clock=clock,
            on_unknown="resend",
            timeouts=Timeouts(deadline=900.0),
            http=HttpOptions(in_flight=in_flight, batching=batch is not None, batch=batch or 1),
        ) as sms:
            async with sms.send_many(messages(count, first), concurrency=500) as results:
                async for result in results:
                    history.add(result)
                    if isinstance(result.error, OutcomeUnknown):
                        unknown[result.message.to] = result.error
            network.cancel()
            await asyncio.wait([network])
            for proxy in sandbox.proxies:
                proxy.rules.clear()
            faults = {
                "platform": sandbox.faults.injected,
                "network": sum(connection.ended not in {None, "closed"} for proxy in sandbox.proxies
                               for connection in proxy.connections),
            }  # fmt: skip
            sandbox.faults.clear()
            absent = await settle(sms, history, unknown)
        return history.reckon(sandbox.accepted, sent=count, absent=absent), faults


async def settle(sms: SmsTraffic, history: History, unknown: Mapping[str, OutcomeUnknown]) -> set[str]:
    """H6: with the network healthy again, every unknown is found, or found to be absent."""
    absent: set[str] = set()
    for number, error in unknown.items():
        try:
            found = await sms.resolve(error, timeout=300)
        except OutcomeUnknown:
            absent.add(number)
        else:
            history.resolved(number, found.message_ids)
    return absent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batching", type=int, metavar="N", help="let concurrent messages share requests, N at most")
    arguments = parser.parse_args()
    each = arguments.messages // len(VARIANTS)
    total, injected, rows = Verdicts(), 0, []
    for place, (name, variant) in enumerate(VARIANTS.items()):
        started = time.perf_counter()

        async def run(place: int = place, variant: Switches = variant) -> tuple[Verdicts, Mapping[str, int]]:
            return await fault_run(
                variant, count=each, first=place * each, seed=arguments.seed + place, batch=arguments.batching
            )

        verdicts, faults = run_virtual(run)
        injected += sum(faults.values())
        for key in verdicts.row():
            setattr(total, key, getattr(total, key) + getattr(verdicts, key))
        total.missing += verdicts.missing
        total.wrong_answers += verdicts.wrong_answers
        total.evicted |= verdicts.evicted
        rows.append({"variant": name, **verdicts.row(), "errors": dict(verdicts.errors), "faults": faults})
        print(json.dumps(rows[-1] | {"seconds": round(time.perf_counter() - started, 1)}), flush=True)
    print(json.dumps({"total": dict(total.row()), "faults": injected, "seed": arguments.seed}))
    bad = total.lost or total.false_refusals or total.missing or total.wrong_answers or total.evicted
    bad = bad or total.duplicates - total.races or total.races * 20_000 > arguments.messages
    bad = bad or total.unknown > 0.002 * arguments.messages or total.unsettled
    print("FAILED" if bad else "passed")
    return int(bool(bad))


if __name__ == "__main__":
    raise SystemExit(main())
