"""The small form of the cluster runs (``nox -s cluster``): real processes, a real PostgreSQL, real seconds."""

import pytest

from tests.faults.cluster_binder import LIMIT, binder_run
from tests.faults.cluster_limit import busiest, limit_run
from tests.faults.cluster_outbox import fault_run, idle_run
from tests.support.postgres import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


async def test_killed_workers_and_a_crashed_server_lose_nothing_and_send_nothing_twice(cluster: Cluster) -> None:
    seen = await fault_run(
        messages=400, kills=3, restarts=2, workers=2, lease=1.5, interval=0.4, latency=0.05, on=cluster
    )
    assert (seen.kills, seen.restarts) == (3, 2)
    assert seen.clean, seen.row()


async def test_an_idle_queue_is_reclaimed(cluster: Cluster) -> None:
    seen = await idle_run(kills=2, lease=1.0, on=cluster)
    assert seen.clean, seen.row()
    assert max(seen.reclaims) < 1.0 + 2 + 5  # the suite shares its machine; the long run holds to lease + 2


async def test_processes_share_a_rate(cluster: Cluster) -> None:
    seen = await limit_run(processes=3, seconds=2.0, on=cluster)
    assert seen.busiest <= 22  # a process that the machine woke late is one more
    assert 15 <= seen.per_second <= 20.5
    assert seen.trips <= 1.3


async def test_a_dead_binder_is_replaced(cluster: Cluster) -> None:
    seen = await binder_run(kills=1, restarts=1, workers=2, on=cluster)
    assert seen.longest <= LIMIT
    assert seen.most == 1


def test_the_busiest_second_is_found() -> None:
    assert busiest([0.0, 0.5, 0.99, 1.0, 1.2, 5.0]) == 4
