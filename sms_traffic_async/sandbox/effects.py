"""What a platform fault does: values, without any protocol in them.

Each protocol's room turns them into its own words: ``Throttle`` is HTTP 429
here and ESME_RTHROTTLED there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.effects_smpp import (
    BadLength,
    Coalesce,
    EarlyReceipt,
    GhostBind,
    NoAnswer,
    SmppEffect,
    Status,
    Unbind,
    When,
)
from sms_traffic_async.sandbox.switches import RetryAfterForm

__all__ = (
    "DELIVERIES",
    "EFFECTS",
    "BadLength",
    "Coalesce",
    "Drop",
    "Duplicate",
    "EarlyReceipt",
    "Effect",
    "Garbage",
    "GhostBind",
    "GzipBomb",
    "Half",
    "Latency",
    "Lose",
    "NoAnswer",
    "ProxyPage",
    "Reorder",
    "ServerError",
    "Status",
    "Temporary",
    "Throttle",
    "Unbind",
    "effect_from",
    "effect_to",
    "fits",
    "suits",
)

How: TypeAlias = Literal["fin", "rst"]

MAX_BOMB = 1 << 30
MAX_COPIES = 100
_WHOLE = ("status", "count", "by", "length")


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """Too many requests: 429, nothing processed. ``retry_after`` in seconds; ``form`` as in Switches."""

    kind: ClassVar[str] = "throttle"
    retry_after: float = 1.0
    form: RetryAfterForm | None = None
    when: When = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerError:
    """An HTTP status of a broken server or gateway, before or after acceptance."""

    kind: ClassVar[str] = "server_error"
    status: int = 503
    when: When = "before"
    retry_after: float | None = None
    form: RetryAfterForm | None = None

    def __post_init__(self) -> None:
        if not 300 <= self.status <= 599:
            raise ConfigurationError("a server error's status is 300 to 599")


@dataclass(frozen=True, slots=True, kw_only=True)
class Temporary:
    """Code 1000, before acceptance, or (a lie that the platform could tell) after it."""

    kind: ClassVar[str] = "temporary"
    when: When = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage:
    """The right status with a body that is nothing: the request was processed."""

    kind: ClassVar[str] = "garbage"
    when: When = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """Content-Length promises the whole answer, half of it comes, then the end: processed."""

    kind: ClassVar[str] = "half"
    how: How = "fin"
    when: When = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class GzipBomb:
    """A few kilobytes on the wire that inflate to ``size`` bytes: processed."""

    kind: ClassVar[str] = "gzip_bomb"
    size: int = 200_000_000
    when: When = "after"

    def __post_init__(self) -> None:
        if not 0 < self.size <= MAX_BOMB:
            raise ConfigurationError(f"a gzip bomb's size is 1 to {MAX_BOMB} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Sandbox seconds of waiting, plus up to ``jitter`` more by the rule's seed."""

    kind: ClassVar[str] = "latency"
    seconds: float = 1.0
    jitter: float = 0.0
    when: When = "before"

    def __post_init__(self) -> None:
        if self.seconds < 0 or self.jitter < 0:
            raise ConfigurationError("latency is 0 seconds or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The connection ends without an answer."""

    kind: ClassVar[str] = "drop"
    how: How = "fin"
    when: When = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyPage:
    """An HTML page of some proxy with status 200, before or after processing."""

    kind: ClassVar[str] = "proxy_page"
    status: int = 200
    when: When = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lose:
    """What the platform was to deliver (a receipt, a push, an inbound message) is never delivered."""

    kind: ClassVar[str] = "lose"
    when: ClassVar[When] = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """What the platform delivers is delivered ``count`` times more."""

    kind: ClassVar[str] = "duplicate"
    when: ClassVar[When] = "before"
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MAX_COPIES:
            raise ConfigurationError(f"there are 1 to {MAX_COPIES} duplicates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reorder:
    """What the platform delivers comes after the ``by`` next of its kind, or after ``seconds``."""

    kind: ClassVar[str] = "reorder"
    when: ClassVar[When] = "before"
    by: int = 1
    seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.by < 1 or self.seconds < 0:
            raise ConfigurationError("a delivery is overtaken by at least one other, within 0 seconds or more")


Effect: TypeAlias = (
    Throttle
    | ServerError
    | Temporary
    | Garbage
    | Half
    | GzipBomb
    | Latency
    | Drop
    | ProxyPage
    | Lose
    | Duplicate
    | Reorder
    | SmppEffect
)

EFFECTS: dict[str, type[Effect]] = {effect.kind: effect for effect in get_args(Effect)}

DELIVERIES = frozenset({"receipt", "inbound", "push"})
"""Operations that the platform begins. A rule without an operation means requests of the client, not these."""
_OF_DELIVERIES = frozenset({Lose, Duplicate, Reorder})
_ALSO_OF_DELIVERIES = frozenset({Latency, Drop})
_OF_SMPP = frozenset(get_args(SmppEffect))


def fits(effect: Effect, protocol: str, operation: str, *, named: bool) -> bool:
    """Whether an effect can happen there at all.

    Args:
        effect: what.
        protocol: of the request.
        operation: of the request.
        named: whether the rule names the operation.
    """
    kind = type(effect)
    if operation in DELIVERIES:
        return kind in _OF_DELIVERIES or (named and kind in _ALSO_OF_DELIVERIES)
    return kind not in _OF_DELIVERIES and (protocol == "smpp" or kind not in _OF_SMPP)


def suits(kind: str, protocol: str) -> bool:
    """Whether a rule of this effect can ever strike a protocol (``push`` for calls to the customer's server)."""
    effect = EFFECTS[kind]
    if protocol == "push":
        return effect in _OF_DELIVERIES | _ALSO_OF_DELIVERIES
    if effect in _OF_DELIVERIES | _OF_SMPP:
        return protocol == "smpp"
    return True


def effect_from(description: Mapping[str, Any]) -> Effect:
    """An effect from its JSON form, ``{"kind": "drop", "when": "after"}``.

    Raises:
        ConfigurationError: an unknown kind, an unknown field or a value it cannot have.
    """
    values = dict(description)
    kind = values.pop("kind", None)
    made = EFFECTS.get(kind) if isinstance(kind, str) else None
    if made is None:
        raise ConfigurationError(f"an effect's kind is one of {', '.join(sorted(EFFECTS))}")
    known = {field.name for field in fields(made)}
    for name in values:
        if name not in known:
            raise ConfigurationError(f"effect {kind} has no {name!r}; it has {', '.join(sorted(known)) or 'nothing'}")
    _check(values)
    return made(**values)


def _check(values: Mapping[str, Any]) -> None:
    for name, allowed in (
        ("when", get_args(When)),
        ("how", get_args(How)),
        ("form", (None, *get_args(RetryAfterForm))),
    ):
        if name in values and values[name] not in allowed:
            raise ConfigurationError(f"{name} is one of {', '.join(map(repr, allowed))}")
    for name in ("seconds", "jitter", "status", "size", "retry_after", "count", "by", "length"):
        value = values.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise ConfigurationError(f"{name} is a number")
        if name in _WHOLE and isinstance(value, float):
            raise ConfigurationError(f"{name} is a whole number")
    for name, kind in (("bare", bool), ("nack", bool), ("tlvs", str)):
        if not isinstance(values.get(name, kind()), kind):
            raise ConfigurationError(f"{name} is a {kind.__name__}")


def effect_to(effect: Effect) -> dict[str, Any]:
    """The JSON form of an effect."""
    return {"kind": effect.kind, **asdict(effect)}
