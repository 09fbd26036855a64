"""A validity that operators may not keep is warned of, whatever carries it, once (field notes, C, "v2 send")."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import pytest_asyncio

from sms_traffic_async import Message, SmsTraffic, SmtpOptions
from sms_traffic_async.clock import Clock
from sms_traffic_async.messages import Via
from sms_traffic_async.sandbox import Sandbox
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

TO = "79161112233"
CLOCK: Clock = VirtualClock()


@pytest_asyncio.fixture
async def sms() -> AsyncIterator[SmsTraffic]:
    async with Sandbox(start=datetime.fromtimestamp(CLOCK.wall(), UTC)) as sandbox:
        host, port = sandbox.smtp_address
        smtp = SmtpOptions(sender="shop@example.ru", host=host, port=port, tls="none", allow_passwords_without_tls=True)
        options: dict[str, Any] = sandbox.client_options() | {"clock": CLOCK, "smtp": smtp}
        async with SmsTraffic(**options) as session:
            yield session


@pytest.mark.parametrize("via", get_args(Via))
async def test_one_message(sms: SmsTraffic, caplog: pytest.LogCaptureFixture, via: Via) -> None:
    await sms.send(TO, "a", via=via, validity=600)
    assert "validity" not in caplog.text
    for text in ("b", "c"):
        await sms.send(TO, text, via=via, validity=599)
    assert caplog.text.count("a validity below 600 s may be ignored or refused by operators") == 1


@pytest.mark.parametrize("via", ["v2", "v1", "smpp"])
async def test_many(sms: SmsTraffic, caplog: pytest.LogCaptureFixture, via: Via) -> None:
    async with sms.send_many([Message(to=TO, text=str(n), validity=60) for n in range(9)], via=via) as results:
        assert [result.ok async for result in results] == [True] * 9
    assert caplog.text.count("a validity below 600 s") == 1


async def test_calls_of_a_protocols_own(sms: SmsTraffic, caplog: pytest.LogCaptureFixture) -> None:
    await sms.v1.send_group("hello world", "a", validity=60)
    await sms.soap.send_bulk([TO], "b", validity=60)
    await sms.smtp.send([TO], "c", validity=60)
    assert caplog.text.count("a validity below 600 s") == 3
