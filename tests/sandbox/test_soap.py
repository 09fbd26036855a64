"""SOAP over real TCP: the document's examples by curl, zeep as a foreign client, options, faults, switches."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio
import zeep
from defusedxml.ElementTree import fromstring

from sms_traffic_async.sandbox import Drop, FaultRule, Garbage, Sandbox, Temporary, Throttle
from tests.sandbox.foreign import Foreign
from tests.sandbox.v1_kit import V1, curl, squeezed

ZONE = timezone(timedelta(hours=3))
AT = datetime(2020, 5, 9, 15, 19, tzinfo=ZONE)
PHONE = "79161112233"
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"
xmlns="http://soap.smstraffic.ru/soap.wsdl">
  <env:Body>"""
TAIL = """
  </env:Body>
</env:Envelope>"""
SOAP_12 = "Content-Type: application/soap+xml; charset=utf-8"
NS = {"s": "http://soap.smstraffic.ru/soap.wsdl"}
LOGIN = "<Login>example</Login><Password>p@ssw0rd!</Password>"

BULK = """
    <BulkSms>
      <Options>
        <Login>example</Login>
        <Password>p@ssw0rd!</Password>
      </Options>
      <Message>hello world</Message>
      <Phone>78003336655</Phone>
      <Phone>78002224477</Phone>
      <Phone>78001114444</Phone>
    </BulkSms>"""
INDIVIDUAL = """
    <IndividualSms>
      <Options>
        <Login>example</Login>
        <Password>p@ssw0rd!</Password>
      </Options>
      <Pairs>
        <Phone>78003336655</Phone>
        <Message>individual</Message>
      </Pairs>
      <Pairs>
        <Phone>78002224477</Phone>
        <Message>message</Message>
      </Pairs>
      <Pairs>
        <Phone>78001114444</Phone>
        <Message>by phone</Message>
      </Pairs>
    </IndividualSms>"""
QUEUED = """
    <SmsResponse>
      <Status>
        <IsSuccess>>true</IsSuccess>
        <Code>0</Code>
        <Description>queued 3 messages</Description>
      </Status>
    </SmsResponse>"""


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=AT, real_time=False, login="example", password="p@ssw0rd!") as opened:
        yield opened


def line(envelope: str) -> str:
    """A printed envelope in one line, the head's line breaks too."""
    return squeezed(envelope).replace('envelope"\nxmlns', 'envelope" xmlns').replace('"?>\n', '"?>')


async def ask(sandbox: Sandbox, content: str, *, node: int = 1, kind: str = SOAP_12) -> str:
    """Posts a Body's content in the document's envelope."""
    head, answer = await curl(sandbox.soap_urls[node - 1], "-H", kind, body=HEAD + content + TAIL)
    assert head.startswith("HTTP/1.1 200 "), head
    assert "content-type: application/soap+xml; charset=utf-8" in head.lower()
    return answer.decode()


async def status(sandbox: Sandbox, content: str) -> tuple[str, str, str]:
    root = fromstring(await ask(sandbox, content))
    found = root.find(".//s:Status", NS)
    assert found is not None
    success, code, text = (found.findtext(f"s:{name}", "", NS) for name in ("IsSuccess", "Code", "Description"))
    return success, code, text


def bulk(options: str = "", message: str = "hello", *phones: str) -> str:
    listed = "".join(f"<Phone>{phone}</Phone>" for phone in phones or (PHONE,))
    return f"<BulkSms><Options>{LOGIN}{options}</Options><Message>{message}</Message>{listed}</BulkSms>"


@pytest.mark.parametrize(
    "request_,texts", [(BULK, ["hello world"] * 3), (INDIVIDUAL, ["individual", "message", "by phone"])]
)
async def test_the_documents_sends(sandbox: Sandbox, request_: str, texts: list[str]) -> None:
    right = QUEUED.replace(">>", ">")
    assert await ask(sandbox, request_) == line(HEAD + right + TAIL)
    sandbox.switches = replace(sandbox.switches, soap_broken_success=True)
    assert await ask(sandbox, request_) == line(HEAD + QUEUED + TAIL)
    assert [entry.text for entry in sandbox.accepted] == texts * 2
    assert {entry.protocol for entry in sandbox.accepted} == {"soap"}
    assert not sandbox.findings
    kept = b"".join(one.body for one in sandbox.platform.store._exchanges.values())
    assert b"<Password>********</Password>" in kept
    assert b"p@ssw0rd!" not in kept


async def test_the_documents_status(sandbox: Sandbox) -> None:
    """The printed answer has another id than its request: the document's slip."""
    await ask(sandbox, bulk("", "hello", "79161119020"))
    await sandbox.advance(0.5)
    sandbox.pace = replace(sandbox.pace, expire=0.0)
    await sandbox.advance(5)
    one = sandbox.messages[0].id
    sandbox.switches = replace(sandbox.switches, soap_broken_success=True)
    request = f"""
    <StatusRequest>
      <Login>example</Login>
      <Password>p@ssw0rd!</Password>
      <SmsId>{one}</SmsId>
      <SmsId>1</SmsId>
    </StatusRequest>"""
    assert await ask(sandbox, request) == line(f"""{HEAD}
    <StatusResponse>
      <Status>
        <IsSuccess>>true</IsSuccess>
        <Code>0</Code>
        <Description></Description>
      </Status>
      <SmsInfo>
        <SmsId>{one}</SmsId>
        <Error></Error>
        <SubmissionDate>2020-05-09T15:19:00</SubmissionDate>
        <SendDate>2020-05-09T15:19:00</SendDate>
        <LastStatusChangeDate>2020-05-09T15:19:01</LastStatusChangeDate>
        <Status>Expired</Status>
      </SmsInfo>
      <SmsInfo>
        <SmsId>1</SmsId>
        <Error>no such message or this message does not belong to you</Error>
      </SmsInfo>
    </StatusResponse>{TAIL}""")


async def test_the_documents_balance(sandbox: Sandbox) -> None:
    """The login of the printed request is a slip; the answer's IsSuccess is the one that is right."""
    sandbox.accounts.get().balance = Decimal("52782.35")
    sandbox.switches = replace(sandbox.switches, soap_broken_success=True)
    request = """
    <BalanceRequest>
      <Login>{}</Login>
      <Password>p@ssw0rd!</Password>
    </BalanceRequest>"""
    assert await ask(sandbox, request.format("example")) == line(f"""{HEAD}
    <BalanceResponse>
      <Status>
        <IsSuccess>true</IsSuccess>
        <Code>0</Code>
        <Description></Description>
      </Status>
      <Amount>52782.35</Amount>
    </BalanceResponse>{TAIL}""")
    assert await status(sandbox, request.format("texample")) == ("false", "411", "Authentication failed")


async def zeep_client(sandbox: Sandbox) -> Any:
    made: Any = zeep.Transport  # it has no annotations
    transport = made(timeout=20, operation_timeout=20)
    return await asyncio.to_thread(zeep.Client, sandbox.urls[1] + "/soap.wsdl", transport=transport)


async def on(method: Callable[..., Any], *values: Any, **fields: Any) -> Any:
    return await asyncio.to_thread(functools.partial(method, *values, **fields))


@pytest.mark.parametrize("version", ["12", "11"])
@pytest.mark.parametrize("node", [1, 2])
async def test_zeep_completes_all_methods(sandbox: Sandbox, version: str, node: int) -> None:
    client = await zeep_client(sandbox)
    try:
        service = client.bind("SmsTraffic", f"Node{node}Soap{version}")
        options = {
            "Login": "example",
            "Password": "p@ssw0rd!",
            "Originator": "MyCompany",
            "WantSmsIds": True,
            "IgnorePhoneFormat": False,
            "LatinEncoding": False,
            "Timeout": 3600,
            "Flash": False,
            "StartDate": datetime(2020, 5, 9, 15, 20),  # noqa: DTZ001 - the document's dates have no zone
            "MaxParts": 3,
            "TwoByteConcat": True,
        }
        sent = await on(service.SendBulkSms, Options=options, Message="щ" * 67, Phone=[PHONE, "79161119429"])
        assert (sent.Status.IsSuccess, sent.Status.Code) == (True, 0)
        assert sent.Status.Description == "queued 1 messages"
        assert [(one.Phone, one.ProcessResult) for one in sent.MessageInfo] == [
            (PHONE, "Accepted"),
            ("79161119429", "Unroutable"),
        ]
        options["StartDate"] = None
        pairs = [{"Phone": PHONE, "Message": "щ" * 71}, {"Phone": "79161112234", "Message": "b & <c>"}]
        several = await on(service.SendIndividualSms, Options=options, Pairs=pairs)
        ids = [one.SmsId for one in several.MessageInfo]
        assert len(ids) == 3
        await sandbox.advance(5)
        login = {"Login": "example", "Password": "p@ssw0rd!"}
        scheduled = sent.MessageInfo[0].SmsId
        found = await on(service.GetSmsStatus, **login, SmsId=[*ids, scheduled, "1"])
        assert [(one.SmsId, one.Status) for one in found.SmsInfo] == [
            *((one, "Delivered") for one in ids),
            (scheduled, None),
            ("1", None),
        ]
        assert found.SmsInfo[0].SendDate == AT.replace(tzinfo=None)
        assert found.SmsInfo[-1].Error == "no such message or this message does not belong to you"
        balance = await on(service.GetBalance, **login)
        assert balance.Amount == Decimal("1000000.00") - Decimal("2.00")
        assert [message.node for message in sandbox.messages] == [node] * 3
        assert sandbox.messages[0].originator == "MyCompany"
        assert not sandbox.findings
    finally:
        client.transport.session.close()


async def test_the_wsdl(sandbox: Sandbox) -> None:
    for path in ("/soap.wsdl", "/soap.php?wsdl"):
        head, body = await curl(sandbox.urls[0] + path)
        assert "content-type: text/xml" in head.lower()
        for url in sandbox.soap_urls:
            assert body.count(f'location="{url}"'.encode()) == 2
    assert not sandbox.findings


@pytest.mark.parametrize(
    "content,code,text",
    [
        (bulk("", "x", "12"), "425", 'Phone "12" is too short. No messages has been sent'),
        (bulk("", "x", PHONE, "79161119432"), "432", "blocked phone: 79161119432. No messages has been sent"),
        (bulk("", ""), "405", "message parameter is missing"),
        (bulk("", "x", " "), "407", "phones parameter is empty"),
        (f"<BulkSms><Options>{LOGIN}</Options><Message>x</Message></BulkSms>", "403", "phones parameter is missing"),
        ("<BulkSms><Message>x</Message><Phone>1</Phone></BulkSms>", "401", "login param is missing"),
        ("<BalanceRequest><Login>example</Login></BalanceRequest>", "402", "password parameter is missing"),
        (f"<BalanceRequest>{LOGIN.replace('d!', 'd')}</BalanceRequest>", "411", "Authentication failed"),
        (f"<StatusRequest>{LOGIN}</StatusRequest>", "433", "sms_id parameter is missing"),
        (bulk("<Flash>yes</Flash>"), "404", "Incompatible parameters"),
        (bulk("<MaxParts>0</MaxParts>"), "404", "Incompatible parameters"),
        (bulk("<Originator>Nobody</Originator>"), "436", 'Originator "Nobody" is forbidden'),
        (bulk("<StartDate>2020-05-09T25:00:00</StartDate>"), "416", 'Invalid start_date format: "2020-05-09T25:00:00"'),
        (bulk("<StartDate>tomorrow</StartDate>"), "416", 'Invalid start_date format: "tomorrow"'),
        (bulk("<StartDate>2020-05-09T15:18:59</StartDate>"), "417", 'start date "2020-05-09 15:18:59" is in the past'),
        (
            bulk("<WantSmsIds>true</WantSmsIds><StartDate>2020-05-09T16:00:00</StartDate>"),
            "418",
            "SMS ids could not be provided for scheduled messages",
        ),
        (bulk("", "щ" * 17_086), "420", f'Message "{"щ" * 20}" is too long'),
        (
            f"<IndividualSms><Options>{LOGIN}</Options><Pairs><Phone>{PHONE}</Phone></Pairs></IndividualSms>",
            "423",
            f'Message for phone "{PHONE}" is empty',
        ),
        (
            f"<IndividualSms><Options>{LOGIN}</Options><Pairs><Message>x</Message></Pairs></IndividualSms>",
            "422",
            'Phone is missing in line "1": "x"',
        ),
        (f"<IndividualSms><Options>{LOGIN}</Options></IndividualSms>", "403", "phones parameter is missing"),
    ],
)
async def test_refusals(sandbox: Sandbox, content: str, code: str, text: str) -> None:
    assert await status(sandbox, content) == ("false", code, text)
    assert not sandbox.accepted


async def test_a_wrong_ip_and_no_money(sandbox: Sandbox) -> None:
    sandbox.accounts.get().balance = Decimal(0)
    assert (await status(sandbox, bulk()))[1] == "415"
    sandbox.accounts.get().allowed_ips = {"10.0.0.1"}
    assert (await status(sandbox, bulk()))[1] == "412"


@pytest.mark.parametrize("name", ["WantSmsIds", "WantsSmsIds"])
async def test_both_spellings_of_want_sms_ids(sandbox: Sandbox, name: Any) -> None:
    content = bulk(f"<{name}>1</{name}>", "щ" * 71)
    assert (await ask(sandbox, content)).count("<SmsId>") == 2
    sandbox.switches = replace(sandbox.switches, soap_infos="recipient")
    assert (await ask(sandbox, content)).count("<SmsId>") == 1
    sandbox.switches = replace(sandbox.switches, soap_want=name)
    assert "<SmsId>" in await ask(sandbox, content)
    assert not sandbox.findings
    other: Any = "WantsSmsIds" if name == "WantSmsIds" else "WantSmsIds"
    sandbox.switches = replace(sandbox.switches, soap_want=other)
    assert "MessageInfo" not in await ask(sandbox, content)
    assert [finding.field for finding in sandbox.findings] == [f"Options/{name}"]


@pytest.mark.parametrize(
    "form,text,code",
    [
        ("both", "2020-05-09T16:00:00", "0"),
        ("both", "2020-05-09T13:00:00Z", "0"),
        ("both", "2020-05-09 16:00:00", "0"),
        ("dateTime", "2020-05-09T16:00:00+03:00", "0"),
        ("dateTime", "2020-05-09 16:00:00", "416"),
        ("v1", "2020-05-09 16:00:00", "0"),
        ("v1", "2020-05-09T16:00:00", "416"),
    ],
)
async def test_forms_of_a_start_date(sandbox: Sandbox, form: Any, text: str, code: str) -> None:
    sandbox.switches = replace(sandbox.switches, soap_start=form)
    assert (await status(sandbox, bulk(f"<StartDate>{text}</StartDate>")))[1] == code
    for message in sandbox.messages:
        assert message.start_at == AT.replace(hour=16, minute=0).timestamp()


async def test_options(sandbox: Sandbox) -> None:
    await ask(sandbox, bulk("<LatinEncoding>true</LatinEncoding>", "Привет"))
    await ask(sandbox, bulk("<LatinEncoding>false</LatinEncoding>", "hello"))
    await ask(sandbox, bulk("<Timeout>999999</Timeout><Flash>1</Flash>", "x" * 100))
    await ask(sandbox, bulk("<IgnorePhoneFormat>true</IgnorePhoneFormat>", "x", "12"))
    await ask(sandbox, bulk("<TwoByteConcat>true</TwoByteConcat>", "щ" * 133))
    await ask(sandbox, bulk("<MaxParts>1</MaxParts>", "щ" * 133))
    latin, plain, flash, bad, long, cut = sandbox.messages
    assert (latin.text, latin.encoding, plain.encoding) == ("Privet", "gsm7", "ucs2")
    assert (flash.flash, flash.parts, flash.validity) == (True, 1, 86_400)
    assert (bad.to, long.parts, cut.parts) == ("12", 3, 1)
    assert [finding.field for finding in sandbox.findings] == ["Options/Timeout"]


async def test_unknown_elements_are_findings(sandbox: Sandbox) -> None:
    content = bulk("<Gap>50</Gap><originator>x</originator>").replace("<Message>", "<Note/><Message>")
    assert (await status(sandbox, content))[1] == "0"
    fields = [finding.field for finding in sandbox.findings]
    assert fields == ["BulkSms/Note", "Options/Gap", "Options/originator"]
    sandbox.findings.clear()
    content = bulk().replace("<Message>", '<Message xmlns="">')
    assert (await status(sandbox, content))[1] == "0"
    assert [finding.field for finding in sandbox.findings] == ["BulkSms/Message"]


@pytest.mark.parametrize(
    "body,status_line,word",
    [
        ("<not xml", "400", "env:Sender"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "400", "env:Sender"),
        ("<BulkSms/>", "500", "env:VersionMismatch"),
        (HEAD + TAIL, "400", "env:Sender"),
        (HEAD + "<Unknown/>" + TAIL, "400", "env:Sender"),
        (HEAD + '<BulkSms xmlns="urn:other"/>' + TAIL, "400", "env:Sender"),
        (HEAD + "<a>" * 50 + "</a>" * 50 + TAIL, "400", "env:Sender"),
    ],
)
async def test_faults(sandbox: Sandbox, body: str, status_line: str, word: str) -> None:
    head, answer = await curl(sandbox.soap_urls[0], "-H", SOAP_12, body=body)
    assert head.startswith(f"HTTP/1.1 {status_line} ")
    assert word in answer.decode()
    fromstring(answer)
    assert len(sandbox.findings) == 1
    old = body.replace("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/")
    if old != body:
        head, answer = await curl(sandbox.soap_urls[0], "-H", "Content-Type: text/xml", body=old)
        assert head.startswith("HTTP/1.1 500 ")
        assert b"<faultcode xmlns=''>env:Client</faultcode>" in answer


async def test_paths_methods_and_types(sandbox: Sandbox) -> None:
    head, _ = await curl(sandbox.soap_urls[0], "-X", "PUT", body=HEAD + BULK + TAIL)
    assert head.startswith("HTTP/1.1 405 ")
    head, _ = await curl(sandbox.soap_urls[0] + "5", body=HEAD + BULK + TAIL)
    assert head.startswith("HTTP/1.1 404 ")
    assert not sandbox.accepted
    sandbox.findings.clear()
    await ask(sandbox, BULK, kind="Content-Type: text/xml")
    assert [finding.field for finding in sandbox.findings] == ["Content-Type"]


async def test_elements_given_twice_and_headers(sandbox: Sandbox) -> None:
    content = bulk().replace("<Message>hello", "<Message>first</Message><Message>hello")
    assert (await status(sandbox, content))[1] == "0"
    assert sandbox.accepted[0].text == "hello"
    with_header = (HEAD + BULK + TAIL).replace("<env:Body>", "<env:Header><x/></env:Header><env:Body>", 1)
    await curl(sandbox.soap_urls[0], "-H", SOAP_12, body=with_header)
    assert [finding.field for finding in sandbox.findings] == ["BulkSms/Message", "Header"]
    assert len(sandbox.accepted) == 4


async def test_a_temporary_fault_before_anything_is_read(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Temporary(when="after"), protocol="soap", operation="wsdl"))
    head, answer = await curl(sandbox.urls[0] + "/soap.wsdl")
    assert head.startswith("HTTP/1.1 500 ")
    assert b"env:Receiver" in answer


async def test_departments_and_other_protocols(sandbox: Sandbox) -> None:
    """One store: sent by v1, seen over SOAP and v2, and the other way round."""
    sandbox.accounts.get().add_department("sales", "s3cret")
    async with V1(sandbox, login="example:sales", password="s3cret") as v1, Foreign(sandbox) as v2:
        (one,) = await v1.send()
        await ask(sandbox, bulk())
        theirs = sandbox.messages[-1].id
        await sandbox.advance(5)
        request = "<StatusRequest>{}<SmsId>{}</SmsId><SmsId>{}</SmsId></StatusRequest>"
        answer = await ask(sandbox, request.format(LOGIN, one, theirs), node=2)
        assert answer.count("<Status>Delivered</Status>") == 2
        mine = "<Login>example:sales</Login><Password>s3cret</Password>"
        answer = await ask(sandbox, request.format(mine, one, theirs))
        assert answer.count("<Status>Delivered</Status>") == 1
        assert await v2.status(theirs) == "Delivered"
        assert await v1.status(theirs) == "(none)"


@pytest.mark.parametrize("when,accepted", [("before", 0), ("after", 1)])
async def test_code_1000(sandbox: Sandbox, when: Any, accepted: int) -> None:
    sandbox.faults.add(FaultRule(effect=Temporary(when=when), protocol="soap", operation="send"))
    assert await status(sandbox, bulk()) == ("false", "1000", "Temporary error")
    assert (await status(sandbox, f"<BalanceRequest>{LOGIN}</BalanceRequest>"))[1] == "0"
    assert len(sandbox.accepted) == accepted


async def test_http_faults(sandbox: Sandbox) -> None:
    sandbox.faults.add(FaultRule(effect=Throttle(), protocol="soap", operation="send", nth=1))
    sandbox.faults.add(FaultRule(effect=Garbage(), protocol="soap", operation="send", nth=2))
    sandbox.faults.add(FaultRule(effect=Drop(), protocol="soap", operation="wsdl"))
    head, _ = await curl(sandbox.soap_urls[0], "-H", SOAP_12, body=HEAD + BULK + TAIL)
    assert head.startswith("HTTP/1.1 429 ")
    assert not sandbox.accepted
    _, body = await curl(sandbox.soap_urls[0], "-H", SOAP_12, body=HEAD + BULK + TAIL)
    assert b"\xff" in body
    assert len(sandbox.accepted) == 3
    with pytest.raises(AssertionError):
        await curl(sandbox.urls[0] + "/soap.wsdl")
