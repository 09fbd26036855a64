"""``operation=incoming`` from end to end: all messages, or an error that says so.

The document has a first date and a largest number of messages and says nothing of
the order, of the platform's own limit, or of what ``<count>`` counts (field
notes, I3). So:

1. Oldest first: the next page begins at the last date of this one. The next date
   falls back as far as the dates of the page were seen to be out of order.
2. Any other order, or a page of one second: only a longer page helps.
3. A page is *whole* when it has fewer messages than were asked for, its
   ``<count>`` names no more, and no limit of the platform can have cut it: a page
   with more messages came before, or it is shorter than any limit would be.
4. What ends in any other way is `IncompleteIncoming`, which holds what was found.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.protocols.http_v1.models import IncomingPage, IncompleteIncoming

__all__ = ("INCOMING_COUNT", "MOST_COUNT", "MOST_PAGES", "Fetch", "Incoming")

INCOMING_COUNT = 1000
"""Messages of one page."""
MOST_COUNT = 6_000
"""Of one page: as many as the bound on an answer's XML elements lets through."""
MOST_PAGES = 200

# Nobody's limit is smaller; the smallest met with this vendor is 15 (field notes, A 13).
_LEAST_LIMIT = 10
_EVEN, _EVEN_BINARY = 100, 64

Fetch = Callable[[datetime | None, int], Awaitable[IncomingPage]]
"""Gives the page of ``from_date`` and ``count``."""


class Incoming:
    """One call of ``v1.incoming``.

    Args:
        fetch: one request.
        since: not older than this.
        count: messages of the first page.
    """

    def __init__(self, fetch: Fetch, *, since: datetime | None, count: int) -> None:
        self._fetch: Final = fetch
        self._since = since
        self._count = count
        self._found: dict[object, InboundMessage] = {}
        self._widest = 0
        self._counts_all = False

    async def all(self) -> tuple[InboundMessage, ...]:
        """Every message, oldest first.

        Raises:
            IncompleteIncoming: there are more, or may be.
            RequestError: no node answered, or the platform refused.
        """
        for _ in range(MOST_PAGES):
            page = await self._next_page()
            if self._whole(page):
                return self._sorted()
            self._widest = max(self._widest, len(page.messages))
            later = next_since(page.messages)
            if later is not None and (self._since is None or later > self._since):
                self._since = later
            elif len(page.messages) < self._count:
                # The platform's own limit, or all there is.
                if await self._is_all(page):
                    return self._sorted()
                raise self._incomplete("it gives no more in one answer, and not oldest first")
            elif self._count < MOST_COUNT:
                self._count = min(MOST_COUNT, 2 * self._count)
            else:
                raise self._incomplete(f"more than {MOST_COUNT} are in one second, or come newest first")
        raise self._incomplete(f"{MOST_PAGES} pages were not enough")

    async def _next_page(self) -> IncomingPage:
        page = await self._fetch(self._since, self._count)
        for message in page.messages:
            self._found.setdefault(message.message_id or _likeness(message), message)
        self._counts_all |= _names_more(page)
        return page

    def _whole(self, page: IncomingPage) -> bool:
        rows = len(page.messages)
        if rows >= self._count or _names_more(page):
            return False
        return rows < max(self._widest, _LEAST_LIMIT) or (self._counts_all and page.said == rows)

    async def _is_all(self, page: IncomingPage) -> bool:
        """Whether a page that could not be continued has everything."""
        rows = len(page.messages)
        if _names_more(page):
            return False
        if rows < self._count and not _even(rows):
            return True
        if page.said != rows or rows < 2:  # noqa: PLR2004 - one less must be a page
            return False
        # With one message less asked for, a <count> that stays counts all there are.
        return _names_more(await self._fetch(self._since, rows - 1))

    def _sorted(self) -> tuple[InboundMessage, ...]:
        return tuple(sorted(self._found.values(), key=_when))

    def _incomplete(self, why: str) -> IncompleteIncoming:
        return IncompleteIncoming(
            f"The platform may have more incoming messages than the {len(self._found)} it gave: {why}. "
            "They are in .messages; ask with a later since= or for one sender=.",
            operation="v1.incoming",
            messages=self._sorted(),
        )


def _names_more(page: IncomingPage) -> bool:
    return page.said is not None and page.said > len(page.messages)


def _even(rows: int) -> bool:
    """Whether it looks like somebody's limit."""
    return rows > 0 and (rows % _EVEN == 0 or (rows >= _EVEN_BINARY and rows & (rows - 1) == 0))


def _likeness(message: InboundMessage) -> tuple[object, ...]:
    return message.sender, message.text, message.sent_at, message.received_at


def _when(message: InboundMessage) -> float:
    moment = message.sent_at or message.received_at
    return 0.0 if moment is None else moment.timestamp()


def next_since(page: Sequence[InboundMessage]) -> datetime | None:
    """Where the next page begins, if this one goes forward in time.

    The earlier of a message's two dates: which of them ``from_date`` means is
    not documented, and an overlap costs nothing.
    """
    moments = [min(dates) for message in page if (dates := [d for d in (message.sent_at, message.received_at) if d])]
    if not moments:
        return None
    latest, disorder = moments[0], timedelta()
    for moment in moments:
        latest = max(latest, moment)
        disorder = max(disorder, latest - moment)
    span = latest - min(moments)
    # Dates that go back by half of it or more are in no order to rely on.
    return latest - disorder if span > 2 * disorder else None
