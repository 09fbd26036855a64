"""Wireshark's dissector reads what our client wrote in sessions that use every PDU type it can send."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from sms_traffic_async.errors import InvalidOriginator
from sms_traffic_async.messages import Message, StatusUpdate, Submission
from sms_traffic_async.protocols.smpp.client import Smpp
from sms_traffic_async.protocols.smpp.pdu import HEADER
from sms_traffic_async.protocols.smpp.vocabulary import Command
from sms_traffic_async.sandbox import DEFAULT_ORIGINATOR, Pace, Sandbox, Switches
from sms_traffic_async.settings import Credentials, Settings
from tests.protocols.smpp.kit import client, outcome
from tests.protocols.smpp.test_tshark import capture, dissect
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

UNKNOWN_REQUEST = 0x0FFF
LATIN, CYRILLIC, LONG = "79160000001", "79160000002", "79160000003"
FIELDS = (
    "command_id", "sequence_number", "command_status", "service_type", "source_addr_ton", "source_addr_npi",
    "source_addr", "dest_addr_ton", "dest_addr_npi", "destination_addr", "esm.submit.features", "protocol_id",
    "priority_flag", "schedule_delivery_time", "schedule_delivery_time_r", "validity_period", "validity_period_r",
    "regdel.receipt", "replace_if_present_flag", "data_coding", "sm_default_msg_id", "sm_length",
    "interface_version", "system_id", "system_type", "addr_ton", "addr_npi", "address_range",
)  # fmt: skip
EMPTY = ("service_type", "schedule_delivery_time", "schedule_delivery_time_r")
UNSET = {"", "(Default)", "0.000000000"}
"""How tshark shows an empty field, service_type and a relative time."""
ZERO = ("protocol_id", "priority_flag", "replace_if_present_flag", "sm_default_msg_id")


class Recorder:
    """Passes octets on between a client and one port, and keeps what the client wrote, connection by connection."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self.written: list[bytearray] = []
        self._clients: list[asyncio.StreamWriter] = []

    def interpose(self, octets: bytes) -> None:
        """Write to the newest client what the platform has not written."""
        self._clients[-1].write(octets)

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        written = bytearray()
        self.written.append(written)
        self._clients.append(writer)
        far_reader, far_writer = await asyncio.open_connection(*self._target)

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, kept: bytearray | None) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(65_536):
                    if kept is not None:
                        kept += data
                    sink.write(data)
            sink.close()

        await asyncio.gather(carry(reader, far_writer, written), carry(far_reader, writer, None))

    def frames(self) -> list[bytes]:
        """Every PDU, in order."""
        found: list[bytes] = []
        for written in self.written:
            at = 0
            while at < len(written):
                (length,) = struct.unpack_from(">I", written, at)
                found.append(bytes(written[at : at + length]))
                at += length
            assert at == len(written)
        return found


@contextlib.asynccontextmanager
async def recorder(sandbox: Sandbox) -> AsyncIterator[tuple[Recorder, str]]:
    made = Recorder(sandbox.smpp_address(1, tls=False))
    server = await asyncio.start_server(made.pass_on, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield made, f"smpp://127.0.0.1:{port}"


async def use_everything(sandbox: Sandbox, record: Recorder, url: str) -> None:
    _, login, password = sandbox.credentials
    settings = Settings(credentials=Credentials(login=login, password=password), originator=DEFAULT_ORIGINATOR)

    def take(updates: Sequence[StatusUpdate]) -> bool:
        return bool(updates)

    async def talk(smpp: Smpp, originator: str | None) -> None:
        messages = (
            Message(to=LATIN, text="Your code is 1234", originator=originator, validity=3600),
            Message(to=CYRILLIC, text="Ваш код 1234", originator=originator),
            Message(to=LONG, text="Заказ собран и ждёт вас. " * 4, originator=originator),
        )
        results = [await outcome(smpp.submit(message)) for message in messages]
        # A number is nobody's originator here, and refused; it was written all the same.
        assert {type(result) for result in results} == {InvalidOriginator if originator else Submission}

    async with client(url, settings=settings, response_timeout=40) as one:
        one.hub.receiving.updates = take
        await talk(one.smpp, None)
        await asyncio.sleep(200)  # enquire_link, ours and the platform's
        record.interpose(HEADER.pack(16, UNKNOWN_REQUEST, 0, 77))
        await asyncio.sleep(1)
        sandbox.smpp.unbind()
        await asyncio.sleep(100)
        await talk(one.smpp, "79160000000")
    async with client(url, settings=settings, bind="split") as one:
        one.hub.receiving.updates = take
        await talk(one.smpp, None)
        await asyncio.sleep(60)


async def test_every_pdu_of_ours(tmp_path: Path) -> None:
    async with Sandbox(
        switches=Switches(antispam=False, smpp_rate=None),
        pace=Pace(send=0, buffer=0, final=0),
        smpp_tls_ports=None,
    ) as sandbox:
        sandbox.outcomes.clear()
        async with recorder(sandbox) as (record, url):
            await use_everything(sandbox, record, url)
        frames = record.frames()
    path = tmp_path / "client.pcap"
    capture(path, frames)
    assert "Malformed" not in "\n".join(dissect(path, "-V"))
    names = [argument for name in FIELDS for argument in ("-e", f"smpp.{name}")]
    rows = [dict(zip(FIELDS, row.split("\t"), strict=True)) for row in dissect(path, "-T", "fields", *names)]
    assert len(rows) == len(frames)
    seen = {int(row["command_id"], 0) for row in rows}
    assert seen == {
        Command.BIND_RECEIVER, Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER, Command.SUBMIT_SM,
        Command.DELIVER_SM_RESP, Command.ENQUIRE_LINK, Command.ENQUIRE_LINK_RESP, Command.UNBIND, Command.UNBIND_RESP,
        Command.GENERIC_NACK,
    }  # fmt: skip
    binds = [row for row in rows if row["interface_version"]]
    assert {int(row["interface_version"], 0) for row in binds} == {0x34}
    for row in binds:
        assert {int(row[name], 0) for name in ("addr_ton", "addr_npi")} == {0}
        assert not row["system_type"]
        assert not row["address_range"]
    check_submits([row for row in rows if int(row["command_id"], 0) == Command.SUBMIT_SM])


def check_submits(rows: Sequence[dict[str, str]]) -> None:
    """Table 2 of the document, and what chooses data coding and UDHI."""
    assert {(row["source_addr"].isdigit(), int(row["source_addr_ton"], 0), int(row["source_addr_npi"], 0))
            for row in rows} == {(True, 1, 1), (False, 5, 0)}  # fmt: skip
    assert {(int(row["dest_addr_ton"], 0), int(row["dest_addr_npi"], 0)) for row in rows} == {(1, 1)}
    assert {int(row["regdel.receipt"], 0) for row in rows} == {1}
    for row in rows:
        assert {row[name] for name in EMPTY} <= UNSET, row
        assert {int(row[name], 0) for name in ZERO} == {0}, row
    kinds = {
        (row["destination_addr"], int(row["data_coding"], 0), int(row["esm.submit.features"], 0))
        for row in rows
        if row["destination_addr"] in {LATIN, CYRILLIC, LONG}
    }
    assert kinds == {(LATIN, 0, 0), (CYRILLIC, 8, 0), (LONG, 8, 1)}
    lengths = {int(row["sm_length"], 0) for row in rows if row["destination_addr"] == LONG}
    assert max(lengths) <= 140
    timed = [row for row in rows if not {row["validity_period"], row["validity_period_r"]} <= UNSET]
    assert {row["destination_addr"] for row in timed} == {LATIN}
