"""Where answers come in, and time passes. Runs for every message of a link at full speed.

1. What one read brought is worked off in one go: answers settle their callers
   right there, then what there is room for is written, then what came in is
   handed to `Receiving`.
2. One timer serves all deadlines of messages, pauses and the receiving side.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final, cast

from sms_traffic_async.posting import Tray
from sms_traffic_async.protocols.smpp.casework import Token
from sms_traffic_async.protocols.smpp.dispatch import Dispatch
from sms_traffic_async.protocols.smpp.events import (
    Answered,
    BindRefused,
    Bound,
    Ended,
    Event,
    Expired,
    Notified,
    Requested,
)
from sms_traffic_async.protocols.smpp.failures import SUBMIT
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.parcel import Parcel, submission
from sms_traffic_async.protocols.smpp.pdu import Unbind
from sms_traffic_async.protocols.smpp.responses import SubmitSmResp
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus

__all__ = ("Desk",)

_OK: Final = CommandStatus.ESME_ROK
_NEVER: Final = float("inf")


class Desk(Dispatch):
    """Takes messages in, and tells what became of them. See the module, `dispatch` and `casework`."""

    loop: asyncio.AbstractEventLoop | None = None
    """The loop it is bound to."""
    _timer: asyncio.TimerHandle | None = None

    def open_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind to a loop; once."""
        self.loop = loop

    # --- what links tell

    def take(self, link: Link, accepted: list[tuple[Token, str]], events: list[Event], now: float) -> None:
        """Everything that one read, or a moment, brought."""
        if accepted:
            self._accepted(link, accepted, now)
        requests: list[Requested] | None = None
        for event in events:
            if isinstance(event, Answered):
                self._answered(link, event, now)
            elif isinstance(event, Requested):
                if requests is None:
                    requests = []
                requests.append(event)
            else:
                self._other(link, event, now)
        self.pump(now)  # even with nothing in the queue: the next message is to know that there is room
        if self._receiving_waits:
            # All responses of this read are known: who waited for one of them, waits no more.
            self.receiving.on_time(now)
        if requests is not None:
            self.receiving.take(requests, link, now)
        if requests is not None or self._receiving_waits:
            self._mind_receiving()

    def _accepted(  # noqa: C901, PLR0912, PLR0915 - runs for every message: calls would cost more
        self, link: Link, accepted: list[tuple[Token, str]], now: float
    ) -> None:
        self.receiving.submitted_all([message_id for _, message_id in accepted if message_id], now)
        follow, hooks = self._telemetry.accepted, self._telemetry.hooks
        braking = self.throttle.closed_since is not None or link.brake.closed_since is not None
        accepted_at: datetime | None = None
        done: list[Parcel] = []
        trays: list[Tray] = []
        for token, message_id in accepted:
            if type(token) is Parcel:
                parcel, index = token, -1
            else:
                parcel, index = cast("tuple[Parcel, int]", token)
            if braking or parcel.settled or parcel.unanswered is not None:
                self._taken(link, token, message_id, now)
                continue
            ids: tuple[str, ...]
            if index < 0:
                ids = (message_id,) if message_id else ()
            else:
                parcel.flying -= 1
                if parcel.ids is None:
                    parcel.ids = {}
                parcel.ids[index] = message_id
                if len(parcel.ids) < parcel.count:
                    if not parcel.flying:
                        self._consider(parcel, now)
                    continue
                ids = parcel.message_ids
            done.append(parcel)
            parcel.settled = True
            if accepted_at is None:
                accepted_at = datetime.fromtimestamp(self._clock.wall(), UTC)
            sent = submission(parcel, ids, accepted_at)
            if follow is not None:  # whoever follows messages knows of it before the caller
                follow(sent)
            waiter = parcel.waiter
            if isinstance(waiter, Tray):  # as `Parcel.accept` would, but for all of one read in one go
                if not waiter.accepted:
                    trays.append(waiter)
                waiter.accepted.append((parcel.message, parcel.index, sent))
            elif not waiter.done():
                waiter.set_result(sent)
            if hooks:
                self._tell(parcel, "accepted", None, now)
        for tray in trays:
            tray.take()
        self.limiter.succeeded(now, len(accepted))
        count = len(done)
        if count:
            self._life.calls.difference_update(done)
            if not self._life.calls:
                self._life.forget(done[-1])
            self._open -= count
            self.counts["accepted"] += count
            self._telemetry.stats.count(f"{SUBMIT}.accepted", count)

    def _taken(self, link: Link, token: Token, message_id: str, now: float) -> None:
        """A part was accepted, and something about it is out of the ordinary."""
        self.throttle.answered(token)
        link.brake.answered(token)
        parcel, index = token if isinstance(token, tuple) else (token, 0)
        self._part_accepted(parcel, index, message_id, now, late=False)

    def _answered(self, link: Link, event: Answered, now: float) -> None:
        """A refusal, or an answer that comes late."""
        token: Token = event.token
        parcel, index = token if isinstance(token, tuple) else (token, 0)
        parcel.sequence = event.sequence
        status = event.response.command_status
        if status != CommandStatus.ESME_RTHROTTLED:
            self.throttle.answered(token)
        if status != CommandStatus.ESME_RMSGQFUL:
            link.brake.answered(token)
        if status == _OK and isinstance(event.response, SubmitSmResp):
            self.limiter.succeeded(now)
            self._part_accepted(parcel, index, event.response.message_id, now, late=event.late)
        else:
            self._part_refused(link, token, parcel, index, status, now, late=event.late)

    def _other(self, link: Link, event: Event, now: float) -> None:
        if isinstance(event, Expired):
            if event.unsent:
                self._never_left(link, event.token)
            else:
                self._part_lost(link, event.token, event.sequence, now, may_come=True)
        elif isinstance(event, Ended):
            self._link_ended(link, event, now)
        elif isinstance(event, Bound | BindRefused):
            link.told(event, now)
            self.changed(link, now)
        elif isinstance(event, Notified) and isinstance(event.request, Unbind):
            link.leaving = True
            self.changed(link, now)

    def _link_ended(self, link: Link, event: Ended, now: float) -> None:
        link.told(event, now)
        if link in self.links:
            self.links.remove(link)
        for token, sequence in zip(event.unanswered, event.sequences, strict=True):
            self._part_lost(link, token, sequence, now, may_come=False)
        for token in event.unsent:
            self._never_left(link, token)
        self._release(link)
        for parcel in link.overdue:
            parcel.late_until = now
            self._consider(parcel, now)
        link.overdue.clear()
        self.receiving.lost(link, now)
        self.changed(link, now)

    def changed(self, link: Link, now: float) -> None:
        """A link is not what it was: other ones may have to be opened, and messages may go."""
        raise NotImplementedError

    # --- time

    _receiving_waits = False

    def _mind_receiving(self) -> None:
        at = self.receiving.next_deadline()
        self._receiving_waits = at is not None
        if at is not None and at < self._timer_at:
            self._wake_at(at)

    def _wake_at(self, moment: float) -> None:
        if moment >= self._timer_at or self.loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = moment
        self._timer = self.loop.call_at(moment, self._time_passes)

    def _time_passes(self) -> None:
        assert self.loop is not None  # noqa: S101 - timers are its own
        now = max(self.loop.time(), self._timer_at)  # a timer may come a nanosecond early
        self._timer = None
        self._timer_at = self._pump_at = _NEVER
        self._expire(now)
        self.receiving.on_time(now)
        self.pump(now)
        if self._deadlines:
            self._wake_at(self._deadlines[0][0])
        if self._line:
            self._wake_at(self._line[0].until)
        self._mind_receiving()

    def stop_timer(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, _NEVER
