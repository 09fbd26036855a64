"""``sms.v2``: the calls of HTTP API v2, each with everything the document knows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Unpack

from sms_traffic_async.errors import InvalidMessage, OutcomeUnknown, SendError
from sms_traffic_async.lifecycle import Interrupted, Life, SessionClosed
from sms_traffic_async.messages import Balance, Message, Submission
from sms_traffic_async.observing import Observed
from sms_traffic_async.policy.guards import OnlyTo
from sms_traffic_async.protocols.flight import Slot
from sms_traffic_async.protocols.http.shared import Shared
from sms_traffic_async.protocols.http_v2.arguments import read_send
from sms_traffic_async.protocols.http_v2.batch import Batch, batch_of_message, batch_of_request
from sms_traffic_async.protocols.http_v2.batching import V2Batching
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.models import (
    CheckedReply,
    Destination,
    Outcome,
    SendReply,
    SendRequest,
    StatusesReply,
)
from sms_traffic_async.protocols.http_v2.queries import STATUSES_CHUNK, Queries
from sms_traffic_async.protocols.http_v2.resolving import resolve
from sms_traffic_async.protocols.http_v2.sending import Delivery
from sms_traffic_async.protocols.lanes import Lane
from sms_traffic_async.protocols.scopes import Scopes
from sms_traffic_async.settings import Settings

if TYPE_CHECKING:
    from sms_traffic_async.protocols.http_v2.reports.report import Report

__all__ = ("HttpV2",)


class HttpV2:
    """HTTP API v2 of one session, or of one view of it.

    Made by the session (``sms.v2``). Every call shares the session's
    connections, node health and pauses.

    Raises:
        ConfigurationError: there is no API key.
    """

    def __init__(self, settings: Settings, *, life: Life | None = None, **shared: Unpack[Shared]) -> None:
        self._settings = settings
        self._life = life or Life()
        self._calls = V2Calls(settings, **shared)
        self._queries = Queries(self._calls)
        self._scopes = Scopes(self._life, nodes=shared["nodes"], probe=self._queries.probe)
        self._only_to = OnlyTo.from_env()
        self._batching = V2Batching(self._calls, self._life, self._scopes) if settings.http.batching else None

    async def submit(
        self,
        message: Message,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        lane: Lane = Lane.SEND,
    ) -> Submission:
        """Send one message; what ``sms.send`` does with an API key.

        Messages sent while a request is under way share the next one
        (``HttpOptions.batching``); each keeps its own deadline and outcome.

        Args:
            message: what to send. One with a ``key`` goes alone.
            timeout: seconds for the whole call, repeats and look-ups included.
            lane: who goes first where messages queue: ``Lane.BULK`` after all others.

        Returns:
            What the platform took.

        Raises:
            InvalidMessage: v2 cannot carry it; nothing was sent.
            NotSent, Rejected, OutcomeUnknown: see ``SendError``.

        Cancellation:
            Before the request is written nothing was sent; after that the
            platform may have taken it. A repeat with the same ``key=`` is harmless.
        """
        if self._only_to.active:
            refused = self._only_to.refusal((message.to,))
            if refused is not None:
                raise refused
        batching = self._batching
        if batching is None or message.key is not None:
            outcome = await self._alone(message, timeout, None)
        elif (slot := batching.batcher.slot()) is not None:
            outcome = await self._alone(message, timeout, slot)
        else:
            item = batching.item(message, lane, timeout)
            if isinstance(item, InvalidMessage):
                raise item
            outcome = await batching.batcher.send(item)
        if isinstance(outcome, Submission):
            return outcome
        raise outcome

    async def _alone(self, message: Message, timeout: float | None, slot: Slot | None) -> Outcome:  # noqa: ASYNC109 - the deadline of the whole call
        try:
            settings = self._settings
            batch = batch_of_message(message, originator=settings.originator, max_parts=settings.max_parts)
            outcomes, _ = await self._deliver(batch, timeout, message.expires_in, slot)
            return outcomes[0]
        finally:
            if slot is not None:
                slot.free()

    async def send(
        self,
        destinations: Sequence[Destination | str] | Destination | str,
        text: str | None = None,
        *,
        originator: str | None = None,
        tracking_data: str | None = None,
        transliterate: bool | None = None,
        max_parts: int | None = None,
        validity: int | None = None,
        start_at: datetime | None = None,
        local_time: bool = False,
        batch_name: str | None = None,
        restrictive_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
    ) -> SendReply:
        """``POST /v2/send`` with everything the document knows, as one request.

        Args:
            destinations: numbers, or ``Destination`` values with texts, params and labels of their own.
            text: the common text; may hold ``[[name]]``.
            originator: the sender; ``None`` takes the session's.
            tracking_data: the label of every destination without one of its
                own. With one label for several, a lost answer cannot be looked up.
            transliterate: let the platform turn Cyrillic into Latin letters.
            max_parts: a longer text is refused; ``None`` takes the session's limit.
            validity: seconds the platform tries to deliver.
            start_at: not before this time (aware).
            local_time: read ``start_at`` in each subscriber's zone.
            batch_name: the name of the mailing.
            restrictive_id: your own id, at most 36 characters: a second request
                with it is refused for an hour. The library makes one otherwise.
            timeout: seconds for the whole call, repeats and look-ups included.

        Returns:
            An outcome for each destination. One that was refused, or of which
            nobody knows, does not raise: see ``SendReply.raise_for_error``.

        Raises:
            InvalidMessage: refused before any I/O.
            NotSent, Rejected: the request as a whole; no SMS goes out.

        Cancellation: as in ``submit``.
        """
        request = read_send(
            destinations,
            text=text,
            originator=self._settings.originator if originator is None else originator,
            tracking_data=tracking_data,
            transliterate=transliterate,
            max_parts=max_parts,
            validity=validity,
            start_at=start_at,
            local_time=local_time,
            batch_name=batch_name,
            restrictive_id=restrictive_id,
            region=self._settings.phone_region,
        )
        # A traceback printed with locals shows this frame.
        del destinations, text, tracking_data, originator, batch_name, restrictive_id
        return await self._send(request, timeout)

    async def resolve(self, error: OutcomeUnknown, *, timeout: float | None = None) -> Submission:  # noqa: ASYNC109 - bounds the look-ups
        """Look up what became of a message whose send ended in ``OutcomeUnknown``.

        Raises:
            OutcomeUnknown: not found so far, or it cannot be told; the text says which.
            ConfigurationError: the error is of another protocol.

        Cancellation: harmless.
        """
        with self._scopes.query("v2.resolve"):
            return await resolve(self._calls, error, deadline=self._calls.deadline(timeout))

    async def statuses(
        self,
        ids: Sequence[str] = (),
        *,
        tracking_data: Sequence[str] = (),
        extended: bool = False,
        chunk: int = STATUSES_CHUNK,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
    ) -> StatusesReply:
        """What became of messages, by id or by label.

        Args:
            ids: ids of ``/v2/send``.
            tracking_data: labels; one may belong to several messages.
            extended: ask for the operator's reason too.
            chunk: ids of one request.
            timeout: seconds for all of it.

        Returns:
            What was found on any node, and what was not.

        Raises:
            InvalidMessage: an id or a label is not one.
            RequestError: no node answered, or the platform refused.

        Cancellation: harmless.
        """
        with self._scopes.query("v2.statuses"):
            return await self._queries.statuses(
                ids, tracking_data, extended=extended, chunk=chunk, deadline=self._calls.deadline(timeout)
            )

    async def mark_checked(self, ids: Sequence[str], *, timeout: float | None = None) -> CheckedReply:  # noqa: ASYNC109 - the deadline of the whole call
        """Tell the platform that the subscriber used what was sent (status ``Checked``); idempotent.

        Args:
            ids: 5,000 go into one request. v1 takes messages of 3 days; of v2 the document does not say.
            timeout: seconds for all of it.

        Returns:
            Which were marked, and which not and why.

        Raises:
            InvalidMessage: an id is not one.
            RequestError: no node answered, or the platform refused; some ids
                may have been marked. Doing it again is harmless.

        Cancellation: harmless, in the same way.
        """
        with self._scopes.query("v2.checked"):
            return await self._queries.mark_checked(ids, deadline=self._calls.deadline(timeout))

    async def balance(self, *, timeout: float | None = None) -> Balance:  # noqa: ASYNC109 - the deadline of the whole call
        """The account's balance.

        Raises:
            RequestError: no node answered, or the platform refused.

        Cancellation: harmless.
        """
        with self._scopes.query("v2.balance"):
            return await self._queries.balance(deadline=self._calls.deadline(timeout))

    async def probe(self, node: str) -> bool:
        """Ask one node for the balance, once, and note whether it is alive. Done by itself when a node is due.

        Cancellation: harmless; nothing is noted.
        """
        with self._scopes.query("v2.probe"):
            return await self._queries.probe(node)

    def report(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        format: Literal["csv", "zip", "json"] = "csv",  # noqa: A002 - the document's word
        originator: str | None = None,
        subscriber: str | int | None = None,
        type: Literal["mt", "mo"] | None = None,  # noqa: A002 - the document's word
        status: Literal["delivered", "not_delivered", "read"] | None = None,
        channels: Sequence[str] | None = None,
        department: str | None = None,
        fields: Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
        timeout: float | None = None,
    ) -> Report:
        """A report of messages; nothing is asked for until its block is entered.

        Arguments are those of ``ReportQuery``; ``timeout`` is described at ``Report``.

        Raises:
            InvalidMessage: names field, value and rule.
        """
        from sms_traffic_async.protocols.http_v2.reports.query import ReportQuery
        from sms_traffic_async.protocols.http_v2.reports.report import Report

        query = ReportQuery(
            since=since,
            until=until,
            format=format,
            originator=originator,
            subscriber=subscriber,
            type=type,
            status=status,
            channels=channels,
            department=department,
            fields=fields,
            limit=limit,
            offset=offset,
            region=self._settings.phone_region,
        )
        calls = self._calls
        return Report(
            query,
            settings=self._settings,
            pool=calls.pool,
            nodes=calls.nodes,
            pauses=calls.pauses,
            clock=calls.clock,
            telemetry=calls.telemetry,
            life=self._life,
            timeout=timeout,
        )

    async def _send(self, request: SendRequest | InvalidMessage, timeout: float | None) -> SendReply:  # noqa: ASYNC109 - the deadline of the whole call
        if isinstance(request, InvalidMessage):
            raise request
        refused = self._only_to.refusal(destination.to for destination in request.destinations)
        if refused is not None:
            raise refused
        batch = batch_of_request(request, max_parts=self._settings.max_parts)
        outcomes, whole = await self._deliver(batch, timeout, None)
        if whole is not None:
            raise whole
        return SendReply(outcomes=outcomes, restrictive_id=batch.restrictive_id)

    async def deliver(
        self,
        batch: Batch,
        *,
        timeout: float,  # noqa: ASYNC109 - the deadline of the whole call
        expires_in: float | None = None,
        since: float | None = None,
    ) -> tuple[Outcome, ...] | None:
        """Send a batch that somebody else froze and keeps, under the id it has; for the outbox.

        Args:
            batch: what to send. The same again is the same SMS for an hour.
            timeout: seconds for the whole call, repeats and look-ups included.
            expires_in: seconds after which no attempt begins.
            since: an earlier process began to send this batch so many seconds ago, and nobody knows how it ended.

        Returns:
            The outcome of each message; ``None`` where the request was refused for what may be one message of it:
            then none of it goes out, and it is for the caller to halve it.

        Raises:
            NotSent: the guard does not let one of the numbers through; nothing was sent now.

        Cancellation: the platform may have taken it; the same batch may be delivered again with ``since``.
        """
        refused = self._only_to.refusal(destination.to for destination in batch.request.destinations)
        if refused is not None:
            raise refused
        calls = self._calls
        calls.warn_of_short_validity(batch.request.validity)
        now = calls.clock.monotonic()
        delivery = Delivery(
            calls,
            batch,
            deadline=calls.deadline(timeout),
            expires_at=math.inf if expires_in is None else now + expires_in,
            shared=True,
            maybe_at=None if since is None else now - since,
        )
        if not calls.telemetry.scoped:
            return await self._finish(delivery) or None
        with Observed(calls.telemetry, calls.clock, "v2", messages=len(batch.members)) as scope:
            outcomes = await self._finish(delivery)
            scope.sent_all(outcomes)
            return outcomes or None

    async def _deliver(
        self,
        batch: Batch,
        timeout: float | None,  # noqa: ASYNC109 - the deadline of the whole call
        expires_in: float | None,
        slot: Slot | None = None,
    ) -> tuple[tuple[Outcome, ...], SendError | None]:
        """The outcome of each message, and the error of the request as a whole if it has one."""
        calls = self._calls
        calls.warn_of_short_validity(batch.request.validity)
        expires_at = math.inf if expires_in is None else calls.clock.monotonic() + expires_in
        delivery = Delivery(calls, batch, deadline=calls.deadline(timeout), expires_at=expires_at, slot=slot)
        return await self._finish(delivery), delivery.whole_error

    async def _finish(self, delivery: Delivery) -> tuple[Outcome, ...]:
        try:
            with self._scopes.call():
                outcomes = await delivery.run()
                self._scopes.probe_what_is_due()
        except (Interrupted, SessionClosed):
            outcomes = delivery.interrupted()
        return outcomes
