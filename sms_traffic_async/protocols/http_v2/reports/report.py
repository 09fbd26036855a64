"""A report: created, waited for and read on one node, as rows or into a file.

1. The job is created when the block is entered; waiting and downloading happen
   when the first row, or the file, is asked for.
2. What belongs to a report stays on the node that made it: its polls, its
   download, and the further jobs of a JSON report.
3. One thing at a time: rows, or a file. After one the other may follow, for as
   long as the platform keeps the report.
4. One deadline spans all of it, the caller's own time between two rows included.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError, LocalProtocolError, RequestFailed, SmsTrafficError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.reports.file import WholeFile
from sms_traffic_async.protocols.http_v2.reports.link import OPERATION, ReportLink, ReportTicket
from sms_traffic_async.protocols.http_v2.reports.query import ReportQuery
from sms_traffic_async.protocols.http_v2.reports.rows import ReportRow, row_type
from sms_traffic_async.protocols.http_v2.reports.source import Cells, ReportSource
from sms_traffic_async.settings import Settings
from sms_traffic_async.telemetry import Telemetry

__all__ = ("Report", "SavedReport")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedReport:
    """A report that was written to a file.

    Attributes:
        path: where it is.
        size: in bytes.
        resumed: how often the download was resumed after a lost connection.
    """

    path: Path
    size: int
    resumed: int = 0


class Report:
    """One report, as an async context manager and an async iterator of rows.

    ::

        async with sms.v2.report(since=..., until=...) as report:
            async for row in report:
                print(row.id, row.status)

    A report is entered once. Leaving the block ends every request of it.

    Args:
        query: what it is to hold.
        settings: credentials, nodes, retry policy, timeouts and caps.
        pool: the connections.
        nodes: health of the nodes.
        pauses: what the platform closed for a while.
        clock: time.
        telemetry: counters.
        life: the session's life.
        timeout: seconds from entering the block; None for an hour.
        ticket: a report that exists already, to be read again; it must have
            been asked for with the same format and fields.

    Attributes:
        query: as given.
        rows: rows handed out so far.

    Raises:
        ConfigurationError: a bad timeout or ticket.
    """

    def __init__(
        self,
        query: ReportQuery,
        *,
        settings: Settings,
        pool: HttpPool,
        nodes: NodeSet,
        pauses: Pauses,
        clock: Clock,
        telemetry: Telemetry,
        life: Life,
        timeout: float | None = None,
        ticket: ReportTicket | None = None,
    ) -> None:
        if ticket is not None and query.paged:
            raise ConfigurationError("ticket: a json report of every row is many jobs; give limit or offset")
        self.query = query
        self.rows: int = 0
        calls = V2Calls(settings, pool=pool, nodes=nodes, pauses=pauses, clock=clock, telemetry=telemetry)
        self._link = ReportLink(calls, life=life, timeout=timeout)
        if ticket is not None:
            self._link.check(ticket)
        self._given = ticket
        self._source: ReportSource | None = None
        self._batches: AsyncGenerator[list[Cells], None] | None = None
        self._batch: Iterator[ReportRow] = iter(())
        self._row: type[ReportRow] = row_type(query.columns)
        self._read_whole = False
        self._left = False
        self._turn = _Turn()

    @property
    def ticket(self) -> ReportTicket | None:
        """Where the platform keeps it, once the block was entered; of a JSON report of many jobs, the first."""
        return None if self._source is None else self._source.ticket

    @property
    def total(self) -> int | None:
        """How many rows the platform counts, where it says so: in JSON, once a page has come."""
        return None if self._source is None else self._source.total

    async def __aenter__(self) -> Self:
        """Have the platform make the report.

        Raises:
            RequestRefused: the platform said no.
            RequestFailed: no node gave a usable answer.
            DeadlineExceeded: the deadline passed.

        Cancellation: a job may have been made; it is forgotten in 7 days.
        """
        if self._source is not None:
            raise ConfigurationError("a report is entered once")
        self._link.start()
        until = self.query.until or datetime.fromtimestamp(self._link.calls.clock.wall(), UTC)
        self._source = ReportSource(self._link, self.query, until)
        with self._turn:
            await self._source.create(self._given)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    def __aiter__(self) -> AsyncIterator[ReportRow]:
        return self

    async def __anext__(self) -> ReportRow:
        """The next row.

        Raises:
            ReportGone: the node does not have it (any more).
            RequestRefused: the platform said no.
            RequestFailed: it cannot be read; the rows so far are all right, but
                for a damaged zip.
            DeadlineExceeded: it was not ready, or not read, in time.

        Cancellation: ends the reading; the report is still kept.
        """
        while True:
            for row in self._batch:
                self.rows += 1
                return row
            self._batch = map(self._row, await self._next_batch())

    async def save(self, path: str | os.PathLike[str], *, max_bytes: int | None = None) -> SavedReport:
        """Write the report to a file: CSV and zip as they come, JSON as one document of every row.

        The file appears whole or not at all, readable by its owner only; one
        that exists is replaced. A download that breaks off is resumed where it was.

        Args:
            path: of the file.
            max_bytes: the most to take; None for ``HttpOptions.max_report_bytes``.

        Raises:
            OSError: the file cannot be written.
            ReportGone, RequestRefused, RequestFailed, DeadlineExceeded: as for rows.

        Cancellation: the connection is closed and no file is left behind, but
        for a file that is whole already.
        """
        source = self._entered()
        target = Path(path)
        with self._turn, self._link.scope():
            if self._batches is not None and not self._read_whole:
                raise LocalProtocolError("rows of this report are being read: leave the block, or read them all first")
            async with WholeFile(target) as file:
                resumed = await self._fill(source, file, max_bytes)
                await file.commit()
        return SavedReport(path=target, size=file.size, resumed=resumed)

    async def _fill(self, source: ReportSource, file: WholeFile, max_bytes: int | None) -> int:
        if not self.query.paged:
            return await source.copy(file.write, file.restart, max_bytes)
        written = 0
        await file.write(b'{"messages":[')
        async with aclosing(source.batches(max_bytes)) as batches:
            async for batch in batches:
                await file.write((b"," if written else b"") + orjson.dumps(batch)[1:-1])
                written += len(batch)
        await file.write(b'],"count":%d}' % written)
        return 0

    async def _next_batch(self) -> list[Cells]:
        source = self._entered()
        if self._read_whole:
            raise StopAsyncIteration
        with self._turn:
            if self._batches is None:
                self._batches = source.batches(None)
            try:
                return await anext(self._batches)
            except StopAsyncIteration:
                # A generator that failed before ends the same way, but its report was not read whole.
                if not source.ended:
                    raise RequestFailed(
                        f"{OPERATION}: the reading of this report ended before", operation=OPERATION
                    ) from None
                self._read_whole = True
                raise

    async def _stop(self) -> None:
        self._left = True
        self._batch = iter(())
        # Another task that is reading at this moment finds out with its next row.
        if self._batches is not None and not self._turn.taken:
            await self._batches.aclose()

    def _entered(self) -> ReportSource:
        if self._source is None or self._source.ticket is None or self._left:
            raise ConfigurationError("a report is used inside its 'async with' block")
        return self._source

    def __repr__(self) -> str:
        return f"Report(format={self.query.format!r}, ticket={self.ticket}, rows={self.rows})"


class _Turn:
    """One thing at a time; and what fails leaves without the frames it came through, which hold numbers and texts."""

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken = False

    def __enter__(self) -> None:
        if self.taken:
            raise LocalProtocolError("this report is being read by another task")
        self.taken = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.taken = False
        if isinstance(error, SmsTrafficError | OSError | asyncio.CancelledError):
            error.__traceback__ = error.__context__ = None
