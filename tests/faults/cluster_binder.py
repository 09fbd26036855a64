"""The SMPP binder dies: another worker is bound and sending within 15 s, and no node has two transceivers.

Workers are processes that are killed without warning; the platform is the
sandbox, the election a real PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from sms_traffic_async.errors import SendError
from sms_traffic_async.outbox.postgres_binder import elected_sessions
from sms_traffic_async.outbox.postgres_schema import install
from sms_traffic_async.sandbox import Pace, Sandbox
from sms_traffic_async.sandbox.accept_log import AcceptEntry
from sms_traffic_async.secrets import Secret
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import Credentials, Settings
from sms_traffic_async.settings_smpp import SmppOptions
from tests.faults.cluster_processes import Workers
from tests.support.postgres import Cluster

__all__ = ("Takeovers", "binder_run")

LIMIT = 15.0
EVERY = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a worker is told."""

    dsn: str
    login: str
    password: str
    servers: tuple[str, ...]


@dataclass(slots=True)
class Takeovers:
    """What was seen.

    Attributes:
        seconds: from a kill (or a crash of the database) until somebody sent through that node again.
        most: transceivers at one node at once.
    """

    seconds: list[float] = field(default_factory=list[float])
    most: int = 0

    @property
    def longest(self) -> float:
        """The slowest takeover."""
        return max(self.seconds)


class Watch:
    """Looks at the platform all the time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.most = 0

    def look(self) -> None:
        holders = Counter(link.node for link in self.sandbox.smpp.bound if link.mode == "transceiver")
        self.most = max([self.most, *holders.values()])

    async def sent_again(self, node: int, after: int, *, killed: int | None = None) -> None:
        """Until the platform has taken a message at a node that it had not when it had ``after``.

        One that the dead process had written before it died tells nothing.
        """
        async with asyncio.timeout(60):
            while not any(entry.node == node and _pid(entry) != killed for entry in self.sandbox.accepted[after:]):
                await self.look_again()

    async def unbound(self, node: int) -> None:
        """Until nobody is bound at a node."""
        async with asyncio.timeout(60):
            while any(link.node == node for link in self.sandbox.smpp.bound):
                await self.look_again()

    async def look_again(self) -> None:
        self.look()
        await asyncio.sleep(0.005)

    def holder(self, node: int) -> int | None:
        """The process that sent last at a node; its texts say who it is."""
        for entry in reversed(self.sandbox.accepted[:]):
            if entry.node == node:
                return _pid(entry)
        return None


def _pid(entry: AcceptEntry) -> int:
    return int(entry.text.rsplit(maxsplit=1)[-1])


async def binder_run(
    *, kills: int, workers: int = 3, restarts: int = 0, seed: int = 1, on: Cluster | None = None
) -> Takeovers:
    """Kill whoever holds a seat, over and over."""
    chance, seen = random.Random(seed), Takeovers()
    pace = Pace(send=0, buffer=0, final=3600)
    with contextlib.nullcontext(on) if on else Cluster() as cluster:
        dsn = cluster.create_database()
        await install(dsn)
        async with Sandbox(pace=pace) as sandbox:
            with Workers(run_binder, told_of(dsn, sandbox)) as pool:
                watch = Watch(sandbox)
                await asyncio.gather(*(pool.start() for _ in range(workers)))
                for node in (1, 2):
                    await watch.sent_again(node, 0)
                for number in range(kills + restarts):
                    node = chance.choice((1, 2))
                    crash = restarts and number % (1 + kills // (restarts + 1)) == kills // (restarts + 1)
                    begun, before, killed = (
                        time.monotonic(),
                        len(sandbox.accepted),
                        None if crash else watch.holder(node),
                    )
                    if crash:
                        unbound = asyncio.gather(watch.unbound(1), watch.unbound(2))
                        await asyncio.to_thread(cluster.restart, "immediate")
                        await unbound
                        before = len(sandbox.accepted)
                    else:
                        (index,) = [at for at, child in enumerate(pool.running) if child.pid == killed]
                        pool.kill(index)
                        await pool.start()
                    await watch.sent_again(node, before, killed=killed)
                    seen.seconds.append(time.monotonic() - begun)
                    await watch.sent_again(3 - node, before, killed=killed)
                seen.most = watch.most
    return seen


def told_of(dsn: str, sandbox: Sandbox) -> Told:
    """What a worker is told."""
    options = sandbox.client_options()
    password = Secret(options["password"]).reveal()
    return Told(dsn=dsn, login=options["login"], password=password, servers=tuple(sandbox.smpp.servers(tls=False)))


def run_binder(pipe: Connection, told: Told) -> None:
    """A process."""
    pipe.send("ready")
    asyncio.run(work(told))


async def work(told: Told) -> None:
    """One worker: sends through every seat that it holds."""
    numbers = iter(range(10**9))

    async def send(session: SmsTraffic) -> None:
        while True:
            with contextlib.suppress(SendError):
                await session.send(f"7916{next(numbers):07d}", f"from {os.getpid()}", via="smpp", timeout=5)
            await asyncio.sleep(EVERY)

    settings = Settings(
        credentials=Credentials(login=told.login, password=Secret(told.password)),
        smpp=SmppOptions(servers=told.servers),
    )
    await elected_sessions(told.dsn, settings, send).run()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--restarts", type=int, default=5)
    arguments = parser.parse_args()
    seen = asyncio.run(binder_run(kills=arguments.kills, restarts=arguments.restarts))
    rounded = sorted(round(seconds, 2) for seconds in seen.seconds)
    print(json.dumps({"takeovers": len(rounded), "median": rounded[len(rounded) // 2], "longest": rounded[-1],
                      "transceivers a node": seen.most}))  # fmt: skip
    passed = seen.longest <= LIMIT and seen.most == 1
    print("passed" if passed else "FAILED")
    return int(not passed)


if __name__ == "__main__":
    raise SystemExit(main())
