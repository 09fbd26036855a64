"""What is read from Retry-After, row by row."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.policy.retry_after import MIN_WAIT, parse_retry_after, with_jitter

# Fri, 29 Sep 2023 16:26:37 GMT: the moment of the openai-python table.
NOW = 1_696_004_797.0
CAP = 900.0

# openai-python 3.54.0, tests/test_client.py, test_parse_retry_after_header: all 23 rows. There a wait of
# more than 120 s or of 0 becomes a backoff; here the cap is 900 s and 0 is an answer. Its last four rows
# differ only in the number of the retry, which is not this function's business.
OPENAI: list[tuple[str | None, float | None]] = [
    ("20", 20.0),
    ("0", 0.0),
    ("-10", None),
    ("60", 60.0),
    ("61", 61.0),
    ("120", 120.0),
    ("121", 121.0),
    ("Fri, 29 Sep 2023 16:26:57 GMT", 20.0),
    ("Fri, 29 Sep 2023 16:26:37 GMT", 0.0),
    ("Fri, 29 Sep 2023 16:26:27 GMT", 0.0),
    ("Fri, 29 Sep 2023 16:27:37 GMT", 60.0),
    ("Fri, 29 Sep 2023 16:27:38 GMT", 61.0),
    ("Fri, 29 Sep 2023 16:28:37 GMT", 120.0),
    ("Fri, 29 Sep 2023 16:28:38 GMT", 121.0),
    ("99999999999999999999999999999999999", CAP),
    ("inf", None),
    ("nan", None),
    ("Zun, 29 Sep 2023 16:26:27 GMT", 0.0),
    ("Fri, 29 Sep 100000 16:26:57 GMT", None),
    ("", None),
    ("", None),
    ("", None),
    ("", None),
]

OURS: list[tuple[str | None, float | None]] = [
    (None, None),
    # seconds
    ("1", 1.0),
    ("007", 7.0),
    ("000", 0.0),
    ("0" * 5_000 + "7", 7.0),
    ("899", 899.0),
    ("900", CAP),
    ("901", CAP),
    ("999", CAP),
    ("1000", CAP),
    ("9" * 5_000, CAP),
    ("1696004817", CAP),
    ("  20\t", 20.0),
    ("\r\n20", 20.0),
    # what float() takes and a header must not mean
    ("1.5", None),
    ("5.", None),
    ("1e400", None),
    ("1e3", None),
    ("Infinity", None),
    ("-inf", None),
    ("+5", None),
    ("-0", None),
    ("1_0", None),
    ("0x10", None),
    ("١٢", None),  # Arabic-Indic digits: float() reads 12.0
    ("２０", None),  # full-width
    ("²", None),
    ("20\u00a0", None),
    # dates: IMF-fixdate, RFC 850, asctime
    ("fri, 29 sep 2023 16:26:57 gmt", 20.0),
    ("Friday, 29-Sep-23 16:26:57 GMT", 20.0),
    ("Fri Sep 29 16:26:57 2023", 20.0),
    ("Fri, 29 Sep 2023 16:26:57 -0000", 20.0),
    ("Fri, 29 Sep 2023 19:26:57 +0300", 20.0),
    (" Fri, 29 Sep 2023 16:26:57 GMT ", 20.0),
    ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
    ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ("Fri, 31 Dec 9999 23:59:59 GMT", CAP),
    ("Fri, 29 Sep 0001 00:00:00 +1400", 0.0),
    # garbage
    ("   ", None),
    ("soon", None),
    ("20 s", None),
    ("20, 30", None),
    ("2023-09-29T16:26:57Z", None),
    ("Fri, 32 Sep 2023 16:26:57 GMT", None),
    ("Fri, 29 Sep 2023 25:26:57 GMT", None),
    ("Fri, 29 Sep 2023 16:26:60 GMT", None),
    ("Fri, 29 Sep 2023 16:26:57 +9999", None),
    ("Fri, 29 Sep 2023", None),
    ("1 2 3 4 5", None),
    ("пятница", None),
    ("x" * 1_000_000, None),
    ("Fri, 29 Sep 2023 16:26:57 GMT" + " " * 50 + "(or later)", None),
]


@pytest.mark.parametrize("value, expected", OPENAI + OURS)
def test_row(value: str | None, expected: float | None) -> None:
    assert parse_retry_after(value, date=None, now=NOW, cap=CAP) == expected


SKEWED = [
    # (Date header, our wall clock): the answer's own clock decides, whichever of the two is wrong
    ("Fri, 29 Sep 2023 16:26:37 GMT", NOW, 20.0),
    ("Fri, 29 Sep 2023 16:26:37 GMT", NOW + 86_400.0, 20.0),
    ("Fri, 29 Sep 2023 16:26:37 GMT", NOW - 86_400.0, 20.0),
    ("Fri Sep 29 16:26:47 2023", NOW, 10.0),
    ("Friday, 29-Sep-23 16:26:57 GMT", NOW, 0.0),
    ("Fri, 29 Sep 2023 17:26:57 GMT", NOW, 0.0),
    ("Thu, 01 Jan 1970 00:00:00 GMT", NOW, CAP),
    # no readable Date: our clock
    ("garbage", NOW, 20.0),
    ("20", NOW, 20.0),
    ("", NOW, 20.0),
    (None, NOW + 5.0, 15.0),
]


@pytest.mark.parametrize("date, now, expected", SKEWED)
def test_a_date_is_measured_against_the_answers_own_clock(date: str | None, now: float, expected: float) -> None:
    value = "Fri, 29 Sep 2023 16:26:57 GMT"
    assert parse_retry_after(value, date=date, now=now, cap=CAP) == expected


def test_a_date_says_nothing_about_seconds() -> None:
    assert parse_retry_after("20", date="Thu, 01 Jan 1970 00:00:00 GMT", now=NOW, cap=CAP) == 20.0


def test_there_are_enough_rows() -> None:
    assert len(OPENAI) == 23
    assert len(OPENAI) + len(OURS) + len(SKEWED) >= 40


@given(
    value=st.text(max_size=80)
    | st.from_regex(r"\A[0-9 .eE+-]{0,40}\Z")
    | st.datetimes().map(lambda d: d.strftime("%c")),
    date=st.none() | st.text(max_size=40),
    cap=st.floats(min_value=0.5, max_value=1e6),
)
def test_whatever_comes_the_wait_is_none_or_within_the_cap(value: str, date: str | None, cap: float) -> None:
    wait = parse_retry_after(value, date=date, now=NOW, cap=cap)
    assert wait is None or 0.0 <= wait <= cap


@given(seconds=st.integers(min_value=0, max_value=10**30))
def test_seconds_are_read_as_written(seconds: int) -> None:
    assert parse_retry_after(str(seconds), date=None, now=NOW, cap=CAP) == min(float(seconds), CAP)


@pytest.mark.parametrize(
    "delay, chance, expected",
    [
        (0.0, 0.0, MIN_WAIT),
        (0.0, 1.0, 0.275),
        (0.1, 0.5, 0.2625),
        (20.0, 0.0, 20.0),
        (20.0, 0.5, 21.0),
        (20.0, 1.0, 22.0),
    ],
)
def test_jitter_goes_upward_only(delay: float, chance: float, expected: float) -> None:
    assert math.isclose(with_jitter(delay, chance), expected)


@given(delay=st.floats(min_value=0, max_value=900), chance=st.floats(min_value=0, max_value=1, exclude_max=True))
def test_never_sooner_than_asked(delay: float, chance: float) -> None:
    wait = with_jitter(delay, chance)
    assert max(delay, MIN_WAIT) <= wait <= max(delay, MIN_WAIT) * 1.1
