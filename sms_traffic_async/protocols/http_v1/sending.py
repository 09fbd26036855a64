"""Sending one request so that no message becomes two SMS unless the caller chose that, and no accepted one is lost.

Rules (RELIABILITY 3.3, 3.6)
----------------------------
1. v1 has no key: an attempt that may have been taken is repeated only with
   ``on_unknown="resend"``, on the same node, three requests at most.
2. A message is never called rejected or not sent while one attempt for it may
   have been taken.
3. OK is OK: what an answer says was queued is never sent again, even where an
   id is missing. A message without an id that was asked for is unknown.
4. "queued 0" without ids is a refusal. Any other number counts parts, and is
   compared with nothing.
5. A number that the whole request was refused for (425 to 432) is found by
   sending the rest without it, if that was asked for and nothing is ambiguous.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from sms_traffic_async.api_codes import error_for
from sms_traffic_async.errors import NotSent, Rejected, SendError
from sms_traffic_async.policy.attempts import Attempt
from sms_traffic_async.policy.loop import Finished, Stopped
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.failures import send_error
from sms_traffic_async.protocols.http.record import Outcome, SendRecord
from sms_traffic_async.protocols.http.stage import Stage
from sms_traffic_async.protocols.http_v1.calls import MULTI, WORDING, V1Calls
from sms_traffic_async.protocols.http_v1.form import charset_of
from sms_traffic_async.protocols.http_v1.matching import match
from sms_traffic_async.protocols.http_v1.models import Member, SendAnswer, SendEvidence, SendRequest
from sms_traffic_async.protocols.http_v1.wire import decode_send, encode_send
from sms_traffic_async.protocols.xml import Element
from sms_traffic_async.settings import OnUnknown

__all__ = ("BAD_NUMBER", "SEND", "Delivery", "answer_cap", "halves")

SEND = "v1.send"
BAD_NUMBER = range(425, 433)
"""Codes that refuse a whole request for one number in it."""

_PART_BYTES = 200
_MARGIN_BYTES = 65_536


def answer_cap(request: SendRequest, least: int) -> int:
    """The most bytes an answer may have: by the ids it was asked for, and not less than ``least`` for a group."""
    if request.group is not None:
        return least
    bytes_of_parts = sum(
        member.parts * (_PART_BYTES + len(member.push_id or "")) * (1 if member.parts_exact else 2)
        for member in request.members
    )
    return _MARGIN_BYTES + bytes_of_parts


def halves(request: SendRequest, description: str) -> tuple[SendRequest, SendRequest]:
    """A refused request in two.

    Args:
        request: of at least two messages.
        description: the platform's words. If they name one of the numbers, it
            goes alone: a hint only, which the next answer confirms or not.
    """
    members = request.members
    named = [member for member in members if member.to and member.to in description]
    if len(named) == 1:
        rest = tuple(member for member in members if member is not named[0])
        return replace(request, members=tuple(named)), replace(request, members=rest)
    middle = len(members) // 2
    return replace(request, members=members[:middle]), replace(request, members=members[middle:])


class Record(SendRecord[Member]):
    """Outcomes, attempts and times of one request."""

    __slots__ = ()

    def evidence(self, member: Member) -> SendEvidence:
        """All that is known."""
        return SendEvidence(
            key=member.key,
            push_id=member.push_id,
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
        isolate: leave the messages open when one number spoils the request.
    """

    def __init__(
        self,
        calls: V1Calls,
        request: SendRequest,
        *,
        deadline: float,
        expires_at: float = math.inf,
        on_unknown: OnUnknown = "raise",
        isolate: bool = False,
    ) -> None:
        self._calls = calls
        self._request = request
        self._deadline = deadline
        self._expires_at = expires_at
        self._rules = calls.send_rules(on_unknown)
        self._isolate = isolate and len(request.members) > 1
        self._stage: Stage | None = None
        self._record = Record(
            request.members,
            via="v1",
            operation=SEND,
            start_at=request.options.start_at,
            clock=calls.clock,
            telemetry=calls.telemetry,
            unknown_advice="A status push, a report or the cabinet can tell; sending it again may be a second SMS.",
        )
        self.spoilt: Fault | None = None
        """The refusal of one number that the request is to be taken apart for; no message has an outcome then."""
        self.answer: SendAnswer | None = None
        self.node = ""
        self.whole_error: SendError | None = None
        """Why the request as a whole was refused or not sent."""

    async def run(self) -> tuple[Outcome, ...]:
        """Send it.

        Returns:
            For each message, in order, a ``Submission`` or a ``SendError``;
            nothing if it was ``spoilt``.

        Cancellation:
            As it is. What is known by then is what ``interrupted`` gives.
        """
        record = self._record
        record.begin()
        refusal: SendError | None = None
        ended: Finished[SendAnswer] | Stopped | None = None
        until = min(self._deadline, self._expires_at)
        try:
            ended = await self._calls.run(self._attempt_with(self._wire()), rules=self._rules, deadline=until)
        except SendError as error:
            self._stage = None
            refusal = error.with_traceback(None)
        if refusal is not None:
            self._fail_all([refusal] * len(self._request.members))
        elif isinstance(ended, Stopped) and not record.ambiguous and not self._taken_apart(ended):
            self._fail_all([self._named(ended, member) for member in self._request.members])
        return () if self.spoilt is not None else record.outcomes()

    def interrupted(self) -> tuple[Outcome, ...]:
        """What is known after ``run`` was cancelled: accepted, unknown, or provably not sent."""
        if self._stage is not None and not self._stage.unsent:
            self._record.left_unanswered()
        if not self._record.ambiguous:
            for index, member in list(self._record.open()):
                error = NotSent(f"{SEND}: the session was closed.", reason="closed", message_key=member.key)
                self._record.fail(index, error)
        return self._record.outcomes()

    @property
    def attempts(self) -> int:
        """Requests made so far."""
        return self._record.attempts

    def _wire(self) -> HttpRequest:
        charset = charset_of(self._request.options.rus)
        return self._calls.request(SEND, MULTI, encode_send(self._request), charset)

    def _attempt_with(self, wire: HttpRequest) -> Callable[[str], Awaitable[SendAnswer | Attempt]]:
        calls, record = self._calls, self._record
        reader = calls.reader(self._read)
        cap = answer_cap(self._request, calls.settings.http.max_answer_bytes)

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
            self.answer, self.node = result, answer.node
            self._take(result, answer.node)
        return result

    def _take(self, answer: SendAnswer, node: str) -> None:
        record, wanted = self._record, self._request.options.want_ids
        if answer.queued == 0 and not answer.parts:
            if record.ambiguous:  # this repeat was not queued; an attempt before it may have been
                return
            self._fail_all([_nothing(member.key, node) for member in self._request.members])
            return
        found = match(self._request, answer.parts)
        for index, ids in enumerate(found):
            if ids or not wanted:
                record.accept(index, ids, node, evidence="answer")
        if record.has_open:
            record.left_unanswered()

    def _taken_apart(self, stopped: Stopped) -> bool:
        last = stopped.attempts[-1] if stopped.attempts else None
        if self._isolate and last is not None and last.code in BAD_NUMBER and isinstance(last.detail, Fault):
            self.spoilt = last.detail
        return self.spoilt is not None

    def _named(self, stopped: Stopped, member: Member) -> SendError:
        return send_error(
            stopped,
            operation=SEND,
            key=member.key,
            fault_error=_fault_error,
            wording=WORDING,
            expired=self._expires_at < self._deadline,
        )

    def _fail_all(self, errors: Sequence[SendError]) -> None:
        self.whole_error = errors[0]
        for index, error in enumerate(errors):
            self._record.fail(index, error)


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
