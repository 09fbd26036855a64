"""What runs for every message of a busy link: the quick ways give what the slow ones give."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.messages import Submission
from sms_traffic_async.protocols.smpp.message_ids import EXACT, IdMatching
from sms_traffic_async.protocols.smpp.outstanding import MAX_SEQUENCE, Outstanding
from sms_traffic_async.protocols.smpp.pdu import SubmitSm, SubmitSmResp, SubmitTemplate
from sms_traffic_async.protocols.smpp.protocol import Answered, Session
from sms_traffic_async.protocols.smpp.receiving import Receiving
from tests.protocols.smpp.kit import LONG, MESSAGE, client, until
from tests.protocols.smpp.pair import bound_esme, headers, only, raw
from tests.support.smpp_peer import Smsc
from tests.support.virtual_loop import virtual

BODY = SubmitSm(source_addr="79160000000", destination_addr="79161112233", short_message=b"Hello").body()
ACCEPTED = 0x80000004

# --- answers


@virtual
@pytest.mark.parametrize("cancelled", [False, True])
async def test_whoever_follows_messages_is_told_of_each_before_its_caller(cancelled: bool) -> None:
    told: list[Any] = []

    async with Smsc(answer=lambda _: None) as smsc, client(smsc) as one:
        one.telemetry.accepted = told.append
        tasks = [asyncio.create_task(one.smpp.submit(message)) for message in (MESSAGE, LONG)]
        for task in tasks:
            task.add_done_callback(told.append)
        await until(lambda: len(smsc.submits) == 4)
        assert told == []
        if cancelled:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            told.clear()
        smsc.answer_all()
        await until(lambda: one.smpp.stats().accepted == 2)
        await asyncio.wait(tasks)
        await asyncio.sleep(0)
    followed = [each for each in told if isinstance(each, Submission)]
    assert [each.message_ids for each in followed] == [("id1",), ("id2", "id3", "id4")]
    assert [(each.via, each.parts, each.attempts) for each in followed] == [("smpp", 1, 1), ("smpp", 3, 1)]
    if cancelled:
        assert told == followed
    else:
        assert [task.result() for task in tasks] == followed
        assert all(told.index(each) < told.index(task) for each, task in zip(followed, tasks, strict=True))


@virtual
async def test_what_an_answer_makes_room_for_is_written_before_its_caller_goes_on() -> None:
    happened: list[str] = []

    async with Smsc(answer=lambda _: None) as smsc, client(smsc, window=1) as one:

        async def caller(name: str) -> None:
            await one.smpp.submit(MESSAGE)
            happened.append(name)

        async with asyncio.TaskGroup() as group:
            for name in ("first", "second"):
                group.create_task(caller(name))
            await until(lambda: smsc.submits)
            transport = one.hub.links[0]._transport
            assert transport is not None
            write = transport.write

            def noted(data: Any) -> None:
                happened.extend("write" for command, _, _ in headers(data) if command == 0x04)
                write(data)

            transport.write = noted  # type: ignore[method-assign] # the moment of writing
            smsc.answer = lambda _: 0
            smsc.answer_all()
    assert happened == ["write", "first", "second"]


def answers(session: Session) -> list[tuple[object, int, str]]:
    """Token, status and id of every answer, whichever way it was told."""
    found = [(token, 0, message_id) for token, message_id in session.accepted or []]
    for event in only(Answered, session.events()):
        response = event.response
        message_id = response.message_id if isinstance(response, SubmitSmResp) else "a nack"
        found.append((event.token, int(response.command_status), message_id))
    return sorted(found, key=str)


IDS = st.sampled_from(
    [b"1046379029789147161\0", b"1046379029789147162\0", b"7\0", b"", b"\0", b"no end", b"a\0b\0", b"\xff\0"]
)
ANSWERS = st.lists(
    st.tuples(
        st.integers(1, 24),  # of 20 submits: some numbers come twice, some belong to nothing
        st.sampled_from([0, 0, 0, 0, 0, 0x58, 0x14]),
        IDS,
        st.sampled_from([b"", b"", b"", b"\4\x27\0\1\2"]),
        st.sampled_from([ACCEPTED] * 6 + [0x80000000, 0x80000015, 0x15]),
    ),
    max_size=30,
)


@given(pdus=ANSWERS, cuts=st.lists(st.sampled_from([1, 7, 36, 100, 2000]), min_size=1, max_size=10))
def test_answers_in_a_row_are_read_as_one_by_one(
    pdus: list[tuple[int, int, bytes, bytes, int]], cuts: list[int]
) -> None:
    octets = b"".join(
        raw(command, sequence, b"" if command == 0x15 else message_id + tlvs, status)
        for sequence, status, message_id, tlvs, command in pdus
    )
    quick, slow = (bound_esme(window=100, first_sequence=1) for _ in range(2))
    quick.accepted = []
    for session in (quick, slow):
        session.submit_all([BODY] * 20, [f"t{number}" for number in range(20)], 0.0)
        assert headers(session.data_to_send()) == [(4, 0, number) for number in range(2, 22)]
    at = 0
    while at < len(octets):
        for cut in cuts:
            quick.receive_data(octets[at : at + cut], 1.0)
            at += cut
    slow.receive_data(octets, 1.0)
    assert quick.in_flight == slow.in_flight
    assert headers(quick.data_to_send()) == headers(slow.data_to_send())
    assert (quick.stats.answered, quick.stats.pdus_in) == (slow.stats.answered, slow.stats.pdus_in)
    assert answers(quick) == answers(slow)


@pytest.mark.parametrize(
    "stranger",
    [
        raw(ACCEPTED, 3, b"id03\0", 0x58),  # a refusal
        raw(ACCEPTED, 99, b"id99\0"),  # of nothing
        raw(ACCEPTED, 2, b"id02\0"),  # of what was answered before
        raw(ACCEPTED, 8, b"id08\0"),  # of an enquire_link
        raw(0x80000005, 3, b"id03\0"),  # of another kind
        raw(0x80000000, 3, b"\0\0\0\0\0", 0x03),
        raw(ACCEPTED, 3, b"id3\0\0"),
        raw(ACCEPTED, 3, b"id003"),
        raw(ACCEPTED, 3, b"longer\0"),
        raw(ACCEPTED, 3),
    ],
)
def test_a_stranger_in_the_row_is_told_from_the_others(stranger: bytes) -> None:
    row = [raw(ACCEPTED, sequence, b"id%02d\0" % sequence) for sequence in (2, 4, 5)]
    octets = b"".join((row[0], stranger, row[1], row[2]))
    quick, slow = (bound_esme(window=100) for _ in range(2))
    quick.accepted = []
    for session in (quick, slow):
        session.submit_all([BODY] * 6, [f"t{number}" for number in range(2, 8)], 0.0)
        session.probe(0.0)
        session.data_to_send()
        session.receive_data(octets, 1.0)
    assert [message_id for _, message_id in quick.accepted][:1] == ["id02"]
    assert [message_id for _, message_id in quick.accepted][-2:] == ["id04", "id05"]
    assert quick.in_flight == slow.in_flight
    assert answers(quick) == answers(slow)


def test_the_answers_of_one_read_end_a_session_that_leaves() -> None:
    session = bound_esme(window=100)
    session.accepted = []
    first, second = session.submit_all([BODY] * 2, ["a", "b"], 0.0)
    session.data_to_send()
    session.receive_data(raw(0x06, 9), 1.0)
    session.receive_data(raw(ACCEPTED, first, b"1\0") + raw(ACCEPTED, second, b"2\0"), 2.0)
    assert session.accepted == [("a", "1"), ("b", "2")]
    assert session.is_closed
    assert headers(session.data_to_send()) == [(0x80000006, 0, 9)]


# --- submits


def test_all_of_several_submits_are_taken_or_none() -> None:
    session = bound_esme(window=5)
    session.submit(BODY, 0.0, "first")
    session.data_to_send()
    with pytest.raises(LocalProtocolError, match="window of 5"):
        session.submit_all([BODY] * 5, list("abcde"), 0.0)
    assert session.in_flight == 1
    assert session.data_to_send() == b""
    assert list(session.submit_all([BODY] * 4, list("abcd"), 0.0)) == [3, 4, 5, 6]
    assert session.room == 0


@given(st.lists(st.tuples(st.sampled_from("etx"), st.integers(1, 7), st.floats(0.0, 20.0)), max_size=60))
def test_entered_together_each_expires_or_is_answered_once(steps: list[tuple[str, int, float]]) -> None:
    table = Outstanding(60.0, first_sequence=MAX_SEQUENCE - 20)
    now, due, sent = 0.0, dict[int, float](), dict[int, float]()
    for step, number, seconds in steps:
        if step == "e":
            deadline = now + 30.0 + (seconds if number == 1 else 0.0)
            sequences = table.enter([object()] * number, now, deadline)
            assert not set(sequences) & set(due)
            due |= dict.fromkeys(sequences, deadline)
            sent |= dict.fromkeys(sequences, now)
        elif step == "t":
            for sequence in [*table.submits, *table.waiting][::number]:
                found = table.take(sequence, 4)
                assert found is not None
                assert found[0].sent_at == sent[sequence]
                del due[sequence]
        else:
            now += seconds
            expired = [sequence for sequence, request in table.expire(now) if request.counted]
            assert sorted(expired) == sorted(sequence for sequence, at in due.items() if at <= now)
            due = {sequence: at for sequence, at in due.items() if at > now}
        assert {*table.submits, *table.waiting} == set(due)
        assert table.in_flight == len(due)
        assert not due or table.oldest_at == min(sent[sequence] for sequence in (*due, *table.late))
        deadline_next = table.next_deadline()
        assert not due or (deadline_next is not None and deadline_next <= min(due.values()))


def test_one_without_answer_keeps_no_others() -> None:
    table = Outstanding(60.0)
    longest = 0
    for number in range(3000):
        sequences = table.enter(["t"] * 5, number / 1000, 30.0 + number / 1000)
        for sequence in sequences[1 if number == 7 else 0 :]:
            table.take(sequence, 4)
        assert table.next_deadline() == (30.007 if number >= 7 else None)
        longest = max(longest, len(table._line))
    assert longest <= 64 + 4 + 1


# --- ids, bodies


def test_the_ids_of_one_read_are_remembered_as_one_by_one() -> None:
    for matching in (EXACT, IdMatching(strip_zeros=True)):
        together, single = (Receiving(most_known=20, matching=matching) for _ in range(2))
        for first in range(0, 100, 7):
            ids = [str(number) for number in range(first, first + 7)]
            together.submitted_all(ids, 0.0)
            for message_id in ids:
                single.submitted(message_id, 0.0)
            known = [
                {number for number in range(110) if one._correlation.find(str(number)) is not None}
                for one in (together, single)
            ]
            assert known[0] == known[1] >= set(range(first, first + 7))


def test_bodies_of_several_parts_are_those_of_each() -> None:
    template = SubmitTemplate(SubmitSm(source_addr="Brand", registered_delivery=1))
    head = b"\5\0\3\7\4"
    pieces = [bytes((number,)) * (244 + number) for number in range(1, 5)]
    bodies = template.parts("79161112233", head, pieces, 8)
    wanted = [head + bytes((number,)) + piece for number, piece in enumerate(pieces, 1)]
    assert bodies == tuple(template.body("79161112233", message, 8, 0x40) for message in wanted)
    for number, some, rule in (
        ("79161112233", [*pieces, bytes(249)], "254 octets"),
        ("7916\u0661112233", pieces, "digits"),
        ("7916\ud800", pieces, "digits"),
        ("", pieces, "digits"),
    ):
        with pytest.raises(LocalProtocolError, match=rule):
            template.parts(number, head, some, 8)
