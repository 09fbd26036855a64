"""The values every protocol shares, and what a message refuses before anything is sent."""

import copy
import dataclasses
import inspect
import math
import pickle
from collections import UserDict
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from sms_traffic_async.errors import InvalidMessage, NotSent
from sms_traffic_async.messages import (
    MOSCOW,
    Balance,
    InboundMessage,
    Message,
    SendResult,
    StatusUpdate,
    Submission,
)
from sms_traffic_async.statuses import DeliveryErrorCode, MessageStatus
from tests.support.exposure import pickled, shown

PHONE = "79161112233"
TEXT = "Ваш секретный код 4711"
GOOD: dict[str, Any] = {"to": PHONE, "text": TEXT}
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Nowhere(tzinfo):
    """A zone that knows no offset: such a datetime is as naive as one without."""

    def utcoffset(self, when: datetime | None) -> None:
        return None

    dst = tzname = utcoffset


def test_a_message_is_normalised_when_it_is_made() -> None:
    assert Message(to="+7 (916) 111-22-33", text="x").to == PHONE
    assert Message(to=79161112233, text="x").to == PHONE
    assert Message(to="8 916 111-22-33", text="x").to == PHONE
    assert Message(to="9161112233", text="x", region="RU").to == PHONE
    assert Message(to="9511234567", text="x", region="INT").to == "9511234567"


def test_everything_a_message_can_carry() -> None:
    options: dict[str, Any] = {
        "originator": "Acme",
        "key": "otp-8412",
        "tracking_data": "x" * 40,
        "params": {"name": "Анна", "empty": ""},
        "max_parts": 3,
        "truncate": True,
        "transliterate": True,
        "flash": True,
        "start_at": WHEN,
        "local_time": True,
        "batch_name": "Осенняя рассылка",
        "validity": 86_400,
        "expires_in": 0.5,
        "region": "RU",
    }
    message = Message(**GOOD, **options)
    assert dataclasses.asdict(message) == GOOD | options
    again = dataclasses.replace(message, text="another")
    assert dataclasses.asdict(again) == GOOD | options | {"text": "another"}


def test_the_written_out_init_is_that_of_the_fields() -> None:
    taken = inspect.signature(Message).parameters
    fields = {field.name: field for field in dataclasses.fields(Message)}
    assert list(taken) == list(fields)
    for name, parameter in taken.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        default = fields[name].default
        assert parameter.default == (inspect.Parameter.empty if default is dataclasses.MISSING else default)


# Field, bad value, what the rule says.
BAD: list[tuple[str, Any, str]] = [
    ("to", "", "holds no digits"),
    ("to", "   ", "holds no digits"),
    ("to", "call me", "only the digits"),
    ("to", TEXT, "only the digits"),
    ("to", "++79161112233", "only the digits"),
    ("to", "7916111223344", "invalid length"),
    ("to", "1234", "invalid length"),
    ("to", "1" * 16, "invalid length"),
    ("to", "1" * 100_000, "invalid length"),
    ("to", "00491711234567", "00"),
    ("to", "9161112233", "region"),
    ("to", "٧٩١٦١١١٢٢٣٣", "only the digits"),
    ("to", "7916\n1112233", "only the digits"),
    ("to", None, "a string or a whole number"),
    ("to", True, "a string or a whole number"),
    ("to", 7.9161112233e10, "a string or a whole number"),
    ("to", PHONE.encode(), "a string or a whole number"),
    ("to", [PHONE], "a string or a whole number"),
    ("to", -79161112233, "invalid length"),
    ("text", "", "at least one character"),
    ("text", None, "at least one character"),
    ("text", TEXT.encode(), "at least one character"),
    ("text", 4711, "at least one character"),
    ("text", f"{TEXT}\ud83d", "surrogate"),
    ("text", f"{TEXT}\0", "U+0000"),
    ("text", "code\0", "U+0000"),
    ("originator", "", "1 to 11 characters"),
    ("originator", "TwelveLetter", "at most 11"),
    ("originator", "1" * 16, "at most 15"),
    ("originator", " Acme", "space"),
    ("originator", "Ac\nme", "control"),
    ("originator", "日本", "GSM"),
    ("originator", 12345, "a string"),
    ("originator", ["Acme"], "a string"),
    ("key", "", "1 to 200"),
    ("key", "k" * 201, "1 to 200"),
    ("key", 8412, "1 to 200"),
    ("key", "a\nb", "control"),
    ("key", "a\x7f", "control"),
    ("key", "a\x85", "control"),
    ("key", "a\udc80", "surrogate"),
    ("tracking_data", "", "1 to 40"),
    ("tracking_data", "t" * 41, "1 to 40"),
    ("tracking_data", b"t", "1 to 40"),
    ("tracking_data", "a\tb", "control"),
    ("batch_name", "", "1 to 200"),
    ("batch_name", "b" * 201, "1 to 200"),
    ("batch_name", "a\x00b", "control"),
    ("params", "name", "mapping"),
    ("params", [("name", "Анна")], "mapping"),
    ("params", {"name": 4711}, "strings"),
    ("params", {4711: "name"}, "strings"),
    ("params", {"": "name"}, "not empty"),
    ("params", {"name": None}, "strings"),
    ("params", {"name": "a\0b"}, "U+0000"),
    ("params", {"name": f"{TEXT}\ud83d"}, "surrogate"),
    ("max_parts", 0, "from 1 to 255"),
    ("max_parts", 256, "from 1 to 255"),
    ("max_parts", -1, "from 1 to 255"),
    ("max_parts", 1.0, "from 1 to 255"),
    ("max_parts", True, "from 1 to 255"),
    ("max_parts", "3", "from 1 to 255"),
    ("validity", 0, "from 1 to 86400"),
    ("validity", 86_401, "from 1 to 86400"),
    ("validity", 600.0, "from 1 to 86400"),
    ("validity", timedelta(hours=1), "from 1 to 86400"),
    ("expires_in", 0, "greater than 0"),
    ("expires_in", -1.5, "greater than 0"),
    ("expires_in", math.nan, "greater than 0"),
    ("expires_in", math.inf, "greater than 0"),
    ("expires_in", True, "greater than 0"),
    ("expires_in", "60", "greater than 0"),
    ("expires_in", timedelta(seconds=60), "greater than 0"),
    ("start_at", datetime(2026, 1, 2, 3, 4, 5), "time zone"),  # noqa: DTZ001 - the point of the test
    ("start_at", datetime(2026, 1, 2, tzinfo=Nowhere()), "time zone"),
    ("start_at", "2026-01-02T03:04:05+03:00", "a datetime"),
    ("start_at", WHEN.timestamp(), "a datetime"),
    ("start_at", WHEN.date(), "a datetime"),
    ("truncate", "no", "True or False"),
    ("transliterate", 1, "True or False"),
    ("flash", None, "True or False"),
    ("local_time", "yes", "True or False"),
    ("region", "ru", "'RU'"),
    ("region", "DE", "'RU'"),
    ("region", ["RU"], "'RU'"),
]


@pytest.mark.parametrize("field,value,rule", BAD, ids=[f"{field}-{number}" for number, (field, _, _) in enumerate(BAD)])
def test_bad_input_is_refused_with_field_masked_value_and_rule(field: str, value: Any, rule: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Message(**GOOD | {field: value})
    error = caught.value
    assert error.field == field
    assert rule in error.rule
    assert str(error) == f"{field}: {error.rule} (got {error.value})"
    assert isinstance(pickled(error), InvalidMessage)
    exposed = shown(error)
    assert PHONE not in exposed
    assert TEXT not in exposed
    if isinstance(value, str) and len(value) > 12:
        assert value not in exposed
    assert len(error.value) < 60
    # Nothing of another kind is chained to it: a codec's error would hold the text.
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_huge_number_is_refused_quickly_and_masked() -> None:
    # Its digits cannot be printed by the interpreter at all.
    for field in ("to", "max_parts", "validity"):
        with pytest.raises(InvalidMessage) as caught:
            Message(**GOOD | {field: 10**5000})
        assert caught.value.field == field
        assert len(caught.value.value) < 20


def test_a_long_time_to_live_is_fine() -> None:
    assert Message(**GOOD, expires_in=10**6).expires_in == 10**6


def test_an_unknown_option_is_a_type_error_that_shows_nothing() -> None:
    with pytest.raises(TypeError, match="sender") as caught:
        Message(**GOOD, sender="Acme")  # type: ignore[call-arg] # the point of the test
    assert PHONE not in shown(caught.value)
    with pytest.raises(TypeError):
        Message(PHONE, TEXT)  # type: ignore[call-arg] # the point of the test


@pytest.mark.parametrize("value", ["\n", "a\r\nb", "🎁" * 300, "\u200b", "\u202e", "[[name]]"])
def test_odd_texts_are_still_texts(value: str) -> None:
    assert Message(to=PHONE, text=value).text == value


def test_a_message_cannot_be_changed() -> None:
    message = Message(**GOOD)
    with pytest.raises(dataclasses.FrozenInstanceError):
        message.text = "another"  # type: ignore[misc] # the point of the test
    with pytest.raises((AttributeError, TypeError)):
        message.another = 1  # type: ignore[attr-defined] # the point of the test


@pytest.mark.parametrize("given", [{"name": "Анна"}, UserDict(name="Анна"), MappingProxyType({"name": "Анна"})])
def test_params_are_a_copy(given: Any) -> None:
    message = Message(**GOOD, params=given)
    if isinstance(given, (dict, UserDict)):
        given["name"] = "Ольга"
    assert message.params == {"name": "Анна"}


def test_messages_compare_and_hash_by_what_is_sent() -> None:
    one, same = (
        Message(**GOOD, params={"a": "b"}),
        Message(to="8" + PHONE[1:], text=TEXT, params={"a": "b"}, region="RU"),
    )
    assert one == same
    assert hash(one) == hash(same)
    assert one != Message(**GOOD, params={"a": "c"})
    assert len({one, same, Message(**GOOD)}) == 2


@pytest.mark.parametrize("way", [lambda value: pickle.loads(pickle.dumps(value)), copy.copy, copy.deepcopy])  # noqa: S301
def test_a_message_can_be_copied_and_sent_to_another_process(way: Any) -> None:
    message = Message(**GOOD, params={"name": "Анна"}, start_at=WHEN, key="k")
    assert way(message) == message


VALUES: list[Any] = [
    Message(**GOOD, originator="Acme", params={"code": "4711"}),
    Submission(via="v2", message_ids=("104637",), key="k", to=PHONE, node="api", accepted_at=WHEN, tracking_data="k"),
    SendResult(message=Message(**GOOD), index=0, error=NotSent("no place.", reason="overloaded")),
    StatusUpdate(
        message_id="104637", status=MessageStatus.DELIVERED, to=PHONE, error_text=TEXT, raw={"phone": PHONE, "t": TEXT}
    ),
    InboundMessage(sender=PHONE, text=TEXT, recipient="79035556677", message_id="5"),
    Balance(amount=Decimal("-1.5"), raw="-1,5", node="api"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_no_value_prints_a_number_or_a_text(value: Any) -> None:
    for printed in (repr(value), str(value), f"{value}", repr([value])):
        assert type(value).__name__ in printed
        assert PHONE not in printed
        assert "секретный" not in printed
        assert "4711" not in printed


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen_and_slotted(value: Any) -> None:
    name = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, getattr(value, name))
    assert not hasattr(value, "__dict__")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_take_keywords_only(value: Any) -> None:
    with pytest.raises(TypeError):
        type(value)(*(getattr(value, field.name) for field in dataclasses.fields(value)))


def test_a_submission_has_one_first_id_or_none() -> None:
    one = Submission(via="smpp", message_ids=("7", "8"), key="k", to=PHONE, node="n", accepted_at=WHEN)
    assert one.message_id == "7"
    assert dataclasses.replace(one, message_ids=()).message_id is None
    assert one.evidence == "answer"


def test_a_result_is_either_or() -> None:
    message = Message(**GOOD)
    sent = Submission(via="v2", message_ids=("7",), key="k", to=PHONE, node="n", accepted_at=WHEN)
    assert SendResult(message=message, index=0, submission=sent).ok
    assert not SendResult(message=message, index=0, error=InvalidMessage("to", "*", "rule")).ok


@pytest.mark.parametrize(
    "mcc,mnc,network",
    [
        (250, 1, "250-01"),
        (250, 99, "250-99"),
        (310, 410, "310-410"),
        (1, 0, "001-00"),
        (None, 1, None),
        (250, None, None),
    ],
)
def test_a_network_gets_its_zeros_back(mcc: int | None, mnc: int | None, network: str | None) -> None:
    update = StatusUpdate(message_id="1", status=MessageStatus.BUFFERED, mcc=mcc, mnc=mnc)
    assert update.network == network


@pytest.mark.parametrize("word", ["", "Delivered", "Read", "Rejected", "Paused"])
def test_an_update_says_what_its_status_says(word: str) -> None:
    status = MessageStatus.read(word)
    update = StatusUpdate(message_id="1", status=status, error=DeliveryErrorCode.NONE)
    assert (update.is_final, update.is_delivered) == (status.is_final, status.is_delivered)
    assert repr(word) in repr(update)


def test_updates_compare_without_their_raw_reply() -> None:
    one = StatusUpdate(message_id="1", status=MessageStatus.READ, raw={"a": 1})
    assert one == StatusUpdate(message_id="1", status=MessageStatus.READ, raw={"b": 2})
    assert hash(one) == hash(dataclasses.replace(one, raw=None))


def test_the_platforms_zone_is_three_hours_east() -> None:
    assert WHEN.astimezone(MOSCOW).isoformat() == "2026-01-02T06:04:05+03:00"
    assert MOSCOW.utcoffset(None) == timedelta(hours=3)
