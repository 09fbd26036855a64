"""The control API's description, and the API measured by it."""

from __future__ import annotations

import httpx
import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.sandbox import Sandbox
from sms_traffic_async.sandbox.control import PREFIX, control_app
from sms_traffic_async.sandbox.control_openapi import OPERATIONS, openapi


async def test_every_route_is_described_and_nothing_else() -> None:
    async with Sandbox() as sandbox:
        routes = control_app(sandbox).routes
    there = {
        (method, route.path.removeprefix(PREFIX).replace(":path", ""))  # type: ignore[attr-defined] # all are Route
        for route in routes
        for method in route.methods  # type: ignore[attr-defined]
        if method != "HEAD"
    }
    assert there == set(OPERATIONS)


async def test_it_is_served_and_valid() -> None:
    validator = pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is not installed")
    async with Sandbox() as sandbox, httpx.AsyncClient(base_url=sandbox.page_url) as client:
        document = (await client.get(f"{PREFIX}openapi.json")).json()
    assert document == openapi(PREFIX)
    validator.validate(document)


async def test_the_newest_code_of_a_number() -> None:
    async with (
        Sandbox() as sandbox,
        SmsTraffic(**sandbox.client_options()) as sms,
        httpx.AsyncClient(base_url=sandbox.page_url + PREFIX.removeprefix("/")) as client,
    ):
        assert (await client.get("codes/79161112233")).status_code == 404
        await sms.send("79161112233", "Ваш код 1111")
        await sms.send("79161112233", "Ваш код 2222")
        await sms.send("79161112233", "Спасибо!")
        assert (await client.get("codes/+7 916 111-22-33")).json()["code"] == "2222"


async def test_a_stream_says_what_changed() -> None:
    async with (
        Sandbox() as sandbox,
        httpx.AsyncClient(base_url=sandbox.page_url + PREFIX.removeprefix("/")) as client,
        client.stream("GET", "events") as stream,
    ):
        lines = stream.aiter_lines()
        first = [await anext(lines) for _ in range(4)]
        assert first[0] == "retry: 1000"
        assert first[2] == "id: 0"
        sandbox.platform.receive(sender="79161112233", recipient="1234", text="hello")
        while not (line := await anext(lines)).startswith("data: "):
            pass
        while "hello" not in line:
            line = await anext(lines)
        assert '"reload":false' in line


async def test_whoever_missed_too_much_reads_again() -> None:
    async with (
        Sandbox() as sandbox,
        httpx.AsyncClient(base_url=sandbox.page_url + PREFIX.removeprefix("/")) as client,
        client.stream("GET", "events", headers={"last-event-id": "123456"}) as stream,
    ):
        lines = stream.aiter_lines()
        while '"reload":true' not in await anext(lines):
            pass
