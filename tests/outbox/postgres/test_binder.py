"""``sms-traffic worker --via smpp`` on several machines: one is bound, and another takes over when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.outbox.postgres_binder import seats_of
from sms_traffic_async.outbox.store import State
from sms_traffic_async.sandbox import FaultRule, Latency, Pace, Sandbox
from sms_traffic_async.secrets import Secret
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import Credentials, Settings, Timeouts
from sms_traffic_async.settings_smpp import SmppOptions
from tests.faults.cluster_binder import Watch
from tests.support.postgres import Cluster

TAKEOVER = 15.0


def start(dsn: str, sandbox: Sandbox, *more: str) -> subprocess.Popen[bytes]:
    """A worker as somebody runs it."""
    options = sandbox.client_options()
    told = {
        "SMS_TRAFFIC_OUTBOX": dsn,
        "SMS_TRAFFIC_LOGIN": options["login"],
        "SMS_TRAFFIC_PASSWORD": Secret(options["password"]).reveal(),
        "SMS_TRAFFIC_SMPP_SERVERS": ",".join(sandbox.smpp.servers(tls=False)),
    }
    command = [sys.executable, "-m", "sms_traffic_async", "worker", "--via", "smpp", *more]
    return subprocess.Popen(command, env=os.environ | told, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


async def accepted(watch: Watch, count: int) -> None:
    """Until the platform has taken so many; looks who is bound all the while."""
    async with asyncio.timeout(60):
        while len(watch.sandbox.accepted) < count:
            await watch.look_again()


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_another_worker_is_bound_and_sends_when_the_first_is_killed(dsn: str) -> None:
    async with Outbox(dsn) as outbox, Sandbox(pace=Pace(send=0, buffer=0, final=3600)) as sandbox:
        watch = Watch(sandbox)
        first = start(dsn, sandbox)
        second: subprocess.Popen[bytes] | None = None
        try:
            await outbox.enqueue(Message(to="79160000001", text="один"), key="1")
            await accepted(watch, 1)
            second = start(dsn, sandbox)
            while sum(link.mode == "transceiver" for link in sandbox.smpp.bound) < 2:  # at both nodes
                await watch.look_again()
            first.kill()
            killed = time.monotonic()
            await outbox.enqueue(Message(to="79160000002", text="два"), key="2")
            await accepted(watch, 2)
            assert time.monotonic() - killed < TAKEOVER
            async with asyncio.timeout(TAKEOVER):
                while (await outbox.counts()) != {State.ACCEPTED: 2}:
                    await watch.look_again()
            second.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(second.wait, 60) == 0
        finally:
            for process in filter(None, (first, second)):
                process.kill()
                process.wait()
        assert watch.most == 1, "two transceivers at one node"
        assert Counter(entry.to for entry in sandbox.accepted) == {"79160000001": 1, "79160000002": 1}


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_what_is_in_flight_when_the_database_crashes_is_not_unknown(dsn: str, cluster: Cluster) -> None:
    count = 6
    async with Outbox(dsn) as outbox, Sandbox(pace=Pace(send=0, buffer=0, final=3600)) as sandbox:
        options = sandbox.client_options()
        sandbox.faults.add(FaultRule(effect=Latency(seconds=0.8, when="after"), operation="submit", times=count))
        watch, stop = Watch(sandbox), asyncio.Event()
        servers = sandbox.smpp.servers(tls=False)[:1]
        async with SmsTraffic(
            login=options["login"], password=options["password"], smpp=SmppOptions(servers=servers, rate=None)
        ) as sms:
            running = asyncio.create_task(outbox.run(sms, via="smpp", stop=stop))
            await outbox.enqueue_many([Message(to=f"7916000000{number}", text="в пути") for number in range(count)])
            await accepted(watch, count)
            await asyncio.to_thread(cluster.restart, "immediate")
            await outbox.enqueue(Message(to="79160000009", text="потом"))
            await accepted(watch, count + 1)
            async with asyncio.timeout(30):
                while (await outbox.counts()) != {State.ACCEPTED: count + 1}:
                    await watch.look_again()
            stop.set()
            await running
        assert watch.most == 1
        assert set(Counter(entry.to for entry in sandbox.accepted).values()) == {1}


async def test_however_often_it_is_cancelled_nothing_of_it_stays(dsn: str) -> None:
    async with (
        Outbox(dsn) as outbox,
        Sandbox(pace=Pace(send=0, buffer=0, final=3600)) as sandbox,
        SmsTraffic(
            login=sandbox.client_options()["login"],
            password=sandbox.client_options()["password"],
            smpp=SmppOptions(servers=sandbox.smpp.servers(tls=False), unbind_timeout=0.1),
            timeouts=Timeouts(close_grace=0.1),
        ) as sms,
    ):
        sandbox.faults.add(FaultRule(effect=Latency(seconds=60, when="after"), operation="submit"))
        await outbox.enqueue(Message(to="79160000001", text="один"), key="1")
        before = asyncio.all_tasks()
        running = asyncio.create_task(outbox.run(sms, via="smpp"))
        async with asyncio.timeout(20):
            while not sandbox.accepted:
                await asyncio.sleep(0.01)
            while not running.done():
                running.cancel()
                await asyncio.sleep(0)
        left = {task.get_name() for task in asyncio.all_tasks() - before - {running}}
        assert not [name for name in left if "outbox" in name]


def test_an_account_has_a_seat_a_server() -> None:
    credentials = Credentials(login="shop", password=Secret("x"))
    seats = seats_of(Settings(credentials=credentials, smpp=SmppOptions()))
    assert [(seat.server, seat.system_id) for seat in seats] == [(one, "shop") for one in SmppOptions().servers]
    other = SmppOptions(system_id="other", password="x")
    assert {seat.system_id for seat in seats_of(Settings(smpp=other))} == {"other"}


@pytest.mark.parametrize("options", [None, SmppOptions()])
def test_nobody_to_bind_as_is_refused(options: SmppOptions | None) -> None:
    with pytest.raises(ConfigurationError, match="SMPP needs"):
        seats_of(Settings(smpp=options))
