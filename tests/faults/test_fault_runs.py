"""The small form of F2: 2,000 messages over HTTP API v2 under faults, in all four U1/U2 variants."""

import pytest

from sms_traffic_async.sandbox import Switches
from tests.faults.run_v2 import VARIANTS, fault_run
from tests.support.virtual_loop import virtual

COUNT = 500


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
