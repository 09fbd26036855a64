"""One poller for all who wait."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from sms_traffic_async.delivery.polling import BATCH, StatusPoller
from sms_traffic_async.errors import RequestFailed
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.statuses import MessageStatus
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


class Platform:
    """Knows every message; each is delivered at the second its id names."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, tuple[str, ...]]] = []
        self.down_until = 0.0
        self.born = asyncio.get_running_loop().time()

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.born

    async def __call__(self, ids: Sequence[str]) -> Sequence[StatusUpdate]:
        self.asked.append((self.now(), tuple(ids)))
        if self.now() < self.down_until:
            raise RequestFailed("down")
        return [
            StatusUpdate(
                message_id=one,
                status=MessageStatus("Delivered" if float(one.split("-")[0]) <= self.now() else "Buffered SMSC"),
            )
            for one in ids
        ]


def start(longest: float = 15.0) -> tuple[StatusPoller, Platform, Life]:
    platform, life = Platform(), Life()
    life.bind()
    return StatusPoller(platform, spawn=life.spawn, clock=VirtualClock(), longest=longest), platform, life


async def wait(poller: StatusPoller, message_id: str) -> StatusUpdate:
    with poller.watch(message_id) as watch:
        return await watch.final()


async def test_growing_intervals_up_to_the_longest() -> None:
    poller, platform, life = start()
    update = await wait(poller, "100")
    assert update.is_delivered
    times = [at for at, _ in platform.asked]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert times[0] == pytest.approx(1.0, abs=0.1)
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(15.0, abs=0.1)
    await life.close(0)


async def test_those_who_wait_share_requests() -> None:
    poller, platform, life = start()
    updates = await asyncio.gather(*(wait(poller, f"0.5-{number}") for number in range(3 * BATCH)))
    assert len(updates) == 3 * BATCH
    assert [len(ids) for _, ids in platform.asked] == [BATCH] * 3
    await life.close(0)


async def test_two_waiters_for_one_message_are_one_question() -> None:
    poller, platform, life = start()
    first, second = await asyncio.gather(wait(poller, "0.5"), wait(poller, "0.5"))
    assert first == second
    assert platform.asked[0][1] == ("0.5",)
    await life.close(0)


async def test_a_waiter_that_goes_away_disturbs_nobody_and_the_last_takes_the_id_along() -> None:
    poller, platform, life = start()
    one, other = asyncio.create_task(wait(poller, "5")), asyncio.create_task(wait(poller, "5"))
    await asyncio.sleep(2)
    one.cancel()
    with pytest.raises(asyncio.CancelledError):
        await one
    assert (await other).is_delivered
    alone = asyncio.create_task(wait(poller, "1000"))
    await asyncio.sleep(2)
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    assert len(poller) == 0
    asked = len(platform.asked)
    await asyncio.sleep(1000)
    assert len(platform.asked) == asked
    await life.close(0)


async def test_a_platform_that_does_not_answer_is_asked_again() -> None:
    poller, platform, life = start()
    platform.down_until = 30
    assert (await wait(poller, "1")).is_delivered
    await life.close(0)


async def test_it_remembers_the_latest_and_starts_again_after_a_rest() -> None:
    poller, _platform, life = start()
    with poller.watch("50") as watch:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await watch.final()
        assert watch.last is not None
        assert watch.last.status == "Buffered SMSC"
    await asyncio.sleep(100)
    assert (await wait(poller, "50")).is_delivered
    await life.close(0)
