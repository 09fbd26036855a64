"""Whole calls that send nothing, as every protocol over HTTP makes them: repeats, refusals, places and rates."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError, InvalidMessage, RequestFailed, RequestRefused
from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.node import parse_nodes
from sms_traffic_async.policy.attempts import Attempt, CallRules
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.loop import Finished
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.calls import HttpCalls
from sms_traffic_async.protocols.http.exchange import LONG_BODY, HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.failures import Wording
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.http.queries import check_chunk, checked_ids, probe, statuses_by_id
from sms_traffic_async.protocols.http.shared import Shared
from sms_traffic_async.settings import HttpOptions, Settings
from sms_traffic_async.statuses import MessageStatus
from sms_traffic_async.telemetry import Telemetry
from tests.protocols.http.kit import raw_server, read_request, request, response
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

ASKED = request(operation="v9.balance", method="GET")
WORDING = Wording(refused="key refused", forbidden="not allowed", refused_advice="Check.", forbidden_advice="Ask.")


class Calls(HttpCalls):
    """A protocol without rules of its own: it never believes a refusal for long."""

    learnt: Attempt | None = None
    believed: Attempt | None = None

    def refused_before(self, node: str, operation: str, now: float) -> Attempt | None:
        del node, operation, now
        return self.believed

    def learn(self, operation: str, attempt: Attempt) -> None:
        del operation
        self.learnt = attempt

    def read(self, answer: HttpAnswer) -> bytes | Attempt:
        if answer.body.startswith(b"fault "):
            return self.refused(answer, Fault(code=int(answer.body[6:]), message="why"))
        if answer.body == b"?":
            return self.unreadable(answer, "a question mark")
        return self.by_status(answer) or answer.body


class Node:
    """Answers in order, the last one for ever; ``b""`` hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.at: list[float] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            self.at.append(asyncio.get_running_loop().time())
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if not answer:
                return
            writer.write(answer)


@contextlib.asynccontextmanager
async def calls(*nodes: Node, **http: Any) -> AsyncIterator[Calls]:
    async with contextlib.AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(raw_server(node)) for node in nodes]
        settings = Settings(nodes=parse_nodes(urls), http=HttpOptions(**http))
        pool = HttpPool(settings, telemetry=Telemetry())
        stack.push_async_callback(pool.aclose)
        clock = VirtualClock()
        names = [node.name for node in settings.nodes]
        shared = Shared(
            pool=pool,
            nodes=NodeSet(names, policy=settings.retry, clock=clock),
            pauses=Pauses(),
            clock=clock,
            telemetry=Telemetry(),
        )
        yield Calls(settings, credential="1837", wording=WORDING, **shared)


async def ask(made: Calls, *, timeout: float = 30.0, asked: HttpRequest = ASKED) -> bytes:
    return (await made.ask(asked, made.read, deadline=made.deadline(timeout))).value


OK = response(b"fine")


async def test_an_answer_comes_from_whichever_node_has_one() -> None:
    first, second = Node(b""), Node(OK)
    async with calls(first, second) as made:
        assert await ask(made) == b"fine"
    assert (len(first.at), len(second.at)) == (1, 1)


@pytest.mark.parametrize(
    "answer,code",
    [
        (response(b"fault 415"), 415),
        (response(b"", status="403 Forbidden"), 403),
        (response(b"", status="401 No"), 401),
    ],
)
async def test_a_refusal_is_an_answer(answer: bytes, code: int) -> None:
    node = Node(answer)
    async with calls(node) as made:
        with pytest.raises(RequestRefused) as caught:
            await ask(made)
        assert made.learnt is not None
        assert (caught.value.code, caught.value.operation, len(node.at)) == (code, "v9.balance", 1)


async def test_code_1000_and_what_cannot_be_read_are_asked_again() -> None:
    node = Node(response(b"fault 1000"), response(b"?"), OK)
    async with calls(node) as made:
        assert await ask(made, timeout=60.0) == b"fine"
    assert len(node.at) == 3


async def test_a_long_answer_is_read_beside_the_loop() -> None:
    """Where a protocol reads long answers in another way; short ones never go it."""
    read: list[int] = []

    async def slowly(answer: HttpAnswer) -> bytes:
        read.append(len(answer.body))
        await asyncio.sleep(0)
        return answer.body[:4]

    async with calls(Node(response(b"long" * LONG_BODY), OK)) as made:
        for _ in range(2):
            ended = await made.ask(ASKED, made.read, deadline=made.deadline(None), read_slowly=slowly)
            assert ended.value in {b"long", b"fine"}
    assert read == [4 * LONG_BODY]


async def test_what_is_believed_refused_is_not_asked() -> None:
    node = Node(response(b"", status="401 No"), OK)
    async with calls(node) as made:
        with pytest.raises(RequestRefused):
            await ask(made)
        made.believed = made.learnt
        with pytest.raises(RequestRefused):
            await ask(made)
    assert len(node.at) == 1


async def test_no_free_place() -> None:
    node = Node(OK)
    async with calls(node, in_flight=1) as made:
        await made.pool.places.acquire()
        with pytest.raises(RequestFailed, match="no free place"):
            await ask(made, timeout=2.0)
        name = made.settings.nodes[0].name
        assert await probe(made, name, ASKED) is False
        made.pool.places.release()
        assert await probe(made, name, ASKED) is True
    assert len(node.at) == 1


@pytest.mark.parametrize("status,alive", [("404 Not Found", True), ("502 Bad Gateway", False)])
async def test_a_gateway_without_a_platform_is_no_sign_of_life(status: str, alive: bool) -> None:
    async with calls(Node(response(b"", status=status))) as made:
        assert await probe(made, made.settings.nodes[0].name, ASKED) is alive


async def test_a_deadline_is_in_the_future() -> None:
    async with calls(Node(OK)) as made:
        now = made.clock.monotonic()
        assert made.deadline(None) == pytest.approx(now + made.settings.timeouts.deadline)
        for wrong in (0, -1.0, float("inf"), "5", True):
            with pytest.raises(ConfigurationError, match="timeout"):
                made.deadline(wrong)  # type: ignore[arg-type] # what callers without types give


async def test_a_short_validity_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async with calls(Node(OK)) as made:
        with caplog.at_level(logging.WARNING):
            for validity in (None, 600, 599, 60):
                made.warn_of_short_validity(validity)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# --- rates


async def test_calls_keep_to_the_rate() -> None:
    node = Node(OK)
    async with calls(node, rate=5.0) as made:
        await asyncio.gather(*(ask(made) for _ in range(25)))
    assert node.at == sorted(node.at)
    assert max(sum(at <= other < at + 1.0 for other in node.at) for at in node.at) <= 6, "rate + 1 in any second"
    assert node.at[-1] - node.at[0] < 8.0


async def test_no_turn_in_time_was_not_asked() -> None:
    node = Node(OK)
    async with calls(node, rate=1.0) as made:
        answers = await asyncio.gather(*(ask(made, timeout=3.0) for _ in range(20)), return_exceptions=True)
    failed = [answer for answer in answers if isinstance(answer, RequestFailed)]
    assert len(failed) == 20 - len(node.at) > 10


async def test_too_many_slows_the_credential_down_and_a_pause_is_known() -> None:
    node = Node(response(b"", status="429 Slow", headers="Retry-After: 3\r\n"), OK)
    async with calls(node, rate=100.0) as made:
        assert made.paused("query") is None
        waits = asyncio.create_task(ask(made))
        while made.paused("query") is None:
            await asyncio.sleep(0.01)
        assert 0 < (made.paused("query") or 0.0) <= 4.0
        assert made.paused("send") is None
        assert await waits == b"fine"
    assert node.at[1] - node.at[0] >= 3.0


async def test_a_silent_node_tells_nothing_of_the_rate() -> None:
    node = Node(b"", OK)
    async with calls(node, rate=5.0) as made:
        assert await ask(made) == b"fine"
        limiter = made.pool.limiter("1837", None)
        assert limiter is not None
        assert limiter.allowed == pytest.approx(limiter.rate or 0.0)
    assert len(node.at) == 2


async def test_without_a_rate_whoever_waits_goes() -> None:
    node = Node(OK)
    async with calls(node, rate=0.5) as made:
        waits = [asyncio.create_task(ask(made, timeout=100.0)) for _ in range(10)]
        await asyncio.sleep(0.1)
        made.pool.rate = None
        await asyncio.gather(*waits)
    assert node.at[-1] - node.at[0] < 5.0


async def test_a_rate_may_be_changed_while_calls_wait() -> None:
    node = Node(OK)
    async with calls(node, rate=1.0) as made:
        waits = [asyncio.create_task(ask(made, timeout=100.0)) for _ in range(30)]
        await asyncio.sleep(3.0)
        assert len(node.at) <= 4
        made.pool.rate = 50.0
        assert made.pool.rate == 50.0
        await asyncio.sleep(3.0)
        assert len(node.at) == 30
        made.pool.rate = None
        began = made.clock.monotonic()
        await asyncio.gather(*waits, *(ask(made) for _ in range(100)))
        assert made.clock.monotonic() - began < 0.5
        made.pool.rate = 10.0
        await asyncio.gather(*(ask(made) for _ in range(21)))
        assert node.at[-1] - node.at[-21] > 1.5
        with pytest.raises(ConfigurationError):
            made.pool.rate = 0.0


# --- ids


def update(message_id: str) -> StatusUpdate:
    return StatusUpdate(message_id=message_id, status=MessageStatus("Delivered"), source="poll")


async def test_ids_that_one_node_does_not_know_are_asked_of_the_other() -> None:
    known = {0: {"1", "2"}, 1: {"3"}}
    questions: list[tuple[str, ...]] = []
    async with calls(Node(OK), Node(OK)) as made:
        names = [node.name for node in made.settings.nodes]

        async def asks(ids: Sequence[str], deadline: float, rules: CallRules | None) -> Finished[list[StatusUpdate]]:
            del deadline
            questions.append(tuple(ids))
            node = names[0] if rules is None else rules.pinned or ""
            if "fails" in ids and rules is not None:
                raise RequestFailed("no", operation="q")
            value = [update(one) for one in ids if one in known[names.index(node)]]
            return Finished(value=value, node=node, attempts=())

        reply = await statuses_by_id(made, ["3", "1", "9"], asks, chunk=2, deadline=made.deadline(None))
        assert [one.message_id for one in reply.found] == ["3", "1"]
        assert reply.missing == ("9",)
        assert questions == [("3", "1"), ("3",), ("9",), ("9",)]
        reply = await statuses_by_id(made, ["2", "fails"], asks, chunk=2, deadline=made.deadline(None))
        assert (reply.missing, len(reply.found)) == (("fails",), 1)


@pytest.mark.parametrize("wrong", ["12", ["1,2"], ["1 2"], ["я"], [""], ["1\n"], [7]])
async def test_what_is_no_list_of_ids(wrong: Any) -> None:
    with pytest.raises(InvalidMessage) as caught:
        checked_ids("ids", wrong)
    assert caught.value.field == "ids"


@pytest.mark.parametrize("chunk,most", [(0, None), (-1, 5), (6, 5), (True, None), (2.0, None), ("2", 5)])
async def test_what_is_no_chunk(chunk: Any, most: int | None) -> None:
    with pytest.raises(ConfigurationError, match="chunk is a whole number"):
        check_chunk(chunk, most)
    check_chunk(5, 5)
    check_chunk(10**6)


async def test_each_id_once() -> None:
    assert checked_ids("ids", ["2", "1", "2"]) == ("2", "1")
