"""``sms-traffic worker`` as a process: told to end, killed, and standing still for longer than its lease."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox, State
from sms_traffic_async.sandbox import FaultRule, Latency, Sandbox
from sms_traffic_async.session import SmsTraffic

TAKEN = FaultRule(effect=Latency(seconds=0.4, when="after"), protocol="v2", operation="send")
"""The platform takes a request at once, and lets its answer wait."""


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(smpp_ports=None, smpp_tls_ports=None, smtp_port=None) as made:
        yield made


class Worker:
    """The command in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, sandbox: Sandbox, path: Path, *arguments: str) -> Worker:
        options = sandbox.client_options()
        environ = {
            **os.environ,
            "SMS_TRAFFIC_OUTBOX": str(path),
            "SMS_TRAFFIC_API_KEY": options["api_key"],
            "SMS_TRAFFIC_LOGIN": options["login"],
            "SMS_TRAFFIC_PASSWORD": options["password"],
            "SMS_TRAFFIC_NODES": ",".join(options["nodes"]),
        }
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sms_traffic_async", "worker", "--json", *arguments,
                env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )
        )  # fmt: skip

    def tell(self, number: signal.Signals) -> None:
        # Not send_signal(), which asks whether it has ended, and would take its exit code from asyncio's watcher.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    async def ended(self) -> tuple[int, Counter[str]]:
        """Exit code, and the messages by state that it printed."""
        out, _ = await self.process.communicate()
        assert self.process.returncode is not None
        records = [json.loads(line) for line in out.splitlines()]
        return self.process.returncode, Counter({one["state"]: one["messages"] for one in records if "state" in one})


async def until(seen: Callable[[], bool]) -> None:
    """The process and the platform are real: so is the time until they have done something."""
    async with asyncio.timeout(30):
        while not seen():
            await asyncio.sleep(0.005)


async def filled(path: Path, count: int) -> list[str]:
    """Messages that go out in requests of two."""
    async with Outbox(path) as outbox:
        return await outbox.enqueue_many(
            [Message(to=f"7916{number:07d}", text="Готово", batch_name=f"b{number // 2}") for number in range(count)]
        )


async def emptied(sandbox: Sandbox, path: Path) -> None:
    """By the next worker; all of it was accepted."""
    async with Outbox(path) as outbox, SmsTraffic(**sandbox.client_options()) as sms:
        await outbox.run(sms, until_empty=True)
        assert set(await outbox.counts()) <= {State.ACCEPTED, State.FINAL}


async def test_told_to_end_it_ends_what_is_under_way_and_begins_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "o.db"
    ids = await filled(path, 40)
    rule = sandbox.faults.add(TAKEN)
    worker = await Worker.start(sandbox, path)
    await until(lambda: len(sandbox.accepted) > 0)
    worker.tell(signal.SIGTERM)
    code, states = await worker.ended()
    assert code == 0
    assert set(states) <= {"accepted", "final", "pending"}  # nothing is left in doubt
    assert 0 < states["accepted"] + states["final"] == len(sandbox.accepted) < 40
    sandbox.faults.remove(rule)
    await emptied(sandbox, path)
    assert [sandbox.accepted.times(one) for one in ids] == [1] * 40


@pytest.mark.parametrize("how", ["grace", "twice", "kill"])
async def test_ended_at_once_the_next_one_finds_out_and_sends_nothing_twice(
    sandbox: Sandbox, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "o.db"
    ids = await filled(path, 4)
    rule = sandbox.faults.add(FaultRule(effect=Latency(seconds=60.0, when="after"), protocol="v2", operation="send"))
    worker = await Worker.start(sandbox, path, *(["--grace", "0"] if how == "grace" else []))
    await until(lambda: len(sandbox.accepted) == 4)
    worker.tell(signal.SIGKILL if how == "kill" else signal.SIGTERM)
    if how == "twice":
        async with asyncio.timeout(30):
            while worker.process.returncode is None:  # the first is heard when its loop turns
                worker.tell(signal.SIGTERM)
                await asyncio.sleep(0.01)
    code, states = await worker.ended()
    assert code == {"grace": 0, "twice": -signal.SIGTERM, "kill": -signal.SIGKILL}[how]
    assert states == ({"sending": 4} if how == "grace" else {})
    sandbox.faults.remove(rule)
    await emptied(sandbox, path)
    assert [sandbox.accepted.times(one) for one in ids] == [1] * 4


async def test_an_outbox_that_is_in_use_is_a_matter_of_configuration(sandbox: Sandbox, tmp_path: Path) -> None:
    async with Outbox(tmp_path / "o.db"):
        worker = await Worker.start(sandbox, tmp_path / "o.db")
        assert (await worker.ended())[0] == 4


@pytest.mark.parametrize("via", ["v2", "v1"])
async def test_standing_still_past_its_lease_it_keeps_what_it_has_and_sends_nothing_twice(
    sandbox: Sandbox, tmp_path: Path, via: str
) -> None:
    path = tmp_path / "o.db"
    async with Outbox(path) as outbox:
        one = await outbox.enqueue(Message(to="79161112233", text="Готово"))
    sandbox.faults.add(FaultRule(effect=Latency(seconds=0.6, when="after"), operation="send"))
    worker = await Worker.start(sandbox, path, "--until-empty", "--lease", "0.15", "--via", via)
    await until(lambda: len(sandbox.accepted) == 1)
    worker.tell(signal.SIGSTOP)
    await asyncio.sleep(0.3)  # twice its lease
    worker.tell(signal.SIGCONT)
    code, states = await worker.ended()
    assert code == 0
    assert states["accepted"] + states["final"] == 1
    assert len(sandbox.accepted) == 1
    assert sandbox.faults.injected == 1  # it was asked for once
    async with Outbox(path) as outbox:
        row = await outbox.status(one)
        assert row is not None
        assert row.state in {State.ACCEPTED, State.FINAL}
        assert row.attempts == 1
