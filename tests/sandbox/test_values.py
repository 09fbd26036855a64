"""Switches, pace, effects, rules, accounts, outcomes: what they take and what they refuse."""

from dataclasses import fields, replace
from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import (
    Account,
    FaultRule,
    GzipBomb,
    Latency,
    NumberOutcome,
    Pace,
    Rate,
    ServerError,
    Switches,
    Throttle,
)
from sms_traffic_async.sandbox.accounts import OPERATIONS, Accounts, Department
from sms_traffic_async.sandbox.effects import EFFECTS, effect_from, effect_to
from sms_traffic_async.sandbox.numbers import check_number, federal_number, is_russian, operator_of
from sms_traffic_async.sandbox.outcomes import Outcomes
from sms_traffic_async.sandbox.refusals import refuse
from sms_traffic_async.secrets import Secret


@pytest.mark.parametrize(
    "changes",
    [
        {"restrictive_scope": "planet"},
        {"retry_after": "tomorrow"},
        {"id_digits": 20},
        {"statuses_delay": -1},
        {"token_rate": 0},
        {"token_rate": True},
        {"antispam": "yes"},
        {"no_such_switch": True},
    ],
)
def test_switches_refuse_what_they_cannot_have(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Switches().changed(changes)


def test_switches_change_by_name() -> None:
    assert Switches().changed({"antispam": False, "token_rate": 5}) == replace(Switches(), antispam=False, token_rate=5)


@pytest.mark.parametrize("name", [field.name for field in fields(Pace)])
@pytest.mark.parametrize("value", [-1.0, float("inf")])
def test_a_pace_is_seconds(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError):
        Pace(**{name: value})


@pytest.mark.parametrize("kind", sorted(EFFECTS))
def test_effects_survive_json(kind: str) -> None:
    effect = EFFECTS[kind]()
    assert effect_from(effect_to(effect)) == effect


@pytest.mark.parametrize(
    "description",
    [
        {},
        {"kind": "earthquake"},
        {"kind": ["drop"]},
        {"kind": "drop", "loudly": True},
        {"kind": "drop", "when": "sometimes"},
        {"kind": "drop", "how": "politely"},
        {"kind": "throttle", "form": "tomorrow"},
        {"kind": "latency", "seconds": "long"},
        {"kind": "latency", "seconds": -1},
        {"kind": "latency", "jitter": True},
        {"kind": "server_error", "status": 200},
        {"kind": "gzip_bomb", "size": 0},
        {"kind": "gzip_bomb", "size": 1 << 40},
    ],
)
def test_effects_refuse_what_they_cannot_have(description: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        effect_from(description)


@pytest.mark.parametrize(
    "options",
    [{"nth": 0}, {"every": -1}, {"times": 0}, {"nth": True}, {"probability": 1.5}, {"probability": True}, {"node": 3}],
)
def test_rules_refuse_what_they_cannot_have(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        FaultRule(effect=Throttle(), **options)


def test_effect_classes_check_themselves() -> None:
    with pytest.raises(ConfigurationError):
        ServerError(status=200)
    with pytest.raises(ConfigurationError):
        Latency(seconds=-1)
    with pytest.raises(ConfigurationError):
        GzipBomb(size=0)


@pytest.mark.parametrize(
    "number,code",
    [
        ("79161112233", None),
        ("375292134567", None),
        ("34640012345", None),
        ("37122311234", None),
        ("+79161112233", 428),
        ("7916111223a", 428),
        ("٧٩١٦١١١٢٢٣٣", 428),
        ("", 428),
        ("791611", 425),
        ("7916111223344556", 426),
        ("7916111223", 427),
        ("791611122334", 427),
        ("01234567890", 430),
    ],
)
def test_numbers(number: str, code: int | None) -> None:
    refusal = check_number(number)
    assert (refusal.code if refusal else None) == code


def test_federal_numbers() -> None:
    assert federal_number("74951234567") == "79851234567"
    assert federal_number("79161234567") == "79161234567"
    assert federal_number("7495123456") == "7495123456"


@pytest.mark.parametrize(
    "number,mcc,country",
    [
        ("79161112233", 250, "Russian Federation"),
        ("77011234567", 401, "Kazakhstan"),
        ("375292134567", 257, "Belarus"),
        ("380671234567", 255, "Ukraine"),
        ("34640012345", 214, "Spain"),
        ("37122311234", 247, "Latvia"),
        ("4915112345678", 901, "Unknown country"),
    ],
)
def test_operators(number: str, mcc: int, country: str) -> None:
    operator = operator_of(number)
    assert (operator.mcc, operator.country) == (mcc, country)


def test_the_documents_operator() -> None:
    """The document's own example: 78000000001 is 1971, 250, 99."""
    assert operator_of("78000000001")[:3] == (1971, 250, 99)


def test_kazakhstan_is_not_russian() -> None:
    assert is_russian("79161112233")
    assert not is_russian("77011234567")
    assert not is_russian("375292134567")


def test_the_longest_suffix_wins() -> None:
    outcomes = Outcomes()
    assert outcomes.of("79161119020").course == "expired"
    outcomes.add(NumberOutcome(suffix="119020", course="never"))
    assert outcomes.of("79161119020").course == "never"
    assert outcomes.of("79162229020").course == "expired"
    outcomes.remove("119020")
    assert outcomes.of("79161119020").course == "expired"
    outcomes.add(NumberOutcome(suffix="", course="read"))
    assert outcomes.of("79161112233").course == "read"
    outcomes.reset()
    assert outcomes.of("79161112233").course == "delivered"
    with pytest.raises(KeyError):
        outcomes.remove("0000")
    outcomes.clear()
    assert {outcomes.of(str(number)).course for number in range(79161119000, 79161120000)} == {"delivered"}


@pytest.mark.parametrize(
    "options",
    [{"suffix": "12a", "course": "read"}, {"suffix": "1", "course": "lost"}, {"suffix": "1", "course": "refused"}],
)
def test_outcomes_refuse_what_they_cannot_have(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        NumberOutcome(**options)


def test_every_error_code_has_a_number() -> None:
    table = {outcome.suffix: outcome for outcome in Outcomes()}
    assert [table[f"90{code:02d}"].code for code in range(1, 18)] == list(range(1, 18))


@pytest.mark.parametrize(
    "ip, allowed",
    [
        ("192.0.2.7", True),
        ("192.0.3.7", False),
        ("10.1.2.3", True),
        ("10.2.0.1", False),
        ("::1", True),
        ("::2", False),
        ("somewhere", False),
    ],
)
def test_addresses_and_networks(ip: str, allowed: bool) -> None:
    account = Account(login="main", password=Secret("pw"))
    assert account.allows(ip), "everywhere by default"
    account.allowed_ips = {"192.0.2.0/24", "10.1.0.0/16", "::1", "what no address is", "10.2.0.0/15"}
    assert account.allows(ip) is allowed


def test_accounts_know_who_asks() -> None:
    accounts = Accounts.default(api_key="1/a", login="main", password="pw")
    department = accounts.get("main").add_department("sub", "pw2", roles=())
    token = accounts.add_token("2/b", login="main:sub", permissions={"send"}, rate=Rate(count=5))
    mine, theirs = accounts.by_key("1/a"), accounts.by_key("2/b")
    assert mine is not None
    assert theirs is not None
    assert (mine.login, mine.department_name, mine.may_check) == ("main", "", True)
    assert (theirs.login, theirs.department_name, theirs.may_check) == ("main:sub", "sub", False)
    assert theirs.token is token
    assert theirs.account is mine.account
    assert mine.sees("main:sub")
    assert not theirs.sees("main")
    assert not mine.sees("other")
    assert accounts.by_key("2/a") is None
    assert accounts.by_key("2") is None
    assert accounts.by_key("9/b") is None
    assert accounts.by_login("main:sub", "pw2") is not None
    assert accounts.by_login("main:sub", "pw") is None
    assert accounts.by_login("main", "pw") is not None
    assert accounts.by_login("nobody", "pw") is None
    assert accounts.by_login("main:nobody", "pw") is None
    assert department.login == department.system_id == "main:sub"
    department.system_id = "shop1"
    for system_id, password, login in (
        ("shop1", "pw2", "main:sub"),
        ("main", "pw", "main"),
        ("shop1", "pw", None),
        ("main", "pw2", None),
        ("main:sub", "pw2", None),
        ("nobody", "pw", None),
    ):
        bound = accounts.by_system_id(system_id, password)
        assert (bound.login if bound else None) == login
    assert "pw2" not in repr(department)
    assert "'b'" not in repr(token)
    assert "pw" not in repr(accounts.get("main")).replace("main:sub", "")


def test_accounts_refuse_what_they_cannot_have() -> None:
    accounts = Accounts.default(api_key="1/a", login="main", password="pw")
    with pytest.raises(ConfigurationError):
        Account(login="a:b", password=Secret("x"))
    with pytest.raises(ConfigurationError):
        Department(login="main", password=Secret("x"))
    with pytest.raises(ConfigurationError):
        accounts.add_token("no-slash", login="main")
    with pytest.raises(ConfigurationError):
        accounts.add_token("1/a", login="nobody")
    with pytest.raises(ConfigurationError):
        accounts.add_token("1/a", login="main", permissions={"fly"})


def test_operations_are_the_documents() -> None:
    assert {"send", "statuses", "checked", "account", "report"} == OPERATIONS


def test_refusals_use_the_platforms_words() -> None:
    assert refuse(432, "78000000002").text == "blocked phone: 78000000002. No messages has been sent"
    assert refuse(105).text == "Duplicated request"
    assert refuse(777).text == "Error 777"
