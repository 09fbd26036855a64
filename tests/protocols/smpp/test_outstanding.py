"""The table of what waits for an answer."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.protocols.smpp.outstanding import MAX_SEQUENCE, Outstanding, Waiting

LATE = 60.0


def wait_for(token: object, at: float, *, command: int = 4, counted: bool = True) -> Waiting:
    return Waiting(command, token, at, counted)


def test_found_by_command_and_number() -> None:
    table = Outstanding(LATE)
    table.add(7, wait_for("a", 0.0), 30.0)
    assert table.in_flight == 1
    assert table.take(7, 5) is None
    assert table.take(8, 4) is None
    assert table.take(7, 4) == (wait_for("a", 0.0), False)
    assert table.take(7, 4) is None
    assert table.in_flight == 0


def test_a_nack_fits_any_command() -> None:
    table = Outstanding(LATE)
    table.add(7, wait_for("a", 0.0), 30.0)
    assert table.take(7, None) == (wait_for("a", 0.0), False)


def test_only_what_is_counted_takes_a_place() -> None:
    table = Outstanding(LATE)
    table.add(7, wait_for("a", 0.0, counted=False), 30.0)
    assert table.in_flight == 0
    assert table.expire(30.0) == [(7, wait_for("a", 0.0, counted=False))]
    assert table.late == {}


def test_expired_in_the_order_of_their_deadlines() -> None:
    table = Outstanding(LATE)
    for sequence, deadline in ((1, 30.0), (2, 5.0), (3, 20.0)):
        table.add(sequence, wait_for(sequence, 0.0), deadline)
    assert table.next_deadline() == 5.0
    assert [sequence for sequence, _ in table.expire(25.0)] == [2, 3]
    assert table.next_deadline() == 30.0
    assert table.take(3, 4) == (wait_for(3, 0.0), True)
    assert [request.token for _, request in table.drain()] == [1]
    assert table.next_deadline() is None


def test_numbers_pass_what_waits_and_what_is_late() -> None:
    table = Outstanding(LATE, first_sequence=MAX_SEQUENCE)
    assert table.next_sequence() == MAX_SEQUENCE
    table.add(MAX_SEQUENCE, wait_for("a", 0.0), 30.0)
    table.add(1, wait_for("b", 0.0), 10.0)
    table.expire(10.0)
    assert table.next_sequence() == 2
    table._next = MAX_SEQUENCE
    assert table.next_sequence() == 2


def test_the_heap_does_not_grow_behind_one_that_never_answers() -> None:
    table = Outstanding(LATE)
    table.add(1, wait_for("stuck", 0.0), 30.0)
    longest = 0
    for sequence in range(2, 20_000):
        table.add(sequence, wait_for(sequence, 0.0), 30.0 + sequence / 1000)
        table.take(sequence, 4)
        assert table.next_deadline() == 30.0
        longest = max(longest, len(table._heap))
    assert longest <= 64 + 4 * 2 + 1


def test_nothing_is_swept() -> None:
    """A step costs the same with 20 requests waiting as with 20,000."""

    def cost(waiting: int) -> float:
        table = Outstanding(LATE)
        for sequence in range(waiting):
            table.add(sequence, wait_for(sequence, 0.0), 30.0 + sequence)
        best = float("inf")
        for _ in range(5):
            start = time.thread_time()
            for sequence in range(waiting, waiting + 500):
                table.add(sequence, wait_for(sequence, 0.0), 30.0 + sequence)
                table.take(sequence, 4)
                table.expire(1.0)
                table.next_deadline()
            best = min(best, time.thread_time() - start)
        return best

    # aiosmpplib's sweep costs a thousand times as much with 20,000; a heap's logarithm is below 4.
    assert cost(20_000) < 20 * cost(20)


@given(st.lists(st.tuples(st.sampled_from("atex"), st.integers(1, 6), st.floats(0.1, 40.0)), max_size=60))
def test_every_request_leaves_once(steps: list[tuple[str, int, float]]) -> None:
    table = Outstanding(LATE)
    now = 0.0
    added: list[object] = []
    left: list[object] = []
    late: list[object] = []
    for step, number, seconds in steps:
        if step == "a":
            sequence = table.next_sequence()
            added.append(sequence)
            table.add(sequence, wait_for(sequence, now), now + 30.0)
        elif step == "t":
            for sequence in list(table.waiting)[:number]:
                left.append(sequence)
                found = table.take(sequence, 4)
                assert found is not None
                assert found[1] is False
        elif step == "e":
            for sequence in list(table.late)[:number]:
                found = table.take(sequence, 4)
                assert found is not None
                assert found[1] is True
                late.append(sequence)
        else:
            now += seconds
            left += [sequence for sequence, _ in table.expire(now)]
            deadline = table.next_deadline()
            assert deadline is None or deadline > now
        assert table.in_flight == len(table.waiting)
    left += [sequence for sequence, _ in table.drain()]
    assert sorted(left, key=str) == sorted(added, key=str)
    assert set(late) <= set(left)
    assert len(set(added)) == len(added)
