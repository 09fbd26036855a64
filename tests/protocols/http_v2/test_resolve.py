"""``resolve``: finding out afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError, OutcomeUnknown, RequestFailed
from sms_traffic_async.messages import Submission
from sms_traffic_async.protocols.http_v2.ledger import LEDGER
from sms_traffic_async.settings import Timeouts
from tests.protocols.http_v2.script import LOST, VANISHED, Platform, Step, client, platform
from tests.support.exposure import pickled
from tests.support.virtual_loop import virtual

pytestmark = virtual

TO = "79161112233"


async def unknown(one: Platform, *, taken: bool, **options: Any) -> OutcomeUnknown:
    one.script = {1: [LOST if taken else VANISHED, *[VANISHED] * 20], 2: []}
    one.queries = {node: [Step(end="fin")] * 20 for node in (1, 2)}
    async with client(one) as sms:
        with pytest.raises(OutcomeUnknown) as caught:
            await sms.send(TO, "hi", timeout=6.0, **options)
    one.queries = {1: [], 2: []}
    one.got.clear()
    return caught.value


async def test_found() -> None:
    async with platform() as one:
        error = await unknown(one, taken=True)
        copy = pickled(error)
        assert isinstance(copy, OutcomeUnknown)
        async with client(one) as sms:  # another session; it could be another process
            found = await sms.resolve(copy)
    assert isinstance(found, Submission)
    assert (found.message_id, found.evidence, found.to) == (one.accepted[0].message_id, "lookup", TO)
    assert found.key == error.evidence.key
    assert len(one.accepted) == 1


async def test_found_on_the_other_node_after_a_while() -> None:
    async with platform() as one:
        error = await unknown(one, taken=True)
        one.statuses_delay = 40.0
        one.queries[1] = [Step(end="fin")] * 50
        async with client(one) as sms:
            found = await sms.resolve(error, timeout=60.0)
    assert found.node == one.urls[1].removeprefix("http://")
    assert one.looks[0].node == 1


async def test_not_found_is_told_when_the_window_has_passed() -> None:
    async with platform() as one:
        error = await unknown(one, taken=False)
        async with client(one, timeouts=Timeouts(deadline=400.0)) as sms:
            began = one.clock.monotonic()
            with pytest.raises(OutcomeUnknown, match="no node knows it") as caught:
                await sms.resolve(error)
            assert 80.0 <= one.clock.monotonic() - began <= 96.0
            one.got.clear()
            with pytest.raises(OutcomeUnknown, match="no node knows it"):
                await sms.resolve(error)
    assert len(one.looks) == 2, "the window is over: one look at each node"
    assert caught.value.evidence == error.evidence


async def test_the_deadline_comes_first() -> None:
    async with platform() as one:
        error = await unknown(one, taken=False)
        async with client(one) as sms:
            began = one.clock.monotonic()
            with pytest.raises(OutcomeUnknown, match="not found so far"):
                await sms.resolve(error, timeout=12.0)
            assert one.clock.monotonic() - began <= 12.0


async def test_silent_nodes_prove_nothing() -> None:
    async with platform() as one:
        error = await unknown(one, taken=False)
        await one.clock.sleep(200.0)
        one.queries[2] = [Step(end="fin")] * 50
        async with client(one) as sms:
            with pytest.raises(OutcomeUnknown, match="not every node answered"):
                await sms.resolve(error, timeout=20.0)


async def test_a_token_that_may_not_ask() -> None:
    async with platform() as one:
        error = await unknown(one, taken=True)
        one.queries = {node: [Step(status=403)] * 5 for node in (1, 2)}
        async with client(one) as sms:
            with pytest.raises(OutcomeUnknown, match="may not ask"):
                await sms.resolve(error)


async def test_a_label_of_the_callers_own() -> None:
    async with platform() as one:
        error = await unknown(one, taken=True, tracking_data="resolve-own")
        async with client(one) as sms:
            assert (await sms.resolve(error)).message_id == one.accepted[0].message_id
            LEDGER.note("resolve-own", one.clock.monotonic(), "another")
            with pytest.raises(OutcomeUnknown, match="tells nothing"):
                await sms.resolve(error)


async def test_evidence_of_something_else() -> None:
    async with platform() as one, client(one) as sms:
        with pytest.raises(ConfigurationError):
            await sms.v2.resolve(OutcomeUnknown("of another protocol", evidence="x"))


async def test_evidence_alone_is_enough_for_the_room_below() -> None:
    from sms_traffic_async.protocols.http_v2.resolving import resolve

    async with platform() as one:
        error = await unknown(one, taken=True)
        async with client(one) as sms:
            calls = sms.v2._calls
            evidence = replace(error.evidence, nodes=("a node that is gone",))
            found = await resolve(calls, evidence, deadline=calls.deadline(None))
    assert found.message_id == one.accepted[0].message_id


async def test_a_closed_session() -> None:
    async with platform() as one:
        error = await unknown(one, taken=True)
        async with client(one) as sms:
            pass
        with pytest.raises(RequestFailed, match="closed"):
            await sms.resolve(error)
