"""SMS_TRAFFIC_ONLY_TO: who may be written to while it is set."""

from __future__ import annotations

import pytest

from sms_traffic_async.errors import ConfigurationError, NotSent, Outcome
from sms_traffic_async.policy.guards import ONLY_TO_VARIABLE, OnlyTo
from sms_traffic_async.secrets import mask_phone


def guard(value: str) -> OnlyTo:
    return OnlyTo.from_env({ONLY_TO_VARIABLE: value})


def test_without_the_variable_everybody_may_be_written_to() -> None:
    everybody = OnlyTo.from_env({})
    assert not everybody.active
    everybody.check("79161112233")
    everybody.check("whatever the client thinks of it")
    assert repr(everybody) == "OnlyTo(everybody)"


@pytest.mark.parametrize("value", ["", "   ", " , ;\n"])
def test_set_and_empty_means_nobody(value: str) -> None:
    assert guard(value).active
    with pytest.raises(NotSent):
        guard(value).check("79161112233")


@pytest.mark.parametrize(
    "value",
    [
        "79161112233",
        "+79161112233",
        "89161112233",
        "+7(916)111-22-33",
        "7-916-111.22.33",
        "12345,79161112233",
        "12345 79161112233",
        "12345;\n79161112233,",
        "7916*",
        "+7916*",
        "7*",
        "79161112233*",
        "12345, 7916*",
    ],
)
def test_allowed(value: str) -> None:
    guard(value).check("79161112233")
    assert guard(value).allows("79161112233")


@pytest.mark.parametrize(
    "value, phone",
    [
        ("79161112233", "79161112234"),
        ("79161112233", "791611122334"),
        ("79161112233", "7916111223"),
        ("7916*", "79171112233"),
        ("7916*", "791"),
        ("916*", "79161112233"),
        # only the normalised form of a number is let through
        ("79161112233", "+79161112233"),
        ("7916*", "79161112233,79179998877"),
        ("7916*", "79161112233\n"),
        ("7916*", "7916١112233"),
        ("7916*", ""),
    ],
)
def test_refused(value: str, phone: str) -> None:
    assert not guard(value).allows(phone)
    with pytest.raises(NotSent) as caught:
        guard(value).check(phone)
    error = caught.value
    assert error.reason == "guarded"
    assert error.outcome is Outcome.NOT_SENT
    assert not error.retryable
    assert ONLY_TO_VARIABLE in str(error)
    assert error.advice.startswith("Add the number")
    assert error.advice in str(error)
    assert len(phone) < 8 or phone not in str(error)


def test_the_refusal_of_several_is_of_the_first_and_shows_no_frame() -> None:
    numbers = ("79161112233", "79171234577", "79181234577")
    refused = guard("7916*").refusal(numbers)
    assert refused is not None
    assert str(refused).startswith("7917*****77 ")
    assert refused.__traceback__ is None
    assert guard("7916*").refusal(numbers[:1]) is None
    assert guard("7916*").refusal(()) is None
    assert OnlyTo(None).refusal(numbers) is None


def test_the_number_is_masked() -> None:
    with pytest.raises(NotSent, match=r"^7917\*{5}77 ") as caught:
        guard("7916*").check("79171234577")
    assert "12345" not in str(caught.value)


def test_a_number_that_two_countries_could_mean_is_the_international_one() -> None:
    assert guard("84912345678").allows("84912345678")
    assert not guard("84912345678").allows("74912345678")


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "+*",
        "7916**",
        "79*16",
        "7 916 111 22 33",
        "+7",
        "1234",
        "1234567890123456",
        "1234567890123456*",
        "79161112233x",
        "٧٩١٦*",
        "bank",
        "79161112233|79161112234",
    ],
)
def test_what_cannot_be_read_stops_everything(value: str) -> None:
    with pytest.raises(ConfigurationError, match=ONLY_TO_VARIABLE) as caught:
        guard(value)
    assert "1111222" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unreadable_number_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        guard("79267654321x")
    assert "654321" not in str(caught.value)
    assert f"{mask_phone('79267654321x')} is not a number" in str(caught.value)
    assert "unset the variable" in str(caught.value)


def test_it_prints_no_number() -> None:
    assert repr(guard("79161112233, 7917*, 7926*")) == "OnlyTo(1 numbers, 2 prefixes)"


def test_it_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ONLY_TO_VARIABLE, "7916*")
    assert OnlyTo.from_env().active
    monkeypatch.delenv(ONLY_TO_VARIABLE)
    assert not OnlyTo.from_env().active


def test_it_can_be_made_of_a_list() -> None:
    assert OnlyTo(["79161112233"]).allows("79161112233")
    assert not OnlyTo([]).allows("79161112233")
