"""Short ways of v1: guards and bad texts behind a busy slot, a time to live in the queue, and rows without a date."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from sms_traffic_async.errors import InvalidMessage, NotSent
from sms_traffic_async.messages import Message
from sms_traffic_async.protocols.http_v1 import Recipient
from sms_traffic_async.protocols.http_v1.arguments import individual_request
from sms_traffic_async.protocols.http_v1.batching import V1Item, shared_request
from sms_traffic_async.protocols.http_v1.models import Member, SendOptions, SendRequest
from sms_traffic_async.protocols.lanes import Lane
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http_v1.kit import PHONE, Form, desk, ok, xml
from tests.support.virtual_loop import virtual

pytestmark = virtual

OTHER = "79261112233"


async def test_the_guard_holds_behind_a_busy_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that would share the next request is refused as one that goes alone."""
    monkeypatch.setenv("SMS_TRAFFIC_ONLY_TO", PHONE)
    async with desk(ok((PHONE, "1")), http=HttpOptions(in_flight=1)) as one:
        first = asyncio.create_task(one.v1.submit(Message(to=PHONE, text="a")))
        await asyncio.sleep(0)
        with pytest.raises(NotSent) as caught:
            await one.v1.submit(Message(to=OTHER, text="a"))
        await first
    assert (caught.value.reason, len(one.forms)) == ("guarded", 1)


async def test_a_time_to_live_ends_in_the_queue() -> None:
    """Nothing begins after it, although the caller would have waited longer."""
    async with desk(ok((PHONE, "1")), http=HttpOptions(in_flight=1)) as one:
        await one.pool.places.acquire()
        first = asyncio.create_task(one.v1.submit(Message(to=PHONE, text="a"), timeout=60.0))
        await asyncio.sleep(0)
        late = asyncio.create_task(one.v1.submit(Message(to=PHONE, text="b", expires_in=5.0), timeout=60.0))
        await asyncio.sleep(6.0)
        one.pool.places.release()
        await first
        with pytest.raises(NotSent) as caught:
            await late
    assert caught.value.reason == "expired"
    assert [form.fields()["message"] for form in one.forms] == ["a"]


async def test_texts_of_their_own_without_ids() -> None:
    """No push_id goes out where no id is wanted back."""
    async with desk(ok(queued=2)) as one:
        reply = await one.v1.send([Recipient(to=PHONE, text="a"), Recipient(to=OTHER, text="b")], want_ids=False)
    assert [outcome.message_ids for outcome in reply.accepted] == [(), ()]
    (fields,) = [form.fields() for form in one.forms]
    pieces = fields["phones"].split(fields["delimiter"])
    assert [piece.strip() for piece in pieces if piece.strip()] == [f"{PHONE} a", f"{OTHER} b"]


async def test_texts_that_no_delimiter_divides_are_never_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen random letters a hundred times over; were each of them in a text, nothing would be sent."""
    known = uuid.UUID(int=7)
    monkeypatch.setattr(uuid, "uuid4", lambda: known)
    text = f"Z{known.hex[:16].upper()}Q"
    options = SendOptions(rus=0)
    members = [Member(index=place, key=str(place), to=PHONE, text=text) for place in range(2)]
    assert isinstance(individual_request(members, options), InvalidMessage)
    items = [
        V1Item(SendRequest(members=(member,), options=options), "raise", lane=Lane.SEND, limit=1.0, deadline=1.0)
        for member in members
    ]
    with pytest.raises(InvalidMessage, match="delimiter"):
        shared_request(items)


@pytest.mark.parametrize("asked", [5, 2])
async def test_rows_without_a_date_lead_nowhere(asked: int) -> None:
    """They are all there is while they are few; where there may be more, there is no date to go on from."""
    rows = "".join(f"<message><from_phone>7903{n}</from_phone><text>x</text></message>" for n in range(3))

    def answer(form: Form) -> bytes:
        count = min(3, int(form.fields()["count"]))
        found = rows if count == 3 else "</message>".join(rows.split("</message>")[:count]) + "</message>"
        return xml(f"<reply><messages>{found}</messages></reply>")

    async with desk(answer) as one:
        found: Any = await one.v1.incoming(count=asked)
    assert [message.sent_at for message in found] == [None] * 3
    assert [int(form.fields()["count"]) for form in one.forms] == ([5] if asked == 5 else [2, 4])
