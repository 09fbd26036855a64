"""The session machine: octets to PDUs. Bytes are written by hand."""

from __future__ import annotations

import pytest

from sms_traffic_async.protocols.smpp.pdu import (
    DataSm,
    SubmitSm,
)
from sms_traffic_async.protocols.smpp.protocol import (
    Ended,
    EndReason,
    Requested,
    Session,
)
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus, Role
from tests.protocols.smpp.pair import bound_esme, deliver, headers, one, raw

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()
THROTTLED = CommandStatus.ESME_RTHROTTLED


def test_octets_may_be_cut_anywhere() -> None:
    stream = deliver(b"one", sequence=1) + raw(0x15, 2) + deliver(b"two", sequence=3) + raw(0x80000004, 9, b"x\0")
    whole = bound_esme()
    whole.receive_data(stream, 1.0)
    expected = whole.events()
    for first in range(len(stream) + 1):
        for second in (first, min(len(stream), first + 1), min(len(stream), first + 17)):
            session = bound_esme()
            for piece in (stream[:first], stream[first:second], stream[second:]):
                session.receive_data(piece, 1.0)
            assert session.events() == expected
            assert session.data_to_send() == whole_answer()
    session = bound_esme()
    for octet in stream:
        session.receive_data(bytes((octet,)), 1.0)
    assert session.events() == expected


def whole_answer() -> bytes:
    return raw(0x80000015, 2)


@pytest.mark.parametrize("length", [0, 1, 15, 0x11001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_only_a_bad_length_ends_the_link(length: int) -> None:
    session = bound_esme()
    session.submit(BODY, 0.0, "t")
    session.data_to_send()
    header = length.to_bytes(4) + raw(0x15, 99)[4:]
    session.receive_data(deliver(sequence=5) + header, 1.0)
    assert headers(session.data_to_send()) == [(0x80000000, 0x02, 99)]
    requested, ended = session.events()
    assert isinstance(requested, Requested)
    assert ended == Ended(reason=EndReason.BROKEN_FRAMING, unanswered=("t",))


@pytest.mark.parametrize(
    "greeting, detail",
    [
        (b"\x15\x03\x03\0\2\2\x46" + bytes(20), "the peer speaks TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the peer speaks HTTP"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "the peer speaks HTTP"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "the peer speaks SSH"),
        (b"220 mail.example ESMTP ready\r\n", ""),
    ],
)
def test_a_wrong_port_is_named(greeting: bytes, detail: str) -> None:
    session = Session(Role.ESME, 0.0)
    session.receive_data(greeting, 1.0)
    assert session.events() == [Ended(reason=EndReason.BROKEN_FRAMING, detail=detail)]


def test_the_longest_pdu_is_read_in_pieces() -> None:
    session = bound_esme()
    body = b"\0\0\x001\0\1\x012\0\0\0\0" + b"\x04\x24\xff\xff" + bytes(65_535)
    frame = raw(0x0103, 3, body)
    for at in range(0, len(frame), 1000):
        session.receive_data(frame[at : at + 1000], 1.0)
    request = one(Requested, session.events()).request
    assert isinstance(request, DataSm)
    assert request.tlvs.message_payload == bytes(65_535)


def test_a_pdu_that_does_not_end_ends_the_link() -> None:
    session = bound_esme()
    session.receive_data(deliver()[:20], 5.0)
    assert session.next_deadline() == 30.0  # the heartbeat comes first
    session.on_time(30.0)
    session.receive_data(deliver()[20:30], 31.0)
    session.on_time(34.9)
    assert not session.is_closed
    session.on_time(35.0)
    assert one(Ended, session.events()).reason is EndReason.STALLED_PDU


def test_a_pdu_that_ends_stops_its_timer() -> None:
    session = bound_esme()
    session.receive_data(deliver()[:10], 5.0)
    session.receive_data(deliver()[10:], 6.0)
    session.on_time(36.0)
    assert not session.is_closed


def test_a_pdu_that_does_not_end_has_a_deadline_of_its_own() -> None:
    session = Session(Role.ESME, 0.0)
    assert session.next_deadline() is None
    session.receive_data(deliver()[:20], 5.0)
    assert session.next_deadline() == 35.0
