"""SMPP's time format, both ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.pdu import format_absolute, format_relative, parse_time

zones = st.integers(-48, 56).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))


@pytest.mark.parametrize(
    "seconds, text",
    [
        (1, "000000000001000R"),
        (0.2, "000000000001000R"),
        (600, "000000001000000R"),
        (86_399, "000000235959000R"),
        (86_400, "000001000000000R"),
        # SMPP 3.4, 7.1.1.1: 2 years, 6 months, 10 days, 23 h, 34 min, 29 s.
        (2 * 365 * 86_400 + 6 * 30 * 86_400 + 10 * 86_400 + 23 * 3600 + 34 * 60 + 29, "020610233429000R"),
    ],
)
def test_relative(seconds: float, text: str) -> None:
    assert format_relative(seconds) == text
    assert parse_time(text) == timedelta(seconds=max(1, int(seconds)))


@pytest.mark.parametrize("seconds", [0, -5, 100 * 365 * 86_400])
def test_relative_has_bounds(seconds: float) -> None:
    with pytest.raises(LocalProtocolError):
        format_relative(seconds)


@pytest.mark.parametrize(
    "moment, text",
    [
        (datetime(2025, 11, 27, 13, 58, 4, 700_000, timezone(timedelta(hours=3))), "251127135804712+"),
        (datetime(2025, 1, 2, 3, 4, 5, 0, UTC), "250102030405000+"),
        (datetime(2025, 1, 2, 3, 4, 5, 0, timezone(timedelta(hours=-5))), "250102030405020-"),
        (datetime(2025, 1, 2, 3, 4, 5, 0, timezone(timedelta(hours=5, minutes=45))), "250102030405023+"),
        (datetime(2025, 1, 2, 3, 4, 5, 0, timezone(-timedelta(hours=3, minutes=30))), "250102030405014-"),
        # An offset that is no quarter of an hour is told in UTC.
        (datetime(2025, 1, 2, 3, 4, 5, 0, timezone(timedelta(minutes=20))), "250102024405000+"),
    ],
)
def test_absolute(moment: datetime, text: str) -> None:
    assert format_absolute(moment) == text
    assert parse_time(text) == moment


@given(st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=zones))  # noqa: DTZ001 - hypothesis adds the zone
def test_absolute_comes_back(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 100_000 * 100_000)
    found = parse_time(format_absolute(moment))
    assert isinstance(found, datetime)
    assert found == moment
    assert found.utcoffset() == moment.utcoffset()


@given(st.integers(1, 100 * 365 * 86_400 - 1))
def test_relative_comes_back(seconds: int) -> None:
    assert parse_time(format_relative(seconds)) == timedelta(seconds=seconds)


@pytest.mark.parametrize("year", [1999, 2100])
def test_two_digits_hold_one_century(year: int) -> None:
    with pytest.raises(LocalProtocolError, match="2000 to 2099"):
        format_absolute(datetime(year, 1, 2, tzinfo=UTC))


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="zone"):
        format_absolute(datetime(2025, 1, 2))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    "text", ["", "x", "251127135804", "251327135804712+", "251127135804799+ ", "251127135804799+", "٢51127135804712+"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time(text) is None


@given(st.text(max_size=20))
def test_nothing_raises(text: str) -> None:
    parse_time(text)
