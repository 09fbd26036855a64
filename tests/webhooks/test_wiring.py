"""A session's tracker and inbound stream behind real pushes over TCP."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from sms_traffic_async import InboundMessage
from sms_traffic_async.delivery.inbound import Inbound
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.settings_tracking import InboundOptions
from sms_traffic_async.telemetry import Telemetry
from sms_traffic_async.webhooks import WebhookOptions
from sms_traffic_async.webhooks.wiring import webhooks_of
from tests.protocols.pushes.examples import JSON_PUSH
from tests.support.tracking import rig
from tests.support.virtual_loop import VirtualClock, virtual
from tests.webhooks.kit import JSON, SECRET, statuses, uvicorn_serving

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]
MESSAGE = {"message": "Стоп", "phone": "79161112233", "sms_id": "1"}


def stream(**options: int) -> Inbound:
    life = Life()
    life.bind()
    return Inbound(options=InboundOptions(**options), telemetry=Telemetry(), spawn=life.spawn)


async def test_a_push_answers_a_wait() -> None:
    async with rig() as it:
        telemetry = Telemetry()
        app = webhooks_of(
            it.tracker, None, secret=SECRET, short_number=None, quarantine=None, options=None,
            telemetry=telemetry, clock=VirtualClock(),
        )  # fmt: skip
        async with uvicorn_serving(app) as url, httpx.AsyncClient() as client:
            waiting = asyncio.create_task(it.tracker.wait_for("8049537157380826112", timeout=60))
            answer = await client.post(f"{url}/{SECRET}", content=JSON_PUSH, headers=JSON)
            assert answer.status_code == 200
            update = await waiting
            assert (update.status, update.source, update.parts) == ("Delivered", "push", 2)
            assert not it.platform.asked
            # The tracker is the one that orders, and hears of everything.
            for status in ("Expired", "Buffered SMSC", "Delivered"):
                body = statuses(("8049537157380826112", status))
                assert (await client.post(f"{url}/{SECRET}", content=body, headers=JSON)).status_code == 200
            assert telemetry.stats.snapshot()["webhooks.statuses"] == 4
            # Nobody reads messages here.
            assert (await client.post(f"{url}/{SECRET}", data=MESSAGE)).status_code == 404


async def test_a_closed_tracker_lets_the_platform_keep_it() -> None:
    async with rig() as it:
        app = webhooks_of(
            it.tracker, None, secret=SECRET, short_number=None, quarantine=None, options=None,
            telemetry=Telemetry(), clock=VirtualClock(),
        )  # fmt: skip
        await it.tracker.aclose()
        async with uvicorn_serving(app) as url, httpx.AsyncClient() as client:
            for _ in range(10):
                answer = await client.post(f"{url}/{SECRET}", content=JSON_PUSH, headers=JSON)
                assert answer.status_code == 503
        assert "webhooks.bad_items" not in app.stats.snapshot()


async def test_a_message_is_answered_when_the_loop_took_it() -> None:
    inbound = stream(buffer=2)
    replies: list[str] = []

    async def short_number(message: InboundMessage) -> str:
        replies.append(message.text)
        return "Принято"

    app = webhooks_of(
        None, inbound, secret=SECRET, short_number=short_number, quarantine=None,
        options=WebhookOptions(handler_timeout=5), telemetry=Telemetry(), clock=VirtualClock(),
    )  # fmt: skip
    async with uvicorn_serving(app) as url, httpx.AsyncClient(timeout=60) as client:

        async def push(sms_id: str) -> int:
            return (await client.post(f"{url}/{SECRET}", data={**MESSAGE, "sms_id": sms_id})).status_code

        assert await push("1") == 503  # nobody reads
        async with inbound.stream() as messages:
            first, again = asyncio.create_task(push("1")), asyncio.create_task(push("1"))
            message = await anext(messages)
            assert (message.text, message.message_id) == ("Стоп", "1")
            assert not first.done()
            message.ack()
            assert (await first, await again) == (200, 200)
            assert await push("1") == 200  # known, and not given again
            # A reader that takes its time: the message waits in the stream, the platform is to come again.
            assert await push("2") == 503
            assert (await anext(messages)).message_id == "2"
            waiting = asyncio.create_task(push("2"))
            for _ in range(20):
                assert await push("3") == 503
            assert await waiting == 503
            assert (await anext(messages)).message_id == "3"  # and with it the second is acknowledged
            assert await push("2") == 200
        answer = await client.post(f"{url}/{SECRET}", data={**MESSAGE, "sms_id": "9", "shortcode": "3299"})
        assert answer.content.decode("cp1251" if "1251" in answer.headers["content-type"] else "utf-8") == "Принято"
    assert replies == ["Стоп"]
    assert "webhooks.bad_items" not in app.stats.snapshot()
    inbound.aclose()
