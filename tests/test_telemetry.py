"""Loggers, counters and hooks."""

import asyncio
import dataclasses
import logging
import subprocess
import sys
from typing import Any

import pytest

from sms_traffic_async.telemetry import RequestFinished, SendFinished, Stats, Telemetry, get_logger

REQUEST = RequestFinished(operation="v2.send", node="api", seconds=0.25, verdict="answered", status=200)
SEND = SendFinished(via="v2", outcome="accepted", attempts=1, seconds=0.3)


@pytest.mark.parametrize("event", [REQUEST, SEND])
def test_events_are_frozen(event: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.seconds = 1.0
    assert not hasattr(event, "__dict__")
    assert {field.name for field in dataclasses.fields(event)}.isdisjoint({"to", "text", "phone", "password"})


def test_every_hook_gets_every_event_in_order() -> None:
    first: list[object] = []
    second: list[object] = []
    telemetry = Telemetry(hooks=(first.append, second.append))
    telemetry.emit(REQUEST)
    telemetry.emit(SEND)
    assert first == second == [REQUEST, SEND]


def test_a_failing_hook_reaches_nobody_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[object] = []

    def broken(event: object) -> None:
        raise ValueError("79161112233 hunter2")

    telemetry = Telemetry(hooks=(broken, seen.append))
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            telemetry.emit(SEND)
    assert seen == [SEND] * 3
    assert len(caplog.records) == 1
    record = caplog.records[0]
    assert record.name == "sms_traffic_async.telemetry"
    assert record.levelno == logging.WARNING
    assert "ValueError" in record.getMessage()
    assert record.exc_info is None
    assert "hunter2" not in caplog.text
    assert "7916" not in caplog.text


def test_each_session_complains_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: object) -> None:
        raise ValueError

    for _ in range(2):
        Telemetry(hooks=(broken,)).emit(SEND)
    assert len(caplog.records) == 2


def test_a_cancellation_is_not_swallowed() -> None:
    def cancelling(event: object) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        Telemetry(hooks=(cancelling,)).emit(SEND)


def test_counters() -> None:
    stats = Stats()
    stats.count("sent")
    stats.count("sent", 4)
    stats.count("failed", 0)
    snapshot = stats.snapshot()
    assert list(snapshot.items()) == [("failed", 0), ("sent", 5)]
    stats.count("sent")
    assert snapshot["sent"] == 5
    assert stats.counters["sent"] == 6
    assert Stats().snapshot() == {}


def test_sessions_do_not_share_counters() -> None:
    one, two = Telemetry(), Telemetry()
    one.stats.count("sent")
    assert two.stats.snapshot() == {}


def test_loggers_have_one_root_and_print_nothing_unasked() -> None:
    assert get_logger("http").name == "sms_traffic_async.http"
    assert get_logger("http").parent is logging.getLogger("sms_traffic_async")
    # Without a handler of its own the last resort would print warnings to stderr.
    code = "from sms_traffic_async.telemetry import get_logger; get_logger('http').warning('unasked')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == done.stderr == ""
    assert logging.getLogger("sms_traffic_async").level == logging.NOTSET
