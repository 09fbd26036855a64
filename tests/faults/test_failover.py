"""F9: the preferred node falls silent with five hundred requests in flight. Real TCP on the virtual loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from sms_traffic_async import HttpOptions, SmsTraffic, Submission
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.network import Blackhole
from tests.support.virtual_loop import VirtualClock, virtual

IN_FLIGHT = 500
SUSPECT_AFTER = 2.0
CONNECT = 3.0
HEALED_AT = 12.0


@virtual
async def test_new_messages_go_to_the_other_node_and_nothing_is_sent_twice() -> None:
    loop = asyncio.get_running_loop()
    async with Sandbox(proxied=True) as sandbox:
        sandbox.outcomes.clear()
        sandbox.switches = replace(sandbox.switches, antispam=False)
        options = sandbox.client_options() | {"clock": VirtualClock()}
        http = HttpOptions(in_flight=2 * IN_FLIGHT, batching=False)
        async with SmsTraffic(**options, http=http) as sms:
            first = await sms.send("79160000000", "before")
            hole = sandbox.proxies[0].rules.add(Blackhole(), live=True)
            began = loop.time()
            caught = [
                asyncio.create_task(sms.send(f"7916{number:07d}", "in flight", timeout=120))
                for number in range(1, IN_FLIGHT + 1)
            ]
            later: list[tuple[float, Submission]] = []
            number = IN_FLIGHT
            while not later and loop.time() - began < 30:
                await asyncio.sleep(0.1)
                number += 1
                later += await new_message(sms, number, began)
            at, moved = later[0]
            assert moved.node != first.node
            assert at < SUSPECT_AFTER + CONNECT + 1
            await asyncio.sleep(max(HEALED_AT - (loop.time() - began), 0))
            sandbox.proxies[0].rules.remove(hole)
            await sandbox.proxies[0].drop_all()
            results = await asyncio.gather(*caught)
            # What was in flight stays with its node, whatever the others do (rule N2).
            assert Counter(result.node for result in results) == {first.node: IN_FLIGHT}
            assert not sandbox.accepted.duplicates()
            assert len(sandbox.accepted.matching(text="in flight")) == IN_FLIGHT
            await asyncio.sleep(60)
            for extra in range(3):
                back = await sms.send(f"7917000000{extra}", "after")
            assert back.node == first.node


async def new_message(sms: SmsTraffic, number: int, began: float) -> list[tuple[float, Submission]]:
    """One more message that does not wait long; when it was taken, and where."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(sms.send(f"7916{number:07d}", "later", timeout=120))
    done, _ = await asyncio.wait({task}, timeout=0.5)
    if done:
        return [(loop.time() - began, task.result())]
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    return []
