"""The examples for other people's queues, in this process, against the sandbox."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox

NUMBER = "79161112233"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    def use(sandbox: Sandbox) -> None:
        monkeypatch.setenv("SMS_TRAFFIC_API_KEY", sandbox.api_key)
        monkeypatch.setenv("SMS_TRAFFIC_NODES", ",".join(sandbox.urls))

    return use


@pytest.fixture
def load() -> Iterator[Any]:
    """An example, imported afresh; skipped where what it is about is not installed."""
    loaded: list[str] = []

    def importing(name: str, *needs: str) -> ModuleType:
        for need in needs:
            pytest.importorskip(need, reason=f"{need} is not installed")
        loaded.append(f"examples.{name}")
        sys.modules.pop(loaded[-1], None)
        return importlib.import_module(loaded[-1])

    yield importing
    for name in loaded:
        sys.modules.pop(name, None)


async def test_taskiq(load: Any, environment: Any) -> None:
    tasks = load("taskiq_tasks", "taskiq")
    async with Sandbox() as sandbox:
        environment(sandbox)
        await tasks.broker.startup()
        try:
            first = await (await tasks.send_sms.kiq(NUMBER, "Заказ собран", "order-1")).wait_result(timeout=10)
            again = await (await tasks.send_sms.kiq(NUMBER, "Заказ собран", "order-1")).wait_result(timeout=10)
        finally:
            await tasks.broker.shutdown()
        assert first.return_value["outcome"] == "sent"
        assert again.return_value == {"outcome": "sent before", "ids": first.return_value["ids"]}
        assert len(sandbox.accepted) == 1


async def test_faststream(load: Any, environment: Any) -> None:
    tasks = load("faststream_tasks", "faststream", "nats")
    from faststream.nats import TestNatsBroker

    async with Sandbox() as sandbox:
        environment(sandbox)
        async with TestNatsBroker(tasks.broker) as broker, tasks.lifespan(tasks.app.context):
            order = tasks.Order(id="order-1", phone=NUMBER, text="Заказ собран")
            for _ in range(2):
                await broker.publish(order, "sms.orders", stream="SMS")
            tasks.send.mock.assert_called()
        assert len(sandbox.accepted) == 1


async def test_celery(load: Any, environment: Any) -> None:
    tasks = load("celery_tasks", "celery")
    async with Sandbox() as sandbox:
        environment(sandbox)
        sandbox.faults.add(FaultRule(effect=Drop(when="after"), times=1))
        tasks.app.conf.update(task_always_eager=True)

        def call() -> list[Any]:
            try:
                return [tasks.send_sms.delay(NUMBER, "Заказ собран", "order-1").get() for _ in range(2)]
            finally:
                tasks.lines.close()

        first, again = await asyncio.to_thread(call)
        assert first["outcome"] == "sent"
        assert again["outcome"] == "sent before"
        assert again["ids"] == first["ids"]
        assert len(sandbox.accepted) == 1
