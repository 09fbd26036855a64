"""The guard for one-time codes at its edges: the smallest allowed value, the neighbouring block, the exact words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError, NotSent
from sms_traffic_async.messages import Message
from sms_traffic_async.policy.abuse import AbuseGuard, AbuseRules, Guarded
from sms_traffic_async.policy.abuse_store import Claim, MemoryStore, OverLimit
from tests.policy.hand_clock import HandClock

PEPPER = "sixteen letters!"
BROKEN = "the store of the abuse guard failed (ConnectionError): "


def claim(key: str, limit: int, *, amount: int = 1, window: float = 60.0, member: str | None = None) -> Claim:
    return Claim(rule="r", key=key, window=window, limit=limit, amount=amount, member=member)


class Away(MemoryStore):
    """A store in common that can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.away = True
        self.seen: list[Claim] = []

    async def take(self, claims: Sequence[Claim], now: float) -> OverLimit | None:
        self.seen += claims
        if self.away:
            raise ConnectionError("redis is away")
        return await super().take(claims, now)

    async def give_back(self, claims: Sequence[Claim], now: float) -> None:
        if self.away:
            raise ConnectionError("redis is away")
        await super().give_back(claims, now)


def guard(store: Away | None = None, *, lenient: bool = False, **rules: Any) -> AbuseGuard:
    return AbuseGuard(
        AbuseRules(**({"countries": ("7",), "prefix_per_hour": None, "neighbours": None} | rules)),
        store=store,
        pepper=None if store is None else PEPPER,
        when_store_fails="allow" if lenient else "refuse",
        clock=HandClock(),
    )


async def rule(one: AbuseGuard, to: str, **message: Any) -> str | None:
    try:
        await one.admit(Message(to=to, text=message.pop("text", "Код 1234"), **message))
    except Guarded as error:
        return error.rule
    return None


async def test_the_platform_transliterates_before_parts_are_counted() -> None:
    text = "а" * 100
    assert await rule(guard(), "79161112233", text=text, transliterate=True) is None
    assert await rule(guard(), "79161112233", text=text) == "max_parts"


@pytest.mark.parametrize("first", range(79160000000, 79160000020))
async def test_any_ten_numbers_that_stand_together_are_seen_together(first: int) -> None:
    one = guard(neighbours=9)
    told = [await rule(one, str(first + step)) for step in range(10)]
    assert told == [None] * 9 + ["neighbours"]


async def test_a_store_sees_short_keys_only() -> None:
    store = Away()
    store.away = False
    await rule(guard(store, neighbours=4, prefix_per_hour=10), "79161112233")
    assert {len(one.key) for one in store.seen} == {25}
    assert len({one.key for one in store.seen}) == len(store.seen)


async def test_a_store_that_is_away_is_complained_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    store = Away()
    strict, lenient = guard(store), guard(store, lenient=True)
    assert await rule(strict, "79161112233") == "store"
    assert await rule(lenient, "79161112233") is None
    await lenient.give_back([claim("a", 1)])
    assert caplog.messages == [
        BROKEN + "the message was refused",
        BROKEN + "the message was let through",
        BROKEN + "limits stay used",
    ]


async def test_what_was_let_through_uncounted_is_not_given_back(caplog: pytest.LogCaptureFixture) -> None:
    store = Away()
    lenient = guard(store, lenient=True)

    async def submit(_message: Message, /, *, timeout: float | None = None) -> Any:
        store.away = False  # it comes back while the message is on its way
        raise NotSent("x", reason="unreachable")

    with pytest.raises(NotSent, match="x"):
        await lenient.submit(submit, Message(to="79161112233", text="x"))
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(
    "options,words",
    [
        ({"countries": "7"}, 'countries is a sequence of prefixes, such as ("7", "375")'),
        ({"blocked": 7}, 'blocked is a sequence of prefixes, such as ("7", "375")'),
        ({"blocked": ("+7",)}, "blocked: a prefix is the leading digits of a number, such as 7 or 375"),
        ({"countries": ()}, "countries: name at least one that codes are sent to"),
        ({"per_day": 0}, "per_day is a whole number greater than 0"),
        ({"cooldown": 0}, "cooldown is a number of seconds greater than 0"),
        ({"budget": 0.5, "price": 1}, "budget and price are money: Decimal or a whole number, greater than 0"),
        ({"budget": 10}, "budget needs price, of one SMS part"),
        ({"budget": 10, "price": {"375": 1}}, "price: one is needed for each of countries"),
    ],
)
def test_what_is_wrong_with_rules(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AbuseRules(**({"countries": ("7",)} | options))
    assert str(caught.value) == words


@pytest.mark.parametrize(
    "options,words",
    [
        ({"store": MemoryStore()}, "a store needs pepper=: the same secret of at least 16 characters everywhere"),
        ({"pepper": PEPPER[1:]}, "pepper is a secret of at least 16 characters"),
        ({"when_store_fails": "panic"}, "when_store_fails is 'refuse' or 'allow'"),
    ],
)
def test_what_is_wrong_with_a_guard(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AbuseGuard(AbuseRules(countries=("7",)), **options)
    assert str(caught.value) == words


def test_the_smallest_values_that_are_good() -> None:
    rules = AbuseRules(countries=("7",), per_hour=1, neighbours=1, cooldown=0.001, budget=1, price=Decimal("0.01"))
    assert (rules.cost("7", 2), rules.budget_cost()) == (20_000, 1_000_000)
    AbuseGuard(rules, store=MemoryStore(capacity=1), pepper=PEPPER)
    with pytest.raises(ConfigurationError, match=r"^capacity is a whole number greater than 0$"):
        MemoryStore(capacity=0)


async def test_a_member_that_comes_again_is_the_latest() -> None:
    store = MemoryStore()
    for member, now in (("a", 0.0), ("b", 1.0), ("a", 50.0)):
        assert await store.take([claim("k", 2, window=100.0, member=member)], now) is None
    over = await store.take([claim("k", 2, window=100.0, member="c")], 60.0)
    assert over is not None
    assert over.retry_after == 41.0  # when b is over
    assert await store.take([claim("k", 2, window=100.0, member="c")], 101.0) is None
    over = await store.take([claim("k", 2, window=100.0, member="b")], 102.0)
    assert over is not None
    assert over.retry_after == 48.0  # when a, of its second time, is over
    await store.give_back([claim("k", 2, window=100.0, member=member) for member in ("a", "a", "nobody")], 102.0)
    assert await store.take([claim("k", 2, window=100.0, member="b")], 102.0) is None


async def test_what_is_given_back_is_the_latest_of_it() -> None:
    store = MemoryStore()
    for now in (0.0, 10.0, 10.0, 20.0):
        assert await store.take([claim("k", 16, amount=4)], now) is None
    await store.give_back([claim("k", 16, amount=6)], 20.0)  # all of the last, two of the eight before
    over = await store.take([claim("k", 16, amount=7)], 20.0)
    assert over is not None
    assert over.retry_after == 40.0
    assert await store.take([claim("k", 16, amount=6)], 20.0) is None
    over = await store.take([claim("k", 16, amount=5)], 30.0)
    assert over is not None
    assert over.retry_after == 40.0  # the four of 0.0 alone are not enough
    assert await store.take([claim("k", 16, amount=4)], 60.0) is None


async def test_a_key_that_was_used_again_hides_none_that_is_over() -> None:
    store = MemoryStore()
    for key, now in (("a", 0.0), ("b", 1.0), ("a", 59.0)):
        assert await store.take([claim(key, 2)], now) is None
    assert await store.take([claim("c", 2)], 70.0) is None
    assert len(store) == 2
    assert store.evicted == 0
