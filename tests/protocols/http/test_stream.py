"""A download: head, pieces, ends of all kinds."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.protocols.http.caps import PIECE
from sms_traffic_async.protocols.http.stream import StreamBroken, StreamedAnswer
from tests.protocols.http.kit import Desk, desk, raw_server, read_request, request, response
from tests.support.exposure import shown
from tests.support.servers import misbehaving
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

GET = request(method="GET")


def streamed(one: Desk, *, timeout: float = 600.0, cap: int | None = None) -> Any:
    return one.stream(GET, timeout=timeout, cap=cap)


@asynccontextmanager
async def serving(*answers: bytes, pause: float = 0.0) -> AsyncIterator[Desk]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            for part in answers:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)

    async with raw_server(serve) as url, desk(url) as one:
        yield one


async def test_the_head_first_and_then_the_body_in_pieces() -> None:
    body = bytes(range(256)) * 4000
    async with serving(response(body, headers="Accept-Ranges: bytes\r\n")) as one:
        for _ in range(2):
            async with streamed(one) as answer:
                assert isinstance(answer, StreamedAnswer)
                assert (answer.status, answer.headers.get("accept-ranges"), answer.compressed) == (200, "bytes", False)
                pieces = [piece async for piece in answer.pieces()]
            assert b"".join(pieces) == body
            assert max(map(len, pieces)) <= PIECE
        assert {event.verdict for event in one.events} == {"answered"}
        transport: Any = one.pool.ready(report=True)
        assert len(transport._transport._pool.connections) == 1, "a body read to its end keeps the connection"


@pytest.mark.parametrize("status, reason", [(204, "No Content"), (404, "Not Found")])
async def test_answers_without_a_body_to_speak_of(status: int, reason: str) -> None:
    async with serving(f"HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\n\r\n".encode()) as one:
        async with streamed(one) as answer:
            assert answer.status == status
            assert [piece async for piece in answer.pieces()] == []
        assert one.nodes.snapshot()[0].failures == 0


async def test_a_gateway_that_fails_counts_against_the_node() -> None:
    async with serving(response(status="502 Bad Gateway")) as one:
        async with streamed(one) as answer:
            assert answer.status == 502
        assert one.nodes.snapshot()[0].failures == 1


async def test_compressed_all_the_same() -> None:
    body = b"12345;Delivered\n" * 50_000
    async with (
        serving(response(gzip.compress(body), headers="Content-Encoding: gzip\r\n")) as one,
        streamed(one) as answer,
    ):
        assert answer.compressed
        assert b"".join([piece async for piece in answer.pieces()]) == body


async def test_a_compression_nobody_can_undo_is_an_attempt() -> None:
    async with serving(response(b"?", headers="Content-Encoding: br\r\n")) as one, streamed(one) as answer:
        assert isinstance(answer, Attempt)
        assert (answer.status, answer.verdict) == (200, Verdict.AMBIGUOUS)


BROKEN = {
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf",
    "bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    "bad gzip": response(gzip.compress(b"x" * 1000)[:-9] + b"\xff" * 9, headers="Content-Encoding: gzip\r\n"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_body_that_breaks_off(case: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(BROKEN[case])

    async with raw_server(serve) as url, desk(url) as one:
        with pytest.raises(StreamBroken) as caught:
            async with streamed(one) as answer:
                async for _ in answer.pieces():
                    pass
        assert caught.value.attempt.verdict is Verdict.AMBIGUOUS
        assert caught.value.attempt.status == 200
        assert one.nodes.snapshot()[0].in_flight == 0
        assert "ptf9" not in shown(caught.value)


async def test_the_cap() -> None:
    async with serving(response(b"x" * 1000)) as one:
        with pytest.raises(StreamBroken, match="999 bytes"):
            async with streamed(one, cap=999) as answer:
                async for _ in answer.pieces():
                    pass


async def test_the_deadline_counts_between_pieces_too() -> None:
    clock = VirtualClock()
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", b"a", b"b", b"c", pause=10.0) as one:
        began = clock.monotonic()
        with pytest.raises(StreamBroken, match="deadline"):
            async with streamed(one, timeout=25.0) as answer:
                async for _ in answer.pieces():
                    pass
        assert clock.monotonic() - began == pytest.approx(25.0)


async def test_what_the_caller_does_with_a_piece_is_not_cancelled() -> None:
    async with serving(response(b"x" * 200_000)) as one:
        with pytest.raises(StreamBroken, match="deadline"):
            async with streamed(one, timeout=5.0) as answer:
                async for _ in answer.pieces():
                    await asyncio.sleep(10.0)


@pytest.mark.parametrize("name", ["refused", "accept_and_hang", "garbage_status_line"])
async def test_no_head(name: str) -> None:
    async with misbehaving(name) as server, desk(server.base_url) as one, streamed(one, timeout=20.0) as answer:
        assert isinstance(answer, Attempt)
        assert answer.verdict is (Verdict.UNSENT if name == "refused" else Verdict.AMBIGUOUS)


async def test_leaving_early_closes_the_connection() -> None:
    async with serving(response(b"x" * 3_000_000)) as one:
        async with streamed(one) as answer:
            async for _ in answer.pieces():
                break
        transport: Any = one.pool.ready(report=True)
        assert not transport._transport._pool.connections


async def test_the_callers_own_error_goes_through() -> None:
    async with serving(response(b"x" * 3_000_000)) as one:
        with pytest.raises(ZeroDivisionError):
            async with streamed(one):
                raise ZeroDivisionError
        assert [event.verdict for event in one.events] == ["cancelled"]


async def test_a_closed_pool() -> None:
    async with serving() as one:
        await one.pool.aclose()
        with pytest.raises(ConfigurationError):
            async with streamed(one):
                pass


@pytest.mark.parametrize("phase, name", [("connect", "unreachable"), ("head", "accept_and_hang"), ("body", "drip")])
async def test_cancellation(phase: str, name: str, no_tasks_left: None) -> None:
    async with misbehaving(name) as server, desk(server.base_url) as one:

        async def download() -> None:
            async with streamed(one) as answer:
                async for _ in answer.pieces():
                    pass

        task = asyncio.create_task(download())
        await asyncio.sleep(50.0 if phase == "body" else 1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert "ptf9" not in shown(caught.value)
        assert one.nodes.snapshot()[0].in_flight == 0
        assert [event.verdict for event in one.events] == ["cancelled"]
        transport: Any = one.pool.ready(report=True)
        assert not transport._transport._pool.connections
