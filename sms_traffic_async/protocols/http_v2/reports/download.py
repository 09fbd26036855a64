"""The bytes of a report: polled for until they are there, read in pieces, resumed where a connection is lost.

1. 204 means "not ready": the same node is asked again after a pause. 200 brings
   the report itself, so waiting and downloading are one request.
2. A lost download is the first attempt of the call that goes on with it: the one
   retry policy says when. An attempt succeeds when it brings a byte that was not
   there yet, so a link that always breaks ends like any other.
3. To go on, ``Range`` is sent. 206 from the right byte goes on; 200 begins again,
   and what is known is skipped. Where length or tag say that it is another report
   by now, a file is written again from its beginning, and rows are an error.
4. Bytes are counted as they are handed out; of an answer that was compressed on
   the way no range can be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import replace
from typing import cast

from sms_traffic_async.errors import RequestFailed
from sms_traffic_async.policy.retry import Attempt, Verdict, pinned
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest, refused_by_status
from sms_traffic_async.protocols.http.stream import StreamBroken, StreamedAnswer, stream
from sms_traffic_async.protocols.http_v2.reports.head import OK, PARTIAL, DownloadHead, read_head
from sms_traffic_async.protocols.http_v2.reports.link import OPERATION, ReportLink, ReportTicket
from sms_traffic_async.protocols.http_v2.reports.query import ReportFormat
from sms_traffic_async.protocols.http_v2.reports.wire import decode_fault

__all__ = ("Download",)

_CREDENTIAL = frozenset({401, 403})
_NOT_READY, _PAST_THE_END = 204, 416
_COURTESY = 65_536
_COURTESY_SECONDS = 2.0
_RESTARTS = 3


class Download:
    """Reads one report from the node that has it. ``aclose`` it, or read it to its end.

    Args:
        link: makes the calls.
        ticket: which report.
        form: the format asked for.
        cap: bytes, at most; None for no cap.
        rewind: called before the bytes begin again from the first, where the
            report has changed; without it that is an error.

    Attributes:
        offset: bytes handed out.
        resumed: how often it was resumed after a loss.
        restarted: how often it began again from the first byte.
    """

    def __init__(
        self,
        link: ReportLink,
        ticket: ReportTicket,
        *,
        form: ReportFormat,
        cap: int | None,
        rewind: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.offset: int = 0
        self.resumed: int = 0
        self.restarted: int = 0
        self._link = link
        self._ticket = ticket
        self._form: ReportFormat = form
        self._cap = cap
        self._rewind = rewind
        self._ranges = True
        self._head: DownloadHead | None = None
        self._lost: Attempt | None = None
        self._open: AbstractAsyncContextManager[StreamedAnswer | Attempt] | None = None
        self._pieces: AsyncGenerator[bytes, None] | None = None

    async def read(self) -> bytes:
        """The next piece, at most 64 kB; empty at the end.

        Raises:
            ReportGone, RequestRefused, RequestFailed, DeadlineExceeded, TlsError: it cannot be had.

        Cancellation: closes nothing by itself; ``aclose`` does.
        """
        piece = await self._next()
        self.offset += len(piece)
        self._check_cap(self.offset)
        if not piece:
            await self.aclose()
        return piece

    async def aclose(self) -> None:
        """Close the connection; one that was read to its end is given back instead."""
        pieces, self._pieces = self._pieces, None
        opened, self._open = self._open, None
        try:
            if pieces is not None:
                await pieces.aclose()
        finally:
            if opened is not None:
                await opened.__aexit__(None, None, None)

    async def _next(self) -> bytes:
        if self._pieces is not None:
            try:
                with self._link.scope():
                    return await anext(self._pieces, b"")
            except StreamBroken as broken:
                self._lost = broken.attempt
                self.resumed += 1
            await self.aclose()
        while True:
            done = await self._link.run(self._attempt, pinned(self._ticket.node), fetching=True)
            if done.value is not None:
                return done.value
            await self._link.wait(self._ticket)

    async def _attempt(self, node: str) -> bytes | Attempt | None:
        """Up to the first new piece; None while the report is not ready."""
        if self._lost is not None:
            lost, self._lost = self._lost, None
            return lost
        calls = self._link.calls
        opened = stream(
            calls.pool,
            self._link.node(node),
            self._request(),
            nodes=calls.nodes,
            clock=calls.clock,
            deadline=self._link.deadline,
            timeouts=calls.settings.timeouts,
            cap=None,
        )
        answer = await opened.__aenter__()
        self._open = opened
        began = False
        try:
            first = answer if isinstance(answer, Attempt) else await self._begin(answer)
            began = isinstance(first, bytes)
        except StreamBroken as broken:
            return broken.attempt
        finally:
            if not began:
                await self.aclose()
        return first

    def _request(self) -> HttpRequest:
        request = self._link.calls.request(OPERATION, "GET", f"/v2/report/{self._ticket.report_id}")
        if not (self.offset and self._ranges):
            return request
        more = [("Range", f"bytes={self.offset}-")]
        if self._head is not None and self._head.tag is not None:
            more.append(("If-Range", self._head.tag))
        return replace(request, headers=(*request.headers, *more))

    async def _begin(self, answer: StreamedAnswer) -> bytes | Attempt | None:
        if answer.status == _NOT_READY:
            await _little(answer)  # nothing; but only a connection that was read to its end is kept
            return None
        head = read_head(answer.status, answer.headers, compressed=answer.compressed, form=self._form)
        if not head.is_report or not self._fits(head):
            return await self._refused(answer)
        if head.status == OK:
            if self.offset and self._head is not None and head.differs(self._head):
                await self._start_over()
            self._head, self._ranges = head, head.ranges
            self._check_cap(head.total or 0)
        skip = self.offset if head.status == OK else 0
        self._pieces = cast("AsyncGenerator[bytes, None]", answer.pieces())
        async for piece in self._pieces:
            if len(piece) > skip:
                return piece[skip:]
            skip -= len(piece)
        if skip:
            raise self._changed()
        return b""

    def _fits(self, head: DownloadHead) -> bool:
        """Whether a part is the one asked for, of the same report. One that is not is not asked for again."""
        if head.status != PARTIAL:
            return True
        changed = self._head is not None and head.differs(self._head)
        fits = self.offset > 0 and head.start == self.offset and not changed
        self._ranges = self._ranges and fits
        return fits

    async def _start_over(self) -> None:
        if self._rewind is None or self.restarted == _RESTARTS:
            raise self._changed()
        await self._rewind()
        self.offset = 0
        self.restarted += 1

    async def _refused(self, answer: StreamedAnswer) -> Attempt:
        """What an answer that is not the report means; a little of its body may hold a code."""
        calls = self._link.calls
        whole = HttpAnswer(
            status=answer.status,
            headers=answer.headers,
            body=await _little(answer),
            node=answer.node,
            started=answer.started,
            ended=calls.clock.monotonic(),
        )
        if answer.status in _CREDENTIAL:
            calls.pool.circuit.refused(OPERATION, answer.status, whole.ended)
        fault = decode_fault(whole.body)
        refused = refused_by_status(whole, now=calls.clock.wall(), cap=calls.settings.retry.retry_after_cap)
        if answer.status == _PAST_THE_END:
            self._ranges = False
        elif refused is not None:
            return refused if fault is None else replace(refused, code=fault.code, detail=fault)
        elif answer.status == OK and fault is not None:
            return calls.refused(whole, fault)
        return Attempt(
            node=whole.node,
            started=whole.started,
            ended=whole.ended,
            verdict=Verdict.AMBIGUOUS,
            status=whole.status,
            description="the answer is not the report",
        )

    def _check_cap(self, size: int) -> None:
        if self._cap is not None and size > self._cap:
            raise RequestFailed(
                f"{OPERATION}: the report is longer than {self._cap} bytes", operation=OPERATION, node=self._ticket.node
            )

    def _changed(self) -> RequestFailed:
        return RequestFailed(
            f"{OPERATION}: the report changed while it was read", operation=OPERATION, node=self._ticket.node
        )


async def _little(answer: StreamedAnswer) -> bytes:
    """The beginning of a body that is not the report; what cannot be had in time is not needed."""
    parts: list[bytes] = []
    size = 0
    with suppress(StreamBroken, TimeoutError):
        async with (
            asyncio.timeout(_COURTESY_SECONDS),
            aclosing(cast("AsyncGenerator[bytes, None]", answer.pieces())) as pieces,
        ):
            async for piece in pieces:
                parts.append(piece)
                size += len(piece)
                if size >= _COURTESY:
                    break
    return b"".join(parts)
