"""Where messages are handed in, written and answered: the fast half. Runs for every message of a link at full speed.

1. A part leaves the queue when it is written, and is registered before its first
   octet can leave; if the link ends before that, it is where it was.
2. What one read brought is worked off in one go: answers settle their callers
   right there, then what there is room for is written, then what came in is
   handed to `Receiving`.
3. Nobody polls: whatever could let a message go (an answer, a timer, a link)
   calls ``pump``.
4. One timer serves all deadlines of messages, pauses and the receiving side.
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import UTC, datetime
from typing import Any, Final

from sms_traffic_async.protocols.smpp.casework import Casework, Token
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
_SOON: Final = 1e-6
"""Timers come so much too early, and no rate is the worse for it."""
_SLACK: Final = 1000


class Desk(Casework):
    """Takes messages in, and tells what became of them. See the module and `casework`."""

    loop: asyncio.AbstractEventLoop | None = None
    """The loop it is bound to."""
    _timer: asyncio.TimerHandle | None = None
    _timer_at = _NEVER
    _pump_at = _NEVER
    _stalled = False
    _turn = 0

    def open_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind to a loop; once."""
        self.loop = loop

    def put(self, parcel: Parcel) -> None:
        """Take a message in."""
        until = min(parcel.deadline, parcel.expires_at)
        self._life.calls.add(parcel)
        self._open += 1
        heap = self._deadlines
        heapq.heappush(heap, (until, parcel.number, parcel))
        if len(heap) > _SLACK + 4 * self._open:
            self._compact()
        if until < self._timer_at:
            self._wake_at(until)
        queue = self.queue  # SubmitQueue.put, inline
        queue.parts += parcel.count
        parcel.place = ""
        queue.lanes[parcel.lane].append(parcel)
        if not self._stalled:
            self.pump(parcel.put_at)

    def pump(self, now: float) -> None:  # noqa: C901 - runs for every message; calls cost more than branches
        """Write whatever may be written now."""
        queue = self.queue
        self._stalled = False
        if not queue.parts:
            return
        links = self.links
        if len(links) > 1:
            self._turn = turn = (self._turn + 1) % len(links)
            links = links[turn:] + links[:turn]
        gated = self.limiter.allowed != _NEVER or self.throttle.closed_since is not None
        stalled = True
        for link in links:
            braked = link.brake.closed_since is not None
            if link.paused or link.leaving or (braked and not self._brake_opens(link, now)):
                continue
            room = link.session.room
            while room:
                if gated and not self._may_go(now):
                    self._stalled = True
                    return
                parcel = link.current
                if parcel is None or not parcel.pending or parcel.rests:
                    if parcel is not None:
                        self._release(link)
                    parcel = queue.take(link.server, active=link.active)
                    if parcel is None:
                        stalled = False
                        break
                token = self._write(link, parcel, now)
                room -= 1
                if gated:
                    self.limiter.take(1.0, now)
                    self.throttle.goes(token)
                if braked:
                    link.brake.goes(token)
                    break
        self._stalled = stalled
        if self.admission.waiting:
            self.admission.call()

    def _write(self, link: Link, parcel: Parcel, now: float) -> Token:
        # SubmitQueue.written, inline.
        self.queue.parts -= 1
        parcel.pending -= 1
        token: Token = parcel
        todo, index = parcel.todo, 0
        if todo is not None:
            index = todo.pop(0)
            token = (parcel, index)
            self._begun(link, parcel, index)
        if parcel.node != link.server:
            self._goes_to(parcel, link.server, now)
        parcel.flying += 1
        parcel.last_written = now
        parcel.sequence = link.submit(parcel.bodies[index], now, token)
        return token

    @staticmethod
    def _goes_to(parcel: Parcel, server: str, now: float) -> None:
        if parcel.node:
            parcel.nodes = (*parcel.nodes, parcel.node)
        else:
            parcel.first_written = now
        parcel.node = server

    @staticmethod
    def _begun(link: Link, parcel: Parcel, index: int) -> None:
        if parcel.out is None:
            parcel.out = set()
        parcel.out.add(index)
        parcel.held = bool(parcel.todo)
        link.current = parcel if parcel.held else None

    def _release(self, link: Link) -> None:
        """A link lets go of the message whose parts it was writing."""
        parcel, link.current = link.current, None
        if parcel is not None:
            parcel.held = False
            if parcel.pending:
                self.queue.give_back(parcel)

    def _may_go(self, now: float) -> bool:
        at = max(self.limiter.ready_at(now), self.throttle.ready_at(now))
        if at <= now + _SOON:
            return True
        self._pump_later(at)
        return False

    def _brake_opens(self, link: Link, now: float) -> bool:
        at = link.brake.ready_at(now)
        if at <= now + _SOON:
            return True
        self._pump_later(at)
        return False

    def _pump_later(self, at: float) -> None:
        if at < self._pump_at:
            self._pump_at = at
            self._wake_at(at)

    # --- what links tell

    def take(self, link: Link, events: list[Event], now: float) -> None:  # noqa: C901, PLR0912 - as in pump
        """Everything that one read, or a moment, brought."""
        accepted_at: datetime | None = None
        accepted = 0
        follow = self._telemetry.accepted
        requests: list[Requested] | None = None
        receiving, braking = self.receiving, self.throttle.closed_since is not None
        event: Any  # type() does not narrow, and isinstance costs twice as much
        for event in events:
            kind: type[object] = type(event)
            if kind is Answered:
                parcel, response = event.token, event.response
                if (
                    type(parcel) is not Parcel
                    or response.command_status is not _OK
                    or parcel.settled
                    or parcel.unanswered is not None
                    or braking
                    or link.brake.closed_since is not None
                ):
                    self._answered(link, event, now)
                    braking = self.throttle.closed_since is not None
                    continue
                message_id: str = response.message_id
                if message_id:
                    receiving.submitted(message_id, now)
                accepted += 1
                parcel.settled = True
                parcel.flying = 0
                if accepted_at is None:
                    accepted_at = datetime.fromtimestamp(self._clock.wall(), UTC)
                future = parcel.future
                if follow is not None or not future.done():
                    sent = submission(parcel, (message_id,) if message_id else (), accepted_at)
                    if follow is not None:
                        follow(sent)
                    if not future.done():
                        future.set_result(sent)
                self._settled_well(parcel, now)
            elif kind is Requested:
                if requests is None:
                    requests = []
                requests.append(event)
            else:
                self._other(link, event, now)
        if accepted:
            self._accepted(accepted, now)
        self.pump(now)  # even with nothing in the queue: the next message is to know that there is room
        if requests is not None:
            receiving.take(requests, link, now)
        if requests is not None or self._receiving_waits:
            self._mind_receiving()

    def _settled_well(self, parcel: Parcel, now: float) -> None:
        self._open -= 1
        calls = self._life.calls
        calls.discard(parcel)
        if not calls:
            self._life.forget(parcel)
        if self._telemetry.hooks:
            self._tell(parcel, "accepted", None, now)

    def _accepted(self, count: int, now: float) -> None:
        self.counts["accepted"] += count
        self._telemetry.stats.count(f"{SUBMIT}.accepted", count)
        self.limiter.succeeded(now, count)

    def _answered(self, link: Link, event: Answered, now: float) -> None:
        """An answer that is out of the ordinary, or the message is: several parts, a refusal, a repeat."""
        token: Token = event.token
        parcel, index = token if isinstance(token, tuple) else (token, 0)
        status = event.response.command_status
        if self.throttle.closed_since is not None and status != CommandStatus.ESME_RTHROTTLED:
            self.throttle.answered(token)
        if link.brake.closed_since is not None and status != CommandStatus.ESME_RMSGQFUL:
            link.brake.answered(token)
        if status is _OK and isinstance(event.response, SubmitSmResp):
            self.limiter.succeeded(now)
            self._part_accepted(parcel, index, event.response.message_id, now, late=event.late)
        else:
            self._part_refused(link, token, parcel, index, status, now, late=event.late)

    def _other(self, link: Link, event: Event, now: float) -> None:
        if isinstance(event, Expired):
            if event.unsent:
                self._never_left(link, event.token)
            else:
                self._part_lost(link, event.token, now, may_come=True)
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
        for token in event.unanswered:
            self._part_lost(link, token, now, may_come=False)
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
        self._mind_receiving()

    def stop_timer(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, _NEVER
