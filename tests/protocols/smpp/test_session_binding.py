"""The session machine: binding. Bytes are written by hand."""

from __future__ import annotations

import pytest

from sms_traffic_async.protocols.smpp.pdu import (
    Bind,
    BindResp,
    SubmitSm,
)
from sms_traffic_async.protocols.smpp.protocol import (
    BindRefused,
    Bound,
    Ended,
    EndReason,
    Refused,
    Requested,
    Session,
    State,
    Unexpected,
)
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus, Role
from tests.protocols.smpp.pair import deliver, headers, one, only, raw

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()
THROTTLED = CommandStatus.ESME_RTHROTTLED


@pytest.mark.parametrize("mode", BindMode)
def test_a_client_binds(mode: BindMode) -> None:
    session = Session(Role.ESME, 0.0)
    assert (session.state, session.mode, session.room, session.next_deadline()) == (State.OPEN, None, 0, None)
    sequence = session.bind(Bind(mode=mode, system_id="example"), 0.0)
    assert headers(session.data_to_send()) == [(mode.command, 0, sequence)]
    assert (session.state, session.mode, session.next_deadline()) == (State.BINDING, mode, 30.0)
    session.receive_data(raw(mode.command | 0x80000000, sequence, b"SMSC\0\x02\x10\0\1\x34"), 1.0)
    assert session.events() == [Bound(mode=mode, system_id="SMSC", interface_version=0x34)]
    assert (
        session.state.value
        == {"transmitter": "bound_tx", "receiver": "bound_rx", "transceiver": "bound_trx"}[mode.value]
    )
    assert session.is_bound
    assert session.room == 10
    assert session.next_deadline() == 31.0


@pytest.mark.parametrize("status", [0x05, 0x0D, 0x0E, 0x0F, 0x58, 0x400])
def test_a_refused_bind_may_be_tried_again_on_the_same_connection(status: int) -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(), 0.0)
    session.receive_data(raw(0x80000009, sequence, status=status), 1.0)  # a bare header
    assert session.events() == [BindRefused(mode=BindMode.TRANSCEIVER, command_status=CommandStatus(status))]
    assert (session.state, session.is_bound, session.mode, session.next_deadline()) == (State.OPEN, False, None, None)
    sequence = session.bind(Bind(mode=BindMode.TRANSMITTER), 1.0)
    session.receive_data(raw(0x80000002, sequence, b"SMSC\0"), 1.0)
    assert session.state is State.BOUND_TX


def test_a_nack_refuses_a_bind() -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(), 0.0)
    session.receive_data(raw(0x80000000, sequence, status=0), 1.0)
    assert session.events() == [BindRefused(mode=BindMode.TRANSCEIVER, command_status=CommandStatus.ESME_RUNKNOWNERR)]


def test_another_modes_response_is_no_answer() -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(mode=BindMode.RECEIVER), 0.0)
    session.receive_data(raw(0x80000009, sequence, b"SMSC\0"), 1.0)
    assert one(Unexpected, session.events()).sequence == sequence
    assert session.state is State.BINDING


def test_an_unanswered_bind_ends_it() -> None:
    session = Session(Role.ESME, 0.0)
    session.bind(Bind(), 0.0)
    session.on_time(29.9)
    assert session.events() == []
    session.on_time(30.0)
    assert session.events() == [Ended(reason=EndReason.BIND_UNANSWERED)]
    assert session.is_closed
    assert session.next_deadline() is None


def test_an_smsc_accepts_and_refuses_binds() -> None:
    session = Session(Role.SMSC, 0.0)
    assert session.next_deadline() == 30.0
    session.receive_data(raw(0x09, 5, b"example\0wrong\0\0\x34\0\0\0"), 1.0)
    event = one(Requested, session.events())
    assert isinstance(event.request, Bind)
    assert event.request.password.reveal() == "wrong"
    assert session.answer(event, BindResp(command_status=CommandStatus.ESME_RINVPASWD), 1.0)
    assert headers(session.data_to_send()) == [(0x80000009, 0x0E, 5)]
    assert (session.state, session.next_deadline()) == (State.OPEN, 31.0)
    session.receive_data(raw(0x01, 6, b"example\0right\0\0\x34\0\0\0"), 2.0)
    event = one(Requested, session.events())
    assert session.answer(event, BindResp(mode=BindMode.RECEIVER, system_id="SMSC"), 2.0)
    assert session.data_to_send() == raw(0x80000001, 6, b"SMSC\0")
    assert session.state is State.BOUND_RX
    session.receive_data(raw(0x01, 7, b"example\0right\0\0\x34\0\0\0"), 3.0)
    assert headers(session.data_to_send()) == [(0x80000001, 0x05, 7)]
    assert one(Refused, session.events()).command_status == CommandStatus.ESME_RALYBND


def test_an_smsc_waits_so_long_for_a_bind() -> None:
    session = Session(Role.SMSC, 0.0)
    session.on_time(30.0)
    assert session.events() == [Ended(reason=EndReason.NEVER_BOUND)]


def test_what_comes_with_the_bind_response_finds_the_session_bound() -> None:
    session = Session(Role.ESME, 0.0)
    sequence = session.bind(Bind(), 0.0)
    session.receive_data(raw(0x80000009, sequence, b"SMSC\0") + deliver(sequence=9) + raw(0x15, 10), 1.0)
    bound, requested = session.events()
    assert isinstance(bound, Bound)
    assert isinstance(requested, Requested)
    assert (requested.sequence, requested.request.command) == (9, 0x05)


@pytest.mark.parametrize(
    "mode, taken", [(BindMode.TRANSCEIVER, True), (BindMode.RECEIVER, True), (BindMode.TRANSMITTER, False)]
)
def test_a_message_that_overtakes_the_bind_response_is_taken(mode: BindMode, taken: bool) -> None:
    session = Session(Role.ESME, 0.0)
    session.bind(Bind(mode=mode), 0.0)
    session.data_to_send()
    session.receive_data(deliver(sequence=9), 1.0)
    assert bool(only(Requested, session.events())) is taken
    assert headers(session.data_to_send()) == ([] if taken else [(0x80000005, 0x04, 9)])
