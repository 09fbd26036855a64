"""What waits is written here, as soon as anything may be: for every message of a link at full speed.

1. A part leaves the queue when it is written, and is registered before its first
   octet can leave; if the link ends before that, it is where it was.
2. Nobody polls: whatever could let a message go (an answer, a timer, a link)
   calls ``pump``.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Final

from sms_traffic_async.protocols.smpp.casework import SLACK, Casework, Token
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.parcel import Parcel

__all__ = ("Dispatch",)

_NEVER: Final = float("inf")
_SOON: Final = 1e-6
"""Timers come so much too early, and no rate is the worse for it."""


class Dispatch(Casework):
    """Takes messages in and writes them. Not for use by itself."""

    _timer_at = _NEVER
    _pump_at = _NEVER
    _stalled = False
    _due = False
    _turn = 0

    def put(self, parcel: Parcel) -> None:
        """Take a message in."""
        until = parcel.until
        self._life.calls.add(parcel)
        self._open += 1
        line = self._line
        if line and line[-1].until > until:
            heapq.heappush(self._deadlines, (until, parcel.number, parcel))
        else:
            line.append(parcel)
        if until < self._timer_at:
            self._wake_at(until)
        queue = self.queue  # SubmitQueue.put, inline
        queue.parts += parcel.count
        parcel.place = ""
        queue.lanes[parcel.lane].append(parcel)
        if not (self._due or (self._stalled and len(line) < SLACK)):  # else `_came` has nothing to do
            self._came(parcel.put_at)

    def _came(self, now: float) -> None:
        """Something waits to be written."""
        if self._due:
            return
        if self._stalled:
            if len(self._line) + len(self._deadlines) > SLACK + 4 * self._open:
                self._compact()  # else it is up to `pump`
        elif len(self.links) == 1:
            # What is put in one turn of the loop is written in one go, by the flush that follows.
            self._due = True
            self.links[0].wake()
        else:
            self.pump(now)

    def put_all(self, parcels: Sequence[Parcel]) -> None:
        """``put`` for several messages of one lane, at once."""
        self._life.calls.update(parcels)
        self._open += len(parcels)
        line, parts, soonest = self._line, 0, self._timer_at
        last = line[-1].until if line else -_NEVER
        for parcel in parcels:
            until = parcel.until
            if last > until:
                heapq.heappush(self._deadlines, (until, parcel.number, parcel))
            else:
                last = until
                line.append(parcel)
            soonest = min(soonest, until)
            parts += parcel.count
            parcel.place = ""
        self.queue.parts += parts
        self.queue.lanes[parcels[0].lane].extend(parcels)
        if soonest < self._timer_at:
            self._wake_at(soonest)
        self._came(parcels[-1].put_at)

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
        bodies: list[bytes] = []
        is_dry = False
        fresh = queue.fresh() if link.active else None
        while len(bodies) < room:
            parcel = link.current
            if parcel is None or not parcel.pending or parcel.rests:
                if parcel is not None:
                    self._release(link)
                if fresh:
                    parcel = fresh.popleft()
                    parcel.place = None
                else:
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
        if not bodies:
            return None
        link.session.submit_all(bodies, tokens, now)
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
