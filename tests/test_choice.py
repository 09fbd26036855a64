"""Which protocol: the table of what each carries, the choice, and what may follow (N1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async.capabilities import CARRIED, NAMES, Carrier, capability_table, carriers_of, uncarried
from sms_traffic_async.choice import bulk_concurrency, choose, configured, may_follow
from sms_traffic_async.errors import (
    ConfigurationError,
    InsufficientFunds,
    InvalidMessage,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    SendError,
    TemporarilyUnavailable,
)
from sms_traffic_async.messages import Message, Via
from sms_traffic_async.protocols.http.failures import UntrustedNode
from sms_traffic_async.protocols.http_v1 import arguments as v1_arguments
from sms_traffic_async.protocols.http_v2.batch import sized
from sms_traffic_async.protocols.smpp.outgoing import Outgoing
from sms_traffic_async.protocols.soap import arguments as soap_arguments
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Credentials, HttpOptions, Settings, SmtpOptions

TO, TEXT = "79161112233", "hello"
PLAIN = Message(to=TO, text=TEXT)
# A value for every option, with the protocols of the document that carry it, by chapter.
GIVEN: dict[str, tuple[Any, str]] = {
    "originator": ("shop", "v2 v1 soap smpp smtp"),
    "key": ("order-1", "v2"),
    "tracking_data": ("label", "v2"),
    "params": ({"name": "Ivan"}, "v2"),
    "max_parts": (3, "v2 v1 soap smpp smtp smtp1"),
    "truncate": (True, "v2 v1 soap smpp smtp"),
    "transliterate": (True, "v2 v1 soap smtp"),
    "flash": (True, "v1 soap smpp smtp"),
    "start_at": (datetime(2030, 1, 1, tzinfo=UTC), "v2 v1 soap smtp"),
    "local_time": (True, "v2"),
    "batch_name": ("spring", "v2"),
    "validity": (3600, "v2 v1 soap smpp smtp"),
    "expires_in": (60.0, "v2 v1 soap smpp smtp smtp1"),
}


def with_option(name: str) -> Message:
    extra = {"start_at": GIVEN["start_at"][0]} if name == "local_time" else {}
    return Message(to=TO, text=TEXT, **({name: GIVEN[name][0]} | extra))


def both(**changes: Any) -> Settings:
    credentials = Credentials(api_key=Secret("1/x"), login="login", password=Secret("password"))
    return Settings(**({"credentials": credentials} | changes))


def test_the_table_knows_every_option_of_a_message() -> None:
    options = {field.name for field in fields(Message)} - {"to", "text", "region"}
    assert CARRIED.keys() == options == GIVEN.keys()


@pytest.mark.parametrize("carrier", NAMES)
@pytest.mark.parametrize("name", GIVEN)
def test_every_option_is_carried_or_refused_with_those_that_can_named(carrier: Carrier, name: str) -> None:
    able = GIVEN[name][1].split()
    problem = uncarried(with_option(name), carrier)
    if carrier in able:
        assert problem is None or problem.field != name
        return
    assert problem is not None
    assert problem.field == (name if name != "local_time" or carrier not in {"smpp", "smtp1"} else "start_at")
    assert NAMES[carrier] in problem.rule
    for other in able:
        if problem.field == name and other != "smtp1":
            assert NAMES[other] in problem.rule.partition("cannot carry it; ")[2]  # type: ignore[index] # a carrier


@pytest.mark.parametrize("carrier", NAMES)
def test_a_plain_message_goes_by_all(carrier: Carrier) -> None:
    assert uncarried(PLAIN, carrier) is None


def test_a_refusal_shows_nothing_of_the_value() -> None:
    problem = uncarried(Message(to=TO, text=TEXT, key="secret-order"), "v1")
    assert problem is not None
    assert "secret-order" not in str(problem)
    assert str(problem).startswith("key: HTTP v1 cannot carry it; HTTP v2 can")


def test_what_can_be_done_here_instead_is_said() -> None:
    problem = uncarried(with_option("transliterate"), "smpp")
    assert problem is not None
    assert "sms_traffic_async.text.transliterate does it here" in problem.rule


def test_the_table_as_markdown() -> None:
    lines = capability_table().splitlines()
    assert lines[0] == "| option | HTTP v2 | HTTP v1 | SOAP | SMPP | e-mail | variant 1 of e-mail |"
    assert len(lines) == 2 + len(CARRIED)
    assert "| `flash` | no | yes | yes | yes | yes | no |" in lines
    assert carriers_of("flash") == ("v1", "soap", "smpp", "smtp")
    page = Path(__file__).parents[1] / "docs" / "protocols.md"
    assert capability_table() in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "settings,expected",
    [
        (both(), ("v2", "v1", "soap")),
        (Settings(credentials=Credentials(api_key=Secret("1/x"))), ("v2",)),
        (Settings(credentials=Credentials(login="l", password=Secret("p"))), ("v1", "soap")),
        (both(smtp=SmtpOptions(sender="a@b.ru", host="relay.example")), ("v2", "v1", "soap", "smtp")),
        (Settings(), ()),
    ],
)
def test_what_is_configured(settings: Settings, expected: tuple[Via, ...]) -> None:
    assert configured(settings) == expected


def test_the_choice() -> None:
    login = Settings(credentials=Credentials(login="l", password=Secret("p")))
    assert choose(both(), PLAIN) == ("v2",)
    assert choose(login, PLAIN) == ("v1",)
    assert choose(both(), PLAIN, "soap") == ("soap",)
    assert choose(both(), PLAIN, None, ("v1", "soap")) == ("v2", "v1", "soap")


@pytest.mark.parametrize(
    "via,fallback,words",
    [
        ("pigeon", (), "is no protocol"),
        (None, ("pigeon",), "is no protocol"),
        ("smtp", (), r"smtp=SmtpOptions"),
        ("smpp", (), r"smpp=SmppOptions"),
        (None, ("v2",), "twice"),
        ("v1", ("soap", "v1"), "twice"),
        (None, "v1", "sequence"),
    ],
)
def test_misuse(via: Any, fallback: Sequence[Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        choose(both(), PLAIN, via, fallback)


def test_without_credentials_both_ways_in_are_named() -> None:
    with pytest.raises(ConfigurationError, match=r"SMS_TRAFFIC_API_KEY.*SMS_TRAFFIC_LOGIN"):
        choose(Settings(), PLAIN)


@pytest.mark.parametrize("via,fallback,field", [("v1", (), "key"), (None, ("v1",), "key"), (None, ("soap",), "key")])
def test_one_that_cannot_carry_it_is_refused_before_it_is_needed(via: Any, fallback: Any, field: str) -> None:
    with pytest.raises(InvalidMessage, match="HTTP v2 can") as caught:
        choose(both(), with_option("key"), via, fallback)
    assert caught.value.field == field
    variant_1 = both(smtp=SmtpOptions(sender="a@b.ru", host="relay.example", variant=1))
    with pytest.raises(InvalidMessage, match="variant 1 of e-mail"):
        choose(variant_1, with_option("validity"), None, ("smtp",))


@pytest.mark.parametrize(
    "error,follows",
    [
        (NotSent("x", reason="unreachable"), True),
        (TemporarilyUnavailable("x", code=1000), True),
        (NotSent("x", reason="overloaded"), False),
        (NotSent("x", reason="expired"), False),
        (NotSent("x", reason="guarded"), False),
        (NotSent("x", reason="closed"), False),
        (RateLimited("x"), False),
        (InsufficientFunds("x"), False),
        (OutcomeUnknown("x"), False),
        (UntrustedNode("x"), False),
    ],
)
def test_only_what_left_nothing_behind_may_be_followed(error: SendError, follows: bool) -> None:
    assert may_follow(error) is follows


def test_concurrency_fills_the_batches() -> None:
    assert bulk_concurrency(both(), "v2") == bulk_concurrency(both(), "v1") == 2000
    assert bulk_concurrency(both(), "soap") == 8
    assert bulk_concurrency(both(), "smpp") == 20
    assert bulk_concurrency(both(http=HttpOptions(batching=False)), "v2") == 8
    assert bulk_concurrency(both(http=HttpOptions(in_flight=1000, batch=1000)), "v2") == 10_000


# --- the table and the protocols themselves


NOW = datetime(2029, 12, 31, 12, tzinfo=UTC)


def read_by(carrier: Carrier, message: Message) -> InvalidMessage | None:
    """What a protocol itself says of a message, before any I/O."""
    result: object
    match carrier:
        case "v2":
            result = sized(message, 255)
        case "v1":
            result = v1_arguments.requests_of_message(message, originator=None, max_parts=255, now=NOW)
        case "soap":
            result = soap_arguments.requests_of_message(message, originator=None, max_parts=255, now=NOW)
        case "smtp" | "smtp1":
            result = v1_arguments.arguments_of(message, carrier)
        case _:
            result = Outgoing(originator=None, max_parts=255).bodies(message)
    return result if isinstance(result, InvalidMessage) else None


@pytest.mark.parametrize("carrier", NAMES)
@pytest.mark.parametrize("name", GIVEN)
def test_each_protocol_goes_by_the_table(carrier: Carrier, name: str) -> None:
    said, table = read_by(carrier, with_option(name)), uncarried(with_option(name), carrier)
    assert (said is None) is (table is None)
    if said is not None and table is not None:
        assert str(said) == str(table)
    assert read_by(carrier, PLAIN) is None
