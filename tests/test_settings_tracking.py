"""Options of tracking and inbound messages are checked where they are made."""

from typing import Any

import pytest

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.settings_tracking import InboundOptions, TrackingOptions


@pytest.mark.parametrize(
    "kind,bad",
    [
        (TrackingOptions, {"most": 0}),
        (TrackingOptions, {"most": 1.5}),
        (TrackingOptions, {"most": True}),
        (TrackingOptions, {"buffer": None}),
        (TrackingOptions, {"window": -1.0}),
        (TrackingOptions, {"window": float("inf")}),
        (TrackingOptions, {"longest": "1"}),
        (TrackingOptions, {"strangers": "drop"}),
        (InboundOptions, {"buffer": 0}),
        (InboundOptions, {"poll": 0}),
        (InboundOptions, {"poll": float("nan")}),
        (InboundOptions, {"overlap": "600"}),
    ],
)
def test_a_bad_value_is_refused_by_name(kind: type[Any], bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=rf"{kind.__name__}\.{next(iter(bad))}"):
        kind(**bad)


def test_good_values() -> None:
    assert TrackingOptions(window=3600, store="file.db").store == "file.db"
    assert InboundOptions(poll=30).poll == 30
    assert InboundOptions().poll is None
