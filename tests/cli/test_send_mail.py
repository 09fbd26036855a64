"""``send --via smtp`` against a real sandbox: where the letter goes, and what is refused before it goes."""

from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from sms_traffic_async.cli.mail import _relay
from tests.cli.conftest import Command, Platform

NUMBER = "79161112233"
SENDER = "shop@example.ru"


def relay(platform: Platform) -> str:
    host, port = platform.sandbox.smtp_address
    return f"smtp://{host}:{port}"


def test_a_letter_from_the_environment(cli: Command, platform: Platform) -> None:
    where: dict[str, Any] = {"SMS_TRAFFIC_SMTP_RELAY": relay(platform), "SMS_TRAFFIC_SMTP_SENDER": SENDER}
    done = cli("send", NUMBER, "Код 4827", "--via", "smtp", "--originator", "MyCompany", "--json", **where)
    assert done.code == 0, done.err
    (record,) = done.records
    assert (record["via"], record["to"], record["message_ids"]) == ("smtp", NUMBER, [])
    assert (record["parts"], record["encoding"]) == (1, "ucs2")
    assert [(entry.to, entry.text, entry.protocol) for entry in platform.sandbox.accepted] == [
        (NUMBER, "Код 4827", "smtp")
    ]
    message = platform.sandbox.messages[0]
    assert message.originator == "MyCompany"
    exchange = platform.do(lambda sandbox: sandbox.platform.store.exchange(message.request_id))
    assert exchange is not None
    letter = message_from_bytes(b"\n".join(b"%b: %b" % pair for pair in exchange.headers))
    assert letter["From"] == SENDER
    assert not platform.sandbox.findings


def test_variant_1_with_options(cli: Command, platform: Platform) -> None:
    options = ["--smtp-relay", relay(platform), "--smtp-sender", SENDER, "--smtp-variant", "1"]
    done = cli("send", NUMBER, "Your code is 4827", "--via", "smtp", *options, SMS_TRAFFIC_SMTP_RELAY="smtp://[")
    assert done.code == 0, done.err
    assert [(entry.to, entry.text) for entry in platform.sandbox.accepted] == [(NUMBER, "Your code is 4827")]
    done = cli("send", NUMBER, "text", "--via", "smtp", *options, "--originator", "MyCompany")
    assert done.code == 2
    assert len(platform.sandbox.accepted) == 1


def test_nobody_listens(cli: Command) -> None:
    where: dict[str, Any] = {"SMS_TRAFFIC_SMTP_RELAY": "smtp://127.0.0.1:1", "SMS_TRAFFIC_SMTP_SENDER": SENDER}
    done = cli("send", NUMBER, "text", "--via", "smtp", "--timeout", "0.5", "--json", **where)
    assert done.code == 1
    assert done.records[0]["outcome"] == "not_sent"


@pytest.mark.parametrize(
    "arguments,environ,code,said",
    [
        ([], {"SMS_TRAFFIC_SMTP_RELAY": ""}, 4, "needs your mail server"),
        ([], {"SMS_TRAFFIC_SMTP_SENDER": ""}, 4, "needs a From address"),
        ([], {"SMS_TRAFFIC_SMTP_SENDER": "nobody"}, 4, "sender is an address"),
        (["--smtp-relay", "http://127.0.0.1"], {}, 4, "smtps://host:port"),
        (["--smtp-relay", "smtp://me:pa55word@127.0.0.1"], {}, 4, "it holds no login"),
        (["--smtp-relay", "smtp://127.0.0.1:99999"], {}, 4, "cannot be read"),
        ([], {"SMS_TRAFFIC_SMTP_LOGIN": "me"}, 4, "login and password go together"),
        ([], {"SMS_TRAFFIC_LOGIN": "", "SMS_TRAFFIC_PASSWORD": ""}, 4, "login"),
        (["--wait", "5"], {}, 2, "brings no id"),
        (["--key", "a"], {}, 2, "HTTP v2 can"),
    ],
)
def test_what_is_refused_before_anything_is_sent(
    cli: Command, platform: Platform, arguments: list[str], environ: dict[str, str], code: int, said: str
) -> None:
    where: dict[str, Any] = {"SMS_TRAFFIC_SMTP_RELAY": relay(platform), "SMS_TRAFFIC_SMTP_SENDER": SENDER, **environ}
    done = cli("send", NUMBER, "text", "--via", "smtp", *arguments, **where)
    assert done.code == code, done.err
    assert said in " ".join(done.err.split())
    assert "pa55word" not in done.err
    assert not platform.sandbox.accepted


@pytest.mark.parametrize(
    "url,made",
    [
        ("smtp://mail.example.ru", {"host": "mail.example.ru", "port": None, "tls": "starttls"}),
        ("smtps://mail.example.ru:4650/", {"host": "mail.example.ru", "port": 4650, "tls": "implicit"}),
        ("smtp://localhost", {"host": "localhost", "port": None, "tls": "none", "allow_passwords_without_tls": True}),
    ],
)
def test_only_this_machine_is_spoken_to_without_tls(url: str, made: dict[str, object]) -> None:
    assert _relay(url) == made


def test_the_relays_password_from_a_file(cli: Command, platform: Platform, tmp_path: Path) -> None:
    """The sandbox's mail server knows no logins: the letter must not go out without the one asked for."""
    file = tmp_path / "password"
    file.write_text("s3cret-of-the-relay\n", encoding="utf-8")
    where: dict[str, Any] = {
        "SMS_TRAFFIC_SMTP_RELAY": relay(platform),
        "SMS_TRAFFIC_SMTP_SENDER": SENDER,
        "SMS_TRAFFIC_SMTP_LOGIN": "relay",
        "SMS_TRAFFIC_SMTP_PASSWORD_FILE": str(file),
    }
    done = cli("send", NUMBER, "text", "--via", "smtp", "--timeout", "2", "--json", **where)
    assert done.code != 0
    assert done.records[0]["outcome"] in {"not_sent", "rejected"}
    assert "s3cret" not in done.out + done.err
    assert not platform.sandbox.accepted
