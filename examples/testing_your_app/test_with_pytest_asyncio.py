"""The tests of `shop` under pytest-asyncio: ``sms_client`` and ``sms_inbox`` come with the library."""

from __future__ import annotations

import pytest
from shop import Login, notify

from sms_traffic_async import SmsTraffic
from sms_traffic_async.sandbox import Drop, FaultRule
from sms_traffic_async.testing import Inbox, SandboxFaults, SandboxThread

pytestmark = pytest.mark.asyncio


async def test_login(sms_client: SmsTraffic, sms_inbox: Inbox) -> None:
    login = Login(sms_client)
    assert await login.start("79161112233", "1")
    message = await sms_inbox.wait_for(to="+7 916 111-22-33", text="код")
    assert login.finish("79161112233", message.code)
    assert not login.finish("79161112233", message.code)


async def test_a_lost_answer_is_still_one_sms(
    sms_client: SmsTraffic, sms_inbox: Inbox, sms_faults: SandboxFaults
) -> None:
    sms_faults.add(FaultRule(effect=Drop(when="after"), operation="send", nth=1))
    assert await Login(sms_client).start("79161112233", "2")
    assert len(sms_inbox) == 1
    assert len(sms_faults.log) == 1


async def test_what_became_of_it(sms_client: SmsTraffic) -> None:
    assert await notify(sms_client, "79161112233", 7) == "Delivered"
    assert await notify(sms_client, "79161119020", 8) == "Expired"  # the number's last digits choose


async def test_a_scheduled_message(sms_client: SmsTraffic, sms_sandbox: SandboxThread) -> None:
    sent = await sms_client.send("79161119030", "медленно")  # a minute on the sandbox's clock
    sms_sandbox.advance("2m")
    assert (await sms_client.wait_for(sent, timeout=5)).status == "Delivered"
