"""A session that was closed owns no task any more, however its close went."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from sms_traffic_async import OutcomeUnknown, SmppOptions, SmsTraffic, SmsTrafficError, Submission
from tests.protocols.smpp.kit import PASSWORD, until
from tests.support.smpp_peer import Smsc
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_link_that_hears_no_answers_outlives_no_close(is_cancelled: bool) -> None:
    async with Smsc(answer=lambda _: None) as smsc:
        options = SmppOptions(servers=[smsc.url], rate=None)
        sms = SmsTraffic(login="user", password=PASSWORD, originator="Brand", smpp=options, clock=VirtualClock())
        before = asyncio.all_tasks()
        sending = asyncio.create_task(sms.send("79161112233", "text"))
        await until(lambda: len(smsc.submits) == 1)
        closing = asyncio.timeout(0.1 if is_cancelled else None)
        with contextlib.suppress(TimeoutError):
            async with closing:
                await sms.aclose(grace=1)
        ours = {task.get_name() for task in asyncio.all_tasks() - before if task.get_name().startswith("sms-traffic")}
        assert isinstance(await failure(sending), OutcomeUnknown)
    assert not ours
    assert closing.expired() == is_cancelled


async def failure(sending: asyncio.Task[Submission]) -> SmsTrafficError:
    with pytest.raises(SmsTrafficError) as caught:
        await sending
    return caught.value
