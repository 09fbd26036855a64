"""Counting in memory: any order of claims against a list that is read from scratch each time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.abuse_store import MOMENTS, Claim, MemoryStore, OverLimit
from tests.policy.machines import MACHINE


def claim(key: str = "k", limit: int = 1, *, window: float = 60.0, amount: int = 1, member: str | None = None) -> Claim:
    return Claim(rule="r", key=key, window=window, limit=limit, amount=amount, member=member)


# Fixed kinds of claims: a key always has one window and one limit.
KINDS = [
    claim("cooldown"),
    claim("hour", 3, window=3600.0),
    claim("money", 10, window=600.0, amount=4),
    claim("range", 2, window=100.0, member="a"),
    claim("range", 2, window=100.0, member="b"),
    claim("range", 2, window=100.0, member="c"),
]


class StoreMachine(RuleBasedStateMachine):
    """Claims are taken and given back while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.now = 1_000.0
        self.taken: list[tuple[float, Claim]] = []

    def used(self, one: Claim) -> int:
        recent = [(at, other) for at, other in self.taken if other.key == one.key and at > self.now - one.window]
        if one.member is not None:
            return len({other.member for _, other in recent} - {one.member})
        return sum(other.amount for _, other in recent)

    @rule(seconds=st.sampled_from([0.0, 1.0, 30.0, 60.0, 99.0, 700.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(claims=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4, unique_by=lambda one: one.key))
    def take(self, claims: list[Claim]) -> None:
        over = asyncio.run(self.store.take(claims, self.now))
        unfit = [one for one in claims if self.used(one) + one.amount > one.limit]
        if not unfit:
            assert over is None
            self.taken += ((self.now, one) for one in claims)
            return
        assert over is not None
        assert over.claim == unfit[0]
        # It says when it would fit: then it does, and not before.
        assert over.retry_after is not None
        assert over.retry_after > 0
        early, self.now = self.now, self.now + over.retry_after
        assert self.used(over.claim) + over.claim.amount <= over.claim.limit
        self.now = early

    @invariant()
    def it_forgets_what_is_over(self) -> None:
        assert len(self.store) <= 4


TestMemoryStore = StoreMachine.TestCase
TestMemoryStore.settings = MACHINE


async def test_what_is_given_back_can_be_taken_again() -> None:
    store = MemoryStore()
    claims = [claim("a"), claim("b", 10, amount=7), claim("c", 1, member="x")]
    assert await store.take(claims, 0.0) is None
    assert await store.take(claims, 1.0) is not None
    await store.give_back(claims, 1.0)
    assert await store.take(claims, 1.0) is None
    await store.give_back([claim("never")], 1.0)


async def test_all_or_nothing() -> None:
    store = MemoryStore()
    await store.take([claim("b")], 0.0)
    assert await store.take([claim("a"), claim("b")], 1.0) == OverLimit(claim=claim("b"), retry_after=59.0)
    assert await store.take([claim("a")], 1.0) is None


async def test_what_never_fits_says_so() -> None:
    over = await MemoryStore().take([claim("money", 10, amount=11)], 0.0)
    assert over is not None
    assert over.retry_after is None


async def test_many_moments_are_merged_and_remembered_longer_never_shorter() -> None:
    store = MemoryStore()
    for moment in range(1000):
        assert await store.take([claim(limit=1000, window=1000.0)], float(moment)) is None
    assert len(store._windows["k"].moments) <= MOMENTS
    assert await store.take([claim(limit=1000, window=1000.0)], 999.5) is not None
    over = await store.take([claim(limit=1000, window=1000.0)], 1100.0)
    assert over is not None  # the first hundred are over; what was merged with later ones counts on
    assert await store.take([claim(limit=1000, window=1000.0)], 2000.0) is None


async def test_keys_are_bounded_and_what_is_lost_is_counted() -> None:
    store = MemoryStore(capacity=100)
    for number in range(1000):
        assert await store.take([claim(str(number))], float(number) / 100) is None
    assert len(store) == 100
    assert store.evicted == 900
    assert await store.take([claim("999")], 10.0) is not None  # the latest are remembered
    await store.take([claim("new")], 1000.0)
    assert len(store) == 1
    assert store.evicted == 900  # what was over was not lost
    for capacity in (0, True, 1.5):
        with pytest.raises(ConfigurationError):
            MemoryStore(capacity=capacity)  # type: ignore[arg-type] # misuse
