"""Wireshark's dissector reads recorded runs of the sandbox's SMSC: every kind of PDU, nothing "Malformed"."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypeAlias

from sms_traffic_async.sandbox import FaultRule, Sandbox, Status
from tests.protocols.smpp.test_tshark import SHOWN, capture, dissect
from tests.sandbox.smpp_kit import (
    DELIVER,
    ENQUIRE,
    RECEIVER,
    RESPONSE,
    SUBMIT,
    TRANSCEIVER,
    TRANSMITTER,
    UNBIND,
    Esme,
    submit_body,
)

Recorded: TypeAlias = list[bytes]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, into: Recorded) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readexactly(4)
            into.append(head + await reader.readexactly(int.from_bytes(head) - 4))
            writer.write(into[-1])
    writer.close()


@contextlib.asynccontextmanager
async def recorder(sandbox: Sandbox, into: Recorded) -> AsyncIterator[tuple[str, int]]:
    """A port that passes PDUs on in both directions, and keeps them in the order in which they came."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*sandbox.smpp_address(1, tls=False))
        for pair in ((reader, far_writer), (far_reader, writer)):
            tasks.add(asyncio.create_task(_copy(*pair, into)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()
    await asyncio.wait(tasks, timeout=5)


class Recording:
    """Connections through one recorder."""

    def __init__(self, sandbox: Sandbox, address: tuple[str, int]) -> None:
        self._sandbox, self._address = sandbox, address

    def esme(self) -> Esme:
        esme = Esme(self._sandbox)
        esme._address = self._address
        return esme


async def _transceiver(sandbox: Sandbox, recording: Recording) -> str:
    async with recording.esme() as esme:
        assert await esme.bind(TRANSCEIVER, password="wrong") == 0x0E
        assert await esme.bind(TRANSCEIVER) == 0
        message_id = await esme.sent(
            bytes((5, 0, 3, 1, 2, 1)) + "Привет".encode("utf-16-be"), esm_class=0x40, data_coding=8
        )
        await esme.sent(bytes((5, 0, 3, 1, 2, 2)) + " всем".encode("utf-16-be"), esm_class=0x40, data_coding=8)
        await esme.sent(b"negative", to=b"79161119003")
        assert (await esme.submit(source=b"Unknown")).status == 0x0A
        for command, body in (
            (0x03, b"1\0\1\x0179161112233\0"),
            (0x07, b"1\0\1\x0179161112233\0\0\0\0\0\2hi"),
            (0x08, b"\x001\0\1\x0179161112233\0\1\x0179161112233\0"),
            (0x21, b"\0\5\0SMSTraffic\0\1\1\1\x0179161112233\0" + bytes(9) + b"\5Hello"),
            (0x103, b"\0\5\0SMSTraffic\0\1\x0179161112233\0\0\0\0\x04\x24\0\2hi"),
        ):
            assert (await esme.call(command, body)).status == 0x03
        esme.send(ENQUIRE)
        assert (await esme.read()).command == ENQUIRE | RESPONSE
        sandbox.faults.add(FaultRule(effect=Status(status=0x03, nack=True), operation="submit", times=1))
        esme.send(SUBMIT, submit_body())
        assert (await esme.next(command=0x8000_0000)).status == 0x03
        await sandbox.advance(5)
        for _ in range(3):
            await esme.delivered()
        sandbox.smpp.unbind()
        request = await esme.next(command=UNBIND)
        esme.send(UNBIND | RESPONSE, sequence=request.sequence)
        assert await esme.ended()
    return message_id


async def _others(sandbox: Sandbox, recording: Recording) -> None:
    for parts, count in (("udh8", 2), ("udh16", 2), ("sar", 2), ("payload", 1)):
        sandbox.switches = sandbox.switches.changed({"smpp_inbound_parts": parts})
        async with recording.esme() as esme:
            assert await esme.bind(RECEIVER) == 0
            sandbox.platform.inbound(sender="79161112233", recipient="3299", text="щ" * 80)
            for _ in range(count):
                await esme.next(command=DELIVER)
            assert (await esme.call(UNBIND)).status == 0
    async with recording.esme() as esme:
        assert await esme.bind(TRANSMITTER) == 0
        assert (await esme.call(UNBIND)).status == 0


async def test_a_recorded_run(sandbox: Sandbox, tmp_path: Path) -> None:
    frames: Recorded = []
    async with recorder(sandbox, frames) as address:
        message_id = await _transceiver(sandbox, Recording(sandbox, address))
        await _others(sandbox, Recording(sandbox, address))
    path = tmp_path / "run.pcap"
    capture(path, frames)
    assert "Malformed" not in "\n".join(await asyncio.to_thread(dissect, path, "-V"))
    names = [argument for name in ("command_id", "command_status", *SHOWN) for argument in ("-e", f"smpp.{name}")]
    rows = [line.split("\t") for line in await asyncio.to_thread(dissect, path, "-T", "fields", *names)]
    commands = Counter(int(row[0], 0) for row in rows)
    assert len(rows) == len(frames)
    requests = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x15, 0x21, 0x103}
    assert set(commands) == requests | {one | RESPONSE for one in requests} | {0x8000_0000}
    _check_rows(rows, message_id)


def _check_rows(rows: list[list[str]], message_id: str) -> None:
    found = [dict(zip(("command_id", "command_status", *SHOWN), row, strict=True)) for row in rows]

    def of(command: int) -> list[dict[str, str]]:
        return [row for row in found if int(row["command_id"], 0) == command]

    binds = of(TRANSCEIVER | RESPONSE)
    assert [int(row["command_status"], 0) for row in binds] == [0x0E, 0]
    assert [row["system_id"] for row in binds] == ["", "SMSTraffic"]
    receipts = [row for row in of(DELIVER) if row["receipted_message_id"]]
    assert receipts[0]["receipted_message_id"] == message_id
    assert [int(row["message_state"], 0) for row in receipts] == [2, 2, 5]
    for row in receipts:
        assert (row["source_addr_ton"], row["source_addr_npi"], row["dest_addr_ton"]) == ("0x01", "0x01", "0x05")
        assert row["destination_addr"] == "SMSTraffic"
