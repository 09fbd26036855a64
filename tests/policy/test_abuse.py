"""The guard for one-time codes: each rule alone, what is counted, and what nobody is told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from sms_traffic_async.errors import (
    ConfigurationError,
    InvalidMessage,
    InvalidRecipient,
    NotSent,
    Outcome,
    OutcomeUnknown,
    SendError,
)
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.policy.abuse import AbuseGuard, AbuseRules, Guarded
from sms_traffic_async.policy.abuse_store import Claim, MemoryStore, OverLimit
from sms_traffic_async.secrets import Secret
from tests.policy.hand_clock import HandClock
from tests.support.exposure import pickled, shown

PEPPER = "a pepper of some length"
# Everything is allowed often enough not to be in the way of the rule under test.
WIDE: dict[str, Any] = {
    "countries": ("7", "375"),
    "cooldown": 0.001,
    "per_hour": 10_000,
    "per_day": 10_000,
    "same_text_per_hour": 10_000,
    "same_text_per_half_day": 10_000,
    "prefix_per_hour": None,
    "neighbours": None,
    "max_parts": 10,
}


class Scene:
    """A guard, its clock, and what the platform would have got."""

    def __init__(self, outcome: SendError | InvalidMessage | None = None, store: Any = None, **rules: Any) -> None:
        self.clock = HandClock()
        self.outcome = outcome
        self.sent: list[Message] = []
        self.guard = AbuseGuard(
            AbuseRules(**(WIDE | rules)), clock=self.clock, store=store, pepper=None if store is None else PEPPER
        )

    async def submit(self, message: Message, /, *, timeout: float | None = None) -> Submission:
        self.sent.append(message)
        if self.outcome is not None:
            raise self.outcome
        return Submission(
            via="v2", message_ids=("1",), key="k", to=message.to, node="n", accepted_at=datetime(2026, 1, 1, tzinfo=UTC)
        )

    async def rule(self, to: str = "79161112233", text: str = "Код 1234", after: float = 1.0) -> str | None:
        """Which rule refuses a message ``after`` seconds; ``None`` if it goes."""
        self.clock.now += after
        try:
            await self.guard.submit(self.submit, Message(to=to, text=text), timeout=5.0)
        except Guarded as error:
            return error.rule
        return None


async def test_one_number_waits_between_two_codes() -> None:
    scene = Scene(cooldown=60.0)
    assert [await scene.rule(after=after) for after in (1, 1, 58.9, 0.2)] == [None, "cooldown", "cooldown", None]
    assert await scene.rule("79161112234") is None
    assert len(scene.sent) == 3
    assert scene.guard.refused == {"cooldown": 2}


async def test_an_hour_and_a_day_have_their_limits() -> None:
    scene = Scene(per_hour=5, per_day=10)
    told = [await scene.rule(after=600.0) for _ in range(40)]
    assert told[:6] == [None] * 5 + ["per_hour"]
    assert told.count(None) == 10
    assert told[-1] == "per_day"
    assert await scene.rule(after=86_400.0) is None


async def test_one_text_goes_less_often_than_the_platform_refuses() -> None:
    scene = Scene(same_text_per_hour=4, same_text_per_half_day=8)
    told = [await scene.rule(after=60.0) for _ in range(5)]
    assert told == [None] * 4 + ["same_text"]
    assert await scene.rule(text="Код 9999") is None
    told = [await scene.rule(after=3600.0) for _ in range(10)]
    assert told.count(None) == 4
    assert await scene.rule("79161112234") is None


async def test_a_range_of_numbers_has_a_velocity() -> None:
    scene = Scene(prefix_per_hour=3)
    told = [await scene.rule(f"7916111{number:04d}") for number in range(0, 5000, 1000)]
    assert told == [None, None, None, "prefix", "prefix"]
    assert await scene.rule("79162220000") is None
    scene = Scene(country_per_hour=2)
    told = [await scene.rule(f"7916{number}110000") for number in (1, 2, 3)]
    assert told == [None, None, "country_per_hour"]
    assert await scene.rule("375291112233") is None


@pytest.mark.parametrize("start", [79161112200, 79161112205, 79161112213, 79161112219])
async def test_a_walk_through_a_range_is_seen_wherever_it_begins(start: int) -> None:
    scene = Scene(neighbours=4)
    told = [await scene.rule(str(start + step)) for step in range(10)]
    assert told[:4] == [None] * 4
    assert told[4] == "neighbours"
    assert told.count(None) <= 10 * 4 / 5
    assert await scene.rule("79169998877") is None
    scene = Scene(neighbours=4)
    assert {await scene.rule("79161112233", after=1.0) for _ in range(20)} == {None}  # one number is no walk


@pytest.mark.parametrize(
    "to,goes",
    [("79161112233", True), ("375291112233", True), ("77011112233", False), ("4915112345678", False),
     ("79998887766", False), ("3751112233", True)],
)  # fmt: skip
async def test_only_to_the_countries_that_were_named(to: str, goes: bool) -> None:
    scene = Scene(blocked=("77", "79998887766"))
    assert await scene.rule(to) == (None if goes else "country")
    assert len(scene.sent) == goes


async def test_a_code_of_many_parts_is_refused() -> None:
    scene = Scene(max_parts=1)
    assert await scene.rule(text="я" * 70) is None
    assert await scene.rule(text="я" * 71) == "max_parts"


async def test_the_budget_is_a_hard_stop_and_counts_parts() -> None:
    scene = Scene(budget=Decimal("10.00"), price=Decimal("3.10"))
    assert [await scene.rule(text="я" * 71), await scene.rule()] == [None, None]  # 2 parts and 1: 9.30
    assert await scene.rule() == "budget"
    assert await scene.rule(after=86_400.0) is None
    scene = Scene(budget=10, price={"7": 3, "375": Decimal("9.5")})
    assert await scene.rule("375291112233") is None
    assert await scene.rule() == "budget"


async def test_a_code_that_comes_late_is_not_sent() -> None:
    scene = Scene(ttl=120.0)
    await scene.rule()
    assert scene.sent[0].expires_in == 120.0
    scene.clock.now += 1.0
    message = Message(to="79161112233", text="Код 1234", expires_in=30.0)
    assert (await scene.guard.admit(message)).message.expires_in == 30.0
    unlimited = Scene(ttl=None)
    await unlimited.rule()
    assert unlimited.sent[0].expires_in is None


@pytest.mark.parametrize(
    "outcome,counted,paid",
    [
        (NotSent("x", reason="unreachable"), False, False),
        (InvalidMessage("text", "…", "too long"), False, False),
        (InvalidRecipient("x"), True, False),
        (OutcomeUnknown("x"), True, True),
        (None, True, True),
    ],
)
async def test_what_was_not_sent_is_not_counted(outcome: Any, counted: bool, paid: bool) -> None:
    scene = Scene(outcome, cooldown=60.0, budget=3, price=3)
    if outcome is None:
        await scene.rule()
    else:
        with pytest.raises(type(outcome)) as caught:
            await scene.rule()
        assert caught.value is outcome
    scene.outcome = None
    assert await scene.rule() == ("cooldown" if counted else None)
    if counted:
        assert await scene.rule("79161112234") == ("budget" if paid else None)


async def test_a_refusal_tells_the_operator_and_not_the_user(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scene = Scene(cooldown=60.0)
    await scene.rule()
    with pytest.raises(Guarded) as caught:
        await scene.guard.submit(scene.submit, Message(to="79161112233", text="Код 1234"))
    error = caught.value
    assert (error.rule, error.reason, error.outcome, error.retryable) == (
        "cooldown", "guarded", Outcome.NOT_SENT, False)  # fmt: skip
    assert error.retry_after == pytest.approx(60.0)
    assert str(error).startswith("A code cannot be sent to this number now. Nothing was sent. Try again later")
    assert "cooldown" not in str(error)
    told = shown(error) + caplog.text
    assert "79161112233" not in told
    assert "1234" not in told.replace("12345", "")
    again = pickled(error)
    assert isinstance(again, Guarded)
    assert (again.rule, again.retry_after) == (error.rule, error.retry_after)


class Foreign(MemoryStore):
    """A store in common, as a user writes one."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Claim] = []
        self.broken = False

    async def take(self, claims: Sequence[Claim], now: float) -> OverLimit | None:
        if self.broken:
            raise ConnectionError("redis is away")
        self.seen += claims
        return await super().take(claims, now)

    async def give_back(self, claims: Sequence[Claim], now: float) -> None:
        if self.broken:
            raise ConnectionError("redis is away")
        await super().give_back(claims, now)


async def test_two_processes_share_a_store_that_sees_no_numbers() -> None:
    store = Foreign()
    one, other = Scene(store=store, cooldown=60.0), Scene(store=store, cooldown=60.0)
    assert await one.rule() is None
    assert await other.rule() == "cooldown"
    assert not [claim for claim in store.seen if "916" in f"{claim.key} {claim.member}" and len(claim.key) < 20]
    assert all("79161112233" not in f"{claim.key}{claim.member}" for claim in store.seen)


async def test_a_store_that_fails_refuses_unless_it_may_not(caplog: pytest.LogCaptureFixture) -> None:
    store = Foreign()
    store.broken = True
    scene = Scene(store=store)
    assert await scene.rule() == "store"
    lenient = AbuseGuard(AbuseRules(**WIDE), store=store, pepper=Secret(PEPPER), when_store_fails="allow")
    await lenient.submit(scene.submit, Message(to="79161112233", text="x"))
    assert len(scene.sent) == 1
    scene.outcome = NotSent("x", reason="unreachable")
    with pytest.raises(NotSent):
        await lenient.submit(scene.submit, Message(to="79161112233", text="x"))
    assert "ConnectionError" in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"countries": ()},
        {"countries": "7"},
        {"countries": ("+7",)},
        {"countries": (7,)},
        {"blocked": ("7916*",)},
        {"cooldown": 0},
        {"cooldown": float("inf")},
        {"per_hour": 0},
        {"per_day": None},
        {"neighbours": 0},
        {"max_parts": True},
        {"ttl": -1},
        {"budget": 10},
        {"budget": 1.5, "price": 1},
        {"budget": 0, "price": 1},
        {"budget": 10, "price": {"7": 3}},
        {"price": Decimal("NaN")},
    ],
)
def test_rules_that_are_none(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        AbuseRules(**({"countries": ("7", "375")} | changes))


@pytest.mark.parametrize(
    "options",
    [{"store": MemoryStore()}, {"pepper": "short"}, {"when_store_fails": "panic"}],
)
def test_a_guard_that_is_none(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AbuseGuard(AbuseRules(countries=("7",)), **options)
    assert "short" not in str(caught.value)
