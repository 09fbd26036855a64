"""send_many: order, bounds, leaving early, errors of the source."""

import asyncio
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from sms_traffic_async.bulk import BulkSend, BulkSummary, Messages
from sms_traffic_async.errors import ConfigurationError, NotSent, OutcomeUnknown, Rejected, SendError
from sms_traffic_async.lifecycle import Interrupted, Life, SessionClosed
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.posting import Tray
from tests.support.virtual_loop import VirtualClock, virtual

CLOCK = VirtualClock()
pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left", "door")]
TASKS, POSTER = "a task for each", "a poster"
Send: TypeAlias = Callable[[Message], Awaitable[Submission]]


class Door:
    """How the messages of these tests are handed in: everything holds for both."""

    kind = TASKS


@pytest.fixture(params=[TASKS, POSTER])
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "kind", request.param)


class PosterOf:
    """A `Poster` that sends by a function, so many at once."""

    def __init__(self, send: Send, life: Life, room: int = 10**9, broken_after: int = 10**9) -> None:
        self._send = send
        self._life = life
        self._room = room
        self._broken_after = broken_after
        self._news = asyncio.Event()
        self.waited = 0

    def post(self, messages: Sequence[Message], first: int, tray: Tray, task: asyncio.Task[Any]) -> int:
        count = min(self._room, len(messages), self._broken_after)
        if not self._broken_after:
            raise ConfigurationError("another loop")
        self._broken_after -= count
        for index, message in enumerate(messages[:count], first):
            self._room -= 1
            Carrying(self._life, task, self._carry(message, index, tray))
        return count

    async def post_in_turn(self, message: Message, index: int, tray: Tray, task: asyncio.Task[Any]) -> None:
        self.waited += 1
        while not self._room:
            self._news.clear()
            await self._news.wait()
        assert self.post([message], index, tray, task) == 1

    async def _carry(self, message: Message, index: int, tray: Tray) -> None:
        outcome: Submission | SendError
        try:
            outcome = await self._send(message)
        except SendError as error:
            outcome = error
        self._room += 1
        self._news.set()
        if isinstance(outcome, SendError):
            tray.refuse(message, index, outcome)
        else:
            tray.accepted.append((message, index, outcome))
            tray.take()


class Carrying:
    """One message that a `PosterOf` sends, as the call that its session knows."""

    def __init__(self, life: Life, task: asyncio.Task[Any], work: Coroutine[Any, Any, None]) -> None:
        self.task: asyncio.Task[Any] | None = task
        self._life = life
        self._work = asyncio.create_task(work)
        self._work.add_done_callback(lambda _: life.forget(self))
        life.calls.add(self)

    def interrupt(self) -> None:
        self._life.interrupt([self._work])


def sending_by(source: Messages, send: Send, life: Life, **options: Any) -> BulkSend:
    poster = PosterOf(send, life) if Door.kind == POSTER else None
    return BulkSend(source, send, poster=poster, life=life, **options)


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
    return sending_by(source, carrier.within(life), life, concurrency=concurrency), life


def bulk_of(source: Messages) -> tuple[BulkSend, Carrier]:
    carrier = Carrier()
    return bulk(source, carrier)[0], carrier


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


async def test_after_an_error_of_the_source_nobody_asks_it_again() -> None:
    """Whoever waits for the next message comes before the one that failed is through: it must not take one."""

    class Failing(Iterator[Message]):
        asked = 0

        def __next__(self) -> Message:
            self.asked += 1
            if self.asked == 5:
                raise RuntimeError("the database went away")
            return message(self.asked)

    def broken() -> Iterator[Message]:
        yield from map(message, range(4))
        raise RuntimeError("the database went away")

    for source in (broken(), Failing()):
        sending, _ = bulk(source, Carrier())
        with pytest.raises(RuntimeError, match="database"):
            async with sending as results:
                _ = [result async for result in results]
        assert sending.summary.taken == 4
        assert not sending.summary.exhausted
        assert sending.summary.untouched is None


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
    sending = sending_by((message(0) for _ in range(1000)), closed, life, concurrency=4)
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


class Labelled(Message):
    """A message of somebody's own kind."""


async def test_what_came_before_something_else_is_sent_and_that_is_told() -> None:
    first = [message(0), Labelled(to="79160000001", text="text"), message(2)]
    sending, carrier = bulk_of([*first, "79161112233", message(4)])  # type: ignore[list-item] # misuse
    seen: list[Message] = []
    with pytest.raises(ConfigurationError, match="item 3 is a str"):
        async with sending as results:
            async for result in results:
                seen.append(result.message)  # noqa: PERF401 - read up to the error
    assert seen == first
    assert carrier.sent == 3


async def test_progress_is_told_of_a_few_too() -> None:
    """A poster is not given each message anew; whoever looks at the progress is."""
    life, accepted = Life(), list[int]()
    life.bind()
    sent = itertools.count(1)

    async def send(one: Message) -> Submission:
        await asyncio.sleep(next(sent))
        return await carrier.send(one)

    carrier = Carrier()
    sending = sending_by(
        map(message, range(0, 1000, 10)),
        send,
        life,
        concurrency=100,
        progress=lambda so_far: accepted.append(so_far.accepted),
    )
    async with sending as results:
        assert len([result async for result in results]) == 100
    assert {*range(1, 100)} <= set(accepted)


# --- a poster


def posted_by(poster: PosterOf, source: Messages, life: Life, concurrency: int) -> BulkSend:
    async def send(_one: Message) -> Submission:
        raise AssertionError

    return BulkSend(source, send, poster=poster, life=life, concurrency=concurrency, clock=CLOCK)


def open_life() -> Life:
    life = Life()
    life.bind()
    return life


async def test_a_poster_without_room_is_waited_for() -> None:
    life, carrier = open_life(), Carrier()
    poster = PosterOf(quick(carrier, life), life, room=3)
    async with posted_by(poster, map(message, range(700)), life, concurrency=600) as results:
        seen = [result.index async for result in results]
    assert sorted(seen) == list(range(700))
    assert (carrier.sent, results.summary.accepted) == (700, 700)
    assert poster.waited > 100


async def test_leaving_while_a_poster_has_no_room_loses_no_message() -> None:
    life, carrier = open_life(), Carrier()
    poster = PosterOf(carrier.within(life), life, room=2)
    async with posted_by(poster, map(message, range(700)), life, concurrency=6) as results:
        await anext(results)
        await asyncio.sleep(0)
    rest = [result async for result in results]
    assert sorted(result.index for result in rest) == list(range(1, 1 + len(rest)))
    summary = results.summary
    assert (summary.taken, summary.interrupted) == (1 + len(rest), 0)
    assert summary.unknown == 2
    assert summary.not_sent == len(rest) - 2 - (summary.accepted - 1) > 0
    assert {result.error.reason for result in rest if isinstance(result.error, NotSent)} == {"closed"}


async def test_what_a_poster_raises_ends_the_work_and_what_was_taken_has_its_outcome() -> None:
    life, carrier = open_life(), Carrier()
    poster = PosterOf(quick(carrier, life), life, broken_after=5)
    seen: list[int] = []
    with pytest.raises(ConfigurationError, match="another loop"):
        async with posted_by(poster, map(message, range(700)), life, concurrency=8) as results:
            async for result in results:
                seen += [result.index] if result.ok else []
    assert seen == list(range(5))
    assert (results.summary.taken, results.summary.accepted, results.summary.not_sent) == (8, 5, 3)


async def test_what_has_no_outcome_in_time_is_left_without_one() -> None:
    async def stubborn(_one: Message) -> Submission:
        await asyncio.sleep(100)
        raise OutcomeUnknown("nobody is there any more")

    life = open_life()
    started = CLOCK.monotonic()
    async with posted_by(PosterOf(stubborn, life), map(message, range(700)), life, concurrency=8) as results:
        await asyncio.sleep(0.01)
        life.calls.clear()  # nothing interrupts them
    assert CLOCK.monotonic() - started < 6
    assert [result async for result in results] == []
    await asyncio.sleep(200)
    assert [result async for result in results] == []
    assert (results.summary.taken, results.summary.interrupted) == (8, 8)


# --- rate, progress, sources, summary


def quick(carrier: Carrier, life: Life) -> Callable[[Message], Awaitable[Submission]]:
    async def send(one: Message) -> Submission:
        with life.call():
            await asyncio.sleep(0)
        carrier.sent += 1
        return Submission(
            via="v2", message_ids=("1",), key="k", to=one.to, node="n", accepted_at=datetime(2026, 1, 1, tzinfo=UTC)
        )

    return send


def fast(source: Messages, concurrency: int = 50, **options: Any) -> tuple[BulkSend, Carrier]:
    life, carrier = Life(), Carrier()
    life.bind()
    send = quick(carrier, life)
    return sending_by(source, send, life, concurrency=concurrency, clock=CLOCK, **options), carrier


async def test_a_rate_counts_parts_and_keeps_the_order() -> None:
    texts = ["x"] * 10 + ["x" * 400] + ["x"] * 10  # 3 parts in the middle
    sending, _ = fast([Message(to="79161112233", text=text) for text in texts], rate=10)
    started = CLOCK.monotonic()
    async with sending as results:
        at = [(result.index, round(CLOCK.monotonic() - started, 3)) async for result in results]
    assert [index for index, _ in at] == list(range(21))
    assert at[10] == (10, 1.0)
    assert at[11] == (11, 1.3)
    assert at[20] == (20, 2.2)


async def test_leaving_while_one_waits_for_its_turn_says_that_it_was_not_sent() -> None:
    sending, carrier = fast((message(0) for _ in range(100)), rate=1)
    async with sending as results:
        await anext(results)
        await anext(results)
    rest = [result async for result in results]
    assert [result.error.reason for result in rest if isinstance(result.error, NotSent)] == ["closed"]
    summary = sending.summary
    assert (summary.taken, summary.accepted, summary.not_sent, summary.interrupted) == (3, 2, 1, 0)
    assert carrier.sent == 2


async def test_progress_is_told_now_and_then_and_at_the_end() -> None:
    told: list[tuple[float, int]] = []
    sending, _ = fast(
        [message(0) for _ in range(100)],
        rate=20,
        progress=lambda summary: told.append((CLOCK.monotonic(), summary.accepted)),
    )
    async with sending as results:
        async for _ in results:
            pass
    times = [at for at, _ in told]
    assert all(later - earlier >= 0.199 for earlier, later in itertools.pairwise(times[:-1]))
    assert 20 <= len(told) <= 27
    assert told[-1][1] == 100


async def test_an_error_of_progress_ends_the_work() -> None:
    def broken(_summary: BulkSummary) -> None:
        raise ZeroDivisionError

    sending, carrier = fast((message(0) for _ in range(1000)), rate=100, progress=broken)
    with pytest.raises(ZeroDivisionError):
        async with sending as results:
            async for _ in results:
                pass
    assert carrier.sent < 100


async def test_a_generator_is_closed_on_leaving() -> None:
    closed: list[str] = []

    def lazily() -> Iterator[Message]:
        try:
            while True:
                yield message(0)
        finally:
            closed.append("generator")

    async def asynchronously() -> AsyncIterator[Message]:
        try:
            while True:
                await asyncio.sleep(0.001)
                yield message(0)
        finally:
            await asyncio.sleep(0.1)
            closed.append("asynchronous generator")

    async def waits() -> AsyncIterator[Message]:
        try:
            yield message(0)
            await asyncio.sleep(1e6)
        finally:
            closed.append("one that waits")

    for source in (lazily(), asynchronously(), waits()):
        sending, _ = fast(source, concurrency=3)
        async with sending as results:
            await anext(results)
        assert sending.summary.untouched is None
    assert closed == ["generator", "asynchronous generator", "one that waits"]


async def test_a_generator_that_does_not_end_holds_nobody_for_ever() -> None:
    async def stubborn() -> AsyncIterator[Message]:
        try:
            while True:
                yield message(0)
        finally:
            await asyncio.sleep(1e6)

    sending, _ = fast(stubborn(), concurrency=1)
    started = CLOCK.monotonic()
    async with sending as results:
        await anext(results)
    assert CLOCK.monotonic() - started < 20


async def test_a_generator_whose_end_takes_long_hides_no_error_and_no_cancellation() -> None:
    async def slow() -> AsyncIterator[Message]:
        try:
            yield message(0)
            await asyncio.sleep(1e6)
        finally:
            await asyncio.sleep(100)

    async def read() -> None:
        async with sending as results:
            await anext(results)
            await asyncio.sleep(1)

    sending, _ = fast(slow(), concurrency=2)
    await read()
    sending, _ = fast(slow(), concurrency=2)
    reader = asyncio.create_task(read())
    await asyncio.sleep(2)  # it is leaving the block
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    await asyncio.sleep(200)


async def test_a_source_reads_in_the_callers_context() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    token = variable.set("the caller's")

    def lazily() -> Iterator[Message]:
        for number in range(5):
            assert variable.get() == "the caller's"
            yield message(number)

    async def asynchronously() -> AsyncIterator[Message]:
        for one in lazily():
            await asyncio.sleep(0)
            yield one

    for source in (lazily(), asynchronously()):
        sending, _ = fast(source, concurrency=3)
        async with sending as results:
            assert len([result async for result in results]) == 5
    variable.reset(token)


async def test_a_generator_may_hold_what_belongs_to_a_task_or_a_context() -> None:
    variable: ContextVar[int] = ContextVar("variable", default=0)
    tasks: set[asyncio.Task[None] | None] = set()

    async def rows() -> AsyncIterator[Message]:
        token = variable.set(1)
        async with asyncio.timeout(3):
            for number in range(5):
                tasks.add(asyncio.current_task())
                assert variable.get() == 1
                yield message(number)
            await asyncio.sleep(1e6)
        variable.reset(token)

    sending, carrier = bulk_of(rows())
    with pytest.raises(TimeoutError):
        async with sending as results:
            _ = [result async for result in results]
    assert len(tasks) == 1
    assert sending.summary.accepted == carrier.sent == 5
    assert sending.summary.interrupted == 0
    for wanted in (0, 3):  # left on the way: closed by the task that opened it
        sending, _ = bulk_of(rows())
        async with sending as results:
            for _ in range(wanted):
                await anext(results)
    assert len(tasks) == 2


async def test_a_generator_that_had_begun_is_closed_even_if_nothing_was_read() -> None:
    closed: list[bool] = []

    async def rows() -> AsyncIterator[Message]:
        try:
            while True:
                yield message(0)
        finally:
            closed.append(True)

    source = rows()
    await anext(source)
    sending, _ = bulk_of(source)
    async with sending:
        pass
    assert closed == [True]
    assert sending.summary.taken == 0


async def test_leaving_loses_no_message_that_was_read() -> None:
    """At every step of the loop: what the source gave has a result, or was told to the platform."""
    for steps in range(40):
        given: list[str] = []

        async def rows(given: list[str] = given) -> AsyncIterator[Message]:
            for number in itertools.count():
                await asyncio.sleep(0)
                given.append(message(number).to)
                yield message(number)

        sending, _ = bulk_of(rows())
        async with sending as results:
            for _ in range(steps):
                await asyncio.sleep(0)
        told = [result.message.to async for result in results]
        assert sorted(told) == given, steps
        assert sending.summary.taken == len(given)
        assert sorted(told) == sorted(set(told))


async def test_the_summary_says_what_was_left_untouched() -> None:
    sending, _ = bulk([message(number) for number in range(100)], Carrier())
    assert sending.summary.untouched == 100
    async with sending as results:
        for _ in range(10):
            await anext(results)
    summary = sending.summary
    assert summary.total == 100
    assert summary.untouched == 100 - summary.taken > 0
    assert str(summary) == (
        f"{summary.accepted} accepted, {summary.rejected} rejected, {summary.not_sent} not sent, "
        f"{summary.unknown} unknown, {summary.untouched} untouched"
    )
    sending, _ = bulk((message(number) for number in range(10)), Carrier())
    assert sending.summary.untouched is None
    assert str(sending.summary).endswith("the rest untouched")
    async with sending as results:
        assert len([result async for result in results]) == 10
    assert str(sending.summary) == "7 accepted, 1 rejected, 1 not sent, 1 unknown, none untouched"


async def test_no_more_tasks_than_messages() -> None:
    sending, _ = fast([message(0), message(1)], concurrency=5000)
    before = len(asyncio.all_tasks())
    async with sending as results:
        assert len(asyncio.all_tasks()) - before == (1 if Door.kind == POSTER else 2)
        assert len([result async for result in results]) == 2
    empty, _ = fast([])
    async with empty as results:
        assert [result async for result in results] == []
    assert empty.summary.untouched == 0


async def test_memory_does_not_grow_with_the_messages() -> None:
    sending, carrier = fast(message(number) for number in range(10_000))
    seen = 0
    tracemalloc.start()
    try:
        async with sending as results:
            async for _ in results:
                seen += 1
                if seen == 1_000:
                    early, _ = tracemalloc.get_traced_memory()
                    tracemalloc.reset_peak()
            _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (seen, carrier.sent) == (10_000, 10_000)
    assert peak - early < 500_000


async def test_misuse_of_the_newer_arguments() -> None:
    async def coroutine(_summary: BulkSummary) -> None: ...

    for options in ({"rate": 0}, {"rate": "20"}, {"progress": 5}, {"progress": coroutine}):
        with pytest.raises(ConfigurationError):
            fast([], **options)
    with pytest.raises(ConfigurationError, match="iterable"):
        fast(message(0))  # type: ignore[arg-type] # misuse
