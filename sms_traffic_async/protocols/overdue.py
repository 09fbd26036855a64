"""The outcome of a message that never left the queue: named, counted and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sms_traffic_async.errors import SendError
from sms_traffic_async.messages import Via
from sms_traffic_async.protocols.http.failures import lifetime_over, no_place, session_closed, told_to_wait
from sms_traffic_async.telemetry import SendFinished, Telemetry

if TYPE_CHECKING:
    from sms_traffic_async.protocols.flight import Leaving

__all__ = ("overdue",)


def overdue(
    key: str, why: Leaving, *, operation: str, via: Via, paused: float | None, telemetry: Telemetry
) -> SendError:
    """Why a message was not sent.

    Args:
        key: the message's id.
        why: what ended its waiting.
        operation: such as ``v2.send``.
        via: the protocol.
        paused: seconds for which the platform wants no messages; ``None`` while it does.
        telemetry: is told.
    """
    error: SendError
    if why == "closed":
        error = session_closed(operation, key)
    elif paused:
        error = told_to_wait(operation, key, paused)
    elif why == "overloaded":
        error = no_place(operation, key, None)
    else:
        error = lifetime_over(operation, key)
    telemetry.stats.count(f"{operation}.{error.outcome.value}")
    if telemetry.hooks:
        telemetry.emit(SendFinished(via=via, outcome=error.outcome.value, attempts=0, seconds=0.0))
    return error
