"""2,000 messages a second with their receipts pass beside a client in one process: 500 µs of its CPU for each."""

import asyncio
import struct
import time

from sms_traffic_async.sandbox import Sandbox, Switches
from tests.sandbox.smpp_kit import DELIVER, RESPONSE, SUBMIT, TRANSCEIVER, submit_body

MESSAGES = 4_000
WINDOW = 50
BUDGET = 1 / 2_000
BODY = submit_body("Ваш код 1234".encode("utf-16-be"), data_coding=8)
_HEADER = struct.Struct(">IIII")


class Bare(asyncio.Protocol):
    """Keeps its window full, answers receipts, counts."""

    def __init__(self) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self.sent = self.accepted = self.receipts = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        credentials = b"sandbox\0sandbox\0\0\x34\0\0\0"
        transport.write(_HEADER.pack(16 + len(credentials), TRANSCEIVER, 0, 1) + credentials)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        data = self._rest + data
        at, room = 0, 0
        out: list[bytes] = []
        while len(data) - at >= 16:
            length, command, status, sequence = _HEADER.unpack_from(data, at)
            if len(data) - at < length:
                break
            at += length
            assert status == 0
            if command == TRANSCEIVER | RESPONSE:
                room = WINDOW
            elif command == SUBMIT | RESPONSE:
                self.accepted += 1
                room += 1
            elif command == DELIVER:
                self.receipts += 1
                out.append(_HEADER.pack(17, DELIVER | RESPONSE, 0, sequence) + b"\0")
        self._rest = data[at:]
        for _ in range(min(room, MESSAGES - self.sent)):
            self.sent += 1
            out.append(_HEADER.pack(16 + len(BODY), SUBMIT, 0, self.sent + 1) + BODY)
        if out:
            self._transport.write(b"".join(out))
        if self.accepted == self.receipts == MESSAGES and not self.done.done():
            self.done.set_result(None)


async def test_two_thousand_a_second() -> None:
    switches = Switches(smpp_rate=None, smpp_window=WINDOW, antispam=False)
    async with Sandbox(switches=switches, smpp_tls_ports=None, smtp_port=None) as sandbox:
        tasks = len(asyncio.all_tasks())
        started = time.process_time()
        loop = asyncio.get_running_loop()
        transport, client = await loop.create_connection(Bare, *sandbox.smpp_address(1, tls=False))
        async with asyncio.timeout(50):
            while not client.done.done():
                await asyncio.sleep(0.02)
                assert len(asyncio.all_tasks()) == tasks  # none is made for a message
        spent = time.process_time() - started
        transport.close()
        assert len(sandbox.accepted) == MESSAGES
        assert spent / MESSAGES < BUDGET
