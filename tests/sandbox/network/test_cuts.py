from __future__ import annotations

import asyncio
import socket
from typing import Literal

import pytest

from sms_traffic_async.sandbox.network import (
    Cut,
    FaultProxy,
    Reset,
)
from tests.support.raw_tcp import ANSWER, REQUEST, RawServer, connected, exchange, receive, settled
from tests.support.virtual_loop import virtual


@virtual
@pytest.mark.parametrize("pieces", [1, 7, 1 << 30])
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_an_answer_is_cut_after_exactly_n_bytes_for_every_n(how: Literal["fin", "rst"], pieces: int) -> None:
    async with RawServer(pieces=pieces) as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        for after in range(len(ANSWER) + 1):
            rule = proxy.rules.add(Cut(after=after, direction="down", how=how))
            received, ending = await exchange(proxy.port, pieces=pieces)
            assert received == ANSWER[:after]
            assert ending == ("eof" if how == "fin" else "reset")
            await settled()
            assert platform.heard[-1] == REQUEST, "an answer that is cut is a request that arrived"
            assert platform.endings[-1] == ("eof" if how == "fin" else "reset")
            connection = proxy.connections[-1]
            assert (connection.up, connection.down, connection.ended) == (len(REQUEST), after, "fault")
            assert [(entry.fault, entry.direction, entry.offset) for entry in proxy.log] == [
                (rule.fault, "down", after)
            ]
            proxy.log.clear()
            proxy.rules.remove(rule)


@virtual
@pytest.mark.parametrize("pieces", [1, 7, 1 << 30])
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_request_is_cut_after_exactly_n_bytes_for_every_n(how: Literal["fin", "rst"], pieces: int) -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        for after in range(len(REQUEST) + 1):
            rule = proxy.rules.add(Cut(after=after, direction="up", how=how), times=1)
            received, ending = await exchange(proxy.port, pieces=pieces)
            assert received == b""
            assert ending == ("eof" if how == "fin" else "reset")
            await settled()
            assert platform.heard[-1] == REQUEST[:after]
            assert platform.endings[-1] == ("eof" if how == "fin" else "reset")
            assert (proxy.connections[-1].up, proxy.connections[-1].ended) == (after, "fault")
            proxy.rules.remove(rule)


@virtual
async def test_a_cut_past_the_end_never_happens() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Cut(after=len(ANSWER) + 1))
        assert await exchange(proxy.port) == (ANSWER, None)
        assert not proxy.log


@virtual
@pytest.mark.parametrize("after", [65_535, 65_536, 65_537, 1_000_000])
async def test_a_reset_far_into_a_stream_keeps_every_byte_before_it(after: int) -> None:
    answer = bytes(range(256)) * 8192
    async with RawServer(answer=answer) as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Reset(after=after, direction="down"))
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            assert await receive(sock) == (answer[:after], "reset")


@virtual
async def test_a_cut_can_be_laid_on_a_living_connection() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            assert await receive(sock, len(ANSWER)) == (ANSWER, None)
            proxy.rules.add(Cut(after=10, how="rst"), times=0, live=True)
            assert await receive(sock) == (b"", "reset")
        assert await exchange(proxy.port) == (ANSWER, None)


@virtual
async def test_a_reset_waits_for_bytes_that_a_slow_client_has_not_taken_yet() -> None:
    answer = bytes(range(256)) * 1000
    async with RawServer(answer=answer) as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Reset(after=200_000, direction="down"))
        with socket.socket() as sock:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", proxy.port))
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            while not proxy.log:
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)
            assert await receive(sock) == (answer[:200_000], "reset")
