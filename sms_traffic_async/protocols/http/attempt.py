"""The bookkeeping of one try: its place, its connection, and what the node's health hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from sms_traffic_async.clock import Clock
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.failures import no_place
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http.ports import Headers, Response
from sms_traffic_async.protocols.http.stage import Stage, safe_cause
from sms_traffic_async.settings import Node, Timeouts
from sms_traffic_async.telemetry import CALLS, RequestFinished

__all__ = ("HttpRequest", "Try", "TryFailed", "without_frames")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request, the same on every node.

    Attributes:
        method: upper case.
        path: from the node's base URL, percent-encoded; holds no secret.
        operation: such as ``v2.send``, for telemetry and errors.
        headers: all of them but Host and Content-Length.
        content: the body.
    """

    method: str
    path: str
    operation: str
    headers: Headers = field(default=(), repr=False)
    content: bytes | None = field(default=None, repr=False)


class TryFailed(Exception):
    """The try failed; the words are ours and the cause is safe to keep."""

    def __init__(self, description: str, cause: BaseException | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.cause = cause


class Try:
    """One try, from waiting for a place to the verdict. Nothing here but ``connect`` and ``close`` awaits.

    With ``report`` it goes by the connections for reports, takes no place, and waits for an answer as long as the
    platform may hold it back.
    """

    __slots__ = (
        "_begun",
        "_clock",
        "_needs_place",
        "_node",
        "_nodes",
        "_placed",
        "_pool",
        "_report",
        "_request",
        "_response",
        "_settled",
        "_stage",
        "_timeouts",
        "heard",
        "overloaded",
        "started",
    )

    def __init__(
        self,
        pool: HttpPool,
        node: Node,
        request: HttpRequest,
        stage: Stage | None,
        *,
        nodes: NodeSet,
        clock: Clock,
        timeouts: Timeouts,
        report: bool = False,
        placed: bool = False,
    ) -> None:
        self._pool = pool
        self._node = node
        self._request = request
        self._nodes = nodes
        self._clock = clock
        self._timeouts = timeouts
        self._report = report
        self._stage = Stage(request.method) if stage is None else stage
        self.heard: Callable[[], None] = partial(nodes.heard, node.name)
        """Bytes came from the node. Not a method of ours: stage and try would hold each other."""
        self._stage.listen(self.heard)
        self._response: Response | None = None
        self._placed = False
        self._needs_place = not report and not placed
        self._begun = False
        self._settled = False
        self.overloaded: bool = True
        """Whether it never came further than waiting."""
        self.started: float = 0.0
        """Monotonic seconds, once it had its place."""

    async def connect(self) -> Response:
        """Take a place, send the request, return when the head of the answer is there.

        Raises:
            TryFailed: no answer.
            ConfigurationError: the pool is closed or cannot be opened.
        """
        sender = self._pool.ready(report=self._report) or await self._pool.open(report=self._report)
        if self._needs_place:
            await self._pool.places.acquire()
            self._placed = True
        self.overloaded = False
        node, request, stage = self._node, self._request, self._stage
        self.started = self._nodes.started(node.name, expect_silence=self._report)
        self._begun = True
        stage.proves = sender.proves(node.url)
        stage.handed = True
        try:
            self._response = await sender.send(
                request.method, node.url + request.path, request.headers, request.content, self._phases(), stage
            )
        except Exception as error:  # noqa: BLE001 - whatever it is called: the stage tells what it means
            self.overloaded = stage.unsent and sender.overloaded(error)
            raise TryFailed("no answer", safe_cause(error)) from None
        finally:
            if stage.dangling is not None:
                await _drop(stage)
        stage.began = True  # an answer came, whatever the transport reported
        return self._response

    def timed_out(self) -> TryFailed:
        """The deadline passed, wherever it was."""
        stage = self._stage
        if stage.handed and stage.proves and not stage.stirred:
            self.overloaded = True  # all that time it waited for a connection of the caller's client
        return TryFailed("the deadline passed")

    async def close(self) -> None:
        """Give the connection back. An error in it changes nothing that is known already."""
        response, self._response = self._response, None
        if response is not None:
            with suppress(Exception):
                await response.aclose()

    def failed(self, failure: TryFailed, status: int | None = None) -> Attempt:
        """The try as an attempt that failed.

        Raises:
            NotSent: it found no place in time: that says nothing about the node.
        """
        if self.overloaded:
            self.release()
            raise no_place(self._request.operation, None, self._node.name)
        verdict = self._stage.verdict
        ended = self.finished(verdict, status)
        return Attempt(
            node=self._node.name,
            started=self.started,
            ended=ended,
            verdict=verdict,
            status=status,
            description=failure.description,
            cause=failure.cause,
        )

    def finished(self, verdict: Verdict | None, status: int | None) -> float:
        """The try ended: write it down, give the place back. Returns now, monotonic."""
        self._settled = True
        name = self._node.name
        ended = self._nodes.finished(name, verdict, expect_silence=self._report)
        self._tell("answered" if verdict is None else verdict.value, ended, status)
        self._give_place_back()
        return ended

    def release(self) -> None:
        """Whatever happened: nothing of this try stays behind. Does nothing after ``finished``."""
        if not self._settled:
            self._settled = True
            if self._begun:
                self._nodes.abandoned(self._node.name, expect_silence=self._report)
                self._tell("cancelled", self._clock.monotonic(), None)
        self._give_place_back()

    def _give_place_back(self) -> None:
        if self._placed:
            self._placed = False
            self._pool.places.release()

    def _tell(self, verdict: str, ended: float, status: int | None) -> None:
        telemetry = self._pool.telemetry
        telemetry.stats.count(f"http.{verdict}")
        if telemetry.hooks:
            telemetry.emit(
                RequestFinished(
                    operation=self._request.operation,
                    node=self._node.name,
                    seconds=ended - self.started,
                    verdict=verdict,
                    status=status,
                    calls=CALLS.get(),
                )
            )

    def _phases(self) -> Mapping[str, float]:
        timeouts = self._timeouts
        read = timeouts.report_read if self._report else timeouts.read
        return {"connect": timeouts.connect, "read": read, "write": timeouts.read, "pool": timeouts.deadline}


async def _drop(stage: Stage) -> None:
    stream, stage.dangling = stage.dangling, None
    with suppress(Exception):
        await stream.aclose()


def without_frames(error: asyncio.CancelledError) -> asyncio.CancelledError:
    """The same cancellation without the HTTP library's frames, whose variables hold headers and body."""
    error.__traceback__ = None
    error.__context__ = None
    error.__cause__ = None
    return error
