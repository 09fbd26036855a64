"""Many recipients: forms of request, matching of answers, splitting, and one bad number among good ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sms_traffic_async.errors import InvalidMessage, InvalidRecipient, OutcomeUnknown, Rejected
from sms_traffic_async.messages import Submission
from sms_traffic_async.protocols.http_v1 import Recipient
from sms_traffic_async.protocols.http_v1.arguments import GroupKeywords, SendKeywords
from tests.protocols.http_v1.kit import Form, desk, ok, refusal
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

ONE, TWO, THREE = "79051112233", "79261112233", "74951112233"


def pieces(form: Form) -> list[tuple[str, str, str]]:
    """push_id, number and text of each individual message, read as the document describes it."""
    fields = form.fields("utf-8" if "rus=5" in form.body.decode() else "cp1251")
    found = []
    for piece in fields["phones"].split(fields["delimiter"]):
        head, _, text = piece.partition(" ")
        push_id, _, number = head.rpartition(":")
        found.append((push_id, number, text))
    return found


def answering(form: Form) -> bytes:
    """A platform that takes everything, one id for each number or push id."""
    fields = form.fields()
    if "individual_messages" in fields:
        return ok(*[(number, f"9{push_id[1:] or 0}", push_id) for push_id, number, _ in pieces(form)])
    return ok(*[(number, f"1{number}") for number in fields["phones"].split(",")])


async def test_one_text_to_many_is_the_documents_bulk() -> None:
    async with desk(ok((ONE, "1"), (ONE, "2"), (TWO, "3"))) as one:
        reply = await one.v1.send([ONE, "+7 926 111-22-33"], "тест")
    fields = one.forms[0].fields("utf-8")
    assert (fields["phones"], fields["message"], fields["rus"]) == (f"{ONE},{TWO}", "тест", "5")
    assert "individual_messages" not in fields
    assert [sent.message_ids for sent in reply.accepted] == [("1", "2"), ("3",)]
    assert (reply.errors, reply.requests) == ((), 1)
    reply.raise_for_error()


async def test_texts_of_their_own_are_individual_messages() -> None:
    texts = ["две\nстроки\r\nи ещё", "ABC", "пробел в конце "]
    recipients = [Recipient(to=number, text=text) for number, text in zip([ONE, TWO, ONE], texts, strict=True)]
    async with desk(answering) as one:
        reply = await one.v1.send(recipients, rus=5)
    form = one.forms[0]
    fields = form.fields("utf-8")
    assert (fields["individual_messages"], fields["with_push_id"], fields["want_sms_ids"]) == ("1", "1", "1")
    assert "message" not in fields
    assert re.fullmatch("Z[0-9A-F]{16}Q", fields["delimiter"])
    assert [(number, text) for _, number, text in pieces(form)] == list(zip([ONE, TWO, ONE], texts, strict=True))
    assert [sent.message_ids for sent in reply.accepted] == [("90",), ("91",), ("92",)]


async def test_latin_and_cyrillic_texts_go_apart_and_come_back_in_order() -> None:
    recipients = [Recipient(to=ONE, text="код"), Recipient(to=TWO, text="code"), Recipient(to=THREE, text="ещё")]
    async with desk(answering) as one:
        reply = await one.v1.send(recipients)
    assert [form.fields()["rus"] for form in one.forms] == ["5", "0"]
    assert [sent.to for sent in reply.accepted] == [ONE, TWO, THREE]
    assert reply.requests == 2


async def test_v10_push_ids_of_the_caller() -> None:
    recipients = [Recipient(to=ONE, text="a", push_id="m1"), Recipient(to=TWO), Recipient(to=THREE, push_id="one-more")]
    async with desk(answering) as one:
        reply = await one.v1.send(recipients, "b")
    sent = pieces(one.forms[0])
    assert [push_id for push_id, _, _ in sent] == ["m1", "mm1", "one-more"], "what we make up is nobody's already"
    assert [sub.key for sub in reply.accepted][0::2] == ["m1", "one-more"]


async def test_a_number_that_stands_twice_is_told_apart() -> None:
    async with desk(answering) as one:
        reply = await one.v1.send([ONE, ONE], "a")
    assert [sent.message_ids for sent in reply.accepted] == [("90",), ("91",)]


async def test_a_delimiter_of_the_callers() -> None:
    recipients = [Recipient(to=ONE, text="a b"), Recipient(to=TWO, text="c")]
    async with desk(answering) as one:
        await one.v1.send(recipients, delimiter="ABC")
        assert one.forms[0].fields()["delimiter"] == "ABC"
        for delimiter in ("b", "", " "):
            with pytest.raises(InvalidMessage) as caught:
                await one.v1.send(recipients, delimiter=delimiter)
            assert caught.value.field == "delimiter"
    assert len(one.forms) == 1


@pytest.mark.parametrize(
    "arguments, field",
    [
        ({"recipients": []}, "recipients"),
        ({"recipients": ["12"]}, "to"),
        ({"recipients": [ONE], "text": None}, "text"),
        ({"recipients": [ONE], "rus": 7}, "rus"),
        ({"recipients": [ONE], "text": "漢", "rus": 1}, "text"),
        ({"recipients": [ONE], "rus": 0, "originator": "Øre"}, "originator"),
        ({"recipients": [ONE], "extra": {"LOGIN": "x"}}, "extra"),
        ({"recipients": [ONE], "extra": {"a b": "x"}}, "extra"),
        ({"recipients": [ONE], "extra": {"gap": 1}}, "extra"),
        ({"recipients": [ONE], "validity": 86_401}, "validity"),
        ({"recipients": [ONE], "max_parts": 256}, "max_parts"),
        ({"recipients": [ONE], "flash": "yes"}, "flash"),
        ({"recipients": [Recipient(to=ONE, push_id="a"), Recipient(to=TWO, push_id="a")]}, "push_id"),
        ({"recipients": [Recipient(to=ONE, push_id="a")], "want_ids": False}, "push_id"),
    ],
)
async def test_bad_arguments(arguments: dict[str, Any], field: str) -> None:
    async with desk(answering) as one:
        with pytest.raises(InvalidMessage) as caught:
            await one.v1.send(**({"text": "a"} | arguments))
    assert caught.value.field == field
    assert not one.forms


async def test_every_option_goes_out_under_its_wire_name() -> None:
    async with desk(answering) as one:
        await one.v1.send(
            [ONE, TWO],
            "a" * 153,
            two_byte_concat=True,
            ignore_phone_format=True,
            max_parts=7,
            validity=600,
            extra={"gap": "0.05"},
            originator="Øre",
        )
    fields = one.forms[0].fields("utf-8")
    wanted = {
        "two_byte_concat": "1",
        "ignore_phone_format": "1",
        "max_parts": "7",
        "timeout": "600",
        "gap": "0.05",
        "originator": "Øre",
        "rus": "5",  # the sender has no place in windows-1251
    }
    assert wanted.items() <= fields.items()


async def test_6000_parts_to_a_request() -> None:
    numbers = [f"7905{number:07d}" for number in range(3001)]
    async with desk(answering) as one:
        reply = await one.v1.send(numbers, "я" * 134, timeout=3000.0)  # two parts each
    assert [len(form.fields("utf-8")["phones"].split(",")) for form in one.forms] == [3000, 1]
    assert len(reply.accepted) == 3001
    assert [sent.to for sent in reply.accepted] == numbers
    assert one.forms[0].fields("utf-8")["want_sms_ids"] == "1"


async def test_6000_ids_fit_under_the_cap_of_the_answer() -> None:
    numbers = [f"7905{number:07d}" for number in range(6000)]

    def answer(form: Form) -> bytes:
        return ok(*[(number, "1" * 28 + number, f"m{place}") for place, (_, number, _) in enumerate(pieces(form))])

    async with desk(answer) as one:
        reply = await one.v1.send(numbers, "a", with_push_id=True, timeout=3000.0)
    assert len(reply.accepted) == 6000
    assert reply.accepted[-1].message_ids == ("1" * 28 + numbers[-1],)


async def test_one_request_of_several_is_lost() -> None:
    recipients = [Recipient(to=ONE, text="код"), Recipient(to=TWO, text="code")]
    async with desk(b"", answering) as one:
        reply = await one.v1.send(recipients)
    lost, sent = reply.outcomes
    assert isinstance(lost, OutcomeUnknown)
    assert isinstance(sent, Submission)
    with pytest.raises(OutcomeUnknown):
        reply.raise_for_error()


async def test_one_missing_among_many_is_unknown_and_the_rest_accepted() -> None:
    async with desk(ok((ONE, "1"), (THREE, "3"))) as one:
        reply = await one.v1.send([ONE, TWO, THREE], "a", on_unknown="resend")
    assert [type(outcome) for outcome in reply.outcomes] == [Submission, OutcomeUnknown, Submission]
    assert len(one.forms) == 1


# --- a bad number


def choosy(*bad: str, code: int = 432, says: str = "{}") -> Any:
    def answer(form: Form) -> bytes:
        numbers = form.fields()["phones"].split(",")
        found = next((number for number in numbers if number in bad), None)
        return answering(form) if found is None else refusal(code, says.format(found))

    return answer


NUMBERS = [f"790511122{number:02d}" for number in range(16)]


async def test_a_bad_number_spoils_the_callers_list_unless_told_otherwise() -> None:
    async with desk(choosy(NUMBERS[3])) as one:
        reply = await one.v1.send(NUMBERS, "a")
    assert len(one.forms) == 1
    assert all(isinstance(error, InvalidRecipient) for error in reply.errors)
    assert len(reply.errors) == 16


@pytest.mark.parametrize("code", range(425, 433))
async def test_isolation_sends_the_others(code: int) -> None:
    async with desk(choosy(NUMBERS[3], code=code, says="blocked phone: {}. No messages has been sent")) as one:
        reply = await one.v1.send(NUMBERS, "a", isolate=True)
    assert [index for index, outcome in enumerate(reply.outcomes) if isinstance(outcome, Rejected)] == [3]
    assert len(reply.accepted) == 15
    assert len(one.forms) == reply.requests == 3, "the platform named it: alone, and the rest"
    assert one.telemetry.stats.counters["v1.send.rejected"] == 1


async def test_isolation_without_a_hint_bisects() -> None:
    bad = {NUMBERS[0], NUMBERS[9], NUMBERS[15]}
    async with desk(choosy(*bad, says="somebody")) as one:
        reply = await one.v1.send(NUMBERS, "a", isolate=True)
    assert {NUMBERS[i] for i, outcome in enumerate(reply.outcomes) if isinstance(outcome, Rejected)} == bad
    taken = [
        n
        for form in one.forms
        for n in form.fields()["phones"].split(",")
        if not bad & set(form.fields()["phones"].split(","))
    ]
    assert sorted(taken) == sorted(set(NUMBERS) - bad), "each of the others was taken once"
    assert len(one.forms) <= 2 * 3 * 5


async def test_a_hint_that_lies_costs_a_request_and_nothing_else() -> None:
    async with desk(choosy(NUMBERS[3], says=NUMBERS[7])) as one:
        reply = await one.v1.send(NUMBERS, "a", isolate=True)
    assert [i for i, outcome in enumerate(reply.outcomes) if isinstance(outcome, Rejected)] == [3]


@pytest.mark.parametrize("code", [415, 411, 420, 777])
async def test_other_refusals_are_not_taken_apart(code: int) -> None:
    async with desk(refusal(code)) as one:
        reply = await one.v1.send(NUMBERS, "a", isolate=True)
    assert len(one.forms) == 1
    assert len(reply.errors) == 16


async def test_nothing_is_taken_apart_after_an_unknown() -> None:
    async with desk(b"", refusal(432, NUMBERS[3])) as one:
        reply = await one.v1.send(NUMBERS, "a", isolate=True, on_unknown="resend")
    assert len(one.forms) == 2
    assert all(isinstance(error, OutcomeUnknown) for error in reply.errors)


# --- groups


async def test_a_whole_group() -> None:
    async with desk(ok((ONE, "1"), (ONE, "2"), (TWO, "3"))) as one:
        reply = await one.v1.send_group("клиенты", "тест", originator="MyCompany")
    fields = one.forms[0].fields("utf-8")
    assert (fields["group"], fields["message"], fields["originator"]) == ("клиенты", "тест", "MyCompany")
    assert "phones" not in fields
    assert (reply.queued, [part.message_id for part in reply.parts]) == (3, ["1", "2", "3"])
    assert (reply.node, reply.attempts) == (one.settings.nodes[0].name, 1)


async def test_a_group_has_every_option_but_those_that_tell_its_numbers_apart() -> None:
    """Document, ``multi.php``: "group" takes the place of "phones" and of nothing else."""
    assert SendKeywords.__annotations__.keys() - GroupKeywords.__annotations__.keys() == {"with_push_id", "delimiter"}
    async with desk(ok(queued=1)) as one:
        await one.v1.send_group("g", "a", flash=True, ignore_phone_format=True, want_ids=False)
        with pytest.raises(InvalidMessage, match="one part"):
            await one.v1.send_group("g", "a" * 161, flash=True)
    fields = one.forms[0].fields()
    assert (fields["group"], fields["flash"], fields["ignore_phone_format"]) == ("g", "1", "1")
    assert len(one.forms) == 1


@pytest.mark.parametrize(
    "answer, error",
    [(refusal(413), Rejected), (refusal(414), Rejected), (ok(queued=0), Rejected), (b"", OutcomeUnknown)],
)
async def test_a_group_that_did_not_get_it(answer: bytes, error: type[Exception]) -> None:
    async with desk(answer) as one:
        with pytest.raises(error):
            await one.v1.send_group("клиенты", "тест")


async def test_a_group_without_ids() -> None:
    async with desk(ok(queued=9000)) as one:
        reply = await one.v1.send_group("g", "a", want_ids=False)
    assert (reply.queued, reply.parts) == (9000, ())
    assert "want_sms_ids" not in one.forms[0].fields()
