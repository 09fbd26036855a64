"""What every test gets: a clean environment, the virtual loop, and a look for leaked tasks."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.support.virtual_plugin",)

settings.register_profile("default", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "long", deadline=None, max_examples=2000, stateful_step_count=50, suppress_health_check=list(HealthCheck)
)
settings.load_profile(os.environ.get("SMS_TRAFFIC_HYPOTHESIS_PROFILE", "default"))


def pytest_collection_finish() -> None:
    """Thousands of tests and their modules stay for the whole run: the collector need not walk over them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SMS_TRAFFIC_")]:
        if name not in {"SMS_TRAFFIC_HYPOTHESIS_PROFILE", "SMS_TRAFFIC_TESTS_REQUIRE_PEERS"}:
            monkeypatch.delenv(name)


@pytest_asyncio.fixture
async def no_tasks_left() -> AsyncIterator[None]:
    """Fails a test that ends with more tasks than it began with."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks left: {sorted(task.get_name() for task in left)}"
