"""Every fact of the vectors that concerns text and addresses holds."""

from typing import Any

import pytest

from sms_traffic_async.addresses import normalise_phone, parse_originator
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.text import (
    GATEWAY,
    SCHEMES,
    STANDARD,
    Alphabet,
    Concatenation,
    build_concatenation,
    choose_rus,
    decode_short_message,
    estimate_v1,
    is_receipt,
    pack_septets,
    parse_user_data,
    segment,
    transliterate,
    unpack_septets,
    v1_max_characters,
)
from sms_traffic_async.text.data_coding import DATA_CODING_NAMES
from tests.text.facts import COUNTS, fact, facts

ALPHABETS: dict[str, Alphabet] = {"gateway": GATEWAY, "standard": STANDARD}

MINE = {
    "segmentation": 30,
    "alphabet": 13,
    "http-v1-body": 11,
    "phone": 10,
    "transliteration": 6,
    "originator": 5,
    "udh": 4,
    "data-coding": 4,
    "gsm-decode": 2,
    "gsm-pack": 1,
}


def test_the_file_has_the_facts_it_had() -> None:
    assert {topic: COUNTS[topic] for topic in MINE} == MINE
    assert sum(COUNTS.values()) == 101


@pytest.mark.parametrize("given,expect", facts("segmentation"))
def test_segmentation(given: dict[str, Any], expect: dict[str, Any]) -> None:
    text = "".join(string * times for string, times in given["runs"])
    made = segment(text, alphabet=ALPHABETS[given["alphabet"]], reference_bytes=given["reference_bytes"])
    assert made.encoding == expect["encoding"]
    assert made.count == expect["segments"]
    assert [part.units for part in made.parts] == expect["segment_lengths"]
    assert "".join(made.texts) == text


@pytest.mark.parametrize("given,expect", facts("alphabet"))
def test_alphabet(given: dict[str, Any], expect: dict[str, Any]) -> None:
    if given.get("table"):
        assert given["table"] == "gateway"
        check_gateway_table(expect)
        return
    alphabet = ALPHABETS[given["alphabet"]]
    octets = alphabet.try_encode(given["text"])
    assert (octets is not None) is expect["encodable"]
    assert (alphabet.first_unencodable(given["text"]) is None) is expect["encodable"]
    if octets is not None:
        assert octets.hex() == expect["octets_hex"]
        assert alphabet.decode(octets) == given["text"]


def check_gateway_table(expect: dict[str, Any]) -> None:
    if "text" in expect:
        assert len(expect["text"]) == len(GATEWAY.basic) == expect["count"]
        assert GATEWAY.characters == expect["text"]
        assert GATEWAY.encode(expect["text"]).hex() == expect["octets_hex"]
        return
    missing = expect["unsupported_in_gsm_03_38_basic"]
    assert GATEWAY.unencodable(missing) == tuple(missing)
    assert set(STANDARD.basic) - set(GATEWAY.basic) == set(missing)
    assert sorted({*range(128)} - {*GATEWAY.basic.values()}) == list(bytes.fromhex(expect["unsupported_octets_hex"]))
    assert bool(GATEWAY.extension) is expect["extension_table_supported"]


@pytest.mark.parametrize("given,expect", facts("gsm-decode"))
def test_gsm_decode(given: dict[str, Any], expect: dict[str, Any]) -> None:
    assert given["alphabet"] == "standard"
    octets = bytes.fromhex(given["octets_hex"])
    assert STANDARD.decode(octets) == expect["text"]
    assert decode_short_message(octets, 0) == expect["text"]


@pytest.mark.parametrize("given,expect", facts("gsm-pack"))
def test_gsm_pack(given: dict[str, Any], expect: dict[str, Any]) -> None:
    septets = STANDARD.encode(given["text"])
    packed = bytes.fromhex(expect["packed_hex"])
    assert pack_septets(septets) == packed
    assert unpack_septets(packed, len(septets)) == septets


@pytest.mark.parametrize("given,expect", facts("udh"))
def test_udh(given: dict[str, Any], expect: dict[str, Any]) -> None:
    if "udh_hex" in given:
        read = parse_user_data(bytes.fromhex(given["udh_hex"]))
        assert (read.concatenation is not None) is expect["concatenated"]
        assert not read.damaged
        return
    header = build_concatenation(Concatenation(**given))
    assert header.hex() == expect["udh_hex"]
    assert len(header) == expect["udh_octets"]
    assert parse_user_data(header + b"text").concatenation == Concatenation(**given)


@pytest.mark.parametrize("given,expect", facts("data-coding"))
def test_data_coding(given: dict[str, Any], expect: dict[str, Any]) -> None:
    match given:
        case {"text": text}:
            made = segment(text)
            assert made.data_coding == expect["data_coding"]
            assert [octets.hex() for octets in made.short_messages(1)] == [expect["short_message_hex"]]
            assert expect["esm_class"] == 0
            assert made.count == 1
        case {"data_coding": data_coding, "octets_hex": octets_hex}:
            assert decode_short_message(bytes.fromhex(octets_hex), data_coding) == expect["text"]
        case {"deliver_sm": "delivery receipt"}:
            receipt_bits = expect["esm_class_and_0x3C"]
            assert [bits for bits in range(0, 0x40, 4) if is_receipt(bits)] == [receipt_bits]
            assert is_receipt(receipt_bits | 0x40)
        case _:
            assert {str(value): name for value, name in DATA_CODING_NAMES.items()} == expect


# The other seven are about the form body itself and belong to the v1 wire tests.
V1_WIRE = (
    "cp1251-numero",
    "cp1251-emdash",
    "cp1251-euro",
    "cp1251-test",
    "cp1251-guillemets",
    "individual-newline",
    "form-example",
)


@pytest.mark.parametrize("given,expect", facts("http-v1-body", without=V1_WIRE))
def test_http_v1_limits(given: dict[str, Any], expect: dict[str, Any]) -> None:
    rus = given["rus"]
    if rus is None:
        # Leaving rus out means 0, which transliterates: so it is always sent.
        assert expect == {"rus": 0, "charset": "windows-1251", "transliterates": True}
        assert choose_rus("тест") == 5
        assert not estimate_v1("тест", rus=0).exact
    elif given.get("flash"):
        assert v1_max_characters(rus, flash=True) == expect["max_chars"]
    else:
        assert v1_max_characters(rus) == expect["max_message_chars"]
        full = estimate_v1("я" * expect["max_message_chars"], rus=rus)
        assert full.parts == expect["parts"]
        assert estimate_v1("я" * (expect["chars_per_part"] * 2 + 1), rus=rus).parts == 3


@pytest.mark.parametrize("given,expect", facts("phone"))
def test_phone(given: dict[str, Any], expect: dict[str, Any]) -> None:
    if "error" in expect:
        with pytest.raises(InvalidMessage, match=expect["error"]):
            normalise_phone(given["text"], region=given["region"])
        return
    digits = normalise_phone(given["text"], region=given["region"])
    if "json" in expect:
        assert {"to": int(digits)} == expect["json"]
    else:
        assert digits == expect["digits"]


@pytest.mark.parametrize("given,expect", facts("originator"))
def test_originator(given: dict[str, Any], expect: dict[str, Any]) -> None:
    # Outer spaces are a warning in the facts and a refusal by default: the platform refuses them.
    sender = parse_originator(given["text"], strict=False)
    if "kind" in expect:
        assert sender.kind == expect["kind"]
    if "source_addr_ton" in expect:
        assert (sender.ton, sender.npi) == (expect["source_addr_ton"], expect["source_addr_npi"])
        assert expect["valid"]
        assert sender.warnings == ()
    if "replaced_by_gateway" in expect:
        assert list(sender.replaced) == expect["replaced_by_gateway"]
    if "warning" in expect:
        assert expect["warning"] in sender.warnings
    if "allowed_for_russian_destination" in expect:
        assert sender.allowed_for("79161112233") is expect["allowed_for_russian_destination"]
        assert sender.allowed_for("77011234567")
        assert sender.allowed_for("375292134567")


# anyascii is a table of 100,000 characters of another project, and no scheme of ours;
# the hint of the document has no scheme at all, and has a test of its own below.
NO_SCHEME = ("tr-anyascii-ruble", "tr-doc-hint")


@pytest.mark.parametrize("given,expect", facts("transliteration", without=NO_SCHEME))
def test_transliteration(given: dict[str, Any], expect: dict[str, Any]) -> None:
    written = transliterate(given["text"], given["scheme"])
    assert written == expect["text"]
    assert len(written) == expect["length"]
    assert (GATEWAY.try_encode(written) is not None) is expect["gateway_gsm_safe"]
    assert SCHEMES[given["scheme"]].gateway_safe is expect["gateway_gsm_safe"]


def test_the_default_scheme_agrees_with_the_one_hint_in_the_document() -> None:
    given, expect = fact("tr-doc-hint")
    assert transliterate(given["text"]) == expect["text"]
