from __future__ import annotations

import asyncio
import socket

import pytest

from sms_traffic_async.sandbox.network import (
    Blackhole,
    Drip,
    FaultProxy,
    Latency,
)
from tests.support.raw_tcp import ANSWER, REQUEST, RawServer, connected, exchange, now, receive, settled
from tests.support.virtual_loop import virtual


@virtual
async def test_a_blackhole_takes_all_and_gives_nothing_until_it_is_gone() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        rule = proxy.rules.add(Blackhole())
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3600):
                    await receive(sock)
            assert platform.heard == [], "the target heard of a connection into a blackhole"
            proxy.rules.remove(rule)
            assert await receive(sock, len(ANSWER)) == (ANSWER, None)
        assert [(entry.fault, entry.offset) for entry in proxy.log] == [(Blackhole(), 0)]


@virtual
@pytest.mark.parametrize("after", [0, 1, 20, len(ANSWER) - 1])
async def test_an_answer_stops_after_n_bytes_and_goes_on_when_the_hole_closes(after: int) -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        rule = proxy.rules.add(Blackhole(after=after, direction="down"))
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            assert await receive(sock, after) == (ANSWER[:after], None)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60):
                    await receive(sock, 1)
            assert proxy.connections[0].down == after
            proxy.rules.remove(rule)
            assert await receive(sock, len(ANSWER) - after) == (ANSWER[after:], None)


@virtual
async def test_a_blackhole_swallows_connections_that_live() -> None:
    async with (
        RawServer() as platform,
        await FaultProxy.start("127.0.0.1", platform.port) as proxy,
        connected(proxy.port) as sock,
    ):
        await asyncio.sleep(1)
        proxy.rules.add(Blackhole(), times=0, live=True)
        await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
        sock.shutdown(socket.SHUT_WR)
        await asyncio.sleep(3600)
        assert (platform.heard, platform.endings) == ([b""], [None])
        assert await exchange(proxy.port) == (ANSWER, None), "new connections are not concerned"
        proxy.rules.clear()
        assert await receive(sock, len(ANSWER)) == (ANSWER, None)
        await settled()
        assert platform.endings[0] == "eof"


@virtual
async def test_latency_delays_without_narrowing_the_line() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Latency(seconds=0.25))
        async with connected(proxy.port) as sock:
            before = now()
            for byte in REQUEST:
                await asyncio.get_running_loop().sock_sendall(sock, bytes((byte,)))
                await asyncio.sleep(0.001)
            sent = now()
            assert await receive(sock, len(ANSWER)) == (ANSWER, None)
            # The last byte left 0.001 s before `sent`; a stop-and-wait line would take 50 x 0.25 s.
            assert now() - sent == pytest.approx(0.5 - 0.001)
            assert sent - before == pytest.approx(0.001 * len(REQUEST))
            sock.shutdown(socket.SHUT_WR)
            ended = now()
            assert await receive(sock) == (b"", "eof")
            assert now() - ended == pytest.approx(0.5)
        assert {entry.direction for entry in proxy.log} == {"up", "down"}


@virtual
async def test_jitter_follows_the_seed_and_keeps_the_order() -> None:
    async def delays(seed: int) -> list[float]:
        """Bytes 0, 1, 2, ... leave ten seconds apart; when does each arrive?"""
        arrived: list[tuple[int, float]] = []

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1):
                arrived.append((data[0], now()))
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, await FaultProxy.start("127.0.0.1", port, seed=seed) as proxy, connected(proxy.port) as sock:
            proxy.rules.add(Latency(seconds=1, jitter=0.5, direction="up"), live=True)
            await asyncio.sleep(1)
            begun = now()
            for number in range(20):
                await asyncio.get_running_loop().sock_sendall(sock, bytes((number,)))
                await asyncio.sleep(10)
        assert [number for number, _ in arrived] == list(range(20))
        return [round(at - begun - 10 * number, 6) for number, at in arrived]

    first = await delays(1)
    assert all(1 <= seconds <= 1.5 for seconds in first)
    assert max(first) - min(first) > 0.2
    assert await delays(1) == first
    assert await delays(2) != first


@virtual
async def test_jitter_never_lets_a_byte_overtake_another() -> None:
    async with RawServer(request_size=200) as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Latency(seconds=0, jitter=5, direction="up"))
        async with connected(proxy.port) as sock:
            for number in range(200):
                await asyncio.get_running_loop().sock_sendall(sock, bytes((number,)))
                await asyncio.sleep(0.01)
            assert await receive(sock, len(ANSWER)) == (ANSWER, None)
        await settled()
        assert platform.heard == [bytes(range(200))]


@virtual
async def test_a_line_of_one_byte_a_second() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Drip(bytes_per_second=1))
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            before = now()
            for index in range(len(ANSWER)):
                assert await asyncio.get_running_loop().sock_recv(sock, 100) == ANSWER[index : index + 1]
                assert now() - before == pytest.approx(index)


@virtual
async def test_a_drip_ends_with_its_rule() -> None:
    async with RawServer(answer=bytes(10_000)) as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        rule = proxy.rules.add(Drip(bytes_per_second=1000))
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            before = now()
            assert len((await receive(sock, 2_000))[0]) == 2_000
            assert now() - before == pytest.approx(2, abs=0.06)
            proxy.rules.remove(rule)
            assert len((await receive(sock, 8_000))[0]) == 8_000
            assert now() - before == pytest.approx(2, abs=0.06)
