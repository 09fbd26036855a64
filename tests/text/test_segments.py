"""Encoding choice, cutting and truncation: edges by table, rules by property, a slow and plain judge beside it."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.text import (
    GATEWAY,
    STANDARD,
    Alphabet,
    Encoding,
    Segment,
    Segments,
    estimate_soap,
    estimate_v1,
    estimate_v2,
    parse_user_data,
    segment,
)
from sms_traffic_async.text.udh import ReferenceBytes
from tests.text.strategies import STANDARD_TEXTS, TEXTS, UCS2_TEXTS

LIMITS = {
    (Encoding.GSM7, 1): (160, 153),
    (Encoding.GSM7, 2): (160, 152),
    (Encoding.UCS2, 1): (70, 67),
    (Encoding.UCS2, 2): (70, 66),
}
ALPHABET = st.sampled_from([GATEWAY, STANDARD])
REFERENCE_BYTES: st.SearchStrategy[ReferenceBytes] = st.sampled_from([1, 2])


def cost(char: str, encoding: Encoding, alphabet: Alphabet) -> int:
    if encoding is Encoding.UCS2:
        return 2 if ord(char) > 0xFFFF else 1
    return 2 if char in alphabet.extension else 1


def greedy(text: str, costs: Iterable[int], limit: int) -> list[str]:
    parts, room = [""], limit
    for char, units in zip(text, costs, strict=True):
        if units > room:
            parts.append("")
            room = limit
        parts[-1] += char
        room -= units
    return parts


def judge(text: str, alphabet: Alphabet, reference_bytes: int) -> tuple[Encoding, list[str]]:
    """The same answer, character by character."""
    encoding = Encoding.GSM7 if all(char in alphabet for char in text) else Encoding.UCS2
    single, part = LIMITS[encoding, reference_bytes]
    costs = [cost(char, encoding, alphabet) for char in text]
    return encoding, [text] if sum(costs) <= single else greedy(text, costs, part)


@given(text=TEXTS, alphabet=ALPHABET, reference_bytes=REFERENCE_BYTES)
def test_parts_are_those_of_a_slow_and_plain_cutter(
    text: str, alphabet: Alphabet, reference_bytes: ReferenceBytes
) -> None:
    made = segment(text, alphabet=alphabet, reference_bytes=reference_bytes)
    encoding, texts = judge(text, alphabet, reference_bytes)
    assert made.encoding is encoding
    assert made.texts == texts
    assert made.count == len(texts)


@given(text=TEXTS, alphabet=ALPHABET, reference_bytes=REFERENCE_BYTES)
def test_parts_join_to_the_text_and_none_is_too_long(
    text: str, alphabet: Alphabet, reference_bytes: ReferenceBytes
) -> None:
    made = segment(text, alphabet=alphabet, reference_bytes=reference_bytes)
    parts = made.parts
    assert "".join(part.text for part in parts) == made.text == text
    assert b"".join(part.octets for part in parts) == b"".join(made.bodies) == made.octets
    assert [part.number for part in parts] == list(range(1, made.count + 1))
    assert sum(part.units for part in parts) == made.units
    single, several = LIMITS[made.encoding, reference_bytes]
    limit = single if made.count == 1 else several
    assert max(part.units for part in parts) <= limit
    assert made.units_left == limit - parts[-1].units
    for part in parts:
        # Whole by itself: no half of an escape pair or a surrogate pair at either end.
        assert part.octets == (
            alphabet.encode(part.text) if made.encoding is Encoding.GSM7 else part.text.encode("utf-16-be")
        )


@given(text=TEXTS, reference_bytes=REFERENCE_BYTES, reference=st.integers(0, 2**20))
def test_short_messages_carry_their_place(text: str, reference_bytes: ReferenceBytes, reference: int) -> None:
    made = segment(text, reference_bytes=reference_bytes)
    messages = made.short_messages(reference)
    if made.count == 1:
        assert messages == [made.octets]
        return
    limit = 160 if made.encoding is Encoding.GSM7 else 140
    for number, (message, body) in enumerate(zip(messages, made.bodies, strict=True), 1):
        read = parse_user_data(message)
        assert read.body == body
        assert read.concatenation is not None
        assert read.concatenation.reference == reference % 256**reference_bytes
        assert (read.concatenation.part, read.concatenation.total) == (number, made.count)
        assert read.concatenation.reference_bytes == reference_bytes
        assert len(message) <= limit
        assert made.encoding is Encoding.GSM7 or len(body) % 2 == 0


@pytest.mark.parametrize(
    "text,count,units,left",
    [
        ("a" * 160, 1, 160, 0),
        ("a" * 161, 2, 161, 145),
        ("a" * 306, 2, 306, 0),
        ("a" * 307, 3, 307, 152),
        ("я" * 70, 1, 70, 0),
        ("я" * 71, 2, 71, 63),
        ("я" * 134, 2, 134, 0),
        ("я" * 135, 3, 135, 66),
        ("😀" * 34, 1, 68, 2),
        ("😀" * 36, 2, 72, 61),
        ("", 1, 0, 160),
    ],
)
def test_edges(text: str, count: int, units: int, left: int) -> None:
    made = segment(text)
    assert (made.count, made.units, made.units_left) == (count, units, left)


def test_room_left_after_a_cut_that_kept_a_pair_whole() -> None:
    made = segment("a" * 152 + "[" + "b" * 151, alphabet=STANDARD)
    assert [part.units for part in made.parts] == [152, 153]
    assert made.units_left == 0


@given(text=TEXTS, alphabet=ALPHABET)
def test_what_forced_ucs2_and_what_it_costs(text: str, alphabet: Alphabet) -> None:
    made = segment(text, alphabet=alphabet)
    assert made.forced_by == tuple(dict.fromkeys(char for char in text if char not in alphabet))
    replaced = segment("".join(char if char in alphabet else "?" for char in text), alphabet=alphabet)
    assert made.ucs2_cost == made.count - replaced.count
    assert bool(made.forced_by) is (made.encoding is Encoding.UCS2)


def test_the_cost_of_one_quotation_mark() -> None:
    made = segment("a" * 159 + "»")
    assert made.forced_by == ("»",)
    assert (made.count, made.ucs2_cost) == (3, 2)


def test_the_encoding_can_be_chosen() -> None:
    made = segment("abc", encoding=Encoding.UCS2)
    assert (made.octets, made.data_coding, made.forced_by, made.ucs2_cost) == (b"\0a\0b\0c", 8, (), 0)
    assert segment("abc", encoding=Encoding.GSM7) == segment("abc")
    with pytest.raises(InvalidMessage, match=r"U\+044F at 1 is not in the gateway alphabet"):
        segment("xя", encoding=Encoding.GSM7)
    with pytest.raises(ConfigurationError, match="'gsm7' or 'ucs2'"):
        segment("abc", encoding="latin-1")  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize("text", ["abc \ud83d", "я\udc00я", "\udfff"])
def test_half_a_surrogate_pair_is_refused_without_showing_the_text(text: str) -> None:
    with pytest.raises(InvalidMessage, match="half of a surrogate pair at") as caught:
        segment(text)
    assert caught.value.__context__ is None
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("text", ["\0", "abc\0", "я\0я", "Ѐ\0", "a\0b" * 100])
def test_nul_is_refused(text: str) -> None:
    with pytest.raises(InvalidMessage, match=r"U\+0000"):
        segment(text)


def test_octets_that_only_look_like_nul_are_not() -> None:
    assert segment("Ѐa").octets == b"\x04\0\0a"


@given(text=TEXTS, most=st.integers(1, 5))
def test_a_text_over_max_parts_is_refused(text: str, most: int) -> None:
    count = segment(text).count
    if count <= most:
        assert segment(text, max_parts=most) == segment(text)
        return
    with pytest.raises(InvalidMessage, match=f"at most {most} parts, this is {count}"):
        segment(text, max_parts=most)


def test_more_than_255_parts_are_refused_without_being_asked() -> None:
    assert segment("я" * (67 * 255)).count == 255
    with pytest.raises(InvalidMessage, match="at most 255 parts, this is 256"):
        segment("я" * (67 * 255 + 1))
    cut = segment("a" * 50_000, truncate=True)
    assert (cut.count, len(cut.text), cut.dropped) == (255, 255 * 153, 50_000 - 255 * 153)


@given(
    text=st.one_of(TEXTS, STANDARD_TEXTS, UCS2_TEXTS),
    most=st.integers(1, 4),
    alphabet=ALPHABET,
    reference_bytes=REFERENCE_BYTES,
)
def test_truncate_keeps_exactly_what_fits(
    text: str, most: int, alphabet: Alphabet, reference_bytes: ReferenceBytes
) -> None:
    made = segment(text, max_parts=most, truncate=True, alphabet=alphabet, reference_bytes=reference_bytes)
    kept = len(made.text)
    assert made.text == text[:kept]
    assert made.dropped == len(text) - kept
    assert made.count <= most
    assert made.encoding is segment(made.text, alphabet=alphabet).encoding
    if made.dropped:
        longer = segment(text[: kept + 1], alphabet=alphabet, reference_bytes=reference_bytes)
        assert longer.count > most


def test_truncate_falls_back_to_gsm_where_more_fits() -> None:
    made = segment("a" * 200 + "я", max_parts=1, truncate=True)
    assert (made.encoding, made.text, made.dropped) == (Encoding.GSM7, "a" * 160, 41)
    made = segment("a" * 65 + "я" * 20, max_parts=1, truncate=True)
    assert (made.encoding, made.text, made.dropped) == (Encoding.UCS2, "a" * 65 + "я" * 5, 15)


def test_truncate_to_just_before_the_character_that_forced_ucs2() -> None:
    made = segment("a" * 70 + "я", max_parts=1, truncate=True)
    assert (made.encoding, made.text) == (Encoding.GSM7, "a" * 70)


@pytest.mark.parametrize(
    "text,kept",
    [
        ("a" * 159 + "[b", "a" * 159),
        ("a" * 158 + "[b", "a" * 158 + "["),
        ("я" * 69 + "😀я", "я" * 69),
        ("я" * 68 + "😀я", "я" * 68 + "😀"),
    ],
)
def test_truncate_to_one_part_cuts_no_pair(text: str, kept: str) -> None:
    made = segment(text, alphabet=STANDARD, max_parts=1, truncate=True)
    assert (made.text, made.count) == (kept, 1)


def test_truncate_keeps_the_encoding_that_was_asked_for() -> None:
    made = segment("a" * 200 + "я", max_parts=1, truncate=True, encoding=Encoding.UCS2)
    assert (made.encoding, made.text) == (Encoding.UCS2, "a" * 70)
    made = segment("a" * 200, max_parts=1, truncate=True, encoding=Encoding.GSM7)
    assert made.text == "a" * 160


def test_truncating_twice_counts_all_that_was_dropped() -> None:
    made = segment("я" * 300, max_parts=3, truncate=True)
    assert made.dropped == 300 - 201
    again = made.truncated(2)
    assert (again.text, again.dropped) == ("я" * 134, 300 - 134)
    assert again.truncated(2) is again


@pytest.mark.parametrize("text", ["a" * 160, "я" * 70])
def test_flash_is_one_part(text: str) -> None:
    assert segment(text, flash=True) == segment(text)
    with pytest.raises(InvalidMessage, match="a flash message is one part, this is 2"):
        segment(text + text[0], flash=True)
    with pytest.raises(InvalidMessage, match="a flash message is one part, this is 2"):
        segment(text + text[0], flash=True, max_parts=9)
    assert segment(text + text[0], flash=True, truncate=True).text == text


@pytest.mark.parametrize("text", [None, 5, b"bytes"])
def test_what_is_no_string_is_refused_by_name(text: Any) -> None:
    with pytest.raises(InvalidMessage, match=f"a string is needed .got <{type(text).__name__}>") as caught:
        segment(text)
    assert caught.value.field == "text"
    for estimate in (estimate_v1, estimate_v2, estimate_soap):
        with pytest.raises(InvalidMessage, match="a string is needed"):
            estimate(text)


@pytest.mark.parametrize("most", [0, -1, 256, "3", True])
def test_max_parts_is_checked_even_where_one_part_is_enough(most: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_parts is a whole number from 1 to 255"):
        segment("a", max_parts=most)


@pytest.mark.parametrize("size", [0, 3])
def test_reference_bytes_are_checked(size: int) -> None:
    with pytest.raises(ConfigurationError, match="reference_bytes is 1 or 2"):
        segment("a", reference_bytes=size)  # type: ignore[arg-type]  # the point


def test_an_alphabet_of_ones_own() -> None:
    tiny = Alphabet("tiny", basic={"a": 0x61, "Δ": 0x10}, extension={})
    assert segment("aΔ", alphabet=tiny).octets == b"a\x10"
    assert segment("ab", alphabet=tiny, reference_bytes=2).encoding is Encoding.UCS2


def test_values_compare_hash_and_hide_their_text() -> None:
    one, same = segment("secret " * 40), segment("secret " * 40)
    assert one == same
    assert hash(one) == hash(same)
    assert one != segment("secret " * 41)
    assert one != segment("secret " * 40, reference_bytes=2)
    assert one != "secret"
    assert repr(one) == "<Segments 2 x gsm7, <280 characters>>"
    assert repr(one.parts[0]) == "Segment(number=1, text=<153 characters>, units=153)"
    assert "secret" not in f"{one} {one.parts}"
    assert isinstance(one.parts[0], Segment)
    assert isinstance(one, Segments)
    assert one.reference_bytes == 1
    with pytest.raises(AttributeError):
        one.text = "x"  # type: ignore[misc]  # the point
