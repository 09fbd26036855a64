"""Pauses: everybody waits, one goes first. Real tasks on the virtual loop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from sms_traffic_async.clock import SYSTEM_CLOCK
from sms_traffic_async.policy.limits import PauseKey, Pauses, Ticket, Ticketless
from tests.support.virtual_loop import virtual

pytestmark = virtual

KEY: PauseKey = ("1837", "send", None)
FREE: Ticketless = "free"
DENIED: Ticketless = "denied"
TICKET = "ticket"


def now() -> float:
    return SYSTEM_CLOCK.monotonic()


class Callers:
    """Calls through one gate, and when each got which answer."""

    def __init__(self, pauses: Pauses) -> None:
        self.pauses = pauses
        self.begun = now()
        self.log: list[tuple[str, str, float]] = []

    async def call(
        self,
        name: str,
        work: Callable[[], Awaitable[bool]] | None = None,
        *,
        within: float = math.inf,
        key: PauseKey = KEY,
    ) -> None:
        answer = await self.pauses.admit(key, clock=SYSTEM_CLOCK, before=self.begun + within)
        self.log.append((name, TICKET if isinstance(answer, int) else answer, round(now() - self.begun, 6)))
        if answer != DENIED and work is not None:
            answered = False
            try:
                answered = await work()
            finally:
                if isinstance(answer, int):
                    self.pauses.settle(key, answer, answered=answered)


def work(seconds: float, *, answered: bool = True) -> Callable[[], Awaitable[bool]]:
    async def run() -> bool:
        await asyncio.sleep(seconds)
        return answered

    return run


async def test_without_a_pause_everybody_goes() -> None:
    pauses = Pauses()
    assert not pauses.closed(KEY)
    assert pauses.remaining(KEY, now()) == 0.0
    assert await pauses.admit(KEY, clock=SYSTEM_CLOCK, before=-math.inf) == FREE


async def test_a_pause_holds_its_credential_operation_and_node_only() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    assert pauses.closed(KEY)
    others: list[PauseKey] = [("1837", "query", None), ("1838", "send", None), ("1837", "send", "n1")]
    assert not any(pauses.closed(other) for other in others)


async def test_a_pause_is_never_shortened() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    pauses.pause(KEY, now() + 3.0)
    assert pauses.remaining(KEY, now()) == 5.0
    pauses.pause(KEY, now() + 7.0)
    assert pauses.remaining(KEY, now()) == 7.0
    assert pauses.remaining(KEY, now() + 8.0) == 0.0


async def test_one_goes_first_and_the_others_follow_its_answer() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(callers.call(str(number), work(2.0)))
    assert [entry[1:] for entry in callers.log] == [
        (TICKET, at) for at, crowd in [(5.0, 1), (7.0, 2), (9.0, 3), (11.0, 4), (13.0, 2)] for _ in range(crowd)
    ]
    assert not pauses.closed(KEY)
    assert await pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf) == FREE


async def test_an_answer_in_the_moment_the_pause_ends_frees_it() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now())
    ticket = await pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf)
    assert isinstance(ticket, int)
    assert not pauses.overtaken(KEY, ticket)
    pauses.settle(KEY, ticket, answered=True)
    assert not pauses.closed(KEY)
    pauses.settle(KEY, ticket, answered=True)
    assert not pauses.overtaken(KEY, ticket)


async def test_who_waits_for_room_goes_in_the_order_of_coming() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now())
    callers = Callers(pauses)
    async with asyncio.TaskGroup() as group:
        for number in range(30):
            group.create_task(callers.call(str(number), work(2.0)))
            await asyncio.sleep(0.1)
    assert [entry[0] for entry in callers.log] == [str(number) for number in range(30)]


async def test_tickets_of_before_a_pause_are_void() -> None:
    pauses = Pauses()
    assert not pauses.overtaken(KEY, None)
    pauses.pause(KEY, now())
    assert pauses.overtaken(KEY, None)
    old = await pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf)
    assert isinstance(old, int)
    pauses.pause(KEY, now() + 5.0)
    assert pauses.overtaken(KEY, old)
    pauses.settle(KEY, old, answered=True)
    assert pauses.closed(KEY)
    fresh = await pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf)
    assert isinstance(fresh, int)
    pauses.settle(KEY, old, answered=False)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf))
        await asyncio.sleep(1.0)
        assert not waiting.done(), "the void ticket made no room"
        pauses.settle(KEY, fresh, answered=True)
    assert isinstance(waiting.result(), int)


@pytest.mark.parametrize("cancel_first", [True, False])
async def test_what_was_handed_to_a_cancelled_caller_goes_to_the_next(cancel_first: bool) -> None:
    """Both orders within one turn of the loop: nobody's turn is lost."""
    pauses = Pauses()
    pauses.pause(KEY, now())
    ticket = await pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf)
    assert isinstance(ticket, int)
    async with asyncio.TaskGroup() as group:
        doomed, after, later = (
            group.create_task(pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf)) for _ in range(3)
        )
        await asyncio.sleep(1.0)
        if cancel_first:
            doomed.cancel()
        pauses.settle(KEY, ticket, answered=False)
        if not cancel_first:
            doomed.cancel()
        await asyncio.sleep(1.0)
        assert doomed.cancelled()
        handed = after.result()
        assert isinstance(handed, int)
        assert not later.done(), "one at a time"
        pauses.settle(KEY, handed, answered=False)
    assert isinstance(later.result(), int)


async def test_who_comes_when_there_is_room_goes_at_once_and_is_counted() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now())

    def come() -> asyncio.Task[Ticket | Ticketless]:
        return asyncio.ensure_future(pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf))

    first, second, third = come(), come(), come()
    await asyncio.sleep(1.0)
    ticket = first.result()
    assert isinstance(ticket, int)
    pauses.settle(KEY, ticket, answered=True)
    await asyncio.sleep(1.0)
    assert second.done()
    assert third.done()
    pauses.settle(KEY, ticket, answered=False)  # the second is lost: room for two, one is out
    fourth, fifth = come(), come()
    await asyncio.sleep(1.0)
    assert fourth.done()
    assert not fifth.done()
    pauses.settle(KEY, ticket, answered=True)
    assert await fifth == ticket


async def test_a_pause_sends_those_back_who_wait_for_room() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now())
    ticket = await pauses.admit(KEY, clock=SYSTEM_CLOCK, before=math.inf)
    assert isinstance(ticket, int)
    async with asyncio.TaskGroup() as group:
        patient, hasty, doomed = (
            group.create_task(pauses.admit(KEY, clock=SYSTEM_CLOCK, before=now() + within))
            for within in (60.0, 5.0, 60.0)
        )
        await asyncio.sleep(1.0)
        doomed.cancel()
        pauses.pause(KEY, now() + 20.0)
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert hasty.done(), "told at once that it is too late"
    assert hasty.result() == DENIED
    assert isinstance(patient.result(), int)
    assert now() == 1_021.0


async def test_who_comes_while_the_first_is_out_waits_too() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    async with asyncio.TaskGroup() as group:
        group.create_task(callers.call("a", work(2.0)))
        await asyncio.sleep(6.0)
        group.create_task(callers.call("late", work(0.0)))
    assert callers.log == [("a", TICKET, 5.0), ("late", TICKET, 7.0)]


async def test_the_first_is_throttled_again_and_all_wait_longer() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)

    async def throttled() -> bool:
        await asyncio.sleep(1.0)
        pauses.pause(KEY, now() + 10.0)
        return True

    async with asyncio.TaskGroup() as group:
        group.create_task(callers.call("a", throttled))
        group.create_task(callers.call("b", work(1.0)))
        group.create_task(callers.call("c", work(1.0)))
    assert callers.log[0] == ("a", TICKET, 5.0)
    assert [entry[1:] for entry in callers.log[1:]] == [(TICKET, 16.0), (TICKET, 17.0)]


async def test_a_late_throttle_of_another_call_outlives_the_first_ones_good_answer() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    async with asyncio.TaskGroup() as group:
        group.create_task(callers.call("a", work(2.0)))
        await asyncio.sleep(6.0)
        pauses.pause(KEY, now() + 10.0)
        group.create_task(callers.call("b", work(1.0)))
    assert callers.log == [("a", TICKET, 5.0), ("b", TICKET, 16.0)]
    assert not pauses.closed(KEY)


async def test_when_the_first_is_lost_the_next_goes_first() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    answers = iter([False, False, True, True])

    async def next_answer() -> bool:
        await asyncio.sleep(1.0)
        return next(answers)

    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(callers.call(name, next_answer))
    assert [entry[1:] for entry in callers.log] == [(TICKET, 5.0), (TICKET, 6.0), (TICKET, 7.0), (TICKET, 8.0)]


async def test_when_the_first_is_lost_and_nobody_waits_the_next_one_to_come_goes_first() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    await callers.call("a", work(1.0, answered=False))
    await asyncio.sleep(100.0)
    await callers.call("b", work(1.0))
    await callers.call("c")
    assert callers.log == [("a", TICKET, 5.0), ("b", TICKET, 106.0), ("c", FREE, 107.0)]


@pytest.mark.parametrize("within, at", [(4.0, 0.0), (5.0, 0.0), (0.0, 0.0)])
async def test_who_cannot_begin_in_time_is_told_at_once(within: float, at: float) -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    await callers.call("a", within=within)
    assert callers.log == [("a", DENIED, at)]


async def test_a_pause_that_is_made_longer_turns_its_callers_away() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    async with asyncio.TaskGroup() as group:
        group.create_task(callers.call("a", within=8.0))
        await asyncio.sleep(1.0)
        pauses.pause(KEY, now() + 20.0)
    assert callers.log == [("a", DENIED, 5.0)]


async def test_the_wait_for_the_first_ends_with_the_deadline() -> None:
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    async with asyncio.TaskGroup() as group:
        group.create_task(callers.call("a", work(10.0)))
        group.create_task(callers.call("b", within=8.0))
        group.create_task(callers.call("c", work(0.0)))
    assert [entry for entry in callers.log if entry[0] == "b"] == [("b", DENIED, 8.0)]
    assert callers.log[-1] == ("c", TICKET, 15.0)


@pytest.mark.parametrize("after", [1.0, 5.5, 6.5], ids=["in the pause", "going first", "waiting for the first"])
async def test_a_cancelled_caller_holds_nobody_up(after: float) -> None:
    """Every await phase of the gate: cancellation is raised, and the others go as if it had never come."""
    pauses = Pauses()
    pauses.pause(KEY, now() + 5.0)
    callers = Callers(pauses)
    async with asyncio.TaskGroup() as group:
        if after == 6.5:
            group.create_task(callers.call("first", work(2.0)))
        doomed = group.create_task(callers.call("doomed", work(60.0)))
        await asyncio.sleep(after)
        group.create_task(callers.call("b", work(1.0)))
        group.create_task(callers.call("c", work(1.0)))
        doomed.cancel()
    assert doomed.cancelled()
    got = [entry[1:] for entry in callers.log if entry[0] in "bc"]
    assert (
        got
        == {1.0: [(TICKET, 5.0), (TICKET, 6.0)], 5.5: [(TICKET, 5.5), (TICKET, 6.5)], 6.5: [(TICKET, 7.0)] * 2}[after]
    )
    assert not pauses.closed(KEY)
    assert len(asyncio.all_tasks()) == 1
