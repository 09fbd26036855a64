"""What the tests of the loop play on: a platform by script, one with a rate limit, and callers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Literal

from sms_traffic_async.clock import Clock
from sms_traffic_async.policy.limits import PauseKey, Pauses
from sms_traffic_async.policy.loop import Finished, Stopped, run_call
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.policy.retry import (
    KEYED_SEND,
    Attempt,
    CallRules,
    Verdict,
)
from sms_traffic_async.settings import RetryPolicy
from sms_traffic_async.telemetry import Telemetry
from tests.policy.hand_clock import HandClock

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT
NAMES = ("n1", "n2")
POLICY = RetryPolicy()
SEND: PauseKey = ("", "send", None)

Turn = Verdict | tuple[Verdict, float] | BaseException | Literal["ok"]


@dataclass
class House:
    """Everything a call needs, and a platform that answers by script."""

    clock: Clock
    script: Iterator[Turn]
    policy: RetryPolicy = POLICY
    deadline: float = math.inf
    pauses: Pauses = field(default_factory=Pauses)
    telemetry: Telemetry = field(default_factory=Telemetry)
    asked: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.nodes = NodeSet(NAMES, policy=self.policy, clock=self.clock)

    async def attempt(self, node: str) -> str | Attempt:
        now = self.nodes.started(node)
        self.asked.append((node, now))
        turn = next(self.script)
        if turn == "ok":
            self.nodes.finished(node, None)
            return f"from {node}"
        if isinstance(turn, BaseException):
            self.nodes.abandoned(node)
            raise turn
        verdict, retry_after = turn if isinstance(turn, tuple) else (turn, None)
        ended = self.nodes.finished(node, verdict)
        return Attempt(node=node, started=now, ended=ended, verdict=verdict, retry_after=retry_after)

    async def call(self, rules: CallRules = KEYED_SEND, *, telemetry: bool = True) -> Finished[str] | Stopped:
        return await run_call(
            self.attempt,
            rules=rules,
            policy=self.policy,
            nodes=self.nodes,
            pauses=self.pauses,
            clock=self.clock,
            deadline=self.deadline,
            telemetry=self.telemetry if telemetry else None,
        )


def house(*turns: Turn, clock: Clock | None = None, deadline: float = math.inf, policy: RetryPolicy = POLICY) -> House:
    return House(clock=clock or HandClock(), script=iter(turns), deadline=deadline, policy=policy)


def asked(place: House) -> list[tuple[str, float]]:
    return [(node, round(at - 1_000.0, 3)) for node, at in place.asked]


@dataclass
class Limited:
    """A platform that says 429 until a certain moment, and what it saw."""

    clock: Clock
    opens_at: float
    retry_after: float
    takes: float = 0.0
    seen: list[float] = field(default_factory=list)

    async def attempt(self, node: str) -> str | Attempt:
        now = self.clock.monotonic()
        self.seen.append(round(now - 1_000.0, 3))
        await asyncio.sleep(self.takes)
        if now >= self.opens_at:
            return "ok"
        return Attempt(node=node, started=now, ended=now, verdict=T, status=429, retry_after=self.retry_after)


def runner(
    clock: Clock, pauses: Pauses, attempt: Callable[[str], Awaitable[str | Attempt]], deadline: float = math.inf
) -> Callable[[CallRules], Coroutine[None, None, Finished[str] | Stopped]]:
    nodes = NodeSet(NAMES, policy=POLICY, clock=clock)

    async def call(rules: CallRules) -> Finished[str] | Stopped:
        return await run_call(
            attempt,
            rules=rules,
            policy=POLICY,
            nodes=nodes,
            pauses=pauses,
            clock=clock,
            deadline=deadline,
            credential="1837",
        )

    return call
