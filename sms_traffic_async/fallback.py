"""Sending by the first protocol of several that can be reached, and never by two (rule N1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from sms_traffic_async.capabilities import NAMES
from sms_traffic_async.choice import may_follow
from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError, SendError
from sms_traffic_async.messages import Message, Submission, Via
from sms_traffic_async.settings import call_seconds
from sms_traffic_async.telemetry import Stats

__all__ = ("Choice", "Submit", "send_with_fallback")


class Submit(Protocol):
    """What every protocol's ``submit`` is."""

    async def __call__(self, message: Message, /, *, timeout: float | None = None) -> Submission:  # noqa: ASYNC109 - the deadline of the whole call
        """Send one message, or raise."""
        ...


class Choice(NamedTuple):
    """A protocol that may carry a message."""

    via: Via
    submit: Submit


async def send_with_fallback(
    choices: Sequence[Choice],
    message: Message,
    *,
    timeout: float,  # noqa: ASYNC109 - the deadline of the whole call
    clock: Clock,
    stats: Stats | None = None,
) -> Submission:
    """Send one message by the first of several protocols that can.

    The time is shared: each protocol may use as much of what is left as those
    after it could. ``expires_in`` counts from the first.

    Args:
        choices: in the order of ``choose``, at least one.
        message: what to send.
        timeout: seconds for all of it.
        clock: for the time.
        stats: counts ``fallback.<protocol>`` for every one that follows.

    Returns:
        What was taken; ``via`` says by which protocol.

    Raises:
        SendError: of the last protocol that was tried; a note tells of those before.
        InvalidMessage: as the protocol says.

    Cancellation:
        As that of the protocol under way; those before it left nothing behind.
    """
    timeout = call_seconds(timeout, timeout)
    started = clock.monotonic()
    expires_in = message.expires_in
    before: list[str] = []
    for number, choice in enumerate(choices):
        seconds = (started + timeout - clock.monotonic()) / (len(choices) - number)
        try:
            return await choice.submit(message, timeout=seconds)
        except SendError as error:
            for note in before:
                error.add_note(note)
            gone = clock.monotonic() - started
            over = gone >= timeout or (expires_in is not None and gone >= expires_in)
            if number == len(choices) - 1 or over or not may_follow(error):
                raise
            before.append(f"{NAMES[choice.via]} before it: {error}")
        if expires_in is not None:
            message = replace(message, expires_in=expires_in - gone)
        if stats is not None:
            stats.count(f"fallback.{choices[number + 1].via}")
    raise ConfigurationError("choices is empty: there is no protocol to send by")
