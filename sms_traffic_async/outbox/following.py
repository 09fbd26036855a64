"""Statuses that come back to an outbox: what the session hears, and what it cannot know of.

Rules
-----
1. What is at hand is written down together. Asking for more acknowledges it: it is in
   the store by then.
2. A status may be heard before its acceptance is on the disk; it is kept until then.
3. The session knows nothing of what an earlier process sent. So those are asked about
   once, the oldest first, a page at a time and beside the work: a start takes no longer
   because much was sent before it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from sms_traffic_async.clock import Clock
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.errors import RequestError
from sms_traffic_async.outbox.store import News, Result, State, Store
from sms_traffic_async.session import SmsTraffic

__all__ = ("Following",)

T = TypeVar("T")

AT_ONCE: Final = 500
"""Updates that are written down together: what heaps up while the store writes those before."""
PAGE: Final = 1_000
BETWEEN_PAGES: Final = 1.0
"""Seconds: statuses of old messages never hold back what is to be sent."""
EARLY_NEWS: Final = 10_000
"""Statuses of messages whose acceptance is still on its way to the disk."""


class Keep(Protocol):
    """Does work with the store until the store takes it."""

    async def __call__(self, work: Callable[[], Awaitable[T]], /) -> T:
        """What the work gives."""
        ...


class Following:
    """Writes statuses back for one worker.

    Args:
        store: where.
        sms: who hears of them.
        keep: outlives a store that fails.
        clock: sleeping.

    Attributes:
        ready: set when updates are listened to: what is sent from now on is followed.
    """

    def __init__(self, store: Store, sms: SmsTraffic, keep: Keep, clock: Clock) -> None:
        self._store = store
        self._sms = sms
        self._keep = keep
        self._clock = clock
        self.ready: asyncio.Event = asyncio.Event()
        self._early: OrderedDict[str, News] = OrderedDict()

    async def follow(self) -> None:
        """Write down what the session hears, until cancelled or the session is closed."""
        async with self._sms.updates() as updates:
            self.ready.set()
            while told := await updates.batch(AT_ONCE):
                news = [one for update in told for one in _news_of(update)]
                # Before it is looked for: an acceptance that comes to the disk meanwhile finds it here.
                self._early |= {one.message_id: one for one in news}
                ours = set(news).difference(await self._keep(partial(self._store.learn, news)))
                for one in ours:
                    if self._early.get(one.message_id) == one:
                        del self._early[one.message_id]
                while len(self._early) > EARLY_NEWS:
                    self._early.popitem(last=False)

    async def accepted(self, results: Sequence[Result]) -> None:
        """These are on the disk now: what was heard of them before counts."""
        news = [self._early.pop(one) for result in results for one in result.message_ids if one in self._early]
        if news:
            await self._keep(partial(self._store.learn, news))

    async def catch_up(self) -> None:
        """Ask once about what was accepted before now, and of which the last word is not known."""
        if self._sms.settings.credentials.api_key is None:
            return
        await self.ready.wait()
        began = self._clock.wall()
        after: str | None = None
        while rows := await self._keep(partial(self._store.listing, [State.ACCEPTED], after=after, limit=PAGE)):
            after = rows[-1].id
            ids = [one for row in rows for one in row.message_ids]
            if ids:
                try:
                    reply = await self._sms.v2.statuses(ids)
                except RequestError:
                    return
                news = [
                    News(message_id=one.message_id, status=str(one.status), final=one.is_final) for one in reply.found
                ]
                await self._keep(partial(self._store.learn, news))
            if len(rows) < PAGE or rows[-1].created > began:
                return
            await self._clock.sleep(BETWEEN_PAGES)


def _news_of(update: TrackedUpdate) -> list[News]:
    ids = update.message_ids or (update.message_id,)
    label = update.key or update.tracking_data
    return [News(message_id=one, status=str(update.status), final=update.is_last, id=label) for one in ids]
