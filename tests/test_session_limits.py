"""What a 429 does to everybody who shares the session."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from sms_traffic_async import HttpOptions, NotSent, SmsTraffic
from sms_traffic_async.sandbox import FaultRule, Latency, Sandbox, Throttle
from sms_traffic_async.sandbox.network import Refuse
from sms_traffic_async.telemetry import RequestFinished
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


async def test_a_429_holds_back_those_who_wait_for_a_place_too() -> None:
    events: list[tuple[float, RequestFinished]] = []

    def note(event: Any) -> None:
        if isinstance(event, RequestFinished):
            events.append((asyncio.get_running_loop().time(), event))

    clock = VirtualClock()
    async with Sandbox(start=datetime.fromtimestamp(clock.wall(), UTC)) as sandbox:
        sandbox.outcomes.clear()
        sandbox.faults.add(FaultRule(effect=Throttle(retry_after=5), operation="send", nth=1))
        sandbox.faults.add(FaultRule(effect=Latency(seconds=0.1), operation="send"))
        async with SmsTraffic(
            **sandbox.client_options(), clock=clock, hooks=[note], http=HttpOptions(in_flight=4)
        ) as sms:
            await asyncio.gather(*(sms.send(f"7916{number:07d}", "hello") for number in range(100)))
    throttled_at = next(at for at, event in events if event.status == 429)
    during = [event for at, event in events if throttled_at < at < throttled_at + 5]
    assert len(during) <= 3  # those that were under way
    assert len(sandbox.accepted) == 100


async def test_hundreds_of_calls_go_over_at_once_when_a_node_dies() -> None:
    clock = VirtualClock()
    async with Sandbox(start=datetime.fromtimestamp(clock.wall(), UTC), proxied=True) as sandbox:
        sandbox.outcomes.clear()
        sandbox.proxies[0].rules.add(Refuse())
        async with SmsTraffic(**sandbox.client_options(), clock=clock, http=HttpOptions(in_flight=50)) as sms:
            sent = await asyncio.gather(*(sms.send(f"7916{number:07d}", "hello") for number in range(300)))
    assert {one.node for one in sent} == {f"127.0.0.1:{sandbox.proxies[1].port}"}
    assert len(sandbox.accepted) == 300


async def test_no_place_in_time_is_not_sent() -> None:
    clock = VirtualClock()
    async with Sandbox(start=datetime.fromtimestamp(clock.wall(), UTC)) as sandbox:
        sandbox.faults.add(FaultRule(effect=Latency(seconds=10), operation="send"))
        async with SmsTraffic(**sandbox.client_options(), clock=clock, http=HttpOptions(in_flight=1)) as sms:
            first = asyncio.create_task(sms.send("79161112233", "hello"))
            await asyncio.sleep(1)
            with pytest.raises(NotSent) as caught:
                await sms.send("79161112234", "hello", timeout=2)
            assert caught.value.reason == "overloaded"
            await first
        assert len(sandbox.accepted) == 1
