"""A state machine of the batcher: whatever comes in whatever order, every caller is told the truth, once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sms_traffic_async.errors import NotSent, OutcomeUnknown, SendError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Submission
from sms_traffic_async.protocols.batching import Batcher
from sms_traffic_async.protocols.flight import Ending, Flight, Item, Leaving, Slot
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.lanes import Lane
from tests.policy.machines import MACHINE
from tests.support.virtual_loop import VirtualClock, VirtualLoop

SLOTS, MOST, ROOM = 2, 4, 6


class Request:
    """A delivery that does what the machine says."""

    def __init__(self, platform: Courier, items: Sequence[Item], slot: Slot) -> None:
        self.platform = platform
        self.items = list(items)
        self.slot = slot
        self.ending = Ending.SETTLED
        self.description = ""
        self.written = False
        self.left: set[int] = set()
        self.step: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(self) -> tuple[Outcome, ...]:
        self.platform.under_way.append(self)
        try:
            while True:
                self.step = asyncio.get_running_loop().create_future()
                word = await self.step
                if word == "write":
                    if self.left:
                        self.ending = Ending.CHANGED
                        return ()
                    self.written = True
                    self.platform.taken += self.items
                elif word == "refuse":
                    self.slot.free()
                    if len(self.items) > 1:
                        self.ending = Ending.REFUSED
                        return ()
                    return (NotSent("refused", reason="guarded"),)
                elif word == "again":
                    self.slot.free()
                else:
                    self.slot.free()
                    return tuple(accepted(item) for item in self.items)
        finally:
            self.platform.under_way.remove(self)

    def interrupted(self) -> tuple[Outcome, ...]:
        return tuple(self._now() for _ in self.items)

    @property
    def may_be_taken(self) -> bool:
        return self.written

    def leave(self, place: int, why: Leaving) -> SendError:
        self.left.add(place)
        return self._now()

    def _now(self) -> SendError:
        return OutcomeUnknown("unknown") if self.written else NotSent("left", reason="closed")


def accepted(item: Item) -> Submission:
    return Submission(via="v2", message_ids=("1",), key="k", to=item.to, node="n", accepted_at=NOW)


class Courier:
    def __init__(self) -> None:
        self.under_way: list[Request] = []
        self.taken: list[Item] = []

    def flight(self, items: list[Item], slot: Slot) -> Flight[Item, Request]:
        assert 1 <= len(items) <= MOST
        assert len({item.group for item in items}) == 1
        return Flight(items, lambda items, _older: Request(self, items, slot))

    def not_sent(self, item: Item, why: Leaving) -> SendError:
        return NotSent(why, reason=why)

    def after(self) -> None:
        pass


class BatcherMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.clock = VirtualClock()
        self.courier = Courier()
        self.life = Life()
        self.told: dict[int, Outcome | BaseException] = {}
        self.items: list[Item] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.number = 0
        self.turn()

    def turn(self, seconds: float = 0.0) -> None:
        async def run() -> None:
            self.batcher = getattr(self, "batcher", None) or Batcher(
                self.courier, life=self.life, clock=self.clock, slots=SLOTS, most=MOST, room=ROOM
            )
            if seconds:
                await asyncio.sleep(seconds)
            for _ in range(12):
                await asyncio.sleep(0)

        self.loop.run_until_complete(run())

    async def caller(self, place: int, item: Item) -> None:
        try:
            self.told[place] = await self.batcher.send(item)
        except asyncio.CancelledError as error:
            self.told[place] = error

    @rule(group=st.sampled_from("ab"), lane=st.sampled_from(Lane), limit=st.integers(1, 20), more=st.integers(0, 20))
    def send(self, group: str, lane: Lane, limit: int, more: int) -> None:
        now = self.loop.time()
        place = len(self.items)
        item = Item(group, f"7916{place:07}", 1, lane=lane, limit=now + limit, deadline=now + limit + more)
        self.items.append(item)
        self.tasks.append(self.loop.create_task(self.caller(place, item)))
        self.turn()

    @rule(word=st.sampled_from(["write", "answer", "refuse", "again"]), which=st.integers(0, 9))
    def platform_does(self, word: str, which: int) -> None:
        if not self.courier.under_way:
            return
        request = self.courier.under_way[which % len(self.courier.under_way)]
        if word in {"answer", "again"} and not request.written:
            word = "write"
        if word in {"refuse", "write"} and request.written:
            word = "answer"
        if not request.step.done():
            self.loop.call_soon(request.step.set_result, word)
        self.turn()

    @rule(which=st.integers(0, 99))
    def cancel(self, which: int) -> None:
        if self.tasks:
            self.tasks[which % len(self.tasks)].cancel()
            self.turn()

    @rule(which=st.integers(0, 99))
    def interrupt(self, which: int) -> None:
        if self.tasks:
            self.loop.call_soon(self.life.interrupt, [self.tasks[which % len(self.tasks)]])
            self.turn()

    @rule(seconds=st.integers(1, 15))
    def time_passes(self, seconds: int) -> None:
        self.turn(seconds + 0.001)

    @invariant()
    def nobody_is_taken_twice_and_nobody_is_told_a_lie(self) -> None:
        taken = [id(item) for item in self.courier.taken]
        assert len(set(taken)) == len(taken)
        now = self.loop.time()
        for place, item in enumerate(self.items):
            told = self.told.get(place)
            if told is None:
                assert now < item.deadline + 0.01, "a deadline passed, and nobody said so"
            elif isinstance(told, Submission | OutcomeUnknown):
                assert id(item) in taken
            elif isinstance(told, NotSent):
                assert id(item) not in taken, "told 'not sent', and sent"

    @invariant()
    def bounds_hold(self) -> None:
        if not hasattr(self, "batcher"):
            return
        assert 0 <= self.batcher._slots <= SLOTS
        assert self.batcher._lanes.waiting <= ROOM
        free = self.batcher._slots and self.batcher._lanes.waiting
        assert not free, "somebody waits, and a request is free"
        open_calls = len(self.items) - len(self.told)
        assert len(self.life.calls) == len(self.batcher._alarms) == open_calls

    def teardown(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.turn()
        for task in tuple(self.life.tasks):
            task.cancel()
        self.turn()
        assert len(self.told) == len(self.items)
        assert self.batcher.waiting == 0
        assert not self.life.tasks
        self.loop.close()


NOW = datetime(2026, 1, 1, tzinfo=UTC)

TestBatcher = BatcherMachine.TestCase
TestBatcher.settings = MACHINE
