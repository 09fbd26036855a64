"""OpenTelemetry's own in-memory exporters, and a session that tells them everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sms_traffic_async import SmsTraffic, SmtpOptions
from sms_traffic_async.otel import OtelHooks
from sms_traffic_async.sandbox import Sandbox
from tests.support.virtual_loop import VirtualClock


class Collector:
    """Providers of its own, so that nothing is global; ``hooks`` lead here."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self._reader = InMemoryMetricReader()
        self.meters = MeterProvider(metric_readers=[self._reader])
        self.tracer = self.tracers.get_tracer("application")
        self.hooks = OtelHooks(tracer_provider=self.tracers, meter_provider=self.meters)

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        return [span for span in self._exporter.get_finished_spans() if name in {None, span.name}]

    def span(self, name: str) -> ReadableSpan:
        (found,) = self.spans(name)
        return found

    def points(self, name: str) -> list[Any]:
        return [point for metric, point in self.all_points() if metric == name]

    def all_points(self) -> Iterator[tuple[str, Any]]:
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        yield metric.name, point

    def total(self, name: str, **attributes: object) -> float:
        """The sum over points with these attributes; ``via="v2"`` is ``sms_traffic.via``."""
        wanted = {f"sms_traffic.{key}": value for key, value in attributes.items()}
        return sum(
            float(point.value if hasattr(point, "value") else point.count)
            for point in self.points(name)
            if wanted.items() <= dict(point.attributes).items()
        )

    def everything(self) -> str:
        """All that a backend would be sent, as text."""
        spans = [span.to_json() for span in self.spans()]
        return "\n".join([*spans, *(f"{name} {point.to_json()}" for name, point in self.all_points())])


def session(sandbox: Sandbox, *hooks: Any, **options: Any) -> SmsTraffic:
    host, port = sandbox.smtp_address
    known = sandbox.client_options() | {
        "clock": VirtualClock(),
        "hooks": hooks,
        "smtp": SmtpOptions(
            sender="shop@example.ru", host=host, port=port, tls="none", allow_passwords_without_tls=True
        ),
    }
    return SmsTraffic(**(known | options))


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: Any) -> int:
    number = span.get_span_context().span_id
    assert isinstance(number, int)
    return number
