"""send_many: order, bounds, leaving early, errors of the source."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime

import pytest

from sms_traffic_async.bulk import BulkSend, Messages
from sms_traffic_async.errors import ConfigurationError, NotSent, OutcomeUnknown, Rejected
from sms_traffic_async.lifecycle import Interrupted, Life, SessionClosed
from sms_traffic_async.messages import Message, Submission
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


def message(number: int) -> Message:
    return Message(to=f"7916{number:07d}", text=f"text {number}")


class Carrier:
    """Takes a second a message; the last digit of the number picks the outcome."""

    def __init__(self) -> None:
        self.most = 0
        self.now = 0
        self.sent = 0

    def within(self, life: Life) -> Callable[[Message], Awaitable[Submission]]:
        async def send(one: Message) -> Submission:
            try:
                with life.call():
                    return await self.send(one)
            except Interrupted:
                raise OutcomeUnknown("interrupted") from None
            except SessionClosed:
                raise NotSent("closed", reason="closed") from None

        return send

    async def send(self, one: Message) -> Submission:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(1)
        finally:
            self.now -= 1
        self.sent += 1
        match one.to[-1]:
            case "7":
                raise Rejected("refused")
            case "8":
                raise NotSent("not sent", reason="unreachable")
            case "9":
                raise OutcomeUnknown("unknown")
        return Submission(
            via="v2", message_ids=("1",), key="k", to=one.to, node="n", accepted_at=datetime(2026, 1, 1, tzinfo=UTC)
        )


def bulk(source: Messages, carrier: Carrier, concurrency: int = 4) -> tuple[BulkSend, Life]:
    life = Life()
    life.bind()
    return BulkSend(source, carrier.within(life), life=life, concurrency=concurrency), life


@pytest.mark.parametrize("kind", ["list", "generator", "async"])
async def test_every_message_has_one_result(kind: str) -> None:
    def lazily() -> Iterator[Message]:
        yield from map(message, range(40))

    async def asynchronously() -> AsyncIterator[Message]:
        for one in lazily():
            await asyncio.sleep(0)
            yield one

    sources: dict[str, Messages] = {"list": list(lazily()), "generator": lazily(), "async": asynchronously()}
    carrier = Carrier()
    sending, _ = bulk(sources[kind], carrier)
    async with sending as results:
        seen = [result async for result in results]
    assert sorted(result.index for result in seen) == list(range(40))
    assert all((result.submission is None) != (result.error is None) for result in seen)
    summary = sending.summary
    assert (summary.taken, summary.accepted, summary.rejected, summary.not_sent, summary.unknown) == (40, 28, 4, 4, 4)
    assert summary.interrupted == 0
    assert summary.exhausted
    assert carrier.most == 4


async def test_no_more_is_read_than_can_be_held() -> None:
    taken = 0

    def endless() -> Iterator[Message]:
        nonlocal taken
        while True:
            taken += 1
            yield message(0)

    sending, _ = bulk(endless(), Carrier())
    async with sending as results:
        await anext(results)
        await asyncio.sleep(100)
        assert taken <= 2 * 4 + 1
    assert not sending.summary.exhausted


async def test_leaving_the_block_stops_the_work_and_loses_no_outcome() -> None:
    carrier = Carrier()
    sending, _ = bulk((message(0) for _ in range(1000)), carrier)
    async with sending as results:
        for _ in range(10):
            await anext(results)
        await asyncio.sleep(0.5)
        told = 10
    summary = sending.summary
    assert summary.accepted == carrier.sent
    assert summary.unknown == summary.taken - carrier.sent == 4
    assert summary.interrupted == 0
    assert summary.taken < 30
    rest = [result async for result in results]  # each message that was taken has its outcome
    assert told + len(rest) == summary.taken


async def test_an_error_of_the_source_reaches_the_reader_after_the_results() -> None:
    def broken() -> Iterator[Message]:
        yield message(0)
        yield message(1)
        raise RuntimeError("the database went away")

    sending, _ = bulk(broken(), Carrier())
    seen = 0
    with pytest.raises(RuntimeError, match="database"):
        async with sending as results:
            async for _ in results:
                seen += 1
    assert seen == 2


async def test_closing_the_session_ends_the_reader() -> None:
    sending, life = bulk((message(0) for _ in range(1000)), Carrier())
    async with sending as results:
        await anext(results)
        await life.close(0)
        rest = [result async for result in results]
    assert len(rest) < 10


async def test_a_closed_session_does_not_burn_through_the_source() -> None:
    async def closed(_one: Message) -> Submission:
        raise NotSent("closed", reason="closed")

    life = Life()
    life.bind()
    sending = BulkSend((message(0) for _ in range(1000)), closed, life=life, concurrency=4)
    async with sending as results:
        seen = [result async for result in results]
    assert len(seen) == 4
    assert not sending.summary.exhausted


async def test_misuse() -> None:
    for concurrency in (0, True, 1.5, "4", 10**9):
        with pytest.raises(ConfigurationError, match="concurrency"):
            bulk([], Carrier(), concurrency=concurrency)  # type: ignore[arg-type] # misuse
    with pytest.raises(ConfigurationError, match="iterable"):
        bulk(5, Carrier())  # type: ignore[arg-type] # misuse
    wrong, _ = bulk(["79161112233"], Carrier())  # type: ignore[list-item] # misuse
    with pytest.raises(ConfigurationError, match="item 0 is a str"):
        async with wrong as results:
            await anext(results)
    sending, _ = bulk([message(0)], Carrier())
    with pytest.raises(ConfigurationError, match="enter it first"):
        await anext(sending)
    async with sending:
        pass
    with pytest.raises(ConfigurationError, match="entered once"):
        async with sending:
            pass
