"""What the platform lists of inbound messages: a back-fill when a reader opens, and looks from time to time.

The list (v1 ``operation=incoming``) reaches back two days, a report of v2 with
``type=mo`` further. Both tell ids, so what came by SMPP or a webhook is not
handed over again (SMPP itself tells none).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias, cast

from sms_traffic_async.clock import Clock
from sms_traffic_async.delivery.inbound import Inbound
from sms_traffic_async.errors import DeadlineExceeded, RequestError, RequestRefused
from sms_traffic_async.messages import InboundMessage
from sms_traffic_async.telemetry import get_logger

if TYPE_CHECKING:
    from sms_traffic_async.protocols.http_v1 import HttpV1
    from sms_traffic_async.protocols.http_v2 import HttpV2
    from sms_traffic_async.protocols.http_v2.reports.rows import ReportRow

__all__ = ("REPORT_FIELDS", "InboundFeed", "Listed", "Reported", "by_list", "by_report", "message_of")

LISTED_SECONDS = 2 * 86_400.0
LONGEST_PAUSE = 300.0
REPORT_FIELDS = ("id", "subscriber", "message", "submission_date", "originator")
"""What a report is asked for."""

_log = get_logger("delivery")

Listed: TypeAlias = Callable[[datetime], Awaitable[Sequence[InboundMessage]]]
"""The platform's list from a time on; may raise an error that has ``messages``."""


Reported: TypeAlias = Callable[[datetime], AsyncGenerator[InboundMessage, None]]
"""The messages of a report ``type=mo`` from a time on."""


class InboundFeed:
    """Looks the lists up for as long as somebody reads; given to ``Inbound`` as its ``feed``.

    Args:
        clock: time and sleep.
        listed: the list of v1; ``None`` without login and password.
        reported: the report of v2; ``None`` without an API key.
    """

    def __init__(self, *, clock: Clock, listed: Listed | None = None, reported: Reported | None = None) -> None:
        self._clock = clock
        self._listed = listed
        self._reported = reported
        self._refused = False

    async def __call__(self, inbound: Inbound, since: datetime | None) -> None:
        """Work until cancelled, or until there is nothing left to do."""
        poll = inbound.options.poll if self._listed is not None else None
        begun = self._now()
        if since is not None:
            await self._back_fill(inbound, since, begun)
        last = begun
        while poll is not None:
            asked = self._now()
            if await self._list(inbound, last - timedelta(seconds=inbound.options.overlap)):
                last = asked
            await self._clock.sleep(poll)

    async def _back_fill(self, inbound: Inbound, since: datetime, begun: datetime) -> None:
        old = (begun - since).total_seconds() > LISTED_SECONDS
        by_list = self._listed is not None and (not old or self._reported is None)
        if not by_list and self._reported is None:
            _log.warning("inbound messages cannot be looked up: that takes an API key, or login and password")
            return
        pause = 1.0
        while not await (self._list(inbound, since) if by_list else self._report(inbound, since)):
            await self._clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            if self._refused:
                # It will not be otherwise the next time. The list, if there is one, tells at least the last two days.
                if self._listed is None or by_list:
                    return
                by_list, self._refused = True, False

    async def _list(self, inbound: Inbound, since: datetime) -> bool:
        assert self._listed is not None  # noqa: S101 - looked at before
        complete, cut = True, False
        earliest = self._now() - timedelta(seconds=LISTED_SECONDS)
        try:
            messages = await self._listed(max(since, earliest))
        except RequestError as error:
            self._refused = isinstance(error, RequestRefused)
            messages = cast("Sequence[InboundMessage]", getattr(error, "messages", ()))
            _log.warning("the list of inbound messages is not complete: %s", type(error).__name__)
            complete, cut = False, bool(messages)
        for message in messages:
            await inbound.put(message)
        return await self._rest(inbound, since) if cut else complete

    async def _rest(self, inbound: Inbound, since: datetime) -> bool:
        """What a list that was cut leaves out: a report has it. The list itself gives no more the next moment."""
        if self._reported is None or await self._report(inbound, since):
            return True
        refused, self._refused = self._refused, False
        return refused

    async def _report(self, inbound: Inbound, since: datetime) -> bool:
        assert self._reported is not None  # noqa: S101 - looked at before
        try:
            async with aclosing(self._reported(since)) as messages:
                async for message in messages:
                    await inbound.put(message)
        except (RequestError, DeadlineExceeded) as error:
            self._refused = isinstance(error, RequestRefused)
            _log.warning("the report of inbound messages did not come: %s", type(error).__name__)
            return False
        return True

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)


def by_list(v1: HttpV1) -> Listed:
    """The list of v1."""

    async def listed(since: datetime) -> Sequence[InboundMessage]:
        return await v1.incoming(since=since)

    return listed


def by_report(v2: HttpV2) -> Reported:
    """The report of v2."""

    async def reported(since: datetime) -> AsyncGenerator[InboundMessage, None]:
        async with v2.report(since=since, type="mo", fields=REPORT_FIELDS) as report:
            async for row in report:
                yield message_of(row)

    return reported


def message_of(row: ReportRow) -> InboundMessage:
    """A row as a message. The document names no column for your number: it is looked for where a sender's name is."""
    return InboundMessage(
        sender=row.subscriber,
        text=row.message,
        message_id=row.id or None,
        recipient=row.originator or None,
        sent_at=row.submission_date,
        received_at=row.submission_date,
        source="report",
    )
