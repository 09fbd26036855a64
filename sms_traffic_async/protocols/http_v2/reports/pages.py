"""How every row of a JSON report is had, a thousand at a time.

limit and offset belong to the POST, so each page is a job of its own, and an
offset reaches no further than 1000 (document, "limit", "offset"; field notes,
R5 and C). Rules:

1. ``to`` is frozen before the first job, so that nothing new moves the pages.
2. A window of up to 1000 rows is one job; up to 2000, two; beyond, it is cut in
   two in time and the earlier half comes first. A window without a beginning is
   cut a day before its end, then two, four, eight days before that.
3. Both ends of a window are inclusive, so neighbours share a moment: a row
   whose id came with an earlier window is dropped. Rows of one window are all
   kept: where rows are per part, the parts of a message may share its id.
4. Two pages that disagree in their count, or share an id, were moved by a change
   between the jobs: the window is cut until one job holds it.
5. A page with fewer rows than it counts is an error, not a shorter report.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sms_traffic_async.errors import RequestFailed
from sms_traffic_async.protocols.http_v2.reports.query import PAGE, REACH
from sms_traffic_async.protocols.http_v2.reports.wire import Page

__all__ = ("Pages", "Window")

_DAY = timedelta(days=1)
_SMALLEST = timedelta(seconds=2)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
"""Before the platform: a window that ends here and still holds too much was not cut by ``to``."""
_REMEMBERED = 16
"""Windows whose ids are kept: neighbours share a second, or a minute should the platform drop seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Rows from ``since`` (None: ever) to ``until``, both inclusive."""

    since: datetime | None
    until: datetime
    step: timedelta = _DAY

    def halves(self) -> tuple[Window, Window] | None:
        """The earlier and the later part; None where it cannot be cut."""
        if self.since is None:
            middle = self.until - self.step
            if middle < _BEGINNING:
                return None
            return Window(since=None, until=middle, step=2 * self.step), Window(since=middle, until=self.until)
        if self.until - self.since < _SMALLEST:
            return None
        middle = (self.since + (self.until - self.since) / 2).replace(microsecond=0)
        return Window(since=self.since, until=middle), Window(since=middle, until=self.until)


class Pages:
    """What to ask for next, and which rows of the answers are new. Pure: no I/O, no clock.

    Ask for ``window`` at ``offset`` until it is ``done``.

    Args:
        since: the report's beginning.
        until: its end, frozen.
        id_at: where the id stands in a row.
    """

    def __init__(self, since: datetime | None, until: datetime, *, id_at: int) -> None:
        self.window: Window | None = Window(since=since, until=until)
        self.offset: int = 0
        self.total: int = 0
        self._later: list[Window] = []
        self._first: Page | None = None
        self._id_at = id_at
        self._seen: deque[frozenset[str]] = deque(maxlen=_REMEMBERED)

    @property
    def done(self) -> bool:
        """Whether there is nothing left to ask for."""
        return self.window is None

    def take(self, page: Page) -> list[tuple[str, ...]]:
        """The rows that this answer completes.

        Raises:
            RequestFailed: rows are missing, or a window cannot be made small enough.
        """
        window = self.window
        assert window is not None  # noqa: S101 - nothing was asked for otherwise
        if len(page.rows) < min(PAGE, page.count - self.offset):
            raise _failed(f"a page of {len(page.rows)} rows where {page.count} are counted")
        if page.count > REACH:
            self._cut(window)
            return []
        if self._first is None and page.count > PAGE:
            self._first, self.offset = page, PAGE
            return []
        rows = page.rows
        if self._first is not None:
            moved = self._first.count != page.count or not self._ids(self._first.rows).isdisjoint(self._ids(rows))
            if moved and window.halves() is not None:
                self._cut(window)
                return []
            rows = self._first.rows + rows
        self._next()
        return self._fresh(rows)

    def _cut(self, window: Window) -> None:
        halves = window.halves()
        if halves is None:
            raise _failed(f"more than {REACH} rows in one second cannot be had as json: use format='csv'")
        self._later.append(halves[1])
        self._later.append(halves[0])
        self._next()

    def _next(self) -> None:
        self._first, self.offset = None, 0
        self.window = self._later.pop() if self._later else None

    def _fresh(self, rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        ids = self._ids(rows)
        old = {known for seen in self._seen for known in ids & seen}
        self._seen.append(ids)
        fresh = [row for row in rows if self._id(row) not in old] if old else list(rows)
        self.total += len(fresh)
        return fresh

    def _ids(self, rows: Sequence[tuple[str, ...]]) -> frozenset[str]:
        return frozenset(found for row in rows if (found := self._id(row)))

    def _id(self, row: tuple[str, ...]) -> str:
        return row[self._id_at] if self._id_at < len(row) else ""


def _failed(what: str) -> RequestFailed:
    return RequestFailed(f"the json report does not add up: {what}", operation="v2.report")
