"""One deliver_sm on its way to the application, and the answer that is owed for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.protocols.smpp.correlation import Acknowledger
from sms_traffic_async.protocols.smpp.deduplication import Line
from sms_traffic_async.protocols.smpp.events import Requested
from sms_traffic_async.protocols.smpp.inbound import InboundText
from sms_traffic_async.protocols.smpp.responses import DataSmResp
from sms_traffic_async.protocols.smpp.submits import DeliverSm
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus

__all__ = ("Acknowledgement", "Arrival", "InboundSink", "settle")

InboundSink: TypeAlias = Callable[[InboundMessage, "Acknowledgement"], bool]


def settle(link: Acknowledger, event: Requested, command_status: int) -> None:
    """Answer a deliver_sm or a data_sm."""
    if type(event.request) is DeliverSm:
        link.acknowledge(event.sequence, command_status)
    else:
        link.answer(event, DataSmResp(command_status=CommandStatus(command_status)))


class Arrival:
    """One deliver_sm's content, and who waits for an answer to it.

    Attributes:
        fingerprint: what its repeats share.
        line: where it came from.
        came_at: when.
        owed: who waits for an answer: the link and the request, and those of its repeats.
        is_waiting: for other parts.
        is_at_platform: it was not acknowledged, so the platform has it too.
    """

    __slots__ = ("came_at", "fingerprint", "is_at_platform", "is_waiting", "line", "owed")

    def __init__(self, number: int, line: Line, owed: tuple[Acknowledger, Requested], now: float) -> None:
        self.fingerprint: int = number
        self.line: Line = line
        self.owed: list[tuple[Acknowledger, Requested]] = [owed]
        self.came_at: float = now
        self.is_waiting: bool = True
        self.is_at_platform: bool = True

    def settle(self, command_status: int) -> int:
        """Answer everyone; returns how many."""
        owed, self.owed = self.owed, []
        for link, event in owed:
            settle(link, event, command_status)
        return len(owed)


class Acknowledgement:
    """Call it to take responsibility for a message: all of its parts are acknowledged. Calling it again does nothing.

    Attributes:
        inbound: the message as SMPP has it: parts, octets, data_coding, which are missing.
        node: the server it came from.
    """

    __slots__ = ("_arrivals", "_tell", "inbound", "node")

    def __init__(
        self, tell: Callable[[tuple[Arrival, ...]], None], inbound: InboundText, arrivals: tuple[Arrival, ...]
    ) -> None:
        self._tell: Callable[[tuple[Arrival, ...]], None] | None = tell
        self._arrivals = arrivals
        self.inbound: InboundText = inbound
        self.node: str = arrivals[-1].line.server

    def __call__(self) -> None:
        """Acknowledge."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(self._arrivals)

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to acknowledge any more."""
        return self._tell is None

    def withdraw(self) -> None:
        """The message was not taken: the platform, or the inbox, has it and brings it again."""
        self._tell = None

    @property
    def data(self) -> bytes:
        """The octets of all parts, without their headers: what a binary message consists of."""
        return b"".join(part.octets for part in self.inbound.parts)

    @property
    def data_coding(self) -> int:
        """How the octets are meant, as the first part says."""
        return self.inbound.parts[0].data_coding

    def __repr__(self) -> str:
        return f"Acknowledgement({self.inbound!r}, is_done={self.is_done})"
