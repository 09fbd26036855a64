"""One connection to the platform: an asyncio protocol over the session machine.

1. What one read made room for is written before anybody is woken by it, so that
   the peer works while they do. All else is collected and written once per turn
   of the loop, or when it is more than 64 kB. While the transport has enough,
   nothing is: then a submit_sm stays in the session, where the end of the link
   finds it unsent.
2. Whatever one read brought is handed on in one batch; nothing is awaited here.
3. One timer serves the session's deadlines and the watch for silence. It is
   moved only to an earlier time; when it comes too early it looks again.
4. Silence: messages under way and not one octet for ``suspect_after`` asks the
   peer whether it is there. No octet soon after that makes it suspect: new
   messages go elsewhere (docs/reliability.md, "Waiting"). The next octet ends that.
5. The transport is closed here, always, and aborted where nobody would read.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol, cast

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.brake import Brake
from sms_traffic_async.protocols.smpp.events import BindRefused, Bound, Ended, EndReason, Event, Requested
from sms_traffic_async.protocols.smpp.fields import Response
from sms_traffic_async.protocols.smpp.options import SessionOptions
from sms_traffic_async.protocols.smpp.parcel import Parcel
from sms_traffic_async.protocols.smpp.pdu import Bind
from sms_traffic_async.protocols.smpp.protocol import Session
from sms_traffic_async.protocols.smpp.vocabulary import BindMode, Role

__all__ = ("Link", "LinkOwner")

FLUSH_OCTETS: Final = 65_536
SECOND_THOUGHT: Final = 0.5
"""Seconds that the answer to a question after silence may take before the link is suspect."""
_NEVER: Final = float("inf")
_NOTHING: Final[list[tuple[Any, str]]] = []
_CLOSED_IN_ORDER: Final = frozenset({EndReason.UNBOUND, EndReason.UNBOUND_BY_PEER, EndReason.BROKEN_FRAMING})


class LinkOwner(Protocol):
    """What a link tells of itself. Nothing here may raise."""

    def take(self, link: Link, accepted: list[tuple[Any, str]], events: list[Event], now: float) -> None:
        """What one read, or the passing of time, brought: tokens and ids of what was accepted, and all else."""
        ...

    def fill(self, now: float) -> None:
        """It is about to write: the last chance to add something."""
        ...

    def changed(self, link: Link, now: float) -> None:
        """It became suspect, or is not any more; it may be written to again; it is over."""
        ...


class Link(asyncio.Protocol):
    """One connection. Made for one use.

    Args:
        server: the name of the server.
        rank: its place in the order of preference, from 0.
        owner: is told of everything.
        options: of the session.
        suspect_after: seconds of silence.
        brake: the server's.
        loop: the running loop.

    Attributes:
        bound: a bind was accepted, and the link is not over.
        leaving: it takes no more messages, and unbinds when the last was answered.
        suspect: see rule 4.
        healthy_since: since when it has been bound and not suspect.
        active: new messages go here.
        current: a message whose parts are being written here.
        overdue: messages with parts that expired here and may be answered still.
    """

    def __init__(
        self,
        server: str,
        rank: int,
        *,
        owner: LinkOwner,
        options: SessionOptions,
        suspect_after: float,
        brake: Brake,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.server = server
        self.rank = rank
        self.mode: BindMode = BindMode.TRANSMITTER
        self.brake = brake
        self.bound: bool = False
        self.leaving: bool = False
        self.suspect: bool = False
        self.paused: bool = False
        self.bound_at: float = 0.0
        self.healthy_since: float = 0.0
        self.heard_at: float = 0.0
        self.current: Parcel | None = None
        self.overdue: set[Parcel] = set()
        self.active: bool = False
        self.end: Ended | None = None
        self.session: Session = Session(Role.ESME, loop.time(), options=options)
        self.session.accepted = []
        self.answered: asyncio.Future[Bound | BindRefused | Ended] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._owner = owner
        self._suspect_after = suspect_after
        self._loop = loop
        self._time = loop.time
        self._transport: asyncio.Transport | None = None
        self._scheduled = False
        self._collected = 0
        self._idle = True
        self._busy_since = 0.0
        self._asked_at: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected; with TLS, shaken hands."""
        self._transport = cast("asyncio.Transport", transport)
        self.heard_at = self._time()

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        now = self._time()
        self.heard_at = now
        self.session.receive_data(data, now)
        was_scheduled, self._scheduled = self._scheduled, True  # it is written below: nobody has to wake it for that
        try:
            if self._asked_at is not None:
                self._asked_at = None
                if self.suspect:
                    self.suspect = False
                    self.healthy_since = now
                    self._owner.changed(self, now)
            self._hand_on(now)
            self._write(now)
        finally:
            self._scheduled = was_scheduled

    def eof_received(self) -> bool:
        """The peer says no more; what it might still read would have no answer."""
        now = self._time()
        self.session.receive_eof(now)
        self._hand_on(now)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        del exc  # whatever it was, what has no answer is unknown
        now = self._time()
        self.session.receive_eof(now)
        self._hand_on(now)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The transport has enough for now."""
        self.paused = True

    def resume_writing(self) -> None:
        """It takes more."""
        self.paused = False
        now = self._time()
        self.flush()
        self._owner.changed(self, now)

    # --- the owner's side

    def bind(self, request: Bind) -> None:
        """Ask to be bound; ``answered`` tells."""
        self.mode = request.mode
        self.session.bind(request, self._time())
        self.flush()

    def wrote(self, octets: int) -> None:
        """So many octets of submit_sm were queued in the session: write them in this turn of the loop, or now."""
        self._collected += octets
        if self._collected > FLUSH_OCTETS:
            self.flush()
        else:
            self.wake()

    def acknowledge(self, sequence: int, command_status: int = 0, /) -> None:
        """Answer a deliver_sm. Never raises; does nothing once the link is over."""
        try:
            self.session.acknowledge(sequence, command_status)
        except LocalProtocolError:
            return  # answered before
        self.wake()

    def answer(self, event: Requested, response: Response, /) -> None:
        """Answer anything else. Never raises; does nothing once the link is over."""
        try:
            self.session.answer(event, response, self._time())
        except LocalProtocolError:
            return
        self.wake()

    def wake(self) -> None:
        """Something is to be written, or looked at, in the next turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def leave(self, *, at_once: bool = False) -> None:
        """Take no more messages; unbind when the last was answered, or now, and read on until that is answered."""
        self.leaving = True
        self.active = False
        session = self.session
        if session.is_bound and (at_once or not session.in_flight):
            session.unbind(self._time())
        elif not session.is_bound and self.bound is False and not session.is_closed:
            self.abort()
        self.wake()

    def abort(self) -> None:
        """Close at once: no unbind, whatever has no answer is unknown."""
        self.session.abort()
        self._hand_on(self._time())
        if self._transport is not None:
            self._transport.abort()

    def flush(self) -> None:
        """Write what was collected."""
        self._scheduled = False
        self._write(self._time())

    def _write(self, now: float) -> None:
        self._owner.fill(now)
        self._collected = 0
        session, transport = self.session, self._transport
        if session.is_closed:
            self._hand_on(now)
            return
        if self.paused or transport is None:
            self._arm(now)
            return
        data = session.data_to_send()
        if data:
            transport.write(data)
        if self._idle and session.in_flight:
            self._idle = False
            self._busy_since = now
        self._arm(now)

    # --- inside

    def _hand_on(self, now: float) -> None:
        session = self.session
        events = session.events()
        accepted = session.accepted
        if accepted:
            session.accepted = []
            self._owner.take(self, accepted, events, now)
        elif events:
            self._owner.take(self, _NOTHING, events, now)
        in_flight = session.in_flight
        if not in_flight:
            self._idle = True
            if self.leaving and session.is_bound:
                session.unbind(now)
        if session.is_closed:
            self._finish()
        else:
            self.wake()

    def told(self, event: Bound | BindRefused | Ended, now: float) -> None:
        """The owner met one of these among the events, and takes note here."""
        if isinstance(event, Bound):
            self.bound = True
            self.bound_at = self.healthy_since = now
        elif isinstance(event, Ended):
            self.end = event
            self.bound = self.active = self.suspect = False
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if not self.answered.done():
            self.answered.set_result(event)

    def _finish(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        data = self.session.data_to_send()
        if data and not self.paused:
            transport.write(data)
        if self.end is not None and self.end.reason in _CLOSED_IN_ORDER:
            transport.close()
            # A peer that reads nothing would keep a closing transport open for ever.
            self._timer = self._loop.call_later(self.session.options.unbind_timeout, transport.abort)
        else:
            transport.abort()

    def _arm(self, now: float) -> None:
        session = self.session
        at = session.next_deadline() or _NEVER
        watch = self._watch_at()
        at = min(at, watch)
        if at >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(max(at, now), self._on_time)

    def _watch_at(self) -> float:
        if self.suspect or self._idle or not self.session.is_bound:
            return _NEVER
        if self._asked_at is not None:
            return self._asked_at + SECOND_THOUGHT
        return max(self.heard_at, self._busy_since) + self._suspect_after

    def _on_time(self) -> None:
        session = self.session
        # A timer may come a nanosecond early; what it was set for is due.
        now = max(self._time(), self._timer_at)
        self._timer = None
        self._timer_at = _NEVER
        session.on_time(now)
        if session.in_flight and self._watch_at() <= now:
            if self._asked_at is None:
                self._asked_at = now
                session.probe(now)
            else:
                self.suspect = True
                self._owner.changed(self, now)
        self._hand_on(now)
