"""curl with the document's own v1 requests gets the document's own answers."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest_asyncio

from sms_traffic_async.sandbox import Sandbox
from tests.sandbox.v1_kit import curl, squeezed

ZONE = timezone(timedelta(hours=3))
AT = datetime(2020, 5, 9, 14, 11, 39, tzinfo=ZONE)


@pytest_asyncio.fixture
async def sandbox(no_tasks_left: None) -> AsyncIterator[Sandbox]:
    async with Sandbox(start=AT, real_time=False, login="mylogin", password="mypassword") as opened:
        opened.switches = replace(opened.switches, submission_date="submission_date")
        yield opened


async def ask(sandbox: Sandbox, body: str | bytes, path: str = "/multi.php") -> str:
    """What curl gets, in its own form."""
    head, content = await curl(sandbox.urls[0] + path, body=body)
    assert head.startswith("HTTP/1.1 200 ")
    assert "content-type: text/xml\r\n" in head.lower()
    return content.decode()


async def test_one_message(sandbox: Sandbox) -> None:
    body = "login=mylogin&password=mypassword&phones=78001234567&message=test+%F2%E5%F1%F2"
    assert await ask(sandbox, body) == squeezed("""<?xml version="1.0" ?>
<reply>
  <result>OK</result>
  <code>0</code>
  <description>queued 1 messages</description>
</reply>""")
    (message,) = sandbox.messages
    # rus=0 is the default: the Cyrillic word of windows-1251 becomes Latin.
    assert (message.text, message.encoding, message.protocol) == ("test test", "gsm7", "v1")
    assert [entry.text for entry in sandbox.accepted] == ["test тест"]
    assert not sandbox.findings


async def test_a_login_in_capitals_is_missing(sandbox: Sandbox) -> None:
    body = "LOGIN=mylogin&password=mypassword&phones=78001234567&message=test+%F2%E5%F1%F2"
    assert await ask(sandbox, body) == squeezed("""<?xml version="1.0" ?>
<reply>
  <result>ERROR</result>
  <code>401</code>
  <description>login param is missing</description>
</reply>""")
    assert not sandbox.messages
    (finding,) = sandbox.findings
    assert (finding.protocol, finding.operation, finding.field) == ("v1", "send", "LOGIN")
    assert "login is meant" in finding.problem


async def test_want_sms_ids(sandbox: Sandbox) -> None:
    body = "login=mylogin&password=mypassword&want_sms_ids=1&phones=79051112233,79261112233&message=test+%F2%E5%F1%F2"
    answer = await ask(sandbox, body)
    first, second = (message.id for message in sandbox.messages)
    expected = """<?xml version="1.0" ?>
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
    assert answer == squeezed(expected.replace("1000472891", first).replace("1000472892", second))


async def test_with_push_id(sandbox: Sandbox) -> None:
    """The reply has no head, and an id for each part."""
    body = (
        "login=mylogin&password=mypassword&want_sms_ids=1&with_push_id=1&individual_messages=1&"
        "delimiter=ABC&phones=a:79051112233+<long message>ABCb:79261112233+hello+test"
    ).replace("<long message>", "long+message+" * 15)
    answer = await ask(sandbox, body)
    long, short = sandbox.messages
    expected = """<reply>
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
    for printed, real in zip(
        ("8287366071", "8287366073", "8287366075"), (*long.part_ids, *short.part_ids), strict=True
    ):
        expected = expected.replace(printed, real)
    assert answer == squeezed(expected)
    assert short.text == "hello test"
    assert long.text == "long message " * 15


async def test_the_printed_delimiter_example(sandbox: Sandbox) -> None:
    """White space and a line break around ABC, a number of ten digits: the platform cannot take it as printed."""
    phones = "76161234567+%F2%E5%EA%F1%F2+ABC%0A7903123456+%F2%E5%EA%F1%F2%0Aна%0Aнескольких".encode()
    body = b"login=mylogin&password=mypassword&individual_messages=1&delimiter=ABC&phones=" + phones
    answer = await ask(sandbox, body)
    assert "<code>427</code>" in answer
    assert not sandbox.accepted
    assert "<code>0</code>" in await ask(sandbox, body + b"&ignore_phone_format=1")
    assert [entry.to for entry in sandbox.accepted] == ["76161234567", "7903123456"]
    assert sandbox.accepted[1].text.startswith("текст\n")


async def test_status_of_one(sandbox: Sandbox) -> None:
    await ask(sandbox, "login=mylogin&password=mypassword&phones=79051112233&message=x")
    await sandbox.advance(21)
    message_id = sandbox.messages[0].id
    answer = await ask(sandbox, f"login=mylogin&password=mypassword&operation=status&sms_id={message_id}")
    expected = """<reply>
  <submission_date>2020-05-09 14:11:39</submission_date>
  <send_date>2020-05-09 14:11:39</send_date>
  <last_status_change_date>2020-05-09 14:11:39</last_status_change_date>
  <status>Delivered</status>
  <error></error>
  <sms_id>8287713301</sms_id>
</reply>"""
    assert answer == squeezed(expected.replace("8287713301", message_id))
    # As it was seen on the wire, and as the sandbox does by default.
    sandbox.switches = replace(sandbox.switches, submission_date="submition_date")
    answer = await ask(sandbox, f"login=mylogin&password=mypassword&operation=status&sms_id={message_id}")
    assert answer == squeezed(expected.replace("8287713301", message_id).replace("submission", "submition"))


async def test_status_of_several(sandbox: Sandbox) -> None:
    await ask(sandbox, "login=mylogin&password=mypassword&phones=79051119020,79051112233&message=x")
    await sandbox.advance(21)
    expired, delivered = (message.id for message in sandbox.messages)
    answer = await ask(
        sandbox,
        f"login=mylogin&password=mypassword&operation=status&sms_id={expired},{delivered},82877133031",
    )
    expected = """<?xml version="1.0" ?>
<reply>
  <sms>
    <error></error>
    <submission_date>2020-05-09 14:11:39</submission_date>
    <send_date>2020-05-09 14:11:39</send_date>
    <last_status_change_date>2020-05-09 14:11:40</last_status_change_date>
    <sms_id>8287713301</sms_id>
    <status>Expired</status>
  </sms>
  <sms>
    <error></error>
    <submission_date>2020-05-09 14:11:39</submission_date>
    <send_date>2020-05-09 14:11:39</send_date>
    <last_status_change_date>2020-05-09 14:11:39</last_status_change_date>
    <sms_id>8287713303</sms_id>
    <status>Delivered</status>
  </sms>
<sms>
  <error>no such message or this message does not belong to you</error>
  <sms_id>82877133031</sms_id>
</sms>
</reply>"""
    assert answer == squeezed(
        expected.replace(">8287713301<", f">{expired}<").replace(">8287713303<", f">{delivered}<")
    )


async def test_set_checked(sandbox: Sandbox) -> None:
    await ask(sandbox, "login=mylogin&password=mypassword&phones=79051112233,79051112234&message=x")
    first, second = (message.id for message in sandbox.messages)
    answer = await ask(sandbox, f"login=mylogin&password=mypassword&operation=set_checked&sms_id={first},{second}")
    expected = """<?xml version="1.0" encoding="windows-1251" ?>
<reply>
  <result>OK</result>
  <code>0</code>
  <sms_ids>
<sms_id>709031382353069057</sms_id>
<sms_id>709031527266247680</sms_id>
</sms_ids>
</reply>"""
    assert answer == squeezed(expected.replace("709031382353069057", first).replace("709031527266247680", second))
    assert {message.status for message in sandbox.messages} == {"Checked"}


async def test_set_checked_of_unknown_ids(sandbox: Sandbox) -> None:
    ids = "709031382353069057,709031527266247680,709031527266247681"
    answer = await ask(sandbox, f"login=mylogin&password=mypassword&operation=set_checked&sms_id={ids}")
    # The line break of the printed description is the page's.
    assert answer == squeezed(f"""<?xml version="1.0" encoding="windows-1251" ?>
<reply>
  <result>ERROR</result>
  <code>434</code>
  <description>No such sms_id or this sms_id does not belong to you : {ids}</description>
</reply>""")


async def test_account(sandbox: Sandbox) -> None:
    sandbox.accounts.get().balance = Decimal("10025.00")
    assert await ask(sandbox, "login=mylogin&password=mypassword&operation=account") == squeezed("""
<?xml version="1.0" ?>
<reply>
  <account>10025</account>
</reply>""")
    sandbox.accounts.get().balance = Decimal("-0.50")
    assert "<account>-0.50</account>" in await ask(sandbox, "login=mylogin&password=mypassword&operation=account")


async def test_all_lists(sandbox: Sandbox) -> None:
    """The default account has them. The printed total of 4 with 3 lists is the document's slip."""
    assert await ask(sandbox, "login=mylogin&password=mypassword", "/list.php") == squeezed("""<?xml version="1.0" ?>
<reply>
  <result>OK</result>
  <code>0</code>
  <description>total groups: 3</description>
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
</reply>""")


async def test_members(sandbox: Sandbox) -> None:
    """``Login`` in capitals, and a number of ten digits removed: as printed."""
    one = sandbox.accounts.get().lists.by_id(59353)
    assert one is not None
    one.members = dict.fromkeys(["79082223344", "7901223344"])
    done = squeezed("""<?xml version="1.0" ?>
<reply>
  <result>OK</result>
  <code>0</code>
  <description>added or updated members: 2</description>
</reply>""")
    added = "Login=mylogin&password=mypassword&group_id=59353&operation=add_member&member=79012223344,79082223344"
    assert await ask(sandbox, added, "/list.php") == done
    assert list(one.members) == ["79082223344", "7901223344", "79012223344"]
    removed = "Login=mylogin&password=mypassword&group_id=59353&operation=remove_member&member=7901223344,79082223344"
    assert await ask(sandbox, removed, "/list.php") == done
    assert list(one.members) == ["79012223344"]
    assert not sandbox.findings


async def test_incoming(sandbox: Sandbox) -> None:
    for sender, text in (("79031234567", "sms message text"), ("79037654321", "sms message")):
        sandbox.platform.receive(sender=sender, recipient="74957873595", text=text)
    first, second = (message.id for message in sandbox.messages)
    answer = await ask(sandbox, "login=mylogin&password=mypassword&operation=incoming&want_sms_ids=1")
    at = "2020-05-09 14:11:39"
    assert answer == squeezed(f"""<?xml version="1.0" ?>
<reply>
  <count>2</count>
  <messages>
    <message>
      <from_phone>79031234567</from_phone>
      <text>sms message text</text>
      <send_date>{at}</send_date>
      <delivery_date>{at}</delivery_date>
      <sms_id>{first}</sms_id>
    </message>
    <message>
      <from_phone>79037654321</from_phone>
      <text>sms message</text>
      <send_date>{at}</send_date>
      <delivery_date>{at}</delivery_date>
      <sms_id>{second}</sms_id>
    </message>
  </messages>
</reply>""")
