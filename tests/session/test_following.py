"""``wait_for``, ``updates`` and ``on_status`` with real sources: pushes, receipts, our own questions, all at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Literal

import pytest

from sms_traffic_async import ConfigurationError, DeadlineExceeded, Message, RequestFailed
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.sandbox import Drop, EarlyReceipt, FaultRule, Latency, Lose, Sandbox
from sms_traffic_async.sandbox.effects import Duplicate
from tests.session.kit import LONG, NUMBER, SLOW, asked, counting, mounted, session, times
from tests.support.virtual_loop import virtual

pytestmark = virtual
Way = Literal["v2", "v1", "smpp"]
ways = pytest.mark.parametrize("via", ["v2", "v1", "smpp"])


async def test_a_push_ends_a_wait(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms, mounted(sms, sandbox):
        sent = await sms.send(SLOW, "Код 1")
        update = await sms.wait_for(sent, timeout=100)
        assert (update.source, update.status, update.message_ids) == ("push", "Delivered", sent.message_ids)


async def test_a_receipt_ends_a_wait(sandbox: Sandbox) -> None:
    counting(sandbox, "statuses")
    async with session(sandbox) as sms:
        sent = await sms.send(NUMBER, "Код 2", via="smpp")
        update = await sms.wait_for(sent)
        assert (update.source, update.status, update.via) == ("receipt", "Delivered", "smpp")
        refused = await sms.wait_for(await sms.send("79161119003", "Код 3", via="smpp"))
        assert (refused.source, refused.status) == ("receipt", "Non Delivered")
    assert asked(sandbox, "statuses") == 0


@ways
async def test_where_nobody_reports_we_ask(via: Way, sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Lose(), operation="receipt"))
    loop = asyncio.get_running_loop()
    async with session(sandbox) as sms:
        started = loop.time()
        update = await sms.wait_for(await sms.send(NUMBER, "Код", via=via), timeout=60)
        assert (update.source, update.status, update.via) == ("poll", "Delivered", via)
        assert loop.time() - started < 3
        started = loop.time()
        update = await sms.wait_for(await sms.send(SLOW, "Код", via=via), timeout=100)
        assert 60 <= loop.time() - started <= 76  # at most one interval after it was there
        assert update.is_delivered


async def test_three_sources_at_once_make_one_update(sandbox: Sandbox) -> None:
    for operation in ("push", "receipt"):
        sandbox.faults.add(FaultRule(effect=Duplicate(count=2), operation=operation, probability=0.5))
        sandbox.faults.add(FaultRule(effect=Latency(seconds=1, jitter=40), operation=operation, probability=0.3))
    counting(sandbox, "statuses")
    seen: list[TrackedUpdate] = []
    async with session(sandbox) as sms, mounted(sms, sandbox):

        async def read() -> None:
            async with sms.updates() as updates:
                async for update in updates:
                    seen.append(update)  # noqa: PERF401 - one by one: each asks for the next when it was taken

        reader = asyncio.create_task(read())
        await asyncio.sleep(0)
        numbers = [f"7916222{number:04d}" for number in range(20)]
        sent = [await sms.send(number, LONG if at % 3 else "Да", via="smpp") for at, number in enumerate(numbers)]
        ended = await asyncio.gather(*(sms.wait_for(one) for one in sent))
        assert {one.message_id: one.status for one in ended} == {one.message_ids[0]: "Delivered" for one in sent}
        await asyncio.sleep(120)
        assert sandbox.pushes.stats.waiting == 0
        assert asked(sandbox, "statuses") > 0
        await sms.aclose()
        await reader
    assert times(seen) == dict.fromkeys((one.message_ids[0] for one in sent), 1)
    # What is told of one message never goes backwards: nothing follows its end.
    assert all(update.is_last for update in {update.message_id: update for update in seen}.values())
    assert {source for one in seen for source in [one.source]} >= {"push", "receipt"}


@ways
async def test_parts_fold_into_one(via: Way, sandbox: Sandbox) -> None:
    async with session(sandbox) as sms, sms.updates(finals_only=True) as updates:
        sent = await sms.send(NUMBER, LONG, via=via)
        update = await sms.wait_for(sent)
        assert update == await anext(updates)
        assert update.message_ids == sent.message_ids
        assert (len(sent.message_ids), len(update.details)) == ((1, 0) if via == "v2" else (3, 3))
        for one in sent.message_ids:
            part = update.part(one)
            assert part is not None
            assert part.is_delivered
        # A part's id is the message's.
        assert (await sms.wait_for(sent.message_ids[-1])).message_id == sent.message_id


async def test_a_push_before_the_answer(sandbox: Sandbox) -> None:
    counting(sandbox, "statuses")
    sandbox.faults.add(FaultRule(effect=Latency(seconds=5, when="after"), operation="send"))
    async with session(sandbox) as sms, mounted(sms, sandbox):
        sending = asyncio.create_task(sms.send(NUMBER, "Код"))
        while sandbox.pushes.stats.delivered < 2:
            await asyncio.sleep(0.1)
        assert not sending.done()
        assert (await sms.wait_for(await sending)).source == "push"
    assert asked(sandbox, "statuses") == 0


async def test_a_receipt_before_the_answer(sandbox: Sandbox) -> None:
    counting(sandbox, "statuses")
    sandbox.faults.add(FaultRule(effect=EarlyReceipt(), operation="submit"))
    async with session(sandbox) as sms:
        assert (await sms.wait_for(await sms.send(NUMBER, "Код", via="smpp"))).source == "receipt"
    assert asked(sandbox, "statuses") == 0


async def test_updates_of_what_send_many_sends(sandbox: Sandbox) -> None:
    messages = [
        Message(to=f"7916333{number:04d}", text=f"Заказ {number}", key=f"order-{number}") for number in range(300)
    ]
    async with session(sandbox) as sms, mounted(sms, sandbox), sms.updates(finals_only=True) as updates:
        async with sms.send_many(messages) as results:
            ids = {one.submission.message_id: one.submission.key async for one in results if one.submission}
        assert len(ids) == 300
        seen = [await anext(updates) for _ in messages]
        assert {one.message_id: one.key for one in seen} == ids
        assert {one.status for one in seen} == {"Delivered"}
        await asyncio.sleep(120)
        assert updates.stats.waiting == 0


async def test_a_callback_has_every_end_once(sandbox: Sandbox) -> None:
    seen: list[TrackedUpdate] = []
    failures = 0

    async def stored(update: TrackedUpdate) -> None:
        nonlocal failures
        if update.message_id == sent[1].message_id and failures < 2:
            failures += 1
            raise RuntimeError("the database is away")
        seen.append(update)

    async with session(sandbox) as sms, mounted(sms, sandbox):
        callback = sms.on_status(stored)
        sent = [await sms.send(f"7916444{number:04d}", "Код") for number in range(5)]
        await asyncio.sleep(60)
        assert [one.message_id for one in seen] == [one.message_id for one in sent]  # in order, the failed one too
        assert failures == 2
        await callback.remove()
        await sms.send(NUMBER, "Код")
        await asyncio.sleep(60)
        assert len(seen) == 5


async def test_views_share(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        view = sms.with_options(originator=None)
        async with view.updates(finals_only=True) as updates:
            sent = await sms.send(NUMBER, "Код")
            assert await sms.wait_for(sent) == await view.wait_for(sent) == await anext(updates)


async def test_following_needs_no_reader_yet(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        sent = await sms.send(NUMBER, LONG, via="v1")
        await sms.follow(sent)
        await asyncio.sleep(60)
        async with sms.updates(finals_only=True) as updates:
            update = await anext(updates)
        assert (update.message_ids, update.key, update.status) == (sent.message_ids, sent.key, "Delivered")
        with pytest.raises(ConfigurationError, match="follow takes"):
            await sms.follow(7)  # type: ignore[arg-type]  # what is not typed is told too
    with pytest.raises(RequestFailed, match="closed"):
        await sms.follow(sent)


async def test_a_wait_that_is_cancelled_or_runs_out_leaves_nothing(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        sent = await sms.send("79161119031", "Код")  # never gets there
        with pytest.raises(DeadlineExceeded) as caught:
            await sms.wait_for(sent, timeout=20)
        assert caught.value.last is not None
        assert caught.value.last.status == "Buffered SMSC"
        waiting = asyncio.create_task(sms.wait_for(sent))
        await asyncio.sleep(3)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        counting(sandbox, "statuses")
        await asyncio.sleep(600)
        assert asked(sandbox, "statuses") == 0  # nobody is asked for nobody


async def test_closing_ends_who_waits_and_who_reads(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        ended: list[str] = []

        async def read() -> None:
            async with sms.updates() as updates:
                async for _ in updates:
                    pass
            ended.append("updates")

        async def hear() -> None:
            async with sms.inbound() as messages:
                async for _ in messages:
                    pass
            ended.append("inbound")

        sent = await sms.send("79161119031", "Код")
        reading = [asyncio.create_task(read()), asyncio.create_task(hear())]
        waiting = asyncio.create_task(sms.wait_for(sent, timeout=3_600))
        await asyncio.sleep(1)
        await sms.aclose(grace=1)
        with pytest.raises(RequestFailed, match="closed"):
            await waiting
        await asyncio.gather(*reading)
        assert sorted(ended) == ["inbound", "updates"]
        with pytest.raises(RequestFailed, match="closed"):
            await sms.wait_for(sent)


async def test_codes_that_were_used_are_marked_together(sandbox: Sandbox) -> None:
    counting(sandbox, "checked")
    async with session(sandbox) as sms:
        sent = [await sms.send(f"7916555{number:04d}", "Код") for number in range(30)]
        await asyncio.gather(*(sms.wait_for(one) for one in sent))
        await asyncio.gather(*(sms.mark_checked(one) for one in sent))
        found = (await sms.v2.statuses([one.message_ids[0] for one in sent])).found
        assert {update.status for update in found} == {"Checked"}
    assert asked(sandbox, "checked") <= 2


async def test_a_push_that_is_never_answered_is_told_once(sandbox: Sandbox) -> None:
    """The platform does not learn that we took it, and comes again."""
    sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="push", times=2))
    async with session(sandbox) as sms, mounted(sms, sandbox), sms.updates(finals_only=True) as updates:
        await sms.send(NUMBER, "Код")
        assert (await anext(updates)).is_delivered
        await asyncio.sleep(60)
        assert sandbox.pushes.stats.waiting == 0
        assert sandbox.pushes.stats.failed >= 1
        assert updates.stats.waiting == 0


PLAIN = """
import asyncio, sys
from sms_traffic_async import SmppOptions, SmsTraffic
from sms_traffic_async.sandbox import Sandbox

async def main():
    async with Sandbox() as sandbox:
        before = set(sys.modules)
        options = {**sandbox.client_options(), "smpp": sandbox.smpp_options()}
        async with SmsTraffic(**options) as sms:
            await sms.send("79161112233", "Код")
            await sms.balance()
            assert sms._shared._reception is None, "a tracker for nobody"
            assert sms._shared._transceiver is None, "an SMPP client for nobody"
            assert not sandbox.smpp.bound
        made = {name for name in set(sys.modules) - before if name.startswith("sms_traffic_async.")}
        unwanted = ("sms_traffic_async.delivery", "sms_traffic_async.reception", "sms_traffic_async.webhooks",
                    "sms_traffic_async.storage", "sms_traffic_async.protocols.smpp.client",
                    "sms_traffic_async.protocols.smpp.transceiver", "sms_traffic_async.protocols.pushes")
        assert not [name for name in made if name.startswith(unwanted)], made

asyncio.run(main())
"""


async def test_who_only_sends_pays_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLAIN], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
