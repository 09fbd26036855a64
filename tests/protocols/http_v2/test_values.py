"""Batches, matching, the ledger of labels, evidence: the values of sending."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import InvalidMessage, NotSent, OutcomeUnknown, Rejected
from sms_traffic_async.messages import Message, StatusUpdate, Submission
from sms_traffic_async.protocols.http_v2.arguments import read_send
from sms_traffic_async.protocols.http_v2.batch import KEY_SPACE, Member, batch_of_message, batch_of_request
from sms_traffic_async.protocols.http_v2.ledger import KEEP, LabelLedger
from sms_traffic_async.protocols.http_v2.lookup import CLOCK_MARGIN, accepted_ids
from sms_traffic_async.protocols.http_v2.matching import match
from sms_traffic_async.protocols.http_v2.models import (
    Destination,
    SendEvidence,
    SendReply,
    SendRequest,
    SentDestination,
)
from sms_traffic_async.statuses import MessageStatus
from tests.support.exposure import pickled, shown

TO = "79161112233"
LONG = "Ж" * 100
NOW = datetime(2026, 1, 1, tzinfo=UTC)


# --- batches ---------------------------------------------------------------------------------------------------------


def test_a_message_alone_has_one_id_for_everything() -> None:
    batch = batch_of_message(Message(to=TO, text="hi"), originator=None, max_parts=255)
    (member,) = batch.members
    assert batch.restrictive_id == member.key == member.label == batch.request.destinations[0].tracking_data
    assert uuid.UUID(member.key).version == 4
    assert (member.own_label, batch.chosen, batch.request.max_parts) == (True, False, None)
    assert (
        batch.restrictive_id
        != batch_of_message(Message(to=TO, text="hi"), originator=None, max_parts=255).restrictive_id
    )


def test_a_key_is_the_same_id_everywhere() -> None:
    one, two = (
        batch_of_message(Message(to=TO, text="hi", key="otp-1"), originator=None, max_parts=255) for _ in range(2)
    )
    assert one.restrictive_id == two.restrictive_id == str(uuid.uuid5(KEY_SPACE, "otp-1"))
    assert one.chosen
    assert one.members[0].label == one.restrictive_id


def test_rekeying_changes_the_id_and_nothing_else() -> None:
    batch = batch_of_message(Message(to=TO, text="hi"), originator=None, max_parts=255)
    first, second, third = (batch.keyed(number) for number in range(3))
    assert first is batch.request
    assert second.restrictive_id == str(uuid.uuid5(KEY_SPACE, f"{batch.restrictive_id}/1"))
    assert len({first.restrictive_id, second.restrictive_id, third.restrictive_id}) == 3
    assert second.destinations == first.destinations
    assert len(second.restrictive_id or "") == 36


@pytest.mark.parametrize(
    "options, limit, parts, max_parts",
    [({}, 255, 2, None), ({}, 2, 2, 2), ({"max_parts": 2}, 1, 2, 2), ({"max_parts": 255}, 1, 2, None)],
)
def test_the_limit_of_parts(options: dict[str, Any], limit: int, parts: int, max_parts: int | None) -> None:
    batch = batch_of_message(Message(to=TO, text=LONG, **options), originator=None, max_parts=limit)
    assert batch.members[0].parts == parts
    assert batch.request.max_parts == max_parts


@pytest.mark.parametrize("options, limit", [({}, 1), ({"max_parts": 1}, 255)])
def test_what_is_too_long_is_refused(options: dict[str, Any], limit: int) -> None:
    with pytest.raises(InvalidMessage) as caught:
        batch_of_message(Message(to=TO, text=LONG, **options), originator=None, max_parts=limit)
    assert (caught.value.field, caught.value.rule) == ("text", "at most 1 parts, this is 2")
    assert LONG not in shown(caught.value)


def test_what_is_too_long_is_cut_exactly_where_that_was_asked_for() -> None:
    message = Message(to=TO, text=LONG, max_parts=1, truncate=True)
    batch = batch_of_message(message, originator=None, max_parts=255)
    assert batch.request.text == "Ж" * 70
    assert (batch.members[0].parts, batch.request.max_parts) == (1, 1)


@pytest.mark.parametrize("options", [{"transliterate": True, "text": "Ж" * 400}, {"text": LONG + "[[name]]"}])
def test_what_only_the_platform_can_cut_is_cut_by_it(options: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"to": TO, "max_parts": 1, "truncate": True} | options
    message = Message(**arguments)
    batch = batch_of_message(message, originator=None, max_parts=255)
    assert batch.request.text == message.text
    assert (batch.members[0].parts, batch.members[0].parts_exact, batch.request.max_parts) == (1, False, 1)


def test_flash_names_the_protocols_that_can() -> None:
    with pytest.raises(InvalidMessage, match="HTTP v1, SOAP, SMPP and e-mail can") as caught:
        batch_of_message(Message(to=TO, text="hi", flash=True), originator=None, max_parts=255)
    assert caught.value.field == "flash"


@pytest.mark.parametrize(
    "own, session, sent", [("Own", "Session", "Own"), (None, "Session", "Session"), (None, None, None)]
)
def test_the_originator(own: str | None, session: str | None, sent: str | None) -> None:
    batch = batch_of_message(Message(to=TO, text="hi", originator=own), originator=session, max_parts=255)
    assert batch.request.originator == sent


def request_of(*destinations: Any, **rest: Any) -> SendRequest:
    options: dict[str, Any] = dict.fromkeys(
        ("text", "originator", "tracking_data", "transliterate", "max_parts", "validity", "start_at", "batch_name",
         "restrictive_id")
    ) | {"text": "hi", "local_time": False} | rest  # fmt: skip
    request = read_send(destinations, **options)
    assert isinstance(request, SendRequest), request
    return request


def test_labels_of_a_whole_request() -> None:
    request = request_of("79161112233", Destination(to="79161112234", tracking_data="mine"), "79161112235")
    batch = batch_of_request(request, max_parts=255)
    labels = [member.label for member in batch.members]
    assert labels[1] == "mine"
    assert [member.own_label for member in batch.members] == [True, False, True]
    assert len(set(labels)) == 3
    assert [destination.tracking_data for destination in batch.request.destinations] == labels
    assert not batch.chosen


def test_a_common_label_is_sent_once_and_is_everybodys() -> None:
    batch = batch_of_request(request_of("79161112233", "79161112234", tracking_data="common"), max_parts=255)
    assert [member.label for member in batch.members] == ["common", "common"]
    assert [destination.tracking_data for destination in batch.request.destinations] == [None, None]
    assert len({member.key for member in batch.members}) == 2


@pytest.mark.parametrize("count", [1, 3])
def test_labels_beside_a_chosen_id_are_the_same_at_every_repeat(count: int) -> None:
    numbers = [f"7916111223{digit}" for digit in range(count)]
    one, two = (batch_of_request(request_of(*numbers, restrictive_id="mine"), max_parts=255) for _ in range(2))
    assert one.members == two.members
    assert one.chosen
    assert one.restrictive_id == "mine"
    if count == 1:
        assert one.members[0].label == "mine"


def test_texts_and_limits_of_a_whole_request() -> None:
    both = request_of(Destination(to=TO, text="own"), "79161112234", text="common")
    batch_of_request(both, max_parts=255)
    with pytest.raises(InvalidMessage, match="text") as caught:
        batch_of_request(request_of(Destination(to=TO, text="own"), "79161112234", text=None), max_parts=255)
    assert "each destination" in caught.value.rule
    with pytest.raises(InvalidMessage, match="at most 1 parts"):
        batch_of_request(request_of(Destination(to=TO, text=LONG), text=None), max_parts=1)
    with pytest.raises(InvalidMessage, match="at most 1 parts"):
        batch_of_request(request_of(TO, text=LONG, max_parts=1), max_parts=255)


BAD: list[tuple[str, dict[str, Any]]] = [
    ("to", {"destinations": ["12"]}),
    ("to", {"destinations": [None]}),
    ("destinations", {"destinations": []}),
    ("text", {"text": ""}),
    ("text", {"text": "half \ud800 pair"}),
    ("text", {"text": 5}),
    ("originator", {"originator": "far too long a name"}),
    ("originator", {"originator": "line\nbreak"}),
    ("tracking_data", {"tracking_data": "x" * 41}),
    ("tracking_data", {"tracking_data": ""}),
    ("tracking_data", {"tracking_data": "a\nb"}),
    ("restrictive_id", {"restrictive_id": "x" * 37}),
    ("restrictive_id", {"restrictive_id": ""}),
    ("batch_name", {"batch_name": ""}),
    ("batch_name", {"batch_name": "a\0b"}),
    ("max_parts", {"max_parts": 0}),
    ("max_parts", {"max_parts": 256}),
    ("max_parts", {"max_parts": True}),
    ("validity", {"validity": 0}),
    ("validity", {"validity": 86_401}),
    ("start_at", {"start_at": datetime(2026, 1, 1)}),  # noqa: DTZ001 - a naive one is what is refused
    ("transliterate", {"transliterate": "yes"}),
    ("local_time", {"local_time": None}),
]


@pytest.mark.parametrize("field, change", BAD, ids=repr)
def test_bad_arguments_are_named(field: str, change: dict[str, Any]) -> None:
    options: dict[str, Any] = {
        "destinations": [TO], "text": "hi", "originator": None, "tracking_data": None, "transliterate": None,
        "max_parts": None, "validity": None, "start_at": None, "local_time": False, "batch_name": None,
        "restrictive_id": None,
    } | change  # fmt: skip
    problem = read_send(options.pop("destinations"), **options)
    assert isinstance(problem, InvalidMessage)
    assert problem.field == field
    assert problem.rule


@pytest.mark.parametrize(
    "options",
    [
        {"to": "+7 916 1"},
        {"to": TO, "text": ""},
        {"to": TO, "text": "\ud800"},
        {"to": TO, "tracking_data": "x" * 41},
        {"to": TO, "params": {"name": 5}},
        {"to": TO, "params": "name"},
    ],
    ids=repr,
)
def test_bad_destinations_are_refused_without_showing_them(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Destination(**options)
    assert TO not in shown(caught.value)


def test_a_destination_is_normalised_and_does_not_print_itself() -> None:
    destination = Destination(to="+7 (916) 111-22-33", text="secret text", params={"a": "b"})
    assert destination.to == TO
    assert "secret text" not in repr(destination)
    assert TO not in repr(destination)
    assert len({destination, Destination(to=TO, text="secret text", params={"a": "b"})}) == 1


def test_values_do_not_print_what_they_carry() -> None:
    request = request_of(Destination(to=TO, text="secret text"))
    batch = batch_of_request(request, max_parts=255)
    for value in (request, batch, batch.members[0]):
        assert TO not in repr(value)
        assert "secret text" not in repr(value)


# --- matching --------------------------------------------------------------------------------------------------------


def member(label: str, to: str = TO) -> Member:
    return Member(key=label, to=to, label=label, own_label=True)


def row(message_id: str, label: str | None, phone: str | None = None) -> SentDestination:
    return SentDestination(phone=phone, message_id=message_id, tracking_data=label)


def ids(members: list[Member], rows: list[SentDestination]) -> list[str | None]:
    return [None if found is None else found.message_id for found in match(members, rows)]


def test_matching_by_label_in_any_order() -> None:
    members = [member("a"), member("b"), member("c")]
    assert ids(members, [row("3", "c"), row("1", "a"), row("2", "b")]) == ["1", "2", "3"]
    assert ids(members, [row("3", "c"), row("1", "a")]) == ["1", None, "3"]
    assert ids(members, [row("1", "a"), row("9", "a"), row("2", "b"), row("3", "c")]) == [None, "2", "3"]
    assert ids(members, [row("1", "a"), row("2", "b"), row("3", "c"), row("4", "d")]) == ["1", "2", "3"]
    assert ids(members, [row("1", None), row("2", None), row("3", None)]) == [None, None, None]
    assert ids(members, []) == [None, None, None]


def test_a_lone_message_and_a_lone_entry() -> None:
    assert ids([member("a")], [row("1", None, "79851112233")]) == ["1"]
    assert ids([member("a")], [row("1", "a")]) == ["1"]
    assert ids([member("a")], [row("1", "z")]) == [None]
    assert ids([member("a")], [row("1", None), row("2", None)]) == [None]


def test_one_label_for_several() -> None:
    members = [member("x", "79161112233"), member("x", "79161112234")]
    assert ids(members, [row("2", "x", "79161112234"), row("1", "x", "79161112233")]) == ["1", "2"], "by number"
    assert ids(members, [row("1", "x", "79851112233"), row("2", "x", "79161112234")]) == ["1", "2"], "by order"
    assert ids(members, [row("1", "x"), row("2", "x")]) == ["1", "2"]
    assert ids(members, [row("1", "x", "79161112233")]) == [None, None], "which one is missing?"
    same = [member("x"), member("x")]
    assert ids(same, [row("1", "x", TO), row("2", "x", TO)]) == ["1", "2"]


@given(st.permutations(range(6)))
def test_order_means_nothing_with_labels_of_their_own(order: list[int]) -> None:
    members = [member(f"l{number}") for number in range(6)]
    rows = [row(str(number), f"l{number}") for number in order]
    assert ids(members, rows) == [str(number) for number in range(6)]


# --- the ledger, and what a look-up proves ---------------------------------------------------------------------------


def test_a_label_is_unique_while_it_was_sent_once() -> None:
    ledger = LabelLedger()
    assert not ledger.unique("a", 0.0), "this process knows nothing of it"
    ledger.note("a", 0.0, "k0")
    assert ledger.unique("a", 1.0)
    ledger.note("a", 2.0, "k1")
    assert not ledger.unique("a", 3.0)


def test_a_repeat_under_its_key_is_the_same_message() -> None:
    ledger = LabelLedger()
    ledger.note("a", 0.0, "key")
    ledger.note("a", 2.0, "key")
    assert ledger.unique("a", 3.0)


def test_what_is_two_hours_old_is_forgotten() -> None:
    ledger = LabelLedger()
    ledger.note("a", 0.0, "k2")
    ledger.note("b", KEEP + 1.0, "k3")
    assert not ledger.unique("a", KEEP + 1.0)
    ledger.note("a", KEEP + 2.0, "k4")
    assert ledger.unique("a", KEEP + 2.0)


def test_an_overflow_makes_it_blind_and_not_wrong() -> None:
    ledger = LabelLedger(most=2)
    for label in ("a", "b", "c"):
        ledger.note(label, 0.0, "k5")
    assert not ledger.unique("c", 1.0)
    ledger.note("a", 2.0, "k6")
    assert not ledger.unique("a", 3.0), "it was sent twice, and the first was forgotten"
    ledger.note("z", KEEP + 3.0, "k7")
    assert ledger.unique("z", KEEP + 3.0)


def update(message_id: str, submitted: datetime | None) -> StatusUpdate:
    return StatusUpdate(message_id=message_id, status=MessageStatus.PENDING, submitted_at=submitted)


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    "own, updates, found",
    [
        (True, [], ()),
        (True, [update("1", None)], ("1",)),
        (True, [update("1", NOW), update("1", NOW)], ("1",)),
        (True, [update("1", NOW), update("2", NOW)], ("1", "2")),
        (False, [update("1", NOW)], ("1",)),
        (False, [update("1", NOW - CLOCK_MARGIN)], ("1",)),
        (False, [update("1", NOW - CLOCK_MARGIN - SECOND)], ()),
        (False, [update("1", None)], ()),
        (False, [update("1", NOW), update("1", NOW)], ("1",)),
        (False, [update("1", NOW), update("2", NOW)], ()),
        (False, [update("1", NOW - 3600 * SECOND), update("2", NOW)], ("2",)),
    ],
)
def test_what_proves_acceptance(own: bool, updates: list[StatusUpdate], found: tuple[str, ...]) -> None:
    assert accepted_ids(updates, own_label=own, since=NOW) == found


# --- results ---------------------------------------------------------------------------------------------------------


def evidence() -> SendEvidence:
    return SendEvidence(
        key="k",
        restrictive_ids=("k",),
        tracking_data="k",
        own_label=True,
        nodes=("one",),
        first_attempt_at=NOW,
        last_attempt_at=NOW,
        attempts=1,
        to=TO,
    )


def test_evidence_survives_a_queue_and_prints_no_number() -> None:
    error = OutcomeUnknown("unknown", evidence=evidence(), node="one", message_key="k")
    copy = pickled(error)
    assert isinstance(copy, OutcomeUnknown)
    assert copy.evidence == evidence()
    assert TO not in shown(error)


def test_a_reply_tells_its_parts_apart() -> None:
    taken = Submission(via="v2", message_ids=("1",), key="k", to=TO, node="one", accepted_at=NOW)
    refused, unknown = Rejected("no", code=432), OutcomeUnknown("who knows", evidence=evidence())
    reply = SendReply(outcomes=(taken, refused, unknown), restrictive_id="r")
    assert reply.accepted == (taken,)
    assert reply.errors == (refused, unknown)
    with pytest.raises(OutcomeUnknown):
        reply.raise_for_error()
    with pytest.raises(NotSent):
        SendReply(outcomes=(NotSent("no", reason="closed"),), restrictive_id="r").raise_for_error()
    SendReply(outcomes=(taken,), restrictive_id="r").raise_for_error()
