"""Part counts of texts that the platform cuts: what the document says, and where it does not."""

import pytest
from hypothesis import given

from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.text import (
    GATEWAY,
    STANDARD,
    Encoding,
    choose_rus,
    estimate_soap,
    estimate_v1,
    estimate_v2,
    segment,
    to_gateway,
    v1_max_characters,
)
from sms_traffic_async.text.estimate import LATIN, LINKS, TEMPLATE, TRANSLITERATED, Rus
from tests.text.strategies import TEXTS


@pytest.mark.parametrize(
    "text,rus",
    [
        ("Your code: 1234", 0),
        ("a@b_c $5\r\n", 0),
        ("", 0),
        ("[1]", 5),  # ASCII, but not among the 117
        ("tab\there", 5),
        ("Ä", 5),  # among the 117, but not in windows-1251
        ("Код 1", 5),
    ],
)
def test_rus_that_changes_nothing_in_the_text(text: str, rus: int) -> None:
    assert choose_rus(text) == rus


@pytest.mark.parametrize(
    "text,rus,parts,encoding,doubts",
    [
        ("a" * 160, None, 1, Encoding.GSM7, ()),
        ("a" * 161, None, 2, Encoding.GSM7, ()),
        ("я" * 70, None, 1, Encoding.UCS2, ()),
        ("я" * 71, None, 2, Encoding.UCS2, ()),
        ("a" * 307, 0, 3, Encoding.GSM7, ()),
        ("я" * 100, 0, 2, Encoding.GSM7, (TRANSLITERATED,)),  # "ya" for each
        ("[]" * 80, 0, 1, Encoding.GSM7, (TRANSLITERATED,)),
        ("😀" * 160, 0, 1, Encoding.GSM7, (TRANSLITERATED,)),
        # A Latin text with rus=1 and 5 may keep its 160, and then takes fewer parts.
        ("a" * 70, 5, 1, Encoding.UCS2, ()),
        ("a" * 71, 5, 2, Encoding.UCS2, (LATIN,)),
        ("a" * 161, 1, 3, Encoding.UCS2, (LATIN,)),
        ("a" * 70 + "[", 5, 2, Encoding.UCS2, (LATIN,)),
        ("a" * 70 + "я", 5, 2, Encoding.UCS2, ()),
        ("см. https://example.com/a", 5, 1, Encoding.UCS2, (LINKS,)),
        ("Привет, [[name]]", 5, 1, Encoding.UCS2, (TEMPLATE,)),
        ("[[name]]: www.example.com", 0, 1, Encoding.GSM7, (TRANSLITERATED, LINKS, TEMPLATE)),
    ],
)
def test_v1(text: str, rus: Rus | None, parts: int, encoding: Encoding, doubts: tuple[str, ...]) -> None:
    found = estimate_v1(text, rus=rus)
    assert (found.parts, found.encoding, found.doubts) == (parts, encoding, doubts)
    assert found.exact is (not doubts)


def test_v1_with_a_two_octet_reference() -> None:
    assert estimate_v1("a" * 305, two_byte_concat=True).parts == 3
    assert estimate_v1("я" * 133, two_byte_concat=True).parts == 3
    assert estimate_v1("я" * 133).parts == 2


def test_v1_rus_is_one_of_three() -> None:
    with pytest.raises(ConfigurationError, match="rus is 0, 1 or 5"):
        estimate_v1("a", rus=2)  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize(
    "text,transliterate,parts,encoding,doubts",
    [
        ("a" * 160, False, 1, Encoding.GSM7, ()),
        ("Ä" * 161, False, 2, Encoding.GSM7, ()),
        ("]" * 71, False, 2, Encoding.UCS2, ()),
        ("я" * 71, False, 2, Encoding.UCS2, ()),
        ("а" * 71, True, 1, Encoding.GSM7, (TRANSLITERATED,)),
        ("a" * 161, True, 2, Encoding.GSM7, ()),  # nothing to transliterate
        ("Hello, [[name]]!", False, 1, Encoding.UCS2, (TEMPLATE,)),
        ("see http://example.com/x", False, 1, Encoding.GSM7, (LINKS,)),
    ],
)
def test_v2(text: str, transliterate: bool, parts: int, encoding: Encoding, doubts: tuple[str, ...]) -> None:
    found = estimate_v2(text, transliterate=transliterate)
    assert (found.parts, found.encoding, found.doubts) == (parts, encoding, doubts)


@pytest.mark.parametrize(
    "text,is_link",
    [
        ("https://a.ru", True),
        ("HTTP://A.RU", True),
        ("www.a.ru", True),
        ("a.ru/x", True),
        ("закажи на магазин.рф/акция", True),
        ("Заказ №5. Сумма 3.14/2", False),
        ("a.ru", False),  # nothing behind the name: left alone
        ("и т.д./и т.п.", False),
        ("1/2", False),
    ],
)
def test_links(text: str, is_link: bool) -> None:
    assert (LINKS in estimate_v2(text).doubts) is is_link


def test_soap() -> None:
    assert estimate_soap("a" * 71).parts == 2  # false means UCS-2 for every text, said without a doubt
    assert estimate_soap("a" * 71).exact
    assert estimate_soap("a" * 161, latin_encoding=True).parts == 2
    assert not estimate_soap("я", latin_encoding=True).exact
    assert estimate_soap("я" * 133, two_byte_concat=True).parts == 3
    assert estimate_soap("a" * 305, latin_encoding=True, two_byte_concat=True).parts == 3


@given(text=TEXTS)
def test_an_exact_v2_estimate_is_what_segment_makes_of_it(text: str) -> None:
    found = estimate_v2(text)
    if len(text.encode("utf-16-be")) // 2 <= 255 * 66:
        made = segment(text)
        assert (found.parts, found.encoding, found.units) == (made.count, made.encoding, made.units)


@given(text=TEXTS)
def test_what_rus_5_leaves_open_lies_between_its_two_readings(text: str) -> None:
    found = estimate_v1(text, rus=5)
    ucs2 = segment(text, encoding=Encoding.UCS2).count
    either = segment(text, alphabet=STANDARD).count
    assert found.parts == ucs2
    if LATIN in found.doubts:
        assert either < ucs2
    else:
        assert either == ucs2


@given(text=TEXTS)
def test_a_transliterated_estimate_is_never_called_exact(text: str) -> None:
    for found in (estimate_v1(text, rus=0), estimate_v2(text, transliterate=True)):
        assert found.encoding is Encoding.GSM7
        if GATEWAY.try_encode(text) is None:
            assert not found.exact
        if GATEWAY.try_encode(to_gateway(text)) is not None:
            assert found.units == len(to_gateway(text)) or GATEWAY.try_encode(text) is not None


def test_longest_texts() -> None:
    assert (v1_max_characters(0), v1_max_characters(1), v1_max_characters(5)) == (39015, 17085, 17085)
    assert (v1_max_characters(0, flash=True), v1_max_characters(5, flash=True)) == (160, 70)
    assert (v1_max_characters(0, two_byte_concat=True), v1_max_characters(1, two_byte_concat=True)) == (38760, 16830)


@pytest.mark.parametrize("text", ["я\ud800", "я\0"])
def test_texts_that_nothing_can_carry(text: str) -> None:
    for refuse in (estimate_v1, estimate_v2, estimate_soap):
        with pytest.raises(InvalidMessage):
            refuse(text)
    with pytest.raises(InvalidMessage):
        estimate_v1(text, rus=0)
    with pytest.raises(InvalidMessage):
        estimate_v2(text, transliterate=True)
