"""The account's connections to the platform, shared by all views of a session.

Made anywhere; bound to a loop by the first message, or by ``start``. Its lines
(`line.Line`) are the only tasks, owned by the session's `Life`; messages are the
calls that the session's close waits for. So closing the `Life` is closing this:
the intake stops, what waits is written and answered within the grace time, then
what was not begun is `NotSent`, links unbind and read on until that is answered,
and what still has no answer is `OutcomeUnknown`. ``abort`` ends what is left.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import NotSent, SendError
from sms_traffic_async.lifecycle import Life, State
from sms_traffic_async.policy.rate import RateLimiter
from sms_traffic_async.protocols.smpp.binding import bind_of, session_options
from sms_traffic_async.protocols.smpp.desk import Desk
from sms_traffic_async.protocols.smpp.doors import Door, Kind, Trouble
from sms_traffic_async.protocols.smpp.failures import SUBMIT, UntrustedServer, bind_error
from sms_traffic_async.protocols.smpp.line import Line
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.parcel import Parcel
from sms_traffic_async.protocols.smpp.pdu import Bind
from sms_traffic_async.protocols.smpp.receiving import Receiving
from sms_traffic_async.protocols.smpp.stats import SmppStats, link_stats
from sms_traffic_async.protocols.smpp.vocabulary import BindMode
from sms_traffic_async.settings import Settings
from sms_traffic_async.settings_smpp import SmppOptions
from sms_traffic_async.telemetry import Telemetry, get_logger
from sms_traffic_async.tls import default_context

__all__ = ("Transceiver",)

_TX, _RX, _TRX = BindMode.TRANSMITTER, BindMode.RECEIVER, BindMode.TRANSCEIVER
_MAIN: Final = {"auto": (_TRX, _TX), "transceiver": (_TRX,), "transmitter": (_TX,), "split": (_TX,)}
_CATCH_UP: Final = 0.01
_log = get_logger("smpp")


class Transceiver(Desk):
    """Queue, links and what comes in, of one account.

    Args:
        settings: the session's; the login is taken from it where the options name none.
        options: how SMPP is spoken.
        clock: the session's; wall time and chance. Monotonic time is the loop's.
        telemetry: the session's.
        life: the session's.
        limiter: the account's; ``None`` makes one of ``options.rate``.
        receiving: takes what comes in; ``None`` makes one.

    Raises:
        ConfigurationError: there is no login, or it does not fit into a bind.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        options: SmppOptions,
        clock: Clock,
        telemetry: Telemetry,
        life: Life,
        limiter: RateLimiter | None = None,
        receiving: Receiving | None = None,
    ) -> None:
        if receiving is None:
            receiving = Receiving(clock=clock, matching=options.id_matching, deduplicate=options.deduplicate)
        super().__init__(
            options=options,
            clock=clock,
            telemetry=telemetry,
            life=life,
            limiter=limiter or _limiter(options.rate),
            receiving=receiving,
        )
        self.options = options
        self.interrupter: Callable[[Parcel], None] = self._interrupted
        self.key_prefix: str = f"smpp-{secrets.token_hex(4)}-"
        self._binds = {mode: bind_of(settings, options, mode) for mode in BindMode}
        doors = (Door(server, rank, stable_after=options.stable_after) for rank, server in enumerate(options.nodes))
        self._doors = tuple(doors)
        self._lines = tuple(self._make_lines())
        self._session_options = session_options(options)
        self._context = options.ssl_context
        self._gone = False
        self._ready = asyncio.Event()
        self._reconnects = 0
        self._by_status: dict[int, int] = {}
        self._round_trip_max = 0.0
        receiving.oldest_unanswered = self._oldest_unanswered
        telemetry.stats.watch("smpp.waiting", self, lambda one: one.queue.parts)
        telemetry.stats.watch("smpp.in_flight", self, lambda one: one.parts_in_flight)
        self.want: Callable[[str], None] = self._want

    def _make_lines(self) -> Iterator[Line]:
        doors, options = self._doors, self.options
        yield Line("main", _MAIN[options.bind], doors, self, is_main=True)
        if options.bind == "split":
            yield Line("receiver", (_RX,), doors, self, is_main=False)
        for number in range(options.transmitters):
            first = (number + 1) % len(doors)
            yield Line(f"transmitter {number + 1}", (_TX,), doors[first:] + doors[:first], self, is_main=False)

    # --- life

    def start(self) -> None:
        """Connect, if that was not begun. Called inside the loop; waits for nothing."""
        self._life.bind()
        if self.loop is not None or self._life.state is not State.OPEN:
            return
        self.open_on(asyncio.get_running_loop())
        for line in self._lines:
            task = self._life.spawn(line.run(), f"smpp {line.name}")
            task.add_done_callback(partial(self._line_ended, line))

    async def ready(self, timeout: float) -> bool:  # noqa: ASYNC109 - the caller's patience, no scope of its own
        """Connect, and wait until a link is bound.

        Args:
            timeout: seconds.

        Returns:
            Whether one is.

        Raises:
            SendError: the platform refuses the account.

        Cancellation: changes nothing.
        """
        self.start()
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            return False
        if self.trouble is not None:
            raise self.trouble("")
        return any(line.serving is not None for line in self._lines)

    def abort(self) -> None:
        """End at once: links are cut, whoever waits is told what is known. For after the session's close."""
        self._gone = True
        for link in self._all_links():
            link.abort()
        now = self._now()
        for parcel in self.waiting():
            self.conclude(parcel, now, "closed")
        self.stop_timer()

    async def aclose(self) -> None:
        """``abort``, and wait until the connections are closed.

        Cancellation: they are closed all the same.
        """
        closed = [link.closed for link in self._all_links() if link.end is None or not link.closed.done()]
        self.abort()
        if closed:
            await asyncio.wait(closed, timeout=1.0)

    def _interrupted(self, parcel: Parcel) -> None:
        self.interrupt(parcel, self._now())

    def _line_ended(self, line: Line, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        # A defect of ours. Nobody may wait for ever because of it.
        _log.error("%s: ended by %s", line.name, type(error).__name__, exc_info=error)
        line.stopped = True
        self.trouble: Callable[[str], SendError] | None = _broken
        self.evict(_broken, self._now())

    # --- what lines ask for

    def time(self) -> float:
        """Monotonic seconds, the loop's."""
        return asyncio.get_running_loop().time()

    def _now(self) -> float:
        return 0.0 if self.loop is None else self.loop.time()

    def chance(self) -> float:
        """For jitter."""
        return self._clock.random()

    async def tls(self) -> ssl.SSLContext:
        """The TLS context: building one is work of tens of milliseconds, and not for the loop."""
        if self._context is None:
            self._context = await asyncio.to_thread(default_context)
        return self._context

    def bind_request(self, mode: BindMode) -> Bind:
        """The bind of this account."""
        return self._binds[mode]

    def new_link(self, door: Door, rank: int) -> Link:
        """A link that is not connected yet."""
        return Link(
            door.address.name,
            rank,
            owner=self,
            options=self._session_options,
            suspect_after=self.options.suspect_after,
            brake=door.brake,
            loop=asyncio.get_running_loop(),
        )

    def release(self, link: Link) -> None:
        """A link serves no more: the message that it has begun goes on elsewhere."""
        self._release(link)

    def needs(self, link: Link) -> bool:
        """Whether something waits for this link's server only."""
        return self.queue.waits_for(link.server)

    def going(self) -> None:
        """The first line says goodbye: what came in is settled while the links can still write."""
        if not self._gone:
            self._gone = True
            self.receiving.close(self._now())

    def changed(self, link: Link, now: float) -> None:
        """See `link.LinkOwner`."""
        if link.end is not None:
            self._note_end(link, now)
        self.refresh(now)
        for line in self._lines:
            line.wake()

    def refresh(self, now: float) -> None:
        """Find out which links serve, and write what may be written."""
        for line in self._lines:
            line.settle(now)
        self.links: list[Link] = [
            link for line in self._lines for link in line.links if link.bound and not link.leaving and link.mode.submits
        ]
        if any(link.active for link in self.links):
            self.trouble = None
        if any(line.serving is not None for line in self._lines):
            self._ready.set()
        self.wanted: set[str] = {server for server in self.wanted if self.queue.waits_for(server)}
        self.pump(now)

    def judge(self, trouble: Trouble | None, now: float) -> None:
        """What a try means for those who wait.

        Args:
            trouble: why it failed; ``None`` if it did not.
            now: the time.
        """
        if trouble is None:
            self.refresh(now)
            return
        status = None if trouble.status is None else int(trouble.status)
        self.why_unreachable: tuple[str, int | None, BaseException | None] = (trouble.sentence, status, trouble.cause)
        if trouble.kind is Kind.NO_MONEY:
            for door in self._doors:  # the same account on every server
                door.refused(trouble, now, self.chance())
        if any(link.bound for link in self.links):
            return
        self.trouble = self._trouble_of(trouble)
        if self.trouble is not None:
            self.evict(self.trouble, now)
            self._ready.set()

    def _trouble_of(self, trouble: Trouble) -> Callable[[str], SendError] | None:
        if trouble.kind in {Kind.REFUSED, Kind.NO_MONEY} and trouble.status is not None:
            status, server = trouble.status, trouble.server
            return lambda key: bind_error(status, node=server, key=key)
        if all(door.trouble is not None and door.trouble.kind is Kind.CERTIFICATE for door in self._doors):
            return partial(_untrusted, trouble)
        return None

    # --- inside

    def _want(self, server: str) -> None:
        self.wanted.add(server)
        for line in self._lines:
            line.wake()

    def _note_end(self, link: Link, now: float) -> None:
        stats = link.session.stats
        for status, count in stats.by_status.items():
            self._by_status[status] = self._by_status.get(status, 0) + count
        self._round_trip_max = max(self._round_trip_max, stats.round_trip_max)
        for line in self._lines:
            if link in line.links:
                if link.bound_at and not link.leaving:
                    self._reconnects += 1
                line.lost(link, now, self.chance())

    def _all_links(self) -> list[Link]:
        return [link for line in self._lines for link in line.links]

    @property
    def parts_in_flight(self) -> int:
        """Parts without answer."""
        return sum(link.session.in_flight for link in self._all_links())

    def _oldest_unanswered(self) -> float | None:
        found = [link.session.oldest_request_at for link in self._all_links()]
        return min((at for at in found if at is not None), default=None)

    def stats(self) -> SmppStats:
        """Everything at this moment."""
        now = self._now()
        links = [(line, link) for line in self._lines for link in line.links]
        by_status = dict(self._by_status)
        for _, link in links:
            for status, count in link.session.stats.by_status.items():
                by_status[status] = by_status.get(status, 0) + count
        trips = [link.session.stats.round_trip for _, link in links]
        return SmppStats(
            waiting=self.queue.parts,
            in_flight=self.parts_in_flight,
            open=self.open,
            **self.counts,
            reconnects=self._reconnects,
            round_trip=next((trip for trip in trips if trip is not None), None),
            round_trip_max=max([self._round_trip_max, *(link.session.stats.round_trip_max for _, link in links)]),
            by_status=dict(sorted(by_status.items())),
            links=tuple(link_stats(line.name, link, now, serving=link is line.serving) for line, link in links),
            rate=self.limiter.snapshot(),
            receiving=self.receiving.stats(),
        )


def _limiter(rate: float | None) -> RateLimiter:
    # Timers come a millisecond late: a hundredth of a second may be caught up, or a fast account would never see its
    # rate, and a learned one would fall behind itself. At 20 a second that is a fifth of a part.
    return RateLimiter(rate, catch_up=_CATCH_UP)


def _untrusted(trouble: Trouble, key: str) -> UntrustedServer:
    error = UntrustedServer(
        f"{SUBMIT}: no server's certificate was accepted; nothing was sent.",
        node=trouble.server,
        message_key=key,
        advice="Check who answers there: the certificate is not the platform's, or its authority is not known here.",
    )
    error.__cause__ = trouble.cause
    return error


def _broken(key: str) -> NotSent:
    return NotSent(
        f"{SUBMIT}: the connections ended by a defect of this library; nothing was sent.",
        reason="unreachable",
        message_key=key,
        advice="Please report it, with the log.",
    )
