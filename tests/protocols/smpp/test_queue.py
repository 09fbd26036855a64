"""The queue against a list that sorts: lanes, order, what comes back, what may go to one server only."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sms_traffic_async.protocols.smpp.parcel import Parcel
from sms_traffic_async.protocols.smpp.queue import SubmitQueue

SERVERS = ("one", "two")


def parcel(number: int, parts: int = 1, lane: int = 0) -> Parcel:
    future = cast("asyncio.Future[Any]", None)
    made = Parcel(
        future,
        number,
        f"k{number}",
        "79161112233",
        (b"x",) * parts,
        "gsm7",
        1 if parts > 1 else None,
        lambda _: None,
        0.0,
        30.0,
        1e9,
        False,
    )
    made.lane = lane
    return made


def taken(queue: SubmitQueue, server: str = "one", *, active: bool = True) -> int | None:
    found = queue.take(server, active=active)
    return None if found is None else found.number


def test_lanes_and_order() -> None:
    queue = SubmitQueue(100)
    for number, lane in enumerate((1, 0, 1, 0)):
        queue.put(parcel(number, lane=lane))
    assert [taken(queue) for _ in range(5)] == [1, 3, 0, 2, None]


def test_what_comes_back_goes_first_in_its_old_order() -> None:
    queue = SubmitQueue(100)
    parcels = [parcel(number) for number in range(5)]
    for one in parcels:
        queue.put(one)
    for _ in range(3):
        found = queue.take("one", active=True)
        assert found is not None
        queue.written(found)
    for one in (parcels[2], parcels[0], parcels[1]):
        queue.give_back(one, 0)
    assert [taken(queue) for _ in range(5)] == [0, 1, 2, 3, 4]


def test_only_what_is_bound_goes_where_new_messages_may_not() -> None:
    queue = SubmitQueue(100)
    queue.put(parcel(1))
    bound = parcel(2)
    bound.pending = 0
    bound.bound_to = "two"
    queue.give_back(bound, 0)
    assert queue.waits_for("two")
    assert taken(queue, "one", active=False) is None
    assert taken(queue, "two", active=False) == 2
    assert not queue.waits_for("two")
    assert taken(queue, "two", active=False) is None
    assert taken(queue) == 1


def test_bound_after_it_had_come_back() -> None:
    queue = SubmitQueue(100)
    one = parcel(1, parts=2)
    queue.put(one)
    found = queue.take("one", active=True)
    assert found is one
    assert [queue.written(one), queue.written(one)] == [0, 1]
    queue.give_back(one, 1)
    one.bound_to = "two"
    queue.give_back(one, 0)
    assert taken(queue, "one") is None
    assert queue.waits_for("two")
    assert taken(queue, "two", active=False) == 1
    assert queue.parts == 2


def test_the_parts_of_a_message_in_order() -> None:
    queue = SubmitQueue(100)
    long = parcel(1, parts=4)
    queue.put(long)
    assert queue.take("one", active=True) is long
    assert [queue.written(long) for _ in range(3)] == [0, 1, 2]
    queue.give_back(long, 1)
    queue.give_back(long, 0)
    assert queue.parts == 3
    assert queue.take("one", active=True) is long
    assert [queue.written(long) for _ in range(3)] == [0, 1, 3]
    assert queue.parts == 0


def test_dropped_messages_do_not_pile_up() -> None:
    queue = SubmitQueue(10_000)
    first = parcel(0)
    queue.put(first)
    for number in range(1, 5000):
        one = parcel(number)
        queue.put(one)
        queue.drop(one)
    assert queue.parts == 1
    assert sum(map(len, queue.lanes)) < 200
    assert taken(queue) == 0
    assert taken(queue) is None


def test_room() -> None:
    queue = SubmitQueue(2)
    assert queue.has_room
    queue.put(parcel(1, parts=3))
    assert not queue.has_room


@dataclass
class Model:
    """One message as the model sees it."""

    parcel: Parcel
    pending: set[int]
    back: bool = False
    out: set[int] = field(default_factory=set)


class QueueMachine(RuleBasedStateMachine):
    """What a link, refusals, losses and impatient callers do to it."""

    @initialize()
    def begin(self) -> None:
        self.queue = SubmitQueue(10_000)
        self.models: dict[int, Model] = {}
        self.number = 0
        self.current: Model | None = None

    @rule(parts=st.integers(1, 4), lane=st.integers(0, 1))
    def put(self, parts: int, lane: int) -> None:
        self.number += 1
        made = parcel(self.number, parts, lane)
        self.queue.put(made)
        self.models[self.number] = Model(made, set(range(parts)))

    def _expected(self, server: str, *, active: bool) -> int | None:
        """What a queue that sorts would give."""
        waiting = [
            model
            for model in self.models.values()
            if model.pending and model is not self.current and not model.parcel.rests
        ]
        here = [m for m in waiting if m.back and m.parcel.bound_to == server]
        free = [m for m in waiting if m.back and not m.parcel.bound_to] if active else []
        fresh = [m for m in waiting if not m.back] if active else []
        for group in (here, free, fresh):
            if group:
                first = min(group, key=lambda m: (m.parcel.lane, m.parcel.number))
                return first.parcel.number
        return None

    @precondition(lambda self: self.current is None)
    @rule(server=st.sampled_from(SERVERS), active=st.booleans())
    def take(self, server: str, active: bool) -> None:
        expected = self._expected(server, active=active)
        found = self.queue.take(server, active=active)
        assert (None if found is None else found.number) == expected
        if found is not None:
            self.current = self.models[found.number]
            self.current.back = True
            found.held = True
            self._write()

    @precondition(lambda self: self.current is not None)
    @rule()
    def write_on(self) -> None:
        assert self.current is not None
        if self.current.pending:
            self._write()
        else:
            self._let_go()

    def _write(self) -> None:
        assert self.current is not None
        index = self.queue.written(self.current.parcel)
        assert index == min(self.current.pending)
        self.current.pending.discard(index)
        self.current.out.add(index)
        if not self.current.pending:
            self._let_go()

    @precondition(lambda self: self.current is not None)
    @rule()
    def link_ends(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        assert self.current is not None
        model, self.current = self.current, None
        model.parcel.held = False
        if model.parcel.pending:
            self.queue.give_back(model.parcel)

    @precondition(lambda self: any(model.out for model in self.models.values()))
    @rule(data=st.data(), bind=st.sampled_from(("", *SERVERS)))
    def comes_back(self, data: st.DataObject, bind: str) -> None:
        model = data.draw(st.sampled_from([m for m in self.models.values() if m.out]))
        index = data.draw(st.sampled_from(sorted(model.out)))
        model.out.discard(index)
        if bind and not model.parcel.bound_to:
            model.parcel.bound_to = bind
        self.queue.give_back(model.parcel, index)
        model.pending.add(index)
        model.back = True

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def dropped(self, data: st.DataObject) -> None:
        model = data.draw(st.sampled_from(list(self.models.values())))
        model.parcel.settled = True
        self.queue.drop(model.parcel)
        model.pending.clear()
        model.out.clear()
        if self.current is model:
            self._let_go()
        del self.models[model.parcel.number]

    @invariant()
    def counted(self) -> None:
        assert self.queue.parts == sum(len(model.pending) for model in self.models.values())


TestQueueMachine = QueueMachine.TestCase
