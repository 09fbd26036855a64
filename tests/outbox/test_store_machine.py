"""A store against a model of it, in whatever order things happen; restarts among them."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import uuid
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sms_traffic_async.outbox import SQLiteStore, State
from sms_traffic_async.outbox.store import News, Result, Unit
from tests.outbox.contract import entry
from tests.policy.machines import lengths
from tests.support.virtual_loop import VirtualClock

LEASE = 10.0
MOST = 5

SETTLED = (State.ACCEPTED, State.PENDING, State.AMBIGUOUS, State.HELD, State.REJECTED, State.UNKNOWN)


class _Clock(VirtualClock):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1_700_000_000.0

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


def _numbered(number: int) -> uuid.UUID:
    return uuid.UUID(int=number)


class OutboxMachine(RuleBasedStateMachine):
    """Tracks what may be true of every message; the store must never do what would send one twice or lose one."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        # The same steps must make the same ids: what lies in the order of ids is drawn from.
        self.ids_are_numbers = mock.patch.object(uuid, "uuid4", side_effect=map(_numbered, itertools.count(1)))
        self.ids_are_numbers.start()
        self.directory = tempfile.TemporaryDirectory()
        self.clock = _Clock()
        self.ids: list[str] = []
        self.held: dict[str, Unit] = {}
        """The latest claim of each unit."""
        self.old: list[Unit] = []
        self.began: set[str] = set()
        self.members: dict[str, list[str]] = {}
        self.cancelled: set[str] = set()
        self.store = SQLiteStore(Path(self.directory.name) / "o.db", clock=self.clock)
        self.run(self.store.open())

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.store.aclose())
        self.runner.close()
        self.directory.cleanup()
        self.ids_are_numbers.stop()

    @rule(
        count=strategies.integers(1, 4),
        group=strategies.sampled_from(["", "-", "x"]),
        lives=strategies.none() | strategies.just(25.0),
    )
    def add(self, count: int, group: str, lives: float | None) -> None:
        made = [entry(f"k{len(self.ids) + number}", group=group, lives=lives) for number in range(count)]
        self.ids += self.run(self.store.add(made))

    @precondition(lambda self: self.ids)
    @rule(data=strategies.data())
    def add_again(self, data: strategies.DataObject) -> None:
        number = data.draw(strategies.integers(0, len(self.ids) - 1))
        assert self.run(self.store.add([entry(f"k{number}")])) == [self.ids[number]]

    @rule(most=strategies.integers(1, MOST), units=strategies.integers(1, 3))
    def claim(self, most: int, units: int) -> None:
        for unit in self.run(self.store.claim(via="v2", most=most, units=units, lease=LEASE)):
            ids = [member.id for member in unit.members]
            assert not set(ids) & self.cancelled
            assert unit.maybe == (unit.id in self.began)
            if unit.id in self.members:
                assert not unit.maybe or set(ids) <= set(self.members[unit.id])
                if unit.id in self.held:  # else it was settled as ambiguous, and came back
                    self.old.append(self.held[unit.id])
            else:
                assert not unit.maybe
            self.members[unit.id] = ids
            self.held[unit.id] = unit

    @precondition(lambda self: self.held)
    @rule(data=strategies.data())
    def begin(self, data: strategies.DataObject) -> None:
        unit = data.draw(strategies.sampled_from(list(self.held.values())))
        if self.run(self.store.begin(unit, digest=unit.id.encode())):
            self.began.add(unit.id)

    @precondition(lambda self: self.old)
    @rule(data=strategies.data())
    def whoever_lost_it_writes_nothing(self, data: strategies.DataObject) -> None:
        unit = data.draw(strategies.sampled_from(self.old))
        before = self.run(self.store.counts())
        assert not self.run(self.store.begin(unit))
        assert not self.run(self.store.settle(unit, [Result(id=unit.members[0].id, state=State.ACCEPTED)]))
        assert self.run(self.store.counts()) == before

    @precondition(lambda self: self.held)
    @rule(data=strategies.data())
    def settle(self, data: strategies.DataObject) -> None:
        unit = data.draw(strategies.sampled_from(list(self.held.values())))
        open_ones = [member.id for member in unit.members if member.open]
        states = [data.draw(strategies.sampled_from(SETTLED)) for _ in open_ones]
        said = [
            Result(id=one, state=state, message_ids=(f"m-{one}",) if state is State.ACCEPTED else ())
            for one, state in zip(open_ones, states, strict=True)
        ]
        if self.run(self.store.settle(unit, said)):
            self.old.append(self.held.pop(unit.id))

    @precondition(lambda self: self.ids)
    @rule(data=strategies.data(), final=strategies.booleans())
    def learn(self, data: strategies.DataObject, final: bool) -> None:
        one = data.draw(strategies.sampled_from(self.ids))
        assert self.run(self.store.learn([News(message_id=f"m-{one}", status="s", final=final, id=one)])) == []

    @precondition(lambda self: self.ids)
    @rule(data=strategies.data())
    def cancel(self, data: strategies.DataObject) -> None:
        one = data.draw(strategies.sampled_from(self.ids))
        if self.run(self.store.cancel(one)):
            self.cancelled.add(one)

    @precondition(lambda self: self.ids)
    @rule(data=strategies.data())
    def retry(self, data: strategies.DataObject) -> None:
        one = data.draw(strategies.sampled_from(self.ids))
        done = self.run(self.store.retry(one))
        assert not (done and one in self.cancelled)

    @rule(seconds=strategies.sampled_from([1.0, 11.0, 30.0, -500.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def restart(self) -> None:
        self.run(self.store.aclose())
        self.store = SQLiteStore(Path(self.directory.name) / "o.db", clock=self.clock)
        self.run(self.store.open())

    @invariant()
    def nothing_is_lost(self) -> None:
        counts = self.run(self.store.counts())
        assert sum(counts.values()) == len(self.ids)
        assert counts.get(State.CANCELLED, 0) == len(self.cancelled)


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = lengths(15, 25)
