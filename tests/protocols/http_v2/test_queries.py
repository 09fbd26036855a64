"""Statuses, marking, balance, probes: calls that send nothing."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import (
    ConfigurationError,
    InvalidMessage,
    NotSent,
    Outcome,
    RequestFailed,
    RequestRefused,
    TlsError,
)
from sms_traffic_async.protocols.http_v2 import HttpV2
from sms_traffic_async.settings import HttpOptions, Timeouts
from tests.protocols.http_v2.script import TEMPORARY, Platform, Step, client, platform
from tests.support.exposure import shown
from tests.support.servers import misbehaving
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

TO = "79161112233"


def node_of(one: Platform, number: int) -> str:
    return one.urls[number - 1].removeprefix("http://")


async def test_the_balance() -> None:
    async with platform() as one, client(one) as sms:
        balance = await sms.v2.balance()
    assert (balance.amount, balance.raw, balance.node) == (Decimal("12520.35"), "12520.35", node_of(one, 1))
    assert one.got[0].line == "GET /v2/account HTTP/1.1"
    assert "content-type" not in one.got[0].headers


async def test_statuses_by_id_and_by_label() -> None:
    async with platform() as one, client(one) as sms:
        sent = [await sms.send(f"7916111223{digit}", "hi") for digit in range(3)]
        one.got.clear()
        reply = await sms.v2.statuses(
            [sent[0].message_id or "", "404", sent[0].message_id or ""],
            tracking_data=[sent[1].tracking_data or "", "nobody's"],
            extended=True,
        )
    assert [update.message_id for update in reply.found] == [sent[0].message_id, sent[1].message_id]
    assert reply.missing == ("404",)
    assert reply.missing_tracking_data == ("nobody's",)
    assert all("ids" not in got.body or "trackingData" not in got.body for got in one.got), (
        "how they combine is unknown"
    )
    assert {got.body["extendedInfo"] for got in one.got} == {True}
    assert reply.found[0].node == node_of(one, 1)


async def test_a_label_of_several_messages_finds_all() -> None:
    async with platform() as one, client(one) as sms:
        await sms.v2.send(["79161112233", "79161112234"], "hi", tracking_data="both")
        reply = await sms.v2.statuses(tracking_data=["both"])
    assert {update.message_id for update in reply.found} == {taken.message_id for taken in one.accepted}
    assert not reply.missing_tracking_data


async def test_what_one_node_does_not_know_the_other_is_asked() -> None:
    async with platform() as one, client(one) as sms:
        one.statuses_shared = False
        one.script[1] = [TEMPORARY]
        sent = await sms.send(TO, "hi")
        assert sent.node == node_of(one, 2)
        reply = await sms.v2.statuses([sent.message_id or "", "404"])
        assert [(update.message_id, update.node) for update in reply.found] == [(sent.message_id, node_of(one, 2))]
        assert reply.missing == ("404",)
        one.queries[2] = [Step(end="fin")] * 20
        reply = await sms.v2.statuses([sent.message_id or ""])
    assert reply.missing == (sent.message_id,), "a node that does not answer hides what it has, and is no error"


async def test_chunks() -> None:
    async with platform() as one, client(one) as sms:
        ids = [str(number) for number in range(250)]
        reply = await sms.v2.statuses(ids)
        assert reply.missing == tuple(ids)
        assert [len(got.body["ids"]) for got in one.looks if got.node == 1] == [100, 100, 50]
        one.got.clear()
        await sms.v2.statuses(ids[:5], tracking_data=ids[:3], chunk=2)
        sizes = [len(got.body.get("ids", got.body.get("trackingData"))) for got in one.looks if got.node == 1]
        assert sizes == [2, 2, 1, 2, 1]
        one.got.clear()
        await sms.v2.mark_checked([str(number) for number in range(5001)])
        assert [len(got.body) for got in one.got] == [5000, 1]


async def test_nothing_asked_is_nothing_sent() -> None:
    async with platform() as one, client(one) as sms:
        assert await sms.v2.statuses() == await sms.v2.statuses([])
        assert (await sms.v2.mark_checked([])).updated == ()
    assert not one.got


async def test_marking() -> None:
    answer = b'{"success":true,"data":{"updated":["1"],"failed":[{"id":"2","error":"no such message"}]}}'
    async with platform() as one, client(one) as sms:
        one.queries[1] = [Step(body=answer)]
        reply = await sms.v2.mark_checked(["1", "2"])
    assert reply.updated == ("1",)
    assert [(failure.message_id, failure.error) for failure in reply.failed] == [("2", "no such message")]
    assert one.got[0].body == ["1", "2"]
    assert one.got[0].line == "POST /v2/statuses/checked HTTP/1.1"


@pytest.mark.parametrize("call", ["statuses", "mark_checked"])
@pytest.mark.parametrize("ids", ["12345", [""], ["x" * 129], ["a\nb"], [5], [None]], ids=repr)
async def test_bad_ids_are_refused_before_anything_is_sent(call: str, ids: Any) -> None:
    async with platform() as one, client(one) as sms:
        with pytest.raises(InvalidMessage) as caught:
            await getattr(sms.v2, call)(ids)
        assert caught.value.field == "ids"
        with pytest.raises(InvalidMessage, match="tracking_data"):
            await sms.v2.statuses(tracking_data=["x" * 41])
    assert not one.got


@pytest.mark.parametrize("options", [{"chunk": 0}, {"chunk": True}, {"chunk": 2.5}, {"timeout": 0}, {"timeout": -1.0}])
async def test_bad_options(options: dict[str, Any]) -> None:
    async with platform() as one, client(one) as sms:
        with pytest.raises(ConfigurationError):
            await sms.v2.statuses(["1"], **options)


BROKEN = [
    Step(end="fin"),
    Step(end="rst"),
    Step(status=502),
    Step(status=429),
    Step(status=503, headers={"Retry-After": "1"}),
    Step(body=b"<html>"),
    Step(body=b'{"success":false,"error":{"code":1000,"message":"Temporary error"}}'),
]


@pytest.mark.parametrize("step", BROKEN, ids=repr)
@pytest.mark.parametrize("call", ["balance", "statuses", "mark_checked"])
async def test_a_call_that_sends_nothing_is_repeated(call: str, step: Step) -> None:
    async with platform() as one, client(one) as sms:
        one.queries = {1: [step, step], 2: [step]}
        arguments: list[Any] = [] if call == "balance" else [["1"]]
        await getattr(sms.v2, call)(*arguments)
    # A 429 keeps its node; everything else tries the other one.
    assert {got.node for got in one.got} == ({1} if step.status == 429 and call != "statuses" else {1, 2})


@pytest.mark.parametrize(
    "step, code, text",
    [
        (Step(status=401), 401, "API key"),
        (Step(status=403), 403, "permission"),
        (Step(status=404), None, "HTTP 404"),
        (Step(body=b'{"success":false,"error":{"code":403,"message":"Access denied"}}'), 403, "may not do this"),
        (Step(body=b'{"success":false,"error":{"code":105,"message":"Invalid request format"}}'), 105, "format"),
        (Step(body=b'{"success":false,"error":{"code":7,"message":"new"}}'), 7, "code 7"),
    ],
)
async def test_a_refusal_is_raised_at_once(step: Step, code: int | None, text: str) -> None:
    async with platform() as one, client(one) as sms:
        one.queries[1] = [step]
        with pytest.raises(RequestRefused, match=text) as caught:
            await sms.v2.balance()
    assert (caught.value.code, caught.value.operation, caught.value.node) == (code, "v2.balance", node_of(one, 1))
    assert len(one.got) == 1


async def test_too_many_requests_past_the_deadline() -> None:
    async with platform() as one, client(one) as sms:
        one.queries[1] = [Step(status=429, headers={"Retry-After": "300"})]
        for _ in range(2):
            with pytest.raises((RequestRefused, RequestFailed)) as caught:
                await sms.v2.balance()
            assert caught.value.retry_after == pytest.approx(300.0, rel=0.11)
        assert len(one.got) == 1
        assert (await sms.send(TO, "hi")).message_id, "asking too often does not stop sending"


async def test_no_node_answers() -> None:
    async with platform() as one, client(one) as sms:
        one.queries = {node: [Step(end="fin")] * 50 for node in (1, 2)}
        began = one.clock.monotonic()
        with pytest.raises(RequestFailed) as caught:
            await sms.v2.balance(timeout=10.0)
        assert one.clock.monotonic() - began <= 10.0
    assert caught.value.__cause__ is not None
    assert "ptf9" not in shown(caught.value)


async def test_an_untrusted_node_is_told_as_what_it_is() -> None:
    async with misbehaving("tls_untrusted") as server, platform() as one:
        http = HttpOptions(ssl_context=server.ssl_context)
        async with client(one, nodes=[server.base_url], http=http) as sms:
            with pytest.raises(TlsError) as caught:
                await sms.v2.balance()
            assert isinstance(caught.value, RequestFailed)
            with pytest.raises(TlsError) as second:
                await sms.send(TO, "hi")
            assert isinstance(second.value, NotSent)
            assert (second.value.outcome, second.value.retryable) == (Outcome.NOT_SENT, False)
    assert not server.requests


async def test_no_free_place() -> None:
    async with platform() as one, client(one, http=HttpOptions(in_flight=1)) as sms:
        one.queries[1] = [Step(wait=10.0)]
        first = asyncio.create_task(sms.v2.balance())
        await asyncio.sleep(0.1)
        with pytest.raises(RequestFailed, match="no free place"):
            await sms.v2.balance(timeout=2.0)
        await first


async def test_an_open_node_is_probed_and_comes_back() -> None:
    async with platform() as one, client(one, timeouts=Timeouts(deadline=400.0)) as sms:
        one.down.add(1)
        for _ in range(3):
            assert (await sms.v2.balance()).node == node_of(one, 2)
        states = {node.name: node.state for node in sms._shared.nodes.snapshot()}
        assert states[node_of(one, 1)] == "open" or len(one.got) == 3
        one.down.clear()
        for _ in range(20):
            await one.clock.sleep(6.0)
            sent = await sms.send(TO, "hi")
        assert sent.node == node_of(one, 1), "the preferred node is preferred again"


async def test_probing_by_hand() -> None:
    async with platform() as one, client(one) as sms:
        assert await sms.v2.probe(node_of(one, 2)) is True
        one.queries[2] = [Step(status=401), Step(status=429), Step(status=502), Step(end="fin"), Step(body=b"<html>")]
        answers = [await sms.v2.probe(node_of(one, 2)) for _ in range(5)]
    assert answers == [True, True, False, False, True], "any complete answer of the platform proves it alive"
    assert {got.node for got in one.got} == {2}


async def test_a_probe_without_a_free_place_says_nothing_about_the_node() -> None:
    async with platform() as one, client(one) as sms:
        await sms.balance()
        for _ in range(HttpOptions().in_flight):
            await sms._shared.pool.places.acquire()
        assert await sms.v2.probe(node_of(one, 1)) is False
        assert sms._shared.nodes.snapshot()[0].state == "healthy"


async def test_an_unknown_host_name_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    async with platform(clock) as one, client(one, nodes=["https://nowhere.invalid"]) as sms:
        with pytest.raises(RequestFailed):
            await sms.v2.balance(timeout=20.0)


async def test_a_session_without_an_api_key() -> None:
    async with SmsTraffic(login="l", password="p") as sms:
        with pytest.raises(ConfigurationError, match="api_key"):
            await sms.v2.balance()
        with pytest.raises(ConfigurationError, match="api_key"):
            HttpV2(
                sms.settings,
                pool=sms._shared.pool,
                nodes=sms._shared.nodes,
                pauses=sms._shared.pauses,
                clock=VirtualClock(),
                telemetry=sms._shared.telemetry,
            )


async def test_a_client_of_its_own_needs_no_session() -> None:
    async with platform() as one, client(one) as sms:
        shared = sms._shared
        alone = HttpV2(
            sms.settings,
            pool=shared.pool,
            nodes=shared.nodes,
            pauses=shared.pauses,
            clock=one.clock,
            telemetry=shared.telemetry,
        )
        assert (await alone.balance()).raw == "12520.35"
