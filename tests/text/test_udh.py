"""User data headers: what we write, and every way they can be damaged."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.text import (
    ESM_CLASS_UDHI,
    Concatenation,
    InformationElement,
    UserData,
    build_concatenation,
    has_udh,
    is_receipt,
    parse_user_data,
)
from sms_traffic_async.text.udh import ReferenceBytes, concatenation_head


@given(total=st.integers(1, 255), data=st.data(), body=st.binary(max_size=134))
def test_round_trip(total: int, data: st.DataObject, body: bytes) -> None:
    sizes: st.SearchStrategy[ReferenceBytes] = st.sampled_from([1, 2])
    size = data.draw(sizes)
    wanted = Concatenation(
        reference=data.draw(st.integers(0, 256**size - 1)),
        total=total,
        part=data.draw(st.integers(1, total)),
        reference_bytes=size,
    )
    header = build_concatenation(wanted)
    read = parse_user_data(header + body)
    assert read.concatenation == wanted
    assert read.body == body
    assert not read.damaged
    (element,) = read.elements
    assert (element.identifier, len(element.data)) == ((0x00, 3) if size == 1 else (0x08, 4))


def test_the_documents_own_example() -> None:
    octets = bytes.fromhex("050003D40302043F044004380432043504420020003A0029")
    read = parse_user_data(octets)
    assert read.concatenation == Concatenation(reference=0xD4, total=3, part=2)
    assert read.body.decode("utf-16-be") == "привет :)"
    assert build_concatenation(Concatenation(reference=0xD4, total=3, part=2)) == octets[:6]


@given(octets=st.binary(max_size=200))
@example(b"")
@example(b"\x00")
@example(b"\x00text")
def test_reading_never_raises_and_never_invents(octets: bytes) -> None:
    read = parse_user_data(octets)
    assert octets.endswith(read.body)
    if read.concatenation is not None:
        assert not read.damaged
        assert 1 <= read.concatenation.part <= read.concatenation.total


@given(octets=st.binary(max_size=60), at=st.integers(0, 12))
def test_cut_at_every_octet(octets: bytes, at: int) -> None:
    whole = build_concatenation(Concatenation(reference=7, total=3, part=2, reference_bytes=2)) + octets
    read = parse_user_data(whole[:at])
    assert (read.concatenation is None) is (at < 7)
    assert read.damaged is (at < 7)


@pytest.mark.parametrize(
    "octets_hex,concatenation,body_hex,damaged",
    [
        ("", None, "", True),
        ("00", None, "", False),
        ("0061", None, "61", False),
        ("0a0003af0201", None, "0a0003af0201", True),  # claims more than there is
        ("050003af020161", (0xAF, 2, 1), "61", False),
        ("050003af020361", None, "61", False),  # part above total
        ("050003af020061", None, "61", False),  # part 0
        ("050003af000061", None, "61", False),  # total 0
        ("050004af020161", None, "61", True),  # the element is longer than the header
        ("060003af02010061", None, "61", True),  # one octet too many
        ("060003af02012461", None, "61", True),  # an identifier without a length
        ("0a0003010202000399020161", (0x99, 2, 1), "61", False),  # of two, the last
        ("0b00030102020804a7d4030261", (0xA7D4, 3, 2), "61", False),  # of both kinds, the last
        ("082401010003af020161", (0xAF, 2, 1), "61", False),  # after another element
        ("040002020161", None, "61", False),  # wrong length for its identifier
        ("060804a7d4030261", (0xA7D4, 3, 2), "61", False),
        ("070005a7d403020161", None, "61", False),
        ("020500", None, "", False),  # an element without data
    ],
)
def test_headers(octets_hex: str, concatenation: tuple[int, int, int] | None, body_hex: str, damaged: bool) -> None:
    read = parse_user_data(bytes.fromhex(octets_hex))
    found = read.concatenation
    assert (found and (found.reference, found.total, found.part)) == concatenation
    assert read.body.hex() == body_hex
    assert read.damaged is damaged


def test_elements_are_kept_in_order_even_where_the_end_is_damaged() -> None:
    read = parse_user_data(bytes.fromhex("0505010100 03 61"))
    assert read == UserData(elements=(InformationElement(identifier=5, data=b"\x01"),), body=b"a", damaged=True)


@pytest.mark.parametrize(
    "concatenation,sentence",
    [
        (Concatenation(reference=1, total=0, part=1), "1 to 255 parts, not 0"),
        (Concatenation(reference=1, total=256, part=1), "1 to 255 parts, not 256"),
        (Concatenation(reference=1, total=2, part=0), "part 0 is not one of 2"),
        (Concatenation(reference=1, total=2, part=3), "part 3 is not one of 2"),
        (Concatenation(reference=1, total=2, part=1, reference_bytes=3), "reference_bytes is 1 or 2"),  # type: ignore[arg-type]  # the point
    ],
)
def test_no_header_can_be_built_that_a_phone_would_ignore(concatenation: Concatenation, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        build_concatenation(concatenation)


def test_a_plain_counter_will_do_as_reference() -> None:
    assert concatenation_head(256 + 5, 2, 1) == bytes.fromhex("0500030502")
    assert concatenation_head(65536 * 3 + 0x1234, 2, 2) == bytes.fromhex("060804123402")


def test_esm_class() -> None:
    assert ESM_CLASS_UDHI == 0x40
    assert [esm for esm in range(256) if has_udh(esm)] == [esm for esm in range(256) if esm & 0x40]
    assert is_receipt(0x04)
    assert not is_receipt(0x08)  # an acknowledgement of a person, not of the network
    assert not is_receipt(0x00)
