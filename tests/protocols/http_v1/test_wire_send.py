"""The document's examples of sends, both directions, and the forms that the field notes know."""

from __future__ import annotations

import pytest

from sms_traffic_async.protocols.http.answers import Damaged, Fault
from sms_traffic_async.protocols.http_v1.form import encode_form
from sms_traffic_async.protocols.http_v1.models import Member, SendAnswer, SendOptions, SendRequest, SentPart
from sms_traffic_async.protocols.http_v1.wire import decode_send, encode_send
from tests.protocols.http_v1.kit import root

OWN = [("login", "mylogin"), ("password", "mypassword")]


def member(to: str, text: str | None = None, push_id: str | None = None) -> Member:
    return Member(index=0, key="k", to=to, text=text, push_id=push_id)


def body(request: SendRequest) -> str:
    return encode_form((*OWN, *encode_send(request)), "cp1251").decode()


def test_example_one_message() -> None:
    request = SendRequest(
        members=(member("78001234567"),), options=SendOptions(rus=1, want_ids=False), text="test тест"
    )
    # The example, and the rus that is always sent.
    example = "login=mylogin&password=mypassword&phones=78001234567&message=test+%F2%E5%F1%F2"
    assert body(request) == f"{example}&rus=1"
    answer = decode_send(
        root(
            """<?xml version="1.0" ?>
<reply>
  <result>OK</result>
  <code>0</code>
  <description>queued 1 messages</description>
</reply>"""
        )
    )
    assert answer == SendAnswer(queued=1, description="queued 1 messages")


def test_example_error() -> None:
    answer = decode_send(
        root(
            """<?xml version="1.0" ?>
<reply>
  <result>ERROR</result>
  <code>401</code>
  <description>login param is missing</description>
</reply>"""
        )
    )
    assert answer == Fault(code=401, message="login param is missing")


def test_example_want_sms_ids() -> None:
    members = (member("79051112233"), member("79261112233"))
    request = SendRequest(members=members, options=SendOptions(rus=1), text="test тест")
    example = (
        "login=mylogin&password=mypassword&want_sms_ids=1&phones=79051112233%2C79261112233&message=test+%F2%E5%F1%F2"
    )
    assert body(request) == f"{example}&rus=1"
    answer = decode_send(
        root(
            """<?xml version="1.0" ?>
<reply>
  <result>OK</result>
  <code>0</code>
  <description>queued 2 messages</description>
  <message_infos>
    <message_info>
      <phone>79051112233</phone>
      <sms_id>1000472891</sms_id>
    </message_info>
    <message_info>
      <phone>79261112233</phone>
      <sms_id>1000472892</sms_id>
    </message_info>
  </message_infos>
</reply>"""
        )
    )
    assert isinstance(answer, SendAnswer)
    assert answer.parts == (
        SentPart(phone="79051112233", message_id="1000472891"),
        SentPart(phone="79261112233", message_id="1000472892"),
    )


def test_example_with_push_id() -> None:
    """V9, V10: joined without padding; V11: no XML head; V14: three messages for two phones."""
    members = (member("79051112233", "<long message>", "a"), member("79261112233", "hello test", "b"))
    request = SendRequest(members=members, options=SendOptions(rus=0), delimiter="ABC")
    assert body(request) == (
        "login=mylogin&password=mypassword&want_sms_ids=1&individual_messages=1&with_push_id=1&delimiter=ABC"
        "&phones=a%3A79051112233+%3Clong+message%3EABCb%3A79261112233+hello+test&rus=0"
    )
    answer = decode_send(
        root(
            """<reply>
  <result>OK</result>
  <code>0</code>
  <description>queued 3 messages</description>
  <message_infos>
    <message_info>
      <phone>79051112233</phone>
      <sms_id>8287366071</sms_id>
      <push_id>a</push_id>
    </message_info>
    <message_info>
      <phone>79051112233</phone>
      <sms_id>8287366073</sms_id>
      <push_id>a</push_id>
    </message_info>
    <message_info>
      <phone>79261112233</phone>
<sms_id>8287366075</sms_id>
<push_id>b</push_id>
</message_info>
</message_infos>
</reply>"""
        )
    )
    assert isinstance(answer, SendAnswer)
    assert answer.queued == 3
    assert [(part.message_id, part.push_id) for part in answer.parts] == [
        ("8287366071", "a"), ("8287366073", "a"), ("8287366075", "b"),
    ]  # fmt: skip


def test_every_parameter_by_its_wire_name() -> None:
    options = SendOptions(
        rus=5,
        originator="SMS.Traffic",
        flash=True,
        max_parts=3,
        validity=600,
        two_byte_concat=True,
        ignore_phone_format=True,
        want_ids=False,
        extra={"gap": "0.05", "route": "sms"},
    )
    request = SendRequest(members=(member(""),), options=options, text="a", group="клиенты")
    assert dict(encode_send(request)) == {
        "group": "клиенты",
        "message": "a",
        "rus": "5",
        "originator": "SMS.Traffic",
        "max_parts": "3",
        "timeout": "600",
        "flash": "1",
        "two_byte_concat": "1",
        "ignore_phone_format": "1",
        "gap": "0.05",
        "route": "sms",
    }


@pytest.mark.parametrize(
    "text, queued, ids",
    [
        # A 10: an empty code, as of a template that drops 0
        ("<reply><result>OK</result><code></code><description>queued 1 messages</description></reply>", 1, []),
        ("<reply><description>queued 0 messages</description><code>0</code><result>OK</result></reply>", 0, []),
        ("<reply><result>ok</result></reply>", None, []),
        # A 14: another dialect of the vendor
        (
            (
                "<sd-reply><result>OK</result><msg-infos><msg-info><id>104637902978914716100000000000000000001</id>"
                "<phone>7</phone></msg-info></msg-infos><code>0</code></sd-reply>"
            ),
            None,
            ["104637902978914716100000000000000000001"],
        ),
        (
            (
                "<reply><result>OK</result><code>0</code><message_info><sms_id> 17 </sms_id></message_info>"
                "<message_info><sms_id></sms_id></message_info><new/></reply>"
            ),
            None,
            ["17"],
        ),
    ],
)
def test_forms_that_mean_ok(text: str, queued: int | None, ids: list[str]) -> None:
    answer = decode_send(root(text))
    assert isinstance(answer, SendAnswer)
    assert (answer.queued, [part.message_id for part in answer.parts]) == (queued, ids)


@pytest.mark.parametrize(
    "text", ["<reply><code>434</code></reply>", "<reply><result>error</result><code>434</code></reply>"]
)
def test_v12_the_code_decides(text: str) -> None:
    assert decode_send(root(text)) == Fault(code=434)


@pytest.mark.parametrize(
    "text",
    [
        "<html/>",
        "<reply/>",
        "<reply><result>ERROR</result></reply>",
        "<reply><result>ERROR</result><code>0</code></reply>",
        "<reply><result>OK</result><code>12</code></reply>",
        "<reply><result>OK</result><code>zero</code></reply>",
        "<reply><result>MAYBE</result><code>0</code></reply>",
        "<reply><code>0</code></reply>",
    ],
)
def test_neither_yes_nor_no_is_no_answer(text: str) -> None:
    with pytest.raises(Damaged):
        decode_send(root(text))


def test_nothing_prints_a_number_or_a_text() -> None:
    request = SendRequest(members=(member("79051112233", "secret", "a"),), options=SendOptions(rus=0), text="secret")
    parts = SendAnswer(queued=1, parts=(SentPart(phone="79051112233", message_id="1"),), description="to 79051112233")
    shown = repr((request, request.members, request.options, parts))
    assert "79051112233" not in shown
    assert "secret" not in shown
