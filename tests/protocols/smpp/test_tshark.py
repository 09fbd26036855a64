"""Wireshark's dissector, which shares no author with us, reads every PDU that we write."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from sms_traffic_async.protocols.smpp.pdu import Bind, DeliverSm, SubmitSm, Tlvs, encode
from sms_traffic_async.protocols.smpp.vocabulary import BindMode
from sms_traffic_async.secrets import Secret
from tests.protocols.smpp.pair import tlv
from tests.protocols.smpp.test_pdu import IDS, ROUND_TRIPS
from tests.support.peers import peer

PORT = 2775


def capture(path: Path, frames: Iterable[bytes]) -> None:
    """A pcap file of one TCP connection that carries each PDU in a segment of its own."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101))  # 101: packets start with IP
        position = 1
        for frame in frames:
            tcp = struct.pack(">HHIIBBHHH", 40_000, PORT, position, 1, 0x50, 0x18, 0xFFFF, 0, 0)
            length = 20 + len(tcp) + len(frame)
            addresses = bytes((127, 0, 0, 1)) * 2
            ip = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, 6, 0) + addresses
            file.write(struct.pack("<IIII", 0, 0, length, length) + ip + tcp + frame)
            position += len(frame)


def dissect(path: Path, *arguments: str) -> list[str]:
    command = [
        peer("tshark", "tshark"),
        "-r",
        str(path),
        "-d",
        f"tcp.port=={PORT},smpp",
        "-o",
        "smpp.reassemble_smpp_over_tcp:FALSE",
    ]
    run = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, timeout=50)
    return run.stdout.splitlines()


def test_nothing_is_malformed(tmp_path: Path) -> None:
    capture(tmp_path / "all.pcap", [encode(pdu, number) for number, (pdu, _, _) in enumerate(ROUND_TRIPS, 1)])
    shown = "\n".join(dissect(tmp_path / "all.pcap", "-V"))
    assert "Malformed" not in shown
    fields = ("-T", "fields", "-e", "smpp.command_id", "-e", "smpp.sequence_number", "-e", "smpp.command_length")
    rows = [[int(cell, 0) for cell in row.split()] for row in dissect(tmp_path / "all.pcap", *fields)]
    assert rows == [[command, number, 16 + len(body)] for number, (_, command, body) in enumerate(ROUND_TRIPS, 1)], IDS


def test_it_notices_a_broken_pdu(tmp_path: Path) -> None:
    frame = bytearray(encode(SubmitSm(short_message=b"Hello"), 1))
    frame[-6] = 200  # sm_length
    capture(tmp_path / "broken.pcap", [bytes(frame)])
    assert "Malformed" in "\n".join(dissect(tmp_path / "broken.pcap", "-V"))


SHOWN = (
    "system_id", "interface_version", "system_type", "addr_ton", "addr_npi", "address_range", "service_type",
    "source_addr_ton", "source_addr_npi", "source_addr", "dest_addr_ton", "dest_addr_npi", "destination_addr",
    "esm.submit.features", "priority_flag", "schedule_delivery_time", "regdel.receipt", "replace_if_present_flag",
    "data_coding", "sm_default_msg_id", "sm_length", "message_state", "receipted_message_id",
)  # fmt: skip


def fields_of(path: Path, frame: bytes) -> dict[str, str]:
    capture(path, [frame])
    names = [argument for name in SHOWN for argument in ("-e", f"smpp.{name}")]
    (row,) = dissect(path, "-T", "fields", *names)
    return {name: cell for name, cell in zip(SHOWN, row.split("\t"), strict=True) if cell}


def test_table_1_of_the_document(tmp_path: Path) -> None:
    bind = Bind(mode=BindMode.TRANSCEIVER, system_id="example", password=Secret("p@ssw0rd"))
    found = fields_of(tmp_path / "bind.pcap", encode(bind, 1))
    assert found["system_id"] == "example"
    assert found["interface_version"] == "52"
    assert {int(found[name], 0) for name in ("addr_ton", "addr_npi")} == {0}
    assert not found.get("system_type")
    assert not found.get("address_range")


@pytest.mark.parametrize("originator, ton, npi", [("SMSTraffic", 5, 0), ("79160000000", 1, 1)])
def test_table_2_of_the_document(tmp_path: Path, originator: str, ton: int, npi: int) -> None:
    submit = SubmitSm(
        source_addr_ton=ton, source_addr_npi=npi, source_addr=originator, destination_addr="79161112233",
        esm_class=0x40, registered_delivery=1, data_coding=8, short_message=bytes.fromhex("050003AF0201 041F"),
    )  # fmt: skip
    found = fields_of(tmp_path / "submit.pcap", encode(submit, 1))
    assert (found["source_addr"], found["destination_addr"]) == (originator, "79161112233")
    expected = {
        "source_addr_ton": ton, "source_addr_npi": npi, "dest_addr_ton": 1, "dest_addr_npi": 1, "data_coding": 8,
        "sm_length": 8, "regdel.receipt": 1, "esm.submit.features": 1, "priority_flag": 0,
        "replace_if_present_flag": 0, "sm_default_msg_id": 0,
    }  # fmt: skip
    assert {name: int(found[name], 0) for name in expected} == expected


def test_table_3_of_the_document(tmp_path: Path) -> None:
    tlvs = Tlvs(tlv(0x0427, b"\2") + tlv(0x001E, b"1046379029\0") + tlv(0x0423, b"\x08\0\3"))
    found = fields_of(tmp_path / "receipt.pcap", encode(DeliverSm(esm_class=4, short_message=b"id:1", tlvs=tlvs), 1))
    assert (int(found["message_state"], 0), found["receipted_message_id"]) == (2, "1046379029")
