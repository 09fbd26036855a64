"""Forwarded inbound messages: what the sandbox sends is read, whatever else is not."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.protocols.smtp import LetterTemplate, read_forwarded

LETTER = (
    "Subject: =?utf-8?q?SMS_from_79161112233_to_3299?=\r\n"
    "Date: Thu, 18 Dec 2025 12:00:00 +0000\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "\r\n"
    "Да, буду.\r\nВдвоём.\r\n"
).encode()


def test_the_fields_are_found() -> None:
    message = read_forwarded(LETTER)
    assert message is not None
    assert (message.sender, message.recipient, message.source) == ("79161112233", "3299", "email")
    assert message.text.split() == ["Да,", "буду.", "Вдвоём."]
    assert message.received_at == datetime(2025, 12, 18, 12, tzinfo=UTC)


def test_a_template_of_ones_own() -> None:
    template = LetterTemplate(subject="Входящее SMS", text="Номер: {phone}\nId: {sms_id}\nТекст: {message}")
    letter = EmailMessage()
    letter["Subject"] = "Входящее SMS"
    letter.set_content("Номер: +79161112233\nId: 42\nТекст: два слова\n", charset="windows-1251")
    message = read_forwarded(letter.as_bytes(), template)
    assert message is not None
    assert (message.sender, message.message_id, message.text) == ("79161112233", "42", "два слова")
    assert message.received_at is None


@pytest.mark.parametrize(
    "letter",
    [
        b"",
        b"Subject: Hello\r\n\r\ntext",
        LETTER.replace(b"79161112233", b"nobody"),
        b"x" * 300_000,
        LETTER.replace(b"charset=utf-8", b"charset=nobody-knows"),
        LETTER.replace(b"text/plain; charset=utf-8", b"application/pdf"),
    ],
    ids=["empty", "another letter", "no number", "too long", "an unknown charset", "no text"],
)
def test_another_letter_is_none(letter: bytes) -> None:
    assert read_forwarded(letter) is None


def test_what_cannot_be_read_is_not_asked_for_where_the_subject_says_it_all() -> None:
    letter = b"Subject: 79161112233 ok\r\nContent-Type: application/pdf\r\n\r\n%PDF"
    message = read_forwarded(letter, LetterTemplate(subject="{phone} {message}", text=""))
    assert message is not None
    assert (message.sender, message.text) == ("79161112233", "ok")


@pytest.mark.parametrize("text", ["{message} {nothing}", "{message} {message}", "no fields"])
def test_a_bad_template_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="template"):
        LetterTemplate(text=text)
