"""What the desk decides, by the clock: when a message goes, when it ends, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest

from sms_traffic_async.errors import InvalidRecipient, NotSent, OutcomeUnknown
from sms_traffic_async.events import SendFinished
from sms_traffic_async.protocols.smpp.parcel import SubmitEvidence
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from tests.protocols.smpp.kit import LONG, MESSAGE, client, outcome, until
from tests.protocols.smpp.test_post import bulk, numbered, read
from tests.support.smpp_peer import Reply, Smsc, Submitted
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

STATUS = CommandStatus


def in_turn(*answers: Reply | int | None) -> Callable[[Submitted], Reply | int | None]:
    """An answer for each submit_sm as they come; 0 for the rest."""
    left = list(answers)
    return lambda _: left.pop(0) if left else 0


async def test_what_comes_while_answers_are_awaited_is_written_at_once() -> None:
    """The last writing left room, and nothing happens on the link that would lead to another."""
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        waiting: list[asyncio.Task[Any]] = []
        for count in range(1, 5):
            began = smsc.now()
            waiting.append(asyncio.create_task(one.smpp.submit(MESSAGE)))
            await until(lambda count=count: len(smsc.submits) == count)  # type: ignore[misc] # bound as it is now
            assert smsc.now() - began < 1
        smsc.answer_all()
        await asyncio.gather(*waiting)
        assert one.telemetry.stats.snapshot()["smpp.send.accepted"] == 4


@pytest.mark.parametrize("rate", [5, 1000])
async def test_the_same_under_a_limit(rate: float) -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, rate=rate) as one:
        first = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.submits)
        await asyncio.sleep(2)
        began = smsc.now()
        second = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: len(smsc.submits) == 2)
        assert smsc.now() - began < 1
        smsc.answer_all()
        await asyncio.gather(first, second)


@pytest.mark.parametrize("before", [(), (STATUS.ESME_RMSGQFUL,), (STATUS.ESME_RTHROTTLED,)])
async def test_parts_answered_in_any_order_end_the_message_with_the_last(before: tuple[int, ...]) -> None:
    """A refusal first, acceptances after it, also while a brake is closed: nothing is waited for in vain."""
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        began = smsc.now()
        task = asyncio.create_task(outcome(one.smpp.submit(LONG)))
        await until(lambda: len(smsc.submits) == 3)
        for status in (*before, STATUS.ESME_RINVDSTADR):
            smsc.answer_some(1, status)
        await asyncio.sleep(0.01)
        smsc.answer_all()
        error = await task
        assert smsc.now() - began < 1
    assert isinstance(error, OutcomeUnknown)
    assert isinstance(error.evidence, SubmitEvidence)
    assert error.evidence.accepted == ((2, 3) if not before else (3,))
    assert error.evidence.sequence == smsc.submits[len(before)].sequence


async def test_when_it_was_accepted_is_an_hour_anywhere() -> None:
    async with Smsc(answer=lambda _: Reply(delay=1)) as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        before = one.clock.wall()
        for message in (MESSAGE, LONG):
            sent = await one.smpp.submit(message)
            assert sent.accepted_at.tzinfo is UTC
            assert before + 0.9 < sent.accepted_at.timestamp() < before + 1.2
            before = sent.accepted_at.timestamp()


async def test_what_is_told_of_an_acceptance_while_a_brake_is_closed() -> None:
    seen: list[object] = []
    answers = in_turn(STATUS.ESME_RTHROTTLED, Reply(delay=0.5), Reply(delay=0.5))
    async with Smsc(answer=answers) as smsc, client(smsc, hooks=(seen.append,)) as one:
        sent = await asyncio.gather(one.smpp.submit(MESSAGE), one.smpp.submit(MESSAGE))
        assert len(smsc.submits) == 3
    finished = [event for event in seen if isinstance(event, SendFinished)]
    assert [event.outcome for event in finished] == ["accepted"] * 2
    assert [round(event.seconds, 1) for event in finished] == sorted(round(event.seconds, 1) for event in finished)
    assert sorted(event.attempts for event in finished) == [1, 2]
    assert finished[0].seconds >= 0.5
    assert {submission.accepted_at.tzinfo for submission in sent} == {UTC}
    assert all(submission.accepted_at.timestamp() > 0 for submission in sent)


async def test_all_answers_of_a_read_count_while_a_brake_is_closed() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        waiting = [asyncio.create_task(one.smpp.submit(MESSAGE)) for _ in range(4)]
        await until(lambda: len(smsc.submits) == 4)
        smsc.answer_some(1, STATUS.ESME_RTHROTTLED)
        await until(lambda: one.smpp.stats().throttled)
        smsc.answer_all()
        smsc.answer = lambda _: 0
        began = smsc.now()
        assert [len(sent.message_ids) for sent in await asyncio.gather(*waiting)] == [1] * 4
        assert smsc.now() - began < 1
        assert one.telemetry.stats.snapshot()["smpp.send.accepted"] == 4


async def test_no_room_at_the_platform_one_goes_after_the_stop_and_the_rest_after_its_answer() -> None:
    arrived: list[float] = []

    def answer(submitted: Submitted) -> Reply | int:
        arrived.append(submitted.at)
        return STATUS.ESME_RMSGQFUL if len(arrived) <= 2 else Reply(delay=0.5)

    async with Smsc(answer=answer) as smsc, client(smsc, window=1) as one:
        await asyncio.gather(*(one.smpp.submit(MESSAGE) for _ in range(3)))
        assert len(smsc.submits) == 5
        assert one.smpp.stats().full == 2
    first, second, third, fourth, fifth = arrived
    assert 1.0 <= second - first <= 1.6
    assert 2.0 <= third - second <= 3.1
    assert 0.5 <= fourth - third < 0.6
    assert 0.5 <= fifth - fourth < 0.6


async def test_one_probe_after_no_room_although_the_window_is_wide() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        first = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.submits)
        smsc.answer_all(STATUS.ESME_RMSGQFUL)
        await asyncio.sleep(0.1)
        others = [asyncio.create_task(one.smpp.submit(MESSAGE)) for _ in range(5)]
        await asyncio.sleep(0.5)
        assert len(smsc.submits) == 1
        await asyncio.sleep(3)
        others.append(asyncio.create_task(one.smpp.submit(MESSAGE)))
        await asyncio.sleep(0.1)
        assert len(smsc.submits) == 2
        smsc.answer = lambda _: 0
        smsc.answer_all()
        await asyncio.gather(first, *others)


async def test_a_probe_that_is_refused_for_good_opens_the_brake() -> None:
    answers = in_turn(STATUS.ESME_RMSGQFUL, STATUS.ESME_RINVDSTADR)
    async with Smsc(answer=answers) as smsc, client(smsc, window=1) as one:
        refused, *sent = await asyncio.gather(*(outcome(one.smpp.submit(MESSAGE)) for _ in range(3)))
        assert isinstance(refused, InvalidRecipient)
        assert [len(submission.message_ids) for submission in sent] == [1, 1]
        assert smsc.submits[-1].at - smsc.submits[0].at < 2


async def test_the_next_message_goes_when_one_is_refused_half_way() -> None:
    """The link held it, and lets go of it."""
    async with Smsc(answer=in_turn(STATUS.ESME_RINVDSTADR)) as smsc, client(smsc, window=1) as one:
        began = smsc.now()
        refused, sent = await asyncio.gather(outcome(one.smpp.submit(LONG)), one.smpp.submit(MESSAGE))
        assert isinstance(refused, InvalidRecipient)
        assert sent.message_ids == ("id1",)
        assert (len(smsc.submits), smsc.now() - began < 1) == (2, True)


async def test_a_part_refused_for_now_while_its_message_is_being_written() -> None:
    """The link has the message: it is not put into the queue beside that."""
    async with Smsc(answer=in_turn(STATUS.ESME_RMSGQFUL)) as smsc, client(smsc, window=1) as one:
        sent = await one.smpp.submit(LONG)
        assert (sent.parts, len(sent.message_ids)) == (3, 3)
        assert [part.request.short_message[5] for part in smsc.submits] == [1, 1, 2, 3]
        queue = one.hub.queue
        assert (queue._length(), queue._dropped) == (0, 0)


async def test_each_ends_at_its_own_deadline_whatever_their_order() -> None:
    ended: list[tuple[float, float]] = []

    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        began = smsc.now()

        async def send(timeout: float) -> None:
            error = await outcome(one.smpp.submit(MESSAGE, timeout=timeout))
            assert type(error) is OutcomeUnknown
            ended.append((timeout, smsc.now() - began))

        async with asyncio.TaskGroup() as group:
            for timeout in (9, 3, 7, 5, 4, 6, 8, 2):
                group.create_task(send(timeout))
        assert one.smpp.stats().unknown == 8
    assert [timeout for timeout, _ in ended] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert all(timeout <= seconds < timeout + 0.1 for timeout, seconds in ended)


async def test_a_time_to_live_ends_before_the_patience_of_those_before_it() -> None:
    """`send_many` behind a call with a longer deadline, and before one with a shorter."""
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        patient = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=50)))
        await until(lambda: smsc.submits)
        began = smsc.now()
        hurried = asyncio.create_task(read(bulk(one, numbered(3, expires_in=4))))
        await asyncio.sleep(0.1)
        brief = await outcome(one.smpp.submit(MESSAGE, timeout=2))
        assert type(brief) is NotSent
        assert smsc.now() - began < 2.3
        found = await hurried
        assert smsc.now() - began < 4.3
        assert {type(result.error) for result in found.values()} == {NotSent}
        smsc.answer_all()
        await patient


async def test_close_waits_for_the_last_answer_and_no_longer() -> None:
    async with Smsc(answer=lambda _: Reply(delay=2)) as smsc, client(smsc) as one:
        tasks = [asyncio.create_task(one.smpp.submit(MESSAGE)) for _ in range(3)]
        await until(lambda: len(smsc.submits) == 3)
        began = smsc.now()
        await one.aclose(grace=30)
        assert smsc.now() - began < 3
        assert [len((await task).message_ids) for task in tasks] == [1, 1, 1]


async def test_the_evidence_names_the_request_that_was_never_answered() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, response_timeout=5, late_timeout=10) as one:
        error = await outcome(one.smpp.submit(MESSAGE, timeout=60))
        assert isinstance(error, OutcomeUnknown)
        assert isinstance(error.evidence, SubmitEvidence)
        assert error.evidence.sequence == smsc.submits[0].sequence


async def test_the_evidence_names_the_request_that_its_link_took_along() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        waiting = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE))) for _ in range(3)]
        await until(lambda: len(smsc.submits) == 3)
        smsc.bound[0].cut()
        evidence = [error.evidence for error in await asyncio.gather(*waiting)]
    assert [each.sequence for each in evidence] == [each.sequence for each in smsc.submits]


async def test_the_evidence_names_every_server_it_was_written_to() -> None:
    refusing = Smsc(answer=lambda _: STATUS.ESME_RSYSERR)
    async with refusing as first, Smsc(answer=lambda _: None) as second, client([first, second]) as one:
        error = await outcome(one.smpp.submit(MESSAGE, timeout=30))
        assert isinstance(error, OutcomeUnknown)
        assert isinstance(error.evidence, SubmitEvidence)
        assert error.evidence.nodes == (first.name, second.name)
        assert error.evidence.attempts == 4


@pytest.mark.parametrize("links", [2, 3])
async def test_links_take_turns(links: int) -> None:
    async with Smsc() as smsc, client(smsc, transmitters=links - 1) as one:
        await one.smpp.submit(MESSAGE)
        await until(lambda: len(smsc.bound) == links)
        smsc.submits.clear()
        for _ in range(3 * links):
            await one.smpp.submit(MESSAGE)
        assert [sum(each.peer is peer for each in smsc.submits) for peer in smsc.bound] == [3] * links
