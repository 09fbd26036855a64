"""Who binds: at most one worker on any machine holds a seat, and its death frees it.

The platform allows one receiver or transceiver a server and system_id. A seat is
such a pair; whoever holds its advisory lock may bind.

Rules
-----
1. All seats of a worker hang on one connection of its own, and the server lets
   go of them when that connection ends: at once where the process died, after
   11 s where the machine did (TCP keepalives on both ends).
2. A seat that was lost is served no more *before* anything else happens: the
   binder unbinds first, and only then asks again.
3. A worker with a seat leaves the others a moment to take the next one.
4. The lock elects; the fence is the platform's own ESME_RALYBND to a second bind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.postgres_database import backoff, end_task
from sms_traffic_async.outbox.postgres_port import Connection, connect
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings_smpp import SmppServer
from sms_traffic_async.telemetry import get_logger

__all__ = ("Election", "Seat", "Serve")

INTERVAL = 1.5
"""Seconds between two looks at seats that are not held, and at the connection: it bounds the takeover."""
PROBE = 5.0
"""Seconds without an answer after which the connection, and every seat on it, counts as lost."""

_log = get_logger("outbox")
_TRY = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
_FREE = "SELECT pg_advisory_unlock(hashtextextended($1, 0))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A transceiver's place.

    Attributes:
        server: the platform's server, as in ``SmppOptions.servers``.
        system_id: the account's; one seat a server and system_id.
    """

    server: str
    system_id: str

    @property
    def key(self) -> str:
        """What is locked: the host, so that TLS or not is the same seat; two pairs never read the same."""
        name = SmppServer.parse(self.server).name
        return f"sms-traffic smpp {len(name)} {name} {self.system_id}"


Serve: TypeAlias = Callable[[Seat], Awaitable[None]]


class Election:
    """Takes seats that are free, and serves those it holds.

    ::

        async def serve(seat):                   # bind there, and send until cancelled
            ...
        await Election(dsn, seats, serve).run()

    Args:
        dsn: of the database that all workers share.
        seats: every seat there is; the same list in every worker.
        serve: started when a seat is taken; cancelled, and waited for, when it is lost or at the end. It unbinds
            before it returns. If it returns or fails by itself, the seat is given up for a while.
        clock: time and chance.
        most: seats that one worker holds at most; ``None`` for all.

    Attributes:
        held: the seats held now.

    Raises:
        ConfigurationError: no seats, or one named twice.
    """

    def __init__(
        self,
        dsn: str | Secret,
        seats: Iterable[Seat],
        serve: Serve,
        *,
        clock: Clock = SYSTEM_CLOCK,
        most: int | None = None,
    ) -> None:
        self._dsn = Secret(dsn)
        del dsn  # a traceback printed with locals shows this frame
        self._seats = tuple(seats)
        if not self._seats or len({seat.key for seat in self._seats}) != len(self._seats):
            raise ConfigurationError("an election needs seats, each named once")
        self._serve = serve
        self._clock = clock
        self._most = len(self._seats) if most is None else most
        self._serving: dict[Seat, asyncio.Task[None]] = {}
        self._not_before: dict[Seat, float] = {}

    @property
    def held(self) -> frozenset[Seat]:
        """The seats held now."""
        return frozenset(self._serving)

    async def run(self) -> None:
        """Stand for every seat until cancelled.

        Cancellation: what is served is cancelled and waited for, then the seats are free. A second one is passed on
        to what is served, and waited out too.
        """
        failures = 0
        while True:
            try:
                connection = await connect(self._dsn)
            except Exception as error:  # noqa: BLE001 - whatever it is, only a later try can tell more
                _log.warning("election: no connection: %s", type(error).__name__)
                await self._clock.sleep(backoff(failures, self._clock.random()))
                failures += 1
                continue
            failures = 0
            try:
                await self._stand(connection)
            except Exception as error:  # noqa: BLE001 - the connection is not trusted any more, whatever it was
                _log.warning("election: the connection is lost: %s", type(error).__name__)
            finally:
                try:
                    await self._leave_all()
                finally:
                    connection.terminate()  # only now: the locks go with it
            await self._clock.sleep(backoff(0, self._clock.random()))

    async def _stand(self, connection: Connection) -> None:
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _connection: ended.set())
        while not ended.is_set():
            await self._give_up_what_ended(connection)
            for seat in self._wanted():
                if await connection.fetchval(_TRY, seat.key, timeout=PROBE):
                    _log.info("election: holding %s", seat.server)
                    self._serving[seat] = asyncio.create_task(
                        self._run_serve(seat), name=f"sms-traffic binder {seat.server}"
                    )
                    break  # one at a time: the others may want the next
            await connection.fetchval("SELECT 1", timeout=PROBE)
            pause = INTERVAL * (0.8 + 0.4 * self._clock.random()) * (2 if self._serving else 1)
            await self._nap(pause, ended)

    async def _nap(self, seconds: float, ended: asyncio.Event) -> None:
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        ending = asyncio.ensure_future(ended.wait())
        try:
            await asyncio.wait((sleeping, ending, *self._serving.values()), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_task(sleeping)
            await end_task(ending)

    def _wanted(self) -> list[Seat]:
        now = self._clock.monotonic()
        if len(self._serving) >= self._most:
            return []
        return [seat for seat in self._seats if seat not in self._serving and self._not_before.get(seat, 0.0) <= now]

    async def _run_serve(self, seat: Seat) -> None:
        try:
            await self._serve(seat)
        except Exception as error:  # noqa: BLE001 - a binder that fails costs its seat, and nothing else
            _log.error("election: serving %s ended by %s", seat.server, type(error).__name__, exc_info=error)

    async def _give_up_what_ended(self, connection: Connection) -> None:
        for seat, task in tuple(self._serving.items()):
            if task.done():
                # Another worker may have better luck with it; this one waits until that was tried.
                self._not_before[seat] = self._clock.monotonic() + 4 * INTERVAL
                del self._serving[seat]
                await connection.fetchval(_FREE, seat.key, timeout=PROBE)

    async def _leave_all(self) -> None:
        serving = tuple(self._serving.values())
        if not serving:
            return
        _log.info("election: leaving %d seats", len(serving))
        cancelled: asyncio.CancelledError | None = None
        while not all(task.done() for task in serving):
            for task in serving:
                task.cancel()
            try:
                await asyncio.wait(serving)
            except asyncio.CancelledError as error:
                cancelled = error  # a seat is free only when nobody is bound to it
        self._serving.clear()
        if cancelled is not None:
            raise cancelled
