"""What the library relies on, held by the sandbox and by the platform itself."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.contract.conftest import Target


async def raw_send(target: Target, to: str, **fields: Any) -> dict[str, Any]:
    """A request of another house: the library would repeat or refuse it itself."""
    if target.options["originator"] is not None:
        fields["originator"] = target.options["originator"]
    body = {"channels": {"sms": {"message": f"contract {uuid.uuid4()}"}}, "destinations": [{"to": to}], **fields}
    headers = {"Authorization": f"Bearer {target.options['api_key']}"}
    async with httpx.AsyncClient(base_url=target.options["nodes"][0], headers=headers, timeout=30) as client:
        answer = await client.post("/v2/send", json=body)
    value: dict[str, Any] = answer.json()
    return value


async def test_v2_send_statuses_checked_and_report(target: Target) -> None:
    label = uuid.uuid4().hex
    async with target.session() as sms:
        sent = await sms.send(target.to, f"contract {label}", via="v2", tracking_data=label)
        assert len(sent.message_ids) == 1
        update = await sms.wait_for(sent, timeout=target.patience)
        assert update.status == "Delivered"
        found = await sms.v2.statuses(sent.message_ids)
        assert [one.message_id for one in found.found] == [*sent.message_ids]
        by_label = await sms.v2.statuses(tracking_data=[label])
        assert [one.message_id for one in by_label.found] == [*sent.message_ids]
        checked = await sms.v2.mark_checked(sent.message_ids)
        assert checked.updated == sent.message_ids
        since = datetime.now(UTC) - timedelta(hours=1)
        async with sms.v2.report(since=since, fields=["id", "status"]) as report:
            assert sent.message_ids[0] in [row.id async for row in report]


async def test_balance(target: Target) -> None:
    async with target.session() as sms:
        assert (await sms.v2.balance()).amount == (await sms.v1.balance()).amount


async def test_v1_send_and_statuses(target: Target) -> None:
    async with target.session() as sms:
        sent = await sms.send(target.to, f"контракт {uuid.uuid4()} " * 3, via="v1")
        assert len(sent.message_ids) == sent.parts
        assert (await sms.wait_for(sent, timeout=target.patience)).status == "Delivered"
        found = await sms.v1.statuses(sent.message_ids)
        assert {one.message_id for one in found.found} == {*sent.message_ids}


async def test_a_refused_number(target: Target) -> None:
    answer = await raw_send(target, "123")
    assert answer["destinations"][0]["error"]["code"] in range(425, 431)


async def test_a_restrictive_id_is_used_once(target: Target) -> None:
    restrictive_id = str(uuid.uuid4())
    first = await raw_send(target, target.to, restrictiveId=restrictive_id)
    assert first["success"] is True
    second = await raw_send(target, target.to, restrictiveId=restrictive_id)
    assert second["success"] is False
    assert second["error"]["code"] == 105


async def test_smpp_bind_submit_and_receipt(target: Target) -> None:
    async with (
        asyncio.timeout(target.patience),
        target.smpp_session() as sms,
        sms.updates(finals_only=True) as updates,
    ):
        sent = await sms.send(target.to, f"contract {uuid.uuid4()}", via="smpp")
        update = await anext(updates)
        assert (update.message_ids, update.status, update.source) == (sent.message_ids, "Delivered", "receipt")
