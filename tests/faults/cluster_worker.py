"""A worker process of the cluster runs: an outbox on PostgreSQL and a session, until it is killed, or ends in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection

import asyncpg  # noqa: F401 - imported once, before the processes are forked
import pgqueuer.queries  # noqa: F401 - as above

import sms_traffic_async.outbox.postgres_binder
import sms_traffic_async.outbox.running
import sms_traffic_async.protocols.http.pool
import sms_traffic_async.protocols.http_v2  # noqa: F401 - as above
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import HttpOptions

__all__ = ("Told", "run_worker")

GRACE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a worker is told."""

    dsn: str
    api_key: str
    nodes: tuple[str, ...]
    lease: float = 5.0
    most: int = 20
    lanes: int = 2
    rate: float | None = None


def run_worker(pipe: Connection, told: Told) -> None:
    """Work; says ``ready`` when it does. After SIGTERM it says its counters, and exits with 0."""
    asyncio.run(_work(pipe, told))


async def _work(pipe: Connection, told: Told) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with (
        SmsTraffic(api_key=told.api_key, nodes=told.nodes, http=HttpOptions(rate=told.rate)) as sms,
        Outbox(told.dsn) as outbox,
    ):
        pipe.send("ready")
        run = outbox.run(sms, at_once=told.lanes, most=told.most, lease=told.lease, stop=stop, grace=GRACE)
        running = asyncio.create_task(run)
        while not outbox.workers and not running.done():
            await asyncio.sleep(0.001)
        workers = outbox.workers or ()
        await running
        with contextlib.suppress(OSError):
            pipe.send(sum((Counter(one.telemetry.stats.snapshot()) for one in workers), Counter[str]()))
