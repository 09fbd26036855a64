"""Following messages to their end: pushes, receipts and our own questions become one stream of statuses.

1. Nothing is followed until somebody wants to know: ``wait_for`` follows one
   message; ``updates``, a callback or a store follow everything sent from then on.
2. Whatever is configured, a message of which nothing is heard is asked about, by
   the protocol that sent it, until the platform can no longer tell.
3. ``take`` is for whoever must not wait (receipts); ``record`` returns when the
   store has it (webhooks). Both may say no: then the platform keeps it and comes again.
4. A reader that does not read holds up the readers' updates, never a ``wait_for``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sms_traffic_async.delivery.callbacks import Callback, StatusCallback
from sms_traffic_async.delivery.intake import Intake
from sms_traffic_async.delivery.streams import UpdateStream
from sms_traffic_async.delivery.values import Tracked, TrackedUpdate
from sms_traffic_async.errors import ConfigurationError, DeadlineExceeded, StatusesNotTaken
from sms_traffic_async.messages import StatusUpdate, Submission, Via

__all__ = ("Tracker", "TrackerStats")

REPORTS_COME = 600.0
"""Seconds after a push or a receipt in which the next one is waited for before anybody is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerStats:
    """How a tracker is doing.

    Attributes:
        followed: messages under way.
        held: reports of messages nobody asked about.
        finished: ends that are remembered.
        conflicts: final statuses that contradicted an earlier final one, the last hundred.
    """

    followed: int
    held: int
    finished: int
    conflicts: tuple[StatusUpdate, ...]


class Tracker(Intake):
    """One for a session, shared by its views. Arguments are those of ``Intake``."""

    @property
    def stats(self) -> TrackerStats:
        """How it is doing."""
        book = self._book
        return TrackerStats(
            followed=book.count,
            held=len(book.held),
            finished=len(book.finished),
            conflicts=tuple(book.conflicts),
        )

    def held(self, tracking_data: str) -> StatusUpdate | None:
        """A report under this label of a message that nobody follows: a witness that the platform has it."""
        return self._book.labelled(tracking_data)

    async def wait_for(self, message: Submission | str, *, timeout: float) -> TrackedUpdate:  # noqa: ASYNC109 - the whole wait
        """Wait for a message's end.

        Args:
            message: what was sent, or the id of one (or of a part of one that is followed).
            timeout: seconds.

        Raises:
            DeadlineExceeded: no final status in time; ``last`` is the latest known one, or None.
            ConfigurationError: there is no id to ask by, or nobody to ask.
            InvalidMessage: the platform cannot be asked about such an id.

        Cancellation: harmless.
        """
        ids = (message,) if isinstance(message, str) else message.message_ids
        if not ids or not all(ids):
            raise ConfigurationError("there is no message id to ask by: the platform gave none")
        done = self._book.end_of(ids)
        if done is not None and done.is_final:
            return done
        item = self._waited_for(message, ids)
        if item.ended:
            done = self._book.end_of(ids)
            assert done is not None  # noqa: S101 - it ended just now, and is remembered
            return done
        future: asyncio.Future[TrackedUpdate] = asyncio.get_running_loop().create_future()
        if item.waiters is None:
            item.waiters = []
        item.waiters.append(future)
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            if future.done() and not future.cancelled():
                return future.result()
            last = item.folded()
        finally:
            self._waited(item, future)
        raise DeadlineExceeded(
            f"no final status within {timeout:g} s", last=None if last is None else item.tracked(last)
        )

    async def follow(self, message: Submission | str) -> None:
        """Follow a message for the readers of ``updates``, and return when the store has that.

        Args:
            message: what was sent, or its id: now, or before a crash. One that is followed, or over, stays so.

        Raises:
            ConfigurationError: there is no id to follow.
            StatusesNotTaken: ``TrackingOptions.most`` messages are followed already.
            StorageError: the store failed. The message is followed, and kept when the store can.

        Cancellation: it is followed.
        """
        sent = None if isinstance(message, str) else message
        ids = (message,) if isinstance(message, str) else message.message_ids
        if not ids or not all(ids):
            raise ConfigurationError("there is no message id to follow: the platform gave none")
        item = self._book.followed.get(ids[0])
        if item is not None and (sent is None or tuple(item.ids) == ids):
            item.kept = True
        elif self._book.end_of(ids) is None:
            if self._book.full:
                raise StatusesNotTaken("as many messages are followed as TrackingOptions.most allows")
            delay = self._until_start(sent)
            until = self._clock.monotonic() + delay + self._options.window
            key, via = (None, None) if sent is None else (sent.key, sent.via)
            item = Tracked(ids[0], ids[1:], via=via, key=key, until=until)
            item.kept = True
            self._take_up(item, delay)
        await self.settled()

    def updates(self, *, finals_only: bool = False) -> UpdateStream:
        """Every status of what is sent from when the block is entered; see ``streams``.

        Args:
            finals_only: intermediate statuses are left out.
        """
        telemetry = self._telemetry if self._telemetry.hooks else None
        return UpdateStream(self._readers, finals_only=finals_only, opened=self._turn_on, telemetry=telemetry)

    def on_status(self, callback: StatusCallback, *, finals_only: bool = True) -> Callback:
        """Have a function called with every status, one after another; see ``callbacks``."""
        return Callback(
            callback,
            UpdateStream(self._readers, finals_only=finals_only, opened=self._turn_on),  # its hooks see the calls
            attempts=self._options.callback_attempts,
            spawn=self._spawn,
            clock=self._clock,
            telemetry=self._telemetry,
        )

    def _waited_for(self, message: Submission | str, ids: Sequence[str]) -> Tracked:
        via: Via | None = None if isinstance(message, str) else message.via
        item = self._book.followed.get(ids[0])
        if item is None or (not isinstance(message, str) and tuple(item.ids) != tuple(ids)):
            if self._asks.route(via) is None and self._reported_at is None:
                raise ConfigurationError(
                    "nobody can be asked about it: statuses need an API key, or login and password"
                )
            key = None if isinstance(message, str) else message.key
            until = self._clock.monotonic() + self._options.window
            made = Tracked(ids[0], tuple(ids[1:]), via=via, key=key, until=until)
            if self._on:
                self._remember(made)
            item = self._book.follow(made)
        if not item.ended and not item.waiters:
            asker = self._asker(item)
            now = self._clock.monotonic()
            patient = self._reported_at is not None and now - self._reported_at < REPORTS_COME
            asker.schedule.watch(item, now, patient=patient)
            asker.start(item)
        return item

    def _waited(self, item: Tracked, future: asyncio.Future[TrackedUpdate]) -> None:
        waiters = item.waiters
        if waiters is None or future not in waiters:
            return
        waiters.remove(future)
        if not waiters and not item.ended and not item.kept:
            self._book.leave(item)
