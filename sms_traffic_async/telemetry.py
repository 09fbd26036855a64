"""What a session tells about itself: loggers, counters, and a hook for metrics.

Nothing here carries a phone number, a text or a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sms_traffic_async.messages import Submission

__all__ = ("Hook", "RequestFinished", "SendFinished", "Stats", "Telemetry", "get_logger")

ROOT_LOGGER = "sms_traffic_async"
logging.getLogger(ROOT_LOGGER).addHandler(logging.NullHandler())


def get_logger(part: str) -> logging.Logger:
    """The logger of one part: ``sms_traffic_async.http`` and so on."""
    return logging.getLogger(f"{ROOT_LOGGER}.{part}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """One request on the wire ended.

    Attributes:
        operation: such as ``v2.send``.
        node: the node's name.
        seconds: from the first byte written to the verdict.
        verdict: ``answered`` or the attempt's verdict.
        status: the HTTP status, if one came.
    """

    operation: str
    node: str
    seconds: float
    verdict: str
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFinished:
    """One message got its outcome."""

    via: str
    outcome: str
    attempts: int
    seconds: float
    code: int | None = None


class Hook(Protocol):
    """Called synchronously with a frozen event; must return at once."""

    def __call__(self, event: Any, /) -> None:
        """Take the event. An exception is logged once and dropped."""
        ...


@dataclass(slots=True)
class Stats:
    """Counters by name, readable at any time."""

    counters: dict[str, int] = field(default_factory=dict[str, int])

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] = self.counters.get(name, 0) + by

    def snapshot(self) -> dict[str, int]:
        """A copy, sorted by name."""
        return dict(sorted(self.counters.items()))


@dataclass(slots=True)
class Telemetry:
    """The counters and hooks of one session."""

    hooks: tuple[Hook, ...] = ()
    stats: Stats = field(default_factory=Stats)
    accepted: Callable[[Submission], None] | None = None
    """Told of every acceptance when it is recorded, before the caller is; must not raise."""
    _complained: bool = False

    def emit(self, event: Any) -> None:
        """Hand an event to every hook; a hook's error never reaches the caller."""
        for hook in self.hooks:
            try:
                hook(event)
            except Exception as error:  # noqa: BLE001 - a user's metrics must not break a send
                if not self._complained:
                    self._complained = True
                    get_logger("telemetry").warning(
                        "a hook failed and its errors are dropped: %s", type(error).__name__
                    )
