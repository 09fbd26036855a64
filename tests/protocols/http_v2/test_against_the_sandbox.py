"""Against the strict platform: every operation with everything it takes, and nothing for it to complain about."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import (
    AuthenticationFailed,
    DuplicateRequest,
    InvalidOriginator,
    InvalidRecipient,
    PermissionDenied,
    RequestRefused,
)
from sms_traffic_async.protocols.http_v2 import Destination
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.accounts import DEFAULT_LOGIN
from sms_traffic_async.sandbox.switches import Switches
from tests.support.virtual_loop import VirtualClock, virtual

pytestmark = virtual

TO = "79161112233"


def session(sandbox: Sandbox, **options: Any) -> SmsTraffic:
    return SmsTraffic(**(sandbox.client_options() | {"clock": VirtualClock(wall=sandbox.clock.now())} | options))


async def test_everything_at_once_without_a_complaint() -> None:
    async with Sandbox() as sandbox, session(sandbox) as sms:
        reply = await sms.v2.send(
            [
                Destination(to=TO, params={"name": "Ivan"}, tracking_data="mine-1"),
                Destination(to="79161112234", text="Свой текст"),
            ],
            "Hello, [[name]]!",
            transliterate=False,
            max_parts=2,
            validity=86_400,
            start_at=sandbox.clock.datetime() + timedelta(hours=2),
            local_time=False,
            batch_name="Batch 1",
            restrictive_id="ba52-5ad86d408887",
        )
        assert len(reply.accepted) == 2
        assert [entry.text for entry in sandbox.accepted] == ["Hello, Ivan!", "Свой текст"]
        await sms.send(TO, "Привет", expires_in=60.0, truncate=True, max_parts=1)
        ids = [sent.message_id or "" for sent in reply.accepted]
        statuses = await sms.v2.statuses(ids, tracking_data=["mine-1"], extended=True)
        assert {update.message_id for update in statuses.found} == set(ids)
        assert (await sms.v2.mark_checked(ids)).updated == tuple(ids)
        assert (await sms.balance()).amount > 0
        assert [str(finding) for finding in sandbox.findings] == []


@pytest.mark.parametrize(
    "switches",
    [
        Switches(ids_as_numbers=True),
        Switches(ids_as_numbers=True, id_digits=39),
        Switches(id_digits=39),
        Switches(statuses_combine="intersection"),
        Switches(status_extended_always=True),
        Switches(start_key="startDateTime"),
        Switches(unknown_fields_refused=True),
        Switches(number_errors="request"),
    ],
    ids=repr,
)
async def test_what_the_document_leaves_open_both_ways(switches: Switches) -> None:
    async with Sandbox(switches=switches) as sandbox, session(sandbox) as sms:
        sent = await sms.send(TO, "hi", start_at=sandbox.clock.datetime() + timedelta(hours=1))
        assert sent.message_id == sandbox.accepted[0].message_id
        reply = await sms.v2.statuses([sent.message_id], tracking_data=[sent.tracking_data or ""])
        assert not reply.missing
        assert not reply.missing_tracking_data
        assert (await sms.v2.mark_checked([sent.message_id])).updated == (sent.message_id,)


async def test_a_federal_number_is_the_same_recipient() -> None:
    async with Sandbox() as sandbox, session(sandbox) as sms:
        sent = await sms.send("74951112233", "hi")
        assert sent.to == "74951112233"
        assert sent.message_id == sandbox.accepted[0].message_id


async def test_refusals() -> None:
    async with Sandbox() as sandbox, session(sandbox) as sms:
        with pytest.raises(InvalidOriginator):
            await sms.send(TO, "hi", originator="Unregd")
        await sms.v2.send(TO, "hi", restrictive_id="once")
        with pytest.raises(DuplicateRequest) as caught:
            await sms.v2.send(TO, "hi", restrictive_id="once")
        assert caught.value.message_ids == (sandbox.accepted[0].message_id,)
        with pytest.raises(InvalidRecipient) as refused:
            await sms.send("79161119432", "hi")  # the last digits choose the refusal
        assert refused.value.code == 432


@pytest.mark.parametrize("as_body", [False, True])
async def test_a_token_without_a_permission(as_body: bool) -> None:
    async with Sandbox() as sandbox:
        sandbox.switches = replace(sandbox.switches, forbidden_as_body=as_body)
        sandbox.accounts.add_token("77/onlyasks", login=DEFAULT_LOGIN, permissions={"statuses"})
        async with session(sandbox, api_key="77/onlyasks") as sms:
            with pytest.raises(PermissionDenied):
                await sms.send(TO, "hi")
            with pytest.raises(RequestRefused) as caught:
                await sms.balance()
            assert caught.value.code == 403
            assert (await sms.v2.statuses(["1"])).missing == ("1",)


async def test_a_wrong_key() -> None:
    async with Sandbox() as sandbox, session(sandbox, api_key="1/wrong") as sms:
        with pytest.raises(AuthenticationFailed):
            await sms.send(TO, "hi")
        with pytest.raises(RequestRefused):
            await sms.balance()
    assert not sandbox.accepted


async def test_a_report_of_what_was_sent() -> None:
    async with Sandbox() as sandbox, session(sandbox) as sms:
        sent = await sms.send(TO, "hi")
        await sandbox.advance("1m")
        start = sandbox.clock.datetime() - timedelta(hours=1)
        async with sms.v2.report(since=start, until=sandbox.clock.datetime(), fields=["id", "status"]) as report:
            rows = [row.raw async for row in report]
    assert rows == [(sent.message_id, "Delivered")]
