from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Literal

import pytest

from sms_traffic_async.sandbox.network import (
    Blackhole,
    Cut,
    Drip,
    FaultProxy,
    Latency,
    Refuse,
    Reset,
)
from sms_traffic_async.sandbox.network.link import Link
from tests.support.raw_tcp import ANSWER, REQUEST, RawServer, connected, exchange, now, receive, settled
from tests.support.virtual_loop import virtual


@virtual
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_drop_all_ends_what_lives_and_lets_new_ones_in(how: Literal["fin", "rst"]) -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        async with connected(proxy.port) as one, connected(proxy.port) as two:
            await asyncio.sleep(0.1)
            proxy.rules.add(Blackhole(), live=True, times=0)
            ends = asyncio.gather(receive(one), receive(two))
            assert await proxy.drop_all(how) == 2
            end = (b"", "eof" if how == "fin" else "reset")
            assert tuple(await ends) == (end, end)
        await settled()
        assert platform.endings == ["eof" if how == "fin" else "reset"] * 2
        assert [each.ended for each in proxy.connections] == ["dropped", "dropped"]
        assert await proxy.drop_all() == 0
        assert await exchange(proxy.port) == (ANSWER, None)


@virtual
async def test_a_client_that_does_not_read_is_not_buffered_without_bound() -> None:
    answer = bytes(40_000_000)
    async with (
        RawServer(answer=answer) as platform,
        await FaultProxy.start("127.0.0.1", platform.port) as proxy,
        connected(proxy.port) as sock,
    ):
        await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
        await asyncio.sleep(600)
        # What the kernel's socket buffers hold (a few MB on loopback), and no more.
        assert proxy.connections[0].down < 15_000_000
        assert len((await receive(sock, len(answer)))[0]) == len(answer)


@virtual
async def test_past_the_limit_connections_wait_their_turn() -> None:
    async with (
        RawServer() as platform,
        await FaultProxy.start("127.0.0.1", platform.port, max_connections=2) as proxy,
        contextlib.AsyncExitStack() as stack,
    ):
        socks = [await stack.enter_async_context(connected(proxy.port)) for _ in range(3)]
        for sock in socks:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
        for sock in socks[:2]:
            assert await receive(sock, len(ANSWER)) == (ANSWER, None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await receive(socks[2], 1)
        assert len(platform.heard) == 2
        socks[0].close()
        assert await receive(socks[2], len(ANSWER)) == (ANSWER, None)
        # Refusing and healing while full does not lift the limit.
        proxy.rules.add(Refuse())
        with pytest.raises(ConnectionRefusedError):
            await exchange(proxy.port)
        proxy.rules.clear()
        socks[1].close()
        await settled()
        assert await exchange(proxy.port) == (ANSWER, None)


@virtual
async def test_a_hundred_connections_at_once() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        assert await asyncio.gather(*(exchange(proxy.port) for _ in range(100))) == [(ANSWER, None)] * 100
        assert [connection.number for connection in proxy.connections] == list(range(1, 101))


@virtual
async def test_the_log_and_the_list_of_connections_are_bounded() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port, log_size=5) as proxy:
        proxy.rules.add(Reset())
        for _ in range(9):
            await exchange(proxy.port)
        assert [entry.connection for entry in proxy.log] == [5, 6, 7, 8, 9]
        assert [connection.number for connection in proxy.connections] == [5, 6, 7, 8, 9]


@virtual
async def test_closing_ends_everything_at_once_in_every_state() -> None:
    async with RawServer() as platform:
        for fault in (None, Blackhole(), Drip(bytes_per_second=0.001), Latency(seconds=3600), Cut(after=5)):
            others = asyncio.all_tasks()
            proxy = await FaultProxy.start("127.0.0.1", platform.port)
            if fault is not None:
                proxy.rules.add(fault)
            async with connected(proxy.port) as sock:
                await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
                await asyncio.sleep(0.5)
                before = now()
                await proxy.aclose()
                await proxy.aclose()
                assert now() - before < 0.1
                assert (await receive(sock))[1] is not None
                with pytest.raises(ConnectionRefusedError):
                    await exchange(proxy.port)
                assert not {task for task in asyncio.all_tasks() - others if "fault proxy" in task.get_name()}
            await settled()


@virtual
async def test_a_cancelled_close_closes_all_the_same() -> None:
    async with RawServer() as platform:
        proxy = await FaultProxy.start("127.0.0.1", platform.port)
        async with connected(proxy.port) as sock:
            await asyncio.sleep(0.1)
            closing = asyncio.ensure_future(proxy.aclose())
            await asyncio.sleep(0)
            closing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await closing
            assert (await receive(sock))[1] is not None
            assert proxy.connections[0].ended == "closed"


@virtual
async def test_a_fault_of_the_proxy_itself_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_link: Link) -> None:
        raise LookupError("broken on purpose")

    async with RawServer() as platform:
        proxy = await FaultProxy.start("127.0.0.1", platform.port)
        with monkeypatch.context() as patched:
            patched.setattr(Link, "_carry", broken)
            async with connected(proxy.port) as sock:
                assert await receive(sock) == (b"", "eof")
        with pytest.raises(ExceptionGroup, match="fault proxy failed") as raised:
            await proxy.aclose()
        assert raised.group_contains(LookupError)
        await proxy.aclose()


async def test_it_works_on_the_real_loop_too() -> None:
    before = time.monotonic()
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        rule = proxy.rules.add(Latency(seconds=0.05))
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            assert await receive(sock, len(ANSWER)) == (ANSWER, None)
        assert time.monotonic() - before >= 0.1
        proxy.rules.remove(rule)
        proxy.rules.add(Cut(after=9, how="rst"))
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            assert await receive(sock) == (ANSWER[:9], "reset")
