"""What is remembered stays within its bound and is right while it is remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async import MessageStatus, StatusUpdate
from sms_traffic_async.statuses import supersedes
from sms_traffic_async.webhooks.memory import Failures, Replies, Statuses

WORDS = ("", "Acceptd", "Buffered SMSC", "Teleported", "Delivered", "Expired", "Read", "Checked")
UPDATES = st.builds(
    lambda one, word: StatusUpdate(message_id=one, status=MessageStatus(word)),
    st.sampled_from("abc"),
    st.sampled_from(WORDS),
)


@given(st.lists(st.lists(UPDATES, max_size=4), max_size=8))
def test_statuses_never_go_backwards_and_none_is_lost(pushes: list[list[StatusUpdate]]) -> None:
    memory = Statuses(10)
    reached: dict[str, MessageStatus] = {}
    for push in pushes:
        news, others = memory.news(push)
        assert len(news) + sum(others.values()) == len(push)
        for update in news:
            old = reached.get(update.message_id)
            assert old is None or supersedes(old, update.status)
            reached[update.message_id] = update.status
        memory.remember(news)
        for update in push:
            # Whatever came, what is reached is not behind it, unless it is final.
            now = reached[update.message_id]
            assert now == update.status or now.is_final or now.rank >= update.status.rank


@given(st.lists(UPDATES, max_size=8))
def test_what_was_not_taken_is_news_again(push: list[StatusUpdate]) -> None:
    memory = Statuses(10)
    assert memory.news(push) == memory.news(push)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 40)), max_size=60))
def test_replies(calls: list[tuple[int, int]]) -> None:
    memory = Replies(8, most_bytes=100)
    newest: dict[int, bytes] = {}
    for key, size in calls:
        memory.remember(key, b"x" * size, "utf-8")
        newest[key] = b"x" * size
        assert memory.get(key) == (newest[key], "utf-8")
        assert len(memory) <= 8
        assert memory.size <= 100
        kept = [found[0] for one in range(31) if (found := memory.get(one)) is not None]
        assert sum(map(len, kept)) == memory.size
    assert all(found is None or found[0] == newest[key] for key in newest for found in [memory.get(key)])


def test_one_reply_larger_than_the_bound_is_kept() -> None:
    memory = Replies(8, most_bytes=10)
    memory.remember(1, b"x" * 50, "utf-8")
    memory.remember(2, b"x" * 60, "utf-8")
    assert memory.get(1) is None
    assert memory.get(2) == (b"x" * 60, "utf-8")


@pytest.mark.parametrize(
    "others, seconds, expected",
    [
        (0, 10, [False] * 5),
        (1, 10, [False, False, True, True, True]),  # something was taken in between
        (0, 50, [False, False, True, True, True]),  # 100 seconds passed
        (0, 30, [False, False, False, False, True]),
    ],
)
def test_failures(others: int, seconds: float, expected: list[bool]) -> None:
    failures = Failures(3, patience=100)
    blamed = []
    for number in range(5):
        blamed.append(failures.failed("a", taken=failures.taken, now=seconds * number))
        failures.taken += others
    assert blamed == expected
    failures.forget("a")
    assert not failures.failed("a", taken=failures.taken, now=1_000)


def test_a_success_before_the_first_failure_blames_nobody() -> None:
    failures = Failures(2, patience=100)
    failures.taken += 1
    assert not failures.failed("a", taken=failures.taken, now=0)
    assert not failures.failed("a", taken=failures.taken, now=0)
    failures.taken += 1
    assert failures.failed("a", taken=failures.taken, now=0)


def test_a_success_beside_it_counts() -> None:
    failures = Failures(2, patience=100)
    before = failures.taken
    failures.taken += 1
    assert not failures.failed("a", taken=before, now=0)
    assert failures.failed("a", taken=failures.taken, now=0)


def test_failures_are_bounded() -> None:
    failures = Failures(3, patience=100, most=10)
    for number in range(1_000):
        failures.failed(number, taken=0, now=0)
    assert len(failures) == 10
