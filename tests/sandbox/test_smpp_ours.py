"""Our own client against the sandbox's SMSC: what it says it sent is what was accepted, also when links die."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from sms_traffic_async import Message, OutcomeUnknown, SmsTraffic
from sms_traffic_async.sandbox import Drop, EarlyReceipt, FaultRule, Sandbox, Unbind
from tests.support.virtual_loop import virtual

pytestmark = virtual  # the client waits longer after each early loss of a link

TEXT = "Заказ собран и ждёт вас. " * 5


def unlimited(sandbox: Sandbox) -> None:
    sandbox.switches = replace(sandbox.switches, smpp_rate=None, antispam=False)
    sandbox.outcomes.clear()


async def test_long_texts_over_tls(sandbox: Sandbox) -> None:
    unlimited(sandbox)
    options = {**sandbox.client_options(), "smpp": sandbox.smpp_options(rate=None, window=50)}
    numbers = [f"7916{number:07d}" for number in range(300)]
    async with SmsTraffic(**options) as sms:
        sent = await asyncio.gather(*(sms.smpp.submit(Message(to=number, text=TEXT)) for number in numbers))
        assert {link.tls for link in sandbox.smpp.bound} == {True}
    assert {message.to: message.ids for message in sandbox.messages} == {one.to: one.message_ids for one in sent}
    assert {message.text for message in sandbox.messages} == {TEXT}
    assert not sandbox.findings
    assert sandbox.smpp.bound == ()


async def test_links_that_die(sandbox: Sandbox) -> None:
    """Nothing that was reported as sent is missing, nothing is there twice, and an unknown is told."""
    unlimited(sandbox)
    for effect, every in ((Drop(when="before", how="rst"), 97), (Drop(when="after"), 151), (Unbind(), 211)):
        sandbox.faults.add(FaultRule(effect=effect, protocol="smpp", operation="submit", every=every))
    sandbox.faults.add(FaultRule(effect=EarlyReceipt(), operation="submit", every=10))
    options = {**sandbox.client_options(), "smpp": sandbox.smpp_options(tls=False, rate=None, window=10)}
    outcomes: dict[str, bool] = {}
    async with SmsTraffic(**options) as sms:

        async def send(numbers: list[str]) -> None:
            for number in numbers:
                try:
                    await sms.smpp.submit(Message(to=number, text="hello"))
                    outcomes[number] = True
                except OutcomeUnknown:
                    outcomes[number] = False

        numbers = [f"7916{number:07d}" for number in range(800)]
        await asyncio.gather(*(send(numbers[start::20]) for start in range(20)))
    accepted = Counter(entry.to for entry in sandbox.accepted)
    assert [number for number, sent in outcomes.items() if sent and not accepted[number]] == []
    assert [number for number, count in accepted.items() if count > 1] == []
    assert len(outcomes) == 800
    kills = sum(isinstance(record.effect, Drop) for record in sandbox.faults.log)
    assert kills >= 8
    assert list(outcomes.values()).count(False) <= 10 * kills
