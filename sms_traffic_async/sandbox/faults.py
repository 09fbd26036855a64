"""Faults of the platform by rule, with a seed: which request suffers what.

Every rule counts the requests it matches and draws from a generator of its
own, so the same seed and the same order of requests give the same faults.
Faults of the network (refused, cut after byte n, drip) live in ``network``.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.clock import SandboxClock
from sms_traffic_async.sandbox.effects import (
    Drop,
    Effect,
    Garbage,
    GzipBomb,
    Half,
    Latency,
    ProxyPage,
    ServerError,
    Temporary,
    Throttle,
    fits,
)

__all__ = ("PROFILES", "FaultRecord", "FaultRule", "Faults", "Injected")

KEEP_LOG = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """Which requests suffer an effect. ``None`` matches everything.

    Attributes:
        effect: what happens to them.
        protocol: such as ``v2``.
        node: 1 or 2.
        operation: such as ``send``, ``statuses``, ``checked``, ``account``, ``report``, ``download``; over SMPP
            ``bind`` and ``submit``; and what the platform begins: ``receipt``, ``inbound``, ``push``. These three
            must be named, but for the effects that only they have.
        nth: only the n-th request that matches, from 1.
        every: every n-th request that matches.
        probability: of each request that matches.
        times: at most so many in all.
        name: what the log calls it.
    """

    effect: Effect
    protocol: str | None = None
    node: int | None = None
    operation: str | None = None
    nth: int | None = None
    every: int | None = None
    probability: float = 1.0
    times: int | None = None
    name: str = ""

    def __post_init__(self) -> None:
        for field in ("nth", "every", "times"):
            value = getattr(self, field)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ConfigurationError(f"a rule's {field} is a whole number from 1")
        if isinstance(self.probability, bool) or not 0 <= self.probability <= 1:
            raise ConfigurationError("a rule's probability is 0 to 1")
        if self.node not in {None, 1, 2}:
            raise ConfigurationError("a rule's node is 1 or 2")


class FaultRecord(NamedTuple):
    """One injected fault."""

    at: float
    rule: str
    effect: Effect
    protocol: str
    node: int
    operation: str
    request_id: str


class Injected(NamedTuple):
    """An effect for one request, with the chance it was drawn with (for jitter)."""

    effect: Effect
    chance: float


class _Armed:
    """A rule in use: its count, and chance of its own."""

    __slots__ = ("chance", "hits", "rule", "seen")

    def __init__(self, rule: FaultRule, seed: str) -> None:
        self.rule = rule
        self.chance = random.Random(seed)
        self.seen = 0
        self.hits = 0

    def draw(self, protocol: str, node: int, operation: str) -> Injected | None:
        rule = self.rule
        if rule.protocol not in {None, protocol} or rule.node not in {None, node}:
            return None
        if rule.operation not in {None, operation} or (rule.times is not None and self.hits >= rule.times):
            return None
        if not fits(rule.effect, protocol, operation, named=rule.operation is not None):
            return None
        self.seen += 1
        if rule.nth is not None and self.seen != rule.nth:
            return None
        if rule.every is not None and self.seen % rule.every:
            return None
        if rule.probability < 1 and self.chance.random() >= rule.probability:
            return None
        self.hits += 1
        return Injected(rule.effect, self.chance.random())


def _often(share: float, *effects: Effect) -> tuple[FaultRule, ...]:
    return tuple(FaultRule(effect=effect, probability=share, name=effect.kind) for effect in effects)


PROFILES: dict[str, tuple[FaultRule, ...]] = {
    "healthy": (),
    "flaky": _often(
        0.0125,
        Throttle(retry_after=0.5),
        ServerError(status=503, when="before"),
        ServerError(status=502, when="after"),
        Temporary(when="before"),
        Drop(when="before"),
        Drop(when="after", how="rst"),
        Half(),
        Latency(seconds=0.2, jitter=0.8),
    ),
    "throttled": _often(0.3, Throttle(retry_after=1.0)),
    "slow": _often(1.0, Latency(seconds=0.5, jitter=2.0)),
    "dead-node": (FaultRule(effect=Drop(when="before", how="rst"), node=1, name="dead node 1"),),
    "malformed": _often(
        0.05, Garbage(), Half(), ProxyPage(), GzipBomb(size=50_000_000), ProxyPage(status=502, when="before")
    ),
}
"""About one request in ten suffers under ``flaky``, one in four under ``malformed``."""


class Faults:
    """The rules in use, and a log of what they did."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._armed: list[_Armed] = []
        self._made = 0
        self.log: deque[FaultRecord] = deque(maxlen=KEEP_LOG)
        self.injected: int = 0
        self.listeners: list[Callable[[], None]] = []
        """Called when the rules in use have changed."""

    def add(self, rule: FaultRule, *, seed: int | str = 0) -> FaultRule:
        """Put a rule to use; it is returned under the name the log will give it."""
        self._made += 1
        rule = rule if rule.name else replace(rule, name=f"{rule.effect.kind} {self._made}")
        self._armed.append(_Armed(rule, f"{seed}/{len(self._armed)}/{rule.effect.kind}"))
        self._changed()
        return rule

    def remove(self, rule: FaultRule | str) -> int:
        """Take rules away by value or by name; says how many there were."""
        kept = [armed for armed in self._armed if rule not in {armed.rule, armed.rule.name}]
        gone = len(self._armed) - len(kept)
        self._armed = kept
        self._changed()
        return gone

    def clear(self) -> None:
        """Take every rule away; the log stays."""
        self._armed = []
        self._changed()

    def reset(self) -> None:
        """Take every rule away and forget what they did."""
        self.clear()
        self.log.clear()
        self.injected = 0

    def profile(self, name: str, seed: int | str = 0) -> None:
        """Replace all rules by a named set.

        Raises:
            ConfigurationError: there is no such profile.
        """
        if name not in PROFILES:
            raise ConfigurationError(f"a fault profile is one of {', '.join(PROFILES)}")
        self.clear()
        for rule in PROFILES[name]:
            self.add(rule, seed=seed)

    def _changed(self) -> None:
        for listener in self.listeners:
            listener()

    def draw(self, protocol: str, node: int, operation: str, request_id: str) -> tuple[Injected, ...]:
        """What this request suffers, in the order of the rules; counted and logged."""
        if not self._armed:
            return ()
        found: list[Injected] = []
        for armed in self._armed:
            injected = armed.draw(protocol, node, operation)
            if injected is not None:
                found.append(injected)
                self.injected += 1
                self.log.append(
                    FaultRecord(
                        self._clock.now(), armed.rule.name, injected.effect, protocol, node, operation, request_id
                    )
                )
        return tuple(found)

    def __iter__(self) -> Iterator[FaultRule]:
        return iter(tuple(armed.rule for armed in self._armed))

    def __len__(self) -> int:
        return len(self._armed)
