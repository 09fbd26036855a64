"""The short ways that most messages take give what the long ones would."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import pickle
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.http_v2.batching import NUMBER_DIGITS, V2Item, item_of, shared_batch
from sms_traffic_async.protocols.http_v2.matching import match
from sms_traffic_async.protocols.http_v2.models import Destination, SendAnswer
from sms_traffic_async.protocols.http_v2.wire import decode_send, encode_send
from sms_traffic_async.protocols.lanes import Lane
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http_v2.script import Step, client, platform
from tests.support.virtual_loop import VirtualClock, virtual

TEXTS = st.one_of(
    st.text("aZ09 .,:!?'<&Яё№«»—", min_size=1, max_size=40),
    st.text('aЯ"\\/[]{}\n\t\u2028€😀 w.', min_size=1, max_size=40),
)


def item(message: Message, *, max_parts: int = 255) -> V2Item:
    found = item_of(message, originator=None, max_parts=max_parts, lane=Lane.SEND, deadline=1.0, clock=VirtualClock())
    assert isinstance(found, V2Item)
    return found


# --- out


@given(st.lists(st.tuples(TEXTS, st.sampled_from([None, "mine", 'of "mine"\\'])), min_size=1, max_size=8))
def test_a_batch_says_the_same_whichever_way_it_is_written(texts: list[tuple[str, str | None]]) -> None:
    items = [
        item(Message(to=f"7916{place:07}", text=text, tracking_data=label)) for place, (text, label) in enumerate(texts)
    ]
    for which in (items, items[:1], [one for one in items if one.plain] or items):
        request = shared_batch(which).request
        by_hand = dataclasses.replace(
            request,
            destinations=tuple(Destination(to=one.to, text=one.text, tracking_data=one.label) for one in which),
        )
        assert encode_send(request) == encode_send(by_hand)


def test_most_messages_take_the_short_way() -> None:
    assert item(Message(to="79161112233", text="Ваш код: 1234. Никому его не говорите!")).plain
    assert item(Message(to="79161112233", text="Your code is 1234")).plain
    assert not item(Message(to="79161112233", text='say "a"')).plain
    assert not item(Message(to="79161112233", text="a", tracking_data="mine")).plain


@pytest.mark.parametrize("batches", [1, 20])
def test_ids_of_a_batch_are_uuids_and_all_different(batches: int) -> None:
    made = [[item(Message(to="79161112233", text="a")) for _ in range(300)] for _ in range(batches)]
    for items in made:
        shared_batch(items)
    keys = {one.key for items in made for one in items}
    assert len(keys) == 300 * batches
    assert {len(key) for key in keys} == {36}
    assert len({key[:-NUMBER_DIGITS] for key in keys}) == batches
    again = [one.key for one in made[0]]
    shared_batch(made[0][1:])
    assert [one.key for one in made[0]] == again, "a message keeps its id when its batch is halved"


# --- in


def row(place: int, **changes: Any) -> dict[str, Any]:
    found = {"phone": 79160000000 + place, "id": str(10**18 + place), "trackingData": f"label {place}"} | changes
    return {name: value for name, value in found.items() if value is not ...}


ROWS = st.lists(
    st.one_of(
        st.just({}),
        st.sampled_from(
            [{"id": 7}, {"id": ""}, {"id": "1" * 129}, {"id": "a1"}, {"id": " 1 "}, {"id": ...}, {"id": 2.0**70},
             {"trackingData": "label 1"}, {"trackingData": None}, {"trackingData": ...}, {"error": None},
             {"error": {"code": 5, "message": "no"}}, {"error": "no"}, {"error": {}}, {"phone": "7"}]
        ),
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


@given(ROWS, st.integers(-1, 1), st.booleans())
def test_an_answer_means_the_same_whichever_way_it_is_read(
    changes: list[dict[str, Any]], more: int, turned: bool
) -> None:
    rows: list[Any] = [row(place, **change) for place, change in enumerate(changes)]
    if turned:
        rows.reverse()
    body = orjson.dumps({"success": True, "destinations": rows})
    messages = [
        item(Message(to=f"{79160000000 + place}", text="a", tracking_data=f"label {place}"))
        for place in range(max(len(changes) + more, 1))
    ]
    shared_batch(messages)
    slow = decode_send(body)
    quick = decode_send(body, [one.label for one in messages])
    assert isinstance(slow, SendAnswer)
    assert isinstance(quick, SendAnswer)
    expected = match(messages, slow.destinations)
    if quick.ids is None:
        assert quick == slow
    else:
        assert list(quick.ids) == [None if one is None else one.message_id for one in expected]
        assert all(one is not None and one.fault is None for one in expected)


def test_the_usual_answer_is_read_the_short_way() -> None:
    labels = [f"label {place}" for place in range(5)]
    body = orjson.dumps({"success": True, "destinations": [row(place) for place in range(5)]})
    answer = decode_send(body, labels)
    assert isinstance(answer, SendAnswer)
    assert answer.ids == tuple(str(10**18 + place) for place in range(5))
    odd_ones: list[list[Any]] = [[1, 2], [[]], ["label 0"], [None], []]
    for rows in odd_ones:
        odd = decode_send(orjson.dumps({"success": True, "destinations": rows}), labels)
        assert isinstance(odd, SendAnswer)
        assert odd.ids is None


# --- values


class Branded(Message):
    """What a caller may make of a message."""

    brand = "x"


@pytest.mark.parametrize("kind", [Message, Branded])
def test_a_message_is_frozen_and_of_its_class_from_the_start(kind: type[Message]) -> None:
    made = kind(to="8 916 111-22-33", text="a", validity=900)
    assert type(made) is kind
    assert (made.to, made.text, made.validity, made.key) == ("79161112233", "a", 900, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.text = "b"  # type: ignore[misc]
    assert made == kind(to="79161112233", text="a", validity=900)
    assert hash(made) == hash(copy.copy(made))
    assert dataclasses.replace(made, text="b").text == "b"
    with pytest.raises(InvalidMessage):
        kind(to="79161112233", text="")


@virtual
async def test_a_submission_of_a_batch_behaves_like_any_other() -> None:
    async with platform() as one, client(one) as sms:
        sent = await asyncio.gather(*(sms.send(f"7916{place:07}", "text") for place in range(20)))
    for submission in sent:
        assert type(submission) is Submission
        assert dataclasses.replace(submission) == submission
        assert pickle.loads(pickle.dumps(submission)) == submission  # noqa: S301 - our own
        assert hash(submission) == hash(copy.copy(submission))
        with pytest.raises(dataclasses.FrozenInstanceError):
            submission.node = "n"  # type: ignore[misc]


# --- who shares a request


def sizes(one: Any) -> list[int]:
    return [len(send.body["destinations"]) for send in one.sends]


@virtual
async def test_while_a_request_is_under_way_all_of_one_turn_share_the_next() -> None:
    async with platform() as one, client(one, http=HttpOptions(in_flight=4)) as sms:
        one.script[1] = [Step(accept=True, wait=1.0)]
        await asyncio.gather(*(sms.send(f"7916{place:07}", "text") for place in range(50)))
    assert sizes(one) == [1, 49]


@virtual
async def test_who_sends_again_on_hearing_of_a_batch_shares_the_next() -> None:
    async with platform() as one, client(one, http=HttpOptions(in_flight=2)) as sms:

        async def work(place: int) -> None:
            for _ in range(4):
                await sms.send(f"7916{place:07}", "text")

        await asyncio.gather(*(work(place) for place in range(40)))
    assert sum(sizes(one)) == 160
    assert len(one.sends) <= 9
    assert sizes(one).count(1) <= 4


@virtual
async def test_one_after_the_other_nobody_waits_for_a_turn(no_tasks_left: None) -> None:
    async with platform() as one, client(one) as sms:
        for place in range(4):
            await _alone(sms, place)
            await asyncio.gather(_alone(sms, 10 + place), _alone(sms, 20 + place))
            await asyncio.sleep(0.1)
    assert len(one.accepted) == 12


async def _alone(sms: SmsTraffic, place: int) -> None:
    assert (await sms.send(f"7916{place:07}", "text")).parts == 1
