"""Once, in order, and until it is taken: what handlers do wrong, and calls that meet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sms_traffic_async import InboundMessage, StatusUpdate
from sms_traffic_async.webhooks import BadItem, Receiver, Reply, WebhookOptions
from tests.support.virtual_loop import VirtualClock, virtual
from tests.webhooks.kit import FORM, JSON, LOCAL, SECRET, Application, statuses

pytestmark = virtual


class Calls:
    """A receiver and short ways to call it."""

    def __init__(self, application: Application, **options: int) -> None:
        self.receiver = Receiver(
            secret=SECRET,
            options=WebhookOptions(**options),  # type: ignore[arg-type] # whole numbers only
            clock=VirtualClock(),
            **application.handlers,
        )

    async def status(self, *pairs: tuple[str, str]) -> int:
        return (await self.receiver.status(statuses(*pairs), JSON, LOCAL, secret=SECRET)).status

    async def message(self, sms_id: str = "1", text: str = "a", extra: str = "") -> Reply:
        body = f"message={text}&phone=7&sms_id={sms_id}{extra}"
        return await self.receiver.push(body.encode(), FORM, LOCAL, secret=SECRET)

    def count(self, name: str) -> int:
        return self.receiver.stats.snapshot().get(f"webhooks.{name}", 0)


async def test_not_taken_is_asked_for_again(application: Application) -> None:
    calls = Calls(application)
    application.broken = True
    assert await calls.status(("1", "Read")) == 503
    application.broken = False
    assert await calls.status(("1", "Read")) == 200
    assert await calls.status(("1", "Read")) == 200
    assert application.seen == [("1", "Read")]


async def test_a_handler_that_is_too_slow_has_not_taken_it(application: Application) -> None:
    calls = Calls(application)
    application.gate.clear()
    assert await calls.status(("1", "Read")) == 503
    assert (await calls.message()).status == 503
    application.gate.set()
    assert await calls.status(("1", "Read")) == 200
    assert (await calls.message()).status == 200
    assert application.seen == [("1", "Read")]
    assert len(application.messages) == 1


async def test_one_item_that_is_refused_does_not_hold_the_others(application: Application) -> None:
    calls = Calls(application)
    application.failing = {"2"}
    push = [(str(number), "Read") for number in range(5)]
    assert await calls.status(*push) == 503
    assert application.seen == [("0", "Read"), ("1", "Read"), ("3", "Read"), ("4", "Read")]
    application.failing = set()
    assert await calls.status(*push) == 200
    assert application.seen[4:] == [("2", "Read")]  # only the one that was missing


async def test_the_others_are_tried_once_only_where_nothing_is_taken(application: Application) -> None:
    calls = Calls(application)
    application.broken = True
    assert await calls.status(*((str(number), "Read") for number in range(50))) == 503
    assert application.calls == [50, 1, 1, 1]


async def test_an_item_is_blamed_when_others_of_its_push_were_taken(application: Application) -> None:
    calls = Calls(application, handler_attempts=3)
    application.failing = {"2"}
    push = [(str(number), "Read") for number in range(5)]
    assert [await calls.status(*push) for _ in range(4)] == [503, 503, 200, 200]
    assert [bad.raw.message_id for bad in application.bad] == ["2"]
    assert len(application.seen) == 4


async def test_an_item_is_blamed_when_others_were_taken(application: Application) -> None:
    calls = Calls(application, handler_attempts=3)
    application.failing = {"2"}
    answers = []
    for number in range(10, 14):
        answers.append(await calls.status(("2", "Read")))
        await calls.status((str(number), "Read"))
    assert answers == [503, 503, 200, 200]
    (bad,) = application.bad
    assert isinstance(bad.raw, StatusUpdate)
    assert bad.raw.message_id == "2"
    assert "failed" in bad.reason


async def test_no_item_is_blamed_while_nothing_is_taken(application: Application) -> None:
    calls = Calls(application, handler_attempts=3)
    application.broken = True
    for _ in range(20):
        assert await calls.status(("1", "Read"), ("2", "Read")) == 503
        assert (await calls.message("1")).status == 503
    assert application.bad == []
    application.broken = False
    assert await calls.status(("1", "Read"), ("2", "Read")) == 200
    assert len(application.updates) == 2


async def test_a_handler_that_has_no_room_blames_nobody(application: Application) -> None:
    calls = Calls(application, handler_attempts=2)
    for number in range(10):
        application.full = True
        assert await calls.status(("1", "Read"), ("2", "Read"), ("3", "Read")) == 503
        assert (await calls.message("1")).status == 503
        application.full = False
        assert await calls.status((f"x{number}", "Read")) == 200
        assert (await calls.message(f"x{number}")).status == 200
    assert application.calls == [3, 1, 1, 1] * 10  # and nobody is offered one by one
    assert await calls.status(("1", "Read"), ("2", "Read"), ("3", "Read")) == 200
    assert application.bad == []
    assert calls.count("not_taken") == 20


async def test_an_item_that_comes_alone_is_blamed_after_an_hour(application: Application) -> None:
    calls = Calls(application, handler_attempts=3)
    application.failing = {"2", "poison"}
    clock = VirtualClock()
    for _ in range(7):
        assert await calls.status(("2", "Read")) == 503
        assert (await calls.message("2", "poison")).status == 503
        await clock.sleep(590)
    assert application.bad == []
    assert await calls.status(("2", "Read")) == 200
    assert (await calls.message("2", "poison")).status == 200
    assert len(application.bad) == 2


async def test_nothing_is_set_aside_that_the_quarantine_does_not_take(application: Application) -> None:
    taken: list[BadItem] = []
    broken = True

    async def quarantine(bad: Sequence[BadItem]) -> None:
        if broken:
            raise RuntimeError
        taken.extend(bad)

    receiver = Receiver(
        secret=SECRET,
        statuses=application.statuses,
        quarantine=quarantine,
        options=WebhookOptions(handler_attempts=2),
    )
    application.failing = {"2"}
    push = statuses(("1", "Read"), ("2", "Read"))
    answers = [(await receiver.status(push, JSON, LOCAL, secret=SECRET)).status for _ in range(5)]
    assert answers == [503] * 5
    broken = False
    assert (await receiver.status(push, JSON, LOCAL, secret=SECRET)).status == 200
    assert [bad.raw.message_id for bad in taken] == ["2"]


async def test_a_message_is_blamed_too(application: Application) -> None:
    calls = Calls(application, handler_attempts=3)
    application.failing = {"poison"}
    answers = []
    for number in range(10, 14):
        answers.append((await calls.message("2", "poison", "&shortcode=1")).status)
        await calls.message(str(number))
    assert answers == [503, 503, 200, 200]
    (bad,) = application.bad
    assert isinstance(bad.raw, InboundMessage)
    assert bad.kind == "short_number"


async def test_a_message_without_an_id_is_blamed_too(application: Application) -> None:
    calls = Calls(application, handler_attempts=2)
    application.failing = {"poison"}
    answers = []
    for number in range(10, 13):
        answers.append((await calls.message("", "poison")).status)
        await calls.message(str(number))
    assert answers == [503, 200, 503]  # it cannot be remembered, so it begins anew


async def test_a_repeat_that_comes_meanwhile_waits(application: Application) -> None:
    calls = Calls(application)
    application.gate.clear()
    first = asyncio.create_task(calls.status(("1", "Read"), ("2", "Read")))
    again = asyncio.create_task(calls.status(("1", "Read")))
    await asyncio.sleep(1)
    assert not first.done()
    assert not again.done()
    application.gate.set()
    assert list(await asyncio.gather(first, again)) == [200, 200]
    assert application.seen == [("1", "Read"), ("2", "Read")]


async def test_a_repeat_of_what_then_fails_is_handed_over_itself() -> None:
    calls = 0

    async def fails_first(updates: Sequence[StatusUpdate]) -> None:
        nonlocal calls
        calls += 1
        mine = calls
        await asyncio.sleep(1)
        if mine == 1:
            raise RuntimeError

    receiver = Receiver(secret=SECRET, statuses=fails_first)
    push = statuses(("1", "Read"))
    replies = await asyncio.gather(*(receiver.status(push, JSON, LOCAL, secret=SECRET) for _ in range(3)))
    assert [reply.status for reply in replies] == [503, 200, 200]
    assert calls == 2


async def test_a_later_status_waits_for_the_earlier_one(application: Application) -> None:
    calls = Calls(application)
    application.gate.clear()
    buffered = asyncio.create_task(calls.status(("1", "Buffered SMSC")))
    delivered = asyncio.create_task(calls.status(("1", "Delivered")))
    other = asyncio.create_task(calls.status(("2", "Delivered")))
    await asyncio.sleep(1)
    assert application.calls == [1, 1]  # 1 and 2 are under way; the later status of 1 is not
    application.gate.set()
    assert list(await asyncio.gather(buffered, delivered, other)) == [200, 200, 200]
    seen = application.seen
    assert seen.index(("1", "Buffered SMSC")) < seen.index(("1", "Delivered"))


async def test_calls_about_each_others_messages_do_not_lock(application: Application) -> None:
    calls = Calls(application)
    pushes = [(("1", "Read"), ("2", "Read")), (("2", "Read"), ("1", "Read")), (("2", "Read"), ("3", "Read"))]
    assert await asyncio.gather(*(calls.status(*push) for push in pushes * 5)) == [200] * 15
    assert sorted(application.seen) == [("1", "Read"), ("2", "Read"), ("3", "Read")]


async def test_repeats_in_flight_get_the_same_reply(application: Application) -> None:
    calls = Calls(application)
    application.gate.clear()
    asked = [asyncio.create_task(calls.message("7", "a", "&shortcode=1")) for _ in range(5)]
    await asyncio.sleep(1)
    application.gate.set()
    replies = await asyncio.gather(*asked)
    assert {reply.body.decode("cp1251") for reply in replies} == {"Ответ 1"}
    assert len(application.messages) == 1


async def test_cancelling_a_call_leaves_the_message_to_the_next_one(application: Application) -> None:
    calls = Calls(application)
    application.gate.clear()
    first = [asyncio.create_task(calls.status(("1", "Read"))), asyncio.create_task(calls.message("7"))]
    second = [asyncio.create_task(calls.status(("1", "Read"))), asyncio.create_task(calls.message("7"))]
    await asyncio.sleep(1)
    for call in first:
        call.cancel()
    application.gate.set()
    results = await asyncio.gather(*first, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    assert await second[0] == 200
    assert isinstance(reply := await second[1], Reply)
    assert reply.status == 200
    assert application.seen == [("1", "Read")]
    assert len(application.messages) == 1


async def test_cancelling_one_that_waits_disturbs_nobody(application: Application) -> None:
    calls = Calls(application)
    application.gate.clear()
    first, waiting, third = (asyncio.create_task(calls.status(("1", "Read"))) for _ in range(3))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.wait([waiting])
    application.gate.set()
    assert list(await asyncio.gather(first, third)) == [200, 200]
    assert application.seen == [("1", "Read")]


async def test_only_so_many_calls_at_once(application: Application) -> None:
    calls = Calls(application, max_requests=3)
    application.gate.clear()
    under_way = [asyncio.create_task(calls.status((str(number), "Read"))) for number in range(3)]
    await asyncio.sleep(1)
    assert await calls.status(("9", "Read")) == 503
    application.gate.set()
    assert await asyncio.gather(*under_way) == [200] * 3
    assert await calls.status(("9", "Read")) == 200
    assert calls.count("overloaded") == 1


async def test_memory_is_bounded(application: Application) -> None:
    calls = Calls(application, remembered=100, remembered_replies=100)
    for number in range(1_000):
        await calls.status((str(number), "Read"))
        await calls.message(str(number))
    desk = calls.receiver._statuses
    assert desk is not None
    assert desk._statuses is not None
    assert len(desk._statuses) <= 200
    assert len(calls.receiver._inbound._replies) <= 100
    application.broken = True
    for number in range(5_000, 6_100):
        await calls.status((str(number), "Read"))
        await calls.message(str(number))
    assert len(desk._failures) <= 1_000
    assert len(desk._under_way) == 0
    assert len(calls.receiver._inbound._failures) <= 1_000


async def test_a_handler_that_awaits_nothing_may_return_anything(application: Application) -> None:
    taken: list[Sequence[StatusUpdate]] = []

    async def handler(updates: Sequence[StatusUpdate]) -> int:
        taken.append(updates)
        return len(updates)

    receiver = Receiver(secret=SECRET, statuses=handler)
    assert (await receiver.status(statuses(("1", "Read")), JSON, LOCAL, secret=SECRET)).status == 200
    assert len(taken) == 1
