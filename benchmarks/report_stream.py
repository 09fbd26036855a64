"""A report of a gigabyte, streamed to disk and read row by row, against bare httpx.

``aiter_bytes``: ``report.save(path)`` (poll, resume, cap, fsync and rename
included) against ``response.aiter_bytes()`` into a file with fsync at the end:
both leave a file that survives a power cut. ``aiter_bytes_unsynced``: the same
peer without fsync, whose bytes are still in memory when it ends. ``aiter_lines``: ``async for row in report`` against
``response.aiter_lines()`` and ``csv.reader``. The platform is a plain responder
in a process of its own; rounds take turns. Memory is sampled while we save, and
must not grow by 30 MB whatever the size of the report.
"""

from __future__ import annotations

import asyncio
import csv
import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx

from benchmarks._common import Asked, finish, parse_args, version
from sms_traffic_async import SmsTraffic

API_KEY = "1/benchmark"
ROW = (
    b"1046379029789147161;79161112233;%d: your code is 1234, do not tell it to anybody;2026-01-01T00:00:00+03:00;"
    b"2026-01-01T00:00:01+03:00;2026-01-01T00:00:03+03:00;Delivered;SMSTraffic\n"
)
BLOCK = b"".join(ROW % number for number in range(25_000))
MEGABYTE = 1_000_000
MEMORY_LIMIT = 30 * MEGABYTE


def serve(told: Connection, size: int) -> None:
    """Answer every GET with a CSV of ``size`` bytes, in a thread for each connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    told.send(listener.getsockname()[1])
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_connection, args=(sock, size), daemon=True).start()


def _connection(sock: socket.socket, size: int) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(OSError), sock, sock.makefile("rb") as stream:
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                if not line:
                    return
                head += line
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            stream.read(length)
            if head.startswith(b"POST"):
                body = json.dumps({"code": 0, "description": "", "reportId": "benchmark"}).encode()
                media = b"application/json"
                sock.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (media, len(body), body)
                )
                continue
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n" % size)
            left, view = size, memoryview(BLOCK)
            while left:
                sent = view[:left]
                sock.sendall(sent)
                left -= len(sent)


@contextmanager
def responder(size: int) -> Iterator[str]:
    """The base URL of a responder in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, size), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


class Memory:
    """Samples this process's resident memory on a thread; ``growth`` in bytes since ``start``."""

    def __init__(self) -> None:
        self.growth = 0
        self._before = resident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._ended.wait(0.01):
            self.growth = max(self.growth, resident() - self._before)

    def stop(self) -> int:
        """End, and give the growth."""
        self._ended.set()
        self._thread.join()
        return self.growth


def resident() -> int:
    """Bytes of memory this process holds now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


async def ours_to_file(url: str, target: Path) -> None:
    async with SmsTraffic(nodes=[url], api_key=API_KEY) as sms, sms.v2.report() as report:
        await report.save(target)


async def httpx_to_file(url: str, target: Path, *, synced: bool) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}", "Accept-Encoding": "identity"}
    async with httpx.AsyncClient(headers=headers, timeout=330) as client:
        report = (await client.post(f"{url}/v2/report", json={"format": "csv"})).json()["reportId"]
        with target.open("wb") as file:
            async with client.stream("GET", f"{url}/v2/report/{report}") as response:
                async for chunk in response.aiter_bytes():
                    file.write(chunk)
            if synced:
                file.flush()
                os.fsync(file.fileno())


async def ours_rows(url: str) -> int:
    async with SmsTraffic(nodes=[url], api_key=API_KEY) as sms, sms.v2.report() as report:
        async for _ in report:
            pass
        return report.rows


async def httpx_rows(url: str) -> int:
    headers = {"Authorization": f"Bearer {API_KEY}", "Accept-Encoding": "identity"}
    rows = 0
    async with httpx.AsyncClient(headers=headers, timeout=330) as client:
        report = (await client.post(f"{url}/v2/report", json={"format": "csv"})).json()["reportId"]
        async with client.stream("GET", f"{url}/v2/report/{report}") as response:
            async for line in response.aiter_lines():
                for _ in csv.reader([line], delimiter=";"):
                    rows += 1
    return rows


def timed(job: Callable[[], Coroutine[None, None, object]]) -> tuple[float, object]:
    started = time.perf_counter()
    result = asyncio.run(job())
    return time.perf_counter() - started, result


def main() -> None:
    options = parse_args(__doc__ or "")
    size = 128 * MEGABYTE if options.quick else 1000 * MEGABYTE
    rounds = 3 if options.quick else 5
    growth = 0
    jobs: dict[str, Callable[[str, Path], Coroutine[None, None, None]]] = {
        "ours": ours_to_file,
        "httpx": partial(httpx_to_file, synced=True),
        "httpx, unsynced": partial(httpx_to_file, synced=False),
    }
    files: dict[str, list[float]] = {name: [] for name in jobs}
    with responder(size) as url, tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "report.csv"
        for job in jobs.values():
            timed(partial(job, url, target))  # imports, page cache
        for turn in range(rounds):
            for name in list(jobs)[:: 1 if turn % 2 == 0 else -1]:
                target.unlink(missing_ok=True)
                os.sync()  # nobody pays for the other's pages
                memory = Memory() if name == "ours" else None
                seconds, _ = timed(partial(jobs[name], url, target))
                growth = max(growth, 0 if memory is None else memory.stop())
                assert target.stat().st_size == size
                files[name].append(seconds)
                options.say(f"{name:>15} to disk: {size / MEGABYTE / seconds:7.0f} MB/s")
    small = 16 * MEGABYTE if options.quick else 128 * MEGABYTE
    lines: dict[str, list[float]] = {"ours": [], "httpx": []}
    expected = 0
    with responder(small) as url:
        for turn in range(3):
            for name in ("ours", "httpx")[:: 1 if turn % 2 == 0 else -1]:
                seconds, rows = timed(partial(ours_rows if name == "ours" else httpx_rows, url))
                assert expected in {0, rows}
                expected = int(str(rows))
                lines[name].append(seconds)
                options.say(f"{name:>15} by rows: {expected / seconds:7.0f} rows/s")
    options.say(f"memory grew by {growth / MEGABYTE:.1f} MB while {size / MEGABYTE:.0f} MB were saved")
    assert growth < MEMORY_LIMIT, f"memory grew by {growth} bytes"

    def ratio(times: dict[str, list[float]], peer: str = "httpx") -> float:
        return statistics.median(their / our for their, our in zip(times[peer], times["ours"], strict=True))

    finish(
        "report_stream",
        {
            "aiter_bytes": ratio(files),
            "aiter_bytes_unsynced": ratio(files, "httpx, unsynced"),
            "aiter_lines": ratio(lines),
        },
        {
            "bytes": size,
            "memory_growth_mb": round(growth / MEGABYTE, 1),
            "mb_per_s": round(size / MEGABYTE / statistics.median(files["ours"])),
            "rows_per_s": round(expected / statistics.median(lines["ours"])),
            "httpx": version("httpx"),
        },
        wanted={"aiter_bytes": 0.7},
        asked=[Asked(figure="memory growth, MB", measured=growth / MEGABYTE, at_most=MEMORY_LIMIT / MEGABYTE)],
    )


if __name__ == "__main__":
    main()
