"""Whatever order things come in: every message reaches the application, once, and every PDU is answered once.

The platform of this model keeps what it has no ESME_ROK for and brings it
again, over any link; links are lost at any moment; the application is full at
times and acknowledges when it likes.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sms_traffic_async.protocols.smpp.reassembly import Reassembler
from tests.protocols.smpp.receiving_kit import OK, Application, Side, part, receipt

SERVERS = ("server1", "server2")


class Platform(RuleBasedStateMachine):
    @initialize(hold=st.sampled_from([0.5, 2.0]))
    def start(self, hold: float) -> None:
        self.app = Application(reassembler=Reassembler(ttl=1e9), hold_parts=hold)
        self.sides: dict[str, Side] = {server: self.app.side(server) for server in SERVERS}
        self.kept: dict[Any, bytes] = {}
        self.under_way: dict[tuple[str, int], Any] = {}
        self.sequence = 0
        self.messages = self.receipts = 0
        self.confirmed: set[int] = set()

    def send(self, server: str, name: Any) -> None:
        self.sequence += 1
        kind, number, *rest = name
        if kind == "part":
            pdu = part(rest[0], 3, self.sequence, reference=number % 256, octets=b"%d.%d;" % (number, rest[0]))
        else:
            pdu = receipt(str(number), self.sequence)
        self.under_way[server, self.sequence] = name
        self.heard(server, self.sides[server].hear(pdu))

    def heard(self, server: str, answers: list[tuple[int, int]]) -> None:
        for sequence, status in answers:
            # Nothing is answered twice: the place is gone after the first answer.
            name = self.under_way.pop((server, sequence))
            if status == OK:
                self.kept.pop(name, None)

    def listen(self) -> None:
        for server, side in self.sides.items():
            self.heard(server, side.said())

    @rule()
    def write(self) -> None:
        self.messages += 1
        for number in (1, 2, 3):
            self.kept["part", self.messages, number] = b""

    @rule()
    def deliver(self) -> None:
        self.receipts += 1
        self.kept["receipt", self.receipts] = b""

    @precondition(lambda self: self.kept)
    @rule(server=st.sampled_from(SERVERS), data=st.data())
    def bring(self, server: str, data: st.DataObject) -> None:
        busy = set(self.under_way.values())
        free = [name for name in self.kept if name not in busy]
        if free:
            self.send(server, data.draw(st.sampled_from(free)))

    @rule(server=st.sampled_from(SERVERS), told=st.booleans())
    def lose(self, server: str, told: bool) -> None:
        side = self.sides[server]
        if told:
            side.lose()
        side.is_over = True
        self.under_way = {place: name for place, name in self.under_way.items() if place[0] != server}
        self.sides[server] = self.app.side(server)

    @rule(room=st.sampled_from([0, 1000]))
    def breathe(self, room: int) -> None:
        self.app.room = room

    @precondition(lambda self: self.app.acks)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        self.app.acks.pop(data.draw(st.integers(0, len(self.app.acks) - 1)))()
        self.listen()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.app.wait(seconds)
        self.listen()

    @rule(is_on=st.booleans())
    def submit(self, is_on: bool) -> None:
        self.app.in_flight = [self.app.clock.now] if is_on else []

    @rule(data=st.data())
    def respond(self, data: st.DataObject) -> None:
        self.app.receiving.submitted(str(data.draw(st.integers(1, self.receipts + 1))), self.app.clock.now)
        self.listen()

    @invariant()
    def nothing_comes_twice(self) -> None:
        assert len(set(self.app.ids)) == len(self.app.ids)
        assert len(set(self.app.texts)) == len(self.app.texts)

    @invariant()
    def what_was_acknowledged_is_with_the_application_or_waits_here(self) -> None:
        gone = {number for number in range(1, self.receipts + 1) if ("receipt", number) not in self.kept}
        assert gone <= {int(one) for one in self.app.ids}

    def teardown(self) -> None:
        if not hasattr(self, "app"):
            return
        self.app.room = 10_000
        for _ in range(6):
            busy = set(self.under_way.values())
            for name in [name for name in self.kept if name not in busy]:
                self.send("server1", name)
            self.app.wait(10)
            self.listen()
            while self.app.acks:
                self.app.acks.pop()()
            self.listen()
        assert sorted(self.app.texts) == sorted(
            "".join(f"{number}.{piece};" for piece in (1, 2, 3)) for number in range(1, self.messages + 1)
        )
        assert sorted(map(int, self.app.ids)) == list(range(1, self.receipts + 1))
        assert not self.kept
        assert not self.under_way
        assert self.app.receiving.stats().inbox.unacknowledged == 0
        assert self.app.receiving.stats().inbox.waiting_parts == 0


TestPlatform = Platform.TestCase
