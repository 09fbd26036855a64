"""SOAP as bytes: the document's examples in both directions, and items O1 to O10 of the field notes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from sms_traffic_async.messages import MOSCOW
from sms_traffic_async.protocols.http.answers import Damaged, Fault
from sms_traffic_async.protocols.soap.matching import match
from sms_traffic_async.protocols.soap.models import Info, Member, SendAnswer, SendOptions, SendRequest
from sms_traffic_async.protocols.soap.wire import (
    SoapFault,
    carries,
    decode_balance,
    decode_send,
    decode_statuses,
    encode_balance,
    encode_send,
    encode_statuses,
    headers,
    read_fault,
)
from sms_traffic_async.protocols.xml import Element, read
from tests.protocols.soap.kit import SOAP_11, SOAP_12, accepted, envelope, sms_response

LOGIN = (("Login", "example"), ("Password", "p@ssw0rd!"))
PRINTED_LOGIN = "<Login>example</Login><Password>p@ssw0rd!</Password>"
PHONES = ("78003336655", "78002224477", "78001114444")
SPACE = "{http://soap.smstraffic.ru/soap.wsdl}"


def members(*texts: str | None) -> tuple[Member, ...]:
    return tuple(
        Member(index=index, key=str(index), to=phone, text=text)
        for index, (phone, text) in enumerate(zip(PHONES, texts, strict=False))
    )


def squeezed(xml: bytes) -> str:
    return re.sub(r"\s*(<|>)\s*", r"\1", xml.decode()).replace("\n", " ")


def root(content: str, **how: Any) -> Element:
    return read(envelope(content, **how))


# --- the document's examples


@pytest.mark.parametrize("version,namespace", [("1.2", SOAP_12), ("1.1", SOAP_11)])
def test_the_documents_send_bulk_sms(version: Literal["1.2", "1.1"], namespace: str) -> None:
    request = SendRequest(
        members=members(None, None, None), options=SendOptions(latin=False, want_ids=False), text="hello world"
    )
    phones = "".join(f"<Phone>{phone}</Phone>" for phone in PHONES)
    options = f"<Options>{PRINTED_LOGIN}</Options>"
    printed = envelope(f"<BulkSms>{options}<Message>hello world</Message>{phones}</BulkSms>", namespace=namespace)
    ours = encode_send(request, LOGIN, version=version)
    assert squeezed(ours).replace("<LatinEncoding>false</LatinEncoding>", "") == squeezed(printed)


def test_the_documents_send_individual_sms() -> None:
    request = SendRequest(
        members=members("individual", "message", "by phone"), options=SendOptions(latin=True, want_ids=False)
    )
    pairs = "".join(
        f"<Pairs><Phone>{phone}</Phone><Message>{text}</Message></Pairs>"
        for phone, text in zip(PHONES, ("individual", "message", "by phone"), strict=True)
    )
    printed = envelope(f"<IndividualSms><Options>{PRINTED_LOGIN}</Options>{pairs}</IndividualSms>")
    ours = encode_send(request, LOGIN, version="1.2")
    assert squeezed(ours).replace("<LatinEncoding>true</LatinEncoding>", "") == squeezed(printed)


def test_the_documents_status_and_balance_requests() -> None:
    """O7: no Options there, whatever the prose says."""
    printed = envelope(f"<StatusRequest>{PRINTED_LOGIN}<SmsId>27371658818</SmsId><SmsId>1</SmsId></StatusRequest>")
    assert squeezed(encode_statuses(["27371658818", "1"], LOGIN, version="1.2")) == squeezed(printed)
    printed = envelope(f"<BalanceRequest>{PRINTED_LOGIN}</BalanceRequest>")
    assert squeezed(encode_balance(LOGIN, version="1.2")) == squeezed(printed)


def test_the_documents_answer_to_a_send() -> None:
    """O3: three of the four examples have >>."""
    for success in (">true", "true", "1", " > TRUE "):
        answer = decode_send(read(sms_response(success=success, text="queued 3 messages")))
        assert answer == SendAnswer(queued=3, description="queued 3 messages")


PRINTED_STATUS = """
    <StatusResponse>
      <Status>
        <IsSuccess>>true</IsSuccess>
        <Code>0</Code>
        <Description></Description>
      </Status>
      <SmsInfo>
        <SmsId>27374567618</SmsId>
        <Error></Error>
        <SubmissionDate>2020-05-09T15:19:00</SubmissionDate>
        <SendDate>2020-05-09T15:19:00</SendDate>
        <LastStatusChangeDate>2020-05-09T15:19:00</LastStatusChangeDate>
        <Status>Expired</Status>
      </SmsInfo>
      <SmsInfo>
        <SmsId>1</SmsId>
        <Error>no such message or this message does not belong to you</Error>
      </SmsInfo>
    </StatusResponse>"""


def test_the_documents_answer_to_get_sms_status() -> None:
    """O8: dates are UTC+3, and Status means two things. O9: the example answers for another id than it was asked."""
    found = decode_statuses(root(PRINTED_STATUS), ["27374567618", "1"])
    assert isinstance(found, list)
    (one,) = found
    moment = datetime(2020, 5, 9, 15, 19, tzinfo=MOSCOW)
    assert (one.message_id, one.status, one.error_text) == ("27374567618", "Expired", None)
    assert one.submitted_at == one.sent_at == one.status_at == moment
    assert one.raw is not None
    assert one.raw["Status"] == "Expired"
    assert decode_statuses(root(PRINTED_STATUS), ["27371658818", "1"]) == []


def test_the_documents_answer_to_get_balance() -> None:
    content = (
        "<BalanceResponse><Status><IsSuccess>true</IsSuccess><Code>0</Code><Description></Description></Status>"
        "<Amount>{}</Amount></BalanceResponse>"
    )
    assert decode_balance(root(content.format("52782.35"))) == (Decimal("52782.35"), "52782.35")
    assert decode_balance(root(content.format("-12,5"))) == (Decimal("-12.5"), "-12,5")
    with pytest.raises(Damaged, match="the balance is not a number"):
        decode_balance(root(content.format("a lot")))


# --- out


def test_every_option() -> None:
    request = SendRequest(
        members=members(None),
        options=SendOptions(
            latin=True,
            originator="A&B",
            ignore_phone_format=True,
            validity=3600,
            flash=True,
            start_at=datetime(2026, 1, 1, tzinfo=UTC),
            max_parts=3,
            two_byte_concat=True,
        ),
        text="x",
    )
    tree = fromstring(encode_send(request, LOGIN, version="1.2"))
    options = tree.find(f".//{SPACE}Options")
    assert {one.tag.removeprefix(SPACE): one.text for one in options} == {
        "Login": "example",
        "Password": "p@ssw0rd!",
        "Originator": "A&B",
        "WantSmsIds": "true",
        "IgnorePhoneFormat": "true",
        "LatinEncoding": "true",
        "Timeout": "3600",
        "Flash": "true",
        "StartDate": "2026-01-01T03:00:00",
        "MaxParts": "3",
        "TwoByteConcat": "true",
    }


@pytest.mark.parametrize(
    "form,start,text",
    [
        ("dateTime", datetime(2026, 1, 1, 12, tzinfo=UTC), "2026-01-01T15:00:00"),
        ("v1", datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5))), "2026-01-01 10:00:00"),
        ("dateTime", "tomorrow morning", "tomorrow morning"),
    ],
)
def test_forms_of_a_start(form: Any, start: Any, text: str) -> None:
    """O6: which form StartDate has is unsaid; a raw string passes as it is."""
    request = SendRequest(members=members(None), options=SendOptions(latin=False, start_at=start), text="x")
    assert f"<StartDate>{text}</StartDate>" in encode_send(request, LOGIN, version="1.2", start=form).decode()


def test_both_spellings_of_the_wish_for_ids() -> None:
    """O4."""
    request = SendRequest(members=members(None), options=SendOptions(latin=False), text="x")
    for name in ("WantSmsIds", "WantsSmsIds"):
        body = encode_send(request, LOGIN, version="1.2", ids_element=name).decode()
        assert re.findall(r"<(Wants?SmsIds)>true<", body) == [name]


def test_headers_of_both_versions() -> None:
    """O1: Content-Type and SOAPAction are unsaid."""
    assert headers("1.2") == (("Content-Type", "application/soap+xml; charset=utf-8"),)
    assert headers("1.1") == (("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", '""'))


@given(st.text(st.characters(codec="utf-8")))
def test_what_xml_carries_arrives_as_it_was(text: str) -> None:
    request = SendRequest(members=members(text), options=SendOptions(latin=False, originator=text))
    if not carries(text):
        with pytest.raises(Exception, match=r"not well-formed|invalid token|reference to invalid"):
            fromstring(encode_send(request, LOGIN, version="1.2"))
        return
    tree = fromstring(encode_send(request, (("Login", text), ("Password", text)), version="1.2"))
    for name in ("Message", "Originator", "Login", "Password"):
        assert (tree.find(f".//{SPACE}{name}").text or "") == text


@pytest.mark.parametrize("char", ["\0", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_does_not_carry(char: str) -> None:
    assert not carries(f"a{char}b")
    assert carries("a\t\r\n\x7f\x85\ue000😀")


# --- in


def test_message_infos_are_found_at_any_depth() -> None:
    """O5: their place is unsaid. O2: names differ, in any prefix and either version."""
    infos = accepted("78003336655", "1") + accepted("78003336655", "2")
    infos += "<MessageInfo><ProcessResult>Unroutable</ProcessResult><Phone>78002224477</Phone></MessageInfo>"
    expected = (
        Info(phone="78003336655", result="Accepted", message_id="1"),
        Info(phone="78003336655", result="Accepted", message_id="2"),
        Info(phone="78002224477", result="Unroutable"),
    )
    for wrapped in (infos, f"<MessageInfos>{infos}</MessageInfos>"):
        answer = decode_send(read(sms_response(wrapped)))
        assert isinstance(answer, SendAnswer)
        assert answer.infos == expected
    status = "<a:Status xmlns:a='u'><Description>queued 3 messages</Description><Code>0</Code></a:Status>"
    body = envelope(f"<x:SmsResponse xmlns:x='v'>{infos}{status}</x:SmsResponse>", namespace=SOAP_11, prefix="SOAP-ENV")
    answer = decode_send(read(body))
    assert isinstance(answer, SendAnswer)
    assert answer.infos == expected


@pytest.mark.parametrize(
    "success,code,expected",
    [
        ("false", "411", Fault(code=411, message="no")),
        (">false", "1000", Fault(code=1000, message="no")),
        ("", "425", Fault(code=425, message="no")),
        ("what", "0", None),
        ("", "0", None),
        ("true", "", None),
    ],
)
def test_yes_and_no(success: str, code: str, expected: Fault | None) -> None:
    """O3 and O10: strip >, true or 1, else Code 0."""
    answer = decode_send(read(sms_response(success=success, code=code, text="no")))
    assert (answer if isinstance(answer, Fault) else None) == expected


@pytest.mark.parametrize(
    "success,code,problem",
    [
        ("true", "411", "contradict"),
        ("false", "0", "contradict"),
        ("false", "", "contradict"),
        ("true", "x", "code"),
        ("", "", "neither"),
    ],
)
def test_neither_yes_nor_no_is_no_answer(success: str, code: str, problem: str) -> None:
    with pytest.raises(Damaged, match=problem):
        decode_send(read(sms_response(success=success, code=code)))


@pytest.mark.parametrize(
    "body",
    [
        b"<reply><result>OK</result></reply>",
        b"<Envelope/>",
        envelope(""),
        envelope("<BalanceResponse/>"),
        envelope("<SmsResponse/>"),
        envelope("<SmsResponse><Status>Expired</Status></SmsResponse>"),
    ],
)
def test_other_envelopes_are_no_answer(body: bytes) -> None:
    with pytest.raises(Damaged):
        decode_send(read(body))


FAULT_12 = "<{0}:Fault><{0}:Code><{0}:Value>{0}:{1}</{0}:Value></{0}:Code>"
FAULT_12 += "<{0}:Reason><{0}:Text>why</{0}:Text></{0}:Reason>{2}</{0}:Fault>"
FAULT_11 = "<{0}:Fault><faultcode>{0}:{1}</faultcode><faultstring>why</faultstring>{2}</{0}:Fault>"


@pytest.mark.parametrize(
    "content,namespace,expected",
    [
        (FAULT_12.format("env", "Sender", ""), SOAP_12, SoapFault(ours=True, reason="why")),
        (FAULT_12.format("env", "Receiver", ""), SOAP_12, SoapFault(ours=False, reason="why")),
        (FAULT_12.format("env", "VersionMismatch", ""), SOAP_12, SoapFault(ours=True, reason="why")),
        (FAULT_11.format("env", "Client.Authentication", ""), SOAP_11, SoapFault(ours=True, reason="why")),
        (FAULT_11.format("env", "Server", ""), SOAP_11, SoapFault(ours=False, reason="why")),
        (FAULT_11.format("env", "", ""), SOAP_11, SoapFault(ours=False, reason="why")),
        (
            FAULT_11.format(
                "env",
                "Server",
                "<detail><details><code>411</code><description>bad</description></details></detail>",
            ),
            SOAP_11,
            Fault(code=411, message="bad"),
        ),
        (
            FAULT_12.format("env", "Sender", "<env:Detail><Code>1000</Code></env:Detail>"),
            SOAP_12,
            Fault(code=1000, message="why"),
        ),
    ],
)
def test_faults(content: str, namespace: str, expected: object) -> None:
    """O10, and A 17: the service's older faults name the platform's code."""
    found = read_fault(root(content, namespace=namespace))
    assert found == expected
    assert "why" not in repr(found)


def test_no_fault() -> None:
    assert read_fault(read(sms_response())) is None
    with pytest.raises(Damaged):
        read_fault(read(b"<html/>"))


def test_statuses_in_other_words() -> None:
    """A 4 and field notes C: an empty status with a date is a message that waits."""
    entries = (
        "<SmsInfo><SmsId> 5 </SmsId><Status></Status><SendDate>2020-05-09T15:19:00</SendDate></SmsInfo>"
        "<SmsInfo><SmsId>6</SmsId><SubmitionDate>2020-05-09 15:19:00</SubmitionDate></SmsInfo>"
        "<SmsInfo><SmsId>7</SmsId><Status>Lost Notification</Status><SendDate>rubbish</SendDate></SmsInfo>"
        "<SmsInfo><SmsId>8</SmsId><Error></Error><Status></Status></SmsInfo>"
        "<SmsInfo><Status>Delivered</Status></SmsInfo>"
    )
    content = f"<StatusResponse>{entries}<Status><Code>0</Code></Status></StatusResponse>"
    found = decode_statuses(root(content), ["5", "6", "7", "8"])
    assert isinstance(found, list)
    assert [(one.message_id, one.status) for one in found] == [("5", ""), ("6", ""), ("7", "Lost Notification")]
    assert [one.sent_at is None for one in found] == [False, True, True]
    assert found[1].submitted_at == datetime(2020, 5, 9, 15, 19, tzinfo=MOSCOW)


# --- whose is it


def test_matching() -> None:
    request = SendRequest(members=members(None, None, None), options=SendOptions(latin=False), text="x")

    def ids(*infos: tuple[str | None, str]) -> list[list[str | None]]:
        found = match(request, tuple(Info(phone=phone, result="Accepted", message_id=one) for phone, one in infos))
        return [[info.message_id for info in infos] for infos in found]

    one, two, three = PHONES
    assert ids((three, "c"), (one, "a"), (two, "b"), (one, "a2")) == [["a", "a2"], ["b"], ["c"]]
    federal = "79850000000"
    assert ids((one, "a"), (federal, "b"), (three, "c")) == [["a"], ["b"], ["c"]]
    assert ids((federal, "b"), (one, "a"), (three, "c")) == [["a"], [], ["c"]]
    assert ids((one, "a"), (federal, "b")) == [["a"], [], []]
    single = SendRequest(members=members(None), options=SendOptions(latin=False), text="x")
    info = Info(phone=federal, result="Accepted", message_id="1")
    assert match(single, (info,)) == [(info,)]
