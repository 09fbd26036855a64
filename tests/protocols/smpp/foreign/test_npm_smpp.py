"""Our client against an SMSC by npm smpp, plain and over TLS: ids in hexadecimal, receipts in decimal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async.message_ids import IdMatching
from tests.protocols.smpp.foreign.judge import PARTS, PASSWORD, SYSTEM_ID, THROTTLE_EVERY, Received, compare, do
from tests.support.certificates import authority, client_context
from tests.support.peers import node_peer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90), pytest.mark.usefixtures("no_tasks_left")]

SCRIPT = Path(__file__).with_name("node_server.js")


class NodeServer:
    """The process, and what it saw once it has ended."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    async def seen(self) -> dict[str, Any]:
        output, errors = await asyncio.wait_for(self._process.communicate(b""), 20)
        assert self._process.returncode == 0, errors.decode()
        found: dict[str, Any] = json.loads(output)
        return found


@contextlib.asynccontextmanager
async def node_server(*, tls: bool) -> AsyncIterator[NodeServer]:
    node, modules = node_peer("smpp", "0.5.1")
    orders: dict[str, Any] = {"throttle_every": THROTTLE_EVERY}
    if tls:
        leaf = authority().issue_cert("127.0.0.1")
        orders["key"] = leaf.private_key_pem.bytes().decode()
        orders["cert"] = "".join(blob.bytes().decode() for blob in leaf.cert_chain_pems)
    process = await asyncio.create_subprocess_exec(
        node,
        str(SCRIPT),
        env={**os.environ, "NODE_PATH": modules},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(orders).encode() + b"\n")
        yield NodeServer(process, int(await asyncio.wait_for(process.stdout.readline(), 20)))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_every_message_once_and_every_receipt(tls: bool) -> None:
    async with node_server(tls=tls) as server:
        url = f"{'smpps' if tls else 'smpp'}://127.0.0.1:{server.port}"
        context = client_context() if tls else None
        done = await do(url, ssl_context=context, id_matching=IdMatching(hex_decimal=True))
        seen = await server.seen()
    assert seen["binds"] == [{"system_id": SYSTEM_ID, "password": PASSWORD, "version": 0x34}]
    assert seen["unbinds"] == 1
    assert (seen["receipts"], seen["refused"]) == (PARTS, 0)
    compare(done, (Received(to, text, bytes.fromhex(udh)) for to, text, udh in seen["parts"]), seen["throttled"])
