"""The size of batches, answer by answer: in proportion, never by leaps, and what a single answer cannot tell."""

from __future__ import annotations

import pytest

from sms_traffic_async.protocols.batch_size import AIM, START, BatchSize


def after(*answers: tuple[int, float], most: int = 500) -> int:
    size = BatchSize(most)
    for messages, seconds in answers:
        size.answered(messages, seconds)
    return size.now


def test_the_first_batch() -> None:
    assert (BatchSize(500).now, BatchSize(500).most) == (START, 500)
    assert BatchSize(7).now == 7


@pytest.mark.parametrize(
    "messages,seconds,now",
    [
        (100, 1.6, 50),  # twice too slow: half of it
        (100, 80.0, 25),  # never less than a quarter at once
        (100, AIM, 100),  # as it should be
        (100, 0.7, 100),  # no room worth a larger one
        (100, 0.1, 126),  # full and soon answered: a quarter more, and one
        (100, 0.0, 126),
        (100, -1.0, 126),  # a clock that went back
        (40, 0.1, 100),  # not full: nothing to grow for
        (1, 30.0, 100),  # a lone slow message says nothing about batches
        (2, 1.6, 1),
    ],
)
def test_one_answer(messages: int, seconds: float, now: int) -> None:
    assert after((messages, seconds)) == now


def test_two_sizes_tell_what_a_message_costs() -> None:
    # 0.2 s and 2 ms a message: 0.8 s are 300 messages, reached in steps of one half.
    assert after((1, 0.202), (100, 0.4)) == 151
    assert after((1, 0.202), (100, 0.4), (151, 0.502)) == 227
    assert after((1, 0.202), (100, 0.4), (151, 0.502), (227, 0.654)) == 300
    assert after((1, 0.202), (100, 0.4), (151, 0.502), (227, 0.654), (300, 0.8)) in {299, 300}


def test_where_the_fixed_part_alone_is_too_slow_a_batch_may_cost_as_much_again() -> None:
    # 2 s and 10 ms a message: 80 of them cost as much as is aimed at.
    assert after((1, 2.01), (100, 3.0)) in {79, 80}


def test_larger_ones_that_are_faster_may_be_as_large_as_any() -> None:
    assert after((1, 0.5), (100, 0.3), most=140) == 140


def test_never_more_than_the_most_and_never_less_than_one() -> None:
    assert after((100, 0.1), (126, 0.1), most=130) == 130
    assert after(*[(2, 9.0)] * 9) == 1
