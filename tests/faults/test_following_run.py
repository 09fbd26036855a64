"""The small form of ``run_following``: H9 with pushes, receipts and answers of the sandbox."""

from pathlib import Path

import pytest

from tests.faults.run_following import following_run, is_good
from tests.support.virtual_loop import virtual


@virtual
@pytest.mark.timeout(120)
async def test_every_end_is_told_once_a_life(tmp_path: Path) -> None:
    told = await following_run(tmp_path / "tracking.db", count=600, seed=7, per_life=200)
    assert is_good(told), told
    assert (told.messages, told.lives) == (600, 4)
    assert told.faults > 600
    assert told.sources.keys() == {"push", "receipt", "poll"}  # or the run would prove less than it says
