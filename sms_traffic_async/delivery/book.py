"""What is known of which message: correlation, order, duplicates, folding. No I/O, no tasks.

1. A message is *followed* from when it is sent (or waited for) to its end; then its
   end is *remembered* for a while, so that a repeat is known as one and Delivered
   may still become Read.
2. A report of a message nobody follows is *held*, bounded: it may have come before
   the answer to the send. Whoever follows the message later finds it.
3. Reports are correlated by id; where a message has none yet, by its label
   (trackingData), and the report gives it its id.
4. Per part a status is news or nothing (``ordering``); the parts make one status
   (``folding``), and that again is news or nothing. So a status is told once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sms_traffic_async.delivery.ordering import Recent, Step, advance
from sms_traffic_async.delivery.values import Tracked, TrackedUpdate, lean
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.statuses import MessageStatus
from sms_traffic_async.telemetry import Stats

if TYPE_CHECKING:
    from sms_traffic_async.settings_tracking import TrackingOptions

__all__ = ("Book",)

CONFLICTS = 100


class Book:
    """See the module.

    Args:
        options: bounds.
        stats: counters.
        told: told of what is heard: the update; the message, where this was its end; whether readers are to know.
        part_ended: told of a part's end while others are under way.

    Attributes:
        followed: by the id of each part.
        finished: ends, by the id of each part.
        held: reports of messages that nobody follows.
        conflicts: finals that contradict an earlier final, newest last.
        hand_on: reports of strangers are told too.
        joined: messages that got their id from a report, since this list was emptied last.
    """

    def __init__(
        self,
        options: TrackingOptions,
        stats: Stats,
        *,
        told: Callable[[TrackedUpdate, Tracked | None, bool], None],
        part_ended: Callable[[StatusUpdate], None],
    ) -> None:
        self.followed: dict[str, Tracked] = {}
        self.finished: Recent[str, TrackedUpdate] = Recent(options.finished)
        self.held: Recent[str, StatusUpdate] = Recent(options.early)
        self.conflicts: deque[StatusUpdate] = deque(maxlen=CONFLICTS)
        self.hand_on: bool = options.strangers == "hand_on"
        self.count: int = 0
        self._most = options.most
        self._stats = stats
        self._told = told
        self._part_ended = part_ended
        self.joined: list[Tracked] = []
        self._labels: Recent[str, Tracked] = Recent(options.early)
        self._held_labels: Recent[str, str] = Recent(options.early)
        self._expecting = False
        self._listening = False

    @property
    def full(self) -> bool:
        """No more can be followed."""
        return self.count >= self._most

    def listen(self) -> None:
        """Readers want to be told, from now on."""
        if not self._listening:
            self._listening = True
            for item in self.followed.values():
                item.kept = True

    def end_of(self, ids: Sequence[str]) -> TrackedUpdate | None:
        """The end of a message, if it is remembered."""
        found = self.finished.get(ids[0])
        return found if found is not None and (len(ids) == 1 or found.message_ids == tuple(ids)) else None

    def follow(self, item: Tracked) -> Tracked:
        """Follow a message from now on; what was held of it is learnt at once.

        Returns:
            The message; an equal one, if it is followed already. ``ended`` on it where it was over at once.
        """
        item.kept = item.kept or self._listening
        before = [self.followed[one] for one in item.ids if one in self.followed]
        for other in before:
            if tuple(other.ids) == tuple(item.ids):
                other.kept |= item.kept
                return other
        for other in before:
            self._absorb(item, other)
        self.count += 1
        for one in item.ids:
            self.followed[one] = item
        early = [found for one in item.ids if (found := self.held.pop(one)) is not None]
        for update in early:
            item.learn(update)
        if self.hand_on and self._listening and early and not item.more:
            item.told = early[-1].status  # told already, as a stranger's
        if early:
            self._changed(item, early[-1])
        return item

    def expect(self, label: str, item: Tracked) -> None:
        """Follow a message that has no id yet: a report under its label tells it."""
        held = self._held_labels.pop(label)
        if held is not None:
            self._join(item, held)
        else:
            self._labels.put(label, item)
            self._expecting = True

    def leave(self, item: Tracked) -> None:
        """Follow it no longer, without an end; what is known of it is held."""
        self._forget(item)
        for one in item.ids:
            known = item.heard(one)
            if known is not None:
                self.held.put(one, known)

    def labelled(self, label: str) -> StatusUpdate | None:
        """A held report under this label: a witness that the platform has the message."""
        found = self._held_labels.get(label)
        return None if found is None else self.held.get(found)

    def take(self, update: StatusUpdate) -> None:
        """One report, from anywhere."""
        item = self.followed.get(update.message_id)
        if item is None and self._expecting and update.tracking_data is not None:
            item = self._labels.pop(update.tracking_data)
            if item is not None:
                item = self._join(item, update.message_id)
        if item is None:
            self._stranger(update)
            return
        known = item.heard(update.message_id)
        if self._news(known, update):
            item.learn(lean(update))
            self._changed(item, update)

    def end_with(self, item: Tracked, update: TrackedUpdate, *, news: bool = True) -> None:
        """It ends like this, whatever is known."""
        self._forget(item)
        for one in item.ids:
            self.finished.put(one, update)
        # Its place in the schedule keeps it for a while; what it knew is in the update.
        item.known = item.parts = None
        self._told(update, item, item.kept and news)

    def _join(self, item: Tracked, message_id: str) -> Tracked:
        item.message_id = message_id
        item = self.follow(item)
        if not item.ended:
            self.joined.append(item)
        return item

    def _changed(self, item: Tracked, update: StatusUpdate) -> None:
        folded = item.folded()
        assert folded is not None  # noqa: S101 - something was learnt just now
        if advance(item.told, folded.status) is not Step.NEWS and not folded.is_final:
            return
        before, item.told = item.told, folded.status
        if folded.is_final:
            self.end_with(item, item.tracked(folded), news=before != folded.status)
            return
        if item.more and update.is_final:
            self._part_ended(lean(update))
        if item.kept and folded.status != MessageStatus.PENDING:
            self._told(item.tracked(folded), None, True)

    def _news(self, known: StatusUpdate | None, update: StatusUpdate) -> bool:
        step = advance(None if known is None else known.status, update.status)
        if step is Step.NEWS:
            return True
        self._stats.count(f"tracking.{step.value}")
        if step is Step.CONFLICT:
            self.conflicts.append(lean(update))
        return False

    def _stranger(self, update: StatusUpdate) -> None:
        done = self.finished.get(update.message_id)
        if done is not None:
            self._after_the_end(done, update)
            return
        held = self.held.get(update.message_id)
        if not self._news(held, update):
            return
        self.held.put(update.message_id, lean(update))
        if update.tracking_data is not None:
            self._held_labels.put(update.tracking_data, update.message_id)
        if self.hand_on and self._listening and update.status != MessageStatus.PENDING:
            self._told(Tracked(update.message_id, (), via=None, key=None, until=0.0).tracked(lean(update)), None, True)

    def _after_the_end(self, done: TrackedUpdate, update: StatusUpdate) -> None:
        """A repeat, mostly; or Delivered becomes Read, or a message that was given up has an end after all."""
        known = done.part(update.message_id)
        if not self._news(known, update):
            return
        item = Tracked(done.message_id, done.message_ids[1:], via=done.via, key=done.key, until=0.0)
        for one in done.message_ids:
            part = lean(update) if one == update.message_id else done.part(one)
            if part is not None:
                item.learn(part)
        folded = item.folded()
        assert folded is not None  # noqa: S101 - something was learnt just now
        made = item.tracked(folded, given_up=done.given_up and not folded.is_final)
        for one in done.message_ids:
            self.finished.put(one, made)
        if self._listening and folded.is_final and (done.given_up or folded.status != done.status):
            self._told(made, None, True)

    def _absorb(self, item: Tracked, other: Tracked) -> None:
        """Somebody waited for a part by its id before the whole was known."""
        self._forget(other)
        for one in other.ids:
            known = other.heard(one)
            if known is not None:
                item.learn(known)
        if other.waiters:
            item.waiters = [*(item.waiters or ()), *other.waiters]
            other.waiters = item.waiters

    def _forget(self, item: Tracked) -> None:
        item.ended = True
        item.due = None
        self.count -= 1
        for one in item.ids:
            if self.followed.get(one) is item:
                del self.followed[one]
