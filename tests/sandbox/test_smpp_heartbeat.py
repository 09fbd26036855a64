"""enquire_link as the document has it, over real TCP on a virtual clock: who asks, who is cut after two minutes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import Sandbox
from tests.sandbox.smpp_kit import (
    DELIVER,
    ENQUIRE,
    RECEIVER,
    RESPONSE,
    SUBMIT,
    TRANSCEIVER,
    TRANSMITTER,
    Esme,
    submit_body,
)
from tests.support.virtual_loop import virtual

pytestmark = virtual


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(smpp_tls_ports=None, smtp_port=None) as opened:
        yield opened


class Watch:
    """Reads until the end, noting when what came."""

    def __init__(self, esme: Esme, *, answers: bool = False, asks: float | None = None) -> None:
        self._esme = esme
        self._answers = answers
        self._asks = asks
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self.enquired: list[float] = []
        self.ended: float | None = None

    @property
    def now(self) -> float:
        return round(self._loop.time() - self._started, 3)

    async def _ask(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            self._esme.send(ENQUIRE)

    async def run(self, seconds: float = 1000.0) -> float | None:
        """When the connection was cut, if it was within so many seconds."""
        asking = None if self._asks is None else asyncio.ensure_future(self._ask(self._asks))
        try:
            async with asyncio.timeout(seconds):
                await self._read()
        except TimeoutError:
            return None
        finally:
            if asking is not None:
                asking.cancel()
        return self.now

    async def _read(self) -> None:
        reader = self._esme._reader
        while True:
            try:
                head = await reader.readexactly(16)
                await reader.readexactly(int.from_bytes(head[:4]) - 16)
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if int.from_bytes(head[4:8]) == ENQUIRE:
                self.enquired.append(self.now)
                if self._answers:
                    self._esme.send(ENQUIRE | RESPONSE, sequence=int.from_bytes(head[12:]))


@pytest.mark.parametrize(
    "mode, answers, asks, cut",
    [
        (TRANSMITTER, True, None, 120),  # it has to ask, and did not
        (TRANSMITTER, False, 30.0, None),
        (RECEIVER, False, None, 120),  # it is asked, and did not answer
        (RECEIVER, True, None, None),
        (TRANSCEIVER, True, None, 120),  # both are wanted
        (TRANSCEIVER, False, 30.0, 120),
        (TRANSCEIVER, True, 30.0, None),
        (TRANSCEIVER, True, 119.0, None),
    ],
)
async def test_the_two_minute_cut(
    sandbox: Sandbox, mode: int, answers: bool, asks: float | None, cut: float | None
) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind(mode) == 0
        watch = Watch(esme, answers=answers, asks=asks)
        assert await watch.run() == cut
        if mode == TRANSMITTER:
            assert watch.enquired == []
        else:
            assert watch.enquired[:3] == [30, 60, 90]
    if cut is not None:
        assert sandbox.smpp.bound == ()


async def test_messages_are_no_enquire_links(sandbox: Sandbox) -> None:
    """ "any traffic resets the timer" is not what the document says: they are obligatory."""
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        watch = Watch(esme)

        async def submit() -> None:
            while True:
                await asyncio.sleep(10)
                esme.send(SUBMIT, submit_body())

        task = asyncio.ensure_future(submit())
        assert await watch.run() == 120
        task.cancel()


async def test_a_cut_link_leaves_no_ghost_and_its_deliveries(sandbox: Sandbox) -> None:
    sandbox.switches = replace(sandbox.switches, smpp_ghost=120.0)
    async with Esme(sandbox) as esme:
        assert await esme.bind(RECEIVER) == 0
        sandbox.platform.inbound(sender="79161112233", recipient="3299", text="hello")
        assert await Watch(esme).run() == 120
    async with Esme(sandbox) as esme:
        assert await esme.bind(RECEIVER) == 0
        assert (await esme.next(command=DELIVER)).command == DELIVER


async def test_the_limit_is_a_switch(sandbox: Sandbox) -> None:
    sandbox.switches = replace(sandbox.switches, smpp_silence=2.0)
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        watch = Watch(esme)
        assert await watch.run() == 2
        assert watch.enquired == [0.5, 1, 1.5]
    with pytest.raises(ConfigurationError):
        replace(sandbox.switches, smpp_silence=0)
    with pytest.raises(ConfigurationError):
        replace(sandbox.switches, smpp_window=1.5)  # type: ignore[arg-type]


async def test_who_never_binds_is_cut(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await Watch(esme).run() == 30


async def test_a_pdu_that_does_not_end(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind(TRANSMITTER) == 0
        watch = Watch(esme, asks=None)
        esme.write(b"\0\0\0\x20\0\0")
        assert await watch.run() == 30


async def test_an_unanswered_delivery_comes_again(sandbox: Sandbox) -> None:
    """After the time that its answer may take; over the same link."""
    async with Esme(sandbox) as esme:
        assert await esme.bind(RECEIVER) == 0
        esme.answers = None
        sandbox.platform.inbound(sender="79161112233", recipient="3299", text="hello")
        first = await esme.next(command=DELIVER)
        started = asyncio.get_running_loop().time()
        esme.answers, esme.patience = 0, 60
        second = await esme.next(command=DELIVER)
        assert round(asyncio.get_running_loop().time() - started) == 30
        assert first.body == second.body
        assert first.sequence != second.sequence
        esme.send(DELIVER | RESPONSE, b"\0", sequence=first.sequence)  # late, and too late to change anything
        assert (await esme.submit()).status == 0x04


async def test_moving_the_platforms_clock_does_not_cut_idle_links(sandbox: Sandbox) -> None:
    async with Esme(sandbox) as esme:
        assert await esme.bind() == 0
        await sandbox.advance("3h")
        assert (await esme.submit()).status == 0
