"""Where the rows of a report come from: one CSV or zip download, one JSON page, or many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from typing import TypeAlias

from sms_traffic_async.api_codes import refusal_for
from sms_traffic_async.errors import RequestFailed
from sms_traffic_async.protocols.http_v2.fields import Damaged
from sms_traffic_async.protocols.http_v2.models import Fault
from sms_traffic_async.protocols.http_v2.reports.csv import CsvRows
from sms_traffic_async.protocols.http_v2.reports.download import Download
from sms_traffic_async.protocols.http_v2.reports.link import OPERATION, ReportLink, ReportTicket
from sms_traffic_async.protocols.http_v2.reports.pages import Pages
from sms_traffic_async.protocols.http_v2.reports.query import REACH, ReportQuery
from sms_traffic_async.protocols.http_v2.reports.wire import Page, decode_page
from sms_traffic_async.protocols.http_v2.reports.zip import FirstMember
from sms_traffic_async.telemetry import get_logger

__all__ = ("PAGE_LIMIT", "Cells", "ReportSource")

Cells: TypeAlias = tuple[str, ...]

PAGE_LIMIT = 8_388_608
"""Bytes of one JSON page, at most: that many are parsed in 30 ms, and the loop waits for them."""

_log = get_logger("http")


class ReportSource:
    """Creates the jobs of one report and gives their rows in batches.

    Args:
        link: makes the calls.
        query: what is asked for.
        until: the frozen end of a JSON report of every row.

    Attributes:
        ticket: the first job.
        total: rows as the platform counts them, where it says so.
        ended: every row was given.
    """

    def __init__(self, link: ReportLink, query: ReportQuery, until: datetime) -> None:
        self.ticket: ReportTicket | None = None
        self.total: int | None = None
        self.ended: bool = False
        self._link = link
        self._query = query
        self._until = until
        columns = query.columns
        # Rows of neighbouring windows are told apart by their id (see Pages), asked for or not.
        self._columns = columns if not query.paged or "id" in columns else (*columns, "id")

    async def create(self, ticket: ReportTicket | None) -> None:
        """Have the first job made, or take one that was made before."""
        if ticket is None:
            first = self._query if not self._query.paged else self._page_query(self._plan())
            ticket = await self._link.create(first)
        self.ticket = ticket

    async def batches(self, cap: int | None) -> AsyncGenerator[list[Cells], None]:
        """The rows, as many at a time as one step brings; ``aclose`` it.

        Args:
            cap: bytes of the download and of what it unpacks to; None for the settings' own.
        """
        self.ended = False
        form = self._query.format
        if self._query.paged:
            inner = self._pages()
        elif form == "json":
            inner = self._page_alone()
        else:
            inner = self._lines(self._cap(cap))
        try:
            async for batch in inner:
                yield batch
            self.ended = True
        finally:
            await inner.aclose()

    async def copy(
        self,
        write: Callable[[bytes], Awaitable[None]],
        rewind: Callable[[], Awaitable[None]],
        cap: int | None,
    ) -> int:
        """The report as it comes, piece by piece.

        Returns:
            How often the download was resumed.
        """
        if self._query.format == "json":
            body = await self._body(self._ticket)
            self._decode(body)
            await write(body)
            return 0
        download = self._download(self._ticket, self._cap(cap), rewind)
        try:
            while piece := await download.read():
                await write(piece)
        finally:
            await download.aclose()
        return download.resumed

    async def _lines(self, cap: int | None) -> AsyncGenerator[list[Cells], None]:
        parser = CsvRows(self._columns)
        member = FirstMember(cap=cap) if self._query.format == "zip" else None
        download = self._download(self._ticket, cap, None)
        try:
            while piece := await download.read():
                for part in (piece,) if member is None else member.feed(piece):
                    if rows := parser.feed(part):
                        yield rows
                    if member is not None:
                        # 64 kB may unpack to many megabytes: others want their turn in between.
                        await asyncio.sleep(0)
            if member is not None:
                member.close()
            if rows := parser.close():
                yield rows
        finally:
            await download.aclose()

    async def _page_alone(self) -> AsyncGenerator[list[Cells], None]:
        page = self._decode(await self._body(self._ticket))
        self.total = page.count
        if page.count > REACH:
            _log.warning("a report counts %d rows, and json pages reach %d: use csv, or no limit", page.count, REACH)
        yield list(page.rows)

    async def _pages(self) -> AsyncGenerator[list[Cells], None]:
        plan = self._plan()
        ticket, width = self._ticket, len(self._query.columns)
        while not plan.done:
            page = self._decode(await self._body(ticket))
            if ticket is self._ticket:
                self.total = page.count
            rows = plan.take(page)
            if rows:
                yield rows if width == len(self._columns) else [row[:width] for row in rows]
            if not plan.done:
                ticket = await self._link.create(self._page_query(plan), node=self._ticket.node)

    def _plan(self) -> Pages:
        return Pages(self._query.since, self._until, id_at=self._columns.index("id"))

    def _page_query(self, plan: Pages) -> ReportQuery:
        window = plan.window
        assert window is not None  # noqa: S101 - the caller looked
        return self._query.page(window.since, window.until, offset=plan.offset, columns=self._columns)

    async def _body(self, ticket: ReportTicket) -> bytes:
        download = self._download(ticket, self._cap(PAGE_LIMIT), None)
        parts: list[bytes] = []
        try:
            while piece := await download.read():
                parts.append(piece)
        finally:
            await download.aclose()
        return b"".join(parts)

    def _decode(self, body: bytes) -> Page:
        damage = ""
        page: Page | Fault | None = None
        try:
            page = decode_page(body, len(self._columns))
        except Damaged as error:
            damage = str(error)
        if isinstance(page, Page):
            return page
        if page is not None:
            raise refusal_for(page.code, page.message, operation=OPERATION, node=self._ticket.node)
        raise RequestFailed(
            f"{OPERATION}: not a readable json report: {damage}", operation=OPERATION, node=self._ticket.node
        )

    def _download(
        self, ticket: ReportTicket, cap: int | None, rewind: Callable[[], Awaitable[None]] | None
    ) -> Download:
        return Download(self._link, ticket, form=self._query.format, cap=cap, rewind=rewind)

    def _cap(self, cap: int | None) -> int | None:
        own = self._link.calls.settings.http.max_report_bytes
        caps = [each for each in (cap, own) if each is not None]
        return min(caps, default=None)

    @property
    def _ticket(self) -> ReportTicket:
        assert self.ticket is not None  # noqa: S101 - created when the report is entered
        return self.ticket
