"""What every test gets: a clean environment, the virtual loop, and a look for leaked tasks."""

import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.support.virtual_plugin",)

THREADS = set(threading.enumerate())
"""A debugger's, say."""

settings.register_profile("default", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "long", deadline=None, max_examples=2000, stateful_step_count=50, suppress_health_check=list(HealthCheck)
)
settings.load_profile(os.environ.get("SMS_TRAFFIC_HYPOTHESIS_PROFILE", "default"))


def pytest_collectstart() -> None:
    """Thousands of tests and their modules stay for the whole run: the collector need not walk over them at all."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Nor later."""
    gc.collect()
    gc.freeze()
    gc.enable()
    started = [thread.name for thread in threading.enumerate() if thread not in THREADS]
    if started:
        raise pytest.UsageError(f"importing the tests started threads that stay: {', '.join(started)}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """For ``-n auto``, one more than there are processors: a third of a run waits for processes, sockets and disks."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """No thread outlives the module that started it.

    A virtual loop looks at every other thread before each jump of its clock, which makes it ten times slower: one
    forgotten thread costs the run minutes.
    """
    yield
    if nextitem is None or nextitem.path != item.path:
        for thread in set(threading.enumerate()) - THREADS:
            if thread.name.startswith("pytest_timeout"):  # where there are no signals
                continue
            thread.join(5)
            assert not thread.is_alive(), f"{thread.name} outlives {item.path.name}"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SMS_TRAFFIC_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def asks_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests in real time: who waits for a status asks after 50 ms, where nobody reports it; not after a second."""
    monkeypatch.setattr("sms_traffic_async.delivery.intake.FIRST_PAUSE", 0.05)


@pytest_asyncio.fixture
async def no_tasks_left() -> AsyncIterator[None]:
    """Fails a test that ends with more tasks than it began with."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks left: {sorted(task.get_name() for task in left)}"
