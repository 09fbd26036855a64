"""submit_sm at the sandbox's SMSC: the document's tables, its UDH dumps, its refusals, the store that all share."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from sms_traffic_async.sandbox import Sandbox
from tests.sandbox.foreign import Foreign
from tests.sandbox.smpp_kit import DELIVER, RECEIVER, RESPONSE, SUBMIT, TRANSMITTER, Esme, read_string, submit_body, tlv
from tests.sandbox.v1_kit import V1

BAD_LENGTH, BAD_COMMAND, BAD_SOURCE, BAD_DESTINATION, FAILED, THROTTLED = 0x01, 0x03, 0x0A, 0x0B, 0x45, 0x58
UDHI = 0x40


@pytest.fixture
def no_limit(sandbox: Sandbox) -> None:
    sandbox.switches = replace(sandbox.switches, smpp_rate=None)


@pytest.mark.parametrize(
    "source, addresses, to",
    [(b"SMSTraffic", b"\5\0\1\1", b"79161112233"), (b"74957873595", b"\1\1\1\1", b"375291112233")],
)
async def test_table_2(sandbox: Sandbox, source: bytes, addresses: bytes, to: bytes) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        message_id = await esme.sent(
            "Привет".encode("utf-16-be"), data_coding=8, source=source, addresses=addresses, to=to
        )
    (message,) = sandbox.messages
    assert message.ids == (message_id,)
    assert (message.text, message.encoding, message.parts, message.protocol) == ("Привет", "ucs2", 1, "smpp")
    assert (message.to, message.originator, message.ip) == (to.decode(), source.decode(), "127.0.0.1")
    (entry,) = sandbox.accepted
    assert (entry.message_id, entry.to, entry.text, entry.protocol) == (message_id, to.decode(), "Привет", "smpp")
    assert not sandbox.findings
    exchange = sandbox.platform.store.exchange(entry.request_id)
    assert exchange is not None
    assert exchange.body.endswith("Привет".encode("utf-16-be"))
    assert message_id.encode() in exchange.answer


DUMP_8 = bytes.fromhex("050003D40302 043F04400438043204350442 0020003A0029")
DUMP_16 = bytes.fromhex("060804A7D40302 043F04400438043204350442 0020003A0029")
"""The document's two dumps: part 2 of 3 with reference D4, and with A7D4."""


@pytest.mark.parametrize("dump", [DUMP_8, DUMP_16], ids=["8-bit", "16-bit"])
async def test_the_documents_udh_dumps(sandbox: Sandbox, dump: bytes) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        second = await esme.sent(dump, esm_class=UDHI, data_coding=8)
        header = dump[: 1 + dump[0]]
        first = await esme.sent(header[:-1] + b"\1" + "раз ".encode("utf-16-be"), esm_class=UDHI, data_coding=8)
        third = await esme.sent(header[:-1] + b"\3" + " три".encode("utf-16-be"), esm_class=UDHI, data_coding=8)
        (message,) = sandbox.messages
        assert (message.text, message.parts) == ("раз привет :) три", 3)
        assert message.part_ids == (second, first, third)
        assert [entry.text for entry in sandbox.accepted] == ["привет :)", "раз ", " три"]
        assert message.cost == 3 * sandbox.accounts.get().price
        await sandbox.advance(5)
        assert [(await esme.delivered()).tlvs[0x1E] for _ in range(3)] == [
            one.encode() + b"\0" for one in (second, first, third)
        ]
    assert not sandbox.findings


async def test_the_documents_two_parts_over_v1_and_v2(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme, V1(sandbox, login="sandbox", password="sandbox") as v1, Foreign(sandbox) as v2:
        assert await esme.bind() == 0
        ids = [
            await esme.sent(bytes((5, 0, 3, 0xAF, 2, part)) + text, esm_class=UDHI)
            for part, text in ((1, b"a" * 153), (2, b"b" * 7))
        ]
        await sandbox.advance(5)
        for one in ids:
            assert await v1.status(one) == await v2.status(one) == "Delivered"
        sandbox.switches = replace(sandbox.switches, statuses_other_protocols=False)
        assert await v2.statuses(ids[0]) == []
    (message,) = sandbox.messages
    assert (message.text, message.parts, message.encoding) == ("a" * 153 + "b" * 7, 2, "gsm7")


async def test_parts_that_never_come(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(b"\5\0\3\1\4\2two", esm_class=UDHI)
        await esme.sent(b"\5\0\3\1\4\4four", esm_class=UDHI)
        await sandbox.advance(59)
        assert sandbox.messages[0].status == ""
        await sandbox.advance(5)
        assert sandbox.messages[0].text == "…two…four"
        assert sandbox.messages[0].status == "Delivered"
        assert [(await esme.delivered()).text.partition(b"text:")[2] for _ in range(2)] == [b"two", b"four"]


async def test_a_part_sent_twice_is_billed_twice(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        first, again, second = [
            await esme.sent(b"\5\0\3\1\2" + rest, esm_class=UDHI) for rest in (b"\1one", b"\1one", b"\2two")
        ]
    (message,) = sandbox.messages
    assert (message.text, message.part_ids) == ("onetwo", (first, again, second))
    assert message.cost == 3 * sandbox.accounts.get().price
    assert len(sandbox.accepted) == 3


async def test_a_reference_that_is_used_again(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(b"\5\0\3\1\2\1old", esm_class=UDHI)
        await esme.sent(b"\5\0\3\1\2\1new", esm_class=UDHI)
        await esme.sent(b"\5\0\3\1\2\2!", esm_class=UDHI)
        await esme.sent(b"\5\0\3\1\2\2!", esm_class=UDHI, to=b"79161112234")
        await esme.sent(b"\6\x08\4\0\1\2\2!", esm_class=UDHI)
    assert [message.text for message in sandbox.messages] == ["old…", "new!", "…!", "…!"]


async def test_a_surrogate_pair_cut_in_two(sandbox: Sandbox) -> None:
    octets = "🙂".encode("utf-16-be")
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(b"\5\0\3\1\2\1" + octets[:2], esm_class=UDHI, data_coding=8)
        await esme.sent(b"\5\0\3\1\2\2" + octets[2:], esm_class=UDHI, data_coding=8)
    assert sandbox.messages[0].text == "🙂"


@pytest.mark.parametrize(
    "octets, data_coding, esm_class, text, encoding",
    [
        (b"\x00\x02\x11\x0aHi", 0, 0, "@$_\nHi", "gsm7"),
        ("ÄÖ§¿".encode("latin-1"), 3, 0, "ÄÖ§¿", "gsm7"),
        ("Щ".encode("utf-16-be"), 8, 0, "Щ", "ucs2"),
        (b"\x1b\x65", 0x10, 0, "€", "gsm7"),
        ("Щ".encode("utf-16-be"), 0x18, 0, "Щ", "ucs2"),
        (b"\x00\xff\x10", 4, 0, "00 FF 10", "binary"),
        (b"\x06\x05\x04\x0b\x84\x23\xf0\x01\x02", 4, UDHI, "01 02", "binary"),
        ("Ж".encode("iso8859-5"), 6, 0, "Ж", "binary"),
    ],
)  # fmt: skip
async def test_codings(
    sandbox: Sandbox, octets: bytes, data_coding: int, esm_class: int, text: str, encoding: str
) -> None:
    """0 and 3 are read by the document's table, everything else passes as it is."""
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(octets, data_coding=data_coding, esm_class=esm_class)
    (message,) = sandbox.messages
    assert (message.text, message.encoding) == (text, encoding)
    assert message.flash == (data_coding in {0x10, 0x18})


@pytest.mark.parametrize(
    "octets, data_coding", [(b"100 \x1b\x65", 0), (b"\x10", 0), (b"[x]", 3), ("¢".encode("latin-1"), 3), (b"\x04", 8)]
)
async def test_what_is_not_in_the_table_is_told(sandbox: Sandbox, octets: bytes, data_coding: int) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(octets, data_coding=data_coding)
    (finding,) = sandbox.findings
    assert (finding.field, finding.refused, finding.operation) == ("short_message", False, "submit")


@pytest.mark.parametrize(
    "header, longest, unit, data_coding",
    [
        (b"", 160, b"a", 0), (b"\5\0\3\1\1\1", 153, b"a", 0), (b"\6\x08\4\0\1\1\1", 152, b"a", 3),
        (b"", 70, b"\4\x16", 8), (b"\5\0\3\1\1\1", 67, b"\4\x16", 8), (b"\6\x08\4\0\1\1\1", 66, b"\4\x16", 8),
        (b"", 140, b"\0", 4), (b"", 160, b"a", 0x10), (b"", 70, b"\4\x16", 0x18),
    ],
)  # fmt: skip
async def test_lengths(sandbox: Sandbox, header: bytes, longest: int, unit: bytes, data_coding: int) -> None:
    esm_class = UDHI if header else 0
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        answer = await esme.submit(header + unit * longest, data_coding=data_coding, esm_class=esm_class)
        assert answer.status == 0
        answer = await esme.submit(header + unit * (longest + 1), data_coding=data_coding, esm_class=esm_class)
        assert answer.status == BAD_LENGTH
        assert (await esme.submit(b"")).status == BAD_LENGTH
    assert len(sandbox.accepted) == 1


@pytest.mark.parametrize(
    "source", [b"Unknown", b" SMSTraffic", b"SMSTraffic ", b"smstraffic", b"TwelveLetter", b"7" * 16]
)
async def test_bad_senders(sandbox: Sandbox, source: bytes) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert (await esme.submit(source=source)).status == BAD_SOURCE
    assert not sandbox.accepted


async def test_a_numeric_sender_to_a_russian_number(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert (await esme.submit(source=b"3299", addresses=b"\1\1\1\1")).status == BAD_SOURCE
        sandbox.switches = replace(sandbox.switches, numeric_originator_refused=False)
        assert (await esme.submit(source=b"3299", addresses=b"\1\1\1\1")).status == 0


@pytest.mark.parametrize(
    "to",
    [
        b"+79161112233",
        b"123",
        b"7" * 16,
        b"7916111223",
        b"0123456789",
        b"",
        b"79161119431",
        b"79161119432",
        b"79161119419",
    ],
)
async def test_bad_numbers(sandbox: Sandbox, to: bytes) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert (await esme.submit(to=to)).status == BAD_DESTINATION
    assert not sandbox.accepted
    assert [finding.refused for finding in sandbox.findings] == [True]


async def test_blocked_temporary_and_no_money(sandbox: Sandbox) -> None:
    account = sandbox.accounts.get()
    account.blocked.add("79161112255")
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert (await esme.submit(to=b"79161112255")).status == BAD_DESTINATION
        assert (await esme.submit(to=b"79161119999")).status == 0x08
        account.balance = Decimal("0.7")
        assert (await esme.submit()).status == 0
        assert (await esme.submit()).status == FAILED
        assert (await esme.submit(b"\5\0\3\1\2\1x", esm_class=UDHI)).status == FAILED
    assert account.balance == Decimal("0.2")
    assert len(sandbox.accepted) == 1


async def test_a_moscow_number_is_reported_as_its_federal_twin(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(to=b"74951234567")
        await sandbox.advance(5)
        assert (await esme.delivered()).source == "79851234567"
    assert sandbox.accepted[0].to == "74951234567"


@pytest.mark.parametrize(
    "tlvs",
    [
        tlv(0x0424, b"a long text"), tlv(0x020C, b"\0\1") + tlv(0x020E, b"\2") + tlv(0x020F, b"\1"), tlv(0x1400, b"x"),
    ],
    ids=["message_payload", "sar", "vendor"],
)  # fmt: skip
async def test_parameters_of_submit_sm_are_refused(sandbox: Sandbox, tlvs: bytes) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert (await esme.submit(tlvs=tlvs)).status == 0xC1
        assert (await esme.submit()).status == 0
    assert [(finding.field, finding.refused) for finding in sandbox.findings] == [("tlvs", True)]


@pytest.mark.parametrize(
    "command, body",
    [
        (0x03, b"1\0\1\0017916\0"),
        (0x103, submit_body()[:-6] + tlv(0x0424, b"x")),
        (0x21, b"\0\5\0SMSTraffic\0\1\1\1\00179161112233\0" + bytes(9) + b"\5Hello"),
        (0x07, b"1\0\1\1x\0\0\0\0\0\2hi"),
        (0x08, b"\x001\0\1\1x\0\1\1x\0"),
    ],
    ids=["query_sm", "data_sm", "submit_multi", "replace_sm", "cancel_sm"],
)
async def test_what_is_not_supported_is_refused_by_name(sandbox: Sandbox, command: int, body: bytes) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        answer = await esme.call(command, body)
        assert answer.command == command | RESPONSE
        assert answer.status in {BAD_COMMAND, 0x02}
        assert (await esme.submit()).status == 0
    assert len(sandbox.accepted) == 1


async def test_an_unknown_command_gets_a_generic_nack(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        esme.send(0x0F00, b"x")
        assert (await esme.next(command=0x8000_0000)).status == BAD_COMMAND
        esme.send(SUBMIT, b"\0\1")
        assert (await esme.next(command=SUBMIT | RESPONSE)).status == 0x02
        assert (await esme.submit()).status == 0


@pytest.mark.parametrize(
    "name, fields, status",
    [
        ("service_type", {"service_type": b"CMT"}, 0x15),
        ("priority_flag", {"priority": 1}, 0x06),
        ("schedule_delivery_time", {"schedule": b"000001000000000R"}, 0x61),
        ("replace_if_present_flag", {"replace": 1}, 0x54),
        ("sm_default_msg_id", {"default_id": 1}, 0x63),
    ],
)
async def test_fields_that_are_not_supported(sandbox: Sandbox, name: str, fields: dict[str, Any], status: int) -> None:
    """Ignored or refused, the document does not say: a switch."""
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert (await esme.submit(**fields)).status == 0
        sandbox.switches = replace(sandbox.switches, smpp_unsupported_refused=True)
        assert (await esme.submit(**fields)).status == status
    assert [(finding.field, finding.refused) for finding in sandbox.findings] == [(name, False), (name, True)]


async def test_types_of_numbers_are_told(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(addresses=b"\1\1\1\1")
        await esme.sent(addresses=b"\5\0\0\0")
    assert [finding.field for finding in sandbox.findings] == ["source_addr_ton", "dest_addr_ton"]


@pytest.mark.parametrize(
    "validity, seconds",
    [
        (b"000000010000000R", 3600.0),
        (b"251218130000012+", 3600.0),
        (b"000000000000000R", None),
        (b"251218110000012+", None),
        (b"soon", None),
    ],
)
async def test_validity_period(sandbox: Sandbox, validity: bytes, seconds: float | None) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        answer = await esme.submit(to=b"79161119020", validity=validity)
        assert answer.status == (0x62 if seconds is None else 0)
        if seconds is not None:
            assert sandbox.messages[0].validity == seconds
            await sandbox.advance(3599)
            assert sandbox.messages[0].status == "Buffered SMSC"
            await sandbox.advance(2)
            assert sandbox.messages[0].status == "Expired"


async def test_without_a_sender_the_accounts_own_is_taken(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(source=b"", addresses=b"\0\0\1\1")
    assert sandbox.messages[0].originator == "SMSTraffic"


async def test_twenty_a_second(sandbox: Sandbox) -> None:
    """The window slides: the 21st within any second is throttled, and not counted."""
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        statuses = [(await esme.submit(b"%d" % number)).status for number in range(22)]
        assert statuses == [0] * 20 + [THROTTLED] * 2
        await sandbox.advance(0.999)
        assert (await esme.submit(b"too early")).status == THROTTLED
        await sandbox.advance(0.001)
        assert [(await esme.submit(b"again %d" % number)).status for number in range(21)] == [0] * 20 + [THROTTLED]
    assert len(sandbox.accepted) == 40


@pytest.mark.parametrize(
    "scope, taken", [("system_id", [2, 0, 2, 0]), ("account", [2, 0, 0, 0]), ("bind", [2, 2, 2, 2])]
)
async def test_whose_rate_it_is(sandbox: Sandbox, scope: str, taken: list[int]) -> None:
    """U10: two binds of the main login, on both nodes, and two of a department."""
    sandbox.switches = sandbox.switches.changed({"smpp_rate": 2.0, "smpp_rate_scope": scope})
    sandbox.accounts.get().add_department("shop", "s3cret")
    shop = {"system_id": "sandbox:shop", "password": "s3cret"}
    found: list[int] = []
    async with (
        Esme(sandbox) as one,
        Esme(sandbox, node=2) as two,
        Esme(sandbox) as three,
        Esme(sandbox, node=2) as four,
    ):
        for esme, credentials in ((one, {}), (two, {}), (three, shop), (four, shop)):
            assert await esme.bind(TRANSMITTER, **credentials) == 0
            statuses = [(await esme.submit(b"%d" % number)).status for number in range(4)]
            assert set(statuses) <= {0, THROTTLED}
            found.append(statuses.count(0))
    assert found == taken


async def test_an_accounts_own_rate(sandbox: Sandbox) -> None:
    sandbox.accounts.get().smpp_rate = 1.0
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert [(await esme.submit(b"%d" % number)).status for number in range(2)] == [0, THROTTLED]


@pytest.mark.usefixtures("no_limit")
async def test_the_fifth_same_text_in_an_hour(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        for _ in range(5):
            await esme.sent(b"the same")
        await sandbox.advance(5)
        words = [(await esme.delivered()).text.split(b"stat:")[1][:7] for _ in range(5)]
    assert sorted(words) == [b"DELIVRD"] * 4 + [b"REJECTD"]


@pytest.mark.usefixtures("no_limit")
async def test_thousands_in_one_read(sandbox: Sandbox) -> None:
    """Requests are pipelined without a window of the client's; each is answered, in order."""
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        body = submit_body(b"x", registered=0)
        first = esme.send(SUBMIT, body)
        for _ in range(2_999):
            esme.send(SUBMIT, body)
        answers = [await esme.next(command=SUBMIT | RESPONSE) for _ in range(3_000)]
    assert [answer.sequence for answer in answers] == list(range(first, first + 3_000))
    assert {answer.status for answer in answers} == {0}
    assert len({read_string(answer.body) for answer in answers}) == 3_000


async def test_octets_one_by_one(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        body = submit_body()
        frame = (16 + len(body)).to_bytes(4) + (4).to_bytes(4) + bytes(4) + (77).to_bytes(4) + body
        for octet in frame:
            esme.write(bytes((octet,)))
        answer = await esme.next(command=SUBMIT | RESPONSE)
        assert (answer.status, answer.sequence) == (0, 77)


async def test_reset_forgets_messages_and_deliveries_but_not_who_is_bound(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        for number in range(20):
            await esme.sent(b"%d" % number)
        await sandbox.advance(5)
        assert sandbox.smpp.deliveries.waiting("sandbox") == 20
        sandbox.reset()
        assert sandbox.smpp.deliveries.waiting() == 0
        assert len(sandbox.accepted) == 0
        assert (await esme.submit()).status == 0
        async with Esme(sandbox) as receiver:
            assert await receiver.bind(RECEIVER) == 0
            await sandbox.advance(5)
            assert (await receiver.next(command=DELIVER)).status == 0
            assert await receiver.silent()
