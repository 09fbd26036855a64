"""Defects that were proven in aiosmpplib 0.7.4, by their number there. Ours has none of them.

Only those of codec, session machine, receipts and reassembly; the others belong to the client and the text.
"""

from __future__ import annotations

import gc
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from sms_traffic_async.protocols.smpp.pdu import (
    Bind,
    DataSm,
    DeliverSm,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    SubmitTemplate,
    decode,
    encode,
    format_absolute,
    parse_time,
)
from sms_traffic_async.protocols.smpp.protocol import (
    Answered,
    BindRefused,
    Ended,
    EndReason,
    Expired,
    Refused,
    Requested,
    Session,
    State,
    Unexpected,
)
from sms_traffic_async.protocols.smpp.reassembly import Reassembler, part_of
from sms_traffic_async.protocols.smpp.receipts import IdMatching, is_receipt, read_receipt
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus, Role
from sms_traffic_async.secrets import Secret
from tests.protocols.smpp.pair import PASSWORD, Pair, bound_esme, deliver, headers, one, only, raw, tlv

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()
RECEIPT = b"id:1 sub:001 dlvrd:001 submit date:2511271358 done date:2511271359 stat:DELIVRD err:000 text:"


def delivered(frame: bytes) -> DeliverSm:
    """What a bound session hands on for a deliver_sm; it must neither refuse it nor end."""
    session = bound_esme()
    session.receive_data(frame, 1.0)
    request = one(Requested, session.events()).request
    assert isinstance(request, DeliverSm)
    assert session.acknowledge(int.from_bytes(frame[12:16]))
    assert session.is_bound
    return request


def test_defect_02_a_response_finds_its_request_however_early_it_comes() -> None:
    session = bound_esme(window=100)
    for number in range(20):
        sequence = session.submit(BODY, 0.0, number)
        # Before anything was written, drained or awaited.
        session.receive_data(raw(0x80000004, sequence, b"%d\0" % number), 0.0)
    answers = only(Answered, session.events())
    assert [(event.token, event.response) for event in answers] == [
        (number, SubmitSmResp(message_id=str(number))) for number in range(20)
    ]


def test_defect_03_no_more_than_the_window_is_outstanding_and_nothing_fails_for_a_burst() -> None:
    pair = Pair(window=50)
    left, outcomes, most = 6000, [], 0
    while left or pair.esme.in_flight:
        while left and pair.esme.room:
            pair.esme.submit(BODY, pair.now, left)
            left -= 1
        most = max(most, pair.esme.in_flight)
        pair.exchange()
        pair.answer_all(SubmitSmResp, message_id="1")
        outcomes += pair.take(pair.esme_events)
    assert most == 50
    assert len(outcomes) == 6000
    assert {type(event) for event in outcomes} == {Answered}
    assert pair.esme.stats.unexpected == 0


def test_defect_04_what_waits_costs_nothing() -> None:
    def cost(waiting: int) -> float:
        session = bound_esme(window=waiting + 1)
        for _ in range(waiting):
            session.submit(BODY, 0.0)
        best = float("inf")
        for _ in range(5):
            start = time.thread_time()
            for _ in range(200):
                sequence = session.submit(BODY, 1.0)
                session.receive_data(raw(0x80000004, sequence, b"1\0"), 1.0)
                session.on_time(1.0)
                session.next_deadline()
            best = min(best, time.thread_time() - start)
            session.events()
            session.data_to_send()
        return best

    assert cost(20_000) < 20 * cost(10)  # theirs: 18 µs against 18 ms


@pytest.mark.parametrize(
    "text",
    [
        RECEIPT.replace(b"err:000", b"err:00A"),
        RECEIPT.replace(b"2511271358", b"251127135800").replace(b"2511271359", b"20251127135900"),
        RECEIPT.replace(b"sub:001", b"sub:x"),
        RECEIPT.replace(b"2511271358", b"9999999999"),
        b"nonsense",
        b"id:",
    ],
)
def test_defect_09_a_receipt_with_a_strange_text_ends_nothing(text: bytes) -> None:
    request = delivered(deliver(text, esm_class=4))
    assert is_receipt(request)
    receipt = read_receipt(request)
    assert receipt.raw == text
    assert receipt.error in {None, 0}


@pytest.mark.parametrize("tlvs", [b"", tlv(0x001E, b"1\0") + tlv(0x0427, b"\2")])
@pytest.mark.parametrize("esm_class", [0, 4])
def test_defect_10_an_empty_message_is_a_message(esm_class: int, tlvs: bytes) -> None:
    request = delivered(deliver(b"", esm_class=esm_class, tlvs=tlvs))
    assert request.short_message == b""
    if tlvs:
        receipt = read_receipt(request)
        assert (receipt.message_id, receipt.status) == ("1", "Delivered")


@pytest.mark.parametrize(
    "tag, value", [(0x0423, b"\x03\x00\xc8"), (0x1400, b"\xff\xfe\x00"), (0x3FFF, bytes(range(256)))]
)
def test_defect_11_a_binary_parameter_is_just_octets(tag: int, value: bytes) -> None:
    request = delivered(deliver(RECEIPT, esm_class=4, tlvs=tlv(tag, value)))
    assert request.tlvs.get(tag) == value
    if tag == 0x0423:
        receipt = read_receipt(request)
        assert (receipt.network_type, receipt.error) == (3, 200)


@pytest.mark.parametrize(
    "tlvs",
    [
        b"\x04\x27\x00\x05\x02",  # longer than there is
        b"\x04\x27\x00",  # cut in its head
        tlv(0x0427, b"") + tlv(0x0210, b""),  # a number of no octets
        tlv(0x0427, b"\0\0\2"),  # a number of three
        tlv(0x001E, b"1\0") + b"\xff",
    ],
)
def test_defect_12_a_broken_parameter_ends_nothing(tlvs: bytes) -> None:
    request = delivered(deliver(RECEIPT, esm_class=4, tlvs=tlvs))
    receipt = read_receipt(request)
    assert (receipt.message_id, receipt.status) == ("1", "Delivered")


def test_defect_13_a_vendors_status_is_kept_and_an_unknown_command_refused() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.receive_data(raw(0x80000004, sequence, b"", 0x400) + raw(0x00010203, 9, b"whatever"), 1.0)
    answer, refused = session.events()
    assert isinstance(answer, Answered)
    assert answer.response.command_status == 0x400
    assert isinstance(refused, Refused)
    assert headers(session.data_to_send()) == [(0x80000000, 0x03, 9)]
    assert session.is_bound


@pytest.mark.parametrize("length", [0x7FFFFFFF, 0x00100000, 0x11001])
def test_defect_14_a_length_is_believed_up_to_a_cap(length: int) -> None:
    session = bound_esme()
    session.receive_data(length.to_bytes(4) + raw(0x05, 1)[4:], 1.0)
    assert one(Ended, session.events()).reason is EndReason.BROKEN_FRAMING
    for _ in range(60):
        session.receive_data(bytes(65_536), 1.0)
    assert len(session._partial) == 0


def test_defect_15_every_refusal_carries_its_reason() -> None:
    session = bound_esme()
    session.receive_data(
        raw(0x99, 1) + raw(0x04, 2, BODY) + raw(0x05, 3, b"\0") + deliver(sequence=4)[:-2] + b"\0\0", 1.0
    )
    session.receive_data(raw(0x05, 5, deliver(b"Hello")[16:-1]), 1.0)
    statuses = [status for _, status, _ in headers(session.data_to_send())]
    assert statuses == [0x03, 0x04, 0x02, 0x01]
    session.receive_data(b"\0\0\0\1" + bytes(12), 1.0)
    assert headers(session.data_to_send()) == [(0x80000000, 0x02, 0)]


def test_defect_16_a_reference_of_two_octets() -> None:
    store = Reassembler()
    assert store.add(part_of(delivered(deliver(b"\6\x08\4\x12\x34\2\2two", esm_class=0x40))), 0.0).messages == []
    joined = store.add(part_of(delivered(deliver(b"\6\x08\4\x12\x34\2\1one ", esm_class=0x40))), 0.0)
    assert [message.text for message in joined.messages] == ["one two"]


def test_defect_17_a_header_of_ports_is_no_part() -> None:
    part = part_of(delivered(deliver(b"\6\5\4\x15\x8a\0\0Hello", esm_class=0x40)))
    assert [message.text for message in Reassembler().add(part, 0.0).messages] == ["Hello"]


def test_defect_18_eleven_parts_are_in_order() -> None:
    store = Reassembler()
    texts: list[str] = []
    for number in range(11, 0, -1):
        pdu = delivered(deliver(b"\5\0\3\7\x0b%c%02d." % (number, number), esm_class=0x40))
        texts += [message.text for message in store.add(part_of(pdu), 0.0).messages]
    assert texts == ["01.02.03.04.05.06.07.08.09.10.11."]


def test_defect_19_two_senders_with_one_reference() -> None:
    store = Reassembler()
    joined = [
        store.add(part_of(delivered(deliver(b"\5\0\3\7\2" + rest, source=source, esm_class=0x40))), 0.0).messages
        for source, rest in ((b"111", b"\1one "), (b"999", b"\2TWO"), (b"111", b"\2two"), (b"999", b"\1ONE "))
    ]
    assert [[(message.source_addr, message.text) for message in messages] for messages in joined] == [
        [], [], [("111", "one two")], [("999", "ONE TWO")],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "frame, text",
    [
        (deliver(b"Hello", source_ton=7), "Hello"),
        (deliver(b"Hello", source_ton=255), "Hello"),
        (deliver(b"Hello", data_coding=0xF1), "Hello"),
        (deliver(b"\x80Hello", data_coding=0), "\ufffdHello"),
        (deliver(b"\x80\x00", data_coding=4), ""),
        (deliver(b"\x80\x00", data_coding=0x63), ""),
    ],
)
def test_defect_20_strange_numbers_pass(frame: bytes, text: str) -> None:
    request = delivered(frame)
    (message,) = Reassembler().add(part_of(request), 0.0).messages
    assert message.text == text
    assert message.parts[0].octets == request.short_message


def test_defect_21_a_heartbeat_is_answered_before_anybody_is_asked() -> None:
    session = bound_esme()
    session.receive_data(deliver(sequence=1) + raw(0x15, 2), 1.0)
    # No event was taken, no driver ran.
    assert headers(session.data_to_send()) == [(0x80000015, 0, 2)]


def test_defect_22_leaving_reads_on_until_everything_is_settled() -> None:
    session = bound_esme()
    sequences = [session.submit(BODY, 0.0, number) for number in range(5)]
    unbind = session.unbind(1.0)
    answers = b"".join(raw(0x80000004, sequence, b"1\0") for sequence in sequences)
    session.receive_data(answers + raw(0x80000006, unbind), 2.0)
    events = session.events()
    assert [event.token for event in only(Answered, events)] == [0, 1, 2, 3, 4]
    assert events[-1] == Ended(reason=EndReason.UNBOUND)


def test_defect_23_already_bound_is_not_bound() -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(), 0.0)
    session.receive_data(raw(0x80000009, sequence, b"SMSC\0", 0x05), 1.0)
    assert one(BindRefused, session.events()).command_status is CommandStatus.ESME_RALYBND
    assert session.state is State.OPEN


def test_defect_24_a_bare_header_refuses_a_bind_with_its_status() -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(), 0.0)
    session.receive_data(raw(0x80000009, sequence, b"", 0x0E), 1.0)
    assert one(BindRefused, session.events()).command_status is CommandStatus.ESME_RINVPASWD


def test_defect_25_the_password_does_not_stay() -> None:
    session = bound_esme()
    seen: set[int] = set()
    left: list[Any] = [session]
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, type) or callable(thing) or hasattr(thing, "__path__"):
            continue
        seen.add(id(thing))
        assert not isinstance(thing, (Bind, Secret))
        if isinstance(thing, (bytes, bytearray, str)):
            assert PASSWORD not in (thing if isinstance(thing, str) else thing.decode("latin-1"))
        left += gc.get_referents(thing)
    assert len(seen) > 30


def test_defect_26_what_is_kept_is_bounded_and_no_number_is_used_twice() -> None:
    store = Reassembler(max_messages=10)
    for reference in range(300):
        store.add(part_of(DeliverSm(source_addr=str(reference), esm_class=0x40, short_message=b"\5\0\3\7\2\1a")), 0.0)
    assert len(store) == 10
    session = bound_esme(window=1000)
    assert len({session.submit(BODY, 0.0) for _ in range(600)}) == 600


def test_defect_27_a_lost_connection_is_told_at_once() -> None:
    session = bound_esme()
    for number in range(5):
        session.submit(BODY, 0.0, number)
    session.data_to_send()
    session.receive_eof(1.0)
    assert session.events() == [Ended(reason=EndReason.LOST, unanswered=(0, 1, 2, 3, 4))]


def test_defect_28_a_nack_settles_the_submit() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "log id")
    session.receive_data(raw(0x80000000, sequence, status=0x08), 1.0)
    event = one(Answered, session.events())
    assert (event.token, event.response) == ("log id", GenericNack(command_status=CommandStatus.ESME_RSYSERR))


@pytest.mark.parametrize(
    "body, message_id",
    [(b"abc\0", "abc"), (b"abc\0" + tlv(0x1D, b"fine\0"), "abc"), (b"abc", "abc"), (b"\0", ""), (b"", "")],
)
def test_defect_29_an_id_ends_where_it_ends(body: bytes, message_id: str) -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0)
    session.receive_data(raw(0x80000004, sequence, body), 1.0)
    response = one(Answered, session.events()).response
    assert isinstance(response, SubmitSmResp)
    assert response.message_id == message_id


@pytest.mark.parametrize(
    "offset, text",
    [
        (timedelta(hours=-5), "250102030405020-"),
        (timedelta(hours=5, minutes=45), "250102030405023+"),
        (timedelta(hours=3), "250102030405012+"),
    ],
)
def test_defect_30_times_have_the_right_zone_and_century(offset: timedelta, text: str) -> None:
    moment = datetime(2025, 1, 2, 3, 4, 5, tzinfo=timezone(offset))
    assert format_absolute(moment) == text
    found = parse_time(text)
    assert isinstance(found, datetime)
    assert (found, found.year, found.utcoffset()) == (moment, 2025, offset)


def test_defect_31_the_parameters_id_comes_first_and_ids_can_be_matched() -> None:
    receipt = read_receipt(
        delivered(deliver(b"id:0059113978 stat:DELIVRD", esm_class=4, tlvs=tlv(0x001E, b"38601fa\0")))
    )
    assert receipt.message_id == "38601fa"
    matching = IdMatching(hex_decimal=True)
    assert set(matching.stored_keys("038601FA")) & set(receipt.lookup_keys(matching))


@pytest.mark.parametrize("length", [8, 9, 16, 64])
def test_defect_32_a_password_may_be_long(length: int) -> None:
    bind = Bind(system_id="example", password=Secret("x" * length))
    assert decode(encode(bind, 1)) == (1, bind)


def test_defect_33_five_hundred_submits_are_one_write_and_data_sm_is_taken() -> None:
    session = bound_esme(window=500)
    template = SubmitTemplate(SubmitSm(source_addr="79160000000"))
    sequences = [session.submit(template.body("79161112233", b"Hello"), 0.0) for _ in range(500)]
    assert [sequence for _, _, sequence in headers(session.data_to_send())] == sequences
    assert session.data_to_send() == b""
    session.receive_data(raw(0x0103, 3, b"\0\0\x001\0\1\x012\0\0\0\0" + tlv(0x0424, b"hi")), 1.0)
    assert isinstance(one(Requested, session.events()).request, DataSm)


def test_a_late_answer_is_not_lost() -> None:
    """Beside defect 3: a time-out is not the end of a message's story."""
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.on_time(30.0)
    session.receive_data(raw(0x80000004, sequence, b"1\0"), 45.0)
    events = session.events()
    assert [type(event) for event in events] == [Expired, Answered]
    assert only(Unexpected, events) == []
