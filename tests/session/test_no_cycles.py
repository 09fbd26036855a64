"""What a send leaves behind dies with its last reference: the collector has nothing to do."""

from __future__ import annotations

import asyncio
import gc

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.messages import Via
from sms_traffic_async.sandbox import Sandbox

TIMES = 20


@pytest.mark.parametrize("via", ["v2", "v1", "soap"])
async def test_a_send_is_no_work_for_the_collector(via: Via) -> None:
    async with Sandbox() as sandbox, SmsTraffic(**sandbox.client_options()) as sms:
        await sms.send("79161112233", "first", via=via)
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for number in range(TIMES):
                await sms.send("79161112233", f"alone {number}", via=via)
            await asyncio.gather(*(sms.send("79161112233", f"one of many {n}", via=via) for n in range(TIMES)))
            gc.collect()
            left = [type(one) for one in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    ours = [kind.__qualname__ for kind in left if kind.__module__.startswith("sms_traffic_async")]
    assert sorted({kind for kind in ours if ours.count(kind) >= TIMES}) == []
