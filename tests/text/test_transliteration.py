"""Schemes by their published samples, and the gateway's plainest form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.text import DEFAULT_SCHEME, GATEWAY, SCHEMES, to_gateway, transliterate

# Samples that the schemes are published with (iuliia, MIT), and cases of capitals read off that engine.
SAMPLES = [
    ("mvd_782", "Юлия Щеглова", "Yuliya Shcheglova"),
    ("mvd_782", "Гайа Васильева", "Gaya Vasilyeva"),
    ("mvd_782", "Андрей Видный", "Andrey Vidnyy"),
    ("mvd_782", "Артём Краевой", "Artyem Krayevoy"),
    ("mvd_782", "Мадыр Чёткий", "Madyr Chetkiy"),
    ("mvd_782", "Оксана Клеёнкина", "Oksana Kleyonkina"),
    ("mvd_782", "Игорь Ильин", "Igor' Ilyin"),
    ("mvd_782", "ОЕ оЕ Ое", "OYe oE Oye"),
    ("mosmetro", "Битцевский парк", "Bitsevsky park"),
    ("mosmetro", "Верхние Лихоборы", "Verkhnie Likhobory"),
    ("mosmetro", "Воробьёвы горы", "Vorobyovy gory"),
    ("mosmetro", "Марьина Роща", "Maryina Roscha"),
    ("mosmetro", "Площадь Ильича", "Ploschad Ilyicha"),
    ("mosmetro", "Тёплый стан", "Teply stan"),
    ("mosmetro", "ТЁПЛЫЙ ий", "TEPLY iy"),
    ("mosmetro", "Щёлковская", "Schelkovskaya"),
    ("gost_7034", "Подъезд", "Pod''ezd"),
    ("gost_779_alt", "Цирк, цена; Отец", "Cirk, cena; Otecz"),
]


@pytest.mark.parametrize("scheme,text,written", SAMPLES)
def test_samples(scheme: str, text: str, written: str) -> None:
    assert transliterate(text, scheme) == written


def test_the_schemes() -> None:
    assert set(SCHEMES) == {"mvd_782", "gost_7034", "gost_779_alt", "mosmetro"}
    assert all(SCHEMES[name].name == name and SCHEMES[name].title for name in SCHEMES)
    assert {name for name in SCHEMES if not SCHEMES[name].gateway_safe} == {"gost_779_alt"}
    assert SCHEMES[DEFAULT_SCHEME].gateway_safe


def test_an_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="mvd_782, gost_7034, gost_779_alt, mosmetro"):
        transliterate("а", "anyascii")


@given(text=st.text(st.sampled_from("абвгдеёжзийклмнопрстуфхцчшщъыьэюяАЁЬЫЙ 1,x"), max_size=60))
@pytest.mark.parametrize("scheme", [name for name, scheme in SCHEMES.items() if scheme.gateway_safe])
def test_russian_always_becomes_gsm(scheme: str, text: str) -> None:
    written = transliterate(text, scheme)
    assert GATEWAY.try_encode(written) is not None
    assert transliterate(written, scheme) == written


@given(
    text=st.text(st.characters(exclude_characters="абвгдеёжзийклмнопрстуфхцчшщъыьэюяАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"))
)
def test_everything_else_stays(text: str) -> None:
    assert transliterate(text) == text


def test_signs_in_their_plainest_form() -> None:
    assert to_gateway("Заказ №5 — «Кофе… и чай»\u00a0100₽ [нал.] {5€} ‘a’\tb") == (
        "Zakaz No5 - \"Kofe... i chay\" 100RUB (nal.) (5EUR) 'a' b"
    )
    assert to_gateway("Ёлка", scheme="mosmetro") == "Elka"
    assert to_gateway("чай 😀 ©") == "chay 😀 ©"
