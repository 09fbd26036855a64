"""Statuses, marking, balance, incoming messages and lists over real TCP."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sms_traffic_async.errors import ConfigurationError, InvalidMessage, RequestFailed, RequestRefused
from tests.protocols.http.kit import response
from tests.protocols.http_v1.kit import LOGIN, PASSWORD, Form, desk, refusal, xml
from tests.support.virtual_loop import virtual

pytestmark = [virtual, pytest.mark.usefixtures("no_tasks_left")]

BALANCE = xml("<reply><account>10025</account></reply>")


def rows(*ids: str, status: str = "Delivered") -> bytes:
    return xml(
        "<reply>" + "".join(f"<sms><sms_id>{one}</sms_id><status>{status}</status></sms>" for one in ids) + "</reply>"
    )


async def test_statuses_in_chunks() -> None:
    def answer(form: Form) -> bytes:
        return rows(*form.fields()["sms_id"].split(","))

    ids = [str(10**18 + number) for number in range(35)]
    async with desk(answer) as one:
        reply = await one.v1.statuses([*ids, ids[0]], chunk=15)
    assert [update.message_id for update in reply.found] == ids
    assert reply.missing == ()
    assert {update.node for update in reply.found} == {one.settings.nodes[0].name}
    assert [len(form.fields()["sms_id"].split(",")) for form in one.forms] == [15, 15, 5]
    fields = one.forms[0].fields()
    assert (fields["operation"], fields["login"], fields["password"]) == ("status", LOGIN, PASSWORD)


@pytest.mark.parametrize(
    "unknown", [refusal(434), rows("1"), xml("<reply><sms><error>no</error><sms_id>2</sms_id></sms></reply>")]
)
async def test_unknown_ids_are_missing(unknown: bytes) -> None:
    async with desk(unknown) as one:
        reply = await one.v1.statuses(["2"])
    assert (reply.found, reply.missing) == ((), ("2",))


async def test_what_one_node_does_not_know_the_other_may() -> None:
    async with desk(rows("1"), other=rows("2")) as one:
        reply = await one.v1.statuses(["1", "2"])
    assert [(update.message_id, update.node) for update in reply.found] == [
        ("1", one.settings.nodes[0].name), ("2", one.settings.nodes[1].name),
    ]  # fmt: skip
    assert one.platforms[1].forms[0].fields()["sms_id"] == "2"


async def test_a_query_is_repeated_whatever_happened() -> None:
    async with desk(b"", refusal(1000), response(b"", status="502 Bad Gateway"), BALANCE) as one:
        balance = await one.v1.balance()
    assert (balance.amount, balance.raw, len(one.forms)) == (Decimal(10025), "10025", 4)
    assert one.forms[0].fields()["operation"] == "account"


async def test_refusals_and_failures_of_queries() -> None:
    async with desk(refusal(411)) as one:
        with pytest.raises(RequestRefused) as caught:
            await one.v1.balance()
        assert caught.value.code == 411
        with pytest.raises(RequestRefused):
            await one.v1.statuses(["1"])
        assert len(one.forms) == 1
    async with desk(b"") as one:
        with pytest.raises(RequestFailed):
            await one.v1.balance(timeout=3.0)


@pytest.mark.parametrize("ids", ["1", [""], ["1,2"], ["1 2"], ["я"], ["1" * 129], ["a\nb"]])
async def test_ids_that_are_none(ids: list[str]) -> None:
    async with desk(rows()) as one:
        with pytest.raises(InvalidMessage):
            await one.v1.statuses(ids)
        with pytest.raises(InvalidMessage):
            await one.v1.mark_checked(ids)
        with pytest.raises(ConfigurationError):
            await one.v1.statuses(["1"], chunk=0)
    assert not one.forms


async def test_marking_5000_in_a_request() -> None:
    def answer(form: Form) -> bytes:
        ids = "".join(f"<sms_id>{one}</sms_id>" for one in form.fields()["sms_id"].split(","))
        return xml(f"<reply><result>OK</result><code>0</code><sms_ids>{ids}</sms_ids></reply>")

    async with desk(answer) as one:
        reply = await one.v1.mark_checked([str(number) for number in range(5001)])
    assert (len(reply.updated), reply.failed) == (5001, ())
    assert [form.fields()["operation"] for form in one.forms] == ["set_checked"] * 2


async def test_k4_the_rest_is_marked_without_the_ids_that_are_named() -> None:
    done = xml("<reply><result>OK</result><code>0</code><sms_ids><sms_id>10001</sms_id></sms_ids></reply>")
    async with desk(refusal(434, "No such sms_id or this sms_id does not belong to you : 10002,10003"), done) as one:
        reply = await one.v1.mark_checked(["10001", "10002", "10003"])
    assert reply.updated == ("10001",)
    assert [(failure.message_id, failure.code) for failure in reply.failed] == [("10002", 434), ("10003", 434)]
    assert "10002" not in reply.failed[0].error
    assert one.forms[1].fields()["sms_id"] == "10001"


@pytest.mark.parametrize("said", ["no", "all of 10001,10002", "10009"])
async def test_k4_a_refusal_that_names_none_or_all(said: str) -> None:
    async with desk(refusal(434, said)) as one:
        reply = await one.v1.mark_checked(["10001", "10002"])
    assert (reply.updated, [failure.message_id for failure in reply.failed]) == ((), ["10001", "10002"])
    assert len(one.forms) == 1


async def test_probe() -> None:
    async with desk(BALANCE) as one:
        assert await one.v1.probe(one.settings.nodes[0].name)
    async with desk(b"") as one:
        assert not await one.v1.probe(one.settings.nodes[0].name)


# --- lists

GROUP = "<group><id>59353</id><name>клиенты</name><created>2020-05-09 11:48:15</created></group>"


async def test_lists() -> None:
    lists = xml(f"<reply><result>OK</result><code>0</code><groups>{GROUP}</groups></reply>", encoding="cp1251")
    async with desk(lists) as one:
        (found,) = await one.v1.lists.all()
        same = await one.v1.lists.get(59353)
        other = await one.v1.lists.get("1")
    assert (found.id, found.name) == ("59353", "клиенты")
    assert found == same == other
    assert [form.line for form in one.forms] == ["POST /list.php HTTP/1.1"] * 3
    assert [form.fields()["operation"] for form in one.forms] == ["status_all", "status", "status"]
    assert one.forms[1].fields()["group_id"] == "59353"


async def test_no_such_list() -> None:
    async with desk(xml("<reply><result>OK</result><code>0</code></reply>"), refusal(413)) as one:
        assert await one.v1.lists.get(5) is None
        with pytest.raises(RequestRefused) as caught:
            await one.v1.lists.get(5)
        assert caught.value.code == 413


async def test_members_in_chunks_of_5000() -> None:
    def answer(form: Form) -> bytes:
        count = len(form.fields()["member"].split(","))
        return xml(
            "<reply><result>OK</result><code>0</code>"
            f"<description>added or updated members: {count}</description></reply>"
        )

    async with desk(answer) as one:
        reply = await one.v1.lists.add_members(59353, (f"+7905{number:07d}" for number in range(5001)))
        removed = await one.v1.lists.remove_members("59353", ["7901223344", 79082223344])
    assert (reply.count, reply.requests, removed.count) == (5001, 2, 2)
    added, _, gone = (form.fields() for form in one.forms)
    assert (added["operation"], added["group_id"], added["member"][:12]) == ("add_member", "59353", "79050000000,")
    assert (gone["operation"], gone["member"]) == ("remove_member", "7901223344,79082223344"), "X4: any digits"


@pytest.mark.parametrize("one_number", ["79051112233", 79051112233])
async def test_one_number_alone_is_one_and_not_its_digits(one_number: str | int) -> None:
    done = xml("<reply><result>OK</result><code>0</code></reply>")
    async with desk(done, done) as one:
        await one.v1.lists.add_members(1, one_number)
        await one.v1.lists.remove_members(1, one_number)
    assert [form.fields()["member"] for form in one.forms] == ["79051112233"] * 2


@pytest.mark.parametrize("group_id", ["", "x", 0, -1, 2**32, "٣"])
async def test_ids_of_lists(group_id: str | int) -> None:
    async with desk(refusal(404)) as one:
        with pytest.raises(InvalidMessage):
            await one.v1.lists.get(group_id)
        with pytest.raises(InvalidMessage):
            await one.v1.lists.add_members(group_id, ["79051112233"])
    assert not one.forms


async def test_bad_numbers_change_nothing() -> None:
    async with desk(refusal(404)) as one:
        with pytest.raises(InvalidMessage):
            await one.v1.lists.add_members(1, ["79051112233", "7901223344"])
        with pytest.raises(InvalidMessage):
            await one.v1.lists.remove_members(1, ["79051112233", "nobody"])
    assert not one.forms
