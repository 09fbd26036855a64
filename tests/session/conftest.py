"""What the session's tests share."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest_asyncio

from sms_traffic_async.sandbox import Sandbox
from tests.support.virtual_loop import VirtualClock


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=datetime.fromtimestamp(VirtualClock().wall(), UTC)) as opened:
        yield opened
