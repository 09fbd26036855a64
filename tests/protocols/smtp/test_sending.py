"""Handing letters over: what each step means, cancellation, TLS, MX, secrets, and the strict sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from dns import flags, message, rrset

from sms_traffic_async.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidMessage,
    NotSent,
    OutcomeUnknown,
    Rejected,
    SendError,
    TemporarilyUnavailable,
    TlsError,
)
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.http_v1.models import Recipient
from sms_traffic_async.protocols.smtp import read_reply
from sms_traffic_async.protocols.smtp.rate import LetterRate
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.network import Cut, FaultProxy
from sms_traffic_async.secrets import Secret
from tests.protocols.smtp.kit import PASSWORD, START, Script, client, scripted
from tests.support.certificates import authority, client_context
from tests.support.cuts import cut_points
from tests.support.exposure import pickled, shown
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

TO = "79161112233"
TEXT = "Ваш код 123456, не говорите его никому"
MESSAGE = Message(to=TO, text=TEXT)
HOST = "127.0.0.1"
WORDS = (PASSWORD, TO, TEXT, "relay-word")


# --- what each step means


async def test_handed_over() -> None:
    script = Script()
    async with scripted(script) as port, client(HOST, port) as smtp:
        sent = await smtp.submit(MESSAGE)
    assert (sent.via, sent.message_ids, sent.evidence, sent.node, sent.attempts) == ("smtp", (), "handover", HOST, 1)
    assert script.commands == [
        "EHLO yourdomain.ru",
        "MAIL FROM:<yourname@yourdomain.ru>",
        "RCPT TO:<multi@smtp2.smsmail.ru>",
        "DATA",
        "QUIT",
    ]
    assert sent.key.encode() in script.letters[0]


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"])
@pytest.mark.parametrize("answer", ["fin", "hang", "451 4.3.0 no 79161112233", "550 5.7.1 no 79161112233", "what?"])
async def test_every_step(step: str, answer: str, caplog: pytest.LogCaptureFixture) -> None:
    """docs/reliability.md: before the final dot U, 4xx R, 5xx P, dot without reply A."""
    caplog.set_level(logging.DEBUG)
    script = Script({step: answer})
    async with scripted(script) as port, client(HOST, port) as smtp:
        with pytest.raises(SendError) as caught:
            await smtp.submit(MESSAGE, timeout=40)
    error = caught.value
    expected: type[SendError] = NotSent
    if answer.startswith("4"):
        expected = TemporarilyUnavailable
    elif answer.startswith("5"):
        expected = Rejected
    elif step == "content":
        expected = OutcomeUnknown
    if step == "EHLO" and answer[0] in "45":
        expected = TemporarilyUnavailable if answer[0] == "4" else Rejected
    assert type(error) is expected, error
    if expected in {OutcomeUnknown, Rejected}:
        assert script.connections == 1
    logged = "\n".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records)
    assert not [word for word in WORDS if word in shown(error) + logged]
    assert type(pickled(error)) is expected


async def test_nobody_listens() -> None:
    async with client(HOST, 9) as smtp:
        with pytest.raises(NotSent) as caught:
            await smtp.submit(MESSAGE)
    assert (caught.value.reason, caught.value.retryable) == ("unreachable", True)


@pytest.mark.parametrize("on_unknown,most", [("raise", 1), ("resend", 3)])
async def test_an_unknown_letter_is_sent_again_only_when_asked_for(on_unknown: Any, most: int) -> None:
    script = Script({"content": "fin"})
    async with scripted(script) as port, client(HOST, port) as smtp:
        with pytest.raises(OutcomeUnknown) as caught:
            await smtp.submit(MESSAGE, timeout=3000, on_unknown=on_unknown)
    assert len(script.letters) == most
    assert (caught.value.evidence.attempts, caught.value.evidence.to) == (most, TO)
    assert len({letter.partition(b"Message-ID")[2] for letter in script.letters}) == 1


async def test_a_refusal_after_an_unknown_try_stays_unknown() -> None:
    script = Script({"content": "fin"}, times=1)
    async with scripted(script) as port, client(HOST, port) as smtp:
        assert (await smtp.submit(MESSAGE, timeout=3000, on_unknown="resend")).attempts == 2


async def test_the_server_takes_it_and_says_no_goodbye() -> None:
    class Rude(Script):
        async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError):
                await super().__call__(reader, writer)

    script = Rude({"QUIT": "hang"})
    async with scripted(script) as port, client(HOST, port) as smtp:
        assert (await smtp.submit(MESSAGE)).message_ids == ()


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_the_connection_cut_at_every_byte(direction: Any) -> None:
    """F1, H1, H2: one letter at most whatever is cut, none where the outcome says so, and none is lost."""
    seen: set[type] = set()
    script = Script()
    async with scripted(script) as port, await FaultProxy.start(HOST, port) as proxy:
        for after in cut_points(1_200):
            rule = proxy.rules.add(Cut(after=after, direction=direction), times=1)
            script.letters.clear()
            outcome: object
            async with client(HOST, proxy.port) as smtp:
                try:
                    outcome = await smtp.submit(MESSAGE)
                except SendError as error:
                    outcome = error
            fired = bool(proxy.log)
            proxy.log.clear()
            proxy.rules.remove(rule)
            seen.add(type(outcome))
            assert isinstance(outcome, Submission | OutcomeUnknown), after
            assert len(script.letters) <= 1, after
            if isinstance(outcome, Submission):
                assert len(script.letters) == 1, after
            if not fired:
                break
        else:
            pytest.fail("the conversation is longer than was cut")
    assert seen == {Submission, OutcomeUnknown}


# --- cancellation


@pytest.mark.parametrize("turns", range(0, 90, 2))
async def test_cancellation_at_every_await(turns: int, no_tasks_left: None) -> None:
    """The next letter never gets the reply to the last one's command."""
    script = Script()
    async with scripted(script) as port, client(HOST, port) as smtp:
        task = asyncio.create_task(smtp.submit(MESSAGE))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError | Submission)
        if isinstance(result, BaseException):
            assert not [word for word in WORDS if word in shown(result)]
        assert (await smtp.submit(MESSAGE)).attempts == 1
    assert script.connections <= 2


async def test_closing_the_session_tells_what_is_known() -> None:
    for step, kind in (("DATA", NotSent), ("content", OutcomeUnknown)):
        life = Life()
        script = Script({step: "hang"})
        async with scripted(script) as port, client(HOST, port, life=life, variant=1) as smtp:
            task = asyncio.create_task(smtp.send([TO, "79161112234"], TEXT))
            while not (script.letters or (step == "DATA" and "DATA" in script.commands)):
                await asyncio.sleep(0)
            await life.close(1.0)
            life.closed()
            outcomes = (await task).outcomes
        assert [type(one) for one in outcomes] == [kind, NotSent]


# --- the letter rate


async def test_the_rate_is_shared_waited_for_and_bounded() -> None:
    clock, script = VirtualClock(wall=START.timestamp()), Script()
    rate = LetterRate(2)
    async with (
        scripted(script) as port,
        client(HOST, port, rate=rate, clock=clock) as one,
        client(HOST, port, rate=rate, clock=clock) as two,
    ):
        began = clock.monotonic()
        await one.submit(MESSAGE)
        await two.submit(MESSAGE)
        with pytest.raises(NotSent) as caught:
            await one.submit(MESSAGE)
        assert (caught.value.reason, clock.monotonic() - began < 1) == ("overloaded", True)
        several = (await one.send([MESSAGE.to, "79161112234"], "a", timeout=1)).errors
        assert [error.outcome.value for error in several] == ["not_sent"] * 2
        assert len({error.message_key for error in (caught.value, *several)} - {None}) == 3
        waiting = asyncio.create_task(one.submit(MESSAGE, timeout=100))
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await two.submit(MESSAGE, timeout=100)
        assert 60 <= clock.monotonic() - began < 62
        await one.submit(MESSAGE, timeout=100)
        assert clock.monotonic() - began < 62
    assert len(script.letters) == 4


# --- TLS and login


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(context)
    return context


@contextlib.asynccontextmanager
async def sandbox(**options: Any) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False, login="yourlogin", password=PASSWORD, **options) as one:
        yield one
        assert list(one.findings) == []


async def test_starttls_is_never_given_up() -> None:
    async with sandbox(smtp_tls=tls()) as one:
        trusting: dict[str, Any] = {
            "tls": "starttls",
            "ssl_context": client_context(),
            "allow_passwords_without_tls": False,
        }
        async with client(HOST, one.smtp_port, **trusting) as smtp:
            await smtp.submit(MESSAGE)
        assert len(one.accepted) == 1
        async with client(HOST, one.smtp_port, tls="starttls") as smtp:
            with pytest.raises(NotSent) as caught:
                await smtp.submit(MESSAGE, timeout=5)
        assert isinstance(caught.value, TlsError)
    script = Script()
    async with scripted(script) as port, client(HOST, port, tls="starttls", ssl_context=client_context()) as smtp:
        with pytest.raises(NotSent, match="starttls"):
            await smtp.submit(MESSAGE, timeout=5)
    assert not script.letters


async def test_login_to_the_relay() -> None:
    hello = b"250-me\r\n250 AUTH PLAIN\r\n"
    for answer, error in (
        ("235 ok", None),
        ("535 5.7.8 no", AuthenticationFailed),
        ("454 later", TemporarilyUnavailable),
    ):
        script = Script({"EHLO": hello, "AUTH": answer})
        relay: dict[str, Any] = {"login": "me", "password": Secret("relay-word")}
        async with scripted(script) as port, client(HOST, port, **relay) as smtp:
            if error is None:
                await smtp.submit(MESSAGE)
                assert any(line.startswith("AUTH PLAIN ") for line in script.commands), script.commands
                continue
            with pytest.raises(error) as caught:
                await smtp.submit(MESSAGE, timeout=5)
            assert not [word for word in WORDS if word in shown(caught.value)]
            assert not script.letters


# --- MX


@contextlib.asynccontextmanager
async def name_server(*exchanges: tuple[int, str]) -> AsyncIterator[int]:
    class Dns(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            asked = message.from_wire(data)
            answer = message.make_response(asked)
            answer.flags |= flags.RA
            if exchanges:
                rows = [f"{preference} {host}." for preference, host in exchanges]
                answer.answer.append(rrset.from_text(asked.question[0].name, 300, "IN", "MX", *rows))
            self.transport.sendto(answer.to_wire(), addr)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Dns, local_addr=(HOST, 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await asyncio.sleep(0)


def mx(port: int) -> dict[str, Any]:
    return {"mx": True, "nameservers": (HOST,), "nameserver_port": port}


async def test_mx_goes_on_to_the_next_server_only_when_nothing_was_handed_over() -> None:
    """N1: 127.0.0.2 refuses connections, so the second server gets the letter."""
    script = Script()
    async with (
        scripted(script) as port,
        name_server((20, "127.0.0.1"), (10, "127.0.0.2")) as names,
        client(None, port, **mx(names)) as smtp,
    ):
        sent = await smtp.submit(MESSAGE)
    assert (sent.node, sent.attempts) == ("127.0.0.1", 2)


@pytest.mark.parametrize("answer,error", [("fin", OutcomeUnknown), ("550 no", Rejected)])
async def test_mx_does_not_go_on_otherwise(answer: str, error: type[SendError]) -> None:
    script = Script({"content": answer})
    async with (
        scripted(script) as port,
        name_server((10, "127.0.0.1"), (20, "localhost")) as names,
        client(None, port, **mx(names)) as smtp,
    ):
        with pytest.raises(error):
            await smtp.submit(MESSAGE)
    assert script.connections == 1


async def test_no_mx() -> None:
    for exchanges in ((), ((0, ""),)):
        async with name_server(*exchanges) as names, client(None, 25, **mx(names)) as smtp:
            with pytest.raises(NotSent) as caught:
                await smtp.submit(MESSAGE)
            assert caught.value.reason == "unreachable"


# --- the sandbox


@pytest.mark.parametrize("phone_in", ["subject", "address"])
async def test_variant_1(phone_in: Any) -> None:
    async with sandbox() as one, client(HOST, one.smtp_port, variant=1, phone_in=phone_in) as smtp:
        reply = await smtp.send([TO, Recipient(to="79161112234", text="второй")], "hello\n\n.dot\nend")
        assert [outcome.parts_exact for outcome in reply.accepted] == [False, False]
        first, second = one.accepted
        assert (first.to, first.text.rstrip("\n")) == (TO, "hello\n\n.dot\nend")
        assert second.text.rstrip("\n") == "второй"
        assert [message.encoding for message in one.messages] == ["gsm7", "gsm7"], "the account transliterates"
        one.accounts.get().email.allowed = False
        with pytest.raises(Rejected, match="is on for the account"):
            await smtp.submit(MESSAGE)
        one.findings.clear()


async def test_variant_2_and_its_reply_letter() -> None:
    async with sandbox() as one, client(HOST, one.smtp_port, reply_to_email=True) as smtp:
        sent = await smtp.submit(Message(to=TO, text=TEXT, originator="MyCompany", validity=3600))
        (letter,) = one.letters
        reply = read_reply(letter.content)
        assert (reply.key, reply.code, reply.queued) == (sent.key, 0, 1)
        assert reply.message_ids == (one.messages[0].id,)
        (message,) = one.messages
        assert (message.text, message.originator, message.validity) == (TEXT, "MyCompany", 3600)
        start = START + timedelta(hours=1)
        assert (await smtp.submit(Message(to=TO, text="later", start_at=start))).start_at == start
        assert one.messages[-1].start_at == start.timestamp()
        texts = ["раз\nдва", "three", "Ω"]
        await smtp.send([Recipient(to=TO, text=text) for text in texts])
        assert sorted(entry.text for entry in one.accepted) == sorted([*texts, TEXT, "later"])


async def test_a_whole_mailing_list() -> None:
    async with sandbox() as one, client(HOST, one.smtp_port, reply_to_email=True) as smtp:
        sent = await smtp.send_group("hello world", TEXT, originator="MyCompany")
        assert (sent.message_ids, sent.to, sent.parts, sent.evidence) == ((), "", 1, "handover")
        (letter,) = one.letters
        reply = read_reply(letter.content)
        assert (reply.key, reply.queued) == (sent.key, 2)
        members = one.accounts.get().lists.by_name("hello world")
        assert members is not None
        assert [part.phone for part in reply.parts] == [message.to for message in one.messages] == list(members.members)
        with pytest.raises(InvalidMessage, match="one part"):
            await smtp.send_group("hello world", TEXT * 9, flash=True)
        assert len(one.accepted) == 2
    async with client(HOST, 9, variant=1) as smtp:
        with pytest.raises(InvalidMessage) as caught:
            await smtp.send_group("hello world", TEXT)
        assert caught.value.field == "group"


async def test_a_refusal_comes_by_letter() -> None:
    async with sandbox() as one, client(HOST, one.smtp_port, secret="wrong", reply_to_email=True) as smtp:
        await smtp.submit(MESSAGE)
        assert not one.accepted
        assert [read_reply(letter.content).code for letter in one.letters] == [411]
        one.findings.clear()


# --- before any I/O


async def test_refused_before_any_io(monkeypatch: pytest.MonkeyPatch) -> None:
    async with client(HOST, 9) as smtp:
        for wrong in (Message(to=TO, text="a\n\nb"), Message(to=TO, text="x", key="k")):
            with pytest.raises(InvalidMessage) as caught:
                await smtp.submit(wrong)
            assert TO not in shown(caught.value)
        with pytest.raises(ConfigurationError):
            await smtp.submit(MESSAGE, timeout=0)
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "79990001122")
    async with client(HOST, 9) as smtp:
        with pytest.raises(NotSent) as guarded:
            await smtp.submit(MESSAGE)
    assert (guarded.value.reason, TO in shown(guarded.value)) == ("guarded", False)
    with pytest.raises(ConfigurationError, match="cannot carry"):
        async with client(HOST, 9, secret="😀"):
            pass


async def test_on_unknown_is_one_of_two() -> None:
    async with client("127.0.0.1", 9) as smtp:
        wrong: Any = "retry"
        with pytest.raises(ConfigurationError, match="on_unknown is"):
            await smtp.send("79161112233", "a", on_unknown=wrong)
