"""Taking in what is sent and what is heard, for readers, waiters and a store.

See ``tracker`` for the rules; this is the half that needs no caller.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

from sms_traffic_async.clock import Clock
from sms_traffic_async.delivery.asking import Asker, Asks
from sms_traffic_async.delivery.book import Book
from sms_traffic_async.delivery.schedule import Schedule, ladder
from sms_traffic_async.delivery.store import Acked, Ended, Followed, Kept, Ledger, PartEnded, TrackingStore
from sms_traffic_async.delivery.streams import Readers
from sms_traffic_async.delivery.values import Tracked, TrackedUpdate
from sms_traffic_async.errors import InvalidMessage, StatusesNotTaken
from sms_traffic_async.lifecycle import Spawn
from sms_traffic_async.messages import StatusUpdate, Submission
from sms_traffic_async.settings_tracking import TrackingOptions
from sms_traffic_async.statuses import MessageStatus
from sms_traffic_async.telemetry import Telemetry

__all__ = ("Intake", "open_store", "resolve")

FIRST_PAUSE = 1.0
GROWTH_WATCHED = 1.6
GROWTH_OTHERS = 2.0


class Intake:
    """Everything of a tracker but its public questions.

    Args:
        asks: who can be asked about what.
        options: bounds and the store's place.
        poll_after: seconds without a word after which a message is asked about.
        spawn: starts background tasks; their owner awaits them.
        clock: time.
        telemetry: counters.
        store: what survives a restart; ``open`` must be awaited first.
    """

    def __init__(
        self,
        asks: Asks,
        *,
        options: TrackingOptions,
        poll_after: float,
        spawn: Spawn,
        clock: Clock,
        telemetry: Telemetry,
        store: TrackingStore | None = None,
    ) -> None:
        self._asks = asks
        self._options = options
        self._spawn = spawn
        self._clock = clock
        self._telemetry = telemetry
        self._store = store
        self._ledger: Ledger | None = None
        self._watched = ladder(FIRST_PAUSE, GROWTH_WATCHED, poll_after)
        self._others = ladder(poll_after, GROWTH_OTHERS, max(poll_after, options.longest))
        self._askers: dict[str | None, Asker] = {}
        self._book = Book(options, telemetry.stats, told=self._heard, part_ended=self._part_ended)
        self._readers = Readers(
            buffer=options.buffer, telemetry=telemetry, acked=self._acked, clock=clock, kept=store is not None
        )
        telemetry.stats.watch("tracking.followed", self._book, lambda book: book.count)
        self._on = False
        self._reported_at: float | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the store, if there is one, and go on where it left off. Awaited once, before anything is sent.

        Raises:
            ConfigurationError: another process has the store open.
            StorageError: it cannot be read.
        """
        if self._store is None or self._ledger is not None:
            return
        kept = await self._store.open(finished=self._options.finished)
        self._ledger = Ledger(self._store, spawn=self._spawn, clock=self._clock)
        self._turn_on()
        self._restore(kept)

    async def aclose(self) -> None:
        """End the readers' loops, write what is left, and close the store."""
        self._closed = True
        self._readers.aclose()
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            await ledger.aclose()

    # --- what comes in ---

    def sent(self, sent: Submission) -> None:
        """The platform took a message. Called when the answer is parsed, before the caller is told; never raises."""
        if self._on and not self._closed:
            self._follow(sent)

    def take(self, updates: Sequence[StatusUpdate]) -> bool:
        """Take reports in, at once.

        Returns:
            False when there is no room for all of them now: nothing was taken, and they are to come again.
        """
        if self._closed:
            return False
        if updates and updates[0].source != "poll":
            self._reported_at = self._clock.monotonic()
        finals = sum(update.is_final for update in updates)
        room = self._readers.room()
        if (finals > room < self._options.buffer) or (self._ledger is not None and self._ledger.full):
            self._serve(updates)
            self._telemetry.stats.count("tracking.refused", len(updates))
            return False
        for update in updates:
            self._book.take(update)
        if self._book.joined:
            self._schedule_joined()
        return True

    async def record(self, updates: Sequence[StatusUpdate]) -> bool:
        """Take reports in, and return when they are as safe as the store makes them.

        Returns:
            False when there is no room: nothing was taken.

        Raises:
            StorageError: the store failed. They were taken, and are safe later; a repeat of them is harmless.

        Cancellation: they were taken.
        """
        if not self.take(updates):
            return False
        await self.settled()
        return True

    async def handle(self, updates: Sequence[StatusUpdate]) -> None:
        """``record`` as a webhook's handler, which has no answer but an error.

        Raises:
            StatusesNotTaken: there is no room: the platform is to come again.
            StorageError: as in ``record``.

        Cancellation: they were taken.
        """
        if not await self.record(updates):
            raise StatusesNotTaken("there is no room for more statuses now: the platform is to come again")

    async def settled(self) -> None:
        """Wait until the store has everything that was told so far. Without a store there is nothing to wait for."""
        if self._ledger is not None:
            await self._ledger.flush()

    def _turn_on(self) -> None:
        if not self._on:
            self._on = True
            self._book.listen()
            for item in set(self._book.followed.values()):
                self._remember(item)

    def _follow(self, sent: Submission) -> None:
        now = self._clock.monotonic()
        delay = self._until_start(sent)
        until = now + delay + self._options.window
        if not sent.message_ids:
            if sent.tracking_data is not None:
                item = Tracked("", (), via=sent.via, key=sent.key, until=until)
                self._book.expect(sent.tracking_data, item)
                self._schedule_joined()
            return
        if self._book.end_of(sent.message_ids) is not None:
            return
        if self._book.full:
            self._telemetry.stats.count("tracking.too_many")
            return
        self._take_up(Tracked.of(sent, until=until), delay)

    def _until_start(self, sent: Submission | None) -> float:
        if sent is None or sent.start_at is None:
            return 0.0
        return max(0.0, sent.start_at.timestamp() - self._clock.wall())

    def _take_up(self, item: Tracked, delay: float) -> None:
        self._remember(item, delay)
        followed = self._book.follow(item)
        if not followed.ended and followed.due is None:
            self._schedule(followed, delay)

    def _schedule(self, item: Tracked, delay: float) -> None:
        asker, now = self._asker(item), self._clock.monotonic()
        if delay > 0:
            asker.schedule.begin_at(item, now + delay)
        else:
            asker.schedule.follow(item, now)
        asker.start(item)

    def _schedule_joined(self) -> None:
        for item in self._book.joined:
            if not item.ended:
                self._remember(item)
                self._schedule(item, 0.0)
        self._book.joined.clear()

    def _asker(self, item: Tracked) -> Asker:
        route = self._asks.route(item.via)
        asker = self._askers.get(route)
        if asker is None:
            asker = self._askers[route] = Asker(
                None if route is None else self._asks.ask(route),
                schedule=Schedule(self._watched, self._others, stop=self._give_up),
                learn=self.take,
                spoilt=self._spoilt,
                spawn=self._spawn,
                clock=self._clock,
                telemetry=self._telemetry,
            )
        return asker

    def _heard(self, update: TrackedUpdate, item: Tracked | None, news: bool) -> None:
        if self._ledger is not None and update.is_last and (news or (item is not None and item.kept)):
            self._ledger.add(Ended(update=update, unread=news, at=self._clock.wall()))
        if item is not None:
            resolve(item, update)
        if news:
            self._readers.hand(update)

    def _part_ended(self, update: StatusUpdate) -> None:
        if self._ledger is not None:
            self._ledger.add(PartEnded(message_id=update.message_id, update=update))

    def _acked(self, update: TrackedUpdate) -> None:
        if self._ledger is not None:
            self._ledger.add(Acked(event_id=update.event_id))

    def _give_up(self, item: Tracked) -> None:
        if not item.ended:
            self._telemetry.stats.count("tracking.given_up")
            last = item.folded() or StatusUpdate(message_id=item.message_id, status=MessageStatus.PENDING)
            self._book.end_with(item, item.tracked(last, given_up=True))

    def _spoilt(self, item: Tracked, error: InvalidMessage) -> None:
        for future in item.waiters or ():
            if not future.done():
                future.set_exception(error)
                future.exception()  # whoever waits gets it; one that was cancelled just now does not
        item.waiters = None
        if item.kept:
            self._give_up(item)
        elif not item.ended:
            self._book.leave(item)

    def _serve(self, updates: Sequence[StatusUpdate]) -> None:
        """Tell those who wait, though there is no room to tell the readers."""
        for update in updates:
            item = self._book.followed.get(update.message_id)
            folded = None if item is None or not item.waiters else item.folded(update)
            if item is not None and folded is not None and folded.is_final:
                resolve(item, item.tracked(folded))

    def _remember(self, item: Tracked, delay: float = 0.0) -> None:
        if self._ledger is None:
            return
        wall = self._clock.wall()
        self._ledger.add(
            Followed(
                message_ids=tuple(item.ids),
                via=item.via,
                key=item.key,
                until=wall + item.until - self._clock.monotonic(),
                begins=wall + delay if delay else None,
            )
        )

    def _restore(self, kept: Kept) -> None:
        now, wall = self._clock.monotonic(), self._clock.wall()
        for update in kept.finished:
            for one in update.message_ids:
                self._book.finished.put(one, update)
        self._readers.restore(kept.unread)
        for message in kept.followed:
            ids = message.message_ids
            if self._book.end_of(ids) is not None or self._book.full:
                continue
            item = Tracked(ids[0], ids[1:], via=message.via, key=message.key, until=now + message.until - wall)
            for part in message.heard:
                item.learn(part)
            item = self._book.follow(item)
            self._schedule(item, 0.0 if message.begins is None else message.begins - wall)


def open_store(options: TrackingOptions, *, clock: Clock) -> TrackingStore | None:
    """The store that options name; not open yet."""
    store: Any = options.store
    if not isinstance(store, str | os.PathLike):
        return cast("TrackingStore | None", store)
    from sms_traffic_async.delivery.store_sqlite import SqliteTracking

    return SqliteTracking(cast("str | os.PathLike[str]", store), clock=clock)


def resolve(item: Tracked, update: TrackedUpdate) -> None:
    """Tell everybody who waits for a message."""
    for future in item.waiters or ():
        if not future.done():
            future.set_result(update)
