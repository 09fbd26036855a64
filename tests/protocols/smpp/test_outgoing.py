"""Messages as submit_sm bodies: the document's tables and dumps, codings, parts, binary, and an outside judge."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.smpp.outgoing import Outgoing
from sms_traffic_async.protocols.smpp.pdu import SubmitSm, encode
from sms_traffic_async.text import GATEWAY, parse_user_data, segment
from tests.protocols.smpp.test_tshark import capture, dissect
from tests.support.exposure import shown

TO = "79161112233"


def submits(message: Message, *, outgoing: Outgoing | None = None, data_coding: int | None = None) -> list[SubmitSm]:
    made = (outgoing or Outgoing(originator="Brand")).bodies(message, data_coding)
    assert isinstance(made, tuple), made
    return [SubmitSm.read(body, 0, len(body), 4) for body in made[0]]


def refused(message: Message, *, data_coding: Any = None) -> InvalidMessage:
    error = Outgoing(originator="Brand").bodies(message, data_coding)
    assert isinstance(error, InvalidMessage)
    assert error.__traceback__ is None
    return error


# --- the document


def test_table_2() -> None:
    """Every field as table 2 has it; what the platform does not support is empty."""
    (pdu,) = submits(Message(to=TO, text="Hello", validity=3600))
    assert pdu == SubmitSm(
        source_addr_ton=5,
        source_addr_npi=0,
        source_addr="Brand",
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=TO,
        validity_period="000000010000000R",
        registered_delivery=1,
        data_coding=0,
        short_message=b"Hello",
    )


@pytest.mark.parametrize(
    "originator,expected",
    [
        ("79160000000", (1, 1, "79160000000")),
        ("1234", (1, 1, "1234")),
        ("Brand-1", (5, 0, "Brand-1")),
        (None, (0, 0, "")),
    ],
)
def test_senders(originator: str | None, expected: tuple[int, int, str]) -> None:
    (pdu,) = submits(Message(to=TO, text="x"), outgoing=Outgoing(originator=originator))
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == expected
    (own,) = submits(Message(to=TO, text="x", originator="Own"), outgoing=Outgoing(originator=originator))
    assert own.source_addr == "Own"


@pytest.mark.parametrize("reference_bytes,head", [(1, bytes.fromhex("050003D403")), (2, bytes.fromhex("06080400D403"))])
def test_both_kinds_of_parts(reference_bytes: Any, head: bytes) -> None:
    """Document, "UDH-склейка": signature, reference, total; the dump of the 1-byte kind is D4, 3 parts, part 2."""
    outgoing = Outgoing(originator="Brand", reference_bytes=reference_bytes)
    outgoing._reference.number = 0xD3
    text = "я" * 66 + "п" * 67 + "привет :) и ещё"
    parts = submits(Message(to=TO, text=text), outgoing=outgoing)
    assert [pdu.esm_class for pdu in parts] == [0x40] * 3
    assert [pdu.data_coding for pdu in parts] == [8] * 3
    assert [pdu.short_message[: len(head) + 1] for pdu in parts] == [head + bytes((n,)) for n in (1, 2, 3)]
    assert "".join(pdu.short_message[len(head) + 1 :].decode("utf-16-be") for pdu in parts) == text
    made = outgoing.bodies(Message(to=TO, text=text))
    assert isinstance(made, tuple)
    assert made[2] == 0xD5


@pytest.mark.parametrize(
    "text,reference_bytes,sizes",
    [
        ("a" * 160, 1, [160]),
        ("a" * 161, 1, [159, 14]),
        ("a" * 306, 1, [159, 159]),
        ("a" * 307, 1, [159, 159, 7]),
        ("a" * 304, 2, [159, 159]),
        ("a" * 305, 2, [159, 159, 8]),
        ("я" * 70, 1, [140]),
        ("я" * 71, 1, [140, 14]),
        ("я" * 134, 1, [140, 140]),
        ("я" * 132, 2, [139, 139]),
    ],
)
def test_sizes(text: str, reference_bytes: Any, sizes: list[int]) -> None:
    outgoing = Outgoing(originator="Brand", reference_bytes=reference_bytes)
    parts = submits(Message(to=TO, text=text), outgoing=outgoing)
    assert [len(pdu.short_message) for pdu in parts] == sizes


def test_references_follow_each_other_and_wrap() -> None:
    outgoing = Outgoing(originator="Brand")
    outgoing._reference.number = 0xFFFE
    seen = [submits(Message(to=TO, text="я" * 71), outgoing=outgoing)[0].short_message[3] for _ in range(3)]
    assert seen == [0xFF, 0x00, 0x01]
    other = Outgoing(originator="Other", shared=outgoing)
    assert submits(Message(to=TO, text="я" * 71), outgoing=other)[0].short_message[3] == 0x02


# --- codings


@given(st.text(st.sampled_from("abc @$я€ёΔ[]\n😀é0123456789"), min_size=1, max_size=400))
def test_the_short_way_is_the_long_way(text: str) -> None:
    """One part is encoded beside `segment`, and must be what `segment` makes."""
    expected = segment(text)
    parts = submits(Message(to=TO, text=text))
    assert len(parts) == expected.count
    assert {pdu.data_coding for pdu in parts} == {expected.data_coding}
    bodies = [parse_user_data(pdu.short_message).body if pdu.esm_class else pdu.short_message for pdu in parts]
    assert b"".join(bodies) == expected.octets


def test_flash() -> None:
    (latin,) = submits(Message(to=TO, text="Hello", flash=True))
    (cyrillic,) = submits(Message(to=TO, text="Привет", flash=True))
    assert (latin.data_coding, cyrillic.data_coding) == (0x10, 0x18)
    assert refused(Message(to=TO, text="я" * 71, flash=True)).field == "text"


@pytest.mark.parametrize(
    "coding,text,octets",
    [
        (0, "Ä@", b"\x5b\x00"),
        (3, "Ä@", b"\xc4\x40"),
        (8, "Hi", b"\0H\0i"),
        (0x10, "Hi", b"Hi"),
        (0xF1, "Hi", b"Hi"),
        (0x19, "Hi", b"\0H\0i"),
    ],
)
def test_a_coding_of_the_callers(coding: int, text: str, octets: bytes) -> None:
    (pdu,) = submits(Message(to=TO, text=text), data_coding=coding)
    assert (pdu.data_coding, pdu.short_message, pdu.esm_class) == (coding, octets, 0)


def test_latin_1_in_parts() -> None:
    parts = submits(Message(to=TO, text="Ä" * 200), data_coding=3)
    assert [(len(pdu.short_message), pdu.data_coding) for pdu in parts] == [(159, 3), (53, 3)]
    assert b"".join(pdu.short_message[6:] for pdu in parts) == b"\xc4" * 200


def test_latin_1_has_the_whole_alphabet() -> None:
    every = "".join(chr(code) for code in range(0x250) if chr(code) in GATEWAY and code)
    (pdu,) = submits(Message(to=TO, text=every), data_coding=3)
    assert pdu.short_message.decode("latin-1") == every
    assert len(every) == 117


@pytest.mark.parametrize("coding", [4, 6, 256, -1, "8", True])
def test_codings_that_are_no_text(coding: Any) -> None:
    assert refused(Message(to=TO, text="x"), data_coding=coding).field == "data_coding"


def test_a_text_that_does_not_fit_its_coding() -> None:
    error = refused(Message(to=TO, text="Привет"), data_coding=0)
    assert error.field == "text"
    assert "Привет" not in shown(error)


# --- limits


def test_parts_are_bounded_and_cut_when_asked() -> None:
    assert refused(Message(to=TO, text="я" * 400, max_parts=2)).field == "text"
    parts = submits(Message(to=TO, text="я" * 400, max_parts=2, truncate=True))
    assert [len(pdu.short_message) for pdu in parts] == [140, 140]
    assert isinstance(Outgoing(originator=None, max_parts=1).bodies(Message(to=TO, text="я" * 71)), InvalidMessage)


@pytest.mark.parametrize(
    "field,value",
    [("key", "k"), ("tracking_data", "t"), ("params", {"a": "b"}), ("batch_name", "b"), ("transliterate", True),
     ("originator", "Банк"), ("originator", "Ümlaut")],
)  # fmt: skip
def test_what_smpp_cannot_carry(field: str, value: Any) -> None:
    error = refused(Message(to=TO, text="x", **{field: value}))
    assert error.field == field
    assert "HTTP" in error.rule


def test_the_templates_are_bounded() -> None:
    outgoing = Outgoing(originator="Brand")
    for number in range(1000):
        submits(Message(to=TO, text="x", originator=f"S{number}"), outgoing=outgoing)
    assert len(outgoing._templates) <= 256


# --- octets


def binary(data: Any = b"\x01\x02", **options: Any) -> list[SubmitSm] | InvalidMessage:
    fields: dict[str, Any] = {"data_coding": 4, "udh": b"", "originator": None, "validity": None} | options
    made = Outgoing(originator="Brand", max_parts=3).binary(TO, data, **fields)
    return made if isinstance(made, InvalidMessage) else [SubmitSm.read(body, 0, len(body), 4) for body in made[0]]


def test_binary() -> None:
    found = binary(bytes(range(140)))
    assert isinstance(found, list)
    (pdu,) = found
    assert (pdu.data_coding, pdu.esm_class, pdu.short_message) == (4, 0, bytes(range(140)))
    parts = binary(b"\xaa" * 300, data_coding=0xF5, originator="Own", validity=60)
    assert isinstance(parts, list)
    assert [len(part.short_message) for part in parts] == [140, 140, 38]
    assert {(part.esm_class, part.data_coding, part.source_addr) for part in parts} == {(0x40, 0xF5, "Own")}
    assert [part.short_message[5] for part in parts] == [1, 2, 3]


def test_a_header_of_the_callers() -> None:
    udh = bytes.fromhex("0605041581") + b"\x00\x00"
    found = binary(b"\x30", udh=udh)
    assert isinstance(found, list)
    assert (found[0].esm_class, found[0].short_message) == (0x40, udh + b"\x30")


@pytest.mark.parametrize(
    "field,options",
    [
        ("data", {"data": "text"}),
        ("data", {"data": b""}),
        ("data", {"data": b"x" * 1000}),
        ("udh", {"udh": "x"}),
        ("udh", {"udh": b"\x05\x00"}),
        ("udh", {"data": b"x" * 140, "udh": b"\x01\x00"}),
        ("data_coding", {"data_coding": 256}),
        ("validity", {"validity": 0}),
        ("originator", {"originator": "x" * 12}),
        ("originator", {"originator": "Банк"}),
    ],
)
def test_bad_octets(field: str, options: dict[str, Any]) -> None:
    error = binary(**options)
    assert isinstance(error, InvalidMessage)
    assert error.field == field


# --- an outside judge


def test_what_tshark_sees(tmp_path: Any) -> None:
    """Issue 4: TON, NPI, versions and empty fields, asserted by somebody else's decoder."""
    outgoing = Outgoing(originator="Brand")
    bodies = [
        outgoing.bodies(Message(to=TO, text="Hello", validity=600)),
        outgoing.bodies(Message(to=TO, text="я" * 71, originator="79160000000")),
    ]
    frames: list[bytes] = []
    for made in bodies:
        assert isinstance(made, tuple)
        for body in made[0]:
            frames.append(encode(SubmitSm.read(body, 0, len(body), 4), len(frames) + 1))
    capture(tmp_path / "submits.pcap", frames)
    assert "Malformed" not in "\n".join(dissect(tmp_path / "submits.pcap", "-V"))
    numbers = ("source_addr_ton", "source_addr_npi", "dest_addr_ton", "dest_addr_npi", "esm.submit.features",
               "data_coding", "sm_length", "priority_flag", "regdel.receipt", "replace_if_present_flag",
               "sm_default_msg_id")  # fmt: skip
    texts = ("source_addr", "destination_addr", "service_type")
    wanted = [option for name in (*numbers, *texts) for option in ("-e", f"smpp.{name}")]
    rows = [row.split("\t") for row in dissect(tmp_path / "submits.pcap", "-T", "fields", *wanted)]
    seen: dict[str, list[Any]] = {name: [int(row[at], 0) for row in rows] for at, name in enumerate(numbers)}
    seen |= {name: [row[len(numbers) + at] for row in rows] for at, name in enumerate(texts)}
    assert seen == {
        "source_addr_ton": [5, 1, 1],
        "source_addr_npi": [0, 1, 1],
        "dest_addr_ton": [1, 1, 1],
        "dest_addr_npi": [1, 1, 1],
        "esm.submit.features": [0, 1, 1],
        "data_coding": [0, 8, 8],
        "sm_length": [5, 140, 14],
        "priority_flag": [0, 0, 0],
        "regdel.receipt": [1, 1, 1],
        "replace_if_present_flag": [0, 0, 0],
        "sm_default_msg_id": [0, 0, 0],
        "source_addr": ["Brand", "79160000000", "79160000000"],
        "destination_addr": [TO, TO, TO],
        "service_type": ["(Default)"] * 3,  # what it calls an empty one
    }
