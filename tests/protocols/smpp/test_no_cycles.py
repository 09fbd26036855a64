"""A message that fails leaves nothing for the cycle collector: at hundreds a second it comes too seldom."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from sms_traffic_async.errors import OutcomeUnknown, Rejected, SendError
from sms_traffic_async.protocols.smpp.parcel import Parcel
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from tests.protocols.smpp.kit import MESSAGE, TO, Client, client
from tests.support.smpp_peer import Reply, Smsc
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def fail(one: Client, *, binary: bool) -> type[SendError]:
    try:
        await (one.smpp.submit_binary(TO, b"\1\2") if binary else one.smpp.submit(MESSAGE))
    except SendError as error:
        return type(error)
    raise AssertionError("it was accepted")


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    "reply,expected",
    [(Reply(int(CommandStatus.ESME_RINVDSTADR)), Rejected), (Reply(cut=True), OutcomeUnknown)],
)
@pytest.mark.usefixtures("no_collector")
async def test_a_failed_message_is_gone_with_its_error(
    reply: Reply, expected: type[SendError], *, binary: bool
) -> None:
    async with Smsc(answer=lambda _: reply) as smsc, client(smsc) as one:
        for _ in range(5):
            assert issubclass(await fail(one, binary=binary), expected)
        await asyncio.sleep(60.0)  # virtual: what is over leaves the queue of deadlines, and timers their loop
        one.hub.pump(one.hub.time())
        assert not [found for found in gc.get_objects() if type(found) is Parcel]
