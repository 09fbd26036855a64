"""Optional parameters: octets that are read when asked, and never raise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import LocalProtocolError
from sms_traffic_async.protocols.smpp.pdu import NO_TLVS, NetworkError, Sar, Tlvs
from sms_traffic_async.protocols.smpp.tlv import as_number
from sms_traffic_async.protocols.smpp.vocabulary import Tag

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "text-vectors.json").read_text(encoding="utf-8"))
RECEIPT_TLVS = [vector for vector in VECTORS["vectors"] if vector["topic"] == "receipt-tlv"]
STATES = {2: "DELIVRD", 5: "UNDELIV"}

pairs = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=8)


def test_all_vectors_are_here() -> None:
    assert len(RECEIPT_TLVS) == 4


@pytest.mark.parametrize("vector", RECEIPT_TLVS, ids=lambda vector: vector["id"])
def test_vector(vector: dict[str, dict[str, object]]) -> None:
    tlvs = Tlvs.fromhex(str(vector["input"]["tlvs_hex"]))
    expect = vector["expect"]
    known = {int(tag) for tag in Tag}
    found: dict[str, object] = {
        "message_state": tlvs.message_state,
        "stat": STATES.get(tlvs.message_state or 0),
        "receipted_message_id": tlvs.receipted_message_id,
        "network_type": tlvs.network_error and tlvs.network_error.network_type,
        "error_code": tlvs.network_error and tlvs.network_error.code,
        "unknown": {f"0x{tag:04x}": value.hex() for tag, value in tlvs.items() if tag not in known},
    }
    assert expect
    assert {name: found[name] for name in expect} == expect


@given(pairs)
def test_what_is_built_is_read(given_pairs: list[tuple[int, bytes]]) -> None:
    tlvs = Tlvs.build(given_pairs)
    assert tlvs.items() == given_pairs
    assert tlvs.rest == b""
    for tag, value in reversed(given_pairs):
        assert tlvs.values()[tag] == tlvs.get(tag)
        assert dict(reversed(given_pairs))[tag] == tlvs.get(tag)
        assert isinstance(value, bytes)


@given(pairs, st.integers(1, 30))
def test_a_list_that_is_cut_off_reads_as_far_as_it_goes(given_pairs: list[tuple[int, bytes]], cut: int) -> None:
    whole = Tlvs.build(given_pairs)
    tlvs = Tlvs(whole[: max(0, len(whole) - cut)])
    assert tlvs.items() == given_pairs[: len(tlvs.items())]
    assert Tlvs.build(tlvs.items()) + tlvs.rest == bytes(tlvs)


@given(st.binary(max_size=64))
def test_anything_reads_as_something(octets: bytes) -> None:
    tlvs = Tlvs(octets)
    assert Tlvs.build(tlvs.items()) + tlvs.rest == octets
    assert tlvs.message_state is None or tlvs.message_state >= 0
    assert tlvs.sar is None or 1 <= tlvs.sar.part <= tlvs.sar.total
    assert tlvs.network_error is None or tlvs.network_error.code <= 0xFFFF
    assert tlvs.receipted_message_id is None or isinstance(tlvs.receipted_message_id, str)
    assert repr(tlvs).startswith("<Tlvs")


@pytest.mark.parametrize(
    "value, number", [(b"", None), (b"\2", 2), (b"\0\2", 2), (b"\0\0\2", 2), (b"\1\0\0\0", 1 << 24), (b"\1" * 9, None)]
)
def test_numbers_of_any_width(value: bytes, number: int | None) -> None:
    assert Tlvs.build([(Tag.MESSAGE_STATE, value)]).message_state == number
    assert as_number(value) == number


@pytest.mark.parametrize(
    "value, text", [(b"", ""), (b"abc", "abc"), (b"abc\0", "abc"), (b"abc\0def", "abc"), (b"\xff\0", "ÿ")]
)
def test_strings_with_and_without_their_end(value: bytes, text: str) -> None:
    assert Tlvs.build([(Tag.RECEIPTED_MESSAGE_ID, value)]).receipted_message_id == text


def test_typed_views() -> None:
    tlvs = Tlvs.build(
        [
            (Tag.NETWORK_ERROR_CODE, b"\x08\x00\x03\xff"),
            (Tag.SC_INTERFACE_VERSION, b"\x34"),
            (Tag.MESSAGE_PAYLOAD, b"text"),
            (Tag.SAR_MSG_REF_NUM, b"\x12\x34"),
            (Tag.SAR_TOTAL_SEGMENTS, b"\x03"),
            (Tag.SAR_SEGMENT_SEQNUM, b"\x02"),
        ]
    )
    assert tlvs.network_error == NetworkError(8, 3)
    assert tlvs.sc_interface_version == 0x34
    assert tlvs.message_payload == b"text"
    assert tlvs.sar == Sar(0x1234, 3, 2)
    nothing = [NO_TLVS.network_error, NO_TLVS.message_payload, NO_TLVS.sar, NO_TLVS.receipted_message_id]
    assert nothing == [None] * 4


@pytest.mark.parametrize("total, part", [(0, 1), (2, 0), (2, 3), (300, 1)])
def test_parts_that_make_no_sense_are_none(total: int, part: int) -> None:
    pairs = [(Tag.SAR_MSG_REF_NUM, 1), (Tag.SAR_TOTAL_SEGMENTS, total), (Tag.SAR_SEGMENT_SEQNUM, part)]
    assert Tlvs.build([(int(tag), number.to_bytes(2)) for tag, number in pairs]).sar is None


@pytest.mark.parametrize("pair", [(0x10000, b""), (-1, b""), (1, bytes(0x10000))])
def test_what_does_not_fit_is_refused(pair: tuple[int, bytes]) -> None:
    with pytest.raises(LocalProtocolError, match="two octets"):
        Tlvs.build([pair])


def test_values_are_not_shown() -> None:
    tlvs = Tlvs.build([(Tag.MESSAGE_PAYLOAD, b"secret 4711"), (0x1400, b"79161112233")])
    assert repr(tlvs) == str(tlvs) == "<Tlvs 0x0424:11 0x1400:11>"
    assert f"{tlvs}" == "<Tlvs 0x0424:11 0x1400:11>"
    assert repr(NO_TLVS) == "<Tlvs>"
