"""A sandbox whose clock stands still until a test moves it, and a foreign client for it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone

import pytest_asyncio

from sms_traffic_async.sandbox import Sandbox
from tests.sandbox.foreign import Foreign

START = datetime(2025, 12, 18, 12, 0, tzinfo=timezone(timedelta(hours=3)))


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False) as opened:
        yield opened


@pytest_asyncio.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Foreign]:
    async with Foreign(sandbox) as foreign:
        yield foreign
