"""The sending half of ``sms.v1``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Unpack

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.policy.guards import OnlyTo
from sms_traffic_async.protocols.flight import Slot
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.http_v1.arguments import (
    GroupKeywords,
    SendArguments,
    SendKeywords,
    requests_of,
    requests_of_message,
)
from sms_traffic_async.protocols.http_v1.batching import V1Batching, shareable
from sms_traffic_async.protocols.http_v1.calls import V1Calls
from sms_traffic_async.protocols.http_v1.models import GroupReply, Recipient, SendReply, SendRequest
from sms_traffic_async.protocols.http_v1.sending import Delivery, pieces
from sms_traffic_async.protocols.lanes import Lane
from sms_traffic_async.protocols.scopes import Scopes
from sms_traffic_async.protocols.series import Series
from sms_traffic_async.protocols.unkeyed import chosen
from sms_traffic_async.settings import OnUnknown, Settings

__all__ = ("V1Sends",)


class V1Sends:
    """Everything of v1 that sends; ``HttpV1`` adds what asks."""

    def __init__(self, settings: Settings, calls: V1Calls, scopes: Scopes) -> None:
        self._settings = settings
        self._calls = calls
        self._scopes = scopes
        self._only_to = OnlyTo.from_env()
        self._batching = V1Batching(calls, scopes) if settings.http.batching else None

    async def submit(
        self,
        message: Message,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        on_unknown: OnUnknown | None = None,
        lane: Lane = Lane.SEND,
    ) -> Submission:
        """Send one message; what ``sms.send`` does with a login and no API key.

        Messages sent while a request is under way share the next one
        (``HttpOptions.batching``); each keeps its own deadline and outcome.

        Args:
            message: what to send. v1 carries no ``key``, ``tracking_data``,
                ``params``, ``batch_name`` and ``local_time``.
            timeout: seconds for the whole call, repeats included.
            on_unknown: instead of the session's: ``resend`` repeats what may
                have been taken, on the same node, up to three requests in all.
            lane: who goes first where messages queue: ``Lane.BULK`` after all others.

        Returns:
            What the platform took: one id for each part; none for a start more
            than 5 minutes ahead.

        Raises:
            InvalidMessage: v1 cannot carry it; nothing was sent.
            NotSent, Rejected, OutcomeUnknown: see ``SendError``.

        Cancellation:
            Before the request is written nothing was sent; after that the
            platform may have taken it, and nothing can tell a repeat.
        """
        requests = requests_of_message(
            message, originator=self._settings.originator, max_parts=self._settings.max_parts, now=self._now()
        )
        expires_in = message.expires_in
        del message  # a traceback printed with locals shows this frame
        outcome = await self._submit(requests, timeout, on_unknown, expires_in, lane)
        if isinstance(outcome, Submission):
            return outcome
        raise outcome

    async def _submit(
        self,
        requests: list[SendRequest] | InvalidMessage,
        timeout: float | None,  # noqa: ASYNC109 - the deadline of the whole call
        on_unknown: OnUnknown | None,
        expires_in: float | None,
        lane: Lane,
    ) -> Outcome:
        batching = self._batching
        if batching is None or isinstance(requests, InvalidMessage) or not shareable(requests):
            return (await self._run(requests, timeout, on_unknown, expires_in=expires_in)).outcomes()[0]
        slot = batching.batcher.slot()
        if slot is not None:
            try:
                series = await self._run(requests, timeout, on_unknown, expires_in=expires_in, slot=slot)
            finally:
                slot.free()
            return series.outcomes()[0]
        refused = self._only_to.refusal(member.to for member in requests[0].members)
        if refused is not None:
            raise refused
        otherwise = chosen(on_unknown, self._settings.on_unknown)
        self._calls.warn_of_short_validity(requests[0].options.validity)
        return await batching.batcher.send(batching.item(requests[0], otherwise, lane, timeout, expires_in))

    async def send(
        self,
        recipients: Sequence[Recipient | str] | Recipient | str,
        text: str | None = None,
        *,
        isolate: bool = False,
        on_unknown: OnUnknown | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        **options: Unpack[SendKeywords],
    ) -> SendReply:
        """Send one text to many, or to each its own.

        What exceeds 6,000 estimated parts goes out in several requests, and so
        do Latin and Cyrillic texts together.

        Args:
            recipients: numbers, or ``Recipient`` values with texts and push ids of their own.
            text: the common text.
            isolate: where one bad number makes the platform refuse all of a
                request (codes 425 to 432), find it and send the others.
            on_unknown: see ``submit``.
            timeout: seconds for the whole call.
            **options: see ``SendKeywords``.

        Returns:
            An outcome for each recipient, in order. One that was refused, or
            of which nobody knows, does not raise: see ``SendReply.raise_for_error``.

        Raises:
            InvalidMessage: refused before any I/O.
            NotSent: ``guarded``: one of the numbers is not in ``SMS_TRAFFIC_ONLY_TO``.

        Cancellation: as in ``submit``, for every message of the request under way.
        """
        requests = self._read(
            SendArguments(recipients=recipients, text=text, region=self._settings.phone_region, **options)
        )
        del recipients, text, options  # as in submit
        series = await self._run(requests, timeout, on_unknown, isolate=isolate)
        return SendReply(outcomes=series.outcomes(), requests=series.sent)

    async def send_group(
        self,
        group: str,
        text: str,
        *,
        on_unknown: OnUnknown | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        **options: Unpack[GroupKeywords],
    ) -> GroupReply:
        """Send a text to every number of a mailing list.

        Args:
            group: the list's *name* (``MailingList.name``), not its id.
            text: the text.
            on_unknown: see ``submit``.
            timeout: seconds for the whole call.
            **options: see ``GroupKeywords``. The platform gives ids for 6,000
                parts at most: ``want_ids=False`` for longer lists.

        Raises:
            InvalidMessage: refused before any I/O.
            ConfigurationError: ``SMS_TRAFFIC_ONLY_TO`` is set: nobody can say whom a list holds.
            NotSent, Rejected, OutcomeUnknown: see ``SendError``.

        Cancellation: as in ``submit``.
        """
        self._only_to.check_list()
        requests = self._read(SendArguments(group=group, text=text, **options))
        del text, options  # as in submit
        series = await self._run(requests, timeout, on_unknown)
        outcome, delivery = series.outcomes()[0], series.delivery
        if not isinstance(outcome, Submission):
            raise outcome
        answer = None if delivery is None else delivery.answer
        return GroupReply(
            queued=None if answer is None else answer.queued,
            parts=() if answer is None else answer.parts,
            node=outcome.node,
            attempts=outcome.attempts,
        )

    def _read(self, arguments: SendArguments) -> list[SendRequest] | InvalidMessage:
        settings = self._settings
        return requests_of(arguments, originator=settings.originator, max_parts=settings.max_parts, now=self._now())

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._calls.clock.wall(), UTC)

    async def _run(
        self,
        requests: list[SendRequest] | InvalidMessage,
        timeout: float | None,  # noqa: ASYNC109 - the deadline of the whole call
        on_unknown: OnUnknown | None,
        *,
        expires_in: float | None = None,
        isolate: bool = False,
        slot: Slot | None = None,
    ) -> Series[SendRequest, Delivery]:
        """Send what was read of a call, unless something is wrong with it."""
        if isinstance(requests, InvalidMessage):
            raise requests
        otherwise = chosen(on_unknown, self._settings.on_unknown)
        refused = self._only_to.refusal(member.to for request in requests for member in request.members)
        if refused is not None:
            raise refused
        calls = self._calls
        calls.warn_of_short_validity(requests[0].options.validity)
        deliver = partial(
            Delivery,
            calls,
            deadline=calls.deadline(timeout),
            expires_at=math.inf if expires_in is None else calls.clock.monotonic() + expires_in,
            on_unknown=otherwise,
            isolate=isolate,
            slot=slot,
        )
        return await self._scopes.carry(Series(requests, deliver, apart=pieces))
