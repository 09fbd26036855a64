"""Who may come in."""

from __future__ import annotations

import traceback

import pytest

from sms_traffic_async import ConfigurationError, Secret
from sms_traffic_async.webhooks import WebhookOptions
from sms_traffic_async.webhooks.gate import Gate, same_secret
from tests.webhooks.kit import SECRET

OTHER = "another_secret-of-nobody"


def gate(networks: tuple[str, ...] = (), proxies: tuple[str, ...] = ()) -> Gate:
    return Gate(SECRET, WebhookOptions(networks=networks, proxies=proxies))


@pytest.mark.parametrize(
    "given, expected",
    [
        ([SECRET], True),
        ([], False),
        ([""], False),
        ([SECRET + " "], False),
        ([SECRET[:-1]], False),
        ([SECRET.upper()], False),
        (["\ud800"], False),
        (["ключ" * 8], False),
        (["x", SECRET], True),
        (["x" * 100_000], False),
    ],
)
def test_secrets(given: list[str], expected: bool) -> None:
    assert gate().knows(given) is expected


def test_two_secrets_while_one_is_changed() -> None:
    both = Gate([SECRET, Secret(OTHER)], WebhookOptions())
    assert both.knows([SECRET])
    assert both.knows([OTHER])
    assert not both.knows([SECRET + OTHER])
    assert both.has_secret


def test_no_secret_is_said_aloud() -> None:
    assert Gate(None, WebhookOptions()).knows([])
    assert not Gate(None, WebhookOptions()).has_secret


@pytest.mark.parametrize(
    "secret", ["", "short", "x" * 21, "x" * 129, "with space and more chars", "ключ" * 8, "a/b" * 10, [], [SECRET, "x"]]
)
def test_a_secret_that_is_none(secret: str | list[str]) -> None:
    with pytest.raises(ConfigurationError, match="token_urlsafe") as caught:
        Gate(secret, WebhookOptions())
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    inside = shown[shown.rindex("gate.py") :]
    assert "with space and more chars" not in inside
    assert SECRET not in inside


def test_comparison_is_by_value() -> None:
    assert same_secret("пароль", Secret("пароль"))
    assert not same_secret("\udcff", Secret("x"))


@pytest.mark.parametrize(
    "peer, forwarded, client",
    [
        # Nobody is believed who is no proxy of ours.
        ("198.51.100.9", "192.0.2.1", "198.51.100.9"),
        ("198.51.100.9", "", "198.51.100.9"),
        # The proxy tells, and what stands left of what it saw is the caller's own writing.
        ("10.0.0.5", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.5", "192.0.2.1, 198.51.100.9", "198.51.100.9"),
        ("10.0.0.5", "192.0.2.1, 198.51.100.9, 10.0.0.6", "198.51.100.9"),
        ("10.0.0.5", "10.0.0.7, 10.0.0.6", "10.0.0.7"),
        # Rubbish is nobody.
        ("10.0.0.5", "", None),
        ("10.0.0.5", "192.0.2.1, unknown", None),
        ("10.0.0.5", "192.0.2.1,", None),
        ("10.0.0.5", "192.0.2.1, <script>", None),
        (None, "192.0.2.1", None),
        ("testclient", "192.0.2.1", None),
        # Forms of addresses.
        ("10.0.0.5", "192.0.2.1:443", "192.0.2.1"),
        ("10.0.0.5", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.5", "[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:10.0.0.5", "::ffff:192.0.2.1", "192.0.2.1"),
        ("10.0.0.5", ", ".join(["192.0.2.1"] + ["10.0.0.6"] * 1_000), "10.0.0.6"),
    ],
)
def test_whose_call_it_is(peer: str | None, forwarded: str, client: str | None) -> None:
    found = gate(proxies=("10.0.0.0/24",)).client(peer, forwarded)
    assert (None if found is None else str(found)) == client


@pytest.mark.parametrize(
    "peer, forwarded, expected",
    [
        ("192.0.2.200", "", True),
        ("192.0.3.1", "", False),
        ("192.0.3.1", "192.0.2.1", False),
        ("10.0.0.5", "192.0.2.1", True),
        ("10.0.0.5", "192.0.2.1, 203.0.113.1", False),
        ("10.0.0.5", "", False),
        ("2001:db8::7", "", True),
        (None, "192.0.2.1", False),
    ],
)
def test_networks(peer: str | None, forwarded: str, expected: bool) -> None:
    door = gate(networks=("192.0.2.0/24", "2001:db8::/32"), proxies=("10.0.0.5",))
    assert door.admits(peer, forwarded) is expected


def test_a_proxy_on_a_unix_socket() -> None:
    door = gate(networks=("192.0.2.0/24",), proxies=("unix",))
    assert door.admits(None, "192.0.2.1")
    assert not door.admits(None, "198.51.100.1")
    assert not door.admits("127.0.0.1", "192.0.2.1")


@pytest.mark.parametrize(
    "options",
    [
        {"networks": "192.0.2.0/24"},
        {"networks": ("example.com",)},
        {"networks": ("192.0.2.1/24",)},
        {"proxies": ("10.0.0.0/99",)},
        {"proxies": ["10.0.0.5"]},
        {"charset": "koi8-r"},
        {"status_reply": 201},
        {"max_body_bytes": 0},
        {"max_items": True},
        {"remembered": 1.5},
        {"body_timeout": 0},
        {"handler_timeout": float("inf")},
        {"handler_timeout": "5"},
        {"short_number_password": ""},
        {"ordered": None},
    ],
)
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        WebhookOptions(**options)  # type: ignore[arg-type] # on purpose


def test_the_password_is_not_shown() -> None:
    assert "hidden-word" not in repr(WebhookOptions(short_number_password="hidden-word"))
