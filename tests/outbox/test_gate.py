"""What passes the gate of a worker: the guards of a session, and a rate that is shared."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio

from sms_traffic_async.messages import Message, Via
from sms_traffic_async.outbox import Outbox, SQLiteStore, State
from sms_traffic_async.outbox.gate import Gate, share_of
from sms_traffic_async.policy.abuse import AbuseGuard, AbuseRules
from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox, Temporary, Throttle
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.settings import Credentials, HttpOptions, Settings, SmppOptions
from sms_traffic_async.storage.sqlite import StorageError
from tests.support.virtual_loop import VirtualClock

pytestmark = pytest.mark.asyncio(loop_factories=["virtual"])


def code(number: int = 1, **options: object) -> Message:
    return Message(to=f"79160{number:03d}000", text=f"Код {number}", **options)  # type: ignore[arg-type]  # options of a test


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(smpp_ports=None, smpp_tls_ports=None, smtp_port=None) as made:
        yield made


@pytest_asyncio.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with Outbox(tmp_path / "outbox.db", clock=VirtualClock()) as made:
        yield made


async def drained(outbox: Outbox, sandbox: Sandbox, guard: AbuseGuard | None = None) -> None:
    async with SmsTraffic(**sandbox.client_options(), guard=guard, clock=VirtualClock()) as sms:
        await outbox.run(sms, until_empty=True)


async def state(outbox: Outbox, name: str) -> tuple[State, str | None]:
    row = await outbox.status(name)
    assert row is not None
    return row.state, row.reason


def a_guard(**rules: object) -> AbuseGuard:
    return AbuseGuard(AbuseRules(countries=("7",), **rules), clock=VirtualClock())  # type: ignore[arg-type]  # rules of a test


async def test_who_is_not_listed_is_held_and_the_others_go_out_together(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "79160000*, 79160002000")
    ids = await outbox.enqueue_many([code(number) for number in range(6)])
    await drained(outbox, sandbox)
    assert [sandbox.accepted.times(one) for one in ids] == [1, 0, 1, 0, 0, 0]
    assert await state(outbox, ids[1]) == (State.HELD, "NotSent: guarded")
    assert len({entry.restrictive_id for entry in sandbox.accepted}) == 1
    monkeypatch.delenv("SMS_TRAFFIC_ONLY_TO")
    assert await outbox.retry(ids[1])
    await drained(outbox, sandbox)
    assert sandbox.accepted.times(ids[1]) == 1


async def test_the_abuse_guard_judges_every_member_of_a_request(outbox: Outbox, sandbox: Sandbox) -> None:
    guard = a_guard()
    first = await outbox.enqueue(code(1))
    again = await outbox.enqueue(code(1))
    other = await outbox.enqueue(code(2))
    await drained(outbox, sandbox, guard)
    assert [sandbox.accepted.times(one) for one in (first, again, other)] == [1, 0, 1]
    assert await state(outbox, again) == (State.HELD, "Guarded: cooldown")
    assert guard.refused["cooldown"] == 1


async def test_what_a_guard_counted_is_given_back_where_nothing_was_sent(outbox: Outbox, sandbox: Sandbox) -> None:
    guard = a_guard(cooldown=1.0, per_hour=2, budget=Decimal(3), price=1)
    sandbox.faults.add(FaultRule(protocol="v2", operation="send", effect=Temporary(), times=2))
    sent = await outbox.enqueue(code(1))
    await drained(outbox, sandbox, guard)
    assert sandbox.accepted.times(sent) == 1
    # Refusals cost nothing; two more may go for the money that is left.
    await outbox.enqueue_many([code(2), code(3), code(4)])
    await drained(outbox, sandbox, guard)
    assert len(sandbox.accepted) == 3
    assert len(await outbox.held()) == 1


async def test_what_was_counted_once_is_not_counted_again_when_it_is_found_out(
    outbox: Outbox, sandbox: Sandbox
) -> None:
    guard = a_guard(per_hour=1)
    one = await outbox.enqueue(code(1))
    sandbox.faults.add(FaultRule(protocol="v2", operation="send", effect=Drop(when="after"), times=1))
    async with SmsTraffic(**sandbox.client_options(), guard=guard, clock=VirtualClock()) as sms:
        running = asyncio.create_task(outbox.run(sms))
        while not len(sandbox.accepted):
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await asyncio.sleep(31)
    await drained(outbox, sandbox, guard)
    assert (await state(outbox, one))[0] in {State.ACCEPTED, State.FINAL}
    assert sandbox.accepted.times(one) == 1
    assert not guard.refused


async def test_a_code_that_the_guard_calls_late_is_only_looked_up(outbox: Outbox, sandbox: Sandbox) -> None:
    one = await outbox.enqueue(code(1))
    unit = (await outbox.store.claim(via="v2", most=10, units=1, lease=5))[0]
    assert await outbox.store.begin(unit, digest=b"as it was")  # and then the process died, before it wrote a byte
    await asyncio.sleep(400)
    await drained(outbox, sandbox, a_guard(ttl=300.0))
    assert (await state(outbox, one))[0] is State.UNKNOWN
    assert not len(sandbox.accepted)


class Slow:
    """A shared rate of one a second, which fails when told to."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.next = 0.0
        self.costs: list[float] = []
        self.pauses: list[float] = []
        self.broken = 0

    async def wait(self, cost: float = 1.0, *, before: float = math.inf) -> bool:
        if self.broken:
            self.broken -= 1
            raise StorageError("the database is away")
        moment = max(self.next, self.clock.monotonic())
        if moment > before:
            return False
        self.next = moment + cost
        self.costs.append(cost)
        await self.clock.sleep(moment - self.clock.monotonic())
        return True

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.next = max(self.next, self.clock.monotonic() + seconds)


class SharedStore(SQLiteStore):
    """A file with a rate beside it."""

    slow: Slow
    asked: tuple[str, float]

    def turns(self, account: str, rate: float) -> Slow:  # type: ignore[override]  # a file has none otherwise
        self.asked = (account, rate)
        return self.slow


@pytest_asyncio.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Outbox]:
    store = SharedStore(tmp_path / "shared.db", clock=VirtualClock())
    store.slow = Slow()
    async with Outbox(store, clock=VirtualClock()) as made:
        yield made


async def rated(outbox: Outbox, sandbox: Sandbox, **run: object) -> float:
    clock = VirtualClock()
    options = sandbox.client_options() | {"http": HttpOptions(rate=1.0)}
    async with SmsTraffic(**options, clock=clock) as sms:
        began = clock.monotonic()
        await outbox.run(sms, until_empty=True, **run)  # type: ignore[arg-type]  # options of a test
        return clock.monotonic() - began


async def test_every_request_waits_for_its_turn(shared: Outbox, sandbox: Sandbox) -> None:
    await shared.enqueue_many([code(number) for number in range(9)])
    seconds = await rated(shared, sandbox, most=3)
    store = shared.store
    assert isinstance(store, SharedStore)
    assert store.asked == ("v2 1837", 1.0)
    assert store.slow.costs == [1.0, 1.0, 1.0]
    assert seconds >= 2.0
    assert len(sandbox.accepted) == 9


async def test_who_has_no_turn_before_it_expires_is_not_sent(shared: Outbox, sandbox: Sandbox) -> None:
    late = await shared.enqueue(code(1, expires_in=20.0))
    assert isinstance(shared.store, SharedStore)
    shared.store.slow.next = VirtualClock().monotonic() + 100.0
    await rated(shared, sandbox)
    assert (await state(shared, late))[0] is State.EXPIRED
    assert not len(sandbox.accepted)


async def test_where_the_rate_cannot_be_asked_for_nothing_is_sent_until_it_can(
    shared: Outbox, sandbox: Sandbox
) -> None:
    one = await shared.enqueue(code(1))
    assert isinstance(shared.store, SharedStore)
    shared.store.slow.broken = 3
    await rated(shared, sandbox)
    row = await shared.status(one)
    assert row is not None
    assert row.attempts == 4
    assert sandbox.accepted.times(one) == 1


async def test_too_many_requests_make_all_workers_wait(shared: Outbox, sandbox: Sandbox) -> None:
    one = await shared.enqueue(code(1))
    sandbox.faults.add(FaultRule(protocol="v2", operation="send", effect=Throttle(retry_after=200.0), times=1))
    await rated(shared, sandbox)
    assert isinstance(shared.store, SharedStore)
    assert shared.store.slow.pauses == [pytest.approx(200.0, rel=0.15)]
    assert sandbox.accepted.times(one) == 1


@pytest.mark.parametrize("via, cost", [("smpp", 3.0), ("v1", 1.0)])
async def test_a_turn_costs_parts_by_smpp_and_one_otherwise(via: Via, cost: float) -> None:
    slow = Slow()
    assert await Gate(None, slow, via, VirtualClock()).turn([Message(to="79161112233", text="я" * 150)], None)
    assert slow.costs == [cost]


async def test_whose_rate_is_shared() -> None:
    both = Settings(
        credentials=Credentials(api_key="12/secret", login="shop", password="x"),
        http=HttpOptions(rate=5.0),
        smpp=SmppOptions(rate=20.0),
    )
    assert share_of(both, "v2") == ("v2 12", 5.0)
    assert share_of(both, "v1") == share_of(both, "soap") == ("v1 shop", 5.0)
    assert share_of(both, "smpp") == ("smpp shop", 20.0)
    assert share_of(both, "smtp") is None
    assert share_of(Settings(credentials=Credentials(api_key="12/secret")), "v2") is None
