"""Metrics against the sandbox, and what is done where OpenTelemetry is not installed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async import HttpOptions, Message, NotSent, Rejected, SmppOptions
from sms_traffic_async.outbox import Outbox, State
from sms_traffic_async.sandbox import FaultRule, Latency, Sandbox
from tests.otel.kit import Collector, session
from tests.support.virtual_loop import VirtualClock, virtual

NUMBER = "79161112233"
SENT = "messaging.client.sent.messages"


@virtual
async def test_every_outcome_is_counted_by_protocol(sandbox: Sandbox, collector: Collector) -> None:
    async with session(sandbox, collector.hooks) as sms:
        for via, count in (("v2", 3), ("v1", 2), ("soap", 1), ("smpp", 4), ("smtp", 1)):
            for _ in range(count):
                await sms.send(NUMBER, "Код", via=via)  # type: ignore[arg-type] # names of protocols
        with pytest.raises(Rejected):
            await sms.send("79161119424", "Код")
        for via, count in (("v2", 3), ("v1", 2), ("soap", 1), ("smpp", 4), ("smtp", 1)):
            assert collector.total(SENT, via=via, outcome="accepted") == count
        assert collector.total(SENT, via="v2", outcome="rejected", code=424) == 1
        assert collector.total("messaging.client.operation.duration", via="smpp") == 4
        assert collector.total("sms_traffic.request.duration", operation="v2.send") == 4
        assert collector.total("sms_traffic.events", event="v2.send.accepted") == 3


@virtual
async def test_the_gauges_show_what_waits_and_forget_closed_sessions(sandbox: Sandbox, collector: Collector) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=5.0), operation="send"))
    async with session(sandbox, collector.hooks, http=HttpOptions(in_flight=1)) as sms:
        tasks = [asyncio.create_task(sms.send(NUMBER, "Код")) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting = collector.total("sms_traffic.waiting", part="v2")
        assert waiting == sms.stats.gauges()["v2.waiting"] == 19
        assert collector.total("sms_traffic.in_flight", part="v2") == 1
        assert sms.stats.read().gauges["v2.in_flight"] == 1
        await asyncio.gather(*tasks)
        assert collector.total("sms_traffic.waiting", part="v2") == 0
        assert dict(sms.stats.read().counters) == sms.stats.snapshot()
    assert not [point for point in collector.points("sms_traffic.waiting") if point.value]
    assert not collector.hooks._sessions


@virtual
async def test_what_an_outbox_sends_is_counted(tmp_path: Path, sandbox: Sandbox, collector: Collector) -> None:
    async with Outbox(tmp_path / "outbox.db", clock=VirtualClock()) as outbox:
        await outbox.enqueue_many([Message(to=NUMBER, text=f"Заказ {number}") for number in range(12)])
        async with session(sandbox, collector.hooks) as sms:
            await outbox.run(sms, until_empty=True)
            assert collector.total(SENT, via="v2", outcome="accepted") == 12


@virtual
async def test_what_found_no_room_is_counted_too(sandbox: Sandbox, collector: Collector) -> None:
    smpp = SmppOptions(servers="smpp://127.0.0.1:9", queue=1)
    async with session(sandbox, collector.hooks, smpp=smpp) as sms:
        sends = [sms.send(NUMBER, "Код", via="smpp", timeout=3) for _ in range(4)]
        ended = await asyncio.gather(*sends, return_exceptions=True)
    assert {type(one) for one in ended} == {NotSent}
    assert collector.total(SENT, via="smpp", outcome="not_sent") == 4
    assert collector.total("messaging.client.operation.duration", via="smpp", outcome="not_sent") == 4


@virtual
async def test_everything_that_lives_long_has_numbers(tmp_path: Path, sandbox: Sandbox) -> None:
    async with Outbox(tmp_path / "outbox.db", clock=VirtualClock()) as outbox, session(sandbox) as sms:
        await outbox.enqueue(Message(to=NUMBER, text="Заказ"))
        before = await outbox.stats()
        assert (dict(before.messages)[State.PENDING], before.workers, before.under_way) == (1, None, 0)
        await outbox.run(sms, until_empty=True)
        after = await outbox.stats()
        assert (dict(after.messages)[State.ACCEPTED], after.under_way, after.paused) == (1, 0, 0.0)
        async with sms.updates() as updates, sms.inbound() as inbound:
            await sms.send(NUMBER, "Код", via="smpp")
            values: list[Any] = [
                after,
                sms.stats.read(),
                sms.smpp.stats(),
                updates.stats,
                inbound.stats,
                sandbox.platform.stats,
                sandbox.pushes.stats,
            ]
        assert sandbox.platform.stats.accepted == 2
    for value in values:
        assert type(value).__dataclass_params__.frozen
        assert NUMBER not in repr(value)
