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
from typing import Final

from sms_traffic_async.protocols.smpp.casework import SLACK, Casework, Token
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


class Desk(Casework):
    """Takes messages in, and tells what became of them. See the module and `casework`."""

    loop: asyncio.AbstractEventLoop | None = None
    """The loop it is bound to."""
    _timer: asyncio.TimerHandle | None = None
    _timer_at = _NEVER
    _pump_at = _NEVER
    _stalled = False
    _due = False
    _turn = 0

    def open_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind to a loop; once."""
        self.loop = loop

    def put(self, parcel: Parcel) -> None:
        """Take a message in."""
        until = parcel.deadline
        if parcel.expires_at < until:  # noqa: PLR1730 - min() costs four times as much, for every message
            until = parcel.expires_at
        self._life.calls.add(parcel)
        self._open += 1
        line = self._line
        if line and line[-1][0] > until:
            heapq.heappush(self._deadlines, (until, parcel.number, parcel))
        else:
            line.append((until, parcel.number, parcel))
        if until < self._timer_at:
            self._wake_at(until)
        queue = self.queue  # SubmitQueue.put, inline
        queue.parts += parcel.count
        parcel.place = ""
        queue.lanes[parcel.lane].append(parcel)
        if self._due:
            return
        if self._stalled:
            if len(line) + len(self._deadlines) > SLACK + 4 * self._open:
                self._compact()  # else it is up to `pump`
        elif len(self.links) == 1:
            # What is put in one turn of the loop is written in one go, by the flush that follows.
            self._due = True
            self.links[0].wake()
        else:
            self.pump(parcel.put_at)

    def fill(self, now: float) -> None:
        """A link is about to be flushed: write what was put since the last time."""
        if self._due:
            self.pump(now)

    def pump(self, now: float) -> None:
        """Write whatever may be written now."""
        self._stalled = self._due = False
        self._compact()
        if not self.queue.parts:
            self._let_go()
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
            if gated or braked:
                dry = self._trickle(link, now, gated=gated, braked=braked)
                if dry is None:
                    stalled = True
                    break
            else:
                room = link.session.room
                dry = room > 0 and self._stream(link, now, room) is None
            if dry:
                stalled = False
        self._stalled = stalled
        if self.admission.waiting:
            self.admission.call()

    def _let_go(self) -> None:
        """Nothing is pending: what a link still holds was refused or given up before its last part."""
        for link in self.links:
            if link.current is not None:
                self._release(link)

    def _trickle(self, link: Link, now: float, *, gated: bool, braked: bool) -> bool | None:
        """Write to one link under a limit or a brake.

        Returns:
            Whether nothing more waits for it; ``None`` if it is not the time for anything to go.
        """
        while link.session.room:
            if gated and not self._may_go(now):
                return None
            token = self._stream(link, now, 1)
            if token is None:
                return True
            if gated:
                self.limiter.take(1.0, now)
                self.throttle.goes(token)
            if braked:
                link.brake.goes(token)
                break
        return False

    def _stream(self, link: Link, now: float, room: int) -> Token | None:
        """Write so many parts to one link. Returns the last one's token, or ``None`` if nothing more waits for it."""
        queue, server = self.queue, link.server
        tokens: list[Token] = []
        parcels: list[Parcel] = []
        bodies: list[bytes] = []
        is_dry = False
        while len(bodies) < room:
            parcel = link.current
            if parcel is None or not parcel.pending or parcel.rests:
                if parcel is not None:
                    self._release(link)
                parcel = queue.take(server, link.active)
                if parcel is None:
                    is_dry = True
                    break
            # SubmitQueue.written, inline.
            queue.parts -= 1
            parcel.pending -= 1
            todo = parcel.todo
            if todo is None:
                tokens.append(parcel)
                bodies.append(parcel.bodies[0])
            else:
                index = todo.pop(0)
                tokens.append((parcel, index))
                bodies.append(parcel.bodies[index])
                parcel.held = bool(todo)
                link.current = parcel if todo else None
            if not parcel.node:
                parcel.node = server
                parcel.first_written = now
            elif parcel.node != server:
                parcel.nodes = (*parcel.nodes, parcel.node)
                parcel.node = server
            parcel.flying += 1
            parcel.last_written = now
            parcels.append(parcel)
        if not bodies:
            return None
        for parcel, sequence in zip(parcels, link.session.submit_all(bodies, tokens, now), strict=True):
            parcel.sequence = sequence
        link.wrote(sum(map(len, bodies)))
        return None if is_dry else tokens[-1]

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

    def _accepted(  # noqa: C901, PLR0912 - as in pump
        self, link: Link, accepted: list[tuple[Token, str]], now: float
    ) -> None:
        self.receiving.submitted_all([message_id for _, message_id in accepted if message_id], now)
        follow, hooks = self._telemetry.accepted, self._telemetry.hooks
        braking = self.throttle.closed_since is not None or link.brake.closed_since is not None
        accepted_at: datetime | None = None
        done: list[Parcel] = []
        for token, message_id in accepted:
            parcel, index = token if isinstance(token, tuple) else (token, -1)
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
            if not waiter.done():
                waiter.set_result(sent)
            if hooks:
                self._tell(parcel, "accepted", None, now)
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
        if self._line:
            self._wake_at(self._line[0][0])
        self._mind_receiving()

    def stop_timer(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, _NEVER
