"""Full pools, long answers that are none, nodes that come back, and arguments nobody should give."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError, InvalidMessage, NotSent, OutcomeUnknown, RequestFailed
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.http_v1.models import Member, SendOptions, SendRequest
from sms_traffic_async.protocols.http_v1.wire import encode_send
from sms_traffic_async.settings import HttpOptions, RetryPolicy
from tests.protocols.http.kit import response
from tests.protocols.http_v1.kit import PHONE, TEXT, desk, ok, xml
from tests.support.virtual_loop import virtual

MESSAGE = Message(to=PHONE, text=TEXT)
BALANCE = xml("<reply><account>1</account></reply>")


@virtual
async def test_no_free_place_is_not_sent() -> None:
    async with desk(ok((PHONE, "1")), http=HttpOptions(in_flight=1)) as one:
        await one.pool.places.acquire()
        with pytest.raises(NotSent) as caught:
            await one.v1.submit(MESSAGE, timeout=2.0)
        assert caught.value.reason == "overloaded"
        reply = await one.v1.send([PHONE, "79261112233"], "a", timeout=2.0)
        assert [error.outcome.value for error in reply.errors] == ["not_sent"] * 2
        with pytest.raises(RequestFailed, match="no free place"):
            await one.v1.balance(timeout=2.0)
        assert not await one.v1.probe(one.settings.nodes[0].name)
        one.pool.places.release()
        assert (await one.v1.submit(MESSAGE)).message_ids == ("1",)
    assert len(one.forms) == 1


LONG = b" " * 300_000


@virtual
@pytest.mark.parametrize(
    "answer",
    [
        response(b"<reply>" + LONG),
        response(b"<reply>" + LONG + b"<result>MAYBE</result></reply>"),
        response(LONG, status="502 Bad Gateway"),
    ],
)
async def test_a_long_answer_that_is_none(answer: bytes) -> None:
    async with desk(answer) as one:
        with pytest.raises(OutcomeUnknown):
            await one.v1.send_group("g", "a", timeout=5.0)
    assert len(one.forms) == 1


@virtual
async def test_a_node_that_is_open_is_asked_whether_it_is_back() -> None:
    async with desk(*[b""] * 6, BALANCE, other=BALANCE, retry=RetryPolicy(max_attempts=2)) as one:
        first = one.settings.nodes[0].name
        for _ in range(8):
            await one.v1.balance()
            await one.clock.sleep(1.0)
        assert one.v1._calls.nodes.snapshot()[0].state == "open"
        for _ in range(20):
            await one.clock.sleep(5.0)
            await one.v1.balance()
        assert one.v1._calls.nodes.snapshot()[0].state != "open", f"{first} was not probed"


@virtual
@pytest.mark.parametrize(
    "call, error",
    [
        (lambda v1: v1.submit(MESSAGE, on_unknown="perhaps"), ConfigurationError),
        (lambda v1: v1.submit(MESSAGE, timeout=0.0), ConfigurationError),
        (lambda v1: v1.send_group("", "a"), InvalidMessage),
        (lambda v1: v1.send_group("g", ""), InvalidMessage),
        (lambda v1: v1.send_group("клиенты", "a", rus=1, originator="Øre"), InvalidMessage),
        (lambda v1: v1.send_group("g", "я" * 135, max_parts=2), InvalidMessage),
        (lambda v1: v1.send(PHONE, "a", start_at=datetime.now(UTC).replace(tzinfo=None)), InvalidMessage),
        (lambda v1: v1.lists.add_members(1, []), InvalidMessage),
        (lambda v1: v1.send(None, "a"), InvalidMessage),
        (lambda v1: v1.send(PHONE, "a", max_parts=0), InvalidMessage),
        (lambda v1: v1.send(PHONE, "a", originator=""), InvalidMessage),
        (lambda v1: v1.statuses(["1"], chunk=4001), ConfigurationError),
        (lambda v1: v1.submit(MESSAGE, timeout=math.inf), ConfigurationError),
        (lambda v1: v1.submit(MESSAGE, timeout="5"), ConfigurationError),
    ],
)
async def test_arguments_nobody_should_give(call: Any, error: type[Exception]) -> None:
    async with desk(ok()) as one:
        with pytest.raises(error):
            await call(one.v1)
    assert not one.forms


@virtual
async def test_push_ids_need_ids() -> None:
    async with desk(ok()) as one:
        start = datetime.fromtimestamp(one.clock.wall(), UTC) + timedelta(hours=1)
        with pytest.raises(InvalidMessage) as caught:
            await one.v1.send([PHONE], "a", with_push_id=True, start_at=start)
    assert caught.value.field == "with_push_id"


def test_v8_without_a_delimiter_messages_stand_in_lines() -> None:
    members = tuple(Member(index=n, key="k", to=f"7916111223{n}", text="a b") for n in range(2))
    pairs = dict(encode_send(SendRequest(members=members, options=SendOptions(rus=0, want_ids=False))))
    assert pairs == {"individual_messages": "1", "phones": "79161112230 a b\n79161112231 a b", "rus": "0"}


@virtual
async def test_concurrent_calls_share_the_places() -> None:
    async with desk(ok((PHONE, "1")), http=HttpOptions(batching=False)) as one:
        sent = await asyncio.gather(*(one.v1.submit(MESSAGE) for _ in range(20)))
    assert len(sent) == len(one.forms) == 20
