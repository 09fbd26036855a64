"""Calls over HTTP, whatever the protocol: one try, and a whole query under the retry policy.

Each protocol's own class (``V2Calls``, ``V1Calls``) adds its headers, its
credential, and how a body is read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from sms_traffic_async.api_codes import TEMPORARY
from sms_traffic_async.clock import Clock
from sms_traffic_async.complaints import ShortValidity
from sms_traffic_async.errors import NotSent, RequestFailed
from sms_traffic_async.policy.attempts import QUERY, Attempt, CallRules, History, Operation, Verdict
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.loop import Finished, Stopped, run_call
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.policy.retry import latest_start
from sms_traffic_async.policy.turns import wait
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest, call, refused_by_status
from sms_traffic_async.protocols.http.failures import Wording, no_place, query_error
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http.stage import Stage
from sms_traffic_async.settings import RetryPolicy, Settings, call_seconds
from sms_traffic_async.telemetry import Telemetry, get_logger

__all__ = ("HttpCalls",)

T = TypeVar("T")

_log = get_logger("http")


class HttpCalls:
    """Everything that the calls of one client share.

    Args:
        settings: of the session, or of one view of it.
        pool: the connections.
        nodes: health and budget.
        pauses: what the platform closed for a while.
        clock: time, sleeping and chance.
        telemetry: counters and hooks.
        credential: the public id of whose rate limit it is.
        wording: what errors call the credential.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        pool: HttpPool,
        nodes: NodeSet,
        pauses: Pauses,
        clock: Clock,
        telemetry: Telemetry,
        credential: str,
        wording: Wording,
    ) -> None:
        self.settings = settings
        self.pool = pool
        self.nodes = nodes
        self.pauses = pauses
        self.clock = clock
        self.telemetry = telemetry
        self.credential = credential
        self.wording = wording
        self.query_rules: CallRules = self.counted_per_node(QUERY)
        self._by_name = {node.name: node for node in settings.nodes}
        self._short_validity = ShortValidity(_log)

    def paused(self, operation: Operation) -> float | None:
        """Seconds for which the platform wants no such calls; ``None`` while it does."""
        names = self._by_name if self.settings.http.limits_are_per_node else (None,)
        now = self.clock.monotonic()
        return min(self.pauses.remaining((self.credential, operation, name), now) for name in names) or None

    def counted_per_node(self, rules: CallRules) -> CallRules:
        """The rules, with rate limits counted as the options say."""
        return replace(rules, node_limits=self.settings.http.limits_are_per_node)

    def deadline(self, timeout: float | None) -> float:
        """The end of a call that begins now, in monotonic seconds.

        Raises:
            ConfigurationError: the time is not greater than 0.
        """
        return self.clock.monotonic() + call_seconds(timeout, self.settings.timeouts.deadline)

    def warn_of_short_validity(self, validity: int | None) -> None:
        """See ``ShortValidity``."""
        self._short_validity.look_at(validity)

    def refused_before(self, node: str, operation: str, now: float) -> Attempt | None:
        """The refusal of this credential a moment ago, as an attempt without I/O; ``None`` to ask the platform."""
        raise NotImplementedError

    def learn(self, operation: str, attempt: Attempt) -> None:
        """Note a refusal of the credential."""
        raise NotImplementedError

    async def attempt(
        self,
        node: str,
        request: HttpRequest,
        read: Callable[[HttpAnswer], T | Attempt],
        *,
        deadline: float,
        stage: Stage | None = None,
        cap: int | None = None,
        read_slowly: Callable[[HttpAnswer], Awaitable[T | Attempt]] | None = None,
        placed: bool = True,
    ) -> T | Attempt:
        """One try on a node. A credential that was refused a moment ago is refused here.

        Args:
            node: its name.
            request: what.
            read: turns an answer into a result or a failed attempt; pure and quick.
            deadline: monotonic seconds.
            stage: knows how far it got even if the call is cancelled.
            cap: the most bytes of an answer; ``None`` takes the options'.
            read_slowly: reads an answer that is too long for one turn of the loop.
            placed: ``run`` holds the place of this try already.

        Raises:
            NotSent: ``overloaded``.
        """
        refused = self.refused_before(node, request.operation, self.clock.monotonic())
        if refused is not None:
            return refused
        result = await call(
            self.pool,
            self._by_name[node],
            request,
            read,
            nodes=self.nodes,
            clock=self.clock,
            deadline=deadline,
            timeouts=self.settings.timeouts,
            cap=self.settings.http.max_answer_bytes if cap is None else cap,
            stage=stage,
            read_slowly=read_slowly,
            placed=placed,
        )
        if isinstance(result, Attempt):
            self.learn(request.operation, result)
        return result

    def by_status(self, answer: HttpAnswer) -> Attempt | None:
        """The HTTP status first; ``None`` where the body decides."""
        return refused_by_status(answer, now=self.clock.wall(), cap=self.settings.retry.retry_after_cap)

    def unreadable(self, answer: HttpAnswer, problem: str) -> Attempt:
        """A body that is none is no answer."""
        return Attempt(
            node=answer.node,
            started=answer.started,
            ended=answer.ended,
            verdict=Verdict.AMBIGUOUS,
            status=answer.status,
            description=f"the answer cannot be read: {problem}",
        )

    def refused(self, answer: HttpAnswer, fault: Fault) -> Attempt:
        """A refusal in the body, as an attempt that failed."""
        return Attempt(
            node=answer.node,
            started=answer.started,
            ended=answer.ended,
            verdict=Verdict.REFUSED if fault.code == TEMPORARY else Verdict.PERMANENT,
            status=answer.status,
            code=fault.code,
            description=fault.message,
            detail=fault,
        )

    async def ask(
        self,
        request: HttpRequest,
        read: Callable[[HttpAnswer], T | Attempt],
        *,
        deadline: float,
        rules: CallRules | None = None,
        cap: int | None = None,
        read_slowly: Callable[[HttpAnswer], Awaitable[T | Attempt]] | None = None,
    ) -> Finished[T]:
        """A call that sends nothing, repeated as often as it makes sense.

        Raises:
            RequestError: no result.
        """

        async def attempt(node: str) -> T | Attempt:
            return await self.attempt(node, request, read, deadline=deadline, cap=cap, read_slowly=read_slowly)

        ended: Finished[T] | Stopped | None = None
        with suppress(NotSent):  # no free place in time: the only way an attempt ends without a verdict
            ended = await self.run(attempt, rules=rules or self.query_rules, deadline=deadline)
        if ended is None:
            raise RequestFailed(f"{request.operation}: no free place in time", operation=request.operation)
        if isinstance(ended, Finished):
            return ended
        raise query_error(ended, operation=request.operation, wording=self.wording)

    async def run(
        self,
        attempt: Callable[[str], Awaitable[T | Attempt]],
        *,
        rules: CallRules,
        deadline: float,
        policy: RetryPolicy | None = None,
    ) -> Finished[T] | Stopped:
        """``run_call`` with what all calls share.

        A place is taken after the pauses and given back between the tries, so a 429 holds back those who wait
        for a place too. Reports have connections of their own and need none. Every try waits for its turn at the
        credential's rate, and tells it what came of it.

        Raises:
            NotSent: ``overloaded``: no place, or no turn, in time.
        """
        policy = policy or self.settings.retry
        history: History | None = None

        async def paced(node: str) -> T | Attempt:
            nonlocal history
            limiter = self.pool.limiter(self.credential, node if rules.node_limits else None)
            if limiter is None:
                return await attempt(node)
            # A turn may be far off, and the hour of a key be over by then (rule 5 of the policy).
            before = deadline if history is None else latest_start(history, policy, deadline)
            if not await wait(limiter, clock=self.clock, before=before):
                raise no_place(rules.operation, None, node)
            window = limiter.window
            passage = None if window is None else window.go(self.clock.monotonic())
            result = await attempt(node)
            now = self.clock.monotonic()
            throttled = isinstance(result, Attempt) and result.verdict is Verdict.THROTTLED
            if window is not None and passage is not None and (not isinstance(result, Attempt) or result.answered):
                window.answered(passage, now, refused=throttled)
            if not isinstance(result, Attempt):
                limiter.succeeded(now)
                return result
            if throttled:
                limiter.throttled(now)
            history = History(rules=rules, attempts=(result,)) if history is None else history.add(result)
            return result

        return await run_call(
            paced,
            rules=rules,
            policy=policy,
            nodes=self.nodes,
            pauses=self.pauses,
            clock=self.clock,
            deadline=deadline,
            telemetry=self.telemetry,
            credential=self.credential,
            places=None if rules.operation == "report" else self.pool.places,
        )
