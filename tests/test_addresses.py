"""Phones and originators: what is taken, rewritten, warned about and refused."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.addresses import Originator, Region, is_russian, normalise_phone, parse_originator
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.text import STANDARD

REGIONS: st.SearchStrategy[Region | None] = st.sampled_from([None, "RU", "INT"])


@pytest.mark.parametrize(
    "value,region,digits",
    [
        ("79161112233", None, "79161112233"),
        (79161112233, None, "79161112233"),
        ("+7 (916) 111-22-33", None, "79161112233"),
        (" +7.916.111.22.33 ", None, "79161112233"),
        ("7\u00a0916\u202f111\u201122\u201333", None, "79161112233"),
        ("89161112233", None, "79161112233"),
        ("8 (916) 111-22-33", None, "79161112233"),
        (89161112233, None, "79161112233"),
        ("9161112233", "RU", "79161112233"),
        ("84951234567", "RU", "74951234567"),
        ("88001000258", "RU", "78001000258"),
        ("74951234567", None, "74951234567"),  # never turned into its federal twin
        ("85212345678", None, "85212345678"),  # Hong Kong: no Russian code starts with 5
        ("8190123456789", None, "8190123456789"),
        ("84912345678", "INT", "84912345678"),  # Vietnam
        ("9607712345", "INT", "9607712345"),  # Maldives
        ("89161112233", "INT", "89161112233"),
        ("375292134567", None, "375292134567"),
        ("375292134567", "RU", "375292134567"),
        ("12345", None, "12345"),
        ("123456789012345", None, "123456789012345"),
    ],
)
def test_phones(value: str | int, region: Region | None, digits: str) -> None:
    assert normalise_phone(value, region=region) == digits


@pytest.mark.parametrize(
    "value,region,rule",
    [
        ("", None, "holds no digits"),
        (" +() ", None, "holds no digits"),
        ("1234", None, "invalid length: 5 to 15"),
        ("1234567890123456", None, "invalid length: 5 to 15"),
        (1234, None, "invalid length: 5 to 15"),
        (10**30, None, "invalid length: 5 to 15"),
        (-79161112233, None, "invalid length: 5 to 15"),
        (0, None, "invalid length: 5 to 15"),
        ("7916111223a", None, "only the digits"),
        ("79161112233;79161112234", None, "only the digits"),
        ("79161112233\n", None, "only the digits"),
        ("7916111223３", None, "only the digits"),  # a full-width digit
        ("٧٩١٦١١١٢٢٣٣", None, "only the digits"),
        ("++79161112233", None, "only the digits"),
        ("7+9161112233", None, "only the digits"),
        ("0079161112233", None, "starts with 0"),
        ("0079161112233", "INT", "starts with 0"),
        ("7903123456", None, "invalid length: a number that starts with 7"),
        ("7903123456", "INT", "invalid length: a number that starts with 7"),
        ("791611122334", None, "invalid length: a number that starts with 7"),
        ("9161112233", None, "region='RU'"),
        ("84951234567", None, "region='RU'"),
        ("88001000258", None, "region='RU'"),
        (True, None, "a string or a whole number"),
        (7.9e10, None, "a string or a whole number"),
        (None, None, "a string or a whole number"),
        (b"79161112233", None, "a string or a whole number"),
    ],
)
def test_refused_phones(value: Any, region: Region | None, rule: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        normalise_phone(value, region=region)
    assert caught.value.field == "to"
    assert rule in caught.value.rule
    assert len(str(value)) < 8 or str(value) not in str(caught.value)


@given(value=st.one_of(st.text("0123456789+ -().", max_size=20), st.integers(), st.text(max_size=20)), region=REGIONS)
def test_normalising_is_idempotent_and_gives_digits(value: str | int, region: Region | None) -> None:
    try:
        digits = normalise_phone(value, region=region)
    except InvalidMessage:
        return
    assert digits.isascii()
    assert digits.isdigit()
    assert 5 <= len(digits) <= 15
    assert normalise_phone(digits, region=region) == digits
    assert normalise_phone(int(digits), region=region) == digits


@given(national=st.from_regex(r"\A9[0-9]{9}\Z"))
def test_every_way_to_write_a_russian_mobile_number(national: str) -> None:
    wanted = "7" + national
    for written in (wanted, "+" + wanted, "8" + national, f"+7 ({national[:3]}) {national[3:6]}-{national[6:]}"):
        assert normalise_phone(written) == wanted
    assert normalise_phone(national, region="RU") == wanted
    assert is_russian(wanted)


@pytest.mark.parametrize("phone,russian", [("79161112233", True), ("77011234567", False), ("76001234567", False)])
def test_russian_or_not(phone: str, russian: bool) -> None:
    assert is_russian(phone) is russian
    assert not is_russian("375292134567")


@pytest.mark.parametrize(
    "value,kind,ton,npi,warnings",
    [
        ("MyCompany", "alphanumeric", 5, 0, 0),
        ("SMS.Traffic", "alphanumeric", 5, 0, 0),
        ("787-35-95", "alphanumeric", 5, 0, 0),
        ("74957873595", "numeric", 1, 1, 0),
        ("3299", "numeric", 1, 1, 0),
        ("123456789012345", "numeric", 1, 1, 0),
        ("My Shop", "alphanumeric", 5, 0, 1),
        ("Кафе", "alphanumeric", 5, 0, 1),
        ("СМС.ТРАФИК", "alphanumeric", 5, 0, 1),
        ("Δelta@ß", "alphanumeric", 5, 0, 1),
        ("A[1]", "alphanumeric", 5, 0, 2),
        ("+7495", "alphanumeric", 5, 0, 1),
    ],
)
def test_originators(value: str, kind: str, ton: int, npi: int, warnings: int) -> None:
    sender = parse_originator(value)
    assert (sender.value, sender.kind, sender.ton, sender.npi) == (value, kind, ton, npi)
    assert len(sender.warnings) == warnings


def test_what_the_platform_replaces_is_listed_once() -> None:
    sender = parse_originator("[a]|[b]")
    assert sender.replaced == ("[", "]", "|")
    assert sender.warnings[0] == "extension characters are replaced by the platform: [ ] |"
    assert "transliterated by the platform" in parse_originator("Кафе").warnings[0]


@pytest.mark.parametrize(
    "value,rule",
    [
        ("", "1 to 11 characters or 1 to 15 digits"),
        (None, "1 to 11 characters or 1 to 15 digits"),
        (12345, "1 to 11 characters or 1 to 15 digits"),
        ("1234567890123456", "at most 15 digits"),
        ("TwelveLetter", "at most 11 characters"),
        ("a\r\nb", "no control characters"),
        ("a\0b", "no control characters"),
        ("a\x1bb", "no control characters"),
        ("a\u200bb", "no control characters"),
        ("a\ud800", "no control characters"),
        (" MyCompany", "leading or trailing space"),
        ("MyCompany ", "leading or trailing space"),
        ("a😀", "only characters of the GSM alphabet"),
        ("цена ₽", "only characters of the GSM alphabet"),
        ("٣٢٩٩", "only characters of the GSM alphabet"),  # digits, but not these ten
    ],
)
def test_refused_originators(value: Any, rule: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        parse_originator(value)
    assert caught.value.field == "originator"
    assert rule in caught.value.rule
    assert not value or str(value) not in str(caught.value)


def test_outer_spaces_are_only_a_warning_when_asked() -> None:
    assert parse_originator(" MyCompany", strict=False).warnings[0] == "leading or trailing space"
    with pytest.raises(InvalidMessage, match="no control characters"):
        parse_originator("a\n", strict=False)


@given(value=st.text(st.sampled_from(STANDARD.characters + "Яя"), min_size=1, max_size=11))
def test_an_accepted_originator_is_kept_as_it_is(value: str) -> None:
    try:
        sender = parse_originator(value)
    except InvalidMessage:
        assert not value.isprintable() or value != value.strip()
        return
    assert sender.value == value
    assert pickle.loads(pickle.dumps(sender)) == sender  # noqa: S301 - our own bytes


def test_digits_may_not_write_to_russian_numbers() -> None:
    digits, name = parse_originator("74957873595"), parse_originator("Shop")
    assert not digits.allowed_for("79161112233")
    assert digits.allowed_for("77011234567")
    assert name.allowed_for("79161112233")
    assert isinstance(digits, Originator)
