"""The receiving side over real sessions, fed with PDUs that are written by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sms_traffic_async.messages import InboundMessage, StatusUpdate
from sms_traffic_async.protocols.smpp.fields import Response
from sms_traffic_async.protocols.smpp.protocol import Requested
from sms_traffic_async.protocols.smpp.receiving import Acknowledgement, Receiving
from tests.policy.hand_clock import HandClock
from tests.protocols.smpp.pair import bound_esme, deliver, headers, only, tlv

__all__ = ("FULL", "NOBODY", "OK", "Application", "Side", "part", "receipt")

OK, FULL, NOBODY = 0x00, 0x14, 0x64


def receipt(
    message_id: str, sequence: int, *, state: int = 2, text_id: str | None = None, done: str = "2511271359"
) -> bytes:
    """A deliver_sm with a receipt as the document's table 3 has it."""
    stat, err = ("DELIVRD", "000") if state == 2 else ("UNDELIV", "003")
    text = f"id:{text_id or message_id} sub:001 dlvrd:001 submit date:2511271358 done date:2511271359"
    text += f" stat:{stat} err:{err} text:Hello"
    tlvs = tlv(0x0427, bytes((state,))) + tlv(0x001E, message_id.encode() + b"\0")
    return deliver(text.encode(), sequence=sequence, esm_class=0x04, tlvs=tlvs)


def part(
    number: int, total: int, sequence: int, *, reference: int = 7, octets: bytes = b"", source: bytes = b"79161112233"
) -> bytes:
    """A deliver_sm with one part of a long message."""
    header = bytes((5, 0, 3, reference, total, number))
    return deliver(header + (octets or b"<%d>" % number), sequence=sequence, source=source, esm_class=0x40)


class Side:
    """A link: a session bound for receiving, and what is written on it."""

    def __init__(self, receiving: Receiving, clock: HandClock, server: str = "server1") -> None:
        self.server = server
        self.receiving = receiving
        self.clock = clock
        self.session = bound_esme(now=clock.now)
        self.is_over = False

    def hear(self, *pdus: bytes) -> list[tuple[int, int]]:
        """One read; returns (sequence, status) of what is answered at once."""
        self.session.receive_data(b"".join(pdus), self.clock.now)
        self.receiving.take(only(Requested, self.session.events()), self, self.clock.now)
        return self.said()

    def said(self) -> list[tuple[int, int]]:
        """(sequence, status) of every answer since the last time."""
        return [(sequence, status) for _, status, sequence in headers(self.session.data_to_send())]

    def lose(self) -> None:
        self.is_over = True
        self.receiving.lost(self, self.clock.now)

    def acknowledge(self, sequence: int, command_status: int = 0) -> None:
        if not self.is_over:
            self.session.acknowledge(sequence, command_status)

    def answer(self, event: Requested, response: Response) -> None:
        if not self.is_over:
            self.session.answer(event, response, self.clock.now)


class Application:
    """What listens: takes everything unless ``room`` is used up, and keeps the acknowledgements."""

    def __init__(self, **options: Any) -> None:
        self.clock = HandClock()
        self.receiving = Receiving(clock=self.clock, **options)
        self.receiving.updates = self.update
        self.receiving.inbound = self.message
        self.in_flight: list[float] = []
        self.receiving.oldest_unanswered = lambda: min(self.in_flight, default=None)
        self.updates: list[StatusUpdate] = []
        self.messages: list[InboundMessage] = []
        self.acks: list[Acknowledgement] = []
        self.room = 1000
        self.fails: Callable[[], object] | None = None

    def side(self, server: str = "server1") -> Side:
        return Side(self.receiving, self.clock, server)

    def update(self, updates: Sequence[StatusUpdate]) -> bool:
        if self.fails:
            self.fails()
        if self.room < len(updates):
            return False
        self.updates += updates
        return True

    def message(self, message: InboundMessage, ack: Acknowledgement) -> bool:
        if self.fails:
            self.fails()
        if self.room <= 0:
            return False
        self.messages.append(message)
        self.acks.append(ack)
        return True

    @property
    def ids(self) -> list[str]:
        return [update.message_id for update in self.updates]

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.messages]

    def wait(self, seconds: float) -> None:
        """Let time pass, deadline by deadline."""
        end = self.clock.now + seconds
        for _ in range(10_000):
            deadline = self.receiving.next_deadline()
            self.clock.now = end if deadline is None else min(end, max(deadline, self.clock.now))
            self.receiving.on_time(self.clock.now)
            if self.clock.now >= end:
                return
        raise AssertionError("a deadline does not pass")
