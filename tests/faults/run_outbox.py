"""F4: a process with an outbox in a SQLite file is killed at random instants.

A child enqueues, says what was committed, and sends to a sandbox over real TCP;
it is killed with SIGKILL again and again, and begins where it was. Children are
forked by a process that has imported everything, because starting Python is not
what is tested. Run by ``nox -s faults``::

    python -m tests.faults.run_outbox --kills 200 --messages 50000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

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
        say(number)
        while number < last:
            until = min(number + GROUP, last)
            if number % (3 * GROUP):
                await outbox.enqueue_many([_message(one) for one in range(number, until)])
            else:
                await asyncio.gather(*(outbox.enqueue(_message(one)) for one in range(number, until)))
            number = until
            say(number)
            await asyncio.sleep(0.002)
        while stays or set(await outbox.counts()) & {State.PENDING, State.SENDING, State.AMBIGUOUS}:
            await asyncio.sleep(0.1)
        stop.set()
        await running
    say("end")


def say(*words: object) -> None:
    """One write, which a kill does not cut in two."""
    os.write(sys.stdout.fileno(), f"{' '.join(map(str, words))}\n".encode())


def _message(number: int) -> Message:
    return Message(to=f"7916{number:07d}", text=f"Заказ {number} готов", key=f"n-{number}")


async def kill_run(
    *, kills: int, messages: int, seed: int = 0, faults: bool = True, longest_life: float = LONGEST_LIFE
) -> dict[str, Any]:
    """Kill so many times, then let it end; what came of it.

    Args:
        kills: of processes that have said something.
        messages: in all.
        seed: of the moments of the kills.
        faults: answers are lost as well.
        longest_life: seconds, counted from a child's first words.

    Returns:
        ``lost``: committed and not accepted; ``duplicates``: accepted more than once; and how far it went.
    """
    chance = random.Random(seed)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "outbox.db"
        async with Sandbox(smpp_ports=None, smpp_tls_ports=None, smtp_port=None, keep=4 * messages + 1_000) as sandbox:
            sandbox.outcomes.clear()
            if faults:
                sandbox.faults.add(
                    FaultRule(protocol="v2", operation="send", effect=Drop(when="after"), probability=0.03)
                )
            options = json.dumps([sandbox.api_key, *sandbox.urls])
            committed = done = 0
            async with Nursery() as nursery:
                while done < kills:
                    # A share of what is left for each life, so that all of them have something to do.
                    share = -(-(messages - committed) // (kills - done))
                    life = longest_life * chance.random()
                    limit = min(messages, committed + share)
                    committed, killed = await nursery.live([str(path), options, committed, limit], life)
                    done += killed
                committed, killed = await nursery.live([str(path), options, committed, messages], None)
            assert not killed
            return await _told(path, sandbox, messages) | {
                "kills": done,
                "committed": committed,
                "seed": seed,
                "seconds": round(time.perf_counter() - began, 1),
            }


class Nursery:
    """A process that has children when it is told to, one at a time."""

    async def __aenter__(self) -> Self:
        command = [sys.executable, "-m", "tests.faults.run_outbox", "nursery"]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def live(self, arguments: list[Any], life: float | None) -> tuple[int, bool]:
        """One life of so many seconds; gives how far it says that it came, and whether it was killed."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps([*arguments, life is not None]).encode() + b"\n")
        pid = int((await stdout.readline()).split()[-1])
        committed: int = arguments[2]
        timer: asyncio.TimerHandle | None = None
        ended = False
        async for line in stdout:
            word, _, value = line.decode().partition(" ")
            if word == "code":
                break
            ended = word.strip() == "end"
            committed = committed if ended else int(word)
            if timer is None and life is not None:
                timer = asyncio.get_running_loop().call_later(life, os.kill, pid, signal.SIGKILL)
        else:
            raise AssertionError("the nursery is gone")
        if timer is not None:
            timer.cancel()
        if (code := int(value)) not in {0, -signal.SIGKILL}:
            raise AssertionError(f"the child ended with {code}")
        assert code or ended
        return committed, code != 0


def nursery() -> None:
    """Has a child for every line of stdin, and says how it ended."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = 1
            say("pid", os.getpid())
            try:
                path, options, first, last, stays = json.loads(line)
                asyncio.run(child(path, options, first, last, stays=stays))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        say("code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


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
    if sys.argv[1:2] == ["nursery"]:
        nursery()
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
