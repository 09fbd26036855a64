"""F4 in small: the long run is ``nox -s faults``."""

import pytest

from tests.faults.run_outbox import kill_run


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_killed_again_and_again_it_loses_nothing_and_sends_nothing_twice() -> None:
    told = await kill_run(kills=6, messages=420, seed=4, longest_life=0.3)
    assert (told["lost"], told["duplicates"], told["accepted"], told["kills"]) == (0, 0, 420, 6)
    assert not told["states"].keys() - {"accepted", "final"}
