"""F7: eight processes share one rate of 20 a second for a minute, through one row of PostgreSQL."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sms_traffic_async.outbox.postgres_database import Database
from sms_traffic_async.outbox.postgres_rate import SharedRate
from sms_traffic_async.outbox.postgres_schema import install
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


async def take_turns(dsn: str, rate: float, begin: float, end: float) -> tuple[list[float], int]:
    """One process: take turns as fast as they come; the wall time of each, and the statements it took."""
    database = Database(dsn, size=1)
    shared = SharedRate(database, "account", rate)
    moments: list[float] = []
    try:
        await asyncio.sleep(max(0.0, begin - time.time()))
        while time.time() < end:
            await shared.wait()
            moments.append(time.time())
    finally:
        await database.aclose()
    return moments, database.works


def limit_run(*, processes: int = 8, rate: float = 20.0, seconds: float = 60.0) -> Limited:
    """Run it on a PostgreSQL of its own."""
    with Cluster(sync=True) as cluster, tempfile.TemporaryDirectory() as home:
        dsn = cluster.create_database()
        asyncio.run(install(dsn))
        begin = time.time() + 1.5 + 0.3 * processes  # every process has been imported by then
        words = [dsn, str(rate), str(begin), str(begin + seconds)]
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.faults.cluster_limit", *words, str(Path(home) / str(number))]
            )
            for number in range(processes)
        ]
        assert [process.wait(seconds + 60) for process in running] == [0] * processes
        return reckon([(Path(home) / str(number)).read_text() for number in range(processes)])


def reckon(told: Sequence[str]) -> Limited:
    """From what the processes wrote."""
    works, moments = 0, list[list[float]]()
    for text in told:
        first, *rest = text.split()
        works += int(first)
        moments.append([float(moment) for moment in rest])
    everything = sorted(moment for mine in moments for moment in mine)
    fair = len(everything) / len(moments)
    return Limited(
        turns=len(everything),
        per_second=(len(everything) - 1) / (everything[-1] - everything[0]),
        busiest=busiest(everything),
        spread=max(abs(len(mine) - fair) for mine in moments) / fair,
        trips=works / len(everything),
    )


def main(dsn: str, rate: str, begin: str, end: str, path: str) -> None:
    moments, works = asyncio.run(take_turns(dsn, float(rate), float(begin), float(end)))
    Path(path).write_text(f"{works} {' '.join(map(str, moments))}", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
