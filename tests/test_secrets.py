"""Secrets, phone numbers, texts: what is shown of each, and what never is."""

import copy
import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.secrets import ForeignError, Secret, foreign_cause, mask_phone, mask_text, redact
from tests.support.exposure import shown

VALUE = "hunter2-ptf9Bs9Apk4E"


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r}",
        lambda secret: f"{secret:>20}",
        lambda secret: "%s" % secret,  # noqa: UP031 - the logging form
        lambda secret: repr([secret]),
        lambda secret: repr({"password": secret}),
        lambda secret: json.dumps(secret, default=str),
    ],
)
def test_a_secret_does_not_print_itself(show: object) -> None:
    assert callable(show)
    printed = show(Secret(VALUE))
    assert "****" in printed
    assert VALUE not in printed


def test_a_secret_is_logged_as_a_mask(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("password=%s", Secret(VALUE), extra={"credential": Secret(VALUE)})
    record = caplog.records[0]
    assert VALUE not in caplog.text
    assert VALUE not in repr(vars(record))
    assert "********" in record.getMessage()


def test_a_secret_gives_its_value_when_asked() -> None:
    secret = Secret(VALUE)
    assert secret.reveal() == VALUE
    assert Secret(secret).reveal() == VALUE
    assert bool(secret) is True
    assert bool(Secret("")) is False


def test_secrets_compare_among_themselves_only() -> None:
    assert Secret(VALUE) == Secret(VALUE)
    assert Secret(VALUE) != Secret("another")
    assert Secret(VALUE) != VALUE
    assert hash(Secret(VALUE)) == hash(Secret(VALUE))
    assert hash(Secret(VALUE)) != hash(VALUE)
    assert len({Secret(VALUE), Secret(VALUE), Secret("b")}) == 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_a_secret_is_refused(protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled") as caught:
        pickle.dumps(Secret(VALUE), protocol)
    assert VALUE not in shown(caught.value)


def test_a_secret_cannot_be_copied_out_either() -> None:
    for way in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            way(Secret(VALUE))
    assert not hasattr(Secret(VALUE), "__dict__")


@pytest.mark.parametrize("wrong", [None, 5, VALUE.encode(), [VALUE]])
def test_a_secret_is_a_string(wrong: object) -> None:
    with pytest.raises(TypeError, match=f"a string, not {type(wrong).__name__}") as caught:
        Secret(wrong)  # type: ignore[arg-type] # the point of the test
    assert VALUE not in shown(caught.value)


def test_a_traceback_with_locals_shows_a_mask() -> None:
    def log_in(password: Secret) -> None:
        raise ConnectionError("refused")

    with pytest.raises(ConnectionError) as caught:
        log_in(Secret(VALUE))
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "password = Secret('********')" in text
    assert VALUE not in text


@pytest.mark.parametrize(
    "phone,masked",
    [
        ("79161112233", "7916*****33"),
        (79161112233, "7916*****33"),
        ("+79161112233", "+791******33"),
        ("+7 (916) 111-22-33", "+7 (************33"),
        ("7916111", "*******"),
        ("79161112", "7916**12"),
        ("123456", "******"),
        ("", ""),
        (12, "**"),
        ("7" * 60, "7777*77"),
        ("٧٩١٦١١١٢٢٣٣", "٧٩١٦*****٣٣"),
    ],
)
def test_masking_a_phone(phone: object, masked: str) -> None:
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    "wrong,masked",
    [
        ("Ваш код 123456", "<14 characters>"),
        ("hunter2-hunter2", "<15 characters>"),
        ("7916\n\n1112233", "<13 characters>"),
        (None, "<NoneType>"),
        (b"79161112233", "<bytes>"),
        (7.9161112233e10, "<float>"),
        ("secret", "******"),
        (True, "*"),
    ],
)
def test_what_is_no_phone_shows_nothing_of_itself(wrong: object, masked: str) -> None:
    assert mask_phone(wrong) == masked


def test_a_huge_number_is_no_phone() -> None:
    # str() of these is refused by the interpreter.
    assert mask_phone(10**5000) == mask_phone(-(10**5000)) == "<int>"


@given(st.text(alphabet="0123456789 +-().", max_size=60))
def test_a_masked_phone_shows_six_characters_at_most(phone: str) -> None:
    masked = mask_phone(phone)
    assert len(masked) <= max(len(phone), 7)
    visible = masked.replace("*", "")
    assert len(visible) <= 6
    if phone:
        assert "*" in masked


@pytest.mark.parametrize(
    "text,masked",
    [("Ваш код 1234", "<12 characters>"), ("", "<0 characters>"), (None, "<NoneType>"), (b"x", "<bytes>")],
)
def test_masking_a_text(text: object, masked: str) -> None:
    assert mask_text(text) == masked


class Chatty(Exception):
    def __init__(self, text: str, request: object) -> None:
        super().__init__(text)
        self.request = request


@pytest.mark.parametrize(
    "text,kept",
    [
        ("All connection attempts failed", "All connection attempts failed"),
        ("Illegal header value b'Bearer 1837/hunter2-ptf9Bs9Apk4E'", 'Illegal header value b"…"'),
        ("Invalid URL https://user:hunter2-ptf9Bs9Apk4E@host/", "Invalid URL https:/…"),
        ("first\nsecond hunter2-ptf9Bs9Apk4E", "first"),
        ("550 no such user 79161112233", "550 no such user 7916*****33"),
        ("", ""),
    ],
)
def test_a_foreign_error_is_reduced(text: str, kept: str) -> None:
    with pytest.raises(Chatty) as caught:
        raise Chatty(text, {"Authorization": VALUE}) from ValueError(VALUE)
    cause = foreign_cause(caught.value)
    name = f"{__name__}.Chatty"
    assert type(cause) is ForeignError
    assert str(cause) == (f"{name}: {kept}" if kept else name)
    assert (cause.__traceback__, cause.__cause__, cause.__context__) == (None, None, None)
    assert VALUE not in shown(cause)


@given(st.text())
def test_redacted_is_short_and_of_one_line(text: str) -> None:
    kept = redact(text)
    assert len(kept) <= 200
    assert kept.isprintable()


def test_redacting_takes_bounded_time_on_hostile_input() -> None:
    for hostile in ('"' * 10**6, "1(" * 10**6, "a/" * 10**6, "'" * 10**6, " " * 10**7):
        assert len(redact(hostile)) <= 200
