"""Inbound messages over SMPP: every coding, every way of telling parts, kept until somebody takes them."""

import pytest

from sms_traffic_async.errors import ConfigurationError, LocalProtocolError
from sms_traffic_async.protocols.smpp.pdu import DeliverSm, Tlvs
from sms_traffic_async.sandbox import FaultRule, Lose, Sandbox
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, ShortNumber
from tests.sandbox.foreign import Foreign
from tests.sandbox.smpp_kit import RECEIVER, TRANSMITTER, Esme, settle
from tests.sandbox.v1_kit import V1

NOT_NOW = 0x64
SENDER, NUMBER = "79161112233", "3299"


async def inbound(sandbox: Sandbox, text: str, parts: int = 1, *, number: str = NUMBER) -> list[tuple[int, int, bytes]]:
    """(esm_class, data_coding, octets or message_payload) of each deliver_sm."""
    async with Esme(sandbox) as esme:
        assert await esme.bind(RECEIVER) == 0
        sandbox.platform.inbound(sender=SENDER, recipient=number, text=text)
        found = [await esme.delivered() for _ in range(parts)]
        assert await esme.silent()
        assert {(one.source, one.destination) for one in found} == {(SENDER, number)}
        return [(one.esm_class, one.data_coding, one.text or one.tlvs[0x0424]) for one in found]


@pytest.mark.parametrize(
    "coding, text, expected",
    [
        ("auto", "STOP", [(0, 0, b"STOP")]),
        ("auto", "100 € {ok}", [(0, 0, b"100 \x1b\x65 \x1b\x28ok\x1b\x29")]),
        ("auto", "Да", [(0, 8, "Да".encode("utf-16-be"))]),
        ("auto", "ok 🙂", [(0, 8, "ok 🙂".encode("utf-16-be"))]),
        ("ucs2", "STOP", [(0, 8, "STOP".encode("utf-16-be"))]),
        ("gsm7", "Да", [(0, 8, "Да".encode("utf-16-be"))]),
        ("latin1", "café", [(0, 3, "café".encode("latin-1"))]),
        ("latin1", "Да", [(0, 8, "Да".encode("utf-16-be"))]),
    ],
)
async def test_codings(sandbox: Sandbox, coding: str, text: str, expected: list[tuple[int, int, bytes]]) -> None:
    sandbox.switches = sandbox.switches.changed({"smpp_inbound_coding": coding})
    assert await inbound(sandbox, text) == expected


@pytest.mark.parametrize(
    "parts, expected",
    [
        ("udh8", [(0x40, 0, b"\5\0\3\1\2\1" + b"a" * 153), (0x40, 0, b"\5\0\3\1\2\2" + b"a" * 47)]),
        ("udh16", [(0x40, 0, b"\6\x08\4\0\1\2\1" + b"a" * 152), (0x40, 0, b"\6\x08\4\0\1\2\2" + b"a" * 48)]),
        ("sar", [(0, 0, b"a" * 153), (0, 0, b"a" * 47)]),
        ("payload", [(0, 0, b"a" * 200)]),
    ],
)
async def test_parts(sandbox: Sandbox, parts: str, expected: list[tuple[int, int, bytes]]) -> None:
    sandbox.switches = sandbox.switches.changed({"smpp_inbound_parts": parts})
    assert await inbound(sandbox, "a" * 200, len(expected)) == expected


async def test_a_short_numbers_messages_go_to_its_script_and_nowhere_else(sandbox: Sandbox) -> None:
    """Document, "Короткий номер": a script; forwarding by SMPP is a setting of an incoming number."""
    script = ShortNumber(number=NUMBER, url="http://127.0.0.1:9/")
    sandbox.accounts.get().inbound = InboundSettings(short_numbers=(script,))
    sandbox.platform.inbound(sender=SENDER, recipient=NUMBER, text="short")
    assert await inbound(sandbox, "long", number="79990001122") == [(0, 0, b"long")]


async def test_sar_parameters(sandbox: Sandbox) -> None:
    sandbox.switches = sandbox.switches.changed({"smpp_inbound_parts": "sar"})
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        sandbox.platform.inbound(sender=SENDER, recipient=NUMBER, text="щ" * 100)
        found = [(await esme.delivered()).tlvs for _ in range(2)]
    assert found == [{0x020C: b"\0\1", 0x020E: b"\2", 0x020F: bytes((part,))} for part in (1, 2)]


async def test_long_latin_1(sandbox: Sandbox) -> None:
    sandbox.switches = sandbox.switches.changed({"smpp_inbound_coding": "latin1"})
    found = await inbound(sandbox, "é" * 141, 2)
    assert [(coding, len(octets)) for _, coding, octets in found] == [(3, 139), (3, 14)]
    sandbox.switches = sandbox.switches.changed({"smpp_inbound_parts": "payload"})
    assert await inbound(sandbox, "é" * 170) == [(0, 3, b"\xe9" * 170)]


async def test_every_long_message_has_a_reference_of_its_own(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        for _ in range(3):
            sandbox.platform.inbound(sender=SENDER, recipient=NUMBER, text="a" * 161)
        references = [(await esme.delivered()).text[3] for _ in range(6)]
    assert references == [1, 1, 2, 2, 3, 3]


async def test_a_named_recipient(sandbox: Sandbox) -> None:
    assert await inbound(sandbox, "hi", number="MyCompany") == [(0, 0, b"hi")]


async def test_the_same_message_over_smpp_v1_and_the_control_api(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme, Foreign(sandbox) as http, V1(sandbox, login="sandbox", password="sandbox") as v1:
        assert await esme.bind() == 0
        body = {"from": SENDER, "to": NUMBER, "text": "Да"}
        assert (await http.call("POST", "/_sandbox/inbound", json=body)).status_code == 201
        assert (await esme.delivered()).text == "Да".encode("utf-16-be")
        assert (await v1.call(operation="incoming")).findtext("messages/message/text") == "Да"
    assert sandbox.messages[0].direction == "mo"


async def test_kept_and_tried_again(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        sandbox.platform.inbound(sender=SENDER, recipient=NUMBER, text="a" * 161)
        assert await esme.silent()
        assert sandbox.smpp.deliveries.waiting() == 2
    async with Esme(sandbox, node=2) as esme:
        assert await esme.bind(RECEIVER) == 0
        esme.answers = NOT_NOW
        for _ in range(2):
            await esme.delivered()
        await settle()
        assert await esme.silent()
        assert sandbox.smpp.deliveries.waiting() == 2
        esme.answers = 0
        await sandbox.advance(5)
        for _ in range(2):
            await esme.delivered()
        await settle()
    assert sandbox.smpp.deliveries.counts["inbounds delivered"] == 2


async def test_only_to_whom_it_belongs(sandbox: Sandbox) -> None:
    sandbox.accounts.get().add_department("shop", "s3cret")
    async with Esme(sandbox) as main, Esme(sandbox) as shop:
        assert await main.bind() == 0
        assert await shop.bind(system_id="sandbox:shop", password="s3cret") == 0
        sandbox.platform.inbound(sender=SENDER, recipient=NUMBER, text="for the shop", login="sandbox:shop")
        assert (await shop.delivered()).text == b"for the shop"
        assert await main.silent()


async def test_the_accounts_setting(sandbox: Sandbox) -> None:
    sandbox.accounts.get().inbound = InboundSettings(smpp=False)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        sandbox.platform.inbound(sender=SENDER, recipient=NUMBER, text="by other ways")
        assert await esme.silent()


async def test_by_a_fault_it_is_lost(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Lose(), operation="inbound", nth=2))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        sandbox.platform.inbound(sender=SENDER, recipient=NUMBER, text="a" * 161)
        await esme.delivered()
        assert await esme.silent()


async def test_a_deliver_sm_as_it_is(sandbox: Sandbox) -> None:
    """Binary, a vendor's parameter, a type of number that nobody knows."""
    async with Esme(sandbox, node=2) as esme:
        assert await esme.bind() == 0
        pdu = DeliverSm(
            source_addr_ton=7, source_addr=SENDER, destination_addr=NUMBER, data_coding=0xF1,
            short_message=b"\0\xff", tlvs=Tlvs.build(((0x1401, b"\1\2"),)),
        )  # fmt: skip
        sandbox.smpp.deliver(pdu, node=2)
        found = await esme.delivered()
        assert (found.text, found.tlvs, found.source_ton, found.data_coding) == (b"\0\xff", {0x1401: b"\1\2"}, 7, 0xF1)
    with pytest.raises(LocalProtocolError):
        sandbox.smpp.deliver(DeliverSm(short_message=b"x" * 255))
    with pytest.raises(ConfigurationError):
        sandbox.smpp.deliver(DeliverSm(), login="nobody")
