"""Two session machines and the wire between them, and PDUs written by hand.

Bytes in here come from the specification's tables, never from our encoder, so
that a fault of the encoder cannot hide behind the decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, TypeVar

from sms_traffic_async.protocols.smpp.pdu import Bind, BindResp, Response
from sms_traffic_async.protocols.smpp.protocol import Bound, Event, Requested, Session, SessionOptions
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, CommandStatus, Role
from sms_traffic_async.secrets import Secret

E = TypeVar("E")

PASSWORD = "p@ssw0rd-of-24-characters"


def raw(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """One PDU, by hand."""
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def deliver(
    short_message: bytes = b"Hello",
    *,
    sequence: int = 1,
    source: bytes = b"79161112233",
    destination: bytes = b"1234",
    esm_class: int = 0,
    data_coding: int = 0,
    source_ton: int = 1,
    tlvs: bytes = b"",
) -> bytes:
    """A deliver_sm, by hand."""
    body = b"\0" + bytes((source_ton, 1)) + source + b"\0\1\1" + destination + b"\0"
    body += bytes((esm_class, 0, 0)) + b"\0\0" + bytes((0, 0, data_coding, 0, len(short_message))) + short_message
    return raw(0x05, sequence, body + tlvs)


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def headers(data: bytes) -> list[tuple[int, int, int]]:
    """(command, status, sequence) of every PDU in there."""
    found: list[tuple[int, int, int]] = []
    while data:
        length, command, status, sequence = struct.unpack_from(">IIII", data)
        found.append((command, status, sequence))
        data = data[length:]
    return found


def bound_esme(
    mode: BindMode = BindMode.TRANSCEIVER, *, now: float = 0.0, first_sequence: int = 1, **options: Any
) -> Session:
    """A client's session that was bound by a hand-written response."""
    session = Session(Role.ESME, now, options=SessionOptions(**options), first_sequence=first_sequence)
    sequence = session.bind(Bind(mode=mode, system_id="example", password=Secret(PASSWORD)), now)
    session.data_to_send()
    session.receive_data(raw(mode.command | 0x80000000, sequence, b"SMSC\0"), now)
    assert session.events() == [Bound(mode=mode, system_id="SMSC")]
    return session


def bound_smsc(mode: BindMode = BindMode.TRANSCEIVER, *, now: float = 0.0, **options: Any) -> Session:
    """An SMSC's session that a hand-written bind has bound."""
    session = Session(Role.SMSC, now, options=SessionOptions(**options))
    session.receive_data(raw(mode.command, 1, b"example\0secret\0\0\x34\0\0\0"), now)
    (event,) = session.events()
    assert isinstance(event, Requested)
    assert session.answer(event, BindResp(mode=mode, system_id="SMSC"), now)
    session.data_to_send()
    return session


def only(kind: type[E], events: Iterable[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def one(kind: type[E], events: Iterable[Event]) -> E:
    (event,) = only(kind, events)
    return event


class Pair:
    """A client and an SMSC on one wire, with a clock of their own."""

    def __init__(self, *, mode: BindMode = BindMode.TRANSCEIVER, **options: Any) -> None:
        self.now = 100.0
        self.esme = Session(Role.ESME, self.now, options=SessionOptions(**options))
        self.smsc = Session(Role.SMSC, self.now, options=SessionOptions(**options))
        self.esme_events: list[Event] = []
        self.smsc_events: list[Event] = []
        self.esme.bind(Bind(mode=mode, system_id="example", password=Secret(PASSWORD)), self.now)
        self.exchange()
        (request,) = self.take(self.smsc_events)
        assert isinstance(request, Requested)
        self.smsc.answer(request, BindResp(mode=mode, system_id="SMSC"), self.now)
        self.exchange()
        assert isinstance(self.take(self.esme_events)[0], Bound)

    @staticmethod
    def take(events: list[Event]) -> list[Event]:
        taken = events[:]
        events.clear()
        return taken

    def exchange(self) -> None:
        """Carry octets both ways until nobody has any."""
        while True:
            there, back = self.esme.data_to_send(), self.smsc.data_to_send()
            if not there and not back:
                break
            self.smsc.receive_data(there, self.now)
            self.esme.receive_data(back, self.now)
            self.collect()
        self.collect()

    def collect(self) -> None:
        self.esme_events += self.esme.events()
        self.smsc_events += self.smsc.events()

    def wait(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        end = self.now + seconds
        while True:
            deadlines = [at for at in (self.esme.next_deadline(), self.smsc.next_deadline()) if at is not None]
            self.now = min([end, *deadlines])
            self.esme.on_time(self.now)
            self.smsc.on_time(self.now)
            self.exchange()
            if self.now >= end:
                break

    def answer_all(self, make: type[Response], **fields: Any) -> None:
        """Let the SMSC answer everything it was asked."""
        for event in only(Requested, self.take(self.smsc_events)):
            self.smsc.answer(event, make(command_status=CommandStatus.ESME_ROK, **fields), self.now)  # type: ignore[call-arg]
        self.exchange()
