"""One connection: what is written when, timers, silence, and how it closes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sms_traffic_async.protocols.smpp.brake import Brake
from sms_traffic_async.protocols.smpp.events import BindRefused, Bound, Ended, EndReason, Event, Requested
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.options import SessionOptions
from sms_traffic_async.protocols.smpp.pdu import Bind, DataSm, DataSmResp, DeliverSm
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from tests.protocols.smpp.kit import until
from tests.support.smpp_peer import Reply, Smsc
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

BODY = b"\0\1\1123\0\1\179161112233\0\0\0\0\0\0\1\0\0\0\1x"


class Owner:
    """Takes note, and of binds and ends what a desk would."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.batches: list[int] = []
        self.changes: list[tuple[float, bool]] = []

    def take(self, link: Link, accepted: list[tuple[Any, str]], events: list[Event], now: float) -> None:
        self.batches.append(len(accepted) + len(events))
        self.events += events
        for event in events:
            if isinstance(event, Bound | BindRefused | Ended):
                link.told(event, now)

    def fill(self, now: float) -> None:
        """It has nothing to add."""

    def changed(self, link: Link, now: float) -> None:
        self.changes.append((now, link.suspect))

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def submit(link: Link, body: bytes, token: object) -> None:
    """As a desk does."""
    link.session.submit(body, asyncio.get_running_loop().time(), token)
    link.wrote(len(body))


@contextlib.asynccontextmanager
async def linked(smsc: Smsc, **options: Any) -> AsyncIterator[tuple[Link, Owner, list[int]]]:
    """A bound link, its owner, and the sizes of what it writes."""
    loop, owner = asyncio.get_running_loop(), Owner()
    options.setdefault("window", 1000)
    link = Link("one", 0, owner=owner, options=SessionOptions(**options), suspect_after=2.0, brake=Brake(60), loop=loop)
    await loop.create_connection(lambda: link, "127.0.0.1", smsc.port)
    link.bind(Bind(system_id="user"))
    assert isinstance(await link.answered, Bound)
    transport = link._transport
    assert transport is not None
    writes: list[int] = []
    original = transport.write

    def write(data: Any) -> None:
        writes.append(len(data))
        original(data)

    transport.write = write  # type: ignore[method-assign] # a look at every write
    try:
        yield link, owner, writes
    finally:
        link.abort()
        await link.closed
        assert link._timer is None


async def test_one_write_for_everything_of_a_turn() -> None:
    async with Smsc() as smsc, linked(smsc) as (link, owner, writes):
        link.acknowledge(1)  # nothing of that kind: no harm
        for number in range(100):
            submit(link, BODY, number)
        assert not writes
        await until(lambda: len(smsc.accepted) == 100)
        assert len(writes) == 1
        assert max(owner.batches) >= 50


async def test_more_than_64_kb_is_written_at_once() -> None:
    async with Smsc() as smsc, linked(smsc) as (link, _, writes):
        body = BODY[:-2] + bytes((254,)) + b"x" * 254
        for number in range(600):
            submit(link, body, number)
        assert len(writes) == 2
        assert all(size > 65_536 for size in writes)
        await until(lambda: len(smsc.accepted) == 600)


async def test_acknowledgements_of_a_turn_go_together() -> None:
    async with Smsc() as smsc, linked(smsc) as (link, owner, writes):
        for _ in range(50):
            smsc.peers[0].session.request(DeliverSm(short_message=b"x"), smsc.now())
        smsc.peers[0].flush()
        await until(lambda: len(owner.of(Requested)) == 50)
        before = len(writes)
        for event in owner.of(Requested):
            link.acknowledge(event.sequence)
        await until(lambda: len(smsc.peers[0].answers) == 50)
        assert len(writes) == before + 1
        link.acknowledge(owner.of(Requested)[0].sequence)  # a second time: no harm


async def test_a_data_sm_is_answered() -> None:
    async with Smsc() as smsc, linked(smsc) as (link, owner, _):
        smsc.peers[0].deliver(DataSm(source_addr="1", destination_addr="2"))
        await until(lambda: owner.of(Requested))
        (event,) = owner.of(Requested)
        link.answer(event, DataSmResp(command_status=CommandStatus.ESME_RX_T_APPN))
        link.answer(event, DataSmResp())
        await until(lambda: smsc.peers[0].answers)
        assert smsc.peers[0].answers[0].response.command_status == CommandStatus.ESME_RX_T_APPN


async def test_after_the_end_nothing_happens_and_nothing_raises() -> None:
    async with Smsc() as smsc, linked(smsc) as (link, owner, _):
        smsc.peers[0].deliver(DeliverSm(short_message=b"x"))
        await until(lambda: owner.of(Requested))
        (event,) = owner.of(Requested)
        smsc.peers[0].cut()
        await link.closed
        link.acknowledge(event.sequence)
        link.answer(event, DataSmResp())
        link.wake()
        link.leave()
        link.abort()
        await asyncio.sleep(0.1)
        assert [ended.reason for ended in owner.of(Ended)] == [EndReason.LOST]


async def test_leaving_waits_for_the_last_answer() -> None:
    async with Smsc(answer=lambda _: Reply(delay=3)) as smsc, linked(smsc) as (link, owner, _):
        submit(link, BODY, "t")
        link.leave()
        await asyncio.sleep(2)
        early = smsc.peers[0].unbound
        await link.closed
        assert (early, smsc.peers[0].unbound) == (False, True)
        (ended,) = owner.of(Ended)
        assert (ended.reason, ended.unanswered) == (EndReason.UNBOUND, ())


async def test_a_peer_that_does_not_close_is_cut() -> None:
    """The transport is always closed, and by a time."""
    async with Smsc() as smsc, linked(smsc, unbind_timeout=3) as (link, owner, _):
        smsc.peers[0].mute = True
        began = smsc.now()
        link.leave()
        await link.closed
        assert smsc.now() - began == pytest.approx(3, abs=0.1)
        assert owner.of(Ended)[0].reason is EndReason.UNBIND_UNANSWERED


async def test_silence_asks_then_suspects_then_gives_up() -> None:
    async with Smsc(answer=lambda _: None) as smsc, linked(smsc) as (link, owner, _):
        began = smsc.now()
        submit(link, BODY, "t")
        smsc.peers[0].mute = True
        await link.closed
        assert [(round(at - began, 1), suspect) for at, suspect in owner.changes] == [(2.5, True)]
        (ended,) = owner.of(Ended)
        assert (ended.reason, ended.unanswered) == (EndReason.DEAD_PEER, ("t",))
        assert 10 <= smsc.now() - began <= 13


async def test_an_idle_link_is_not_suspect() -> None:
    async with Smsc() as smsc, linked(smsc) as (link, owner, _):
        await asyncio.sleep(25)
        assert not owner.changes
        assert link.session.stats.enquired == 0
        smsc.peers[0].mute = True
        await asyncio.sleep(20)
        assert not owner.changes  # nothing is under way: the next heartbeat tells


async def test_timers_do_not_tick_for_nothing() -> None:
    """One timer that is only moved forward: an hour of an idle link is its 120 heartbeats."""
    async with Smsc() as smsc, linked(smsc) as (link, _, _):
        fired = 0
        original = link._on_time

        def on_time() -> None:
            nonlocal fired
            fired += 1
            original()

        link._on_time = on_time  # type: ignore[method-assign] # a look at every tick
        await asyncio.sleep(3600)
        assert smsc.peers[0].session.stats.enquired_by_peer == pytest.approx(120, abs=1)
        assert fired <= 300


async def test_a_half_closed_connection_is_over() -> None:
    async with Smsc() as smsc, linked(smsc) as (link, owner, _):
        transport = smsc.peers[0]._transport
        assert transport is not None
        transport.write_eof()
        await link.closed
        assert owner.of(Ended)[0].reason is EndReason.LOST
