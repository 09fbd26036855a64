"""The document's examples of statuses, marking, balance, lists and incoming messages, and what the field notes know."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from sms_traffic_async.messages import StatusUpdate
from sms_traffic_async.protocols.http.answers import Damaged, Fault
from sms_traffic_async.protocols.http_v1.wire import (
    decode_balance,
    decode_checked,
    decode_incoming,
    decode_lists,
    decode_members,
    decode_statuses,
    encode_incoming,
    encode_members,
    named_ids,
)
from tests.protocols.http_v1.kit import root

MOSCOW = timezone(timedelta(hours=3))
FLAT = """<reply>
  <{word}>2020-05-09 14:11:39</{word}>
  <send_date>2020-05-09 14:11:39</send_date>
  <last_status_change_date>2020-05-09 14:12:00</last_status_change_date>
  <status>Delivered</status>
  <error></error>
  <sms_id>8287713301</sms_id>
</reply>"""
MANY = """<?xml version="1.0" ?>
<reply>
  <sms>
    <error></error>
    <submission_date>2020-05-09 14:11:39</submission_date>
    <send_date>2020-05-09 14:11:39</send_date>
    <last_status_change_date>2020-05-09 14:12:00</last_status_change_date>
    <sms_id>8287713301</sms_id>
    <status>Expired</status>
  </sms>
  <sms>
    <error></error>
    <submission_date>2020-05-09 14:11:39</submission_date>
    <send_date>2020-05-09 14:11:40</send_date>
    <last_status_change_date>2020-05-09 14:12:00</last_status_change_date>
    <sms_id>8287713303</sms_id>
    <status>Delivered</status>
  </sms>
<sms>
  <error>
    no such message or this message does not belong to you
  </error>
  <sms_id>82877133031</sms_id>
</sms>
</reply>"""


def statuses(text: str, *asked: str) -> list[StatusUpdate]:
    found = decode_statuses(root(text), asked)
    assert not isinstance(found, Fault)
    return found


@pytest.mark.parametrize("word", ["submission_date", "submition_date"])
def test_example_one_status_t1_either_spelling(word: str) -> None:
    (update,) = statuses(FLAT.format(word=word), "8287713301")
    assert (update.message_id, update.status, update.is_delivered) == ("8287713301", "Delivered", True)
    assert update.submitted_at == update.sent_at == datetime(2020, 5, 9, 14, 11, 39, tzinfo=MOSCOW)
    assert update.status_at == datetime(2020, 5, 9, 14, 12, tzinfo=MOSCOW)
    assert (update.error_text, update.source) == (None, "poll")
    assert update.raw is not None
    assert update.raw["status"] == "Delivered"


def test_example_many_statuses_t2_t3() -> None:
    found = statuses(MANY, "8287713301", "8287713303", "82877133031")
    assert [(update.message_id, str(update.status)) for update in found] == [
        ("8287713301", "Expired"), ("8287713303", "Delivered"),
    ]  # fmt: skip


def test_a9_times_with_seconds_and_a4_an_empty_date() -> None:
    text = (
        "<reply><sms><submition_date>2024-07-15 11:36:25</submition_date><send_date>2024-07-15 11:36:25</send_date>"
        "<last_status_change_date></last_status_change_date><status>Buffered SMSC</status><error></error>"
        "<sms_id>865149797164801235</sms_id></sms></reply>"
    )
    (update,) = statuses(text, "865149797164801235", "2")
    assert (update.status, update.status_at, update.is_final) == ("Buffered SMSC", None, False)


@pytest.mark.parametrize("word, final", [("Acceptd", False), ("Lost Notification", True), ("Что-то новое", False)])
def test_a5_status_words_outside_the_document(word: str, final: bool) -> None:
    (update,) = statuses(f"<reply><status>{word}</status><sms_id>1</sms_id></reply>", "1")
    assert (str(update.status), update.is_final) == (word, final)


def test_waiting_and_a_date_that_cannot_be_read() -> None:
    (update,) = statuses(
        "<reply><status></status><submission_date>soon</submission_date><sms_id>1</sms_id></reply>", "1"
    )
    assert (update.status, update.submitted_at) == ("", None)
    assert update.raw == {"status": "", "submission_date": "soon", "sms_id": "1"}


def test_t4_an_error_beside_a_status_is_told() -> None:
    (update,) = statuses("<reply><status>Non Delivered</status><error>absent</error><sms_id>1</sms_id></reply>", "1")
    assert update.error_text == "absent"


@pytest.mark.parametrize(
    "text",
    [
        "<reply><sms><error>No such message</error><sms_id>1</sms_id></sms></reply>",
        "<reply><error>no such message or this message does not belong to you</error></reply>",
        "<reply><submition_date/><send_date/><last_status_change_date/><status/><error/><sms_id/></reply>",
        "<reply><result>OK</result><description>message info is not available</description></reply>",
        "<reply><sms><status>Delivered</status><sms_id>2</sms_id></sms></reply>",
    ],
)
def test_a8_unknown_ids(text: str) -> None:
    assert statuses(text, "1") == []


def test_one_answer_without_an_id_is_of_the_one_that_was_asked() -> None:
    (update,) = statuses("<reply><status>Delivered</status></reply>", "1")
    assert update.message_id == "1"
    assert statuses("<reply><status>Delivered</status></reply>", "1", "2") == []


@pytest.mark.parametrize(
    "text, code",
    [
        ("<reply><result>ERROR</result><code>411</code><description>Authentication failed</description></reply>", 411),
        ("<reply><code>505</code><description>too many sms_ids</description></reply>", 505),
    ],
)
def test_t5_a_refusal_of_the_whole_request(text: str, code: int) -> None:
    fault = decode_statuses(root(text), ["1"])
    assert isinstance(fault, Fault)
    assert fault.code == code


@pytest.mark.parametrize("text", ["<reply/>", "<html/>", "<reply><count>1</count></reply>"])
def test_no_status_at_all_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        decode_statuses(root(text), ["1"])


def test_example_set_checked_x1() -> None:
    text = """<?xml version="1.0" encoding="windows-1251" ?>
<reply>
  <result>OK</result>
  <code>0</code>
  <sms_ids>
<sms_id>709031382353069057</sms_id>
<sms_id>709031527266247680</sms_id>
<sms_id>709031527266247681</sms_id>
</sms_ids>
</reply>"""
    ids = ("709031382353069057", "709031527266247680", "709031527266247681")
    assert decode_checked(root(text)) == ids


def test_example_set_checked_error_k4() -> None:
    text = """<?xml version="1.0" encoding="windows-1251" ?>
<reply>
  <result>ERROR</result>
  <code>434</code>
  <description>No such sms_id or this sms_id does not belong to you :
709031382353069057,709031527266247680,709031527266247681</description>
</reply>"""
    fault = decode_checked(root(text))
    assert isinstance(fault, Fault)
    assert fault.code == 434
    asked = ["709031382353069057", "1", "709031527266247681"]
    assert named_ids(fault.message, asked) == ("709031382353069057", "709031527266247681")


def test_example_account_x2() -> None:
    assert decode_balance(root('<?xml version="1.0" ?>\n<reply>\n  <account>10025</account>\n</reply>')) == (
        Decimal(10025), "10025",
    )  # fmt: skip
    assert decode_balance(root("<reply><account> -12,5 </account></reply>")) == (Decimal("-12.5"), "-12,5")
    fault = decode_balance(root("<reply><result>ERROR</result><code>411</code></reply>"))
    assert fault == Fault(code=411)


@pytest.mark.parametrize("text", ["<reply/>", "<reply><account/></reply>", "<reply><account>much</account></reply>"])
def test_no_balance(text: str) -> None:
    with pytest.raises(Damaged):
        decode_balance(root(text))


def test_example_lists_x3_v11_x7() -> None:
    text = """<?xml version="1.0" ?>
<reply>
  <result>OK</result>
  <code>0</code>
  <description>total groups: 4</description>
  <groups>
    <group>
      <id>59353</id>
      <name>hello world</name>
      <created>2020-05-09 11:46:06</created>
      <congratulate>0</congratulate>
    </group>
    <group>
      <id>59355</id>
      <name>клиенты</name>
      <created>2020-05-09 11:48:15</created>
      <congratulate>0</congratulate>
    </group>
    <group>
      <id>59357</id>
      <name>test</name>
      <created>2020-05-09 11:48:49</created>
      <congratulate>0</congratulate>
    </group>
  </groups>
</reply>"""
    found = decode_lists(root(text))
    assert not isinstance(found, Fault)
    assert [(one.id, one.name, one.congratulate) for one in found] == [
        ("59353", "hello world", "0"), ("59355", "клиенты", "0"), ("59357", "test", "0"),
    ]  # fmt: skip
    assert found[0].created_at == datetime(2020, 5, 9, 11, 46, 6, tzinfo=MOSCOW)


@pytest.mark.parametrize(
    "inside",
    [
        "<groups><group><id>5</id><name>n</name></group></groups>",
        "<group><id>5</id><name>n</name></group>",
        "<id>5</id><name>n</name>",
        (
            "<group><id>5</id><name>n</name><members><member>79012223344</member>"
            "<member><phone>79082223344</phone></member></members></group>"
        ),
        (
            "<group><id>5</id><name>n</name></group>"
            "<members><member>79012223344</member><member>79082223344</member></members>"
        ),
    ],
)
def test_x5_one_list_in_any_form(inside: str) -> None:
    found = decode_lists(root(f"<reply><result>OK</result><code>0</code>{inside}</reply>"))
    assert not isinstance(found, Fault)
    (one,) = found
    assert (one.id, one.name) == ("5", "n")
    assert one.members == (("79012223344", "79082223344") if "member" in inside else ())
    assert one.raw is not None


def test_members_beside_several_lists_are_nobodys() -> None:
    groups = "<groups><group><id>5</id></group><group><id>6</id></group></groups><member>79012223344</member>"
    found = decode_lists(root(f"<reply><result>OK</result><code>0</code>{groups}</reply>"))
    assert not isinstance(found, Fault)
    assert [(one.id, one.members) for one in found] == [("5", ()), ("6", ())]


def test_x4_the_number_of_members_is_a_hint() -> None:
    said = "<reply><result>OK</result><code>0</code><description>{}</description></reply>"
    assert decode_members(root(said.format("added or updated members: 2"))) == 2
    assert decode_members(root(said.format("done"))) is None
    assert decode_members(root("<reply><result>ERROR</result><code>413</code></reply>")) == Fault(code=413)
    pairs = encode_members("remove_member", "59353", ["7901223344", "79082223344"])
    assert pairs == [("operation", "remove_member"), ("group_id", "59353"), ("member", "7901223344,79082223344")]


def test_example_incoming_i3() -> None:
    text = """<?xml version="1.0" ?>
<reply>
  <count>125</count>
  <messages>
    <message>
      <from_phone>79031234567</from_phone>
      <text>sms message text</text>
      <send_date>2020-05-09 01:12:59</send_date>
      <delivery_date>2020-05-09 01:13:05</delivery_date>
      <sms_id>5269156759</sms_id>
    </message>
    <message>
      <from_phone>79037654321</from_phone>
      <text> два
слова </text>
      <send_date>2020-05-09 06:02:13</send_date>
      <delivery_date>2020-05-09 06:02:18</delivery_date>
    </message>
  </messages>
</reply>"""
    found = decode_incoming(root(text))
    assert not isinstance(found, Fault)
    first, second = found.messages
    assert found.said == 125
    assert (first.sender, first.text, first.message_id, first.source) == (
        "79031234567", "sms message text", "5269156759", "poll",
    )  # fmt: skip
    assert first.sent_at == datetime(2020, 5, 9, 1, 12, 59, tzinfo=MOSCOW)
    assert first.received_at == datetime(2020, 5, 9, 1, 13, 5, tzinfo=MOSCOW)
    assert (second.text, second.message_id) == (" два\nслова ", None), "a text is not trimmed"


def test_i5_the_error_of_incoming_and_an_empty_list() -> None:
    assert decode_incoming(root("<reply><result>ERROR</result><code>411</code></reply>")) == Fault(code=411)
    assert decode_incoming(root("<reply><count>0</count><messages/></reply>")) == ((), 0)
    assert decode_incoming(root("<reply><count>many</count></reply>")) == ((), None)
    with pytest.raises(Damaged):
        decode_incoming(root("<reply/>"))


def test_incoming_always_asks_for_ids() -> None:
    since = datetime(2020, 5, 9, 1, 0, tzinfo=MOSCOW)
    assert dict(encode_incoming(since=since, sender="79031234567", count=10)) == {
        "operation": "incoming",
        "want_sms_ids": "1",
        "count": "10",
        "from_date": "2020-05-09 01:00:00",
        "from_phone": "79031234567",
    }
    assert "from_date" not in dict(encode_incoming(since=None, sender=None, count=10))
