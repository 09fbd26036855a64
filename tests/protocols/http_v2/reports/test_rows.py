from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from sms_traffic_async.protocols.http_v2.reports.rows import DEFAULT_FIELDS, FIELDS, ReportRow, row_type
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus

WHOLE = {
    "id": "1046379029789147161000001046379029789147",
    "subscriber": "79161112233",
    "message": "Ваш код 1234",
    "submission_date": "2021-01-01T00:00:00+03:00",
    "send_date": "2021-01-01T00:00:01+03:00",
    "delivery_date": "2021-01-01T00:00:02Z",
    "read_date": "",
    "channel": "sms",
    "status": "Delivered",
    "cost": "2,50",
    "originator": "SMSTRAFFIC",
    "ip": "192.0.2.7",
    "error": "003",
    "parts": "2",
    "operator_name": "Мобильные ТелеСистемы",
    "country_name": "Russian Federation",
    "batch_name": "осень",
    "department_name": "",
}


def test_all_eighteen_fields_are_read_in_the_order_asked_for() -> None:
    order = tuple(reversed(FIELDS))
    row = row_type(order)(tuple(WHOLE[name] for name in order))
    assert row.fields == order
    assert row.raw == tuple(WHOLE[name] for name in order)
    assert row.complete
    for name in ("id", "subscriber", "message", "channel", "originator", "ip", "operator_name", "country_name"):
        assert getattr(row, name) == WHOLE[name]
    assert row.batch_name == "осень"
    assert row.department_name == ""
    assert row.submission_date == datetime(2020, 12, 31, 21, 0, tzinfo=UTC)
    assert row.send_date == datetime(2020, 12, 31, 21, 0, 1, tzinfo=UTC)
    assert row.delivery_date == datetime(2021, 1, 1, 0, 0, 2, tzinfo=UTC)
    assert row.read_date is None
    assert row.status is MessageStatus.DELIVERED
    assert row.cost == Decimal("2.50")
    assert row.error == DeliveryErrorCode(3)
    assert row.parts == 2
    assert set(row.as_dict()) == set(FIELDS)
    assert row.as_dict()["cost"] == Decimal("2.50")


def test_default_list_is_the_documents() -> None:
    assert DEFAULT_FIELDS == (
        "id",
        "subscriber",
        "message",
        "submission_date",
        "send_date",
        "delivery_date",
        "status",
        "originator",
    )
    assert len(FIELDS) == 18
    assert ReportRow.fields == DEFAULT_FIELDS
    row = ReportRow(("1", "79161112233", "t", "", "", "", "", "S"))
    assert row.originator == "S"
    assert row.status is MessageStatus.PENDING


@pytest.mark.parametrize(
    "cell, expected",
    [
        ("2021-01-01T00:00:00+03:00", datetime(2020, 12, 31, 21, tzinfo=UTC)),
        ("2021-01-01T00:00:00", datetime(2020, 12, 31, 21, tzinfo=UTC)),
        ("2021-01-01 00:00:00", datetime(2020, 12, 31, 21, tzinfo=UTC)),
        (" 2021-01-01T00:00:00Z ", datetime(2021, 1, 1, tzinfo=UTC)),
        ("2021-01-01T00:00:00.250+00:00", datetime(2021, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)),
        ("", None),
        ("202-01-01T23:59:59+03:00", None),
        ("вчера", None),
    ],
)
def test_dates(cell: str, expected: datetime | None) -> None:
    row = row_type(("send_date",))((cell,))
    assert row.send_date == expected
    assert row.raw == (cell,)
    if row.send_date is not None:
        assert row.send_date.utcoffset() is not None
    if cell == "2021-01-01T00:00:00":
        assert row.send_date is not None
        assert row.send_date.utcoffset() == timedelta(hours=3)


@pytest.mark.parametrize(
    "cell, expected",
    [
        ("2.50", Decimal("2.50")),
        ("2,5", Decimal("2.5")),
        ("1 250,5", Decimal("1250.5")),
        ("1\u00a0250.5", Decimal("1250.5")),
        ("-1", Decimal(-1)),
        ("0", Decimal(0)),
        ("", None),
        ("free", None),
        ("NaN", None),
        ("Infinity", None),
        ("1,2,3", None),
    ],
)
def test_cost(cell: str, expected: Decimal | None) -> None:
    assert row_type(("cost",))((cell,)).cost == expected


@pytest.mark.parametrize(
    "cell, expected", [("1", 1), (" 12 ", 12), ("", None), ("-1", None), ("x", None), ("٣", None), ("9" * 5000, None)]
)
def test_parts(cell: str, expected: int | None) -> None:
    assert row_type(("parts",))((cell,)).parts == expected


def test_unknown_status_and_error_are_kept() -> None:
    row = row_type(("status", "error"))(("Message is spam", "77"))
    assert row.status == "Message is spam"
    assert not row.status.known
    assert row.error is not None
    assert int(row.error) == 77
    assert row_type(("error",))(("",)).error is None


def test_field_that_was_not_asked_for_says_so() -> None:
    row = row_type(("id",))(("1",))
    with pytest.raises(AttributeError, match="not asked for 'cost'"):
        _ = row.cost
    assert not hasattr(row, "message")


def test_short_and_long_rows_are_kept() -> None:
    short = row_type(("id", "status", "parts"))(("1",))
    assert not short.complete
    assert short.id == "1"
    assert short.status is MessageStatus.PENDING
    assert short.parts is None
    long = row_type(("id",))(("1", "2", "3"))
    assert not long.complete
    assert long.raw == ("1", "2", "3")


def test_neither_number_nor_text_is_shown() -> None:
    row = row_type(FIELDS)(tuple(WHOLE[name] for name in FIELDS))
    for shown in (repr(row), str(row), f"{row}", repr([row])):
        assert WHOLE["id"] in shown
        assert "Delivered" in shown
        assert "79161112233" not in shown
        assert "Ваш код" not in shown
    assert repr(row_type(("message",))(("secret",))) == "ReportRow(1 cells)"


def test_rows_are_values() -> None:
    kind = row_type(("id", "status"))
    row = kind(("1", "Read"))
    assert row == kind(("1", "Read"))
    assert row != kind(("2", "Read"))
    assert row != row_type(("status", "id"))(("1", "Read"))
    assert row != ("1", "Read")
    assert len({row, kind(("1", "Read"))}) == 1
    copy = pickle.loads(pickle.dumps(row))  # noqa: S301 - our own bytes
    assert copy == row
    assert type(copy) is kind
    assert isinstance(row, ReportRow)
    assert not hasattr(row, "__dict__")
    with pytest.raises(AttributeError):
        row.id = "3"  # type: ignore[misc] # a row is frozen
