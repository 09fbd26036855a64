"""What a worker tells: events and a lease that is none; what may be added with a delay, and who had a key first."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox import Outbox, State
from sms_traffic_async.outbox.events import OutboxSettled
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.session import SmsTraffic
from tests.outbox.contract import entry
from tests.support.virtual_loop import VirtualClock

pytestmark = pytest.mark.asyncio(loop_factories=["virtual"])


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(smpp_ports=None, smpp_tls_ports=None, smtp_port=None) as made:
        yield made


def message(number: int) -> Message:
    return Message(to=f"7916{number:07d}", text="Код 1")


async def test_it_tells_what_was_settled_once_for_each_state(tmp_path: Path, sandbox: Sandbox) -> None:
    events: list[object] = []
    async with (
        Outbox(tmp_path / "o.db", clock=VirtualClock(), hooks=[events.append]) as outbox,
        SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms,
    ):
        await outbox.enqueue_many([message(number) for number in range(3)])
        await outbox.run(sms, until_empty=True)
    settled = [event for event in events if isinstance(event, OutboxSettled)]
    assert settled == [OutboxSettled(state=State.ACCEPTED, count=3, attempts=1)]


@pytest.mark.parametrize("lease", [0, -1.0, math.inf, math.nan, True, "30"])
async def test_a_lease_is_a_number_of_seconds(tmp_path: Path, sandbox: Sandbox, lease: Any) -> None:
    async with (
        Outbox(tmp_path / "o.db", clock=VirtualClock()) as outbox,
        SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms,
    ):
        with pytest.raises(ConfigurationError) as caught:
            await outbox.run(sms, until_empty=True, lease=lease)
    assert str(caught.value) == "lease is a number of seconds greater than 0"


@pytest.mark.parametrize("name", ["at_once", "most"])
@pytest.mark.parametrize("count", [0, -1, True, 1.5])
async def test_what_is_sent_at_once_is_a_whole_number(tmp_path: Path, sandbox: Sandbox, name: str, count: Any) -> None:
    async with (
        Outbox(tmp_path / "o.db", clock=VirtualClock()) as outbox,
        SmsTraffic(**sandbox.client_options(), clock=VirtualClock()) as sms,
    ):
        with pytest.raises(ConfigurationError) as caught:
            await outbox.run(sms, until_empty=True, **{name: count})
    assert str(caught.value) == f"{name} is a whole number greater than 0"


async def test_a_delay_of_less_than_a_second_is_a_delay(tmp_path: Path) -> None:
    async with Outbox(tmp_path / "o.db", clock=VirtualClock()) as outbox:
        await outbox.store.add([entry("later", delay=0.5)])
        assert await outbox.store.claim(via="v2", most=1, units=1, lease=9) == []
        due = await outbox.store.next_due("v2")
        assert due is not None
        assert 0.0 < due <= 0.5


async def test_an_entry_that_is_added_twice_without_a_key_is_itself(tmp_path: Path) -> None:
    async with Outbox(tmp_path / "o.db", clock=VirtualClock()) as outbox:
        first, keyed = entry(), entry("k")
        assert await outbox.store.add([first, keyed]) == [first.id, keyed.id]
        other = entry("k")
        assert await outbox.store.add([first, other]) == [first.id, keyed.id]
        assert await outbox.counts() == {State.PENDING: 2}
