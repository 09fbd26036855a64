"""Who is asked about when, and that a million messages cost no more each than ten."""

import random

import pytest

from sms_traffic_async.delivery.schedule import Schedule, ladder
from sms_traffic_async.delivery.values import Tracked

WATCHED, OTHERS = ladder(1.0, 1.6, 15.0), ladder(15.0, 2.0, 3600.0)


def item(number: int, parts: int = 1, until: float = 1e9) -> Tracked:
    return Tracked(str(number), tuple(f"{number}.{part}" for part in range(1, parts)), via=None, key=None, until=until)


def schedule(stopped: list[Tracked] | None = None) -> Schedule:
    return Schedule(WATCHED, OTHERS, stop=([] if stopped is None else stopped).append)


def test_a_ladder_grows_to_its_longest() -> None:
    assert ladder(15, 2, 100) == (15, 30, 60, 100)
    assert ladder(1, 1.6, 1) == (1,)
    assert ladder(20, 2, 10) == (10,)


def test_pauses_grow_and_stay_at_the_longest() -> None:
    plan, one, now, times = schedule(), item(1), 0.0, []
    plan.follow(one, now)
    for _ in range(12):
        due = plan.next_due()
        assert due is not None
        assert plan.take_due(due - 0.1, 100) == []
        now = due
        assert plan.take_due(now, 100) == [one]
        times.append(now)
        plan.after_question(one, now)
    gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
    assert gaps == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]


def test_whoever_is_waited_for_comes_first_and_goes_back_when_nobody_waits() -> None:
    plan, one, two = schedule(), item(1), item(2)
    plan.follow(one, 0.0)
    plan.follow(two, 0.0)
    one.waiters = [None]  # type: ignore[list-item] # anybody
    plan.watch(one, 0.0, patient=False)
    assert plan.take_due(1.0, 100) == [one]
    plan.after_question(one, 1.0)
    assert plan.take_due(2.6, 100) == [one]
    one.waiters = []
    plan.after_question(one, 2.6)
    assert plan.take_due(15.0, 100) == [two]  # the old place of one is passed over
    assert plan.take_due(17.6, 100) == [one]


def test_batches_hold_so_many_parts_and_one_message_is_never_cut() -> None:
    plan = schedule()
    items = [item(number, parts=3) for number in range(5)] + [item(9, parts=50)]
    for one in items:
        plan.follow(one, 0.0)
    assert plan.take_due(15.0, 10) == items[:3]
    assert plan.take_due(15.0, 10) == items[3:5]
    assert plan.take_due(15.0, 10) == items[5:]
    assert plan.next_due() is None


def test_whose_time_is_over_is_stopped() -> None:
    stopped: list[Tracked] = []
    plan, one = schedule(stopped), item(1, until=10.0)
    plan.follow(one, 0.0)
    assert plan.take_due(15.0, 100) == []
    assert stopped == [one]


def test_a_later_beginning() -> None:
    plan, one, two = schedule(), item(1), item(2)
    plan.begin_at(one, 1000.0)
    plan.begin_at(two, 500.0)
    two.due = None  # it ended
    assert plan.next_due() == 500.0
    assert plan.take_due(500.0, 100) == []
    assert plan.take_due(1000.0, 100) == []
    assert plan.take_due(1015.0, 100) == [one]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_done_nobody_is_forgotten_and_nobody_comes_twice(seed: int) -> None:
    chance, plan, now = random.Random(seed), schedule(), 0.0
    items = [item(number) for number in range(200)]
    asked = dict.fromkeys(items, 0.0)
    for one in items:
        plan.follow(one, now)
    while now < 5_000:
        due = plan.next_due()
        assert due is not None
        now = max(now, due)
        batch = plan.take_due(now, 50)
        assert len(set(batch)) == len(batch)
        for one in batch:
            assert now - asked[one] <= 3601
            asked[one] = now
            if chance.random() < 0.1:
                plan.again(one, now)
            else:
                plan.after_question(one, now)
        for one in chance.sample(items, 3):
            one.waiters = [] if one.waiters else [None]  # type: ignore[list-item] # anybody
            if one.waiters:
                plan.watch(one, now, patient=chance.random() < 0.5)
            else:
                plan.follow(one, now)
    assert all(now - at <= 3601 for at in asked.values())
