"""What every store of an outbox must do. A test module of a store makes a fixture ``rig`` and imports these tests."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sms_traffic_async.outbox.store import OPEN, Entry, News, Result, State, Store, Unit
from sms_traffic_async.outbox.verdicts import CODE_MAX

__all__ = ("Rig", "StoreContract", "entry")

LEASE = 10.0


@dataclass
class Rig:
    """A store that is open, and a way to let time pass for it."""

    store: Store
    wait: Callable[[float], Awaitable[None]]

    async def claim(self, *, most: int = 10, units: int = 1, lease: float = LEASE, via: str = "v2") -> list[Unit]:
        return await self.store.claim(via=via, most=most, units=units, lease=lease)

    async def one(self, **options: Any) -> Unit:
        return (await self.claim(**options))[0]

    async def state(self, name: str) -> State:
        row = await self.store.get(name)
        assert row is not None
        return row.state


def entry(key: str | None = None, *, group: str = "-", **options: Any) -> Entry:
    return Entry(id=str(uuid.uuid4()), body=(key or "body").encode(), key=key, group=group, **options)


def results(unit: Unit, state: State, **options: Any) -> list[Result]:
    return [Result(id=member.id, state=state, **options) for member in unit.members]


def ids(unit: Unit) -> list[str]:
    return [member.id for member in unit.members]


class StoreContract:
    """See the module."""

    async def test_the_same_key_is_the_same_message(self, rig: Rig) -> None:
        first, second = entry("k"), entry("k")
        assert await rig.store.add([first]) == [first.id]
        assert await rig.store.add([second, other := entry("l")]) == [first.id, other.id]
        row = await rig.store.get("k")
        assert row is not None
        assert (row.id, row.state, row.body, row.attempts) == (first.id, State.PENDING, b"k", 0)
        assert await rig.store.counts() == {State.PENDING: 2}
        assert await rig.store.get("nobody") is None

    async def test_a_unit_takes_a_group_in_order_of_priority_and_age(self, rig: Rig) -> None:
        a, b, c = entry(), entry(priority=5), entry()
        alone, other = entry(group=""), entry(group="x")
        await rig.store.add([a, b, c, alone, other])
        units = await rig.claim(units=9)
        assert [ids(unit) for unit in units] == [[b.id, a.id, c.id], [alone.id], [other.id]]
        assert len({unit.id for unit in units} | {unit.token for unit in units}) == 6
        assert not await rig.claim()

    async def test_a_unit_is_not_larger_than_wanted(self, rig: Rig) -> None:
        await rig.store.add([entry() for _ in range(5)])
        assert [len(unit.members) for unit in await rig.claim(most=2, units=9)] == [2, 2, 1]

    async def test_it_waits_for_its_time(self, rig: Rig) -> None:
        await rig.store.add([entry("later", delay=3.0)])
        assert not await rig.claim()
        due = await rig.store.next_due("v2")
        assert due is not None
        assert 0 < due <= 3
        await rig.wait(3.1)
        assert await rig.store.next_due("v2") == 0.0
        assert ids(await rig.one())

    async def test_what_another_protocol_has_begun_is_not_due(self, rig: Rig) -> None:
        await rig.store.add([entry()])
        unit = await rig.one(via="smpp", lease=1.0)
        assert await rig.store.begin(unit)
        await rig.wait(1.1)
        assert not await rig.claim(via="v2")
        assert await rig.store.next_due("v2") is None  # or a worker would look for it without end
        assert await rig.store.next_due("smpp") == 0.0

    async def test_it_expires(self, rig: Rig) -> None:
        await rig.store.add([entry("dies", lives=3.0), entry("late", lives=1.0, delay=2.0)])
        await rig.wait(3.1)
        assert not await rig.claim()
        assert [await rig.state(key) for key in ("dies", "late")] == [State.EXPIRED, State.EXPIRED]

    async def test_what_never_began_is_claimed_again_as_new(self, rig: Rig) -> None:
        await rig.store.add([entry("a"), entry("b")])
        first = await rig.one()
        assert not first.maybe
        assert not await rig.claim()
        await rig.wait(LEASE + 0.1)
        again = await rig.one()
        assert (again.id, ids(again), again.maybe, again.attempts) == (first.id, ids(first), False, 2)
        assert again.token != first.token
        assert not await rig.store.begin(first)
        assert not await rig.store.settle(first, results(first, State.ACCEPTED))
        assert await rig.store.settle(again, [])
        assert await rig.state("a") is State.PENDING

    async def test_what_began_is_claimed_again_whole_and_as_doubtful(self, rig: Rig) -> None:
        await rig.store.add([entry(str(number)) for number in range(4)])
        first = await rig.one(most=3)
        assert await rig.store.begin(first, node="n1", digest=b"d")
        await rig.wait(LEASE + 2)
        again = await rig.one(most=1)
        assert (again.id, ids(again), again.maybe, again.node, again.digest) == (first.id, ids(first), True, "n1", b"d")
        assert again.age is not None
        assert LEASE < again.age < LEASE + 30
        assert await rig.store.begin(again, digest=b"other")
        await rig.wait(LEASE + 2)
        third = await rig.one()
        assert third.digest == b"d"
        assert third.age is not None
        assert third.idle is not None
        assert third.idle < third.age
        assert await rig.store.settle(third, [])  # nothing is known: it stays what it is
        assert (await rig.one()).id == first.id

    async def test_a_trace_stays_with_its_message(self, rig: Rig) -> None:
        traced = entry(trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        await rig.store.add([entry(), traced])
        first = await rig.one()
        assert [member.trace for member in first.members] == [None, traced.trace]
        assert await rig.store.begin(first)
        await rig.wait(LEASE + 2)
        assert (await rig.one()).members[1].trace == traced.trace

    async def test_a_lease_that_is_renewed_holds(self, rig: Rig) -> None:
        await rig.store.add([entry(), entry(group="x")])
        one, other = await rig.claim(units=2)
        await rig.wait(LEASE * 0.7)
        assert await rig.store.renew([one], lease=LEASE) == {one.token}
        await rig.wait(LEASE * 0.7)
        taken = await rig.claim(units=2)
        assert [unit.id for unit in taken] == [other.id]
        assert await rig.store.renew([one, other], lease=LEASE) == {one.token}

    async def test_every_end(self, rig: Rig) -> None:
        ends = [State.ACCEPTED, State.REJECTED, State.HELD, State.EXPIRED, State.UNKNOWN]
        await rig.store.add([entry(state.value) for state in ends])
        unit = await rig.one()
        assert await rig.store.begin(unit)
        said = [
            Result(
                id=member.id, state=state, message_ids=("m",) if state is State.ACCEPTED else (), code=7, reason="so"
            )
            for member, state in zip(unit.members, ends, strict=True)
        ]
        assert await rig.store.settle(unit, said)
        assert not await rig.store.settle(unit, said)
        assert [await rig.state(state.value) for state in ends] == ends
        row = await rig.store.get("accepted")
        assert row is not None
        assert (row.message_ids, row.code, row.reason, row.unit) == (("m",), 7, "so", unit.id)
        await rig.wait(LEASE + 1)
        assert not await rig.claim()

    async def test_what_was_not_sent_comes_again_later_in_another_unit(self, rig: Rig) -> None:
        await rig.store.add([entry(str(number)) for number in range(4)])
        first = await rig.one()
        assert await rig.store.settle(first, results(first, State.PENDING, after=5.0, crowd=2))
        assert not await rig.claim()
        await rig.wait(5.1)
        units = await rig.claim(units=9)
        assert [ids(unit) for unit in units] == [ids(first)[:2], ids(first)[2:]]
        assert first.id not in {unit.id for unit in units}
        assert {member.attempts for unit in units for member in unit.members} == {2}

    async def test_the_doubtful_ones_keep_their_unit(self, rig: Rig) -> None:
        await rig.store.add([entry("a"), entry("b"), entry("c")])
        unit = await rig.one()
        await rig.store.begin(unit)
        a, b, c = ids(unit)
        said = [
            Result(id=a, state=State.ACCEPTED, message_ids=("1",)),
            Result(id=b, state=State.AMBIGUOUS, after=4.0),
            Result(id=c, state=State.AMBIGUOUS, after=8.0),
        ]
        await rig.store.settle(unit, said)
        assert not await rig.claim()
        assert [await rig.state(key) for key in "abc"] == [State.ACCEPTED, State.AMBIGUOUS, State.AMBIGUOUS]
        await rig.wait(4.1)
        again = await rig.one()
        assert [(member.id, member.open) for member in again.members] == [(a, False), (b, True), (c, True)]

    async def test_units_belong_to_their_protocol(self, rig: Rig) -> None:
        await rig.store.add([entry()])
        unit = await rig.one(via="smpp")
        await rig.wait(LEASE + 1)
        assert not await rig.claim(via="v2")
        assert (await rig.one(via="smpp")).id == unit.id

    async def test_news_make_it_final_whenever_they_come(self, rig: Rig) -> None:
        await rig.store.add([entry("before"), entry("after"), entry("doubtful")])
        unit = await rig.one()
        await rig.store.begin(unit)
        before, after, doubtful = ids(unit)
        early = News(message_id="1", status="Delivered", final=True, id=before)
        nobodys = News(message_id="?", status="Delivered", final=True)
        assert await rig.store.learn([early, nobodys]) == [nobodys]
        assert await rig.state("before") is State.SENDING
        said = [
            Result(id=before, state=State.ACCEPTED, message_ids=("1",)),
            Result(id=after, state=State.ACCEPTED, message_ids=("2",)),
            Result(id=doubtful, state=State.AMBIGUOUS, after=1.0),
        ]
        await rig.store.settle(unit, said)
        assert await rig.state("before") is State.FINAL
        assert not await rig.store.learn([News(message_id="2", status="Buffered SMSC", final=False)])
        assert await rig.state("after") is State.ACCEPTED
        await rig.store.learn([News(message_id="2", status="Delivered", final=True)])
        await rig.store.learn([News(message_id="2", status="Read", final=True)])
        await rig.store.learn([News(message_id="3", status="Buffered SMSC", final=False, id=doubtful)])
        row = await rig.store.get("after")
        assert row is not None
        assert (row.state, row.status) == (State.FINAL, "Read")
        assert await rig.state("doubtful") is State.ACCEPTED
        await rig.wait(5)
        assert not await rig.claim()  # somebody found out

    async def test_a_status_outweighs_whoever_did_not_hear_of_it(self, rig: Rig) -> None:
        keys = ("unknown", "refused", "held", "lost", "nothing heard")
        await rig.store.add([entry(key) for key in keys])
        unit = await rig.one()
        await rig.store.begin(unit)
        *heard, other = ids(unit)
        last = News(message_id="0", status="Delivered", final=True, id=heard[0])
        await rig.store.learn(
            [last, *(News(message_id=one, status="Buffered SMSC", final=False, id=one) for one in heard[1:])]
        )
        states = (State.UNKNOWN, State.PENDING, State.HELD, State.AMBIGUOUS, State.PENDING)
        said = [Result(id=one, state=state) for one, state in zip((*heard, other), states, strict=True)]
        assert await rig.store.settle(unit, said)
        accepted = [State.ACCEPTED] * 3
        assert [await rig.state(key) for key in keys] == [State.FINAL, *accepted, State.PENDING]
        assert [ids(one) for one in await rig.claim(units=9)] == [[other]]

    async def test_a_status_of_what_is_sent_again_proves_nothing(self, rig: Rig) -> None:
        await rig.store.add([entry("a")])
        unit = await rig.one()
        await rig.store.begin(unit)
        await rig.store.settle(unit, results(unit, State.REJECTED))
        await rig.store.learn([News(message_id="1", status="Rejected", final=True, id=ids(unit)[0])])
        assert await rig.store.retry("a")
        again = await rig.one()
        await rig.store.begin(again)
        assert await rig.store.settle(again, results(again, State.UNKNOWN))
        assert await rig.state("a") is State.UNKNOWN

    async def test_news_that_come_together_are_learnt_in_their_order(self, rig: Rig) -> None:
        await rig.store.add([entry("a"), entry("b")])
        unit = await rig.one()
        await rig.store.begin(unit)
        a, b = ids(unit)
        await rig.store.settle(unit, results(unit, State.AMBIGUOUS, after=1.0))
        before = News(message_id="2", status="Buffered SMSC", final=False)
        news = [
            News(message_id="1", status="Delivered", final=True, id=a),
            before,  # nobody knows yet that this id is one of ours
            News(message_id="3", status="Buffered SMSC", final=False, id=b),
            News(message_id="2", status="Buffered SMSC", final=False, id=b),
            News(message_id="2", status="Sent", final=False),
            News(message_id="1", status="Read", final=False),
            News(message_id="?", status="Delivered", final=True, id="?"),
        ]
        assert await rig.store.learn(news) == [before, news[-1]]
        rows = [await rig.store.get(name) for name in (a, b)]
        assert [(row.state, row.status, row.message_ids) for row in rows if row is not None] == [
            (State.FINAL, "Read", ("1",)),
            (State.ACCEPTED, "Sent", ("3", "2")),
        ]
        assert not await rig.store.learn([])

    async def test_what_a_peer_wrote_holds_up_no_other_news(self, rig: Rig) -> None:
        await rig.store.add([entry("a")])
        unit = await rig.one()
        await rig.store.begin(unit)
        said = results(unit, State.ACCEPTED, message_ids=("1",), code=CODE_MAX)
        assert await rig.store.settle(unit, said)
        strange = [
            News(message_id="2\0", status="Delivered", final=True),
            News(message_id="2", status="Delivered", final=True, id="a\0b"),
        ]
        assert await rig.store.learn([*strange, News(message_id="1", status="\0", final=True)]) == strange
        assert await rig.state("a") is State.FINAL

    async def test_only_what_waits_is_cancelled(self, rig: Rig) -> None:
        await rig.store.add([entry("waits")])
        assert await rig.store.cancel("waits")
        assert await rig.store.cancel("waits")
        assert not await rig.claim()
        await rig.store.add([entry("goes")])
        unit = await rig.one()
        assert not await rig.store.cancel("goes")
        await rig.store.settle(unit, results(unit, State.HELD))
        assert await rig.store.cancel("goes")
        assert not await rig.store.cancel("nobody")

    async def test_retry_release_and_resolve(self, rig: Rig) -> None:
        await rig.store.add([entry(key, group="", lives=50.0) for key in ("held", "held2", "unknown", "pending")])
        for unit, state in zip(await rig.claim(units=3), (State.HELD, State.HELD, State.UNKNOWN), strict=True):
            await rig.store.begin(unit)
            await rig.store.settle(unit, results(unit, state, code=415))
        assert not await rig.store.retry("pending")
        assert await rig.store.release(1) == 1
        assert [await rig.state(key) for key in ("held", "held2")] == [State.PENDING, State.HELD]
        assert await rig.store.retry("held2")
        assert not await rig.store.resolve("held2", State.ACCEPTED)
        assert await rig.store.resolve("unknown", State.ACCEPTED, message_ids=["9"])
        assert not await rig.store.resolve("unknown", State.ACCEPTED)
        assert not await rig.store.learn([News(message_id="9", status="Delivered", final=True)])
        assert await rig.state("unknown") is State.FINAL
        await rig.wait(60)
        units = await rig.claim(units=9)
        assert len(units) == 1  # retry() forgets the time to live; release() does not
        assert [await rig.state(key) for key in ("held", "held2", "pending")] == [
            State.EXPIRED,
            State.SENDING,
            State.EXPIRED,
        ]

    async def test_what_is_looked_up_can_be_resolved_but_in_a_workers_hands(self, rig: Rig) -> None:
        await rig.store.add([entry("first"), entry("second")])
        unit = await rig.one()
        await rig.store.begin(unit)
        await rig.store.settle(unit, results(unit, State.AMBIGUOUS, after=20.0))
        assert await rig.store.resolve("first", State.REJECTED)  # it waits for its time, and nobody has it
        assert await rig.state("first") is State.REJECTED
        await rig.wait(20.1)
        again = await rig.one()
        assert [member.open for member in again.members] == [False, True]
        assert not await rig.store.resolve("second", State.ACCEPTED)
        await rig.wait(LEASE + 0.1)
        assert await rig.store.resolve("second", State.ACCEPTED)  # whoever had it is gone
        assert not await rig.claim()

    async def test_what_waits_for_somebody_is_not_released_with_what_waits_for_money(self, rig: Rig) -> None:
        await rig.store.add([entry("guarded", group=""), entry("poor", group=""), entry("refused", group="")])
        for unit, code in zip(await rig.claim(units=3), (None, 415, 0), strict=True):
            await rig.store.begin(unit)
            await rig.store.settle(unit, results(unit, State.HELD, code=code))
        assert await rig.store.release(1) == 1
        assert await rig.state("poor") is State.PENDING
        assert await rig.store.release(10) == 1
        assert await rig.state("guarded") is State.HELD

    async def test_who_was_tried_longest_ago_is_released_first_and_in_smaller_company(self, rig: Rig) -> None:
        added = await rig.store.add([entry() for _ in range(4)])
        unit = await rig.one()
        await rig.store.begin(unit)
        await rig.store.settle(unit, results(unit, State.HELD, code=415, crowd=2))
        tried: list[str] = []
        for _ in range(2):
            await rig.wait(1)
            assert await rig.store.release(1) == 1
            unit = await rig.one()
            tried += ids(unit)
            await rig.store.begin(unit)
            await rig.store.settle(unit, results(unit, State.HELD, code=415))
        assert tried == added[:2]
        assert await rig.store.release(9) == 4
        assert [len(unit.members) for unit in await rig.claim(units=4)] == [2, 2]

    async def test_listing_goes_page_by_page(self, rig: Rig) -> None:
        await rig.store.add([entry(str(number)) for number in range(5)])
        seen: list[str] = []
        after: str | None = None
        while page := await rig.store.listing([State.PENDING, State.HELD], after=after, limit=2):
            seen += [row.id for row in page]
            after = page[-1].id
        assert len(seen) == len(set(seen)) == 5
        assert not await rig.store.listing([State.HELD])

    async def test_purge_deletes_what_is_over_and_old(self, rig: Rig) -> None:
        await rig.store.add([entry("old"), entry("open")])
        await rig.store.cancel("old")
        await rig.wait(5)
        await rig.store.add([entry("new")])
        await rig.store.cancel("new")
        assert await rig.store.purge([State.CANCELLED], older_than=4.0) == 1
        assert await rig.store.get("old") is None
        assert await rig.state("new") is State.CANCELLED
        assert await rig.state("open") is State.PENDING
        assert await rig.store.add([again := entry("old")]) == [again.id]

    async def test_whoever_listens_hears_of_work(self, rig: Rig) -> None:
        heard: list[int] = []
        rig.store.listen(lambda: heard.append(1))
        await rig.store.add([entry("k")])
        await rig.wait(0.3)
        assert heard

    async def test_nothing_is_forgotten_in_a_long_run(self, rig: Rig) -> None:
        kept = await rig.store.add([entry(str(number), group="-x"[number % 2]) for number in range(60)])
        for turn in range(40):
            for unit in await rig.claim(units=3, most=4):
                if turn % 3:
                    assert await rig.store.begin(unit)
                    state = (State.ACCEPTED, State.AMBIGUOUS, State.PENDING)[turn % 5 % 3]
                    await rig.store.settle(unit, results(unit, state, after=0.5))
            await rig.wait(LEASE / 4)
        counts = await rig.store.counts()
        assert sum(counts.values()) == len(kept)
        for row in await rig.store.listing(sorted(OPEN)):
            assert row.id in kept
