"""One try of one request: a place, a deadline, a cap, and how far it got.

Rules
-----
1. A try ends by its deadline, whatever the peer does: no drip, no silence and
   no queue outlives it.
2. A complete answer of any status is an ``HttpAnswer``. Everything else is an
   ``Attempt``, ``UNSENT`` or ``AMBIGUOUS`` (see ``stage``).
3. A status other than 2xx speaks for itself: its body is a courtesy, and one
   that is cut, huge or garbled changes nothing.
4. What must be written down (node health, the place, telemetry) is written
   without an await, so that no cancellation can come between.
5. No error that leaves here carries a frame of the HTTP library: their local
   variables hold the credential and the message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from sms_traffic_async.clock import Clock
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.attempt import HttpRequest, Try, TryFailed, without_frames
from sms_traffic_async.protocols.http.caps import BadEncoding, BodyTooLarge, read_capped
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http.ports import Response
from sms_traffic_async.protocols.http.stage import Stage, safe_cause
from sms_traffic_async.protocols.http.status import classify_status, node_health
from sms_traffic_async.settings import Node, Timeouts

__all__ = ("HttpAnswer", "HttpRequest", "call", "refused_by_status")

T = TypeVar("T")

COURTESY_CAP = 65_536
"""Bytes read of a body whose status has already spoken."""
COURTESY_SECONDS = 1.0
LONG_BODY = 262_144
"""A longer body may be read over several turns of the loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """One complete answer.

    Attributes:
        status: the HTTP status.
        headers: looked up in lower case.
        body: inflated; of a status other than 2xx only what could be read.
        node: the node's name.
        started: monotonic seconds, when the try began.
        ended: monotonic seconds, when the last byte was there.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    node: str
    started: float
    ended: float


async def call(
    pool: HttpPool,
    node: Node,
    request: HttpRequest,
    read: Callable[[HttpAnswer], T],
    *,
    nodes: NodeSet,
    clock: Clock,
    deadline: float,
    timeouts: Timeouts,
    cap: int,
    stage: Stage | None = None,
    read_slowly: Callable[[HttpAnswer], Awaitable[T]] | None = None,
    placed: bool = False,
) -> T | Attempt:
    """Try a request once, the reading of its answer included: a 200 that is a proxy's page counts against its node.

    Args:
        pool: the connections.
        node: where to.
        request: what.
        read: turns an answer, whatever its status, into what is returned; pure and quick.
        nodes: is told how the node does.
        clock: what ``deadline`` is read on.
        deadline: monotonic seconds, for all of it.
        timeouts: for the phases.
        cap: the most bytes of an inflated 2xx body.
        stage: knows how far it got even if the call is cancelled.
        read_slowly: reads a body of more than ``LONG_BODY`` bytes without holding the loop up.
        placed: the caller holds a place for it.

    Raises:
        NotSent: ``overloaded``: no free place until the deadline.
        ConfigurationError: the pool is closed or cannot be opened.

    Cancellation: before the headers are written nothing was sent; then nobody can tell. The connection is closed.
    """
    base = Try(pool, node, request, stage, nodes=nodes, clock=clock, timeouts=timeouts, placed=placed)
    reading = _Reading(base, node.name, read, clock, read_slowly)
    failure: TryFailed | None = None
    cancelled: asyncio.CancelledError | None = None
    try:
        async with asyncio.timeout(deadline - clock.monotonic()):
            await reading.run(cap, deadline)
    except asyncio.CancelledError as error:
        cancelled = without_frames(error)
    except TimeoutError:
        failure = base.timed_out()
    except TryFailed as error:
        failure = error
    finally:
        # An answer that is there counts, even if time ran out while the connection was given back.
        if reading.complete:
            base.finished(reading.verdict, reading.status)
        elif failure is None:
            base.release()
    if cancelled is not None:
        raise cancelled
    return reading.result if reading.complete or failure is None else base.failed(failure, reading.status)


class _Reading(Generic[T]):
    """An answer on its way in."""

    __slots__ = ("_base", "_clock", "_node", "_read", "_read_slowly", "_result", "complete", "status", "verdict")

    def __init__(
        self,
        base: Try,
        node: str,
        read: Callable[[HttpAnswer], T],
        clock: Clock,
        read_slowly: Callable[[HttpAnswer], Awaitable[T]] | None,
    ) -> None:
        self._base = base
        self._node = node
        self._read = read
        self._read_slowly = read_slowly
        self._clock = clock
        self._result: T | None = None
        self.complete = False
        self.status: int | None = None
        self.verdict: Verdict | None = None

    @property
    def result(self) -> T:
        return cast("T", self._result)

    async def run(self, cap: int, deadline: float) -> None:
        response = await self._base.connect()
        try:
            self.status = status = response.status_code
            if 200 <= status < 300:  # noqa: PLR2004 - HTTP's own class
                body = await _body(response, cap)
            else:
                body = await _courtesy(response, deadline - self._clock.monotonic())
            answer = HttpAnswer(
                status=status,
                headers=response.headers,
                body=body,
                node=self._node,
                started=self._base.started,
                ended=self._clock.monotonic(),
            )
            if self._read_slowly is not None and len(body) > LONG_BODY:
                result = await self._read_slowly(answer)
            else:
                result = self._read(answer)
            self.verdict = result.verdict if isinstance(result, Attempt) else node_health(status)
            self._result = result
            self.complete = True
        finally:
            await self._base.close()


async def _body(response: Response, cap: int) -> bytes:
    try:
        return await read_capped(response.stream, response.headers.get("content-encoding"), cap)
    except BodyTooLarge:
        raise TryFailed(f"the answer is longer than {cap} bytes") from None
    except BadEncoding as error:
        raise TryFailed(str(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever it is called, the answer is not complete
        raise TryFailed("the answer was cut off", safe_cause(error)) from None


async def _courtesy(response: Response, left: float) -> bytes:
    try:
        async with asyncio.timeout(min(COURTESY_SECONDS, left / 2)):
            return await read_capped(response.stream, response.headers.get("content-encoding"), COURTESY_CAP)
    except Exception:  # noqa: BLE001 - the status has spoken
        return b""


def refused_by_status(answer: HttpAnswer, *, now: float, cap: float) -> Attempt | None:
    """A status other than 2xx as a failed attempt; ``None`` where the body decides.

    Args:
        answer: as it came.
        now: wall clock seconds.
        cap: the longest ``Retry-After`` believed, in seconds.
    """
    said = classify_status(answer.status, answer.headers, now=now, cap=cap)
    if said is None:
        return None
    return Attempt(
        node=answer.node,
        started=answer.started,
        ended=answer.ended,
        verdict=said.verdict,
        status=answer.status,
        description=f"HTTP {answer.status}",
        retry_after=said.retry_after,
        detail=answer,
    )
