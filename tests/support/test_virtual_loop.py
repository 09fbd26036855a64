from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.virtual_loop import ORIGIN, VirtualClock, VirtualDeadlock, VirtualLoop, run_virtual, virtual

# Generous for a busy machine; a clock that waits would need the best part of an hour.
WALL_SECONDS = 5.0


@contextlib.asynccontextmanager
async def serving(handle: Callable[..., object]) -> AsyncIterator[int]:
    server = await asyncio.start_server(handle, "127.0.0.1", 0)  # type: ignore[arg-type]  # the stub wants one exact form
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def answer_after_290_seconds(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            await asyncio.sleep(290)
            writer.write(line.upper())
            await writer.drain()
    finally:
        writer.close()


@virtual
async def test_twelve_long_polls_over_real_tcp_cost_no_time() -> None:
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    async with serving(answer_after_290_seconds) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(12):
            before = loop.time()
            writer.write(b"report %d\n" % turn)
            assert await reader.readline() == b"REPORT %d\n" % turn
            assert loop.time() - before == 290.0
        writer.close()
        await writer.wait_closed()
    assert loop.time() - ORIGIN == 12 * 290.0
    assert time.perf_counter() - started < WALL_SECONDS


@virtual
async def test_a_timeout_never_beats_bytes_that_are_on_their_way() -> None:
    """A timer of one microsecond loses against 256 kB that were written before it was set."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        finally:
            writer.close()

    body = bytes(262_144)
    async with serving(echo) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(50):
            writer.write(body)
            async with asyncio.timeout(1e-6):
                assert len(await reader.readexactly(len(body))) == len(body)
        writer.close()
        await writer.wait_closed()


@virtual
async def test_bytes_that_nagle_holds_back_are_on_their_way_too() -> None:
    """Two small writes in a row on sockets that asyncio does not set TCP_NODELAY on."""

    async def answer_in_two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            writer.write(b"head ")
            await asyncio.sleep(0)
            writer.write(b"body\n")
        writer.close()

    listener = socket.create_server(("127.0.0.1", 0))
    server = await asyncio.start_server(answer_in_two, sock=listener)
    async with server:
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        for _ in range(20):
            writer.write(b"go\n")
            async with asyncio.timeout(0.001):
                assert await reader.readline() == b"head body\n"
        writer.close()
        await writer.wait_closed()


@virtual
@pytest.mark.parametrize("size", [1000, 65_536])
async def test_a_writer_that_waits_for_an_acknowledgement_is_not_idle(size: int) -> None:
    """With a small send buffer the kernel lets a writer wait for delayed acknowledgements, 40 real ms each."""
    loop = asyncio.get_running_loop()
    body = bytes(2_000_000)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as writer:
        writer.setblocking(False)
        writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        await loop.sock_connect(writer, listener.getsockname())
        reader, _ = listener.accept()
        with reader:
            reader.setblocking(False)
            writing = asyncio.ensure_future(loop.sock_sendall(writer, body))
            received = 0
            while received < len(body):
                async with asyncio.timeout(0.001):
                    received += len(await loop.sock_recv(reader, size))
            await writing


@virtual
async def test_bytes_that_nobody_reads_hold_the_clock_once() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(20_000_000))
        try:
            await reader.read()
        finally:
            writer.transport.abort()

    async with serving(pour) as port:
        with socket.socket() as sock:
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            before = time.perf_counter()
            for _ in range(1000):
                await asyncio.sleep(1)
            assert time.perf_counter() - before < WALL_SECONDS


@virtual
async def test_timers_fire_in_order_and_at_their_time() -> None:
    loop = asyncio.get_running_loop()
    fired: list[tuple[float, str]] = []

    async def note(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        fired.append((loop.time() - ORIGIN, name))

    await asyncio.gather(note(3600.0, "hour"), note(0.25, "quarter"), note(86_400.0, "day"), note(60.0, "minute"))
    assert fired == [(0.25, "quarter"), (60.0, "minute"), (3600.0, "hour"), (86_400.0, "day")]


@virtual
async def test_the_clock_stands_while_an_executor_works() -> None:
    """The job would lose against any timer if the clock ran: it takes 30 real ms, the timer 1 virtual ms."""
    loop = asyncio.get_running_loop()
    released = threading.Event()
    timer = threading.Timer(0.03, released.set)
    timer.start()
    try:
        async with asyncio.timeout(0.001):
            assert await asyncio.to_thread(released.wait, 10)
        with ThreadPoolExecutor(1) as executor:
            async with asyncio.timeout(0.001):
                assert await loop.run_in_executor(executor, sum, (1, 2, 3)) == 6
    finally:
        timer.join()
    assert loop.time() == ORIGIN
    assert (await loop.getaddrinfo("127.0.0.1", 80))[0][4] == ("127.0.0.1", 80)


@virtual
async def test_a_job_that_waits_for_a_timer_of_the_loop_is_not_held_for_ever() -> None:
    loop = asyncio.get_running_loop()
    rung = threading.Event()
    loop.call_later(0.3, rung.set)
    assert await asyncio.to_thread(rung.wait, 10)
    assert loop.time() - ORIGIN == pytest.approx(0.3)


@virtual
async def test_a_cancelled_job_lets_the_clock_go() -> None:
    release = threading.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await asyncio.to_thread(release.wait, 10)
    before = time.perf_counter()
    await asyncio.sleep(3600)
    release.set()
    assert time.perf_counter() - before < WALL_SECONDS


@virtual
async def test_a_storage_thread_holds_the_clock_while_it_works(tmp_path: Path) -> None:
    """A writer thread of the code's own (queue in, call_soon_threadsafe out) does not lose to a timer."""
    loop = asyncio.get_running_loop()
    jobs: queue.SimpleQueue[asyncio.Future[int] | None] = queue.SimpleQueue()

    def write() -> None:
        connection = sqlite3.connect(tmp_path / "rows.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")
        while (future := jobs.get()) is not None:
            row = connection.execute("INSERT INTO rows (body) VALUES (?)", ("x" * 4096,)).lastrowid or 0
            loop.call_soon_threadsafe(future.set_result, row)
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for turn in range(200):
            future: asyncio.Future[int] = loop.create_future()
            jobs.put(future)
            async with asyncio.timeout(0.001):
                assert await future == turn + 1
    finally:
        jobs.put(None)
        thread.join()
    assert loop.time() == ORIGIN


@virtual
async def test_hold_keeps_the_clock_at_the_speed_of_real_time() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    rung = asyncio.Event()
    timer = threading.Timer(0.05, loop.call_soon_threadsafe, (rung.set,))
    timer.start()
    with loop.hold():
        async with asyncio.timeout(30):
            await rung.wait()
    timer.join()
    assert loop.time() - ORIGIN < 1.0


@virtual
async def test_httpx_and_its_timeouts_run_on_it() -> None:
    async with serving(answer_after_290_seconds) as port, httpx.AsyncClient(trust_env=False) as client:
        before = asyncio.get_running_loop().time()
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"http://127.0.0.1:{port}/", timeout=httpx.Timeout(5.0, read=120.0))
        assert asyncio.get_running_loop().time() - before == pytest.approx(120.0)


@virtual
async def test_a_refused_connection_is_seen_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 1e-6)


@virtual
async def test_the_virtual_clock_is_the_loops_clock() -> None:
    clock = VirtualClock(wall=1_700_000_000.0, seed=7)
    assert (clock.monotonic(), clock.wall()) == (ORIGIN, 1_700_000_000.0)
    await clock.sleep(7 * 86_400)
    assert clock.monotonic() == ORIGIN + 604_800
    assert clock.wall() == 1_700_604_800.0
    again = VirtualClock(seed=7)
    numbers = [clock.random() for _ in range(5)]
    assert numbers == [again.random() for _ in range(5)]
    assert len(set(numbers)) == 5
    assert all(0 <= number < 1 for number in numbers)


async def test_a_virtual_clock_on_a_real_loop_says_so() -> None:
    assert not isinstance(asyncio.get_running_loop(), VirtualLoop)
    with pytest.raises(TypeError, match="VirtualLoop"):
        VirtualClock().monotonic()


@pytest.fixture
async def fixture_loop() -> AsyncIterator[asyncio.AbstractEventLoop]:
    await asyncio.sleep(0)
    yield asyncio.get_running_loop()
    await asyncio.sleep(0)


@virtual
async def test_async_fixtures_run_on_the_same_virtual_loop(fixture_loop: asyncio.AbstractEventLoop) -> None:
    assert asyncio.get_running_loop() is fixture_loop
    assert isinstance(fixture_loop, VirtualLoop)


async def test_unmarked_tests_keep_the_real_loop(fixture_loop: asyncio.AbstractEventLoop) -> None:
    assert not isinstance(fixture_loop, VirtualLoop)
    assert abs(asyncio.get_running_loop().time() - time.monotonic()) < 1.0


def test_run_virtual_returns_and_ends_its_executor() -> None:
    async def main() -> int:
        await asyncio.to_thread(sum, (1, 2))
        await asyncio.sleep(86_400)
        return 7

    threads = threading.active_count()
    assert run_virtual(main) == 7
    assert threading.active_count() == threads


def test_waiting_for_nothing_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.virtual_loop._IDLE_SECONDS", 0.05)

    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(VirtualDeadlock, match="can never come"):
        run_virtual(main)


def test_ticking_for_ever_is_a_clear_error() -> None:
    async def heartbeat() -> None:
        while True:
            await asyncio.sleep(3600)

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(heartbeat())
            tasks.create_task(asyncio.Event().wait())

    with pytest.raises(VirtualDeadlock, match="60 days"):
        run_virtual(main)


def test_a_loop_that_never_pauses_ends_with_its_real_time() -> None:
    """Also one whose tasks take every exception for their own."""

    async def stubborn() -> None:
        while True:
            with contextlib.suppress(Exception, pytest.fail.Exception):
                await asyncio.sleep(1e-9)

    loop = VirtualLoop(real_seconds=0.05)
    try:
        with pytest.raises(VirtualDeadlock, match="real time"):
            loop.run_until_complete(stubborn())
    finally:
        for task in asyncio.all_tasks(loop):
            task.get_coro().close()
        loop.close()
