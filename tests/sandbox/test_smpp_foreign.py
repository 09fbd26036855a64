"""Clients of other houses against the sandbox's SMSC: bind, long texts, throttling, receipts, unbind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sms_traffic_async.sandbox import Sandbox, Switches
from tests.sandbox.smpp_clients import by_node
from tests.sandbox.smpp_clients.job import Done, Job, job_of
from tests.sandbox.smpp_kit import settle
from tests.support.peers import node_peer, python_peer

NODE_SMPP = ("smpp", "0.5.1")
TEXTS = {f"7916111{number:04d}": f"Заказ № {number} собран и ждёт вас. " * 5 for number in range(40)}
"""40 messages of three parts each."""
PARTS = 120


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(switches=Switches(smpp_rate=100.0)) as opened:
        yield opened


async def checked(sandbox: Sandbox, done: Done) -> None:
    """What the client saw is what the platform did."""
    assert len(done.ids) == len(set(done.ids)) == PARTS
    assert done.receipts == dict.fromkeys(done.ids, 2)
    assert done.throttled > 0
    assert {entry.message_id for entry in sandbox.accepted} == set(done.ids)
    assert len(sandbox.accepted) == PARTS
    assert {message.to: message.text for message in sandbox.messages} == TEXTS
    assert {message.parts for message in sandbox.messages} == {3}
    assert {message.status for message in sandbox.messages} == {"Delivered"}
    assert [finding for finding in sandbox.findings if finding.problem] == []
    await settle()
    assert sandbox.smpp.bound == ()
    assert sandbox.smpp.deliveries.counts == {"receipts delivered": PARTS}


def job(sandbox: Sandbox, *, tls: bool = False) -> Job:
    return job_of(*sandbox.smpp_address(1, tls=tls), TEXTS)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_npm_smpp(sandbox: Sandbox, tls: bool) -> None:
    node, modules = node_peer(*NODE_SMPP)
    ca = sandbox.smpp.certificates.authority if tls else ""
    await checked(sandbox, await by_node.do(job(sandbox, tls=tls), node, modules, ca))


async def test_smpp34(sandbox: Sandbox) -> None:
    python_peer("smpp34")
    from tests.sandbox.smpp_clients import by_smpp34

    await checked(sandbox, await asyncio.wait_for(by_smpp34.do(job(sandbox)), 40))


async def test_smpplib(sandbox: Sandbox) -> None:
    python_peer("smpplib")
    from tests.sandbox.smpp_clients import by_smpplib

    await checked(sandbox, await asyncio.wait_for(asyncio.to_thread(by_smpplib.do, job(sandbox)), 40))


async def test_rusmppyc(sandbox: Sandbox) -> None:
    python_peer("rusmppyc")
    from tests.sandbox.smpp_clients import by_rusmppyc

    await checked(sandbox, await asyncio.wait_for(by_rusmppyc.do(job(sandbox)), 40))
