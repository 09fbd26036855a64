"""What a 429 does to everybody who shares the session."""

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from sms_traffic_async import ConfigurationError, HttpOptions, NotSent, SmsTraffic
from sms_traffic_async.messages import Via
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


@pytest.mark.parametrize("via", ["v2", "v1", "soap"])
async def test_every_message_that_found_no_turn_gets_an_error_of_its_own(via: Via) -> None:
    clock = VirtualClock()
    async with Sandbox(start=datetime.fromtimestamp(clock.wall(), UTC)) as sandbox:
        sandbox.outcomes.clear()
        async with SmsTraffic(**sandbox.client_options(), clock=clock, http=HttpOptions(rate=0.05)) as sms:
            await sms.send("79161112233", "hello", via=via)
            calls = (sms.send(f"7916111224{number}", "hello", via=via, timeout=2) for number in range(4))
            errors = await asyncio.gather(*calls, return_exceptions=True)
    found = [error for error in errors if isinstance(error, NotSent) and error.reason == "overloaded"]
    assert len({id(error) for error in found}) == len({error.message_key for error in found}) == 4
    assert all(error.message_key and str(error).startswith(f"{via}.send: no free place in time.") for error in found)


@pytest.mark.parametrize(
    "began, then, seconds", [(1.0, 20.0, 6.2), (20.0, 4.0, 24.0), (None, 10.0, 5.5), (5.0, None, 1.5)]
)
async def test_a_rate_is_changed_while_calls_wait(began: float | None, then: float | None, seconds: float) -> None:
    clock = VirtualClock()
    async with Sandbox(start=datetime.fromtimestamp(clock.wall(), UTC)) as sandbox:
        sandbox.outcomes.clear()
        options = HttpOptions(rate=began, batching=False, in_flight=1)
        sandbox.faults.add(FaultRule(effect=Latency(seconds=0.01), operation="send"))
        async with SmsTraffic(**sandbox.client_options(), clock=clock, http=options) as sms:
            sends = [asyncio.create_task(sms.send(f"7916{number:07d}", "hello")) for number in range(105)]
            await asyncio.sleep(0.5)
            sms.set_rate(http=then)
            at = clock.monotonic()
            await asyncio.gather(*sends)
            took = clock.monotonic() - at
    assert took <= seconds * 1.05
    if then is not None:
        assert took >= seconds * 0.85


async def test_a_rate_that_is_none_of_one_changes_nothing() -> None:
    async with Sandbox() as sandbox, SmsTraffic(**sandbox.client_options(), http=HttpOptions(rate=5)) as sms:
        for bad in (0, -1, float("nan"), float("inf"), "5"):
            with pytest.raises(ConfigurationError):
                sms.set_rate(http=bad)  # type: ignore[arg-type]
        await sms.send("79161112233", "hello")


async def test_smpp_has_a_rate_of_its_own() -> None:
    clock = VirtualClock()
    async with Sandbox(start=datetime.fromtimestamp(clock.wall(), UTC)) as sandbox:
        options = sandbox.client_options()
        options["smpp"] = dataclasses.replace(options["smpp"], rate=1.0)
        async with SmsTraffic(**options, clock=clock) as sms:
            sends = [asyncio.create_task(sms.send(f"7916{n:07d}", "hello", via="smpp")) for n in range(20)]
            await asyncio.sleep(1)
            sms.set_rate(smpp=15.0)
            at = clock.monotonic()
            await asyncio.gather(*sends)
            assert 1.0 <= clock.monotonic() - at <= 2.0
    async with Sandbox() as sandbox, SmsTraffic(api_key=sandbox.api_key, nodes=sandbox.urls) as sms:
        with pytest.raises(ConfigurationError, match="SmppOptions"):
            sms.set_rate(smpp=5)
