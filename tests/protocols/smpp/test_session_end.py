"""The session machine: how it ends. Bytes are written by hand."""

from __future__ import annotations

from sms_traffic_async.protocols.smpp.pdu import (
    Bind,
    SubmitSm,
    Unbind,
)
from sms_traffic_async.protocols.smpp.protocol import (
    Answered,
    Bound,
    Ended,
    EndReason,
    Expired,
    Notified,
    Requested,
    Session,
    State,
    Unexpected,
)
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus, Role
from tests.protocols.smpp.pair import Pair, bound_esme, deliver, headers, one, only, raw

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()
THROTTLED = CommandStatus.ESME_RTHROTTLED


def test_a_lost_connection_tells_what_was_sent_and_what_was_not() -> None:
    session = bound_esme()
    session.submit(BODY, 0.0, "sent")
    session.data_to_send()
    session.submit(BODY, 0.0, "not sent")
    session.request(SubmitSm(), 0.0, "nor this")
    session.receive_eof(1.0)
    assert session.events() == [Ended(reason=EndReason.LOST, unsent=("not sent", "nor this"), unanswered=("sent",))]
    assert session.data_to_send() == b""


def test_a_connection_lost_in_the_middle_says_so() -> None:
    session = bound_esme()
    session.receive_data(deliver()[:20], 1.0)
    session.receive_eof(2.0)
    assert one(Ended, session.events()).detail == "in the middle of a PDU"


def test_an_expired_request_is_not_told_again() -> None:
    session = bound_esme()
    session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.on_time(30.0)
    session.abort()
    events = session.events()
    assert one(Expired, events).token == "t"
    assert one(Ended, events) == Ended(reason=EndReason.ABORTED)


def test_our_unbind_reads_on_until_its_answer() -> None:
    session = bound_esme()
    first, second = session.submit(BODY, 0.0, "a"), session.submit(BODY, 0.0, "b")
    unbind = session.unbind(1.0)
    assert headers(session.data_to_send()) == [(0x04, 0, first), (0x04, 0, second), (0x06, 0, unbind)]
    assert session.next_deadline() == 6.0
    session.receive_data(raw(0x80000004, first, b"1\0") + deliver(sequence=8), 2.0)
    answered, requested = session.events()
    assert isinstance(answered, Answered)
    assert isinstance(requested, Requested)
    session.acknowledge(8)
    assert headers(session.data_to_send()) == [(0x80000005, 0, 8)]
    session.receive_data(raw(0x80000006, unbind), 3.0)
    assert session.events() == [Ended(reason=EndReason.UNBOUND, unanswered=("b",))]


def test_an_unanswered_unbind_has_an_end() -> None:
    session = bound_esme()
    session.unbind(1.0)
    session.on_time(6.0)
    assert session.events() == [Ended(reason=EndReason.UNBIND_UNANSWERED)]


def test_closing_instead_of_answering_an_unbind_is_fine() -> None:
    session = bound_esme()
    session.unbind(1.0)
    session.receive_eof(2.0)
    assert session.events() == [Ended(reason=EndReason.UNBOUND)]


def test_a_nack_to_an_unbind_ends_it_too() -> None:
    session = bound_esme()
    sequence = session.unbind(1.0)
    session.receive_data(raw(0x80000000, sequence, status=0x03), 2.0)
    assert session.events() == [Ended(reason=EndReason.UNBOUND)]


def test_the_peers_unbind_is_answered_when_nothing_is_owed() -> None:
    session = bound_esme()
    sequence = session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.receive_data(deliver(sequence=5) + raw(0x06, 6), 1.0)
    requested, told = session.events()
    assert isinstance(requested, Requested)
    assert told == Notified(request=Unbind())
    assert session.state is State.LEAVING
    assert session.room == 0
    assert session.data_to_send() == b""
    session.acknowledge(5)
    assert headers(session.data_to_send()) == [(0x80000005, 0, 5)]
    session.receive_data(raw(0x80000004, sequence, b"1\0"), 2.0)
    assert headers(session.data_to_send()) == [(0x80000006, 0, 6)]
    answered, ended = session.events()
    assert isinstance(answered, Answered)
    assert ended == Ended(reason=EndReason.UNBOUND_BY_PEER)


def test_the_peers_unbind_is_answered_after_five_seconds_at_the_latest() -> None:
    session = bound_esme()
    session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.receive_data(raw(0x06, 6), 1.0)
    assert session.next_deadline() == 6.0
    session.on_time(6.0)
    assert headers(session.data_to_send()) == [(0x80000006, 0, 6)]
    assert one(Ended, session.events()) == Ended(reason=EndReason.UNBOUND_BY_PEER, unanswered=("t",))


def test_a_request_that_expires_lets_the_peer_go() -> None:
    session = bound_esme(response_timeout=2.0, leave_timeout=100.0)
    session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.receive_data(raw(0x06, 6), 1.0)
    session.on_time(2.0)
    assert headers(session.data_to_send()) == [(0x80000006, 0, 6)]
    expired, ended = session.events()[1:]
    assert isinstance(expired, Expired)
    assert isinstance(ended, Ended)


def test_what_had_not_left_when_the_peer_unbinds_is_not_sent() -> None:
    session = bound_esme()
    session.submit(BODY, 0.0, "t")
    session.receive_data(raw(0x15, 5) + raw(0x06, 6), 1.0)
    assert headers(session.data_to_send()) == [(0x80000015, 0, 5), (0x80000006, 0, 6)]
    assert one(Ended, session.events()) == Ended(reason=EndReason.UNBOUND_BY_PEER, unsent=("t",))


def test_a_second_unbind_is_answered_at_once() -> None:
    session = bound_esme()
    session.receive_data(deliver(sequence=5) + raw(0x06, 6) + raw(0x06, 7), 1.0)
    assert headers(session.data_to_send()) == [(0x80000006, 0, 7)]
    session.acknowledge(5)
    assert headers(session.data_to_send()) == [(0x80000005, 0, 5), (0x80000006, 0, 6)]


def test_an_unbind_before_any_bind_is_answered() -> None:
    session = Session(Role.ESME, 0.0)
    session.receive_data(raw(0x06, 6), 1.0)
    assert headers(session.data_to_send()) == [(0x80000006, 0, 6)]
    assert one(Ended, session.events()).reason is EndReason.UNBOUND_BY_PEER


def test_a_bind_answered_while_the_peer_leaves_binds_nothing() -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(), 0.0)
    session.data_to_send()
    session.receive_data(deliver(sequence=5) + raw(0x06, 6) + raw(0x80000009, sequence, b"\0"), 1.0)
    assert only(Bound, session.events()) == []
    assert session.state is State.LEAVING


def test_both_may_unbind_at_once() -> None:
    pair = Pair()
    pair.esme.unbind(pair.now)
    pair.smsc.unbind(pair.now)
    pair.exchange()
    assert one(Ended, pair.esme_events).reason is EndReason.UNBOUND
    assert one(Ended, pair.smsc_events).reason is EndReason.UNBOUND


def test_a_peer_that_unbinds_and_does_not_wait() -> None:
    session = bound_esme()
    session.submit(BODY, 0.0, "t")
    session.data_to_send()
    session.receive_data(raw(0x06, 6), 1.0)
    session.receive_eof(2.0)
    assert one(Ended, session.events()) == Ended(reason=EndReason.UNBOUND_BY_PEER, unanswered=("t",))


def test_what_expires_before_it_leaves_is_not_sent_and_says_so() -> None:
    session = bound_esme()
    first = session.submit(BODY, 0.0, "sent")
    session.data_to_send()
    second = session.submit(BODY, 0.0, "held back")
    third = session.submit(BODY, 5.0, "not due yet")
    session.on_time(30.0)
    assert session.events() == [
        Expired(token="sent", sequence=first, command=0x04),
        Expired(token="held back", sequence=second, command=0x04, unsent=True),
    ]
    left = [sequence for command, _, sequence in headers(session.data_to_send()) if command == 0x04]
    assert left == [third]
    session.receive_data(raw(0x80000004, second, b"1\0"), 31.0)
    assert isinstance(session.events()[0], Unexpected)
    session.receive_eof(32.0)
    assert one(Ended, session.events()) == Ended(reason=EndReason.LOST, unanswered=("not due yet",))
