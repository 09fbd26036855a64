from __future__ import annotations

import asyncio
import socket
import struct

import httpx
import pytest

from sms_traffic_async.sandbox.network import (
    FaultProxy,
    Garbage,
    HalfClose,
    Replace,
)
from tests.support.raw_tcp import ANSWER, REQUEST, RawServer, connected, exchange, receive, settled
from tests.support.virtual_loop import virtual


@virtual
async def test_without_rules_it_is_a_wire() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        assert proxy.host == "127.0.0.1"
        assert await exchange(proxy.port) == (ANSWER, None)
        await settled()
        assert platform.heard == [REQUEST]
        assert platform.endings == ["eof"]
        (connection,) = proxy.connections
        assert (connection.number, connection.up, connection.down) == (1, len(REQUEST), len(ANSWER))
        assert connection.ended == "eof"
        assert not proxy.log


@virtual
async def test_five_megabytes_each_way_arrive_whole_and_in_order() -> None:
    up = bytes(range(251)) * 20_000
    down = bytes(reversed(range(241))) * 20_800
    async with (
        RawServer(answer=down, request_size=len(up)) as platform,
        await FaultProxy.start("127.0.0.1", platform.port) as proxy,
        connected(proxy.port) as sock,
    ):
        await asyncio.get_running_loop().sock_sendall(sock, up)
        assert await receive(sock, len(down)) == (down, None)
        assert platform.heard[0] in {b"", up}
        assert proxy.connections[0].up == len(up)
        assert proxy.connections[0].down == len(down)


@virtual
async def test_a_half_close_goes_through_in_both_directions() -> None:
    async def answer_after_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await reader.read()
        writer.write(body.upper())
        writer.write_eof()
        writer.close()

    server = await asyncio.start_server(answer_after_the_end, "127.0.0.1", 0)
    async with server, await FaultProxy.start("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"soap")
        writer.write_eof()
        assert await reader.read() == b"SOAP"
        writer.close()
        await writer.wait_closed()
        await settled()
        assert proxy.connections[0].ended == "eof"


@virtual
@pytest.mark.parametrize("side", ["client", "platform"])
async def test_a_reset_of_one_peer_reaches_the_other(side: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    with listener:
        async with await FaultProxy.start("127.0.0.1", listener.getsockname()[1]) as proxy:
            async with connected(proxy.port) as client:
                served, _ = await asyncio.get_running_loop().sock_accept(listener)
                with served:
                    first, second = (client, served) if side == "client" else (served, client)
                    first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    first.close()
                    assert await receive(second) == (b"", "reset")
            assert proxy.connections[0].ended == "peer"


@virtual
async def test_an_unreachable_target_resets_the_client() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with await FaultProxy.start("127.0.0.1", port) as proxy:
        assert await exchange(proxy.port) == (b"", "reset")
        assert proxy.connections[0].ended == "unreachable"


@virtual
async def test_the_target_may_move() -> None:
    async with RawServer() as old, RawServer() as new, await FaultProxy.start("127.0.0.1", old.port) as proxy:
        await exchange(proxy.port)
        proxy.target = ("127.0.0.1", new.port)
        await exchange(proxy.port)
        await settled()
        assert (old.heard, new.heard) == ([REQUEST], [REQUEST])


@virtual
@pytest.mark.parametrize("after", [0, 1, 30])
async def test_a_half_closed_answer_leaves_the_request_alone(after: int) -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(HalfClose(direction="down", after=after))
        async with connected(proxy.port) as sock:
            await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
            assert await receive(sock) == (ANSWER[:after], "eof")
            await asyncio.get_running_loop().sock_sendall(sock, b"and more")
            await asyncio.sleep(1)
            assert proxy.connections[0].up == len(REQUEST) + 8
            assert [each.ended for each in proxy.connections] == ["open"]
        await settled()
        assert platform.heard == [REQUEST + b"and more"]
        assert [each.ended for each in proxy.connections] == ["eof"]


@virtual
async def test_a_half_closed_request_leaves_the_answer_alone() -> None:
    async with RawServer(request_size=5) as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(HalfClose(direction="up", after=5))
        # The platform answers, sees the end of the request's stream, and closes.
        assert await exchange(proxy.port) == (ANSWER, "eof")
        await settled()
        assert (platform.heard, platform.endings) == ([REQUEST[:5]], ["eof"])


@virtual
@pytest.mark.parametrize("pieces", [1, 5, 1 << 30])
async def test_bytes_are_replaced_in_place(pieces: int) -> None:
    async with RawServer(pieces=pieces) as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Replace(data=b"XXTP/9.9 abc", at=0))
        proxy.rules.add(Replace(data=b"!!", at=len(ANSWER) - 1))
        proxy.rules.add(Replace(data=b"PUT ", at=0, direction="up"))
        received, _ = await exchange(proxy.port, pieces=pieces)
        assert received == b"XXTP/9.9 abc" + ANSWER[12:-1] + b"!"
        await settled()
        assert platform.heard == [b"PUT " + REQUEST[4:]]
        assert (proxy.log[0].direction, proxy.log[0].offset) == ("up", 0)


@virtual
async def test_a_garbage_status_line_is_what_a_client_sees() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Replace(data=b"\x00\x01garbage"))
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post(f"http://127.0.0.1:{proxy.port}/", content=b"hello" * 20)


@virtual
async def test_garbage_follows_the_seed() -> None:
    async def garbled(seed: int) -> list[bytes]:
        async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port, seed=seed) as proxy:
            proxy.rules.add(Garbage(length=8, at=3))
            return [(await exchange(proxy.port))[0] for _ in range(3)]

    first = await garbled(5)
    assert all(answer[:3] == ANSWER[:3] and answer[11:] == ANSWER[11:] for answer in first)
    assert len({answer[3:11] for answer in first}) == 3
    assert await garbled(5) == first
    assert await garbled(6) != first
