"""The small form of the fault runs: F2 over HTTP API v2 in all four U1/U2 variants, then v1 and SOAP."""

import pytest

from sms_traffic_async.sandbox import Switches
from sms_traffic_async.settings import OnUnknown
from tests.faults.run_unkeyed import COMBINATIONS, Unkeyed, unkeyed_run
from tests.faults.run_v2 import VARIANTS, fault_run
from tests.support.virtual_loop import virtual

COUNT = 250
UNKEYED_COUNT = 150
BATCHED_COUNT = 500


@virtual
@pytest.mark.timeout(120)
@pytest.mark.parametrize("variant", [pytest.param(value, id=name) for name, value in VARIANTS.items()])
async def test_nothing_is_lost_and_nothing_is_sent_twice(variant: Switches) -> None:
    verdicts, faults = await fault_run(variant, count=COUNT, first=0, seed=7)
    assert verdicts.messages == COUNT
    assert not verdicts.evicted
    assert (verdicts.lost, verdicts.false_refusals, verdicts.missing, verdicts.wrong_answers) == (0, 0, 0, 0)
    assert verdicts.duplicates == verdicts.races  # nothing but the re-key race, and that is rare:
    assert verdicts.races <= 1
    assert verdicts.unsettled == 0
    assert verdicts.unknown <= 3
    assert sum(faults.values()) >= COUNT / 10
    assert verdicts.accepted > COUNT * 0.98


@virtual
@pytest.mark.timeout(120)
@pytest.mark.parametrize("via, on_unknown", COMBINATIONS)
async def test_without_a_key_nothing_is_repeated_but_by_choice(via: Unkeyed, on_unknown: OnUnknown) -> None:
    verdicts, repeats, faults = await unkeyed_run(via, on_unknown, count=UNKEYED_COUNT, first=0, seed=7)
    assert verdicts.messages == UNKEYED_COUNT
    assert not verdicts.evicted
    assert (verdicts.lost, verdicts.false_refusals, verdicts.missing, verdicts.wrong_answers) == (0, 0, 0, 0)
    assert (repeats.unexplained, repeats.past_most) == (0, 0)
    assert sum(faults.values()) >= UNKEYED_COUNT / 10
    assert repeats.events.total() >= UNKEYED_COUNT / 30  # how many depends on the turns that anyio and httpx take
    if on_unknown == "raise":
        assert repeats.twice == 0
        assert verdicts.unknown == repeats.events.total()  # each is told, and once
        assert verdicts.accepted + verdicts.unknown > UNKEYED_COUNT * 0.98
    else:
        assert repeats.twice > UNKEYED_COUNT / 20  # or the run would prove nothing
        assert verdicts.accepted > UNKEYED_COUNT * 0.9


@virtual
@pytest.mark.timeout(120)
@pytest.mark.parametrize("variant", [pytest.param(value, id=name) for name, value in VARIANTS.items()])
async def test_nor_where_messages_share_requests(variant: Switches) -> None:
    verdicts, faults = await fault_run(
        variant, count=BATCHED_COUNT, first=0, seed=11, in_flight=8, outage=20.0, batch=4
    )
    assert verdicts.messages == BATCHED_COUNT
    assert not verdicts.evicted
    assert (verdicts.lost, verdicts.false_refusals, verdicts.missing, verdicts.wrong_answers) == (0, 0, 0, 0)
    assert verdicts.duplicates == verdicts.races  # a race is of a whole request here
    assert verdicts.races <= 4
    assert verdicts.unsettled == 0
    assert verdicts.unknown <= 6
    assert sum(faults.values()) >= BATCHED_COUNT / 40
    assert verdicts.accepted > BATCHED_COUNT * 0.98
