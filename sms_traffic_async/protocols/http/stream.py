"""One try of a download: the head first, the body in bounded pieces.

The deadline covers connecting, the head and each piece, but no scope is held
open between them: what the caller does with a piece is the caller's time, and
a scope that spans a ``yield`` would cancel the wrong code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from sms_traffic_async.clock import Clock
from sms_traffic_async.policy.attempts import Attempt
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.attempt import HttpRequest, Try, TryFailed, without_frames
from sms_traffic_async.protocols.http.caps import BadEncoding, BodyTooLarge, decoded, inflater_for
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http.ports import Response
from sms_traffic_async.protocols.http.stage import safe_cause
from sms_traffic_async.protocols.http.status import node_health
from sms_traffic_async.settings import Node, Timeouts

__all__ = ("StreamBroken", "StreamedAnswer", "stream")


class StreamBroken(Exception):
    """The body ended before its end.

    Attributes:
        attempt: how.
    """

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.description)
        self.attempt = attempt


class StreamedAnswer:
    """The head of an answer, and its body as it comes.

    Attributes:
        status: the HTTP status.
        headers: looked up in lower case.
        node: the node's name.
        started: monotonic seconds, when the try began.
        compressed: the body is inflated on the way, so its bytes are not those
            that a ``Range`` would count.
    """

    def __init__(
        self, base: Try, response: Response, *, node: str, clock: Clock, deadline: float, cap: int | None
    ) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.node = node
        self.started: float = base.started
        self.compressed: bool = response.headers.get("content-encoding", "identity").strip().lower() != "identity"
        self.broken: Attempt | None = None
        self._base = base
        self._response = response
        self._clock = clock
        self._deadline = deadline
        self._cap = cap

    async def pieces(self) -> AsyncIterator[bytes]:
        """The inflated body, each piece at most 64 kB; read it once.

        Raises:
            StreamBroken: it was cut off, garbled, too long, or the deadline passed.

        Cancellation: harmless; leaving the ``stream`` block closes the connection.
        """
        source = aiter(decoded(self._response.stream, self.headers.get("content-encoding"), self._cap))
        while True:
            failure: TryFailed | None = None
            cancelled: asyncio.CancelledError | None = None
            piece = b""
            try:
                async with asyncio.timeout(self._deadline - self._clock.monotonic()):
                    piece = await anext(source)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError as error:
                cancelled = without_frames(error)
            except TimeoutError:
                failure = TryFailed("the deadline passed")
            except BodyTooLarge:
                failure = TryFailed(f"the body is longer than {self._cap} bytes")
            except BadEncoding as error:
                failure = TryFailed(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is called, the body is not complete
                failure = TryFailed("the body was cut off", safe_cause(error))
            if cancelled is not None:
                raise cancelled
            if failure is not None:
                self.broken = self._base.failed(failure, self.status)
                raise StreamBroken(self.broken)
            self._base.heard()
            yield piece


@asynccontextmanager
async def stream(
    pool: HttpPool,
    node: Node,
    request: HttpRequest,
    *,
    nodes: NodeSet,
    clock: Clock,
    deadline: float,
    timeouts: Timeouts,
    cap: int | None,
) -> AsyncGenerator[StreamedAnswer | Attempt, None]:
    """Try a download of a report once. Arguments as in ``exchange.call``; ``cap=None`` for no cap.

    ::

        async with stream(pool, node, request, ...) as answer:
            if isinstance(answer, Attempt): ...           # no head came
            elif answer.status == 200:
                async for piece in answer.pieces(): ...   # raises StreamBroken

    Leaving the block closes the connection, or gives it back if the body was
    read to its end. A compression nobody can undo is an ``Attempt``.

    Raises:
        NotSent: ``overloaded``: no free connection until the deadline.
        ConfigurationError: the pool is closed or cannot be opened.

    Cancellation: at any await; the connection is closed.
    """
    base = Try(pool, node, request, None, nodes=nodes, clock=clock, timeouts=timeouts, report=True)
    try:
        head = await _head(base, node.name, clock=clock, deadline=deadline, cap=cap)
        yield head
        if isinstance(head, StreamedAnswer) and head.broken is None:
            base.finished(node_health(head.status), head.status)
    finally:
        base.release()
        await base.close()


async def _head(base: Try, node: str, *, clock: Clock, deadline: float, cap: int | None) -> StreamedAnswer | Attempt:
    failure: TryFailed | None = None
    cancelled: asyncio.CancelledError | None = None
    response: Response | None = None
    try:
        async with asyncio.timeout(deadline - clock.monotonic()):
            response = await base.connect()
            inflater_for(response.headers.get("content-encoding"))
    except asyncio.CancelledError as error:
        cancelled = without_frames(error)
    except TimeoutError:
        failure = base.timed_out()
    except BadEncoding as error:
        failure = TryFailed(str(error))
    except TryFailed as error:
        failure = error
    if cancelled is not None:
        raise cancelled
    if failure is not None or response is None:
        return base.failed(failure or TryFailed("no answer"), None if response is None else response.status_code)
    return StreamedAnswer(base, response, node=node, clock=clock, deadline=deadline, cap=cap)
