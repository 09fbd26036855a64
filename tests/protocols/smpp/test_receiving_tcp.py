"""What comes in, over real TCP and the real transceiver: early receipts, the other bind, reconnects, back-pressure."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sms_traffic_async.message_ids import IdMatching
from sms_traffic_async.messages import InboundMessage, Message, StatusUpdate
from sms_traffic_async.protocols.smpp.pdu import DataSm, DeliverSm, Tlvs
from sms_traffic_async.protocols.smpp.receiving import Acknowledgement
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from tests.protocols.smpp.kit import MESSAGE, TO, Client, client, until
from tests.support.smpp_peer import Peer, Reply, Smsc, Submitted
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

STATUS = CommandStatus


def receipt(message_id: str, *, in_text: str | None = None) -> DeliverSm:
    text = (
        f"id:{in_text or message_id} sub:001 dlvrd:001 submit date:2511271358 done date:2511271359 "
        "stat:DELIVRD err:000 text:Hello"
    )
    return DeliverSm(
        source_addr=TO,
        destination_addr="Brand",
        esm_class=0x04,
        short_message=text.encode(),
        tlvs=Tlvs.build([(0x0427, b"\2"), (0x001E, message_id.encode() + b"\0")]),
    )


def part(number: int, total: int, text: str) -> DeliverSm:
    return DeliverSm(
        source_addr=TO,
        destination_addr="1234",
        esm_class=0x40,
        data_coding=8,
        short_message=bytes((5, 0, 3, 9, total, number)) + text.encode("utf-16-be"),
    )


class Listener:
    """An application on both sinks."""

    def __init__(self, one: Client) -> None:
        self.updates: list[StatusUpdate] = []
        self.messages: list[InboundMessage] = []
        self.acks: list[Acknowledgement] = []
        self.told: list[str] = []
        self.room = 1000
        one.hub.receiving.updates = self.update
        one.hub.receiving.inbound = self.message

    def update(self, updates: Sequence[StatusUpdate]) -> bool:
        if len(updates) > self.room:
            return False
        self.updates += updates
        return True

    def message(self, message: InboundMessage, ack: Acknowledgement) -> bool:
        if not self.room:
            return False
        self.messages.append(message)
        self.acks.append(ack)
        return True

    @property
    def ids(self) -> list[str]:
        return [update.message_id for update in self.updates]


def statuses(peer: Peer) -> list[int]:
    return [int(answered.response.command_status) for answered in peer.answers]


async def bound(one: Client) -> None:
    assert await one.hub.ready(5)


async def test_a_receipt_of_what_was_sent() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        app = Listener(one)
        sent = await one.smpp.submit(MESSAGE)
        (peer,) = smsc.bound
        peer.deliver(receipt(sent.message_ids[0]))
        await until(lambda: peer.answers)
        (update,) = app.updates
        assert (update.message_id, update.status, update.node, update.source, update.to) == (
            sent.message_ids[0], "Delivered", smsc.name, "receipt", TO,
        )  # fmt: skip
        assert statuses(peer) == [0]
        assert one.smpp.stats().receiving.unmatched == 0


async def test_a_receipt_that_overtakes_its_response() -> None:
    order: list[str] = []

    def answer(submitted: Submitted) -> Reply:
        submitted.peer.deliver(receipt("77"))
        return Reply(message_id="77", delay=0.5)

    async with Smsc(answer=answer) as smsc, client(smsc) as one:
        app = Listener(one)
        app.update = lambda updates: not order.append(f"receipt {updates[0].message_id}")  # type: ignore[func-returns-value, method-assign]
        one.hub.receiving.updates = app.update
        sent = asyncio.create_task(one.smpp.submit(MESSAGE))
        sent.add_done_callback(lambda _: order.append("submission"))
        await until(lambda: one.hub.stats().receiving.held)
        assert order == []
        assert smsc.bound[0].answers == []
        assert (await sent).message_ids == ("77",)
        await until(lambda: smsc.bound[0].answers)
        assert order == ["receipt 77", "submission"]
        assert one.smpp.stats().receiving.unmatched == 0


async def test_an_early_receipt_whose_response_is_not_the_first_of_its_read() -> None:
    """All responses of a read are one moment: the first of them proves nothing about the receipt of the second."""

    def answer(submitted: Submitted) -> Reply:
        second = submitted.request.destination_addr.endswith("2")
        if second:
            submitted.peer.deliver(receipt("1A2B", in_text="6699"))
        return Reply(message_id="1A2B" if second else "1A2A", delay=0.5)

    async with Smsc(answer=answer) as smsc, client(smsc, id_matching=IdMatching(hex_decimal=True)) as one:
        app = Listener(one)
        await bound(one)
        sends = [one.smpp.submit(Message(to=f"7916111223{digit}", text="hello")) for digit in "12"]
        first, second = await asyncio.gather(*sends)
        await until(lambda: smsc.bound[0].answers)
        assert (first.message_ids, second.message_ids) == (("1A2A",), ("1A2B",))
        assert app.ids == ["1A2B"]
        assert one.smpp.stats().receiving.unmatched == 0


async def test_hexadecimal_and_early_and_on_the_other_server() -> None:
    second = Smsc()

    def answer(_: Submitted) -> Reply:
        second.bound[0].deliver(receipt("6699"))
        return Reply(message_id="1A2B", delay=0.5)

    async with Smsc(answer=answer) as first, second:
        matching = IdMatching(hex_decimal=True)
        async with (
            client([first, second], id_matching=matching, bind="transmitter") as sender,
            client([second], bind="transceiver") as receiver,
        ):
            # The receiving side of an account is one, whatever number of links bring receipts.
            receiver.hub.receiving = sender.hub.receiving
            app = Listener(sender)
            await bound(receiver)
            sent = await sender.smpp.submit(MESSAGE)
            await until(lambda: app.updates)
            assert app.ids == list(sent.message_ids) == ["1A2B"]
            assert app.updates[0].node == second.name


async def test_an_error_answer_lets_go_of_what_waited() -> None:
    async with Smsc(answer=lambda _: Reply(status=STATUS.ESME_RINVDSTADR, delay=0.5)) as smsc, client(smsc) as one:
        app = Listener(one)
        await bound(one)
        sent = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.submits)
        smsc.bound[0].deliver(receipt("of another process"))
        await until(lambda: one.hub.stats().receiving.held)
        await asyncio.wait([sent])
        assert sent.exception() is not None
        answered = smsc.now()
        await until(lambda: app.updates)
        assert smsc.now() - answered < 0.1
        assert app.ids == ["of another process"]
        assert one.smpp.stats().receiving.unmatched == 1


async def test_receipts_while_nothing_is_sent_are_not_held_up() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        app = Listener(one)
        await bound(one)
        began = smsc.now()
        for number in range(200):
            smsc.bound[0].deliver(receipt(str(number)))
        await until(lambda: len(app.updates) == 200)
        assert smsc.now() - began < 1


async def test_repeated_after_the_connection_was_lost() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        app = Listener(one)
        await bound(one)
        (peer,) = smsc.bound
        hello = DeliverSm(source_addr=TO, destination_addr="1234", short_message=b"Hello")
        peer.deliver(receipt("1"))
        peer.deliver(hello)
        await until(lambda: app.updates and app.messages)
        # The connection is cut before the platform sees an answer to the message.
        peer.mute = True
        app.acks[0]()
        peer.cut()
        await until(lambda: smsc.bound and smsc.bound[0] is not peer)
        again = smsc.bound[0]
        again.deliver(receipt("1"))
        again.deliver(hello)
        await until(lambda: len(again.answers) == 2)
        assert statuses(again) == [0, 0]
        assert (app.ids, [message.text for message in app.messages]) == (["1"], ["Hello"])
        again.deliver(hello)
        await until(lambda: len(app.messages) == 2)


async def test_full_and_nobody() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        app = Listener(one)
        await bound(one)
        (peer,) = smsc.bound
        app.room = 0
        peer.deliver(receipt("1"))
        peer.deliver(DeliverSm(source_addr=TO, short_message=b"Hello"))
        await until(lambda: len(peer.answers) == 2)
        one.hub.receiving.updates = one.hub.receiving.inbound = None
        peer.deliver(receipt("1"))
        peer.deliver(DeliverSm(source_addr=TO, short_message=b"Hello"))
        await until(lambda: len(peer.answers) == 4)
        assert statuses(peer) == [STATUS.ESME_RMSGQFUL] * 2 + [STATUS.ESME_RX_T_APPN] * 2


async def test_a_message_in_parts_with_all_acknowledged_at_once() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        app = Listener(one)
        await bound(one)
        (peer,) = smsc.bound
        for number, text in ((3, "три"), (1, "раз "), (2, "два ")):
            peer.deliver(part(number, 3, text))
        await until(lambda: app.messages)
        assert app.messages[0].text == "раз два три"
        assert peer.answers == []
        app.acks[0]()
        await until(lambda: len(peer.answers) == 3)
        assert statuses(peer) == [0, 0, 0]


async def test_a_platform_that_sends_one_at_a_time() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        app = Listener(one)
        await bound(one)
        (peer,) = smsc.bound
        left: list[Any] = [part(1, 2, "раз "), part(2, 2, "два")]
        for _ in range(6):
            pdu = left.pop(0)
            peer.deliver(pdu)
            for ack in app.acks:
                ack()
            done = len(peer.answers) + 1

            def answered(wanted: int = done) -> bool:
                for ack in app.acks:
                    ack()
                return len(peer.answers) == wanted

            await until(answered)
            if statuses(peer)[-1]:
                left.append(pdu)
            if not left:
                break
        assert [message.text for message in app.messages] == ["раз два"]
        assert left == []


async def test_data_sm_is_answered_with_its_own_response() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        app = Listener(one)
        await bound(one)
        (peer,) = smsc.bound
        peer.deliver(DataSm(source_addr=TO, destination_addr="1234", tlvs=Tlvs.build([(0x0424, b"Hello")])))
        await until(lambda: app.messages)
        app.acks[0]()
        await until(lambda: peer.answers)
        assert type(peer.answers[0].response).__name__ == "DataSmResp"
        assert statuses(peer) == [0]


async def test_with_the_bind_response_in_one_segment() -> None:
    async with Smsc(with_bind=receipt("1")) as smsc, client(smsc) as one:
        app = Listener(one)
        await bound(one)
        await until(lambda: smsc.bound[0].answers)
        assert app.ids == ["1"]


async def test_close_while_the_application_still_has_a_message() -> None:
    async with Smsc() as smsc:
        async with client(smsc) as one:
            app = Listener(one)
            await bound(one)
            (peer,) = smsc.bound
            peer.deliver(DeliverSm(source_addr=TO, short_message=b"Hello"))
            await until(lambda: app.acks)
            began = smsc.now()
        # It is left with the platform, and nobody waits for the application.
        assert smsc.now() - began < 1
        assert statuses(peer) == [STATUS.ESME_RX_T_APPN]
        assert peer.unbound
        app.acks[0]()
