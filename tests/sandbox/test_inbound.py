"""Messages of subscribers by every way over real TCP: scripts, short numbers, letters, the v1 list, reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, Envelope, Session

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox import Account, Drop, FaultRule, Sandbox
from sms_traffic_async.sandbox.effects import Duplicate, Lose
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, Retries, ShortNumber
from sms_traffic_async.secrets import Secret
from tests.sandbox.foreign import Foreign
from tests.sandbox.push_kit import PHONE, START, App, Got, customer
from tests.sandbox.v1_kit import V1
from tests.support.virtual_loop import virtual

pytestmark = virtual

TEXT = "Привет, «мир» & 100% + ещё"
NUMBER = "79857707575"
SHORT = "3299"


@pytest_asyncio.fixture
async def app(no_tasks_left: None) -> AsyncIterator[App]:
    async with customer() as served:
        yield served


@pytest_asyncio.fixture
async def sandbox(app: App) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False, login="login", password="password") as opened:
        yield opened


def ways(sandbox: Sandbox, **settings: Any) -> None:
    account = sandbox.accounts.get()
    account.inbound = replace(account.inbound, **settings)


async def came(sandbox: Sandbox, text: str = TEXT, *, to: str = NUMBER) -> str:
    message = sandbox.platform.inbound(sender=PHONE, recipient=to, text=text)
    await sandbox.pushes.settled()
    return message.id


@pytest.mark.parametrize("charset", ["windows-1251", "utf-8"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_to_a_script(sandbox: Sandbox, app: App, method: str, charset: str) -> None:
    """I1 and the document: phone, message, sms_id, GET or POST, windows-1251 unless set otherwise."""
    ways(sandbox, url=app.url, method=method, charset=charset)
    message_id = await came(sandbox)
    (got,) = app.got
    assert got.method == method
    assert got.form(charset) == {"message": TEXT, "phone": PHONE, "sms_id": message_id}
    assert (got.body == b"") == (method == "GET")
    if method == "POST":
        assert got.headers["content-type"] == "application/x-www-form-urlencoded"
        assert got.target == "/status_callback_url"


async def test_windows_1251_is_the_default_and_has_no_emoji(sandbox: Sandbox, app: App) -> None:
    ways(sandbox, url=app.url)
    await came(sandbox, "да 🙂")
    assert b"message=%E4%E0+%3F&" in app.got[0].body


@pytest.mark.parametrize(
    "template,target",
    [
        (
            "?message={{message}}&phone={{phone}}&sms_id={{sms_id}}",
            "?message=a%26b+%D9&phone=79161112233&sms_id=",
        ),
        ("?from={{phone}}&text={{message}}&x={{unknown}}&id={{sms_id}}", "?from=79161112233&text=a%26b+%D9&x=&id="),
        ("?secret=s3cr3t", "?secret=s3cr3t&message=a%26b+%D9&phone=79161112233&sms_id="),
    ],
)
async def test_the_documents_template(sandbox: Sandbox, app: App, template: str, target: str) -> None:
    """I4; a URL without places gets the parameters appended."""
    ways(sandbox, url=app.url + template, method="GET")
    message_id = await came(sandbox, "a&b Щ")
    assert app.got[0].target == f"/status_callback_url{target}{message_id}"


@pytest.mark.parametrize("status", [204, 201, 302, 500])
async def test_only_200_will_do(sandbox: Sandbox, app: App, status: int) -> None:
    """The document wants exactly 200; the same message comes again with the same id."""
    ways(sandbox, url=app.url)
    app.answers = [status, status, 200]
    message_id = await came(sandbox)
    await sandbox.advance("1m")
    assert [one.form()["sms_id"] for one in app.got] == [message_id] * 3
    (call,) = sandbox.pushes.log
    assert ([one.status for one in call.attempts], call.state) == ([status, status, 200], "delivered")


async def test_lost_and_duplicated(sandbox: Sandbox, app: App) -> None:
    ways(sandbox, url=app.url)
    sandbox.faults.add(FaultRule(effect=Lose(), protocol="push", operation="inbound", nth=1))
    sandbox.faults.add(FaultRule(effect=Duplicate(), protocol="push", operation="inbound", nth=1))
    await came(sandbox, "lost")
    await came(sandbox, "twice")
    texts = [one.form()["message"] for one in app.got]
    assert texts in (["twice"], ["twice", "twice"])
    sandbox.faults.clear()
    sandbox.faults.add(FaultRule(effect=Duplicate(count=2), operation="inbound", nth=1))
    app.got.clear()
    message_id = await came(sandbox, "thrice")
    assert [one.form()["sms_id"] for one in app.got] == [message_id] * 3


async def test_the_list_of_v1_and_the_report_know_it_whatever_the_way(sandbox: Sandbox, app: App) -> None:
    app.answers = [500]
    ways(sandbox, url=app.url, smpp=False)
    message_id = await came(sandbox)
    async with V1(sandbox, login="login", password="password") as v1, Foreign(sandbox) as v2:
        answer = await v1.post(operation="incoming", want_sms_ids="1")
        assert f"<sms_id>{message_id}</sms_id>" in answer.text
        assert f"<from_phone>{PHONE}</from_phone>" in answer.text
        assert await v2.rows(fields=["id", "subscriber"], type="mo") == [[message_id, PHONE]]


async def test_other_ways_are_called_with_every_message(sandbox: Sandbox) -> None:
    taken: list[str] = []
    sandbox.platform.inbound.ways.append(lambda message: taken.append(message.text))
    await came(sandbox, "one")
    assert taken == ["one"]
    assert sandbox.accounts.get().inbound.smpp, "on, as on the platform"


async def test_whose_number_it_is(sandbox: Sandbox, app: App) -> None:
    other = sandbox.accounts.add(Account(login="other", password=Secret("other")))
    other.inbound = InboundSettings(url=app.url)
    sandbox.platform.inbound(sender=PHONE, recipient=NUMBER, text="theirs", login="other")
    await came(sandbox, "ours")
    await sandbox.pushes.settled()
    assert [one.form()["message"] for one in app.got] == ["theirs"]
    for bad in ("login", "text", "sender", "recipient"):
        given: dict[str, Any] = {"sender": PHONE, "recipient": NUMBER, "text": "x"}
        given[bad] = "nobody" if bad == "login" else ""
        with pytest.raises(ConfigurationError):
            sandbox.platform.inbound(**given)


# --- short numbers


def short(app: App, **settings: Any) -> tuple[ShortNumber, ...]:
    return (ShortNumber(number=SHORT, url=app.url, **settings),)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("charset", ["windows-1251", "utf-8"])
async def test_a_short_numbers_answer_goes_to_the_subscriber(
    sandbox: Sandbox, app: App, charset: Any, method: Any
) -> None:
    answer = "Ваш баланс: 10 руб."
    app.answers = [(200, answer.encode(charset))]
    ways(sandbox, short_numbers=short(app, charset=charset, method=method, password=Secret("pa55")), url=app.url)
    balance = sandbox.accounts.get().balance
    message_id = await came(sandbox, "БАЛАНС", to=SHORT)
    (got,) = app.got
    assert got.form(charset) == {
        "message": "БАЛАНС",
        "phone": PHONE,
        "sms_id": message_id,
        "shortcode": SHORT,
        "password": "pa55",
    }
    (entry,) = sandbox.accepted
    assert (entry.to, entry.text, entry.protocol, entry.request_id) == (PHONE, answer, "short_number", "push-1")
    sent = sandbox.messages[-1]
    assert (sent.direction, sent.originator, sent.to) == ("mt", SHORT, PHONE)
    assert sandbox.accounts.get().balance == balance
    await sandbox.advance("5s")
    assert sent.status == "Delivered"
    assert not sandbox.findings


async def test_no_password_and_no_answer(sandbox: Sandbox, app: App) -> None:
    ways(sandbox, short_numbers=short(app))
    app.answers = [(200, b" \r\n")]
    await came(sandbox, "STOP", to=SHORT)
    assert "password" not in app.got[0].form()
    assert not sandbox.accepted
    await came(sandbox, "not short")
    assert len(app.got) == 1, "another number has no script"


async def test_a_repeated_id_is_to_be_answered_alike(sandbox: Sandbox, app: App) -> None:
    """I2: the same sms_id came twice; one SMS goes out, and an answer that differs is a finding."""
    ways(sandbox, short_numbers=short(app))
    answers = iter([b"first", b"first", b"second"])

    def answer(_got: Got) -> tuple[int, bytes]:
        return 200, next(answers)

    app.answers = [answer]
    sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="inbound", nth=1))
    await came(sandbox, "x", to=SHORT)
    assert not sandbox.accepted, "its answer was lost"
    await sandbox.advance("5s")
    assert [entry.text for entry in sandbox.accepted] == ["first"]
    assert len(app.got) == 2
    (call,) = sandbox.pushes.log
    sandbox.pushes.resend(call.id)
    await sandbox.pushes.settled()
    assert [entry.text for entry in sandbox.accepted] == ["first"]
    assert [finding.problem for finding in sandbox.findings] == ["differs from the answer to the same sms_id before"]


@pytest.mark.parametrize(
    "answer,problem,text",
    [
        (b"HTTP/1.1 200 X\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", "has formatting", "hi"),
        ((200, b"<b>hi</b>"), "has formatting", "<b>hi</b>"),
        ((200, b"\x98"), "is not windows-1251", "\ufffd"),
    ],
)
async def test_answers_that_the_document_forbids(
    sandbox: Sandbox, app: App, answer: Any, problem: str, text: str
) -> None:
    ways(sandbox, short_numbers=short(app))
    app.answers = [answer]
    await came(sandbox, "x", to=SHORT)
    assert [finding.problem.partition(";")[0] for finding in sandbox.findings] == [problem]
    assert [entry.text for entry in sandbox.accepted] == [text]


# --- letters


class Mailbox:
    """aiosmtpd's hooks."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.answers = ["250 OK"]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.letters.append(message_from_bytes(content, policy=policy.default))
        return answer


@pytest_asyncio.fixture
async def mailbox(no_tasks_left: None) -> AsyncIterator[tuple[Mailbox, tuple[str, int]]]:
    """A mail server in this loop; smtplib talks to it from a thread."""
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
    async with server:
        yield box, server.sockets[0].getsockname()[:2]
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*(task for task in others if "SMTP" in repr(task)), return_exceptions=True)


async def test_to_an_address(sandbox: Sandbox, mailbox: tuple[Mailbox, tuple[str, int]]) -> None:
    box, server = mailbox
    ways(sandbox, email="inbox@shop.ru", email_server=server)
    message_id = await came(sandbox, "Два\r\nслова: да 🙂")
    (letter,) = box.letters
    assert (letter["To"], letter["Subject"]) == ("inbox@shop.ru", f"SMS from {PHONE} to {NUMBER}")
    assert message_id in letter["Message-ID"]
    body = letter.get_body()
    assert body is not None
    assert body.get_content().split("\r\n") == ["Два", "слова: да 🙂", ""]
    (call,) = sandbox.pushes.log
    assert (call.kind, call.state, call.attempts[0].status) == ("email", "delivered", 250)


async def test_the_letters_template(sandbox: Sandbox, mailbox: tuple[Mailbox, tuple[str, int]]) -> None:
    box, server = mailbox
    ways(
        sandbox,
        email="inbox@shop.ru",
        email_server=server,
        email_subject="{message}",
        email_text="from={phone} to={recipient} id={sms_id} at={date} {other} {}",
    )
    message_id = await came(sandbox, "x\r\nBcc: all@example.org")
    (letter,) = box.letters
    assert letter["Subject"] == "x Bcc: all@example.org"
    assert letter["Bcc"] is None
    body = letter.get_body()
    assert body is not None
    assert body.get_content().strip() == (
        f"from={PHONE} to={NUMBER} id={message_id} at=2025-12-18 12:00:00 {{other}} {{}}"
    )


async def test_letters_that_are_not_taken(sandbox: Sandbox, mailbox: tuple[Mailbox, tuple[str, int]]) -> None:
    box, server = mailbox
    ways(sandbox, email="inbox@shop.ru", email_server=server)
    box.answers = ["451 later", "250 OK"]
    await came(sandbox)
    (call,) = sandbox.pushes.log
    assert call.attempts[0].error == "the mail server answered 451"
    await sandbox.advance("5s")
    await sandbox.pushes.settled()
    assert len(box.letters) == 1
    ways(sandbox, email_server=("127.0.0.1", 1), retries=Retries(pauses=(1,), give_up=0))
    await came(sandbox)
    last = list(sandbox.pushes.log)[-1]
    assert (last.state, last.attempts[0].error) == ("given up", "ConnectionRefusedError")


async def test_the_sandboxs_relay_takes_letters_too(mailbox: tuple[Mailbox, tuple[str, int]]) -> None:
    box, server = mailbox
    async with Sandbox(start=START, real_time=False, mail_relay=server) as sandbox:
        ways(sandbox, email="inbox@shop.ru")
        sandbox.faults.add(FaultRule(effect=Drop(when="after"), operation="inbound", nth=1))
        await came(sandbox, "one")
        assert len(box.letters) == 1
        await sandbox.advance("5s")
        assert len(box.letters) == 2, "its answer was lost, so it comes again"


async def test_without_a_mail_server_there_is_no_letter(sandbox: Sandbox) -> None:
    ways(sandbox, email="inbox@shop.ru")
    await came(sandbox)
    assert len(sandbox.pushes.log) == 0
