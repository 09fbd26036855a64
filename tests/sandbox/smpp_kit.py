"""A client of SMPP written by hand: its octets come from the specification, never from our encoder."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from typing import NamedTuple, Self

from sms_traffic_async.sandbox import Sandbox

__all__ = ("Esme", "Pdu", "read_string", "submit_body", "tlv", "tlvs_of")

TRANSMITTER, RECEIVER, TRANSCEIVER = 0x02, 0x01, 0x09
SUBMIT, DELIVER, UNBIND, ENQUIRE = 0x04, 0x05, 0x06, 0x15
RESPONSE = 0x8000_0000
PATIENCE = 5.0


class Pdu(NamedTuple):
    command: int
    status: int
    sequence: int
    body: bytes


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def submit_body(
    text: bytes = b"Hello",
    *,
    to: bytes = b"79161112233",
    source: bytes = b"SMSTraffic",
    addresses: bytes = b"\5\0\1\1",
    esm_class: int = 0,
    data_coding: int = 0,
    registered: int = 1,
    validity: bytes = b"",
    service_type: bytes = b"",
    schedule: bytes = b"",
    priority: int = 0,
    replace: int = 0,
    default_id: int = 0,
    tlvs: bytes = b"",
) -> bytes:
    return (
        service_type + b"\0" + addresses[:2] + source + b"\0" + addresses[2:] + to + b"\0"
        + bytes((esm_class, 0, priority)) + schedule + b"\0" + validity + b"\0"
        + bytes((registered, replace, data_coding, default_id, len(text))) + text + tlvs
    )  # fmt: skip


def read_string(body: bytes) -> str:
    return body.partition(b"\0")[0].decode("latin-1")


def tlvs_of(octets: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while octets:
        tag, length = struct.unpack_from(">HH", octets)
        found[tag] = octets[4 : 4 + length]
        octets = octets[4 + length :]
    return found


class Message(NamedTuple):
    """A deliver_sm taken apart."""

    source: str
    destination: str
    esm_class: int
    data_coding: int
    text: bytes
    tlvs: dict[int, bytes]
    source_ton: int
    source_npi: int


def read_deliver(body: bytes) -> Message:
    _, _, rest = body.partition(b"\0")
    ton, npi, rest = rest[0], rest[1], rest[2:]
    source, _, rest = rest.partition(b"\0")
    destination, _, rest = rest[2:].partition(b"\0")
    esm_class = rest[0]
    _, _, rest = rest[3:].partition(b"\0")
    _, _, rest = rest.partition(b"\0")
    length = rest[4]
    text, tail = rest[5 : 5 + length], rest[5 + length :]
    return Message(source.decode(), destination.decode(), esm_class, rest[2], text, tlvs_of(tail), ton, npi)


class Esme:
    """One connection to a sandbox.

    Attributes:
        answers: the status that deliver_sm is answered with as it is read; ``None`` for no answer.
        patience: seconds that it waits for octets.
    """

    def __init__(self, sandbox: Sandbox, *, node: int = 1, tls: ssl.SSLContext | None = None) -> None:
        self._sandbox = sandbox
        self._address = sandbox.smpp_address(node, tls=tls is not None)
        self._tls = tls
        self._reader = asyncio.StreamReader()
        self._writer: asyncio.StreamWriter | None = None
        self._sequence = 0
        self.answers: int | None = 0
        self.patience = PATIENCE
        self.system_id = "sandbox"
        self.password = "sandbox"

    async def __aenter__(self) -> Self:
        host = "127.0.0.1" if self._tls is not None else None
        self._reader, self._writer = await asyncio.open_connection(*self._address, ssl=self._tls, server_hostname=host)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Gone without a word."""
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await self._writer.wait_closed()
            self._writer = None
            await settle()

    def write(self, octets: bytes) -> None:
        assert self._writer is not None
        self._writer.write(octets)

    def send(self, command: int, body: bytes = b"", *, status: int = 0, sequence: int | None = None) -> int:
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        self.write(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)
        return sequence

    async def octets(self, count: int) -> bytes:
        return await asyncio.wait_for(self._reader.readexactly(count), self.patience)

    async def read(self) -> Pdu:
        """The next PDU, whatever it is."""
        length, command, status, sequence = struct.unpack(">IIII", await self.octets(16))
        return Pdu(command, status, sequence, await self.octets(length - 16))

    async def next(self, *, command: int) -> Pdu:
        """The next PDU of a kind; others may not come before it, but for answered heartbeats."""
        while True:
            pdu = await self.read()
            if pdu.command == ENQUIRE:
                self.send(ENQUIRE | RESPONSE, sequence=pdu.sequence)
                continue
            assert pdu.command == command, pdu
            if command == DELIVER and self.answers is not None:
                self.send(DELIVER | RESPONSE, b"\0", status=self.answers, sequence=pdu.sequence)
            return pdu

    async def call(self, command: int, body: bytes = b"") -> Pdu:
        """A request and its answer."""
        sequence = self.send(command, body)
        pdu = await self.next(command=command | RESPONSE)
        assert pdu.sequence == sequence
        return pdu

    async def bind(self, mode: int = TRANSCEIVER, *, system_id: str = "", password: str = "") -> int:
        """The status of a bind; 0 is bound. The fields are table 1 of the document."""
        return (await self.bound(mode, system_id=system_id, password=password)).status

    async def bound(self, mode: int = TRANSCEIVER, *, system_id: str = "", password: str = "") -> Pdu:
        credentials = ((system_id or self.system_id).encode(), (password or self.password).encode())
        return await self.call(mode, b"\0".join((*credentials, b"", b"\x34\0\0", b"")))

    async def submit(self, text: bytes = b"Hello", **fields: object) -> Pdu:
        return await self.call(SUBMIT, submit_body(text, **fields))  # type: ignore[arg-type]

    async def sent(self, text: bytes = b"Hello", **fields: object) -> str:
        """The id of an accepted message."""
        answer = await self.submit(text, **fields)
        assert answer.status == 0, answer
        return read_string(answer.body)

    async def delivered(self) -> Message:
        """The next deliver_sm, answered."""
        return read_deliver((await self.next(command=DELIVER)).body)

    async def ended(self) -> bool:
        """Whether the platform closes the connection, with nothing more in it."""
        try:
            return await asyncio.wait_for(self._reader.read(1), PATIENCE) == b""
        except ConnectionError:
            return True

    async def silent(self) -> bool:
        """Whether nothing comes, though the loop has had its turns."""
        try:
            await asyncio.wait_for(asyncio.shield(task := asyncio.ensure_future(self._reader.readexactly(1))), 0.05)
        except TimeoutError:
            task.cancel()
            await asyncio.wait([task])  # or the next read would find it still waiting
            return True
        return False


async def settle() -> None:
    """What is on its way over loopback arrives."""
    for _ in range(20):
        await asyncio.sleep(0)
