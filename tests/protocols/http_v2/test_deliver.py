"""``v2.deliver``, the outbox's door: a batch that is kept, repeated whole after a crash, and halved by its owner."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sms_traffic_async.errors import InvalidMessage, NotSent, OutcomeUnknown, Rejected
from sms_traffic_async.events import ProcessStarted, SendStarted
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.http_v2 import Destination
from sms_traffic_async.protocols.http_v2.batch import Batch, Sized, batch_of_request
from sms_traffic_async.protocols.http_v2.models import SendRequest
from sms_traffic_async.settings import HttpOptions
from sms_traffic_async.telemetry import Ended
from tests.protocols.http_v2.script import LOST, Step, client, platform
from tests.support.virtual_loop import virtual

pytestmark = virtual

NUMBERS = ("79161112233", "79161112234")


def batch(count: int = 2) -> Batch:
    request = SendRequest(destinations=tuple(Destination(to=to, text="hello") for to in NUMBERS[:count]))
    return batch_of_request(request, max_parts=255)


async def test_delivered() -> None:
    kept = batch()
    async with platform() as one, client(one) as sms:
        outcomes = await sms.v2.deliver(kept, timeout=30.0)
    assert outcomes is not None
    assert [outcome.message_ids for outcome in outcomes if isinstance(outcome, Submission)] == [
        (truth.message_id,) for truth in one.accepted
    ]
    assert {send.body["restrictiveId"] for send in one.sends} == {kept.restrictive_id}


async def test_a_short_validity_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async with platform() as one, client(one) as sms:
        for to in NUMBERS:
            request = SendRequest(destinations=(Destination(to=to, text="hello"),), validity=599)
            await sms.v2.deliver(batch_of_request(request, max_parts=255), timeout=30.0)
    assert caplog.text.count("a validity below 600 s") == 1


async def test_what_an_earlier_process_began_is_found_and_not_sent_twice() -> None:
    """The same batch under the same id: 105 says that it was seen, and the look-up that it was taken."""
    kept = batch()
    async with platform() as one:
        one.script[1] = [LOST]
        async with client(one) as sms:  # which crashes before it hears of it
            task = asyncio.create_task(sms.v2.deliver(kept, timeout=30.0))
            while not one.accepted:
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with client(one) as sms:
            outcomes = await sms.v2.deliver(kept, timeout=120.0, since=60.0)
    assert outcomes is not None
    found = [outcome for outcome in outcomes if isinstance(outcome, Submission)]
    assert [(outcome.to, outcome.evidence) for outcome in found] == [(to, "lookup") for to in NUMBERS]
    assert len(one.accepted) == 2


@pytest.mark.parametrize("step", [Step(code=425), Step(status=413)])
async def test_one_bad_message_of_several_is_for_the_owner_to_find(step: Step) -> None:
    """``None``: none of it went out, and halves of it may. Alone it is refused for what it is."""
    async with platform() as one, client(one) as sms:
        one.script[1] = [step]
        assert await sms.v2.deliver(batch(), timeout=30.0) is None
        one.script[1] = [step]
        outcomes = await sms.v2.deliver(batch(1), timeout=30.0)
    assert outcomes is not None
    assert [isinstance(outcome, Rejected) for outcome in outcomes] == [True]
    assert not one.accepted


async def test_what_every_message_would_be_refused_for_is_told_of_each() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(code=411)]
        outcomes = await sms.v2.deliver(batch(), timeout=30.0)
    assert outcomes is not None
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Rejected)] == [411, 411]


async def test_its_time_to_live() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = one.script[2] = [Step(code=1000)] * 50
        outcomes = await sms.v2.deliver(batch(), timeout=30.0, expires_in=3.0)
        assert one.clock.monotonic() < one.sends[0].at + 10.0
    assert outcomes is not None
    assert not one.accepted
    assert not [outcome for outcome in outcomes if isinstance(outcome, Submission)]


async def test_the_guard_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", NUMBERS[0])
    async with platform() as one, client(one) as sms:
        with pytest.raises(NotSent) as caught:
            await sms.v2.deliver(batch(), timeout=30.0)
        assert (caught.value.reason, one.sends) == ("guarded", [])
        assert (await sms.v2.submit(Message(to=NUMBERS[0], text="hello"))).to == NUMBERS[0]


class Watch:
    """A hook that sees where something begins and ends."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, Any]] = []

    def __call__(self, event: Any, /) -> None:
        pass

    def capture(self) -> None:
        pass

    def begin(self, event: SendStarted | ProcessStarted, inherited: Any, /) -> Ended:
        del inherited
        return lambda ended: self.seen.append((event, ended))


async def test_hooks_see_a_batch_as_one_send() -> None:
    watch = Watch()
    async with platform() as one, client(one, hooks=(watch,)) as sms:
        await sms.v2.deliver(batch(), timeout=30.0)
    ((begun, ended),) = watch.seen
    assert (begun.via, begun.messages, ended.outcome) == ("v2", 2, "accepted")


async def test_a_message_that_is_too_long_is_told_so_behind_a_busy_slot() -> None:
    async with platform() as one, client(one, http=HttpOptions(in_flight=1), max_parts=1) as sms:
        one.script[1] = [Step(accept=True, wait=1.0)]
        first = asyncio.create_task(sms.v2.submit(Message(to=NUMBERS[0], text="hello")))
        await asyncio.sleep(0.1)
        with pytest.raises(InvalidMessage, match="at most 1 parts"):
            await sms.v2.submit(Message(to=NUMBERS[1], text="hello" * 100))
        await first
    assert len(one.sends) == 1


async def test_an_acceptance_that_is_found_out_is_recorded_like_any_other() -> None:
    """The tracker follows what ``resolve`` found."""
    told: list[Submission] = []
    async with platform() as one:
        one.script[1] = [LOST]
        one.queries = {1: [Step(end="fin")] * 50, 2: [Step(end="fin")] * 50}
        async with client(one) as sms:
            with pytest.raises(OutcomeUnknown) as caught:
                await sms.v2.submit(Message(to=NUMBERS[0], text="a"), timeout=6.0)
            one.queries = {1: [], 2: []}
            sms.v2._calls.telemetry.accepted = told.append
            await sms.v2.resolve(caught.value)
    assert [submission.evidence for submission in told] == ["lookup"]


async def test_what_is_printed_of_a_text_is_its_size() -> None:
    size = Sized("Код 1234", 1, True, "ucs2", None)
    assert repr(size) == "Sized(parts=1)"
