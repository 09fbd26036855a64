"""What the SMPP clients of the benchmarks are given to send, and the least that can be done to send it."""

from __future__ import annotations

import asyncio
import struct
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sms_traffic_async.text import Encoding, segment

__all__ = ("ORIGINATOR", "WINDOW", "Bare", "Pump", "Text", "cheap_parts", "messages")

WINDOW: Final = 50
ORIGINATOR: Final = "SMSTraffic"
LATIN: Final = "Dear customer, your order has arrived. Pick it up at 5 Lenina St. any day from 10:00 to 21:00. Code "
CYRILLIC: Final = "Ваш заказ ждёт вас по адресу: ул. Ленина, 5. Код "
# Of ten messages four are Cyrillic and four Latin in one part, one is Cyrillic and one Latin in three.
MIX: Final = (CYRILLIC, LATIN, CYRILLIC, LATIN, CYRILLIC * 3, CYRILLIC, LATIN, CYRILLIC, LATIN, LATIN * 4)
PARTS: Final = (1, 1, 1, 1, 3, 1, 1, 1, 1, 3)

Text: TypeAlias = tuple[str, str]


def messages(count: int, first: int = 0) -> list[Text]:
    """(number, text), every one different."""
    return [(str(79_160_000_000 + n), f"{MIX[n % 10]}{n:07d}") for n in range(first, first + count)]


def cheap_parts(text: str, reference: int) -> tuple[list[bytes], int, int]:
    """short_messages, data_coding, esm_class of a text that is plain ASCII or UCS-2."""
    if text.isascii():
        octets, data_coding, single, part = text.encode(), 0, 160, 153
    else:
        octets, data_coding, single, part = text.encode("utf-16-be"), 8, 140, 134
    if len(octets) <= single:
        return [octets], data_coding, 0
    total = -(-len(octets) // part)
    head = bytes((5, 0, 3, reference & 0xFF, total))
    return (
        [head + bytes((n + 1,)) + octets[n * part : (n + 1) * part] for n in range(total)],
        data_coding,
        0x40,
    )


def real_parts(text: str, reference: int) -> tuple[list[bytes], int, int]:
    """The same of any text, by the platform's alphabet."""
    segments = segment(text)
    data_coding = 0 if segments.encoding is Encoding.GSM7 else 8
    return segments.short_messages(reference), data_coding, 0x40 if segments.count > 1 else 0


class Bare(asyncio.Protocol):
    """As little as can be done to submit messages with a window."""

    _head = struct.Struct(">IIII")
    encode = staticmethod(real_parts)

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.bound: asyncio.Future[None] = self.loop.create_future()
        self.waiting: deque[tuple[bytes, list[Any]]] = deque()
        self.under_way: dict[int, list[Any]] = {}
        self.sequence = 1
        self.reference = 0
        self.out: list[bytes] = []
        self.rest = b""
        self.source = b"\0\5\0" + ORIGINATOR.encode() + b"\0\1\1"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bind."""
        self.transport = cast("asyncio.Transport", transport)
        body = b"bench\0secret\0\0\x34\0\0\0"
        self.transport.write(self._head.pack(16 + len(body), 0x09, 0, 1) + body)

    def bodies(self, to: str, text: str) -> list[bytes]:
        """The submit_sm bodies of a message."""
        self.reference += 1
        parts, data_coding, esm_class = self.encode(text, self.reference)
        head = self.source + to.encode() + b"\0" + bytes((esm_class, 0, 0, 0, 0, 1, 0, data_coding, 0))
        return [head + bytes((len(part),)) + part for part in parts]

    def submit(self, to: str, text: str) -> asyncio.Future[list[bytes]]:
        """A message; its ids."""
        future: asyncio.Future[list[bytes]] = self.loop.create_future()
        bodies = self.bodies(to, text)
        entry: list[Any] = [future, len(bodies), []]
        for body in bodies:
            self.waiting.append((body, entry))
        if not self.out and len(self.under_way) < WINDOW:
            self.loop.call_soon(self.flush)
        self.pump()
        return future

    def pump(self) -> None:
        """Fill the window."""
        waiting, under_way, out = self.waiting, self.under_way, self.out
        while waiting and len(under_way) < WINDOW:
            body, entry = waiting.popleft()
            self.sequence += 1
            under_way[self.sequence] = entry
            out.append(self._head.pack(16 + len(body), 4, 0, self.sequence) + body)

    def flush(self) -> None:
        """One write for all that a read made room for, or that was submitted in one turn of the loop."""
        if self.out:
            self.transport.write(b"".join(self.out))
            self.out.clear()

    def data_received(self, data: bytes) -> None:
        """Answers."""
        if self.rest:
            data = self.rest + data
        at, size, unpack = 0, len(data), self._head.unpack_from
        while size - at >= 16:
            length, command, status, sequence = unpack(data, at)
            if size - at < length:
                break
            if command == 0x80000004:
                assert status == 0
                self.answered(self.under_way.pop(sequence), data[at + 16 : at + length - 1])
            elif command == 0x80000009:
                self.bound.set_result(None)
            at += length
        self.rest = data[at:]
        self.pump()
        self.flush()  # before anybody is woken: the peer works while they do

    def answered(self, entry: list[Any], message_id: bytes) -> None:
        """One part's answer."""
        entry[2].append(message_id)
        entry[1] -= 1
        if not entry[1]:
            entry[0].set_result(entry[2])


class Pump(Bare):
    """The same for messages that nobody waits for."""

    encode = staticmethod(cheap_parts)
    texts: Iterator[Text] = iter(())
    left = 0

    def run(self, texts: Sequence[Text]) -> asyncio.Future[None]:
        """Send them all."""
        self.texts, self.left = iter(texts), len(texts)
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.pump()
        self.flush()
        return self.done

    def pump(self) -> None:
        """Fill the window."""
        while len(self.under_way) + len(self.waiting) < WINDOW:
            found = next(self.texts, None)
            if found is None:
                break
            bodies = self.bodies(*found)
            entry: list[Any] = [None, len(bodies), []]
            self.waiting.extend((body, entry) for body in bodies)
        super().pump()

    def answered(self, entry: list[Any], message_id: bytes) -> None:
        """One part's answer."""
        entry[2].append(message_id)
        entry[1] -= 1
        if not entry[1]:
            self.left -= 1
            if not self.left:
                self.done.set_result(None)
