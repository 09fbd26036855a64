"""``v2.send``: one request for several destinations, an outcome for each."""

from __future__ import annotations

from typing import Any

import pytest

from sms_traffic_async.errors import (
    DuplicateRequest,
    InsufficientFunds,
    InvalidMessage,
    InvalidRecipient,
    NotSent,
    OutcomeUnknown,
    TemporarilyUnavailable,
)
from sms_traffic_async.messages import Submission
from sms_traffic_async.protocols.http_v2 import Destination
from sms_traffic_async.settings import Timeouts
from tests.protocols.http_v2.script import LOST, USED_UP, VANISHED, Got, Platform, Step, client, platform
from tests.support.virtual_loop import virtual

pytestmark = virtual

NUMBERS = ["79161112233", "79161112234", "79161112235"]
PATIENT = Timeouts(deadline=400.0)


async def test_everything_arrives_as_one_request() -> None:
    async with platform() as one, client(one, originator="Shop") as sms:
        reply = await sms.v2.send(
            [NUMBERS[0], Destination(to=NUMBERS[1], text="own", params={"a": "b"}, tracking_data="mine")],
            "common",
            batch_name="b",
            restrictive_id="r-1",
            validity=600,
            transliterate=False,
            max_parts=3,
        )
    (request,) = one.sends
    assert request.body["restrictiveId"] == reply.restrictive_id == "r-1"
    assert request.body["channels"] == {
        "sms": {"message": "common", "timeout": 600, "transliterate": False, "maxParts": 3}
    }
    assert (request.body["originator"], request.body["batchName"]) == ("Shop", "b")
    first, second = request.body["destinations"]
    assert first["to"] == int(NUMBERS[0])
    assert second == {
        "to": int(NUMBERS[1]),
        "params": {"a": "b"},
        "trackingData": "mine",
        "content": {"sms": {"message": "own"}},
    }
    assert [sent.message_id for sent in reply.accepted] == [taken.message_id for taken in one.accepted]
    assert [sent.to for sent in reply.accepted] == NUMBERS[:2]
    assert [sent.tracking_data for sent in reply.accepted] == [first["trackingData"], "mine"]
    assert not reply.errors


@pytest.mark.parametrize("destinations", [NUMBERS[0], Destination(to=NUMBERS[0]), [NUMBERS[0]], (NUMBERS[0],)])
async def test_one_destination_in_any_form(destinations: Any) -> None:
    async with platform() as one, client(one) as sms:
        reply = await sms.v2.send(destinations, "hi")
    assert len(reply.accepted) == len(one.accepted) == 1


async def test_each_destination_has_its_own_outcome() -> None:
    def refuse(rows: list[dict[str, Any]]) -> list[Any]:
        return [rows[2], rows[1] | {"error": {"code": 432, "message": "blocked"}}, rows[0]]

    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(accept=True, rows=refuse)]
        reply = await sms.v2.send(NUMBERS, "hi")
    first, second, third = reply.outcomes
    assert isinstance(first, Submission)
    assert isinstance(second, InvalidRecipient)
    assert isinstance(third, Submission)
    assert (first.message_id, third.message_id) == (one.accepted[0].message_id, one.accepted[2].message_id)
    with pytest.raises(InvalidRecipient):
        reply.raise_for_error()


async def test_a_destination_missing_from_the_answer_is_looked_up() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(accept=True, rows=lambda rows: rows[:2])]
        reply = await sms.v2.send(NUMBERS, "hi")
    assert [sent.evidence for sent in reply.accepted] == ["answer", "answer", "lookup"]
    assert [sent.message_id for sent in reply.accepted] == [taken.message_id for taken in one.accepted]
    assert len(one.looks[0].body["trackingData"]) == 1


async def test_a_lost_answer_of_a_batch_is_found_whole() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [LOST]
        reply = await sms.v2.send(NUMBERS, "hi")
    assert {sent.evidence for sent in reply.accepted} == {"lookup"}
    assert len(one.accepted) == 3
    first, second = one.sends
    assert first.body == second.body, "the same batch under the same id"


def without(one: Platform, number: str) -> None:
    """Of the next batch the platform takes all but one, and says nothing about it."""
    query = one.answer_query

    def forgetful(got: Got) -> bytes:
        one.accepted[:] = [taken for taken in one.accepted if taken.to != int(number)]
        return query(got)

    one.answer_query = forgetful


@pytest.mark.parametrize("on_unknown", ["raise", "resend"])
async def test_a_batch_that_was_taken_in_part_is_never_repeated(on_unknown: Any) -> None:
    async with platform() as one, client(one, timeouts=PATIENT, on_unknown=on_unknown) as sms:
        one.script[1] = [LOST]
        without(one, NUMBERS[1])
        reply = await sms.v2.send(NUMBERS, "hi")
    assert [type(outcome) for outcome in reply.outcomes] == [Submission, OutcomeUnknown, Submission]
    assert len(one.sends) == 2


async def test_a_batch_whose_id_was_used_up_goes_out_under_another() -> None:
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        one.script[1] = [USED_UP]
        reply = await sms.v2.send(NUMBERS, "hi")
    assert len(reply.accepted) == len(one.accepted) == 3
    assert len({send.body["restrictiveId"] for send in one.sends}) == 2


async def test_a_whole_refusal_is_raised() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(code=415)]
        with pytest.raises(InsufficientFunds):
            await sms.v2.send(NUMBERS, "hi")
        one.script = {1: [Step(code=1000)] * 50, 2: [Step(code=1000)] * 50}
        with pytest.raises(TemporarilyUnavailable):
            await sms.v2.send(NUMBERS, "hi", timeout=5.0)
    async with platform() as one, client(one, nodes=["http://127.0.0.1:9"]) as sms:
        with pytest.raises(NotSent):
            await sms.v2.send(NUMBERS, "hi", timeout=5.0)


async def test_unknown_is_told_for_each_destination() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [VANISHED] * 50
        reply = await sms.v2.send(NUMBERS, "hi", timeout=10.0)
    assert [type(outcome) for outcome in reply.outcomes] == [OutcomeUnknown] * 3
    assert [error.evidence.to for error in reply.errors if isinstance(error, OutcomeUnknown)] == NUMBERS
    assert len({error.message_key for error in reply.errors}) == 3


async def test_a_chosen_id_that_was_used_names_what_it_sent() -> None:
    async with platform() as one, client(one) as sms:
        first = await sms.v2.send(NUMBERS, "hi", restrictive_id="mine")
        with pytest.raises(DuplicateRequest) as caught:
            await sms.v2.send(NUMBERS, "hi", restrictive_id="mine")
    assert caught.value.message_ids == (first.accepted[0].message_id,)
    assert len(one.accepted) == 3


async def test_of_a_chosen_id_that_was_used_each_destination_is_told_what_is_known() -> None:
    async with platform() as one, client(one) as sms:
        first = await sms.v2.send(NUMBERS[:2], "hi", restrictive_id="mine")
        again = await sms.v2.send(NUMBERS, "hi", restrictive_id="mine")
    assert [type(outcome) for outcome in again.outcomes] == [DuplicateRequest, DuplicateRequest, OutcomeUnknown]
    assert [error.message_ids for error in again.errors if isinstance(error, DuplicateRequest)] == [
        sent.message_ids for sent in first.accepted
    ]
    assert len(one.accepted) == 2


async def test_a_common_label_cannot_be_looked_up() -> None:
    async with platform() as one, client(one) as sms:
        reply = await sms.v2.send(NUMBERS, "hi", tracking_data="common-1")
        assert [sent.message_id for sent in reply.accepted] == [taken.message_id for taken in one.accepted]
        one.script[1] = [LOST]
        reply = await sms.v2.send(NUMBERS, "hi", tracking_data="common-2", timeout=20.0)
    assert {type(error) for error in reply.errors} == {OutcomeUnknown}
    assert not one.looks


@pytest.mark.parametrize(
    "arguments",
    [
        {"destinations": [], "text": "hi"},
        {"destinations": None, "text": "hi"},
        {"destinations": NUMBERS},
        {"destinations": ["12"], "text": "hi"},
        {"destinations": NUMBERS, "text": "Ж" * 500, "max_parts": 1},
        {"destinations": NUMBERS, "text": "hi", "restrictive_id": "x" * 37},
    ],
)
async def test_bad_arguments_cost_no_request(arguments: dict[str, Any]) -> None:
    async with platform() as one, client(one) as sms:
        with pytest.raises(InvalidMessage):
            await sms.v2.send(**arguments)
    assert not one.got


async def test_the_live_send_guard_holds_here_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", NUMBERS[0])
    async with platform() as one, client(one) as sms:
        assert (await sms.v2.send(NUMBERS[0], "hi")).accepted
        with pytest.raises(NotSent) as caught:
            await sms.v2.send(NUMBERS[:2], "hi")
        assert caught.value.reason == "guarded"
        with pytest.raises(NotSent):
            await sms.send(NUMBERS[1], "hi")
    assert len(one.sends) == 1
