"""What the abuse guard counted for a unit, and what of it is given back when the outcomes are known."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sms_traffic_async.errors import InvalidMessage, InvalidRecipient, NotSent, OutcomeUnknown, RateLimited
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.outbox.gate import PAUSE, Gate
from sms_traffic_async.policy.abuse import AbuseGuard, AbuseRules
from tests.policy.hand_clock import HandClock

CLOCK = HandClock()
NUMBERS = ("79161112233", "79162223344", "79163334455")


def guard(**rules: Any) -> AbuseGuard:
    base: dict[str, Any] = {"countries": ("7",), "cooldown": 60.0, "budget": 3, "price": 1, "neighbours": None}
    return AbuseGuard(AbuseRules(**(base | rules)), clock=HandClock())


def messages(*numbers: str) -> list[tuple[str, Message]]:
    return [(f"m{place}", Message(to=number, text="Код 1234")) for place, number in enumerate(numbers)]


async def test_every_member_is_judged_and_not_only_up_to_the_first_that_is_refused() -> None:
    gate = Gate(guard(), None, "v2", CLOCK)
    passage = await gate.admit(messages("375291112233", NUMBERS[0], "375291112234", NUMBERS[1]))
    assert list(passage.refused) == ["m0", "m2"]
    assert passage.ttl == gate.guard_ttl == 300.0
    await passage.not_sent()
    again = await gate.admit(messages(NUMBERS[0], NUMBERS[1]))
    assert not again.refused
    await again.not_sent()
    await passage.not_sent()  # a second time gives back nothing
    assert not (await gate.admit(messages(*NUMBERS))).refused


@pytest.mark.parametrize(
    "outcome,counted,paid",
    [
        (NotSent("x", reason="unreachable"), False, False),
        (InvalidMessage("text", "…", "too long"), False, False),
        (InvalidRecipient("x"), True, False),
        (OutcomeUnknown("x"), True, True),
        (
            Submission(
                via="v2", message_ids=("1",), key="k", to="7", node="n", accepted_at=datetime(2026, 1, 1, tzinfo=UTC)
            ),
            True,
            True,
        ),
    ],
    ids=["not sent", "invalid", "rejected", "unknown", "accepted"],
)
async def test_what_each_outcome_gives_back(outcome: Any, counted: bool, paid: bool) -> None:
    gate = Gate(guard(budget=1), None, "v2", CLOCK)
    passage = await gate.admit(messages(NUMBERS[0]))
    assert not passage.refused
    await passage.sent({"m0": outcome})
    assert ("m0" in (await gate.admit(messages(NUMBERS[0]))).refused) == counted
    gate = Gate(guard(budget=1), None, "v2", CLOCK)
    passage = await gate.admit(messages(NUMBERS[0]))
    await passage.sent({"m0": outcome})
    assert ("m0" in (await gate.admit(messages(NUMBERS[1]))).refused) == paid


async def test_without_a_guard_nothing_is_counted() -> None:
    gate = Gate(None, None, "v2", CLOCK)
    passage = await gate.admit(messages(*NUMBERS))
    assert (passage.refused, passage.ttl, gate.guard_ttl) == ({}, None, None)
    await passage.sent({"m0": NotSent("x", reason="unreachable")})
    await passage.not_sent()


class Shared:
    """A shared rate that writes down what it is told."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.waits: list[tuple[float, float]] = []

    async def wait(self, cost: float = 1.0, *, before: float = float("inf")) -> bool:
        self.waits.append((cost, before))
        return True

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def test_the_longest_wait_that_was_asked_for_holds_for_all() -> None:
    shared = Shared()
    gate = Gate(None, shared, "v2", CLOCK)
    await gate.heard([RateLimited("x", retry_after=3.0), RateLimited("x", retry_after=7.0), RateLimited("x")])
    await gate.heard([RateLimited("x")])
    await gate.heard([OutcomeUnknown("x"), NotSent("x", reason="closed")])
    assert shared.pauses == [7.0, PAUSE]


async def test_a_turn_is_wanted_before_the_first_of_them_expires() -> None:
    shared = Shared()
    gate = Gate(None, shared, "v2", CLOCK)
    assert await gate.turn([message for _, message in messages(*NUMBERS)], 20.0)
    assert await gate.turn([], None)
    assert shared.waits == [(1.0, CLOCK.now + 20.0), (1.0, float("inf"))]
