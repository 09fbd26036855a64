"""SMS_TRAFFIC_ONLY_TO holds on every protocol and every way in: nothing leaves, and the number is not shown."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async import ConfigurationError, Message, NotSent, SmsTraffic, SmtpOptions
from sms_traffic_async.clock import Clock
from sms_traffic_async.policy.guards import ONLY_TO_VARIABLE
from sms_traffic_async.protocols.http_v1 import Recipient
from sms_traffic_async.protocols.http_v2 import Destination
from sms_traffic_async.sandbox import Sandbox
from tests.protocols.smpp.kit import client
from tests.support.smpp_peer import Smsc
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

LISTED, OTHER = "79161112233", "79261234577"
CLOCK: Clock = VirtualClock()

Way = Callable[[SmsTraffic, str], Awaitable[object]]

WAYS: dict[str, Way] = {
    "send": lambda sms, to: sms.send(to, "x"),
    "send by v1": lambda sms, to: sms.send(to, "x", via="v1"),
    "send by soap": lambda sms, to: sms.send(to, "x", via="soap"),
    "send by smtp": lambda sms, to: sms.send(to, "x", via="smtp"),
    "v2.submit": lambda sms, to: sms.v2.submit(Message(to=to, text="x")),
    "v2.submit with a key": lambda sms, to: sms.v2.submit(Message(to=to, text="x", key="k")),
    "v2.send": lambda sms, to: sms.v2.send(to, "x"),
    "v2.send, the second": lambda sms, to: sms.v2.send([LISTED, Destination(to=to)], "x"),
    "v1.submit": lambda sms, to: sms.v1.submit(Message(to=to, text="x")),
    "v1.send": lambda sms, to: sms.v1.send([LISTED, to], "x"),
    "v1.send, individual": lambda sms, to: sms.v1.send([Recipient(to=LISTED, text="x"), Recipient(to=to, text="y")]),
    "soap.submit": lambda sms, to: sms.soap.submit(Message(to=to, text="x")),
    "soap.send_bulk": lambda sms, to: sms.soap.send_bulk([LISTED, to], "x"),
    "smtp.submit": lambda sms, to: sms.smtp.submit(Message(to=to, text="x")),
    "smtp.send": lambda sms, to: sms.smtp.send([LISTED, to], "x"),
}


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(start=datetime.fromtimestamp(CLOCK.wall(), UTC)) as sandbox:
        yield sandbox


def session(sandbox: Sandbox) -> SmsTraffic:
    host, port = sandbox.smtp_address
    options: dict[str, Any] = sandbox.client_options()
    smtp = SmtpOptions(sender="shop@example.ru", host=host, port=port, tls="none", allow_passwords_without_tls=True)
    return SmsTraffic(**(options | {"clock": CLOCK, "smtp": smtp}))


@pytest.mark.parametrize("way", WAYS)
async def test_only_to_the_numbers_that_are_listed(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv(ONLY_TO_VARIABLE, LISTED)
    async with session(sandbox) as sms:
        with pytest.raises(NotSent) as caught:
            await WAYS[way](sms, OTHER)
        assert caught.value.reason == "guarded"
        assert OTHER not in str(caught.value)
        assert not sandbox.accepted
        await WAYS[way](sms, LISTED)
    assert {entry.to for entry in sandbox.accepted} == {LISTED}


async def test_send_many_goes_on_after_one_that_is_not_listed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ONLY_TO_VARIABLE, LISTED)
    async with session(sandbox) as sms:
        messages = [Message(to=LISTED if number % 2 else OTHER, text=str(number)) for number in range(20)]
        async with sms.send_many(messages, concurrency=20) as results:
            async for result in results:
                assert result.ok is (result.message.to == LISTED)
    assert (results.summary.accepted, results.summary.not_sent) == (10, 10)
    assert {entry.to for entry in sandbox.accepted} == {LISTED}


async def test_a_list_whose_numbers_nobody_knows_is_not_sent_to(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ONLY_TO_VARIABLE, LISTED)
    async with session(sandbox) as sms:
        for ways_in in (sms.v1, sms.smtp):
            with pytest.raises(ConfigurationError, match=ONLY_TO_VARIABLE):
                await ways_in.send_group("everybody", "x")
    assert not sandbox.accepted


async def test_over_smpp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ONLY_TO_VARIABLE, LISTED)
    async with Smsc() as smsc, client(smsc) as one:
        for refused in (
            one.smpp.submit(Message(to=OTHER, text="x")),
            one.smpp.submit(Message(to=OTHER, text="я" * 300)),
            one.smpp.submit_binary(OTHER, b"x"),
        ):
            with pytest.raises(NotSent) as caught:
                await refused
            assert caught.value.reason == "guarded"
            assert OTHER not in str(caught.value)
        assert not smsc.submits
        await one.smpp.submit(Message(to=LISTED, text="x"))
        await one.smpp.submit_binary(LISTED, b"x")
        assert len(smsc.submits) == 2
