"""Forms and delimiters."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.protocols.http_v1.form import (
    Charset,
    carries,
    charset_of,
    choose_delimiter,
    divides,
    encode_form,
    moment,
    quote,
)

CP1251 = st.text(st.characters(codec="cp1251"))


@pytest.mark.parametrize("rus, charset", [(0, "cp1251"), (1, "cp1251"), (5, "utf-8"), (None, "cp1251")])
def test_v2_charset_follows_rus(rus: int | None, charset: str) -> None:
    assert charset_of(rus) == charset


def test_the_documents_own_bodies() -> None:
    pairs = [("login", "mylogin"), ("password", "mypassword"), ("phones", "78001234567"), ("message", "test тест")]
    wanted = b"login=mylogin&password=mypassword&phones=78001234567&message=test+%F2%E5%F1%F2"
    assert encode_form(pairs, "cp1251") == wanted
    assert encode_form([("message", "тест")], "utf-8") == b"message=%D1%82%D0%B5%D1%81%D1%82"


@given(st.lists(st.tuples(st.text("ab_", min_size=1), CP1251), max_size=4), st.sampled_from(["cp1251", "utf-8"]))
def test_a_standard_reader_reads_it_back(pairs: list[tuple[str, str]], charset: Charset) -> None:
    body = encode_form(pairs, charset).decode("ascii")
    assert parse_qsl(body, keep_blank_values=True, encoding=charset, errors="strict") == pairs


@given(CP1251)
def test_quoting_means_what_the_standard_library_means(text: str) -> None:
    ours, theirs = quote(text, "cp1251"), quote_plus(text, encoding="cp1251")
    assert ours.replace("%20", "+") == theirs


@pytest.mark.parametrize("text", ["я " * 500_000, " " * 1_000_000, "& " * 500_000, "a" * 1_000_000, "я a" * 300_000])
def test_a_megabyte_takes_no_time_to_speak_of(text: str) -> None:
    began = time.process_time()
    quote(text, "utf-8")
    assert time.process_time() - began < 1.0


def test_carries() -> None:
    assert carries("cp1251", "Анна & €")
    assert not carries("cp1251", "漢")
    assert carries("utf-8", "漢")


def test_dates_are_utc_plus_3() -> None:
    assert moment(datetime(2020, 5, 9, 6, 0, 0, 999, tzinfo=UTC)) == "2020-05-09 09:00:00"


@pytest.mark.parametrize(
    "delimiter, pieces, divided",
    [
        ("ABC", ["76161234567 текст", "79031234567 a\nb"], True),
        ("ABC", ["76161234567 xABCy", "79031234567 b"], False),
        ("abc", ["76161234567 xABCy", "79031234567 b"], False),
        # The end of a text and the beginning of the delimiter make one.
        ("ABA", ["79031234567 AB", "79031234568 b"], False),
        ("AAB", ["79031234567 A", "79031234568 b"], True),
        ("ABAB", ["79031234567 AB", "79031234568 b"], False),
        ("ABA", ["79031234567 x", "BA9031234568 b"], True),
        ("\n", ["79031234567 a", "79031234568 b"], True),
    ],
)
def test_v8_a_delimiter_is_proven(delimiter: str, pieces: list[str], divided: bool) -> None:
    assert divides(delimiter, pieces) is divided


@given(st.lists(st.text(), min_size=1, max_size=5), st.lists(st.text(min_size=1, max_size=3), max_size=6))
def test_a_chosen_delimiter_always_divides(pieces: list[str], candidates: list[str]) -> None:
    chosen = choose_delimiter(pieces, candidates)
    if chosen is not None:
        assert chosen.join(pieces).split(chosen) == pieces
    else:
        assert not any(divides(candidate, pieces) for candidate in candidates)
