"""Our client against smpp34's Server, whose core is Rust: receipts with TLVs, throttling, unbind."""

from __future__ import annotations

import asyncio
import itertools
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.protocols.smpp.foreign.judge import ORIGINATOR, PARTS, SYSTEM_ID, THROTTLE_EVERY, Received, compare, do
from tests.support.peers import python_peer

if TYPE_CHECKING:
    import smpp34

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90), pytest.mark.usefixtures("no_tasks_left")]

RECEIPTS_AT_ONCE = 50


class Smpp34Server:
    """Takes what comes, throttles now and then, and sends a receipt for each part."""

    def __init__(self, module: Any, server: smpp34.Server) -> None:
        self._module = module
        self._server = server
        self._ids = itertools.count(1)
        self._room = asyncio.Semaphore(RECEIPTS_AT_ONCE)
        self.received: list[Received] = []
        self.bound: list[str] = []
        self.throttled = 0
        self.receipts = 0

    async def serve(self) -> None:
        """Until its client has unbound and every receipt is answered."""
        esme: Any = None
        submits = 0
        async with asyncio.TaskGroup() as receipts:
            while True:
                event: Any = await self._server.next()
                if isinstance(event, self._module.Unbound):
                    return
                if isinstance(event, self._module.Esme):
                    esme = event
                    self.bound.append(event.system_id)
                    continue
                submits += 1
                if submits % THROTTLE_EVERY == 0:
                    self.throttled += 1
                    event.reject(self._module.ESME_RTHROTTLED)
                    continue
                message_id = f"r{next(self._ids):08d}"
                self.received.append(decoded(event))
                event.accept(message_id)
                receipts.create_task(self._receipt(esme, event.destination_addr, message_id))

    async def _receipt(self, esme: Any, number: str, message_id: str) -> None:
        make = self._module.Tlv
        tlvs = [
            make(self._module.TLV_RECEIPTED_MESSAGE_ID, message_id.encode() + b"\0"),
            make(self._module.TLV_MESSAGE_STATE, b"\2"),
        ]
        text = f"id:{message_id} sub:001 dlvrd:001 submit date:2611221730 done date:2611221731 stat:DELIVRD err:000"
        async with self._room:
            await esme.deliver_sm(ORIGINATOR, text.encode(), source_addr=number, esm_class=4, tlvs=tlvs)
        self.receipts += 1


def decoded(event: Any) -> Received:
    """The server gives octets; the document's two data codings are read here."""
    octets, element = bytes(event.short_message), b""
    if event.esm_class & 0x40:
        element, octets = octets[1 : octets[0] + 1], octets[octets[0] + 1 :]
    assert event.registered_delivery == 1
    assert event.data_coding in {0, 8}
    text = octets.decode("utf-16-be" if event.data_coding == 8 else "ascii")  # the Latin texts are ASCII
    return Received(event.destination_addr, text, element)


def free_port() -> int:
    """A port that nobody has now: this server does not tell which one it took."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


async def test_every_message_once_and_every_receipt() -> None:
    module: Any = python_peer("smpp34")
    port = free_port()
    made = module.Server("127.0.0.1", port, system_id="smpp34")
    await made.start()
    server = Smpp34Server(module, made)
    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as both:  # what fails at one end ends the other
            both.create_task(server.serve())
            doing = both.create_task(do(f"smpp://127.0.0.1:{port}"))
    finally:
        await made.stop()
    done = doing.result()
    assert server.bound == [SYSTEM_ID]
    assert server.receipts == PARTS
    compare(done, server.received, server.throttled)
