"""Settings of pushes and inbound messages that cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.sandbox.pushes_settings import InboundSettings, PushSettings, Retries, ShortNumber


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x"},
        {"url": "http://"},
        {"url": "http://x y"},
        {"url": "http://x:99999999"},
        {"form": "xml"},
        {"spelling": "both"},
        {"spaces": "none"},
        {"batch": 0},
        {"batch": True},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        PushSettings(**wrong)  # type: ignore[arg-type] # on purpose
    bad: dict[str, Any]
    for bad in ({"pauses": ()}, {"pauses": (-1,)}, {"timeout": 0}, {"in_flight": 0}, {"give_up": float("inf")}):
        with pytest.raises(ConfigurationError):
            Retries(**bad)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "x"},
        {"method": "PUT"},
        {"charset": "koi8-r"},
        {"email": "nobody"},
        {"email_server": ("", 25)},
        {"email_server": ("localhost", 0)},
    ],
)
def test_ways_of_inbound_messages_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        InboundSettings(**wrong)  # type: ignore[arg-type] # on purpose
    short: tuple[dict[str, Any], ...] = ({"number": "short", "url": "http://x"}, {"number": "3299", "url": ""})
    for bad in short:
        with pytest.raises(ConfigurationError):
            ShortNumber(**bad)
