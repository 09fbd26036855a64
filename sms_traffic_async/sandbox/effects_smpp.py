"""Faults that only SMPP has. The others of `effects` are spoken in its words too; see ``smpp_faults``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from sms_traffic_async.errors import ConfigurationError

__all__ = ("BadLength", "Coalesce", "EarlyReceipt", "GhostBind", "NoAnswer", "SmppEffect", "Status", "Unbind", "When")

When: TypeAlias = Literal["before", "after"]
"""Relative to acceptance (or to whatever the request does)."""

_FOUR_OCTETS = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An answer with any ``command_status``: a refusal, a vendor's own, or a lie after acceptance.

    Attributes:
        status: the number, ESME_RSUBMITFAIL without one; 0 with ``tlvs`` or ``bare`` is an unusual yes.
        bare: the answer is a header and nothing else.
        nack: it is a generic_nack.
        tlvs: optional parameters of the answer, as hexadecimal octets.
    """

    kind: ClassVar[str] = "status"
    status: int = 0x45
    when: When = "before"
    bare: bool = False
    nack: bool = False
    tlvs: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.status <= _FOUR_OCTETS:
            raise ConfigurationError("a command_status takes four octets")
        if self.status == 0 and self.when == "before":
            object.__setattr__(self, "when", "after")  # a yes is said to what was done
        try:
            bytes.fromhex(self.tlvs)
        except ValueError:
            raise ConfigurationError("tlvs are hexadecimal octets") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """No answer ever comes; the connection stays."""

    kind: ClassVar[str] = "no_answer"
    when: When = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyReceipt:
    """The last receipt of a message is written before the answer to its submit_sm."""

    kind: ClassVar[str] = "early_receipt"
    when: ClassVar[When] = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbind:
    """The platform unbinds: instead of processing the request, or after its answer."""

    kind: ClassVar[str] = "unbind"
    when: When = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class GhostBind:
    """When the connection of this bind is lost, its slot stays taken for so many sandbox seconds."""

    kind: ClassVar[str] = "ghost_bind"
    when: ClassVar[When] = "after"
    seconds: float = 120.0

    def __post_init__(self) -> None:
        if self.seconds < 0:
            raise ConfigurationError("a ghost stays 0 seconds or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLength:
    """A PDU whose ``command_length`` cannot be true, in place of the answer."""

    kind: ClassVar[str] = "bad_length"
    length: int = 7
    when: When = "after"

    def __post_init__(self) -> None:
        if not 0 <= self.length <= _FOUR_OCTETS:
            raise ConfigurationError("a command_length takes four octets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalesce:
    """What waits for a receiver is written in one piece with the answer to its bind."""

    kind: ClassVar[str] = "coalesce"
    when: ClassVar[When] = "after"


SmppEffect: TypeAlias = Status | NoAnswer | EarlyReceipt | Unbind | GhostBind | BadLength | Coalesce
