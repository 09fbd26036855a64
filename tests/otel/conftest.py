"""A platform and a collector for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from sms_traffic_async.sandbox import Sandbox
from tests.otel.kit import Collector
from tests.support.virtual_loop import VirtualClock


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(start=datetime.fromtimestamp(VirtualClock().wall(), UTC)) as opened:
        yield opened


@pytest.fixture
def collector() -> Collector:
    return Collector()
