"""Letters as bytes: the document's examples both ways, items M1 to M6 of the field notes, and the letter rate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.errors import ConfigurationError, InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.http.answers import Damaged
from sms_traffic_async.protocols.http_v1.arguments import SendArguments, arguments_of
from sms_traffic_async.protocols.http_v1.models import Recipient, SentPart
from sms_traffic_async.protocols.smtp import read_reply
from sms_traffic_async.protocols.smtp.arguments import LetterMaker
from sms_traffic_async.protocols.smtp.models import Letter
from sms_traffic_async.protocols.smtp.rate import LetterRate
from sms_traffic_async.protocols.smtp.wire import collapsed, has_blank_line, wire_bytes
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings_mail import SmtpOptions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SENDER = "yourname@yourdomain.ru"
PHONE = "78000000001"
INVOICE = "You need to pay an invoice of $17.65. For inquiries, call 1234567."
REPLY = """<?xml version="1.0"?>
<reply>
  <result>OK</result>
  <code>0</code>
  <description>queued 1 messages</description>
  <message_infos>
    <message_info>
      <phone>78000000001</phone>
      <sms_id>1014190631</sms_id>
    </message_info>
  </message_infos>
</reply>"""


def made(
    arguments: SendArguments, *, login: str = "yourlogin", originator: str | None = None, **options: Any
) -> list[Letter] | InvalidMessage:
    own = SmtpOptions(sender=SENDER, host="mail.yourdomain.ru", **options)
    maker = LetterMaker(login=login, password=Secret("yourpass"), options=own)
    return maker.letters(arguments, originator=originator, max_parts=255, now=NOW)


def letters(*recipients: Any, text: str | None = INVOICE, **options: Any) -> list[tuple[Letter, EmailMessage]]:
    names = {"login", "variant", "phone_in", "reply_to_email", "blank_lines", "transfer_encoding"}
    own = {name: options.pop(name) for name in list(options) if name in names}
    found = made(SendArguments(recipients=recipients or PHONE, text=text, **options), **own)
    assert not isinstance(found, InvalidMessage), found
    return [(letter, message_from_bytes(letter.content, policy=policy.default)) for letter in found]


def body(message: EmailMessage) -> str:
    content = message.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def fields(message: EmailMessage) -> dict[str, str]:
    pairs = (part.partition(": ") for part in body(message).strip().split("\n\n"))
    return {name: value for name, _, value in pairs}


def test_the_documents_letter_of_variant_1_with_the_number_in_the_subject() -> None:
    ((letter, message),) = letters(variant=1)
    assert letter.to == message["To"] == "yourlogin@corp.smsmail.ru"
    assert (message["From"], message["Subject"]) == (SENDER, PHONE)
    assert body(message).strip() == INVOICE
    assert b"yourpass" not in letter.content


def test_the_documents_letter_of_variant_1_with_the_number_in_the_address() -> None:
    ((letter, message),) = letters(variant=1, phone_in="address")
    assert letter.to == message["To"] == f"{PHONE}.yourlogin@corp.smsmail.ru"
    assert body(message).strip() == INVOICE


@pytest.mark.parametrize("reply", [False, True])
def test_the_documents_letters_of_variant_2(reply: bool) -> None:
    """M6: reply_to_email is 1 or not there."""
    ((letter, message),) = letters(originator="MyCompany", reply_to_email=reply)
    assert letter.to == message["To"] == "multi@smtp2.smsmail.ru"
    printed = {"login": "yourlogin", "password": "yourpass", "phones": PHONE, "message": INVOICE}
    printed |= {"originator": "MyCompany"} | ({"reply_to_email": "1"} if reply else {})
    found = fields(message)
    assert {name: found.pop(name) for name in printed} == printed
    assert found == {"want_sms_ids": "1", "rus": "0"}
    assert message["Message-ID"] == f"<{letter.key}@yourdomain.ru>"


def test_the_documents_reply_letter() -> None:
    """M4: ids though none were asked for, and either form of the XML head."""
    answer = EmailMessage(policy=policy.SMTP)
    answer["In-Reply-To"] = "<some-key@yourdomain.ru>"
    for xml in (REPLY, REPLY.replace('"?>', '" ?>')):
        answer.set_content(xml)
        reply = read_reply(answer.as_bytes())
        assert (reply.key, reply.code, reply.queued) == ("some-key", 0, 1)
        assert reply.parts == (SentPart(phone=PHONE, message_id="1014190631"),)
        assert reply.message_ids == ("1014190631",)
        assert read_reply(xml.encode()).key is None
    refused = "<reply><result>ERROR</result><code>411</code><description>no</description></reply>"
    assert (read_reply(refused.encode()).code, read_reply(refused.encode()).message_ids) == (411, ())


@pytest.mark.parametrize(
    "letter",
    [
        b"",
        b"Subject: x\r\n\r\nUndelivered mail",
        b"<html><body>bounce</body></html>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><reply>&a;</reply>',
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x--",
        b"<" * 5_000_000,
    ],
)
def test_letters_that_are_no_answer(letter: bytes) -> None:
    with pytest.raises(Damaged):
        read_reply(letter)


@pytest.mark.parametrize("login", ["main:sub", "ivan.petrov", "a b"])
def test_logins_that_a_local_part_must_quote(login: str) -> None:
    """M1: a colon is quoted; a dot makes the address form ambiguous, so the subject form is the default."""
    ((letter, message),) = letters(variant=1, login=login)
    quoted = login if login == "ivan.petrov" else f'"{login}"'
    assert letter.to == f"{quoted}@corp.smsmail.ru"
    assert message["To"].addresses[0].username == login


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
@pytest.mark.parametrize(
    "rus,charset,text",
    [(5, "utf-8", "Ваш код 😀\nстрока"), (1, "windows-1251", "Ваш код"), (0, "windows-1251", "Привет, мир")],
)
def test_the_charset_goes_by_rus(rus: Any, charset: str, text: str, encoding: Any) -> None:
    """M2."""
    ((letter, message),) = letters(text=text, rus=rus, transfer_encoding=encoding)
    assert message.get_content_charset() == charset
    assert message["Content-Transfer-Encoding"] == encoding
    assert fields(message)["message"] == text
    assert max(map(len, letter.content.split(b"\r\n"))) <= 998
    assert b"\r\n" in letter.content
    assert letter.content.count(b"\n") == letter.content.count(b"\r\n") == letter.content.count(b"\r")


def test_many_numbers_and_individual_texts() -> None:
    """M2, M5: long lines are encoded; texts of their own travel with a delimiter."""
    numbers = [str(79160000000 + index) for index in range(6001)]
    first, second = letters(*numbers)
    assert fields(first[1])["phones"].count(",") == 5999
    assert fields(second[1])["phones"] == numbers[-1]
    assert max(map(len, first[0].content.split(b"\r\n"))) <= 998
    ((_, message),) = letters(*(Recipient(to=PHONE, text=text) for text in ("a\nb", "c")), text=None)
    found = fields(message)
    assert found["individual_messages"] == "1"
    pieces = found["phones"].split(found["delimiter"])
    assert [piece.partition(":")[2] for piece in pieces] == [f"{PHONE} a\nb", f"{PHONE} c"]


BLANK = ["a\n\nb", "a\r\n\r\nb", "a\r\rb", "a\n \t\nb", "a\n", "\na", "a\u2028\u2028b", "a\n\x0bb", "a\x85\x85b"]


@pytest.mark.parametrize("text", BLANK)
def test_a_blank_line_in_a_text(text: str) -> None:
    """M3: refused, or taken out by option."""
    refused = made(SendArguments(recipients=PHONE, text=text))
    assert isinstance(refused, InvalidMessage)
    assert "blank_lines" in refused.rule
    ((_, message),) = letters(text=text, blank_lines="collapse")
    assert fields(message)["message"] == "\n".join(line for line in text.split() if line)
    assert isinstance(made(SendArguments(recipients=PHONE, text="\n\n"), blank_lines="collapse"), InvalidMessage)
    assert letters(text=text, variant=1)


@given(st.text())
def test_what_is_collapsed_has_no_blank_line(text: str) -> None:
    assert not has_blank_line(collapsed(text)) or not collapsed(text)
    assert collapsed(text) == collapsed(collapsed(text))


@pytest.mark.parametrize(
    "arguments,field",
    [
        ({"originator": "MyCompany"}, "originator"),
        ({"flash": True}, "flash"),
        ({"validity": 600}, "validity"),
        ({"rus": 0}, "rus"),
        ({"start_at": NOW + timedelta(hours=1)}, "start_at"),
        ({"extra": {"gap": "1"}}, "extra"),
        ({"recipients": [Recipient(to=PHONE, push_id="1")]}, "push_id"),
    ],
)
def test_variant_1_drops_nothing_in_silence(arguments: dict[str, Any], field: str) -> None:
    """M5: it cannot set the sender, nor anything else."""
    found = made(SendArguments(**{"recipients": PHONE, "text": "x", **arguments}), variant=1)
    assert isinstance(found, InvalidMessage)
    assert found.field == field
    session = made(SendArguments(recipients=PHONE, text="x"), variant=1, originator="MyCompany")
    assert isinstance(session, InvalidMessage)


@pytest.mark.parametrize(
    "text, parts, encoding",
    [("a" * 160, 1, "gsm7"), ("a" * 161, 2, "gsm7"), ("я" * 70, 1, "ucs2"), ("я" * 71, 2, "ucs2")],
)
def test_variant_1_takes_a_latin_text_for_what_it_is(text: str, parts: int, encoding: str) -> None:
    """The account's setting, transliteration or UCS-2, is about Cyrillic (document, "SMTP протокол (вариант 1)")."""
    ((letter, _),) = letters(text=text, variant=1, max_parts=parts)
    (member,) = letter.members
    assert (member.parts, member.encoding, member.parts_exact) == (parts, encoding, False)
    if parts > 1:
        assert isinstance(made(SendArguments(recipients=PHONE, text=text, max_parts=1), variant=1), InvalidMessage)


@pytest.mark.parametrize("options", [{"key": "k"}, {"tracking_data": "t"}, {"params": {"a": "b"}}, {"batch_name": "b"}])
def test_what_no_letter_carries(options: dict[str, Any]) -> None:
    found = arguments_of(Message(to=PHONE, text="x", **options), "smtp")
    assert isinstance(found, InvalidMessage)
    assert found.field in options


def test_every_field_of_v1() -> None:
    ((_, message),) = letters(
        text="Текст",
        originator="MyCompany",
        rus=1,
        start_at=NOW + timedelta(hours=1),
        max_parts=3,
        validity=3600,
        two_byte_concat=True,
        ignore_phone_format=True,
        extra={"gap": "0.1"},
    )
    assert fields(message) == {
        "login": "yourlogin",
        "password": "yourpass",
        "phones": PHONE,
        "message": "Текст",
        "rus": "1",
        "originator": "MyCompany",
        "start_date": "2026-01-01 04:00:00",
        "max_parts": "3",
        "timeout": "3600",
        "two_byte_concat": "1",
        "ignore_phone_format": "1",
        "gap": "0.1",
    }


def test_the_final_dot() -> None:
    assert wire_bytes(b"a\r\n.\r\n..b\r\n") == b"a\r\n..\r\n...b\r\n.\r\n"
    assert wire_bytes(b".a") == b"..a\r\n.\r\n"


@pytest.mark.parametrize(
    "options",
    [
        {"sender": "no address"},
        {"sender": "a@b.ru\r\nBcc: c@d.ru"},
        {"host": None},
        {"mx": True},
        {"host": "a b"},
        {"port": 0},
        {"port": True},
        {"tls": "maybe"},
        {"variant": 3},
        {"tls": "none"},
        {"tls": "none", "variant": 1, "login": "a", "password": Secret("hidden-word")},
        {"login": "a"},
        {"login": "a", "password": "hidden-word"},
        {"letters_per_minute": 0},
        {"blank_lines": "keep"},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SmtpOptions(**{"sender": SENDER, "host": "mail.yourdomain.ru", **options})
    assert "hidden-word" not in str(caught.value)


def test_ports() -> None:
    assert [SmtpOptions(sender=SENDER, host="h", tls=tls).real_port for tls in ("starttls", "implicit")] == [587, 465]
    assert SmtpOptions(sender=SENDER, mx=True).real_port == 25
    assert SmtpOptions(sender=SENDER, host="h", tls="none", variant=1).real_port == 25
    shown = repr(SmtpOptions(sender=SENDER, host="h", login="a", password=Secret("hidden-word")))
    assert "hidden-word" not in shown


# --- the letter rate


def test_no_minute_has_more_letters_than_allowed() -> None:
    rate = LetterRate(100)
    times = [rate.reserve(float(index // 50), 1e9) for index in range(350)]
    began = sorted(at for at in times if at is not None)
    assert len(began) == 350
    assert all(later - earlier >= 60 for earlier, later in zip(began, began[100:], strict=False))


def test_a_place_too_late_is_not_taken_and_one_given_back_is_free() -> None:
    rate = LetterRate(1)
    assert rate.reserve(0.0, 10.0) == 0.0
    assert rate.reserve(1.0, 60.0) is None
    later = rate.reserve(1.0, 61.0)
    assert later == 60.0
    rate.give_back(later)
    rate.give_back(5.0)
    assert rate.reserve(2.0, 61.0) == 60.0
