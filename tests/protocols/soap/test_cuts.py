"""F1: the request and the answer of a SOAP send, cut after every byte, over real TCP; H1 to H5 after each cut."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from sms_traffic_async.errors import OutcomeUnknown, SendError
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.sandbox.network import Cut, FaultProxy
from sms_traffic_async.sandbox.network.faults import Direction, How
from sms_traffic_async.settings import OnUnknown
from tests.protocols.http.kit import raw_server, response
from tests.protocols.soap.kit import START, Script, accepted, client, sms_response
from tests.support.cuts import cut_points
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

TO = "79161112233"
MESSAGE = Message(to=TO, text="Ваш код 123456, не говорите его никому")
ANSWER = response(sms_response(accepted(TO, "27371658818")))


@contextlib.asynccontextmanager
async def behind_a_proxy() -> AsyncIterator[tuple[Script, FaultProxy, str]]:
    script = Script.of(ANSWER)
    async with raw_server(script) as url, await FaultProxy.start("127.0.0.1", int(url.rpartition(":")[2])) as proxy:
        yield script, proxy, f"http://127.0.0.1:{proxy.port}"


async def request_size(script: Script, url: str) -> int:
    async with client([url]) as soap:
        sent = await soap.submit(MESSAGE)
    assert sent.message_ids == ("27371658818",), "the proxy changes nothing by itself"
    headers = script.headers.pop()
    head = f"{script.lines.pop()}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
    return len(head.encode()) + len(script.bodies.pop())


@pytest.mark.slow
@pytest.mark.parametrize(
    "direction, how, on_unknown",
    [
        ("up", "fin", "raise"),
        ("up", "rst", "resend"),
        ("down", "fin", "resend"),
        ("down", "rst", "raise"),
        ("down", "fin", "raise"),
    ],
)
async def test_every_cut(direction: Direction, how: How, on_unknown: OnUnknown) -> None:
    async with behind_a_proxy() as (script, proxy, url):
        size = await request_size(script, url) if direction == "up" else len(ANSWER)
        assert size > 400
        for offset in cut_points(size):
            script.bodies.clear()
            rule = proxy.rules.add(Cut(direction=direction, after=offset, how=how), nth=1)
            clock = VirtualClock(wall=START.timestamp())
            # A client of its own, so that every offset counts from the first byte of a connection.
            async with client([url], clock=clock, on_unknown=on_unknown) as soap:
                began = clock.monotonic()
                outcome: Submission | SendError
                try:
                    outcome = await soap.submit(MESSAGE, timeout=10.0)
                except SendError as error:
                    outcome = error
                assert clock.monotonic() - began <= 11.0, f"hangs after byte {offset}"
            assert rule.taken == 1, "the cut took effect"
            proxy.rules.remove(rule)
            accepts = len(script.bodies)
            if on_unknown == "raise":
                # H2: not called a failure, for the platform has it where the whole request was read. H4: never twice.
                assert isinstance(outcome, OutcomeUnknown), f"byte {offset}: {outcome!r}"
                assert accepts == (direction == "down"), f"a second SMS after byte {offset}"
            else:
                # H1 and H5: accepted, and once more than once only for the attempt whose answer was lost.
                assert isinstance(outcome, Submission), f"byte {offset}: {outcome!r}"
                assert accepts == 1 + (direction == "down"), f"after byte {offset}"
                assert outcome.attempts == 2
