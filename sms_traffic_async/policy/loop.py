"""Carrying out what ``retry.decide`` says: attempts, waits and pauses of one call.

The first attempt runs bare: no task, no timeout scope, no tenacity. From the
second on ``tenacity`` drives, with our decision as its stop and its wait and the
injected clock as its sleep; none of its own stops is used, because its clock is
``time.monotonic`` and its delays know no deadline.

Whoever makes the attempts tells the ``NodeSet`` of each (``started``,
``heard``, ``finished``); the loop only asks it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import Outcome, SendError
from sms_traffic_async.policy.endings import Finished, Stopped
from sms_traffic_async.policy.limits import PauseKey, Pauses, Ticket
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.policy.retry import (
    Again,
    Attempt,
    CallRules,
    History,
    Stop,
    StopReason,
    Verdict,
    decide,
    latest_start,
    throttle_delay,
)
from sms_traffic_async.settings import RetryPolicy
from sms_traffic_async.telemetry import Telemetry, get_logger

if TYPE_CHECKING:
    import tenacity

__all__ = ("Finished", "Stopped", "run_call")

T = TypeVar("T")
_log = get_logger("policy")


async def run_call(
    attempt: Callable[[str], Awaitable[T | Attempt]],
    *,
    rules: CallRules,
    policy: RetryPolicy,
    nodes: NodeSet,
    pauses: Pauses,
    clock: Clock,
    deadline: float,
    telemetry: Telemetry | None = None,
    credential: str = "",
    places: asyncio.Semaphore | None = None,
) -> Finished[T] | Stopped:
    """Make one call, with all the repeats that are right.

    Args:
        attempt: makes one attempt on the node it is given. Returns the result,
            or an ``Attempt`` that says how it failed; it must end by the
            deadline. What it raises ends the call and is raised as it is, but
            for one thing: after an ambiguous attempt, "not sent" or "rejected"
            would be a lie, and becomes ``Stopped("local")``.
        rules: what may be repeated, and where.
        policy: the numbers.
        nodes: health and budget.
        pauses: what the platform closed for a while.
        clock: time, sleeping and chance.
        deadline: monotonic seconds; may be infinite.
        telemetry: counters ``policy.repeat.<verdict>``, ``policy.stop.<reason>`` and ``policy.pause``.
        credential: the public id of whose rate limit it is.
        places: attempts under way at once. Taken here, and not by the attempt,
            a pause that begins while a call waits for its place still holds it.

    Returns:
        A value, never an error: ``Finished`` or ``Stopped``.

    Cancellation:
        Raised as it is. During a wait nothing is in flight; during an attempt
        the attempt knows how far it got, and tells it in its own way. Nobody
        else's call is held up by it.
    """
    call = _Call(
        attempt=attempt,
        rules=rules,
        policy=policy,
        nodes=nodes,
        pauses=pauses,
        clock=clock,
        deadline=deadline,
        telemetry=telemetry,
        credential=credential,
        places=places,
    )
    ended = await call.step()
    return ended if ended is not None else await call.repeat()


@dataclass(slots=True, kw_only=True, eq=False, repr=False)
class _Call(Generic[T]):
    """One call: what was tried, and what comes next."""

    attempt: Callable[[str], Awaitable[T | Attempt]]
    rules: CallRules
    policy: RetryPolicy
    nodes: NodeSet
    pauses: Pauses
    clock: Clock
    deadline: float
    telemetry: Telemetry | None
    credential: str
    places: asyncio.Semaphore | None
    history: History | None = None
    again: Again | None = None
    answered: bool = False

    async def step(self) -> Finished[T] | Stopped | None:
        """One attempt; ``None`` for "again, as decided"."""
        node = self._first_node() if self.again is None else self.again.node
        key = self._key(node)
        while True:
            ticket: Ticket | None = None
            if self.pauses.closed(key):
                answer = await self.pauses.admit(key, clock=self.clock, before=self._latest_start())
                if answer == "denied":
                    return self._too_late(key)
                ticket = None if answer == "free" else answer
            self.answered = False
            try:
                if self.places is None:
                    return await self._try(node, key)
                try:
                    await _acquire(self.places, self._latest_start() - self.clock.monotonic())
                except TimeoutError:
                    return self._stopped("overloaded", None)
                try:
                    if not self.pauses.overtaken(key, ticket):
                        return await self._try(node, key)
                finally:
                    self.places.release()
            finally:
                if ticket is not None:
                    self.pauses.settle(key, ticket, answered=self.answered)

    async def _try(self, node: str, key: PauseKey) -> Finished[T] | Stopped | None:
        if self.clock.monotonic() >= self._latest_start():
            return self._too_late(key)
        try:
            result = await self.attempt(node)
        except SendError as error:
            # This attempt did not leave, but an earlier one may have been taken: that is what has to be told.
            if self.history is None or not self.history.ambiguous or error.outcome is Outcome.UNKNOWN:
                raise
            return self._stopped("local", None)
        if not isinstance(result, Attempt):
            self.answered = True
            return Finished(value=result, node=node, attempts=self._attempts)
        self.answered = result.answered
        return self._failed(result, key)

    async def repeat(self) -> Finished[T] | Stopped:
        """All attempts after the first."""
        import tenacity

        made = 0

        async def turn() -> Finished[T] | Stopped | None:
            # Its first turn is the attempt that was already made, so every wait comes from one place.
            nonlocal made
            made += 1
            return None if made == 1 else await self.step()

        def wait(_state: tenacity.RetryCallState) -> float:
            return 0.0 if self.again is None else self.again.delay

        retrying = tenacity.AsyncRetrying(
            sleep=self.clock.sleep,
            wait=wait,
            # A decided end is a result, so the decision is the stop.
            stop=tenacity.stop_never,
            retry=tenacity.retry_if_result(_goes_on),
        )
        return cast("Finished[T] | Stopped", await retrying(turn))

    def _first_node(self) -> str:
        if self.rules.pinned is not None:
            return self.rules.pinned
        order = self.nodes.order()
        if self.rules.node_limits:
            return next((node for node in order if not self.pauses.closed(self._key(node))), order[0])
        return order[0]

    def _key(self, node: str) -> PauseKey:
        return (self.credential, self.rules.operation, node if self.rules.node_limits else None)

    @property
    def _attempts(self) -> tuple[Attempt, ...]:
        return () if self.history is None else self.history.attempts

    def _latest_start(self) -> float:
        if self.history is None:
            return self.deadline
        return latest_start(self.history, self.policy, self.deadline)

    def _failed(self, attempt: Attempt, key: PauseKey) -> Stopped | None:
        """Record a failed attempt, decide, and pay. Nothing is awaited here."""
        history = self.history
        history = History(rules=self.rules, attempts=(attempt,)) if history is None else history.add(attempt)
        self.history = history
        now, chance = self.clock.monotonic(), self.clock.random()
        if attempt.verdict is Verdict.THROTTLED:
            self.pauses.pause(key, now + throttle_delay(history, self.policy, chance))
            self._count("policy.pause")
        order = self.nodes.order()
        free = self._goes_over(history, order)
        decision = decide(
            history,
            now,
            policy=self.policy,
            deadline=self.deadline,
            order=order,
            chance=chance,
            affordable=free or self.nodes.afford(attempt.node, attempt.verdict),
        )
        if isinstance(decision, Stop):
            return self._stopped(decision.reason, decision.retry_after)
        if not (history.ambiguous or free):
            self.nodes.spend(attempt.node, attempt.verdict)
        self.again = decision
        self._count(f"policy.repeat.{attempt.verdict.value}")
        _log.debug(
            "%s on %s was %s, again on %s in %.2f s",
            self.rules.operation,
            attempt.node,
            attempt.verdict.value,
            decision.node,
            decision.delay,
        )
        return None

    def _goes_over(self, history: History, order: Sequence[str]) -> bool:
        """Whether it turns to a node it has not tried, because nothing left for the one before (rule N1).

        That costs nothing: it adds no load to a node that fails, and hundreds of
        calls must be able to do it at once when a node dies.
        """
        tried = {attempt.node for attempt in history.attempts}
        return history.last.verdict is Verdict.UNSENT and self.rules.pinned is None and not tried.issuperset(order)

    def _too_late(self, key: PauseKey) -> Stopped:
        reason: StopReason = "deadline" if self._latest_start() == self.deadline else "window"
        paused = self.pauses.remaining(key, self.clock.monotonic())
        last = None if self.history is None else self.history.last.retry_after
        return self._stopped(reason, paused or last)

    def _stopped(self, reason: StopReason, retry_after: float | None) -> Stopped:
        self._count(f"policy.stop.{reason}")
        return Stopped(reason=reason, attempts=self._attempts, retry_after=retry_after)

    def _count(self, name: str) -> None:
        if self.telemetry is not None:
            self.telemetry.stats.count(name)


async def _acquire(places: asyncio.Semaphore, seconds: float) -> None:
    if not places.locked() or seconds == math.inf:
        await places.acquire()
        return
    async with asyncio.timeout(seconds):
        await places.acquire()


def _goes_on(ended: object) -> bool:
    return ended is None
