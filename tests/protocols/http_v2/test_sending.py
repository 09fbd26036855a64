"""docs/reliability.md for v2: what a failure means, and that nothing is sent twice or lost."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from sms_traffic_async import SmsTraffic
from sms_traffic_async.errors import (
    AuthenticationFailed,
    DuplicateRequest,
    InsufficientFunds,
    InvalidOriginator,
    InvalidRecipient,
    NotSent,
    Outcome,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    TemporarilyUnavailable,
)
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.protocols.http_v2 import Destination
from sms_traffic_async.protocols.http_v2.batch import KEY_SPACE
from sms_traffic_async.settings import HttpOptions, RetryPolicy, Timeouts
from tests.protocols.http_v2.script import (
    ACCEPT,
    LOST,
    TEMPORARY,
    USED_UP,
    VANISHED,
    Got,
    Platform,
    Step,
    client,
    platform,
)
from tests.support.virtual_loop import virtual

pytestmark = virtual

TO = "79161112233"
TEXT = "Ваш код 1234"
PATIENT = Timeouts(deadline=400.0)


def name(one: Platform, node: int) -> str:
    return one.urls[node - 1].removeprefix("http://")


async def test_the_plain_case() -> None:
    async with platform() as one, client(one) as sms:
        sent = await sms.send(TO, TEXT)
    (truth,) = one.accepted
    assert (sent.message_id, sent.to, sent.node) == (truth.message_id, TO, name(one, 1))
    assert (sent.via, sent.evidence, sent.attempts) == ("v2", "answer", 1)
    assert sent.key == sent.tracking_data == truth.label == truth.restrictive_id
    assert str(uuid.UUID(sent.key)) == sent.key
    assert (sent.parts, sent.parts_exact, sent.encoding) == (1, True, "ucs2")
    assert sent.accepted_at.timestamp() == pytest.approx(one.clock.wall())
    (request,) = one.sends
    assert request.body == {
        "channels": {"sms": {"message": TEXT}},
        "destinations": [{"to": int(TO), "trackingData": sent.key}],
        "restrictiveId": sent.key,
    }
    assert request.headers["content-type"] == "application/json"
    assert len(one.got) == 1


# --- N1: provably not sent, or refused for now: the other node at once ------------------------------------------------


async def test_a_node_that_refuses_connections_costs_nothing() -> None:
    async with platform() as one, client(one, nodes=["http://127.0.0.1:9", one.urls[1]]) as sms:
        began = one.clock.monotonic()
        sent = await sms.send(TO, TEXT)
        assert one.clock.monotonic() == pytest.approx(began, abs=0.1)
    assert (sent.node, sent.attempts, len(one.accepted)) == (name(one, 2), 2, 1)


async def test_no_node_can_be_reached() -> None:
    async with platform() as one, client(one, nodes=["http://127.0.0.1:9", "http://127.0.0.2:9"]) as sms:
        with pytest.raises(NotSent) as caught:
            await sms.send(TO, TEXT)
    assert (caught.value.reason, caught.value.retryable) == ("unreachable", True)
    assert caught.value.outcome is Outcome.NOT_SENT


async def test_code_1000_goes_to_the_other_node_under_the_same_id() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [TEMPORARY]
        sent = await sms.send(TO, TEXT)
    assert (sent.node, sent.evidence, sent.attempts) == (name(one, 2), "answer", 2)
    assert len({send.body["restrictiveId"] for send in one.sends}) == 1
    assert one.sends[1].at - one.sends[0].at >= 1.0


async def test_code_1000_until_the_deadline() -> None:
    async with platform() as one, client(one) as sms:
        one.script = {1: [TEMPORARY] * 50, 2: [TEMPORARY] * 50}
        with pytest.raises(TemporarilyUnavailable) as caught:
            await sms.send(TO, TEXT, timeout=20.0)
    assert (caught.value.code, caught.value.retryable) == (1000, True)
    assert not one.accepted


# --- N2: may have been taken: the same node, the same id ------------------------------------------------------------


@pytest.mark.parametrize("step", [
    LOST,
    Step(accept=True, end="rst"),
    Step(accept=True, status=502),
    Step(accept=True, status=500),
    Step(accept=True, status=408),
    Step(accept=True, body=b"<html>blocked</html>"),
    Step(accept=True, body=b'{"success":tr'),
    Step(accept=True, body=b'{"success":"true","destinations":[]}'),
    Step(accept=True, headers={"Content-Encoding": "br"}),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("shared", [True, False])
async def test_a_lost_answer_is_found_again(step: Step, shared: bool) -> None:
    async with platform() as one, client(one) as sms:
        one.ids_shared = one.statuses_shared = shared
        one.script[1] = [step]
        sent = await sms.send(TO, TEXT)
    assert len(one.accepted) == 1, "sent twice"
    assert sent.message_id == one.accepted[0].message_id
    assert sent.evidence == "lookup"
    assert {send.node for send in one.sends} == {1}, "an unanswered send belongs to its node"
    assert len({send.body["restrictiveId"] for send in one.sends}) == 1


@pytest.mark.parametrize("shared", [True, False])
async def test_an_unanswered_send_that_was_not_taken_is_taken_by_its_repeat(shared: bool) -> None:
    async with platform() as one, client(one) as sms:
        one.ids_shared = one.statuses_shared = shared
        one.script[1] = [VANISHED]
        sent = await sms.send(TO, TEXT)
    assert (sent.evidence, sent.attempts, sent.node) == ("answer", 2, name(one, 1))
    assert len(one.accepted) == 1


async def test_a_node_that_dies_after_taking_is_told_by_the_other() -> None:
    """The other node sees the message: a look-up finds it although the first one never comes back."""
    async with platform() as one, client(one) as sms:
        one.script[1] = [LOST, *[VANISHED] * 50]
        one.queries[1] = [Step(end="fin")] * 50
        sent = await sms.send(TO, TEXT, timeout=60.0)
    assert (sent.evidence, sent.node) == ("lookup", name(one, 2))
    assert len(one.accepted) == 1
    assert {send.node for send in one.sends} == {1}


async def test_what_nobody_can_tell_is_unknown_and_comes_in_time() -> None:
    async with platform() as one, client(one) as sms:
        one.statuses_shared = False
        one.script[1] = [LOST, *[VANISHED] * 50]
        one.queries[1] = [Step(end="fin")] * 50
        began = one.clock.monotonic()
        with pytest.raises(OutcomeUnknown) as caught:
            await sms.send(TO, TEXT, timeout=20.0)
        assert one.clock.monotonic() - began <= 20.0
    error = caught.value
    assert (error.outcome, error.retryable, error.node) == (Outcome.UNKNOWN, False, name(one, 1))
    evidence = error.evidence
    assert evidence.key == evidence.tracking_data == one.accepted[0].label == error.message_key
    assert evidence.restrictive_ids == (evidence.key,)
    assert evidence.nodes == (name(one, 1),)
    assert evidence.attempts == len(one.sends)
    assert evidence.first_attempt_at < evidence.last_attempt_at
    assert (evidence.to, evidence.own_label) == (TO, True)
    assert TO not in repr(evidence)


@pytest.mark.parametrize("last", [Step(code=432), Step(status=403), Step(status=404), TEMPORARY, Step(status=429)])
async def test_never_rejected_while_one_attempt_may_have_been_taken(last: Step) -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [VANISHED, *[last] * 50]
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT, timeout=30.0)


async def test_a_refusal_after_a_lost_acceptance_is_an_acceptance() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [LOST, Step(code=415)]
        sent = await sms.send(TO, TEXT)
    assert (sent.evidence, sent.message_id) == ("lookup", one.accepted[0].message_id)


# --- 105 -------------------------------------------------------------------------------------------------------------


async def test_a_look_up_waits_for_the_platform_to_know() -> None:
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        one.statuses_delay = 60.0
        one.script[1] = [LOST]
        sent = await sms.send(TO, TEXT)
        assert one.clock.monotonic() - one.accepted[0].at >= 60.0
    assert sent.evidence == "lookup"
    gaps = [later.at - sooner.at for sooner, later in zip(one.looks, one.looks[2:], strict=False)]
    assert min(gaps) >= 4.9, "every five seconds"
    assert {look.node for look in one.looks} == {1, 2}
    assert one.looks[0].node == 1, "the node that may have it is asked first"


async def test_not_found_is_believed_after_the_window_only() -> None:
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        one.script[1] = [Step(end="fin", consume=True)]
        began = one.clock.monotonic()
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT)
        assert one.clock.monotonic() - began == pytest.approx(90.0, abs=6.0)
    assert len(one.sends) == 2, "not sent again: the default is to raise"


async def test_resend_was_chosen() -> None:
    async with platform() as one, client(one, timeouts=PATIENT, on_unknown="resend") as sms:
        one.script[1] = [Step(end="fin", consume=True)]
        sent = await sms.send(TO, TEXT)
    assert sent.evidence == "answer"
    ids = [send.body["restrictiveId"] for send in one.sends]
    assert ids[2] == str(uuid.uuid5(KEY_SPACE, f"{ids[0]}/1"))
    assert {send.body["destinations"][0]["trackingData"] for send in one.sends} == {sent.key}
    assert one.sends[2].at - one.sends[0].at >= 90.0
    assert len(one.accepted) == 1


async def test_resend_does_not_send_what_a_look_up_found() -> None:
    async with platform() as one, client(one, timeouts=PATIENT, on_unknown="resend") as sms:
        one.statuses_delay = 80.0
        one.script[1] = [LOST]
        sent = await sms.send(TO, TEXT)
    assert (sent.evidence, len(one.accepted)) == ("lookup", 1)


async def test_a_failed_request_that_used_the_id_up_is_sent_under_another() -> None:
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        one.script[1] = [USED_UP]
        sent = await sms.send(TO, TEXT)
    ids = [send.body["restrictiveId"] for send in one.sends]
    assert ids == [ids[0], ids[0], str(uuid.uuid5(KEY_SPACE, f"{ids[0]}/1"))]
    assert sent.evidence == "answer"
    assert len(one.accepted) == 1
    assert [look.node for look in one.looks] in ([1, 2, 1, 2], [2, 1, 2, 1]), "both nodes, twice"
    assert one.looks[2].at - one.looks[0].at >= 4.9


async def test_three_ids_at_most() -> None:
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        one.script = {1: [USED_UP] * 50, 2: [Step(code=105)] * 50}
        with pytest.raises(TemporarilyUnavailable) as caught:
            await sms.send(TO, TEXT)
    assert len({send.body["restrictiveId"] for send in one.sends}) == 3
    assert caught.value.outcome is Outcome.REJECTED
    assert not one.accepted


async def test_1000_after_acceptance_is_found_by_the_look_up() -> None:
    """A lie the platform could tell: the message was taken, and 1000 was said."""
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        one.script[1] = [Step(code=1000, accept=True)]
        sent = await sms.send(TO, TEXT)
    assert (sent.evidence, len(one.accepted)) == ("lookup", 1)


async def test_used_up_and_no_time_left_to_look_twice_is_unknown() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [USED_UP]
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT, timeout=4.0)


@pytest.mark.parametrize("key", ["otp-8412", "заказ 17"])
async def test_a_key_makes_a_repeat_of_the_callers_own_harmless(key: str) -> None:
    async with platform() as one:
        async with client(one) as sms:
            first = await sms.send(TO, TEXT, key=key)
        async with client(one) as sms:  # another process, after a crash
            with pytest.raises(DuplicateRequest) as caught:
                await sms.send(TO, TEXT, key=key)
    assert caught.value.message_ids == (first.message_id,)
    assert f"It was taken before as {first.message_id}; another message needs another key." in str(caught.value)
    assert (caught.value.code, caught.value.message_key) == (105, str(uuid.uuid5(KEY_SPACE, key)))
    assert len(one.accepted) == 1
    assert first.key == first.tracking_data == str(uuid.uuid5(KEY_SPACE, key))


async def test_a_key_that_only_a_failed_request_used_proves_nothing() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(code=105)]
        with pytest.raises(OutcomeUnknown, match="no node knows its message") as caught:
            await sms.send(TO, TEXT, key="k")
    assert (caught.value.code, caught.value.evidence.restrictive_ids) == (105, (str(uuid.uuid5(KEY_SPACE, "k")),))


async def test_another_message_with_the_callers_label_is_not_the_first_sending() -> None:
    """Two keys of one order, and the second one's id was used up by a request that failed."""
    async with platform() as one, client(one) as sms:
        await sms.send(TO, TEXT, key="paid", tracking_data="order 8412")
        one.script[1] = [Step(code=105)]
        with pytest.raises(OutcomeUnknown, match="no node knows its message"):
            await sms.send(TO, "Отправлен", key="shipped", tracking_data="order 8412")


async def test_a_message_of_yesterday_with_the_callers_label_is_not_the_first_sending() -> None:
    async with platform() as one, client(one) as sms:
        await sms.send(TO, TEXT, key="paid", tracking_data="order 8413")
        await one.clock.sleep(86_400.0)
        one.script[1] = [Step(code=105)]
        with pytest.raises(OutcomeUnknown, match="no node knows its message"):
            await sms.send(TO, "Отправлен", key="shipped", tracking_data="order 8413")


async def test_a_repeat_with_a_label_of_the_callers_names_the_first() -> None:
    async with platform() as one, client(one) as sms:
        first = await sms.send(TO, TEXT, key="paid", tracking_data="order 8414")
        with pytest.raises(DuplicateRequest) as caught:
            await sms.send(TO, TEXT, key="paid", tracking_data="order 8414")
    assert caught.value.message_ids == first.message_ids


async def test_a_key_whose_message_is_not_shown_yet_is_unknown_until_it_is() -> None:
    """The repeat of a call that was lost a second ago: who calls it sent, or not sent, guesses."""
    async with platform() as one:
        one.statuses_delay = 20.0
        async with client(one) as sms:
            first = await sms.send(TO, TEXT, key="k")
        async with client(one) as sms:
            with pytest.raises(OutcomeUnknown) as caught:
                await sms.send(TO, TEXT, key="k")
            assert (await sms.resolve(caught.value)).message_ids == first.message_ids
    assert len(one.accepted) == 1


async def test_a_key_with_an_unreachable_first_node_is_still_a_first_attempt() -> None:
    async with platform() as one:
        async with client(one) as sms:
            await sms.send(TO, TEXT, key="k")
        async with client(one, nodes=["http://127.0.0.1:9", one.urls[1]]) as sms:
            with pytest.raises(DuplicateRequest) as caught:
                await sms.send(TO, TEXT, key="k")
    assert caught.value.message_ids == (one.accepted[0].message_id,)


async def test_105_at_the_first_sight_of_an_id_just_made_is_looked_up() -> None:
    """Something between us and the platform sent the request twice, and we got the second answer."""
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(code=105, accept=True)]
        sent = await sms.send(TO, TEXT)
        assert (sent.evidence, sent.message_id) == ("lookup", one.accepted[0].message_id)
        one.script[1] = [Step(code=105)]
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT)


# --- labels of the caller's own ---------------------------------------------------------------------------------------


async def test_a_label_of_the_callers_own_goes_out_as_it_is() -> None:
    async with platform() as one, client(one) as sms:
        sent = await sms.send(TO, TEXT, tracking_data="order 17")
    assert sent.tracking_data == one.accepted[0].label == "order 17"
    assert sent.key == one.accepted[0].restrictive_id != "order 17"


async def test_a_unique_label_is_evidence() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [LOST]
        sent = await sms.send(TO, TEXT, tracking_data="unique-label-1")
    assert (sent.evidence, sent.message_id) == ("lookup", one.accepted[0].message_id)


async def test_a_label_used_twice_in_this_process_is_none() -> None:
    async with platform() as one, client(one) as sms:
        await sms.send(TO, TEXT, tracking_data="twice")
        one.script[1] = [LOST]
        with pytest.raises(OutcomeUnknown) as caught:
            await sms.send(TO, TEXT, tracking_data="twice")
    assert caught.value.evidence.own_label is False
    assert not one.looks, "it would tell nothing"


async def test_an_older_message_under_the_same_label_is_none() -> None:
    """Another process sent it an hour ago: its row is older than our first attempt."""
    async with platform() as one, client(one) as sms:
        one.script[1] = [ACCEPT, Step(end="fin", consume=True)]
        await sms.send(TO, TEXT, key="other process")
        old = one.accepted[0]
        await one.clock.sleep(3600.0)
        one.accepted[0] = type(old)(**{field: getattr(old, field) for field in old.__slots__} | {"label": "old-label"})
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT, tracking_data="old-label")
    assert one.looks


# --- waiting as told --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_node", [False, True])
async def test_429_waits_on_the_same_node_as_told(per_node: bool) -> None:
    async with platform() as one, client(one, http=HttpOptions(limits_are_per_node=per_node)) as sms:
        one.script[1] = [Step(status=429, headers={"Retry-After": "7"})]
        sent = await sms.send(TO, TEXT)
    assert sent.node == name(one, 2 if per_node else 1)
    gap = one.sends[1].at - one.sends[0].at
    assert gap < 0.1 if per_node else 7.0 <= gap <= 7.8


async def test_429_past_the_deadline_fails_at_once_with_the_wait() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(status=429, headers={"Retry-After": "600"})]
        began = one.clock.monotonic()
        with pytest.raises(RateLimited) as caught:
            await sms.send(TO, TEXT)
        assert caught.value.retry_after == pytest.approx(600.0)
        with pytest.raises(RateLimited) as second:
            await sms.send(TO, TEXT)
        assert one.clock.monotonic() - began < 1.0
    assert second.value.retry_after == pytest.approx(600.0, rel=0.11)
    assert len(one.sends) == 1, "the pause holds for everybody"


async def test_a_pause_of_sending_does_not_stop_asking() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(status=429, headers={"Retry-After": "600"})]
        with pytest.raises(RateLimited):
            await sms.send(TO, TEXT)
        assert (await sms.balance()).raw == "12520.35"


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code, kind",
    [
        (415, InsufficientFunds),
        (436, InvalidOriginator),
        (432, InvalidRecipient),
        (403, InvalidRecipient),
        (106, Rejected),
        (7777, Rejected),
        (439, PermissionDenied),
        (411, AuthenticationFailed),
    ],
)
async def test_a_refusal_of_the_request(code: int, kind: type[Rejected]) -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(code=code)]
        with pytest.raises(kind) as caught:
            await sms.send(TO, TEXT)
    assert (caught.value.code, caught.value.node, caught.value.outcome) == (code, name(one, 1), Outcome.REJECTED)
    assert caught.value.advice
    assert TO not in f"{caught.value} {caught.value.description}"
    assert len(one.sends) == 1, "a refusal is not repeated"


@pytest.mark.parametrize("status, kind", [
    (401, AuthenticationFailed), (403, PermissionDenied), (404, Rejected), (307, Rejected), (413, Rejected),
])  # fmt: skip
async def test_a_refusal_by_status(status: int, kind: type[Rejected]) -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(status=status, headers={"Location": "http://127.0.0.1:9/"})]
        with pytest.raises(kind):
            await sms.send(TO, TEXT)
    assert len(one.sends) == 1


async def test_a_refused_key_is_not_hammered() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(status=401)]
        for _ in range(5):
            with pytest.raises(AuthenticationFailed):
                await sms.send(TO, TEXT)
        assert len(one.sends) == 1
        await one.clock.sleep(11.0)
        assert isinstance(await sms.send(TO, TEXT), Submission)


async def test_a_missing_permission_closes_its_own_operation_only() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(status=403)]
        for _ in range(2):
            with pytest.raises(PermissionDenied):
                await sms.send(TO, TEXT)
        assert (await sms.balance()).raw == "12520.35"
    assert len(one.sends) == 1


async def test_a_destination_that_is_refused() -> None:
    def refuse(rows: list[dict[str, Any]]) -> list[Any]:
        return [rows[0] | {"error": {"code": 432, "message": "blocked phone: 79161112233. No messages has been sent"}}]

    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(accept=True, rows=refuse)]
        with pytest.raises(InvalidRecipient) as caught:
            await sms.send(TO, TEXT)
    assert caught.value.code == 432
    assert TO not in caught.value.description


async def test_a_destination_that_is_refused_for_now_is_not_repeated_by_itself() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(accept=True, rows=lambda rows: [rows[0] | {"error": {"code": 1000, "message": ""}}])]
        with pytest.raises(TemporarilyUnavailable) as caught:
            await sms.send(TO, TEXT)
    assert caught.value.retryable
    assert len(one.sends) == 1


# --- row 17: an answer that does not add up ---------------------------------------------------------------------------


ODD: dict[str, Any] = {
    "missing": lambda rows: [],
    "twice": lambda rows: [*rows, *rows],
    "foreign label": lambda rows: [rows[0] | {"trackingData": "somebody else's"}],
    "no id": lambda rows: [{"phone": rows[0]["phone"], "trackingData": rows[0]["trackingData"]}],
    "float id": lambda rows: [rows[0] | {"id": 1.5}],
    "unreadable error": lambda rows: [rows[0] | {"error": "text"}],
    "no object": lambda rows: ["x"],
    "an extra one, unlabelled": lambda rows: [{"phone": 1, "id": "1"}, {"phone": 2, "id": "2"}],
}


@pytest.mark.parametrize("case", ODD)
async def test_an_answer_that_does_not_add_up_is_looked_up(case: str) -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(accept=True, rows=ODD[case])]
        sent = await sms.send(TO, TEXT)
    assert (sent.evidence, sent.message_id) == ("lookup", one.accepted[0].message_id)
    assert len(one.sends) == 1


async def test_an_extra_entry_does_not_hurt_ours() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(accept=True, rows=lambda rows: [{"id": "9", "trackingData": "z"}, *rows])]
        sent = await sms.send(TO, TEXT)
    assert (sent.evidence, sent.message_id) == ("answer", one.accepted[0].message_id)


@pytest.mark.parametrize("label", [None, "echo"])
async def test_a_lone_entry_without_a_label_is_ours(label: str | None) -> None:
    def strip(rows: list[dict[str, Any]]) -> list[Any]:
        return [
            {"phone": 79851112233, "id": rows[0]["id"]} | ({"trackingData": rows[0]["trackingData"]} if label else {})
        ]

    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(accept=True, rows=strip)]
        sent = await sms.send("74951112233", TEXT)
    assert (sent.evidence, sent.to) == ("answer", "74951112233"), "the federal number is the same recipient"


# --- time -------------------------------------------------------------------------------------------------------------


async def test_its_own_time_to_live() -> None:
    async with platform() as one, client(one) as sms:
        one.script = {1: [TEMPORARY] * 9, 2: [TEMPORARY] * 9}
        with pytest.raises(NotSent) as caught:
            await sms.send(TO, TEXT, expires_in=3.0)
        assert caught.value.reason == "expired"
        assert one.clock.monotonic() - one.sends[0].at <= 3.0


async def test_expiry_after_a_lost_answer_still_finds_out() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [LOST, *[VANISHED] * 50]
        one.statuses_delay = 10.0
        sent = await sms.send(TO, TEXT, expires_in=5.0)
        assert max(send.at for send in one.sends) - one.sends[0].at <= 5.0
    assert sent.evidence == "lookup"


async def test_the_deadline_is_the_callers() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [Step(accept=True, end="hang")] * 9
        began = one.clock.monotonic()
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT, timeout=3.0)
        assert one.clock.monotonic() - began == pytest.approx(3.0)


async def test_attempts_are_bounded() -> None:
    policy = RetryPolicy(max_attempts=4)
    async with platform() as one, client(one, retry=policy, timeouts=PATIENT) as sms:
        one.script[1] = [VANISHED] * 50
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT)
    assert len(one.sends) == 4


async def test_a_refused_look_up_ends_the_search() -> None:
    """A token that may send and not ask: looking for ninety seconds would find nothing."""
    async with platform() as one, client(one, timeouts=PATIENT) as sms:
        one.script[1] = [LOST]
        one.queries = {1: [Step(status=403)] * 9, 2: [Step(status=403)] * 9}
        began = one.clock.monotonic()
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT)
        assert one.clock.monotonic() - began < 30.0


async def test_a_message_with_everything() -> None:
    from datetime import UTC, datetime

    message = Message(
        to=TO,
        text="Hello, [[name]]!",
        originator="Shop",
        params={"name": "Ivan"},
        max_parts=3,
        transliterate=True,
        start_at=datetime(2026, 1, 2, 10, 30, tzinfo=UTC),
        local_time=True,
        batch_name="January",
        validity=3600,
    )
    async with platform() as one, client(one) as sms:
        sent = await sms.send(message)
    assert one.sends[0].body == {
        "channels": {"sms": {"message": "Hello, [[name]]!", "timeout": 3600, "transliterate": True, "maxParts": 3}},
        "destinations": [{"to": int(TO), "params": {"name": "Ivan"}, "trackingData": sent.key}],
        "originator": "Shop",
        "scheduling": {"startDateTime": "2026-01-02T10:30:00+00:00", "localtime": True},
        "batchName": "January",
        "restrictiveId": sent.key,
    }
    assert sent.start_at == message.start_at
    assert sent.parts_exact is False


async def occupy(sms: SmsTraffic, places: int = HttpOptions().in_flight) -> None:
    for _ in range(places):
        await sms._shared.pool.places.acquire()


async def test_no_free_place_until_the_deadline() -> None:
    async with platform() as one, client(one) as sms:
        await sms.balance()
        await occupy(sms)
        with pytest.raises(NotSent) as caught:
            await sms.send(TO, TEXT, timeout=3.0)
        assert (caught.value.reason, caught.value.retryable) == ("overloaded", True)
        with pytest.raises(NotSent):
            await sms.v2.send([TO, "79161112234"], TEXT, timeout=3.0)
    assert not one.sends


async def test_no_free_place_for_another_key_leaves_the_first_one_unknown() -> None:
    single = HttpOptions(in_flight=1)
    async with platform() as one, client(one, on_unknown="resend", http=single) as sms:
        one.script[1] = [Step(end="fin", consume=True)]
        query = one.answer_query
        waiters: list[asyncio.Task[Any]] = []

        def grab(got: Got) -> bytes:
            # Behind the very last look-up, the only place goes to somebody else.
            if got.node == 2 and got.at - one.sends[0].at >= 90.0:
                waiters.append(asyncio.create_task(sms._shared.pool.places.acquire()))
            return query(got)

        one.answer_query = grab
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT, timeout=110.0)
        await asyncio.gather(*waiters)
    assert len(waiters) == 1
    assert len(one.sends) == 2


async def test_no_free_place_for_a_look_up_proves_nothing() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [LOST]
        one.statuses_delay = 12.0
        sending = asyncio.create_task(sms.send(TO, TEXT, timeout=60.0))
        await asyncio.sleep(7.0)
        await occupy(sms)
        await asyncio.sleep(20.0)
        for _ in range(HttpOptions().in_flight):
            sms._shared.pool.places.release()
        assert (await sending).evidence == "lookup"


async def test_a_deadline_that_passes_before_another_key_is_tried() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [USED_UP]
        sending = asyncio.create_task(sms.send(TO, TEXT, timeout=60.0, expires_in=5.0))
        with pytest.raises(NotSent) as caught:
            await sending
    assert caught.value.reason == "expired"
    assert len(one.sends) == 2


async def test_entries_without_a_label_are_nobodys() -> None:
    async with platform() as one, client(one) as sms:
        one.script[1] = [LOST]
        stray = Step(body=b'{"success":true,"data":[{"smsId":"1","status":""}]}')
        one.queries = {1: [stray], 2: [stray]}
        sent = await sms.send(TO, TEXT)
    assert sent.message_ids == (one.accepted[0].message_id,)


async def test_resend_waits_for_the_word_of_every_node() -> None:
    """The silent node may be the one that took it: not found elsewhere is no reason to send again."""
    async with platform() as one, client(one, timeouts=PATIENT, on_unknown="resend") as sms:
        one.statuses_shared = False
        one.script[1] = [LOST]
        one.queries[1] = [Step(end="fin")] * 500
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT)
    assert len(one.accepted) == 1
    assert len({send.body["restrictiveId"] for send in one.sends}) == 1


async def test_resend_is_bounded_too() -> None:
    async with platform() as one, client(one, timeouts=PATIENT, on_unknown="resend") as sms:
        one.script[1] = [Step(end="fin"), *[Step(code=105)] * 50]
        with pytest.raises(OutcomeUnknown):
            await sms.send(TO, TEXT)
    assert len({send.body["restrictiveId"] for send in one.sends}) == 3
    assert not one.accepted


async def test_the_node_that_may_have_taken_it_is_asked_first() -> None:
    async with platform() as one, client(one, nodes=["http://127.0.0.1:9", *one.urls]) as sms:
        one.script[1] = [TEMPORARY]
        one.script[2] = [LOST]
        sent = await sms.send(TO, TEXT)
    assert sent.evidence == "lookup"
    assert one.looks[0].node == 2


async def test_resend_needs_every_message_of_the_batch_to_be_findable() -> None:
    async with platform() as one, client(one, timeouts=PATIENT, on_unknown="resend") as sms:
        await sms.send(TO, TEXT, tracking_data="used before")
        one.script[1] = [Step(end="fin", consume=True)]
        reply = await sms.v2.send([Destination(to=TO, tracking_data="used before"), "79161112234"], TEXT)
    assert {type(error) for error in reply.errors} == {OutcomeUnknown}
    assert len(reply.errors) == 2
    assert len(one.sends) == 3, "nothing was sent under another id"


async def test_a_short_validity_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async with platform() as one, client(one) as sms:
        await sms.send(TO, TEXT, validity=600)
        assert "validity" not in caplog.text
        for _ in range(2):
            await sms.send(TO, TEXT, validity=599)
    assert caplog.text.count("validity below 600 s") == 1


async def test_a_turn_that_comes_after_the_hour_of_the_key_is_not_taken() -> None:
    """A repeat under an id that the platform has forgotten would be a second SMS."""
    retry = RetryPolicy(window=5.0)
    async with platform() as one, client(one, retry=retry, http=HttpOptions(rate=0.05)) as sms:
        one.script[1] = [LOST]
        sent = await sms.send(TO, TEXT, timeout=200.0)
    assert (sent.evidence, len(one.sends), len(one.accepted)) == ("lookup", 1, 1)
