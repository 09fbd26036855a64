"""docs/reliability.md for SOAP over real TCP: what a failure means, at every await, and what is shown."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from sms_traffic_async.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidMessage,
    NotSent,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    RequestRefused,
    SendError,
    TemporarilyUnavailable,
    TlsError,
)
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.policy.limits import Pauses
from sms_traffic_async.policy.nodes import NodeSet
from sms_traffic_async.protocols.http.pool import HttpPool
from sms_traffic_async.protocols.soap import Recipient, Soap
from sms_traffic_async.settings import HttpOptions, Settings, Timeouts
from sms_traffic_async.telemetry import Telemetry
from tests.protocols.http.kit import raw_server, response
from tests.protocols.soap.kit import PASSWORD, SOAP_11, Script, accepted, client, envelope, sms_response
from tests.support.exposure import pickled, shown
from tests.support.servers import FACTS, NAMES, misbehaving
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

TO = "79161112233"
TEXT = "Ваш код 123456, не говорите его никому"
MESSAGE = Message(to=TO, text=TEXT)
GOOD = sms_response(accepted(TO, "27371658818"))
SENDER = envelope("<env:Fault><env:Code><env:Value>env:Sender</env:Value></env:Code></env:Fault>")
SERVER = envelope(
    "<env:Fault><faultcode>env:Server</faultcode><faultstring>oops</faultstring></env:Fault>", namespace=SOAP_11
)
WORDS = (PASSWORD, "p@ssw0rd", TO, TEXT, TEXT.encode().hex())


def status(line: str, body: bytes = b"") -> bytes:
    return response(body, status=line)


@pytest.mark.parametrize(
    "answer,error",
    [
        (sms_response(success="false", code="411", text="Authentication failed"), AuthenticationFailed),
        (sms_response(success="false", code="439", text="no"), PermissionDenied),
        (sms_response(success="false", code="1000", text="Temporary error"), TemporarilyUnavailable),
        (sms_response(text="queued 0 messages"), Rejected),
        (status("400 Bad Request", SENDER), Rejected),
        (status("500 Internal Server Error", SENDER), Rejected),
        (SENDER, Rejected),
        (status("500 Internal Server Error", SERVER), OutcomeUnknown),
        (SERVER, OutcomeUnknown),
        (status("500 Internal Server Error"), OutcomeUnknown),
        (status("502 Bad Gateway", b"<html>"), OutcomeUnknown),
        (status("500 Internal Server Error", GOOD), OutcomeUnknown),
        (status("401 Unauthorized"), AuthenticationFailed),
        (status("403 Forbidden"), PermissionDenied),
        (status("404 Not Found", b"<html>"), Rejected),
        (status("302 Found"), Rejected),
        (response(status="429 Too Many Requests", headers="Retry-After: 600\r\n"), RateLimited),
        (b"<html>a proxy's page</html>", OutcomeUnknown),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', OutcomeUnknown),
        (sms_response(), OutcomeUnknown),
        (sms_response(success="true", code="411"), OutcomeUnknown),
        (sms_response("<MessageInfo><ProcessResult>Postponed</ProcessResult></MessageInfo>"), OutcomeUnknown),
        ("fin", OutcomeUnknown),
        ("hang", OutcomeUnknown),
    ],
)
async def test_what_an_answer_means(answer: Any, error: type[SendError]) -> None:
    script = Script.of(answer)
    async with raw_server(script) as url, client([url]) as soap:
        with pytest.raises(SendError) as caught:
            await soap.submit(MESSAGE, timeout=20)
    assert type(caught.value) is error
    assert not [word for word in WORDS if word in shown(caught.value)]
    assert type(pickled(caught.value)) is error
    if error is OutcomeUnknown:
        assert len(script.bodies) == 1, "nothing is sent again without the caller's word"


async def test_accepted_without_an_id_is_accepted() -> None:
    info = f"<MessageInfo><Phone>{TO}</Phone><ProcessResult>Accepted</ProcessResult></MessageInfo>"
    async with raw_server(Script.of(sms_response(info))) as url, client([url]) as soap:
        assert (await soap.submit(MESSAGE)).message_ids == ()


async def test_a_lost_repeat_never_makes_an_accepted_message_refused() -> None:
    """Rule 2: "queued 0", Unroutable or a refusal after an ambiguous attempt leave the outcome unknown."""
    unroutable = sms_response(
        f"<MessageInfo><Phone>{TO}</Phone><ProcessResult>Unroutable</ProcessResult></MessageInfo>"
    )
    for last in (
        sms_response(text="queued 0 messages"),
        unroutable,
        sms_response(success="false", code="425", text="no"),
        status("400 Bad Request", SENDER),
    ):
        script = Script.of("fin", last)
        async with raw_server(script) as url, client([url], on_unknown="resend") as soap:
            with pytest.raises(OutcomeUnknown):
                await soap.submit(MESSAGE, timeout=60)
        assert len(script.bodies) == 2


async def test_resending_is_bounded_to_three() -> None:
    script = Script.of("fin")
    async with raw_server(script) as url, client([url]) as soap:
        with pytest.raises(OutcomeUnknown) as caught:
            await soap.submit(MESSAGE, timeout=3000, on_unknown="resend")
    assert len(script.bodies) == 3
    assert caught.value.evidence.attempts == 3


async def test_some_of_several_are_unknown() -> None:
    others = ["79161112234", "79161112235"]
    body = sms_response(accepted(TO, "1") + accepted(others[1], "3"), text="queued 3 messages")
    async with raw_server(Script.of(body)) as url, client([url]) as soap:
        reply = await soap.send_bulk([TO, *others], TEXT)
    assert [isinstance(one, Submission) for one in reply.outcomes] == [True, False, True]
    with pytest.raises(OutcomeUnknown):
        reply.raise_for_error()


async def test_nothing_of_a_request_stands_in_its_url() -> None:
    script = Script.of(GOOD)
    async with raw_server(script) as url, client([url + "/soap.php"], soap={"version": "1.1"}) as soap:
        await soap.submit(MESSAGE)
    assert script.lines == ["POST /soap.php HTTP/1.1"]
    assert script.headers[0]["soapaction"] == '""'
    assert script.headers[0]["content-type"] == "text/xml; charset=utf-8"


@pytest.mark.parametrize("name", NAMES)
async def test_servers_that_misbehave(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every fault of the stage table; no log and no error shows anything."""
    caplog.set_level(logging.DEBUG)
    fact = FACTS[name]
    message = Message(to=TO, text="щ" * min(fact.body_bytes // 2, 17_000) or TEXT)
    async with misbehaving(name, answer=GOOD, content_type="application/soap+xml") as server:
        http = HttpOptions(ssl_context=server.ssl_context)
        async with client([server.base_url], http=http, timeouts=Timeouts(deadline=20)) as soap:
            try:
                await soap.submit(message)
                outcome: BaseException | None = None
            except SendError as error:
                outcome = error
    if isinstance(outcome, NotSent):
        assert not server.requests
        assert isinstance(outcome, TlsError) == (
            name in {"tls_untrusted", "tls_expired", "tls_not_yet_valid", "tls_wrong_name"}
        )
    assert len(server.requests) <= 1 or isinstance(outcome, RateLimited | Rejected | None)
    logged = "\n".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records)
    told = logged + ("" if outcome is None else shown(outcome))
    assert not [word for word in WORDS if word in told]


@pytest.mark.parametrize("turns", range(40))
async def test_cancellation_at_every_await(turns: int, no_tasks_left: None) -> None:
    """Cancelled after any number of loop turns: it surfaces, and the client is as good as new."""
    script = Script.of(GOOD)
    async with raw_server(script) as url, client([url], timeouts=Timeouts(deadline=5)) as soap:
        task = asyncio.create_task(soap.submit(MESSAGE))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError | Submission)
        assert isinstance(await soap.submit(MESSAGE), Submission)
    assert len(script.bodies) <= 2


async def test_closing_the_session_tells_what_is_known() -> None:
    life = Life()
    script = Script.of("hang")
    async with raw_server(script) as url, client([url], life=life) as soap:
        task = asyncio.create_task(soap.send_individual([Recipient(to=TO, text="a"), Recipient(to=TO, text="b")]))
        while not script.bodies:
            await asyncio.sleep(0)
        await life.close(1.0)
        life.closed()
        reply = await task
        assert [type(one) for one in reply.outcomes] == [OutcomeUnknown, NotSent]
        with pytest.raises(NotSent) as caught:
            await soap.submit(MESSAGE)
        assert caught.value.reason == "closed"


# --- before any I/O


@pytest.mark.parametrize(
    "arguments,field",
    [
        ({"text": "a\x01b"}, "text"),
        ({"originator": "no\x02"}, "originator"),
        ({"start_at": "a\nb"}, "start_at"),
        ({"latin": "yes"}, "latin"),
        ({"flash": True, "text": "щ" * 71}, "text"),
        ({"max_parts": 1, "text": "щ" * 71}, "text"),
        ({"max_parts": 0}, "max_parts"),
        ({"validity": 90_000}, "validity"),
        ({"recipients": []}, "recipients"),
        ({"recipients": ["12"]}, "to"),
        ({"recipients": [Recipient(to=TO, text="own")]}, "text"),
        ({"recipients": [Recipient(to=TO, push_id="5")]}, "push_id"),
    ],
)
async def test_refused_before_any_io(arguments: dict[str, Any], field: str) -> None:
    async with client(["http://127.0.0.1:9"]) as soap:
        with pytest.raises(InvalidMessage) as caught:
            await soap.send_bulk(**{"recipients": TO, "text": TEXT, **arguments})
    assert caught.value.field == field
    assert not [word for word in WORDS if word in shown(caught.value)]


@pytest.mark.parametrize(
    "options",
    [{"key": "k"}, {"tracking_data": "t"}, {"params": {"a": "b"}}, {"batch_name": "b"}],
)
async def test_options_that_soap_does_not_carry(options: dict[str, Any]) -> None:
    async with client(["http://127.0.0.1:9"]) as soap:
        with pytest.raises(InvalidMessage, match="HTTP v2 can"):
            await soap.submit(Message(to=TO, text=TEXT, **options))
        with pytest.raises(InvalidMessage):
            await soap.send_individual(Recipient(to=TO))
        with pytest.raises(NotSent):
            await soap.submit(MESSAGE)


async def test_the_guard_of_live_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "79990001122")
    async with client(["http://127.0.0.1:9"]) as soap:
        with pytest.raises(NotSent) as caught:
            await soap.send_bulk(["79990001122", TO], TEXT)
    assert caught.value.reason == "guarded"
    assert TO not in shown(caught.value)


async def test_credentials_are_needed() -> None:
    with pytest.raises(ConfigurationError, match="XML has no place"):
        async with client(["http://127.0.0.1:9"], password="a\ufffeb"):
            pass
    settings = Settings()
    clock, telemetry = VirtualClock(), Telemetry()
    with pytest.raises(ConfigurationError, match="needs login="):
        Soap(
            settings,
            pool=HttpPool(settings, telemetry=telemetry),
            nodes=NodeSet(["soap.smstraffic.ru"], policy=settings.retry, clock=clock),
            pauses=Pauses(),
            clock=clock,
            telemetry=telemetry,
        )


async def test_queries_that_fail() -> None:
    async with raw_server(Script.of(status("400 Bad Request", SENDER))) as url, client([url]) as soap:
        with pytest.raises(RequestRefused):
            await soap.balance()
        with pytest.raises(RequestRefused):
            await soap.statuses(["1"])
        with pytest.raises(ConfigurationError):
            await soap.statuses(["1"], chunk=0)
        with pytest.raises(InvalidMessage):
            await soap.statuses(["1,2"])


async def test_six_thousand_infos_in_one_answer() -> None:
    numbers = [str(79160000000 + index) for index in range(6000)]
    infos = "".join(accepted(number, str(10**18 + index)) for index, number in enumerate(numbers))
    async with raw_server(Script.of(sms_response(infos, text="queued 6000 messages"))) as url, client([url]) as soap:
        reply = await soap.send_bulk(numbers, "x")
        assert reply.requests == 1
        assert [one.message_id for one in reply.accepted] == [str(10**18 + index) for index in range(6000)]


async def test_on_unknown_is_one_of_two() -> None:
    async with client(["http://127.0.0.1:9"]) as soap:
        wrong: Any = "retry"
        with pytest.raises(ConfigurationError, match="on_unknown is"):
            await soap.send_bulk("79161112233", "a", on_unknown=wrong)
