"""Messages end to end over real TCP: answers, refusals, throttling, losses, deadlines, cancellation."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InsufficientFunds,
    InvalidMessage,
    InvalidOriginator,
    InvalidRecipient,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from sms_traffic_async.settings import Credentials, Settings
from tests.protocols.smpp.kit import LONG, MESSAGE, PASSWORD, TEXT, TO, client, outcome, until
from tests.support.exposure import pickled, shown
from tests.support.smpp_peer import Reply, Smsc, Submitted
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

STATUS = CommandStatus


def by_turn(*answers: Reply | int | None, then: Reply | int | None = 0) -> Callable[[Submitted], Reply | int | None]:
    """Answers one after the other."""
    left = list(answers)

    def answer(_: Submitted) -> Reply | int | None:
        return left.pop(0) if left else then

    return answer


# --- answers


async def test_accepted() -> None:
    events: list[Any] = []
    async with Smsc() as smsc, client(smsc, hooks=(events.append,)) as one:
        sent = await one.smpp.submit(MESSAGE)
        reference = Submission(
            via="smpp",
            message_ids=("id1",),
            key=sent.key,
            to=TO,
            node=smsc.name,
            accepted_at=sent.accepted_at,
            parts=1,
            encoding="ucs2",
        )
        assert sent == reference
        assert hash(sent) == hash(reference)
        assert one.telemetry.stats.snapshot() == {"smpp.send.accepted": 1}
        stats = one.smpp.stats()
    assert (stats.accepted, stats.open, stats.in_flight, stats.waiting, stats.reconnects) == (1, 0, 0, 0, 0)
    assert [(link.mode, link.server, link.serving) for link in stats.links] == [("transceiver", smsc.name, True)]
    assert [(event.via, event.outcome, event.attempts) for event in events] == [("smpp", "accepted", 1)]
    (peer,) = smsc.peers
    assert peer.unbound
    assert peer.bind is not None
    assert (peer.bind.system_id, peer.bind.password.reveal(), peer.bind.interface_version) == ("user", PASSWORD, 0x34)


async def test_parts_stand_in_order_under_one_reference_with_an_id_each() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        first, second = await one.smpp.submit(LONG), await one.smpp.submit(LONG)
    assert first.message_ids == ("id1", "id2", "id3")
    assert second.message_ids == ("id4", "id5", "id6")
    heads = [octets[:6] for octets in smsc.texts()]
    assert [head[5] for head in heads] == [1, 2, 3, 1, 2, 3]
    assert {head[:3] for head in heads} == {b"\x05\x00\x03"}
    assert len({head[3] for head in heads[:3]}) == len({head[3] for head in heads[3:]}) == 1
    assert (heads[0][3] + 1) & 0xFF == heads[3][3]


async def test_a_hundred_callers_share_the_window() -> None:
    most = 0

    def answer(one: Submitted) -> Reply:
        nonlocal most
        most = max(most, len(smsc.submits) - len(smsc.accepted))
        return Reply(delay=0.05)

    async with Smsc(answer=answer) as smsc, client(smsc, window=10) as one:
        sent = await asyncio.gather(*(one.smpp.submit(MESSAGE) for _ in range(100)))
    assert len({one.message_ids for one in sent}) == 100
    assert most == 10


async def test_one_write_a_turn() -> None:
    """what aiosmpplib 0.7.4 gets wrong, 33: 100 messages of one turn leave in one segment, or few."""
    async with Smsc() as smsc, client(smsc, window=100) as one:
        await one.smpp.submit(MESSAGE)
        (link,) = one.hub.links
        writes: list[int] = []
        transport = link._transport
        assert transport is not None
        original = transport.write

        def write(data: Any) -> None:
            writes.append(len(data))
            original(data)

        transport.write = write  # type: ignore[method-assign] # a look at every write
        await asyncio.gather(*(one.smpp.submit(MESSAGE) for _ in range(100)))
        transport.write = original  # type: ignore[method-assign] # as it was
    assert len(writes) == 1
    assert len(smsc.accepted) == 101


async def test_the_lane_of_send_goes_first_and_each_lane_in_its_order() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        tasks = [
            asyncio.create_task(one.smpp.submit(Message(to=TO, text=text), bulk=text.startswith("bulk")))
            for text in ("first", "bulk 1", "bulk 2", "send 1", "send 2")
        ]
        await until(lambda: smsc.submits)
        smsc.answer = lambda _: 0
        smsc.answer_all()
        await asyncio.gather(*tasks)
    assert smsc.texts() == [b"first", b"send 1", b"send 2", b"bulk 1", b"bulk 2"]


# --- refusals


@pytest.mark.parametrize(
    "status,kind,advice",
    [
        (STATUS.ESME_RINVSRCADR, InvalidOriginator, "sender"),
        (STATUS.ESME_RINVDSTADR, InvalidRecipient, "number"),
        (STATUS.ESME_RBINDFAIL, InsufficientFunds, "balance"),
        (STATUS.ESME_RINVPASWD, AuthenticationFailed, "password"),
        (STATUS.ESME_RINVMSGLEN, Rejected, "too long"),
        (STATUS.ESME_RINVDFTMSGID, Rejected, "support"),
        (0x400, Rejected, "support"),
        (0xDEADBEEF, Rejected, "support"),
    ],
)
@pytest.mark.parametrize("nack", [False, True])
async def test_refused(status: int, kind: type[Rejected], advice: str, nack: bool, caplog: Any) -> None:
    """what aiosmpplib 0.7.4 gets wrong, 13 and 28: vendor statuses and nacks are refusals; the link lives on."""
    caplog.set_level(logging.DEBUG)
    async with Smsc(answer=by_turn(Reply(status=status, nack=nack))) as smsc, client(smsc) as one:
        error = await outcome(one.smpp.submit(MESSAGE))
        assert type(error) is kind
        assert (error.code, error.node, error.retryable) == (status, smsc.name, False)
        assert "no SMS goes out" in str(error)
        assert advice in error.advice
        assert (await one.smpp.submit(MESSAGE)).message_ids == ("id1",)
        assert one.smpp.stats().by_status == {status: 1}
        assert len(smsc.peers) == 1
    given = shown(error) + caplog.text
    assert not [word for word in (TO, TEXT, PASSWORD) if word in given]
    assert type(pickled(error)) is kind


async def test_a_nack_of_the_length_means_another_link() -> None:
    """docs/reliability.md, row 21: the peer has lost its place in our octets."""
    async with Smsc(answer=by_turn(Reply(status=STATUS.ESME_RINVCMDLEN, nack=True))) as smsc, client(smsc) as one:
        error = await outcome(one.smpp.submit(MESSAGE))
        assert type(error) is Rejected
        assert (await one.smpp.submit(MESSAGE)).node == smsc.name
    assert len(smsc.peers) == 2


@pytest.mark.parametrize("status", [STATUS.ESME_RSYSERR, STATUS.ESME_RSUBMITFAIL])
async def test_three_tries_then_the_other_server(status: int) -> None:
    """docs/reliability.md, row 20."""
    async with (
        Smsc(answer=lambda _: status) as bad,
        Smsc() as good,
        client([bad, good]) as one,
    ):
        sent = await one.smpp.submit(MESSAGE)
        assert (sent.node, sent.attempts, len(bad.submits), len(good.accepted)) == (good.name, 4, 3, 1)


async def test_three_tries_where_there_is_no_other_server() -> None:
    async with Smsc(answer=lambda _: STATUS.ESME_RSYSERR) as smsc, client(smsc) as one:
        error = await outcome(one.smpp.submit(MESSAGE))
    assert type(error) is TemporarilyUnavailable
    assert (error.code, error.retryable, len(smsc.submits)) == (8, True, 3)


async def test_some_parts_taken_and_one_refused_is_unknown_and_says_which() -> None:
    """ "Rejected" would say that no SMS goes out: two parts did."""
    answer = by_turn(0, STATUS.ESME_RINVDSTADR, 0)
    async with Smsc(answer=answer) as smsc, client(smsc) as one:
        error = await outcome(one.smpp.submit(LONG))
    assert type(error) is OutcomeUnknown
    assert (error.code, error.node) == (0x0B, smsc.name)
    assert "2 of 3 parts were taken" in str(error)
    evidence = error.evidence
    assert (evidence.accepted, evidence.unanswered, evidence.unsent) == ((1, 3), (), (2,))
    assert evidence.message_ids == ("id1", "id2")
    assert evidence.reference is not None


async def test_the_rest_of_a_message_is_not_written_after_a_refusal() -> None:
    async with Smsc(answer=lambda _: STATUS.ESME_RINVSRCADR) as smsc, client(smsc, window=1) as one:
        error = await outcome(one.smpp.submit(LONG))
        assert type(error) is InvalidOriginator
        assert len(smsc.submits) == 1


# --- throttling


@pytest.mark.parametrize("status", [STATUS.ESME_RTHROTTLED, STATUS.ESME_RMSGQFUL])
async def test_throttled_messages_keep_their_order_and_all_go(status: int) -> None:
    """what aiosmpplib 0.7.4 gets wrong, 5 and jasmin#425: nothing is lost, the whole queue is held, order stays."""
    texts = [f"message {number}" for number in range(20)]
    async with Smsc(answer=by_turn(0, 0, *[status] * 5)) as smsc, client(smsc, window=5) as one:
        sent = await asyncio.gather(*(one.smpp.submit(Message(to=TO, text=text)) for text in texts))
        stats = one.smpp.stats()
    assert [text.decode() for text in smsc.texts()] == texts
    assert [one.message_ids[0] for one in sent] == [f"id{number}" for number in range(1, 21)]
    assert stats.throttled + stats.full == 5
    assert stats.accepted == 20


async def test_a_throttled_part_keeps_its_place_in_the_message() -> None:
    """ksmppd#126, jasmin#925: the second part is refused, and goes again under its own number."""
    async with Smsc(answer=by_turn(0, STATUS.ESME_RTHROTTLED)) as smsc, client(smsc, window=1) as one:
        sent = await one.smpp.submit(LONG)
    assert [text[5] for text in smsc.texts()] == [1, 2, 3]
    assert sent.message_ids == ("id1", "id2", "id3")
    assert len({one.sequence for one in smsc.submits}) == 4


async def test_one_probe_while_the_platform_says_too_many() -> None:
    """Growing stops, one message at a time, until one is taken."""
    times: list[float] = []

    def answer(one: Submitted) -> int:
        times.append(one.at)
        return 0 if len(times) > 12 else int(STATUS.ESME_RTHROTTLED)

    async with Smsc(answer=answer) as smsc, client(smsc, window=5) as one:
        sent = await asyncio.gather(*(one.smpp.submit(MESSAGE, timeout=300) for _ in range(10)))
    assert len(sent) == len(smsc.accepted) == 10
    probes = times[5:13]
    gaps = [after - before for before, after in itertools.pairwise(probes)]
    assert all(gap > 0 for gap in gaps)
    assert gaps[-1] > 4 * gaps[0]
    assert max(gaps) <= 15


async def test_throttled_until_the_deadline_is_rate_limited() -> None:
    async with Smsc(answer=lambda _: STATUS.ESME_RTHROTTLED) as smsc, client(smsc) as one:
        error = await outcome(one.smpp.submit(MESSAGE, timeout=5))
        assert type(error) is RateLimited
        assert error.retryable
        assert error.code == 0x58
        assert error.retry_after is not None
        assert not smsc.accepted


async def test_throttling_survives_a_rebind() -> None:
    """Lesson 5: the stop is the account's, not the link's."""
    async with Smsc(answer=by_turn(*[STATUS.ESME_RTHROTTLED] * 4)) as smsc, client(smsc) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE, timeout=60))
        await until(lambda: len(smsc.submits) == 4)
        smsc.peers[0].cut()
        await until(lambda: len(smsc.peers) == 2)
        bound = smsc.now()
        await task
        assert smsc.submits[-1].at > bound
    assert len(smsc.accepted) == 1


async def test_the_rate_counts_parts() -> None:
    async with Smsc() as smsc, client(smsc, rate=20.0) as one:
        await asyncio.gather(*(one.smpp.submit(LONG) for _ in range(10)))
    times = [one.at for one in smsc.submits]
    assert len(times) == 30
    assert times[-1] - times[0] == pytest.approx(29 / 20, abs=0.05)
    for start in times:
        assert sum(start <= at < start + 1 for at in times) <= 21


async def test_the_rate_follows_the_platforms() -> None:
    """F8: 20 a second, then 5, then 20 again: 90 % of what is allowed within 10 s, 5 % throttled, nothing dropped."""
    allowed, taken, throttled = 20, [0.0], [0.0]

    def answer(one: Submitted) -> int:
        if sum(at > one.at - 1 for at in taken[-30:]) >= allowed:
            throttled.append(one.at)
            return STATUS.ESME_RTHROTTLED
        taken.append(one.at)
        return 0

    def share(since: float, until: float) -> float:
        return sum(since < at <= until for at in taken) / ((until - since) * allowed)

    async with Smsc(answer=answer) as smsc, client(smsc, rate=20.0) as one:
        tasks = [asyncio.create_task(one.smpp.submit(MESSAGE, timeout=300)) for _ in range(1500)]
        await asyncio.sleep(20)
        began = smsc.now()
        assert share(began - 10, began) >= 0.9
        allowed = 5
        await asyncio.sleep(40)
        assert share(began + 10, began + 40) >= 0.9
        allowed = 20
        await asyncio.sleep(30)
        assert share(began + 50, began + 70) >= 0.9
        await asyncio.gather(*tasks)
    assert len(smsc.accepted) == 1500
    assert len(throttled) <= 0.05 * len(taken)


@pytest.mark.parametrize("rate", [20.0, 300.0, 5000.0])
async def test_the_rate_is_reached_and_not_passed(rate: float) -> None:
    """Also where a part's share of a second is less than what a timer comes late by."""
    count = int(rate * 3)
    async with Smsc() as smsc, client(smsc, rate=rate, window=1000) as one:
        await one.smpp.submit(MESSAGE)
        loop = asyncio.get_running_loop()
        call_at = loop.call_at
        loop.call_at = lambda when, *rest, **options: call_at(when + 0.001, *rest, **options)  # type: ignore[method-assign] # late
        began = smsc.now()
        await asyncio.gather(*(one.smpp.submit(MESSAGE) for _ in range(count)))
        loop.call_at = call_at  # type: ignore[method-assign] # in time again
        reached = count / (smsc.now() - began)
    assert 0.97 * rate <= reached <= 1.02 * rate + 1


# --- losses


async def test_a_link_lost_after_the_writing_is_unknown() -> None:
    """what aiosmpplib 0.7.4 gets wrong, 27: told at once, not at some later message."""
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        tasks = [asyncio.create_task(one.smpp.submit(MESSAGE)) for _ in range(5)]
        await until(lambda: len(smsc.submits) == 5)
        smsc.peers[0].cut()
        errors = await asyncio.gather(*map(outcome, tasks))
    for error in errors:
        assert type(error) is OutcomeUnknown
        assert error.evidence.nodes == (smsc.name,)
        assert error.evidence.unanswered == (1,)
        assert error.evidence.first_attempt_at <= error.evidence.last_attempt_at
        assert TO not in shown(error)


async def test_never_written_messages_survive_a_lost_link() -> None:
    """what aiosmpplib 0.7.4 gets wrong, 1: one of 30 is unknown, the others go over the next link, in order."""
    texts = [f"message {number}" for number in range(30)]
    async with Smsc(answer=by_turn(Reply(cut=True, status=1))) as smsc, client(smsc, window=1) as one:
        found = await asyncio.gather(*(outcome(one.smpp.submit(Message(to=TO, text=text))) for text in texts))
        assert one.smpp.stats().reconnects == 1
    assert [type(one) for one in found] == [OutcomeUnknown] + [Submission] * 29
    assert [text.decode() for text in smsc.texts()] == texts[1:]


async def test_resend_repeats_what_is_missing_and_only_that() -> None:
    """docs/reliability.md, "Without a key": the same reference, the same server, only the missing parts."""
    answer = by_turn(0, Reply(cut=True, status=0))
    async with Smsc(answer=answer) as smsc, client(smsc, window=1) as one:
        sent = await one.smpp.submit(LONG, on_unknown="resend")
    assert sent.message_ids == ("id1", "id3", "id4")
    texts = [one.request.short_message for one in smsc.submits]
    assert [text[5] for text in texts] == [1, 2, 2, 3]
    assert len({text[3] for text in texts}) == 1


async def test_resend_stays_with_its_server_and_has_an_end() -> None:
    async with (
        Smsc(answer=lambda _: Reply(cut=True, status=0)) as first,
        Smsc() as second,
        client([first, second]) as one,
    ):
        error = await outcome(one.smpp.submit(MESSAGE, on_unknown="resend", timeout=600))
        assert type(error) is OutcomeUnknown
        assert error.evidence.attempts == 3
        assert len(first.submits) == 3
        assert not second.submits
        assert one.smpp.stats().repeated == 2


async def test_resend_gives_up_after_two_minutes() -> None:
    async with Smsc(answer=lambda _: None) as first, Smsc() as second, client([first, second]) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE, on_unknown="resend", timeout=600))
        await until(lambda: first.submits)
        await first.close()
        began = first.now()
        error = await outcome(task)
        assert type(error) is OutcomeUnknown
        assert first.now() - began == pytest.approx(120, abs=5)
        assert not second.submits


async def test_a_refused_repeat_stays_unknown() -> None:
    answer = by_turn(Reply(cut=True, status=0), STATUS.ESME_RINVDSTADR)
    async with Smsc(answer=answer) as smsc, client(smsc) as one:
        error = await outcome(one.smpp.submit(MESSAGE, on_unknown="resend"))
        assert type(error) is OutcomeUnknown
        assert (error.code, len(smsc.submits)) == (0x0B, 2)


async def test_a_late_answer_resolves() -> None:
    """docs/reliability.md, row 25: expired after 5 s, answered after 7."""
    async with Smsc(answer=lambda _: Reply(delay=7)) as smsc, client(smsc, response_timeout=5, late_timeout=20) as one:
        sent = await one.smpp.submit(MESSAGE, timeout=60)
        assert sent.message_ids == ("id1",)
    assert len(smsc.submits) == 1


async def test_no_answer_at_all() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, response_timeout=5, late_timeout=20) as one:
        began = smsc.now()
        error = await outcome(one.smpp.submit(MESSAGE, timeout=60))
        assert type(error) is OutcomeUnknown
        assert smsc.now() - began == pytest.approx(20, abs=1)
        assert len(smsc.peers) == 1


async def test_an_overdue_message_ends_with_its_link() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, response_timeout=5, late_timeout=20) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE, timeout=60))
        await asyncio.sleep(7)
        began = smsc.now()
        smsc.peers[0].cut()
        assert type(await outcome(task)) is OutcomeUnknown
        assert smsc.now() - began < 1


async def test_a_late_refusal_is_a_refusal() -> None:
    answer = by_turn(Reply(delay=7, status=STATUS.ESME_RINVDSTADR))
    async with Smsc(answer=answer) as smsc, client(smsc, response_timeout=5, late_timeout=20) as one:
        assert type(await outcome(one.smpp.submit(MESSAGE, timeout=60))) is InvalidRecipient
        assert len(smsc.submits) == 1


async def test_nothing_more_of_a_message_is_written_once_a_part_is_lost() -> None:
    async with Smsc(answer=by_turn(0, Reply(cut=True, status=1))) as smsc, client(smsc, window=1) as one:
        error = await outcome(one.smpp.submit(LONG))
    assert type(error) is OutcomeUnknown
    assert (error.evidence.accepted, error.evidence.unanswered, error.evidence.unsent) == ((1,), (2,), (3,))
    assert len(smsc.submits) == 2


async def test_a_late_answer_withdraws_the_repeat() -> None:
    """Expired, put back to be repeated, and answered after all: one SMS, and its id."""
    answers = by_turn(Reply(delay=7), None, None)
    async with (
        Smsc(answer=answers) as smsc,
        client(smsc, response_timeout=5, late_timeout=20, window=1) as one,
    ):
        first = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, on_unknown="resend", timeout=60)))
        await until(lambda: smsc.submits)
        other = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=60)))
        sent = await first
        assert sent.message_ids == ("id1",)
        smsc.answer = lambda _: 0
        assert type(await other) in {Submission, OutcomeUnknown}
        assert one.hub.queue.parts == 0


async def test_a_late_refusal_of_what_was_repeated_and_taken() -> None:
    answers = by_turn(Reply(delay=7, status=STATUS.ESME_RINVDSTADR), Reply(delay=3))
    async with Smsc(answer=answers) as smsc, client(smsc, response_timeout=5, late_timeout=20) as one:
        sent = await one.smpp.submit(MESSAGE, on_unknown="resend", timeout=60)
        assert (sent.message_ids, sent.attempts, len(smsc.submits)) == (("id1",), 2, 2)


# --- deadlines


async def test_the_deadline_before_the_writing_is_not_sent() -> None:
    async with (
        Smsc(answer=lambda _: None) as smsc,
        client(smsc, window=1, response_timeout=100, late_timeout=100) as one,
    ):
        first = asyncio.create_task(outcome(one.smpp.submit(MESSAGE)))
        await until(lambda: smsc.submits)
        error = await outcome(one.smpp.submit(MESSAGE, timeout=2))
        assert type(error) is NotSent
        assert (error.reason, error.retryable) == ("overloaded", True)
        assert type(await first) is OutcomeUnknown
        assert len(smsc.submits) == 1
        assert one.hub.links[0].session.in_flight == 1


async def test_the_deadline_after_the_writing_is_unknown_and_the_place_stays_taken() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        assert type(await outcome(one.smpp.submit(MESSAGE, timeout=2))) is OutcomeUnknown
        assert one.hub.links[0].session.in_flight == 1
        task = asyncio.create_task(one.smpp.submit(MESSAGE))
        await asyncio.sleep(1)
        assert len(smsc.submits) == 1
        smsc.answer = lambda _: 0
        smsc.answer_all()
        assert (await task).message_ids == ("id2",)
        assert one.smpp.stats().late == 1


async def test_the_time_to_live() -> None:
    message = Message(to=TO, text=TEXT, expires_in=3)
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        first = asyncio.create_task(outcome(one.smpp.submit(message, timeout=20)))
        await until(lambda: smsc.submits)
        error = await outcome(one.smpp.submit(message, timeout=20))
        assert type(error) is NotSent
        assert (error.reason, error.retryable) == ("expired", False)
        assert type(await first) is OutcomeUnknown  # it left in time
        assert len(smsc.submits) == 1


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1.0}, {"on_unknown": "maybe"}])
async def test_a_bad_timeout_and_a_bad_choice(options: dict[str, Any]) -> None:
    async with Smsc() as smsc, client(smsc) as one:
        for sending in (one.smpp.submit(MESSAGE, **options), one.smpp.submit_binary(TO, b"x", **options)):
            error = await outcome(sending)
            assert type(error) is ConfigurationError
            assert TO not in shown(error)
            assert TEXT not in shown(error)
        assert not smsc.submits


async def test_a_full_queue_waits_for_room_until_the_deadline() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1, queue=2) as one:
        tasks = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=25))) for _ in range(5)]
        await until(lambda: smsc.submits)
        assert one.hub.queue.parts == 2
        assert one.hub.admission.waiting == 2
        late = await outcome(one.smpp.submit(MESSAGE, timeout=1))
        assert (type(late), late.reason) == (NotSent, "overloaded")
        tasks[-1].cancel()
        await asyncio.sleep(0)
        smsc.answer = lambda _: 0
        smsc.answer_all()
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [Submission] * 4 + [asyncio.CancelledError]
    assert len(smsc.accepted) == 4


async def test_a_thousand_give_up_waiting_for_room_and_one_does_not() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1, queue=1) as one:
        first = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=60))) for _ in range(2)]
        await until(lambda: smsc.submits)
        message = Message(to=TO, text="x", expires_in=1)
        found = await asyncio.gather(*(outcome(one.smpp.submit(message, timeout=5)) for _ in range(1000)))
        assert {(type(one), one.reason) for one in found} == {(NotSent, "expired")}
        assert one.hub.admission.waiting == 0
        assert sum(map(len, one.hub.admission._lanes)) <= 65
        last = asyncio.create_task(one.smpp.submit(MESSAGE, timeout=60, bulk=True))
        await asyncio.sleep(0)
        smsc.answer = lambda _: 0
        smsc.answer_all()
        assert (await last).message_ids == ("id3",)
        await asyncio.gather(*first)


async def test_closed_while_waiting_for_room() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1, queue=1) as one:
        tasks = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=60))) for _ in range(3)]
        await until(lambda: smsc.submits)
        await one.aclose(grace=1)
        found = await asyncio.gather(*tasks)
    assert [type(one) for one in found] == [OutcomeUnknown, NotSent, NotSent]
    assert {one.reason for one in found[1:]} == {"closed"}


async def test_binary() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(one.smpp.submit_binary("+7 916 111-22-33", b"\x00\xff" * 100, data_coding=0xF5))
        await until(lambda: len(smsc.submits) == 2)
        smsc.answer = lambda _: 0
        smsc.answer_all()
        sent = await task
        assert (sent.message_ids, sent.encoding, sent.parts, sent.to) == (("id1", "id2"), "binary", 2, TO)
        assert [submit.request.data_coding for submit in smsc.submits] == [0xF5, 0xF5]
        smsc.answer = lambda _: None
        task = asyncio.create_task(one.smpp.submit_binary(TO, b"x"))
        await until(lambda: len(smsc.submits) == 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        smsc.answer_all()
        with pytest.raises(InvalidMessage) as caught:
            await one.smpp.submit_binary("12", b"secret octets")
        assert "secret octets" not in shown(caught.value)


# --- cancellation


async def test_cancelled_before_the_writing_is_never_written() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        first = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.submits)
        second = asyncio.create_task(one.smpp.submit(Message(to=TO, text="second")))
        third = asyncio.create_task(one.smpp.submit(Message(to=TO, text="third")))
        await asyncio.sleep(0.1)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert one.hub.queue.parts == 1
        smsc.answer = lambda _: 0
        smsc.answer_all()
        await asyncio.gather(first, third)
    assert smsc.texts()[1:] == [b"third"]


async def test_cancelled_after_the_writing_is_recorded_all_the_same() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.submits)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert one.hub.links[0].session.in_flight == 1
        smsc.answer_all()
        await until(lambda: one.smpp.stats().accepted == 1)
        assert one.telemetry.stats.snapshot() == {"smpp.send.accepted": 1}
        assert one.hub.links[0].session.in_flight == 0


async def test_cancelled_in_the_turn_of_its_answer_is_recorded() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.submits)
        known: list[str] = []
        submitted = one.hub.receiving.submitted_all

        def noted(message_ids: list[str], now: float) -> None:
            known.extend(message_ids)
            task.cancel()
            submitted(message_ids, now)

        one.hub.receiving.submitted_all = noted  # type: ignore[method-assign] # the moment before the caller is told
        smsc.answer_all()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert known == ["id1"]
        assert one.smpp.stats().accepted == 1


async def test_cancelled_with_half_of_it_written_it_is_finished() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        task = asyncio.create_task(one.smpp.submit(LONG))
        await until(lambda: smsc.submits)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        smsc.answer = lambda _: 0
        smsc.answer_all()
        await until(lambda: one.smpp.stats().accepted == 1)
    assert [text[5] for text in smsc.texts()] == [1, 2, 3]


async def test_cancelled_while_connecting() -> None:
    async with Smsc(bind_answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.peers)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert one.hub.queue.parts == 0


# --- what cannot go


async def test_refused_before_any_connection() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        for options in (
            {"key": "k"},
            {"tracking_data": "t"},
            {"params": {"a": "b"}},
            {"transliterate": True},
            {"originator": "Банк"},
        ):
            with pytest.raises(InvalidMessage) as caught:
                await one.smpp.submit(Message(to=TO, text=TEXT, **options))
            assert caught.value.field == next(iter(options))
            assert "HTTP" in caught.value.rule
            assert TEXT not in shown(caught.value)
            assert TO not in shown(caught.value)
        with pytest.raises(InvalidMessage):
            await one.smpp.submit(Message(to=TO, text=TEXT * 100, max_parts=2))
        assert not smsc.peers


async def test_only_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "7900*")
    async with Smsc() as smsc, client(smsc) as one:
        error = await outcome(one.smpp.submit(MESSAGE))
        assert (type(error), error.reason) == (NotSent, "guarded")
        error = await outcome(one.smpp.submit_binary(TO, b"x"))
        assert (type(error), error.reason) == (NotSent, "guarded")
        assert not smsc.peers


async def test_a_login_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="login"):
        async with client("smpp://127.0.0.1:9", settings=Settings()):
            pass
    settings = Settings(credentials=Credentials(login="вход", password="p"))
    with pytest.raises(ConfigurationError, match="ASCII"):
        async with client("smpp://127.0.0.1:9", settings=settings):
            pass


async def test_views_share_the_connections_and_the_references() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        other = one.view(originator="Other", on_unknown="resend")
        await one.smpp.submit(LONG)
        await other.submit(LONG)
    assert len(smsc.peers) == 1
    assert [one.request.source_addr for one in smsc.submits] == ["Brand"] * 3 + ["Other"] * 3
    first, second = smsc.texts()[0][3], smsc.texts()[3][3]
    assert (first + 1) & 0xFF == second
