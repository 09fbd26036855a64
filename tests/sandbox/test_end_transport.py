"""Ending a connection that has ended by itself in the meantime."""

from __future__ import annotations

import asyncio

import pytest

from sms_traffic_async.sandbox.http_breakage import end_transport


@pytest.mark.parametrize("rst", [True, False])
async def test_a_connection_that_is_over_is_ended_without_an_error(rst: bool) -> None:
    """A fault strikes when it is due; the client may have gone first, and its socket with it."""
    gone = asyncio.Event()

    class Peer(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            gone.set()

    loop = asyncio.get_running_loop()
    async with await loop.create_server(Peer, "127.0.0.1", 0) as server:
        transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
        transport.abort()
        await gone.wait()
        assert transport.get_extra_info("socket").fileno() < 0
        end_transport(transport, rst=rst)
        assert transport.is_closing()
        await asyncio.sleep(0)
