from __future__ import annotations

import asyncio
import errno
import resource
import socket

import httpx
import pytest

from sms_traffic_async.sandbox.network import (
    FaultProxy,
    Refuse,
    Reset,
    Unreachable,
)
from sms_traffic_async.sandbox.network.port import Port
from tests.support.raw_tcp import ANSWER, REQUEST, RawServer, connected, exchange, now, receive, settled
from tests.support.virtual_loop import virtual


@virtual
async def test_refuse_is_a_refused_connection_on_a_port_that_stays_ours() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        port = proxy.port
        async with connected(port) as old:
            await asyncio.sleep(0.1)
            rule = proxy.rules.add(Refuse())
            for _ in range(3):
                with pytest.raises(ConnectionRefusedError):
                    await exchange(port)
            with socket.socket() as thief, pytest.raises(OSError, match="in use") as taken:
                thief.bind(("127.0.0.1", port))
            assert taken.value.errno == errno.EADDRINUSE
            await asyncio.get_running_loop().sock_sendall(old, REQUEST)
            assert await receive(old, len(ANSWER)) == (ANSWER, None)
            proxy.rules.remove(rule)
            assert proxy.port == port
            assert await exchange(port) == (ANSWER, None)
        assert [(entry.connection, entry.fault) for entry in proxy.log] == [(0, Refuse())]


@virtual
async def test_refuse_and_heal_a_hundred_times() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        for _ in range(100):
            proxy.rules.add(Refuse())
            with pytest.raises(ConnectionRefusedError):
                await exchange(proxy.port)
            proxy.rules.clear()
            assert await exchange(proxy.port) == (ANSWER, None)


@virtual
async def test_unreachable_hangs_in_connect() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        rule = proxy.rules.add(Unreachable())
        before = now()
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(f"http://127.0.0.1:{proxy.port}/", timeout=httpx.Timeout(30, connect=3))
        assert now() - before == pytest.approx(3)
        proxy.rules.add(Refuse())
        with pytest.raises(ConnectionRefusedError):
            await exchange(proxy.port)
        proxy.rules.clear()
        assert await exchange(proxy.port) == (ANSWER, None)
        assert [entry.fault for entry in proxy.log] == [rule.fault, Refuse()]
        assert platform.heard == [REQUEST]


@virtual
async def test_the_last_of_several_port_faults_heals_the_port() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        rules = [proxy.rules.add(Unreachable()) for _ in range(2)]
        for rule in rules:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3):
                    await exchange(proxy.port)
            proxy.rules.remove(rule)
        assert await exchange(proxy.port) == (ANSWER, None)
        assert len(proxy.log) == 1


@virtual
async def test_a_port_fault_set_before_the_start_holds_from_the_start() -> None:
    async with RawServer() as platform:
        proxy = FaultProxy("127.0.0.1", platform.port)
        proxy.rules.add(Refuse())
        async with proxy:
            with pytest.raises(ConnectionRefusedError):
                await exchange(proxy.port)


async def test_a_taken_port_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(OSError, match="in use"):
        await FaultProxy.start("127.0.0.1", 9, port=listener.getsockname()[1])


@virtual
async def test_reset_at_accept_does_not_reach_the_target() -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        proxy.rules.add(Reset(), times=1)
        assert await exchange(proxy.port) == (b"", "reset")
        await settled()
        assert platform.heard == []
        assert await exchange(proxy.port) == (ANSWER, None)
        assert [(entry.connection, entry.direction) for entry in proxy.log] == [(1, None)]


@virtual
async def test_out_of_file_descriptors_it_accepts_later() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        with socket.socket() as sock:
            sock.setblocking(False)
            await asyncio.sleep(0.1)
            resource.setrlimit(resource.RLIMIT_NOFILE, (sock.fileno() + 1, hard))
            try:
                await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", proxy.port))
                await asyncio.get_running_loop().sock_sendall(sock, REQUEST)
                await asyncio.sleep(1)
                assert proxy.connections == ()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert await receive(sock, len(ANSWER)) == (ANSWER, None)


@virtual
async def test_it_can_be_closed_while_it_is_out_of_file_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with RawServer() as platform:
        proxy = await FaultProxy.start("127.0.0.1", platform.port)
        with socket.socket() as sock:
            sock.setblocking(False)
            await asyncio.sleep(0.1)
            resource.setrlimit(resource.RLIMIT_NOFILE, (sock.fileno() + 1, hard))
            try:
                await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", proxy.port))
                await asyncio.sleep(1)
                await proxy.aclose()
                await asyncio.sleep(1)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert await receive(sock) == (b"", "reset")


@virtual
async def test_a_system_that_keeps_every_syn_is_an_error_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        monkeypatch.setattr("sms_traffic_async.sandbox.network.port.FILLERS", 0)
        with pytest.raises(OSError, match="accept queue"):
            proxy.rules.add(Unreachable())
        assert len(proxy.rules) == 0
        assert await exchange(proxy.port) == (ANSWER, None)


@virtual
async def test_a_port_that_was_lost_meanwhile_is_an_error_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(_port: Port) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "address in use")

    async with RawServer() as platform, await FaultProxy.start("127.0.0.1", platform.port) as proxy:
        with monkeypatch.context() as patched:
            patched.setattr(Port, "_bind", taken)
            with pytest.raises(OSError, match="in use"):
                proxy.rules.add(Refuse())
            assert len(proxy.rules) == 0
        with pytest.raises(ConnectionRefusedError):
            await exchange(proxy.port)
        proxy.rules.add(Refuse())
        proxy.rules.clear()
        assert await exchange(proxy.port) == (ANSWER, None)


@virtual
async def test_it_speaks_ipv6() -> None:
    answer = b"six"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    async with server, await FaultProxy.start("::1", server.sockets[0].getsockname()[1], host="::1") as proxy:
        for _ in range(2):
            reader, writer = await asyncio.open_connection("::1", proxy.port)
            assert await reader.read() == answer
            writer.close()
            await writer.wait_closed()
            proxy.rules.add(Refuse())
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("::1", proxy.port)
            proxy.rules.clear()
