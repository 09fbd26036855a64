"""Sends over real TCP: what is on the wire, and which outcome follows from which answer."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InsufficientFunds,
    InvalidMessage,
    InvalidRecipient,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from sms_traffic_async.messages import Message
from sms_traffic_async.policy.attempts import RESENDS_PER_HOUR
from sms_traffic_async.protocols.http_v1 import Recipient, SendEvidence
from sms_traffic_async.settings import Credentials, RetryPolicy
from tests.protocols.http.kit import response
from tests.protocols.http_v1.kit import LOGIN, PASSWORD, PHONE, TEXT, desk, ok, refusal, xml
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

MESSAGE = Message(to=PHONE, text=TEXT)
ACCEPTED = ok((PHONE, "865149797164801235"))


async def test_one_message_on_the_wire() -> None:
    async with desk(ok((PHONE, "8287366071"), (PHONE, "8287366073")), originator="MyCompany") as one:
        sent = await one.v1.submit(MESSAGE)
    form = one.forms[0]
    assert form.line == "POST /multi.php HTTP/1.1"
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form.headers["accept-encoding"] == "identity"
    assert form.fields("utf-8") == {
        "login": LOGIN,
        "password": PASSWORD,
        "want_sms_ids": "1",
        "phones": PHONE,
        "message": TEXT,
        "rus": "5",
        "originator": "MyCompany",
    }
    assert (sent.via, sent.message_ids, sent.to) == ("v1", ("8287366071", "8287366073"), PHONE)
    assert (sent.node, sent.attempts, sent.evidence) == (one.settings.nodes[0].name, 1, "answer")
    assert (sent.parts, sent.encoding) == (1, "ucs2")
    assert one.telemetry.stats.counters["v1.send.accepted"] == 1


async def test_v2_rus_is_explicit_and_a_latin_text_keeps_its_160_characters() -> None:
    async with desk(ACCEPTED) as one:
        sent = await one.v1.submit(Message(to=PHONE, text="a" * 160))
        await one.v1.submit(Message(to=PHONE, text="тест", transliterate=True))
    latin, transliterated = (form.fields() for form in one.forms)
    assert (latin["rus"], sent.parts, sent.encoding) == ("0", 1, "gsm7")
    assert (transliterated["rus"], transliterated["message"]) == ("0", "тест")
    assert b"message=%F2%E5%F1%F2" in one.forms[1].body, "windows-1251, as in the document's example"


async def test_every_option_of_a_message_that_v1_has() -> None:
    start = datetime(2020, 5, 9, 6, 0, tzinfo=UTC)
    async with desk(ACCEPTED) as one:
        start = datetime.fromtimestamp(one.clock.wall(), UTC) + timedelta(minutes=4)
        await one.v1.submit(
            Message(to=PHONE, text="a", flash=True, start_at=start, validity=3600, max_parts=1, originator="787-35-95")
        )
    fields = one.forms[0].fields()
    wanted = (start + timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S")
    assert fields["start_date"] == wanted
    assert (fields["flash"], fields["timeout"], fields["max_parts"], fields["originator"]) == (
        "1", "3600", "1", "787-35-95",
    )  # fmt: skip
    assert fields["want_sms_ids"] == "1", "V6: ids are promised up to five minutes ahead"


@pytest.mark.parametrize(
    "options, field",
    [
        ({"key": "otp-1"}, "key"),
        ({"tracking_data": "a"}, "tracking_data"),
        ({"params": {"name": "Анна"}}, "params"),
        ({"batch_name": "spring"}, "batch_name"),
        ({"local_time": True}, "local_time"),
    ],
)
async def test_what_v1_cannot_carry_is_refused_and_the_protocol_that_can_is_named(
    options: dict[str, Any], field: str
) -> None:
    async with desk(ACCEPTED) as one:
        with pytest.raises(InvalidMessage, match="HTTP v2 can") as caught:
            await one.v1.submit(Message(to=PHONE, text=TEXT, **options))
        assert caught.value.field == field
        assert not one.forms


async def test_a_scheduled_message_is_accepted_without_ids() -> None:
    async with desk(
        xml("<reply><result>OK</result><code>0</code><description>queued 1 messages</description></reply>")
    ) as one:
        start = datetime.fromtimestamp(one.clock.wall(), UTC) + timedelta(hours=1)
        sent = await one.v1.submit(Message(to=PHONE, text="a", start_at=start))
        assert (sent.message_ids, sent.message_id, sent.start_at) == ((), None, start)
        assert "want_sms_ids" not in one.forms[0].fields()
        with pytest.raises(InvalidMessage, match="3 days"):
            await one.v1.submit(Message(to=PHONE, text="a", start_at=start + timedelta(days=3)))
        with pytest.raises(InvalidMessage, match="5 minutes"):
            await one.v1.send(PHONE, "a", start_at=start, want_ids=True)
    assert len(one.forms) == 1


@pytest.mark.parametrize(
    "text, options, rule",
    [
        ("я" * 71, {"flash": True}, "one part"),
        ("я" * 135, {"max_parts": 2}, "at most 2 parts, this is 3"),
        ("漢字", {"transliterate": True}, "windows-1251"),
    ],
)
async def test_what_does_not_fit_is_refused_before_io(text: str, options: dict[str, Any], rule: str) -> None:
    async with desk(ACCEPTED) as one:
        with pytest.raises(InvalidMessage, match=rule):
            await one.v1.submit(Message(to=PHONE, text=text, **options))
    assert not one.forms


async def test_truncate_leaves_the_cut_to_max_parts() -> None:
    async with desk(ACCEPTED) as one:
        sent = await one.v1.submit(Message(to=PHONE, text="я" * 135, max_parts=2, truncate=True))
    assert (sent.parts, one.forms[0].fields()["max_parts"]) == (2, "2")


@pytest.mark.parametrize(
    "code, error",
    [
        (401, AuthenticationFailed),
        (411, AuthenticationFailed),
        (412, AuthenticationFailed),
        (415, InsufficientFunds),
        (418, Rejected),
        (425, InvalidRecipient),
        (429, InvalidRecipient),
        (432, InvalidRecipient),
        (777, Rejected),
    ],
)
async def test_a_refusal_by_code(code: int, error: type[Rejected]) -> None:
    async with desk(refusal(code, f'"{PHONE}": blocked'), other=ACCEPTED) as one:
        with pytest.raises(error) as caught:
            await one.v1.submit(MESSAGE)
    assert (caught.value.code, len(one.forms)) == (code, 1)
    assert PHONE not in caught.value.description


async def test_v13_only_1000_goes_to_the_other_node() -> None:
    async with desk(refusal(1000, "Temporary error"), other=ACCEPTED) as one:
        sent = await one.v1.submit(MESSAGE)
        assert (sent.attempts, sent.node) == (2, one.settings.nodes[1].name)
    async with desk(refusal(1000), retry=RetryPolicy(max_attempts=3)) as one:
        with pytest.raises(TemporarilyUnavailable):
            await one.v1.submit(MESSAGE)
        assert len(one.forms) == 3


async def test_a_refused_login_is_not_hammered_with() -> None:
    async with desk(refusal(411)) as one:
        for _ in range(3):
            with pytest.raises(AuthenticationFailed) as caught:
                await one.v1.submit(MESSAGE)
            assert caught.value.code == 411
        assert len(one.forms) == 1
        await one.clock.sleep(11.0)
        with pytest.raises(AuthenticationFailed):
            await one.v1.submit(MESSAGE)
        assert len(one.forms) == 2


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
async def test_a_refusal_by_status(status: str) -> None:
    async with desk(response(b"", status=status)) as one:
        for _ in range(2):
            with pytest.raises(Rejected):
                await one.v1.submit(MESSAGE)
        assert len(one.forms) == 1


async def test_queued_nothing_is_a_refusal() -> None:
    """A 6: OK, "queued 0 messages", no ids."""
    async with desk(ok(queued=0)) as one:
        with pytest.raises(Rejected, match="queued nothing"):
            await one.v1.submit(MESSAGE)
    assert len(one.forms) == 1


async def test_missing_ids_are_unknown_and_never_sent_again() -> None:
    async with desk(ok(queued=1)) as one:
        with pytest.raises(OutcomeUnknown):
            await one.v1.submit(MESSAGE, on_unknown="resend")
    assert len(one.forms) == 1, "OK is OK: what the platform says it queued is not sent twice"


AMBIGUOUS = {
    "hung up": b"",
    "502": response(b"", status="502 Bad Gateway"),
    "proxy page": response(b"<!DOCTYPE html><html><body>blocked</body></html>", headers="Content-Type: text/html\r\n"),
    "well-formed page": response(b"<html><body>blocked</body></html>", headers="Content-Type: text/html\r\n"),
    "empty": response(b""),
    "cut": response(b"<reply><result>OK</result>"),
    "neither": xml("<reply><description>hm</description></reply>"),
    "contradiction": xml("<reply><result>OK</result><code>411</code></reply>"),
    "error without a code": xml("<reply><result>ERROR</result></reply>"),
    "unreadable code": xml("<reply><result>ERROR</result><code>4x1</code></reply>"),
    "json": response(b'{"success":true}', headers="Content-Type: application/json\r\n"),
    "dtd": xml('<!DOCTYPE reply SYSTEM "http://127.0.0.1/x"><reply><result>OK</result><code>0</code></reply>', head=""),
    "over the cap": response(b"<reply>" + b" " * 70_000 + b"</reply>"),
}


@pytest.mark.parametrize("answer", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_no_readable_answer_is_unknown_and_not_repeated(answer: bytes) -> None:
    async with desk(answer, other=ACCEPTED) as one:
        with pytest.raises(OutcomeUnknown) as caught:
            await one.v1.submit(MESSAGE)
    assert len(one.forms) == 1, "at most once"
    evidence = caught.value.evidence
    assert isinstance(evidence, SendEvidence)
    assert (evidence.to, evidence.attempts, evidence.nodes) == (PHONE, 1, (one.settings.nodes[0].name,))
    assert evidence.key == caught.value.message_key
    assert one.telemetry.stats.counters["v1.send.unknown"] == 1


@pytest.mark.parametrize("answer", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_resend_repeats_on_the_same_node_only(answer: bytes) -> None:
    async with desk(answer, ACCEPTED, other=ACCEPTED) as one:
        sent = await one.v1.submit(MESSAGE, on_unknown="resend")
    first, other = one.platforms
    assert (sent.attempts, len(first.forms), len(other.forms)) == (2, 2, 0)


async def test_resend_makes_three_requests_at_most() -> None:
    async with desk(b"", on_unknown="resend") as one:
        with pytest.raises(OutcomeUnknown):
            await one.v1.submit(MESSAGE)
    assert len(one.forms) == 1 + RESENDS_PER_HOUR == 3


@pytest.mark.parametrize("second", [refusal(415), ok(queued=0), response(b"", status="404 Not Found")])
async def test_a_no_after_an_unknown_does_not_make_it_a_no(second: bytes) -> None:
    async with desk(b"", second) as one:
        with pytest.raises(OutcomeUnknown):
            await one.v1.submit(MESSAGE, on_unknown="resend")
    assert len(one.forms) == 2


async def test_a_429_is_waited_for() -> None:
    slow = response(b"", status="429 Too Many Requests", headers="Retry-After: 3\r\n")
    async with desk(slow, ACCEPTED) as one:
        began = one.clock.monotonic()
        assert (await one.v1.submit(MESSAGE)).attempts == 2
        assert 3.0 <= one.clock.monotonic() - began <= 3.5
    async with desk(response(b"", status="429 Too Many Requests", headers="Retry-After: 60\r\n")) as one:
        with pytest.raises(RateLimited) as caught:
            await one.v1.submit(MESSAGE, timeout=5.0)
        assert caught.value.retry_after == pytest.approx(60.0, rel=0.2)


async def test_nobody_there_is_not_sent() -> None:
    async with desk(ACCEPTED, urls=["http://127.0.0.1:9", "http://127.0.0.1:19"]) as one:
        with pytest.raises(NotSent) as caught:
            await one.v1.submit(MESSAGE, timeout=2.0)
    assert (caught.value.reason, caught.value.retryable) == ("unreachable", True)


async def test_its_own_time_to_live() -> None:
    slow = response(b"", status="429 Too Many Requests", headers="Retry-After: 8\r\n")
    async with desk(slow, ACCEPTED) as one:
        with pytest.raises((NotSent, RateLimited)):
            await one.v1.submit(dataclasses.replace(MESSAGE, expires_in=5.0))
        assert len(one.forms) == 1


async def test_the_live_send_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "79160000000")
    async with desk(ACCEPTED) as one:
        with pytest.raises(NotSent) as caught:
            await one.v1.submit(MESSAGE)
        assert caught.value.reason == "guarded"
        with pytest.raises(NotSent):
            await one.v1.send(["79160000000", PHONE], TEXT)
        with pytest.raises(NotSent):
            await one.v1.send([Recipient(to=PHONE, text="a")])
        with pytest.raises(ConfigurationError, match="ONLY_TO"):
            await one.v1.send_group("клиенты", TEXT)
    assert not one.forms


@pytest.mark.parametrize("credentials", [Credentials(), Credentials(login="漢", password="p")])
async def test_a_login_that_v1_can_carry_is_needed(credentials: Credentials) -> None:
    with pytest.raises(ConfigurationError):
        async with desk(ACCEPTED, credentials=credentials):
            pass
