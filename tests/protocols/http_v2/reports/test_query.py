from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.protocols.http_v2.reports.query import ReportQuery
from sms_traffic_async.protocols.http_v2.reports.rows import DEFAULT_FIELDS, FIELDS
from sms_traffic_async.protocols.http_v2.reports.wire import encode_query

SINCE = datetime(2025, 1, 1, tzinfo=MOSCOW)
UNTIL = datetime(2025, 1, 1, 23, 59, 59, tzinfo=MOSCOW)


def test_the_documents_example() -> None:
    # "to" of the example is not a date (field notes, R2): repaired. We always say the format.
    query = ReportQuery(
        since=SINCE, until=UNTIL, channels=["sms"], fields=["id", "submission_date", "message", "status"]
    )
    assert orjson.loads(encode_query(query)) == {
        "from": "2025-01-01T00:00:00+03:00",
        "to": "2025-01-01T23:59:59+03:00",
        "channels": ["sms"],
        "fields": ["id", "submission_date", "message", "status"],
        "format": "csv",
    }


def test_everything() -> None:
    query = ReportQuery(
        since=SINCE,
        until=UNTIL,
        format="json",
        originator="SMSTRAFFIC",
        subscriber="+7 (916) 111-22-33",
        type="mo",
        status="not_delivered",
        channels=("viber", "telegram"),
        department="sub",
        fields=FIELDS,
        limit=1000,
        offset=0,
    )
    assert orjson.loads(encode_query(query)) == {
        "from": "2025-01-01T00:00:00+03:00",
        "to": "2025-01-01T23:59:59+03:00",
        "originator": "SMSTRAFFIC",
        "subscriber": "79161112233",
        "type": "mo",
        "status": "not_delivered",
        "channels": ["viber", "telegram"],
        "department": "sub",
        "fields": list(FIELDS),
        "format": "json",
        "limit": 1000,
        "offset": 0,
    }


def test_nothing_asked_for() -> None:
    assert orjson.loads(encode_query(ReportQuery())) == {"fields": list(DEFAULT_FIELDS), "format": "csv"}


def test_main_account_is_not_everybody() -> None:
    assert orjson.loads(encode_query(ReportQuery(department="")))["department"] == ""
    assert "department" not in orjson.loads(encode_query(ReportQuery(department=None)))


def test_times_are_given_in_the_platforms_zone() -> None:
    odd = timezone(timedelta(hours=5, minutes=30, seconds=17))
    body = orjson.loads(
        encode_query(ReportQuery(since=datetime(2025, 1, 1, 12, tzinfo=odd), until=datetime(2026, 1, 1, tzinfo=UTC)))
    )
    assert body["from"] == "2025-01-01T09:29:43+03:00"
    assert body["to"] == "2026-01-01T03:00:00+03:00"
    fraction = ReportQuery(until=datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=MOSCOW))
    assert orjson.loads(encode_query(fraction))["to"] == "2026-01-01T00:00:00.500000+03:00"


@pytest.mark.parametrize(
    "given, expected",
    [
        ("79161112233", "79161112233"),
        (79161112233, "79161112233"),
        ("89161112233", "79161112233"),
        ("user-42@device", "user-42@device"),
        ("d3b0 7384", "d3b0 7384"),
    ],
)
def test_subscriber(given: str | int, expected: str) -> None:
    assert ReportQuery(subscriber=given).subscriber == expected


def test_identifier_of_a_push_stays_as_it_is() -> None:
    assert ReportQuery(subscriber="8 916 111-22-33", channels=["push"]).subscriber == "8 916 111-22-33"
    assert ReportQuery(subscriber="9161112233", region="RU").subscriber == "79161112233"


def test_one_name_may_stand_alone() -> None:
    query = ReportQuery(fields="id", channels="sms")
    assert query.columns == ("id",)
    assert query.channels == ("sms",)


@pytest.mark.parametrize(
    "field, value, rule",
    [
        ("since", datetime(2025, 1, 1), "time zone"),  # noqa: DTZ001 - the point
        ("until", datetime(2025, 1, 1), "time zone"),  # noqa: DTZ001 - the point
        ("since", "2025-01-01", "datetime"),
        ("format", "xml", "csv, zip, json"),
        ("format", "CSV", "csv, zip, json"),
        ("format", None, "csv, zip, json"),
        ("type", "MT", "mt, mo"),
        ("status", "Delivered", "delivered, not_delivered, read"),
        ("originator", "", "at least 1"),
        ("originator", "A\nB", "control"),
        ("originator", 5, "a string"),
        ("department", 5, "a string"),
        ("department", "a\x00", "control"),
        ("subscriber", "", "at least 1"),
        ("subscriber", "1234", "5 to 15"),
        ("subscriber", "9161112233", "without its 7"),
        ("subscriber", 12, "5 to 15"),
        ("subscriber", True, "whole number"),
        ("subscriber", 7.5, "whole number"),
        ("subscriber", "a\rb", "control"),
        ("channels", ["SMS"], "lower-case"),
        ("channels", [5], "lower-case"),
        ("channels", [], "at least one"),
        ("fields", ["id", "phone"], "one of id, subscriber"),
        ("fields", [], "at least one"),
        ("fields", ["id", "id"], "each once"),
        ("limit", 10, "json only"),
        ("offset", 0, "json only"),
    ],
)
def test_refused_before_any_io(field: str, value: Any, rule: str) -> None:
    with pytest.raises(InvalidMessage, match=rule) as caught:
        ReportQuery(**{field: value})
    assert caught.value.field == field
    assert caught.value.rule in str(caught.value)
    if field == "subscriber" and len(str(value)) > 7:
        assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    "field, value",
    [("limit", 0), ("limit", 1001), ("limit", True), ("limit", 1.0), ("limit", "5"), ("offset", -1), ("offset", 1001)],
)
def test_pages_of_json_are_bounded(field: str, value: Any) -> None:
    with pytest.raises(InvalidMessage, match="a whole number from") as caught:
        ReportQuery(format="json", **{field: value})
    assert caught.value.field == field


def test_order_of_times() -> None:
    ReportQuery(since=SINCE, until=SINCE)
    with pytest.raises(InvalidMessage, match="not after until") as caught:
        ReportQuery(since=UNTIL, until=SINCE)
    assert caught.value.field == "since"


def test_paged() -> None:
    assert ReportQuery(format="json").paged
    assert not ReportQuery(format="json", limit=5).paged
    assert not ReportQuery(format="json", offset=0).paged
    assert not ReportQuery().paged


def test_repr_holds_no_number() -> None:
    assert "7916" not in repr(ReportQuery(subscriber="79161112233"))
