"""The worker over real TCP against the sandbox, on the virtual loop."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox, OutboxPaused, State
from sms_traffic_async.outbox.store import News
from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox
from sms_traffic_async.session import SmsTraffic
from tests.support.virtual_loop import VirtualClock

pytestmark = pytest.mark.asyncio(loop_factories=["virtual"])


def message(number: int = 1, **options: object) -> Message:
    return Message(to=f"7916{number:07d}", text=f"Ваш заказ {number} готов", **options)  # type: ignore[arg-type]  # options of a test


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(smpp_ports=None, smpp_tls_ports=None, smtp_port=None) as made:
        yield made


@pytest_asyncio.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with Outbox(tmp_path / "outbox.db", clock=VirtualClock()) as made:
        yield made


def session(sandbox: Sandbox) -> SmsTraffic:
    return SmsTraffic(**sandbox.client_options(), clock=VirtualClock())


async def drained(outbox: Outbox, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        await outbox.run(sms, until_empty=True)


async def test_everything_is_sent_once_in_batches_and_its_statuses_come_back(outbox: Outbox, sandbox: Sandbox) -> None:
    ids = await outbox.enqueue_many([message(number) for number in range(250)])
    stop = asyncio.Event()
    async with session(sandbox) as sms:
        running = asyncio.create_task(outbox.run(sms, stop=stop))
        for _ in range(600):
            await asyncio.sleep(1)
            await sandbox.advance(1)
            if await outbox.counts() == {State.FINAL: 250}:
                break
        stop.set()
        await running
    assert await outbox.counts() == {State.FINAL: 250}
    assert [sandbox.accepted.times(one) for one in ids] == [1] * 250
    row = await outbox.status(ids[0])
    assert row is not None
    assert row.status == "Delivered"
    assert row.message_ids
    assert len({one.restrictive_id for one in sandbox.accepted}) < 20


async def test_a_unit_that_began_in_a_dead_process_is_sent_again_whole_under_its_id(
    outbox: Outbox, sandbox: Sandbox
) -> None:
    ids = await outbox.enqueue_many([message(number) for number in range(3)])
    sandbox.faults.add(FaultRule(protocol="v2", operation="send", effect=Drop(when="after"), times=1))
    async with session(sandbox) as sms:
        running = asyncio.create_task(outbox.run(sms))
        while len(sandbox.accepted) < 3:  # taken, and nobody was told
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await outbox.counts() == {State.SENDING: 3}
    await asyncio.sleep(31)
    await drained(outbox, sandbox)
    assert (await outbox.counts()).keys() <= {State.ACCEPTED, State.FINAL}
    assert [sandbox.accepted.times(one) for one in ids] == [1, 1, 1]


async def test_past_its_time_to_live_it_is_not_sent(outbox: Outbox, sandbox: Sandbox) -> None:
    late = await outbox.enqueue(message(1, expires_in=120.0))
    await asyncio.sleep(121)
    await drained(outbox, sandbox)
    row = await outbox.status(late)
    assert row is not None
    assert row.state is State.EXPIRED
    assert not len(sandbox.accepted)


async def test_what_may_have_been_taken_is_not_repeated_past_its_time_to_live(outbox: Outbox, sandbox: Sandbox) -> None:
    doubtful = await outbox.enqueue(message(1, expires_in=60.0))
    unit = (await outbox.store.claim(via="v2", most=10, units=1, lease=30))[0]
    assert await outbox.store.begin(unit, digest=b"as it was")  # and then the process died
    await asyncio.sleep(300)
    await drained(outbox, sandbox)
    row = await outbox.status(doubtful)
    assert row is not None
    assert row.state is State.UNKNOWN
    assert not len(sandbox.accepted)
    assert await outbox.resolve(doubtful, State.REJECTED)


async def test_a_cancelled_message_is_not_sent(outbox: Outbox, sandbox: Sandbox) -> None:
    one, other = await outbox.enqueue_many([message(1), message(2)])
    assert await outbox.cancel(one)
    await drained(outbox, sandbox)
    assert sandbox.accepted.times(one) == 0
    assert sandbox.accepted.times(other) == 1
    assert not await outbox.cancel(other)


async def test_one_bad_number_is_found_by_halving_and_the_others_go_out(outbox: Outbox, sandbox: Sandbox) -> None:
    ids = await outbox.enqueue_many([message(number, max_parts=1) for number in range(7)])
    bad = await outbox.enqueue(Message(to="79160000099", text="я" * 71, max_parts=1))
    await drained(outbox, sandbox)
    assert [sandbox.accepted.times(one) for one in ids] == [1] * 7
    row = await outbox.status(bad)
    assert row is not None
    assert row.state is State.REJECTED
    assert row.reason is not None
    assert "я" not in row.reason


async def test_without_money_all_waits_and_one_goes_first(tmp_path: Path, sandbox: Sandbox) -> None:
    events: list[object] = []
    async with Outbox(tmp_path / "poor.db", clock=VirtualClock(), hooks=[events.append]) as outbox:
        ids = await outbox.enqueue_many([message(number) for number in range(30)])
        account = next(iter(sandbox.accounts))
        full, account.balance = account.balance, type(account.balance)(0)
        stop = asyncio.Event()
        async with session(sandbox) as sms:
            running = asyncio.create_task(outbox.run(sms, stop=stop))
            await asyncio.sleep(30)
            assert (await outbox.counts())[State.HELD] == 30
            assert any(isinstance(event, OutboxPaused) for event in events)
            account.balance = full
            await asyncio.sleep(120)
            stop.set()
            await running
        assert [sandbox.accepted.times(one) for one in ids] == [1] * 30
        assert not await outbox.held()


async def test_one_that_is_refused_for_its_own_sake_does_not_hold_up_the_others(
    outbox: Outbox, sandbox: Sandbox
) -> None:
    poor = await outbox.enqueue(Message(to="79161119415", text="Заказ"))  # 415 whatever the account has
    await outbox.enqueue_many([message(number) for number in range(3)])
    stop = asyncio.Event()
    async with session(sandbox) as sms:
        running = asyncio.create_task(outbox.run(sms, via="v1", at_once=1, stop=stop))
        await asyncio.sleep(900)
        stop.set()
        await running
    assert len(sandbox.accepted) == 3
    assert [row.id for row in await outbox.held()] == [poor]


async def test_while_a_credential_is_not_accepted_the_others_do_not_march_after(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    events: list[object] = []
    async with Outbox(tmp_path / "locked.db", clock=VirtualClock(), hooks=[events.append]) as outbox:
        ids = await outbox.enqueue_many([message(number, batch_name=f"b{number}") for number in range(30)])
        wrong = sandbox.client_options() | {"api_key": "1837/NotTheKeyOfAnybody"}
        async with SmsTraffic(**wrong, clock=VirtualClock()) as sms:
            running = asyncio.create_task(outbox.run(sms))
            await asyncio.sleep(30)
            assert (await outbox.counts())[State.HELD] == sms.settings.http.in_flight
            # Those that were under way together are one reason to pause, and not four.
            assert [event.seconds for event in events if isinstance(event, OutboxPaused)] == [60.0]
            await asyncio.sleep(60)
            assert [event.seconds for event in events if isinstance(event, OutboxPaused)] == [60.0, 120.0]
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert await outbox.store.release(100) == 5
        await drained(outbox, sandbox)
        assert [sandbox.accepted.times(one) for one in ids] == [1] * 30


async def test_what_a_guard_holds_is_not_sent_to_try_whether_there_is_money(
    outbox: Outbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "79160000002")
    guarded, poor = await outbox.enqueue_many([message(1), message(2)])
    account = next(iter(sandbox.accounts))
    full, account.balance = account.balance, type(account.balance)(0)
    stop = asyncio.Event()
    async with session(sandbox) as sms:
        running = asyncio.create_task(outbox.run(sms, stop=stop))
        await asyncio.sleep(30)
        assert (await outbox.counts())[State.HELD] == 2
        account.balance = full
        await asyncio.sleep(120)
        stop.set()
        await running
    assert sandbox.accepted.times(poor) == 1
    row = await outbox.status(guarded)
    assert row is not None
    assert (row.state, row.attempts) == (State.HELD, 1)


async def test_by_v1_an_unfinished_send_is_unknown_after_a_crash(outbox: Outbox, sandbox: Sandbox) -> None:
    sent, doubtful = await outbox.enqueue_many([message(1), message(2)])
    unit = (await outbox.store.claim(via="v1", most=1, units=2, lease=5))[1]
    assert await outbox.store.begin(unit)
    await asyncio.sleep(6)
    async with session(sandbox) as sms:
        await outbox.run(sms, via="v1", until_empty=True)
    assert [row.id for row in await outbox.unknown()] == [doubtful]
    found = await outbox.status(sent)
    assert found is not None
    assert found.state in {State.ACCEPTED, State.FINAL}
    assert len(sandbox.accepted) == 1


async def test_a_push_is_a_witness_for_an_unknown_message(outbox: Outbox) -> None:
    one = await outbox.enqueue(message())
    unit = (await outbox.store.claim(via="v2", most=1, units=1, lease=5))[0]
    assert await outbox.store.begin(unit)
    await asyncio.sleep(6)
    assert await outbox.store.learn([News(message_id="77", status="Delivered", final=True, id=one)]) == []
    assert await outbox.store.claim(via="v2", most=1, units=1, lease=5) != []  # it is SENDING, and stays so
    row = await outbox.status(one)
    assert row is not None
    assert row.message_ids == ("77",)


async def test_encrypted_messages_are_not_in_the_file(tmp_path: Path, sandbox: Sandbox) -> None:
    pytest.importorskip("cryptography", reason="the [crypto] extra is not installed")
    from cryptography.fernet import Fernet

    key, path = Fernet.generate_key().decode(), tmp_path / "secret.db"
    async with Outbox(path, encryption_key=key, clock=VirtualClock()) as outbox:
        one = await outbox.enqueue(message(7))
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"79160000007" not in kept
    assert "Ваш".encode() not in kept
    async with Outbox(path, encryption_key=Fernet.generate_key().decode(), clock=VirtualClock()) as outbox:
        await drained(outbox, sandbox)
        assert [row.id for row in await outbox.held()] == [one]
        assert await outbox.retry(one)
    async with Outbox(path, encryption_key=key, clock=VirtualClock()) as outbox:
        await drained(outbox, sandbox)
    assert sandbox.accepted.times(one) == 1


async def test_a_bad_encryption_key_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="the [crypto] extra is not installed")
    with pytest.raises(ConfigurationError, match="base64"):
        Outbox(tmp_path / "o.db", encryption_key="short")


async def test_every_option_of_a_message_arrives(outbox: Outbox, sandbox: Sandbox) -> None:
    one = await outbox.enqueue(
        Message(
            to="79160000001", text="Код [[code]]", params={"code": "17"}, max_parts=2, validity=3_600, truncate=True
        )
    )
    row = await outbox.status(one)
    assert row is not None
    kept = outbox.message(row)
    assert (kept.params, kept.max_parts, kept.validity, kept.truncate) == ({"code": "17"}, 2, 3_600, True)
    await drained(outbox, sandbox)
    assert [entry.text for entry in sandbox.accepted] == ["Код 17"]


async def test_what_was_held_when_the_worker_ended_goes_out_by_the_next_one(outbox: Outbox, sandbox: Sandbox) -> None:
    """A new key comes with a restart, so the worker that was refused is not the one that hears the first yes."""
    ids = await outbox.enqueue_many([message(number) for number in range(5)])
    for key, seconds in (("1837/NotTheKeyOfAnybody", 5), (sandbox.client_options()["api_key"], 30)):
        stop = asyncio.Event()
        async with SmsTraffic(**sandbox.client_options() | {"api_key": key}, clock=VirtualClock()) as sms:
            running = asyncio.create_task(outbox.run(sms, stop=stop))
            await asyncio.sleep(seconds)
            stop.set()
            await running
        assert len(await outbox.held()) == (5 if seconds == 5 else 0)
    assert [sandbox.accepted.times(one) for one in ids] == [1] * 5


@pytest.mark.parametrize("number", ["79161119415", "79161119419"])
async def test_one_that_refuses_its_whole_request_does_not_hold_the_others_for_ever(
    outbox: Outbox, sandbox: Sandbox, number: str
) -> None:
    poor = await outbox.enqueue(Message(to=number, text="Ваш заказ готов"))
    ids = await outbox.enqueue_many([message(number) for number in range(60)])
    stop = asyncio.Event()
    async with session(sandbox) as sms:
        running = asyncio.create_task(outbox.run(sms, stop=stop))
        await asyncio.sleep(3_600)
        stop.set()
        await running
    assert [sandbox.accepted.times(one) for one in ids] == [1] * 60
    assert [row.id for row in await outbox.held()] == [poor]
