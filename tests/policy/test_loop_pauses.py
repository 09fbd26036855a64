"""run_call() for many callers at once: pauses and places, with real tasks on the virtual loop."""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import replace

import pytest

from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.loop import Finished, Stopped, run_call
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.policy.retry import (
    KEYED_SEND,
    QUERY,
    REPORT,
    UNKEYED_SEND,
    Attempt,
    Verdict,
)
from tests.policy.scene import NAMES, POLICY, SEND, Limited, Turn, house, runner
from tests.support.virtual_loop import VirtualClock, virtual

A, P, R, T, U = Verdict.AMBIGUOUS, Verdict.PERMANENT, Verdict.REFUSED, Verdict.THROTTLED, Verdict.UNSENT


@virtual
async def test_a_429_pauses_all_senders_and_one_goes_first() -> None:
    clock, pauses = VirtualClock(), Pauses()
    platform = Limited(clock, opens_at=1_015.0, retry_after=10.0, takes=0.5)
    call = runner(clock, pauses, platform.attempt)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call(KEYED_SEND)) for _ in range(20)]
        await asyncio.sleep(1.0)
        tasks += [group.create_task(call(KEYED_SEND)) for _ in range(20)]
    assert all(isinstance(task.result(), Finished) for task in tasks)
    first_wave = [at for at in platform.seen if at == 0.0]
    probes = [at for at in platform.seen if 0.0 < at < 20.0]
    followers = sorted(at for at in platform.seen if at >= 20.0)
    assert len(first_wave) == 20
    assert len(probes) == 1, "one goes first, and is told to wait again"
    assert 10.0 < probes[0] <= 11.5
    assert len(followers) == 40
    assert followers[1] >= followers[0] + 0.5, "the others wait for its answer"
    assert max(followers.count(at) for at in followers) <= 9, "and come back by and by"
    assert not pauses.closed(("1837", "send", None))


@virtual
async def test_a_429_of_polling_does_not_hold_back_a_message() -> None:
    clock, pauses = VirtualClock(), Pauses()
    platform = Limited(clock, opens_at=1_005.0, retry_after=10.0)
    call = runner(clock, pauses, platform.attempt)
    async with asyncio.TaskGroup() as group:
        group.create_task(call(QUERY))
        await asyncio.sleep(6.0)
        assert pauses.closed(("1837", "query", None))
        begun = clock.monotonic()
        assert isinstance(await call(KEYED_SEND), Finished)
        assert isinstance(await call(REPORT), Finished)
        assert clock.monotonic() == begun


@virtual
async def test_a_pause_past_the_deadline_is_told_at_once() -> None:
    clock, pauses = VirtualClock(), Pauses()
    pauses.pause(("1837", "send", None), clock.monotonic() + 60.0)
    platform = Limited(clock, opens_at=0.0, retry_after=1.0)
    call = runner(clock, pauses, platform.attempt, deadline=clock.monotonic() + 30.0)
    assert await call(KEYED_SEND) == Stopped(reason="deadline", retry_after=60.0)
    assert clock.monotonic() == 1_000.0
    assert platform.seen == []


@virtual
async def test_a_repeat_that_meets_a_longer_pause_stops_with_it() -> None:
    clock, pauses = VirtualClock(), Pauses()
    platform = Limited(clock, opens_at=2_000.0, retry_after=10.0)
    call = runner(clock, pauses, platform.attempt, deadline=clock.monotonic() + 30.0)
    task = asyncio.ensure_future(call(KEYED_SEND))
    await asyncio.sleep(1.0)
    pauses.pause(("1837", "send", None), clock.monotonic() + 100.0)
    stopped = await task
    assert isinstance(stopped, Stopped)
    assert stopped.reason == "deadline"
    assert len(stopped.attempts) == 1
    assert stopped.retry_after is not None
    assert 89.0 < stopped.retry_after < 92.0


@virtual
async def test_limits_per_node_leave_the_other_node_free() -> None:
    clock, pauses = VirtualClock(), Pauses()
    nodes = NodeSet(NAMES, policy=POLICY, clock=clock)
    rules = replace(KEYED_SEND, node_limits=True)
    seen: list[tuple[str, float]] = []

    async def attempt(node: str) -> str | Attempt:
        now = clock.monotonic()
        seen.append((node, now - 1_000.0))
        if node == "n1":
            return Attempt(node=node, started=now, ended=now, verdict=T, status=429, retry_after=10.0)
        return "ok"

    for _ in range(2):
        finished = await run_call(
            attempt, rules=rules, policy=POLICY, nodes=nodes, pauses=pauses, clock=clock, deadline=math.inf
        )
        assert isinstance(finished, Finished)
        assert finished.node == "n2"
    assert seen == [("n1", 0.0), ("n2", 0.0), ("n2", 0.0)], "the second call does not even ask the first node"
    for node in NAMES:
        pauses.pause(("", "send", node), clock.monotonic() + 5.0)
    assert await run_call(
        attempt, rules=rules, policy=POLICY, nodes=nodes, pauses=pauses, clock=clock, deadline=clock.monotonic() + 1.0
    ) == Stopped(reason="deadline", retry_after=pauses.remaining(("", "send", "n1"), clock.monotonic()))


@virtual
@pytest.mark.parametrize("after", [0.5, 5.0, 12.5], ids=["attempt", "backoff", "going first"])
async def test_cancellation_is_raised_in_every_phase_and_holds_nobody_up(after: float) -> None:
    clock, pauses = VirtualClock(), Pauses()
    platform = Limited(clock, opens_at=1_009.0, retry_after=10.0, takes=1.0)
    call = runner(clock, pauses, platform.attempt)
    task = asyncio.ensure_future(call(KEYED_SEND))
    await asyncio.sleep(after)
    assert len(platform.seen) == (2 if after > 12.0 else 1)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError, match="enough"):
        await task
    assert pauses.closed(("1837", "send", None)) == (after > 1.0), "whoever was cancelled proves nothing"
    assert len(asyncio.all_tasks()) == 1
    async with asyncio.timeout(30.0):
        assert isinstance(await call(KEYED_SEND), Finished)
        assert isinstance(await call(KEYED_SEND), Finished)
    assert not pauses.closed(("1837", "send", None))


@virtual
async def test_a_lost_first_caller_lets_the_next_go_first() -> None:
    clock, pauses = VirtualClock(), Pauses()
    pauses.pause(("1837", "send", None), clock.monotonic() + 5.0)
    turns = iter([U, "ok", "ok"])

    async def attempt(node: str) -> str | Attempt:
        turn = next(turns)
        now = clock.monotonic()
        await asyncio.sleep(1.0)
        return "ok" if turn == "ok" else Attempt(node=node, started=now, ended=now + 1.0, verdict=U)

    call = runner(clock, pauses, attempt)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call(KEYED_SEND)) for _ in range(2)]
    assert all(isinstance(task.result(), Finished) for task in tasks)
    assert not pauses.closed(("1837", "send", None))


@virtual
@pytest.mark.parametrize("verdict, status, free", [(R, 200, True), (P, 403, True), (A, 502, True), (A, None, False)])
async def test_any_answer_but_429_ends_the_pause(verdict: Verdict, status: int | None, free: bool) -> None:
    clock, pauses = VirtualClock(), Pauses()
    pauses.pause(("1837", "send", None), clock.monotonic() + 5.0)
    closed: list[bool] = []

    async def attempt(node: str) -> str | Attempt:
        closed.append(pauses.closed(("1837", "send", None)))
        now = clock.monotonic()
        return Attempt(node=node, started=now, ended=now, verdict=verdict, status=status)

    stopped = await runner(clock, pauses, attempt)(UNKEYED_SEND if verdict is A else KEYED_SEND)
    assert isinstance(stopped, Stopped)
    assert closed[0]
    assert pauses.closed(("1837", "send", None)) is not free


@virtual
@pytest.mark.parametrize("seed", range(5))
async def test_nobody_asks_during_a_pause(seed: int) -> None:
    """300 callers, some cancelled, against 20 requests in 10 s: after a 429 not one request begins before its time."""
    chance = random.Random(seed)
    clock, pauses = VirtualClock(seed=seed), Pauses()
    begun: list[float] = []
    taken: list[float] = []
    told: list[tuple[float, float]] = []

    async def attempt(node: str) -> str | Attempt:
        started = clock.monotonic()
        begun.append(started)
        await asyncio.sleep(chance.uniform(0.01, 0.5))
        now = clock.monotonic()
        recent = [at for at in taken if at > now - 10.0]
        if len(recent) < 20:
            taken.append(now)
            return "ok"
        asked = math.ceil(recent[-20] + 10.0 - now)
        told.append((now, now + asked))
        return Attempt(node=node, started=started, ended=now, verdict=T, status=429, retry_after=float(asked))

    call = runner(clock, pauses, attempt)

    async def customer() -> bool:
        await asyncio.sleep(chance.uniform(0.0, 60.0))
        try:
            async with asyncio.timeout(5.0 if chance.random() < 0.2 else 3_600.0):
                return isinstance(await call(KEYED_SEND), Finished)
        except TimeoutError:
            return False

    async with asyncio.TaskGroup() as group:
        customers = [group.create_task(customer()) for _ in range(300)]
    done = sum(task.result() for task in customers)
    assert done >= 240
    assert len(taken) >= done
    assert told
    for since, until in told:
        assert not [at for at in begun if since < at < until]
    assert len(begun) - len(taken) < 300, "most callers waited instead of asking"


# Places: attempts under way at once.


@virtual
async def test_a_pause_holds_those_who_wait_for_a_place_too() -> None:
    """50 callers, 4 places: the first 429 stops the other 46, though all of them passed the gate before it."""
    clock, pauses, places = VirtualClock(), Pauses(), asyncio.Semaphore(4)
    platform = Limited(clock, opens_at=1_005.0, retry_after=10.0, takes=0.5)
    nodes = NodeSet(NAMES, policy=POLICY, clock=clock)
    under_way: list[int] = []

    async def attempt(node: str) -> str | Attempt:
        under_way.append(4 - places._value)
        return await platform.attempt(node)

    async def call() -> Finished[str] | Stopped:
        return await run_call(
            attempt,
            rules=KEYED_SEND,
            policy=POLICY,
            nodes=nodes,
            pauses=pauses,
            clock=clock,
            deadline=math.inf,
            places=places,
        )

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call()) for _ in range(50)]
    assert all(isinstance(task.result(), Finished) for task in tasks)
    assert len([at for at in platform.seen if at < 10.0]) == 4
    assert len(platform.seen) == 54
    assert max(under_way) == 4
    assert not places.locked()
    assert not pauses.closed(SEND)


@virtual
@pytest.mark.parametrize("before", [[], [A]], ids=["first", "repeat"])
async def test_without_a_place_in_time_nothing_is_sent(before: list[Turn]) -> None:
    places = asyncio.Semaphore(1)
    place = house(*before, clock=VirtualClock(), deadline=1_005.0)

    async def call() -> Finished[str] | Stopped:
        return await run_call(
            place.attempt,
            rules=KEYED_SEND,
            policy=POLICY,
            nodes=place.nodes,
            pauses=place.pauses,
            clock=place.clock,
            deadline=place.deadline,
            places=places,
        )

    if not before:
        await places.acquire()
    task = asyncio.ensure_future(call())
    await asyncio.sleep(0.0)
    if before:
        await places.acquire()
    stopped = await task
    assert isinstance(stopped, Stopped)
    assert stopped.reason == "overloaded"
    assert stopped.ambiguous == bool(before)
    assert place.clock.monotonic() == 1_005.0
    assert len(place.asked) == len(before)


@virtual
@pytest.mark.parametrize("paused", [False, True])
async def test_a_call_that_is_cancelled_while_it_waits_for_a_place_leaves_nothing_behind(paused: bool) -> None:
    clock, pauses, places = VirtualClock(), Pauses(), asyncio.Semaphore(1)
    if paused:
        pauses.pause(SEND, clock.monotonic())
    place = house("ok", clock=clock)

    async def call() -> Finished[str] | Stopped:
        return await run_call(
            place.attempt,
            rules=KEYED_SEND,
            policy=POLICY,
            nodes=place.nodes,
            pauses=pauses,
            clock=clock,
            deadline=math.inf,
            places=places,
        )

    await places.acquire()
    task = asyncio.ensure_future(call())
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    places.release()
    async with asyncio.timeout(10.0):
        assert isinstance(await call(), Finished)
    assert not places.locked()
    assert not pauses.closed(SEND)
