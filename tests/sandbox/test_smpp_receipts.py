"""Receipts of the sandbox's SMSC: table 3 of the document, who gets them, and what goes wrong with them."""

from dataclasses import replace

import pytest

from sms_traffic_async.sandbox import Drop, Duplicate, EarlyReceipt, FaultRule, Latency, Lose, Reorder, Sandbox
from tests.sandbox.foreign import Foreign
from tests.sandbox.smpp_kit import (
    DELIVER,
    RECEIVER,
    RESPONSE,
    SUBMIT,
    TRANSMITTER,
    UNBIND,
    Esme,
    read_deliver,
    read_string,
    settle,
    submit_body,
)

QUEUE_FULL, NOT_NOW, NEVER = 0x14, 0x64, 0x65
RECEIPT, INTERMEDIATE = 0x04, 0x20


async def test_table_3(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        message_id = await esme.sent(b"Your code is 1234")
        await sandbox.advance(125)
        receipt = await esme.delivered()
    assert (
        receipt.text
        == (
            f"id:{message_id} sub:001 dlvrd:001 submit date:2512181200 done date:2512181200 "
            "stat:DELIVRD err:000 text:Your code is 1234"
        ).encode()
    )
    assert (receipt.source, receipt.destination) == ("79161112233", "SMSTraffic")
    assert (receipt.source_ton, receipt.source_npi) == (1, 1)
    assert (receipt.esm_class, receipt.data_coding) == (RECEIPT, 0)
    assert receipt.tlvs == {0x0427: b"\2", 0x001E: message_id.encode() + b"\0"}


@pytest.mark.parametrize(
    "ending, word, state, error",
    [
        ("9003", b"UNDELIV", 5, 3), ("9017", b"UNDELIV", 5, 17), ("9020", b"EXPIRED", 3, 0), ("9021", b"REJECTD", 8, 0),
        ("9022", b"DELETED", 4, 0), ("9023", b"UNKNOWN", 7, 0),
    ],
)  # fmt: skip
async def test_negative_receipts(sandbox: Sandbox, ending: str, word: bytes, state: int, error: int) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        message_id = await esme.sent(b"x" * 80, to=b"7916111" + ending.encode())
        await sandbox.advance(5)
        receipt = await esme.delivered()
    assert b" dlvrd:000 " in receipt.text
    assert b" stat:%s err:%03d text:%s" % (word, error, b"x" * 65) in receipt.text
    assert receipt.tlvs == {
        0x0427: bytes((state,)), 0x001E: message_id.encode() + b"\0", 0x0423: b"\x08\0" + bytes((error,))
    }  # fmt: skip


@pytest.mark.parametrize(
    "registered, ending, words",
    [
        (0, "2233", []),
        (1, "2233", ["DELIVRD"]),
        (2, "2233", []),
        (2, "9003", ["UNDELIV"]),
        (0x10, "2233", ["ENROUTE"]),
        (0x11, "9003", ["ENROUTE", "UNDELIV"]),
        (1, "9040", ["DELIVRD"]),
        (1, "9031", []),
    ],
)
async def test_registered_delivery(sandbox: Sandbox, registered: int, ending: str, words: list[str]) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(registered=registered, to=b"7916111" + ending.encode())
        await sandbox.advance(5)
        receipts = [await esme.delivered() for _ in words]
        assert [one.text.split(b"stat:")[1].split()[0].decode() for one in receipts] == words
        assert [one.esm_class for one in receipts] == [INTERMEDIATE if word == "ENROUTE" else RECEIPT for word in words]
        assert await esme.silent()


@pytest.mark.parametrize("status", ["Checked", "Read", "Clicked"])
async def test_more_than_delivered_is_no_negative_receipt(sandbox: Sandbox, status: str) -> None:
    """As where a code is checked before the phone has reported: no reason, and nothing for who asked for failures."""
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent(to=b"79161119031")
        await esme.sent(to=b"79161119031", registered=2)
        await sandbox.advance(5)
        for message in sandbox.messages:
            sandbox.platform.life.reach(message, status)
        receipt = await esme.delivered()
        assert await esme.silent()
    assert b" dlvrd:001 " in receipt.text
    assert b" stat:DELIVRD err:000 " in receipt.text
    assert receipt.tlvs.keys() == {0x0427, 0x001E}


async def test_what_is_not_latin_is_shown_as_question_marks(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent("Код 12 [x]".encode("utf-16-be"), data_coding=8)
        await sandbox.advance(5)
        assert (await esme.delivered()).text.endswith(b"text:??? 12 ?x?")


async def test_a_message_of_another_protocol_brings_no_receipt(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme, Foreign(sandbox) as http:
        assert await esme.bind() == 0
        await http.sent()
        await sandbox.advance(5)
        assert await esme.silent()


async def test_kept_until_somebody_receives(sandbox: Sandbox) -> None:
    """In the order they came, over both nodes' receivers; a transmitter gets none."""
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        ids = [await esme.sent(b"%d" % number) for number in range(12)]
        await sandbox.advance("2h")
        assert await esme.silent()
        assert sandbox.smpp.deliveries.waiting("sandbox") == 12
    async with Esme(sandbox, node=2) as other:
        assert await other.bind(RECEIVER) == 0
        assert [read_string((await other.delivered()).tlvs[0x1E]) for _ in range(12)] == ids
        await settle()
    assert sandbox.smpp.deliveries.waiting() == 0
    assert sandbox.smpp.deliveries.counts["receipts delivered"] == 12


@pytest.mark.parametrize("status", [QUEUE_FULL, NOT_NOW])
async def test_refused_for_now_is_tried_again(sandbox: Sandbox, status: int) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        esme.answers = status
        await esme.sent()
        await sandbox.advance(1)
        assert b"DELIVRD" in (await esme.delivered()).text
        await settle()
        assert await esme.silent()
        await sandbox.advance(sandbox.switches.smpp_retry_after)
        esme.answers = 0
        assert b"DELIVRD" in (await esme.delivered()).text
        await sandbox.advance("1h")
        assert await esme.silent()
    assert sandbox.smpp.deliveries.counts == {"refused for now": 1, "redelivered": 1, "receipts delivered": 1}


async def test_refused_for_good_ends_it(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        esme.answers = NEVER
        await esme.sent()
        await sandbox.advance(1)
        await esme.delivered()
        await settle()
        await sandbox.advance("1h")
        assert await esme.silent()
    assert sandbox.smpp.deliveries.counts == {"refused": 1}


async def test_unanswered_when_the_connection_goes_is_delivered_again(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        ids = [await esme.sent(b"%d" % number) for number in range(15)]
        esme.answers = None
        await sandbox.advance(5)
        first = [await esme.next(command=DELIVER) for _ in range(10)]
        assert await esme.silent()  # the window is full
        assert sandbox.smpp.bound[0].unanswered == 10
        esme.send(DELIVER | RESPONSE, b"\0", sequence=first[3].sequence)
        assert (await esme.next(command=DELIVER)).command == DELIVER
    expected = [one for number, one in enumerate(ids) if number != 3]
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert [read_string((await esme.delivered()).tlvs[0x1E]) for _ in range(14)] == expected


async def test_the_window_is_a_switch(sandbox: Sandbox) -> None:
    sandbox.switches = replace(sandbox.switches, smpp_window=3)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        for number in range(5):
            await esme.sent(b"%d" % number)
        esme.answers = None
        await sandbox.advance(5)
        for _ in range(3):
            await esme.next(command=DELIVER)
        assert await esme.silent()


async def test_receipts_of_a_department_are_its_own(sandbox: Sandbox) -> None:
    sandbox.accounts.get().add_department("shop", "s3cret")
    async with Esme(sandbox) as main, Esme(sandbox) as shop:
        assert await main.bind() == 0
        assert await shop.bind(system_id="sandbox:shop", password="s3cret") == 0
        await shop.sent()
        await sandbox.advance(5)
        assert await main.silent()
        await shop.delivered()


@pytest.mark.parametrize(
    "rule, first, second", [("any", 1, 1), ("same", 1, 0), ("other", 0, 1)], ids=["any", "same", "other"]
)
async def test_which_node_brings_them(sandbox: Sandbox, rule: str, first: int, second: int) -> None:
    """U9: a message is sent to node 1; the receiver of which node gets its receipt, if it is the only one bound?"""
    sandbox.switches = sandbox.switches.changed({"smpp_receipts": rule})
    async with Esme(sandbox) as sender:
        assert await sender.bind(TRANSMITTER) == 0
        for node, expected in ((1, first), (2, second)):
            sandbox.smpp.deliveries.clear()
            async with Esme(sandbox, node=node) as receiver:
                assert await receiver.bind(RECEIVER) == 0
                await sender.sent(b"to node %d" % node)
                await sandbox.advance(5)
                if expected:
                    await receiver.delivered()
                assert await receiver.silent()
            assert sandbox.smpp.deliveries.waiting() == 1 - expected


async def test_with_receivers_on_both_nodes_the_takers_own_comes_first(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as one, Esme(sandbox, node=2) as two:
        assert await one.bind() == 0
        assert await two.bind() == 0
        ids = [await esme.sent() for esme in (one, two)]
        await sandbox.advance(5)
        assert [read_string((await esme.delivered()).tlvs[0x1E]) for esme in (one, two)] == ids


async def test_a_receiver_that_goes_leaves_its_deliveries_to_the_other_node(sandbox: Sandbox) -> None:
    async with Esme(sandbox, node=2) as two:
        assert await two.bind() == 0
        async with Esme(sandbox) as one:
            assert await one.bind() == 0
            one.answers = None
            message_id = await one.sent()
            await sandbox.advance(5)
            await one.next(command=DELIVER)
        assert read_string((await two.delivered()).tlvs[0x1E]) == message_id


@pytest.mark.parametrize("ids", ["same", "hex", "zeros", "case"])
async def test_forms_of_ids(sandbox: Sandbox, ids: str) -> None:
    sandbox.switches = sandbox.switches.changed({"smpp_ids": ids})
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        answered = await esme.sent()
        await sandbox.advance(5)
        receipt = await esme.delivered()
    told = read_string(receipt.tlvs[0x1E])
    assert receipt.text.startswith(f"id:{told} ".encode())
    stored = sandbox.messages[0].id
    expected = {
        "same": (stored, stored),
        "hex": (f"{int(stored):x}", stored),
        "zeros": ("0000" + stored, stored),
        "case": (f"{int(stored):X}", f"{int(stored):x}"),
    }
    assert (answered, told) == expected[ids]


async def test_lost(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Lose(), operation="receipt", nth=2))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        ids = [await esme.sent(b"%d" % number) for number in range(3)]
        await sandbox.advance("1h")
        assert [read_string((await esme.delivered()).tlvs[0x1E]) for _ in range(2)] == [ids[0], ids[2]]
        assert await esme.silent()
    (record,) = sandbox.faults.log
    assert (record.operation, record.request_id) == ("receipt", ids[1])


async def test_duplicated(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Duplicate(count=2), operation="receipt", nth=1))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        ids = [await esme.sent(b"%d" % number) for number in range(2)]
        await sandbox.advance(5)
        assert [read_string((await esme.delivered()).tlvs[0x1E]) for _ in range(4)] == [ids[0]] * 3 + [ids[1]]
        assert await esme.silent()


async def test_reordered(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Reorder(by=2), operation="receipt", nth=1))
    sandbox.faults.add(FaultRule(effect=Reorder(by=5, seconds=30), operation="receipt", nth=4))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        ids = [await esme.sent(b"%d" % number) for number in range(4)]
        await sandbox.advance(5)
        assert [read_string((await esme.delivered()).tlvs[0x1E]) for _ in range(3)] == [ids[1], ids[2], ids[0]]
        assert await esme.silent()
        await sandbox.advance(30)
        assert read_string((await esme.delivered()).tlvs[0x1E]) == ids[3]


async def test_delayed(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=60), operation="receipt"))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent()
        await sandbox.advance(59)
        assert await esme.silent()
        await sandbox.advance(2)
        await esme.delivered()


async def test_early(sandbox: Sandbox) -> None:
    """The receipt is on the wire before the answer to its submit_sm, and comes once."""
    sandbox.faults.add(FaultRule(effect=EarlyReceipt(), operation="submit", nth=2))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent()
        esme.send(SUBMIT, submit_body(to=b"79161119003"))
        receipt = read_deliver((await esme.next(command=DELIVER)).body)
        answer = await esme.next(command=SUBMIT | RESPONSE)
        assert receipt.tlvs[0x1E] == answer.body
        assert b"stat:UNDELIV err:003" in receipt.text
        await sandbox.advance("1h")
        assert read_string((await esme.delivered()).tlvs[0x1E]) == sandbox.messages[0].id
        assert await esme.silent()
    assert sandbox.messages[1].status == "Non Delivered"


async def test_early_over_the_other_bind(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=EarlyReceipt(), operation="submit"))
    async with Esme(sandbox) as sender, Esme(sandbox, node=2) as receiver:
        assert await sender.bind(TRANSMITTER) == 0
        assert await receiver.bind(RECEIVER) == 0
        message_id = await sender.sent()
        assert read_string((await receiver.delivered()).tlvs[0x1E]) == message_id


@pytest.mark.parametrize("when, written", [("before", False), ("after", True)])
async def test_cut_at_a_receipt(sandbox: Sandbox, when: str, written: bool) -> None:
    effect = Drop(when="after" if when == "after" else "before", how="fin")
    sandbox.faults.add(FaultRule(effect=effect, operation="receipt", times=1))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        message_id = await esme.sent()
        esme.answers = None
        await sandbox.advance(5)
        if written:
            await esme.next(command=DELIVER)
        assert await esme.ended()
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        assert read_string((await esme.delivered()).tlvs[0x1E]) == message_id


async def test_a_rule_for_all_requests_does_not_touch_receipts(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=1000), protocol="smpp", probability=0.0))
    sandbox.faults.add(FaultRule(effect=Lose(), protocol="smpp", every=2))
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        ids = [await esme.sent(b"%d" % number) for number in range(4)]
        await sandbox.advance(5)
        # Losing is something that only deliveries suffer: the binds and submits were not counted.
        assert [read_string((await esme.delivered()).tlvs[0x1E]) for _ in range(2)] == [ids[0], ids[2]]
        assert await esme.silent()


async def test_unbinding_with_receipts_on_their_way(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await esme.sent()
        esme.answers = None
        await sandbox.advance(5)
        receipt = await esme.next(command=DELIVER)
        esme.send(UNBIND)
        assert await esme.silent()  # the platform waits for what it is owed
        esme.send(DELIVER | RESPONSE, b"\0", sequence=receipt.sequence)
        assert (await esme.next(command=UNBIND | RESPONSE)).status == 0
        assert await esme.ended()
    assert sandbox.smpp.deliveries.waiting() == 0
