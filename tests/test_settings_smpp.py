"""Options of SMPP: defaults, addresses, refusals, secrets."""

from __future__ import annotations

from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.message_ids import IdMatching
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Settings
from sms_traffic_async.settings_smpp import SmppOptions, SmppServer
from tests.support.exposure import shown


def test_defaults_are_the_documents() -> None:
    options = SmppOptions()
    assert [(one.name, one.port, one.tls) for one in options.nodes] == [
        ("server1.smstraffic.ru", 4441, True),
        ("server2.smstraffic.ru", 4441, True),
    ]
    assert (options.bind, options.window, options.rate, options.enquire_link) == ("auto", 10, 20.0, 30.0)
    assert options == SmppOptions()
    assert hash(options) == hash(SmppOptions())


@pytest.mark.parametrize(
    "url,expected",
    [
        ("smpps://server1.smstraffic.ru", ("server1.smstraffic.ru", "server1.smstraffic.ru", 4441, True)),
        ("smpp://server1.smstraffic.ru:4442", ("server1.smstraffic.ru", "server1.smstraffic.ru", 4442, False)),
        ("smpp://127.0.0.1:2775/", ("127.0.0.1:2775", "127.0.0.1", 2775, False)),
        ("smpps://[::1]:9", ("[::1]:9", "::1", 9, True)),
    ],
)
def test_servers(url: str, expected: tuple[str, str, int, bool]) -> None:
    server = SmppServer.parse(url)
    assert (server.name, server.host, server.port, server.tls) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://x",
        "server1:4441",
        "smpp://",
        "smpp://user:pass-word@x",
        "smpp://x/path",
        "smpp://x?a=b",
        "smpp://x:99999",
        5,
    ],
)
def test_bad_servers_are_refused_and_not_shown(url: Any) -> None:
    for make in (lambda: SmppServer.parse(url), lambda: SmppOptions(servers=(url,))):
        with pytest.raises(ConfigurationError) as caught:
            make()
        assert "pass-word" not in shown(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"servers": ()},
        {"servers": ("smpp://x", "smpp://x:4442")},
        {"bind": "receiver"},
        {"connect": "never"},
        {"window": 0},
        {"window": True},
        {"rate": 0},
        {"rate": float("inf")},
        {"queue": 0},
        {"transmitters": -1},
        {"enquire_link": 0},
        {"stable_after": float("nan")},
        {"late_timeout": 1.0},
        {"reference_bytes": 3},
        {"registered_delivery": 1},
        {"system_id": "only"},
        {"password": "only"},
        {"system_id": "имя", "password": "x"},
        {"system_type": "x" * 13},
        {"id_matching": "exact"},
    ],
)
def test_bad_values(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"SmppOptions\."):
        SmppOptions(**options)


def test_the_password_is_never_shown() -> None:
    options = SmppOptions(system_id="me", password="pass-word")
    assert options.password == Secret("pass-word")
    assert "pass-word" not in repr(options)
    with pytest.raises(ConfigurationError) as caught:
        SmppOptions(password="pass-word")
    assert "pass-word" not in shown(caught.value)
    assert SmppOptions(id_matching=IdMatching(ignore_case=True)).id_matching.ignore_case
    assert SmppOptions(servers="smpp://x").servers == ("smpp://x",)


def test_what_is_meant_for_a_sandbox_does_not_reach_the_platform_by_smpp() -> None:
    """The variables of a sandbox lead HTTP there; SMPP has servers of its own, and 'no servers' are the real ones."""
    environ = {"SMS_TRAFFIC_NODES": "http://127.0.0.1:8725", "SMS_TRAFFIC_LOGIN": "x", "SMS_TRAFFIC_PASSWORD": "y"}
    with pytest.raises(ConfigurationError, match="SMPP would reach the real platform"):
        Settings.from_env(environ, smpp=SmppOptions())
    with pytest.raises(ConfigurationError, match="SMPP would reach the real platform"):
        Settings.from_env(environ).with_changes(smpp=SmppOptions())
    named = SmppOptions(servers="smpp://127.0.0.1:4442")
    assert Settings.from_env(environ, smpp=named).smpp == named
    assert Settings.from_env({**environ, "SMS_TRAFFIC_NODES": "https://sms.example"}, smpp=SmppOptions()).smpp
