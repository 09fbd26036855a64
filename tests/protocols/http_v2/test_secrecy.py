"""Nothing that can be logged shows the token, a number or a text, at whatever stage a call fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import OutcomeUnknown, SendError, SmsTrafficError
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.http_v2 import Destination
from tests.protocols.http_v2.script import API_KEY, LOST, VANISHED, Step, client, platform
from tests.support.exposure import pickled, shown
from tests.support.servers import NAMES, misbehaving
from tests.support.virtual_loop import virtual

pytestmark = virtual

SECRET = API_KEY.partition("/")[2]
TO = "79161112233"
TEXT = "Никому не говорите код QZ-81-XV"
TELLING = (SECRET, TO, TEXT, "QZ-81-XV", "говорите")


def told(text: str) -> list[str]:
    return [word for word in TELLING if word in text]


Call = Callable[[SmsTraffic], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "message": lambda sms: sms.send(Message(to=TO, text=TEXT), timeout=5.0),
    "request": lambda sms: sms.v2.send([Destination(to=TO, text=TEXT)], timeout=5.0),
    "common text": lambda sms: sms.v2.send(TO, TEXT, timeout=5.0),
    "balance": lambda sms: sms.v2.balance(timeout=5.0),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", NAMES)
async def test_no_failure_shows_anything(name: str, call: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with misbehaving(name) as server, platform() as one:
        from sms_traffic_async.settings import HttpOptions

        http = HttpOptions(ssl_context=server.ssl_context)
        async with client(one, nodes=[server.base_url], http=http) as sms:
            failure: SmsTrafficError | None = None
            try:
                result = await CALLS[call](sms)
            except SmsTrafficError as error:
                failure = error
            else:
                assert not told(repr(result))
            if failure is not None:
                assert not told(shown(failure)), name
                assert not told(str(pickled(failure)))
            assert not told(repr(sms.stats.snapshot()))
    assert not told("\n".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records))


REFUSALS = [
    Step(code=432),
    Step(code=415),
    Step(code=1000),
    Step(code=105),
    Step(status=401),
    Step(status=403),
    Step(status=429),
    Step(status=502, body=f"{TO} {TEXT}".encode()),
    Step(body=f'{{"echo":"{TO} {TEXT}"}}'.encode()),
    Step(body=f"HTTP {TO}".encode()),
    VANISHED,
    LOST,
    Step(accept=True, rows=lambda rows: [rows[0] | {"error": {"code": 437, "message": f"too long: {TEXT}"}}]),
    Step(accept=True, rows=lambda rows: [rows[0] | {"error": {"code": 9999, "message": f'"{TEXT}" for {TO}'}}]),
]


@pytest.mark.parametrize("step", REFUSALS, ids=[str(number) for number in range(len(REFUSALS))])
@pytest.mark.parametrize("call", ["message", "request", "common text"])
async def test_no_refusal_shows_anything(step: Step, call: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with platform() as one, client(one) as sms:
        one.script = {1: [step] * 20, 2: [step] * 20}
        try:
            reply = await CALLS[call](sms)
        except SendError as error:
            errors: list[SendError] = [error]
        else:
            assert not told(repr(reply))
            errors = list(getattr(reply, "errors", ()))
        for one_error in errors:
            assert not told(shown(one_error))
            if isinstance(one_error, OutcomeUnknown):
                assert not told(repr(one_error.evidence))
    assert not told("\n".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records))


@pytest.mark.parametrize("call", CALLS)
async def test_no_cancellation_shows_anything(call: str) -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(end="hang")]
        one.queries[1] = [Step(end="hang")]
        task = asyncio.ensure_future(CALLS[call](sms))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert not told(shown(caught.value))


@pytest.mark.parametrize(
    "arguments",
    [
        {"destinations": [TO], "text": TEXT * 99, "max_parts": 1},
        {"destinations": [TO], "text": TEXT + "\ud800"},
        {"destinations": [TO], "text": TEXT, "originator": "a far too long name"},
        {"destinations": [TO + "000000"], "text": TEXT},
        {"destinations": [TO], "text": TEXT, "tracking_data": TO * 5},
        {"destinations": [Destination(to=TO, text=TEXT)], "max_parts": 0},
    ],
)
async def test_no_refused_argument_is_shown(arguments: dict[str, Any]) -> None:
    async with platform() as one, client(one) as sms:
        with pytest.raises(SmsTrafficError) as caught:
            await sms.v2.send(**arguments)
    assert not told(shown(caught.value))


async def test_no_url_holds_anything() -> None:
    async with platform() as one, client(one) as sms:
        sent = await sms.send(TO, TEXT)
        await sms.v2.statuses([sent.message_id or ""], tracking_data=[TO])
        await sms.v2.mark_checked([sent.message_id or ""])
        await sms.balance()
    assert {got.line for got in one.got} == {
        "POST /v2/send HTTP/1.1",
        "POST /v2/statuses/list HTTP/1.1",
        "POST /v2/statuses/checked HTTP/1.1",
        "GET /v2/account HTTP/1.1",
    }
    assert {got.headers["authorization"] for got in one.got} == {f"Bearer {API_KEY}"}


async def test_the_guard_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", "70000000000")
    async with platform() as one, client(one) as sms:
        for call in ("request", "common text"):
            with pytest.raises(SendError) as caught:
                await CALLS[call](sms)
            assert not told(shown(caught.value))
        with pytest.raises(SendError) as caught:
            await sms.v2.submit(Message(to=TO, text=TEXT))
        assert not told(shown(caught.value))
