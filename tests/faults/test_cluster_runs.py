"""The small form of the cluster runs: real processes, a real PostgreSQL, real seconds."""

import pytest

from tests.faults.cluster_binder import LIMIT, binder_run
from tests.faults.cluster_limit import busiest, limit_run
from tests.faults.cluster_outbox import fault_run, idle_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_killed_workers_and_a_crashed_server_lose_nothing_and_send_nothing_twice() -> None:
    seen = await fault_run(messages=600, kills=3, restarts=2, workers=2, lease=3.0, interval=0.6)
    assert (seen.kills, seen.restarts) == (3, 2)
    assert seen.clean, seen.row()


async def test_an_idle_queue_is_reclaimed() -> None:
    seen = await idle_run(kills=2, lease=1.5)
    assert seen.clean, seen.row()
    assert max(seen.reclaims) < 1.5 + 2 + 5  # the suite shares its machine; the long run holds to lease + 2


def test_processes_share_a_rate() -> None:
    seen = limit_run(processes=3, seconds=3.0)
    assert seen.busiest <= 22  # a process that the machine woke late is one more
    assert 17 <= seen.per_second <= 20.5
    assert seen.trips <= 1.3


async def test_a_dead_binder_is_replaced() -> None:
    seen = await binder_run(kills=2, restarts=1, workers=2)
    assert seen.longest <= LIMIT
    assert seen.most == 1


def test_the_busiest_second_is_found() -> None:
    assert busiest([0.0, 0.5, 0.99, 1.0, 1.2, 5.0]) == 4
