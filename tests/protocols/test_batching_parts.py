"""The pure parts of batching: lanes, groups, sizes, alarms."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import NotSent, SendError
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.alarms import SLACK, Alarms
from sms_traffic_async.protocols.batch_size import GOAL, BatchSize
from sms_traffic_async.protocols.flight import Delivery, Ending, Flight, Item, Leaving, halves
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.http_v2.batch import sized
from sms_traffic_async.protocols.http_v2.batching import V2Item, item_of, shared_batch
from sms_traffic_async.protocols.http_v2.models import SendRequest
from sms_traffic_async.protocols.lanes import MOST_PARTS, Lane, Lanes
from sms_traffic_async.text import estimate_v2
from tests.support.virtual_loop import VirtualClock, virtual


@dataclass(eq=False)
class Waiting:
    group: str
    lane: Lane
    parts: int
    serial: int


waiting = st.builds(
    Waiting,
    group=st.sampled_from("abc"),
    lane=st.sampled_from(Lane),
    parts=st.integers(1, 255),
    serial=st.integers(),
)


@given(st.lists(waiting, max_size=60), st.lists(st.integers(1, 30), min_size=1, max_size=20), st.data())
def test_batches_of_the_lanes(ones: list[Waiting], mosts: list[int], data: st.DataObject) -> None:
    lanes: Lanes[Waiting] = Lanes()
    for one in ones:
        lanes.put(one)
    gone = {id(one) for one in ones if data.draw(st.booleans())} if data.draw(st.booleans()) else set[int]()
    for one in ones:
        if id(one) in gone:
            assert lanes.remove(one)
            assert not lanes.remove(one)
    left = [one for one in ones if id(one) not in gone]
    assert lanes.waiting == len(left)
    taken: list[Waiting] = []
    for most in mosts * 60:
        urgent = any(one.lane is Lane.SEND for one in left if one not in taken)
        batch = lanes.take(most)
        if not batch:
            break
        assert len(batch) <= most
        assert len({one.group for one in batch}) == 1
        assert sum(one.parts for one in batch) <= MOST_PARTS or len(batch) == 1
        assert [one.lane for one in batch] == sorted(one.lane for one in batch), "send before send_many"
        assert (batch[0].lane is Lane.SEND) == urgent
        taken += batch
    assert lanes.waiting == len(left) - len(taken) == 0
    for group in "abc":
        for lane in Lane:
            mine = [one for one in left if (one.group, one.lane) == (group, lane)]
            assert [one for one in taken if (one.group, one.lane) == (group, lane)] == mine, "first come, first served"


def test_groups_take_turns() -> None:
    lanes: Lanes[Waiting] = Lanes()
    for serial in range(6):
        lanes.put(Waiting("a", Lane.SEND, 1, serial))
    lanes.put(Waiting("b", Lane.SEND, 1, 6))
    assert [[one.group for one in lanes.take(2)] for _ in range(5)] == [["a", "a"], ["b"], ["a", "a"], ["a", "a"], []]


MESSAGES = st.builds(
    Message,
    to=st.integers(79000000000, 79999999999).map(str),
    text=st.sampled_from(["one", "two", "Код 1", "Hi [[name]]", "Bye [[name]]"]),
    originator=st.sampled_from([None, "shop", "bank"]),
    params=st.sampled_from([None, {"name": "Ann"}]),
    max_parts=st.sampled_from([None, 1, 3]),
    transliterate=st.booleans(),
    validity=st.sampled_from([None, 600, 900]),
    batch_name=st.sampled_from([None, "spring"]),
    tracking_data=st.sampled_from([None, "mine"]),
)


def item(message: Message) -> V2Item:
    found = item_of(message, originator="ours", max_parts=255, lane=Lane.SEND, deadline=1.0, clock=VirtualClock())
    assert isinstance(found, V2Item)
    return found


def shared(request: SendRequest) -> tuple[object, ...]:
    return (request.originator, request.text, request.transliterate, request.max_parts, request.validity,
            request.start_at, request.local_time, request.batch_name)  # fmt: skip


@given(MESSAGES, MESSAGES)
def test_messages_share_a_request_only_where_it_is_the_same_for_both(one: Message, other: Message) -> None:
    first, second = item(one), item(other)
    alone = [shared(shared_batch([which]).request) for which in (first, second)]
    assert (first.group == second.group) == (alone[0] == alone[1])
    if first.group == second.group:
        batch = shared_batch([first, second])
        assert shared(batch.request) == alone[0]
        for which, message in ((first, one), (second, other)):
            text = which.text or batch.request.text
            assert text == message.text
            assert which.params == message.params
            assert which.label == (message.tracking_data or which.key)
        assert batch.restrictive_id not in {first.key, second.key}
        assert not batch.chosen
        assert batch.restrictive_id != shared_batch([first, second]).restrictive_id


@given(st.text("aZ09 .,:/[w@_ЯёЖ«№–\n", min_size=1, max_size=200))
def test_the_short_way_to_the_number_of_parts_is_right(text: str) -> None:
    found = sized(Message(to="79161112233", text=text), 255)
    expected = estimate_v2(text)
    assert not isinstance(found, Exception)
    assert (found.parts, found.exact, found.encoding) == (expected.parts, expected.exact, expected.encoding.value)


@pytest.mark.parametrize("alphabet", ["".join(map(chr, range(32, 127))), "".join(map(chr, range(0x400, 0x460)))])
def test_every_letter_of_the_short_way(alphabet: str) -> None:
    for char in alphabet:
        for text in (char, "Я" + char, char * 70, char * 71, char * 160, char * 161):
            found = sized(Message(to="79161112233", text=text), 255)
            expected = estimate_v2(text)
            assert not isinstance(found, Exception)
            assert (found.parts, found.exact, found.encoding) == (
                expected.parts,
                expected.exact,
                expected.encoding.value,
            )


# --- size


@given(st.floats(0.0, 3.0), st.floats(0.0, 0.2), st.integers(1, 500))
def test_the_size_settles_where_an_answer_takes_a_second(fixed: float, each: float, most: int) -> None:
    size = BatchSize(most)
    size.answered(1, fixed + each)
    for _ in range(60):
        size.answered(size.now, fixed + each * size.now)
        assert 1 <= size.now <= most
    took = fixed + each * size.now
    if fixed < GOAL / 2:
        assert took <= GOAL or size.now == 1
        assert size.now == most or fixed + each * (size.now + 1) > 0.6 * GOAL, "no smaller than it must be"
    else:
        assert each * size.now <= max(fixed, GOAL) or size.now == 1, "a smaller one would not help much"


def test_a_single_slow_answer_is_got_over() -> None:
    size = BatchSize(100)
    for messages in (1, 100, 100):
        size.answered(messages, 0.05 + 0.001 * messages)
    size.answered(100, 9.0)
    assert size.now < 100
    for _ in range(40):
        size.answered(size.now, 0.05 + 0.001 * size.now)
    assert size.now == 100


# --- alarms


@virtual
async def test_alarms_ring_in_order_and_once() -> None:
    clock, rung = VirtualClock(), list[int]()
    items = [Item("g", "7", 1, lane=Lane.SEND, limit=0.0, deadline=0.0) for _ in range(50)]
    places = {id(item): place for place, item in enumerate(items)}
    alarms: Alarms[Item] = Alarms(clock, lambda item: rung.append(places[id(item)]))
    began = clock.monotonic()
    for place, item in enumerate(items):
        alarms.set(item, began + 50 - place)
    alarms.set(items[49], began + 100)
    for item in items[10:20]:
        alarms.forget(item)
    await asyncio.sleep(60)
    assert rung == [place for place in range(48, -1, -1) if not 10 <= place < 20]
    await asyncio.sleep(60)
    assert rung[-1] == 49
    assert len(alarms) == 0


@virtual
async def test_one_that_is_set_again_as_it_rings_delays_no_other() -> None:
    clock, rung = VirtualClock(), list[tuple[str, int]]()
    first, second = (Item("g", "7", 1, lane=Lane.SEND, limit=0.0, deadline=0.0) for _ in range(2))
    began = clock.monotonic()

    def ring(item: Item) -> None:
        rung.append(("first" if item is first else "second", round(clock.monotonic() - began)))
        if len(rung) == 1:
            alarms.set(first, began + 100)

    alarms: Alarms[Item] = Alarms(clock, ring)
    alarms.set(first, began + 1)
    alarms.set(second, began + 50)
    await asyncio.sleep(200)
    assert rung == [("first", 1), ("second", 50), ("first", 100)]


@virtual
async def test_alarms_do_not_keep_what_is_over() -> None:
    clock = VirtualClock()
    alarms: Alarms[Item] = Alarms(clock, lambda _item: None)
    keep = Item("g", "7", 1, lane=Lane.SEND, limit=0.0, deadline=0.0)
    alarms.set(keep, clock.monotonic() + 1000)
    for _ in range(20_000):
        item = Item("g", "7", 1, lane=Lane.SEND, limit=0.0, deadline=0.0)
        alarms.set(item, clock.monotonic() + 30)
        alarms.forget(item)
    assert len(alarms._heap) + len(alarms._line) <= 2 * len(alarms) + SLACK + 1
    alarms.forget(keep)
    assert not alarms._heap
    assert not alarms._line


@virtual
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=60))
async def test_alarms_ring_at_their_time_whatever_the_order(plan: list[tuple[int, int]]) -> None:
    clock, rung = VirtualClock(), list[tuple[int, float]]()
    items = [Item("g", "7", 1, lane=Lane.SEND, limit=0.0, deadline=0.0) for _ in plan]
    places = {id(item): place for place, item in enumerate(items)}
    alarms: Alarms[Item] = Alarms(clock, lambda item: rung.append((places[id(item)], clock.monotonic() - began)))
    began = clock.monotonic()
    wanted: dict[int, int] = {}
    for place, (when, what) in enumerate(plan):
        alarms.set(items[place], began + when)
        wanted[place] = when
        if what == 1:
            alarms.forget(items[place // 2])
            wanted.pop(place // 2, None)
        elif what == 2 and place // 2 in wanted:
            alarms.set(items[place // 2], began + 25 - when)
            wanted[place // 2] = 25 - when
    assert len(alarms) == len(wanted)
    await asyncio.sleep(30)
    assert {place: round(at) for place, at in rung} == wanted
    assert len(rung) == len(wanted)
    assert [at for _, at in rung] == sorted(at for _, at in rung)


@given(st.integers(2, 40), st.integers(0, 39))
def test_halves_lose_nobody(count: int, named: int) -> None:
    items = [Item("g", f"7916{place:07}", 1, lane=Lane.SEND, limit=0.0, deadline=0.0) for place in range(count)]
    for words in ("", f'Blocked phone: "{items[named % count].to}"', " ".join(item.to for item in items)):
        first, second = halves(items, words)
        assert first
        assert second
        assert sorted(map(id, first + second)) == sorted(map(id, items))


# --- a flight


class Odd(Exception):
    """One that ``copy.copy`` cannot make again."""

    def __init__(self, *, node: str) -> None:
        super().__init__(f"at {node}")


@virtual
@pytest.mark.parametrize("error", [Odd(node="n"), KeyError("n")], ids=["cannot be copied", "can be"])
async def test_what_could_not_be_tried_is_told_to_everybody(error: Exception) -> None:
    items = [Item("g", "7", 1, lane=Lane.SEND, limit=0.0, deadline=0.0) for _ in range(3)]
    for item in items:
        item.waiter = asyncio.get_running_loop().create_future()

    def deliver(_items: list[Item], _older: Delivery | None) -> Delivery:
        raise error

    await Flight(items, deliver).run()
    for item in items:
        assert item.waiter is not None
        assert item.waiter.done()
        with pytest.raises(type(error)):
            item.result()


class Carried:
    """A request that ends as a test says."""

    ending = Ending.SETTLED
    description = ""
    may_be_taken = False

    def __init__(self, outcomes: tuple[Outcome, ...], *, hangs: bool = False) -> None:
        self.outcomes = outcomes
        self.hangs = hangs

    async def run(self) -> tuple[Outcome, ...]:
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        return self.outcomes

    def interrupted(self) -> tuple[Outcome, ...]:
        return self.outcomes

    def leave(self, place: int, why: Leaving) -> SendError:
        raise AssertionError((place, why))


def refusals(count: int) -> tuple[Outcome, ...]:
    return tuple(NotSent(str(place), reason="closed") for place in range(count))


def several(count: int) -> list[Item]:
    return [Item("g", "7", 1, lane=Lane.SEND, limit=0.0, deadline=0.0) for _ in range(count)]


async def test_a_flight_that_is_interrupted_tells_each_what_is_known_of_it() -> None:
    items, outcomes = several(3), refusals(3)
    flight = Flight(items, lambda _items, _older: Carried(outcomes, hangs=True))
    task = asyncio.create_task(flight.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [item.result() for item in items] == list(outcomes)


async def test_a_request_that_has_no_outcome_for_everybody_leaves_nobody_waiting() -> None:
    """A mistake of ours: who got none hears of that."""
    items, outcomes = several(3), refusals(2)
    await Flight(items, lambda _items, _older: Carried(outcomes)).run()
    assert all(item.over for item in items)
    with pytest.raises(ValueError, match="shorter"):
        items[2].result()


def test_the_first_outcome_of_an_item_stays() -> None:
    first, second = refusals(2)
    (item,) = several(1)
    assert repr(item) == "<Item waiting>"
    item.settle(first)
    item.settle(second)
    item.fail(KeyError())
    assert (item.result(), repr(item)) == (first, "<Item over>")
    (item,) = several(1)
    item.fail(KeyError("why"))
    item.settle(first)
    assert item.outcome is None
    with pytest.raises(KeyError):
        item.result()


@pytest.mark.parametrize("parts,expected", [(2_000, [3, 1]), (2_001, [2, 2]), (6_000, [1, 1, 1, 1])])
def test_a_batch_has_six_thousand_parts_at_most(parts: int, expected: list[int]) -> None:
    lanes: Lanes[Waiting] = Lanes()
    for serial in range(4):
        lanes.put(Waiting("a", Lane.SEND, parts, serial))
    found = []
    while batch := lanes.take(100):
        found.append(len(batch))
    assert found == expected


@virtual
async def test_alarms_that_are_forgotten_are_swept_while_many_are_wanted() -> None:
    clock = VirtualClock()
    alarms: Alarms[Item] = Alarms(clock, lambda _item: None)
    wanted = several(1_000)
    for item in wanted:
        alarms.set(item, clock.monotonic() + 1_000)
    for item in several(6_000):
        alarms.set(item, clock.monotonic() + 30)
        alarms.forget(item)
        assert len(alarms._heap) + len(alarms._line) <= 2 * len(alarms) + SLACK + 1
    assert len(alarms) == 1_000
    for item in wanted:
        alarms.forget(item)
