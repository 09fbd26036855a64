"""Faults of the platform as a client sees them, and what was accepted all the same."""

import asyncio
import zlib
from typing import Any

import httpx
import pytest

from sms_traffic_async.sandbox import (
    Drop,
    FaultRule,
    Garbage,
    GzipBomb,
    Half,
    Latency,
    ProxyPage,
    Sandbox,
    ServerError,
    Temporary,
    Throttle,
)
from sms_traffic_async.sandbox.effects import Effect
from sms_traffic_async.sandbox.http_breakage import gzip_bomb
from tests.sandbox.foreign import Foreign

BODY: dict[str, Any] = {"channels": {"sms": {"message": "x"}}, "destinations": [{"to": 79161112233}]}


async def send(client: Foreign, node: int = 1) -> httpx.Response:
    return await client.call("POST", "/v2/send", json=BODY, node=node)


@pytest.mark.parametrize(
    "effect,accepted",
    [
        (Drop(when="before"), 0),
        (Drop(when="before", how="rst"), 0),
        (Drop(when="after"), 1),
        (Drop(when="after", how="rst"), 1),
        (Half(), 1),
        (Half(how="rst"), 1),
    ],
)
async def test_connections_that_end(sandbox: Sandbox, client: Foreign, effect: Effect, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=effect, operation="send", nth=2))
    assert (await send(client)).status_code == 200
    with pytest.raises(httpx.TransportError) as caught:
        await send(client)
    how = getattr(effect, "how", "fin")
    assert isinstance(caught.value, httpx.RemoteProtocolError if how == "fin" else httpx.ReadError)
    assert len(sandbox.accepted) == 1 + accepted
    assert (await send(client)).status_code == 200
    assert [record.effect for record in sandbox.faults.log] == [effect]


@pytest.mark.parametrize("when,accepted", [("before", 0), ("after", 1)])
@pytest.mark.parametrize("status", [307, 408, 500, 502, 503, 504])
async def test_server_errors(sandbox: Sandbox, client: Foreign, status: int, when: Any, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=ServerError(status=status, when=when, retry_after=7)))
    answer = await send(client)
    assert answer.status_code == status
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["content-type"].startswith("text/html")
    assert len(sandbox.accepted) == accepted


@pytest.mark.parametrize("when,accepted", [("before", 0), ("after", 1)])
async def test_code_1000(sandbox: Sandbox, client: Foreign, when: Any, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=Temporary(when=when)))
    answer = await send(client)
    assert answer.status_code == 200
    assert answer.json() == {"success": False, "error": {"code": 1000, "message": "Temporary error"}}
    assert len(sandbox.accepted) == accepted


async def test_code_1000_of_a_report_has_its_own_envelope(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.faults.add(FaultRule(effect=Temporary(), operation="report"))
    assert await client.post("/v2/report", {}) == {"code": 1000, "description": "Temporary error"}


@pytest.mark.parametrize("when,accepted", [("before", 0), ("after", 1)])
async def test_throttled(sandbox: Sandbox, client: Foreign, when: Any, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=Throttle(retry_after=3, form="http-date", when=when)))
    answer = await send(client)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "Thu, 18 Dec 2025 09:00:03 GMT"
    assert len(sandbox.accepted) == accepted


async def test_a_throttled_request_does_not_use_its_id_up(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.switches = sandbox.switches.changed({"restrictive_consumed_by_failure": True})
    sandbox.faults.add(FaultRule(effect=Throttle(), nth=1))
    body = {**BODY, "restrictiveId": "a"}
    assert (await client.call("POST", "/v2/send", json=body)).status_code == 429
    assert (await client.post("/v2/send", body))["success"] is True


async def test_half_of_a_report(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent(text="x" * 100)
    report = await client.report(format="csv", fields=["message"])
    await sandbox.advance(1)
    sandbox.faults.add(FaultRule(effect=Half(), operation="download", times=1))
    received = b""
    with pytest.raises(httpx.RemoteProtocolError):
        async with client.nodes[0].stream("GET", f"/v2/report/{report}") as answer:
            assert answer.headers["content-length"] == "100"
            async for chunk in answer.aiter_raw():
                received += chunk
    assert received == b"x" * 50
    rest = await client.call("GET", f"/v2/report/{report}", headers={"Range": "bytes=50-"})
    assert (rest.status_code, rest.content) == (206, b"x" * 50)


@pytest.mark.parametrize(
    "effect,status",
    [(ServerError(status=502), 502), (ServerError(status=502, when="after"), 502), (Temporary(), 200)],
)
async def test_a_refused_request_suffers_too(sandbox: Sandbox, client: Foreign, effect: Effect, status: int) -> None:
    """What was drawn for a request happens to it, even if it was refused before the gate."""
    sandbox.faults.add(FaultRule(effect=effect))
    for path, headers in (("/v2/account", {"Authorization": "Bearer x/y"}), ("/v2/nothing", {})):
        assert (await client.call("GET", path, headers=headers)).status_code == status
    assert sandbox.faults.injected == 2


async def test_garbage(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.faults.add(FaultRule(effect=Garbage()))
    answer = await send(client)
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()
    assert len(sandbox.accepted) == 1


@pytest.mark.parametrize("when,accepted", [("before", 0), ("after", 1)])
async def test_a_page_of_some_proxy(sandbox: Sandbox, client: Foreign, when: Any, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=ProxyPage(when=when)))
    answer = await send(client)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<html>" in answer.content
    assert len(sandbox.accepted) == accepted


async def test_a_gzip_bomb(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.faults.add(FaultRule(effect=GzipBomb(size=3_500_001)))
    async with client.nodes[0].stream("POST", "/v2/send", json=BODY) as answer:
        packed = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert len(packed) < 20_000
    assert zlib.decompress(packed, 31) == b" " * 3_500_001
    assert len(sandbox.accepted) == 1


def test_a_big_bomb_is_small_on_the_wire() -> None:
    assert len(gzip_bomb(200_000_000)) < 300_000


@pytest.mark.parametrize("when", ["before", "after"])
async def test_latency_is_on_the_sandboxes_clock(sandbox: Sandbox, client: Foreign, when: Any) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=30, when=when)))
    task = asyncio.create_task(send(client))
    while not sandbox.faults.injected:
        await asyncio.sleep(0)
    await sandbox.advance(29)
    assert len(sandbox.accepted) == (when == "after")
    assert not task.done()
    await sandbox.advance(1)
    assert (await task).status_code == 200


async def test_jitter_is_the_seeds(sandbox: Sandbox, client: Foreign) -> None:
    async def waited(seed: int) -> float:
        sandbox.faults.clear()
        sandbox.faults.add(FaultRule(effect=Latency(seconds=1, jitter=100)), seed=seed)
        before, injected = sandbox.clock.now(), sandbox.faults.injected
        task = asyncio.create_task(send(client))
        while sandbox.faults.injected == injected:
            await asyncio.sleep(0)
        while not task.done():
            await sandbox.advance(1)
        return sandbox.clock.now() - before

    first = await waited(1)
    assert 1 <= first <= 102
    assert await waited(1) == first
    assert {await waited(seed) for seed in range(2, 6)} != {first}


async def test_rules_by_node_and_operation(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.faults.add(FaultRule(effect=ServerError(), node=2, operation="account"))
    codes = [(await client.call("GET", "/v2/account", node=node)).status_code for node in (1, 2)]
    assert codes == [200, 503]
    assert (await send(client, node=2)).status_code == 200


async def test_a_dead_node_and_a_living_one(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.faults.profile("dead-node")
    with pytest.raises(httpx.TransportError):
        await send(client, node=1)
    assert (await send(client, node=2)).status_code == 200
    assert [entry.node for entry in sandbox.accepted] == [2]


async def test_every_profile_answers_something_and_the_log_tells(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.switches = sandbox.switches.changed({"antispam": False})
    for name in ("flaky", "malformed", "throttled"):
        sandbox.reset()
        sandbox.faults.profile(name, seed=3)
        for _ in range(80):
            task = asyncio.create_task(send(client))
            while not task.done():
                await sandbox.advance(0.25)
            if task.exception():
                assert isinstance(task.exception(), (httpx.TransportError, httpx.DecodingError))
        kinds = {record.effect.kind for record in sandbox.faults.log}
        assert len(kinds) >= (1 if name == "throttled" else 3), name
        assert sandbox.faults.injected == len(sandbox.faults.log)


async def test_faults_with_a_seed_repeat_themselves(sandbox: Sandbox, client: Foreign) -> None:
    async def run() -> list[tuple[str, str]]:
        sandbox.reset()
        sandbox.faults.add(FaultRule(effect=Drop(), probability=0.2), seed=5)
        sandbox.faults.add(FaultRule(effect=ServerError(), probability=0.2), seed=5)
        outcomes = []
        for number in range(60):
            try:
                outcomes.append((str(number), str((await send(client)).status_code)))
            except httpx.TransportError as error:
                outcomes.append((str(number), type(error).__name__))
        return outcomes

    first = await run()
    assert await run() == first
    assert {outcome for _, outcome in first} == {"200", "503", "RemoteProtocolError"}
