"""JSON of v2, both ways: the document's examples byte for byte, every alias, and answers that are none."""

from __future__ import annotations

import contextlib
import traceback
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.protocols.http_v2 import wire
from sms_traffic_async.protocols.http_v2.fields import Damaged
from sms_traffic_async.protocols.http_v2.models import (
    CheckedReply,
    Destination,
    Fault,
    SendAnswer,
    SendRequest,
    SentDestination,
)
from tests.protocols.http_v2 import examples


def compact(example: bytes) -> bytes:
    """As it goes over the wire: the same keys in the same order, without the print's white space."""
    return orjson.dumps(orjson.loads(example))


def answer(**rest: Any) -> bytes:
    return orjson.dumps({"success": True} | rest)


def sent(*rows: Any) -> tuple[SentDestination, ...]:
    decoded = wire.decode_send(answer(destinations=list(rows)))
    assert isinstance(decoded, SendAnswer)
    return decoded.destinations


def status_of(**row: Any) -> Any:
    decoded = wire.decode_statuses(answer(data=[{"smsId": "1", "status": "Delivered"} | row]), node="one")
    assert isinstance(decoded, tuple)
    return decoded[0]


# --- out -------------------------------------------------------------------------------------------------------------

EXAMPLE = SendRequest(
    destinations=(
        Destination(to="78000000001", params={"name": "Ivan"}, tracking_data="2de9efa4-3ee7-4691-bec0-81d93c5a54cf"),
        Destination(to="78000000002", text="Individual message for 78000000002"),
    ),
    text="Hello, [[name]]!",
    originator="Originator",
    tracking_data="common-tracking-0001",
    transliterate=False,
    max_parts=255,
    validity=86_400,
    start_at=datetime(2025, 1, 1, 10, 30, tzinfo=MOSCOW),
    local_time=False,
    batch_name="Batch via API 0001",
    restrictive_id="ba52-5ad86d408887",
)


def test_the_send_example() -> None:
    assert wire.encode_send(EXAMPLE, start_key="startTime") == compact(examples.SEND_REQUEST)


def test_the_table_says_start_date_time() -> None:
    scheduling = orjson.loads(wire.encode_send(EXAMPLE))["scheduling"]
    assert scheduling == {"startDateTime": "2025-01-01T10:30:00+03:00", "localtime": False}


def test_what_is_not_given_is_not_sent() -> None:
    request = SendRequest(destinations=(Destination(to="79161112233"),), text="hi")
    assert wire.encode_send(request) == b'{"channels":{"sms":{"message":"hi"}},"destinations":[{"to":79161112233}]}'


def test_texts_of_their_own_only() -> None:
    request = SendRequest(destinations=(Destination(to="79161112233", text="Привет"),))
    body = wire.encode_send(request)
    assert orjson.loads(body) == {
        "destinations": [{"to": 79161112233, "content": {"sms": {"message": "Привет"}}}],
    }
    assert "Привет".encode() in body, "UTF-8, not escapes"


@pytest.mark.parametrize(
    "start, written",
    [
        (datetime(2025, 1, 1, 10, 30, tzinfo=UTC), "2025-01-01T10:30:00+00:00"),
        (datetime(2025, 1, 1, 10, 30, 5, 562_999, tzinfo=MOSCOW), "2025-01-01T10:30:05.562+03:00"),
        (datetime(2025, 1, 1, 10, 30, tzinfo=timezone(timedelta(hours=-3, minutes=-30))), "2025-01-01T10:30:00-03:30"),
        # Moscow before 1919 was 2:30:17 ahead: RFC 3339 cannot write that.
        (datetime(2025, 1, 1, 10, 30, 17, tzinfo=timezone(timedelta(seconds=9017))), "2025-01-01T11:00:00+03:00"),
    ],
)
@pytest.mark.parametrize("local", [True, False])
def test_a_start_keeps_its_offset_and_always_says_localtime(start: datetime, written: str, local: bool) -> None:
    request = SendRequest(destinations=(Destination(to="79161112233"),), text="x", start_at=start, local_time=local)
    assert orjson.loads(wire.encode_send(request))["scheduling"] == {"startDateTime": written, "localtime": local}


def test_the_other_requests() -> None:
    lists = orjson.loads(examples.STATUSES_REQUEST)
    encoded = wire.encode_statuses(lists["ids"], lists["trackingData"], extended=False)
    assert encoded == compact(examples.STATUSES_REQUEST)
    assert wire.encode_statuses((), ["a"], extended=True) == b'{"trackingData":["a"],"extendedInfo":true}'
    assert wire.encode_checked(orjson.loads(examples.CHECKED_REQUEST)) == compact(examples.CHECKED_REQUEST)


# --- in --------------------------------------------------------------------------------------------------------------


def test_the_send_answer() -> None:
    decoded = wire.decode_send(examples.SEND_ANSWER)
    assert isinstance(decoded, SendAnswer)
    first, second = decoded.destinations
    assert (first.phone, first.message_id) == ("78000000001", "1046379029789147161")
    assert (first.tracking_data, first.fault) == ("2de9efa4-3ee7-4691-bec0-81d93c5a54cf", None)
    assert second.fault == Fault(code=432, message="blocked phone: 78000000002. No messages has been sent")
    assert second.message_id == "1046379029789147194", "an id beside an error stays visible, and proves nothing"
    assert second.raw is not None
    assert "78000000002" not in repr(decoded)


def test_the_refusals() -> None:
    assert wire.decode_send(examples.SEND_REFUSED) == Fault(code=105, message="Duplicated request")
    assert wire.decode_statuses(examples.STATUSES_REFUSED) == Fault(code=105, message="Invalid request format")
    assert wire.decode_checked(examples.CHECKED_REFUSED) == Fault(code=403, message="Access denied")
    assert wire.decode_balance(examples.CHECKED_REFUSED) == Fault(code=403, message="Access denied")


def test_the_statuses_answer() -> None:
    decoded = wire.decode_statuses(examples.STATUSES_ANSWER, node="api.smstraffic.ru")
    assert isinstance(decoded, tuple)
    first, second = decoded
    assert (first.message_id, first.status, first.is_delivered) == ("1046379029789147161", "Delivered", True)
    assert first.tracking_data == "108c3492-98ef-44b4-ab17-ee20c864584a"
    assert first.submitted_at == datetime(2025, 11, 27, 13, 56, 41, 562_000, tzinfo=MOSCOW)
    assert first.sent_at == datetime(2025, 11, 27, 13, 56, 41, 593_000, tzinfo=MOSCOW)
    assert first.status_at == datetime(2025, 11, 27, 13, 56, 42, 341_000, tzinfo=MOSCOW)
    assert (first.operator_id, first.mcc, first.mnc, first.network) == (1971, 250, 99, "250-99")
    assert (first.node, first.source) == ("api.smstraffic.ru", "poll")
    assert (second.status, second.tracking_data, second.operator_id) == ("Non Delivered", None, None)
    assert (second.error, second.error_text) == (3, "Unknown subscriber")
    assert second.raw is not None
    assert second.raw["smsId"] == "1046379029789147162"


def test_the_checked_answer() -> None:
    decoded = wire.decode_checked(examples.CHECKED_ANSWER)
    assert isinstance(decoded, CheckedReply)
    assert decoded.updated == ("1046379029789147161",)
    (failure,) = decoded.failed
    assert failure.message_id == "1046379029789147162"
    assert failure.error == "no such message or this message does not belong to you 1046379029789147162"
    assert failure.code is None


def test_the_balance() -> None:
    assert wire.decode_balance(examples.ACCOUNT_ANSWER) == (Decimal("12520.35"), "12520.35")


@pytest.mark.parametrize(
    "written, amount",
    [
        ("-3.50", "-3.50"),
        ("12520,35", "12520.35"),
        ("10025", "10025"),
        (" 7.1 ", "7.1"),
        (12, "12"),
        (12.5, "12.5"),
        (-0.25, "-0.25"),
        ("+1", "1"),
    ],
)
def test_every_way_to_write_an_amount(written: object, amount: str) -> None:
    decoded = wire.decode_balance(answer(data={"account": written}))
    assert isinstance(decoded, tuple)
    assert decoded == (Decimal(amount), str(written))
    assert wire.decode_balance(answer(account=written)) == decoded


@pytest.mark.parametrize("written", [None, "", "abc", True, [], {}, "1.2.3", "1e5", "NaN", "Infinity", "1 000", "٣"])
def test_what_is_no_amount(written: object) -> None:
    with pytest.raises(Damaged):
        wire.decode_balance(answer(data={"account": written}))


@pytest.mark.parametrize("key", ["id", "smsId", "sms_id"])
@pytest.mark.parametrize("label", ["trackingData", "tracking_data"])
@pytest.mark.parametrize("phone", ["phone", "to"])
def test_aliases_of_a_sent_destination(key: str, label: str, phone: str) -> None:
    (row,) = sent({phone: "79161112233", key: "7", label: "l"})
    assert (row.phone, row.message_id, row.tracking_data) == ("79161112233", "7", "l")


@pytest.mark.parametrize(
    "field, names, value, read",
    [
        ("message_id", ("smsId", "sms_id", "id"), "9", "9"),
        ("tracking_data", ("trackingData", "tracking_data"), "l", "l"),
        ("to", ("phone", "phone_number"), 79161112233, "79161112233"),
        (
            "submitted_at",
            ("submissionDate", "submission_date", "submitionDate", "submition_date"),
            "2025-01-01 10:30:00",
            datetime(2025, 1, 1, 10, 30, tzinfo=MOSCOW),
        ),
        ("sent_at", ("sendDate", "send_date"), "2025-01-01T07:30:00Z", datetime(2025, 1, 1, 7, 30, tzinfo=UTC)),
        (
            "status_at",
            ("deliveryDate", "delivery_date"),
            "2025-01-01T10:30:00.5+05:00",
            datetime(2025, 1, 1, 5, 30, 0, 500_000, tzinfo=UTC),
        ),
        ("operator_id", ("operatorId", "operator_id"), "1971", 1971),
        ("error", ("error_code", "err_code"), "003", 3),
        ("parts", ("partsCount", "parts_count"), 2, 2),
        ("mcc", ("mcc",), 250, 250),
        ("mnc", ("mnc",), "01", 1),
        ("channel", ("channel",), "sms", "sms"),
    ],
)
def test_aliases_of_a_status(field: str, names: tuple[str, ...], value: object, read: object) -> None:
    for name in names:
        row: dict[str, Any] = {"smsId": None, "status": "Delivered", name: value}
        if field != "message_id":
            row["smsId"] = "1"
        assert getattr(status_of(**row), field) == read, name


@pytest.mark.parametrize("name", ["submissionDate", "sendDate", "deliveryDate"])
@pytest.mark.parametrize(
    "value", [None, "", "yesterday", "0000-00-00 00:00:00", "202-01-01T00:00:00", 1735716600, "2025-13-01T00:00:00", []]
)
def test_a_date_that_cannot_be_read_is_none_beside_its_raw_text(name: str, value: object) -> None:
    update = status_of(**{name: value})
    assert (update.submitted_at, update.sent_at, update.status_at) == (None, None, None)
    assert update.raw[name] == value


@pytest.mark.parametrize("value", [True, "x", 1.5, [], {}, None, "9" * 40])
def test_numbers_that_are_none(value: object) -> None:
    update = status_of(operatorId=value, mcc=value, mnc=value, parts_count=value)
    assert (update.operator_id, update.mcc, update.mnc, update.parts) == (None, None, None, None)


def test_unknown_statuses_and_fields_are_kept() -> None:
    update = status_of(status="Half Delivered", surprise={"a": 1}, statusExtended={"code": 77, "description": "odd"})
    assert (update.status, update.status.known, update.is_final) == ("Half Delivered", False, False)
    assert (update.error, update.error_text) == (77, "odd")
    assert update.raw["surprise"] == {"a": 1}


@pytest.mark.parametrize("extended", [None, "text", [], {}, {"description": "no code"}, {"code": None}, {"code": "x"}])
def test_an_odd_extension_is_no_error(extended: object) -> None:
    assert status_of(statusExtended=extended).error is None


LONG = "104637902978914716100000"  # 24 digits: orjson would make 1.046e23 of it


@pytest.mark.parametrize(
    "written, read",
    [
        ('"1046379029789147161"', "1046379029789147161"),
        ("1046379029789147161", "1046379029789147161"),
        (str(2**64 - 1), str(2**64 - 1)),
        (str(2**64), str(2**64)),
        (LONG, LONG),
        ("9" * 40, "9" * 40),
        ('"' + "9" * 40 + '"', "9" * 40),
        ('" 12 "', "12"),
        ("0", "0"),
        ('"a-b_c.d~e"', "a-b_c.d~e"),
        ('""', None),
        ('" "', None),
        ("1.5", None),
        ("1e30", None),
        ("-5", None),
        ("true", None),
        ("null", None),
        ("[]", None),
        ('"' + "9" * 129 + '"', None),
        ("9" * 129, None),
        ('"a\\nb"', None),
    ],
)
def test_ids(written: str, read: str | None) -> None:
    body = f'{{"success":true,"destinations":[{{"phone":79161112233,"id":{written},"trackingData":"l"}}]}}'
    decoded = wire.decode_send(body.encode())
    assert isinstance(decoded, SendAnswer)
    assert decoded.destinations[0].message_id == read
    statuses = wire.decode_statuses(f'{{"success":true,"data":[{{"smsId":{written}}}]}}'.encode())
    assert isinstance(statuses, tuple)
    assert [update.message_id for update in statuses] == ([] if read is None else [read])
    checked = wire.decode_checked(f'{{"success":true,"data":{{"updated":[{written}],"failed":[]}}}}'.encode())
    assert isinstance(checked, CheckedReply)
    assert checked.updated == (() if read is None else (read,))


@pytest.mark.parametrize(
    "error, read",
    [
        ("no such\n  message", ("no such message", None)),
        ({"code": 434, "message": "No such message"}, ("No such message", 434)),
        (None, ("", None)),
        (["odd"], ("", None)),
    ],
)
def test_both_forms_of_a_marking_that_failed(error: object, read: tuple[str, int | None]) -> None:
    decoded = wire.decode_checked(answer(data={"updated": [], "failed": [{"id": "5", "error": error}]}))
    assert isinstance(decoded, CheckedReply)
    assert (decoded.failed[0].error, decoded.failed[0].code) == read


def test_a_bare_id_among_the_failed_is_a_failure_without_words() -> None:
    decoded = wire.decode_checked(answer(data={"failed": ["5", {"error": "whose?"}]}))
    assert isinstance(decoded, CheckedReply)
    assert [failure.message_id for failure in decoded.failed] == ["5"]
    assert decoded.updated == ()


@pytest.mark.parametrize("error", [{"code": "432", "message": "x"}, {"code": 432}, {"code": 432, "message": None}])
def test_forms_of_an_error(error: object) -> None:
    (row,) = sent({"phone": 1, "id": "1", "error": error})
    assert row.fault is not None
    assert row.fault.code == 432


@pytest.mark.parametrize(
    "error", ["text", {}, {"code": None}, {"code": True}, {"code": 1.5}, {"message": "x"}, 432, []]
)
def test_an_error_that_cannot_be_read_leaves_its_destination_open(error: object) -> None:
    (broken, fine) = sent({"phone": 1, "id": "1", "error": error}, {"phone": 2, "id": "2"})
    assert (broken.fault, broken.message_id) == (None, None), "neither refused nor accepted: it has to be looked up"
    assert fine.message_id == "2"


def test_rows_that_are_no_objects_are_nobodys() -> None:
    assert [row.message_id for row in sent("x", None, 5, {"id": "1"}, [])] == ["1"]


NO_ANSWERS = [
    b"",
    b" ",
    b"null",
    b"true",
    b"[]",
    b'"success"',
    b"17",
    b"{}",
    b'{"success":null}',
    b'{"success":1,"destinations":[],"data":[]}',
    b'{"success":"true","destinations":[],"data":[]}',
    b'{"success":false}',
    b'{"success":false,"error":null}',
    b'{"success":false,"error":"text"}',
    b'{"success":false,"error":{"message":"no code"}}',
    b'{"success":true,"error":{"code":105,"message":"both"},"destinations":[],"data":[]}',
    b'{"success":true}',
    b'{"success":true,"destinations":null,"data":null}',
    b'{"success":true,"destinations":{},"data":"x"}',
    b'{"success":true,"destinations":[]}trailing',
    b'{"success":true,"destinations":[NaN]}',
    b'{"success":true,"destinations":[],}',
    b"<html><body>Web access blocked</body></html>",
    b'{"success":true,"destinations":["\xff\xfe"]}',
    b'{"a":' * 2000 + b"1" + b"}" * 2000,
    b'{"code":1000,"description":"v1 envelope"}',
]


@pytest.mark.parametrize("body", NO_ANSWERS, ids=lambda body: repr(body[:40]))
@pytest.mark.parametrize("decode", [wire.decode_send, wire.decode_statuses, wire.decode_checked, wire.decode_balance])
def test_what_is_no_answer(decode: Any, body: bytes) -> None:
    with pytest.raises(Damaged):
        decode(body)


def test_damage_quotes_nothing() -> None:
    body = b'{"success":true,"destinations":"79161112233"'
    with pytest.raises(Damaged) as caught:
        wire.decode_send(body)
    assert "79161112233" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None, "the parser's error holds the whole body"
    assert "79161112233" not in "".join(traceback.format_exception(caught.value))


def test_a_byte_order_mark_is_no_damage() -> None:
    assert isinstance(wire.decode_send(b"\xef\xbb\xbf" + examples.SEND_ANSWER), SendAnswer)


def test_a_very_long_integer_is_damage_and_not_a_crash() -> None:
    body = b'{"success":true,"destinations":[{"id":1.5,"x":' + b"9" * 5000 + b"}]}"
    with pytest.raises(Damaged):
        wire.decode_send(body)


def test_an_id_as_a_float_deep_inside_is_damage_and_not_a_crash() -> None:
    deep = b"[" * 1000 + b"]" * 1000
    try:
        answer = wire.decode_send(b'{"success":true,"destinations":[{"id":1.5}],"x":' + deep + b"}")
    except Damaged:
        return  # as Pythons do that count every level
    assert isinstance(answer, SendAnswer)
    assert answer.destinations[0].message_id is None


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_damage(body: bytes) -> None:
    for decode in (wire.decode_send, wire.decode_statuses, wire.decode_checked, wire.decode_balance):
        with contextlib.suppress(Damaged):
            decode(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["success", "error", "data", "destinations", "id", "code", "message", "failed", "updated", "smsId"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_an_answer_or_damage(document: object) -> None:
    import json

    body = json.dumps(document).encode()
    for decode in (wire.decode_send, wire.decode_statuses, wire.decode_checked, wire.decode_balance):
        with contextlib.suppress(Damaged):
            decode(body)
