"""Options of following messages to their end, and of what comes in."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields
from typing import Any, Literal, cast

from sms_traffic_async.errors import ConfigurationError

__all__ = ("InboundOptions", "TrackingOptions")

DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingOptions:
    """How statuses are followed.

    Attributes:
        store: a SQLite file that keeps what is under way and what was not handed over yet, so that both survive a
            restart; or a ``TrackingStore`` of yours; ``None`` keeps them in memory. The file holds ids, times and
            phone numbers, never a text.
        most: messages followed at once. Past it a message is not followed (counted), but ``wait_for`` works.
        buffer: statuses that wait for a reader of ``updates()``. When it is full, pushes and receipts are refused
            for now, so the platform keeps them, and answers to our own questions are asked for again later.
        early: reports about messages that nobody has asked about yet, kept in case somebody does.
        finished: messages whose final status is remembered, to recognise a repeat of it.
        window: seconds after acceptance in which the platform can tell (document: 2 days over v1 and SOAP); after
            them a message without a final status is given up, and ``updates()`` says so.
        longest: seconds, the longest pause between two questions about a message nobody waits for.
        strangers: statuses of messages that this session did not send: ``hold`` them (bounded) in case it still
            learns of them, or ``hand_on`` to readers as they are. Hand them on where pushes for several processes
            arrive at one. A push is not signed: what is handed on is only as good as the webhook's own protection.
        callback_attempts: how often a callback that fails is given the same status.

    Raises:
        ConfigurationError: a bad value.
    """

    store: str | os.PathLike[str] | Any | None = None
    most: int = 1_000_000
    buffer: int = 10_000
    early: int = 10_000
    finished: int = 50_000
    window: float = 2 * DAY
    longest: float = 3_600.0
    strangers: Literal["hold", "hand_on"] = "hold"
    callback_attempts: int = 5

    def __post_init__(self) -> None:
        _check(self)
        if self.strangers not in {"hold", "hand_on"}:
            raise ConfigurationError("TrackingOptions.strangers is 'hold' or 'hand_on'")


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundOptions:
    """How messages from subscribers are taken.

    Attributes:
        buffer: messages that wait for the reader; when it is full, SMPP and webhooks say so and the platform keeps
            the rest.
        remembered: ids of messages that were handled, to know a repeat of one, whichever way it comes.
        poll: seconds between two looks at the platform's list (v1); ``None`` for none. SMPP and webhooks are sooner.
        overlap: seconds that a look goes back before the last one, for what is listed late.

    Raises:
        ConfigurationError: a bad value.
    """

    buffer: int = 1_000
    remembered: int = 50_000
    poll: float | None = None
    overlap: float = 600.0

    def __post_init__(self) -> None:
        _check(self)


def _check(options: TrackingOptions | InboundOptions) -> None:
    for field in fields(options):
        value: object = getattr(options, field.name)
        if field.name in {"store", "strangers"} or (value is None and field.default is None):
            continue
        kinds = {int} if isinstance(field.default, int) else {int, float}
        if type(value) not in kinds or not 0 < cast("float", value) < math.inf:
            kind = "a whole number" if kinds == {int} else "a number of seconds"
            raise ConfigurationError(f"{type(options).__name__}.{field.name} must be {kind} greater than 0")
