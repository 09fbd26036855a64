"""Short ways of v2: turns that do not come, a chosen id that a failure used up, and questions about nothing."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from sms_traffic_async.errors import NotSent, OutcomeUnknown
from sms_traffic_async.protocols.http_v2.models import SendAnswer
from sms_traffic_async.protocols.http_v2.wire import decode_send, encode_statuses
from sms_traffic_async.settings import HttpOptions
from tests.protocols.http_v2.script import LOST, USED_UP, Step, client, platform
from tests.support.virtual_loop import virtual

TO, TEXT = "79161112233", "Ваш код 1234"


@virtual
async def test_no_turn_at_the_rate_in_time_is_not_sent() -> None:
    async with platform() as one, client(one, http=HttpOptions(rate=1.0, batching=False)) as sms:
        sends = [asyncio.create_task(sms.send(TO, f"{TEXT} {place}", timeout=3.0)) for place in range(12)]
        found = await asyncio.gather(*sends, return_exceptions=True)
    refused = [error for error in found if isinstance(error, NotSent)]
    assert {error.reason for error in refused} == {"overloaded"}
    assert len(refused) == 12 - len(one.accepted) >= 7


@virtual
async def test_no_turn_for_a_look_up_proves_nothing() -> None:
    """It is asked again later, and what was taken is found."""
    async with platform() as one, client(one, http=HttpOptions(rate=0.1)) as sms:
        one.script[1] = [LOST]
        sent = await sms.send(TO, TEXT, timeout=300.0)
    assert (sent.evidence, len(one.accepted)) == ("lookup", 1)


@virtual
@pytest.mark.parametrize("time", [300.0, 20.0])
async def test_a_chosen_id_that_a_failed_request_used_up_is_never_exchanged_for_another(time: float) -> None:
    """1000, then 105 under the caller's own key: nobody but a look-up can tell, and it needs its time."""
    async with platform() as one, client(one) as sms:
        one.script[1] = [USED_UP]
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT, key="otp-8412", timeout=time)
    assert not one.accepted
    assert len({send.body["restrictiveId"] for send in one.sends}) == 1


@virtual
async def test_a_chosen_id_that_a_failed_request_used_up_may_have_been_taken_before() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(code=1000, accept=True)]
        sent = await sms.send(TO, TEXT, key="otp-8412", timeout=300.0)
    assert (sent.evidence, sent.message_ids) == ("lookup", (one.accepted[0].message_id,))


def test_what_is_asked_about_nothing_names_nothing() -> None:
    assert orjson.loads(encode_statuses((), (), extended=True)) == {"extendedInfo": True}
    assert orjson.loads(encode_statuses(("1",), (), extended=False)) == {"ids": ["1"], "extendedInfo": False}


@pytest.mark.parametrize("message_id", ["a1", "", "1" * 129, "١"])
def test_ids_that_are_no_numbers_are_read_the_long_way(message_id: str) -> None:
    """In the order asked for and nothing but numbers, they are taken as they are; else every row is looked at."""
    ids = ["17", message_id]
    rows = [{"phone": 79161112233, "id": one, "trackingData": f"l{place}"} for place, one in enumerate(ids)]
    answer = decode_send(orjson.dumps({"success": True, "destinations": rows}), ["l0", "l1"])
    assert isinstance(answer, SendAnswer)
    assert answer.ids is None
    rows[1]["id"] = "18"
    answer = decode_send(orjson.dumps({"success": True, "destinations": rows}), ["l0", "l1"])
    assert isinstance(answer, SendAnswer)
    assert answer.ids == ("17", "18")
