"""``sms.webhooks()`` in every server: what the platform is answered, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sms_traffic_async import InboundMessage, TrackingOptions
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings, Retries, ShortNumber
from sms_traffic_async.secrets import Secret
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.webhooks import WebhookOptions
from tests.protocols.pushes.examples import SHORT_TEMPLATE
from tests.sandbox.push_kit import PHONE, START
from tests.support.virtual_loop import VirtualClock, virtual
from tests.webhooks.kit import SECRET, statuses
from tests.webhooks.test_servers import SERVERS

pytestmark = virtual
servers = pytest.mark.parametrize("server", [name for name in SERVERS if name != "raw"])
RETRIES = Retries(pauses=(1.0,))


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START) as opened:
        yield opened


def session(sandbox: Sandbox, **options: Any) -> SmsTraffic:
    return SmsTraffic(**({**sandbox.client_options(), "smpp": None, "clock": VirtualClock()} | options))


@servers
async def test_a_push_ends_a_wait_in_every_server(server: str, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms, SERVERS[server](sms.webhooks(secret=SECRET)) as url:
        sandbox.accounts.get().pushes = PushSettings(url=f"{url}/statuses/{SECRET}")
        update = await sms.wait_for(await sms.send("79161119030", "Код"), timeout=100)
        assert (update.status, update.source) == ("Delivered", "push")
        assert sandbox.pushes.stats.failed == 0


@servers
async def test_inbound_is_answered_when_it_was_taken(server: str, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms, SERVERS[server](sms.webhooks(secret=SECRET)) as url:
        sandbox.accounts.get().inbound = InboundSettings(url=f"{url}/inbound/{SECRET}", retries=RETRIES)
        sandbox.inbound(sender=PHONE, recipient="3299", text="Да")
        await asyncio.sleep(0.5)
        assert sandbox.pushes.stats.failed == 1  # nobody reads: the platform keeps it
        async with sms.inbound() as messages:
            message = await anext(messages)
            assert (message.text, message.sender, message.source) == ("Да", PHONE, "push")
            await asyncio.sleep(1)
            assert sandbox.pushes.stats.delivered == 0  # and until it was dealt with
            message.ack()
            await asyncio.sleep(10)
            assert sandbox.pushes.stats.delivered == 1
            assert messages.stats.waiting == 0


async def test_a_short_number_answers(sandbox: Sandbox) -> None:
    async def answer(message: InboundMessage) -> str:
        return f"Ваш баланс 7 руб., {message.text.lower()}"

    options = WebhookOptions(short_number_password="s3cret-of-the-number")
    app: Any
    async with session(sandbox) as sms:
        app = sms.webhooks(secret=SECRET, short_number=answer, options=options)
        async with SERVERS["uvicorn"](app) as url:
            script = ShortNumber(
                number="3299",
                url=f"{url}/short-number/{SECRET}?{SHORT_TEMPLATE}&password={{{{password}}}}",
                password=Secret("s3cret-of-the-number"),
            )
            sandbox.accounts.get().inbound = InboundSettings(short_numbers=(script,))
            sandbox.inbound(sender=PHONE, recipient="3299", text="БАЛАНС")
            await asyncio.sleep(5)
            assert sandbox.pushes.stats.failed == 0
    assert sandbox.messages[-1].text == "Ваш баланс 7 руб., баланс"


async def test_no_room_means_not_now(sandbox: Sandbox) -> None:
    """A reader that does not keep up loses nothing: the platform is told to come again."""
    tracking = TrackingOptions(buffer=10)
    async with session(sandbox, tracking=tracking) as sms, SERVERS["uvicorn"](sms.webhooks(secret=SECRET)) as url:
        sandbox.accounts.get().pushes = PushSettings(url=f"{url}/statuses/{SECRET}", batch=5, retries=RETRIES)
        async with sms.updates(finals_only=True) as updates:
            sent = [await sms.send(f"7916777{number:04d}", "Код") for number in range(40)]
            await asyncio.sleep(10)
            assert updates.stats.waiting == 10
            assert sandbox.pushes.stats.failed > 0
            seen = [await anext(updates) for _ in sent]
            await asyncio.sleep(60)
            assert updates.stats.waiting == 0
        assert {one.message_id for one in seen} == {one.message_id for one in sent}
        assert sandbox.pushes.stats.waiting == 0


async def test_strangers_and_forgers(sandbox: Sandbox) -> None:
    """A status for an id that we never sent changes nothing; one without the secret is not even looked at."""
    async with (
        session(sandbox) as sms,
        SERVERS["uvicorn"](sms.webhooks(secret=SECRET)) as url,
        httpx.AsyncClient(trust_env=False) as client,
        sms.updates() as updates,
    ):
        sent = await sms.send("79161119031", "Код")
        forged = statuses((sent.message_ids[0], "Delivered"))
        assert (await client.post(f"{url}/statuses/{'x' * 24}", content=forged)).status_code == 404
        assert (await client.post(f"{url}/statuses", content=forged)).status_code == 404
        unknown = statuses(("1" * 19, "Delivered"))
        assert (await client.post(f"{url}/statuses/{SECRET}", content=unknown)).status_code == 200
        await asyncio.sleep(10)
        assert updates.stats.waiting <= 1  # Buffered SMSC, which is true
