"""Without a configured rate: what one refusal means, and what several do. Over TCP, in virtual time."""

from __future__ import annotations

import asyncio
import math

import pytest

from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from tests.protocols.smpp.kit import TO, Client, client
from tests.support.smpp_peer import Reply, Smsc, Submitted
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

THROTTLED = Reply(int(CommandStatus.ESME_RTHROTTLED))


async def send(one: Client, count: int, rate: float) -> float:
    """So many messages, at a rate; the seconds that the slowest of them took."""
    loop = asyncio.get_running_loop()
    slowest = 0.0

    async def submit(number: int) -> None:
        nonlocal slowest
        began = loop.time()
        await one.smpp.submit(Message(to=TO, text=f"Код {number}"))
        slowest = max(slowest, loop.time() - began)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(submit(number))
            await asyncio.sleep(1.0 / rate)
    return slowest


async def test_one_refusal_in_hundreds_stops_everything_for_a_moment_only() -> None:
    async with Smsc(answer=lambda submitted: None) as smsc, client(smsc, rate=None) as one:
        seen = 0

        def every_400th(submitted: Submitted) -> Reply:
            nonlocal seen
            seen += 1
            return THROTTLED if seen % 400 == 0 else Reply()

        smsc.answer = every_400th
        slowest = await send(one, 2_000, 200.0)
        stats = one.smpp.stats()
    assert stats.accepted == 2_000
    assert stats.throttled == stats.rate.throttles == 5
    assert stats.rate.cuts == 0
    assert stats.rate.allowed == math.inf
    assert slowest < 0.3


async def test_a_limit_that_is_reached_is_learned() -> None:
    """The platform takes 50 a second, and is offered 100."""
    loop = asyncio.get_running_loop()
    took: list[float] = []

    def limit(submitted: Submitted) -> Reply:
        if len(took) >= 50 and took[-50] > loop.time() - 1.0:
            return THROTTLED
        took.append(loop.time())
        return Reply()

    async with Smsc(answer=limit) as smsc, client(smsc, rate=None) as one:
        await send(one, 2_000, 100.0)
        stats = one.smpp.stats()
    assert stats.accepted == 2_000
    assert stats.rate.cuts >= 1
    assert stats.throttled <= 0.05 * 2_000
    begun, over = took[0] + 10.0, took[-1]  # ten seconds to learn it in
    assert sum(at >= begun for at in took) >= 0.9 * 50 * (over - begun)
