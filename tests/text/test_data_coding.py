"""What arrives in any data_coding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.text import Encoding, decode_short_message


@pytest.mark.parametrize(
    "data_coding,octets,text",
    [
        (0x00, b"\x1b\x65\x00", "€@"),
        (0x01, b"a\xff", "a\ufffd"),
        (0x03, b"\xe7", "ç"),
        (0x06, b"\xd2\xd5\xe1\xe2", "вест"),
        (0x07, b"\xe0", "א"),
        (0x08, "я😀".encode("utf-16-be"), "я😀"),
        (0x08, b"\x04", "\ufffd"),
        (0x0A, b'\x1b$B$"\x1b(B', "あ"),
        (0x0E, b"\xb0\xa1", "가"),
        (0x10, b"\x00", "@"),  # flash, GSM
        (0x18, b"\x04\x4f", "я"),  # flash, UCS-2
        (0x1B, b"\x04\x4f", "я"),
        (0xC8, b"\x00", "@"),  # message waiting, GSM
        (0xD0, b"\x00", "@"),
        (0xE8, b"\x04\x4f", "я"),  # message waiting, UCS-2
        (0xF0, b"\x00", "@"),  # class 0, GSM
        (0xF8, b"\x00", "@"),  # the bit above the alphabet's is reserved there
    ],
)
def test_texts(data_coding: int, octets: bytes, text: str) -> None:
    assert decode_short_message(octets, data_coding) == text


@pytest.mark.parametrize("data_coding", [2, 4, 5, 9, 11, 12, 13, 15, 0x14, 0x1C, 0x20, 0x38, 0x40, 0xBF, 0xF4, 0xFC])
def test_what_is_binary_or_left_open_stays_octets(data_coding: int) -> None:
    assert decode_short_message(b"\x00\x01", data_coding) is None


@given(octets=st.binary(max_size=160), data_coding=st.integers(0, 255))
def test_reading_never_raises(octets: bytes, data_coding: int) -> None:
    text = decode_short_message(octets, data_coding)
    assert text is None or len(text) <= max(1, len(octets))


def test_encodings_know_their_data_coding() -> None:
    assert (Encoding.GSM7.data_coding, Encoding.UCS2.data_coding) == (0, 8)
    assert (Encoding.GSM7.flash_data_coding, Encoding.UCS2.flash_data_coding) == (0x10, 0x18)
    assert [str(encoding) for encoding in Encoding] == ["gsm7", "ucs2"]
