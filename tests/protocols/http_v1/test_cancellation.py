"""Cancellation and close at every await of a v1 call: honest outcomes, nothing left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sms_traffic_async.errors import NotSent, OutcomeUnknown, RequestFailed
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http_v1.kit import PHONE, TEXT, Desk, desk, ok, xml
from tests.support.exposure import shown
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

MESSAGE = Message(to=PHONE, text=TEXT)
ANSWER = ok((PHONE, "1"))


def idle(one: Desk) -> bool:
    node = one.v1._calls.nodes.snapshot()[0]
    return node.in_flight == 0 and one.pool.places._value == HttpOptions().in_flight and not one.life.calls


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("call", ["submit", "send", "group", "balance", "statuses", "checked", "incoming", "lists"])
async def test_cancelled_after_every_turn_of_the_loop(call: str) -> None:
    """Until a call is over before it can be cancelled, every await in it was hit."""

    def answer(form: Any) -> bytes:
        operation = form.fields().get("operation")
        return {
            "account": xml("<reply><account>1</account></reply>"),
            "status": xml("<reply><status>Delivered</status><sms_id>1</sms_id></reply>"),
            "incoming": xml("<reply><count>0</count></reply>"),
        }.get(str(operation), ANSWER)

    outcomes: set[str] = set()
    told: list[str] = []
    for count in range(400):
        async with desk(answer) as one:
            v1 = one.v1
            calls: dict[str, Any] = {
                "submit": lambda v1=v1: v1.submit(MESSAGE),
                "send": lambda v1=v1: v1.send([PHONE, "79261112233"], "a", with_push_id=True),
                "group": lambda v1=v1: v1.send_group("g", "a"),
                "balance": lambda v1=v1: v1.balance(),
                "statuses": lambda v1=v1: v1.statuses(["1"]),
                "checked": lambda v1=v1: v1.mark_checked(["1"]),
                "incoming": lambda v1=v1: v1.incoming(),
                "lists": lambda v1=v1: v1.lists.add_members(1, [PHONE]),
            }
            task = asyncio.create_task(calls[call]())
            await turns(count)
            task.cancel()
            try:
                await task
                outcomes.add("done")
            except asyncio.CancelledError as error:
                outcomes.add("cancelled")
                told.append(shown(error))
            await turns(5)
            assert idle(one), f"after {count} turns"
        if "done" in outcomes:
            break
    assert outcomes == {"cancelled", "done"}
    assert count > 5
    assert TEXT not in "\n".join(told)


async def hanging(started: asyncio.Event) -> Any:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        started.set()
        await asyncio.get_running_loop().create_future()

    return serve


async def test_close_makes_an_honest_outcome_of_a_send_under_way() -> None:
    from tests.protocols.http.kit import raw_server

    started = asyncio.Event()
    async with raw_server(await hanging(started)) as url, desk(urls=[url]) as one:
        sending = asyncio.create_task(one.v1.submit(MESSAGE))
        many = asyncio.create_task(one.v1.send(["79261112233", "79261112244"], "a"))
        asking = asyncio.create_task(one.v1.balance())
        await started.wait()
        await asyncio.sleep(1)
        await one.life.close(0.5)
        with pytest.raises(OutcomeUnknown):
            await sending
        reply = await many
        assert all(isinstance(outcome, OutcomeUnknown) for outcome in reply.outcomes)
        with pytest.raises(RequestFailed, match="closed"):
            await asking
        assert idle(one)
        with pytest.raises(NotSent) as caught:
            await one.v1.submit(MESSAGE)
        assert caught.value.reason == "closed"
        with pytest.raises(RequestFailed, match="closed"):
            await one.v1.lists.all()


async def test_close_between_two_requests_of_one_call() -> None:
    """The first request was answered, the second was not begun."""
    async with desk(ANSWER) as one:
        numbers = [f"7905{number:07d}" for number in range(6001)]

        def stop(event: Any) -> None:
            if type(event).__name__ == "RequestFinished":
                for call in tuple(one.life.calls):
                    call.interrupt()

        one.telemetry.hooks = (*one.telemetry.hooks, stop)
        one.platforms[0].answers = [lambda form: ok(*[(n, n) for n in form.fields()["phones"].split(",")])]
        reply = await one.v1.send(numbers, "a", timeout=1000.0)
    assert isinstance(reply.outcomes[0], Submission)
    last = reply.outcomes[-1]
    assert isinstance(last, NotSent)
    assert (last.reason, len(reply.outcomes), len(one.forms)) == ("closed", 6001, 1)


async def test_the_deadline_covers_everything() -> None:
    from tests.protocols.http.kit import raw_server

    async with raw_server(await hanging(asyncio.Event())) as url, desk(urls=[url]) as one:
        began = one.clock.monotonic()
        with pytest.raises(OutcomeUnknown):
            await one.v1.submit(MESSAGE, timeout=4.0)
        assert one.clock.monotonic() - began == pytest.approx(4.0, abs=0.1)
        assert idle(one)
