from datetime import UTC, datetime, timedelta

import pytest

from sms_traffic_async.cli.times import read_ago, read_moment

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-31T15:00+03:00", " 2026-01-31 12:00Z "])
def test_a_time_with_its_zone(text: str) -> None:
    assert read_moment(text) == NOW
    assert read_ago(text, NOW + timedelta(days=1)) == NOW


@pytest.mark.parametrize(
    "text,ago",
    [
        ("now", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
    ],
)
def test_how_long_ago(text: str, ago: timedelta) -> None:
    assert read_ago(text, NOW) == NOW - ago


@pytest.mark.parametrize("text", ["2026-01-31", "2026-01-31T12:00"])
def test_a_time_without_a_zone_is_nobodys(text: str) -> None:
    with pytest.raises(ValueError, match="no zone"):
        read_moment(text)
    with pytest.raises(ValueError, match="no zone"):
        read_ago(text, NOW)


@pytest.mark.parametrize("text", ["", "soon", "2 h", "-2h", "2w", "٢h", "999999d", "2026-13-01T00:00Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="or how long ago"):
        read_ago(text, NOW)


@pytest.mark.parametrize("text", ["2h", "now"])
def test_a_start_is_no_time_ago(text: str) -> None:
    with pytest.raises(ValueError, match="time with its zone"):
        read_moment(text)
