"""Plain functions: the application runs its own loop, the test only looks at the inbox."""

from __future__ import annotations

import asyncio

import pytest
from shop import notify

from sms_traffic_async import SmsTraffic
from sms_traffic_async.testing import MessageNotCaught, SandboxThread


def test_notify(sms_sandbox: SandboxThread) -> None:
    async def main() -> str:
        async with SmsTraffic(**sms_sandbox.client_options()) as sms:
            return await notify(sms, "79161112233", 42)

    assert asyncio.run(main()) == "Delivered"
    message = sms_sandbox.inbox.wait(to="79161112233", text="42")
    assert (message.parts, message.encoding) == (1, "ucs2")


def test_the_inbox_is_empty_again(sms_sandbox: SandboxThread) -> None:
    assert len(sms_sandbox.inbox) == 0
    with pytest.raises(MessageNotCaught, match="no message with text='hello'"):
        sms_sandbox.inbox.wait(text="hello", timeout=0.01)
