"""Receipts: parameters before text, any text, and never an exception."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.messages import MOSCOW, StatusUpdate
from sms_traffic_async.protocols.smpp.pdu import DataSm, DeliverSm, Tlvs
from sms_traffic_async.protocols.smpp.receipts import Receipt, is_receipt, parse_date, read_receipt
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus
from tests.protocols.smpp.pair import tlv

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "text-vectors.json").read_text(encoding="utf-8"))
TEXTS = [vector for vector in VECTORS["vectors"] if vector["topic"] == "receipt-text"]
STATES = [vector for vector in VECTORS["vectors"] if vector["topic"] == "message-state"]
ERRORS = [vector for vector in VECTORS["vectors"] if vector["topic"] == "error-code"]

# Document, table 3, with the two parameters it names and the one for bad news.
TABLE_3 = b"id:1046379029 sub:001 dlvrd:001 submit date:2511271358 done date:2511271359 stat:DELIVRD err:000 text:Hello"
PHONE = "79161112233"


def receipt(text: bytes = b"", tlvs: bytes = b"", *, data_coding: int = 0, esm_class: int = 0x04) -> Receipt:
    pdu = DeliverSm(
        source_addr=PHONE, destination_addr="SMSTraffic", esm_class=esm_class, data_coding=data_coding,
        short_message=text, tlvs=Tlvs(tlvs),
    )  # fmt: skip
    found = read_receipt(pdu)
    assert all(hasattr(found, name) for name in Receipt.__slots__)
    return found


def test_all_vectors_are_here() -> None:
    assert (len(TEXTS), len(STATES), len(ERRORS)) == (7, 3, 1)


@pytest.mark.parametrize("vector", TEXTS, ids=lambda vector: vector["id"])
def test_vector(vector: dict[str, Any]) -> None:
    found = receipt(vector["input"]["short_message"].encode())
    naive = {
        "submit_date": found.submitted_at and found.submitted_at.replace(tzinfo=None).isoformat(),
        "done_date": found.done_at and found.done_at.replace(tzinfo=None).isoformat(),
    }
    shown: dict[str, Any] = {
        "id": found.message_id, "stat": found.stat, "err": found.err, "sub": found.sub, "dlvrd": found.dlvrd,
        "text": found.text, "err_code": found.error, **naive,
        "err_text": found.error.meaning if found.error is not None else None,
    }  # fmt: skip
    expect = dict(vector["expect"])
    if readings := expect.pop("readings", None):
        assert naive["submit_date"] == readings[0]
    assert {name: shown[name] for name in expect} == expect
    assert found.raw == vector["input"]["short_message"].encode()


@pytest.mark.parametrize("vector", STATES, ids=lambda vector: vector["id"])
def test_state_vector(vector: dict[str, Any]) -> None:
    number, stat = vector["input"]["message_state"], vector["expect"]["stat"]
    by_number = receipt(tlvs=tlv(0x0427, bytes((number,))))
    by_word = receipt(f"stat:{stat}".encode())
    assert by_number.status == by_word.status
    assert by_number.status.is_final is vector["expect"]["final"]


@pytest.mark.parametrize("vector", ERRORS, ids=lambda vector: vector["id"])
def test_error_vector(vector: dict[str, Any]) -> None:
    found = receipt(f"id:1 err:{vector['input']['err']}".encode())
    assert found.error == vector["expect"]["err_code"]
    assert found.error is not None
    assert found.error.known is (vector["expect"]["err_text"] is not None)


@pytest.mark.parametrize(
    "word, status",
    [
        ("ENROUTE", "Buffered SMSC"), ("ACCEPTD", "Buffered SMSC"), ("DELIVRD", "Delivered"),
        ("UNDELIV", "Non Delivered"), ("EXPIRED", "Expired"), ("REJECTD", "Rejected"), ("DELETED", "Deleted"),
        ("UNKNOWN", "Unknown status"), ("delivrd", "Delivered"), ("SEEN", "SEEN"),
    ],
)  # fmt: skip
def test_words_to_statuses(word: str, status: str) -> None:
    assert receipt(f"id:1 stat:{word} err:000".encode()).status == status


@pytest.mark.parametrize(
    "state, status",
    [(1, "Buffered SMSC"), (2, "Delivered"), (3, "Expired"), (4, "Deleted"), (5, "Non Delivered"),
     (6, "Buffered SMSC"), (7, "Unknown status"), (8, "Rejected"), (200, "message_state 200")],
)  # fmt: skip
def test_numbers_to_statuses(state: int, status: str) -> None:
    assert receipt(tlvs=tlv(0x0427, bytes((state,)))).status == status


def test_table_3_of_the_document() -> None:
    found = receipt(TABLE_3, tlv(0x0427, b"\2") + tlv(0x001E, b"1046379029\0"))
    assert found == Receipt(
        message_id="1046379029", text_id="1046379029", status=MessageStatus.DELIVERED, state=2, stat="DELIVRD",
        error=DeliveryErrorCode.NONE, err="000", network_type=None, submit_date="2511271358", done_date="2511271359",
        sub=1, dlvrd=1, text="Hello", source_addr=PHONE, destination_addr="SMSTraffic", raw=TABLE_3,
    )  # fmt: skip
    assert found.submitted_at == datetime(2025, 11, 27, 13, 58, tzinfo=MOSCOW)
    assert found.done_at == datetime(2025, 11, 27, 13, 59, tzinfo=MOSCOW)


def test_bad_news_of_the_document() -> None:
    text = TABLE_3.replace(b"DELIVRD err:000", b"UNDELIV err:003").replace(b"dlvrd:001", b"dlvrd:000")
    found = receipt(text, tlv(0x0427, b"\5") + tlv(0x001E, b"1046379029\0") + tlv(0x0423, b"\x08\x00\x03"))
    assert (found.status, found.error, found.network_type) == ("Non Delivered", 3, 8)
    assert found.error is DeliveryErrorCode.UNKNOWN_SUBSCRIBER
    assert found.dlvrd == 0


def test_parameters_outweigh_the_text() -> None:
    found = receipt(
        b"id:0059113978 stat:ENROUTE err:001",
        tlv(0x001E, b"38601fa\0") + tlv(0x0427, b"\5") + tlv(0x0423, b"\x08\x00\x04"),
    )
    assert (found.message_id, found.text_id) == ("38601fa", "0059113978")
    assert found.status is MessageStatus.NON_DELIVERED
    assert found.error is DeliveryErrorCode.MEMORY_CAPACITY_EXCEEDED
    assert found.stat == "ENROUTE"


def test_a_parameter_that_says_nothing_leaves_it_to_the_text() -> None:
    found = receipt(b"id:7 stat:DELIVRD err:002", tlv(0x001E, b"\0") + tlv(0x0427, b"\x63") + tlv(0x0423, b"\x08"))
    assert (found.message_id, found.status, found.error) == ("7", "Delivered", 2)
    found = receipt(b"id:7 stat:DELIVRD", tlv(0x0427, b"") + tlv(0x0427, b"\5"))
    assert found.status is MessageStatus.NON_DELIVERED


def test_of_several_parameters_the_first_counts() -> None:
    found = receipt(tlvs=tlv(0x1E, b"a") + tlv(0x427, b"\2") + tlv(0x1E, b"b") + tlv(0x427, b"\5"))
    assert (found.message_id, found.status) == ("a", "Delivered")


@pytest.mark.parametrize("width", [b"\2", b"\0\2", b"\0\0\0\2"])
def test_a_state_of_any_width(width: bytes) -> None:
    assert receipt(tlvs=tlv(0x0427, width)).status is MessageStatus.DELIVERED


def test_parameters_alone_are_enough() -> None:
    found = receipt(tlvs=tlv(0x1400, b"\xab\xcd") + tlv(0x001E, b"42\0") + tlv(0x0427, b"\2"))
    assert (found.message_id, found.status, found.err, found.error, found.text) == ("42", "Delivered", None, None, None)
    assert (found.submitted_at, found.done_at) == (None, None)


def test_parameters_that_are_cut_off_tell_what_they_can() -> None:
    whole = tlv(0x001E, b"42\0") + tlv(0x0427, b"\2") + tlv(0x0423, b"\x08\0\3")
    for length in range(len(whole)):
        found = receipt(TABLE_3, whole[:length])
        assert found.message_id == ("42" if length >= 7 else "1046379029")
        assert found.status == "Delivered"


@pytest.mark.parametrize(
    "text",
    [
        b"id:1 sub:001 dlvrd:001 submit date:2511271358 done date:2511271359 stat:DELIVRD err:000",
        b"id:1 sub:001 dlvrd:001 submit date:2511271358 done date:2511271359 stat:DELIVRD err:000 text:",
        b"id:1 sub:001 dlvrd:001 submit date:2511271358 done date:2511271359 stat:DELIVRD err:000 Text:",
        b"ID:1 SUB:001 DLVRD:001 SUBMIT DATE:2511271358 DONE DATE:2511271359 STAT:DELIVRD ERR:000 TEXT:",
        b"err:000 stat:DELIVRD done date:2511271359 submit date:2511271358 dlvrd:001 sub:001 id:1",
        b"id:1 sub:1 dlvrd:1 submit_date:2511271358 done_date:2511271359 stat:DELIVRD err:0",
        b"id:1 sub:1 dlvrd:1 submitdate:2511271358 donedate:2511271359 stat:DELIVRD err:0000",
        b"id: 1 sub: 001 dlvrd: 001 submit date: 2511271358 done date: 2511271359 stat: DELIVRD err: 000",
        b"id:1\nsub:001\ndlvrd:001\nsubmit date:2511271358\ndone date:2511271359\nstat:DELIVRD\nerr:000\0",
    ],
)
def test_the_same_in_many_hands(text: bytes) -> None:
    found = receipt(text)
    assert (found.message_id, found.sub, found.dlvrd, found.stat, found.error) == ("1", 1, 1, "DELIVRD", 0)
    assert (found.submit_date, found.done_date) == ("2511271358", "2511271359")


def test_a_text_in_ucs2() -> None:
    found = receipt(TABLE_3.decode().encode("utf-16-be"), data_coding=8)
    assert (found.message_id, found.stat, found.text) == ("1046379029", "DELIVRD", "Hello")
    assert receipt(TABLE_3, data_coding=8).message_id == "1046379029"


def test_a_text_behind_a_header_or_in_the_payload() -> None:
    assert receipt(b"\5\0\3\xaf\1\1" + TABLE_3, esm_class=0x44).message_id == "1046379029"
    assert receipt(tlvs=tlv(0x0424, TABLE_3)).message_id == "1046379029"
    pdu = DataSm(source_addr=PHONE, esm_class=4, tlvs=Tlvs(tlv(0x0424, TABLE_3)))
    assert read_receipt(pdu).status is MessageStatus.DELIVERED


@pytest.mark.parametrize("said", [b" stat:UNDELIV err:003 id:666 ", b"\nid:666\nstat:UNDELIV"])
def test_what_the_message_said_is_no_field(said: bytes) -> None:
    for text in (TABLE_3.replace(b"Hello", said), b"stat:DELIVRD id:1046379029 text:" + said):
        found = receipt(text)
        assert (found.message_id, found.status) == ("1046379029", "Delivered")
        assert found.text == said.decode()


def test_the_first_of_a_kind_counts() -> None:
    found = receipt(b"id:1 stat:DELIVRD id:2 stat:UNDELIV err:000")
    assert (found.message_id, found.status) == ("1", "Delivered")


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2511271358", datetime(2025, 11, 27, 13, 58, tzinfo=MOSCOW)),
        ("251127135859", datetime(2025, 11, 27, 13, 58, 59, tzinfo=MOSCOW)),
        ("20251127135859", datetime(2025, 11, 27, 13, 58, 59, tzinfo=MOSCOW)),
        ("0000000000", None),
        ("2513271358", None),
        ("251127135", None),
        ("25112713585", None),
        ("", None),
        ("25-11-2713", None),
        ("٢511271358", None),
        ("251127135860", None),
        ("0002290000", datetime(2000, 2, 29, tzinfo=MOSCOW)),
        ("00000000000000", None),
    ],
)
def test_dates(text: str, moment: datetime | None) -> None:
    found = parse_date(text)
    assert found == moment
    assert found is None or found.utcoffset() == timedelta(hours=3)


def test_what_is_a_receipt() -> None:
    both = tlv(0x001E, b"1\0") + tlv(0x0427, b"\2")
    cases = [
        (0x04, b"", True), (0x44, b"", True), (0x20, b"", True), (0x07, b"", True), (0x00, both, True),
        (0x40, both, True), (0x00, tlv(0x001E, b"1\0"), False), (0x00, tlv(0x0427, b"\2"), False),
        (0x00, b"", False), (0x08, b"", False), (0x10, b"", False), (0x18, b"", False), (0xC0, b"", False),
    ]  # fmt: skip
    for esm_class, tlvs, expected in cases:
        # The text of the last ones looks like a receipt: a subscriber can write that.
        pdu = DeliverSm(esm_class=esm_class, short_message=TABLE_3, tlvs=Tlvs(tlvs))
        assert is_receipt(pdu) is expected, hex(esm_class)


def test_as_the_value_that_every_protocol_shares() -> None:
    found = receipt(TABLE_3, tlv(0x0427, b"\5") + tlv(0x001E, b"77\0") + tlv(0x0423, b"\x08\x00\x03"))
    update = found.update(node="server1")
    assert update == StatusUpdate(
        message_id="77", status=MessageStatus.NON_DELIVERED, to=PHONE, source="receipt", node="server1",
        submitted_at=datetime(2025, 11, 27, 13, 58, tzinfo=MOSCOW),
        status_at=datetime(2025, 11, 27, 13, 59, tzinfo=MOSCOW), error=DeliveryErrorCode.UNKNOWN_SUBSCRIBER,
    )  # fmt: skip
    assert type(update) is StatusUpdate
    assert update.raw == {"short_message": TABLE_3.decode()}
    assert found.update(message_id="4D").message_id == "4D"
    assert receipt(b"nonsense").update().message_id == ""


def test_the_fast_way_fills_every_field_of_the_shared_value() -> None:
    update = receipt(TABLE_3).update()
    for field in dataclasses.fields(StatusUpdate):
        assert hasattr(update, field.name), field.name
        if field.name not in {"message_id", "status", "to", "submitted_at", "status_at", "error", "source", "raw"}:
            assert getattr(update, field.name) == field.default


def test_a_receipt_is_a_value_that_shows_no_number() -> None:
    found = receipt(TABLE_3.replace(b"Hello", b"code 4711"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.message_id = "x"  # type: ignore[misc]
    assert found == receipt(found.raw)
    assert hash(found) == hash(receipt(found.raw))
    assert PHONE not in repr(found)
    assert "4711" not in repr(found)


@given(st.binary(max_size=300), st.binary(max_size=60), st.integers(0, 255), st.integers(0, 255))
def test_nothing_raises(text: bytes, tlvs: bytes, data_coding: int, esm_class: int) -> None:
    found = receipt(text, tlvs, data_coding=data_coding, esm_class=esm_class)
    assert isinstance(found.update(), StatusUpdate)
    assert found.error is None or found.error >= 0
    assert repr(found)


words = st.sampled_from(
    ["id:", "sub:", "dlvrd:", "submit date:", "done date:", "stat:", "err:", "text:", "ID:", "Text:", " ", "\n", "\0",
     "1", "001", "DELIVRD", "2511271358", "00A", "ы", "id", ":"]
)  # fmt: skip


@given(st.lists(words, max_size=24))
def test_no_arrangement_of_words_raises(pieces: list[str]) -> None:
    text = "".join(pieces).encode("utf-8")
    found = receipt(text)
    assert found.text_id is None or found.text_id.encode("latin-1") in text


def test_a_huge_text_is_read_in_no_time() -> None:
    found = receipt(tlvs=tlv(0x0424, b"id:1 " + b"stat:" * 12_000))
    assert found.message_id == "1"
    assert receipt(tlvs=tlv(0x0424, b"id:" + b"9" * 60_000 + b" sub:" + b"0" * 5_000 + b" text:")).stat is None
