"""The session machine: requests of ours, requests of the peer's. Bytes are written by hand."""

from __future__ import annotations

import pytest

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.options import KeepAlive
from sms_traffic_async.protocols.smpp.outstanding import MAX_SEQUENCE
from sms_traffic_async.protocols.smpp.pdu import (
    AlertNotification,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    decode,
)
from sms_traffic_async.protocols.smpp.protocol import (
    Answered,
    Expired,
    Refused,
    Requested,
    Unexpected,
)
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus
from tests.protocols.smpp.pair import bound_esme, bound_smsc, deliver, headers, one, only, raw

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()
THROTTLED = CommandStatus.ESME_RTHROTTLED


def test_a_request_is_answered_once_with_its_token() -> None:
    session = bound_esme()
    first = session.submit(BODY, 1.0, "first")
    second = session.request(SubmitSm(), 1.5, "second")
    assert session.in_flight == 2
    assert session.room == 8
    data = session.data_to_send()
    assert headers(data) == [(0x04, 0, first), (0x04, 0, second)]
    assert decode(data[: 16 + len(BODY)])[0] == first
    session.receive_data(raw(0x80000004, second, b"22\0", 0) + raw(0x80000004, first, status=0x58), 3.0)
    assert session.events() == [
        Answered(token="second", sequence=second, response=SubmitSmResp(message_id="22"), elapsed=1.5),
        Answered(token="first", sequence=first, response=SubmitSmResp(command_status=THROTTLED), elapsed=2.0),
    ]
    assert session.in_flight == 0
    session.receive_data(raw(0x80000004, first, b"11\0"), 4.0)
    assert one(Unexpected, session.events()) == Unexpected(
        command=0x80000004, sequence=first, command_status=CommandStatus(0)
    )
    assert session.stats.by_status == {0x58: 1}
    assert (session.stats.answered, session.stats.unexpected, session.stats.round_trip_max) == (2, 1, 2.0)


def test_a_nack_answers_any_request() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "t")
    session.receive_data(raw(0x80000000, sequence, status=0x03), 1.0)
    event = one(Answered, session.events())
    assert event.token == "t"
    assert event.response == GenericNack(command_status=CommandStatus.ESME_RINVCMDID)
    assert session.in_flight == 0


def test_a_nack_to_nothing_is_unexpected() -> None:
    session = bound_esme()
    session.submit(BODY, 0.0, "t")
    session.receive_data(raw(0x80000000, 0, status=0x02), 1.0)
    assert one(Unexpected, session.events()).command_status == CommandStatus.ESME_RINVCMDLEN
    assert session.in_flight == 1


def test_a_response_of_another_kind_leaves_the_request_alone() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "t")
    for command in (0x80000015, 0x80000005, 0x80000103, 0x80000009, 0x80000006, 0x80000123):
        session.receive_data(raw(command, sequence), 1.0)
    assert session.in_flight == 1
    assert len(only(Unexpected, session.events())) == 5  # the enquire_link_resp is just a sign of life
    assert not session.is_closed


def test_the_window_is_a_bound() -> None:
    session = bound_esme(window=3)
    sequences = [session.submit(BODY, 0.0) for _ in range(3)]
    assert session.room == 0
    with pytest.raises(LocalProtocolError, match="window of 3 is full"):
        session.submit(BODY, 0.0)
    with pytest.raises(LocalProtocolError, match="window of 3 is full"):
        session.request(SubmitSm(), 0.0)
    session.receive_data(raw(0x80000004, sequences[1], b"1\0"), 1.0)
    assert session.room == 1
    session.submit(BODY, 1.0)
    assert session.room == 0


def test_heartbeats_answers_and_unbind_bypass_a_full_window() -> None:
    session = bound_esme(window=1)
    session.submit(BODY, 0.0)
    session.data_to_send()
    session.receive_data(deliver(sequence=5) + raw(0x15, 6), 1.0)
    session.acknowledge(5)
    session.probe(1.0)
    session.unbind(1.0)
    assert [command for command, _, _ in headers(session.data_to_send())] == [0x80000015, 0x80000005, 0x15, 0x06]


def test_the_window_may_change() -> None:
    session = bound_esme(window=1)
    session.submit(BODY, 0.0)
    session.window = 2
    assert session.room == 1
    session.submit(BODY, 0.0)
    session.window = 1
    assert session.room == 0


def test_a_request_expires_and_is_still_matched_late() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.on_time(29.9)
    assert session.events() == []
    session.on_time(30.0)
    assert session.events() == [Expired(token="t", sequence=sequence, command=0x04)]
    assert (session.in_flight, session.room) == (0, 10)
    session.receive_data(raw(0x80000004, sequence, b"77\0"), 59.0)
    assert session.events() == [
        Answered(token="t", sequence=sequence, response=SubmitSmResp(message_id="77"), elapsed=59.0, late=True)
    ]
    assert (session.stats.expired, session.stats.late, session.stats.answered) == (1, 1, 0)


def test_a_late_request_is_forgotten_in_the_end() -> None:
    session = bound_esme(keep_alive=dict.fromkeys(BindMode, KeepAlive(interval=None, misses=None)))
    sequence = session.submit(BODY, 0.0, "t")
    session.on_time(30.0)
    session.on_time(60.0)
    session.events()
    session.receive_data(raw(0x80000004, sequence, b"77\0"), 60.0)
    assert only(Answered, session.events()) == []
    assert session.stats.unexpected == 1
    assert session.next_deadline() is None


def test_a_loop_that_was_blocked_still_matches_late_answers() -> None:
    session = bound_esme(keep_alive=dict.fromkeys(BindMode, KeepAlive(interval=None, misses=None)))
    sequence = session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.on_time(500.0)
    session.receive_data(raw(0x80000004, sequence, b"77\0"), 500.0)
    expired, answered = session.events()
    assert isinstance(expired, Expired)
    assert isinstance(answered, Answered)
    assert answered.late


def test_sequence_numbers_wrap_around_and_pass_what_waits() -> None:
    session = bound_esme(first_sequence=MAX_SEQUENCE - 2, window=100)  # the bind took the first
    assert [session.submit(BODY, 0.0) for _ in range(3)] == [MAX_SEQUENCE - 1, MAX_SEQUENCE, 1]
    session._outstanding._next = MAX_SEQUENCE - 1
    assert session.submit(BODY, 0.0) == 2


def test_the_smsc_delivers_and_is_answered() -> None:
    session = bound_smsc()
    sequence = session.request(DeliverSm(source_addr="1", destination_addr="2", short_message=b"hi"), 1.0, "mo")
    assert headers(session.data_to_send()) == [(0x05, 0, sequence)]
    session.receive_data(raw(0x80000005, sequence, b"\0", 0x64), 2.0)
    event = one(Answered, session.events())
    assert event.response == DeliverSmResp(command_status=CommandStatus.ESME_RX_T_APPN)


def test_what_has_no_answer_takes_no_place() -> None:
    session = bound_smsc()
    session.request(AlertNotification(source_addr="1", esme_addr="2"), 1.0)
    assert session.in_flight == 0
    assert headers(session.data_to_send())[0][0] == 0x0102


def test_a_message_is_acknowledged_once() -> None:
    session = bound_esme()
    session.receive_data(deliver(b"Hello", sequence=44), 1.0)
    event = one(Requested, session.events())
    assert isinstance(event.request, DeliverSm)
    assert event.request.short_message == b"Hello"
    assert session.owed == 1
    assert session.acknowledge(44)
    assert session.data_to_send() == raw(0x80000005, 44, b"\0")
    assert session.owed == 0
    with pytest.raises(LocalProtocolError, match="waits for an answer"):
        session.acknowledge(44)
    with pytest.raises(LocalProtocolError, match="waits for an answer"):
        session.answer(event, DeliverSmResp(), 1.0)


@pytest.mark.parametrize("status", [CommandStatus.ESME_RX_T_APPN, CommandStatus.ESME_RMSGQFUL])
def test_a_message_may_be_left_with_the_platform(status: CommandStatus) -> None:
    session = bound_esme()
    session.receive_data(deliver(sequence=44), 1.0)
    session.acknowledge(44, status)
    assert headers(session.data_to_send()) == [(0x80000005, status, 44)]


def test_a_number_used_twice_is_owed_two_answers() -> None:
    session = bound_esme()
    session.receive_data(deliver(sequence=0) + deliver(sequence=0), 1.0)
    assert len(only(Requested, session.events())) == session.owed == 2
    assert session.acknowledge(0)
    assert session.acknowledge(0)
    with pytest.raises(LocalProtocolError):
        session.acknowledge(0)


def test_an_answer_fits_its_request() -> None:
    session = bound_esme()
    session.receive_data(raw(0x0103, 3, b"\0\0\x001\0\1\x012\0\0\0\0"), 1.0)
    event = one(Requested, session.events())
    with pytest.raises(LocalProtocolError, match="DELIVER_SM_RESP does not answer DATA_SM"):
        session.answer(event, DeliverSmResp(), 1.0)
    assert session.owed == 1
    assert session.answer(event, DataSmResp(), 1.0)
    session.receive_data(raw(0x0103, 4, b"\0\0\x001\0\1\x012\0\0\0\0"), 1.0)
    event = one(Requested, session.events())
    assert session.answer(event, GenericNack(command_status=CommandStatus.ESME_RSYSERR), 1.0)
    assert headers(session.data_to_send()) == [(0x80000103, 0, 3), (0x80000000, 0x08, 4)]


def test_an_answer_after_the_end_is_told_to_be_lost() -> None:
    session = bound_esme()
    session.receive_data(deliver(sequence=44), 1.0)
    event = one(Requested, session.events())
    session.receive_eof(2.0)
    assert session.acknowledge(44) is False
    assert session.answer(event, DeliverSmResp(), 2.0) is False
    assert session.data_to_send() == b""


def test_more_than_may_wait_is_left_with_the_peer() -> None:
    session = bound_esme(max_unanswered=2)
    session.receive_data(b"".join(deliver(sequence=number) for number in range(1, 5)), 1.0)
    session.receive_data(raw(0x15, 9), 1.0)  # a heartbeat is answered all the same
    assert headers(session.data_to_send()) == [(0x80000005, 0x14, 3), (0x80000005, 0x14, 4), (0x80000015, 0, 9)]
    assert [event.sequence for event in only(Requested, session.events())] == [1, 2]
    session.acknowledge(1)
    session.receive_data(deliver(sequence=5), 1.0)
    assert one(Requested, session.events()).sequence == 5


def test_what_cannot_be_read_is_refused_and_the_session_lives() -> None:
    session = bound_esme()
    broken = deliver(b"Hello", sequence=3)
    broken = raw(0x05, 3, broken[16:-3])
    session.receive_data(broken + raw(0x05, 4, b"\0") + raw(0x0103, 5, b"x") + deliver(sequence=6), 1.0)
    assert headers(session.data_to_send()) == [(0x80000005, 0x01, 3), (0x80000005, 0x02, 4), (0x80000103, 0x02, 5)]
    assert [event.why for event in session.events() if isinstance(event, Refused)] == [
        "sm_length is more than there is", "it ends before its last field", "it ends before its last field",
    ]  # fmt: skip
    assert session.owed == 1
    assert session.stats.refused == 3
