"""All of SOAP against the strict sandbox: four methods, both versions, both servers, every option, the switches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRecipient,
    OutcomeUnknown,
    RequestRefused,
)
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.soap import Recipient, Soap, Unroutable
from sms_traffic_async.sandbox import Drop, FaultRule, Garbage, Sandbox, Temporary
from sms_traffic_async.settings_soap import SoapOptions
from tests.protocols.soap.kit import PASSWORD, START, client
from tests.support.virtual_loop import virtual

pytestmark = virtual

TO = "79161112233"
OTHERS = ("79161112234", "79161112235")
CYRILLIC = "Ваш код <1234> & никому"


@asynccontextmanager
async def platform(**options: Any) -> AsyncIterator[tuple[Sandbox, Soap]]:
    async with Sandbox(start=START, real_time=False, login="example", password=PASSWORD) as sandbox:
        async with client(sandbox.soap_urls, **options) as soap:
            yield sandbox, soap
        assert list(sandbox.findings) == []


@pytest.mark.parametrize("version", ["1.2", "1.1"])
async def test_the_four_methods(version: Any) -> None:
    async with platform(soap={"version": version}) as (sandbox, soap):
        before = (await soap.balance()).amount
        bulk = await soap.send_bulk([TO, *OTHERS], CYRILLIC)
        pairs = [Recipient(to=TO, text="one"), Recipient(to=OTHERS[0], text=CYRILLIC)]
        individual = await soap.send_individual(pairs)
        ids = [one.message_id or "" for one in (*bulk.accepted, *individual.accepted)]
        by_id = {message.id: (message.to, message.text) for message in sandbox.messages}
        expected = [(TO, CYRILLIC), *((one, CYRILLIC) for one in OTHERS), (TO, "one"), (OTHERS[0], CYRILLIC)]
        assert [by_id[one] for one in ids] == expected
        assert [message.text for message in sandbox.messages] == [CYRILLIC] * 3 + ["one", CYRILLIC]
        assert [message.encoding for message in sandbox.messages] == ["ucs2"] * 3 + ["gsm7", "ucs2"]
        await sandbox.advance(10)
        found = await soap.statuses([*ids, "1"])
        assert [one.status for one in found.found] == ["Delivered"] * 5
        assert found.missing == ("1",)
        assert (await soap.balance()).amount == before - Decimal("2.50")
        assert (bulk.requests, individual.requests) == (1, 2)
        assert not bulk.errors


async def test_submit() -> None:
    async with platform() as (sandbox, soap):
        sent = await soap.submit(Message(to=TO, text="щ" * 71))
        assert isinstance(sent, Submission)
        (message,) = sandbox.messages
        assert message.text == "щ" * 71
        assert sent.message_id == message.id
        assert len((await soap.statuses(sent.message_ids)).found) == 2
        assert (sent.via, sent.evidence, sent.parts, sent.encoding, len(sent.message_ids)) == (
            "soap",
            "answer",
            2,
            "ucs2",
            2,
        )


@pytest.mark.parametrize("infos", ["part", "recipient"])
async def test_ids_a_part_or_a_recipient(infos: Any) -> None:
    async with platform() as (sandbox, soap):
        sandbox.switches = replace(sandbox.switches, soap_infos=infos)
        reply = await soap.send_bulk([TO, OTHERS[0]], "щ" * 71)
        assert [len(one.message_ids) for one in reply.accepted] == [2, 2] if infos == "part" else [1, 1]


async def test_every_option() -> None:
    start = START + timedelta(hours=1)
    async with platform() as (sandbox, soap):
        await soap.send_bulk(TO, "Привет", latin=True, originator="MyCompany")
        await soap.send_bulk(TO, "hello", latin=False, validity=3600, flash=True)
        await soap.send_bulk(TO, "щ" * 133, two_byte_concat=True)
        await soap.send_bulk(TO, "щ" * 133, max_parts=1, truncate=True)
        (scheduled,) = (await soap.send_bulk(TO, "later", start_at=start)).accepted
        assert (scheduled.message_ids, scheduled.start_at) == ((), start)
        assert (await soap.send_bulk(TO, "raw", start_at="2026-01-01T05:00:00")).accepted
        assert (await soap.send_bulk(TO, "quiet", want_ids=False)).accepted[0].message_ids == ()
        assert (await soap.send_bulk("12345678901", "bad", ignore_phone_format=True)).accepted
        latin, flash = sandbox.messages[:2]
        assert (latin.text, latin.encoding, latin.originator) == ("Privet", "gsm7", "MyCompany")
        assert (flash.flash, flash.encoding, flash.validity) == (True, "ucs2", 3600)
        assert [message.parts for message in sandbox.messages if "щ" in message.text] == [3, 1]
        assert [entry.start_at for entry in sandbox.messages if entry.text in {"later", "raw"}] == [
            start.timestamp(),
            (start + timedelta(hours=1)).timestamp(),
        ]


@pytest.mark.parametrize("form", ["dateTime", "v1"])
async def test_the_form_of_a_start(form: Any) -> None:
    async with platform(soap={"start": form}) as (sandbox, soap):
        sandbox.switches = replace(sandbox.switches, soap_start=form)
        assert (await soap.send_bulk(TO, "later", start_at=START + timedelta(hours=1))).accepted


@pytest.mark.parametrize("name", ["WantSmsIds", "WantsSmsIds"])
async def test_the_spelling_of_the_wish_for_ids(name: Any) -> None:
    async with platform(soap={"ids_element": name}) as (sandbox, soap):
        sandbox.switches = replace(sandbox.switches, soap_want=name, soap_broken_success=True)
        assert (await soap.submit(Message(to=TO, text="x"))).message_id


async def test_one_number_twice() -> None:
    async with platform() as (sandbox, soap):
        reply = await soap.send_individual([Recipient(to=TO, text=text) for text in ("a", "b", "a")])
        assert (reply.requests, len(reply.accepted)) == (3, 3)
        by_id = {message.id: message.text for message in sandbox.messages}
        assert [by_id[one.message_id or ""] for one in reply.accepted] == ["a", "b", "a"]


async def test_refusals() -> None:
    async with platform() as (sandbox, soap):
        reply = await soap.send_bulk([TO, "79161119432"], "x")
        assert [type(error) for error in reply.errors] == [InvalidRecipient] * 2
        assert {error.code for error in reply.errors} == {432}
        assert not sandbox.accepted
    async with platform(password="wrong") as (sandbox, soap):
        for _ in range(3):
            with pytest.raises(AuthenticationFailed):
                await soap.submit(Message(to=TO, text="x"))
        with pytest.raises(RequestRefused) as caught:
            await soap.balance()
        assert caught.value.code == 411


async def test_an_unroutable_recipient_is_refused_alone() -> None:
    async with platform() as (sandbox, soap):
        unroutable = "79161119429"
        reply = await soap.send_bulk([TO, unroutable, OTHERS[0]], "x")
        first, refused, last = reply.outcomes
        assert isinstance(first, Submission)
        assert isinstance(last, Submission)
        assert isinstance(refused, Unroutable)
        assert not refused.retryable
        with pytest.raises(Unroutable):
            await soap.submit(Message(to=unroutable, text="x"))
        assert len(sandbox.accepted) == 2


async def test_code_1000_goes_to_the_second_server() -> None:
    async with platform() as (sandbox, soap):
        sandbox.faults.add(FaultRule(effect=Temporary(), protocol="soap", operation="send", node=1))
        sent = await soap.submit(Message(to=TO, text="x"))
        assert sent.attempts == 2
        assert [message.node for message in sandbox.messages] == [2]


@pytest.mark.parametrize("effect", [Drop(), Garbage()])
@pytest.mark.parametrize("on_unknown,most", [("raise", 1), ("resend", 2)])
async def test_an_answer_that_never_came(effect: Any, on_unknown: Any, most: int) -> None:
    """H1, H2: never more SMS than ambiguous events allow, and none without the caller's word."""
    async with platform(on_unknown=on_unknown) as (sandbox, soap):
        sandbox.faults.add(FaultRule(effect=effect, protocol="soap", operation="send", nth=1))
        if on_unknown == "raise":
            with pytest.raises(OutcomeUnknown) as caught:
                await soap.submit(Message(to=TO, text="x"))
            assert caught.value.evidence.attempts == 1
        else:
            sent = await soap.submit(Message(to=TO, text="x"))
            assert sent.attempts == 2
        assert len(sandbox.accepted) == most
        assert {message.node for message in sandbox.messages} == {1}


async def test_a_moscow_number_is_answered_under_its_federal_one() -> None:
    async with platform() as (sandbox, soap):
        moscow = "74951234567"
        reply = await soap.send_bulk([TO, moscow, OTHERS[0]], "x")
        assert [one.message_id for one in reply.accepted] == [message.id for message in sandbox.messages]


async def test_options() -> None:
    assert [node.url for node in SoapOptions().nodes] == ["https://soap.smstraffic.ru/soap.php"]
    for wrong in (
        {"version": "2"},
        {"start": "x"},
        {"ids_element": "Ids"},
        {"url": ""},
        {"url": "http://soap.smstraffic.ru/soap.php"},
        {"url": "https://login:p@ss@x.ru/"},
        {"second_url": "https://soap.smstraffic.ru/other"},
    ):
        with pytest.raises(ConfigurationError) as caught:
            SoapOptions(**wrong)  # type: ignore[arg-type]  # wrong on purpose
        assert "p@ss" not in str(caught.value)
