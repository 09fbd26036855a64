"""300 messages a second, come what may, while the platform takes 100 ms to answer: how long each waits.

In virtual time over real TCP, so that it measures the library's own waiting and
not the machine; ``benchmarks/fastapi_load.py`` measures all of it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.sandbox import FaultRule, Latency, Sandbox
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

RATE, SECONDS, PLATFORM = 300, 3, 0.1
CLOCK = VirtualClock()


async def test_nobody_waits_three_times_as_long_as_the_platform_takes() -> None:
    waits = [0.0] * (RATE * SECONDS)
    async with Sandbox(start=datetime.fromtimestamp(CLOCK.wall(), UTC)) as sandbox:
        sandbox.faults.add(FaultRule(effect=Latency(seconds=PLATFORM), operation="send"))
        async with SmsTraffic(**sandbox.client_options(), clock=CLOCK) as sms:

            async def one(number: int, appointed: float) -> None:
                await sms.send(f"7916{number:07d}", "Ваш код 1234", expires_in=120, timeout=10)
                waits[number] = CLOCK.monotonic() - appointed

            start = CLOCK.monotonic()
            async with asyncio.TaskGroup() as group:
                for number in range(len(waits)):
                    appointed = start + number / RATE
                    if (early := appointed - CLOCK.monotonic()) > 0:
                        await asyncio.sleep(early)
                    group.create_task(one(number, appointed))
        assert len(sandbox.accepted) == len(waits)
    settled = sorted(waits[RATE:])
    assert settled[0] >= PLATFORM
    assert settled[len(settled) * 99 // 100] < 3 * PLATFORM
