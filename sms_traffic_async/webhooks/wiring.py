"""A ``WebhookApp`` that feeds a session: statuses go to its tracker, messages to its inbound stream.

The tracker orders and de-duplicates for every source at once, so the receiver
does not; and it holds statuses of messages that this session did not send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import InboundNotTaken
from sms_traffic_async.messages import InboundMessage, StatusUpdate
from sms_traffic_async.secrets import Secret
from sms_traffic_async.telemetry import Telemetry
from sms_traffic_async.webhooks.app import WebhookApp
from sms_traffic_async.webhooks.desks import InboundHandler, ShortNumberHandler, StatusHandler
from sms_traffic_async.webhooks.exchange import NotTaken
from sms_traffic_async.webhooks.options import WebhookOptions
from sms_traffic_async.webhooks.receiver import Quarantine

__all__ = ("Hears", "Records", "inbound_into", "statuses_into", "webhooks_of")

_SHARE = 0.8


class Records(Protocol):
    """The session's tracker, as seen from here."""

    async def record(self, updates: Sequence[StatusUpdate], /) -> bool:
        """Take statuses in; ``False`` when there is no room."""
        ...


class Hears(Protocol):
    """The session's inbound messages, as seen from here."""

    async def handle(self, message: InboundMessage, /) -> None:
        """Take a message in, and return when its reader took it; InboundNotTaken when there is none."""
        ...


def statuses_into(tracker: Records) -> StatusHandler:
    """A handler of statuses: taken when the tracker, and its store, have them."""

    async def statuses(updates: Sequence[StatusUpdate]) -> None:
        if not await tracker.record(updates):
            raise NotTaken

    return statuses


def inbound_into(stream: Hears, seconds: float) -> InboundHandler:
    """A handler of messages: taken when the application's loop took them.

    Args:
        stream: the session's.
        seconds: how long a message waits for the loop before the platform is to send it again.
    """

    async def inbound(message: InboundMessage) -> None:
        try:
            async with asyncio.timeout(seconds):
                await stream.handle(message)
        except (TimeoutError, InboundNotTaken):
            # A slow reader is no fault of the message.
            raise NotTaken from None

    return inbound


def webhooks_of(
    tracker: Records | None,
    stream: Hears | None,
    *,
    secret: Secret | str | Iterable[Secret | str] | None,
    short_number: ShortNumberHandler | None,
    quarantine: Quarantine | None,
    options: WebhookOptions | None,
    telemetry: Telemetry,
    clock: Clock,
) -> WebhookApp:
    """The application that serves a session's pushes; what ``sms.webhooks(...)`` gives.

    Args:
        tracker: takes statuses; ``None`` to serve none.
        stream: takes messages; ``None`` to serve none.
        secret: see ``Receiver``.
        short_number: see ``Receiver``.
        quarantine: see ``Receiver``.
        options: see ``Receiver``; ``ordered`` is the tracker's business.
        telemetry: the session's.
        clock: the session's.
    """
    options = replace(options or WebhookOptions(), ordered=False)
    return WebhookApp(
        secret=secret,
        statuses=None if tracker is None else statuses_into(tracker),
        inbound=None if stream is None else inbound_into(stream, _SHARE * options.handler_timeout),
        short_number=short_number,
        quarantine=quarantine,
        options=options,
        telemetry=telemetry,
        clock=clock,
    )
