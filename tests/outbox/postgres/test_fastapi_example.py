"""The example of a transactional enqueue, in this process, on a real PostgreSQL, sent to the sandbox."""

from __future__ import annotations

import importlib

import httpx
import pytest

from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.session import SmsTraffic


async def test_the_order_and_its_sms_are_one(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    monkeypatch.setenv("DATABASE_URL", dsn)
    app = importlib.import_module("examples.fastapi_outbox").app
    order = {"id": "17", "phone": "79161112233"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client,
        Sandbox() as sandbox,
        SmsTraffic(**sandbox.client_options()) as session,
        Outbox(dsn) as outbox,
    ):
        assert (await client.post("/orders", json=order | {"phone": "12"})).status_code == 422
        assert (await client.post("/orders", json=order)).status_code == 201
        assert (await client.post("/orders", json=order)).status_code == 409
        assert (await client.get("/orders/17/sms")).json()["state"] == "pending"
        await outbox.run(session, via="v2", until_empty=True)
        assert (await client.get("/orders/17/sms")).json()["state"] in {"accepted", "final"}
        assert [entry.to for entry in sandbox.accepted] == ["79161112233"]
