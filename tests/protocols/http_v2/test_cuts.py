"""F1: the connection is cut after every byte of a request, and after every byte of an answer."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from sms_traffic_async.messages import Submission
from sms_traffic_async.sandbox.network import Cut, FaultProxy
from tests.protocols.http_v2.script import Platform, client, platform
from tests.support.cuts import cut_points
from tests.support.virtual_loop import virtual

pytestmark = virtual

TO = ["79161112233", "79161112234", "79161112235"]
DEADLINE = 30.0
How = Literal["fin", "rst"]
Direction = Literal["up", "down"]


async def size_of(one: Platform, proxy: FaultProxy, count: int, direction: Direction) -> int:
    """Bytes of one request, or of its answer."""
    async with client(one, nodes=urls(one, proxy)) as sms:
        await sms.v2.send(TO[:count], "Ваш код 1234")
        connection = proxy.connections[-1]
        size = connection.up if direction == "up" else connection.down
    one.accepted.clear()
    one.got.clear()
    return size


def urls(one: Platform, proxy: FaultProxy) -> list[str]:
    return [f"http://127.0.0.1:{proxy.port}", one.urls[1]]


async def cut_everywhere(direction: Direction, how: How, count: int, *, shared: bool) -> int:
    """The size of what was cut."""
    async with platform() as one:
        one.ids_shared = one.statuses_shared = shared
        target = int(one.urls[0].rpartition(":")[2])
        async with await FaultProxy.start("127.0.0.1", target) as proxy:
            size = await size_of(one, proxy, count, direction)
            for after in cut_points(size + 1):
                rule = proxy.rules.add(Cut(after=after, direction=direction, how=how), nth=1)
                began = one.clock.monotonic()
                async with client(one, nodes=urls(one, proxy)) as sms:
                    reply = await sms.v2.send(TO[:count], "Ваш код 1234", timeout=DEADLINE)
                proxy.rules.remove(rule)
                check(one, reply, count, f"{direction} {how} after {after} of {size}")
                assert one.clock.monotonic() - began <= DEADLINE + 1.0
                one.accepted.clear()
                one.got.clear()
    return size


def check(one: Platform, reply: Any, count: int, where: str) -> None:
    assert len(one.accepted) == count, f"{where}: {len(one.accepted)} messages were sent for {count}"
    assert all(isinstance(outcome, Submission) for outcome in reply.outcomes), f"{where}: {reply.outcomes}"
    assert [sent.message_id for sent in reply.accepted] == [taken.message_id for taken in one.accepted], where
    assert {send.node for send in one.sends} == {1}, f"{where}: a send that may have been taken went elsewhere"


@pytest.mark.slow
@pytest.mark.parametrize("how, shared", [("fin", True), ("rst", False)])
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_a_message_is_sent_once_wherever_the_line_breaks(direction: Direction, how: How, shared: bool) -> None:
    assert await cut_everywhere(direction, how, 1, shared=shared) > 150


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_so_is_a_batch(direction: Direction) -> None:
    assert await cut_everywhere(direction, "rst", 3, shared=False) > 300
