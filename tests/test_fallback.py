"""Another protocol follows only where the one before left nothing behind: the real clients against the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async import Message, SmsTraffic, SoapOptions
from sms_traffic_async.errors import (
    ConfigurationError,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SendError,
    TemporarilyUnavailable,
)
from sms_traffic_async.fallback import Choice, send_with_fallback
from sms_traffic_async.messages import Submission
from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox, Temporary
from sms_traffic_async.telemetry import Stats
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

CLOCK = VirtualClock()
MESSAGE = Message(to="79161112233", text="Ваш код 1234")
NOWHERE = ("http://127.0.0.1:1", "http://127.0.0.1:2")


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(start=datetime.fromtimestamp(CLOCK.wall(), UTC)) as sandbox:
        yield sandbox


def session(sandbox: Sandbox, **options: Any) -> SmsTraffic:
    soap = SoapOptions(url=sandbox.soap_urls[0], second_url=sandbox.soap_urls[1])
    return SmsTraffic(**(sandbox.client_options() | {"clock": CLOCK, "soap": soap} | options))


async def send(sms: SmsTraffic, stats: Stats | None = None, seconds: float = 20.0, message: Message = MESSAGE) -> Any:
    choices = [Choice("v2", sms.v2.submit), Choice("soap", sms.soap.submit)]
    return await send_with_fallback(choices, message, timeout=seconds, clock=CLOCK, stats=stats)


async def test_the_first_carries_it_where_it_can(sandbox: Sandbox) -> None:
    stats = Stats()
    async with session(sandbox) as sms:
        sent = await send(sms, stats)
    assert sent.via == "v2"
    assert stats.snapshot() == {}
    assert [one.protocol for one in sandbox.accepted] == ["v2"]


async def test_the_second_follows_where_no_node_can_be_reached(sandbox: Sandbox) -> None:
    stats = Stats()
    async with session(sandbox, nodes=NOWHERE) as sms:
        sent = await send(sms, stats)
    assert (sent.via, len(sent.message_ids)) == ("soap", 1)
    assert stats.snapshot() == {"fallback.soap": 1}
    assert [one.protocol for one in sandbox.accepted] == ["soap"]


async def test_the_second_follows_where_the_platform_cannot_take_it_now(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Temporary(), protocol="v2"))
    async with session(sandbox) as sms:
        assert (await send(sms)).via == "soap"
    assert [one.protocol for one in sandbox.accepted] == ["soap"]


async def test_nothing_follows_what_may_have_gone_out(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Drop(when="after"), protocol="v2"))
    async with session(sandbox) as sms:
        with pytest.raises(OutcomeUnknown):
            await send(sms)
    assert [one.protocol for one in sandbox.accepted] == ["v2"]


async def test_nothing_follows_a_refusal(sandbox: Sandbox) -> None:
    async with session(sandbox) as sms:
        with pytest.raises(Rejected) as caught:
            await send(sms, message=Message(to="79161112233", text="x", originator="NotMine"))
    assert not isinstance(caught.value, TemporarilyUnavailable)
    assert not sandbox.accepted


async def test_all_that_failed_are_told_of_and_the_time_is_shared(sandbox: Sandbox) -> None:
    started = CLOCK.monotonic()
    async with session(sandbox, nodes=NOWHERE, soap=SoapOptions(url=NOWHERE[0], second_url=NOWHERE[1])) as sms:
        with pytest.raises(NotSent) as caught:
            await send(sms, seconds=8.0)
    assert CLOCK.monotonic() - started <= 8.0
    assert caught.value.reason == "unreachable"
    assert str(caught.value).startswith("soap.send")
    assert [note.partition(":")[0] for note in caught.value.__notes__] == ["HTTP v2 before it"]
    assert "916" not in "".join(caught.value.__notes__)


class Scripted:
    """A protocol that takes its time, and then does what it is told."""

    def __init__(self, seconds: float, outcome: SendError | None) -> None:
        self.seconds = seconds
        self.outcome = outcome
        self.given: list[tuple[float | None, float | None]] = []

    async def submit(self, message: Message, /, *, timeout: float | None = None) -> Submission:
        self.given.append((timeout, message.expires_in))
        await asyncio.sleep(self.seconds)
        if self.outcome is not None:
            raise self.outcome
        return Submission(
            via="v1", message_ids=("1",), key="k", to=message.to, node="n", accepted_at=datetime(2026, 1, 1, tzinfo=UTC)
        )


UNREACHABLE = NotSent("v2.send: no node could be reached", reason="unreachable")


async def test_the_time_to_live_counts_from_the_first() -> None:
    first, second = Scripted(4.0, UNREACHABLE), Scripted(0.0, None)
    choices = [Choice("v2", first.submit), Choice("v1", second.submit)]
    message = Message(to="79161112233", text="x", expires_in=10.0)
    await send_with_fallback(choices, message, timeout=30.0, clock=CLOCK)
    assert first.given == [(15.0, 10.0)]
    ((seconds, expires_in),) = second.given
    assert seconds == pytest.approx(26.0)
    assert expires_in == pytest.approx(6.0)


@pytest.mark.parametrize("timeout,expires_in", [(4.0, None), (30.0, 3.0)])
async def test_nothing_begins_after_its_time(timeout: float, expires_in: float | None) -> None:
    first, second = Scripted(4.0, UNREACHABLE), Scripted(0.0, None)
    choices = [Choice("v2", first.submit), Choice("v1", second.submit)]
    message = Message(to="79161112233", text="x", expires_in=expires_in)
    with pytest.raises(NotSent):
        await send_with_fallback(choices, message, timeout=timeout, clock=CLOCK)
    assert not second.given


async def test_a_cancellation_tries_no_other() -> None:
    first, second = Scripted(4.0, UNREACHABLE), Scripted(0.0, None)
    choices = [Choice("v2", first.submit), Choice("v1", second.submit)]
    task = asyncio.create_task(send_with_fallback(choices, MESSAGE, timeout=9.0, clock=CLOCK))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not second.given


async def test_misuse() -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        await send_with_fallback([], MESSAGE, timeout=0, clock=CLOCK)
    with pytest.raises(ConfigurationError, match="no protocol"):
        await send_with_fallback([], MESSAGE, timeout=1, clock=CLOCK)
