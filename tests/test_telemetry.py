"""Loggers, counters and hooks."""

import asyncio
import dataclasses
import gc
import logging
import subprocess
import sys
from typing import Any

import pytest

from sms_traffic_async import ConfigurationError, SmsTraffic, events
from sms_traffic_async.complaints import Complaints
from sms_traffic_async.events import SendEnded, SendStarted, SessionEnded, SessionMade
from sms_traffic_async.outbox.outbox import Outbox
from sms_traffic_async.telemetry import RequestFinished, SendFinished, Stats, Telemetry, get_logger, read_hooks

REQUEST = RequestFinished(operation="v2.send", node="api", seconds=0.25, verdict="answered", status=200)
SEND = SendFinished(via="v2", outcome="accepted", attempts=1, seconds=0.3)


@pytest.mark.parametrize("event", [REQUEST, SEND])
def test_events_are_frozen(event: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.seconds = 1.0
    assert not hasattr(event, "__dict__")


@pytest.mark.parametrize("name", events.__all__)
def test_every_event_is_a_frozen_value_that_names_nobody(name: str) -> None:
    kind = getattr(events, name)
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)
    assert {field.name for field in dataclasses.fields(kind)}.isdisjoint({"to", "text", "phone", "password", "message"})


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


class Recorder:
    """A scoped hook."""

    def __init__(self, name: str, told: list[Any]) -> None:
        self._name = name
        self._told = told

    def __call__(self, event: Any, /) -> None:
        self._told.append((self._name, event))

    def capture(self) -> Any:
        return f"context of {self._name}"

    def begin(self, event: Any, inherited: Any, /) -> Any:
        self._told.append((self._name, "begin", event, inherited))
        return lambda ended: self._told.append((self._name, "end", ended))


STARTED = SendStarted(call=1, via="v2")
ENDED = SendEnded(call=1, via="v2", outcome="accepted", seconds=0.1)


def test_scoped_hooks_are_told_of_the_end_in_the_opposite_order() -> None:
    told: list[Any] = []
    telemetry = Telemetry(hooks=(Recorder("one", told), told.append, Recorder("two", told)))
    assert len(telemetry.scoped) == 2
    telemetry.begin(STARTED, telemetry.capture())(ENDED)
    assert told == [
        ("one", "begin", STARTED, "context of one"),
        ("two", "begin", STARTED, "context of two"),
        ("two", "end", ENDED),
        ("one", "end", ENDED),
    ]
    told.clear()
    telemetry.begin(STARTED)
    assert [one[-1] for one in told] == [None, None]


def test_a_scoped_hook_that_fails_keeps_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []

    class Broken(Recorder):
        def begin(self, event: Any, inherited: Any, /) -> Any:
            raise ValueError("79161112233")

        def capture(self) -> Any:
            raise ValueError("79161112233")

    telemetry = Telemetry(hooks=(Broken("broken", told), Recorder("two", told)))
    telemetry.begin(STARTED, telemetry.capture())(ENDED)
    assert told == [("two", "begin", STARTED, "context of two"), ("two", "end", ENDED)]
    assert len(caplog.records) == 1
    assert "7916" not in caplog.text


@pytest.mark.parametrize("wrong", [5, "print", None, [5], [print, None], object()])
def test_hooks_that_are_none_are_refused_by_name(wrong: Any) -> None:
    for make in (
        lambda: SmsTraffic(login="l", password="p", hooks=wrong),
        lambda: Outbox("never-opened.db", hooks=wrong),
        lambda: read_hooks(wrong),
    ):
        with pytest.raises(ConfigurationError, match=r"^hooks: a hook is a function") as caught:
            make()
        assert "print" not in str(caught.value)


def test_one_hook_needs_no_list() -> None:
    told: list[Any] = []
    assert read_hooks(told.append) == read_hooks([told.append]) == read_hooks(iter([told.append])) == (told.append,)
    sms = SmsTraffic(login="l", password="p", hooks=told.append)
    assert [type(one) for one in told] == [SessionMade]
    assert told[0].stats is sms.stats


async def test_a_session_tells_when_it_is_made_and_when_it_is_closed() -> None:
    told: list[Any] = []
    async with SmsTraffic(login="l", password="p", hooks=told.append) as sms:
        assert [type(one) for one in told] == [SessionMade]
    assert [type(one) for one in told] == [SessionMade, SessionEnded]
    assert told[1].stats is sms.stats


def test_gauges_are_sums_over_owners_that_are_alive() -> None:
    class Queue:
        def __init__(self, waiting: int) -> None:
            self.waiting = waiting

    stats, one, two = Stats(), Queue(3), Queue(4)
    for owner in (one, two):
        stats.watch("v2.waiting", owner, lambda queue: queue.waiting)
    stats.count("v2.send.accepted", 9)
    reading = stats.read()
    assert reading.gauges == {"v2.waiting": 7}
    assert reading.counters == {"v2.send.accepted": 9}
    del two, owner
    gc.collect()
    assert stats.gauges() == {"v2.waiting": 3}
    with pytest.raises(TypeError):
        reading.gauges["v2.waiting"] = 1  # type: ignore[index] # it is frozen all through
    assert reading.gauges == {"v2.waiting": 7}


def test_a_storm_of_one_trouble_is_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    complaints = Complaints(get_logger("http"), lambda: now)
    for second in range(120):
        now = float(second)
        for _ in range(100):
            complaints.about("it failed: %s", "OSError")
        complaints.about("something else")
    assert len(caplog.records) == 4
    assert caplog.messages[2] == "it failed: OSError (and 5999 times more)"
