"""One try: what is sent, what is told to whom, deadlines, places and cancellation at every phase."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError, NotSent
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.protocols.http.exchange import HttpAnswer, call
from sms_traffic_async.protocols.http.stage import Stage
from sms_traffic_async.protocols.http.stream import StreamedAnswer
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http.kit import CAP, Desk, desk, raw_server, read_request, request, response
from tests.support.servers import misbehaving
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual


class Server:
    """Answers with the given bytes, one after the other, and keeps what came."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            self.requests.append(await read_request(reader))
            writer.write(self.answers.pop(0))


async def test_the_request_on_the_wire() -> None:
    server = Server(response(b'{"a":1}', headers="Content-Type: application/json\r\nX-One: 1\r\nSet-Cookie: a=b\r\n"))
    sent = request()
    async with raw_server(server) as url, desk(url) as one:
        answer = await one.exchange(sent)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body, answer.headers.get("x-one")) == (200, b'{"a":1}', "1")
    assert answer.node == one.node.name
    assert answer.ended >= answer.started
    line, headers, body = server.requests[0]
    assert line == "POST /v2/send HTTP/1.1"
    assert body == sent.content
    assert headers["authorization"] == "Bearer 1837/ptf9Bs9Apk4EgyP4gUCy2ajwfFVchwaR"
    assert headers["host"] == one.node.name
    assert headers["accept-encoding"] == "identity"
    assert headers["user-agent"].startswith("sms-traffic-async/")


async def test_no_cookie_comes_back() -> None:
    server = Server(*[response(headers="Set-Cookie: session=1; Path=/\r\n")] * 2)
    async with raw_server(server) as url, desk(url) as one:
        for _ in range(2):
            await one.exchange()
    assert "cookie" not in server.requests[1][1]
    assert server.connections == 1


async def test_a_path_prefix_of_the_node_is_kept() -> None:
    server = Server(response())
    async with raw_server(server) as url, desk(f"{url}/gateway/") as one:
        await one.exchange()
    assert server.requests[0][0] == "POST /gateway/v2/send HTTP/1.1"


async def test_a_compressed_answer_is_inflated_here() -> None:
    server = Server(response(gzip.compress(b"x" * 1000), headers="Content-Encoding: gzip\r\n"))
    async with raw_server(server) as url, desk(url) as one:
        answer = await one.exchange()
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b"x" * 1000


@pytest.mark.parametrize("encoding", ["br", "zstd"])
async def test_a_compression_nobody_asked_for_is_no_answer(encoding: str) -> None:
    server = Server(response(b"?", headers=f"Content-Encoding: {encoding}\r\n"))
    async with raw_server(server) as url, desk(url) as one:
        result = await one.exchange()
    assert isinstance(result, Attempt)
    assert (result.verdict, result.status) == (Verdict.AMBIGUOUS, 200)


@pytest.mark.parametrize("size, fits", [(1000, True), (1001, False)])
async def test_the_cap(size: int, fits: bool) -> None:
    async with raw_server(Server(response(b"x" * size))) as url, desk(url) as one:
        result = await one.exchange(cap=1000)
    assert isinstance(result, HttpAnswer) is fits
    if isinstance(result, Attempt):
        assert result.verdict is Verdict.AMBIGUOUS


@pytest.mark.parametrize(
    "answer",
    [
        response(b"x" * 200_000, status="429 Too Many Requests", headers="Retry-After: 3\r\n"),
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 500\r\n\r\ncut",
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\n?",
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["huge", "cut", "garbled", "bad chunk"],
)
async def test_a_status_speaks_whatever_its_body_does(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)

    async with raw_server(serve) as url, desk(url) as one:
        result = await one.exchange()
    assert isinstance(result, HttpAnswer)
    assert (result.status, result.headers.get("retry-after")) == (429, "3")


async def test_a_dripping_body_does_not_swallow_its_status() -> None:
    clock = VirtualClock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x")
            await asyncio.sleep(1)

    async with raw_server(serve) as url, desk(url, clock=clock) as one:
        began = clock.monotonic()
        result = await one.exchange(timeout=10.0)
        assert clock.monotonic() - began < 2.0
    assert isinstance(result, HttpAnswer)
    assert result.status == 401


async def test_the_deadline_covers_everything() -> None:
    clock = VirtualClock()
    async with misbehaving("drip") as server, desk(server.base_url, clock=clock) as one:
        began = clock.monotonic()
        result = await one.exchange(timeout=4.0)
        assert clock.monotonic() - began == pytest.approx(4.0)
    assert isinstance(result, Attempt)
    assert (result.verdict, result.description) == (Verdict.AMBIGUOUS, "the deadline passed")


async def occupied(one: Desk, count: int) -> None:
    for _ in range(count):
        await one.pool.places.acquire()


async def test_no_free_place_until_the_deadline_is_overload() -> None:
    clock = VirtualClock()
    async with misbehaving("healthy") as server, desk(server.base_url, clock=clock) as one:
        await occupied(one, HttpOptions().in_flight)
        began = clock.monotonic()
        with pytest.raises(NotSent) as caught:
            await one.exchange(timeout=2.0)
        assert clock.monotonic() - began == pytest.approx(2.0)
        assert caught.value.reason == "overloaded"
        assert not server.requests
        assert one.nodes.snapshot()[0].failures == 0, "our own queue says nothing about the node"
        one.pool.places.release()
        assert isinstance(await one.exchange(), HttpAnswer)


@pytest.mark.parametrize("timeout", [5.0, 14.0])
async def test_a_borrowed_client_without_a_free_connection_is_overload_too(timeout: float) -> None:
    import httpx

    async with (
        httpx.AsyncClient(limits=httpx.Limits(max_connections=1)) as client,
        misbehaving("accept_and_hang") as server,
        desk(server.base_url, http=HttpOptions(client=client)) as one,
    ):
        holder = asyncio.create_task(one.exchange(timeout=100.0))
        await asyncio.sleep(0.1)
        with pytest.raises(NotSent) as caught:
            await one.exchange(timeout=timeout)
        assert caught.value.reason == "overloaded"
        assert one.nodes.snapshot()[0].in_flight == 1
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)


@pytest.mark.parametrize("in_flight", [1, 3])
async def test_no_more_in_flight_than_places(in_flight: int) -> None:
    busy = peak = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal busy, peak
        while True:
            await read_request(reader)
            busy += 1
            peak = max(peak, busy)
            await asyncio.sleep(0.5)
            busy -= 1
            writer.write(response())

    async with raw_server(serve) as url, desk(url, http=HttpOptions(in_flight=in_flight)) as one:
        results = await asyncio.gather(*(one.exchange() for _ in range(10)))
    assert all(isinstance(result, HttpAnswer) for result in results)
    assert peak == in_flight


async def test_a_report_takes_no_place_and_waits_longer() -> None:
    clock = VirtualClock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            await asyncio.sleep(299)
            writer.write(response(status="204 No Content"))

    async with raw_server(serve) as url, desk(url, clock=clock) as one:
        await occupied(one, HttpOptions().in_flight)
        async with one.stream(request(method="GET"), timeout=400.0) as answer:
            assert isinstance(answer, StreamedAnswer)
            assert answer.status == 204
        assert one.nodes.snapshot()[0].state == "healthy", "a long poll's silence is no suspicion"


async def test_a_read_timeout_ends_an_ordinary_request() -> None:
    clock = VirtualClock()
    async with misbehaving("accept_and_hang") as server, desk(server.base_url, clock=clock) as one:
        began = clock.monotonic()
        result = await one.exchange(timeout=100.0)
        assert clock.monotonic() - began == pytest.approx(one.timeouts.read, abs=0.5)
        assert one.nodes.snapshot()[0].state == "suspect"
    assert isinstance(result, Attempt)
    assert "ReadTimeout" in str(result.cause)


async def test_what_reading_makes_of_an_answer_is_part_of_the_try() -> None:
    def read(answer: HttpAnswer) -> Attempt:
        return Attempt(node=answer.node, started=answer.started, ended=answer.ended, verdict=Verdict.AMBIGUOUS)

    async with misbehaving("healthy") as server, desk(server.base_url) as one:
        for _ in range(5):
            result = await call(
                one.pool,
                one.node,
                request(),
                read,
                nodes=one.nodes,
                clock=one.clock,
                deadline=one.clock.monotonic() + 5,
                timeouts=one.timeouts,
                cap=CAP,
            )
            assert isinstance(result, Attempt)
        assert one.nodes.snapshot()[0].state == "open"
        assert {event.verdict for event in one.events} == {"ambiguous"}


@pytest.mark.parametrize("status, failures", [(200, 0), (429, 0), (404, 0), (401, 0), (502, 1), (408, 1)])
async def test_what_the_node_is_held_to(status: int, failures: int) -> None:
    async with raw_server(Server(response(status=f"{status} Some"))) as url, desk(url) as one:
        assert isinstance(await one.exchange(), HttpAnswer)
        assert one.nodes.snapshot()[0].failures == failures


async def test_events_and_counters() -> None:
    async with raw_server(Server(response(status="404 Not Found"))) as url, desk(url) as one:
        await one.exchange()
        (event,) = one.events
        assert (event.operation, event.node, event.status) == ("v2.send", one.node.name, 404)
        assert event.seconds >= 0
        assert sum(one.pool.telemetry.stats.snapshot().values()) == 1


async def test_a_closed_pool_says_so() -> None:
    async with misbehaving("healthy") as server, desk(server.base_url) as one:
        await one.exchange()
        await one.pool.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await one.exchange()
        assert one.nodes.snapshot()[0].in_flight == 0


async def test_reading_that_fails_leaves_nothing_behind() -> None:
    def read(answer: HttpAnswer) -> Any:
        raise ZeroDivisionError

    async with misbehaving("healthy") as server, desk(server.base_url) as one:
        with pytest.raises(ZeroDivisionError):
            await call(
                one.pool,
                one.node,
                request(),
                read,
                nodes=one.nodes,
                clock=one.clock,
                deadline=one.clock.monotonic() + 5,
                timeouts=one.timeouts,
                cap=CAP,
            )
        assert one.nodes.snapshot()[0].in_flight == 0
        assert not one.pool.places.locked()


# How far the request is let before the caller gives up: what the server does, and whether bytes have left by then.
PHASES = {
    "place": None,
    "connect": "unreachable",
    "tls": "tls_hangs",
    "write": "stops_reading",
    "head": "accept_and_hang",
    "body": "drip",
}


@pytest.mark.parametrize("phase", PHASES)
async def test_cancellation_at_every_await(phase: str, no_tasks_left: None) -> None:
    name = PHASES[phase]
    async with misbehaving(name or "healthy") as server, desk(server.base_url, ssl_context=server.ssl_context) as one:
        if name is None:
            await occupied(one, HttpOptions().in_flight)
        stage = Stage("POST")
        big = request(body_bytes=8_000_000 if phase == "write" else 0)
        task = asyncio.create_task(one.exchange(big, timeout=100.0, stage=stage))
        await asyncio.sleep(50.0 if phase == "body" else 1.0)
        assert not task.done()
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert caught.value.args in {("enough",), ()}
        assert stage.unsent is (phase in {"place", "connect", "tls"})
        if name is None:
            for _ in range(HttpOptions().in_flight):
                one.pool.places.release()
        assert one.pool.places._value == HttpOptions().in_flight, "the place was not given back"
        assert one.nodes.snapshot()[0].in_flight == 0
        assert one.nodes.snapshot()[0].failures == 0
        verdicts = [event.verdict for event in one.events]
        assert verdicts == ([] if name is None else ["cancelled"])
        transport: Any = one.pool.ready()
        if transport is not None:
            assert not transport._transport._pool.connections, "a connection was left open"


async def test_a_user_deadline_around_it_works() -> None:
    async with misbehaving("accept_and_hang") as server, desk(server.base_url) as one:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await one.exchange(timeout=100.0)


async def test_a_cancelled_wait_for_a_place_lets_the_next_one_in() -> None:
    async with misbehaving("healthy") as server, desk(server.base_url, http=HttpOptions(in_flight=1)) as one:
        await occupied(one, 1)
        first = asyncio.create_task(one.exchange())
        second = asyncio.create_task(one.exchange())
        await asyncio.sleep(0.1)
        first.cancel()
        one.pool.places.release()
        assert isinstance(await second, HttpAnswer)
        assert isinstance(await one.exchange(), HttpAnswer)
