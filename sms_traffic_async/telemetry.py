"""What a session tells about itself: loggers, counters, gauges, and hooks for metrics and traces.

Nothing here carries a phone number, a text or a secret.

A hook is called with frozen events. One that also has ``begin`` (`ScopedHook`) is
told when something begins, in the task and context where it begins, and when that
ends: what a span needs. ``sms_traffic_async.otel`` is such a hook. The
events are in ``sms_traffic_async.events``; outbox and webhooks have some of their own.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast, runtime_checkable

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.events import ProcessStarted, RequestFinished, SendFinished, SendStarted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sms_traffic_async.messages import Submission

__all__ = (
    "CALLS",
    "ORIGINS",
    "Ended",
    "Hook",
    "Reading",
    "RequestFinished",
    "ScopedHook",
    "SendFinished",
    "Stats",
    "Telemetry",
    "TracingHook",
    "get_logger",
    "read_hooks",
)

ROOT_LOGGER = "sms_traffic_async"
logging.getLogger(ROOT_LOGGER).addHandler(logging.NullHandler())

CALLS: Final[ContextVar[tuple[int, ...]]] = ContextVar("sms_traffic_calls", default=())
"""The numbers of the sends that the code at hand works for; empty where no `ScopedHook` asked for them."""
ORIGINS: Final[ContextVar[tuple[str, ...]]] = ContextVar("sms_traffic_origins", default=())
"""W3C traceparents of those who enqueued what the code at hand sends; empty outside of an outbox's worker."""


def get_logger(part: str) -> logging.Logger:
    """The logger of one part: ``sms_traffic_async.http`` and so on."""
    return logging.getLogger(f"{ROOT_LOGGER}.{part}")


class Hook(Protocol):
    """Called synchronously with a frozen event; must return at once."""

    def __call__(self, event: Any, /) -> None:
        """Take the event. An exception is logged once and dropped."""
        ...


Ended: TypeAlias = Callable[[Any], None]


@runtime_checkable
class ScopedHook(Protocol):
    """A hook that is also told where something begins and ends."""

    def __call__(self, event: Any, /) -> None:
        """As every hook."""
        ...

    def capture(self) -> Any:
        """What is current here, such as a span: for work that begins in another task."""
        ...

    def begin(self, event: SendStarted | ProcessStarted, inherited: Any, /) -> Ended:
        """Something begins, in the current task.

        Args:
            event: what.
            inherited: what ``capture`` gave; ``None`` for what is current.

        Returns:
            What is called with the ending event, in the same task.
        """
        ...


@runtime_checkable
class TracingHook(ScopedHook, Protocol):
    """A scoped hook whose traces go on in another process."""

    def traceparent(self) -> str | None:
        """What is current here, as a W3C traceparent; ``None`` for nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Counters and gauges of a session at one moment.

    Attributes:
        counters: by name; they only grow.
        gauges: by name: what waits and what is under way.
    """

    counters: Mapping[str, int]
    gauges: Mapping[str, int]


@dataclass(slots=True, weakref_slot=True, eq=False)
class Stats:
    """Counters by name, readable at any time, and gauges that are read when they are asked for."""

    counters: dict[str, int] = field(default_factory=dict[str, int])
    _watched: dict[str, tuple[Callable[[Any], int], weakref.WeakSet[Any]]] = field(
        default_factory=dict[str, "tuple[Callable[[Any], int], weakref.WeakSet[Any]]"], repr=False
    )

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] = self.counters.get(name, 0) + by

    def snapshot(self) -> dict[str, int]:
        """A copy of the counters, sorted by name."""
        return dict(sorted(self.counters.items()))

    def watch(self, name: str, owner: Any, read: Callable[[Any], int]) -> None:
        """Have a gauge: the sum of ``read(owner)`` over all owners of that name that are alive."""
        self._watched.setdefault(name, (read, weakref.WeakSet()))[1].add(owner)

    def gauges(self) -> dict[str, int]:
        """What waits and what is under way now, sorted by name."""
        return {name: sum(map(read, owners)) for name, (read, owners) in sorted(self._watched.items())}

    def read(self) -> Reading:
        """Everything at this moment, as one frozen value."""
        return Reading(counters=MappingProxyType(self.snapshot()), gauges=MappingProxyType(self.gauges()))


def read_hooks(hooks: object) -> tuple[Hook, ...]:
    """One hook, or several, as a caller gives them.

    Raises:
        ConfigurationError: something in it cannot be called.
    """
    if callable(hooks):
        return (cast("Hook", hooks),)
    given = tuple(cast("Iterable[object]", hooks)) if isinstance(hooks, Iterable) else (hooks,)
    for hook in given:
        if not callable(hook):
            raise ConfigurationError(
                f"hooks: a hook is a function of one event, or several in a list; {type(hook).__name__} is none"
            )
    return cast("tuple[Hook, ...]", given)


@dataclass(slots=True)
class Telemetry:
    """The counters and hooks of one session."""

    hooks: tuple[Hook, ...] = ()
    stats: Stats = field(default_factory=Stats)
    accepted: Callable[[Submission], None] | None = None
    """Told of every acceptance when it is recorded, before the caller is; must not raise."""
    scoped: tuple[ScopedHook, ...] = field(init=False)
    """Those of the hooks that are told of beginnings."""
    _tracing: TracingHook | None = field(init=False)
    _complained: bool = False

    def __post_init__(self) -> None:
        self.scoped = tuple(hook for hook in self.hooks if isinstance(hook, ScopedHook))
        self._tracing = next((hook for hook in self.scoped if isinstance(hook, TracingHook)), None)

    def emit(self, event: Any) -> None:
        """Hand an event to every hook; a hook's error never reaches the caller."""
        for hook in self.hooks:
            self._guarded(hook, event)

    def capture(self) -> tuple[Any, ...]:
        """What is current here for every scoped hook."""
        return tuple(self._guarded(hook.capture) for hook in self.scoped)

    def traceparent(self) -> str | None:
        """What is current here, for a message that another process sends; the first hook that can tell is asked."""
        if self._tracing is None:
            return None
        told: str | None = self._guarded(self._tracing.traceparent)
        return told

    def begin(self, event: SendStarted | ProcessStarted, inherited: tuple[Any, ...] = ()) -> Ended:
        """Tell the scoped hooks of a beginning; what is returned tells them of the end."""
        given = inherited or (None,) * len(self.scoped)
        begun = [self._guarded(hook.begin, event, one) for hook, one in zip(self.scoped, given, strict=True)]

        def ended(event: Any) -> None:
            for end in reversed(begun):  # the last one that made itself current goes first
                if end is not None:
                    self._guarded(end, event)

        return ended

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except Exception as error:  # noqa: BLE001 - a user's metrics must not break a send
            if not self._complained:
                self._complained = True
                get_logger("telemetry").warning("a hook failed and its errors are dropped: %s", type(error).__name__)
            return None
