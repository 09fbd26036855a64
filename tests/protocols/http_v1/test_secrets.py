"""No log, repr, error or traceback with locals shows login's password, a number or a text."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import pytest

from sms_traffic_async.errors import InvalidMessage, SmsTrafficError
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.http_v1 import Recipient
from sms_traffic_async.protocols.http_v1.form import quote
from tests.protocols.http.kit import response
from tests.protocols.http_v1.kit import PASSWORD, PHONE, TEXT, desk, ok, refusal, xml
from tests.support.exposure import pickled, shown
from tests.support.virtual_loop import virtual

pytestmark = virtual

OTHER = "79261112233"
WORDS = (
    PASSWORD, quote(PASSWORD, "cp1251"), quote(PASSWORD, "utf-8"), PHONE, OTHER, TEXT, quote(TEXT, "utf-8"), TEXT[:9],
)  # fmt: skip
MESSAGE = Message(to=PHONE, text=TEXT)


def told(text: str) -> list[str]:
    return [word for word in WORDS if word in text]


@pytest.fixture
def every_log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "asyncio", "sms_traffic_async"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


ANSWERS = {
    "ok": ok((PHONE, "1")),
    "echo": refusal(424, f'Message "{TEXT}" for phone "{PHONE}" is too long'),
    "blocked": refusal(432, f"blocked phone: {PHONE}. No messages has been sent"),
    "unknown code": refusal(777, f'"{TEXT}" of {PHONE}'),
    "1000": refusal(1000, f"Temporary error: {PHONE}"),
    "hung up": b"",
    "429": response(TEXT.encode(), status="429 Too Many Requests", headers="Retry-After: 600\r\n"),
    "502": response(TEXT.encode(), status="502 Bad Gateway"),
    "401": response(TEXT.encode(), status="401 Unauthorized"),
    "garbage": b"\x16\x03\x01" + TEXT.encode() + b"\r\n\r\n",
    "broken xml": xml(f"<reply><description>{TEXT} {PHONE}</reply>"),
    "dtd": xml(f'<!DOCTYPE r [<!ENTITY a "{TEXT}">]><reply>&a;</reply>', head=""),
    "too deep": xml(f"<reply>{'<a>' * 20}{TEXT}"),
    "not a reply": xml(f"<html>{TEXT}</html>"),
}


@pytest.mark.parametrize("on_unknown", ["raise", "resend"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_whatever_comes(answer: bytes, on_unknown: Any, every_log: pytest.LogCaptureFixture) -> None:
    errors: list[BaseException] = []
    results: list[Any] = []
    async with desk(answer, on_unknown=on_unknown) as one:
        for call in (
            lambda: one.v1.submit(MESSAGE, timeout=5.0),
            lambda: one.v1.send([PHONE, OTHER], TEXT, isolate=True, timeout=5.0),
            lambda: one.v1.send(
                [Recipient(to=PHONE, text=TEXT, push_id="a"), Recipient(to=OTHER, text="b")], timeout=5.0
            ),
            lambda: one.v1.send_group("g", TEXT, timeout=5.0),
            lambda: one.v1.balance(timeout=5.0),
            lambda: one.v1.statuses(["1"], timeout=5.0),
            lambda: one.v1.mark_checked(["1"], timeout=5.0),
            lambda: one.v1.incoming(sender=PHONE, timeout=5.0),
            lambda: one.v1.lists.add_members(1, [PHONE], timeout=5.0),
            lambda: one.v1.lists.get(1, timeout=5.0),
        ):
            try:
                results.append(await call())
            except SmsTrafficError as error:
                errors.append(error)
        events = repr(one.events)
        assert all("?" not in form.line for form in one.forms), "nothing is part of a URL"
    errors += [error for reply in results for error in getattr(reply, "errors", ())]
    assert every_log.records, "nothing was logged, so nothing was tested"
    assert not told("\n".join(f"{record.getMessage()} {record.args!r}" for record in every_log.records))
    assert not told(repr(results))
    assert not told(events)
    for problem in errors:
        assert not told(shown(problem)), repr(problem)
        # The evidence keeps the number, unprinted: it is what a search would need.
        assert not told(str(pickled(problem)))
    assert TEXT not in pickle.dumps(errors).decode("latin-1")


@pytest.mark.parametrize(
    "arguments",
    [
        {"recipients": [PHONE, OTHER + "1"]},
        {"recipients": PHONE, "rus": 1, "text": TEXT + "漢"},
        {"recipients": PHONE, "flash": True, "text": TEXT * 9},
        {"recipients": PHONE, "max_parts": 1, "text": TEXT * 9},
        {"recipients": [Recipient(to=PHONE, text=TEXT), OTHER], "delimiter": "к", "text": "b"},
        {"recipients": PHONE, "extra": {"login": PASSWORD}},
        {"recipients": PHONE, "text": TEXT + "\0"},
    ],
)
async def test_a_refusal_before_io_shows_nothing_either(arguments: dict[str, Any]) -> None:
    async with desk(ok()) as one:
        with pytest.raises(InvalidMessage) as caught:
            await one.v1.send(**({"text": TEXT} | arguments))
    assert not told(shown(caught.value))
    with pytest.raises(InvalidMessage) as made:
        Recipient(to=PHONE + "99999", text=TEXT)
    assert not told(shown(made.value))


async def test_nor_do_the_lists() -> None:
    async with desk(ok()) as one:
        for call in (one.v1.lists.add_members, one.v1.lists.remove_members):
            with pytest.raises(InvalidMessage) as caught:
                await call(1, [PHONE, OTHER, PHONE + "x"])
            assert not told(shown(caught.value))
