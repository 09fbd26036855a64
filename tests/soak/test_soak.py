"""The soak itself, on a virtual loop: what it counts, and when."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sms_traffic_async.sandbox import Drop, FaultRule, Pace, Sandbox, Switches
from sms_traffic_async.sandbox.effects import Effect
from sms_traffic_async.sandbox.smpp_parts import GATHER
from sms_traffic_async.settings import Credentials, Settings
from tests.protocols.smpp.kit import client
from tests.soak.platform import FAULTS
from tests.soak.run_soak import Soak
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


@contextlib.asynccontextmanager
async def soaking(
    load: float, minutes: float, faults: tuple[tuple[float, str, Effect], ...] = (), **options: Any
) -> AsyncIterator[tuple[Soak, Sandbox]]:
    switches = Switches(antispam=False, smpp_rate=None, smpp_window=100)
    pace = Pace(send=0, buffer=0.5, final=0.5)
    async with Sandbox(switches=switches, pace=pace, keep=100, smpp_tls_ports=None) as sandbox:
        sandbox.outcomes.clear()
        for share, operation, effect in faults:
            sandbox.faults.add(FaultRule(effect=effect, probability=share, protocol="smpp", operation=operation))
        _, login, password = sandbox.credentials
        settings = Settings(credentials=Credentials(login=login, password=password))

        async def outstanding() -> int:
            return sandbox.smpp.outstanding

        async with client(sandbox.smpp.servers(tls=False), settings=settings, **options) as one:
            yield Soak(one, load, minutes, outstanding, every=1.0), sandbox


def verdict(run: Soak, sandbox: Sandbox) -> dict[str, Any]:
    taken = Counter(entry.to for entry in sandbox.accepted)
    return run.verdict({"accepted": taken, "faults": sandbox.faults.injected})


async def test_no_receipt_is_missed_by_counting_too_early() -> None:
    """The load ends with a queue, and the queue ends later: the receipts of its last second come after it."""
    async with soaking(24.0, 1.0, rate=20) as (run, sandbox):
        await run.run()
        row = verdict(run, sandbox)
    assert row["receipts"] == row["parts_taken"] >= 60 * 24
    assert row["accepted"] >= 60 * 24


async def test_no_receipt_is_missed_while_no_link_stands() -> None:
    """The last link is lost with receipts under way, and the servers are not to be had for a while."""
    async with soaking(20.0, 0.2, rate=None) as (run, sandbox):
        settle = run._settle

        def close_doors() -> None:
            for door in run.client.hub._doors:
                door.closed_until = run.client.hub.time() + 25.0

        async def lost_at_the_end() -> None:
            close_doors()
            assert sandbox.smpp.drop() == 1
            await asyncio.sleep(0.01)
            close_doors()  # the loss itself closes one for less
            await settle()

        run._settle = lost_at_the_end  # type: ignore[method-assign] # the moment is what the test is about
        await run.run()
        row = verdict(run, sandbox)
    assert row["receipts"] == row["parts_taken"] == 264
    assert row["reconnects"] == 1


async def test_no_receipt_is_missed_of_half_a_message() -> None:
    """One of two parts was taken: the platform waits a minute for the other before it tells of the first."""
    async with soaking(20.0, 0.1, rate=None) as (run, sandbox):
        sandbox.faults.add(FaultRule(effect=Drop(when="before"), protocol="smpp", operation="submit", nth=2))
        await run.run()
        row = verdict(run, sandbox)
    assert row["receipts"] == row["parts_taken"]
    assert row["unknown"] >= 1
    assert run.samples[-1].seconds > GATHER


async def test_half_a_minute_with_many_faults() -> None:
    """Five times the faults of a soak, with the options as they are by default but for the rate."""
    faults = tuple((share * 5, operation, effect) for share, operation, effect in FAULTS)
    async with soaking(100.0, 0.5, faults, rate=None) as (run, sandbox):
        await run.run()
        row = verdict(run, sandbox)
    assert row["receipts"] == row["parts_taken"]
    assert not any(row[name] for name in ("lost", "false_refusals", "duplicates", "missing", "held_back", "not_sent"))
    assert row["reconnects"] > 4
