"""``sms.v1``: the calls of HTTP API v1 (``multi.php``), each with everything the document knows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Unpack

from sms_traffic_async import message_rules as rules
from sms_traffic_async.errors import InvalidMessage
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.messages import Balance, InboundMessage
from sms_traffic_async.protocols.http.shared import Shared
from sms_traffic_async.protocols.http_v1.calls import V1Calls
from sms_traffic_async.protocols.http_v1.incoming import INCOMING_COUNT, MOST_COUNT
from sms_traffic_async.protocols.http_v1.lists import Lists
from sms_traffic_async.protocols.http_v1.models import CheckedReply, StatusesReply
from sms_traffic_async.protocols.http_v1.queries import STATUSES_CHUNK, Queries
from sms_traffic_async.protocols.http_v1.sends import V1Sends
from sms_traffic_async.protocols.scopes import Scopes
from sms_traffic_async.secrets import Secret
from sms_traffic_async.settings import Settings

__all__ = ("HttpV1",)


class HttpV1(V1Sends):
    """HTTP API v1 of one session, or of one view of it.

    Made by the session (``sms.v1``). Every call shares the session's
    connections, node health and pauses. Login and password travel in the body
    of a POST, never in a URL.

    Attributes:
        lists: the account's mailing lists.

    Raises:
        ConfigurationError: there is no login.
    """

    def __init__(self, settings: Settings, *, life: Life | None = None, **shared: Unpack[Shared]) -> None:
        calls = V1Calls(settings, **shared)
        self._queries = Queries(calls)
        super().__init__(settings, calls, Scopes(life or Life(), nodes=shared["nodes"], probe=self._queries.probe))
        self.lists: Lists = Lists(calls, self._scopes, region=settings.phone_region)

    async def statuses(
        self,
        ids: Sequence[str],
        *,
        chunk: int = STATUSES_CHUNK,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
    ) -> StatusesReply:
        """What became of messages; the platform tells for two days.

        Args:
            ids: ids of any part, sent by v1.
            chunk: ids of one request; the document names no limit.
            timeout: seconds for all of it.

        Returns:
            What was found on any node, in the order asked for, and what was not.

        Raises:
            InvalidMessage: an id is not one.
            RequestError: no node answered, or the platform refused.

        Cancellation: harmless.
        """
        with self._scopes.query("v1.statuses"):
            return await self._queries.statuses(ids, chunk=chunk, deadline=self._calls.deadline(timeout))

    async def mark_checked(self, ids: Sequence[str], *, timeout: float | None = None) -> CheckedReply:  # noqa: ASYNC109 - the deadline of the whole call
        """Tell the platform that the subscriber used what was sent (status ``Checked``); idempotent.

        Args:
            ids: of messages not older than 3 days; 5,000 go into one request.
            timeout: seconds for all of it.

        Returns:
            Which were marked, and which the platform does not know. It refuses
            a whole request for one unknown id; the others are then marked without it.

        Raises:
            InvalidMessage: an id is not one.
            RequestError: no node answered, or the platform refused; some ids
                may have been marked. Doing it again is harmless.

        Cancellation: harmless, in the same way.
        """
        with self._scopes.query("v1.checked"):
            return await self._queries.mark_checked(ids, deadline=self._calls.deadline(timeout))

    async def balance(self, *, timeout: float | None = None) -> Balance:  # noqa: ASYNC109 - the deadline of the whole call
        """The account's balance.

        Raises:
            RequestError: no node answered, or the platform refused.

        Cancellation: harmless.
        """
        with self._scopes.query("v1.balance"):
            return await self._queries.balance(deadline=self._calls.deadline(timeout))

    async def incoming(
        self,
        *,
        since: datetime | None = None,
        sender: str | int | None = None,
        count: int = INCOMING_COUNT,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
    ) -> tuple[InboundMessage, ...]:
        """Messages from subscribers, of the last two days at most.

        Args:
            since: not older than this (aware).
            sender: of this number only.
            count: messages of one request; all pages are fetched.
            timeout: seconds for all of it.

        Returns:
            All of them, oldest first, each once.

        Raises:
            InvalidMessage: a bad argument.
            IncompleteIncoming: the platform gave some, and there are more or may be; those are in its
                ``messages``. It happens where the platform has a limit of its own and tells newest first.
            RequestError: no node answered, or the platform refused.

        Cancellation: harmless.
        """
        problem = rules.number_problem("count", count, 1, MOST_COUNT)
        if since is not None and problem is None:
            problem = rules.start_problem(since)
            problem = problem and InvalidMessage("since", problem.value, problem.rule)
        number: Secret | None = None
        if sender is not None and problem is None:
            digits, problem = rules.read_phone(sender, self._settings.phone_region)
            number = Secret(digits)
            del digits
        del sender  # a traceback printed with locals shows this frame
        if problem is not None:
            raise problem
        with self._scopes.query("v1.incoming"):
            deadline = self._calls.deadline(timeout)
            return await self._queries.incoming(since=since, sender=number, count=count, deadline=deadline)

    async def probe(self, node: str) -> bool:
        """Ask one node for the balance, once, and note whether it is alive. Done by itself when a node is due.

        Cancellation: harmless; nothing is noted.
        """
        with self._scopes.query("v1.probe"):
            return await self._queries.probe(node)
