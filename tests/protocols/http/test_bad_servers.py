"""Whatever a server does, a try ends in time, in bounds, and in the right class."""

from __future__ import annotations

import resource

import pytest

from sms_traffic_async.errors import TlsError
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.protocols.http.exchange import HttpAnswer, refused_by_status
from sms_traffic_async.protocols.http.stage import Stage
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http.kit import CAP, PHONE, SECRET, TEXT, desk, request
from tests.support.exposure import shown
from tests.support.servers import CONTROLS, FACTS, NAMES, misbehaving
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

# Complete answers, whatever they say; everything else is no answer.
ANSWERS = {"redirect_307": 307, "proxy_page": 200, "closes_idle": 200}
CERTIFICATES = ("tls_untrusted", "tls_expired", "tls_not_yet_valid", "tls_wrong_name")
TIMEOUT = 20.0


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("name", NAMES)
async def test_every_bad_server_is_put_in_its_class(name: str) -> None:
    fact = FACTS[name]
    clock = VirtualClock()
    before = memory_mb()
    async with (
        misbehaving(name) as server,
        desk(server.base_url, ssl_context=server.ssl_context, clock=clock) as one,
    ):
        if name in {"rst_on_second_request", "closes_idle"}:
            assert isinstance(await one.exchange(), HttpAnswer)
        if name == "closes_idle":
            await clock.sleep(2.0)
        stage = Stage("POST")
        began = clock.monotonic()
        result = await one.exchange(request(body_bytes=fact.body_bytes), timeout=TIMEOUT, stage=stage)

        assert clock.monotonic() - began <= TIMEOUT + 0.01
        assert one.pool.places.locked() is False
        assert one.nodes.snapshot()[0].in_flight == 0
    if name in ANSWERS:
        assert isinstance(result, HttpAnswer)
        assert result.status == ANSWERS[name]
        assert not server.elsewhere
        return
    assert isinstance(result, Attempt), name
    assert result.verdict is (Verdict.AMBIGUOUS if fact.sent else Verdict.UNSENT)
    assert stage.unsent is not fact.sent
    assert isinstance(result.cause, TlsError) is (name in CERTIFICATES)
    assert memory_mb() - before < 60, "the answer was not kept in bounds"
    seen = f"{result!r} {result.description}" + ("" if result.cause is None else shown(result.cause))
    assert not [word for word in (SECRET, PHONE, TEXT) if word in seen]


@pytest.mark.parametrize("name", CONTROLS)
async def test_a_good_server_is_heard(name: str) -> None:
    async with misbehaving(name) as server, desk(server.base_url, ssl_context=server.ssl_context) as one:
        for _ in range(2):
            result = await one.exchange(timeout=TIMEOUT)
            assert isinstance(result, HttpAnswer)
            assert (result.status, result.body) == (200, server.answer)
        assert server.connections == 1, "the connection was not kept"
        assert server.requests[0].headers["accept-encoding"] == "identity"
        assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("name", ["refused", "tls_untrusted", "unreachable"])
async def test_an_unknown_transport_proves_nothing(name: str) -> None:
    """httpx over another transport may raise ConnectTimeout after the whole body arrived."""
    import httpx

    class Wrapped(httpx.AsyncHTTPTransport):
        pass

    async with misbehaving(name) as server:
        transport = Wrapped(verify=server.ssl_context or True, trust_env=False)
        async with (
            httpx.AsyncClient(transport=transport) as client,
            desk(server.base_url, http=HttpOptions(client=client)) as one,
        ):
            result = await one.exchange(timeout=TIMEOUT)
    assert isinstance(result, Attempt)
    assert result.verdict is Verdict.AMBIGUOUS


async def test_a_429_before_the_body_was_read_may_be_lost_and_is_then_ambiguous() -> None:
    async with misbehaving("early_429") as server, desk(server.base_url) as one:
        result = await one.exchange(request(body_bytes=FACTS["early_429"].body_bytes), timeout=TIMEOUT)
    assert isinstance(result, Attempt)
    assert result.verdict is Verdict.AMBIGUOUS


async def test_the_proxy_page_is_no_refusal_by_status() -> None:
    async with misbehaving("proxy_page") as server, desk(server.base_url) as one:
        result = await one.exchange(timeout=TIMEOUT)
    assert isinstance(result, HttpAnswer)
    assert refused_by_status(result, now=0.0, cap=CAP) is None
