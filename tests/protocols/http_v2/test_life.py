"""The end of a session and of a call: cancellation at every await, close, and honest outcomes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sms_traffic_async.errors import NotSent, OutcomeUnknown, RequestFailed
from sms_traffic_async.messages import Submission
from sms_traffic_async.settings import HttpOptions, Timeouts
from tests.protocols.http_v2.script import LOST, TEMPORARY, VANISHED, Platform, Step, client, platform
from tests.support.virtual_loop import virtual

pytestmark = virtual

TO = "79161112233"
PATIENT = Timeouts(deadline=400.0)
HANG = Step(accept=True, end="hang")


def busy(sms: Any) -> tuple[int, int]:
    """Places taken, and requests that the nodes' health believes under way."""
    shared = sms._shared
    taken = HttpOptions().in_flight - shared.pool.places._value
    return taken, sum(node.in_flight for node in shared.nodes.snapshot())


async def prepared(one: Platform, phase: str) -> float:
    """Scripts the platform so that a send is in this phase after so many seconds."""
    if phase == "answer":
        one.script[1] = [HANG]
    elif phase == "second try":
        one.script[1] = [TEMPORARY]
        one.script[2] = [HANG]
        return 5.0
    elif phase == "backoff":
        one.script = {1: [TEMPORARY] * 9, 2: [TEMPORARY] * 9}
        return 0.5
    elif phase == "pause":
        one.script[1] = [Step(status=429, headers={"Retry-After": "60"})]
        return 5.0
    elif phase == "repeat of an unanswered one":
        one.script[1] = [VANISHED, HANG]
        return 5.0
    elif phase == "look-up":
        one.script[1] = [LOST]
        one.queries = {1: [Step(end="hang")], 2: []}
        return 3.0
    elif phase == "look-up of a missing one":
        one.script[1] = [Step(accept=True, rows=lambda rows: [])]
        one.statuses_delay = 80.0
        return 20.0
    elif phase == "between look-ups":
        one.script[1] = [LOST]
        one.statuses_delay = 80.0
        return 20.0
    return 1.0


PHASES = ["answer", "second try", "backoff", "pause", "repeat of an unanswered one", "look-up", "between look-ups",
          "look-up of a missing one"]  # fmt: skip


@pytest.mark.parametrize("phase", PHASES)
async def test_cancellation_at_every_await(phase: str, no_tasks_left: None) -> None:
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        after = await prepared(one, phase)
        task = asyncio.create_task(sms.send(TO, "hi"))
        await asyncio.sleep(after)
        assert not task.done(), "the phase was over too soon"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert busy(sms) == (0, 0)
        one.script, one.queries, one.statuses_delay = {1: [], 2: []}, {1: [], 2: []}, 0.0
        if phase != "pause":
            assert isinstance(await sms.send(TO, "hi", timeout=60.0), Submission), "the session goes on"


@pytest.mark.parametrize("phase", ["answer", "between look-ups"])
async def test_a_callers_deadline_around_a_call(phase: str) -> None:
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        after = await prepared(one, phase)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(after):
                await sms.send(TO, "hi")
        assert busy(sms) == (0, 0)


UNKNOWN = {"answer", "second try", "repeat of an unanswered one", "look-up", "between look-ups",
           "look-up of a missing one"}  # fmt: skip


@pytest.mark.parametrize("phase", PHASES)
async def test_close_ends_a_send_with_an_honest_outcome(phase: str, no_tasks_left: None) -> None:
    async with platform() as one:
        async with client(one, timeouts=PATIENT) as sms:
            after = await prepared(one, phase)
            task = asyncio.create_task(sms.send(TO, "hi"))
            await asyncio.sleep(after)
            assert not task.done()
            began = one.clock.monotonic()
            await sms.aclose(grace=2.0)
            assert one.clock.monotonic() - began <= 4.0
        with pytest.raises(OutcomeUnknown if phase in UNKNOWN else NotSent) as caught:
            await task
        if isinstance(caught.value, NotSent):
            assert caught.value.reason == "closed"
            assert not one.accepted


async def test_what_is_answered_within_the_grace_time_is_kept() -> None:
    async with platform() as one:
        async with client(one) as sms:
            one.script[1] = [Step(accept=True, wait=1.0)]
            task = asyncio.create_task(sms.send(TO, "hi"))
            await asyncio.sleep(0.1)
            await sms.aclose(grace=5.0)
        assert (await task).message_id == one.accepted[0].message_id


async def test_an_answer_that_came_with_the_interruption_is_kept() -> None:
    """The ids are on record before anything is awaited again."""
    from sms_traffic_async.messages import Message
    from sms_traffic_async.protocols.http.exchange import HttpAnswer
    from sms_traffic_async.protocols.http_v2.batch import batch_of_message
    from sms_traffic_async.protocols.http_v2.sending import Delivery

    async with platform() as one, client(one) as sms:
        calls = sms.v2._calls
        batch = batch_of_message(Message(to=TO, text="hi"), originator=None, max_parts=255)
        delivery = Delivery(calls, batch, deadline=calls.deadline(None))
        label = batch.members[0].label
        body = f'{{"success":true,"destinations":[{{"phone":{TO},"id":"17","trackingData":"{label}"}}]}}'.encode()
        now = one.clock.monotonic()
        delivery._read(HttpAnswer(status=200, headers={}, body=body, node="n", started=now, ended=now))
        (outcome,) = delivery.interrupted()
    assert isinstance(outcome, Submission)
    assert outcome.message_id == "17"


async def test_a_waiting_send_is_not_sent_when_the_session_closes() -> None:
    async with platform() as one:
        async with client(one, http=HttpOptions(in_flight=1)) as sms:
            one.script[1] = [HANG]
            first = asyncio.create_task(sms.send(TO, "hi"))
            second = asyncio.create_task(sms.send(TO, "hi"))
            await asyncio.sleep(1.0)
            await sms.aclose(grace=1.0)
        results = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(result) for result in results] == [OutcomeUnknown, NotSent]


async def test_after_close() -> None:
    async with platform() as one:
        async with client(one) as sms:
            v2 = sms.v2
        with pytest.raises(NotSent) as caught:
            await sms.send(TO, "hi")
        assert caught.value.reason == "closed"
        with pytest.raises(NotSent):
            await v2.send([TO, "79161112234"], "hi")
        with pytest.raises(RequestFailed, match="closed"):
            await v2.balance()
        with pytest.raises(RequestFailed, match="closed"):
            await v2.statuses(["1"])
        assert not one.got


async def test_close_ends_a_query() -> None:
    async with platform() as one:
        async with client(one) as sms:
            one.queries[1] = [Step(end="hang")]
            task = asyncio.create_task(sms.v2.balance())
            await asyncio.sleep(1.0)
            await sms.aclose(grace=1.0)
        with pytest.raises(RequestFailed, match="closed"):
            await task


async def test_many_at_once_share_the_places() -> None:
    async with platform() as one, client(one, http=HttpOptions(batching=False)) as sms:
        one.script[1] = [Step(accept=True, wait=0.5) for _ in range(20)]
        sent = await asyncio.gather(*(sms.send(TO, "hi") for _ in range(20)))
        assert len({one.message_id for one in sent}) == 20
        assert busy(sms) == (0, 0)
        starts = sorted(send.at for send in one.sends)
    assert starts[4] - starts[0] >= 0.5, "four at a time"


async def test_events_tell_outcomes_and_nothing_personal() -> None:
    events: list[Any] = []
    async with platform() as one, client(one, hooks=[events.append]) as sms:
        await sms.send(TO, "secret text")
        one.script[1] = [Step(code=432)]
        with pytest.raises(Exception, match="code 432"):
            await sms.send(TO, "secret text")
    finished = [event for event in events if hasattr(event, "outcome")]
    assert [(event.via, event.outcome, event.attempts, event.code) for event in finished] == [
        ("v2", "accepted", 1, None),
        ("v2", "rejected", 1, 432),
    ]
    assert "secret text" not in repr(events)
    assert TO not in repr(events)
