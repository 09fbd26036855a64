"""Alphabets against the tables, an outside codec, and each other."""

import re

import pytest
from aiosmpplib.codec import GSM7BitCodec
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.text import GATEWAY, STANDARD, Alphabet, pack_septets, unpack_septets
from tests.text.strategies import STANDARD_TEXTS, TEXTS

ALPHABETS = pytest.mark.parametrize("alphabet", [GATEWAY, STANDARD], ids=repr)


def test_the_standard_has_127_characters_and_ten_of_two_septets() -> None:
    assert len(STANDARD.basic) == 127
    assert "".join(STANDARD.extension) == "\f^{}\\[~]|€"
    assert len(STANDARD.characters) == 137
    assert STANDARD.encode("\f^{}\\[~]|€").hex(" ", 2) == "1b0a 1b14 1b28 1b29 1b2f 1b3c 1b3d 1b3e 1b40 1b65"
    assert STANDARD.encode("ΔΩ").hex() == "1015"


def test_what_the_gateway_leaves_out_is_known_one_by_one() -> None:
    for char in "[]{}\\^~|€ç`\tΔΩ\0\x1b\u00a0—«»№ё":
        assert char not in GATEWAY
        assert GATEWAY.try_encode(char) is None
        assert GATEWAY.try_encode("abc" + char) is None
    assert "_" in GATEWAY
    assert "€" in STANDARD
    assert "ç" not in STANDARD


@ALPHABETS
@given(text=TEXTS)
def test_a_text_is_encoded_exactly_when_every_character_is_in_the_alphabet(alphabet: Alphabet, text: str) -> None:
    octets = alphabet.try_encode(text)
    misses = [char for char in text if char not in alphabet]
    assert (octets is None) is bool(misses)
    assert alphabet.unencodable(text) == tuple(dict.fromkeys(misses))
    first = alphabet.first_unencodable(text)
    assert first == (text.index(misses[0]) if misses else None)
    if octets is not None:
        assert alphabet.decode(octets) == text
        assert alphabet.encode(text) == octets
        assert len(octets) == len(text) + sum(char in alphabet.extension for char in text)
        assert max(octets, default=0) < 128


@given(text=STANDARD_TEXTS)
def test_the_standard_agrees_with_an_outside_codec(text: str) -> None:
    octets, _ = GSM7BitCodec().encode(text)
    assert STANDARD.encode(text) == octets
    assert STANDARD.decode(octets) == GSM7BitCodec().decode(octets)[0]


@ALPHABETS
@given(octets=st.binary(max_size=300))
def test_reading_never_raises(alphabet: Alphabet, octets: bytes) -> None:
    text = alphabet.decode(octets)
    assert len(text) <= len(octets)
    assert set(text) <= {*alphabet.characters, "\ufffd", " "}


@pytest.mark.parametrize(
    "octets,text",
    [
        (b"\x1b\x65", "€"),
        (b"\x1b\x41", "A"),  # not in the extension: the basic character
        (b"\x1b\x1b\x41", " A"),  # an escape into another table shows a space
        (b"a\x1b", "a "),
        (b"\x1b\x0a", "\f"),
        (b"\x1b\x0d", "\r"),
        (b"\x80\xff", "\ufffd\ufffd"),
        (b"\x1b\x80", "\ufffd"),
        (b"", ""),
    ],
)
def test_escapes_are_read_as_the_standard_says(octets: bytes, text: str) -> None:
    assert STANDARD.decode(octets) == text


def test_the_gateway_does_not_read_what_it_does_not_have() -> None:
    assert GATEWAY.decode(b"\x10\x1ba") == "\ufffd\ufffda"


def test_what_cannot_be_encoded_is_named_by_code_point_and_place_only() -> None:
    with pytest.raises(InvalidMessage) as caught:
        GATEWAY.encode("PIN 1234 [x]")
    assert caught.value.field == "text"
    assert caught.value.rule == "U+005B at 9 is not in the gateway alphabet"
    assert "1234" not in str(caught.value)
    assert caught.value.__context__ is None


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        STANDARD.basic["x"] = 1  # type: ignore[index]  # the point
    with pytest.raises(TypeError):
        GATEWAY.extension["x"] = 1  # type: ignore[index]  # the point


@given(septets=st.binary(max_size=180).map(lambda octets: bytes(octet & 0x7F for octet in octets)))
def test_packing_round_trip(septets: bytes) -> None:
    packed = pack_septets(septets)
    assert len(packed) == -(-len(septets) * 7 // 8)
    assert unpack_septets(packed, len(septets)) == septets
    # Without a count, seven spare bits read as one more septet of 0.
    assert unpack_septets(packed) in {septets, septets + b"\0"}


@pytest.mark.parametrize("count", [-1, 9])
def test_unpacking_more_than_there_is(count: int) -> None:
    with pytest.raises(ValueError, match=re.escape("7 octets hold 0 to 8 septets")):
        unpack_septets(bytes(7), count)


def test_packing_eight_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="septet 1 is above 127"):
        pack_septets(b"\x00\x80")
