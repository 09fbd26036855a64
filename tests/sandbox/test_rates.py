"""Token rates and every form of Retry-After."""

from email.utils import parsedate_to_datetime

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.rates import Rate, RateWindow, retry_after
from sms_traffic_async.sandbox.switches import RetryAfterForm

NOW = 1_766_048_400.0  # Thu, 18 Dec 2025 09:00:00 GMT


@pytest.mark.parametrize(
    "form,text",
    [
        ("seconds", "8"),
        ("http-date", "Thu, 18 Dec 2025 09:00:08 GMT"),
        ("rfc850", "Thursday, 18-Dec-25 09:00:08 GMT"),
        ("asctime", "Thu Dec 18 09:00:08 2025"),
        ("float", "7.250"),
        ("zero", "0"),
        ("negative", "-8"),
        ("past", "Thu, 18 Dec 2025 08:59:00 GMT"),
        ("huge", "1" + "0" * 30),
        ("unicode", "٨"),
        ("garbage", "soon, please"),
        ("absent", None),
    ],
)
def test_forms(form: RetryAfterForm, text: str | None) -> None:
    assert retry_after(form, 7.25, NOW) == text


@pytest.mark.parametrize("form", ["http-date", "rfc850", "asctime"])
def test_dates_can_be_read_by_others(form: RetryAfterForm) -> None:
    value = retry_after(form, 3, 1_764_579_600.0)  # 1 December: one digit of a day
    assert value is not None
    read = parsedate_to_datetime(value)
    assert (read.year, read.month, read.day, read.hour, read.minute, read.second) == (2025, 12, 1, 9, 0, 3)


def test_a_window_slides() -> None:
    window, rate = RateWindow(), Rate(count=2, seconds=1.0)
    assert window.take(rate, 0.0) == 0
    assert window.take(rate, 0.5) == 0
    assert window.take(rate, 0.6) == pytest.approx(0.4)
    assert window.take(rate, 0.99) == pytest.approx(0.01)
    assert window.take(rate, 1.0) == 0
    assert window.take(rate, 1.1) == pytest.approx(0.4)


def test_no_second_has_more_than_the_rate() -> None:
    window, rate, taken = RateWindow(), Rate.per_second(20), []
    now = 0.0
    for step in range(3000):
        now += (step * 7919 % 13) / 300
        if window.take(rate, now) == 0:
            taken.append(now)
    assert max(sum(1 for at in taken if start - 1 < at <= start) for start in taken) <= 20
    assert len(taken) > now * 15


def test_a_rate_below_one_a_second() -> None:
    assert Rate.per_second(0.5) == Rate(count=1, seconds=2.0)
    assert Rate.per_second(2.5) == Rate(count=25, seconds=10.0)
    assert Rate.per_second(20.0) == Rate(count=20, seconds=1.0)


@pytest.mark.parametrize("count,seconds", [(0, 1.0), (1, 0.0), (1, -1.0)])
def test_what_is_no_rate(count: int, seconds: float) -> None:
    with pytest.raises(ConfigurationError):
        Rate(count=count, seconds=seconds)
