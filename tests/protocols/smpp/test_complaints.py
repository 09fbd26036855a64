"""What users of other SMPP libraries ran into (repository#issue), as far as codec and session machine are concerned."""

from __future__ import annotations

import pytest

from sms_traffic_async.protocols.smpp.options import KeepAlive
from sms_traffic_async.protocols.smpp.pdu import Bind, DeliverSm, SubmitSm, SubmitSmResp, Tlvs
from sms_traffic_async.protocols.smpp.protocol import (
    Answered,
    Bound,
    Ended,
    EndReason,
    Expired,
    Refused,
    Requested,
    Session,
    Unexpected,
)
from sms_traffic_async.protocols.smpp.reassembly import Reassembler, part_of
from sms_traffic_async.protocols.smpp.receipts import EXACT, IdMatching, read_receipt
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Role
from tests.protocols.smpp.pair import Pair, bound_esme, deliver, headers, one, only, raw, tlv

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()


def test_jsmpp_63_a_response_behind_a_flood_of_messages_is_settled_in_time() -> None:
    session = bound_esme(max_unanswered=50)
    sequence = session.submit(BODY, 0.0, "t")
    flood = b"".join(deliver(sequence=number) for number in range(1, 2000))
    session.receive_data(flood + raw(0x80000004, sequence, b"1\0"), 29.0)
    session.on_time(30.0)
    events = session.events()
    assert one(Answered, events).token == "t"
    assert only(Expired, events) == []


def test_smpp34_lost_responses_of_requests_registered_after_writing() -> None:
    pair = Pair(window=5000, max_unanswered=5000)
    for number in range(5000):
        pair.esme.submit(BODY, pair.now, number)
    pair.exchange()
    pair.answer_all(SubmitSmResp, message_id="1")
    assert [event.token for event in only(Answered, pair.esme_events)] == list(range(5000))


def test_smppex_51_a_heartbeat_under_the_same_number_takes_nothing_away() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "t")
    session.receive_data(raw(0x80000015, sequence) + raw(0x80000004, sequence, b"1\0"), 1.0)
    assert one(Answered, session.events()).token == "t"


def test_go_smpp_87_a_message_under_the_same_number_is_no_response() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.receive_data(deliver(sequence=sequence), 1.0)
    assert one(Requested, session.events()).sequence == sequence
    assert session.in_flight == 1
    session.acknowledge(sequence)
    assert headers(session.data_to_send()) == [(0x80000005, 0, sequence)]
    session.receive_data(raw(0x80000004, sequence, b"1\0"), 2.0)
    assert one(Answered, session.events()).token == "t"


def test_smpp34_a_message_in_the_segment_of_the_bind_response() -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(), 0.0)
    session.receive_data(raw(0x80000009, sequence, b"\0") + deliver(sequence=1) + deliver(sequence=2), 0.0)
    assert [type(event) for event in session.events()] == [Bound, Requested, Requested]


def test_gosmpp_a_full_window_does_not_starve_the_heartbeat() -> None:
    session = bound_esme(window=1, response_timeout=1000.0, late_timeout=2000.0)
    session.submit(BODY, 0.0)
    session.data_to_send()
    for number in range(1, 5):
        session.receive_data(raw(0x15, number), 30.0 * number - 0.5)
        session.on_time(30.0 * number)
    assert [command for command, _, _ in headers(session.data_to_send())].count(0x15) == 4
    assert session.is_bound


def test_node_smpp_10_what_is_never_answered_is_let_go() -> None:
    session = bound_esme(window=100, keep_alive=dict.fromkeys(BindMode, KeepAlive(interval=None, misses=None)))
    for minute in range(200):
        now = 60.0 * minute
        session.on_time(now)
        for _ in range(session.room):
            session.submit(BODY, now)
        session.data_to_send()
        session.events()
        session.on_time(now + 30)
        session.events()
    table = session._outstanding
    assert len(table.waiting) + len(table.late) + len(table._heap) <= 300


@pytest.mark.parametrize("sequence", [4242, 0, 0x80000001])
def test_smpplib_52_and_jsmpp_91_a_heartbeat_answered_under_another_number(sequence: int) -> None:
    session = bound_esme()
    for number in range(1, 20):
        session.on_time(30.0 * number)
        session.receive_data(raw(0x80000015, sequence), 30.0 * number + 1)
    assert session.is_bound
    assert session.events() == []


def test_cloudhopper_134_a_heartbeat_answered_late_is_answered() -> None:
    session = bound_esme()
    for number in range(1, 20):
        session.on_time(30.0 * number)
        for command, _, sequence in headers(session.data_to_send()):
            assert command == 0x15
            session.receive_data(raw(0x80000015, sequence), 30.0 * number + 29.9)
    assert session.is_bound


def test_mozes_7_no_heartbeat_before_the_bind() -> None:
    session = Session(Role.ESME, 0.0)
    session.bind(Bind(), 0.0)
    session.data_to_send()
    session.on_time(29.0)
    assert session.data_to_send() == b""


def test_jsmpp_142_and_node_smpp_204_the_peers_heartbeat_is_answered_in_every_mode() -> None:
    for mode in BindMode:
        session = bound_esme(mode)
        session.receive_data(raw(0x15, 7), 1.0)
        assert session.data_to_send() == raw(0x80000015, 7)


def test_jsmpp_180_already_bound_is_told_and_never_taken_for_success() -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(), 0.0)
    session.receive_data(raw(0x80000009, sequence, b"SMSC\0", 0x05), 1.0)
    assert not session.is_bound
    assert only(Bound, session.events()) == []


@pytest.mark.parametrize(
    "issue, response, receipt, matching",
    [
        ("jasmin#20", "1A2B", "6699", IdMatching(hex_decimal=True)),
        ("jasmin#210", "6699", "1a2b", IdMatching(hex_decimal=True)),
        ("jasmin#423", "0001234", "1234", IdMatching(strip_zeros=True)),
        ("jasmin#1129", "00B8BE19", "B8BE19", IdMatching(strip_zeros=True)),
        ("jasmin#916", "abcDEF12", "ABCdef12", IdMatching(ignore_case=True)),
        ("jasmin#375", "1046379029789147162", "1046379029789147162", EXACT),
        ("somleng#563", "1A2B", "0000006699", IdMatching(hex_decimal=True)),
    ],
)
def test_ids_that_do_not_look_the_same(issue: str, response: str, receipt: str, matching: IdMatching) -> None:
    assert matching.same(response, receipt), issue


@pytest.mark.parametrize(
    "issue, text",
    [
        (
            "php-smpp#70",
            b"id:7 sub:001 dlvrd:001 submit date:2511271358 done date:2511271359 stat:DELIVRD err:0000 text:x",
        ),
        ("uudashr/jsmpp#67", b"id:7 submit date:2511271358 done date:2511271359 stat:DELIVRD err:000 text:"),
        ("jsmpp", b"id:7 sub:001 dlvrd:001 submit date:251127135800 done date:251127135900 stat:DELIVRD err:000 text:"),
    ],
)
def test_receipts_in_other_words(issue: str, text: bytes) -> None:
    receipt = read_receipt(DeliverSm(esm_class=4, short_message=text))
    assert (receipt.message_id, receipt.status, receipt.error) == ("7", "Delivered", 0), issue
    assert receipt.done_at is not None
    assert receipt.done_at.minute == 59


def test_vumi_637_parameters_outweigh_the_text() -> None:
    tlvs = Tlvs(tlv(0x001E, b"8\0") + tlv(0x0427, b"\5"))
    receipt = read_receipt(DeliverSm(esm_class=4, short_message=b"id:7 stat:DELIVRD err:000", tlvs=tlvs))
    assert (receipt.message_id, receipt.status) == ("8", "Non Delivered")


def test_cloudhopper_64_a_bad_sm_length_costs_one_pdu_only() -> None:
    session = bound_esme()
    bad = bytearray(deliver(b"Hello", sequence=1))
    bad[-6] = 200
    session.receive_data(bytes(bad) + deliver(b"Hello", sequence=2), 1.0)
    events = session.events()
    assert one(Refused, events).sequence == 1
    assert one(Requested, events).sequence == 2
    assert session.is_bound


def test_node_smpp_65_a_refusal_may_carry_parameters() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0)
    session.receive_data(raw(0x80000004, sequence, b"\0" + tlv(0x1D, b"no such route\0"), 0x0B), 1.0)
    response = one(Answered, session.events()).response
    assert isinstance(response, SubmitSmResp)
    assert (response.command_status, response.tlvs.string(0x1D)) == (0x0B, "no such route")


@pytest.mark.parametrize(
    "issue, stray", [("node#101", b"GET / HTTP/1.1\r\n\r\n"), ("node#168", b"\xff" * 16), ("node#230", bytes(16))]
)
def test_a_stray_client_ends_its_own_link_only(issue: str, stray: bytes) -> None:
    session = Session(Role.SMSC, 0.0)
    session.receive_data(stray, 1.0)
    assert one(Ended, session.events()).reason is EndReason.BROKEN_FRAMING, issue


def test_node_smpp_128_a_payload_of_64_kilobytes_is_no_framing_error() -> None:
    session = bound_esme()
    session.receive_data(deliver(b"", tlvs=tlv(0x0424, bytes(65_535))), 1.0)
    assert len(one(Requested, session.events()).request.body()) > 65_535


def test_python_smpplib_no_octet_is_dropped_when_a_timer_falls_inside_a_pdu() -> None:
    frame = deliver(b"Hello", sequence=1)
    for cut in range(1, len(frame)):
        session = bound_esme()
        session.receive_data(frame[:cut], 1.0)
        session.on_time(2.0)
        session.receive_data(frame[cut:], 3.0)
        assert one(Requested, session.events()).sequence == 1


def test_jasmin_1232_parts_out_of_order_are_one_message_once() -> None:
    store = Reassembler()
    joined: list[str] = []
    for number in (3, 1, 2, 2, 3, 1):
        pdu = DeliverSm(source_addr="1", esm_class=0x40, short_message=b"\5\0\3\7\3%c%d" % (number, number))
        joined += [message.text for message in store.add(part_of(pdu), 0.0).messages]
    assert joined == ["123"]


def test_smpplib_11_a_message_delivered_again_can_be_told_by_its_content() -> None:
    session = bound_esme()
    session.receive_data(deliver(b"Hello", sequence=1) + deliver(b"Hello", sequence=2), 1.0)
    first, second = (event.request for event in only(Requested, session.events()))
    assert first == second
    assert hash(first) == hash(second)


def test_responses_that_nobody_waits_for_end_nothing() -> None:
    session = bound_esme()
    for command in (0x80000004, 0x80000005, 0x80000006, 0x80000009, 0x80000103, 0x80000000, 0x8000FFFF):
        session.receive_data(raw(command, 999, b"x\0"), 1.0)
    assert len(only(Unexpected, session.events())) == 7
    assert session.data_to_send() == b""
    assert session.is_bound
