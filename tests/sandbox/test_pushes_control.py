"""The control API of pushes and inbound messages: settings, the log, resending, subscribers' messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sms_traffic_async.sandbox import Sandbox
from tests.sandbox.foreign import Foreign
from tests.sandbox.push_kit import PHONE, App, customer, deliver

SETTINGS = "accounts/sandbox/pushes"


@pytest_asyncio.fixture
async def app(no_tasks_left: None) -> AsyncIterator[App]:
    async with customer() as served:
        yield served


async def control(client: Foreign, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    answer = await client.call(method, f"/_sandbox/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_settings_are_shown_and_changed(sandbox: Sandbox, client: Foreign, app: App) -> None:
    before = await control(client, "GET", SETTINGS)
    assert (before["statuses"]["url"], before["inbound"]["smpp"], before["statuses"]["batch"]) == ("", True, 50)
    changes = {
        "statuses": {"url": app.url, "form": "form", "retries": {"pauses": [1, 2]}},
        "inbound": {
            "url": app.url,
            "method": "GET",
            "email": "a@b.ru",
            "email_server": "127.0.0.1:25",
            "short_numbers": [{"number": "3299", "url": app.url, "password": "s3cret"}],
        },
    }
    after = await control(client, "PATCH", SETTINGS, changes)
    account = sandbox.accounts.get()
    assert (account.pushes.form, account.pushes.retries.pauses, account.pushes.retries.timeout) == ("form", (1, 2), 10)
    assert account.inbound.email_server == ("127.0.0.1", 25)
    password = account.inbound.short_numbers[0].password
    assert password is not None
    assert password.reveal() == "s3cret"
    assert after["inbound"]["short_numbers"][0]["password"] == "********"
    assert "s3cret" not in str(after)
    # What is shown can be given back.
    again = await control(client, "PATCH", SETTINGS, {name: after[name] for name in ("statuses", "inbound")})
    assert again == after
    assert account.inbound.short_numbers[0].password == password


@pytest.mark.parametrize(
    "changes",
    [
        {"status": {}},
        {"statuses": []},
        {"statuses": {"url": 5}},
        {"statuses": {"url": "ftp://x"}},
        {"statuses": {"batch": "many"}},
        {"statuses": {"colour": "red"}},
        {"statuses": {"lone_object": 1}},
        {"statuses": {"retries": 5}},
        {"statuses": {"retries": {"pauses": 5}}},
        {"statuses": {"retries": {"pauses": ["x"]}}},
        {"inbound": {"method": "PUT"}},
        {"inbound": {"smpp": "yes"}},
        {"inbound": {"email_server": "localhost"}},
        {"inbound": {"email_server": ["localhost", 99999]}},
        {"inbound": {"email_server": {}}},
        {"inbound": {"short_numbers": {}}},
        {"inbound": {"short_numbers": [5]}},
        {"inbound": {"short_numbers": [{"number": 3299, "url": "http://x"}]}},
        {"inbound": {"short_numbers": [{"number": "3299", "url": "http://x", "password": 5}]}},
        {"inbound": {"short_numbers": [{"number": "3299", "url": "http://x", "charset": ["x"]}]}},
    ],
)
async def test_settings_that_cannot_be_change_nothing(sandbox: Sandbox, client: Foreign, changes: Any) -> None:
    before = await control(client, "GET", SETTINGS)
    assert "error" in await control(client, "PATCH", SETTINGS, changes, status=400)
    assert await control(client, "GET", SETTINGS) == before


async def test_accounts_and_calls_that_there_are_not(client: Foreign) -> None:
    for method, path in (
        ("GET", "accounts/nobody/pushes"),
        ("PATCH", "accounts/nobody/pushes"),
        ("GET", "pushes/push-1"),
        ("POST", "pushes/push-1/resend"),
        ("POST", "pushes"),
    ):
        await control(client, method, path, {} if method != "GET" else None, status=404)


async def test_the_log(sandbox: Sandbox, client: Foreign, app: App) -> None:
    await control(client, "PATCH", SETTINGS, {"statuses": {"url": app.url}})
    app.answers = [(500, "нет".encode()), 200]
    (message_id,) = await deliver(sandbox)
    await sandbox.advance("1s")
    shown = await control(client, "GET", "pushes")
    (call,) = shown["calls"]
    assert (call["id"], call["kind"], call["state"], call["url"]) == ("push-1", "statuses", "waiting", app.url)
    assert call["next_at"] is not None
    assert shown["stats"]["unavailable"] == 1
    whole = await control(client, "GET", "pushes/push-1")
    assert whole["attempts"][0]["answer"] == "нет"
    assert message_id in whole["body"]
    resent = await control(client, "POST", "pushes/push-1/resend", {})
    assert [(one["status"], one["by_hand"]) for one in resent["attempts"]] == [(500, False), (200, True)]
    assert resent["state"] == "delivered"
    of_it = await control(client, "GET", f"pushes?message={message_id}")
    assert [one["id"] for one in of_it["calls"]] == ["push-2", "push-1"]
    assert (await control(client, "GET", "pushes?message=1"))["calls"] == []


async def test_a_status_by_hand(sandbox: Sandbox, client: Foreign, app: App) -> None:
    (message_id,) = await deliver(sandbox)
    await control(client, "POST", "pushes", {}, status=400)  # nobody said where to
    await control(client, "PATCH", SETTINGS, {"statuses": {"url": app.url}})
    call = await control(client, "POST", "pushes", {"status": "Read"}, status=201)
    assert (call["message_ids"], call["state"]) == ([message_id], "delivered")
    assert [row["status"] for row in app.rows] == ["Read"]
    await control(client, "POST", "pushes", {"id": message_id}, status=201)
    await control(client, "POST", "pushes", {"id": message_id, "state": "x"}, status=400)
    await control(client, "POST", "pushes", {"id": message_id, "status": 5}, status=400)


async def test_a_subscriber_writes(sandbox: Sandbox, client: Foreign, app: App) -> None:
    await control(client, "PATCH", SETTINGS, {"inbound": {"url": app.url}})
    body = {"from": PHONE, "to": "3299", "text": "СТОП", "node": 2, "login": "sandbox"}
    message = await control(client, "POST", "inbound", body, status=201)
    assert (message["direction"], message["node"]) == ("mo", 2)
    await sandbox.pushes.settled()
    assert app.got[0].form()["sms_id"] == message["id"]
    for bad in ({**body, "node": 3}, {**body, "login": "nobody"}, {**body, "login": 5}, {**body, "more": 1}):
        await control(client, "POST", "inbound", bad, status=400)


async def test_the_page_is_told(sandbox: Sandbox, client: Foreign, app: App) -> None:
    await control(client, "GET", "pushes")
    await control(client, "PATCH", SETTINGS, {"statuses": {"url": app.url}})
    await deliver(sandbox)
    await sandbox.advance("1s")
    answer = client.nodes[0].stream("GET", "/_sandbox/events?since=0")
    async with answer as stream:
        async for line in stream.aiter_lines():
            if "pushes" in line:
                break
