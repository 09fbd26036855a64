"""Raw HTTP servers that misbehave, one behaviour each, over real TCP and TLS.

::

    @pytest.mark.parametrize("name", NAMES)
    async def test_...(name):
        async with misbehaving(name) as server:
            await call(server.base_url, ssl_context=server.ssl_context)
            assert len(server.requests) ...

``FACTS[name]`` says what is true of a request whatever the client calls it:
whether bytes of it left the client, and whether the server read all of it. The
facts are the stage table of docs/reliability.md, measured again by ``test_servers.py``.
Slow ones wait on the loop's clock: run them on the virtual loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator

from sms_traffic_async.sandbox.network import FaultProxy, Unreachable
from tests.support.bad_http import ANSWER, BEHAVIOURS, BOMB_BYTES, FACTS, BadServer, Behaviour, Exchange, Fact, Request
from tests.support.certificates import client_context, server_context

__all__ = ("BOMB_BYTES", "CONTROLS", "FACTS", "NAMES", "BadServer", "Fact", "Request", "misbehaving")

NAMES = tuple(FACTS)
"""Every behaviour, for a table test."""
CONTROLS = ("healthy", "healthy_tls")
"""Well-behaved, over http and over https, to see that a test can succeed at all."""


@contextlib.asynccontextmanager
async def misbehaving(
    name: str, *, answer: bytes = ANSWER, content_type: str = "application/json"
) -> AsyncIterator[BadServer]:
    """Run one of ``NAMES`` (or ``CONTROLS``) on a free port of 127.0.0.1.

    Args:
        name: the behaviour.
        answer: the good body that is spoilt; those with a body of their own ignore it.
        content_type: its type.
    """
    server = BadServer(answer=answer, content_type=content_type)
    if name == "refused":
        with socket.socket() as bound:  # bound and not listening: nobody else can take the port meanwhile
            bound.bind(("127.0.0.1", 0))
            server.base_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            yield server
    elif name == "unreachable":
        async with await FaultProxy.start("127.0.0.1", 9) as proxy:
            proxy.rules.add(Unreachable())
            server.base_url = f"http://127.0.0.1:{proxy.port}"
            yield server
    else:
        async with _serving(server, BEHAVIOURS[name], server_context(name)) as port:
            tls = name == "healthy_tls" or (name in FACTS and FACTS[name].tls)
            server.base_url = f"http{'s' if tls else ''}://127.0.0.1:{port}"
            server.ssl_context = client_context() if tls else None
            yield server


@contextlib.asynccontextmanager
async def _serving(server: BadServer, behave: Behaviour, context: ssl.SSLContext | None) -> AsyncIterator[int]:
    tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(exchange: Exchange) -> None:
        with contextlib.suppress(ConnectionError):
            await behave(exchange)
        exchange.writer.close()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        exchange = Exchange(server=server, reader=reader, writer=writer)
        tasks[asyncio.get_running_loop().create_task(serve(exchange))] = writer

    listener = socket.create_server(("127.0.0.1", 0))
    # Small, so that "stops reading" is felt by the client after some hundred kB.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    tcp = await asyncio.start_server(accepted, sock=listener, ssl=context, limit=2**17)
    try:
        yield listener.getsockname()[1]
    finally:
        tcp.close()
        for task, writer in tasks.items():
            task.cancel()
            writer.transport.abort()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await tcp.wait_closed()
        await asyncio.sleep(0)  # lets aborted transports close their sockets
        for result in results:
            if isinstance(result, Exception):
                raise result
