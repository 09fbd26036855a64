"""Which ids of an answer belong to which message, and the push ids that make it plain."""

from __future__ import annotations

import pytest

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.protocols.http_v1 import Recipient
from sms_traffic_async.protocols.http_v1.matching import match
from sms_traffic_async.protocols.http_v1.models import Member, SendOptions, SendRequest, SentPart

ONE, TWO, THREE = "79051112233", "79261112233", "74951112233"


def plain(*numbers: str) -> SendRequest:
    members = tuple(Member(index=i, key=str(i), to=number) for i, number in enumerate(numbers))
    return SendRequest(members=members, options=SendOptions(rus=0), text="a")


def parts(*phones: str) -> tuple[SentPart, ...]:
    return tuple(SentPart(phone=phone, message_id=str(number)) for number, phone in enumerate(phones, 1))


@pytest.mark.parametrize(
    "numbers, phones, ids",
    [
        ((ONE, TWO), (ONE, TWO), [("1",), ("2",)]),
        ((ONE, TWO), (TWO, ONE), [("2",), ("1",)]),
        ((ONE, TWO), (ONE, ONE, TWO), [("1", "2"), ("3",)]),
        # A Moscow number comes back as its federal one: by order
        ((ONE, THREE, TWO), (ONE, "79851112233", TWO), [("1",), ("2",), ("3",)]),
        ((THREE,), ("79851112233", "79851112233"), [("1", "2")]),
        # Whatever does not add up belongs to nobody
        ((ONE, THREE, TWO), (TWO, "79851112233", ONE), [("3",), (), ("1",)]),
        ((ONE, THREE, TWO), (ONE, TWO), [("1",), (), ("2",)]),
        ((ONE, TWO), ("79851112233",), [(), ()]),
        ((ONE, TWO), (), [(), ()]),
    ],
)
def test_matching_a_plain_list(numbers: tuple[str, ...], phones: tuple[str, ...], ids: list[tuple[str, ...]]) -> None:
    assert match(plain(*numbers), parts(*phones)) == ids


def test_matching_by_push_id_whatever_the_number() -> None:
    members = tuple(Member(index=i, key=str(i), to=ONE, text="a", push_id=f"p{i}") for i in range(3))
    request = SendRequest(members=members, options=SendOptions(rus=0))
    rows = (
        SentPart(phone=TWO, message_id="1", push_id="p2"),
        SentPart(phone=None, message_id="2", push_id="p0"),
        SentPart(phone=ONE, message_id="3", push_id="p2"),
        SentPart(phone=ONE, message_id="4", push_id=None),
        SentPart(phone=ONE, message_id="5", push_id="foreign"),
    )
    assert match(request, rows) == [("2",), (), ("1", "3")]


@pytest.mark.parametrize("push_id", ["a:b", "a b", "a\nb", "", "x" * 129])
def test_v10_push_ids_that_would_break_the_form(push_id: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Recipient(to=ONE, push_id=push_id)
    assert caught.value.field == "push_id"
