"""The sandbox pushes over TCP, every server receives: statuses, inbound messages, short numbers; with faults."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.sandbox import FaultRule, Latency, Sandbox
from sms_traffic_async.sandbox.effects import Duplicate, Reorder
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings, ShortNumber
from sms_traffic_async.secrets import Secret
from sms_traffic_async.webhooks import WebhookApp, WebhookOptions
from tests.protocols.pushes.examples import INBOUND_TEMPLATE, SHORT_TEMPLATE
from tests.sandbox.push_kit import PHONE, START, deliver
from tests.support.virtual_loop import VirtualClock, virtual
from tests.webhooks.kit import SECRET, Application
from tests.webhooks.test_servers import SERVERS

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")

pytestmark = virtual
servers = pytest.mark.parametrize("server", [name for name in SERVERS if name != "raw"])


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False, login="login", password="password") as opened:
        yield opened


def receiver(application: Application, **options: Any) -> WebhookApp:
    return WebhookApp(secret=SECRET, options=WebhookOptions(**options), clock=VirtualClock(), **application.handlers)


@servers
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"spelling": "table", "lone_object": True},
        {"form": "form", "spaces": "raw"},
        {"form": "form", "spaces": "plus", "spelling": "table"},
    ],
    ids=range(4),
)
async def test_statuses(server: str, settings: dict[str, Any], application: Application, sandbox: Sandbox) -> None:
    async with SERVERS[server](receiver(application)) as url:
        sandbox.accounts.get().pushes = PushSettings(url=f"{url}/statuses/{SECRET}", **settings)
        good, bad = await deliver(sandbox, PHONE, "79161119003")
        await sandbox.advance("1m")
    assert application.seen.index((good, "Buffered SMSC")) < application.seen.index((good, "Delivered"))
    assert sorted(application.seen) == sorted(
        [(good, "Buffered SMSC"), (good, "Delivered"), (bad, "Buffered SMSC"), (bad, "Non Delivered")]
    )
    failed = next(update for update in application.updates if update.status == "Non Delivered")
    assert failed.error == 3
    assert failed.status_at is not None
    assert failed.status_at.date() == START.date()
    stats = sandbox.pushes.stats
    assert (stats.failed, stats.waiting, application.bad) == (0, 0, [])


@servers
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("charset", ["windows-1251", "utf-8"])
async def test_inbound(server: str, method: Any, charset: Any, application: Application, sandbox: Sandbox) -> None:
    async with SERVERS[server](receiver(application)) as url:
        for place in (f"{url}/{SECRET}", f"{url}/inbound/{SECRET}?{INBOUND_TEMPLATE}"):
            sandbox.accounts.get().inbound = InboundSettings(
                smpp=False, url=place if method == "GET" else place.partition("?")[0], method=method, charset=charset
            )
            sandbox.platform.inbound(sender=PHONE, recipient="79990000000", text="Где заказ №5? Привет & пока=1")
            await sandbox.advance("1m")
    assert [(message.sender, message.text) for message in application.messages] == [
        (PHONE, "Где заказ №5? Привет & пока=1")
    ] * 2
    assert sandbox.pushes.stats.failed == 0


async def test_the_urls_of_the_documentation(application: Application, sandbox: Sandbox) -> None:
    """As the page gives them, so that a message to a short number says which one it was."""
    templates = dict(re.findall(r"\| (inbound messages|short numbers), GET \| `https://your.host/sms(/[^`]+)`", PAGE))
    assert [template.partition("?")[2] for template in templates.values()] == [INBOUND_TEMPLATE, SHORT_TEMPLATE]
    async with SERVERS["uvicorn"](receiver(application)) as url:
        inbound, short = (url + template.replace("SECRET", SECRET) for template in templates.values())
        sandbox.accounts.get().inbound = InboundSettings(
            smpp=False, url=inbound, method="GET", short_numbers=(ShortNumber(number="3299", url=short, method="GET"),)
        )
        for recipient in ("79990000000", "3299"):
            sandbox.platform.inbound(sender=PHONE, recipient=recipient, text="Баланс")
        await sandbox.advance("1m")
    assert [(message.text, message.short_number) for message in application.messages] == [
        ("Баланс", None),
        ("Баланс", "3299"),
    ]


@servers
@pytest.mark.parametrize("charset", ["windows-1251", "utf-8"])
async def test_a_short_number_answers_the_subscriber(
    server: str, charset: Any, application: Application, sandbox: Sandbox
) -> None:
    application.reply = "Баланс: 5 руб. №1"
    async with SERVERS[server](receiver(application, short_number_password="hidden-word")) as url:
        for method, tail in (("GET", f"?{SHORT_TEMPLATE}&password=hidden-word"), ("POST", "")):
            number = ShortNumber(
                number="3299",
                url=f"{url}/short-number/{SECRET}{tail}",
                password=Secret("hidden-word"),
                method=method,  # type: ignore[arg-type] # of the two in the loop
                charset=charset,
            )
            sandbox.accounts.get().inbound = InboundSettings(smpp=False, short_numbers=(number,))
            sandbox.platform.inbound(sender=PHONE, recipient="3299", text="Баланс")
            await sandbox.advance("1m")
    assert [message.text for message in application.messages] == ["Баланс", "Баланс"]
    assert {message.short_number for message in application.messages} == {"3299"}
    answers = [entry for entry in sandbox.accepted if entry.protocol == "short_number"]
    assert [(entry.to, entry.text) for entry in answers] == [(PHONE, application.reply)] * 2


async def test_a_handler_that_fails_gets_it_again(application: Application, sandbox: Sandbox) -> None:
    async with SERVERS["uvicorn"](receiver(application)) as url:
        sandbox.accounts.get().pushes = PushSettings(url=f"{url}/{SECRET}")
        sandbox.accounts.get().inbound = InboundSettings(smpp=False, url=f"{url}/{SECRET}")
        application.broken = True
        ids = await deliver(sandbox, *(str(79161200000 + number) for number in range(20)))
        sandbox.platform.inbound(sender=PHONE, recipient="79990000000", text="Стоп")
        await sandbox.advance("1m")
        assert application.seen == []
        assert sandbox.pushes.stats.failed > 1
        application.broken = False
        await sandbox.advance("1h")
        assert sandbox.pushes.stats.waiting == 0
    assert [one for one, status in application.seen if status == "Delivered"] == ids
    assert [message.text for message in application.messages] == ["Стоп"]


async def test_poison_does_not_hold_up_the_rest(application: Application, sandbox: Sandbox) -> None:
    async with SERVERS["uvicorn"](receiver(application)) as url:
        sandbox.accounts.get().pushes = PushSettings(url=f"{url}/{SECRET}")
        ids = await deliver(sandbox, *(str(79161200000 + number) for number in range(20)))
        application.failing = {ids[7]}
        await sandbox.advance("6h")
        more = await deliver(sandbox, *(str(79161300000 + number) for number in range(5)))
        await sandbox.advance("6h")
        assert sandbox.pushes.stats.waiting == 0
        assert sandbox.pushes.stats.unavailable == 0
    delivered = [one for one, status in application.seen if status == "Delivered"]
    assert delivered == [one for one in ids if one != ids[7]] + more
    assert {bad.raw.message_id for bad in application.bad} == {ids[7]}


async def test_duplicated_reordered_and_late(application: Application, sandbox: Sandbox) -> None:
    async with SERVERS["uvicorn"](receiver(application)) as url:
        sandbox.accounts.get().pushes = PushSettings(url=f"{url}/{SECRET}", batch=1)
        sandbox.faults.add(FaultRule(effect=Duplicate(), operation="push", probability=0.3))
        sandbox.faults.add(FaultRule(effect=Reorder(), operation="push", probability=0.3))
        sandbox.faults.add(FaultRule(effect=Latency(seconds=30), operation="push", probability=0.2))
        ids = await deliver(sandbox, *(str(79161200000 + number) for number in range(60)))
        await sandbox.advance("2h")
        assert sandbox.pushes.stats.waiting == 0
        assert sandbox.faults.injected
    finals = [one for one, status in application.seen if status == "Delivered"]
    assert sorted(finals) == sorted(ids)  # each once
    for one in ids:
        words = [status for seen, status in application.seen if seen == one]
        assert words in (["Buffered SMSC", "Delivered"], ["Delivered"])  # and never backwards


async def test_a_wrong_secret_is_a_dead_end(application: Application, sandbox: Sandbox) -> None:
    async with SERVERS["uvicorn"](receiver(application)) as url:
        sandbox.accounts.get().pushes = PushSettings(url=f"{url}/{SECRET}x")
        await deliver(sandbox)
        await sandbox.advance("1m")
        assert sandbox.pushes.stats.unavailable == 1
    assert application.seen == []
