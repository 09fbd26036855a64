"""What is news, what is late, what is a repeat, and the id of an event."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.delivery.ordering import Recent, Step, advance, event_id
from sms_traffic_async.statuses import MessageStatus

STATUSES = [*MessageStatus, MessageStatus("Perhaps")]


@pytest.mark.parametrize(
    "old,new,step",
    [
        (None, "", Step.NEWS),
        ("", "Buffered SMSC", Step.NEWS),
        ("Buffered SMSC", "Delivered", Step.NEWS),
        ("Delivered", "Buffered SMSC", Step.STALE),
        ("Delivered", "Delivered", Step.DUPLICATE),
        ("Delivered", "Read", Step.NEWS),
        ("Delivered", "Checked", Step.NEWS),
        ("Read", "Delivered", Step.STALE),
        ("Read", "Checked", Step.STALE),
        ("Delivered", "Non Delivered", Step.CONFLICT),
        ("Expired", "Delivered", Step.CONFLICT),
        ("Unknown status", "Rejected", Step.CONFLICT),
        ("Buffered SMSC", "Perhaps", Step.NEWS),
        ("Perhaps", "Delivered", Step.NEWS),
        ("Delivered", "Perhaps", Step.STALE),
    ],
)
def test_the_order_of_statuses(old: str | None, new: str, step: Step) -> None:
    known = None if old is None else MessageStatus.read(old)
    assert advance(known, MessageStatus.read(new)) is step


@given(st.lists(st.sampled_from(STATUSES), max_size=12))
def test_whatever_comes_in_whatever_order_a_status_is_news_once(reports: list[MessageStatus]) -> None:
    known: MessageStatus | None = None
    news: list[MessageStatus] = []
    for report in reports:
        if advance(known, report) is Step.NEWS:
            known = report
            news.append(report)
    assert len(set(news)) == len(news)
    assert [status.rank for status in news] == sorted(status.rank for status in news)
    finals = [status for status in news if status.is_final]
    assert len(finals) <= 2
    if len(finals) == 2:
        assert finals[0] == "Delivered"
        assert finals[1].is_delivered


def test_an_event_has_one_id_and_no_two_share_it() -> None:
    pairs = list(itertools.product(("1", "11", "1\0"), ("", "Delivered", "1Delivered")))
    assert len({event_id(*pair) for pair in pairs}) == len(pairs)
    # Stored by applications, so it may never change.
    assert event_id("8", "Delivered") == event_id("8", MessageStatus.DELIVERED) == "dae95e811d258165dcefb7ff2c6de075"


def test_recent_keeps_at_least_so_many_and_at_most_twice_as_many() -> None:
    recent: Recent[int, str] = Recent(100)
    for number in range(1000):
        recent.put(number, str(number))
        assert all(one in recent for one in range(max(0, number - 99), number + 1))
        assert len(recent) <= 200
    assert recent.get(0) is None
    assert recent.pop(999) == "999"
    assert 999 not in recent
    assert recent.pop(999) is None


def test_recent_gives_the_newest_under_a_key() -> None:
    recent: Recent[str, int] = Recent(2)
    for value, key in enumerate("abacada"):
        recent.put(key, value)
    assert recent.get("a") == 6
    assert recent.pop("a") == 6
    assert recent.get("a") is None
