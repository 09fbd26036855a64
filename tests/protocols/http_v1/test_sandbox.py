"""The client against the sandbox, which reads requests by itself and strictly by the document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import InvalidRecipient, OutcomeUnknown, RequestRefused
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.http_v1 import Recipient
from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox, ServerError, Temporary
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Credentials, OnUnknown
from tests.protocols.http_v1.kit import Desk, desk
from tests.support.virtual_loop import VirtualClock, virtual

START = datetime(2025, 12, 18, 12, 0, tzinfo=timezone(timedelta(hours=3)))
ONE, TWO, BLOCKED = "79161112233", "79261112233", "79161119432"

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False, login="mylogin", password="mypassword") as opened:
        yield opened
        assert not list(opened.findings), "the client's requests are by the document"


@pytest_asyncio.fixture
async def one(sandbox: Sandbox) -> AsyncIterator[Desk]:
    credentials = Credentials(login="mylogin", password=Secret("mypassword"))
    clock = VirtualClock(wall=START.timestamp())
    async with desk(b"", urls=list(sandbox.urls), credentials=credentials, clock=clock) as opened:
        yield opened


async def test_a_message_to_its_final_status(sandbox: Sandbox, one: Desk) -> None:
    sent = await one.v1.submit(Message(to=ONE, text="Ваш код 1234 " * 8))
    assert len(sent.message_ids) == sent.parts == 2, "an id for each part"
    await sandbox.advance(timedelta(minutes=5))
    reply = await one.v1.statuses([*sent.message_ids, "17"])
    assert [update.message_id for update in reply.found] == list(sent.message_ids)
    assert all(update.is_delivered for update in reply.found)
    assert reply.missing == ("17",)
    assert (await one.v1.mark_checked([*sent.message_ids, "10000017"])).updated == sent.message_ids
    (update,) = (await one.v1.statuses(sent.message_ids[:1])).found
    assert update.status == "Checked"


async def test_many_texts_of_their_own(sandbox: Sandbox, one: Desk) -> None:
    texts = ["две\r\nстроки\nи ещё", "plain & simple = 100 %", "ABC " * 60, "[] {} €"]
    recipients = [Recipient(to=f"7916111220{number}", text=text) for number, text in enumerate(texts)]
    reply = await one.v1.send(recipients)
    assert [len(sent.message_ids) for sent in reply.accepted] == [1, 1, 2, 1]
    taken: dict[str, str] = {}
    for stored in sandbox.messages:
        taken.setdefault(stored.to, stored.text)
    assert taken["79161112200"] == texts[0]
    assert taken["79161112201"] == texts[1]
    assert taken["79161112203"] == texts[3]


async def test_a_scheduled_message(sandbox: Sandbox, one: Desk) -> None:
    sent = await one.v1.submit(Message(to=ONE, text="a", start_at=START + timedelta(hours=1)))
    assert sent.message_ids == ()
    assert len(sandbox.messages) == 1


async def test_one_bad_number_among_good_ones(sandbox: Sandbox, one: Desk) -> None:
    reply = await one.v1.send([ONE, BLOCKED, TWO], "a")
    assert all(isinstance(error, InvalidRecipient) for error in reply.errors)
    assert [stored.to for stored in sandbox.messages] == []
    reply = await one.v1.send([ONE, BLOCKED, TWO], "a", isolate=True)
    assert [isinstance(outcome, Submission) for outcome in reply.outcomes] == [True, False, True]
    assert sorted(message.to for message in sandbox.messages) == [ONE, TWO]


async def test_lists_and_groups(sandbox: Sandbox, one: Desk) -> None:
    lists = await one.v1.lists.all()
    assert "клиенты" in [found.name for found in lists]
    group = next(found for found in lists if found.name == "клиенты")
    await one.v1.lists.add_members(group.id, [ONE, TWO])
    again = await one.v1.lists.get(group.id)
    assert again is not None
    assert again.id == group.id
    reply = await one.v1.send_group("клиенты", "тест")
    assert {ONE, TWO} <= {message.to for message in sandbox.messages}
    assert reply.queued == len(reply.parts)
    await one.v1.lists.remove_members(group.id, [TWO])


async def test_balance_and_a_wrong_password(sandbox: Sandbox, one: Desk) -> None:
    assert (await one.v1.balance()).amount > 0
    wrong = Credentials(login="mylogin", password=Secret("wrong"))
    async with desk(b"", urls=list(sandbox.urls), credentials=wrong) as other:
        with pytest.raises(RequestRefused) as caught:
            await other.v1.balance()
    assert caught.value.code == 411


@pytest.mark.parametrize("on_unknown", ["raise", "resend"])
@pytest.mark.parametrize(
    "effect, taken",
    [
        (Drop(when="before"), 0),
        (Drop(when="after"), 1),
        (ServerError(status=502, when="after"), 1),
        (Temporary(when="before"), 0),
    ],
)
async def test_faults_of_the_platform(
    sandbox: Sandbox, one: Desk, effect: Any, taken: int, on_unknown: OnUnknown
) -> None:
    sandbox.faults.add(FaultRule(effect=effect, times=1))
    outcome: object
    try:
        outcome = await one.v1.submit(Message(to=ONE, text="a"), on_unknown=on_unknown)
    except OutcomeUnknown as error:
        outcome = error
    refused = isinstance(effect, Temporary)
    accepts = len(sandbox.messages)
    if on_unknown == "raise" and not refused:
        assert isinstance(outcome, OutcomeUnknown)
        assert accepts == taken
    else:
        assert isinstance(outcome, Submission)
        assert accepts == 1 + taken


async def test_a_message_of_v1_is_in_the_reports_of_v2(sandbox: Sandbox, one: Desk) -> None:
    sent = await one.v1.submit(Message(to=ONE, text="a"))
    await sandbox.advance(timedelta(minutes=5))
    async with SmsTraffic(**sandbox.client_options()) as sms:
        found = await sms.v2.statuses(sent.message_ids)
    assert [update.message_id for update in found.found] == list(sent.message_ids)
