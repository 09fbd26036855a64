"""Two session machines, a wire that cuts octets anywhere, time; the rules of `protocol` are held at each step."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sms_traffic_async.protocols.smpp.pdu import (
    Bind,
    BindResp,
    DeliverSm,
    DeliverSmResp,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    encode,
    refusal,
)
from sms_traffic_async.protocols.smpp.protocol import (
    Answered,
    BindRefused,
    Bound,
    Ended,
    Event,
    Expired,
    Requested,
    Session,
    SessionOptions,
    State,
)
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus, Role
from tests.policy.machines import lengths

WINDOW = 4
OWED = 6
OPTIONS = SessionOptions(window=WINDOW, max_unanswered=OWED, partial_timeout=200.0)
BODY = SubmitSm(source_addr="1", destination_addr="79161112233", short_message=b"Hello").body()
STATUSES = [CommandStatus.ESME_ROK, CommandStatus.ESME_RTHROTTLED, CommandStatus(0x400)]


class End:
    """One machine, what was asked of it, and what it has told."""

    def __init__(self, role: Role, now: float) -> None:
        self.session = Session(role, now, options=OPTIONS, first_sequence=0x7FFFFFFD)
        self.asked = 0
        self.fate: dict[int, list[str]] = {}
        self.owes: list[Requested] = []
        self.wire = bytearray()
        self.ended: Ended | None = None

    def ask(self, now: float, request: SubmitSm | DeliverSm) -> None:
        token = self.asked
        self.asked += 1
        self.fate[token] = []
        if isinstance(request, SubmitSm):
            self.session.submit(BODY, now, token)
        else:
            self.session.request(request, now, token)

    def note(self, event: Event) -> None:
        assert self.ended is None, "nothing is told after the end"
        if isinstance(event, Answered):
            self.fate[event.token].append("late" if event.late else "answered")
        elif isinstance(event, Expired):
            self.fate[event.token].append("unsent" if event.unsent else "expired")
        elif isinstance(event, Requested):
            self.owes.append(event)
        elif isinstance(event, Ended):
            self.ended = event
            self.owes.clear()
            for token in event.unanswered:
                self.fate[token].append("unanswered")
            for token in event.unsent:
                self.fate[token].append("unsent")
        else:
            assert not isinstance(event, BindRefused)


class Link(RuleBasedStateMachine):
    """Everything that can happen to a link, in any order."""

    @initialize(mode=st.sampled_from([BindMode.TRANSCEIVER, BindMode.RECEIVER, BindMode.TRANSMITTER]))
    def connect(self, mode: BindMode) -> None:
        self.now = 1000.0
        self.mode = mode
        self.esme, self.smsc = End(Role.ESME, self.now), End(Role.SMSC, self.now)
        self.ends = (self.esme, self.smsc)
        self.connected = True
        self.esme.session.bind(Bind(mode=mode, system_id="example"), self.now)
        self.settle()
        self.carry(self.esme, self.smsc, len(self.esme.wire))
        (bind,) = self.smsc.owes
        self.smsc.owes.clear()
        self.smsc.session.answer(bind, BindResp(mode=mode), self.now)
        self.settle()
        (bound,) = self.hear(self.smsc, self.esme, len(self.smsc.wire))
        assert bound == Bound(mode=mode)
        self.settle()

    def settle(self) -> None:
        for end in self.ends:
            for event in end.session.events():
                end.note(event)
            end.wire += end.session.data_to_send()

    def hear(self, source: End, target: End, octets: int) -> list[Event]:
        data = bytes(source.wire[:octets])
        del source.wire[:octets]
        if self.connected:
            target.session.receive_data(data, self.now)
        return target.session.events()

    def carry(self, source: End, target: End, octets: int) -> None:
        for event in self.hear(source, target, octets):
            target.note(event)
        self.settle()

    @rule()
    def submit(self) -> None:
        if self.mode.submits and self.esme.session.room:
            self.esme.ask(self.now, SubmitSm())
            if self.now % 2:
                self.settle()

    @rule()
    def deliver(self) -> None:
        if self.mode.receives and self.smsc.session.room:
            self.smsc.ask(self.now, DeliverSm(source_addr="1", destination_addr="2", short_message=b"hi"))
            self.settle()

    @rule(which=st.integers(0, 9), status=st.sampled_from(STATUSES), nack=st.booleans(), from_esme=st.booleans())
    def answer(self, which: int, status: CommandStatus, nack: bool, from_esme: bool) -> None:
        end = self.esme if from_esme else self.smsc
        if not end.owes:
            return
        event = end.owes.pop(which % len(end.owes))
        if nack:
            assert end.session.answer(event, GenericNack(command_status=CommandStatus.ESME_RSYSERR), self.now)
        elif from_esme:
            assert end.session.acknowledge(event.sequence, status)
        else:
            assert end.session.answer(event, SubmitSmResp(command_status=status, message_id="7"), self.now)
        self.settle()

    @rule(octets=st.one_of(st.integers(1, 40), st.just(100_000)), up=st.booleans())
    def some_octets_arrive(self, octets: int, up: bool) -> None:
        source, target = (self.esme, self.smsc) if up else (self.smsc, self.esme)
        self.carry(source, target, octets)

    @rule(seconds=st.sampled_from([0.1, 1.0, 2.0, 5.0, 29.9, 30.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for end in self.ends:
            end.session.on_time(self.now)
            deadline = end.session.next_deadline()
            assert deadline is None or deadline > self.now, "a driver would spin"
        self.settle()

    @rule(
        command=st.sampled_from([0x04, 0x05, 0x99, 0x0103, 0x80000004, 0x80000099, 0x80000000]),
        length=st.integers(0, 9),
    )
    def the_peer_talks_nonsense(self, command: int, length: int) -> None:
        if not self.smsc.session.is_closed:
            frame = (16 + length).to_bytes(4) + command.to_bytes(4) + bytes(4) + (123_456).to_bytes(4) + bytes(length)
            self.smsc.wire += frame

    @precondition(lambda self: self.now > 1060)
    @rule(from_esme=st.booleans())
    def somebody_unbinds(self, from_esme: bool) -> None:
        end = self.esme if from_esme else self.smsc
        if end.session.is_bound:
            end.session.unbind(self.now)
            self.settle()

    @precondition(lambda self: self.now > 1100)
    @rule(half=st.booleans())
    def the_connection_breaks(self, half: bool) -> None:
        self.connected = False
        for end in self.ends[: 1 if half else 2]:
            end.session.receive_eof(self.now)
        self.settle()

    @invariant()
    def the_window_holds(self) -> None:
        for end in getattr(self, "ends", ()):
            session = end.session
            assert session.in_flight <= WINDOW
            assert session.owed <= OWED
            assert session.owed == len(end.owes)
            assert session.room == (WINDOW - session.in_flight if session.is_bound else 0)
            waiting = [token for token, fate in end.fate.items() if not fate]
            withdrawn = len(session._unsent) if end.ended is None else 0
            assert len(waiting) == session.in_flight + withdrawn

    @invariant()
    def every_request_ends_once(self) -> None:
        for end in getattr(self, "ends", ()):
            for fate in end.fate.values():
                assert fate in ([], ["answered"], ["expired"], ["expired", "late"], ["unanswered"], ["unsent"])
            assert (end.ended is not None) == end.session.is_closed
            assert (end.session.state is State.CLOSED) == (end.session.next_deadline() is None)

    def teardown(self) -> None:
        for end in getattr(self, "ends", ()):
            end.session.receive_eof(self.now)
            for event in end.session.events():
                end.note(event)
            assert all(end.fate.values()), "nobody waits for ever"
            assert end.session.in_flight == end.session.owed == 0


TestLink: Any = Link.TestCase
TestLink.settings = lengths(150, 80)


def test_the_nonsense_of_the_model_is_what_it_says() -> None:
    assert encode(refusal(0x05, CommandStatus.ESME_RINVCMDLEN), 1)[4:8] == encode(DeliverSmResp(), 1)[4:8]
