"""What is answered to each push, without a server: `await receiver.status(body, headers, peer)`."""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

import pytest

from sms_traffic_async import Secret
from sms_traffic_async.protocols.pushes import InboundPush, StatusPush
from sms_traffic_async.telemetry import Telemetry
from sms_traffic_async.webhooks import HandlerFailed, Incoming, PushReceived, Receiver, Reply, WebhookOptions
from sms_traffic_async.webhooks.exchange import once
from tests.protocols.pushes.examples import FORM_PUSH, JSON_PUSH
from tests.support.virtual_loop import VirtualClock, virtual
from tests.webhooks.kit import FORM, JSON, LOCAL, SECRET, Application, statuses

pytestmark = virtual

MESSAGE = "message=Где заказ?&phone=79161112233&sms_id=5269156759"


def receiver(application: Application, **options: Any) -> Receiver:
    return Receiver(secret=SECRET, options=WebhookOptions(**options), clock=VirtualClock(), **application.handlers)


async def test_the_documents_examples(application: Application) -> None:
    webhooks = receiver(application)
    assert (await webhooks.status(JSON_PUSH, JSON, LOCAL, secret=SECRET)).status == 200
    assert (await webhooks.status(FORM_PUSH, FORM, LOCAL, secret=SECRET)).status == 200
    assert application.seen == [("8049537157380826112", "Delivered"), ("15166254108", "Delivered")]


async def test_one_url_for_everything(application: Application) -> None:
    webhooks = receiver(application)
    for body, headers in ((JSON_PUSH, JSON), (FORM_PUSH, FORM), (MESSAGE.encode("cp1251"), FORM)):
        assert (await webhooks.push(body, headers, LOCAL, secret=SECRET)).status == 200
    assert len(application.updates) == 2
    assert application.messages[0].text == "Где заказ?"
    assert application.messages[0].received_at == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert application.bad == []


async def test_204_is_for_statuses_only(application: Application) -> None:
    webhooks = receiver(application, status_reply=204)
    reply = await webhooks.status(JSON_PUSH, JSON, LOCAL, secret=SECRET)
    assert (reply.status, reply.body, reply.all_headers()) == (204, b"", {})
    reply = await webhooks.inbound(MESSAGE.encode(), FORM, LOCAL, secret=SECRET)
    assert reply.status == 200


async def test_inbound_is_answered_exactly_200_plain(application: Application) -> None:
    reply = await receiver(application).inbound(b"", {}, LOCAL, secret=SECRET, query=MESSAGE.encode("cp1251"))
    assert reply == Reply(status=200, body=b"", content_type="text/plain; charset=windows-1251")
    reply = await receiver(application, inbound_reply="OK").inbound(MESSAGE.encode(), FORM, LOCAL, secret=SECRET)
    assert reply == Reply(status=200, body=b"OK", content_type="text/plain; charset=utf-8")


@pytest.mark.parametrize("charset", ["windows-1251", "utf-8"])
async def test_a_short_number_answers_in_the_messages_charset(application: Application, charset: str) -> None:
    application.reply = "Баланс: 5 №"
    body = (MESSAGE + "&shortcode=1234").encode(charset)
    reply = await receiver(application).short_number(body, FORM, LOCAL, secret=SECRET)
    assert reply == Reply(status=200, body="Баланс: 5 №".encode(charset), content_type=f"text/plain; charset={charset}")


@pytest.mark.parametrize(
    "returned, body, lost",
    [
        (None, b"", 0),
        ("", b"", 0),
        (5, b"", 0),
        ("<b>5</b>", b"<b>5</b>", 0),
        ("☃ Снег", "? Снег".encode("cp1251"), 1),
        ("я" * 20_000, "я".encode("cp1251") * 17_085, 0),
    ],
)
async def test_what_a_short_number_may_return(returned: Any, body: bytes, lost: int) -> None:
    async def reply_to(message: object) -> Any:
        return returned

    webhooks = Receiver(secret=SECRET, short_number=reply_to)
    reply = await webhooks.push(b"message=a&phone=7&shortcode=1", FORM, LOCAL, secret=SECRET)
    assert reply.body == body
    assert webhooks.stats.snapshot().get("webhooks.reply_characters_lost", 0) == lost


async def test_the_same_reply_for_a_repeated_id(application: Application) -> None:
    webhooks = receiver(application)
    body = (MESSAGE + "&shortcode=1234").encode("cp1251")
    first = await webhooks.push(body, FORM, LOCAL, secret=SECRET)
    again = await webhooks.push(body, FORM, LOCAL, secret=SECRET)
    forged = await webhooks.push(body.replace(b"79161112233", b"79160000000"), FORM, LOCAL, secret=SECRET)
    other = await webhooks.push(body.replace(b"5269156759", b"1"), FORM, LOCAL, secret=SECRET)
    assert first == again == forged
    assert first.body.decode("cp1251") == "Ответ 1"
    assert other.body.decode("cp1251") == "Ответ 2"
    assert len(application.messages) == 2
    assert webhooks.stats.snapshot()["webhooks.inbound_repeated"] == 2


async def test_without_an_id_every_message_is_new(application: Application) -> None:
    webhooks = receiver(application)
    for _ in range(2):
        await webhooks.push(b"message=a&phone=7", FORM, LOCAL, secret=SECRET)
    assert len(application.messages) == 2


async def test_who_remembers_replies_forgets_the_oldest(application: Application) -> None:
    webhooks = receiver(application, remembered_replies=2)
    for sms_id in (1, 2, 3, 3, 2, 1):
        await webhooks.push(f"message=a&phone=7&sms_id={sms_id}".encode(), FORM, LOCAL, secret=SECRET)
    assert [message.message_id for message in application.messages] == ["1", "2", "3", "1"]


async def test_without_a_short_number_handler_inbound_gets_it(application: Application) -> None:
    webhooks = Receiver(secret=SECRET, inbound=application.inbound)
    reply = await webhooks.push(b"message=a&phone=7&shortcode=1", FORM, LOCAL, secret=SECRET)
    assert (reply.status, reply.body) == (200, b"")
    assert application.messages[0].short_number == "1"


async def test_the_path_may_say_short_number_where_the_template_does_not(application: Application) -> None:
    reply = await receiver(application).short_number(b"message=a&phone=7", FORM, LOCAL, secret=SECRET)
    assert reply.body.decode("cp1251") == "Ответ 1"


@pytest.mark.parametrize("given, status", [("hidden-word", 200), ("hidden-wor", 404), ("", 404), (None, 404)])
async def test_the_short_numbers_password(application: Application, given: str | None, status: int) -> None:
    webhooks = receiver(application, short_number_password="hidden-word")
    body = "message=a&phone=7&shortcode=1" + ("" if given is None else f"&password={given}")
    assert (await webhooks.push(body.encode(), FORM, LOCAL, secret=SECRET)).status == status
    assert len(application.messages) == (status == 200)
    assert (await webhooks.push(b"message=a&phone=7", FORM, LOCAL, secret=SECRET)).status == 200  # inbound has none


async def test_a_bad_item_does_not_lower_the_rate_of_the_rest(application: Application) -> None:
    webhooks = receiver(application)
    body = b'[{"sms_id":"1","status":"Read"},{"sms_id":1.5},{"sms_id":"2","status":"Read"}]'
    assert (await webhooks.status(body, JSON, LOCAL, secret=SECRET)).status == 200
    assert application.seen == [("1", "Read"), ("2", "Read")]
    assert [bad.raw for bad in application.bad] == [{"sms_id": 1.5}]
    assert webhooks.stats.snapshot()["webhooks.bad_items"] == 1


@pytest.mark.parametrize("body", [b"[[[", b"garbage", b"message=a", b'"x"', b"\x00\xff"])
async def test_what_cannot_be_read_is_set_aside_and_answered_200(application: Application, body: bytes) -> None:
    assert (await receiver(application).push(body, {}, LOCAL, secret=SECRET)).status == 200
    assert len(application.bad) == 1


async def test_a_quarantine_that_fails_changes_no_answer(application: Application) -> None:
    async def broken(bad: object) -> None:
        raise RuntimeError

    webhooks = Receiver(secret=SECRET, statuses=application.statuses, quarantine=broken)
    assert (await webhooks.status(b"[5]", JSON, LOCAL, secret=SECRET)).status == 200
    assert webhooks.stats.snapshot()["webhooks.quarantine_failures"] == 1


async def test_a_url_that_is_tried_out(application: Application) -> None:
    webhooks = receiver(application)
    assert (await webhooks.push(b"", {}, LOCAL, secret=SECRET)).status == 200
    assert application.bad == []
    assert webhooks.stats.snapshot() == {"webhooks.empty": 1}


async def test_a_kind_that_nobody_takes(application: Application) -> None:
    webhooks = Receiver(secret=SECRET, statuses=application.statuses)
    for reply in (
        await webhooks.push(MESSAGE.encode(), FORM, LOCAL, secret=SECRET),
        await webhooks.inbound(MESSAGE.encode(), FORM, LOCAL, secret=SECRET),
        await webhooks.short_number(MESSAGE.encode(), FORM, LOCAL, secret=SECRET),
        await Receiver(secret=SECRET, inbound=application.inbound).push(JSON_PUSH, JSON, LOCAL, secret=SECRET),
    ):
        assert reply.status == 404
    assert application.messages == []


async def test_hooks_hear_of_every_push(application: Application) -> None:
    events: list[Any] = []
    webhooks = Receiver(
        secret=SECRET, telemetry=Telemetry(hooks=(events.append,)), clock=VirtualClock(), **application.handlers
    )
    await webhooks.status(JSON_PUSH, JSON, LOCAL, secret=SECRET)
    await webhooks.status(b"[5]", JSON, LOCAL, secret="wrong")
    await webhooks.push(b"message=a&phone=7", FORM, LOCAL, secret=SECRET)
    assert events == [
        PushReceived(kind="statuses", status=200, items=1, bad=0, seconds=0),
        PushReceived(kind="statuses", status=404, items=0, bad=0, seconds=0),
        PushReceived(kind="inbound", status=200, items=1, bad=0, seconds=0),
    ]


async def test_hooks_hear_what_a_handler_raised(application: Application) -> None:
    events: list[Any] = []
    webhooks = Receiver(secret=SECRET, telemetry=Telemetry(hooks=(events.append,)), **application.handlers)
    application.broken = True
    await webhooks.push(b"message=private-text&phone=7", FORM, LOCAL, secret=SECRET)
    failed = events[0]
    assert isinstance(failed, HandlerFailed)
    assert failed.kind == "inbound"
    assert str(failed.error) == "the database is away"
    assert "away" not in repr(failed)


async def test_reading_alone(application: Application) -> None:
    webhooks = receiver(application)

    def incoming(body: bytes, kind: Any = None, secret: str = SECRET) -> Incoming:
        return Incoming(
            kind=kind, secrets=(secret,), method="POST", query=b"", headers={}, peer=LOCAL, chunks=once(body)
        )

    push = await webhooks.statuses_of(incoming(JSON_PUSH))
    assert isinstance(push, StatusPush)
    assert len(push.updates) == 1
    assert await webhooks.statuses_of(incoming(b"garbage")) == StatusPush(bad=tuple(application.bad))
    assert await webhooks.statuses_of(incoming(b"message=a&phone=7")) == StatusPush()
    assert isinstance(await webhooks.message_of(incoming(b"message=a&phone=7")), InboundPush)
    assert await webhooks.message_of(incoming(JSON_PUSH)) is None
    assert isinstance(await webhooks.message_of(incoming(b"", secret="wrong")), Reply)
    assert application.calls == []
    assert webhooks.options.max_items == 1_000
    assert webhooks.gate.secrets == (Secret(SECRET),)


async def test_logs_show_nothing_personal_and_do_not_flood(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    webhooks = receiver(application, short_number_password="hidden-word")
    application.broken = True
    personal = b"message=private-text&phone=79161112233&sms_id=4444444444&password=bad-guess"
    for _ in range(200):
        await webhooks.push(personal, FORM, LOCAL, secret=SECRET)
        await webhooks.push(personal + b"&shortcode=1", FORM, LOCAL, secret=SECRET)
        await webhooks.push(b'[{"sms_id":"4444444444","status":"Read","phone_number":"79161112233"},{}]', JSON, LOCAL,
                            secret=SECRET)  # fmt: skip
        await webhooks.push(b"private-text 79161112233", FORM, LOCAL, secret=SECRET)
        await webhooks.push(b"", FORM, LOCAL, secret="wrong-guess")
    assert 3 <= len(caplog.records) < 20
    for word in ("private-text", "79161112233", "4444444444", "hidden-word", "bad-guess", "wrong-guess", SECRET):
        assert word not in caplog.text
    assert webhooks.stats.snapshot()["webhooks.refused_secret"] == 200


async def test_the_lid_on_complaints_opens_after_a_minute(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    webhooks = receiver(application)
    clock = VirtualClock()
    for _ in range(3):
        await webhooks.push(b"", FORM, LOCAL, secret="wrong")
    await clock.sleep(61)
    await webhooks.push(b"", FORM, LOCAL, secret="wrong")
    assert [record.getMessage() for record in caplog.records] == [
        "pushes were refused: wrong secret",
        "pushes were refused: wrong secret (and 2 times more)",
    ]


async def test_statuses_of_one_call_in_any_order(application: Application) -> None:
    webhooks = receiver(application)
    await webhooks.status(statuses(("1", "Delivered"), ("1", "Buffered SMSC"), ("1", "")), JSON, LOCAL, secret=SECRET)
    assert application.seen == [("1", "Delivered")]
    await webhooks.status(statuses(("2", ""), ("2", ""), ("2", "Read")), JSON, LOCAL, secret=SECRET)
    assert application.seen[1:] == [("2", ""), ("2", "Read")]
    counted = webhooks.stats.snapshot()
    assert (counted["webhooks.statuses_stale"], counted["webhooks.statuses_duplicate"]) == (2, 1)


async def test_a_session_that_orders_by_itself_gets_everything(application: Application) -> None:
    webhooks = receiver(application, ordered=False)
    for _ in range(2):
        await webhooks.status(statuses(("1", "Delivered"), ("1", "Expired")), JSON, LOCAL, secret=SECRET)
    assert application.seen == [("1", "Delivered"), ("1", "Expired")] * 2
