"""Messages of several callers in one request of v1: what each of them is told, over real TCP."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import InvalidRecipient, NotSent, OutcomeUnknown, TemporarilyUnavailable
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.sandbox import Drop, FaultRule, Latency, Sandbox, Temporary
from sms_traffic_async.settings import HttpOptions, Timeouts
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual


def number(place: int) -> str:
    return f"7916{place:07}"


@asynccontextmanager
async def narrow(**options: Any) -> AsyncIterator[tuple[Sandbox, SmsTraffic, list[int]]]:
    """A session over v1 with one request in flight that takes a second; counts messages a request."""
    clock = VirtualClock()
    async with Sandbox() as sandbox:
        sandbox.outcomes.clear()
        sandbox.faults.add(FaultRule(effect=Latency(seconds=1.0), operation="send"))
        sizes: list[int] = []
        given = sandbox.client_options() | {"clock": clock, "http": HttpOptions(in_flight=1), **options}
        async with SmsTraffic(**given) as sms:
            original = sms.v1._calls.request

            def request(operation: str, path: str, pairs: Any, charset: Any = "cp1251") -> Any:
                found = dict(pairs)
                if "phones" in found:
                    sizes.append(len(found["phones"].split(found["delimiter"])) if "delimiter" in found else 1)
                return original(operation, path, found.items(), charset)

            sms.v1._calls.request = request  # type: ignore[method-assign]  # looks on, changes nothing
            yield sandbox, sms, sizes


async def fill(sms: SmsTraffic, count: int, **options: Any) -> list[asyncio.Task[Submission]]:
    tasks = [
        asyncio.create_task(sms.v1.submit(Message(to=number(place), text=f"text {place}", **options)))
        for place in range(count)
    ]
    await asyncio.sleep(0.1)
    return tasks


async def test_messages_share_a_request_and_each_gets_its_own_ids() -> None:
    async with narrow() as (sandbox, sms, sizes):
        tasks = await fill(sms, 10)
        tasks.append(asyncio.create_task(sms.v1.submit(Message(to=number(10), text="x" * 200))))
        tasks += [asyncio.create_task(sms.v1.submit(Message(to=number(place), text="Код"))) for place in range(11, 14)]
        sent = await asyncio.gather(*tasks)
    assert sizes == [1, 10, 3]  # Latin and Cyrillic texts go under another ``rus``
    by_id = {entry.message_id: entry.to for entry in sandbox.accepted}
    for place, submission in enumerate(sent):
        assert submission.to == number(place)
        assert len(submission.message_ids) == submission.parts == (2 if place == 10 else 1)
        # The accept log knows a message by the id of its first part.
        assert {by_id[message_id] for message_id in submission.message_ids if message_id in by_id} == {number(place)}


async def test_options_keep_messages_apart() -> None:
    async with narrow() as (sandbox, sms, sizes):
        tasks = await fill(sms, 3)
        tasks += await fill(sms, 2, validity=700)
        tasks += [asyncio.create_task(sms.v1.submit(Message(to=number(9), text="text"), on_unknown="resend"))]
        await asyncio.gather(*tasks)
    assert sizes == [1, 2, 2, 1]
    assert len(sandbox.accepted) == 6


async def test_one_bad_number_is_found_and_the_others_are_sent() -> None:
    async with narrow() as (sandbox, sms, _):
        tasks = await fill(sms, 8)
        tasks.append(asyncio.create_task(sms.v1.submit(Message(to="12345", text="text"))))
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[8], InvalidRecipient)
    assert all(isinstance(result, Submission) for result in results[:8])
    assert Counter(entry.to for entry in sandbox.accepted) == Counter(number(place) for place in range(8))


async def test_an_unanswered_batch_is_unknown_and_never_repeated() -> None:
    async with narrow() as (sandbox, sms, sizes):
        sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="send", nth=2))
        results = await asyncio.gather(*await fill(sms, 6), return_exceptions=True)
    assert isinstance(results[0], Submission)
    assert all(isinstance(result, OutcomeUnknown) for result in results[1:])
    assert sizes == [1, 5]
    assert len(sandbox.accepted) == 6


async def test_who_leaves_before_it_is_written_is_not_sent() -> None:
    async with narrow(timeouts=Timeouts(deadline=60.0)) as (sandbox, sms, sizes):
        sandbox.faults.add(FaultRule(effect=Temporary(when="before"), operation="send", nth=2))
        tasks = await fill(sms, 6)
        short = asyncio.create_task(sms.v1.submit(Message(to=number(9), text="short"), timeout=2.4))
        tasks[5].cancel()  # in the queue
        await asyncio.sleep(2.1)
        assert sizes == [1, 5]  # the batch was refused for now, and waits
        tasks[3].cancel()
        results = await asyncio.gather(*tasks, short, return_exceptions=True)
    assert [type(result) for result in results] == [
        Submission,
        Submission,
        Submission,
        asyncio.CancelledError,
        Submission,
        asyncio.CancelledError,
        TemporarilyUnavailable,
    ]
    assert sorted(entry.to for entry in sandbox.accepted) == [number(place) for place in (0, 1, 2, 4)]


async def test_close_tells_everybody_the_truth() -> None:
    async with narrow(http=HttpOptions(in_flight=1, batch=10)) as (sandbox, sms, _):
        tasks = await fill(sms, 40)
        await sms.aclose(grace=2.5)
        results = await asyncio.gather(*tasks, return_exceptions=True)
    taken = {entry.to for entry in sandbox.accepted}
    for place, result in enumerate(results):
        if isinstance(result, Submission):
            assert number(place) in taken
        elif isinstance(result, NotSent):
            assert (result.reason, number(place) in taken) == ("closed", False)
        else:
            assert isinstance(result, OutcomeUnknown)
    counts = Counter(type(result) for result in results)
    assert counts == {Submission: 11, OutcomeUnknown: 10, NotSent: 19}
