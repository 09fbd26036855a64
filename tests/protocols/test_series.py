"""The requests of one call: order, taking apart, and what an interruption leaves behind."""

import asyncio
from dataclasses import dataclass, field

import pytest

from sms_traffic_async.errors import NotSent
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.members import Member
from sms_traffic_async.protocols.series import Series


@dataclass(frozen=True)
class Box:
    members: tuple[Member, ...]


def box(*places: int) -> Box:
    return Box(tuple(Member(index=place, key=f"key {place}", to=f"7900{place:07d}") for place in places))


@dataclass
class Trip:
    request: Box
    hangs: bool = False
    began: list[Box] = field(default_factory=list[Box])

    async def run(self) -> tuple[Outcome, ...]:
        self.began.append(self.request)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        return self._all("expired")

    def interrupted(self) -> tuple[Outcome, ...]:
        return self._all("overloaded" if self.began else "closed")

    def _all(self, reason: str) -> tuple[Outcome, ...]:
        return tuple(
            NotSent(f"{reason} {member.index}", reason="closed", message_key=member.key)
            for member in self.request.members
        )


def told(series: Series[Box, Trip]) -> list[str]:
    return [str(outcome).partition(".")[0] for outcome in series.outcomes()]


async def test_outcomes_come_in_the_callers_order() -> None:
    series = Series([box(2, 0), box(1)], Trip)
    await series.run()
    assert told(series) == ["expired 0", "expired 1", "expired 2"]
    assert series.sent == 2


async def test_pieces_go_next_and_in_order() -> None:
    began: list[Box] = []

    def halves(request: Box, _: Trip) -> list[Box]:
        if len(request.members) == 1:
            return []
        middle = len(request.members) // 2
        return [Box(request.members[:middle]), Box(request.members[middle:])]

    series = Series([box(0, 1, 2), box(3)], lambda request: Trip(request, began=began), apart=halves)
    await series.run()
    places = [[member.index for member in request.members] for request in began]
    assert places == [[0, 1, 2], [0], [1, 2], [1], [2], [3]]
    assert told(series) == [f"expired {place}" for place in range(4)]
    assert series.sent == 6


async def test_an_interruption_tells_what_was_done_under_way_and_not_begun() -> None:
    series = Series([box(0), box(1), box(2)], lambda request: Trip(request, hangs=request.members[0].index == 1))
    task = asyncio.create_task(series.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    series.interrupted()
    assert told(series) == ["expired 0", "overloaded 1", "closed 2"]
    assert series.sent == 2


async def test_interrupted_before_anything_began() -> None:
    series = Series([box(0), box(1)], Trip)
    series.interrupted()
    assert told(series) == ["closed 0", "closed 1"]
    assert (series.sent, series.delivery) == (0, None)
