"""The FastAPI example under an open-loop load: what a request waits for while the platform takes 100 ms to answer.

Three processes: a plain platform that answers every ``/v2/send`` after 100 ms,
``examples/fastapi_service.py`` under uvicorn, and this one, which sends requests
at their appointed times whether the ones before were answered or not (so a slow
service is not spared), and measures each from its appointed time. The requests have
no ``attempt``, so that codes share requests to the platform.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import Asked, finish, machine, parse_args, version
from benchmarks._responder import counts, responder

RATE = 300
PLATFORM_SECONDS = 0.1
MOST = 3.0
"""The 99th percentile, in times of what the platform takes."""
WARM_UP = 2.0
ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def service(platform: str) -> Iterator[tuple[int, int]]:
    """Port and process id of the example under uvicorn."""
    environment = {**os.environ, "SMS_TRAFFIC_API_KEY": "public/secret", "SMS_TRAFFIC_NODES": platform}
    environment.pop("SMS_TRAFFIC_ONLY_TO", None)
    command = [sys.executable, "-m", "uvicorn", "examples.fastapi_service:app", "--port", "0", "--no-access-log"]
    command += ["--timeout-keep-alive", "120"]  # or it closes an idle connection just as it is used again
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                yield int(found.group(1)), process.pid
                break
        else:
            raise RuntimeError("the service did not start")
    finally:
        process.terminate()
        process.wait(30)
        if process.stderr is not None:
            process.stderr.close()


class Connections:
    """Connections to the service, kept alive and used by one request at a time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.opened = 0

    async def post(self, number: int) -> bool:
        """Ask for a code; whether one was sent."""
        if self.free:
            reader, writer = self.free.pop()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.opened += 1
        body = json.dumps({"phone": f"7916{number % 10_000_000:07d}"}).encode()
        head = (
            f"POST /codes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", answer)
        content = await reader.readexactly(int(length.group(1)) if length else 0)
        self.free.append((reader, writer))
        return answer.startswith(b"HTTP/1.1 202") and b'"sent"' in content

    async def close(self) -> None:
        """Close them all."""
        for _, writer in self.free:
            writer.close()
            await writer.wait_closed()


async def load(port: int, seconds: float) -> tuple[list[float], int]:
    """Seconds from appointed time to answer, and how many went wrong."""
    loop = asyncio.get_running_loop()
    connections = Connections(port)
    waits = [0.0] * int(RATE * (WARM_UP + seconds))
    bad = 0

    async def one(number: int, appointed: float) -> None:
        nonlocal bad
        fine = await connections.post(number)
        waits[number] = loop.time() - appointed
        bad += not fine

    start = loop.time() + 0.1
    async with asyncio.TaskGroup() as group:
        for number in range(len(waits)):
            appointed = start + number / RATE
            if (early := appointed - loop.time()) > 0:
                await asyncio.sleep(early)
            group.create_task(one(number, appointed))
    await connections.close()
    return waits[int(RATE * WARM_UP) :], bad


def processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    options = parse_args(__doc__ or "")
    seconds = 5.0 if options.quick else 30.0
    options.say(f"## FastAPI under {RATE} requests/s, the platform answering in {PLATFORM_SECONDS * 1000:.0f} ms\n")
    options.say(f"{machine()}; fastapi {version('fastapi')}, uvicorn {version('uvicorn')}\n")
    with responder(delay=PLATFORM_SECONDS) as platform, service(platform) as (port, pid):
        before = processor_seconds(pid)
        started = time.monotonic()
        waits, bad = asyncio.run(load(port, seconds))
        busy = (processor_seconds(pid) - before) / (time.monotonic() - started)
        taken = counts(platform)
    cuts = statistics.quantiles(waits, n=1000)
    p50, p99, p999 = cuts[499], cuts[989], cuts[998]
    options.say("| requests | failed | p50 | p99 | p99.9 | messages per platform request | processor of the service |")
    options.say("|--:|--:|--:|--:|--:|--:|--:|")
    options.say(
        f"| {len(waits)} | {bad} | {p50 * 1000:.0f} ms | {p99 * 1000:.0f} ms | {p999 * 1000:.0f} ms "
        f"| {taken.messages / max(taken.requests, 1):.1f} | {busy:.0%} |\n"
    )
    options.say(f"p99 is {p99 / PLATFORM_SECONDS:.2f} times what the platform takes (at most {MOST:g} are promised)")
    finish(
        "fastapi_load",
        {"promised_p99_over_p99": MOST * PLATFORM_SECONDS / p99},
        {"p50_ms": round(p50 * 1000, 1), "p99_ms": round(p99 * 1000, 1), "failed": bad},
        asked=[
            Asked(figure="p99 / the platform's time", measured=p99 / PLATFORM_SECONDS, at_most=MOST),
            Asked(figure="failed requests", measured=bad, at_most=0),
        ],
    )
    if bad:
        raise SystemExit(f"{bad} requests failed, on whatever machine")


if __name__ == "__main__":
    main()
