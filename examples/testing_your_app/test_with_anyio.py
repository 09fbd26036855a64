"""The same under anyio's pytest plugin."""

from __future__ import annotations

import pytest
from shop import Login

from sms_traffic_async import SmsTraffic
from sms_traffic_async.testing import Inbox

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_login(sms_client: SmsTraffic, sms_inbox: Inbox) -> None:
    login = Login(sms_client)
    assert await login.start("79031112233", "1")
    first = await sms_inbox.wait_for(to="79031112233")
    assert await login.start("79031112233", "2")
    second = await sms_inbox.wait_for(to="79031112233", after=first)
    assert login.finish("79031112233", second.code)
