"""Both variants of sending by e-mail, delivered by smtplib over real TCP; faults, settings, the reply letter."""

import asyncio
import base64
import logging
import re
import smtplib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self

import pytest
import pytest_asyncio
from defusedxml.ElementTree import fromstring

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import (
    Account,
    Drop,
    FaultRule,
    Garbage,
    GzipBomb,
    Half,
    Latency,
    ProxyPage,
    Sandbox,
    ServerError,
    Temporary,
    Throttle,
)
from sms_traffic_async.sandbox.effects import Effect
from sms_traffic_async.secrets import Secret
from tests.sandbox.foreign import Foreign
from tests.sandbox.v1_kit import V1
from tests.support.certificates import client_context, server_context

START = datetime(2025, 12, 18, 12, 0, tzinfo=timezone(timedelta(hours=3)))
SENDER = "yourname@yourdomain.ru"
TEXT = "You need to pay an invoice of $17.65. For inquiries, call 1234567."

SUBJECT_FORM = f"""From: {SENDER}
To: yourlogin@corp.smsmail.ru
Subject: 78000000001

{TEXT}
"""
ADDRESS_FORM = f"""From: {SENDER}
To: 78000000001.yourlogin@corp.smsmail.ru
Subject: ne imeyet znacheniya

{TEXT}
"""
FIELDS_FORM = f"""From: {SENDER}
To: multi@smtp2.smsmail.ru
Subject: ne imeyet znacheniya

login: yourlogin

password: yourpass

phones: 78000000001

message: {TEXT}

originator: MyCompany
"""
WITH_REPLY = FIELDS_FORM + "\nreply_to_email: 1\n"
"""The document's own letters."""


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False, login="yourlogin", password="yourpass") as opened:
        yield opened


def _deliver(address: tuple[str, int], letter: bytes, sender: str, to: tuple[str, ...], tls: Any) -> None:
    with smtplib.SMTP(*address, timeout=20) as client:
        if tls is not None:
            client.starttls(context=tls)
        client.sendmail(sender, to, letter)


async def deliver(sandbox: Sandbox, letter: str | bytes, *to: str, sender: str = SENDER, tls: Any = None) -> None:
    """Hands a letter over, to the address in its own To without another."""
    content = letter.encode() if isinstance(letter, str) else letter
    if not to:
        found = re.search(rb"(?m)^To: (.*)$", content)
        assert found is not None
        to = (found.group(1).decode(),)
    content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    await asyncio.to_thread(_deliver, sandbox.smtp_address, content, sender, to, tls)


def letter_of(text: str, to: str, *, charset: str = "utf-8", cte: str = "base64", subject: str = "x") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, to, subject
    message.set_content(text, charset=charset, cte=cte)
    return message.as_bytes(policy=policy.SMTP)


def fields(text: str = "", **more: str) -> str:
    values = {"login": "yourlogin", "password": "yourpass", "phones": "78000000001", "message": "x", **more}
    return "\n\n".join(f"{name}: {value}" for name, value in values.items() if value != "-") + text


async def reply(sandbox: Sandbox, **more: str) -> str:
    """The reply letter's text."""
    await deliver(sandbox, letter_of(fields(reply_to_email="1", **more), "multi@smtp2.smsmail.ru"))
    return list(sandbox.letters)[-1].text


@pytest.mark.parametrize(
    "letter,originator", [(SUBJECT_FORM, "SMSTraffic"), (ADDRESS_FORM, "SMSTraffic"), (FIELDS_FORM, "MyCompany")]
)
async def test_the_documents_letters(sandbox: Sandbox, letter: str, originator: str) -> None:
    await deliver(sandbox, letter)
    (entry,) = sandbox.accepted
    assert (entry.to, entry.text, entry.protocol, entry.node) == ("78000000001", TEXT, "smtp", 1)
    (message,) = sandbox.messages
    assert (message.originator, message.encoding, message.ip) == (originator, "gsm7", "127.0.0.1")
    assert len(sandbox.letters) == 0
    assert not sandbox.findings
    await sandbox.advance(5)
    assert message.status == "Delivered"
    exchange = sandbox.platform.store.exchange(message.request_id)
    assert exchange is not None
    assert b"yourpass" not in exchange.body
    assert TEXT.encode() in exchange.body


async def test_the_documents_reply_letter(sandbox: Sandbox) -> None:
    """It lists ids though its request asks for none."""
    await deliver(sandbox, WITH_REPLY.replace("Subject:", "Message-ID: <one@yourdomain.ru>\nSubject:"))
    (letter,) = sandbox.letters
    message_id = sandbox.messages[0].id
    assert letter.to == SENDER
    assert letter.request_id == sandbox.accepted[0].request_id
    assert letter.text == (
        '<?xml version="1.0"?><reply><result>OK</result><code>0</code>'
        "<description>queued 1 messages</description><message_infos><message_info>"
        f"<phone>78000000001</phone><sms_id>{message_id}</sms_id></message_info></message_infos></reply>"
    )
    read = message_from_bytes(letter.content, policy=policy.default)
    assert (read["To"], read["In-Reply-To"]) == (SENDER, "<one@yourdomain.ru>")
    assert read["Date"] == "Thu, 18 Dec 2025 09:00:00 +0000"
    body = read.get_body()
    assert body is not None
    assert body.get_content().strip() == letter.text
    assert message_id not in repr(letter)


async def test_ids_of_letters_over_v1_soap_and_v2(sandbox: Sandbox) -> None:
    text = await reply(sandbox, message="щ" * 71, rus="5")
    ids = [node.text for node in fromstring(text).iter("sms_id")]
    assert ids == list(sandbox.messages[0].part_ids)
    await sandbox.advance(5)
    async with V1(sandbox, login="yourlogin", password="yourpass") as v1, Foreign(sandbox) as v2:
        for one in ids:
            assert await v1.status(one) == await v2.status(one) == "Delivered"
        sandbox.switches = replace(sandbox.switches, statuses_other_protocols=False)
        # E-mail has no look-up of its own: v1 finds its ids all the same.
        assert await v1.status(ids[0]) == "Delivered"
        assert await v2.statuses(ids[0]) == []


async def test_cyrillic_by_the_accounts_setting(sandbox: Sandbox) -> None:
    to = "78000000001.yourlogin@corp.smsmail.ru"
    await deliver(sandbox, letter_of("Привет", to))
    sandbox.accounts.get().email.transliterate = False
    await deliver(sandbox, letter_of("Привет\r\nснова", to, charset="koi8-r", cte="8bit"))
    await deliver(sandbox, letter_of("Привет", to, charset="windows-1251", cte="quoted-printable"))
    assert [message.text for message in sandbox.messages] == ["Privet", "Привет\nснова", "Привет"]
    await deliver(sandbox, letter_of("a" * 160, to))
    encodings = [(message.encoding, message.parts) for message in sandbox.messages]
    assert encodings == [("gsm7", 1), ("ucs2", 1), ("ucs2", 1), ("gsm7", 1)], "the setting is about Cyrillic"
    assert not sandbox.findings


async def test_charsets_that_are_not_said(sandbox: Sandbox) -> None:
    sandbox.accounts.get().email.transliterate = False
    head = f"From: {SENDER}\nTo: 78000000001.yourlogin@corp.smsmail.ru\n\n".encode()
    for text in ("Привет".encode(), "Привет".encode("cp1251")):
        await deliver(sandbox, head + text)
    await deliver(sandbox, head.replace(b"\n\n", b"\nContent-Type: text/plain; charset=utf-8\n\n") + b"\xcf\xf0")
    await deliver(sandbox, head.replace(b"\n\n", b"\nContent-Type: text/plain; charset=none\n\n") + b"x")
    assert [message.text for message in sandbox.messages] == ["Привет", "Привет", "Пр", "x"]
    assert {finding.field for finding in sandbox.findings} == {"Content-Type"}
    assert len(sandbox.findings) == 4


async def test_multipart_and_html(sandbox: Sandbox) -> None:
    message = EmailMessage()
    message["From"], message["To"] = SENDER, "yourlogin@corp.smsmail.ru"
    message["Subject"] = "78000000001"
    message.set_content("plain")
    message.add_alternative("<b>html</b>", subtype="html")
    await deliver(sandbox, message.as_bytes(policy=policy.SMTP))
    assert [entry.text for entry in sandbox.accepted] == ["plain"]
    only = EmailMessage()
    only["From"], only["To"], only["Subject"] = SENDER, "yourlogin@corp.smsmail.ru", "78000000001"
    only.set_content("<b>html</b>", subtype="html")
    await deliver(sandbox, only.as_bytes(policy=policy.SMTP))
    assert len(sandbox.accepted) == 1
    assert [finding.problem for finding in sandbox.findings] == ["the letter has no plain text"]


@pytest.mark.parametrize(
    "to,answer",
    [
        ("nobody@corp.smsmail.ru", b"550 5.1.1"),
        ("78000000001.nobody@corp.smsmail.ru", b"550 5.1.1"),
        ("other@corp.smsmail.ru", b"550 5.7.1 Sending by e-mail is off"),
        ("yourlogin@smtp2.smsmail.ru", b"550 5.1.1"),
        ("multi@corp.smsmail.ru", b"550 5.1.1"),
        ("somebody@example.org", b"550 5.7.1 Relaying denied"),
    ],
)
async def test_refused_recipients(sandbox: Sandbox, to: str, answer: bytes) -> None:
    """New accounts have it off; the account that works out of the box has it on."""
    sandbox.accounts.add(Account(login="other", password=Secret("other")))
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        await deliver(sandbox, SUBJECT_FORM, to)
    code, text = caught.value.recipients[to]
    assert b"%d %s" % (code, text) == answer or (b"%d %s" % (code, text)).startswith(answer)
    assert len(sandbox.findings) == 1
    assert not sandbox.accepted


async def test_departments_and_logins_with_dots(sandbox: Sandbox) -> None:
    account = sandbox.accounts.get()
    account.add_department("sales", "s3cret")
    await deliver(sandbox, SUBJECT_FORM, '"yourlogin:sales"@corp.smsmail.ru')
    await deliver(sandbox, ADDRESS_FORM, '"78000000001.yourlogin:sales"@corp.smsmail.ru')
    await reply(sandbox, login="yourlogin:sales", password="s3cret")
    assert [message.department for message in sandbox.messages] == ["sales"] * 3
    dotted = sandbox.accounts.add(Account(login="7916.login", password=Secret("x")))
    dotted.email.allowed = True
    await deliver(sandbox, SUBJECT_FORM, "7916.login@corp.smsmail.ru")
    await deliver(sandbox, ADDRESS_FORM, "78000000001.7916.login@corp.smsmail.ru")
    assert [message.login for message in sandbox.messages[3:]] == ["7916.login"] * 2
    assert {message.to for message in sandbox.messages} == {"78000000001"}


async def test_several_recipients_of_one_letter(sandbox: Sandbox) -> None:
    await deliver(sandbox, SUBJECT_FORM, *(f"7800000000{one}.yourlogin@corp.smsmail.ru" for one in range(3)))
    assert [entry.to for entry in sandbox.accepted] == ["78000000000", "78000000001", "78000000002"]
    assert len({entry.request_id for entry in sandbox.accepted}) == 3


async def test_protection_by_received_and_by_numbers(sandbox: Sandbox) -> None:
    settings = sandbox.accounts.get().email
    settings.received_from.add("mail.yourdomain.ru")
    await deliver(sandbox, SUBJECT_FORM)
    await deliver(sandbox, "Received: from elsewhere.ru (1.2.3.4)\n" + SUBJECT_FORM)
    assert not sandbox.accepted
    received = "Received: from Mail.yourdomain.ru (1.2.3.4)\n"
    await deliver(sandbox, received + SUBJECT_FORM)
    settings.numbers.add("78000000002")
    await deliver(sandbox, received + SUBJECT_FORM)
    await deliver(sandbox, received + ADDRESS_FORM)
    await deliver(sandbox, received + SUBJECT_FORM.replace("78000000001", "78000000002"))
    assert [entry.to for entry in sandbox.accepted] == ["78000000001", "78000000002"]
    assert [finding.field for finding in sandbox.findings] == ["Received", "Received", "Subject", "To"]


async def test_refusals_of_the_first_variant_are_findings_only(sandbox: Sandbox) -> None:
    await deliver(sandbox, SUBJECT_FORM.replace("78000000001", "my subject"))
    await deliver(sandbox, SUBJECT_FORM.replace(TEXT, " "))
    sandbox.accounts.get().balance = Decimal(0)
    await deliver(sandbox, SUBJECT_FORM)
    assert [finding.problem for finding in sandbox.findings] == [
        f"is refused with code {code}" for code in (428, 405, 415)
    ]
    assert not sandbox.accepted


@pytest.mark.parametrize(
    "more,code,text",
    [
        ({"login": "-"}, 401, "login param is missing"),
        ({"password": "-"}, 402, "password parameter is missing"),
        ({"password": "wrong"}, 411, "Authentication failed"),
        ({"phones": "-"}, 403, "phones parameter is missing"),
        ({"message": "-"}, 405, "message parameter is missing"),
        ({"phones": "12"}, 425, 'Phone "12" is too short. No messages has been sent'),
        ({"originator": "Nobody"}, 436, 'Originator "Nobody" is forbidden'),
        ({"want_sms_ids": "1", "start_date": "2025-12-18 13:00:00"}, 418, "SMS ids could not be provided"),
    ],
)
async def test_refusals_of_the_second_variant(sandbox: Sandbox, more: dict[str, str], code: int, text: str) -> None:
    root = fromstring(await reply(sandbox, **more))
    assert root.findtext("result") == "ERROR"
    assert root.findtext("code") == str(code)
    assert (root.findtext("description") or "").startswith(text)
    assert not sandbox.accepted
    assert [finding.problem for finding in sandbox.findings] == [f"is refused with code {code}"]


async def test_fields_of_the_second_variant(sandbox: Sandbox) -> None:
    text = await reply(
        sandbox,
        phones="a:78000000001 first line|b:78000000002 Привет\nтебе",
        message="-",
        individual_messages="1",
        delimiter="|",
        with_push_id="1",
        want_sms_ids="1",
        rus="5",
        timeout="600",
    )
    assert [node.text for node in fromstring(text).iter("push_id")] == ["a", "b"]
    assert [message.text for message in sandbox.messages] == ["first line", "Привет\nтебе"]
    # Later than five minutes has no ids.
    assert "message_infos" not in await reply(sandbox, start_date="2025-12-18 13:00:00")
    assert not sandbox.findings


async def test_a_blank_line_in_a_message_ends_it(sandbox: Sandbox) -> None:
    await reply(sandbox, message="one\ntwo\n\nthree")
    assert [entry.text for entry in sandbox.accepted] == ["one\ntwo"]
    assert [finding.field for finding in sandbox.findings] == ["(body)"]
    sandbox.findings.clear()
    await reply(sandbox, message="one\n\nPS: two", Rus="5")
    assert sorted(finding.field for finding in sandbox.findings) == ["PS", "Rus"]
    # Without a blank line between them two fields are one.
    await deliver(sandbox, FIELDS_FORM.replace("\n\noriginator", "\noriginator"))
    assert sandbox.accepted[-1].text == f"{TEXT}\noriginator: MyCompany"


async def test_the_recommended_limits_are_findings(sandbox: Sandbox) -> None:
    with _Many(sandbox) as many:
        await many.send(100)
        assert not sandbox.findings
        await sandbox.advance(30)
        await many.send(1)
        assert ["100 a minute" in finding.problem for finding in sandbox.findings] == [True]
        await sandbox.advance(30)
        await many.send(1)
    assert len(sandbox.findings) == 1
    phones = ",".join(str(78_000_010_000 + one) for one in range(10_001) if not str(one).zfill(4)[-4:].startswith("9"))
    phones += "," + ",".join(str(78_100_010_000 + one) for one in range(1_001))
    await reply(sandbox, phones=phones)
    assert [finding.field for finding in sandbox.findings] == ["(letter)", "phones"]


class _Many:
    """Many letters over one connection."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._address = sandbox.smtp_address
        self._client: smtplib.SMTP | None = None
        self._sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()

    async def send(self, count: int) -> None:
        await asyncio.to_thread(self._send, count)

    def _send(self, count: int) -> None:
        self._client = self._client or smtplib.SMTP(*self._address, timeout=20)
        for _ in range(count):
            self._sent += 1
            letter = ADDRESS_FORM.replace(TEXT, f"letter {self._sent}").replace("\n", "\r\n")
            self._client.sendmail(SENDER, "78000000001.yourlogin@corp.smsmail.ru", letter)


@pytest.mark.parametrize(
    "effect,code,accepted",
    [
        (Throttle(), 450, 0),
        (ServerError(when="before"), 451, 0),
        (ServerError(when="after"), 451, 1),
        (ProxyPage(when="before"), 451, 0),
    ],
)
async def test_faults_with_an_answer(sandbox: Sandbox, effect: Effect, code: int, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=effect, protocol="smtp", operation="send", nth=2))
    await deliver(sandbox, SUBJECT_FORM)
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await deliver(sandbox, SUBJECT_FORM)
    assert caught.value.smtp_code == code
    assert len(sandbox.accepted) == 1 + accepted


@pytest.mark.parametrize(
    "effect,accepted",
    [
        (Drop(when="before"), 0),
        (Drop(when="before", how="rst"), 0),
        (Drop(when="after"), 1),
        (Drop(when="after", how="rst"), 1),
        (Half(), 1),
        (Garbage(), 1),
        (GzipBomb(size=20_000), 1),
        (ProxyPage(), 1),
    ],
)
async def test_faults_without_an_answer(sandbox: Sandbox, effect: Effect, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=effect, protocol="smtp"))
    with pytest.raises(smtplib.SMTPException):
        await deliver(sandbox, SUBJECT_FORM)
    assert len(sandbox.accepted) == accepted
    sandbox.faults.clear()
    await deliver(sandbox, SUBJECT_FORM)
    assert len(sandbox.accepted) == accepted + 1


@pytest.mark.parametrize("when,accepted", [("before", 0), ("after", 1)])
async def test_code_1000_comes_by_letter(sandbox: Sandbox, when: Any, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=Temporary(when=when), protocol="smtp"))
    assert "<code>1000</code><description>Temporary error</description>" in await reply(sandbox)
    assert len(sandbox.accepted) == accepted
    await deliver(sandbox, SUBJECT_FORM)
    assert len(sandbox.accepted) == 2 * accepted


async def test_latency_is_sandbox_time(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Latency(seconds=60), protocol="smtp"))
    task = asyncio.create_task(deliver(sandbox, SUBJECT_FORM))
    while not sandbox.faults.log:
        await asyncio.sleep(0)
    assert not sandbox.accepted
    await sandbox.advance(60)
    await task
    assert len(sandbox.accepted) == 1


async def test_closing_ends_connections_under_way(no_tasks_left: None) -> None:
    sandbox = Sandbox(start=START, real_time=False)
    async with sandbox:
        sandbox.faults.add(FaultRule(effect=Latency(seconds=60), protocol="smtp"))
        idle_reader, idle = await asyncio.open_connection(*sandbox.smtp_address)
        assert (await idle_reader.readline()).startswith(b"220 ")
        address = "sandbox@corp.smsmail.ru"
        waiting = asyncio.create_task(deliver(sandbox, SUBJECT_FORM, address))
        while not sandbox.faults.log:
            await asyncio.sleep(0)
    assert await idle_reader.read() == b""
    idle.close()
    await idle.wait_closed()
    with pytest.raises(smtplib.SMTPException):
        await waiting
    with pytest.raises(ConfigurationError):
        _ = sandbox.smtp_address


async def test_without_a_mail_server(no_tasks_left: None) -> None:
    async with Sandbox(smtp_port=None) as sandbox:
        with pytest.raises(ConfigurationError, match="smtp_port=None"):
            _ = sandbox.smtp_port


async def test_reply_letters_go_to_a_relay(no_tasks_left: None) -> None:
    """The relay is another sandbox's mail server: it takes the letter as one to a mailbox of its own."""
    async with Sandbox(start=START, real_time=False, login="relay") as relay:
        options: dict[str, Any] = {"login": "yourlogin", "password": "yourpass", "mail_relay": relay.smtp_address}
        async with Sandbox(start=START, real_time=False, **options) as sandbox:
            await deliver(sandbox, WITH_REPLY, sender="78000000001.relay@corp.smsmail.ru")
            await sandbox.letters.sent()
            (entry,) = relay.accepted
            assert entry.text == next(iter(sandbox.letters)).text
            await deliver(sandbox, WITH_REPLY, sender="nobody@corp.smsmail.ru")
            await sandbox.letters.sent()
            assert sandbox.letters.failed == 1
            sandbox.reset()
            assert len(sandbox.letters) == 0


async def test_starttls_and_a_proxy(no_tasks_left: None) -> None:
    options: dict[str, Any] = {"login": "yourlogin", "password": "yourpass", "smtp_tls": server_context()}
    async with Sandbox(start=START, real_time=False, proxied=True, **options) as sandbox:
        assert sandbox.smtp_proxy is not None
        assert sandbox.smtp_port == sandbox.smtp_proxy.port
        await deliver(sandbox, FIELDS_FORM, tls=client_context())
        assert len(sandbox.accepted) == 1


async def test_a_taken_port_is_a_sentence(no_tasks_left: None, sandbox: Sandbox) -> None:
    other = Sandbox(smtp_port=sandbox.smtp_port)
    with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{sandbox.smtp_port}"):
        await other.__aenter__()
    await other.aclose()


async def test_fields_given_twice_and_a_bad_flag(sandbox: Sandbox) -> None:
    await deliver(sandbox, FIELDS_FORM + "\nphones: 78000000002\n\nreply_to_email: yes\n")
    assert [entry.to for entry in sandbox.accepted] == ["78000000002"]
    assert [finding.field for finding in sandbox.findings] == ["phones", "reply_to_email"]
    assert len(sandbox.letters) == 0


async def test_a_client_that_leaves_in_the_middle(sandbox: Sandbox) -> None:
    _, writer = await asyncio.open_connection(*sandbox.smtp_address)
    writer.write(b"EHLO x\r\nMAIL FROM:<a@b.ru>\r\nRCPT TO:<yourlogin@corp.smsmail.ru>\r\nDATA\r\nSubject: 7")
    await writer.drain()
    writer.transport.abort()
    await deliver(sandbox, SUBJECT_FORM)
    assert len(sandbox.accepted) == 1


@pytest.mark.asyncio(loop_factories=["virtual"])
async def test_on_the_virtual_loop() -> None:
    """Real TCP, and a real-time sandbox whose seconds cost nothing."""
    async with Sandbox(login="yourlogin", password="yourpass") as sandbox:
        sandbox.faults.add(FaultRule(effect=Latency(seconds=20), protocol="smtp", nth=1))
        sandbox.faults.add(FaultRule(effect=Latency(seconds=20, when="after"), protocol="smtp", nth=1))
        started = asyncio.get_running_loop().time()
        reader, writer = await asyncio.open_connection(*sandbox.smtp_address)
        content = SUBJECT_FORM.replace("\n", "\r\n").encode()
        for line in (b"HELO x", b"MAIL FROM:<a@b.ru>", b"RCPT TO:<yourlogin@corp.smsmail.ru>", b"DATA", content + b"."):
            await reader.readline()
            writer.write(line + b"\r\n")
        assert (await reader.readline()).startswith(b"250 ")
        assert asyncio.get_running_loop().time() - started >= 40
        assert len(sandbox.accepted) == 1
        writer.close()
        await writer.wait_closed()


async def test_nothing_secret_in_logs(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await deliver(sandbox, WITH_REPLY)
    await deliver(sandbox, letter_of(fields(), "multi@smtp2.smsmail.ru"))
    assert len(sandbox.accepted) == 2
    encoded = base64.b64encode(fields().encode()).decode()[:60]
    for secret in ("yourpass", "invoice", "78000000001", encoded):
        assert secret not in caplog.text


async def test_hands_off_other_servers_logs(caplog: pytest.LogCaptureFixture, sandbox: Sandbox) -> None:
    """Only what aiosmtpd says of the sandbox's own connections is dropped."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mail.log").info("somebody else's")
    assert "somebody else's" in caplog.text
