"""What nobody waits for any more is swept out of the queue, wherever it lies, and nothing else is."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from sms_traffic_async.protocols.smpp.parcel import Parcel
from sms_traffic_async.protocols.smpp.queue import SubmitQueue

MANY = 200


def parcel(number: int, parts: int = 1) -> Parcel:
    future = cast("asyncio.Future[Any]", None)
    return Parcel(
        future,
        number,
        f"k{number}",
        "79161112233",
        (b"x",) * parts,
        "gsm7",
        1 if parts > 1 else None,
        lambda _: None,
        0.0,
        30.0,
        1e9,
        False,
    )


def back(queue: SubmitQueue, number: int, server: str = "") -> Parcel:
    """One that was written and comes back, for any server or for one."""
    made = parcel(number)
    made.pending = 0
    made.bound_to = server
    queue.give_back(made, 0)
    return made


def order(queue: SubmitQueue, server: str) -> list[int]:
    numbers: list[int] = []
    while (found := queue.take(server, active=True)) is not None:
        numbers.append(found.number)
    return numbers


def test_what_came_back_is_swept_with_what_was_never_taken() -> None:
    queue = SubmitQueue(10_000)
    kept: list[int] = []
    for number in range(MANY):
        server = ("", "one", "two")[number % 3]
        made = back(queue, number, server)
        if number % 10:
            queue.drop(made)
        else:
            kept.append(number)
    assert queue._length() < MANY / 2
    assert queue.parts == len(kept)
    here = [number for number in kept if number % 3 == 1]
    anywhere = [number for number in kept if number % 3 == 0]
    assert order(queue, "one") == here + anywhere, "bound first, then what came back, each in its old order"
    assert order(queue, "two") == [number for number in kept if number % 3 == 2]
    assert order(queue, "one") == []


def test_a_server_is_forgotten_with_the_last_that_was_bound_to_it() -> None:
    queue = SubmitQueue(10_000)
    for made in [back(queue, number, "one") for number in range(MANY)]:
        queue.drop(made)
    assert not queue.waits_for("one")
    assert queue.take("one", active=False) is None
    assert queue._length() < MANY / 2


def test_one_that_is_dropped_is_not_waited_for() -> None:
    queue = SubmitQueue(100)
    first, second = back(queue, 1, "one"), back(queue, 2, "one")
    queue.drop(first)
    assert queue.waits_for("one")
    queue.drop(second)
    assert not queue.waits_for("one")
    assert not queue.waits_for("two")


def test_few_that_are_dropped_stay_and_many_are_swept_once_they_are_the_most() -> None:
    queue = SubmitQueue(10_000)
    made = [parcel(number) for number in range(MANY)]
    for one in made:
        queue.put(one)
    for one in made[: MANY // 2]:
        queue.drop(one)
    assert queue._length() == MANY, "half of them is not more than half"
    queue.drop(made[MANY // 2])
    assert queue._length() == MANY // 2 - 1
    for one in made[MANY // 2 + 1 : MANY // 2 + 60]:
        queue.drop(one)
    assert queue._length() == MANY // 2 - 1, "a few are not worth a sweep"
    assert order(queue, "one") == list(range(MANY // 2 + 60, MANY))


def test_what_is_dropped_is_never_written() -> None:
    queue = SubmitQueue(100)
    long = parcel(1, parts=4)
    queue.put(long)
    assert queue.take("one", active=True) is long
    assert queue.written(long) == 0
    queue.drop(long)
    assert queue.parts == 0
    assert long.pending == 0
    assert long.never == {1, 2, 3}
    assert order(queue, "one") == []


def test_one_that_is_held_or_rests_is_put_in_by_whoever_holds_it() -> None:
    queue = SubmitQueue(100)
    held, resting = parcel(1, parts=2), parcel(2, parts=2)
    for one in (held, resting):
        queue.put(one)
        assert queue.take("one", active=True) is one
        queue.written(one)
    held.held = True
    resting.rests = True
    queue.give_back(held, 0)
    queue.give_back(resting, 0)
    assert queue.parts == 4
    assert order(queue, "one") == []
    held.held = False
    queue.give_back(held)
    assert queue.parts == 4
    assert order(queue, "one") == [1]


def test_it_counts_what_nobody_waits_for_and_forgets_it_when_it_is_met() -> None:
    queue = SubmitQueue(100)
    assert queue._dropped == 0
    moved = [back(queue, number) for number in range(3)]
    for one in moved:  # bound after they came back: where they lay they count no more
        one.pending -= 1
        one.bound_to = "two"
        queue.give_back(one, 0)
    assert (queue._dropped, queue._length()) == (3, 6)
    gone = [back(queue, number, "two") for number in (7, 8)]
    fresh = [parcel(number) for number in (10, 11, 12)]
    for one in fresh:
        queue.put(one)
    for one in (*gone, *fresh[:2]):
        queue.drop(one)
    assert queue._dropped == 7
    assert order(queue, "two") == [0, 1, 2, 12]
    assert (queue._dropped, queue._length()) == (0, 0)


def test_parts_that_are_never_written_add_up() -> None:
    queue = SubmitQueue(100)
    long = parcel(1, parts=3)
    queue.put(long)
    assert queue.take("one", active=True) is long
    assert [queue.written(long) for _ in range(3)] == [0, 1, 2]
    long.never = frozenset({0})
    queue.give_back(long, 2)
    queue.drop(long)
    assert long.never == {0, 2}
