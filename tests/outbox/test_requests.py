"""A unit of an outbox as one request: whatever process makes it, it is the same bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox.requests import batch_of, digest_of, problem_of
from sms_traffic_async.protocols.http_v2.batch import Batch, Member
from sms_traffic_async.protocols.http_v2.models import Destination, SendRequest
from sms_traffic_async.settings import Settings

AT = datetime(2030, 5, 1, 9, 30, tzinfo=UTC)
LONG = "я" * 71


def one(number: int = 1, text: str = "Код 1", **options: Any) -> Message:
    return Message(to=f"7916000000{number}", text=text, **options)


def batch(*messages: Message, settings: Settings = Settings(), unit: str = "u") -> Batch:  # noqa: B008 - frozen
    return batch_of(unit, [(f"m{number}", message) for number, message in enumerate(messages)], settings)


def test_members_in_order_under_the_units_id() -> None:
    made = batch(one(1), one(2, LONG, tracking_data="mine"))
    assert made == Batch(
        members=(
            Member(key="m0", to="79160000001", label="m0", own_label=True, parts=1, encoding="ucs2"),
            Member(key="m1", to="79160000002", label="mine", own_label=False, parts=2, encoding="ucs2"),
        ),
        request=SendRequest(
            destinations=(
                Destination(to="79160000001", text="Код 1", tracking_data="m0"),
                Destination(to="79160000002", text=LONG, tracking_data="mine"),
            ),
            restrictive_id="u",
        ),
        chosen=False,
    )


def test_what_the_first_says_holds_for_all() -> None:
    options: dict[str, Any] = {"originator": "shop", "transliterate": True, "max_parts": 3, "validity": 600,
                               "start_at": AT, "batch_name": "spring"}  # fmt: skip
    request = batch(one(1, **options), one(2, **options), settings=Settings(originator="ours")).request
    assert (request.originator, request.transliterate, request.max_parts) == ("shop", True, 3)
    assert (request.validity, request.start_at, request.batch_name) == (600, AT, "spring")
    assert batch(one(start_at=AT, local_time=True)).request.local_time
    plain = batch(one(), settings=Settings(originator="ours", max_parts=7)).request
    assert (plain.originator, plain.transliterate, plain.max_parts, plain.validity) == ("ours", None, 7, None)


@pytest.mark.parametrize("options", [{"text": "Hi [[name]]"}, {"text": "Hi", "params": {"name": "Ann"}}])
def test_a_template_stands_where_it_is_filled_in(options: dict[str, Any]) -> None:
    request = batch(one(**options)).request
    assert request.text == options["text"]
    assert request.destinations[0].text is None
    assert request.destinations[0].params == options.get("params")


def test_a_text_that_may_be_cut_is_cut() -> None:
    made = batch(one(text=LONG, truncate=True, max_parts=1))
    assert made.request.destinations[0].text == LONG[:70]
    assert made.members[0].parts == 1


def test_what_v2_cannot_carry() -> None:
    short, settings = Settings(max_parts=1), Settings(max_parts=2)
    assert problem_of(one(text=LONG), settings) is None
    for message, given in ((one(text=LONG), short), (one(text=LONG, max_parts=1), settings)):
        problem = problem_of(message, given)
        assert isinstance(problem, InvalidMessage)
        with pytest.raises(InvalidMessage) as caught:
            batch(one(2), message, settings=given)
        assert caught.value.field == problem.field
    assert problem_of(one(text=LONG, max_parts=2), short) is None  # its own number counts
    assert isinstance(problem_of(one(flash=True), settings), InvalidMessage)


def test_a_digest_tells_any_change_and_only_that() -> None:
    first = batch(one(1), one(2))
    assert digest_of(first) == digest_of(batch(one(1), one(2)))
    assert len(digest_of(first)) == 32
    others = [
        batch(one(1), one(2), unit="v"),
        batch(one(2), one(1)),
        batch(one(1)),
        batch(one(1), one(2, "Код 2")),
        batch(one(1), one(2), settings=Settings(originator="ours")),
        batch(one(1), one(2, tracking_data="mine")),
    ]
    digests = {digest_of(other) for other in others}
    assert len(digests) == len(others)
    assert digest_of(first) not in digests
    assert digest_of(replace(first, chosen=True)) == digest_of(first)  # what is not sent is not in it


def test_the_digest_has_not_changed_since_it_was_first_kept() -> None:
    """A unit that began under an older version is sent again as it was: these bytes are kept by outboxes."""
    started = batch(one(1, start_at=AT), unit="u")
    assert digest_of(started).hex() == "603bf1c854fc66cbfa07e5eb8ab8fefff08dd74cf70e1f09cbfcd9b94ff31862"
