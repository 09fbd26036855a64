"""Inbound messages and short numbers: charsets, templates, and field notes I."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.protocols.pushes import (
    BadItem,
    InboundPush,
    encode_reply,
    kind_of,
    read_inbound,
    read_parameters,
)
from sms_traffic_async.protocols.pushes.forms import declared_charset, decode_value, media_type, read_form
from tests.protocols.pushes.examples import INBOUND_TEMPLATE, SHORT_TEMPLATE

NOW = dt.datetime(2025, 12, 18, tzinfo=dt.UTC)


def filled(template: str, charset: str, **values: str) -> bytes:
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", quote_from_bytes(value.encode(charset)))
    return template.encode("ascii")


def read(octets: bytes, **options: object) -> InboundPush:
    push = read_inbound(read_parameters(octets), **options)  # type: ignore[arg-type] # a test's shorthand
    assert isinstance(push, InboundPush)
    return push


@pytest.mark.parametrize("charset", ["windows-1251", "utf-8"])
def test_i1_the_documents_template_in_either_charset(charset: str) -> None:
    octets = filled(INBOUND_TEMPLATE, charset, message="Где заказ №5?", phone="79161112233", sms_id="5269156759")
    push = read(octets, received_at=NOW)
    assert push.kind == "inbound"
    assert push.charset == charset
    message = push.message
    assert (message.sender, message.text, message.message_id) == ("79161112233", "Где заказ №5?", "5269156759")
    assert message.source == "push"
    assert message.received_at == NOW
    assert (message.short_number, message.recipient, message.sent_at) == (None, None, None)


def test_i4_the_short_numbers_template_has_no_password() -> None:
    octets = filled(SHORT_TEMPLATE, "windows-1251", message="ИГРА", phone="79161112233", sms_id="1", shortcode="1234")
    push = read(octets)
    assert push.kind == "short_number"
    assert push.message.short_number == push.message.recipient == "1234"


def test_the_password_is_not_kept() -> None:
    push = read(b"message=a&phone=79161112233&shortcode=1234&password=hidden-word&secret=other-word")
    assert push.message.raw == {"message": "a", "phone": "79161112233", "shortcode": "1234"}


def test_a_post_body_counts_before_the_query() -> None:
    fields = read_parameters(b"secret=s&phone=1", b"phone=79161112233&message=a")
    assert fields["phone"] == b"79161112233"
    assert kind_of(fields) == "inbound"


def test_what_a_text_smuggles_in_does_not_replace_the_number() -> None:
    # A platform that does not encode {{message}}: the subscriber wrote "hi&phone=70000000000&sms_id=9".
    template = INBOUND_TEMPLATE.replace("{{message}}", "hi&phone=70000000000&sms_id=9")
    push = read(filled(template, "utf-8", phone="79161112233", sms_id="5269156759"))
    assert push.message.sender == "79161112233"
    assert push.message.message_id == "5269156759"


@pytest.mark.parametrize(
    "octets, kind",
    [
        (b"message=&phone=7", "inbound"),
        (b"phone=7", "inbound"),
        (b"message=a&status=b", "inbound"),
        (b"shortcode=1", "short_number"),
        (b"sms_id=1&status=Read", "statuses"),
        (b"sms_id=1", None),
        (b"", None),
    ],
)
def test_which_push_it_is(octets: bytes, kind: str | None) -> None:
    assert kind_of(read_parameters(octets)) == kind


@pytest.mark.parametrize(
    "octets, reason",
    [
        (b"phone=79161112233", "message"),
        (b"message=a", "phone"),
        (b"message=a&phone=", "phone"),
        (b"message=a&phone=" + b"7" * 41, "phone"),
        (b"message=a&phone=7%00", "phone"),
        (INBOUND_TEMPLATE.encode(), "template"),
    ],
)
def test_what_cannot_be_used(octets: bytes, reason: str) -> None:
    bad = read_inbound(read_parameters(octets))
    assert isinstance(bad, BadItem)
    assert reason in bad.reason
    assert bad.kind == "inbound"


def test_an_empty_text_and_an_alphanumeric_sender_are_messages() -> None:
    assert read(b"message=&phone=BANK").message.text == ""


@pytest.mark.parametrize("phone", [b"+79161112233", b"%2B79161112233", b" 79161112233 "])
def test_a_plus_is_not_part_of_a_number(phone: bytes) -> None:
    assert read(b"message=a&phone=" + phone).message.sender == "79161112233"


@pytest.mark.parametrize("sms_id", [b"", b"1" * 129, b"%0A1%0A2"])
def test_an_id_that_is_none(sms_id: bytes) -> None:
    assert read(b"message=a&phone=7&sms_id=" + sms_id).message.message_id is None


def test_a_fixed_charset_is_not_guessed_at() -> None:
    utf8 = filled(INBOUND_TEMPLATE, "utf-8", message="Да", phone="7", sms_id="1")
    assert read(utf8, charset="windows-1251").message.text == "Р”Р°"
    cp1251 = filled(INBOUND_TEMPLATE, "windows-1251", message="Да", phone="7", sms_id="1")
    assert "\ufffd" in read(cp1251, charset="utf-8").message.text
    assert read(cp1251, charset="utf-8").charset == "utf-8"


def test_a_declared_charset_counts() -> None:
    form = "application/x-www-form-urlencoded; charset="
    octets = filled(INBOUND_TEMPLATE, "utf-8", message="Да", phone="7", sms_id="1")
    assert read(octets, content_type=form + "windows-1251").message.text == "Р”Р°"
    assert read(octets, content_type=form + "utf-8").message.text == "Да"
    cp1251 = filled(INBOUND_TEMPLATE, "windows-1251", message="Да", phone="7", sms_id="1")
    assert read(cp1251, content_type=form + "utf-8").message.text == "Да"  # it says so, and is not
    assert read(b"message=yes&phone=7", content_type=form + '"UTF-8"').charset == "utf-8"
    assert read(b"message=yes&phone=7").charset == "windows-1251"


def test_octets_that_mean_nothing_are_shown_as_such() -> None:
    assert read(b"message=a%98b%FF&phone=7").message.text == "a\ufffdbя"


def test_a_reply_in_its_charset() -> None:
    assert encode_reply("Код 5", "windows-1251") == ("Код 5".encode("cp1251"), 0)
    assert encode_reply("Код 😀 ж😀", "windows-1251") == ("Код ? ж?".encode("cp1251"), 2)
    assert encode_reply("Код 😀", "utf-8") == ("Код 😀".encode(), 0)
    assert encode_reply("\ud800", "utf-8") == (b"?", 1)


def test_parameters_are_bounded() -> None:
    assert len(read_form(b"&".join(b"a%d=1" % number for number in range(10_000)))) == 64


def test_names_of_parameters() -> None:
    assert read_form(b"SMS_ID=1&&=5&a&b=%zz\r\n") == {"sms_id": b"1", "a": b"", "b": b"%zz"}


def test_media_types() -> None:
    assert media_type(" Application/JSON ; charset=x") == "application/json"
    assert declared_charset("text/plain; charset=koi8-r") is None
    assert declared_charset("text/plain") is None
    assert declared_charset("text/plain;charset='CP1251'") == "windows-1251"


CP1251 = bytes(octet for octet in range(256) if octet != 0x98).decode("cp1251")


@given(st.text(CP1251, max_size=40))
def test_a_russian_text_in_windows_1251_is_read(text: str) -> None:
    octets = text.encode("cp1251")
    read_back, charset = decode_value(octets, "auto")
    # What is UTF-8 by accident cannot be told apart; with the account's charset set it is.
    assert read_back == text or charset == "utf-8"
    assert decode_value(octets, "windows-1251") == (text, "windows-1251")


@given(st.text("абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВ ,.!?-0123456789«»№—", max_size=40))
def test_russian_words_are_never_taken_for_utf_8(text: str) -> None:
    # One capital letter before a mark is the only accident these characters allow.
    octets = text.encode("cp1251")
    read_back, charset = decode_value(octets, "auto")
    if read_back != text:
        assert charset == "utf-8"
        assert all(0xC2 <= first <= 0xDF for first in octets if first >= 0xC0)


@given(st.text(max_size=40))
def test_any_text_in_utf_8_is_read(text: str) -> None:
    octets = text.encode("utf-8", "replace")
    assert decode_value(octets, "auto")[0] == octets.decode()


@given(st.binary(max_size=120), st.binary(max_size=120))
def test_any_octets_are_read(query: bytes, body: bytes) -> None:
    fields = read_parameters(query, body)
    push = read_inbound(fields)
    if isinstance(push, InboundPush):
        assert encode_reply(push.message.text, push.charset)
        assert repr(push)
