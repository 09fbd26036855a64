"""One rate for all workers: a row of a real PostgreSQL hands out the moments."""

import asyncio
from collections.abc import Sequence

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.outbox.postgres_database import Database
from sms_traffic_async.outbox.postgres_rate import SharedRate


class Notes:
    """A clock that notes how long it was asked to sleep, and does not."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def random(self) -> float:
        return 0.5


def rates(database: Database, count: int, rate: float) -> tuple[Notes, Sequence[SharedRate]]:
    clock = Notes()
    return clock, [SharedRate(database, "acct", rate, clock=clock) for _ in range(count)]


async def test_everybody_is_given_a_moment_of_its_own(database: Database) -> None:
    clock, workers = rates(database, 4, 10.0)
    begun = asyncio.get_running_loop().time()
    await asyncio.gather(*(worker.wait() for worker in workers for _ in range(5)))
    taken = asyncio.get_running_loop().time() - begun
    # 20 units at 10/s: the last one's moment is 1.9 s after the first, less what the asking took.
    assert 1.9 - taken - 0.05 <= max(clock.slept) <= 1.9
    assert len(clock.slept) == 19  # the first goes at once


async def test_a_cost_is_paid_by_the_next(database: Database) -> None:
    clock, (worker,) = rates(database, 1, 10.0)
    begun = clock.monotonic()
    await worker.wait(300)
    await worker.wait(1)
    assert 30.0 - (clock.monotonic() - begun) - 0.05 <= clock.slept[-1] <= 30.0


async def test_a_pause_holds_for_all_and_is_never_shortened(database: Database) -> None:
    clock, (one, other) = rates(database, 2, 1000.0)
    await one.pause(60)
    await one.pause(1)
    await other.wait()
    assert 30 < clock.slept[-1] <= 60


async def test_a_turn_that_comes_too_late_is_given_back(database: Database) -> None:
    clock, (one, other) = rates(database, 2, 1.0)
    await one.wait(10)
    now = clock.monotonic()
    assert not await one.wait(5, before=now + 2)
    await other.wait()
    assert clock.slept[-1] <= 10  # and not 15


async def test_the_latest_rate_holds_for_all(database: Database) -> None:
    clock, (one,) = rates(database, 1, 1.0)
    await one.wait()
    faster = SharedRate(database, "acct", 100.0, clock=clock)
    await faster.wait()
    await one.wait()
    assert clock.slept[-1] <= 1.0 + 0.02


async def test_other_names_have_other_rates(database: Database) -> None:
    clock, (one,) = rates(database, 1, 1.0)
    await one.wait(50)
    await SharedRate(database, "another", 1.0, clock=clock).wait()
    assert clock.slept == []


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), True, "20"])
async def test_a_bad_rate_is_refused(database: Database, rate: float) -> None:
    with pytest.raises(ConfigurationError):
        SharedRate(database, "acct", rate)
