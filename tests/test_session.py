"""``SmsTraffic`` over the sandbox, on a virtual loop over real TCP."""

import asyncio
import logging
import pickle
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async import (
    Balance,
    ConfigurationError,
    DeadlineExceeded,
    DuplicateRequest,
    HttpOptions,
    InvalidMessage,
    Message,
    NotSent,
    OutcomeUnknown,
    RequestFailed,
    SmsTraffic,
    SmsTrafficError,
    Timeouts,
)
from sms_traffic_async.sandbox import (
    DEFAULT_ORIGINATOR,
    Drop,
    FaultRule,
    Latency,
    NumberOutcome,
    Pace,
    Sandbox,
    Temporary,
    Throttle,
)
from tests.support.exposure import shown
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

NUMBER = "79161112233"
TEXT = "Секретный код 8412"


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    start = datetime.fromtimestamp(VirtualClock().wall(), UTC)
    async with Sandbox(start=start) as sandbox:
        yield sandbox


def session(sandbox: Sandbox, **options: Any) -> SmsTraffic:
    return SmsTraffic(**(sandbox.client_options() | {"clock": VirtualClock()} | options))


async def test_send_follow_balance(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        before = await sms.balance()
        sent = await sms.send("+7 916 111-22-33", TEXT)
        assert (sent.via, sent.to, sent.evidence, sent.parts, sent.encoding) == ("v2", NUMBER, "answer", 1, "ucs2")
        update = await sms.wait_for(sent)
        assert (update.message_id, update.status, update.is_delivered) == (sent.message_id, "Delivered", True)
        after = await sms.balance()
        assert isinstance(after, Balance)
        assert after.amount < before.amount
    assert [entry.to for entry in sandbox.accepted] == [NUMBER]
    assert not list(sandbox.findings)


async def test_a_ready_message_and_an_integer_number(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        await sms.send(Message(to=NUMBER, text=TEXT, tracking_data="order 7"))
        await sms.send(int(NUMBER), TEXT)
        with pytest.raises(ConfigurationError, match="has its text and options already"):
            await sms.send(Message(to=NUMBER, text=TEXT), "another")
    assert sandbox.accepted[0].tracking_data == "order 7"


async def test_a_key_makes_a_repeat_of_yours_harmless(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        first = await sms.send(NUMBER, TEXT, key="otp-1")
    async with session(sandbox) as sms:  # as after a crash
        with pytest.raises(DuplicateRequest) as caught:
            await sms.send(NUMBER, TEXT, key="otp-1")
    assert caught.value.message_ids == first.message_ids
    assert len(sandbox.accepted) == 1


async def test_views_share_the_session(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        view = sms.with_options(originator=DEFAULT_ORIGINATOR, max_parts=1)
        await view.send(NUMBER, TEXT)
        with pytest.raises(InvalidMessage, match="at most 1 parts"):
            await view.send(NUMBER, TEXT * 10)
        await sms.send(NUMBER, TEXT * 10)
        assert view.stats is sms.stats
        with pytest.raises(ConfigurationError, match="not a view"):
            await view.aclose()
        with pytest.raises(ConfigurationError, match="not a view"):
            async with view:
                pass
        for options, says in (
            ({"nodes": ()}, "make another"),
            ({"colour": 1}, "no such option"),
            ({"max_parts": 0}, "max_parts"),
        ):
            with pytest.raises(ConfigurationError, match=says):
                sms.with_options(**options)


async def test_no_final_status_in_time(sandbox: Sandbox) -> None:
    sandbox.outcomes.add(NumberOutcome(suffix="2233", course="never"))
    async with session(sandbox) as sms:
        sent = await sms.send(NUMBER, TEXT)
        with pytest.raises(DeadlineExceeded) as caught:
            await sms.wait_for(sent, timeout=20)
        assert caught.value.last.status == "Buffered SMSC"
        with pytest.raises(DeadlineExceeded) as caught:
            await sms.wait_for("123456789", timeout=20)
        assert caught.value.last is None


async def test_a_thousand_waiters_cost_ten_requests_a_round(sandbox: Sandbox) -> None:
    sandbox.pace = Pace(final=2.0)
    async with session(sandbox) as sms:
        messages = (Message(to=f"7916{number:07d}", text=TEXT) for number in range(1000))
        async with sms.send_many(messages) as results:
            sent = [result.submission async for result in results]
        before = sms.stats.snapshot()["http.answered"]
        updates = await asyncio.gather(*(sms.wait_for(one) for one in sent if one is not None))
        assert all(update.is_final for update in updates)
        assert len(updates) >= 900
        assert sms.stats.snapshot()["http.answered"] - before < 100


async def test_an_unknown_outcome_is_resolved(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="send", nth=1))
    sandbox.faults.add(FaultRule(effect=Latency(seconds=60), operation="send"))
    async with session(sandbox, timeouts=Timeouts(deadline=2)) as sms:
        with pytest.raises(OutcomeUnknown) as caught:
            await sms.send(NUMBER, TEXT)
        found = await sms.resolve(caught.value, timeout=90)
    assert found.evidence == "lookup"
    assert found.message_ids == (sandbox.accepted[0].message_id,)
    assert len(sandbox.accepted) == 1


async def test_close_ends_calls_with_an_honest_outcome(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=25), operation="send"))
    sms = session(sandbox, http=HttpOptions(in_flight=2, batch=1), timeouts=Timeouts(read=60, deadline=120))
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(outcome(sms, number)) for number in range(4)]
        waiting = group.create_task(follow(sms))
        await asyncio.sleep(5)
        started = asyncio.get_running_loop().time()
        await sms.aclose(grace=3)
        assert asyncio.get_running_loop().time() - started < 8
    ended = [call.result() for call in calls]
    assert sorted(type(error).__name__ for error in ended) == ["NotSent", "NotSent", "OutcomeUnknown", "OutcomeUnknown"]
    assert all(error.reason == "closed" for error in ended if isinstance(error, NotSent))
    assert isinstance(waiting.result(), RequestFailed)
    with pytest.raises(NotSent, match="closed"):
        await sms.send(NUMBER, TEXT)
    with pytest.raises(RequestFailed, match="closed"):
        await sms.balance()


async def outcome(sms: SmsTraffic, number: int) -> SmsTrafficError:
    with pytest.raises(SmsTrafficError) as caught:
        await sms.send(f"7916000000{number}", TEXT)
    return caught.value


async def follow(sms: SmsTraffic) -> SmsTrafficError:
    with pytest.raises(SmsTrafficError) as caught:
        await sms.wait_for("1" * 19, timeout=100)
    return caught.value


async def test_close_within_the_grace_time_loses_nothing(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=2), operation="send"))
    sms = session(sandbox)
    calls = [asyncio.create_task(sms.send(f"7916000000{number}", TEXT)) for number in range(4)]
    await asyncio.sleep(1)
    await sms.aclose()
    assert len({(await call).message_id for call in calls}) == 4
    await sms.aclose()  # again changes nothing


async def test_entering_twice_and_entering_a_closed_session(sandbox: Sandbox) -> None:
    sms = session(sandbox)
    async with sms:
        with pytest.raises(ConfigurationError, match="entered once"):
            async with sms:
                pass
    with pytest.raises(ConfigurationError, match="entered once"):
        async with sms:
            pass
    closed = session(sandbox)
    await closed.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        async with closed:
            pass


async def test_the_live_send_guard_is_always_honoured(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "79990000000")
    async with session(sandbox) as sms:
        with pytest.raises(NotSent) as caught:
            await sms.send(NUMBER, TEXT)
        assert caught.value.reason == "guarded"
        with pytest.raises(NotSent):
            await sms.v2.send([NUMBER], TEXT)
        async with sms.send_many([Message(to=NUMBER, text=TEXT)]) as results:
            assert [type(result.error) async for result in results] == [NotSent]
        await sms.send("79990000000", TEXT)
    assert len(sandbox.accepted) == 1


@pytest.mark.parametrize(
    "to,text,options,field",
    [
        ("", TEXT, {}, "to"),
        ("phone", TEXT, {}, "to"),
        ("1234", TEXT, {}, "to"),
        ("9" * 16, TEXT, {}, "to"),
        (NUMBER, None, {}, "text"),
        (NUMBER, "", {}, "text"),
        (NUMBER, "half \ud83d", {}, "text"),
        (NUMBER, "я" * 18_000, {}, "text"),
        (NUMBER, TEXT, {"originator": "LongerThanEleven"}, "originator"),
        (NUMBER, TEXT, {"originator": "New\nLine"}, "originator"),
        (NUMBER, TEXT, {"tracking_data": "x" * 41}, "tracking_data"),
        (NUMBER, TEXT, {"key": ""}, "key"),
        (NUMBER, TEXT, {"max_parts": 0}, "max_parts"),
        (NUMBER, TEXT, {"validity": 90_000}, "validity"),
        (NUMBER, TEXT, {"start_at": datetime(2026, 1, 1)}, "start_at"),  # noqa: DTZ001 - naive on purpose
        (NUMBER, TEXT, {"expires_in": 0}, "expires_in"),
        (NUMBER, TEXT, {"flash": True}, "flash"),
        (NUMBER, TEXT, {"params": {"name": 1}}, "params"),
        (NUMBER, TEXT, {"region": "US"}, "region"),
    ],
)
async def test_bad_input_is_refused_before_io(to: str, text: str | None, options: dict[str, Any], field: str) -> None:
    async with SmsTraffic(api_key="1/x", nodes=["http://127.0.0.1:9"]) as sms:
        with pytest.raises(InvalidMessage) as caught:
            await sms.send(to, text, **options)
        assert caught.value.field == field
        assert caught.value.rule
        assert not sms.stats.snapshot()
        everything = shown(caught.value)
        assert NUMBER not in everything
        assert TEXT not in everything


async def test_misuse_is_told(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        for timeout in ("5", 0, -1, True, float("nan"), float("inf")):
            with pytest.raises(ConfigurationError, match="timeout"):
                await sms.send(NUMBER, TEXT, timeout=timeout)  # type: ignore[arg-type] # misuse
            with pytest.raises(ConfigurationError, match="timeout"):
                await sms.v2.balance(timeout=timeout)  # type: ignore[arg-type] # misuse
            with pytest.raises(ConfigurationError, match="timeout"):
                await sms.balance(timeout=timeout)  # type: ignore[arg-type] # misuse
        with pytest.raises(ConfigurationError, match="no field colour"):
            await sms.send(NUMBER, TEXT, colour="red")
        with pytest.raises(ConfigurationError, match="via"):
            await sms.send(NUMBER, TEXT, via="pigeon")  # type: ignore[arg-type] # misuse
        with pytest.raises(ConfigurationError, match="message id"):
            await sms.wait_for("")


async def test_nothing_secret_is_shown(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = sandbox.api_key.split("/")[1]
    sandbox.faults.add(FaultRule(effect=Drop(when="after")))
    errors: list[BaseException] = []
    async with session(sandbox, timeouts=Timeouts(deadline=3)) as sms:
        for number in (NUMBER, "79161119432", "12"):
            try:
                await sms.send(number, TEXT)
            except SmsTrafficError as error:
                errors.append(error)
        texts = [repr(sms), repr(sms.settings), str(sms.stats.snapshot())]
    try:
        SmsTraffic(api_key=f"{secret} with a space")
    except ConfigurationError as error:
        errors.append(error)
    assert len(errors) == 4
    for each in errors:
        texts += [shown(each), repr(pickle.loads(pickle.dumps(each)))]  # noqa: S301 - our own
    everything = "\n".join((caplog.text, *texts))
    for hidden in (secret, NUMBER, TEXT):
        assert hidden not in everything


async def test_a_key_holds_after_a_crash_and_a_429(sandbox: Sandbox) -> None:
    # The first sending is not to be found for a while, and the repeat meets a 429 or a temporary error first.
    sandbox.switches = sandbox.switches.changed({"statuses_delay": 20.0})
    async with session(sandbox) as sms:
        first = await sms.send(NUMBER, TEXT, key="otp-1")
    for effect in (Throttle(retry_after=0.5), Temporary(when="before")):
        sandbox.faults.add(FaultRule(effect=effect, operation="send", times=1))
        async with session(sandbox, timeouts=Timeouts(deadline=300)) as sms:
            told: tuple[str, ...] = ()
            try:
                told = (await sms.send(NUMBER, TEXT, key="otp-1")).message_ids
            except DuplicateRequest as error:
                told = error.message_ids
            except OutcomeUnknown as error:
                told = (await sms.resolve(error)).message_ids
            assert told == first.message_ids
    assert len(sandbox.accepted) == 1


async def test_a_bad_id_stops_nobody_else(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        sent = await sms.send(NUMBER, TEXT)
        bad = asyncio.create_task(sms.wait_for("a" * 200))
        assert (await sms.wait_for(sent)).is_delivered
        with pytest.raises(InvalidMessage):
            await bad
        for misuse, says in ((123, "message id"), (None, "message id")):
            with pytest.raises(ConfigurationError, match=says):
                await sms.wait_for(misuse)  # type: ignore[arg-type] # misuse
        for seconds in (0, -1, float("nan"), float("inf")):
            with pytest.raises(ConfigurationError, match="timeout"):
                await sms.wait_for(sent, timeout=seconds)
        with pytest.raises(ConfigurationError, match="OutcomeUnknown"):
            await sms.resolve(ValueError())  # type: ignore[arg-type] # misuse


async def test_leaving_send_many_tells_the_outcome_of_what_was_under_way(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=5), operation="send"))
    async with session(sandbox) as sms:
        messages = (Message(to=f"7916000{number:04d}", text=TEXT) for number in range(100))
        async with sms.send_many(messages, concurrency=8) as results:
            first = await anext(results)
        rest = [result async for result in results]
        assert len(rest) + 1 == results.summary.taken
        assert results.summary.interrupted == 0
        told = {result.message.to for result in (first, *rest) if not isinstance(result.error, NotSent)}
        await sandbox.advance("1m")
        assert {entry.to for entry in sandbox.accepted} <= told
