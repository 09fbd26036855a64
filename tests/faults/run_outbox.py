"""F4: a process with an outbox in a SQLite file is killed at random instants.

A child enqueues, says what was committed, and sends to a sandbox over real TCP;
it is killed with SIGKILL again and again, and begins where it was. Run by
``nox -s faults``::

    python -m tests.faults.run_outbox --kills 200 --messages 50000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox, State
from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox
from sms_traffic_async.session import SmsTraffic

__all__ = ("kill_run",)

GROUP = 20
"""Messages of one enqueue."""
LONGEST_LIFE = 1.2


async def child(path: str, options: str, first: int, last: int, *, stays: bool) -> None:
    """Enqueue and send, and say what is on the disk. One that stays ends only when it is killed."""
    stop = asyncio.Event()
    api_key, *urls = json.loads(options)
    async with Outbox(path) as outbox, SmsTraffic(api_key=api_key, nodes=urls) as sms:
        running = asyncio.create_task(outbox.run(sms, stop=stop, most=50))
        number = first
        print(number, flush=True)
        while number < last:
            until = min(number + GROUP, last)
            if number % (3 * GROUP):
                await outbox.enqueue_many([_message(one) for one in range(number, until)])
            else:
                await asyncio.gather(*(outbox.enqueue(_message(one)) for one in range(number, until)))
            number = until
            print(number, flush=True)
            await asyncio.sleep(0.002)
        while stays or set(await outbox.counts()) & {State.PENDING, State.SENDING, State.AMBIGUOUS}:
            await asyncio.sleep(0.1)
        stop.set()
        await running
    print("end", flush=True)


def _message(number: int) -> Message:
    return Message(to=f"7916{number:07d}", text=f"Заказ {number} готов", key=f"n-{number}")


async def kill_run(*, kills: int, messages: int, seed: int = 0, faults: bool = True) -> dict[str, Any]:
    """Kill so many times, then let it end; what came of it.

    Returns:
        ``lost``: committed and not accepted; ``duplicates``: accepted more than once; and how far it went.
    """
    chance = random.Random(seed)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "outbox.db"
        async with Sandbox(smpp_ports=None, smpp_tls_ports=None, smtp_port=None, keep=4 * messages + 1_000) as sandbox:
            if faults:
                sandbox.faults.add(
                    FaultRule(protocol="v2", operation="send", effect=Drop(when="after"), probability=0.03)
                )
            committed = done = 0
            while done < kills:
                # A share of what is left for each life, so that all of them have something to do.
                share = -(-(messages - committed) // (kills - done))
                life = LONGEST_LIFE * chance.random()
                limit = min(messages, committed + share)
                committed, killed = await _live(sandbox, path, committed, limit, life)
                done += killed
            committed, killed = await _live(sandbox, path, committed, messages, None)
            assert not killed
            return await _told(path, sandbox, messages) | {
                "kills": done,
                "committed": committed,
                "seconds": round(time.perf_counter() - began, 1),
            }


async def _live(sandbox: Sandbox, path: Path, first: int, last: int, life: float | None) -> tuple[int, bool]:
    options = json.dumps([sandbox.api_key, *sandbox.urls])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.run_outbox", "child", str(path), options,
        str(first), str(last), str(int(life is not None)),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    committed, ended = first, False
    timer: asyncio.TimerHandle | None = None
    async for line in process.stdout:
        if line.strip() == b"end":
            ended = True
        else:
            committed = int(line)
        if timer is None and life is not None:
            # From its first words on: starting Python is not what is tested.
            timer = asyncio.get_running_loop().call_later(life, _kill, process)
    code = await process.wait()
    if timer is not None:
        timer.cancel()
    if code not in {0, -signal.SIGKILL}:
        raise AssertionError(f"the child ended with {code}")
    assert code or ended
    return committed, code != 0


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


async def _told(path: Path, sandbox: Sandbox, messages: int) -> dict[str, Any]:
    async with Outbox(path) as outbox:
        states = await outbox.counts()
        lost = duplicates = 0
        for number in range(messages):
            row = await outbox.status(f"n-{number}")
            times = 0 if row is None else sandbox.accepted.times(row.id)
            lost += times == 0
            duplicates += times > 1
        per_number = Counter(one.to for one in sandbox.accepted)
        return {
            "messages": messages,
            "lost": lost,
            "duplicates": duplicates + sum(times > 1 for times in per_number.values()),
            "accepted": sandbox.accepted.total,
            "states": {state.value: count for state, count in states.items()},
        }


def main() -> int:
    """The long run."""
    if sys.argv[1:2] == ["child"]:
        path, served, first, last, stays = sys.argv[2:]
        asyncio.run(child(path, served, int(first), int(last), stays=stays == "1"))
        return 0
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    told = asyncio.run(kill_run(kills=options.kills, messages=options.messages, seed=options.seed))
    print(json.dumps(told))
    return int(bool(told["lost"] or told["duplicates"] or told["states"].get("unknown")))


if __name__ == "__main__":
    sys.exit(main())
