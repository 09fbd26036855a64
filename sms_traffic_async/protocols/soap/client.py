"""``sms.soap``: the four methods of the platform's SOAP service, with every option of the document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Unpack

from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Balance, Message, Submission
from sms_traffic_async.policy.guards import OnlyTo
from sms_traffic_async.protocols.http.record import Outcome
from sms_traffic_async.protocols.http.shared import Shared
from sms_traffic_async.protocols.scopes import Scopes
from sms_traffic_async.protocols.series import Series
from sms_traffic_async.protocols.soap.arguments import (
    SendArguments,
    SendKeywords,
    requests_of,
    requests_of_message,
)
from sms_traffic_async.protocols.soap.calls import SoapCalls
from sms_traffic_async.protocols.soap.models import Recipient, SendReply, SendRequest, StatusesReply
from sms_traffic_async.protocols.soap.queries import STATUSES_CHUNK, Queries
from sms_traffic_async.protocols.soap.sending import Delivery
from sms_traffic_async.protocols.unkeyed import chosen
from sms_traffic_async.settings import OnUnknown, Settings
from sms_traffic_async.settings_soap import SoapOptions

__all__ = ("Soap",)


class Soap:
    """The SOAP service for one session, or for one view of it.

    Made by the session (``sms.soap``). Login and password travel in the body of
    a POST, never in a URL.

    Args:
        settings: the credentials and everything general.
        options: the servers, and how SOAP is spoken.
        life: the session's.
        **shared: the session's; ``nodes`` are those of the options, by their names.

    Raises:
        ConfigurationError: there is no login.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        options: SoapOptions | None = None,
        life: Life | None = None,
        **shared: Unpack[Shared],
    ) -> None:
        self._settings = settings
        self._calls = SoapCalls(settings, options=options or SoapOptions(), **shared)
        self._queries = Queries(self._calls)
        self._scopes = Scopes(life or Life(), nodes=shared["nodes"], probe=self._queries.probe)
        self._only_to = OnlyTo.from_env()

    async def submit(
        self,
        message: Message,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        on_unknown: OnUnknown | None = None,
    ) -> Submission:
        """Send one message by SendBulkSms; what ``sms.send(via="soap")`` does.

        Args:
            message: what to send. SOAP carries no ``key``, ``tracking_data``,
                ``params``, ``batch_name`` and ``local_time``.
            timeout: seconds for the whole call, repeats included.
            on_unknown: instead of the session's: ``resend`` repeats what may
                have been taken, on the same server, up to three requests in all.

        Returns:
            What the platform took: one id for each part; none for a start more
            than 5 minutes ahead.

        Raises:
            InvalidMessage: SOAP cannot carry it; nothing was sent.
            Unroutable: the platform has no way to this operator.
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
        if isinstance(requests, InvalidMessage):
            raise requests
        outcome = (await self._deliver(requests, timeout, on_unknown, expires_in))[0]
        if isinstance(outcome, Submission):
            return outcome
        raise outcome

    async def send_bulk(
        self,
        recipients: Iterable[str] | str,
        text: str,
        *,
        on_unknown: OnUnknown | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        **options: Unpack[SendKeywords],
    ) -> SendReply:
        """SendBulkSms: one text to many numbers; past 6,000 estimated parts, or for a number given twice, in several.

        Args:
            recipients: the numbers.
            text: the text.
            on_unknown: see ``submit``.
            timeout: seconds for the whole call.
            **options: see ``SendKeywords``.

        Returns:
            An outcome for each recipient, in order; none raises: see ``SendReply.raise_for_error``.

        Raises:
            InvalidMessage: refused before any I/O.

        Cancellation: as in ``submit``, for every message of the request under way.
        """
        arguments = SendArguments(recipients=recipients, text=text, region=self._settings.phone_region, **options)
        del recipients, text, options  # as in submit
        return await self._send(arguments, timeout, on_unknown)

    async def send_individual(
        self,
        recipients: Iterable[Recipient] | Recipient,
        *,
        on_unknown: OnUnknown | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
        **options: Unpack[SendKeywords],
    ) -> SendReply:
        """SendIndividualSms: to each its own text; the rest is as in ``send_bulk``.

        Args:
            recipients: numbers with their texts.
            on_unknown: see ``submit``.
            timeout: seconds for the whole call.
            **options: see ``SendKeywords``.

        Returns:
            An outcome for each recipient, in order.

        Raises:
            InvalidMessage: refused before any I/O.

        Cancellation: as in ``send_bulk``.
        """
        arguments = SendArguments(recipients=recipients, individual=True, **options)
        del recipients, options  # as in submit
        return await self._send(arguments, timeout, on_unknown)

    async def statuses(
        self,
        ids: Sequence[str],
        *,
        chunk: int = STATUSES_CHUNK,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
    ) -> StatusesReply:
        """GetSmsStatus: what became of messages; the platform tells for two days.

        Args:
            ids: ids of any part.
            chunk: ids of one request.
            timeout: seconds for all of it.

        Returns:
            What was found on any server, and what was not.

        Raises:
            InvalidMessage: an id is not one.
            RequestError: no server answered, or the platform refused.

        Cancellation: harmless.
        """
        with self._scopes.query("soap.statuses"):
            return await self._queries.statuses(ids, chunk=chunk, deadline=self._calls.deadline(timeout))

    async def balance(self, *, timeout: float | None = None) -> Balance:  # noqa: ASYNC109 - the deadline of the whole call
        """GetBalance: the account's balance.

        Raises:
            RequestError: no server answered, or the platform refused.

        Cancellation: harmless.
        """
        with self._scopes.query("soap.balance"):
            return await self._queries.balance(deadline=self._calls.deadline(timeout))

    async def probe(self, node: str) -> bool:
        """Ask one server for the balance, once, and note whether it is alive. Done by itself when one is due.

        Cancellation: harmless; nothing is noted.
        """
        with self._scopes.query("soap.probe"):
            return await self._queries.probe(node)

    async def _send(
        self,
        arguments: SendArguments,
        timeout: float | None,  # noqa: ASYNC109 - the deadline of the whole call
        on_unknown: OnUnknown | None,
    ) -> SendReply:
        requests = requests_of(
            arguments, originator=self._settings.originator, max_parts=self._settings.max_parts, now=self._now()
        )
        del arguments  # as in submit
        if isinstance(requests, InvalidMessage):
            raise requests
        outcomes = await self._deliver(requests, timeout, on_unknown, None)
        return SendReply(outcomes=outcomes, requests=len(requests))

    async def _deliver(
        self,
        requests: list[SendRequest],
        timeout: float | None,  # noqa: ASYNC109 - the deadline of the whole call
        on_unknown: OnUnknown | None,
        expires_in: float | None,
    ) -> tuple[Outcome, ...]:
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
        )
        return (await self._scopes.carry(Series(requests, deliver))).outcomes()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._calls.clock.wall(), UTC)
