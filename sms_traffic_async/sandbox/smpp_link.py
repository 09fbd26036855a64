"""One connection of a client: octets to events, events to answers, deliveries to deliver_sms.

Heartbeats, unfinished PDUs and unanswered deliver_sms are timed by the loop: a
link lives in the time of its two ends, and a test that moves the platform's
clock by two hours must not cut every idle client. All else is the platform's
time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, cast

from sms_traffic_async.protocols.smpp.pdu import Bind, Response
from sms_traffic_async.protocols.smpp.protocol import (
    SMSC_KEEP_ALIVE,
    Answered,
    Ended,
    EndReason,
    Event,
    Expired,
    KeepAlive,
    Requested,
    Role,
    Session,
    SessionOptions,
)
from sms_traffic_async.protocols.smpp.vocabulary import BindMode
from sms_traffic_async.sandbox.http_breakage import end_transport
from sms_traffic_async.sandbox.smpp_deliveries import Delivery, DeliveryQueue
from sms_traffic_async.sandbox.smpp_desk import Sender

if TYPE_CHECKING:
    from sms_traffic_async.sandbox.smpp import Smsc

__all__ = ("Link",)

MOST_UNANSWERED: Final = 100_000
"""One read can bring thousands of submit_sms before the first is answered."""
A_MOMENT: Final = 0.005
_NEVER: Final = float("inf")
_NOTICED: Final = frozenset({EndReason.UNBOUND, EndReason.UNBOUND_BY_PEER, EndReason.SILENT_PEER, EndReason.DEAD_PEER})
"""Ends after which the platform knows that nobody is there: no ghost."""


class Link(asyncio.Protocol):
    """The platform's end of one connection.

    Attributes:
        node: 1 or 2.
        tls: whether it came by the TLS port.
        ip: where it came from.
        sender: who is bound; ``None`` before.
        session: the machine of the protocol.
        ghost: sandbox seconds that its slot outlives its loss; ``None`` takes the switch.
        coalesce: what waits is written together with the answer to its bind.
    """

    def __init__(self, smsc: Smsc, node: int, *, tls: bool) -> None:
        self._smsc = smsc
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._queue: DeliveryQueue | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = _NEVER
        self._pump_due = False
        self._full = False
        self.node = node
        self.tls = tls
        self.ip: str = ""
        self.sender: Sender | None = None
        self.ghost: float | None = None
        self.coalesce = False
        self.session: Session = Session(Role.SMSC, self._loop.time(), options=_options(smsc))

    @property
    def mode(self) -> BindMode | None:
        """What it is bound for; ``None`` while it is not."""
        return self.session.mode if self.session.is_bound else None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        self._transport = cast("asyncio.Transport", transport)
        peer = cast("object", transport.get_extra_info("peername"))
        self.ip = str(cast("tuple[object, ...]", peer)[0]) if isinstance(peer, tuple) else ""
        self._smsc.opened(self)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Octets came: everything in them is dealt with, and the answers leave together."""
        self.session.receive_data(data, self._loop.time())
        self._react()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        del exc
        self.session.receive_eof(self._loop.time())
        self._take_events()
        self._disarm()
        self._smsc.closed(self)

    def pause_writing(self) -> None:
        """The client does not read: its requests wait as well."""
        self._full = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._full = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self.pump_soon()

    def answer(self, event: Requested, response: Response) -> None:
        """Queue the answer to a request; nothing, if the session is over."""
        if not self.session.answer(event, response, self._loop.time()):
            return
        if isinstance(event.request, Bind):
            self._bound(event.request)

    def unbind(self) -> None:
        """Begin to leave, if bound."""
        if self.session.is_bound:
            self.session.unbind(self._loop.time())

    def write_raw(self, octets: bytes) -> None:
        """Write octets that no session would, behind what is queued."""
        self._flush()
        if self._transport is not None:
            self._transport.write(octets)

    def end(self, *, rst: bool) -> None:
        """End the connection: with what is queued and FIN, or at once with RST."""
        self._flush()
        transport, self._transport = self._transport, None
        self.session.abort()
        self._take_events()
        if transport is not None:
            end_transport(transport, rst=rst)

    def step(self, action: Callable[[], None]) -> None:
        """Do something of the clock's, and write what comes of it."""
        action()
        self._smsc.platform.clock.stir()
        self._react()

    def pump_soon(self) -> None:
        """Deliveries may wait: deliver them in the next turn of the loop."""
        if not self._pump_due:
            self._pump_due = True
            self._smsc.platform.clock.stir()
            self._loop.call_soon(self._pump_now)

    def pump_all(self) -> None:
        """Deliver what waits for this login, by all of its links, now."""
        if self.sender is not None:
            for link in self._smsc.receivers(self.sender):
                link.pump_now()

    def pump_now(self) -> None:
        """Deliver what waits."""
        self._pump()
        self._flush()
        self._arm()

    def _pump_now(self) -> None:
        self._pump_due = False
        self.pump_now()

    def _react(self) -> None:
        self._take_events()
        if not self._pump_due:
            self._pump()
        self._flush()
        if self.session.is_closed:
            self._close()
        else:
            self._arm()

    def _take_events(self) -> None:
        handle = self._smsc.requests.handle
        for event in self.session.events():
            if isinstance(event, Requested):
                # A fault may have ended the link: what came behind it was never read.
                if not self.session.is_closed:
                    handle(self, event)
            else:
                self._told(event)

    def _told(self, event: Event) -> None:
        if isinstance(event, Answered):
            delivery: Delivery = event.token
            if self._queue is not None:
                self._queue.answered(delivery, int(event.response.command_status))
        elif isinstance(event, Expired):
            if self._queue is not None:
                self._queue.put_back((event.token,))
        elif isinstance(event, Ended):
            self._ended(event)

    def _bound(self, bind: Bind) -> None:
        sender = self.sender
        if sender is None:
            return  # a fault said yes to somebody who may not
        if not self.session.is_bound:
            self._smsc.slots.leave(self.node, sender.system_id, self)
            self.sender = None
            return
        if bind.mode.receives:
            self._queue = self._smsc.deliveries.of(sender.principal.login)
            self._queue.join(self)
            if self.coalesce:
                self._pump()
            else:
                # Long enough for the answer to the bind to arrive by itself.
                self._pump_due = True
                self._loop.call_later(A_MOMENT, self._pump_now)

    def _pump(self) -> None:
        queue, session = self._queue, self.session
        if queue is None or self._full:
            return
        now = self._loop.time()
        while session.room > 0:
            delivery = queue.next_for(self)
            if delivery is None:
                return
            drop, delivery.drop = delivery.drop, None
            if drop is None or drop.when == "after":
                session.request(delivery.pdu, now, token=delivery)
            else:
                queue.put_back((delivery,))
            if drop is not None:
                self.end(rst=drop.how == "rst")
                return

    def _ended(self, event: Ended) -> None:
        queue, self._queue = self._queue, None
        sender = self.sender
        if sender is not None:
            ghost = 0.0
            if event.reason not in _NOTICED:
                ghost = self._smsc.platform.switches.smpp_ghost if self.ghost is None else self.ghost
            self._smsc.slots.leave(self.node, sender.system_id, self, ghost=ghost)
        if queue is not None:
            queue.leave(self)
            queue.put_back((*event.unanswered, *event.unsent))

    def _flush(self) -> None:
        data = self.session.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        self._disarm()
        if self._transport is not None:
            self._transport.close()

    def _arm(self) -> None:
        due = self.session.next_deadline()
        if due is None or due >= self._timer_at:
            return  # a timer that is too early looks again
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_at(due, self._on_time)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = _NEVER

    def _on_time(self) -> None:
        self._timer, self._timer_at = None, _NEVER
        self.session.on_time(self._loop.time())
        self._react()


def _options(smsc: Smsc) -> SessionOptions:
    switches = smsc.platform.switches
    silence = switches.smpp_silence
    keep_alive: Mapping[BindMode, KeepAlive] = SMSC_KEEP_ALIVE
    if silence != SMSC_KEEP_ALIVE[BindMode.TRANSMITTER].peer_limit:
        keep_alive = {mode: _with_silence(keep, silence) for mode, keep in SMSC_KEEP_ALIVE.items()}
    return SessionOptions(window=int(switches.smpp_window), max_unanswered=MOST_UNANSWERED, keep_alive=keep_alive)


def _with_silence(keep: KeepAlive, silence: float) -> KeepAlive:
    """The same with another limit; the platform asks four times before it gives up."""
    return KeepAlive(
        interval=None if keep.interval is None else silence / 4,
        limit=min(keep.limit, silence / 4),
        misses=None,
        silence=None,
        peer_limit=None if keep.peer_limit is None else silence,
        answer_limit=None if keep.answer_limit is None else silence,
    )
