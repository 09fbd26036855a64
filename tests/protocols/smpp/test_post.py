"""`send_many` over SMPP, which makes no task for each message: the same outcomes as `submit`, over real TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.bulk import BulkSend
from sms_traffic_async.errors import (
    ConfigurationError,
    InvalidMessage,
    LocalProtocolError,
    NotSent,
    OutcomeUnknown,
    Rejected,
)
from sms_traffic_async.messages import Message, SendResult, Submission
from sms_traffic_async.posting import Tray
from sms_traffic_async.protocols.smpp.client import Smpp
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from sms_traffic_async.settings import Timeouts
from sms_traffic_async.settings_smpp import SmppOptions
from sms_traffic_async.telemetry import SendFinished
from tests.protocols.smpp.kit import LONG, MESSAGE, PASSWORD, TO, Client, client, dead_port, until
from tests.support.smpp_peer import Reply, Smsc
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

STATUS = CommandStatus


def numbered(count: int, **options: Any) -> list[Message]:
    return [Message(to=f"7916{number:07d}", text=f"text {number}", **options) for number in range(count)]


def bulk(one: Client, messages: Iterable[Message], *, concurrency: int = 20, smpp: Smpp | None = None) -> BulkSend:
    smpp = smpp or one.smpp
    return BulkSend(messages, smpp.submit, poster=smpp, life=one.life, concurrency=concurrency, clock=VirtualClock())


def answer_from_now_on(smsc: Smsc) -> None:
    smsc.answer = lambda _: 0
    smsc.answer_all()


async def read(sending: BulkSend) -> dict[int, SendResult]:
    async with sending as results:
        return {result.index: result async for result in results}


async def test_every_message_has_the_outcome_that_submit_would_tell() -> None:
    """In the order of coming, after what is sent alone; long ones in all of their parts."""
    messages = [MESSAGE, LONG, Message(to=TO, text="no", tracking_data="not over SMPP"), *numbered(300)]
    refused = "79160000007"
    seen: list[SendFinished] = []

    def answer(one: Any) -> Reply:
        return Reply(status=STATUS.ESME_RINVDSTADR if one.request.destination_addr == refused else 0)

    async with Smsc(answer=answer) as smsc, client(smsc, hooks=(seen.append,)) as one:
        found = await read(bulk(one, messages))
        assert [sms.request.destination_addr for sms in smsc.submits] == [
            TO, *[TO] * 3, *[message.to for message in messages[3:]]
        ]  # fmt: skip
        stats = one.smpp.stats()
    assert list(found) == sorted(found, key=list(found).index)
    assert sorted(found) == list(range(303))
    assert all(found[index].message is message for index, message in enumerate(messages))
    first, long, wrong = found[0].submission, found[1].submission, found[2].error
    assert isinstance(first, Submission)
    assert (first.to, first.via, first.message_ids, first.parts) == (TO, "smpp", ("id1",), 1)
    assert isinstance(long, Submission)
    assert (long.message_ids, long.parts) == (("id2", "id3", "id4"), 3)
    assert isinstance(wrong, InvalidMessage)
    bad = found[3 + 7].error
    assert isinstance(bad, Rejected)
    assert bad.code == STATUS.ESME_RINVDSTADR
    assert (stats.accepted, stats.rejected, stats.open, stats.waiting) == (301, 1, 0, 0)
    assert sorted({event.outcome for event in seen}) == ["accepted", "rejected"]
    assert len(seen) == 302


async def test_it_is_one_task_and_what_is_sent_alone_goes_first() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one, bulk(one, numbered(50)) as results:
        await until(lambda: smsc.submits)
        assert sum(task.get_name().startswith("sms-traffic bulk") for task in asyncio.all_tasks()) == 1
        alone = asyncio.create_task(one.smpp.submit(MESSAGE))
        await asyncio.sleep(0.1)
        smsc.answer = lambda _: 0
        smsc.answer_all()
        await alone
        assert [sms.request.destination_addr for sms in smsc.submits[:2]] == ["79160000000", TO]
        assert len([result async for result in results]) == 50


async def test_a_full_queue_is_waited_for() -> None:
    wrong = Message(to=TO, text="no", tracking_data="not over SMPP")
    messages = [wrong if number % 3 == 2 else message for number, message in enumerate(numbered(100))]
    async with Smsc() as smsc, client(smsc, window=2, queue=3) as one:
        found = await read(bulk(one, messages))
        assert [sms.request.destination_addr for sms in smsc.submits] == [
            message.to for message in messages if message is not wrong
        ]
    assert {type(result.error) for index, result in found.items() if index % 3 == 2} == {InvalidMessage}
    assert all(result.ok for index, result in found.items() if index % 3 != 2)


async def test_two_at_once_share_a_link() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        first, second = await asyncio.gather(*(read(bulk(one, numbered(50))) for _ in range(2)))
        assert len(smsc.submits) == 101
    assert all(result.ok for found in (first, second) for result in found.values())
    assert len(first) == len(second) == 50


async def test_those_with_a_time_to_live_do_not_outlive_it() -> None:
    """They stand between others whose deadlines are later."""
    messages = [
        Message(to=message.to, text=message.text, expires_in=5.0 if number % 2 else None)
        for number, message in enumerate(numbered(6))
    ]
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        reading = asyncio.create_task(read(bulk(one, messages)))
        await asyncio.sleep(6)
        assert len(smsc.submits) == 1
        answer_from_now_on(smsc)
        found = await reading
    assert [getattr(found[index].error, "reason", None) for index in range(6)] == [None, "expired"] * 3
    assert [found[index].ok for index in range(6)] == [True, False] * 3


async def test_another_loop_takes_nothing() -> None:
    told: list[object] = []
    tray = Tray(lambda: told.append("taken"), lambda *refused: told.append(refused))

    async def elsewhere(smpp: Smpp) -> None:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        with pytest.raises(ConfigurationError, match="another event loop"):
            smpp.post([MESSAGE], 0, tray, task)
        with pytest.raises(ConfigurationError, match="another event loop"):
            await smpp.post_in_turn(MESSAGE, 0, tray, task)

    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        await asyncio.to_thread(asyncio.run, elsewhere(one.smpp))
        assert len(smsc.submits) == 1
    assert not told
    assert not tray.accepted


async def test_no_room_until_the_deadline() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1, queue=2) as one:
        found = await read(bulk(one, numbered(5), smpp=one.view(timeouts=Timeouts(deadline=3))))
    kinds = [type(found[index].error) for index in range(5)]
    assert kinds[0] is OutcomeUnknown
    assert set(kinds[1:]) == {NotSent}
    assert {error.reason for result in found.values() if isinstance(error := result.error, NotSent)} == {"overloaded"}


async def test_no_server() -> None:
    async with client(dead_port()) as one:
        found = await read(bulk(one, numbered(5), smpp=one.view(timeouts=Timeouts(deadline=3))))
    assert {type(result.error) for result in found.values()} == {NotSent}


async def test_a_lost_link_tells_what_may_have_been_taken() -> None:
    def answer(one: Any) -> Reply | None:
        return (
            Reply(cut=True) if one.request.destination_addr[-2:] == "30" else None if int(one.sequence) % 2 else Reply()
        )

    async with Smsc(answer=answer) as smsc, client(smsc, window=10) as one:
        view = one.view(timeouts=Timeouts(deadline=20))
        results = await read(bulk(one, numbered(31), concurrency=31, smpp=view))
    found = {index: result.error for index, result in results.items()}
    unknown = [index for index, error in found.items() if isinstance(error, OutcomeUnknown)]
    assert len(found) == 31
    assert unknown
    assert all(error is None or isinstance(error, OutcomeUnknown | NotSent) for error in found.values())


async def test_leaving_the_block_writes_nothing_more_and_waits_for_answers() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=4) as one:
        async with bulk(one, numbered(100)) as results:
            await until(lambda: len(smsc.submits) == 4)
            other = asyncio.create_task(one.smpp.submit(MESSAGE))
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(1, answer_from_now_on, smsc)
        rest = [result async for result in results]
        await other
        assert len(smsc.submits) == 5
    assert [result.index for result in rest if result.ok] == [0, 1, 2, 3]
    assert {result.error.reason for result in rest if isinstance(result.error, NotSent)} == {"closed"}
    summary = results.summary
    assert (summary.accepted, summary.taken, summary.interrupted) == (4, len(rest), 0)


async def test_leaving_the_block_while_the_queue_is_full() -> None:
    async with (
        Smsc(answer=lambda _: None) as smsc,
        client(smsc, window=1, queue=2, response_timeout=2, late_timeout=3) as one,
    ):
        async with bulk(one, numbered(100)) as results:
            await until(lambda: one.hub.admission.waiting)
        rest = [result async for result in results]
    assert sorted(result.index for result in rest) == list(range(results.summary.taken))
    assert results.summary.interrupted == 0
    assert [type(result.error) for result in rest].count(OutcomeUnknown) == 1
    assert results.summary.not_sent == len(rest) - 1


async def test_without_an_answer_it_is_left_after_a_while() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=4) as one:
        async with bulk(one, numbered(100)) as results:
            await until(lambda: len(smsc.submits) == 4)
            began = smsc.now()
        assert smsc.now() - began < 6
        rest = [result async for result in results]
        assert smsc.now() - began < 6
        assert results.summary.interrupted == 4
        smsc.answer_all()
        await asyncio.sleep(1)
        assert one.smpp.stats().open == 0
    assert results.summary.taken == 4 + len(rest)


async def test_closing_the_session_tells_everything() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=4) as one:
        async with bulk(one, numbered(1000)) as results:
            await until(lambda: len(smsc.submits) == 4)
            await one.aclose(grace=1)
            found = [result async for result in results]
        assert [type(result.error) for result in found].count(OutcomeUnknown) == 4
        assert {type(result.error) for result in found} == {OutcomeUnknown, NotSent}
        assert results.summary.interrupted == 0
        assert results.summary.taken < 50


async def test_resend_and_time_to_live_hold_as_for_one() -> None:
    answers = iter([None, *[Reply()] * 100])
    async with Smsc(answer=lambda _: next(answers)) as smsc, client(smsc, window=1, response_timeout=2) as one:
        mortal = Message(to=TO, text="old", expires_in=1)
        found = await read(bulk(one, [MESSAGE, mortal], smpp=one.view(on_unknown="resend")))
        assert len(smsc.submits) == 2
    assert found[0].submission is not None
    assert found[0].submission.attempts == 2
    error = found[1].error
    assert isinstance(error, NotSent)
    assert error.reason == "expired"


async def test_a_defect_on_the_way_leaves_what_was_taken_with_its_outcome() -> None:
    """Nothing that is under way may be said to be unsent."""
    messages = numbered(10)
    object.__setattr__(messages[5], "to", "seven")  # what no check lets through
    seen: list[int] = []
    async with Smsc() as smsc, client(smsc) as one:
        sending = bulk(one, messages)
        with pytest.raises(LocalProtocolError, match="digits"):
            async with sending as results:
                async for result in results:
                    seen += [result.index] if result.ok else []
        assert len(smsc.submits) == 5
    assert seen == list(range(5))
    assert (sending.summary.accepted, sending.summary.not_sent, sending.summary.interrupted) == (5, 5, 0)


@pytest.mark.parametrize("guarded", [False, True])
async def test_a_session_sends_many_that_way(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if guarded:
        monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "79160000001")
    async with Smsc() as smsc:
        options = SmppOptions(servers=[smsc.url], rate=None)
        sms = SmsTraffic(login="user", password=PASSWORD, originator="Brand", smpp=options)
        async with sms, sms.send_many(numbered(40)) as results:
            assert sum(task.get_name().startswith("sms-traffic bulk") for task in asyncio.all_tasks()) == 1
            found = {result.index: result async for result in results}
        assert len(smsc.submits) == (1 if guarded else 40)
    assert [index for index, result in found.items() if result.ok] == ([1] if guarded else list(range(40)))
    if guarded:
        assert {error.reason for one in found.values() if isinstance(error := one.error, NotSent)} == {"guarded"}
