"""The half of a session that tells what became of messages, and what subscribers write."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sms_traffic_async.connections import Connections
from sms_traffic_async.errors import ConfigurationError, RequestFailed
from sms_traffic_async.lifecycle import Interrupted, SessionClosed
from sms_traffic_async.messages import Submission
from sms_traffic_async.secrets import Secret

if TYPE_CHECKING:
    from sms_traffic_async.delivery.callbacks import Callback, StatusCallback
    from sms_traffic_async.delivery.inbound import InboundStream
    from sms_traffic_async.delivery.streams import UpdateStream
    from sms_traffic_async.delivery.values import TrackedUpdate
    from sms_traffic_async.webhooks import WebhookApp, WebhookOptions
    from sms_traffic_async.webhooks.desks import ShortNumberHandler
    from sms_traffic_async.webhooks.receiver import Quarantine

__all__ = ("SessionReception",)


class SessionReception:
    """What `SmsTraffic` inherits of following and receiving. Shared by all views of a session."""

    _shared: Connections

    async def wait_for(
        self,
        message: Submission | str,
        *,
        timeout: float = 60.0,  # noqa: ASYNC109 - the whole wait
    ) -> TrackedUpdate:
        """Wait for a message's final status.

        A push, a receipt or our own question tells, whichever comes first; of
        several parts one update is made.

        Args:
            message: what ``send`` returned, or a message id.
            timeout: seconds.

        Raises:
            DeadlineExceeded: no final status in time; ``last`` on it is the latest known one, or None.
            ConfigurationError: the message has no id to ask by.

        Cancellation: harmless.
        """
        if not isinstance(cast("object", message), str | Submission):
            raise ConfigurationError("wait_for takes what send returned, or a message id")
        if not 0 < timeout < math.inf:
            raise ConfigurationError("timeout is a number of seconds greater than 0")
        try:
            with self._shared.life.call():
                return await self._shared.reception.tracker.wait_for(message, timeout=timeout)
        except (Interrupted, SessionClosed):
            raise RequestFailed("the session was closed", operation="wait_for") from None

    async def follow(self, message: Submission | str) -> None:
        """Make sure that ``updates()`` will tell what becomes of a message; with a store, after a crash too.

        What is sent while updates are read, or with a store, is followed anyway.
        This says when the store has it: a crash before then forgets the message.
        It also takes up a message of which only your own records know.

        Args:
            message: what ``send`` returned, or a message id.

        Raises:
            ConfigurationError: the message has no id.
            StatusesNotTaken: ``TrackingOptions.most`` messages are followed already.
            StorageError: the store failed. The message is followed, and kept when the store can.

        Cancellation: harmless; it is followed.
        """
        if not isinstance(cast("object", message), str | Submission):
            raise ConfigurationError("follow takes what send returned, or a message id")
        try:
            with self._shared.life.call():
                await self._shared.reception.tracker.follow(message)
        except (Interrupted, SessionClosed):
            raise RequestFailed("the session was closed", operation="follow") from None

    def updates(self, *, finals_only: bool = False) -> UpdateStream:
        """Every status of what is sent from when the block is entered.

        ::

            async with sms.updates() as updates:
                async for update in updates:
                    await save(update.event_id, update.message_id, update.status)

        Each comes once in a process life, and after a crash with a store again
        under the same ``event_id``. Asking for the next acknowledges the last.

        Args:
            finals_only: leave intermediate statuses out.
        """
        return self._shared.reception.tracker.updates(finals_only=finals_only)

    def on_status(self, callback: StatusCallback, *, finals_only: bool = True) -> Callback:
        """Have a function called with every status, one after another; call it inside a running loop.

        Args:
            callback: may be async. One that fails gets the same status again, a few times.
            finals_only: leave intermediate statuses out.
        """
        self._shared.life.bind()
        return self._shared.reception.tracker.on_status(callback, finals_only=finals_only)

    def inbound(self, *, since: datetime | None = None) -> InboundStream:
        """Messages from subscribers while the block lasts: over SMPP, webhooks and the platform's list.

        ::

            async with sms.inbound() as messages:
                async for message in messages: ...

        Each is handed over once, whatever way it comes. Asking for the next
        acknowledges the last; ``message.ack()`` does so sooner.

        Args:
            since: messages from then on (aware), as far as the platform still lists them, come first.
        """
        return self._shared.reception.inbound.stream(since=since)

    async def mark_checked(self, message: Submission | str) -> None:
        """Tell the platform that a one-time code was used (status Checked); calls at the same time share a request.

        Args:
            message: what ``send`` returned, or a message id.

        Raises:
            RequestRefused: the platform does not mark this message.
            RequestError: no node answered. Doing it again is harmless.
            ConfigurationError: the message has no id, or there are no credentials.

        Cancellation: it may be marked all the same.
        """
        try:
            with self._shared.life.call():
                await self._shared.reception.checks.mark(message)
        except (Interrupted, SessionClosed):
            raise RequestFailed("the session was closed", operation="mark_checked") from None

    def webhooks(
        self,
        *,
        secret: Secret | str | Iterable[Secret | str] | None,
        short_number: ShortNumberHandler | None = None,
        quarantine: Quarantine | None = None,
        options: WebhookOptions | None = None,
    ) -> WebhookApp:
        """An ASGI application for what the platform pushes: to ``wait_for``, ``updates`` and ``inbound``.

        ::

            app.mount("/sms", sms.webhooks(secret=os.environ["SMS_TRAFFIC_WEBHOOK_SECRET"]))

        Args:
            secret: the last part of the path, or ``?secret=``; 22 URL-safe characters or more. ``None`` only where
                something in front of the application keeps everybody else out.
            short_number: answers messages to short numbers with a text, or ``None``.
            quarantine: given what cannot be read; without it that is logged and dropped.
            options: bounds, networks, charset.

        Raises:
            ConfigurationError: the secret is too short, or an option is bad.
        """
        from sms_traffic_async.webhooks.gate import hidden
        from sms_traffic_async.webhooks.wiring import webhooks_of

        secret = hidden(secret)
        shared = self._shared
        return webhooks_of(
            shared.reception.tracker,
            shared.reception.inbound,
            secret=secret,
            short_number=short_number,
            quarantine=quarantine,
            options=options,
            telemetry=shared.telemetry,
            clock=shared.clock,
        )
