"""Which connections a fault takes, and the log of what was done to them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.network.faults import ConnectionFault, Direction, Fault, Refuse, Unreachable

__all__ = ("Injection", "Rule", "Rules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One fault that took effect.

    Attributes:
        connection: the connection's number, from 1; 0 for a fault of the port.
        fault: what was done.
        direction: to which bytes; None where it concerns the whole connection.
        offset: bytes of that direction that had been forwarded by then.
        at: the loop's time.
    """

    connection: int
    fault: Fault
    direction: Direction | None
    offset: int
    at: float


@final
class Rule:
    """One fault, and the connections it takes. Made by ``Rules.add``.

    Attributes:
        fault: what is done.
        index: the rule's number in its proxy, from 1.
        taken: connections taken so far.
    """

    __slots__ = ("_every", "_nth", "_probability", "_random", "_seen", "_times", "fault", "index", "taken")

    def __init__(
        self,
        fault: Fault,
        *,
        index: int,
        nth: int | None,
        every: int,
        probability: float,
        times: int | None,
        seed: int,
    ) -> None:
        self.fault: Fault = fault
        self.index: int = index
        self.taken: int = 0
        self._nth = nth
        self._every = every
        self._probability = probability
        self._times = times
        self._seen = 0
        # A generator for each rule: adding another rule does not change what this one draws.
        self._random = random.Random(f"{seed}/{index}")

    def takes(self) -> bool:
        """Look at the next connection, and say whether it is taken."""
        self._seen += 1
        if self._times is not None and self.taken >= self._times:
            return False
        if self._nth is not None and self._seen != self._nth:
            return False
        if self._seen % self._every:
            return False
        if self._probability < 1 and self._random.random() >= self._probability:
            return False
        self.taken += 1
        return True

    def __repr__(self) -> str:
        return f"<Rule {self.index}: {self.fault!r}, took {self.taken} of {self._seen}>"


@final
class Rules:
    """The rules of one proxy. A change takes effect at once."""

    __slots__ = ("_added", "_next", "_removed", "_rules", "_seed")

    def __init__(self, *, seed: int, added: Callable[[Rule, bool], None], removed: Callable[[Rule], None]) -> None:
        self._seed = seed
        self._added = added
        self._removed = removed
        self._rules: list[Rule] = []
        self._next = 1

    def add(
        self,
        fault: Fault,
        *,
        nth: int | None = None,
        every: int = 1,
        probability: float = 1.0,
        times: int | None = None,
        live: bool = False,
    ) -> Rule:
        """Let a fault happen to new connections, until ``remove``.

        Args:
            fault: what shall happen.
            nth: only to the n-th connection opened from now on; 1 is the next one.
            every: only to every so-many-th.
            probability: only to this share, drawn from the proxy's seed.
            times: to so many connections at most; 1 is "once", 0 with ``live``
                takes only those that are open now.
            live: also to the connections that are open now, all of them.

        Returns:
            The rule, for ``remove``.

        Raises:
            ConfigurationError: a choice that takes nothing, or a choice of
                connections for a fault of the port.
            OSError: the port could not be bound again.
        """
        if nth is not None and nth < 1:
            raise ConfigurationError("nth counts from 1, the next connection")
        if every < 1 or not 0 <= probability <= 1 or (times is not None and times < 0):
            raise ConfigurationError("every is at least 1, probability from 0 to 1, times not negative")
        chosen = nth is not None or every != 1 or probability < 1 or times is not None or live
        if chosen and isinstance(fault, Refuse | Unreachable):
            raise ConfigurationError(
                f"{type(fault).__name__} concerns the port: it holds for every new connection until it is removed. "
                "Reset() refuses single connections"
            )
        rule = Rule(
            fault, index=self._next, nth=nth, every=every, probability=probability, times=times, seed=self._seed
        )
        self._next += 1
        self._rules.append(rule)
        try:
            self._added(rule, live)
        except OSError:
            self.remove(rule)
            raise
        return rule

    def remove(self, rule: Rule) -> None:
        """Take a rule back, also from the connections that live under it."""
        self._rules.remove(rule)
        self._removed(rule)

    def clear(self) -> None:
        """Take every rule back: the network is healthy again."""
        rules = tuple(self._rules)
        self._rules.clear()
        for rule in rules:
            self._removed(rule)

    def for_next_connection(self) -> list[tuple[Rule, ConnectionFault]]:
        """Count one more connection; the rules that take it, in the order they were added."""
        taken: list[tuple[Rule, ConnectionFault]] = []
        for rule in self._rules:
            fault = rule.fault
            if not isinstance(fault, Refuse | Unreachable) and rule.takes():
                taken.append((rule, fault))
        return taken

    def __iter__(self) -> Iterator[Rule]:
        return iter(tuple(self._rules))

    def __len__(self) -> int:
        return len(self._rules)
