"""Messages as an outbox keeps them: nothing is lost, nothing is shown, and equal requests are equal groups."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.messages import Message
from sms_traffic_async.outbox.codec import Codec, Unreadable, group_of
from sms_traffic_async.secrets import Secret

TO, TEXT = "79161112233", "Код 1234"
OPTIONS: list[dict[str, Any]] = [
    {},
    {"originator": "shop"},
    {"tracking_data": "order 7"},
    {"params": {"name": "Ann", "sum": "7"}},
    {"max_parts": 3},
    {"truncate": True, "max_parts": 1},
    {"transliterate": True},
    {"flash": True},
    {"start_at": datetime(2030, 5, 1, 9, 30, tzinfo=UTC)},
    {"start_at": datetime(2030, 5, 1, 9, 30, tzinfo=UTC), "local_time": True},
    {"batch_name": "spring"},
    {"validity": 600},
]


def named(options: dict[str, Any]) -> str:
    return "+".join(options) or "none"


@pytest.mark.parametrize("options", OPTIONS, ids=named)
@pytest.mark.parametrize("keys", [None, Fernet.generate_key().decode()], ids=["plain", "encrypted"])
def test_a_message_comes_back_as_it_was(options: dict[str, Any], keys: str | None) -> None:
    codec = Codec(keys)
    message = Message(to=TO, text=TEXT, **options)
    body = codec.encode(message)
    assert codec.decode(body) == message
    assert (TEXT.encode() in body) == (keys is None)
    assert (TO.encode() in body) == (keys is None)


def test_what_stands_beside_it_is_not_in_it() -> None:
    body = Codec(None).encode(Message(to=TO, text=TEXT, key="k", expires_in=60.0))
    assert orjson.loads(body) == {"to": TO, "text": TEXT}
    body = Codec(None).encode(Message(to=TO, text=TEXT, originator="shop", max_parts=2, flash=False))
    assert orjson.loads(body) == {"to": TO, "text": TEXT, "originator": "shop", "max_parts": 2}


def test_a_number_is_not_read_again_by_anybodys_region() -> None:
    assert Codec(None).decode(b'{"to":"9161112233","text":"x"}').to == "9161112233"


def test_keys_are_changed_without_losing_what_is_kept() -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    message = Message(to=TO, text=TEXT)
    kept = Codec(old).encode(message)
    both = Codec([Secret(new), old])
    assert both.decode(kept) == message
    fresh = both.encode(message)
    assert Codec(Secret(new)).decode(fresh) == message  # the first encrypts
    with pytest.raises(Unreadable):
        Codec(old).decode(fresh)
    assert Codec([]).encode(message) == Codec(None).encode(message)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"to":"7"}', b'{"to":"79161112233","text":"x","secret":1}', b'{"start_at":7}']
)
def test_what_cannot_be_read_is_not_shown(body: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        Codec(None).decode(body)
    assert str(caught.value).startswith("the kept message cannot be read (")
    assert str(caught.value).endswith("): is it encrypted with another key?")
    assert caught.value.__context__ is None
    assert "7916" not in str(caught.value)


def test_a_damaged_one_names_what_went_wrong() -> None:
    with pytest.raises(Unreadable, match=r"^the kept message cannot be read \(InvalidToken\)"):
        Codec(Fernet.generate_key().decode()).decode(b'{"to":"79161112233","text":"x"}')


def test_a_key_that_is_none() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Codec("not a key at all")
    assert str(caught.value) == "encryption_key is 32 bytes in url-safe base64, as Fernet.generate_key() makes it"
    assert caught.value.__context__ is None


SHARED: list[dict[str, Any]] = [
    {"originator": "shop"},
    {"transliterate": True},
    {"max_parts": 3},
    {"start_at": datetime(2030, 5, 1, 9, 30, tzinfo=UTC), "local_time": True},
    {"start_at": datetime(2030, 5, 1, 9, 30, tzinfo=UTC)},
    {"start_at": datetime(2030, 5, 1, 9, 30, tzinfo=UTC) + timedelta(hours=1)},
    {"batch_name": "spring"},
    {"validity": 600},
]


def test_what_one_request_says_of_all_makes_its_group() -> None:
    groups = [group_of(Message(to=TO, text=TEXT, **options)) for options in SHARED]
    assert len(set(groups)) == len(groups)
    assert {len(group) for group in groups} == {16}
    for options, group in zip(SHARED, groups, strict=True):
        assert group_of(Message(to="79160000000", text="another", **options)) == group
        assert group_of(Message(to=TO, text=TEXT, tracking_data="mine", key="k", expires_in=5.0, **options)) == group
    assert group_of(Message(to=TO, text=TEXT)) == "-"


@pytest.mark.parametrize(
    "options", [{"params": {"name": "Ann"}}, {"text": "Hi [[name]]"}, {"flash": True}], ids=["params", "[[", "flash"]
)
def test_what_goes_alone(options: dict[str, Any]) -> None:
    assert group_of(Message(**({"to": TO, "text": TEXT, "originator": "shop"} | options))) == ""
