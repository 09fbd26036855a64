"""Sending requests so that no message becomes two SMS unless the caller chose that, and no accepted one is lost.

Rules (RELIABILITY 3.3, 3.6: SOAP behaves as v1)
------------------------------------------------
1. SOAP has no key: an attempt that may have been taken is repeated only with
   ``on_unknown="resend"``, on the same server, three times at most.
2. A message is never called rejected or not sent while one attempt for it may
   have been taken.
3. Success is success: what an answer says was queued is never sent again, even
   where an id is missing. A message of which nothing is said though ids were
   asked for is unknown; one that is called Accepted is accepted without an id.
4. Unroutable is a refusal of that recipient alone, and final.
5. "queued 0" without a word about any recipient is a refusal. Any other number
   counts parts, and is compared with nothing.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import datetime

from sms_traffic_async.api_codes import error_for
from sms_traffic_async.errors import NotSent, Rejected, SendError
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.policy.loop import Finished, Stopped
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.failures import send_error
from sms_traffic_async.protocols.http.record import Outcome, SendRecord
from sms_traffic_async.protocols.http.stage import Stage
from sms_traffic_async.protocols.http_v1.calls import WORDING
from sms_traffic_async.protocols.soap.calls import SoapCalls
from sms_traffic_async.protocols.soap.matching import match
from sms_traffic_async.protocols.soap.models import Info, Member, SendAnswer, SendEvidence, SendRequest, Unroutable
from sms_traffic_async.protocols.soap.wire import SoapFault, decode_send
from sms_traffic_async.protocols.xml import Element
from sms_traffic_async.settings import OnUnknown

__all__ = ("SEND", "Delivery", "Parcels", "answer_cap")

SEND = "soap.send"

_PART_BYTES = 250
_MARGIN_BYTES = 65_536


def answer_cap(request: SendRequest) -> int:
    """The most bytes an answer may have: by the ids it was asked for."""
    return _MARGIN_BYTES + sum(
        member.parts * _PART_BYTES * (1 if member.parts_exact else 2) for member in request.members
    )


class Record(SendRecord[Member]):
    """Outcomes, attempts and times of one request."""

    __slots__ = ()

    def evidence(self, member: Member) -> SendEvidence:
        """All that is known."""
        return SendEvidence(
            key=member.key,
            nodes=self.nodes,
            first_attempt_at=self.first_attempt_at,
            last_attempt_at=self.last_attempt_at,
            attempts=self.attempts,
            to=member.to,
        )


class Delivery:
    """One request on its way. Made for one use.

    Args:
        calls: the client's calls.
        request: what to send.
        deadline: monotonic seconds; nothing is awaited beyond it.
        expires_at: monotonic seconds; no attempt begins after it.
        on_unknown: what is done when nobody can tell whether it was taken.
    """

    def __init__(
        self,
        calls: SoapCalls,
        request: SendRequest,
        *,
        deadline: float,
        expires_at: float = math.inf,
        on_unknown: OnUnknown = "raise",
    ) -> None:
        self._calls = calls
        self._request = request
        self._deadline = deadline
        self._expires_at = expires_at
        self._rules = calls.send_rules(on_unknown)
        self._stage: Stage | None = None
        start = request.options.start_at
        self._record = Record(
            request.members,
            via="soap",
            operation=SEND,
            start_at=start if isinstance(start, datetime) else None,
            clock=calls.clock,
            telemetry=calls.telemetry,
            unknown_advice="A status push, a report or the cabinet can tell; sending it again may be a second SMS.",
        )

    async def run(self) -> tuple[Outcome, ...]:
        """Send it.

        Returns:
            For each message, in order, a ``Submission`` or a ``SendError``.

        Cancellation:
            As it is. What is known by then is what ``interrupted`` gives.
        """
        record = self._record
        record.begin()
        refusal: SendError | None = None
        ended: Finished[SendAnswer] | Stopped | None = None
        until = min(self._deadline, self._expires_at)
        try:
            wire = self._calls.send_request(SEND, self._request)
            ended = await self._calls.run(self._attempt_with(wire), rules=self._rules, deadline=until)
        except SendError as error:
            self._stage = None
            refusal = error.with_traceback(None)
        if refusal is not None and not record.ambiguous:
            self._fail_open(lambda _: refusal)
        elif isinstance(ended, Stopped) and not record.ambiguous:
            stopped = ended
            self._fail_open(lambda member: self._named(stopped, member))
        return record.outcomes()

    def interrupted(self) -> tuple[Outcome, ...]:
        """What is known after ``run`` was cancelled: accepted, unknown, or provably not sent."""
        if self._stage is not None and not self._stage.unsent:
            self._record.left_unanswered()
        if not self._record.ambiguous:
            self._fail_open(_closed)
        return self._record.outcomes()

    def _attempt_with(self, wire: HttpRequest) -> Callable[[str], Awaitable[SendAnswer | Attempt]]:
        calls, record = self._calls, self._record
        reader = calls.reader(self._read)
        cap = answer_cap(self._request)

        async def attempt(node: str) -> SendAnswer | Attempt:
            self._stage = stage = Stage("POST")
            record.goes_to(node)
            result: SendAnswer | Attempt = await calls.attempt(
                node,
                wire,
                reader.at_once,
                deadline=self._deadline,
                stage=stage,
                cap=cap,
                read_slowly=reader.slowly,
            )
            self._stage = None
            if isinstance(result, Attempt):
                record.failed(result)
            return result

        return attempt

    def _read(self, answer: HttpAnswer, root: Element) -> SendAnswer | Fault:
        """What an answer says. Accepted ids are on record before anything is awaited again."""
        result = decode_send(root)
        if isinstance(result, SendAnswer):
            self._take(result, answer.node)
        return result

    def _take(self, answer: SendAnswer, node: str) -> None:
        record = self._record
        if answer.queued == 0 and not answer.infos:
            if not record.ambiguous:  # this repeat was not queued; an attempt before it may have been
                self._fail_open(lambda member: _nothing(member.key, node))
            return
        for index, infos in enumerate(match(self._request, answer.infos)):
            self._settle(index, infos, node)
        if record.has_open:
            record.left_unanswered()

    def _settle(self, index: int, infos: tuple[Info, ...], node: str) -> None:
        record, member = self._record, self._request.members[index]
        ids = tuple(dict.fromkeys(info.message_id for info in infos if info.message_id is not None))
        results = {info.result.casefold() for info in infos}
        if ids or "accepted" in results or not (infos or self._request.options.want_ids):
            record.accept(index, ids, node, evidence="answer")
        elif results == {"unroutable"} and not record.ambiguous:
            record.fail(index, _unroutable(member.key, node))

    def _named(self, stopped: Stopped, member: Member) -> SendError:
        last = stopped.attempts[-1] if stopped.attempts else None
        if last is not None and last.verdict is Verdict.PERMANENT and isinstance(last.detail, SoapFault):
            return Rejected(
                f"{SEND}: refused with a SOAP fault.",
                node=last.node,
                message_key=member.key,
                advice="Check SoapOptions: the server found no request of its own in what was sent.",
            )
        return send_error(
            stopped,
            operation=SEND,
            key=member.key,
            fault_error=_fault_error,
            wording=WORDING,
            expired=self._expires_at < self._deadline,
        )

    def _fail_open(self, error_of: Callable[[Member], SendError | None]) -> None:
        for index, member in list(self._record.open()):
            error = error_of(member)
            if error is not None:
                self._record.fail(index, error)


class Parcels:
    """The requests of one call, one after the other. Made for one use; arguments as in ``Delivery``."""

    def __init__(
        self,
        calls: SoapCalls,
        requests: list[SendRequest],
        *,
        deadline: float,
        expires_at: float = math.inf,
        on_unknown: OnUnknown = "raise",
    ) -> None:
        self._requests = requests
        self._deliveries = [
            Delivery(calls, request, deadline=deadline, expires_at=expires_at, on_unknown=on_unknown)
            for request in requests
        ]
        self._done: list[tuple[Outcome, ...]] = []

    async def run(self) -> None:
        """Send them all.

        Cancellation: the rest is not sent; ``interrupted`` tells of the one under way.
        """
        for delivery in self._deliveries:
            self._done.append(await delivery.run())

    def interrupted(self) -> None:
        """``run`` was cancelled: what was not begun is not sent."""
        self._done += [delivery.interrupted() for delivery in self._deliveries[len(self._done) :]]

    def outcomes(self) -> tuple[Outcome, ...]:
        """Every message's outcome, in the caller's order."""
        found = {
            member.index: outcome
            for request, outcomes in zip(self._requests, self._done, strict=True)
            for member, outcome in zip(request.members, outcomes, strict=True)
        }
        return tuple(found[index] for index in sorted(found))


def _closed(member: Member) -> NotSent:
    return NotSent(f"{SEND}: the session was closed.", reason="closed", message_key=member.key)


def _fault_error(fault: Fault, node: str | None, key: str) -> Rejected:
    return error_for(
        fault.code,
        fault.message,
        operation=SEND,
        node=node,
        message_key=key,
        on_send=True,
        has_restrictive_id=False,
    )


def _nothing(key: str, node: str) -> Rejected:
    return Rejected(
        f"{SEND}: the platform queued nothing.",
        node=node,
        message_key=key,
        advice="Check the number and the text: it names no reason.",
    )


def _unroutable(key: str, node: str) -> Unroutable:
    return Unroutable(
        f"{SEND}: the platform has no way to this number's operator.",
        description="Unroutable",
        node=node,
        message_key=key,
        advice="Do not repeat it; ask your manager about the operator.",
    )
