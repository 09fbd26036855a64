"""One rate for all workers of an account: a row of the database hands out the moments.

A caller reserves and is told *its own* moment, by the server's clock (GCRA, as
``policy.rate`` does inside one process). One statement a reservation; a process
has one reservation at a time, so that a process with much to do does not take
the moments of the others.
"""

from __future__ import annotations

import asyncio
import math
from datetime import datetime

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.postgres_database import Database
from sms_traffic_async.outbox.postgres_port import Connection

__all__ = ("SharedRate",)

FASTEST = 1e6

# The row is locked by the update, so whoever waits for it is given the moment after. ``clock_timestamp`` is read again
# once the lock is had; ``now()`` would be the beginning of the transaction.
_TAKE = """
UPDATE sms_outbox_rate AS r
SET tat = greatest(r.tat, r.paused_until, clock_timestamp()) + $2 * interval '1 second' / r.rate
WHERE r.name = $1
RETURNING extract(epoch FROM r.tat - $2 * interval '1 second' / r.rate - clock_timestamp())::float8 AS wait, r.tat
"""
_GIVE_BACK = """
UPDATE sms_outbox_rate SET tat = tat - $2 * interval '1 second' / rate WHERE name = $1 AND tat = $3
"""
_MAKE = """
INSERT INTO sms_outbox_rate AS r (name, rate) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET rate = excluded.rate WHERE r.rate <> excluded.rate
"""
_PAUSE = """
UPDATE sms_outbox_rate
SET paused_until = greatest(paused_until, clock_timestamp() + $2 * interval '1 second')
WHERE name = $1
"""


class SharedRate:
    """A rate that processes on any number of machines share; first come, first served.

    Args:
        database: where the row is; its schema is installed (``sms-traffic outbox init``).
        name: of the account (a login, the public half of a token); workers of one name share one rate.
        rate: units (SMS parts, requests) per second. The latest worker's word holds for all.
        clock: time and sleeping.

    Raises:
        ConfigurationError: the rate is no number above 0.
    """

    def __init__(self, database: Database, name: str, rate: float, *, clock: Clock = SYSTEM_CLOCK) -> None:
        if type(rate) not in {int, float} or not 0 < rate <= FASTEST:
            raise ConfigurationError("a rate is a number of units per second greater than 0")
        self.name = name
        self.rate: float = float(rate)
        self._database = database
        self._clock = clock
        self._made = False
        self._turn = asyncio.Lock()

    async def wait(self, cost: float = 1.0, *, before: float = math.inf) -> bool:
        """Wait for a turn, and take it.

        Args:
            cost: units.
            before: monotonic seconds after which a turn is worth nothing.

        Returns:
            Whether the turn came in time; otherwise it was given back, if nobody reserved after it.

        Raises:
            StorageError: the database stayed away.

        Cancellation: the turn is lost, if it was reserved; the rate is never passed.
        """
        async with self._turn:
            seconds, moment = await self._reserve(cost)
            if self._clock.monotonic() + seconds > before:
                await self._database.run(
                    lambda connection: _give_back(connection, self.name, cost, moment), atomic=False
                )
                return False
            if seconds > 0:
                await self._clock.sleep(seconds)
            return True

    async def pause(self, seconds: float) -> None:
        """Nothing is handed out for so long (429, ESME_RTHROTTLED): for all workers. Never shortened.

        Raises:
            StorageError: the database stayed away.
        """

        async def work(connection: Connection) -> None:
            await self._make(connection)
            await connection.execute(_PAUSE, self.name, seconds)

        await self._database.run(work, atomic=False)

    async def _reserve(self, cost: float) -> tuple[float, datetime]:
        async def work(connection: Connection) -> tuple[float, datetime]:
            await self._make(connection)
            row = await connection.fetchrow(_TAKE, self.name, cost)
            if row is None:  # somebody emptied the table
                self._made = False
                await self._make(connection)
                row = await connection.fetchrow(_TAKE, self.name, cost)
            if row is None:
                raise ConfigurationError("the row of the shared rate cannot be made")
            return row["wait"], row["tat"]

        return await self._database.run(work, atomic=False)

    async def _make(self, connection: Connection) -> None:
        if not self._made:
            await connection.execute(_MAKE, self.name, self.rate)
            self._made = True


async def _give_back(connection: Connection, name: str, cost: float, moment: datetime) -> None:
    await connection.execute(_GIVE_BACK, name, cost, moment)
