"""Look-ups, Checked, the balance, and who may ask: 401, 403, 429 in every form; U6, U7, U8, U11."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, get_args

import pytest

from sms_traffic_async.sandbox import Pace, Rate, Sandbox
from sms_traffic_async.sandbox.drafts import Arrival, Draft, Prepared
from sms_traffic_async.sandbox.refusals import Refusal
from sms_traffic_async.sandbox.switches import RetryAfterForm
from tests.sandbox.foreign import Foreign


async def test_the_documents_statuses(sandbox: Sandbox, client: Foreign) -> None:
    """Document, /v2/statuses/list: one delivered with a label, one failed without."""
    label = "108c3492-98ef-44b4-ab17-ee20c864584a"
    first = await client.sent(78000000001, trackingData=label)
    second = await client.sent(79161119003)
    await sandbox.advance("1m")
    body = {"ids": [second], "trackingData": [label, "108c3492-98ef-44b4-ab17-ee20c864584b"], "extendedInfo": True}
    answer = await client.post("/v2/statuses/list", body)
    assert answer == {
        "success": True,
        "data": [
            {
                "smsId": second,
                "submissionDate": "2025-12-18T12:00:00.000+03:00",
                "sendDate": "2025-12-18T12:00:00.050+03:00",
                "deliveryDate": "2025-12-18T12:00:00.400+03:00",
                "status": "Non Delivered",
                "statusExtended": {"code": 3, "description": "Unknown subscriber"},
                "operatorId": 1101,
                "mcc": 250,
                "mnc": 1,
            },
            {
                "smsId": first,
                "trackingData": label,
                "submissionDate": "2025-12-18T12:00:00.000+03:00",
                "sendDate": "2025-12-18T12:00:00.050+03:00",
                "deliveryDate": "2025-12-18T12:00:00.400+03:00",
                "status": "Delivered",
                "operatorId": 1971,
                "mcc": 250,
                "mnc": 99,
            },
        ],
    }
    assert not sandbox.findings


async def test_the_life_of_a_message_as_a_look_up_sees_it(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.pace = Pace(send=1, buffer=1, final=1)
    message_id = await client.sent()
    seen = []
    for _ in range(4):
        (row,) = await client.statuses(message_id)
        seen.append((row["status"], "sendDate" in row, "deliveryDate" in row, "mcc" in row))
        await sandbox.advance(1)
    assert seen == [
        ("", False, False, False),
        ("", True, False, True),
        ("Buffered SMSC", True, False, True),
        ("Delivered", True, True, True),
    ]


async def test_missing_ones_are_left_out(client: Foreign) -> None:
    message_id = await client.sent()
    rows = await client.statuses("1", message_id, "2")
    assert [row["smsId"] for row in rows] == [message_id]
    assert await client.statuses() == []


@pytest.mark.parametrize("always", [False, True])
async def test_extended_information_is_asked_for(sandbox: Sandbox, client: Foreign, always: bool) -> None:
    sandbox.switches = replace(sandbox.switches, status_extended_always=always)
    message_id = await client.sent(79161119001)
    await sandbox.advance(5)
    (plain,) = await client.statuses(message_id)
    (extended,) = await client.statuses(message_id, extendedInfo=True)
    assert ("statusExtended" in plain) is always
    assert extended["statusExtended"]["code"] == 1


@pytest.mark.parametrize("combine", ["union", "intersection"])
async def test_ids_and_labels_combine(sandbox: Sandbox, client: Foreign, combine: str) -> None:
    sandbox.switches = sandbox.switches.changed({"statuses_combine": combine})
    first = await client.sent(trackingData="a")
    second = await client.sent(trackingData="b")
    rows = await client.statuses(first, second, trackingData=["b"])
    assert [row["smsId"] for row in rows] == ([first, second] if combine == "union" else [second])
    assert [row["smsId"] for row in await client.statuses(first)] == [first]


async def test_one_label_may_stand_for_many(client: Foreign) -> None:
    ids = [await client.sent(trackingData="same") for _ in range(3)]
    answer = await client.post("/v2/statuses/list", {"trackingData": ["same", "same"]})
    assert [row["smsId"] for row in answer["data"]] == ids


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"extendedInfo": True},
        {"ids": "1"},
        {"ids": [1]},
        {"ids": [None]},
        {"trackingData": "x"},
        {"ids": [], "extendedInfo": "yes"},
        {"ids": ["1"] * 10_001},
        [],
    ],
)
async def test_what_cannot_be_read(sandbox: Sandbox, client: Foreign, body: Any) -> None:
    answer = await client.post("/v2/statuses/list", body)
    assert answer == {"success": False, "error": {"code": 105, "message": "Invalid request format"}}
    assert sandbox.findings


@pytest.mark.parametrize("sees", [True, False])
async def test_u6_the_other_node(sandbox: Sandbox, client: Foreign, sees: bool) -> None:
    sandbox.switches = replace(sandbox.switches, statuses_cross_node=sees, statuses_cross_node_delay=30)
    message_id = await client.sent(trackingData="a", node=1)
    assert await client.labels("a", node=1) == ["a"]
    assert await client.labels("a", node=2) == []
    await sandbox.advance(30)
    assert await client.labels("a", node=2) == (["a"] if sees else [])
    assert len(await client.statuses(message_id, node=2)) == int(sees)


async def test_a_look_up_may_lag_on_the_same_node_too(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.switches = replace(sandbox.switches, statuses_delay=60)
    await client.sent(trackingData="a")
    assert await client.labels("a") == []
    await sandbox.advance(59)
    assert await client.labels("a", node=2) == []
    await sandbox.advance(1)
    assert await client.labels("a") == await client.labels("a", node=2) == ["a"]


@pytest.mark.parametrize("others", [True, False])
async def test_u11_ids_of_other_protocols(sandbox: Sandbox, client: Foreign, others: bool) -> None:
    sandbox.switches = replace(sandbox.switches, statuses_other_protocols=others)
    principal = sandbox.accounts.by_key(sandbox.api_key)
    assert principal is not None
    arrival = Arrival(protocol="v1", node=1, principal=principal, request_id="r", ids_per_part=True)
    prepared = sandbox.platform.prepare(Draft(to="79161112233", text="a" * 200), arrival)
    assert isinstance(prepared, Prepared)
    taken = sandbox.platform.take([prepared], arrival)
    assert not isinstance(taken, Refusal)
    rows = await client.statuses(*taken[0].part_ids)
    assert [row["smsId"] for row in rows] == (list(taken[0].part_ids) if others else [])


async def test_the_documents_checked(sandbox: Sandbox, client: Foreign) -> None:
    """Document, /v2/statuses/checked: one updated, one not known."""
    message_id = await client.sent()
    await sandbox.advance(5)
    answer = await client.post("/v2/statuses/checked", [message_id, "1046379029789147162"])
    assert answer == {
        "success": True,
        "data": {
            "updated": [message_id],
            "failed": [
                {
                    "id": "1046379029789147162",
                    "error": "no such message or this message does not belong to you 1046379029789147162",
                }
            ],
        },
    }
    assert await client.status(message_id) == "Checked"


@pytest.mark.parametrize("body", [{}, "1", [1], ["1"] * 5001])
async def test_checked_takes_a_bare_array(client: Foreign, body: Any) -> None:
    assert (await client.post("/v2/statuses/checked", body))["error"]["code"] == 105


async def test_checked_needs_the_role(sandbox: Sandbox, client: Foreign) -> None:
    account = sandbox.accounts.get()
    account.add_department("reading", "pw", roles=())
    account.add_department("sending", "pw")
    sandbox.accounts.add_token("2/x", login="sandbox:reading")
    sandbox.accounts.add_token("3/x", login="sandbox:sending")
    async with Foreign(sandbox, "2/x") as reading, Foreign(sandbox, "3/x") as sending:
        mine, theirs = await reading.sent(), await sending.sent()
        refused = await reading.post("/v2/statuses/checked", [mine])
        assert refused == {"success": False, "error": {"code": 403, "message": "Access denied"}}
        answer = await sending.post("/v2/statuses/checked", [mine, theirs])
        assert answer["data"]["updated"] == [theirs]
        assert [row["smsId"] for row in await sending.statuses(mine, theirs)] == [theirs]
    assert [row["smsId"] for row in await client.statuses(mine, theirs)] == [mine, theirs]


@pytest.mark.parametrize("balance", ["12520.35", "-3.10", "0"])
async def test_the_documents_account(sandbox: Sandbox, client: Foreign, balance: str) -> None:
    sandbox.accounts.get().balance = Decimal(balance)
    answer = await client.call("GET", "/v2/account")
    assert answer.json() == {"success": True, "data": {"account": balance}}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer 1837/wrong"},
        {"Authorization": "Bearer 1837"},
        {"Authorization": "Basic 1837/x"},
        {"Authorization": "1837/x"},
    ],
)
async def test_a_bad_key_is_401(sandbox: Sandbox, client: Foreign, headers: dict[str, str]) -> None:
    answer = await client.call("GET", "/v2/account", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["success"] is False
    assert answer.headers["www-authenticate"] == "Bearer"
    assert all(sandbox.api_key.split("/")[1] not in f"{finding}" for finding in sandbox.findings)


OPERATIONS = {
    "send": ("POST", "/v2/send", {"channels": {"sms": {"message": "x"}}, "destinations": [{"to": 79161112233}]}),
    "statuses": ("POST", "/v2/statuses/list", {"ids": []}),
    "checked": ("POST", "/v2/statuses/checked", []),
    "account": ("GET", "/v2/account", None),
    "report": ("POST", "/v2/report", {}),
}


@pytest.mark.parametrize("as_body", [False, True])
@pytest.mark.parametrize("operation", sorted(OPERATIONS))
async def test_a_missing_permission_is_403(sandbox: Sandbox, operation: str, as_body: bool) -> None:
    sandbox.switches = replace(sandbox.switches, forbidden_as_body=as_body)
    sandbox.accounts.add_token("2/x", login="sandbox", permissions={operation})
    async with Foreign(sandbox, "2/x") as client:
        for name, (method, path, body) in OPERATIONS.items():
            answer = await client.call(method, path, json=body) if body is not None else await client.call(method, path)
            if name == operation:
                assert answer.status_code == 200
                assert b"Access denied" not in answer.content
            else:
                assert answer.status_code == (200 if as_body else 403)
                assert answer.json() == {"success": False, "error": {"code": 403, "message": "Access denied"}}


async def test_a_download_needs_the_report_permission(sandbox: Sandbox, client: Foreign) -> None:
    report = await client.report()
    await sandbox.advance(1)
    sandbox.accounts.add_token("2/x", login="sandbox", permissions={"send"})
    async with Foreign(sandbox, "2/x") as other:
        assert (await other.call("GET", f"/v2/report/{report}")).status_code == 403


@pytest.mark.parametrize("form", get_args(RetryAfterForm))
async def test_u7_forms_of_retry_after(sandbox: Sandbox, client: Foreign, form: RetryAfterForm) -> None:
    sandbox.switches = sandbox.switches.changed({"retry_after": form, "token_rate": 0.1})
    assert (await client.call("GET", "/v2/account")).status_code == 200
    await sandbox.advance(2)
    answer = await client.call("GET", "/v2/account")
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == 429
    value = answer.headers.get("retry-after")
    date = parsedate_to_datetime(answer.headers["date"])
    assert date == datetime.fromisoformat("2025-12-18T12:00:02+03:00")
    if form in {"http-date", "rfc850", "asctime"}:
        assert value is not None
        told = parsedate_to_datetime(value)
        assert told.replace(tzinfo=None).isoformat() == "2025-12-18T09:00:10"
    elif form == "absent":
        assert value is None
    elif form == "seconds":
        assert value == "8"
    await sandbox.advance(8)
    assert (await client.call("GET", "/v2/account")).status_code == 200


@pytest.mark.parametrize("per_node", [False, True])
async def test_u8_the_rate_of_a_token(sandbox: Sandbox, client: Foreign, per_node: bool) -> None:
    sandbox.switches = replace(sandbox.switches, token_rate=2, token_rate_per_node=per_node)
    codes = [(await client.call("GET", "/v2/account", node=node)).status_code for node in (1, 2, 1, 2, 1, 2)]
    assert codes == ([200, 200, 200, 200, 429, 429] if per_node else [200, 200, 429, 429, 429, 429])


async def test_a_tokens_own_rate_comes_first(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.switches = replace(sandbox.switches, token_rate=1)
    sandbox.accounts.token("1837").rate = Rate(count=3, seconds=60)
    codes = [(await client.call("GET", "/v2/account")).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
    await sandbox.advance(59)
    assert (await client.call("GET", "/v2/account")).status_code == 429
    sandbox.reset()
    assert (await client.call("GET", "/v2/account")).status_code == 200


async def test_throttled_requests_are_not_processed(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.switches = replace(sandbox.switches, token_rate=1, restrictive_consumed_by_failure=True)
    method, path, body = OPERATIONS["send"]
    assert (await client.call(method, path, json={**body, "restrictiveId": "a"})).status_code == 200  # type: ignore[dict-item]
    assert (await client.call(method, path, json={**body, "restrictiveId": "b"})).status_code == 429  # type: ignore[dict-item]
    assert len(sandbox.accepted) == 1
    await sandbox.advance(1)
    answer = await client.call(method, path, json={**body, "restrictiveId": "b"})  # type: ignore[dict-item]
    assert answer.json()["success"] is True


@pytest.mark.parametrize(
    "method,path,status",
    [
        ("GET", "/v2/send", 405),
        ("POST", "/v2/account", 405),
        ("POST", "/v2/report/0123456789abcdef", 405),
        ("DELETE", "/v2/statuses/list", 405),
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/report/a/b", 404),
        ("GET", "/V2/account", 404),
        ("GET", "/nothing", 404),
    ],
)
async def test_paths_and_methods(client: Foreign, method: str, path: str, status: int) -> None:
    assert (await client.call(method, path)).status_code == status


async def test_a_query_string_is_written_down(sandbox: Sandbox, client: Foreign) -> None:
    await client.call("GET", "/v2/account", params={"key": "x"})
    assert [finding.field for finding in sandbox.findings] == ["(query)"]


async def test_a_body_where_none_belongs_is_written_down(sandbox: Sandbox, client: Foreign) -> None:
    await client.call("GET", "/v2/account", content=b"{}")
    assert [finding.field for finding in sandbox.findings] == ["(body)"]


async def test_a_body_past_the_cap_is_413(sandbox: Sandbox, client: Foreign) -> None:
    content = b" " * (33 * 1024 * 1024)
    answer = await client.call("POST", "/v2/send", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


async def test_what_was_sent_and_answered_is_kept_without_the_secret(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent()
    exchange = sandbox.platform.store.exchange(sandbox.messages[0].request_id)
    assert exchange is not None
    assert exchange.status == 200
    assert b'"to"' in exchange.body
    assert sandbox.messages[0].id.encode() in exchange.answer
    secret = sandbox.api_key.split("/")[1]
    assert "1837/********" in exchange.head
    assert secret not in exchange.head
