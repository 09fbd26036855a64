"""The session machine: who may say what when. Bytes are written by hand."""

from __future__ import annotations

import pytest

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.pdu import (
    AlertNotification,
    Bind,
    DataSm,
    DeliverSm,
    EnquireLink,
    Outbind,
    QuerySm,
    SubmitSm,
    Unbind,
)
from sms_traffic_async.protocols.smpp.protocol import (
    Notified,
    Refused,
    Requested,
    Session,
    State,
)
from sms_traffic_async.protocols.smpp.states import BOUND, MAY_SEND, TRANSITIONS, Trigger, transition_table
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Command, CommandStatus, Role
from tests.protocols.smpp.pair import bound_esme, bound_smsc, deliver, headers, only, raw

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()
THROTTLED = CommandStatus.ESME_RTHROTTLED


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("state", State)
def test_the_table_of_the_specification_is_what_may_be_sent(role: Role, state: State) -> None:
    session = in_state(role, state)
    requests = {Command.SUBMIT_SM: SubmitSm(), Command.DELIVER_SM: DeliverSm(), Command.DATA_SM: DataSm(),
                Command.QUERY_SM: QuerySm(), Command.OUTBIND: Outbind(),
                Command.ALERT_NOTIFICATION: AlertNotification()}  # fmt: skip
    for command, request in requests.items():
        allowed = state in MAY_SEND[command][0 if role is Role.ESME else 1]
        if allowed:
            assert session.request(request, 1.0) > 0
        else:
            with pytest.raises(LocalProtocolError, match=f"{command.name} may not be sent while {state.value}"):
                session.request(request, 1.0)


def in_state(role: Role, state: State) -> Session:
    modes = {State.BOUND_TX: BindMode.TRANSMITTER, State.BOUND_RX: BindMode.RECEIVER}
    mode = modes.get(state, BindMode.TRANSCEIVER)
    if state is State.OPEN:
        return Session(role, 0.0)
    if state is State.BINDING:
        session = Session(role, 0.0)
        if role is Role.ESME:
            session.bind(Bind(), 0.0)
        else:
            session.receive_data(raw(0x09, 1, b"example\0secret\0\0\x34\0\0\0"), 0.0)
    else:
        session = bound_esme(mode) if role is Role.ESME else bound_smsc(mode)
        if state is State.UNBINDING:
            session.unbind(0.0)
        elif state is State.LEAVING:
            owed = deliver(sequence=3) if role is Role.ESME else raw(0x04, 3, BODY)
            session.receive_data(owed + raw(0x06, 4), 0.0)
        elif state is State.CLOSED:
            session.receive_eof(0.0)
    session.events()
    session.data_to_send()
    assert session.state is state
    return session


# What arrives in each state, and what it is answered with: None is "handed on", a number a status.
PLACES = [
    (Role.ESME, State.OPEN, 0x05, 0x04),
    (Role.ESME, State.OPEN, 0x0B, None),
    (Role.ESME, State.OPEN, 0x15, 0x00),
    (Role.ESME, State.OPEN, 0x09, 0x04),
    (Role.ESME, State.BINDING, 0x05, None),
    (Role.ESME, State.BOUND_TX, 0x05, 0x04),
    (Role.ESME, State.BOUND_TX, 0x0103, None),
    (Role.ESME, State.BOUND_RX, 0x05, None),
    (Role.ESME, State.BOUND_RX, 0x0102, None),
    (Role.ESME, State.BOUND_TRX, 0x04, 0x04),
    (Role.ESME, State.BOUND_TRX, 0x99, 0x03),
    (Role.ESME, State.BOUND_TRX, 0x0B, 0x04),
    (Role.ESME, State.UNBINDING, 0x05, None),
    (Role.ESME, State.UNBINDING, 0x15, 0x00),
    (Role.ESME, State.LEAVING, 0x05, 0x04),
    (Role.ESME, State.LEAVING, 0x15, 0x00),
    (Role.SMSC, State.OPEN, 0x04, 0x04),
    (Role.SMSC, State.OPEN, 0x09, None),
    (Role.SMSC, State.BINDING, 0x09, 0x05),
    (Role.SMSC, State.BINDING, 0x04, 0x04),
    (Role.SMSC, State.BOUND_TX, 0x04, None),
    (Role.SMSC, State.BOUND_TX, 0x03, None),
    (Role.SMSC, State.BOUND_TX, 0x21, None),
    (Role.SMSC, State.BOUND_RX, 0x04, 0x04),
    (Role.SMSC, State.BOUND_RX, 0x0103, None),
    (Role.SMSC, State.BOUND_TRX, 0x02, 0x05),
    (Role.SMSC, State.BOUND_TRX, 0x05, 0x04),
    (Role.SMSC, State.UNBINDING, 0x04, None),
    (Role.SMSC, State.LEAVING, 0x04, 0x04),
]
BODIES = {
    0x02: b"a\0b\0\0\x34\0\0\0", 0x03: b"7\0\0\x001\0", 0x04: BODY, 0x05: deliver()[16:], 0x09: b"a\0b\0\0\x34\0\0\0",
    0x0B: b"a\0b\0", 0x21: b"\0\0\x001\0\1\1\1\x012\0\0\0\0\0\0\0\0\0\0\2hi", 0x0102: b"\0\x001\0\0\x001\0",
    0x0103: b"\0\0\x001\0\1\x012\0\0\0\0",
}  # fmt: skip


@pytest.mark.parametrize("role, state, command, status", PLACES)
def test_what_arrives_out_of_place_is_refused_with_the_right_status(
    role: Role, state: State, command: int, status: int | None
) -> None:
    session = in_state(role, state)
    session.receive_data(raw(command, 77, BODIES.get(command, b"")), 1.0)
    answers = headers(session.data_to_send())
    events = session.events()
    if status is None:
        assert answers == []
        assert [type(event) for event in events] in ([Requested], [Notified])
    else:
        response = 0x80000000 if command in {0x99, 0x0B} else command | 0x80000000
        assert answers == [(response, status, 77)]
        assert only(Requested, events) == []
        assert [event.command_status for event in only(Refused, events)] == ([status] if status else [])


def test_nothing_is_heard_after_the_end() -> None:
    session = in_state(Role.ESME, State.CLOSED)
    session.receive_data(deliver(), 1.0)
    session.on_time(1000.0)
    session.receive_eof(1.0)
    session.abort()
    assert session.events() == []
    assert session.data_to_send() == b""
    assert session.next_deadline() is None
    with pytest.raises(LocalProtocolError, match="closed"):
        session.submit(BODY, 1.0)
    with pytest.raises(LocalProtocolError, match="closed"):
        session.bind(Bind(), 1.0)
    with pytest.raises(LocalProtocolError, match="closed"):
        session.unbind(1.0)
    with pytest.raises(LocalProtocolError, match="closed"):
        session.probe(1.0)


def test_heartbeats_and_unbind_have_methods_of_their_own() -> None:
    session = bound_esme()
    for request in (EnquireLink(), Unbind()):
        with pytest.raises(LocalProtocolError, match="method of its own"):
            session.request(request, 0.0)


def test_the_transitions_are_drawn() -> None:
    table = transition_table()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rows[0] == ["state", *(trigger.value for trigger in Trigger)]
    drawn = {
        (State(row[0]), trigger): State(cell)
        for row in rows[2:]
        for trigger, cell in zip(Trigger, row[1:], strict=True)
        if cell
    }
    assert drawn == dict(TRANSITIONS)
    assert {state for state, _ in drawn} == set(State) - {State.CLOSED}


def test_bound_is_one_of_three_states() -> None:
    assert {state for state in State if in_state(Role.ESME, state).is_bound} == BOUND
