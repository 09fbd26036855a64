"""A million messages through ``send_many`` from a generator: what memory does, and how fast it goes.

The platform is a plain responder in a process of its own. Memory is the resident
set of this process, read all the time: its growth since the first 20,000
messages, when every buffer and cache has its size, is what a message costs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import Asked, Options, finish, machine, parse_args
from benchmarks._responder import counts, responder
from sms_traffic_async import Message, SmsTraffic
from sms_traffic_async.choice import bulk_concurrency

MESSAGES = 1_000_000
QUICK = 100_000
SETTLED = 20_000
LOOK_EVERY = 500
MOST_MB = 50.0


def resident_mb() -> float:
    """The resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def messages(count: int) -> Iterator[Message]:
    """To as many numbers, each with a text of its own."""
    for number in range(count):
        yield Message(to=f"7916{number:07d}", text=f"Заказ {number} собран и ждёт вас в пункте выдачи")


async def run(url: str, count: int, options: Options) -> tuple[float, float, float]:
    """Megabytes when settled, the most afterwards, and seconds."""
    settled = most = 0.0
    seen = accepted = 0
    async with SmsTraffic(api_key="public/secret", nodes=[url]) as sms:
        started = time.monotonic()
        concurrency = bulk_concurrency(sms.settings, "v2")
        async with sms.send_many(messages(count), concurrency=concurrency) as results:
            async for result in results:
                seen += 1
                accepted += result.ok
                if seen == SETTLED:
                    settled = most = resident_mb()
                elif seen % LOOK_EVERY == 0 and seen > SETTLED:
                    most = max(most, resident_mb())
                if seen % 100_000 == 0:
                    options.say(f"| {seen:,} | {resident_mb():.1f} |")
        seconds = time.monotonic() - started
    assert accepted == seen == results.summary.accepted == count
    return settled, most, seconds


def main() -> None:
    options = parse_args(__doc__ or "")
    count = QUICK if options.quick else MESSAGES
    options.say(f"{machine()}\n\n| results read | resident, MB |\n|--:|--:|")
    with responder() as url:
        settled, most, seconds = asyncio.run(run(url, count, options))
        taken = counts(url)
    assert taken.messages == count
    options.say(
        f"\n{count:,} messages in {seconds:.0f} s ({count / seconds:,.0f}/s), {count / taken.requests:.0f} a request; "
        f"memory grew by {most - settled:.1f} MB since the first {SETTLED:,} (at most {MOST_MB:g} are promised)"
    )
    finish(
        "bulk_memory",
        {"promised_growth_over_growth": MOST_MB / max(most - settled, 0.1)},
        {"messages": count, "growth_mb": round(most - settled, 1), "per_second": round(count / seconds)},
        asked=[Asked(figure="memory growth, MB", measured=most - settled, at_most=MOST_MB)],
    )


if __name__ == "__main__":
    main()
