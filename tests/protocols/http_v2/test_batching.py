"""Messages of several callers in one request: what each of them is told, over real TCP."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import (
    InvalidOriginator,
    InvalidRecipient,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    SendError,
    TemporarilyUnavailable,
)
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.lanes import Lane
from sms_traffic_async.settings import HttpOptions, RetryPolicy, Timeouts
from tests.protocols.http_v2.script import LOST, TEMPORARY, VANISHED, Platform, Step, client, platform
from tests.support.virtual_loop import virtual

pytestmark = virtual

SLOW = Step(accept=True, wait=1.0)


def number(place: int) -> str:
    return f"7916{place:07}"


@asynccontextmanager
async def narrow(one: Platform, **options: Any) -> AsyncIterator[SmsTraffic]:
    """A session with one request in flight."""
    http = HttpOptions(in_flight=1, **({"batch": 100} | options.pop("http", {})))
    async with client(one, http=http, **options) as sms:
        yield sms


async def fill(sms: SmsTraffic, count: int, *, first: int = 0, **options: Any) -> list[asyncio.Task[Submission]]:
    """So many sends at once; the first of them is on the wire when this returns, the others wait."""
    tasks = [
        asyncio.create_task(sms.send(number(place), f"text {place}", **options))
        for place in range(first, first + count)
    ]
    await asyncio.sleep(0.1)
    return tasks


async def outcomes(tasks: list[asyncio.Task[Submission]]) -> list[Submission | BaseException]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def sizes(one: Platform) -> list[int]:
    return [len(send.body["destinations"]) for send in one.sends]


async def test_the_first_leaves_alone_and_the_others_share_the_next_request() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW]
        sent = await asyncio.gather(*await fill(sms, 30))
    assert sizes(one) == [1, 29]
    assert len({submission.message_id for submission in sent}) == 30
    truth = {str(taken.to): taken for taken in one.accepted}
    for place, submission in enumerate(sent):
        taken = truth[number(place)]
        assert (submission.message_id, submission.tracking_data) == (taken.message_id, taken.label)
        assert taken.text == f"text {place}"
        assert (submission.to, submission.attempts, submission.evidence) == (number(place), 1, "answer")
        assert (submission.parts, submission.encoding) == (1, "gsm7")
    alone, shared = one.sends
    assert alone.body["restrictiveId"] == sent[0].key
    assert shared.body["restrictiveId"] not in {submission.key for submission in sent}
    assert "channels" not in shared.body


async def test_a_lone_message_waits_for_nobody() -> None:
    async with platform() as one, narrow(one) as sms:
        for place in range(5):
            began = one.clock.monotonic()
            await sms.send(number(place), "text")
            assert one.clock.monotonic() == began
    assert sizes(one) == [1] * 5


async def test_batching_can_be_switched_off() -> None:
    async with platform() as one, narrow(one, http={"batching": False}) as sms:
        one.script[1] = [SLOW]
        await asyncio.gather(*await fill(sms, 5))
    assert sizes(one) == [1] * 5


async def test_a_batch_is_no_larger_than_asked() -> None:
    async with platform() as one, narrow(one, http={"batch": 10}) as sms:
        one.script[1] = [SLOW]
        await asyncio.gather(*await fill(sms, 26))
    assert sizes(one) == [1, 10, 10, 5]


async def test_what_a_request_shares_keeps_messages_apart() -> None:
    messages = [
        *(Message(to=number(place), text=f"plain {place}") for place in range(3)),
        *(Message(to=number(place), text=f"sender {place}", originator="shop") for place in range(3, 6)),
        *(Message(to=number(place), text="Hi [[name]]", params={"name": str(place)}) for place in range(6, 9)),
        *(Message(to=number(place), text="Bye [[name]]", params={"name": str(place)}) for place in range(9, 11)),
        *(Message(to=number(place), text=f"valid {place}", validity=700) for place in range(11, 13)),
        Message(to=number(13), text="keyed", key="mine"),
    ]
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW]
        tasks = await fill(sms, 1, first=20)
        tasks += [asyncio.create_task(sms.send(message)) for message in messages]
        assert all(isinstance(outcome, Submission) for outcome in await outcomes(tasks))
    assert sorted(sizes(one)) == [1, 1, 2, 2, 3, 3, 3]
    bodies = [send.body for send in one.sends]
    (shop,) = [body for body in bodies if body.get("originator") == "shop"]
    assert [row["content"]["sms"]["message"] for row in shop["destinations"]] == ["sender 3", "sender 4", "sender 5"]
    (hi,) = [body for body in bodies if body.get("channels", {}).get("sms", {}).get("message") == "Hi [[name]]"]
    assert [row["params"] for row in hi["destinations"]] == [{"name": "6"}, {"name": "7"}, {"name": "8"}]
    assert all("content" not in row for row in hi["destinations"])
    (valid,) = [body for body in bodies if body.get("channels", {}).get("sms", {}).get("timeout") == 700]
    assert len(valid["destinations"]) == 2


async def test_send_goes_before_send_many() -> None:
    async with platform() as one, narrow(one, http={"batch": 4}) as sms:
        one.script[1] = [SLOW]
        first = await fill(sms, 1, first=90)
        bulk = [
            asyncio.create_task(sms.v2.submit(Message(to=number(place), text="bulk"), lane=Lane.BULK))
            for place in range(6)
        ]
        await asyncio.sleep(0)
        urgent = [asyncio.create_task(sms.send(number(place), "urgent")) for place in range(10, 12)]
        await asyncio.gather(*first, *bulk, *urgent)
    texts = [[row["content"]["sms"]["message"] for row in send.body["destinations"]] for send in one.sends[1:]]
    assert texts == [["urgent", "urgent", "bulk", "bulk"], ["bulk"] * 4]


# --- leaving


async def test_cancelling_one_that_waits_sends_the_others_and_not_it() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW]
        tasks = await fill(sms, 20)
        tasks[7].cancel()
        results = await outcomes(tasks)
    assert isinstance(results[7], asyncio.CancelledError)
    assert sum(isinstance(result, Submission) for result in results) == 19
    assert number(7) not in {str(taken.to) for taken in one.accepted}


async def test_cancelling_one_whose_batch_is_on_the_wire_harms_no_other_and_is_recorded() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW, Step(accept=True, wait=5.0)]
        tasks = await fill(sms, 20)
        await asyncio.sleep(2.0)
        tasks[7].cancel()
        results = await outcomes(tasks)
        assert sms.stats.snapshot()["v2.send.accepted"] == 20
    assert isinstance(results[7], asyncio.CancelledError)
    assert sum(isinstance(result, Submission) for result in results) == 19
    assert len(one.accepted) == 20


async def test_cancelling_one_of_a_batch_between_its_attempts_takes_it_out_under_a_new_id() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW, TEMPORARY]
        tasks = await fill(sms, 5)
        await asyncio.sleep(1.2)
        assert sizes(one) == [1, 4]  # refused for now: it waits for the other node
        tasks[2].cancel()
        results = await outcomes(tasks)
    assert isinstance(results[2], asyncio.CancelledError)
    assert sizes(one) == [1, 4, 3]
    assert len({send.body["restrictiveId"] for send in one.sends}) == 3
    assert number(2) not in {str(taken.to) for taken in one.accepted}
    assert [result.attempts for result in results if isinstance(result, Submission)] == [1, 2, 2, 2]


async def test_a_deadline_in_the_queue_is_not_sent() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [Step(accept=True, wait=10.0)]
        tasks = await fill(sms, 3)
        short = asyncio.create_task(sms.send(number(9), "short", timeout=2.0))
        began = one.clock.monotonic()
        with pytest.raises(NotSent) as caught:
            await short
        assert one.clock.monotonic() - began == pytest.approx(2.0, abs=0.2)
        await asyncio.gather(*tasks)
    assert (caught.value.reason, caught.value.retryable) == ("overloaded", True)
    assert number(9) not in {str(taken.to) for taken in one.accepted}


async def test_a_deadline_inside_a_batch_is_unknown_and_can_be_resolved() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW, Step(accept=True, wait=10.0)]
        tasks = await fill(sms, 3)
        short = asyncio.create_task(sms.send(number(9), "short", timeout=4.0))
        began = one.clock.monotonic()
        with pytest.raises(OutcomeUnknown) as caught:
            await short
        assert one.clock.monotonic() - began == pytest.approx(4.0, abs=0.2)
        found = await sms.resolve(caught.value)
        await asyncio.gather(*tasks)
        assert sms.stats.snapshot()["v2.send.accepted"] == 4
    (taken,) = [taken for taken in one.accepted if str(taken.to) == number(9)]
    assert (found.message_id, found.evidence) == (taken.message_id, "lookup")
    assert caught.value.message_key == taken.label


async def test_a_deadline_between_attempts_names_the_refusal_and_is_never_sent_later() -> None:
    async with platform() as one, narrow(one, retry=RetryPolicy(base_delay=4.0)) as sms:
        one.script = {1: [SLOW, *[TEMPORARY] * 3], 2: [TEMPORARY] * 3}
        tasks = await fill(sms, 3)
        short = asyncio.create_task(sms.send(number(9), "short", timeout=3.0))
        with pytest.raises(SendError) as caught:
            await short
        await asyncio.gather(*tasks)
    assert isinstance(caught.value, TemporarilyUnavailable)
    assert number(9) not in {str(taken.to) for taken in one.accepted}


async def test_expires_in_ends_the_waiting_but_not_the_answer() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW, Step(accept=True, wait=5.0)]
        tasks = await fill(sms, 2)
        in_time = asyncio.create_task(sms.send(number(8), "in time", expires_in=3.0))
        assert (await in_time).evidence == "answer"  # begun before 3 s, answered after 6
        one.script[1] = [Step(accept=True, wait=5.0)]
        tasks += await fill(sms, 1, first=5)
        with pytest.raises(NotSent) as caught:
            await sms.send(number(9), "late", expires_in=3.0)
        await asyncio.gather(*tasks)
    assert caught.value.reason == "expired"
    assert number(9) not in {str(taken.to) for taken in one.accepted}


async def test_a_full_queue_waits_until_the_deadline() -> None:
    async with platform() as one, narrow(one) as sms:
        sms.v2._batching.batcher._room = 5  # type: ignore[union-attr]  # no option: a bound, not a setting
        one.script[1] = [Step(accept=True, wait=4.0)]
        tasks = await fill(sms, 6)
        later = await fill(sms, 3, first=10)
        with pytest.raises(NotSent) as caught:
            await sms.send(number(20), "no room", timeout=2.0)
        results = await asyncio.gather(*tasks, *later)
    assert caught.value.reason == "overloaded"
    assert len(results) == 9
    assert number(20) not in {str(taken.to) for taken in one.accepted}


async def test_whoever_waits_for_room_gets_it_although_all_in_the_queue_gave_up() -> None:
    async with platform() as one, narrow(one) as sms:
        sms.v2._batching.batcher._room = 3  # type: ignore[union-attr]  # as above
        one.script[1] = [Step(accept=True, wait=4.0)]
        first = await fill(sms, 1)
        queued = await fill(sms, 3, first=1, timeout=2.0)
        later = await fill(sms, 5, first=4)
        given_up = await outcomes(queued)
        results = await asyncio.gather(*first, *later)
    assert [error.reason for error in given_up if isinstance(error, NotSent)] == ["overloaded"] * 3
    assert len(results) == 6
    assert sizes(one) == [1, 3, 2]


async def test_close_while_hundreds_wait_flushes_what_it_can() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [Step(accept=True, wait=2.0)] * 4
        tasks = await fill(sms, 500)
        await sms.aclose(grace=5.0)
        results = await outcomes(tasks)
    taken = {str(taken.to) for taken in one.accepted}
    counts = Counter(type(result) for result in results)
    # Two requests are answered within the grace time, the third is cut off, and the rest never left.
    assert counts == {Submission: 101, OutcomeUnknown: 100, NotSent: 299}
    for place, result in enumerate(results):
        if isinstance(result, Submission):
            assert number(place) in taken
        elif isinstance(result, NotSent):
            assert (result.reason, number(place) in taken) == ("closed", False)


async def test_after_close_nothing_is_queued() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [Step(accept=True, wait=3.0)]
        tasks = await fill(sms, 2)
        closing = asyncio.create_task(sms.aclose(grace=10.0))
        await asyncio.sleep(0.1)
        with pytest.raises(NotSent) as caught:
            await sms.send(number(9), "late")
        assert all(isinstance(result, Submission) for result in await outcomes(tasks))
        await closing
    assert caught.value.reason == "closed"


# --- refusals


@pytest.mark.parametrize("culprit", [0, 3, 8])
async def test_a_refused_batch_is_halved_until_the_culprit_stands_alone(culprit: int) -> None:
    async with platform() as one, narrow(one) as sms:
        bad = int(number(culprit + 1))
        ordinary = one._send

        def strict(got: Any, step: Step | None) -> bytes:
            if any(row["to"] == bad for row in got.body["destinations"]):
                return b'{"success":false,"error":{"code":427,"message":"wrong phone length"}}'
            return ordinary(got, step)

        one._send = strict  # type: ignore[method-assign]  # what the platform does with one number
        one.script[1] = [SLOW]
        results = await outcomes(await fill(sms, 10))
    refused = [place for place, result in enumerate(results) if isinstance(result, InvalidRecipient)]
    assert refused == [culprit + 1]
    assert sum(isinstance(result, Submission) for result in results) == 9
    assert Counter(str(taken.to) for taken in one.accepted) == Counter(
        number(place) for place in range(10) if place != culprit + 1
    )
    ids = [send.body["restrictiveId"] for send in one.sends]
    assert len(set(ids)) == len(ids)
    assert len(ids) <= 1 + 9


async def test_one_bad_message_among_a_thousand_harms_no_other() -> None:
    async with platform() as one, client(one, http=HttpOptions(in_flight=2, batch=100)) as sms:
        bad = int(number(617))
        ordinary = one._send

        def strict(got: Any, step: Step | None) -> bytes:
            if any(row["to"] == bad for row in got.body["destinations"]):
                return b'{"success":false,"error":{"code":427,"message":"wrong phone length"}}'
            return ordinary(got, step)

        one._send = strict  # type: ignore[method-assign]  # as above
        messages = (Message(to=number(place), text=f"text {place}") for place in range(1000))
        async with sms.send_many(messages) as results:
            refused = [result async for result in results if result.error is not None]
    assert [(result.index, type(result.error)) for result in refused] == [(617, InvalidRecipient)]
    assert str(results.summary) == "999 accepted, 1 rejected, 0 not sent, 0 unknown, none untouched"
    assert Counter(str(taken.to) for taken in one.accepted) == Counter(
        number(place) for place in range(1000) if place != 617
    )
    assert len(one.sends) <= 12 + 2 * 7  # a thousand in hundreds, and the halves of one of them


async def test_leaving_send_many_tells_each_message_the_truth() -> None:
    async with platform() as one, client(one, http=HttpOptions(in_flight=1, batch=10)) as sms:
        one.script[1] = [Step(accept=True, wait=2.0)] * 100
        messages = (Message(to=number(place), text=f"text {place}") for place in range(1000))
        told: dict[str, Any] = {}
        async with sms.send_many(messages, concurrency=40) as results:
            async for result in results:
                told[result.message.to] = result.error
                if len(told) == 15:
                    await asyncio.sleep(0.5)  # the next request is on the wire
                    break
        told |= {result.message.to: result.error async for result in results}
        assert len(told) == results.summary.taken < 100
        assert results.summary.interrupted == 0
        await asyncio.sleep(10)  # whatever is on the wire arrives
        await sms.send(number(2000), "the session goes on", timeout=30)
    taken = {str(taken.to) for taken in one.accepted}
    for to, error in told.items():
        assert isinstance(error, OutcomeUnknown) or (error is None) == (to in taken), (to, error)
    assert {type(error) for error in told.values()} == {type(None), OutcomeUnknown, NotSent}
    assert taken - set(told) == {number(2000)}


async def test_a_number_that_the_refusal_names_goes_alone_at_once() -> None:
    async with platform() as one, narrow(one) as sms:
        bad = int(number(5))
        ordinary = one._send

        def strict(got: Any, step: Step | None) -> bytes:
            if any(row["to"] == bad for row in got.body["destinations"]):
                return b'{"success":false,"error":{"code":432,"message":"Blocked phone: \\"%d\\""}}' % bad
            return ordinary(got, step)

        one._send = strict  # type: ignore[method-assign]  # as above
        one.script[1] = [SLOW]
        results = await outcomes(await fill(sms, 10))
    assert isinstance(results[5], InvalidRecipient)
    assert sizes(one) == [1, 9, 1, 8]


async def test_a_refusal_of_what_all_share_is_everybodys() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW, Step(code=436)]
        results = await outcomes(await fill(sms, 10))
    assert sizes(one) == [1, 9]
    assert [type(result) for result in results[1:]] == [InvalidOriginator] * 9
    assert len({id(result) for result in results[1:]}) == 9, "an error of one's own each"


async def test_an_error_of_one_destination_is_its_own() -> None:
    def third(rows: list[dict[str, Any]]) -> list[Any]:
        rows[2] = {"phone": rows[2]["phone"], "trackingData": rows[2]["trackingData"],
                   "error": {"code": 432, "message": "Blocked phone"}}  # fmt: skip
        return rows

    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW, Step(accept=True, rows=third)]
        results = await outcomes(await fill(sms, 6))
    assert isinstance(results[3], InvalidRecipient)
    assert sum(isinstance(result, Submission) for result in results) == 5
    assert sizes(one) == [1, 5]


# --- unknown


async def test_an_unanswered_batch_is_repeated_as_it_was_and_looked_up() -> None:
    async with platform() as one, narrow(one, timeouts=Timeouts(deadline=300.0)) as sms:
        one.script[1] = [SLOW, LOST]
        results = await asyncio.gather(*await fill(sms, 8))
    assert sizes(one) == [1, 7, 7]
    first, again = one.sends[1:]
    assert first.body == again.body
    assert first.node == again.node
    assert len(one.accepted) == 8
    assert {result.evidence for result in results[1:]} == {"lookup"}
    assert [look.body["trackingData"] for look in one.looks] == [
        [row["trackingData"] for row in first.body["destinations"]]
    ]


async def test_one_who_leaves_an_unanswered_batch_is_told_unknown_and_stays_in_it() -> None:
    async with platform() as one, narrow(one, timeouts=Timeouts(deadline=300.0)) as sms:
        one.script[1] = [SLOW, Step(end="fin", wait=2.0), Step(end="hang")]
        tasks = await fill(sms, 4)
        with pytest.raises(OutcomeUnknown):
            await sms.send(number(9), "short", timeout=5.0)
        results = await asyncio.gather(*tasks)
    assert sizes(one) == [1, 4, 4, 4]
    assert one.sends[1].body == one.sends[2].body == one.sends[3].body
    assert len(results) == 4
    assert Counter(str(taken.to) for taken in one.accepted) == Counter([*map(number, range(4)), number(9)])


async def test_a_rekeyed_batch_leaves_out_who_was_told_unknown() -> None:
    async with platform() as one, narrow(one, timeouts=Timeouts(deadline=400.0), on_unknown="resend") as sms:
        one.script[1] = [SLOW, VANISHED, Step(code=105)]
        tasks = await fill(sms, 3)
        with pytest.raises(OutcomeUnknown):
            await sms.send(number(9), "short", timeout=30.0)
        results = await asyncio.gather(*tasks)
    assert sizes(one) == [1, 3, 3, 2]
    assert len(results) == 3
    assert number(9) not in {str(taken.to) for taken in one.accepted}
    assert len({send.body["restrictiveId"] for send in one.sends[1:]}) == 2


# --- pace


async def test_a_pause_past_the_deadline_is_said() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [Step(status=429, headers={"Retry-After": "20"}), Step(accept=True)]
        tasks = await fill(sms, 4)
        with pytest.raises(RateLimited) as caught:
            await sms.send(number(9), "short", timeout=5.0)
        await asyncio.gather(*tasks)
    assert caught.value.retry_after == pytest.approx(15.0, abs=3.0)
    assert sum(send.node == 1 for send in one.sends) == 3


async def test_a_configured_rate_is_kept_and_used() -> None:
    async with platform() as one, client(one, http=HttpOptions(rate=20.0)) as sms:

        async def work() -> None:
            for _ in range(20):
                await sms.send(number(1), "text")

        began = one.clock.monotonic()
        await asyncio.gather(*(work() for _ in range(50)))
        took = one.clock.monotonic() - began
    times = [send.at for send in one.sends]
    assert all(later - earlier >= 1.0 - 1e-6 for earlier, later in zip(times, times[20:], strict=False))
    assert took == pytest.approx((len(times) - 1) / (20 * 0.98), abs=0.2)
    assert len(one.accepted) == 1000
    assert len(times) <= 110  # 50 callers and 4 requests: about 12 messages each, while they wait for their turn


async def test_no_task_is_left(no_tasks_left: None) -> None:
    async with platform() as one:
        async with narrow(one) as sms:
            one.script[1] = [SLOW]
            await asyncio.gather(*await fill(sms, 50))
        assert len(one.accepted) == 50


async def test_a_submission_of_a_batch_is_a_submission_like_any_other() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW]
        _, sent = await asyncio.gather(*await fill(sms, 2))
    (truth,) = [taken for taken in one.accepted if str(taken.to) == number(1)]
    assert sent == Submission(
        via="v2",
        message_ids=(truth.message_id,),
        key=truth.label,
        to=number(1),
        node=one.urls[0].removeprefix("http://"),
        accepted_at=sent.accepted_at,
        tracking_data=truth.label,
        parts=1,
        encoding="gsm7",
    )
    assert [field.name for field in fields(Submission)] == list(Submission.__slots__)


async def test_the_gauges_tell_what_waits_and_what_is_under_way() -> None:
    async with platform() as one, narrow(one) as sms:
        one.script[1] = [SLOW, SLOW]
        tasks = await fill(sms, 5)
        gauges = sms.stats.gauges()
        assert (gauges["v2.waiting"], gauges["v2.in_flight"]) == (4, 1)
        await asyncio.sleep(1.05)  # the four are on their way, in a task that says what it is
        assert "sms-traffic batch" in {task.get_name() for task in asyncio.all_tasks()}
        await asyncio.gather(*tasks)
        gauges = sms.stats.gauges()
        assert (gauges["v2.waiting"], gauges["v2.in_flight"]) == (0, 0)


async def test_every_place_in_flight_comes_back() -> None:
    """As many requests at once the second time as the first."""
    async with platform() as one, client(one, http=HttpOptions(in_flight=3)) as sms:
        for _ in range(2):
            begun = len(one.sends)
            one.script[1] = [SLOW] * 3
            tasks = []
            for place in range(3):
                tasks += await fill(sms, 1, first=begun + place)
                await asyncio.sleep(0.01)
            assert len(one.sends) == begun + 3, "none of them waits for another's answer"
            await asyncio.gather(*tasks)
