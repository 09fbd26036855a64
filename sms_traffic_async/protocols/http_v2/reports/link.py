"""The calls a report is made of, under the one retry policy.

1. Creating may be repeated anywhere: a second POST is one more job, not one more
   SMS. The node that answered has the report; no other node is asked for it.
2. One deadline spans everything that is done for a report.
3. Between two polls lies a pause of at least a second (document, "Скачивание
   отчета").
4. The session's close waits for what is under way here, and then interrupts it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from sms_traffic_async.errors import (
    ConfigurationError,
    DeadlineExceeded,
    NotSent,
    ReportGone,
    RequestFailed,
    SmsTrafficError,
)
from sms_traffic_async.lifecycle import Interrupted, Life, SessionClosed
from sms_traffic_async.policy.attempts import REPORT, Attempt, CallRules, pinned
from sms_traffic_async.policy.loop import Finished, Stopped
from sms_traffic_async.protocols.http.exchange import HttpAnswer
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.failures import query_error
from sms_traffic_async.protocols.http_v2.models import Fault
from sms_traffic_async.protocols.http_v2.reports.query import ReportQuery
from sms_traffic_async.protocols.http_v2.reports.wire import decode_created, encode_query, is_report_id
from sms_traffic_async.settings import Node, call_seconds

__all__ = ("OPERATION", "POLL_PAUSE", "REPORT_DEADLINE", "ReportLink", "ReportTicket")

T = TypeVar("T")

OPERATION = "v2.report"
POLL_PAUSE = 1.0
"""Seconds between two polls, at least."""
REPORT_DEADLINE = 3600.0
"""Seconds for a whole report where no timeout is given: several polls of five minutes, and a long download."""

_GONE = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTicket:
    """Where a report is: it is kept there for 7 days, on this node only.

    Attributes:
        report_id: its id.
        node: the name of the node that made it.
    """

    report_id: str
    node: str


class ReportLink:
    """Makes the calls of one report.

    Args:
        calls: what the calls of the client share.
        life: the session's life.
        timeout: seconds, from ``start`` on.

    Attributes:
        deadline: monotonic seconds, once started.
    """

    def __init__(self, calls: V2Calls, *, life: Life, timeout: float | None) -> None:
        self.calls = calls
        self.deadline: float = math.inf
        self._life = life
        self._limits_per_node = calls.settings.http.limits_are_per_node
        self._timeout = call_seconds(timeout, REPORT_DEADLINE)
        self._by_name = {node.name: node for node in calls.settings.nodes}

    def start(self) -> None:
        """Let the deadline run."""
        self.deadline = self.calls.deadline(self._timeout)

    def node(self, name: str) -> Node:
        """A node by its name."""
        return self._by_name[name]

    def check(self, ticket: ReportTicket) -> None:
        """Look at a ticket that the caller kept.

        Raises:
            ConfigurationError: it names no node of this session, or no report.
        """
        if ticket.node not in self._by_name:
            raise ConfigurationError(f"ticket: {ticket.node} is not a node of this session")
        if not is_report_id(ticket.report_id):
            raise ConfigurationError("ticket: a report id is 1 to 128 letters, digits or -._~")

    async def create(self, query: ReportQuery, *, node: str | None = None) -> ReportTicket:
        """Ask for a report.

        Args:
            query: what it is to hold.
            node: the only node to ask; None asks the best one.
        """
        calls = self.calls
        request = calls.request(OPERATION, "POST", "/v2/report", encode_query(query))

        def read(answer: HttpAnswer) -> str | Attempt:
            result = calls.judge(answer, decode_created)
            return calls.refused(answer, result) if isinstance(result, Fault) else result

        async def attempt(name: str) -> str | Attempt:
            return await calls.attempt(name, request, read, deadline=self.deadline, placed=False)

        done = await self.run(attempt, REPORT if node is None else pinned(node))
        return ReportTicket(report_id=done.value, node=done.node)

    async def run(
        self, attempt: Callable[[str], Awaitable[T | Attempt]], rules: CallRules, *, fetching: bool = False
    ) -> Finished[T]:
        """One call under the policy.

        Args:
            attempt: makes one try.
            rules: where it may go.
            fetching: what a 404 means: no report.

        Raises:
            ReportGone, RequestRefused, RequestFailed, DeadlineExceeded: it came to nothing.
        """
        ended: Finished[T] | Stopped | None = None
        with self.scope():
            try:
                ended = await self.calls.run(
                    attempt, rules=replace(rules, node_limits=self._limits_per_node), deadline=self.deadline
                )
            except NotSent:  # no free connection in time: the only way an attempt ends without a verdict
                ended = None
        if ended is None:
            raise RequestFailed(f"{OPERATION}: no free connection in time", operation=OPERATION)
        if isinstance(ended, Finished):
            return ended
        raise self._failure(ended, fetching=fetching)

    async def wait(self, ticket: ReportTicket) -> None:
        """The pause between two polls.

        Raises:
            DeadlineExceeded: it would reach the deadline; ``last`` is the ticket.
        """
        if self.calls.clock.monotonic() + POLL_PAUSE >= self.deadline:
            raise DeadlineExceeded(f"{OPERATION}: the report was not ready in time", last=ticket)
        with self.scope():
            await self.calls.clock.sleep(POLL_PAUSE)

    @contextmanager
    def scope(self) -> Generator[None]:
        """Work that the session's close waits for, and then interrupts.

        Raises:
            RequestFailed: the session is closed, or was.
        """
        try:
            with self._life.call():
                yield
        except (Interrupted, SessionClosed):
            raise RequestFailed(f"{OPERATION}: the session was closed", operation=OPERATION) from None

    def _failure(self, stopped: Stopped, *, fetching: bool) -> SmsTrafficError:
        last = stopped.attempts[-1] if stopped.attempts else None
        if last is not None and fetching and last.status == _GONE:
            return ReportGone(
                f"{OPERATION}: this node does not have it: a report lives 7 days, on the node that made it.",
                operation=OPERATION,
                code=last.code,
                node=last.node,
            )
        if stopped.retry_after is None and self.calls.clock.monotonic() >= self.deadline:
            return DeadlineExceeded(f"{OPERATION}: the deadline passed")
        return query_error(stopped, operation=OPERATION)
