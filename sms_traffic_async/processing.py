"""What comes in, as scoped hooks see it: where the application's code is given it, and how that ends."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from sms_traffic_async.events import ProcessEnded, ProcessStarted
from sms_traffic_async.telemetry import Telemetry

__all__ = ("processing",)


@contextmanager
def processing(
    telemetry: Telemetry, now: Callable[[], float], kind: str, source: str, ids: Sequence[str | None]
) -> Generator[None]:
    """While the block lasts the application's code is at work on something.

    Args:
        telemetry: whose hooks are told.
        now: seconds that never go back.
        kind: see `ProcessStarted`.
        source: see `ProcessStarted`.
        ids: of messages that were sent, one for each thing that came; ``None`` where there is none.
    """
    if not telemetry.scoped:
        yield
        return
    known = tuple(one for one in ids if one is not None)
    began = now()
    ended = telemetry.begin(ProcessStarted(kind=kind, source=source, messages=len(ids), message_ids=known))
    error: str | None = None
    try:
        yield
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        ended(ProcessEnded(seconds=now() - began, error=error))
