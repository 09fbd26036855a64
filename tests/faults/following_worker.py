"""The application of ``run_following_killed``: a process that sends, follows, reads and waits until it is killed.

Its own records are three files. A line is written in one call, so a killed
process leaves whole lines:

* ``sent.log``: a message, written when the session's store has it (``follow``);
* ``told.log``: a final status, written before the next one is asked for;
* ``waits.log``: a ``wait_for`` that began, and how it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from sms_traffic_async import (
    DeadlineExceeded,
    RequestFailed,
    SmppOptions,
    SmsTraffic,
    Submission,
    Timeouts,
    TrackingOptions,
)

__all__ = ("ENVIRONMENT", "Orders", "serving", "to_send")

ENVIRONMENT = "SMS_FOLLOWING_WORKER"
LONG = "Ваш заказ собран и ждёт вас. " * 4
WAIT = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What a worker is told by whoever starts it.

    Attributes:
        folder: of the store and the records.
        port: of its webhooks, the same in every life.
        count: messages to be sent in all lives together.
        life: the number of this one.
        batch: messages sent at once.
        poll_after: seconds without a word after which the platform is asked.
        pauses: share of updates over which the reader takes its time, so that others wait unread when it is killed.
    """

    api_key: str
    login: str
    password: str
    nodes: list[str]
    smpp: list[str]
    folder: str
    secret: str
    port: int
    count: int
    life: int
    batch: int
    seed: int
    poll_after: float
    pauses: float


@contextlib.asynccontextmanager
async def serving(app: Any, port: int) -> AsyncIterator[int]:
    """An ASGI application under uvicorn, on the same port in every life, as the platform knows but one URL."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        config = uvicorn.Config(app, log_config=None, proxy_headers=False, timeout_keep_alive=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server._serve([listener]))  # serve() would take the process's signals
        while not server.started and not task.done():
            await asyncio.sleep(0)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


def to_send(sms: SmsTraffic, number: int) -> Any:
    """The send of one message: half by each protocol, every eighth in several parts."""
    to = f"7916{number:07d}"
    if number % 2:
        return sms.send(to, f"Код {number}", via="v2")
    return sms.send(to, LONG if number % 8 == 0 else "Да", via="smpp")


class DatabaseDown(Exception):
    """The application's own trouble."""


class Worker:
    """One life."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders
        self.chance = random.Random(f"{orders.seed}/{orders.life}")
        self.folder = Path(orders.folder)
        self.files: dict[str, int] = {}
        self.waits: set[asyncio.Task[None]] = set()

    def write(self, name: str, lines: Iterable[str]) -> None:
        if name not in self.files:
            self.files[name] = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self.files[name], "".join(f"{self.orders.life}\t{line}\n" for line in lines).encode())

    async def live(self) -> dict[str, Any]:
        """Send what is not sent yet, read on until told to close, and say what is left."""
        orders = self.orders
        tracking = TrackingOptions(store=self.folder / "tracking.db", longest=4 * orders.poll_after)
        async with (
            SmsTraffic(
                api_key=orders.api_key, login=orders.login, password=orders.password, nodes=orders.nodes,
                smpp=SmppOptions(servers=orders.smpp, rate=None, window=50),
                tracking=tracking, timeouts=Timeouts(poll_after=orders.poll_after),
            ) as sms,
            serving(sms.webhooks(secret=orders.secret), orders.port),
        ):  # fmt: skip
            reader = asyncio.create_task(self.read(sms))
            sender = asyncio.create_task(self.send(sms))
            print("ready", flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            await sender
            await asyncio.gather(*self.waits)
            # What nobody else would look at: a session without a reader of its own could not end what is left here.
            stats = sms._shared.reception.tracker.stats
            await sms.aclose()
            await reader
        return {"left": stats.followed, "conflicts": len(stats.conflicts)}

    async def read(self, sms: SmsTraffic) -> None:
        while True:
            try:
                async with sms.updates(finals_only=True) as updates:
                    async for update in updates:
                        self.fail_sometimes()
                        told = (update.event_id, update.message_id, update.status, str(update.given_up), update.source)
                        self.write("told.log", ("\t".join(told),))
                        if self.chance.random() < self.orders.pauses:
                            await asyncio.sleep(self.chance.uniform(0, 0.2))
            except DatabaseDown:
                await asyncio.sleep(0.2)
                continue
            return

    def fail_sometimes(self) -> None:
        if self.chance.random() < 0.002:
            self.write("failures.log", ("the database is away",))
            raise DatabaseDown

    async def send(self, sms: SmsTraffic) -> None:
        sent = self.folder / "sent.log"
        number = len(sent.read_bytes().splitlines()) if sent.exists() else 0
        while number < self.orders.count:
            size = min(self.orders.batch, self.orders.count - number)
            made: list[Submission] = await asyncio.gather(*(to_send(sms, one) for one in range(number, number + size)))
            await asyncio.gather(*(sms.follow(one) for one in made))
            self.write("sent.log", ("\t".join(one.message_ids) for one in made))
            for one in made[::10]:
                task = asyncio.create_task(self.wait(sms, one))
                self.waits.add(task)
                task.add_done_callback(self.waits.discard)
            number += size

    async def wait(self, sms: SmsTraffic, sent: Submission) -> None:
        first = sent.message_ids[0]
        self.write("waits.log", (f"{first}\tbegan",))
        try:
            update = await sms.wait_for(sent, timeout=WAIT)
        except DeadlineExceeded:
            self.write("waits.log", (f"{first}\tlost",))
        except RequestFailed:
            self.write("waits.log", (f"{first}\tclosed",))
        else:
            self.write("waits.log", (f"{first}\t{update.status}",))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(Worker(Orders(**json.loads(os.environ[ENVIRONMENT]))).live())), flush=True)
