"""One unit on its way, case by case: sent, sent again whole, only looked up, or left alone. Real TCP to the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.messages import Message, Via
from sms_traffic_async.outbox import Outbox, State
from sms_traffic_async.outbox.codec import Codec
from sms_traffic_async.outbox.gate import Gate
from sms_traffic_async.outbox.requests import batch_of, digest_of
from sms_traffic_async.outbox.sending import CHECK_LONGEST, REPEATABLE, Errand
from sms_traffic_async.outbox.store import Result, Unit
from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox
from sms_traffic_async.session import SmsTraffic
from tests.support.virtual_loop import VirtualClock

pytestmark = pytest.mark.asyncio(loop_factories=["virtual"])

NOBODY_KNOWS = "it may have been taken, and no node knows it: resolve it or retry it"
CODEC = Codec(None)


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(smpp_ports=None, smpp_tls_ports=None, smtp_port=None) as made:
        yield made


@pytest_asyncio.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with Outbox(tmp_path / "outbox.db", clock=VirtualClock()) as made:
        yield made


def session(sandbox: Sandbox, **options: Any) -> SmsTraffic:
    return SmsTraffic(**(sandbox.client_options() | options), clock=VirtualClock())


def message(number: int = 1, **options: Any) -> Message:
    return Message(to=f"7916{number:07d}", text=f"Ваш заказ {number} готов", **options)


async def claimed(outbox: Outbox, *messages: Message, via: Via = "v2") -> Unit:
    await outbox.enqueue_many(messages)
    return (await outbox.store.claim(via=via, most=10, units=1, lease=30))[0]


def begun(unit: Unit, sms: SmsTraffic, **changes: Any) -> Unit:
    """The same unit as the next worker finds it after a crash."""
    readable = [(member.id, CODEC.decode(member.body)) for member in unit.members]
    found: dict[str, Any] = {
        "maybe": True,
        "age": 60.0,
        "idle": 60.0,
        "digest": digest_of(batch_of(unit.id, readable, sms.settings)),
    }
    return replace(unit, **(found | changes))


async def run(outbox: Outbox, sms: SmsTraffic, unit: Unit, *, via: Via = "v2", gate: Gate | None = None) -> Any:
    made = gate or Gate(None, None, via, VirtualClock())
    return await Errand(sms, outbox.store, CODEC, unit, via, made).run()


def states(results: list[Result]) -> list[State]:
    return [result.state for result in results]


async def test_a_fresh_unit_is_begun_and_sent(outbox: Outbox, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1), message(2))
        results = await run(outbox, sms, unit)
    assert states(results) == [State.ACCEPTED] * 2
    assert [one.id for one in results] == [member.id for member in unit.members]
    assert all(one.message_ids and one.node for one in results)
    row = await outbox.status(unit.members[0].id)
    assert row is not None
    await asyncio.sleep(31)
    again = (await outbox.store.claim(via="v2", most=10, units=1, lease=30))[0]
    assert again.maybe
    assert again.digest == begun(unit, sms).digest, "kept before the first byte left"


async def test_whoever_lost_the_unit_sends_nothing(outbox: Outbox, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        for via in ("v2", "v1"):
            unit = await claimed(outbox, message(1), via=via)
            assert await run(outbox, sms, replace(unit, token="somebody else's"), via=via) is None
    assert not len(sandbox.accepted)


async def test_one_that_may_have_been_taken_goes_again_whole_under_its_id(outbox: Outbox, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1), message(2))
        assert states(await run(outbox, sms, begun(unit, sms, age=REPEATABLE - 1.0))) == [State.ACCEPTED] * 2
    assert {one.restrictive_id for one in sandbox.accepted} == {unit.id}
    assert len(sandbox.accepted) == 2


@pytest.mark.parametrize(
    "changes",
    [{"age": REPEATABLE}, {"age": None}, {"digest": b"other settings"}, {"lives": 0.0}, {"open": False}],
    ids=lambda changes: next(iter(changes)) if changes.get("age", 1) is not None else "no age",
)
async def test_what_may_not_be_repeated_is_only_looked_up(
    outbox: Outbox, sandbox: Sandbox, changes: dict[str, Any]
) -> None:
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1), message(2))
        first, second = unit.members
        found = begun(unit, sms, idle=1_000.0, **{key: changes[key] for key in changes.keys() & {"age", "digest"}})
        if changes.keys() & {"lives", "open"}:
            found = replace(found, members=(first, replace(second, **changes)))
        results = await run(outbox, sms, found)
    assert not len(sandbox.accepted)
    told = {result.id: (result.state, result.reason) for result in results}
    expected = [first.id] if "open" in changes else [first.id, second.id]
    assert told == dict.fromkeys(expected, (State.UNKNOWN, NOBODY_KNOWS))


async def test_a_stricter_session_does_not_refuse_what_may_have_been_taken(outbox: Outbox, sandbox: Sandbox) -> None:
    long = Message(to="79161112233", text="я" * 71)
    async with session(sandbox) as wide, session(sandbox, max_parts=1) as narrow:
        unit = await claimed(outbox, long)
        results = await run(outbox, narrow, begun(unit, wide))
        assert states(results) == [State.AMBIGUOUS]
        (refused,) = await run(outbox, narrow, unit)
    assert refused.state is State.REJECTED
    assert not len(sandbox.accepted)


async def test_what_the_platform_knows_was_accepted(outbox: Outbox, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1), message(2))
        known, lost = (member.id for member in unit.members)
        sent = await sms.v2.submit(message(1, tracking_data=known))
        found = begun(unit, sms, age=REPEATABLE, idle=90.0, attempts=3)
        told = {result.id: result for result in await run(outbox, sms, found)}
        assert told[known] == Result(id=known, state=State.ACCEPTED, message_ids=sent.message_ids)
        assert told[lost] == Result(id=lost, state=State.AMBIGUOUS, after=20.0), "it may still turn up"
        found = replace(found, idle=90.1, attempts=99)
        told = {result.id: result for result in await run(outbox, sms, found)}
        assert told[lost] == Result(id=lost, state=State.UNKNOWN, reason=NOBODY_KNOWS)
    assert len(sandbox.accepted) == 1


async def test_what_cannot_be_asked_for_stays_open_for_an_hour(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(protocol="v2", operation="statuses", effect=Drop(when="before")))
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1))
        found = begun(unit, sms, age=REPEATABLE, idle=REPEATABLE, attempts=99)
        (result,) = await run(outbox, sms, found)
        assert (result.state, result.after) == (State.AMBIGUOUS, CHECK_LONGEST)
        (result,) = await run(outbox, sms, replace(found, idle=REPEATABLE + 1.0))
        assert (result.state, result.reason) == (State.UNKNOWN, NOBODY_KNOWS)


async def test_a_label_of_the_callers_tells_nothing_and_is_not_asked_for(outbox: Outbox, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1, tracking_data="mine"))
        await sms.v2.submit(message(1, tracking_data="mine"))
        found = begun(unit, sms, age=REPEATABLE, idle=91.0)
        assert states(await run(outbox, sms, found)) == [State.UNKNOWN]
        assert states(await run(outbox, sms, replace(found, idle=None))) == [State.AMBIGUOUS]


async def test_what_cannot_be_read_is_held_and_the_others_go_in_another_unit(outbox: Outbox, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1), message(2))
        maybe = begun(unit, sms, idle=91.0)
        damaged = (replace(unit.members[0], body=b"{"), unit.members[1])
        bad, good = await run(outbox, sms, replace(unit, members=damaged))
        assert (bad.state, good.state) == (State.HELD, State.PENDING)
        assert bad.reason.startswith("the kept message cannot be read")
        results = await run(outbox, sms, replace(maybe, members=damaged))
        assert results[0].state is State.UNKNOWN
        assert State.PENDING not in states(results), "no part of it is sent again alone"
    assert not len(sandbox.accepted)


async def test_a_guard_that_says_no_at_the_last_moment(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(None, None, "v2", VirtualClock())
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "79160000001")
    async with session(sandbox) as sms:
        several = await claimed(outbox, *(message(number) for number in range(1, 6)))
        results = await run(outbox, sms, several, gate=gate)
        assert [(one.state, one.crowd) for one in results] == [(State.PENDING, 2)] * 5
        one = await claimed(outbox, message(2, batch_name="alone"))
        (result,) = await run(outbox, sms, one, gate=gate)
        assert (result.state, result.reason) == (State.HELD, "NotSent: guarded")
        two = await claimed(outbox, message(3, batch_name="two"), message(4, batch_name="two"))
        results = await run(outbox, sms, begun(two, sms), gate=gate)
        assert states(results) == [State.AMBIGUOUS] * 2, "a no to the repeat says nothing about the first"
    assert not len(sandbox.accepted)


# --- without a key


@pytest.mark.parametrize("resend", [False, True])
async def test_without_a_key_only_who_asked_for_it_sends_twice(outbox: Outbox, sandbox: Sandbox, resend: bool) -> None:
    async with session(sandbox, on_unknown="resend" if resend else "raise") as sms:
        unit = await claimed(outbox, message(1), via="v1")
        (result,) = await run(outbox, sms, replace(unit, maybe=True, age=60.0, idle=60.0), via="v1")
    assert len(sandbox.accepted) == resend
    assert result.state is (State.ACCEPTED if resend else State.UNKNOWN)
    if not resend:
        assert result.reason == "the process ended while it was being sent: resolve it or retry it"


@pytest.mark.parametrize("maybe,state", [(False, State.EXPIRED), (True, State.UNKNOWN)])
async def test_without_a_key_what_has_expired_is_not_sent(
    outbox: Outbox, sandbox: Sandbox, maybe: bool, state: State
) -> None:
    async with session(sandbox, on_unknown="resend") as sms:
        unit = await claimed(outbox, message(1), via="v1")
        late = replace(unit, maybe=maybe, members=(replace(unit.members[0], lives=0.0),))
        assert await run(outbox, sms, late, via="v1") == [
            Result(id=unit.members[0].id, state=state, reason="its time to live has passed")
        ]
    assert not len(sandbox.accepted)


async def test_without_a_key_each_goes_by_the_protocol_that_was_asked_for(outbox: Outbox, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1), via="v1")
        (result,) = await run(outbox, sms, unit, via="v1")
    assert result.state is State.ACCEPTED
    assert [one.protocol for one in sandbox.accepted] == ["v1"]


async def test_without_a_key_the_time_to_live_ends_the_attempts(outbox: Outbox, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(protocol="v1", operation="send", effect=Drop(when="before")))
    async with session(sandbox, on_unknown="resend") as sms:
        unit = await claimed(outbox, message(1), via="v1")
        short = replace(unit, members=(replace(unit.members[0], lives=3.0),))
        began = VirtualClock().monotonic()
        (result,) = await run(outbox, sms, short, via="v1")
        assert VirtualClock().monotonic() - began < 10.0
    assert result.state in {State.UNKNOWN, State.PENDING}
    assert not len(sandbox.accepted)


async def test_without_a_key_a_refusal_is_written_down(outbox: Outbox, sandbox: Sandbox) -> None:
    account = next(iter(sandbox.accounts))
    account.balance = type(account.balance)(0)
    async with session(sandbox) as sms:
        unit = await claimed(outbox, message(1), via="v1")
        (result,) = await run(outbox, sms, unit, via="v1")
    assert (result.state, result.code, result.reason) == (State.HELD, 415, "InsufficientFunds")
