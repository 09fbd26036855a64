"""The session machine: heartbeats, and the numbers it counts and obeys. Bytes are written by hand."""

from __future__ import annotations

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.protocols.smpp.options import KeepAlive
from sms_traffic_async.protocols.smpp.pdu import (
    SubmitSm,
    SubmitSmResp,
)
from sms_traffic_async.protocols.smpp.protocol import (
    Ended,
    EndReason,
    Requested,
    Session,
    SessionOptions,
    Unexpected,
)
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus, Role
from tests.protocols.smpp.pair import Pair, bound_esme, bound_smsc, headers, one, only, raw

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()
THROTTLED = CommandStatus.ESME_RTHROTTLED


def test_the_client_asks_every_30_seconds_whatever_the_traffic() -> None:
    pair = Pair()
    for _ in range(400):
        pair.esme.submit(BODY, pair.now, "t")
        pair.exchange()
        pair.answer_all(SubmitSmResp, message_id="1")
        pair.wait(0.5)
    assert pair.esme.stats.enquired == pair.smsc.stats.enquired_by_peer == 6  # 200 seconds
    assert pair.smsc.stats.enquired == pair.esme.stats.enquired_by_peer == 6
    assert not pair.esme.is_closed


@pytest.mark.parametrize(
    "mode, asked_by_smsc", [(BindMode.TRANSMITTER, 0), (BindMode.RECEIVER, 20), (BindMode.TRANSCEIVER, 20)]
)
def test_an_idle_link_lives(mode: BindMode, asked_by_smsc: int) -> None:
    pair = Pair(mode=mode)
    pair.wait(610.0)
    assert not pair.esme.is_closed
    assert not pair.smsc.is_closed
    assert pair.esme.stats.enquired == 20
    assert pair.smsc.stats.enquired == asked_by_smsc


def test_nobody_is_asked_before_the_bind() -> None:
    session = Session(Role.ESME, 0.0)
    session.on_time(1000.0)
    assert session.data_to_send() == b""
    assert session.next_deadline() is None


def test_two_misses_are_the_end() -> None:
    session = bound_esme()
    times: list[float] = []
    while (deadline := session.next_deadline()) is not None:
        session.on_time(deadline)
        times += [deadline] * len(headers(session.data_to_send()))
    assert times == [30.0, 60.0]
    assert session.events() == [Ended(reason=EndReason.DEAD_PEER)]
    assert deadline is None
    assert session.stats.enquired == 2


def test_the_end_comes_at_90_seconds() -> None:
    session = bound_esme()
    for now in (30.0, 60.0, 89.9):
        session.on_time(now)
    assert not session.is_closed
    session.on_time(90.0)
    assert session.is_closed


def test_any_octet_is_a_sign_of_life() -> None:
    session = bound_esme()
    for number in range(1, 40):
        session.on_time(30.0 * number)
        session.receive_data(raw(0x80000015, 4242), 30.0 * number + 29)  # under a number of its own
    assert not session.is_closed
    assert only(Unexpected, session.events()) == []


def test_a_silent_full_window_asks_at_once_and_is_dead_after_twelve_seconds() -> None:
    session = bound_esme(window=2)
    session.receive_data(raw(0x15, 1), 1.0)
    session.submit(BODY, 1.5, "a")
    session.submit(BODY, 4.0, "b")
    session.data_to_send()
    assert session.next_deadline() == 6.0
    session.on_time(6.0)
    assert [command for command, _, _ in headers(session.data_to_send())] == [0x15]
    assert session.next_deadline() == 11.0
    session.on_time(11.0)
    assert [command for command, _, _ in headers(session.data_to_send())] == [0x15]
    session.on_time(16.0)
    assert session.events() == [Ended(reason=EndReason.DEAD_PEER, unanswered=("a", "b"))]


def test_a_full_window_that_is_not_silent_asks_nothing() -> None:
    session = bound_esme(window=2)
    for number in range(1, 6):
        session.submit(BODY, float(number))
        session.data_to_send()
        if number > 1:
            session.receive_data(raw(0x80000004, number, b"1\0"), number + 0.5)
            session.on_time(number + 0.9)
    assert session.data_to_send() == b""


def test_an_answered_probe_leaves_the_link_alone() -> None:
    session = bound_esme(window=1)
    session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.on_time(2.0)
    ((_, _, sequence),) = headers(session.data_to_send())
    session.receive_data(raw(0x80000015, sequence), 3.0)
    assert session.next_deadline() == 5.0
    assert session.events() == []


def test_a_nack_answers_a_heartbeat() -> None:
    session = bound_esme()
    session.on_time(30.0)
    ((_, _, sequence),) = headers(session.data_to_send())
    session.receive_data(raw(0x80000000, sequence, status=0x03), 31.0)
    assert session.events() == []
    assert session.next_deadline() == 60.0


def test_an_expired_request_asks_whether_anybody_is_there() -> None:
    session = bound_esme()
    session.submit(BODY, 5.0, "t")
    session.on_time(30.0)
    ((_, _, sequence),) = headers(session.data_to_send())[1:]
    session.receive_data(raw(0x80000015, sequence), 31.0)
    session.on_time(35.0)
    assert [command for command, _, _ in headers(session.data_to_send())] == [0x15]
    session.probe(35.1)  # one is under way
    assert session.data_to_send() == b""


@pytest.mark.parametrize("mode", [BindMode.TRANSMITTER, BindMode.TRANSCEIVER])
def test_the_platform_cuts_who_does_not_ask_for_two_minutes(mode: BindMode) -> None:
    session = bound_smsc(mode)
    answered = 0
    for now in range(1, 120):
        session.on_time(float(now))
        for command, _, sequence in headers(session.data_to_send()):
            assert command == 0x15
            session.receive_data(raw(0x80000015, sequence), float(now))
            answered += 1
        session.receive_data(raw(0x04, now, BODY), float(now))  # traffic is no heartbeat
        session.answer(one(Requested, session.events()), SubmitSmResp(), float(now))
        session.data_to_send()
    assert not session.is_closed
    assert answered == (0 if mode is BindMode.TRANSMITTER else 3)
    session.on_time(120.0)
    assert one(Ended, session.events()).reason is EndReason.SILENT_PEER


@pytest.mark.parametrize("mode", [BindMode.RECEIVER, BindMode.TRANSCEIVER])
def test_the_platform_cuts_who_does_not_answer_for_two_minutes(mode: BindMode) -> None:
    session = bound_smsc(mode)
    for number in range(1, 12):
        session.receive_data(raw(0x15, number), number * 10.0)
        session.on_time(number * 10.0)
    assert not session.is_closed
    assert session.stats.enquired == 3
    session.receive_data(raw(0x15, 12), 119.0)
    session.on_time(120.0)
    assert one(Ended, session.events()).reason is EndReason.SILENT_PEER


def test_the_defaults_are_the_documents() -> None:
    options = SessionOptions()
    assert (options.window, options.response_timeout, options.late_timeout, options.leave_timeout) == (10, 30, 60, 5)
    keep = options.keep_alive_of(Role.ESME, BindMode.RECEIVER)
    assert (keep.interval, keep.misses, keep.silence, keep.probe_limit) == (30, 2, 2, 5)
    assert options.keep_alive_of(Role.SMSC, BindMode.TRANSMITTER).peer_limit == 120
    assert options.max_pdu_bytes > 65_536 + 16


@pytest.mark.parametrize("name", [name for name in SessionOptions.__slots__ if name != "keep_alive"])
def test_every_number_is_greater_than_nothing(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        SessionOptions(**{name: 0})  # type: ignore[arg-type] # any of the fields


@pytest.mark.parametrize("name", list(KeepAlive.__slots__))
def test_every_heartbeat_number_is_greater_than_nothing(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        KeepAlive(**{name: 0})


def test_late_is_not_before_expired() -> None:
    with pytest.raises(ConfigurationError, match="late_timeout"):
        SessionOptions(late_timeout=10)


def test_what_is_counted() -> None:
    pair = Pair()
    pair.esme.submit(BODY, pair.now)
    pair.exchange()
    pair.now += 2
    pair.answer_all(SubmitSmResp, message_id="1")
    stats = pair.esme.stats.snapshot()
    assert stats["requests"] == stats["answered"] == 1
    assert stats["round_trip"] == stats["round_trip_max"] == 2.0
    assert stats["pdus_in"] == 2
    assert stats["octets_in"] == pair.smsc.stats.octets_out
    assert stats["octets_out"] == pair.smsc.stats.octets_in
    assert pair.smsc.stats.requested == 2
    pair.esme.submit(BODY, pair.now)
    pair.exchange()
    pair.now += 10
    pair.answer_all(SubmitSmResp)
    assert pair.esme.stats.round_trip == 2.0 + 8.0 / 8
    assert pair.esme.stats.round_trip_max == 10.0


@pytest.mark.parametrize("bound", [True, False])
def test_a_heartbeats_answer_that_comes_when_nobody_listens_is_nothing(bound: bool) -> None:
    session = bound_esme() if bound else Session(Role.ESME, 0.0)
    if bound:
        session.on_time(30.0)
        session.unbind(30.0)
    session.receive_data(raw(0x80000015, 2) + raw(0x80000015, 77), 31.0)
    assert session.events() == []
    assert not session.is_closed


def test_two_reasons_to_ask_at_once_leave_none_for_later() -> None:
    session = bound_esme(window=1)
    session.submit(BODY, 28.0)
    session.data_to_send()
    assert session.next_deadline() == 30.0
    session.on_time(30.0)  # the interval is over, and the full window has been silent for two seconds
    assert [command for command, _, _ in headers(session.data_to_send())] == [0x15, 0x15]
    assert session.next_deadline() == 35.0


def test_a_window_that_empties_by_expiry_is_not_full_any_more() -> None:
    keep = KeepAlive(interval=None, misses=None, silence=40.0)
    session = bound_esme(window=1, keep_alive=dict.fromkeys(BindMode, keep))
    session.submit(BODY, 0.0)
    session.data_to_send()
    session.on_time(30.0)
    session.on_time(40.0)
    assert session.data_to_send() == b""
