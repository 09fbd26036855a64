"""What a network can do to a connection, as values.

Directions: ``up`` is from the client to the platform, ``down`` is the answer.
Offsets count the bytes of one direction of one connection from its start, so
they cut requests, answers, PDUs and TLS records alike.

``after=n`` means that exactly ``n`` bytes are forwarded, and then it happens at
once. With ``after=0`` it happens when the first byte arrives, and none is
forwarded: an answer cut after 0 bytes is a request that the platform got whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sms_traffic_async.errors import ConfigurationError

__all__ = (
    "Blackhole",
    "ConnectionFault",
    "Cut",
    "Direction",
    "Drip",
    "Fault",
    "Garbage",
    "HalfClose",
    "How",
    "Latency",
    "PortFault",
    "Refuse",
    "Replace",
    "Reset",
    "Scope",
    "Unreachable",
)

Direction: TypeAlias = Literal["up", "down"]
Scope: TypeAlias = Literal["up", "down", "both"]
How: TypeAlias = Literal["fin", "rst"]


def _not_negative(name: str, value: float) -> None:
    if not value >= 0:
        raise ConfigurationError(f"{name} must not be negative, not {value!r}")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigurationError(f"{name} is one of {', '.join(allowed)}, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """Nobody listens on the port: every new connection gets ECONNREFUSED. Open ones live on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreachable:
    """The port answers no SYN: a new connection hangs in connect. Open ones live on.

    Made of a full accept queue, which Linux answers by dropping the SYN. When
    the rule goes, a connect that hangs gets through with its next SYN, which the
    kernel sends after 1, 3, 7, ... real seconds.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackhole:
    """The connection stays open, and nothing passes any more.

    Attributes:
        after: bytes of each direction concerned that still pass.
        direction: ``both`` with ``after=0`` does not even connect to the target.
    """

    after: int = 0
    direction: Scope = "both"

    def __post_init__(self) -> None:
        _not_negative("Blackhole.after", self.after)
        _one_of("Blackhole.direction", self.direction, ("up", "down", "both"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Every byte arrives later. Order is kept; bandwidth is not limited.

    Attributes:
        seconds: of delay, in each direction concerned.
        jitter: up to so many seconds more, drawn for each piece read.
        direction: which bytes.
    """

    seconds: float
    jitter: float = 0.0
    direction: Scope = "both"

    def __post_init__(self) -> None:
        _not_negative("Latency.seconds", self.seconds)
        _not_negative("Latency.jitter", self.jitter)
        _one_of("Latency.direction", self.direction, ("up", "down", "both"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """A slow line: below 20 bytes a second it lets single bytes through.

    Attributes:
        bytes_per_second: of each direction concerned.
        direction: which bytes.
    """

    bytes_per_second: float
    direction: Scope = "down"

    def __post_init__(self) -> None:
        if not self.bytes_per_second > 0:
            raise ConfigurationError("Drip.bytes_per_second must be greater than 0; Blackhole lets nothing through")
        _one_of("Drip.direction", self.direction, ("up", "down", "both"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Ends the whole connection after byte ``after`` of one direction.

    Attributes:
        after: bytes of this direction that are forwarded, exactly.
        direction: whose bytes are counted.
        how: what both ends see: ``fin`` (end of stream) or ``rst`` (connection reset).
    """

    after: int
    direction: Direction = "down"
    how: How = "fin"

    def __post_init__(self) -> None:
        _not_negative("Cut.after", self.after)
        _one_of("Cut.direction", self.direction, ("up", "down"))
        _one_of("Cut.how", self.how, ("fin", "rst"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """RST to both ends.

    Attributes:
        after: None resets a new connection as soon as it is accepted, before the
            target hears of it; a number is ``Cut(how="rst")``.
        direction: whose bytes ``after`` counts.
    """

    after: int | None = None
    direction: Direction = "up"

    def __post_init__(self) -> None:
        _not_negative("Reset.after", self.after or 0)
        _one_of("Reset.direction", self.direction, ("up", "down"))


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfClose:
    """One direction ends, the other works on; later bytes of the ended one are swallowed.

    Attributes:
        direction: ``up``: the platform sees the end of the client's stream;
            ``down``: the client sees the end of the platform's.
        after: bytes of this direction that are forwarded, exactly.
    """

    direction: Direction = "down"
    after: int = 0

    def __post_init__(self) -> None:
        _not_negative("HalfClose.after", self.after)
        _one_of("HalfClose.direction", self.direction, ("up", "down"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Overwrites bytes in passing; nothing gets longer or shorter.

    Attributes:
        data: the bytes to put there. Not shown by ``repr``.
        at: offset of the first one.
        direction: in which stream.
    """

    data: bytes = field(repr=False)
    at: int = 0
    direction: Direction = "down"

    def __post_init__(self) -> None:
        _not_negative("Replace.at", self.at)
        _one_of("Replace.direction", self.direction, ("up", "down"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """``Replace`` with random bytes, which follow from the proxy's seed.

    Attributes:
        length: how many bytes.
        at: offset of the first one.
        direction: in which stream.
    """

    length: int = 16
    at: int = 0
    direction: Direction = "down"

    def __post_init__(self) -> None:
        _not_negative("Garbage.at", self.at)
        if not self.length > 0:
            raise ConfigurationError("Garbage.length must be greater than 0")
        _one_of("Garbage.direction", self.direction, ("up", "down"))


PortFault: TypeAlias = Refuse | Unreachable
"""Faults of the listening port: they concern every new connection until they are removed."""
ConnectionFault: TypeAlias = Blackhole | Latency | Drip | Cut | Reset | HalfClose | Replace | Garbage
"""Faults of single connections."""
Fault: TypeAlias = PortFault | ConnectionFault
