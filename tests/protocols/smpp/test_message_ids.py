"""Which ids are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.protocols.smpp.pdu import DeliverSm, Tlvs
from sms_traffic_async.protocols.smpp.receipts import EXACT, IdMatching, read_receipt
from tests.protocols.smpp.pair import tlv

ALL = IdMatching(ignore_case=True, strip_zeros=True, hex_decimal=True)
CASE = IdMatching(ignore_case=True)
ZEROS = IdMatching(strip_zeros=True)
HEX = IdMatching(hex_decimal=True)


@pytest.mark.parametrize(
    "matching, response, receipt, same",
    [
        (EXACT, "1046379029789147162", "1046379029789147162", True),
        (EXACT, "00B8BE19", "00b8be19", False),
        (EXACT, "0123", "123", False),
        (EXACT, "1A2B", "6699", False),
        (CASE, "00B8BE19", "00b8be19", True),
        (CASE, "00B8BE19", "b8be19", False),
        (ZEROS, "0059113978", "59113978", True),
        (ZEROS, "00B8BE19", "B8BE19", True),
        (ZEROS, "0000", "0", True),
        (ZEROS, "", "", True),
        (ZEROS, "0", "1", False),
        (HEX, "1A2B", "6699", True),
        (HEX, "6699", "1A2B", True),
        (HEX, "6699", "1a2b", True),
        (HEX, "00001A2B", "0000006699", True),
        (HEX, "38601fa", "0059113978", True),
        (HEX, "1A2B", "6698", False),
        (HEX, "74e02ee1-4e2f-4a6e-a78b-4b247d756a22", "74e02ee1-4e2f-4a6e-a78b-4b247d756a22", True),
        (HEX, "1_000", "4096", False),
        (HEX, "٣", "3", False),
        (ALL, "00B8BE19", "12107289", True),
        (ALL, "00B8BE19", "b8be19", True),
    ],
)
def test_same(matching: IdMatching, response: str, receipt: str, same: bool) -> None:
    assert matching.same(response, receipt) is same


@given(st.text(max_size=50))
def test_an_id_is_itself_under_any_rule(message_id: str) -> None:
    for matching in (EXACT, CASE, ZEROS, HEX, ALL):
        assert matching.same(message_id, message_id)
        assert matching.stored_keys(message_id)[0] == matching.lookup_keys(message_id)[0]


@given(st.integers(0, 10**19))
def test_both_bases_both_ways(number: int) -> None:
    for hexadecimal in (f"{number:x}", f"{number:X}", f"{number:016X}"):
        assert HEX.same(hexadecimal, str(number))
        assert HEX.same(str(number), hexadecimal)


def test_the_surest_key_comes_first() -> None:
    # 100 is filed as itself and as 0x100; 64 as 0x64 = 100. A receipt for 100 asks for 100 itself first.
    filed = {key: message_id for message_id in ("64", "100") for key in HEX.stored_keys(message_id)}
    assert next(filed[key] for key in HEX.lookup_keys("100") if key in filed) == "100"


def test_a_receipt_offers_both_of_its_ids() -> None:
    found = read_receipt(DeliverSm(esm_class=4, short_message=b"id:0059113978 stat:DELIVRD err:000",
                                   tlvs=Tlvs(tlv(0x001E, b"38601fa\0"))))  # fmt: skip
    assert found.lookup_keys() == ("38601fa", "0059113978")
    assert set(HEX.stored_keys("38601FA")) & set(found.lookup_keys(HEX))
    assert read_receipt(DeliverSm(esm_class=4)).lookup_keys(ALL) == ()


def test_an_id_beyond_reason_has_no_reading() -> None:
    assert HEX.lookup_keys("9" * 41) == ("9" * 41,)
    assert len(HEX.lookup_keys("9" * 40)) == 3
