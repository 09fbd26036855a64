"""The small forms of the SMPP fault runs: F1, F3, F8, F9 and F11."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sms_traffic_async.errors import Outcome
from sms_traffic_async.sandbox import AcceptEntry, SandboxClock
from sms_traffic_async.sandbox.accept_log import AcceptLog
from sms_traffic_async.settings import OnUnknown
from tests.faults.run_smpp import MOST_ACCEPTANCES, PartHistory, broken, smpp_run
from tests.faults.smpp_cuts import cut_run
from tests.faults.smpp_figures import IN_FLIGHT, failover_run, stop_run, throttle_run
from tests.support.virtual_loop import virtual

pytestmark = pytest.mark.usefixtures("no_tasks_left")

COUNT = 2_000
KILLS = 30


@virtual
@pytest.mark.parametrize("on_unknown", ["raise", "resend"])
async def test_links_that_are_killed(on_unknown: OnUnknown) -> None:
    run = await smpp_run(on_unknown, count=COUNT, kills=KILLS, seed=3)
    told = run.history
    assert len(told.told) == COUNT
    assert (told.lost, told.false_refusals, told.missing, told.wrong_answers, told.evicted) == (0, 0, 0, 0, False)
    assert not broken(run, on_unknown)
    assert run.kills >= KILLS
    assert run.stats.throttled > 0
    if on_unknown == "raise":
        assert told.twice == 0
        assert run.stats.repeated == 0
        assert sum(count for error, count in told.errors.items() if "Unknown" in error) > KILLS  # or it proves nothing
    else:
        assert 0 < told.extra <= run.stats.repeated
        assert told.most <= MOST_ACCEPTANCES


async def test_the_judge_sees_what_is_wrong() -> None:
    """A run that lost a message, or sent one twice, does not pass."""
    log_clock = SandboxClock(datetime(2026, 1, 1, tzinfo=UTC), running=False)
    log = AcceptLog(log_clock)
    for to in ("2", "3", "3"):
        log.add(
            AcceptEntry(
                message_id=f"id{to}", node=1, at=log_clock.now(), tracking_data=None, restrictive_id=None, to=to,
                text="hello", protocol="smpp", request_id="r",
            )
        )  # fmt: skip
    told = {"1": Outcome.ACCEPTED, "2": Outcome.NOT_SENT, "3": Outcome.ACCEPTED}
    history = PartHistory(told=told, ids={"1": ("id1",), "3": ("id3",)})
    history.reckon(log, sent=4)
    assert (history.lost, history.false_refusals, history.twice, history.extra) == (1, 1, 1, 1)
    assert (history.missing, history.wrong_answers, history.most) == (1, 1, 2)


@virtual
async def test_a_cut_after_any_octet() -> None:
    cutting = await cut_run(every=53)
    assert cutting.cut == cutting.points > 60
    assert cutting.holds, cutting
    assert cutting.outcomes["resend: accepted"] > cutting.outcomes["raise: accepted"] > 0
    assert cutting.outcomes["raise: OutcomeUnknown"] > 0


@virtual
@pytest.mark.parametrize("rate", [20.0, 25.0, None])
async def test_throttling_that_comes_and_goes(rate: float | None) -> None:
    found = await throttle_run(rate=rate)
    assert min(found.share.values()) >= 0.9, found
    assert max(found.share.values()) <= 1.05, found  # or the sandbox would have taken more than it allows
    assert 0 < found.throttled <= 0.05, found
    assert found.lost == 0


@virtual
@pytest.mark.slow
async def test_the_main_server_falls_silent() -> None:
    found = await failover_run()
    assert found.in_flight == IN_FLIGHT
    assert found.first < 2.0 + 3.0 + 1.0
    assert found.twice == found.lost == 0
    assert 0 < found.unknown <= IN_FLIGHT  # what was in flight, and nothing else
    assert found.back < 120


@virtual
async def test_a_stop_with_a_full_window() -> None:
    found = await stop_run(runs=6)
    assert found.in_flight == 6 * IN_FLIGHT == found.accepted + found.unknown
    assert found.accepted > found.unknown > 0
    assert (found.unsettled, found.false) == (0, 0)
    assert found.slowest <= 10 + 5 + 1
