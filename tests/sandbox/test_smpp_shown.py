"""PDUs as the page shows them."""

from __future__ import annotations

from sms_traffic_async.protocols.smpp.pdu import Bind, SubmitSm, encode
from sms_traffic_async.protocols.smpp.vocabulary import BindMode
from sms_traffic_async.sandbox.smpp_shown import pdu_text
from sms_traffic_async.secrets import Secret


def test_fields_and_octets() -> None:
    text = pdu_text(encode(SubmitSm(destination_addr="79161112233", short_message=b"code 12"), 7))
    assert text.startswith("submit_sm  sequence_number 7\n")
    assert "destination_addr = 79161112233" in text
    assert "data_coding = 0 (0x00)" in text
    assert "short_message = 63 6f 64 65 20 31 32" in text
    assert text.endswith("0030  20 31 32" + " " * 42 + "12")


def test_a_password_is_never_shown() -> None:
    text = pdu_text(encode(Bind(mode=BindMode.TRANSCEIVER, system_id="shop", password=Secret("hidden-0")), 1))
    assert "shop" in text
    assert "hidden" not in text
    assert b"hidden".hex(" ") not in text


def test_what_is_no_pdu_is_shown_as_octets() -> None:
    assert pdu_text(b"\x00\x01").startswith("not a PDU: ")
