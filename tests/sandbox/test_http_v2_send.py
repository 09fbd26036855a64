"""``POST /v2/send`` over real TCP: the document's examples, every rule, U1 to U5 and U12."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from sms_traffic_async.sandbox import FaultRule, Latency, NumberOutcome, Sandbox, Temporary
from tests.sandbox.foreign import Foreign

DOCUMENT_REQUEST = """{
  "channels": {
    "sms": {
      "message": "Hello, [[name]]!",
      "timeout": 86400,
      "transliterate": false,
      "maxParts": 255
    }
  },
  "destinations": [
    {
      "to": 78000000001,
      "params": {"name": "Ivan"},
      "trackingData": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf"
    },
    {
      "to": 78000000002,
      "content": {
        "sms": {
          "message": "Individual message for 78000000002"
        }
      }
    }
  ],
  "originator": "Originator",
  "trackingData": "common-tracking-0001",
  "scheduling": {
    "startTime": "2026-01-01T10:30:00+03:00",
    "localtime": false
  },
  "batchName": "Batch via API 0001",
  "restrictiveId": "ba52-5ad86d408887"
}"""
"""Document, /v2/send, "Пример запроса"; the year is that of the sandbox's next January."""


async def test_the_documents_example(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.accounts.get().blocked.add("78000000002")
    headers = {"Content-Type": "application/json"}
    answer = await client.call("POST", "/v2/send", content=DOCUMENT_REQUEST, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    first, second = body["destinations"]
    assert len(first["id"]) == len(second["id"]) == 19
    assert body == {
        "success": True,
        "destinations": [
            {"phone": 78000000001, "id": first["id"], "trackingData": "2de9efa4-3ee7-4691-bec0-81d93c5a54cf"},
            {
                "phone": 78000000002,
                "id": second["id"],
                "trackingData": "common-tracking-0001",
                "error": {"code": 432, "message": "blocked phone: 78000000002. No messages has been sent"},
            },
        ],
    }
    assert not sandbox.findings
    (message,) = sandbox.messages
    assert message.text == "Hello, Ivan!"
    assert message.batch_name == "Batch via API 0001"
    assert message.originator == "Originator"
    (entry,) = sandbox.accepted
    assert (entry.node, entry.restrictive_id, entry.protocol) == (1, "ba52-5ad86d408887", "v2")
    await sandbox.advance("10d")
    assert message.sent_at is None
    await sandbox.advance("5d")
    assert message.status == "Delivered"
    again = await client.call("POST", "/v2/send", content=DOCUMENT_REQUEST, headers=headers)
    assert again.json() == {"success": False, "error": {"code": 417, "message": again.json()["error"]["message"]}}


async def test_the_documents_duplicate(client: Foreign) -> None:
    assert (await client.send(restrictiveId="ba52"))["success"] is True
    answer = await client.send(restrictiveId="ba52")
    assert answer == {"success": False, "error": {"code": 105, "message": "Duplicated request"}}


@pytest.mark.parametrize(
    "fields,code",
    [
        ({"destinations": []}, 103),
        ({"destinations": None}, 103),
        ({"trackingData": "x" * 41}, 104),
        ({"destinations": [{"to": 79161112233, "trackingData": "x" * 41}]}, 104),
        ({"restrictiveId": "x" * 37}, 106),
        ({"channels": {"sms": {}}}, 405),
        ({"channels": {}}, 405),
        ({"destinations": [{}]}, 422),
        ({"originator": "TwelveLetter"}, 421),
        ({"originator": "1234567890123456"}, 421),
        ({"originator": "Nobody"}, 436),
        ({"originator": " Originator"}, 436),
        ({"scheduling": {"startDateTime": "tomorrow"}}, 416),
        ({"scheduling": {"startDateTime": "2025-12-19T10:00:00"}}, 416),
        ({"scheduling": {"startDateTime": "2025-12-19 10:00:00+03:00"}}, 416),
        ({"scheduling": {"startDateTime": "2025-12-19T10:00+03:00"}}, 416),
        ({"scheduling": {"startDateTime": "20251219T100000+0300"}}, 416),
        ({"scheduling": {"startDateTime": "2025-13-19T10:00:00Z"}}, 416),
        ({"scheduling": {"startDateTime": "2025-12-18T11:59:00+03:00", "localtime": False}}, 417),
        ({"scheduling": {"startDateTime": "2026-02-01T10:00:00+03:00"}}, 504),
        ({"destinations": [{"to": 79161119415}]}, 415),
        ({"destinations": [{"to": 79161119999}]}, 1000),
        ({"channels": {"sms": {"message": 5}}}, 105),
        ({"channels": {"sms": {"message": "x", "maxParts": 0}}}, 105),
        ({"channels": {"sms": {"message": "x", "maxParts": "2"}}}, 105),
        ({"channels": {"sms": {"message": "x", "transliterate": 1}}}, 105),
        ({"channels": []}, 105),
        ({"destinations": {"to": 79161112233}}, 105),
        ({"destinations": [79161112233]}, 105),
        ({"destinations": [{"to": 7.5}]}, 105),
        ({"destinations": [{"to": True}]}, 105),
        ({"destinations": [{"to": 79161112233, "params": ["x"]}]}, 105),
        ({"destinations": [{"to": 79161112233, "params": {"x": {}}}]}, 105),
        ({"destinations": [{"to": 79161112233, "content": {"sms": {"message": None}}}], "channels": {}}, 405),
        ({"restrictiveId": 12}, 105),
        ({"scheduling": {"localtime": "yes"}}, 105),
    ],
)
async def test_whole_request_refusals(sandbox: Sandbox, client: Foreign, fields: dict[str, Any], code: int) -> None:
    before = sandbox.accounts.get().balance
    body = {"channels": {"sms": {"message": "hello"}}, "destinations": [{"to": 79161112233}], **fields}
    answer = await client.post("/v2/send", body)
    assert answer["success"] is False
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    assert len(sandbox.accepted) == 0
    assert sandbox.accounts.get().balance == before
    if code == 105:
        assert answer["error"]["message"] == "Invalid request format"
        assert sandbox.findings
        assert all(finding.refused for finding in sandbox.findings)


@pytest.mark.parametrize(
    "to,code",
    [
        (7916111, 427),
        (791611, 425),
        (7916111223344556, 426),
        ("+79161112233", 428),
        ("01234567890", 430),
        (79161119424, 424),
        (79161119429, 429),
        (79161119431, 431),
        (79161119432, 432),
    ],
)
@pytest.mark.parametrize("place", ["destination", "request"])
async def test_number_refusals(sandbox: Sandbox, client: Foreign, to: int | str, code: int, place: str) -> None:
    sandbox.switches = sandbox.switches.changed({"number_errors": place})
    body = {"channels": {"sms": {"message": "hello"}}, "destinations": [{"to": 79161112233}, {"to": to}]}
    answer = await client.post("/v2/send", body)
    if place == "request":
        assert answer["success"] is False
        assert answer["error"]["code"] == code
        assert len(sandbox.accepted) == 0
    else:
        good, bad = answer["destinations"]
        assert answer["success"] is True
        assert "error" not in good
        assert bad["error"]["code"] == code
        assert bad["id"] != good["id"]
        assert len(sandbox.accepted) == 1


async def test_a_refused_destination_may_come_without_an_id(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.switches = replace(sandbox.switches, refused_have_ids=False)
    answer = await client.send(79161119432)
    assert "id" not in answer["destinations"][0]


async def test_an_empty_text_for_one(client: Foreign) -> None:
    body = {
        "destinations": [
            {"to": 79161112233, "content": {"sms": {"message": "mine"}}},
            {"to": 79161112244},
        ]
    }
    answer = await client.post("/v2/send", body)
    assert answer["success"] is True
    assert [row.get("error", {}).get("code") for row in answer["destinations"]] == [None, 423]


async def test_federal_numbers_come_back(sandbox: Sandbox, client: Foreign) -> None:
    answer = await client.send(74951234567)
    assert answer["destinations"][0]["phone"] == 79851234567
    assert sandbox.accepted[0].to == "74951234567"


async def test_tracking_data_of_its_own_or_of_all(client: Foreign) -> None:
    body = {
        "channels": {"sms": {"message": "x"}},
        "destinations": [{"to": 79161112233, "trackingData": "mine"}, {"to": 79161112244}],
        "trackingData": "all",
    }
    rows = (await client.post("/v2/send", body))["destinations"]
    assert [row["trackingData"] for row in rows] == ["mine", "all"]
    assert "trackingData" not in (await client.send())["destinations"][0]


async def test_templates(sandbox: Sandbox, client: Foreign) -> None:
    body = {
        "channels": {"sms": {"message": "[[a]] and [[b]]"}},
        "destinations": [
            {"to": 79161112233, "params": {"a": "1", "b": 2}},
            {"to": 79161112244, "params": {"a": "1"}},
            {"to": 79161112255, "params": {"a": "1"}, "content": {"sms": {"message": "own [[a]]"}}},
        ],
    }
    await client.post("/v2/send", body)
    assert [message.text for message in sandbox.messages] == ["1 and 2", "1 and [[b]]", "own [[a]]"]
    assert [finding.field for finding in sandbox.findings] == ["destinations[].params"]
    sandbox.switches = replace(sandbox.switches, individual_templates=True)
    await client.post("/v2/send", body)
    assert sandbox.messages[-1].text == "own 1"


async def test_local_time_is_the_subscribers(sandbox: Sandbox, client: Foreign) -> None:
    schedule = {"startDateTime": "2025-12-19T10:30:00+03:00"}
    for to in (79161112233, 77011234567):
        await client.send(to, scheduling=schedule)
        await client.send(to, scheduling={**schedule, "localtime": False})
    starts = [sandbox.clock.datetime(message.start_at).isoformat() for message in sandbox.messages]
    moscow, almaty = "2025-12-19T10:30:00+03:00", "2025-12-19T08:30:00+03:00"
    assert starts == [moscow, moscow, almaty, moscow]


@pytest.mark.parametrize(
    "accepts,key,code",
    [
        ("both", "startDateTime", None),
        ("both", "startTime", None),
        ("startDateTime", "startDateTime", None),
        ("startDateTime", "startTime", 105),
        ("startTime", "startTime", None),
        ("startTime", "startDateTime", 105),
    ],
)
async def test_the_spelling_of_the_start(
    sandbox: Sandbox, client: Foreign, accepts: str, key: str, code: int | None
) -> None:
    sandbox.switches = sandbox.switches.changed({"start_key": accepts})
    answer = await client.send(scheduling={key: "2025-12-19T10:30:00+03:00"})
    assert answer.get("error", {}).get("code") == code


@pytest.mark.parametrize("refused", [False, True])
async def test_unknown_fields_are_written_down(sandbox: Sandbox, client: Foreign, refused: bool) -> None:
    sandbox.switches = replace(sandbox.switches, unknown_fields_refused=refused)
    body = {
        "channels": {"sms": {"message": "x", "max_parts": 3}},
        "destinations": [{"to": 79161112233, "trackingdata": "x", "zzz": 1}],
        "RestrictiveId": "x",
    }
    answer = await client.post("/v2/send", body)
    assert answer["success"] is not refused
    found = {finding.field: finding.problem for finding in sandbox.findings}
    assert "did you mean restrictiveId?" in found["RestrictiveId"]
    if not refused:
        assert "did you mean maxParts?" in found["channels.sms.max_parts"]
        assert "did you mean trackingData?" in found["destinations[0].trackingdata"]
        assert found["destinations[0].zzz"] == "is not in the document"
    assert all(finding.refused is refused for finding in sandbox.findings)
    assert all("79161112233" not in f"{finding}" for finding in sandbox.findings)


async def test_a_number_as_a_string_is_taken_and_noted(sandbox: Sandbox, client: Foreign) -> None:
    answer = await client.send("79161112233")
    assert answer["destinations"][0]["phone"] == 79161112233
    assert [finding.field for finding in sandbox.findings] == ["destinations[0].to"]


async def test_null_is_taken_as_absent_and_noted(sandbox: Sandbox, client: Foreign) -> None:
    await client.sent(originator=None)
    assert [finding.field for finding in sandbox.findings] == ["originator"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"a":NaN}', '{"а":1}'.encode("cp1251")])
async def test_a_body_that_is_not_json(sandbox: Sandbox, client: Foreign, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.call("POST", "/v2/send", content=content, headers=headers)
    assert answer.json() == {"success": False, "error": {"code": 105, "message": "Invalid request format"}}
    assert sandbox.findings


@pytest.mark.parametrize(
    "content_type,status",
    [
        (None, 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json", 200),
        ("application/json; charset=UTF-8", 200),
        ('Application/JSON;charset="utf-8"', 200),
    ],
)
async def test_content_types(sandbox: Sandbox, client: Foreign, content_type: str | None, status: int) -> None:
    content = b'{"channels":{"sms":{"message":"x"}},"destinations":[{"to":79161112233}]}'
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await client.call("POST", "/v2/send", content=content, headers=headers)
    assert answer.status_code == status
    assert len(sandbox.accepted) == (status == 200)
    assert bool(sandbox.findings) == (status != 200)


async def test_ids_may_be_numbers_of_any_size(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.switches = sandbox.switches.changed({"ids_as_numbers": True, "id_digits": 39})
    answer = await client.call(
        "POST", "/v2/send", json={"channels": {"sms": {"message": "x"}}, "destinations": [{"to": 79161112233}]}
    )
    assert f'"id":{sandbox.messages[0].id}}}'.encode() in answer.content
    assert len(str(json.loads(answer.content)["destinations"][0]["id"])) == 39


async def test_a_batch_is_all_or_nothing_for_money(sandbox: Sandbox, client: Foreign) -> None:
    account = sandbox.accounts.get()
    account.balance = account.price * 2
    body = {"channels": {"sms": {"message": "x"}}, "destinations": [{"to": 79161110000 + n} for n in range(3)]}
    answer = await client.post("/v2/send", body)
    assert answer["error"]["code"] == 415
    assert len(sandbox.accepted) == 0
    body["destinations"] = [{"to": 79161110000 + n} for n in range(2)]
    assert (await client.post("/v2/send", body))["success"] is True
    assert account.balance == 0


async def test_http_may_be_forbidden(sandbox: Sandbox, client: Foreign) -> None:
    sandbox.accounts.get().http_allowed = False
    assert (await client.send())["error"]["code"] == 439


async def test_max_parts_cuts_or_refuses(sandbox: Sandbox, client: Foreign) -> None:
    channels = {"sms": {"message": "a" * 400, "maxParts": 2}}
    body = {"channels": channels, "destinations": [{"to": 79161112233}]}
    await client.post("/v2/send", body)
    assert (sandbox.messages[0].parts, len(sandbox.messages[0].text)) == (2, 306)
    sandbox.switches = replace(sandbox.switches, max_parts="refuse")
    answer = await client.post("/v2/send", body)
    assert answer["destinations"][0]["error"]["code"] == 424


# --- restrictiveId: U1 to U5


async def code_of(client: Foreign, rid: str, *, node: int = 1, to: int = 79161112233) -> int | None:
    answer = await client.send(to, node=node, restrictiveId=rid)
    return int(answer["error"]["code"]) if "error" in answer else None


@pytest.mark.parametrize("shared", [True, False])
async def test_u1_ids_between_nodes(sandbox: Sandbox, client: Foreign, shared: bool) -> None:
    sandbox.switches = replace(sandbox.switches, restrictive_shared=shared)
    assert await code_of(client, "a") is None
    assert await code_of(client, "a", node=2) == (105 if shared else None)
    assert await code_of(client, "a") == 105
    assert len(sandbox.accepted) == (1 if shared else 2)


@pytest.mark.parametrize("consumed", [True, False])
@pytest.mark.parametrize("why", ["1000", "415", "105 format", "fault 1000"])
async def test_u2_a_failed_request(sandbox: Sandbox, client: Foreign, consumed: bool, why: str) -> None:
    sandbox.switches = replace(sandbox.switches, restrictive_consumed_by_failure=consumed)
    rule = None
    if why == "fault 1000":
        rule = sandbox.faults.add(FaultRule(effect=Temporary()))
    to = {"1000": 79161119999, "415": 79161119415}.get(why, 79161112233)
    if why == "105 format":
        answer = await client.send(restrictiveId="a", originator="Nobody")
        assert answer["error"]["code"] == 436
    else:
        assert await code_of(client, "a", to=to) == (415 if why == "415" else 1000)
    if rule:
        sandbox.faults.remove(rule)
    assert await code_of(client, "a") == (105 if consumed else None)


@pytest.mark.parametrize("scope", ["account", "token"])
async def test_u3_whose_ids_collide(sandbox: Sandbox, client: Foreign, scope: str) -> None:
    sandbox.switches = sandbox.switches.changed({"restrictive_scope": scope})
    login = sandbox.accounts.get().login
    sandbox.accounts.add_token("2/second", login=login)
    assert await code_of(client, "a") is None
    async with Foreign(sandbox, api_key="2/second") as other:
        assert await code_of(other, "a") == (105 if scope == "account" else None)
        assert await code_of(other, "b") is None


@pytest.mark.parametrize(
    "concurrent,first_fails,codes",
    [
        ("refuse", False, [None, 105]),
        ("refuse", True, [1000, 105]),
        ("wait", False, [None, 105]),
        ("wait", True, [1000, None]),
        ("race", False, [None, None]),
    ],
)
async def test_u4_two_at_once(
    sandbox: Sandbox, client: Foreign, concurrent: str, first_fails: bool, codes: list[int | None]
) -> None:
    sandbox.switches = sandbox.switches.changed({"restrictive_concurrent": concurrent})
    # The first is held up before acceptance while the second comes.
    sandbox.faults.add(FaultRule(effect=Latency(seconds=10), nth=1))
    sandbox.outcomes.add(NumberOutcome(suffix="555", course="refused", code=1000))
    first = asyncio.create_task(code_of(client, "a", to=79161112555 if first_fails else 79161112233))
    await until(lambda: sandbox.faults.injected == 1)
    second = asyncio.create_task(code_of(client, "a"))
    if concurrent == "refuse":
        assert await second == 105
    elif concurrent == "race":
        assert await second is None
    else:
        await until(lambda: sandbox.platform.restrictive.waiting == 1)
    await sandbox.advance(10)
    assert [await first, await second] == codes
    assert len(sandbox.accepted) == sum(code is None for code in codes)


async def until(condition: Any) -> None:
    """Turns of the loop until something of the server's is so; bounded."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")


@pytest.mark.parametrize(
    "starts,free_after",
    [("arrival", 3600), ("acceptance", 3610), ("last_seen", 3600 + 1810)],
)
async def test_u5_when_the_hour_starts(sandbox: Sandbox, client: Foreign, starts: str, free_after: float) -> None:
    """Arrival at 0, acceptance at 10, a repeat at 1810."""
    sandbox.switches = sandbox.switches.changed({"restrictive_hour_starts": starts, "antispam": False})
    sandbox.faults.add(FaultRule(effect=Latency(seconds=10), nth=1))
    begun = sandbox.clock.now()
    first = asyncio.create_task(code_of(client, "a"))
    await until(lambda: sandbox.faults.injected == 1)
    await sandbox.advance(10)
    assert await first is None
    await sandbox.advance(1800)
    if starts == "last_seen":
        assert await code_of(client, "a") == 105
    await sandbox.advance(begun + free_after - sandbox.clock.now() - 1)
    before = sandbox.clock.now()
    if starts != "last_seen":  # every sight would renew it
        assert await code_of(client, "a") == 105
    await sandbox.advance(begun + free_after - before)
    assert await code_of(client, "a") is None


async def test_ids_are_forgotten(sandbox: Sandbox, client: Foreign) -> None:
    for number in range(50):
        await client.sent(79161110000 + number, restrictiveId=f"id-{number}")
    assert len(sandbox.platform.restrictive) == 50
    await sandbox.advance("61m")
    await client.sent(restrictiveId="another")
    assert len(sandbox.platform.restrictive) == 1


async def test_a_cut_request_is_not_processed(sandbox: Sandbox) -> None:
    """A body that did not arrive whole is nothing, wherever it is cut."""
    body = b'{"channels":{"sms":{"message":"x"}},"destinations":[{"to":79161112233}]}'
    head = (
        b"POST /v2/send HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer " + sandbox.api_key.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    url = httpx.URL(sandbox.urls[0])
    whole = head + body
    for cut in (10, len(head) - 1, len(head), len(head) + 1, len(whole) - 1):
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(whole[:cut])
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    assert len(sandbox.accepted) == 0
    # All of it arrived, and then the client left: processed, though nobody hears of it.
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(whole)
    writer.close()
    await writer.wait_closed()
    await until(lambda: len(sandbox.accepted) == 1)
