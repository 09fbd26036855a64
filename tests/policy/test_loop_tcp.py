"""run_call() over real TCP: what the loop decides is what two small platforms see."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sms_traffic_async.clock import SYSTEM_CLOCK
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.loop import Finished, Stopped, run_call
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.policy.retry import (
    KEYED_SEND,
    Attempt,
    Verdict,
)
from tests.policy.scene import NAMES, POLICY
from tests.support.virtual_loop import virtual

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT


@dataclass
class Platform:
    """Reads a key and a line; takes a key once; then answers as its script says."""

    faults: list[str]
    taken: list[str] = field(default_factory=list)
    seen: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            key = (await reader.readline()).decode().strip()
            if not key:
                return
            self.seen += 1
            fault = self.faults.pop(0) if self.faults else "ok"
            if fault in {"ok", "lost"} and key not in self.taken:
                self.taken.append(key)
            if fault != "lost":
                writer.write(f"{fault}\n".encode())
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()


async def speak(port: int, key: str) -> str | None:
    """The answer's line; ``None`` when none came; ``OSError`` when nothing could be sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{key}\n".encode())
        await writer.drain()
        return (await reader.readline()).decode().strip() or None
    finally:
        writer.close()
        await writer.wait_closed()


@virtual
async def test_over_tcp_nothing_is_lost_and_nothing_taken_twice() -> None:
    """The main node refuses, loses answers after taking, and says 429; then it is gone."""
    clock = SYSTEM_CLOCK
    first = Platform(["1000", "lost", "lost", "429", "ok", "429", "lost", "1000"])
    second = Platform(["lost"])
    servers = [await asyncio.start_server(platform.serve, "127.0.0.1", 0) for platform in (first, second)]
    ports = {name: server.sockets[0].getsockname()[1] for name, server in zip(NAMES, servers, strict=True)}
    nodes, pauses = NodeSet(NAMES, policy=POLICY, clock=clock), Pauses()

    async def send(key: str) -> Finished[str] | Stopped:
        async def attempt(node: str) -> str | Attempt:
            started = nodes.started(node)
            verdict: Verdict | None
            try:
                answer = await speak(ports[node], key)
                verdict = {"ok": None, "429": T, "1000": R, None: A}[answer]
            except OSError:
                answer, verdict = None, U
            ended = nodes.finished(node, verdict)
            if verdict is None:
                return key
            return Attempt(
                node=node, started=started, ended=ended, verdict=verdict, retry_after=2.0 if verdict is T else None
            )

        return await run_call(
            attempt,
            rules=KEYED_SEND,
            policy=POLICY,
            nodes=nodes,
            pauses=pauses,
            clock=clock,
            deadline=clock.monotonic() + 60.0,
        )

    results = [await send(f"m{n}") for n in range(6)]
    servers[0].close()
    await servers[0].wait_closed()
    results += [await send(f"m{n}") for n in range(6, 20)]
    assert nodes.order() == ("n2",), "the dead node is left out after five failures"
    servers[1].close()
    await servers[1].wait_closed()
    assert all(isinstance(result, Finished) for result in results)
    taken = first.taken + second.taken
    assert sorted(taken) == sorted(f"m{n}" for n in range(20)), "each exactly once, on one node"
    assert len(asyncio.all_tasks()) == 1
