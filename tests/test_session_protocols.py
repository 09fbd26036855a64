"""The older protocols through the session: choice, sending, following, what cannot be told."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async import (
    ConfigurationError,
    HttpOptions,
    InvalidMessage,
    Message,
    OutcomeUnknown,
    SmsTraffic,
    SmtpOptions,
    SoapOptions,
    Timeouts,
)
from sms_traffic_async.messages import Via
from sms_traffic_async.protocols.http_v1 import Recipient
from sms_traffic_async.protocols.http_v2 import Destination
from sms_traffic_async.sandbox import Drop, FaultRule, NumberOutcome, Sandbox
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

NUMBER = "79161112233"
LONG = "Заказ собран и ждёт вас в пункте выдачи. " * 4


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(start=datetime.fromtimestamp(VirtualClock().wall(), UTC)) as sandbox:
        yield sandbox


def session(sandbox: Sandbox, **options: Any) -> SmsTraffic:
    host, port = sandbox.smtp_address
    known = sandbox.client_options() | {
        "clock": VirtualClock(),
        "soap": SoapOptions(url=sandbox.soap_urls[0], second_url=sandbox.soap_urls[1]),
        "smtp": SmtpOptions(
            sender="shop@example.ru", host=host, port=port, tls="none", allow_passwords_without_tls=True
        ),
    }
    return SmsTraffic(**(known | options))


@pytest.mark.parametrize("via", ["v1", "soap"])
async def test_send_and_follow_all_parts(sandbox: Sandbox, via: Via) -> None:
    async with session(sandbox) as sms:
        sent = await sms.send(NUMBER, LONG, via=via)
        assert (sent.via, sent.parts, len(sent.message_ids)) == (via, 3, 3)
        update = await sms.wait_for(sent)
        assert (update.status, update.message_id, update.parts) == ("Delivered", sent.message_ids[0], 3)
    assert {entry.protocol for entry in sandbox.accepted} == {via}
    assert not list(sandbox.findings)


@pytest.mark.parametrize("via", ["v2", "v1", "soap", "smtp"])
@pytest.mark.parametrize("batching", [True, False])
async def test_a_number_that_only_its_region_explains_is_sent_as_it_stands(
    sandbox: Sandbox, via: Via, batching: bool
) -> None:
    sandbox.outcomes.clear()
    message = Message(to="84912345678", text="Xin chào", region="INT")
    async with session(sandbox, http=HttpOptions(batching=batching)) as sms:
        assert (await sms.send(message, via=via)).to == "84912345678"
    assert [entry.to for entry in sandbox.accepted] == ["84912345678"]


async def test_phone_region_holds_wherever_numbers_come_as_strings(sandbox: Sandbox) -> None:
    async with session(sandbox, phone_region="RU") as sms:
        await sms.v2.send(["8 (499) 123-45-67"], "hello")
        await sms.v1.send("9161112234", "hello")
        await sms.soap.send_bulk(["9161112235"], "hello")
        await sms.smtp.send("9161112236", "hello")
    assert [entry.to for entry in sandbox.accepted] == ["74991234567", "79161112234", "79161112235", "79161112236"]


async def test_a_recipient_says_how_its_number_is_read(sandbox: Sandbox) -> None:
    sandbox.outcomes.clear()
    for make in (Destination, Recipient):
        with pytest.raises(InvalidMessage, match="may be a Russian number"):
            make(to="84912345678")
    async with session(sandbox) as sms:
        await sms.v2.send([Destination(to="84912345678", region="INT")], "hello")
        await sms.v1.send(Recipient(to="9161112233", region="RU"), "hello")
    assert [entry.to for entry in sandbox.accepted] == ["84912345678", "79161112233"]


async def test_what_v1_sent_is_seen_by_v2_and_soap(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        sent = await sms.send(NUMBER, "hello", via="v1")
        await sandbox.advance("1m")
        by_v2 = await sms.v2.statuses(sent.message_ids)
        by_soap = await sms.soap.statuses(sent.message_ids)
        assert [one.status for one in (*by_v2.found, *by_soap.found)] == ["Delivered", "Delivered"]
        since, until = datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
        async with sms.v2.report(since=since, until=until, subscriber=NUMBER) as report:
            assert [row.id async for row in report] == list(sent.message_ids)


async def test_without_an_api_key_v1_is_used(sandbox: Sandbox) -> None:
    async with session(sandbox, api_key=None, smpp=None) as sms:
        sent = await sms.send(NUMBER, "hello")
        assert sent.via == "v1"
        assert (await sms.wait_for(sent)).is_delivered
        assert (await sms.wait_for(sent.message_ids[0])).is_delivered
        assert (await sms.balance()).amount > 0
        async with sms.send_many([Message(to=NUMBER, text="again")], via="v1") as results:
            assert [result.ok async for result in results] == [True]


async def test_without_an_api_key_smpp_goes_before_v1(sandbox: Sandbox) -> None:
    async with session(sandbox, api_key=None) as sms:
        sent = await sms.send(NUMBER, "hello")
        assert sent.via == "smpp"
        assert (await sms.wait_for(sent)).is_delivered


async def test_a_letter_is_handed_over_without_ids(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        sent = await sms.send(NUMBER, "hello", via="smtp")
        assert (sent.via, sent.message_ids) == ("smtp", ())
        with pytest.raises(ConfigurationError, match="gave none"):
            await sms.wait_for(sent)
    assert [entry.protocol for entry in sandbox.accepted] == ["smtp"]


@pytest.mark.parametrize("via", ["v1", "soap"])
async def test_an_unknown_outcome_stays_one_and_says_so(sandbox: Sandbox, via: Via) -> None:
    sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="send"))
    async with session(sandbox, timeouts=Timeouts(deadline=10)) as sms:
        with pytest.raises(OutcomeUnknown) as caught:
            await sms.send(NUMBER, "hello", via=via)
        with pytest.raises(OutcomeUnknown, match="cannot be looked up"):
            await sms.resolve(caught.value)
    assert len(sandbox.accepted) == 1  # and never sent again


async def test_parts_that_differ(sandbox: Sandbox) -> None:
    sandbox.outcomes.add(NumberOutcome(suffix="2233", course="expired"))
    async with session(sandbox) as sms:
        update = await sms.wait_for(await sms.send(NUMBER, LONG, via="v1"))
        assert (update.status, update.is_delivered) == ("Expired", False)


@pytest.mark.parametrize(
    "via,options",
    [("v1", {"params": {"name": "Ivan"}}), ("v1", {"batch_name": "spring"}), ("soap", {"batch_name": "spring"}),
     ("v2", {"flash": True})],
)  # fmt: skip
async def test_what_a_protocol_cannot_carry_is_refused_and_the_others_named(
    sandbox: Sandbox, via: Via, options: dict[str, Any]
) -> None:
    async with session(sandbox) as sms:
        with pytest.raises(InvalidMessage) as caught:
            await sms.send(NUMBER, "hello [[name]]", via=via, **options)
        assert caught.value.field in options
        assert any(word in caught.value.rule for word in ("v2", "v1", "SMPP"))
    assert not sandbox.accepted


async def test_credentials_that_are_missing_are_named() -> None:
    async with SmsTraffic(api_key="1/x", nodes=["http://127.0.0.1:9"]) as sms:
        with pytest.raises(ConfigurationError, match="login"):
            await sms.send(NUMBER, "hello", via="v1")
        with pytest.raises(ConfigurationError, match="SoapOptions"):  # or it would leave for the real platform
            await sms.send(NUMBER, "hello", via="soap")
        with pytest.raises(ConfigurationError, match="SmtpOptions"):
            await sms.send(NUMBER, "hello", via="smtp")
