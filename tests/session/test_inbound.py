"""``sms.inbound()`` over SMPP, the webhook, the list of v1 and a report, and what each of them is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sms_traffic_async import InboundOptions
from sms_traffic_async.sandbox import FaultRule, Sandbox
from sms_traffic_async.sandbox.effects import Duplicate, Lose
from tests.session.kit import LONG, NUMBER, mounted, session
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual


def write(sandbox: Sandbox, *texts: str) -> None:
    for text in texts:
        sandbox.inbound(sender=NUMBER, recipient="3299", text=text)


async def test_over_smpp_long_ones_whole(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms, sms.inbound() as messages:
        write(sandbox, "Да", LONG, "STOP")
        found = [await anext(messages) for _ in range(3)]
        assert [(one.text, one.sender, one.recipient) for one in found] == [
            (text, NUMBER, "3299") for text in ("Да", LONG, "STOP")
        ]
        assert {one.source for one in found} == {"smpp"}


async def test_while_nobody_reads_smpp_keeps_it(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        await sms.send(NUMBER, "привет", via="smpp")  # bound from now on
        write(sandbox, "рано")
        await asyncio.sleep(1)
        assert sandbox.smpp.deliveries.counts["refused for now"] >= 1
        assert sandbox.smpp.deliveries.counts["inbounds delivered"] == 0
        with pytest.raises(RuntimeError):
            async with sms.inbound() as messages:
                assert (await anext(messages)).text == "рано"
                raise RuntimeError("the database is away")
        async with sms.inbound() as messages:
            assert (await anext(messages)).text == "рано"
            waiting = asyncio.create_task(messages.__anext__())  # which acknowledges it
            await asyncio.sleep(300)
            assert sandbox.smpp.deliveries.counts["inbounds delivered"] == 1
            assert not waiting.done()
            write(sandbox, "дальше")
            assert (await waiting).text == "дальше"


async def test_a_webhook_and_the_list_are_one_stream(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Lose(), operation="push", protocol="push", every=3))
    sandbox.faults.add(FaultRule(effect=Lose(), operation="inbound", every=3))
    sandbox.faults.add(FaultRule(effect=Duplicate(), operation="inbound", every=2))
    options: dict[str, Any] = {"inbound": InboundOptions(poll=30.0), "smpp": None}
    async with session(sandbox, **options) as sms, mounted(sms, sandbox, inbound=True), sms.inbound() as messages:
        texts = [f"Ответ {number}" for number in range(30)]
        write(sandbox, *texts)
        found = []
        for _ in texts:
            found.append(await anext(messages))
            found[-1].ack()
        assert sorted(one.text for one in found) == sorted(texts)
        assert {one.source for one in found} == {"push", "poll"}  # what was lost on the way was looked up
        assert len({one.message_id for one in found}) == 30
        await asyncio.sleep(200)
        assert messages.stats.waiting == 0
        assert messages.stats.repeated > 30


@pytest.mark.parametrize("days, source", [(1, "poll"), (5, "report")])
async def test_back_fill(days: int, source: str, sandbox: Sandbox) -> None:
    write(sandbox, "Да", "Нет")
    since = datetime.fromtimestamp(VirtualClock().wall(), UTC) - timedelta(days=days)
    async with session(sandbox, smpp=None) as sms, mounted(sms, sandbox, inbound=True):
        async with sms.inbound(since=since) as messages:
            found = [await anext(messages), await anext(messages)]
            assert [(one.text, one.source) for one in found] == [("Да", source), ("Нет", source)]
            write(sandbox, "потом")
            later = await anext(messages)
            assert (later.text, later.source) == ("потом", "push")
        async with sms.inbound(since=since) as messages:  # all of it is listed again, and was handled
            await asyncio.sleep(60)
            assert messages.stats.waiting == 0
            assert messages.stats.repeated >= 3


async def test_views_read_the_same_stream(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms, sms.with_options(originator=None).inbound() as messages:
        write(sandbox, "Да")
        assert (await anext(messages)).text == "Да"
