"""The sandbox's faults in SMPP's words: what is answered, and what is written instead of an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sms_traffic_async.protocols.smpp.pdu import HEADER, HEADER_BYTES, GenericNack, Response, Tlvs, encode, refusal
from sms_traffic_async.protocols.smpp.vocabulary import Command, CommandStatus
from sms_traffic_async.sandbox.effects import (
    BadLength,
    Effect,
    Garbage,
    GzipBomb,
    Half,
    Latency,
    ProxyPage,
    ServerError,
    Status,
    Temporary,
    Throttle,
)
from sms_traffic_async.sandbox.faults import Injected
from sms_traffic_async.sandbox.http_breakage import page

__all__ = ("Bare", "answer_of", "broken_octets", "delay_of", "effects_of")

UNKNOWN_COMMAND: Final = 0x8000_0FFF
LONGEST_BOMB: Final = 0x7FFF_FFFF
_REFUSALS: Final[dict[type, CommandStatus]] = {
    Throttle: CommandStatus.ESME_RTHROTTLED,
    ServerError: CommandStatus.ESME_RSYSERR,
    Temporary: CommandStatus.ESME_RMSGQFUL,
}


class Bare(Response):
    """A response that is its header and nothing else, as SMPP 3.4 wants refusals (4.1.2, 4.4.2)."""

    __slots__ = ("_command", "command_status")

    def __init__(self, command: Command, command_status: CommandStatus) -> None:
        self._command = command
        self.command_status: CommandStatus = command_status

    @property
    def command(self) -> Command:
        """As it was given."""
        return self._command

    def body(self) -> bytes:
        """No body."""
        return b""


def effects_of(injected: tuple[Injected, ...], when: str) -> list[Effect]:
    """Those that come before, or after, what the request does."""
    return [effect for effect, _ in injected if effect.when == when]


def delay_of(injected: tuple[Injected, ...], when: str) -> float:
    """Sandbox seconds to wait there."""
    return sum(
        effect.seconds + effect.jitter * chance
        for effect, chance in injected
        if isinstance(effect, Latency) and effect.when == when
    )


def answer_of(effect: Effect, command: int, response: Response | None) -> Response | None:
    """The answer that a fault gives; ``None`` if it gives none.

    Args:
        effect: the fault.
        command: of the request.
        response: the true answer, once there is one.
    """
    status = _REFUSALS.get(type(effect))
    if status is not None:
        return refusal(command, status)
    if not isinstance(effect, Status):
        return None
    status = CommandStatus(effect.status)
    if effect.nack:
        return GenericNack(command_status=status)
    if effect.bare:
        return Bare(Command(command).response, status)
    made: Any = response if response is not None and effect.when == "after" else refusal(command, status)
    changes: dict[str, Any] = {"command_status": status}
    if effect.tlvs:
        changes["tlvs"] = Tlvs(bytes.fromhex(effect.tlvs))
    changed: Response = replace(made, **changes)
    return changed


def broken_octets(effect: Effect, sequence: int, response: Response) -> tuple[bytes, bool] | None:
    """What is written in place of an answer, and whether the connection ends with it; ``None`` for other faults."""
    if isinstance(effect, Garbage):
        rubbish = b"\x00\xff\xfe{{{ not what was promised"
        return HEADER.pack(HEADER_BYTES + len(rubbish), UNKNOWN_COMMAND, 0, sequence) + rubbish, False
    if isinstance(effect, BadLength):
        return HEADER.pack(effect.length, int(response.command), 0, sequence), False
    if isinstance(effect, GzipBomb):
        # Nothing is compressed here: it is the promise of very much that counts.
        return HEADER.pack(min(effect.size, LONGEST_BOMB), int(response.command), 0, sequence) + b"\0" * 1000, False
    if isinstance(effect, ProxyPage):
        return b"HTTP/1.1 200 OK\r\n\r\n" + page("Sign in to the network"), True
    if isinstance(effect, Half):
        frame = encode(response, sequence)
        return frame[: len(frame) // 2], True
    return None
