"""The metrics of ``sms_traffic_async.otel``. Imported only where OpenTelemetry is installed."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from sms_traffic_async.events import (
    InboundTaken,
    ProcessEnded,
    ProcessStarted,
    RequestFinished,
    SendEnded,
    SendFinished,
    UpdateTaken,
)
from sms_traffic_async.node import address_of
from sms_traffic_async.telemetry import Stats

__all__ = ("Instruments",)

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0)
"""Bounds of the histograms; those of the messaging conventions, and the default deadline."""
SYSTEM: Final = "sms_traffic"
ACCEPTED: Final = "accepted"


class Instruments:
    """Counters, histograms and gauges of one meter.

    Args:
        meter: makes them.
        sessions: whose counters and gauges are read; kept elsewhere.
    """

    def __init__(self, meter: Meter, sessions: weakref.WeakSet[Stats]) -> None:
        self._sessions = sessions
        self._sent = meter.create_counter(
            "messaging.client.sent.messages", "{message}", "Messages that got an outcome."
        )
        self._consumed = meter.create_counter(
            "messaging.client.consumed.messages", "{message}", "Statuses and subscribers' messages handed over."
        )
        self._operation = _histogram(meter, "messaging.client.operation.duration", "From the call to its outcome.")
        self._process = _histogram(meter, "messaging.process.duration", "What the application's code takes.")
        self._request = _histogram(meter, "sms_traffic.request.duration", "Requests on the wire.")
        for state in ("waiting", "in_flight", "followed"):
            meter.create_observable_gauge(
                f"sms_traffic.{state}", [_Gauge(sessions, state)], "{item}", f"What is {state.replace('_', ' ')} now."
            )
        meter.create_observable_counter(
            "sms_traffic.events", [self._counters], "{event}", "The sessions' own counters, by name."
        )

    def sent(self, event: SendFinished) -> None:
        """A message got its outcome."""
        attributes = _of("send") | {"sms_traffic.via": event.via, "sms_traffic.outcome": event.outcome}
        if event.code is not None:
            attributes["sms_traffic.code"] = event.code
        if event.outcome != ACCEPTED:
            attributes["error.type"] = event.outcome
        self._sent.add(1, attributes)

    def operation(self, event: SendEnded) -> None:
        """A call that sends ended."""
        attributes = _of("send") | {"sms_traffic.via": event.via, "sms_traffic.outcome": event.outcome}
        if event.error is not None:
            attributes["error.type"] = event.error
        self._operation.record(event.seconds, attributes)

    def request(self, event: RequestFinished) -> None:
        """A request ended."""
        attributes: dict[str, Any] = {
            "sms_traffic.operation": event.operation,
            "sms_traffic.verdict": event.verdict,
            "server.address": address_of(event.node)[0],
        }
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
        self._request.record(event.seconds, attributes)

    def processed(self, event: ProcessStarted, ended: ProcessEnded) -> None:
        """The application's code was given something."""
        attributes = _of("process") | {"sms_traffic.kind": event.kind, "sms_traffic.source": event.source}
        if ended.error is not None:
            attributes["error.type"] = ended.error
        self._consumed.add(event.messages, attributes)
        self._process.record(ended.seconds, attributes)

    def taken(self, event: InboundTaken | UpdateTaken, kind: str) -> None:
        """A reader took a message, or a status."""
        attributes = _of("process") | {"sms_traffic.kind": kind, "sms_traffic.source": "reader"}
        self._consumed.add(1, attributes)
        self._process.record(event.seconds, attributes)

    def _counters(self, _options: CallbackOptions) -> Iterable[Observation]:
        together: dict[str, int] = {}
        for stats in tuple(self._sessions):
            for name, value in stats.snapshot().items():
                together[name] = together.get(name, 0) + value
        return [Observation(value, {"sms_traffic.event": name}) for name, value in together.items()]


class _Gauge:
    """Reads one kind of gauge of all sessions: ``waiting`` of ``v2.waiting`` and ``smpp.waiting``."""

    def __init__(self, sessions: weakref.WeakSet[Stats], state: str) -> None:
        self._sessions = sessions
        self._state = state

    def __call__(self, _options: CallbackOptions) -> Iterable[Observation]:
        together: dict[str, int] = {}
        for stats in tuple(self._sessions):
            for name, value in stats.gauges().items():
                part, _, state = name.rpartition(".")
                if state == self._state:
                    together[part] = together.get(part, 0) + value
        return [Observation(value, {"messaging.system": SYSTEM, "sms_traffic.part": part})
                for part, value in together.items()]  # fmt: skip


def _of(operation: str) -> dict[str, Any]:
    return {"messaging.system": SYSTEM, "messaging.operation.name": operation, "messaging.operation.type": operation}


def _histogram(meter: Meter, name: str, description: str) -> Any:
    try:
        return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=SECONDS)
    except TypeError:  # before 1.30 the bounds could not be advised
        return meter.create_histogram(name, "s", description)
