"""F7: eight processes share one rate of 20 a second for a minute, through one row of PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from sms_traffic_async.outbox.postgres_database import Database
from sms_traffic_async.outbox.postgres_rate import SharedRate
from sms_traffic_async.outbox.postgres_schema import install
from tests.faults.cluster_processes import Child
from tests.support.postgres import Cluster

__all__ = ("Limited", "busiest", "limit_run", "take_turns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """What became of a shared rate.

    Attributes:
        per_second: turns a second, between the first and the last.
        busiest: turns in the busiest stretch of one second.
        spread: the largest distance of a process from its fair share, as a part of that.
        trips: statements sent for each turn.
    """

    turns: int
    per_second: float
    busiest: int
    spread: float
    trips: float

    def passes(self, rate: float) -> bool:
        """F7's numbers."""
        low, high = rate * 19.5 / 20, rate * 20.001 / 20
        return low <= self.per_second <= high and self.busiest <= rate + 1 and self.spread <= 0.1 and self.trips <= 1.3


def busiest(moments: Iterable[float]) -> int:
    """How many in any stretch of one second."""
    most, window = 0, deque[float]()
    for moment in sorted(moments):
        window.append(moment)
        while window[0] <= moment - 1.0:
            window.popleft()
        most = max(most, len(window))
    return most


async def take_turns(pipe: Connection, dsn: str, rate: float, seconds: float) -> tuple[list[float], int]:
    """One process: take turns as fast as they come; the wall time of each, and the statements it took."""
    database = Database(dsn, size=1)
    shared = SharedRate(database, "account", rate)
    moments: list[float] = []
    try:
        await shared.wait()  # it is connected, and has imported everything
        trips = database.works
        pipe.send("ready")
        begin: float = await asyncio.to_thread(pipe.recv)
        await asyncio.sleep(max(0.0, begin - time.time()))
        while time.time() < begin + seconds:
            await shared.wait()
            moments.append(time.time())
    finally:
        await database.aclose()
    return moments, database.works - trips


def run_turns(pipe: Connection, dsn: str, rate: float, seconds: float) -> None:
    """A process; tells its moments."""
    pipe.send(asyncio.run(take_turns(pipe, dsn, rate, seconds)))


async def limit_run(
    *, processes: int = 8, rate: float = 20.0, seconds: float = 60.0, on: Cluster | None = None
) -> Limited:
    """Run it on a PostgreSQL of its own, or on a given one."""
    with contextlib.nullcontext(on) if on else Cluster(sync=True) as cluster:
        dsn = cluster.create_database()
        await install(dsn)
        children = [Child(run_turns, dsn, rate, seconds) for _ in range(processes)]
        await asyncio.gather(*(child.said() for child in children))
        begin = time.time() + 0.2
        for child in children:
            child.tell(begin)
        told = await asyncio.gather(*(child.said() for child in children))
        assert [child.end() for child in children] == [0] * processes
        return reckon(told)


def reckon(told: Sequence[tuple[list[float], int]]) -> Limited:
    """From what the processes told."""
    moments, works = [one for one, _ in told], sum(count for _, count in told)
    everything = sorted(moment for mine in moments for moment in mine)
    fair = len(everything) / len(moments)
    return Limited(
        turns=len(everything),
        per_second=(len(everything) - 1) / (everything[-1] - everything[0]),
        busiest=busiest(everything),
        spread=max(abs(len(mine) - fair) for mine in moments) / fair,
        trips=works / len(everything),
    )
