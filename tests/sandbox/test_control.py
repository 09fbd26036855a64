"""The control API: what it shows and changes, and whom it refuses."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sms_traffic_async.sandbox import Drop, FaultRule, Sandbox
from tests.sandbox.foreign import Foreign


async def control(client: Foreign, method: str, path: str, body: Any = None, status: int = 200, **options: Any) -> Any:
    if body is not None:
        options["json"] = body
    elif method in {"POST", "PUT", "PATCH"}:
        options["headers"] = {"Content-Type": "application/json", **options.get("headers", {})}
    answer = await client.call(method, f"/_sandbox/{path}", **options)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_health(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent(zzz=1)
    health = await control(client, "GET", "health")
    assert health == {
        "status": "ok",
        "nodes": list(sandbox.urls),
        "now": "2025-12-18T12:00:00.000+03:00",
        "messages": 1,
        "accepted": 1,
        "findings": 1,
        "faults": [],
    }


async def test_only_node_one_has_it(client: Foreign) -> None:
    assert (await client.call("GET", "/_sandbox/health", node=2)).status_code == 404


async def test_messages(client: Foreign) -> None:
    ids = [await client.sent(79161110000 + number, f"text {number}") for number in range(5)]
    listed = await control(client, "GET", "messages", params={"limit": 2, "offset": 1})
    assert listed["total"] == 5
    assert [message["id"] for message in listed["messages"]] == [ids[3], ids[2]]
    found = await control(client, "GET", "messages", params={"q": 'text:"text 4"'})
    assert [message["to"] for message in found["messages"]] == ["79161110004"]


async def test_one_message_with_its_request(sandbox: Sandbox, client: Foreign) -> None:
    message_id = await client.sent(text="hello", trackingData="t")
    await sandbox.advance("1m")
    message = await control(client, "GET", f"messages/{message_id}")
    assert message["status"] == "Delivered"
    assert [step["status"] for step in message["history"]] == ["Buffered SMSC", "Delivered"]
    assert (message["text"], message["parts"], message["encoding"]) == ("hello", 1, "gsm7")
    exchange = message["exchange"]
    assert exchange["operation"] == "send"
    assert json.loads(exchange["body"])["trackingData"] == "t"
    assert message_id in exchange["answer"]
    assert sandbox.api_key.split("/")[1] not in str(message)
    assert await control(client, "GET", "messages/1", status=404) == {"error": "no such message"}


async def test_waiting_for_a_message(sandbox: Sandbox, client: Foreign) -> None:
    task = asyncio.create_task(control(client, "GET", "messages/wait", params={"q": "text:code", "timeout": 10}))
    while not sandbox.platform.arrivals:
        await asyncio.sleep(0)
    await client.sent(text="hello")
    message_id = await client.sent(text="the code")
    assert (await task)["message"]["id"] == message_id
    at_once = await control(client, "GET", "messages/wait", params={"q": "text:hello"})
    assert at_once["message"]["text"] == "hello"
    in_vain = await control(client, "GET", "messages/wait", params={"q": "text:nothing", "timeout": 0.01})
    assert in_vain["message"] is None
    assert [message["text"] for message in in_vain["newest"]] == ["hello", "the code"]


async def test_closing_ends_a_wait(sandbox: Sandbox) -> None:
    async with Foreign(sandbox) as client:
        task = asyncio.create_task(client.call("GET", "/_sandbox/messages/wait", params={"timeout": 60, "q": "x"}))
        while not sandbox.platform.arrivals:
            await asyncio.sleep(0)
        await sandbox.aclose()
        answer = await task
    assert answer.status_code == 503
    assert answer.json() == {"error": "the sandbox is closing"}


async def test_inbound(sandbox: Sandbox, client: Foreign) -> None:
    body = {"from": "79161112233", "to": "3299", "text": "STOP"}
    message = await control(client, "POST", "inbound", body, status=201)
    assert (message["direction"], message["to"], message["from"]) == ("mo", "79161112233", "3299")
    assert sandbox.messages[0].text == "STOP"
    for bad in ({}, {**body, "text": ""}, {**body, "extra": "x"}, {**body, "from": 7}):
        await control(client, "POST", "inbound", bad, status=400)


async def test_accepted(client: Foreign) -> None:
    await client.sent(trackingData="a")
    await client.sent(trackingData="b", node=2)
    everything = await control(client, "GET", "accepted")
    assert [(entry["tracking_data"], entry["node"]) for entry in everything["entries"]] == [("a", 1), ("b", 2)]
    one = await control(client, "GET", "accepted", params={"tracking_data": "b"})
    assert (one["total"], one["entries"][0]["at"]) == (1, "2025-12-18T12:00:00.000+03:00")
    assert (await control(client, "GET", "accepted", params={"limit": 0}))["entries"] == []


async def test_findings(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent(Originator="x")
    found = await control(client, "GET", "findings")
    assert (found["total"], found["findings"][0]["field"]) == (1, "Originator")
    await control(client, "DELETE", "findings")
    assert not sandbox.findings


async def test_faults(sandbox: Sandbox, client: Foreign) -> None:
    rule = {
        "effect": {"kind": "drop", "when": "after"},
        "operation": "send",
        "nth": 1,
        "name": "lost answer",
        "seed": 3,
    }
    made = await control(client, "POST", "faults", rule, status=201)
    assert made["name"] == "lost answer"
    assert list(sandbox.faults) == [FaultRule(effect=Drop(), operation="send", nth=1, name="lost answer")]
    with pytest.raises(httpx.TransportError):
        await client.sent()
    shown = await control(client, "GET", "faults")
    assert shown["injected"] == 1
    assert shown["rules"] == [made]
    assert shown["log"][0]["effect"] == {"kind": "drop", "how": "fin", "when": "after"}
    assert shown["log"][0]["rule"] == "lost answer"
    await control(client, "POST", "faults", {"effect": "garbage"}, status=201)
    assert (await control(client, "DELETE", "faults/lost%20answer"))["removed"] == 1
    assert (await control(client, "DELETE", "faults/lost%20answer", status=404))["removed"] == 0
    await control(client, "PUT", "faults/profile", {"name": "flaky", "seed": 9})
    assert len(sandbox.faults) == 8
    await control(client, "DELETE", "faults")
    assert len(sandbox.faults) == 0


@pytest.mark.parametrize(
    "method,path,body",
    [
        ("POST", "faults", {}),
        ("POST", "faults", {"effect": "earthquake"}),
        ("POST", "faults", {"effect": {"kind": "drop", "loud": 1}}),
        ("POST", "faults", {"effect": "drop", "colour": "red"}),
        ("POST", "faults", {"effect": "drop", "nth": "1"}),
        ("POST", "faults", []),
        ("PUT", "faults/profile", {"name": "sunny"}),
        ("POST", "clock/advance", {}),
        ("POST", "clock/advance", {"by": "soon"}),
        ("POST", "clock/advance", {"by": -5}),
        ("POST", "clock/advance", {"by": True}),
        ("PATCH", "switches", {"no_such": True}),
        ("PATCH", "switches", {"antispam": 1}),
        ("PATCH", "switches", {"retry_after": "later"}),
        ("PATCH", "pace", {"send": "fast"}),
        ("PATCH", "pace", {"send": -1}),
        ("PATCH", "pace", {"speed": 1}),
        ("POST", "outcomes", {"suffix": "x", "course": "read"}),
        ("POST", "outcomes", {"suffix": "1"}),
        ("PATCH", "accounts/sandbox", {"password": "x"}),
        ("PATCH", "accounts/sandbox", {"balance": "much"}),
        ("PATCH", "accounts/sandbox", {"blocked": "79161112233"}),
        ("PATCH", "accounts/sandbox", {"blocked": [79161112233]}),
        ("PATCH", "accounts/sandbox", {"any_originator": 1}),
        ("PATCH", "accounts/sandbox", {"allowed_ips": ["office"]}),
        ("PATCH", "accounts/sandbox", {"allowed_ips": ["192.0.2.0/25"]}),
        ("GET", "messages?q=colour:red", None),
        ("GET", "messages?limit=many", None),
        ("GET", "messages?limit=1001", None),
        ("GET", "messages/wait?timeout=61", None),
        ("GET", "messages/wait?timeout=-1", None),
    ],
)
async def test_bad_requests_are_sentences(client: Foreign, method: str, path: str, body: Any) -> None:
    answer = await control(client, method, path, body, status=400)
    assert len(answer["error"]) > 10


async def test_a_body_that_is_not_json(client: Foreign) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.call("PATCH", "/_sandbox/switches", content=b"{", headers=headers)
    assert answer.status_code == 400


async def test_the_clock(sandbox: Sandbox, client: Foreign) -> None:
    message_id = await client.sent()
    assert await control(client, "GET", "clock") == {"now": "2025-12-18T12:00:00.000+03:00"}
    moved = await control(client, "POST", "clock/advance", {"by": "2h"})
    assert moved == {"now": "2025-12-18T14:00:00.000+03:00"}
    await control(client, "POST", "clock/advance", {"by": 1.5})
    assert await client.status(message_id) == "Delivered"


async def test_switches_and_pace(sandbox: Sandbox, client: Foreign) -> None:
    changed = await control(client, "PATCH", "switches", {"restrictive_shared": False, "token_rate": 5})
    assert (changed["restrictive_shared"], changed["token_rate"]) == (False, 5)
    assert sandbox.switches.restrictive_shared is False
    assert (await control(client, "GET", "switches"))["antispam"] is True
    pace = await control(client, "PATCH", "pace", {"final": 60})
    assert pace["final"] == sandbox.pace.final == 60
    assert (await control(client, "GET", "pace")) == pace


async def test_outcomes(sandbox: Sandbox, client: Foreign) -> None:
    listed = await control(client, "GET", "outcomes")
    assert len(listed["outcomes"]) == len(sandbox.outcomes)
    await control(client, "POST", "outcomes", {"suffix": "2233", "course": "refused", "code": 430})
    assert (await client.send())["destinations"][0]["error"]["code"] == 430
    await control(client, "DELETE", "outcomes")
    await client.sent()


async def test_accounts(sandbox: Sandbox, client: Foreign) -> None:
    body = {"balance": "5.25", "blocked": ["79161112233"], "any_originator": True, "default_originator": "Other"}
    answer = await control(client, "PATCH", "accounts/sandbox", body)
    (account,) = answer["accounts"]
    assert (account["balance"], account["blocked"], account["any_originator"]) == ("5.25", ["79161112233"], True)
    assert account["tokens"][0]["public"] == "1837"
    assert sandbox.api_key.split("/")[1] not in str(answer)
    assert "password" not in str(answer)
    assert sandbox.accounts.get().balance == Decimal("5.25")
    assert (await control(client, "GET", "accounts")) == answer
    await control(client, "PATCH", "accounts/nobody", {}, status=404)


async def test_reset(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent()
    await control(client, "POST", "reset")
    assert not sandbox.messages
    assert len(sandbox.accepted) == 0


@pytest.mark.parametrize(
    "host,status",
    [
        (None, 200),
        ("127.0.0.1", 200),
        ("localhost:8725", 200),
        ("LOCALHOST", 200),
        ("[::1]:80", 200),
        ("evil.example", 403),
        ("evil.example:80", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost:evil", 403),
        ("", 403),
    ],
)
async def test_the_host_is_this_machine(client: Foreign, host: str | None, status: int) -> None:
    headers = {} if host is None else {"Host": host}
    assert (await client.call("GET", "/_sandbox/health", headers=headers)).status_code == status


@pytest.mark.parametrize(
    "origin,status",
    [
        ("http://{host}", 200),
        ("http://localhost:1", 403),
        ("https://{host}", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
async def test_the_origin_is_its_own_page(sandbox: Sandbox, client: Foreign, origin: str, status: int) -> None:
    host = sandbox.urls[0].removeprefix("http://")
    headers = {"Origin": origin.format(host=host), "Content-Type": "application/json"}
    answer = await client.call("POST", "/_sandbox/reset", headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("media", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_form_of_another_page_changes_nothing(sandbox: Sandbox, client: Foreign, media: str | None) -> None:
    await client.sent()
    headers = {} if media is None else {"Content-Type": media}
    answer = await client.call("POST", "/_sandbox/reset", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert len(sandbox.messages) == 1


async def test_faults_do_not_reach_the_control_api(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.faults.add(FaultRule(effect=Drop(when="before")))
    assert (await control(client, "GET", "health"))["faults"] == ["drop 1"]


async def test_unknown_paths_and_methods(client: Foreign) -> None:
    assert (await client.call("GET", "/_sandbox/nothing")).status_code == 404
    assert (await client.call("DELETE", "/_sandbox/health")).status_code == 405
