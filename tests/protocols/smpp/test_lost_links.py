"""Links that are lost again and again: how much of the time there is one, and how often one is asked for."""

from __future__ import annotations

import asyncio

import pytest

from sms_traffic_async.messages import Message
from tests.protocols.smpp.kit import MESSAGE, TO, client, outcome, until
from tests.support.smpp_peer import Smsc
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

STRETCH = 300.0


async def bound_share(smsc: Smsc, stood: float) -> float:
    """The share of time with a link, if each is cut after so long."""
    loop = asyncio.get_running_loop()
    began, had = loop.time(), 0.0
    while loop.time() < began + STRETCH:
        await until(lambda: smsc.bound)
        since = loop.time()
        await asyncio.sleep(stood)
        had += loop.time() - since
        smsc.bound[0].cut()
        await until(lambda: not smsc.bound)
    return had / (loop.time() - began)


@pytest.mark.parametrize("stood,least", [(11.0, 0.95), (5.0, 0.9), (3.0, 0.85)])
async def test_a_link_that_lives_for_seconds_is_soon_back(stood: float, least: float) -> None:
    """One server, default options: its links die every few seconds, and the account is still served."""
    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        assert await bound_share(smsc, stood) >= least


async def test_a_server_that_hangs_up_at_once_is_not_stormed() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        await bound_share(smsc, 0.05)
        assert len(smsc.peers) < STRETCH / 5  # every 15 seconds at last, on the average


async def test_messages_go_by_a_second_server_whatever_happens_to_the_links_of_both() -> None:
    async with Smsc() as first, Smsc() as second, client([first, second], rate=20) as one:

        async def cutting() -> None:
            while True:
                await asyncio.sleep(3.0)
                for smsc in (first, second):
                    for peer in tuple(smsc.bound):
                        peer.cut()

        cutter = asyncio.create_task(cutting())
        loop = asyncio.get_running_loop()
        slowest = 0.0
        for number in range(300):
            began = loop.time()
            await outcome(one.smpp.submit(Message(to=TO, text=f"Код {number}")))
            slowest = max(slowest, loop.time() - began)
            await asyncio.sleep(0.5)
        cutter.cancel()
        await asyncio.wait([cutter])
        assert one.smpp.stats().reconnects > 40
        assert slowest < 2.0
