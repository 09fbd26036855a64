"""Spans: names, parents, links and attributes, by every protocol against the sandbox."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace

from sms_traffic_async import InvalidMessage, Message, NotSent, Rejected
from sms_traffic_async.messages import Via
from sms_traffic_async.otel import OtelHooks
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings
from tests.otel.kit import Collector, id_of, parent_of, session
from tests.support.virtual_loop import VirtualClock, virtual
from tests.webhooks.kit import SECRET
from tests.webhooks.test_servers import SERVERS

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

NUMBER = "79161112233"
CONVENTIONAL = {"messaging.system": "sms_traffic", "messaging.operation.type": "send"}
REQUESTS: dict[Via, str | None] = {
    "v2": "POST v2.send",
    "v1": "POST v1.send",
    "soap": "POST soap.SendMessage",
    "smpp": None,
    "smtp": None,
}


def attributes_of(span: Any) -> dict[str, Any]:
    return dict(span.attributes)


@pytest.mark.parametrize("via", REQUESTS)
async def test_a_message_is_a_span_inside_the_callers(via: Via, sandbox: Sandbox, collector: Collector) -> None:
    async with session(sandbox, collector.hooks) as sms:
        with collector.tracer.start_as_current_span("GET /order") as caller:
            sent = await sms.send(NUMBER, "Ваш код 1234", via=via)
    span = collector.span("send sms")
    assert parent_of(span) == id_of(caller)
    assert span.kind is trace.SpanKind.PRODUCER
    assert span.status.is_ok or span.status.is_unset
    found = attributes_of(span)
    assert CONVENTIONAL.items() <= found.items()
    assert (found["sms_traffic.via"], found["sms_traffic.outcome"]) == (via, "accepted")
    assert found["sms_traffic.parts"] == 1
    if sent.message_ids:
        assert found["messaging.message.id"] == sent.message_ids[0]
    request = REQUESTS[via]
    names = {one.name for one in collector.spans()} - {"send sms", "GET /order"}
    if request is not None:
        inner = next(one for one in collector.spans() if one.name.startswith("POST "))
        assert inner.kind is trace.SpanKind.CLIENT
        assert parent_of(inner) == id_of(span)
        assert attributes_of(inner)["server.address"] == "127.0.0.1"
        assert attributes_of(inner)["http.response.status_code"] == 200
        assert inner.start_time is not None
        assert span.start_time is not None
        assert inner.start_time >= span.start_time - 1_000_000_000
    else:
        assert not names


async def test_messages_that_share_a_request_are_linked_to_it(sandbox: Sandbox, collector: Collector) -> None:
    async with session(sandbox, collector.hooks) as sms:
        with collector.tracer.start_as_current_span("job") as caller:
            await asyncio.gather(*(sms.send(f"7916111{number:04}", "Код") for number in range(40)))
    sends = collector.spans("send sms")
    assert len(sends) == 40
    assert {parent_of(span) for span in sends} == {id_of(caller)}
    requests = [span for span in collector.spans() if span.name == "POST v2.send"]
    shared = [span for span in requests if span.links]
    assert shared
    linked = [link.context.span_id for span in shared for link in span.links]
    alone = [parent_of(span) for span in requests if not span.links]
    assert sorted([*linked, *(one for one in alone if one is not None)]) == sorted(id_of(span) for span in sends)
    for span in shared:
        assert parent_of(span) is None
        assert attributes_of(span)["messaging.batch.message_count"] == len(span.links)


@pytest.mark.parametrize("via", ["v2", "v1", "smpp"])
async def test_bulk_belongs_to_whoever_began_it(via: Via, sandbox: Sandbox, collector: Collector) -> None:
    messages = [Message(to=f"7916111{number:04}", text="Акция") for number in range(25)]
    async with session(sandbox, collector.hooks) as sms:
        with collector.tracer.start_as_current_span("mailing") as caller:
            async with sms.send_many(messages, via=via) as results:
                assert [one async for one in results]
    sends = collector.spans("send sms")
    assert len(sends) == 25
    assert {parent_of(span) for span in sends} == {id_of(caller)}


async def test_a_fastapi_request_is_the_parent(sandbox: Sandbox, collector: Collector) -> None:
    app = FastAPI()
    async with session(sandbox, collector.hooks) as sms:

        @app.post("/code")
        async def code() -> dict[str, str]:
            with collector.tracer.start_as_current_span("POST /code"):  # what an instrumentation of FastAPI does
                sent = await sms.send(NUMBER, "Код 1234")
            return {"id": sent.message_ids[0]}

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as browser:
            answers = await asyncio.gather(*(browser.post("/code") for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    callers = {id_of(span) for span in collector.spans("POST /code")}
    assert len(callers) == 5
    assert {parent_of(span) for span in collector.spans("send sms")} == callers


async def test_the_span_is_current_only_inside(sandbox: Sandbox, collector: Collector) -> None:
    seen: list[Any] = []

    class Guard:
        async def submit(self, submit: Any, message: Message, *, timeout: float | None = None) -> Any:
            seen.append(trace.get_current_span().get_span_context().span_id)
            return await submit(message, timeout=timeout)

    guard: Any = Guard()
    async with session(sandbox, collector.hooks, guard=guard) as sms:
        with collector.tracer.start_as_current_span("outer") as outer:
            await sms.send(NUMBER, "Код")
            assert trace.get_current_span() is outer
    assert seen == [id_of(collector.span("send sms"))]


async def test_how_a_send_failed_is_told_by_its_type(sandbox: Sandbox, collector: Collector) -> None:
    async with session(sandbox, collector.hooks) as sms:
        with pytest.raises(Rejected) as refused:
            await sms.send("79161119424", "Секретный текст")
        with pytest.raises(InvalidMessage):
            await sms.send(NUMBER, "Секретный текст " * 200, max_parts=1)
        await sandbox.aclose()
        with pytest.raises(NotSent):
            await sms.send(NUMBER, "Секретный текст", timeout=3)
    first, second, third = collector.spans("send sms")
    assert attributes_of(first)["error.type"] == type(refused.value).__name__
    assert attributes_of(first)["sms_traffic.code"] == 424
    assert attributes_of(second)["sms_traffic.outcome"] == "invalid"
    assert attributes_of(third)["sms_traffic.outcome"] == "not_sent"
    for span in (first, second, third):
        assert span.status.status_code is trace.StatusCode.ERROR
        assert span.status.description is None
        assert not span.events
    for request in collector.spans("POST v2.send"):
        answered = attributes_of(request)["sms_traffic.verdict"] == "answered"
        assert (request.status.status_code is trace.StatusCode.ERROR) is not answered


async def test_a_cancelled_send_ends_its_span(sandbox: Sandbox, collector: Collector) -> None:
    async with session(sandbox, collector.hooks) as sms:
        task = asyncio.create_task(sms.send(NUMBER, "Код"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert attributes_of(collector.span("send sms"))["sms_traffic.outcome"] == "cancelled"
    assert collector.hooks._open == {}


async def test_pushes_are_processed_in_a_span_that_is_linked_to_the_send(
    sandbox: Sandbox, collector: Collector
) -> None:
    current: list[int] = []
    async with session(sandbox, collector.hooks) as sms, SERVERS["starlette mount"](sms.webhooks(secret=SECRET)) as url:
        sandbox.accounts.get().pushes = PushSettings(url=f"{url}/statuses/{SECRET}")
        done = asyncio.Event()

        async def on_status(_update: object) -> None:
            current.append(trace.get_current_span().get_span_context().span_id)
            done.set()

        callback = sms.on_status(on_status)
        sent = await sms.send("79161119030", "Код")
        await asyncio.wait_for(done.wait(), 100)
        await callback.remove()
    send = collector.span("send sms")
    processes = collector.spans("process sms")
    sources = {attributes_of(span)["sms_traffic.source"] for span in processes}
    assert sources == {"webhook", "callback"}
    assert sent.message_ids[0] == attributes_of(send)["messaging.message.id"]
    for span in processes:
        assert span.kind is trace.SpanKind.CONSUMER
        assert [link.context.span_id for link in span.links] == [id_of(send)]
        assert attributes_of(span)["messaging.operation.type"] == "process"
    assert current == [id_of(span) for span in processes if attributes_of(span)["sms_traffic.source"] == "callback"]


async def test_subscribers_messages_are_processed_in_a_span(sandbox: Sandbox, collector: Collector) -> None:
    async with session(sandbox, collector.hooks) as sms, SERVERS["starlette mount"](sms.webhooks(secret=SECRET)) as url:
        sandbox.accounts.get().inbound = InboundSettings(url=f"{url}/inbound/{SECRET}")
        async with sms.inbound() as messages:
            sandbox.inbound(sender=NUMBER, recipient="3299", text="Да")
            message = await anext(messages)
            assert message.text == "Да"
    sources = {attributes_of(span)["sms_traffic.source"] for span in collector.spans("process sms")}
    assert "reader" in sources


async def test_statuses_that_are_read_are_processed_in_a_span_that_is_linked_to_the_send(
    sandbox: Sandbox, collector: Collector
) -> None:
    async with session(sandbox, collector.hooks) as sms:
        async with sms.updates(finals_only=True) as updates:
            await sms.send(NUMBER, "Код")
            async for update in updates:
                assert update.is_delivered
                await asyncio.sleep(2.0)
                break
            updates.ack()
        send, process = collector.span("send sms"), collector.span("process sms")
    assert [link.context.span_id for link in process.links] == [id_of(send)]
    assert attributes_of(process)["sms_traffic.kind"] == "statuses"
    assert attributes_of(process)["sms_traffic.source"] == "reader"
    assert collector.total("messaging.client.consumed.messages", kind="statuses", source="reader") == 1
    assert collector.points("messaging.process.duration")[0].sum == pytest.approx(2.0)


async def test_a_callback_is_told_of_once(sandbox: Sandbox, collector: Collector) -> None:
    async with session(sandbox, collector.hooks) as sms:
        told = asyncio.Event()
        sms.on_status(lambda _update: told.set())
        await sms.send(NUMBER, "Код")
        await told.wait()
    assert attributes_of(collector.span("process sms"))["sms_traffic.source"] == "callback"


async def test_an_outbox_sends_in_spans(tmp_path: Path, sandbox: Sandbox, collector: Collector) -> None:
    async with Outbox(tmp_path / "outbox.db", clock=VirtualClock(), hooks=collector.hooks) as outbox:
        await outbox.enqueue_many([Message(to=f"7916111{number:04}", text="Заказ готов") for number in range(30)])
        async with session(sandbox, collector.hooks) as sms:
            await outbox.run(sms, until_empty=True)
    sends = collector.spans("send sms")
    assert sum(attributes_of(span).get("messaging.batch.message_count", 1) for span in sends) == 30
    for request in collector.spans("POST v2.send"):
        assert parent_of(request) in {id_of(span) for span in sends}


@pytest.mark.parametrize("via", ["v2", "smpp"])
async def test_a_trace_goes_on_behind_an_outbox(
    tmp_path: Path, sandbox: Sandbox, collector: Collector, via: Via
) -> None:
    path, origins = tmp_path / "outbox.db", set()
    async with Outbox(path, clock=VirtualClock(), hooks=collector.hooks) as outbox:
        for number in range(2):
            with collector.tracer.start_as_current_span("order") as order:
                await outbox.enqueue(Message(to=f"7916111{number:04}", text="Заказ готов"))
            origins.add(id_of(order))
        await outbox.enqueue(Message(to="79161112222", text="Заказ готов"))  # nothing is traced here
    async with (
        Outbox(path, clock=VirtualClock()) as outbox,  # the worker's, in another process
        session(sandbox, collector.hooks) as sms,
    ):
        await outbox.run(sms, via=via, until_empty=True)
    sends = collector.spans("send sms")
    assert len(sends) == (1 if via == "v2" else 3)
    assert {link.context.span_id for span in sends for link in span.links} == origins
    assert all(len(span.links) == (2 if via == "v2" else 1) or not span.links for span in sends)


async def test_a_broken_traceparent_is_no_link(tmp_path: Path, sandbox: Sandbox, collector: Collector) -> None:
    class Careless(OtelHooks):
        def traceparent(self) -> str:
            return "00-nonsense"

    hooks = Careless(tracer_provider=collector.tracers)
    async with Outbox(tmp_path / "outbox.db", clock=VirtualClock(), hooks=hooks) as outbox:
        await outbox.enqueue(Message(to=NUMBER, text="Заказ готов"))
        async with session(sandbox, collector.hooks) as sms:
            await outbox.run(sms, until_empty=True)
    assert not collector.span("send sms").links


async def test_nothing_personal_is_in_any_attribute(sandbox: Sandbox, collector: Collector) -> None:
    text = "Совершенно секретный текст"
    async with session(sandbox, collector.hooks) as sms:
        for via in REQUESTS:
            await sms.send(NUMBER, text, via=via)
    told = collector.everything()
    credentials = sandbox.client_options()
    for secret in (NUMBER, NUMBER[1:], text, credentials["api_key"], credentials["password"], "Bearer"):
        assert secret not in told


async def test_a_broken_collector_breaks_no_send(
    sandbox: Sandbox, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("79161112233")

    collector.hooks._tracer = type("Broken", (), {"start_span": broken})()
    with caplog.at_level(logging.WARNING):
        async with session(sandbox, collector.hooks) as sms:
            assert (await sms.send(NUMBER, "Код")).message_ids
    assert "RuntimeError" in caplog.text
    assert NUMBER not in caplog.text


async def test_memory_is_bounded(sandbox: Sandbox, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sms_traffic_async.otel.REMEMBERED", 3)
    async with session(sandbox, collector.hooks) as sms:
        for _ in range(6):
            await sms.send(NUMBER, "Код")
    assert len(collector.hooks._sent) == 3
    assert not collector.hooks._open
