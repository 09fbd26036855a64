"""The same work handed to both stores gives the same answers, whatever the order (Hypothesis)."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sms_traffic_async.outbox.postgres import PostgresStore
from sms_traffic_async.outbox.sqlite import SQLiteStore
from sms_traffic_async.outbox.store import Entry, News, Result, Row, State, Store, Unit
from tests.outbox.postgres.moments import empty, let_pass
from tests.support.postgres import Cluster


class HandClock:
    """Moves when told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError

    def random(self) -> float:
        return 0.5


class Side:
    """One store, with its own ids of units and tokens."""

    def __init__(self, store: Store, move: Callable[[float], Coroutine[Any, Any, None]]) -> None:
        self.store = store
        self.move = move
        self.units: list[Unit] = []

    async def claim(self, most: int, fresh: int) -> Any:
        """Whatever was abandoned (the contract gives it no order), and so many new units, in order."""
        again: list[Unit] = []
        new: list[Unit] = []
        while len(new) < fresh and (units := await self.store.claim(via="v2", most=most, units=1, lease=30.0)):
            (again if units[0].attempts > 1 else new).extend(units)
        again.sort(key=lambda unit: [member.id for member in unit.members])
        self.units += again + new
        return [self.plain(unit) for unit in again + new]

    def plain(self, unit: Unit) -> Any:
        """What must be equal: everything but ids and the clock."""
        members = tuple((m.id, m.body, m.open, m.lives is None, m.attempts) for m in unit.members)
        return (unit.via, members, unit.maybe, unit.age is None, unit.node, unit.digest, unit.attempts)

    def row(self, row: Row | None) -> Any:
        if row is None:
            return None
        kept = replace(row, created=0.0, changed=0.0, unit=None if row.unit is None else "u", key=row.key)
        return replace(kept, unit=None if row.state in {State.PENDING, State.EXPIRED} else kept.unit)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("add"),
            st.lists(
                st.tuples(
                    st.sampled_from(["", "a", "b"]),
                    st.sampled_from([0, 0, 5]),
                    st.sampled_from([0.0, 0.0, 40.0]),
                    st.sampled_from([None, None, 70.0]),
                    st.sampled_from([None, None, "k1", "k2"]),
                ),
                min_size=1,
                max_size=4,
            ),
        ),
        st.tuples(st.just("claim"), st.integers(1, 4), st.integers(1, 3)),
        st.tuples(st.just("begin"), st.integers(0, 9)),
        st.tuples(
            st.just("settle"),
            st.integers(0, 9),
            st.lists(
                st.sampled_from(["pending", "ambiguous", "accepted", "rejected", "held", "unknown", ""]), max_size=4
            ),
        ),
        st.tuples(st.just("later"), st.sampled_from([10.0, 35.0, 100.0])),
        st.tuples(st.sampled_from(["cancel", "retry", "get", "resolve", "learn"]), st.integers(0, 12), st.booleans()),
        st.tuples(st.just("release"), st.integers(1, 3)),
        st.tuples(st.just("purge")),
    ),
    min_size=4,
    max_size=30,
)


async def take(  # noqa: PLR0911 - a table of steps
    side: Side, step: tuple[Any, ...], ids: list[str], added: list[Entry]
) -> Any:
    """One step on one side; what it gave."""
    store = side.store
    match step:
        case ("add", _):
            return await store.add(added)
        case ("claim", most, units):
            return await side.claim(most, units)
        case ("begin", at) if side.units:
            return await store.begin(side.units[at % len(side.units)], node="n", digest=b"d")
        case ("settle", at, states) if side.units:
            unit = side.units[at % len(side.units)]
            results = [
                Result(id=member.id, state=State(state), after=20.0 if state == "ambiguous" else 0.0, code=7,
                       message_ids=(f"p{member.id}",) if state == "accepted" else ())
                for member, state in zip(unit.members, states, strict=False) if state
            ]  # fmt: skip
            return await store.settle(unit, results)
        case ("later", seconds):
            return await side.move(seconds)
        case ("release", most):
            return await store.release(most)
        case ("purge",):
            return await store.purge([State.FINAL, State.CANCELLED], older_than=50.0)
        case (word, at, flag) if ids:
            name = ids[at % len(ids)]
            if word == "learn":
                said = [(f"p{name}", name, flag), (f"q{at}", None, True), (f"p{name}", None, False), ("?", "?", True)]
                return await store.learn(
                    [News(message_id=one, status=f"S{at}", final=final, id=label) for one, label, final in said]
                )
            if word == "resolve":
                return await store.resolve(name, State.FINAL if flag else State.REJECTED)
            if word == "get":
                return side.row(await store.get(name))
            return await (store.cancel(name) if word == "cancel" else store.retry(name))
    return None


async def run(dsn: str, path: Path, steps: list[tuple[Any, ...]]) -> None:
    clock = HandClock()
    postgres, sqlite = PostgresStore(dsn), SQLiteStore(path, clock=clock)
    await postgres.open()
    await sqlite.open()
    await empty(postgres)

    async def move_sqlite(seconds: float) -> None:
        clock.now += seconds

    sides = (Side(sqlite, move_sqlite), Side(postgres, partial(let_pass, postgres)))
    ids: list[str] = []
    try:
        for number, step in enumerate(steps):
            added: list[Entry] = []
            if step[0] == "add":
                added = [
                    Entry(
                        id=str(uuid.uuid4()),
                        body=b"x",
                        group=group,
                        priority=priority,
                        delay=delay,
                        lives=lives,
                        key=key,
                    )
                    for group, priority, delay, lives, key in step[1]
                ]
            first, second = [await take(side, step, ids, added) for side in sides]
            assert first == second, (number, step)
            ids += [entry.id for entry in added]
            counts = [dict(await side.store.counts()) for side in sides]
            assert counts[0] == counts[1], (number, step)
    finally:
        await postgres.aclose()
        await sqlite.aclose()


@pytest.fixture
def base(cluster: Cluster, template: str) -> str:
    return cluster.create_database(template)


# Making a difference small takes a server longer than a test may take; the failure names its step, and is kept.
@settings(
    max_examples=25,
    suppress_health_check=list(HealthCheck),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(steps=STEPS)
def test_both_stores_say_the_same(base: str, steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as home, contextlib.closing(asyncio.new_event_loop()) as loop:
        loop.run_until_complete(run(base, Path(home) / "outbox.db", steps))
