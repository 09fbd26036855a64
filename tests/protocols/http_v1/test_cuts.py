"""F1: the request and the answer of a v1 send, cut after every byte, over real TCP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest

from sms_traffic_async.errors import OutcomeUnknown, SendError
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.sandbox.network import Cut, FaultProxy
from sms_traffic_async.sandbox.network.faults import Direction, How
from sms_traffic_async.settings import OnUnknown
from tests.protocols.http.kit import raw_server
from tests.protocols.http_v1.kit import PHONE, TEXT, Platform, desk, ok
from tests.support.cuts import cut_points
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

MESSAGE = Message(to=PHONE, text=TEXT)
ANSWER = ok((PHONE, "8287366071"), (PHONE, "8287366073"))


@contextlib.asynccontextmanager
async def behind_a_proxy() -> AsyncIterator[tuple[Platform, FaultProxy, str]]:
    platform = Platform(answers=[ANSWER])
    async with raw_server(platform) as url, await FaultProxy.start("127.0.0.1", int(url.rpartition(":")[2])) as proxy:
        yield platform, proxy, f"http://127.0.0.1:{proxy.port}"


async def test_the_proxy_changes_nothing_by_itself() -> None:
    async with behind_a_proxy() as (platform, _, url), desk(urls=[url]) as one:
        sent = await one.v1.submit(MESSAGE)
    assert (sent.message_ids, len(platform.forms)) == (("8287366071", "8287366073"), 1)


async def request_size(url: str, platform: Platform) -> int:
    async with desk(urls=[url]) as one:
        await one.v1.submit(MESSAGE)
    form = platform.forms.pop()
    head = f"{form.line}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in form.headers.items()) + "\r\n"
    return len(head) + len(form.body)


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
    async with behind_a_proxy() as (platform, proxy, url):
        size = await request_size(url, platform) if direction == "up" else len(ANSWER)
        for offset in cut_points(size):
            platform.forms.clear()
            proxy.rules.add(Cut(direction=direction, after=offset, how=how), nth=1)
            # A client of its own, so that every offset counts from the first byte of a connection.
            async with desk(urls=[url], on_unknown=on_unknown) as one:
                began = one.clock.monotonic()
                outcome: Submission | SendError
                try:
                    outcome = await one.v1.submit(MESSAGE, timeout=10.0)
                except SendError as error:
                    outcome = error
                assert one.clock.monotonic() - began <= 11.0, f"hangs after byte {offset}"
            accepts = len(platform.forms)
            if on_unknown == "raise":
                assert isinstance(outcome, OutcomeUnknown), f"byte {offset}: {outcome!r}"
                assert accepts <= 1, f"H4: a second SMS after byte {offset}"
            else:
                assert isinstance(outcome, Submission), f"byte {offset}: {outcome!r}"
                assert 1 <= accepts <= 2, f"H1, H5 after byte {offset}"
                assert outcome.attempts == 2
