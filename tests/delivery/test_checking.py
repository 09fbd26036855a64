"""One call after a code was used, shared requests underneath."""

import asyncio
from collections.abc import Sequence

import pytest

from sms_traffic_async.delivery.checking import MOST_OF_ONE, Checks, Reply
from sms_traffic_async.errors import ConfigurationError, InvalidMessage, RequestError, RequestFailed, RequestRefused
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.protocols.http.replies import CheckedReply, CheckFailure
from tests.support.tracking import sent
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


class Platform:
    def __init__(self) -> None:
        self.requests: list[tuple[str, ...]] = []
        self.error: RequestError | None = None

    async def __call__(self, ids: Sequence[str], /) -> Reply:
        self.requests.append(tuple(ids))
        await asyncio.sleep(0.1)
        if self.error is not None:
            raise self.error
        if any(one.startswith("bad") for one in ids):
            raise InvalidMessage("ids", "…", "not an id")
        failed = [CheckFailure(message_id=one, error="no such message", code=434) for one in ids if one < "1"]
        return CheckedReply(updated=tuple(one for one in ids if one >= "1" and one != "silent"), failed=tuple(failed))


def made() -> tuple[Checks, Platform, Life]:
    platform, life = Platform(), Life()
    life.bind()
    return Checks(platform, spawn=life.spawn), platform, life


async def test_the_first_leaves_at_once_and_the_others_share_the_next() -> None:
    checks, platform, _ = made()
    await asyncio.gather(*(checks.mark(sent(str(number))) for number in range(1, 1001)), checks.mark("7"))
    assert [len(ids) for ids in platform.requests] == [1000]  # all of one turn of the loop
    one = asyncio.create_task(checks.mark("2000"))
    await asyncio.sleep(0.01)
    await asyncio.gather(one, *(checks.mark(str(number)) for number in range(3000, 3000 + MOST_OF_ONE + 1)))
    assert [len(ids) for ids in platform.requests[1:]] == [1, MOST_OF_ONE, 1]


async def test_each_call_gets_its_own_answer() -> None:
    checks, platform, _ = made()
    results = await asyncio.gather(
        *(checks.mark(one) for one in ("1", "0 unknown", "silent", "2")), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), RequestRefused, RequestFailed, type(None)]
    assert isinstance(results[1], RequestRefused)
    assert results[1].code == 434
    results = await asyncio.gather(*(checks.mark(one) for one in ("1", "bad", "2")), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), InvalidMessage, type(None)]
    platform.error = RequestFailed("down")
    with pytest.raises(RequestFailed, match="down"):
        await checks.mark("1")
    with pytest.raises(ConfigurationError):
        await checks.mark(sent())


async def test_one_malformed_id_among_thousands_costs_a_few_requests() -> None:
    checks, platform, _ = made()
    ids = [*map(str, range(1_000, 4_000)), "bad", *map(str, range(4_000, 5_999))]
    results = await asyncio.gather(*(checks.mark(one) for one in ids), return_exceptions=True)
    assert [one for one, result in zip(ids, results, strict=True) if result is not None] == ["bad"]
    assert len(platform.requests) <= 27  # two for each time that it is halved


async def test_cancelled_and_closed_leaves_nobody_waiting() -> None:
    checks, platform, life = made()
    first = asyncio.create_task(checks.mark("1"))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(checks.mark(one)) for one in ("2", "3")]
    await asyncio.sleep(0.01)
    others[0].cancel()
    await life.close(0)
    results = await asyncio.gather(first, *others, return_exceptions=True)
    assert [type(result) for result in results] == [RequestFailed, asyncio.CancelledError, RequestFailed]
    assert platform.requests == [("1",)]
