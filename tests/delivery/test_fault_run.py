"""The small form of H9; the big one is ``python -m tests.faults.run_tracking``."""

from pathlib import Path

import pytest

from tests.faults.run_tracking import tracking_run
from tests.support.virtual_loop import virtual


@virtual
@pytest.mark.timeout(120)
async def test_every_end_reaches_the_application_once_a_life_and_nothing_waits_for_ever(tmp_path: Path) -> None:
    told = await tracking_run(tmp_path / "tracking.db", count=800, seed=3, per_second=20.0, crash_every=15.0, buffer=20)
    assert (told.missing, told.wrong, told.twice, told.left) == (0, 0, 0, 0)
    assert told.messages >= 300
    assert told.crashes >= 2
    assert told.given_up >= 1
    assert told.waits_ended + told.waits_interrupted == told.waits
    assert told.waits_ended >= 5
    assert min(told.reports[name] for name in ("push", "receipt", "asked", "lost", "refused", "unanswered")) >= 1
