"""One SMPP client at work, in a process of its own: ``python benchmarks/_smpp_peers.py NAME PORT ...``.

Every client gets the same messages and does what its own user would write:

ours        ``await sms.smpp.submit(Message(...))``, 100 callers
send_many   ours too: ``async for result in sms.send_many(Message(...) ...)``, one caller that reads
            every result; as many under way at once as it takes by itself, which is 100
ceiling     a bare `asyncio.Protocol`, written here: struct codec, one write for
            each read, a future for each message; the texts are encoded by our
            ``segment``; no checks, limits, deadlines, outcomes, retries.
            100 callers
pump        the same without callers and futures (nobody learns which id a message
            got) and with an encoding that does for these texts only
smpp34      ``await smsc.submit_sm(...)`` (Rust core), 100 callers; it encodes no
            texts, so that cheapest encoding does
smpplib     ``send_message`` and ``read_once``, its own ``gsm.make_parts``; synchronous
aiosmpplib  ``broker.enqueue`` and the hook that brings the response, 100 callers; it
            has no window, and puts a long text into message_payload: one PDU

Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._smpp_ceiling import ORIGINATOR, WINDOW, Bare, Pump, Text, cheap_parts, messages

if TYPE_CHECKING:
    from sms_traffic_async import SmsTraffic

CALLERS: Final = 100
Submit: TypeAlias = Callable[[str, str], Awaitable[object]]
Client: TypeAlias = Callable[[int], AbstractAsyncContextManager[Submit]]


def session(port: int) -> SmsTraffic:
    """This library."""
    from sms_traffic_async import SmsTraffic
    from sms_traffic_async.settings_smpp import SmppOptions

    options = SmppOptions(servers=[f"smpp://127.0.0.1:{port}"], rate=None, window=WINDOW)
    return SmsTraffic(login="bench", password="secret", originator=ORIGINATOR, smpp=options)


@asynccontextmanager
async def ours(port: int) -> AsyncIterator[Submit]:
    """This library, a call for each message."""
    from sms_traffic_async import Message

    async with session(port) as sms:
        submit = sms.smpp.submit
        yield lambda to, text: submit(Message(to=to, text=text))


@asynccontextmanager
async def ceiling(port: int) -> AsyncIterator[Submit]:
    """A bare asyncio.Protocol."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(Bare, "127.0.0.1", port)
    await protocol.bound
    yield protocol.submit
    transport.close()


@asynccontextmanager
async def smpp34(port: int) -> AsyncIterator[Submit]:
    """smpp34, whose core is written in Rust."""
    import smpp34 as peer

    client = peer.Client("127.0.0.1", port, "bench", "secret", bind_type="TRX", window_size=WINDOW)
    smsc = await client.connect()
    references = itertools.count()

    async def submit(to: str, text: str) -> None:
        parts, data_coding, esm_class = cheap_parts(text, next(references))
        for part in parts:
            answer = await smsc.submit_sm(
                to, part, source_addr=ORIGINATOR, source_addr_ton=5, dest_addr_ton=1, dest_addr_npi=1,
                esm_class=esm_class, registered_delivery=1, data_coding=data_coding,
            )  # fmt: skip
            assert answer.is_success

    yield submit
    await client.stop()


@asynccontextmanager
async def aiosmpplib(port: int) -> AsyncIterator[Submit]:
    """The ESME of aiosmpplib."""
    from aiosmpplib import ESME, PhoneNumber, SubmitSm
    from aiosmpplib.hook import AbstractHook
    from aiosmpplib.protocol import SubmitSmResp
    from aiosmpplib.state import NPI, TON

    waiting: dict[str, asyncio.Future[object]] = {}

    class Hook(AbstractHook):  # type: ignore[misc] # it has no types
        async def sending(self, smpp_message: object, pdu: bytes, client_id: str) -> None: ...

        async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:  # noqa: ARG002 - its interface
            if isinstance(smpp_message, SubmitSmResp):
                waiting.pop(smpp_message.log_id).set_result(smpp_message)

        async def send_error(self, smpp_message: Any, error: Exception, client_id: str) -> None:  # noqa: ARG002 - its interface
            waiting.pop(smpp_message.log_id).set_exception(error)

    esme = ESME("127.0.0.1", port, "bench", "secret", hook=Hook(), log_level=logging.ERROR)
    running = asyncio.create_task(esme.start())
    await esme._bound.wait()  # noqa: SLF001 - it offers no other way to wait for the bind
    source = PhoneNumber(ORIGINATOR, TON.ALPHANUMERIC, NPI.UNKNOWN)
    ids = itertools.count()

    async def submit(to: str, text: str) -> None:
        log_id = str(next(ids))
        waiting[log_id] = asyncio.get_running_loop().create_future()
        answered = waiting[log_id]
        await esme.broker.enqueue(
            SubmitSm(log_id=log_id, short_message=text, source=source, destination=PhoneNumber(to))
        )
        await answered

    yield submit
    await esme.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


CLIENTS: Final[dict[str, Client]] = {"ours": ours, "ceiling": ceiling, "smpp34": smpp34, "aiosmpplib": aiosmpplib}


async def at_full_speed(submit: Submit, texts: Sequence[Text]) -> list[float]:
    """Every message as soon as a caller is free; seconds that each took."""
    source, took = iter(texts), list[float]()

    async def caller() -> None:
        for to, text in source:
            started = time.perf_counter()
            await submit(to, text)
            took.append(time.perf_counter() - started)

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())
    return took


async def in_bulk(sms: SmsTraffic, texts: Sequence[Text]) -> list[float]:
    """One ``send_many``; seconds from the moment each message was made to the moment its result was read."""
    from sms_traffic_async import Message

    started, took = list[float](), list[float]()

    def made() -> Iterator[Message]:
        for to, text in texts:
            started.append(time.perf_counter())
            yield Message(to=to, text=text)

    async with sms.send_many(made()) as results:
        async for result in results:
            took.append(time.perf_counter() - started[result.index])
    assert results.summary.accepted == len(texts)
    return took


async def steadily(submit: Submit, texts: Sequence[Text], rate: float) -> list[float]:
    """So many messages a second, evenly; seconds that each took."""
    began, took = time.perf_counter(), list[float]()
    for number, (to, text) in enumerate(texts):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        started = time.perf_counter()
        await submit(to, text)
        took.append(time.perf_counter() - started)
    return took


class Clock:
    """Wall and CPU seconds of this process, all threads."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), self.cpu()

    @staticmethod
    def cpu() -> float:
        """CPU seconds so far."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    def read(self) -> tuple[float, float]:
        """Both since the start."""
        return time.perf_counter() - self._wall, self.cpu() - self._cpu


Record: TypeAlias = dict[str, Any]


def record(spent: tuple[float, float], took: Sequence[float], steady: Sequence[float], texts: int) -> Record:
    """What is reported."""
    found: Record = {"messages": texts, "seconds": spent[0], "cpu": spent[1]}
    for name, times in (("full", took), ("steady", steady)):
        if times:
            cuts = statistics.quantiles(times, n=100)
            found[name] = {"p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000}
    return found


async def run(name: str, port: int, texts: Sequence[Text], warm: Sequence[Text], steady: Sequence[Text]) -> Record:
    """An asynchronous client."""
    if name == "pump":
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(Pump, "127.0.0.1", port)
        await protocol.bound
        await protocol.run(warm)
        clock = Clock()
        await protocol.run(texts)
        spent = clock.read()
        transport.close()
        return record(spent, [], [], len(texts))
    if name == "send_many":
        async with session(port) as sms:
            await in_bulk(sms, warm)
            clock = Clock()
            took = await in_bulk(sms, texts)
            spent = clock.read()
        return record(spent, took, [], len(texts))
    async with CLIENTS[name](port) as submit:
        await at_full_speed(submit, warm)
        clock = Clock()
        took = await at_full_speed(submit, texts)
        spent = clock.read()
        return record(spent, took, await steadily(submit, steady, 20), len(texts))


def run_smpplib(port: int, texts: Sequence[Text], warm: Sequence[Text], steady: Sequence[Text]) -> Record:
    """python-smpplib, which knows no asyncio: a window of its user's making."""
    from smpplib import consts, gsm
    from smpplib.client import Client as Peer

    client = Peer("127.0.0.1", port, allow_unknown_opt_params=True)
    under_way: dict[int, list[Any]] = {}
    took: list[float] = []

    def answered(pdu: Any) -> None:
        entry = under_way.pop(pdu.sequence)
        entry[1] -= 1
        if not entry[1]:
            took.append(time.perf_counter() - entry[0])

    client.set_message_sent_handler(answered)
    client.connect()
    client.bind_transceiver(system_id="bench", password="secret")

    def send(some: Sequence[Text], rate: float | None) -> None:
        began = time.perf_counter()
        for number, (to, text) in enumerate(some):
            if rate:
                time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            started = time.perf_counter()
            parts, encoding, esm_class = gsm.make_parts(text)
            entry = [started, len(parts)]
            for part in parts:
                while len(under_way) >= WINDOW:
                    client.read_once()
                sent = client.send_message(
                    source_addr_ton=consts.SMPP_TON_ALNUM, source_addr=ORIGINATOR, dest_addr_ton=consts.SMPP_TON_INTL,
                    dest_addr_npi=consts.SMPP_NPI_ISDN, destination_addr=to, short_message=part, data_coding=encoding,
                    esm_class=esm_class, registered_delivery=True,
                )  # fmt: skip
                under_way[sent.sequence] = entry
            while rate and under_way:
                client.read_once()
        while under_way:
            client.read_once()

    send(warm, None)
    took.clear()
    clock = Clock()
    send(texts, None)
    spent = clock.read()
    full, took[:] = took[:], []
    send(steady, 20)
    found = record(spent, full, took, len(texts))
    client.unbind()
    client.disconnect()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--steady", type=int, default=0)
    found = parser.parse_args()
    texts, warm = messages(found.messages), messages(max(20, found.messages // 10), 1_000_000)
    steady = messages(found.steady, 2_000_000)
    if found.name == "smpplib":
        result = run_smpplib(found.port, texts, warm, steady)
    else:
        factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
        if found.loop == "uvloop":
            import uvloop

            factory = uvloop.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            result = runner.run(run(found.name, found.port, texts, warm, steady))
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
