"""Spans and metrics for OpenTelemetry: ``SmsTraffic(..., hooks=OtelHooks())``.

Needs ``pip install "sms-traffic-async[otel]"``; without it the hooks do nothing.
Names are those of the messaging conventions; what is ours begins with ``sms_traffic.``.
No attribute carries a phone number, a text or a secret.

Spans
-----
``send sms`` (producer)
    A message, from the call to its outcome, or a unit of an outbox. Current while it
    lasts; its parent is what was current when the call was made. What comes from an
    outbox is linked to what was current where it was enqueued.
``POST v2.send`` and the like (client)
    A request. The child of the send that made it; linked to all of them where several
    messages share it.
``process sms`` (consumer)
    The application's code at work on statuses or a subscriber's message, linked to the
    sends of this process that the statuses are about.
"""

from __future__ import annotations

import importlib.util
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sms_traffic_async.events import (
    InboundTaken,
    ProcessEnded,
    ProcessStarted,
    RequestFinished,
    SendEnded,
    SendFinished,
    SendStarted,
    SessionEnded,
    SessionMade,
    UpdateTaken,
)
from sms_traffic_async.node import address_of
from sms_traffic_async.telemetry import Ended, Stats, get_logger

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, SpanContext, Tracer, TracerProvider

    from sms_traffic_async.otel_metrics import Instruments

__all__ = ("OtelHooks",)

SCOPE: Final = "sms_traffic_async"
SYSTEM: Final = {"messaging.system": "sms_traffic", "messaging.destination.name": "sms"}
REMEMBERED: Final = 10_000
"""Messages whose spans a status may be linked to."""
OPEN: Final = 10_000
"""Sends under way whose spans a request may be linked to."""
MOST_LINKS: Final = 128
"""Of one span: what the SDK keeps by default."""

_log = get_logger("otel")


class OtelHooks:
    """Hooks that make spans and metrics. One value may serve several sessions and outboxes.

    Args:
        tracer_provider: instead of the global one.
        meter_provider: instead of the global one.

    Attributes:
        active: whether OpenTelemetry is installed.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self.active: bool = importlib.util.find_spec("opentelemetry") is not None
        if not self.active:
            _log.info("OpenTelemetry is not installed: no spans and no metrics are made")
            return
        from opentelemetry import metrics, trace

        from sms_traffic_async._version import __version__
        from sms_traffic_async.otel_metrics import Instruments

        self._tracer: Tracer = trace.get_tracer(SCOPE, __version__, tracer_provider)
        meter: Meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._sessions: weakref.WeakSet[Stats] = weakref.WeakSet()
        self._instruments: Instruments = Instruments(meter, self._sessions)
        self._open: OrderedDict[int, Span] = OrderedDict()
        self._sent: OrderedDict[str, SpanContext] = OrderedDict()

    def __repr__(self) -> str:
        return f"OtelHooks(active={self.active})"

    # --- what every hook is

    def __call__(self, event: Any, /) -> None:
        """Take an event."""
        if not self.active:
            return
        match event:
            case SendFinished():
                self._instruments.sent(event)
            case RequestFinished():
                self._instruments.request(event)
                self._request_span(event)
            case InboundTaken():
                self._taken(event, "inbound", None)
            case UpdateTaken():
                self._taken(event, "statuses", self._sent.get(event.message_id))
            case SessionMade():
                self._sessions.add(event.stats)
            case SessionEnded():
                self._sessions.discard(event.stats)
            case _:
                pass

    def _taken(self, event: InboundTaken | UpdateTaken, kind: str, sent: SpanContext | None) -> None:
        self._instruments.taken(event, kind)
        links = () if sent is None else (sent,)
        self._span_of_the_past("process sms", "CONSUMER", event.seconds, _processing(kind, "reader", 1), links=links)

    # --- what a scoped hook is

    def capture(self) -> Any:
        """The current context."""
        if not self.active:
            return None
        from opentelemetry import context

        return context.get_current()

    def traceparent(self) -> str | None:
        """The current span, as a header of W3C Trace Context."""
        if not self.active:
            return None
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        return carrier.get("traceparent")

    def begin(self, event: SendStarted | ProcessStarted, inherited: Any, /) -> Ended:
        """Start a span, and make it the current one of this task."""
        if not self.active:
            return _nothing
        return self._send(event, inherited) if isinstance(event, SendStarted) else self._process(event, inherited)

    def _send(self, event: SendStarted, inherited: Any) -> Ended:
        attributes: dict[str, Any] = {
            **SYSTEM,
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "sms_traffic.via": event.via,
        }
        if event.messages > 1:
            attributes["messaging.batch.message_count"] = event.messages
        links = [found for one in event.origins[:MOST_LINKS] if (found := _read(one)) is not None]
        span, leave = self._enter("send sms", "PRODUCER", attributes, inherited, links)
        self._open[event.call] = span
        if len(self._open) > OPEN:
            self._open.popitem(last=False)
        return partial(self._sent_it, span, leave)

    def _sent_it(self, span: Span, leave: Ended, event: SendEnded) -> None:
        self._open.pop(event.call, None)
        optional = {
            "messaging.message.id": event.message_ids[0] if event.message_ids else None,
            "server.address": None if event.node is None else address_of(event.node)[0],
            "sms_traffic.code": event.code,
            "sms_traffic.attempts": event.attempts,
            "sms_traffic.parts": event.parts,
        }
        span.set_attributes(_given(optional))
        span.set_attribute("sms_traffic.via", event.via)
        span.set_attribute("sms_traffic.outcome", event.outcome)
        for one in event.message_ids:
            self._sent[one] = span.get_span_context()
            self._sent.move_to_end(one)
        while len(self._sent) > REMEMBERED:
            self._sent.popitem(last=False)
        self._instruments.operation(event)
        leave(event)

    def _process(self, event: ProcessStarted, inherited: Any) -> Ended:
        links = [found for one in event.message_ids if (found := self._sent.get(one)) is not None]
        attributes = _processing(event.kind, event.source, event.messages)
        span, leave = self._enter("process sms", "CONSUMER", attributes, inherited, links)

        def processed(ended: ProcessEnded) -> None:
            self._instruments.processed(event, ended)
            leave(ended)

        del span
        return processed

    # --- spans

    def _enter(
        self, name: str, kind: str, attributes: dict[str, Any], inherited: Any, links: Iterable[SpanContext] = ()
    ) -> tuple[Span, Ended]:
        from opentelemetry import context, trace

        parent = context.get_current() if inherited is None else inherited
        made = [trace.Link(one) for one in links][:MOST_LINKS]
        span = self._tracer.start_span(
            name, context=parent, kind=trace.SpanKind[kind], attributes=attributes, links=made
        )
        token = context.attach(trace.set_span_in_context(span, parent))

        def leave(event: SendEnded | ProcessEnded) -> None:
            context.detach(token)
            _judge(span, event.error)
            span.end()

        return span, leave

    def _request_span(self, event: RequestFinished) -> None:
        from opentelemetry import trace

        makers = [span for one in event.calls if (span := self._open.get(one)) is not None]
        parent = trace.set_span_in_context(makers[0]) if len(makers) == 1 else None
        address, port = address_of(event.node)
        attributes: dict[str, Any] = {
            "sms_traffic.operation": event.operation,
            "sms_traffic.verdict": event.verdict,
            "server.address": address,
        }
        if port is not None:
            attributes["server.port"] = port
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
        if len(event.calls) > 1:
            attributes |= {**SYSTEM, "messaging.batch.message_count": len(event.calls)}
        links = [] if len(makers) == 1 else [span.get_span_context() for span in makers]
        error = None if event.verdict == "answered" else event.verdict
        self._span_of_the_past(f"POST {event.operation}", "CLIENT", event.seconds, attributes, parent, links, error)

    def _span_of_the_past(
        self,
        name: str,
        kind: str,
        seconds: float,
        attributes: dict[str, Any],
        parent: Any = None,
        links: Iterable[SpanContext] = (),
        error: str | None = None,
    ) -> None:
        from opentelemetry import trace

        now = time.time_ns()
        span = self._tracer.start_span(
            name,
            context=parent,
            kind=trace.SpanKind[kind],
            attributes=attributes,
            links=[trace.Link(one) for one in links][:MOST_LINKS],
            start_time=now - int(seconds * 1e9),
        )
        _judge(span, error)
        span.end(now)


def _read(traceparent: str) -> SpanContext | None:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    found = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    told = trace.get_current_span(found).get_span_context()
    return told if told.is_valid else None


def _nothing(_event: object) -> None:
    """Nobody is told."""


def _processing(kind: str, source: str, messages: int) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        **SYSTEM,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "sms_traffic.kind": kind,
        "sms_traffic.source": source,
    }
    if messages > 1:
        attributes["messaging.batch.message_count"] = messages
    return attributes


def _given(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}


def _judge(span: Span, error: str | None) -> None:
    """An error is told by its type: its sentence, and its traceback, are not for a collector."""
    if error is not None:
        from opentelemetry.trace import Status, StatusCode

        span.set_attribute("error.type", error)
        span.set_status(Status(StatusCode.ERROR))
