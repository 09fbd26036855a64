"""Status pushes: the document's examples, its table, and field notes B and C."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async import MessageStatus, StatusUpdate
from sms_traffic_async.delivery.store import pack
from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.protocols.pushes import is_json, kind_of, read_parameters, read_status_form, read_statuses
from tests.protocols.pushes.examples import FORM_PUSH, JSON_PUSH, TABLE_FIELDS


def one(**fields: Any) -> StatusUpdate:
    push = read_statuses(json.dumps({"sms_id": "1", "status": "Delivered", **fields}).encode())
    assert not push.bad
    (update,) = push.updates
    return update


def test_the_documents_json_push() -> None:
    push = read_statuses(JSON_PUSH)
    assert push.bad == ()
    (update,) = push.updates
    assert update == StatusUpdate(
        message_id="8049537157380826112",
        status=MessageStatus.DELIVERED,
        tracking_data="2de9efa4-3ee7-4691-bec0-81d93c5a54cf",
        to="78000000001",
        status_at=dt.datetime(2025, 12, 6, 12, 31, tzinfo=MOSCOW),
        error=update.error,
        operator_id=1971,
        mcc=250,
        mnc=99,
        parts=2,
        channel="sms",
        login="login:subacc",
        source="push",
    )
    assert update.error == 0
    assert update.raw is not None
    assert update.raw["operatorId"] == 1971


def test_the_documents_json_push_as_it_is_printed_is_not_json() -> None:
    printed = JSON_PUSH.replace(b"\n]", b",\n  ...\n]")
    push = read_statuses(printed)
    assert push.updates == ()
    assert push.bad[0].raw == printed


def test_the_documents_table_spells_two_fields_otherwise() -> None:
    row = json.loads(JSON_PUSH)[0]
    row["error_code"], row["operator_id"] = row.pop("err_code"), row.pop("operatorId")
    assert set(row) == set(TABLE_FIELDS)
    assert read_statuses(json.dumps([row]).encode()).updates == read_statuses(JSON_PUSH).updates


def test_the_documents_form_push() -> None:
    fields = read_parameters(b"", FORM_PUSH)
    assert kind_of(fields) == "statuses"
    (update,) = read_status_form(fields).updates
    assert update.message_id == "15166254108"
    assert update.status is MessageStatus.DELIVERED
    assert update.status_at == dt.datetime(2020, 5, 9, 17, 4, tzinfo=MOSCOW)
    assert update.error is None  # B2: optional, and not 0
    assert (update.to, update.login) == (None, None)  # B3
    assert update.source == "push"


@pytest.mark.parametrize("space", [b" ", b"+", b"%20"])
def test_b1_every_way_to_write_a_space(space: bytes) -> None:
    fields = read_parameters(b"", FORM_PUSH.replace(b" ", space))
    (update,) = read_status_form(fields).updates
    assert update.status_at == dt.datetime(2020, 5, 9, 17, 4, tzinfo=MOSCOW)


def test_a_form_push_may_say_the_error() -> None:
    (update,) = read_status_form(read_parameters(b"", b"sms_id=1&status=Non+Delivered&error_code=003")).updates
    assert update.status is MessageStatus.NON_DELIVERED
    assert update.error == 3


@pytest.mark.parametrize("name", ["error_code", "err_code"])
def test_c1_both_spellings_of_the_error(name: str) -> None:
    assert one(**{name: 3}).error == 3
    assert one(**{name: "3"}).error == 3


@pytest.mark.parametrize("name", ["operator_id", "operatorId"])
def test_c2_both_spellings_of_the_operator(name: str) -> None:
    assert one(**{name: 1971}).operator_id == 1971


def test_c3_an_error_of_another_table_is_kept() -> None:
    assert one(error_code=432).error == 432


@pytest.mark.parametrize(
    "text",
    ["2025-12-06 12:31:00", "2025-12-06T12:31:00", "2025-12-06T12:31:00+03:00", "2025-12-06T09:31:00Z"],
)
def test_c4_dates_without_an_offset_are_moscow(text: str) -> None:
    assert one(delivery_date=text).status_at == dt.datetime(2025, 12, 6, 12, 31, tzinfo=MOSCOW)


@pytest.mark.parametrize("value", ["", "yesterday", 5, None, "0000-00-00 00:00:00", [], "9" * 5000])
def test_a_date_that_cannot_be_read_is_none_beside_its_raw_text(value: object) -> None:
    update = one(delivery_date=value)
    assert update.status_at is None
    assert update.raw is not None
    assert update.raw["delivery_date"] == value


def test_c5_channels_are_open_and_v2_fields_optional() -> None:
    update = one(channel="viber")
    assert update.channel == "viber"
    assert (update.parts, update.tracking_data) == (None, None)


def test_c6_one_object_instead_of_an_array() -> None:
    assert read_statuses(b'{"sms_id": "1", "status": "Read"}').updates[0].status is MessageStatus.READ
    assert read_statuses(b"\xef\xbb\xbf []") == read_statuses(b"[]")


def test_a_status_nobody_listed_is_kept() -> None:
    update = one(status="Teleported")
    assert update.status == "Teleported"
    assert not update.status.known


def test_an_empty_status_is_one() -> None:
    assert one(status="").status is MessageStatus.PENDING


@pytest.mark.parametrize(
    "sms_id, expected",
    [
        ("8049537157380826112", "8049537157380826112"),
        (8049537157380826112, "8049537157380826112"),
        (2**64, str(2**64)),
        (10**38 + 7, str(10**38 + 7)),
        (" 15 ", "15"),
        (0, "0"),
    ],
)
def test_ids_are_their_digits(sms_id: object, expected: str) -> None:
    assert one(sms_id=sms_id).message_id == expected


@pytest.mark.parametrize(
    "item, reason",
    [
        (5, "object"),
        (None, "object"),
        ([], "object"),
        ("Delivered", "object"),
        ({}, "sms_id"),
        ({"sms_id": 1.5, "status": "Read"}, "sms_id"),
        ({"sms_id": 1e30, "status": "Read"}, "sms_id"),
        ({"sms_id": True, "status": "Read"}, "sms_id"),
        ({"sms_id": -1, "status": "Read"}, "sms_id"),
        ({"sms_id": "", "status": "Read"}, "sms_id"),
        ({"sms_id": "7" * 129, "status": "Read"}, "sms_id"),
        ({"sms_id": "1\n2", "status": "Read"}, "sms_id"),
        ({"sms_id": {"a": 1}, "status": "Read"}, "sms_id"),
        ({"sms_id": "1"}, "status"),
        ({"sms_id": "1", "status": 5}, "status"),
        ({"sms_id": "1", "status": ["Read"]}, "status"),
        ({"sms_id": "1", "status": "R" * 65}, "status"),
        ({"sms_id": "1", "status": "a\x00b"}, "status"),
    ],
)
def test_a_bad_item_is_set_aside_and_harms_no_other(item: object, reason: str) -> None:
    good = {"sms_id": "77", "status": "Delivered"}
    push = read_statuses(json.dumps([good, item, good]).encode())
    assert [update.message_id for update in push.updates] == ["77", "77"]
    (bad,) = push.bad
    assert bad.kind == "statuses"
    assert reason in bad.reason
    assert bad.raw == item


@pytest.mark.parametrize("name", ["phone_number", "tracking_data", "login", "channel", "mcc", "mnc", "parts_count"])
@pytest.mark.parametrize("value", [None, [], {}, True, 1.5])
def test_a_wrong_type_of_what_is_optional_is_none(name: str, value: object) -> None:
    update = one(**{name: value})
    field = {"phone_number": "to", "parts_count": "parts"}.get(name, name)
    assert getattr(update, field) is None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"5", b'"x"', b"[", b"{'a': 1}", b"\xff\xfe", b"[" * 300_000, b"[NaN]", b"[]]",
        b'{"sms_id": ' + b"9" * 5_000 + b', "status": "Read"}',
    ],
    ids=range(11),
)  # fmt: skip
def test_a_body_that_is_none_is_one_bad_item(body: bytes) -> None:
    push = read_statuses(body)
    assert push.updates == ()
    assert len(push.bad) == 1


@pytest.mark.parametrize("name", ["operator_id", "mcc", "mnc", "parts_count", "error_code"])
def test_a_number_that_no_store_could_keep_is_none(name: str) -> None:
    update = one(sms_id=10**30, **{name: 10**30})
    assert json.loads(pack(update)) == {"message_id": str(10**30), "status": "Delivered", "source": "push"}


def test_what_can_be_read_once_only_is_read_once() -> None:
    # As deep as orjson reads and the exact reader does not: the id that became a float is no id then.
    body = b'[{"sms_id":18446744073709551616,"status":"Read","x":' + b"[" * 1_000 + b"]" * 1_000 + b"}]"
    push = read_statuses(body)
    if push.updates:  # from Python 3.12 on the exact reader goes as deep
        assert [one.message_id for one in push.updates] == ["18446744073709551616"]
    else:
        assert "sms_id" in push.bad[0].reason


def test_items_beyond_the_cap_are_set_aside_together() -> None:
    rows = [{"sms_id": str(number), "status": "Read"} for number in range(1_005)]
    push = read_statuses(json.dumps(rows).encode())
    assert len(push.updates) == 1_000
    (bad,) = push.bad
    assert len(bad.raw) == 5
    assert "1000" in bad.reason


@pytest.mark.parametrize(
    "body, kind, expected",
    [
        (b"[]", "application/json", True),
        (b"x", "application/json; charset=utf-8", True),
        (b" \n[", "", True),
        (b"\xef\xbb\xbf{", "text/plain", True),
        (b"[]", "application/x-www-form-urlencoded", True),
        (FORM_PUSH, "application/x-www-form-urlencoded", False),
        (b"", "", False),
    ],
)
def test_b4_json_and_form_on_one_url(body: bytes, kind: str, expected: bool) -> None:
    assert is_json(body, kind) is expected


def test_nothing_personal_is_printed() -> None:
    push = read_statuses(JSON_PUSH + b" ")
    assert "78000000001" not in repr(push)
    broken = read_statuses(b'[{"phone_number": "78000000001"}]')
    assert broken.bad[0].raw == {"phone_number": "78000000001"}
    assert "78000000001" not in repr(broken)


@given(st.binary(max_size=200))
def test_any_octets_are_read(octets: bytes) -> None:
    push = read_statuses(octets)
    assert push.updates or push.bad or json.loads(octets.removeprefix(b"\xef\xbb\xbf")) == []
    read_status_form(read_parameters(b"", octets))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*TABLE_FIELDS, "err_code")), inner),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_every_item_is_a_status_or_a_bad_item(items: list[Any]) -> None:
    push = read_statuses(json.dumps(items).encode("utf-8", "replace"))
    if not push.bad or push.bad[0].reason != "the body is not JSON with statuses":
        assert len(push.updates) + len(push.bad) == len(items)
    for update in push.updates:
        assert repr(update)
        assert update.network is None or isinstance(update.network, str)
