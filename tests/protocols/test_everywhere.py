"""What holds whatever carries a message: the warning of a short validity, and the cut of a text beyond all limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
import pytest_asyncio

from sms_traffic_async import Message, SmsTraffic, SmtpOptions
from sms_traffic_async.clock import Clock
from sms_traffic_async.messages import Via
from sms_traffic_async.protocols.http_v1 import Recipient
from sms_traffic_async.sandbox import Sandbox
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

TO = "79161112233"
CLOCK: Clock = VirtualClock()


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(start=datetime.fromtimestamp(CLOCK.wall(), UTC)) as opened:
        yield opened


@pytest_asyncio.fixture
async def sms(sandbox: Sandbox) -> AsyncIterator[SmsTraffic]:
    host, port = sandbox.smtp_address
    smtp = SmtpOptions(sender="shop@example.ru", host=host, port=port, tls="none", allow_passwords_without_tls=True)
    options: dict[str, Any] = sandbox.client_options() | {"clock": CLOCK, "smtp": smtp}
    async with SmsTraffic(**options) as session:
        yield session


@pytest.mark.parametrize("via", get_args(Via))
async def test_a_short_validity_is_warned_of_once(sms: SmsTraffic, caplog: pytest.LogCaptureFixture, via: Via) -> None:
    await sms.send(TO, "a", via=via, validity=600)
    assert "validity" not in caplog.text
    for text in ("b", "c"):
        await sms.send(TO, text, via=via, validity=599)
    assert caplog.text.count("a validity below 600 s may be ignored or refused by operators") == 1


@pytest.mark.parametrize("via", ["v2", "v1", "smpp"])
async def test_of_many_as_well(sms: SmsTraffic, caplog: pytest.LogCaptureFixture, via: Via) -> None:
    async with sms.send_many([Message(to=TO, text=str(n), validity=60) for n in range(9)], via=via) as results:
        assert [result.ok async for result in results] == [True] * 9
    assert caplog.text.count("a validity below 600 s") == 1


async def test_by_the_calls_of_a_protocols_own(sms: SmsTraffic, caplog: pytest.LogCaptureFixture) -> None:
    await sms.v1.send_group("hello world", "a", validity=60)
    await sms.soap.send_bulk([TO], "b", validity=60)
    await sms.smtp.send([TO], "c", validity=60)
    assert caplog.text.count("a validity below 600 s") == 3


@pytest.mark.parametrize("via", get_args(Via))
@pytest.mark.parametrize("letter, kept", [("я", 17_085), ("a", 39_015)])
async def test_a_text_beyond_the_longest_is_cut_where_that_was_asked_for(
    sms: SmsTraffic, sandbox: Sandbox, via: Via, letter: str, kept: int
) -> None:
    """255 parts; v1 and SOAP refuse what is longer than so many characters (document, "message"; codes 420, 424)."""
    sandbox.switches = replace(sandbox.switches, smpp_rate=None)
    await sms.send(TO, letter * 40_000, via=via, truncate=True)
    (message,) = sandbox.messages
    assert (len(message.text), message.parts) == (kept, 255)


async def test_texts_of_their_own_beyond_the_longest(sms: SmsTraffic, sandbox: Sandbox) -> None:
    recipients = [Recipient(to=TO, text="я" * 17_086), Recipient(to="79161112244", text="a" * 38_761)]
    for replies in (
        await sms.v1.send(recipients, truncate=True, two_byte_concat=True),
        await sms.soap.send_individual(recipients, truncate=True, two_byte_concat=True),
    ):
        assert [outcome.parts for outcome in replies.accepted] == [255, 255]
    assert sorted(len(message.text) for message in sandbox.messages) == [16_830, 16_830, 38_760, 38_760]
