"""Short ways of a message: answers without an id, late refusals, callers who left, and who stands behind whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    InvalidMessage,
    InvalidRecipient,
    NotSent,
    Outcome,
    OutcomeUnknown,
    Rejected,
)
from sms_traffic_async.events import SendFinished
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.posting import Tray
from sms_traffic_async.protocols.smpp.admission import Admission
from sms_traffic_async.protocols.smpp.casework import SLACK
from sms_traffic_async.protocols.smpp.parcel import Parcel
from sms_traffic_async.protocols.smpp.receiving import Receiving
from sms_traffic_async.protocols.smpp.transceiver import Transceiver
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from sms_traffic_async.settings import Credentials, Settings
from sms_traffic_async.settings_smpp import SmppOptions
from sms_traffic_async.telemetry import Telemetry
from tests.protocols.smpp.kit import LONG, MESSAGE, PASSWORD, TO, client, dead_port, outcome, until
from tests.protocols.smpp.receiving_kit import NOBODY, OK, Application, part
from tests.support.smpp_peer import Reply, Smsc, Submitted
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


async def test_accepted_without_an_id_is_accepted() -> None:
    """ESME_ROK says that it was taken; what is missing is only what a receipt could be matched by."""
    async with Smsc(answer=lambda _: Reply(message_id="")) as smsc, client(smsc) as one:
        assert (await one.smpp.submit(MESSAGE)).message_ids == ()
        sent = await one.smpp.submit(LONG)
    assert (sent.message_ids, sent.parts) == ((), 3)


async def test_what_follows_a_message_hears_of_it_before_the_caller() -> None:
    """Recorded when the answer is read, for messages of one part and of several, whether or not the caller waits."""
    told: list[Submission] = []
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        one.telemetry.accepted = told.append
        tasks = [asyncio.create_task(one.smpp.submit(message)) for message in (MESSAGE, LONG)]
        await until(lambda: len(smsc.submits) == 4)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        smsc.answer_all()
        await until(lambda: len(told) == 2)
    assert [submission.message_ids for submission in told] == [("id1",), ("id2", "id3", "id4")]


async def test_a_refusal_that_comes_after_the_deadline_repeats_nothing() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        for status in (CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL, CommandStatus.ESME_RINVDSTADR):
            before = len(smsc.submits)
            error = await outcome(one.smpp.submit(MESSAGE, timeout=2))
            assert type(error) is OutcomeUnknown
            smsc.answer_all(status)
            await asyncio.sleep(20)
            assert len(smsc.submits) == before + 1
        assert one.smpp.stats().unknown == 3


async def test_a_refusal_after_the_response_timeout_is_the_truth() -> None:
    """Nobody knew; now it is known that nothing was taken."""
    answer = Reply(status=CommandStatus.ESME_RINVDSTADR, delay=7)
    async with Smsc(answer=lambda _: answer) as smsc, client(smsc, response_timeout=5, late_timeout=20) as one:
        error = await outcome(one.smpp.submit(MESSAGE, timeout=60))
    assert isinstance(error, Rejected)
    assert (error.code, len(smsc.submits)) == (0x0B, 1)


async def test_who_left_after_the_writing_is_not_told_of_a_refusal() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE))
        await until(lambda: smsc.submits)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        smsc.answer_all(CommandStatus.ESME_RINVDSTADR)
        await until(lambda: one.smpp.stats().rejected == 1)
    assert isinstance(result, asyncio.CancelledError)


async def test_the_impatient_behind_a_patient_one_take_no_room() -> None:
    """Who gave up stands behind one who waits, so the head of the line does not clear them away."""
    hurried = Message(to=TO, text="x", expires_in=1)
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1, queue=1) as one:
        patient = [asyncio.create_task(one.smpp.submit(MESSAGE, timeout=60)) for _ in range(3)]
        await until(lambda: one.hub.admission.waiting == 1)
        found = await asyncio.gather(*(outcome(one.smpp.submit(hurried, timeout=5)) for _ in range(500)))
        assert {type(result) for result in found} == {NotSent}
        assert (one.hub.admission.waiting, len(one.hub.admission._lanes[0]) < 100) == (1, True)
        smsc.answer = lambda _: 0
        smsc.answer_all()
        assert [len(sent.message_ids) for sent in await asyncio.gather(*patient)] == [1, 1, 1]


async def test_hooks_hear_of_what_found_no_room() -> None:
    events: list[Any] = []
    async with (
        Smsc(answer=lambda _: None) as smsc,
        client(smsc, window=1, queue=1, hooks=(events.append,)) as one,
    ):
        waiting = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=60))) for _ in range(2)]
        await until(lambda: smsc.submits)
        await asyncio.sleep(0.1)
        error = await outcome(one.smpp.submit(MESSAGE, timeout=1))
        assert (type(error), error.outcome) == (NotSent, Outcome.NOT_SENT)
        smsc.answer = lambda _: 0
        smsc.answer_all()
        await asyncio.gather(*waiting)
    told = [event.outcome for event in events if hasattr(event, "outcome")]
    assert told == ["not_sent", "accepted", "accepted"]


async def test_old_deadlines_do_not_pile_up() -> None:
    """Thousands of messages that are over leave nothing behind in the lists of deadlines."""

    def answer(submitted: Submitted) -> int | None:
        return None if submitted.request.short_message == b"stay" else 0

    async with Smsc(answer=answer) as smsc, client(smsc, window=50) as one:
        stays = asyncio.create_task(outcome(one.smpp.submit(Message(to=TO, text="stay"), timeout=25)))
        await until(lambda: smsc.submits)
        for timeout in (20, 30, 10):  # shorter and longer than the one that stays
            message = Message(to=TO, text="go")
            await asyncio.gather(*(one.smpp.submit(message, timeout=timeout) for _ in range(1_000)))
        assert len(one.hub._line) + len(one.hub._deadlines) < 1_200
        assert type(await stays) is OutcomeUnknown


async def test_octets_wait_for_room_like_texts() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1, queue=1) as one:
        texts = [asyncio.create_task(one.smpp.submit(MESSAGE, timeout=60)) for _ in range(2)]
        await until(lambda: smsc.submits)
        octets = asyncio.create_task(one.smpp.submit_binary(TO, b"\x01", timeout=60))
        await until(lambda: one.hub.admission.waiting == 1)
        smsc.answer = lambda _: 0
        smsc.answer_all()
        assert (await octets).encoding == "binary"
        await asyncio.gather(*texts)
    assert smsc.texts()[-1] == b"\x01"


async def test_a_refused_login_after_a_loss_ends_what_waits_and_not_what_began() -> None:
    """Nothing can leave any more. Of what was written and lost nobody knows, and that is what its caller is told."""
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        began = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, on_unknown="resend", timeout=40)))
        await until(lambda: smsc.submits)
        waits = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=40)))
        await asyncio.sleep(0.1)
        smsc.bind_answer = lambda _: CommandStatus.ESME_RINVPASWD
        smsc.bound[0].cut()
        refused = await waits
        assert (type(refused), began.done()) == (AuthenticationFailed, False)
        assert type(await began) is OutcomeUnknown
    assert len(smsc.submits) == 1


async def test_the_end_at_once_tells_everybody_what_is_known() -> None:
    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:
        tasks = [asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=60))) for _ in range(3)]
        await until(lambda: smsc.submits)
        assert not [parcel for parcel in one.hub.waiting() if TO in repr(parcel)]
        one.hub.abort()
        found = await asyncio.gather(*tasks)
        assert [type(error) for error in found] == [OutcomeUnknown, NotSent, NotSent]
        assert {error.reason for error in found[1:]} == {"closed"}


async def test_callers_who_left_while_no_link_stood_leave_nothing_behind() -> None:
    async with Smsc(bind_answer=lambda _: None) as smsc, client(smsc, bind_timeout=50) as one:
        for _ in range(3):
            tasks = [asyncio.create_task(one.smpp.submit(MESSAGE, timeout=40)) for _ in range(700)]
            await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert (one.hub.open, one.hub.queue.parts) == (0, 0)
        last = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=5)))
        await asyncio.sleep(0.1)
        assert len(one.hub._line) + len(one.hub._deadlines) <= SLACK + 4, "of 2,100"
        assert type(await last) is NotSent
    assert not smsc.submits


async def test_parts_that_were_taken_are_not_refused_with_those_that_wait() -> None:
    """A message that is whole is acknowledged; a part without the others goes back to the platform after a while."""
    app = Application()
    side = app.side()
    assert side.hear(part(1, 2, 1), part(2, 2, 2)) == []
    app.acks[0]()
    assert side.said() == [(1, OK), (2, OK)]
    assert side.hear(part(1, 2, 3, reference=8)) == []
    app.receiving.on_time(app.clock.now)
    assert side.said() == []
    app.wait(60)
    assert side.said() == [(3, NOBODY)]


async def test_late_answers_are_told_to_whoever_follows_and_to_hooks() -> None:
    """After the response timeout: of one part, of several, without an id, refused; and to nobody who left."""
    told: list[Submission] = []
    events: list[Any] = []
    late = {b"a": Reply(delay=7, message_id=""), b"b": Reply(delay=8), b"c": Reply(delay=9, status=0x0B)}
    async with (
        Smsc(answer=lambda submitted: late.get(submitted.request.short_message, Reply(delay=7))) as smsc,
        client(smsc, response_timeout=5, late_timeout=20, hooks=(events.append,)) as one,
    ):
        one.telemetry.accepted = told.append
        messages = (Message(to=TO, text="a"), LONG, Message(to=TO, text="b"), Message(to=TO, text="c"))
        tasks = [asyncio.create_task(outcome(one.smpp.submit(message, timeout=60))) for message in messages]
        await until(lambda: len(smsc.submits) == 6)
        tasks[2].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: len(told) == 3)
    assert [type(result) for result in found] == [Submission, Submission, asyncio.CancelledError, InvalidRecipient]
    assert {tuple(sorted(submission.message_ids)) for submission in told} == {(), ("id1", "id2", "id3"), ("id4",)}
    outcomes = [event.outcome for event in events if isinstance(event, SendFinished)]
    assert sorted(outcomes) == ["accepted", "accepted", "accepted", "rejected"]


async def test_closing_while_a_bind_is_under_way_waits_for_nobody() -> None:
    async with Smsc(bind_answer=lambda _: None) as smsc, client(smsc, bind_timeout=100) as one:
        task = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=60)))
        await until(lambda: smsc.peers and smsc.peers[0].bind)
        began = smsc.now()
        await one.aclose(grace=2)
        error = await task
        assert smsc.now() - began < 5
    assert (type(error), error.reason) == (NotSent, "closed")


async def test_what_comes_in_may_be_shared_with_whoever_made_it() -> None:
    receiving = Receiving(clock=VirtualClock())
    settings = Settings(credentials=Credentials(login="user", password=PASSWORD))
    hub = Transceiver(
        settings,
        options=SmppOptions(servers=[dead_port()]),
        clock=VirtualClock(),
        telemetry=Telemetry(),
        life=Life(),
        receiving=receiving,
    )
    assert hub.receiving is receiving


async def test_what_was_not_written_in_time_waits_again() -> None:
    """The transport is full: a part that was never handed to it was not sent, and goes when there is room."""
    async with Smsc() as smsc, client(smsc, response_timeout=2, late_timeout=4) as one:
        await one.smpp.submit(MESSAGE)
        (link,) = one.hub.links
        link.pause_writing()
        task = asyncio.create_task(one.smpp.submit(Message(to=TO, text="later"), timeout=60))
        await asyncio.sleep(3)
        assert len(smsc.submits) == 1
        link.resume_writing()
        assert isinstance(await task, Submission)
    assert smsc.texts()[1:] == [b"later"]


async def test_what_a_full_transport_never_took_was_not_sent() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        await one.smpp.submit(MESSAGE)
        (link,) = one.hub.links
        link.pause_writing()
        error = await outcome(one.smpp.submit(MESSAGE, timeout=1))
        assert (type(error), error.reason) == (NotSent, "overloaded")
        link.resume_writing()
        await one.smpp.submit(MESSAGE)
    assert len(smsc.submits) == 2


async def test_the_second_end_of_a_message_changes_nothing() -> None:
    """Its caller leaves in the very turn in which the queue is emptied."""
    async with Smsc(bind_answer=lambda _: None) as smsc, client(smsc, bind_timeout=50) as one:
        task = asyncio.create_task(one.smpp.submit(MESSAGE, timeout=40))
        await until(lambda: one.hub.open == 1)
        (parcel,) = one.hub.waiting()
        task.cancel()
        one.hub.evict(lambda key: NotSent("no way", reason="unreachable", message_key=key), one.hub.time())
        one.hub.conclude(parcel, one.hub.time(), "closed")
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError)
        assert (one.hub.open, one.smpp.stats().not_sent) == (0, 1)


@pytest.mark.parametrize("timeout", [60.0, 1.0])
async def test_what_was_numbered_and_never_written_was_not_sent(timeout: float) -> None:
    """The transports fill up between the choice of a link and the writing."""
    async with (
        Smsc(slots=2) as smsc,
        client(smsc, transmitters=1, response_timeout=2, late_timeout=4) as one,
    ):
        assert await one.hub.ready(5)
        await until(lambda: len(one.hub.links) == 2)
        task = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=timeout)))
        await asyncio.sleep(0)
        links = one.hub.links
        for link in links:
            link.pause_writing()
        await asyncio.sleep(1.5)
        assert (len(smsc.submits), sum(link.session.in_flight for link in links)) == (0, 1)
        await asyncio.sleep(2)
        for link in links:
            link.resume_writing()
        result = await task
        assert one.hub.queue.parts == 0
    if timeout > 2:
        assert isinstance(result, Submission)
    assert len(smsc.submits) == (timeout > 2)


async def test_who_was_let_in_is_not_turned_away_in_the_same_turn() -> None:
    calls = set[Any]()
    free = 0
    admission = Admission(lambda: free, calls, calls.discard)
    async with Smsc() as smsc, client(smsc) as one:
        parcel = one.smpp._parcel(
            asyncio.get_running_loop(), 0.0, asyncio.Future(), ((b"x",), "gsm7", None), TO, None, 60.0, None
        )
        assert isinstance(parcel, Parcel)
        waiting = asyncio.create_task(admission.wait(parcel))
        await asyncio.sleep(0)
        free = 1
        admission.call()
        for call in tuple(calls):
            call.interrupt()
        assert await waiting == "come"


async def test_a_bad_message_is_told_so_while_others_wait_for_room() -> None:
    async with Smsc() as smsc, client(smsc) as one:
        task = asyncio.current_task()
        assert task is not None
        refused: list[tuple[Message, int, Exception]] = []
        message = Message(to=TO, text="x", key="k")
        await one.smpp.post_in_turn(message, 7, Tray(refused.clear, lambda *one: refused.append(one)), task)
        [(same, index, error)] = refused
        assert (same is message, index, type(error)) == (True, 7, InvalidMessage)
    assert not smsc.submits


async def test_a_link_that_is_not_bound_yet_is_left_at_once() -> None:
    """There is nothing to unbind, and nobody to wait for; the message goes over the next one."""
    async with Smsc(bind_answer=lambda _: None) as smsc, client(smsc, bind_timeout=50) as one:
        task = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=60)))
        await until(lambda: smsc.peers and smsc.peers[0].bind)
        smsc.bind_answer = lambda _: 0
        (link,) = one.hub._all_links()
        began = smsc.now()
        link.leave()
        await until(link.closed.done)
        assert smsc.now() - began < 1
        assert isinstance(await task, Submission)


async def test_a_deadline_while_every_server_refuses_says_why() -> None:
    async with Smsc(bind_answer=lambda _: None) as smsc, client(smsc, bind_timeout=50) as one:
        task = asyncio.create_task(outcome(one.smpp.submit(MESSAGE, timeout=40)))
        await until(lambda: one.hub.open == 1)
        (parcel,) = one.hub.waiting()
        why = NotSent("refused the bind", reason="unreachable")
        one.hub.trouble = lambda _: why
        one.hub.conclude(parcel, one.hub.time(), "deadline")
        assert await task is why
