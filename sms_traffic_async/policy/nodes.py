"""Which node is asked next: health, suspicion and the budget for repeats, per node.

A ``NodeSet`` is shared by everything that speaks to the same hosts. It is
passive and synchronous: whoever makes a request tells it so (``started``,
``heard``, then ``finished`` or ``abandoned``), and asks it for the ``order`` of
nodes. Names are the nodes' names; the first is preferred.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.attempts import Verdict
from sms_traffic_async.policy.breaker import Breaker, NodeState
from sms_traffic_async.settings import RetryPolicy

__all__ = ("NodeSet", "NodeSnapshot", "NodeState")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSnapshot:
    """One node at one moment, for stats.

    Attributes:
        name: the node.
        state: ``healthy``, ``recovering``, ``suspect`` or ``open``.
        in_flight: requests under way that should be answered soon.
        failures: failed attempts in a row.
        budget: tokens left for repeats.
        probe_in: seconds until a probe is due; ``None`` while none is needed.
    """

    name: str
    state: str
    in_flight: int
    failures: int
    budget: int
    probe_in: float | None


class _Node:
    __slots__ = ("breaker", "budget", "name")

    def __init__(self, name: str, breaker: Breaker, budget: int) -> None:
        self.name = name
        self.breaker = breaker
        self.budget = budget


class NodeSet:
    """The nodes of one platform, as far as this process knows them.

    Args:
        names: the nodes, preferred first.
        policy: the budget's numbers.
        clock: where time and chance come from.
        suspect_after: seconds of silence with requests in flight after which
            new messages go to another node.

    Raises:
        ConfigurationError: no name, or one twice.
    """

    __slots__ = ("_clock", "_names", "_nodes", "_policy")

    def __init__(self, names: Iterable[str], *, policy: RetryPolicy, clock: Clock, suspect_after: float = 2.0) -> None:
        self._names = tuple(names)
        self._policy = policy
        self._clock = clock
        self._nodes = {name: _Node(name, Breaker(suspect_after=suspect_after), policy.budget) for name in self._names}
        if not self._nodes or len(self._nodes) != len(self._names):
            raise ConfigurationError("nodes: at least one name, and none twice")

    def order(self) -> tuple[str, ...]:
        """The nodes to ask, best first. Never empty.

        Open ones are left out while another is not: they get probes only. Among
        equals the order given decides, so the preferred node is the first again
        30 s after it recovered.
        """
        now = self._clock.monotonic()
        for node in self._nodes.values():
            if node.breaker.state(now) is not NodeState.HEALTHY:
                break
        else:
            return self._names
        states = [(node.breaker.state(now), name) for name, node in self._nodes.items()]
        usable = [entry for entry in states if entry[0] is not NodeState.OPEN] or states
        usable.sort(key=_state_of)
        return tuple(name for _, name in usable)

    def started(self, node: str, *, expect_silence: bool = False) -> float:
        """A request goes out. Every one ends in ``finished`` or ``abandoned``.

        Args:
            node: where it goes.
            expect_silence: a request that the platform may hold open (a report's
                long poll): its silence says nothing. Say the same when it ends.

        Returns:
            Now, monotonic: what ``Attempt.started`` is.
        """
        now = self._clock.monotonic()
        if not expect_silence:
            self._nodes[node].breaker.started(now)
        return now

    def heard(self, node: str) -> None:
        """A byte came from the node."""
        self._nodes[node].breaker.heard(self._clock.monotonic())

    def finished(self, node: str, verdict: Verdict | None, *, expect_silence: bool = False) -> float:
        """A request ended: ``None`` for an answer that is a result, else the attempt's verdict.

        Returns:
            Now, monotonic: what ``Attempt.ended`` is.
        """
        now = self._clock.monotonic()
        entry = self._nodes[node]
        if not expect_silence:
            entry.breaker.ended(now)
        if verdict is None:
            entry.breaker.judged(None, now, 0.0)
            entry.budget = min(entry.budget + 1, self._policy.budget)
        else:
            entry.breaker.judged(verdict, now, self._clock.random())
        return now

    def abandoned(self, node: str, *, expect_silence: bool = False) -> None:
        """A request was cancelled: that is no failure of the node, though its silence until then counts."""
        if not expect_silence:
            self._nodes[node].breaker.ended(self._clock.monotonic())

    def afford(self, node: str, verdict: Verdict) -> bool:
        """Whether the budget of the node that failed can pay for a repeat. Spends nothing."""
        return self._nodes[node].budget >= self._cost(verdict)

    def spend(self, node: str, verdict: Verdict) -> None:
        """Pay for a repeat that is going to be made."""
        entry = self._nodes[node]
        entry.budget = max(entry.budget - self._cost(verdict), 0)

    def probe_due(self) -> str | None:
        """A node that should be probed now, or ``None``.

        The probe (``GET /v2/account``, a bind, an enquire_link) is the caller's
        from here: ``probed`` reports it. Until then, or for 30 s, the node is
        not named again.
        """
        now = self._clock.monotonic()
        return next((name for name, node in self._nodes.items() if node.breaker.take_probe(now)), None)

    def probed(self, node: str, ok: bool) -> None:
        """What came of a probe: ``ok`` for any complete answer."""
        self._nodes[node].breaker.probed(ok=ok, now=self._clock.monotonic(), chance=self._clock.random())

    def snapshot(self) -> tuple[NodeSnapshot, ...]:
        """All nodes, in the order given."""
        now = self._clock.monotonic()
        return tuple(_snapshot(node, now) for node in self._nodes.values())

    def _cost(self, verdict: Verdict) -> int:
        if verdict is Verdict.AMBIGUOUS:
            return 0  # Settling it must always be possible: the budget would be empty after a thousand messages.
        return self._policy.throttle_cost if verdict is Verdict.THROTTLED else self._policy.transient_cost


def _state_of(entry: tuple[NodeState, str]) -> NodeState:
    return entry[0]


def _snapshot(node: _Node, now: float) -> NodeSnapshot:
    breaker = node.breaker
    due = breaker.probe_at()
    return NodeSnapshot(
        name=node.name,
        state=breaker.state(now).name.lower(),
        in_flight=breaker.in_flight,
        failures=breaker.failures,
        budget=node.budget,
        probe_in=None if due == math.inf else max(due - now, 0.0),
    )
