"""Both variants of sending by e-mail, delivered by swaks, a program that none of this project's authors wrote."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone

import pytest
import pytest_asyncio
from defusedxml.ElementTree import fromstring

from sms_traffic_async.sandbox import Sandbox
from tests.support.peers import peer

START = datetime(2025, 12, 18, 12, 0, tzinfo=timezone(timedelta(hours=3)))
SENDER = "yourname@yourdomain.ru"
PHONE = "78000000001"
TEXT = "You need to pay an invoice of $17.65. For inquiries, call 1234567."
RUSSIAN = "Ваш код 4827"


@pytest.fixture(scope="session")
def swaks() -> str:
    return peer("swaks", "swaks")


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False, login="yourlogin", password="yourpass") as opened:
        yield opened


async def post(swaks: str, sandbox: Sandbox, to: str, subject: str, body: str, *headers: str) -> str:
    """Hands a letter over; the conversation."""
    host, port = sandbox.smtp_address
    where = ["--server", host, "--port", str(port), "--helo", "yourdomain.ru", "--from", SENDER, "--to", to]
    extra = [argument for header in headers for argument in ("--add-header", header)]
    done = await asyncio.to_thread(
        subprocess.run,
        [swaks, *where, "--header", f"Subject: {subject}", *extra, "--body", "-", "--timeout", "20"],
        input=body.encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    talk = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, talk
    return talk


@pytest.mark.parametrize(
    "to,subject",
    [
        ("yourlogin@corp.smsmail.ru", PHONE),
        (f"{PHONE}.yourlogin@corp.smsmail.ru", "ne imeyet znacheniya"),
    ],
)
async def test_variant_1(swaks: str, sandbox: Sandbox, to: str, subject: str) -> None:
    talk = await post(swaks, sandbox, to, subject, TEXT)
    assert "250 2.0.0 OK" in talk
    (entry,) = sandbox.accepted
    assert (entry.to, entry.text, entry.protocol) == (PHONE, TEXT, "smtp")
    assert not sandbox.findings
    await sandbox.advance(5)
    assert sandbox.messages[0].status == "Delivered"


async def test_variant_1_in_russian(swaks: str, sandbox: Sandbox) -> None:
    sandbox.accounts.get().email.transliterate = False
    mime = ("MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit")
    await post(swaks, sandbox, "yourlogin@corp.smsmail.ru", PHONE, RUSSIAN, *mime)
    assert [entry.text for entry in sandbox.accepted] == [RUSSIAN]
    assert not sandbox.findings


async def test_variant_2_and_its_reply(swaks: str, sandbox: Sandbox) -> None:
    fields = {
        "login": "yourlogin",
        "password": "yourpass",
        "phones": f"{PHONE},79161112233",
        "message": TEXT,
        "originator": "MyCompany",
        "reply_to_email": "1",
    }
    body = "\n\n".join(f"{name}: {value}" for name, value in fields.items())
    await post(swaks, sandbox, "multi@smtp2.smsmail.ru", "ne imeyet znacheniya", body)
    assert [(entry.to, entry.text) for entry in sandbox.accepted] == [(PHONE, TEXT), ("79161112233", TEXT)]
    assert {message.originator for message in sandbox.messages} == {"MyCompany"}
    (letter,) = sandbox.letters
    assert letter.to == SENDER
    answer = fromstring(letter.text)
    assert answer.findtext("description") == "queued 2 messages"
    assert [node.text for node in answer.iter("sms_id")] == [message.id for message in sandbox.messages]
    assert not sandbox.findings


async def test_a_refused_recipient(swaks: str, sandbox: Sandbox) -> None:
    with pytest.raises(AssertionError, match=r"550 5\.1\.1"):
        await post(swaks, sandbox, "nobody@corp.smsmail.ru", PHONE, TEXT)
    assert not sandbox.accepted
