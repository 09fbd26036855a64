"""Following with a store: what another session over the same file goes on with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from sms_traffic_async import ConfigurationError, TrackingOptions
from sms_traffic_async.delivery.values import TrackedUpdate
from sms_traffic_async.sandbox import Sandbox
from tests.session.kit import LONG, NUMBER, SLOW, mounted, session
from tests.support.virtual_loop import virtual

pytestmark = virtual


class DatabaseDown(Exception):
    """The application's own trouble."""


@pytest.mark.parametrize("via", ["v2", "smpp"])
async def test_a_reader_that_failed_is_told_again_under_the_same_event(
    via: Literal["v2", "smpp"], sandbox: Sandbox, tmp_path: Path
) -> None:
    tracking = TrackingOptions(store=tmp_path / "tracking.db")
    failed: list[TrackedUpdate] = []

    async with session(sandbox, tracking=tracking) as sms, mounted(sms, sandbox):
        sent = await sms.send(NUMBER, LONG, via=via)
        late = await sms.send(SLOW, "потом", via=via)
        with pytest.raises(DatabaseDown):
            async with sms.updates(finals_only=True) as updates:
                failed.append(await anext(updates))
                raise DatabaseDown
    async with session(sandbox, tracking=tracking) as sms, mounted(sms, sandbox):
        async with sms.updates(finals_only=True) as updates:
            again, later = await anext(updates), await anext(updates)
            await asyncio.sleep(120)
            assert updates.stats.waiting == 0
        assert (again.event_id, again.status) == (failed[0].event_id, failed[0].status)
        assert (again.message_ids, again.key) == (sent.message_ids, sent.key)
        assert (later.message_ids, later.status) == (late.message_ids, "Delivered")
        # A wait in the new life ends with what the old one learnt.
        assert (await sms.wait_for(sent)).event_id == again.event_id
    async with session(sandbox, tracking=tracking) as sms, sms.updates() as updates:
        await asyncio.sleep(120)
        assert updates.stats.waiting == 0  # what was taken is not told again


async def test_what_happened_while_nobody_was_there(sandbox: Sandbox, tmp_path: Path) -> None:
    tracking = TrackingOptions(store=tmp_path / "tracking.db")
    async with session(sandbox, tracking=tracking) as sms:
        sent = [await sms.send(f"7916666{number:04d}", "Код") for number in range(50)]
    await asyncio.sleep(3_600)
    async with session(sandbox, tracking=tracking) as sms, sms.updates(finals_only=True) as updates:
        seen = [await anext(updates) for _ in sent]
    assert {one.message_id for one in seen} == {one.message_id for one in sent}
    assert {(one.status, one.source) for one in seen} == {("Delivered", "poll")}


async def test_one_file_one_process(sandbox: Sandbox, tmp_path: Path) -> None:
    tracking = TrackingOptions(store=tmp_path / "tracking.db")
    async with session(sandbox, tracking=tracking):
        with pytest.raises(ConfigurationError):
            async with session(sandbox, tracking=tracking):
                pass
