"""``multi.php`` and ``list.php`` over real TCP: every code, form, switch and fault; one store with v2."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import httpx
import pytest
import pytest_asyncio

from sms_traffic_async.sandbox import (
    Account,
    Drop,
    FaultRule,
    Garbage,
    Half,
    NumberOutcome,
    Sandbox,
    ServerError,
    Temporary,
    Throttle,
)
from sms_traffic_async.sandbox.effects import Effect
from sms_traffic_async.secrets import Secret
from tests.sandbox.foreign import Foreign
from tests.sandbox.v1_kit import LOGIN, V1, curl

START = datetime(2025, 12, 18, 12, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=3)))
PHONE = "79161112233"
CYRILLIC = "Привет"


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=START, real_time=False, login="mylogin", password="mypassword") as opened:
        yield opened


@pytest_asyncio.fixture
async def v1(sandbox: Sandbox) -> AsyncIterator[V1]:
    async with V1(sandbox) as client:
        yield client


@pytest.mark.parametrize(
    "fields,code,text",
    [
        ({"login": "", "phones": PHONE, "message": "x"}, 401, "login param is missing"),
        ({"password": "", "phones": PHONE, "message": "x"}, 402, "password parameter is missing"),
        ({"password": "wrong", "phones": PHONE, "message": "x"}, 411, "Authentication failed"),
        ({"login": "nobody", "phones": PHONE, "message": "x"}, 411, "Authentication failed"),
        ({"login": "mylogin:nobody", "phones": PHONE, "message": "x"}, 411, "Authentication failed"),
        ({"message": "x"}, 403, "phones parameter is missing"),
        ({"phones": PHONE}, 405, "message parameter is missing"),
        ({"phones": PHONE, "message": ""}, 405, "message parameter is missing"),
        ({"phones": "", "message": "x"}, 407, "phones parameter is empty"),
        ({"phones": f"{PHONE},,{PHONE}", "message": "x"}, 440, '"phones" parameter is not set or set incorrectly'),
        ({"phones": PHONE, "group": "test", "message": "x"}, 404, "Incompatible parameters"),
        ({"phones": PHONE, "message": "x", "with_push_id": "1"}, 404, "Incompatible parameters"),
        ({"phones": PHONE, "message": "x", "rus": "auto"}, 404, "Incompatible parameters"),
        ({"phones": PHONE, "message": "x", "flash": "yes"}, 404, "Incompatible parameters"),
        ({"phones": PHONE, "message": "x", "timeout": "0"}, 404, "Incompatible parameters"),
        ({"phones": PHONE, "message": "x", "max_parts": "256"}, 404, "Incompatible parameters"),
        ({"operation": "cancel"}, 404, "Incompatible parameters"),
        ({"group": "nobody", "message": "x"}, 413, 'No such group: "nobody"'),
        ({"group": "empty", "message": "x"}, 414, "Group is empty"),
        ({"phones": PHONE, "message": "x", "start_date": "18.12.2025"}, 416, 'Invalid start_date format: "18.12.2025"'),
        (
            {"phones": PHONE, "message": "x", "start_date": "2025-12-32 00:00:00"},
            416,
            'Invalid start_date format: "2025-12-32 00:00:00"',
        ),
        (
            {"phones": PHONE, "message": "x", "start_date": "2025-12-18 11:59:59"},
            417,
            'start date "2025-12-18 11:59:59" is in the past',
        ),
        (
            {"phones": PHONE, "message": "x", "start_date": "2025-12-18 12:05:01", "want_sms_ids": "1"},
            418,
            "SMS ids could not be provided for scheduled messages",
        ),
        (
            {"phones": PHONE, "message": "x", "start_date": "2025-12-21 12:00:01"},
            504,
            "Start date is more than 30 days in the future",
        ),
        ({"phones": PHONE, "message": "y" * 39_016}, 420, 'Message "yyyyyyyyyyyyyyyyyyyy" is too long'),
        ({"phones": PHONE, "message": "y" * 17_086, "rus": "5"}, 420, 'Message "yyyyyyyyyyyyyyyyyyyy" is too long'),
        (
            {"phones": PHONE, "message": "y" * 38_761, "two_byte_concat": "1"},
            420,
            'Message "yyyyyyyyyyyyyyyyyyyy" is too long',
        ),
        ({"phones": PHONE, "message": "x", "originator": "TwelveLetters"}, 421, "originator parameter is too long"),
        ({"phones": PHONE, "message": "x", "originator": "Nobody"}, 436, 'Originator "Nobody" is forbidden'),
        ({"phones": "123456", "message": "x"}, 425, 'Phone "123456" is too short. No messages has been sent'),
        ({"phones": "1" * 16, "message": "x"}, 426, f'Phone "{"1" * 16}" is too long. No messages has been sent'),
        (
            {"phones": f"{PHONE},7916111223", "message": "x"},
            427,
            '"7916111223": wrong phone length. No messages has been sent',
        ),
        (
            {"phones": "+79161112233", "message": "x"},
            428,
            '"+79161112233": wrong phone format. No messages has been sent',
        ),
        ({"phones": "79161119429", "message": "x"}, 429, '"79161119429": unsupported phone. No messages has been sent'),
        ({"phones": "0916111223", "message": "x"}, 430, '"0916111223": invalid phone. No messages has been sent'),
        (
            {"phones": "79161119431", "message": "x"},
            431,
            'No open subscriptions for +"79161119431". No messages has been sent',
        ),
        ({"phones": "79161119432", "message": "x"}, 432, "blocked phone: 79161119432. No messages has been sent"),
        ({"phones": "79161119415", "message": "x"}, 415, "Not enough funds to complete the operation"),
        ({"phones": "79161119419", "message": "x"}, 419, "You are not allowed to use this route"),
        ({"phones": "79161119999", "message": "x"}, 1000, "Temporary error"),
        ({"operation": "status"}, 433, "sms_id parameter is missing"),
        ({"operation": "set_checked", "sms_id": ","}, 433, "sms_id parameter is missing"),
        (
            {"operation": "set_checked", "sms_id": "1,2"},
            434,
            "No such sms_id or this sms_id does not belong to you : 1,2",
        ),
        ({"operation": "set_checked", "sms_id": "1," * 5_001}, 404, "Incompatible parameters"),
        ({"operation": "incoming", "from_date": "yesterday"}, 416, 'Invalid start_date format: "yesterday"'),
        ({"operation": "incoming", "count": "ten"}, 404, "Incompatible parameters"),
    ],
)
async def test_refusals(sandbox: Sandbox, v1: V1, fields: dict[str, Any], code: int, text: str) -> None:
    sandbox.accounts.get().lists.add("empty")
    assert await v1.code(**fields) == (code, text)
    assert not sandbox.accepted


@pytest.mark.parametrize(
    "phones,code,text",
    [
        ("79161112233 a\r\n79161112234 b", 422, 'Phone is missing in line "2": ""'),
        ("79161112233 a\n\n79161112234 b", 422, 'Phone is missing in line "2": ""'),
        ("79161112233 a\n text alone", 422, 'Phone is missing in line "2": " text alone"'),
        ("79161112233 a\n79161112234", 423, 'Message for phone "79161112234" is empty'),
        ("79161112233 a\n79161112234 ", 423, 'Message for phone "79161112234" is empty'),
        (
            "79161112233 " + "z" * 39_016,
            424,
            'Message "zzzzzzzzzzzzzzzzzzzz" for phone "79161112233" is too long',
        ),
        ("", 407, "phones parameter is empty"),
    ],
)
async def test_refusals_of_individual_messages(sandbox: Sandbox, v1: V1, phones: str, code: int, text: str) -> None:
    assert await v1.code(individual_messages="1", phones=phones) == (code, text)
    assert not sandbox.accepted


async def test_codes_of_the_account(sandbox: Sandbox, v1: V1) -> None:
    account = sandbox.accounts.get()
    account.balance = Decimal("0.99")
    assert await v1.code(phones=f"{PHONE},79161112234", message="x") == (
        415,
        "Not enough funds to complete the operation",
    )
    assert await v1.send()
    assert account.balance == Decimal("0.49")
    account.http_allowed = False
    assert await v1.code(phones=PHONE, message="x") == (439, "You can't send SMS by HTTP")
    account.allowed_ips = {"10.0.0.1"}
    assert await v1.code(operation="account") == (412, "Wrong IP")
    account.allowed_ips = {"127.0.0.0/24"}
    assert (await v1.call(operation="account")).findtext("account") == "0.49"


async def test_individual_messages_and_push_ids(sandbox: Sandbox, v1: V1) -> None:
    phones = "79161112233 first one\n79161112234  two spaces\r79161112235 third\n"
    root = await v1.call(individual_messages="1", phones=phones)
    assert root.findtext("description") == "queued 3 messages"
    assert [entry.text for entry in sandbox.accepted] == ["first one", " two spaces", "third"]
    phones = "a:79161112233 x|b-2:79161112234 line\nline"
    root = await v1.call(individual_messages="1", delimiter="|", phones=phones, with_push_id="1", want_sms_ids="1")
    assert [one.text for one in root.iter("push_id")] == ["a", "b-2"]
    assert sandbox.accepted[-1].text == "line\nline"
    assert await v1.code(individual_messages="1", phones="79161112233 x", with_push_id="1", want_sms_ids="1") == (
        440,
        '"phones" parameter is not set or set incorrectly',
    )


@pytest.mark.parametrize(
    "rus,message,text,encoding,parts",
    [
        ("0", CYRILLIC.encode("cp1251"), "Privet", "gsm7", 1),
        ("0", b"x" * 160, "x" * 160, "gsm7", 1),
        ("0", b"x" * 161, "x" * 161, "gsm7", 2),
        ("1", CYRILLIC.encode("cp1251"), CYRILLIC, "ucs2", 1),
        ("5", CYRILLIC.encode(), CYRILLIC, "ucs2", 1),
        ("5", "щ".encode() * 71, "щ" * 71, "ucs2", 2),
        ("5", b"x" * 71, "x" * 71, "ucs2", 2),
        ("5", "😀 код".encode(), "😀 код", "ucs2", 1),
    ],
)
async def test_rus(sandbox: Sandbox, v1: V1, rus: str, message: bytes, text: str, encoding: str, parts: int) -> None:
    assert len(await v1.send(message=message, rus=rus)) == parts
    (stored,) = sandbox.messages
    assert (stored.text, stored.encoding, stored.parts) == (text, encoding, parts)
    assert not sandbox.findings


async def test_a_latin_text_in_unicode_by_switch(sandbox: Sandbox, v1: V1) -> None:
    sandbox.switches = replace(sandbox.switches, latin_in_unicode=True)
    assert len(await v1.send(message="x" * 160, rus="5")) == 1
    assert len(await v1.send(message="щ" * 71, rus="5")) == 2


async def test_the_wrong_charset_is_found(sandbox: Sandbox, v1: V1) -> None:
    await v1.send(message=CYRILLIC.encode(), rus="1")
    await v1.send(message=CYRILLIC.encode("cp1251"), rus="5")
    assert [finding.problem for finding in sandbox.findings] == [
        "looks like UTF-8, but rus says windows-1251",
        "is not utf-8",
    ]


async def test_parts_flash_validity_and_concatenation(sandbox: Sandbox, v1: V1) -> None:
    assert len(await v1.send(message="x" * 400, max_parts="2")) == 2
    assert len(await v1.send(message="x" * 306)) == 2
    assert len(await v1.send(message="x" * 305, two_byte_concat="1")) == 3
    assert len(await v1.send(message="x" * 400, flash="1")) == 1
    await v1.send(message="y", timeout="600")
    await v1.send(message="y", timeout="999999")
    cut, *_, flash, short, long = sandbox.messages
    assert (len(cut.text), flash.flash, len(flash.text)) == (306, True, 160)
    assert (short.validity, long.validity) == (600, 86_400)
    assert [finding.field for finding in sandbox.findings] == ["timeout"]
    assert sum(message.cost for message in sandbox.messages) == Decimal("5.00")


async def test_ignore_phone_format_queues_bills_and_fails_later(sandbox: Sandbox, v1: V1) -> None:
    before = sandbox.accounts.get().balance
    ids = await v1.send(phones=f"{PHONE},12,79161119427", ignore_phone_format="1")
    assert before - sandbox.accounts.get().balance == Decimal("1.50")
    await sandbox.advance(10)
    assert [await v1.status(one) for one in ids] == ["Delivered", "Rejected", "Rejected"]
    assert (await v1.code(phones="79161119432", message="x", ignore_phone_format="1"))[0] == 432


async def test_a_start_date(sandbox: Sandbox, v1: V1) -> None:
    (soon,) = await v1.send(start_date="2025-12-18 12:05:00")
    root = await v1.call(phones=PHONE, message="later", start_date="2025-12-21 12:00:00")
    assert root.findtext("description") == "queued 1 messages"
    later = sandbox.messages[-1].id
    assert await v1.status(soon) == await v1.status(later) == ""
    await sandbox.advance(310)
    assert await v1.status(soon) == "Delivered"
    await sandbox.advance("1d23h")
    assert sandbox.messages[-1].sent_at is None
    await sandbox.advance("1d1h")
    # The two days of look-ups run from the sending.
    assert await v1.status(later) == "Delivered"
    await sandbox.advance("2d")
    assert await v1.status(later) == "(none)"


async def test_six_thousand_with_ids(sandbox: Sandbox, v1: V1) -> None:
    phones = [str(79_160_000_000 + one) for one in range(6_000) if not str(one).zfill(4).startswith("9")]
    phones += [str(79_170_000_000 + one) for one in range(6_000 - len(phones))]
    assert len(await v1.send(phones=",".join(phones))) == 6_000
    assert await v1.code(phones=",".join([*phones, PHONE]), message="x", want_sms_ids="1") == (
        404,
        "Incompatible parameters",
    )
    root = await v1.call(phones=",".join([*phones, PHONE]), message="x")
    assert root.findtext("description") == "queued 6001 messages"


async def test_a_group(sandbox: Sandbox, v1: V1) -> None:
    clients = sandbox.accounts.get().lists.by_name("клиенты")
    assert clients is not None
    clients.members = dict.fromkeys([PHONE, "79161112234"])
    root = await v1.call(group="клиенты".encode("cp1251"), message="x", want_sms_ids="1")
    assert [one.text for one in root.iter("phone")] == [PHONE, "79161112234"]


FORM = "login=mylogin&password=mypassword&phones=79161112233&message=x"


@pytest.mark.parametrize(
    "path,options,body",
    [
        ("/multi.php?" + FORM, [], None),
        ("/multi.php?" + FORM, ["-X", "POST"], ""),
        ("/multi.php/?" + FORM, [], None),
        ("//multi.php", [], FORM),
        ("/multi.php?login=mylogin&password=mypassword", [], "phones=79161112233&message=x"),
        (
            "/multi.php",
            ["-F", "login=mylogin", "-F", "password=mypassword", "-F", "phones=79161112233", "-F", "message=x"],
            None,
        ),
    ],
)
async def test_forms_of_a_request(sandbox: Sandbox, path: str, options: list[str], body: str | None) -> None:
    head, answer = await curl(sandbox.urls[0] + path, *options, body=body)
    assert head.startswith("HTTP/1.1 200 ")
    assert b"queued 1 messages" in answer
    (message,) = sandbox.messages
    assert message.text == "x"
    assert not sandbox.findings
    exchange = sandbox.platform.store.exchange(message.request_id)
    assert exchange is not None
    assert b"mypassword" not in exchange.body + exchange.head.encode()


async def test_forms_that_are_not_read(sandbox: Sandbox) -> None:
    url = sandbox.urls[0] + "/multi.php"
    _, answer = await curl(url, "-H", "Content-Type: application/json", body='{"login": "mylogin"}')
    assert b"<code>401</code>" in answer
    assert [finding.field for finding in sandbox.findings] == ["Content-Type"]
    head, _ = await curl(url, "-X", "PUT", body=FORM)
    assert head.startswith("HTTP/1.1 405 ")
    head, _ = await curl(sandbox.urls[0] + "/multi.php.bak", body=FORM)
    assert head.startswith("HTTP/1.1 404 ")
    assert not sandbox.accepted


async def test_unknown_parameters_are_findings(sandbox: Sandbox, v1: V1) -> None:
    await v1.send(want_sms_id="1", gap="0.05", Originator="MyCompany")
    assert {finding.field for finding in sandbox.findings} == {"want_sms_id", "gap", "Originator"}
    assert not any(finding.refused for finding in sandbox.findings)
    sandbox.findings.clear()
    await v1.call(phones=f"{PHONE}, 79161112234", message="x", delimiter="|")
    assert sorted(finding.field for finding in sandbox.findings) == ["delimiter", "phones"]


async def test_names_at_list_php(sandbox: Sandbox, v1: V1) -> None:
    """The document calls it with ``Login``; a switch makes it as strict as ``multi.php``."""
    one = V1(sandbox, password="mypassword", Login="mylogin")
    async with one:
        assert (await one.call("/list.php")).findtext("description") == "total groups: 3"
        sandbox.switches = replace(sandbox.switches, list_names_exact=True)
        assert await one.code("/list.php") == (401, "login param is missing")


async def test_lists(sandbox: Sandbox, v1: V1) -> None:
    made = sandbox.accounts.get().lists.add("mine", created=START.timestamp())
    group = str(made.id)
    assert await v1.code("/list.php", operation="status", group_id="1") == (413, 'No such group: "1"')
    assert (await v1.code("/list.php", operation="add_member", group_id=group))[0] == 403
    assert (await v1.code("/list.php", operation="add_member", group_id=group, member=""))[0] == 407
    assert (await v1.code("/list.php", operation="add_member", group_id=group, member="12"))[0] == 425
    assert (await v1.code("/list.php", operation="rename", group_id=group))[0] == 404
    sandbox.findings.clear()
    members = ",".join(str(79_161_110_000 + one) for one in range(5_001))
    await v1.call("/list.php", operation="add_member", group_id=group, member=members)
    assert len(made.members) == 5_001
    assert [finding.field for finding in sandbox.findings] == ["member"]
    root = await v1.call("/list.php", operation="status", group_id=group)
    assert [one.findtext("name") for one in root.iterfind("groups/group")] == ["mine"]
    sandbox.switches = replace(sandbox.switches, list_status="group")
    root = await v1.call("/list.php", operation="status", group_id=group)
    assert root.findtext("group/created") == "2025-12-18 12:00:00"
    sandbox.switches = replace(sandbox.switches, list_status="members")
    root = await v1.call("/list.php", operation="status", group_id=group)
    assert len(root.findall("members/member")) == 5_001


async def test_unknown_statuses_by_switch(sandbox: Sandbox, v1: V1) -> None:
    root = await v1.call(operation="status", sms_id="77")
    assert root.findtext("sms/sms_id") == "77"
    assert root.findtext("sms/error") == "no such message or this message does not belong to you"
    sandbox.switches = replace(sandbox.switches, unknown_status="flat")
    assert [one.tag for one in await v1.call(operation="status", sms_id="77")] == ["error", "sms_id"]
    sandbox.switches = replace(sandbox.switches, unknown_status="empty_tags")
    assert [one.tag for one in await v1.call(operation="status", sms_id="77")] == [
        "submition_date",
        "send_date",
        "last_status_change_date",
        "status",
        "error",
        "sms_id",
    ]


async def test_buffered_without_a_date_by_switch(sandbox: Sandbox, v1: V1) -> None:
    (one,) = await v1.send("79161119031")
    await sandbox.advance(1)
    root = await v1.call(operation="status", sms_id=one)
    assert root.findtext("status") == "Buffered SMSC"
    assert root.findtext("last_status_change_date") == "2025-12-18 12:00:00"
    sandbox.switches = replace(sandbox.switches, buffered_date_empty=True)
    assert (await v1.call(operation="status", sms_id=one)).findtext("last_status_change_date") == ""


async def test_how_long_statuses_live(sandbox: Sandbox, v1: V1) -> None:
    (one,) = await v1.send()
    await sandbox.advance("2d")
    assert await v1.status(one) == "Delivered"
    await sandbox.advance(0.1)
    assert await v1.status(one) == "(none)"
    assert (await v1.call(operation="set_checked", sms_id=one)).findtext("sms_ids/sms_id") == one
    await sandbox.advance("1d")
    assert (await v1.code(operation="set_checked", sms_id=one))[0] == 434


async def test_set_checked_in_part_by_switch(sandbox: Sandbox, v1: V1) -> None:
    (one,) = await v1.send()
    assert await v1.code(operation="set_checked", sms_id=f"{one},77") == (
        434,
        "No such sms_id or this sms_id does not belong to you : 77",
    )
    assert sandbox.messages[0].status != "Checked"
    sandbox.switches = replace(sandbox.switches, checked_v1_whole=False)
    root = await v1.call(operation="set_checked", sms_id=f"{one},77")
    assert [node.text for node in root.iter("sms_id")] == [one]
    assert (await v1.code(operation="set_checked", sms_id="77"))[0] == 434


@pytest.mark.parametrize(
    "head,good,bad",
    [
        ("document", b'<?xml version="1.0" ?><r', b'<?xml version="1.0" ?><r'),
        ("live", b'<?xml version="1.0" ?><r', b'<?xml version="1.0" encoding="windows-1251" ?><r'),
        ("none", b"<reply>", b"<reply>"),
        ("utf-8", b'<?xml version="1.0" encoding="UTF-8"?><r', b'<?xml version="1.0" encoding="UTF-8"?><r'),
        (
            "windows-1251",
            b'<?xml version="1.0" encoding="windows-1251" ?><r',
            b'<?xml version="1.0" encoding="windows-1251" ?><r',
        ),
    ],
)
async def test_heads_by_switch(sandbox: Sandbox, v1: V1, head: Any, good: bytes, bad: bytes) -> None:
    sandbox.switches = replace(sandbox.switches, xml_head=head)
    assert (await v1.post(operation="account")).content.startswith(good)
    assert (await v1.post(phones=PHONE)).content.startswith(bad)
    sandbox.accounts.get().lists.add("клиенты & €", created=START.timestamp())
    root = await v1.call("/list.php")
    assert [one.text for one in root.iterfind("groups/group/name")][-1] == "клиенты & €"


async def test_incoming(sandbox: Sandbox, v1: V1) -> None:
    sandbox.platform.receive(sender="79031234567", recipient="3299", text="too old")
    await sandbox.advance("2d")
    for number, text in (("79031234567", "first"), ("79037654321", "<b>\x01 & щ"), ("79031234567", "third")):
        await sandbox.advance(60)
        sandbox.platform.receive(sender=number, recipient="3299", text=text)

    async def texts(**fields: Any) -> list[str]:
        root = await v1.call(operation="incoming", **fields)
        assert not list(root.iter("sms_id"))
        return [one.text or "" for one in root.iter("text")]

    assert await texts() == ["first", "<b>\ufffd & щ", "third"]
    assert await texts(from_phone="79037654321") == ["<b>\ufffd & щ"]
    assert await texts(from_date="2025-12-20 12:03:00") == ["third"]
    assert await texts(from_date="2025-12-21") == []
    assert await texts(count="1") == ["first"]
    assert (await v1.call(operation="incoming", count="1")).findtext("count") == "3"
    sandbox.switches = replace(sandbox.switches, incoming_count="returned")
    assert (await v1.call(operation="incoming", count="1")).findtext("count") == "1"


async def test_departments(sandbox: Sandbox, v1: V1) -> None:
    account = sandbox.accounts.get()
    account.add_department("sales", "s3cret")
    account.add_department("watch", "s3cret", roles=())
    before = account.balance
    async with (
        V1(sandbox, login="mylogin:sales", password="s3cret") as sales,
        V1(sandbox, login="mylogin:watch", password="s3cret") as watch,
    ):
        (theirs,) = await sales.send()
        (ours,) = await v1.send()
        assert before - account.balance == Decimal("1.00")
        await sandbox.advance(5)
        assert await sales.status(theirs) == await v1.status(theirs) == "Delivered"
        assert await sales.status(ours) == await watch.status(theirs) == "(none)"
        assert await watch.code(operation="set_checked", sms_id=theirs) == (
            419,
            "You are not allowed to use this route",
        )
        assert (await sales.call(operation="set_checked", sms_id=theirs)).findtext("code") == "0"
    assert sandbox.messages[0].department == "sales"


async def test_one_store_with_v2(sandbox: Sandbox, v1: V1) -> None:
    """A message sent by v1 is seen, queried and reported over v2, and the other way round."""
    long, second = await v1.send(message="x" * 200)
    async with Foreign(sandbox) as v2:
        theirs = await v2.sent()
        await sandbox.advance(5)
        assert await v2.status(long, node=2) == await v2.status(second) == "Delivered"
        assert await v1.status(theirs, node=2) == "Delivered"
        day: dict[str, Any] = {"from": "2025-12-18T00:00:00+03:00", "to": "2025-12-19T00:00:00+03:00"}
        rows = await v2.rows(fields=["id", "subscriber", "status"], **day)
        assert sorted(rows) == sorted([[long, PHONE, "Delivered"], [theirs, PHONE, "Delivered"]])
        sandbox.switches = replace(sandbox.switches, statuses_other_protocols=False)
        assert await v2.statuses(long) == []
        assert await v1.status(theirs) == "(none)"
    assert await v1.status(long) == "Delivered"


async def test_nodes_by_switch(sandbox: Sandbox, v1: V1) -> None:
    sandbox.switches = replace(sandbox.switches, statuses_cross_node=False)
    (one,) = await v1.send()
    assert await v1.status(one) == ""
    assert await v1.status(one, node=2) == "(none)"


async def test_federal_numbers_and_antispam(sandbox: Sandbox, v1: V1) -> None:
    root = await v1.call(phones="74951112233", message="x", want_sms_ids="1")
    assert root.findtext("message_infos/message_info/phone") == "79851112233"
    ids = [(await v1.send())[0] for _ in range(5)]
    await sandbox.advance(5)
    assert [await v1.status(one) for one in ids] == ["Delivered"] * 4 + ["Rejected"]


@pytest.mark.parametrize("when,accepted", [("before", 0), ("after", 1)])
async def test_code_1000(sandbox: Sandbox, v1: V1, when: Any, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=Temporary(when=when), protocol="v1", operation="send"))
    assert await v1.code(phones=PHONE, message="x") == (1000, "Temporary error")
    assert (await v1.call(operation="account")).findtext("account") is not None
    assert len(sandbox.accepted) == accepted


@pytest.mark.parametrize(
    "effect,accepted",
    [
        (Drop(when="before"), 0),
        (Drop(when="before", how="rst"), 0),
        (Drop(when="after"), 1),
        (Half(), 1),
        (Half(how="rst"), 1),
    ],
)
async def test_connections_that_end(sandbox: Sandbox, v1: V1, effect: Effect, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=effect, protocol="v1", operation="send"))
    with pytest.raises(httpx.TransportError):
        await v1.post(phones=PHONE, message="x")
    assert len(sandbox.accepted) == accepted


async def test_http_faults_by_operation(sandbox: Sandbox, v1: V1) -> None:
    node = v1.nodes[0]
    sandbox.faults.add(FaultRule(effect=Throttle(retry_after=7), protocol="v1", operation="send"))
    sandbox.faults.add(FaultRule(effect=ServerError(status=502), protocol="v1", operation="statuses"))
    sandbox.faults.add(FaultRule(effect=Garbage(), protocol="v1", operation="add_members"))
    answer = await node.post("/multi.php", data={**LOGIN, "phones": PHONE, "message": "x"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    answer = await node.post("/multi.php", data={**LOGIN, "operation": "status", "sms_id": "1"})
    assert answer.status_code == 502
    answer = await node.post("/list.php", data={**LOGIN, "operation": "add_member"})
    assert b"\x00\xff" in answer.content
    assert (await v1.call("/list.php")).findtext("code") == "0"
    assert not sandbox.accepted
    # The password is not kept, whatever came of the request.
    assert all(b"mypassword" not in one.body for one in sandbox.platform.store._exchanges.values())


async def test_an_outcome_of_its_own(sandbox: Sandbox, v1: V1) -> None:
    sandbox.outcomes.add(NumberOutcome(suffix="2233", course="not_delivered", code=3))
    (one,) = await v1.send()
    await sandbox.advance(5)
    root = await v1.call(operation="status", sms_id=one)
    assert (root.findtext("status"), root.findtext("error")) == ("Non Delivered", "")


async def test_another_account_sees_nothing(sandbox: Sandbox, v1: V1) -> None:
    (one,) = await v1.send()
    sandbox.accounts.add(Account(login="other", password=Secret("other")))
    async with V1(sandbox, login="other", password="other") as other:
        assert await other.status(one) == "(none)"
        assert (await other.code(operation="set_checked", sms_id=one))[0] == 434
