"""The small forms of ``run_following`` and ``run_following_killed``: H9 with the sandbox's three sources."""

from pathlib import Path

import pytest

from tests.faults.run_following import following_run, is_good
from tests.faults.run_following_killed import killed_run
from tests.support.virtual_loop import virtual


@virtual
@pytest.mark.timeout(120)
async def test_every_end_is_told_once_a_life(tmp_path: Path) -> None:
    told = await following_run(tmp_path / "tracking.db", count=150, seed=7, per_life=75, late=10.0)
    assert is_good(told), told
    assert (told.messages, told.lives) == (150, 3)
    assert told.faults > 150
    assert told.sources.keys() == {"push", "receipt", "poll"}  # or the run would prove less than it says


@pytest.mark.timeout(120)
async def test_every_end_is_told_though_the_process_is_killed(tmp_path: Path) -> None:
    told = await killed_run(tmp_path, count=60, seed=1, life=0.5, after=1, poll_after=0.3, pauses=0.4, patient=True)
    assert told.good, told
    assert told.messages == 60
    assert told.kills >= 2
    assert told.faults > 60
