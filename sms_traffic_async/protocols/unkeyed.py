"""Sending one request without a key, so that no message becomes two SMS unless the caller chose that.

Rules (docs/reliability.md, "Without a key"), for v1 and SOAP alike
---------------------------------------------------
1. There is no key: an attempt that may have been taken is repeated only with
   ``on_unknown="resend"``, on the same server, three requests at most.
2. A message is never called rejected or not sent while one attempt for it may
   have been taken.
3. What an answer says was queued is never sent again, even where an id is
   missing; a message it does not settle is unknown.
4. "queued 0" without a word about any message is a refusal. Any other number
   counts parts, and is compared with nothing.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from sms_traffic_async.api_codes import error_for
from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import ConfigurationError, NotSent, Rejected, SendError
from sms_traffic_async.messages import Via
from sms_traffic_async.policy.attempts import Attempt
from sms_traffic_async.policy.loop import Finished, Stopped
from sms_traffic_async.protocols.flight import Changed, Ending, Leaving, Slot
from sms_traffic_async.protocols.http.answers import Fault
from sms_traffic_async.protocols.http.exchange import HttpAnswer, HttpRequest
from sms_traffic_async.protocols.http.failures import send_error, session_closed
from sms_traffic_async.protocols.http.record import Outcome, SendRecord
from sms_traffic_async.protocols.http.stage import Stage
from sms_traffic_async.protocols.login import WORDING, LoginCalls
from sms_traffic_async.protocols.members import Member, SendEvidence
from sms_traffic_async.protocols.xml import Element
from sms_traffic_async.settings import OnUnknown
from sms_traffic_async.telemetry import Telemetry

__all__ = ("UnkeyedDelivery", "UnkeyedRecord", "chosen")

A = TypeVar("A")
"""What an answer is read as."""

UNKNOWN_ADVICE = "A status push, a report or the cabinet can tell; sending it again may be a second SMS."


def chosen(on_unknown: OnUnknown | None, otherwise: OnUnknown) -> OnUnknown:
    """What a call says of the unknown, or the session.

    Raises:
        ConfigurationError: it is none of the two.
    """
    if on_unknown not in {None, "raise", "resend"}:
        raise ConfigurationError("on_unknown is 'raise' or 'resend'")
    return on_unknown or otherwise


class UnkeyedRecord(SendRecord[Member]):
    """Outcomes, attempts and times of one request."""

    __slots__ = ()

    def fail_open(self, error: SendError) -> None:
        """None of the messages was sent: each that is open gets the error as one of its own."""
        for index, member in list(self.open()):
            own = copy.copy(error)
            own.message_key = member.key
            self.fail(index, own)

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


class UnkeyedDelivery(Generic[A]):
    """One request on its way. Made for one use; a protocol adds what goes out and what an answer means.

    Args:
        calls: the client's calls.
        members: the request's messages.
        via: the protocol.
        start_at: the time it is scheduled for.
        deadline: monotonic seconds; nothing is awaited beyond it.
        expires_at: monotonic seconds; no attempt begins after it.
        on_unknown: what is done when nobody can tell whether it was taken.
        slot: given back after the first attempt.
        older: the request that this one takes the place of.
    """

    def __init__(
        self,
        calls: LoginCalls,
        members: Sequence[Member],
        *,
        via: Via,
        start_at: datetime | None,
        deadline: float,
        expires_at: float = math.inf,
        on_unknown: OnUnknown = "raise",
        slot: Slot | None = None,
        older: UnkeyedDelivery[A] | None = None,
    ) -> None:
        self._calls = calls
        self._operation = f"{via}.send"
        self._deadline = deadline
        self._expires_at = expires_at
        self._rules = calls.send_rules(on_unknown)
        self._stage: Stage | None = None
        self._record = _record(members, via, start_at, calls.clock, calls.telemetry)
        self._members = members
        self._slot = slot
        self._older = older
        self._left = False
        self._failed: list[Attempt] = []
        if older is not None:
            self._record.follow(older._record)  # noqa: SLF001 - same class
            self._failed = older._failed  # noqa: SLF001 - same class
        self.ending: Ending = Ending.SETTLED
        self.description = ""

    async def run(self) -> tuple[Outcome, ...]:
        """Send it.

        Returns:
            For each message, in order, a ``Submission`` or a ``SendError``;
            nothing if it is to be taken apart.

        Cancellation:
            As it is. What is known by then is what ``interrupted`` gives.
        """
        record = self._record
        if self._older is None:
            record.begin()
        until = min(self._deadline, self._expires_at)
        ended: Finished[A] | Stopped
        try:
            ended = await self._calls.run(self._attempts(), rules=self._rules, deadline=until)
        except NotSent:  # no place in time: the only way an attempt ends without a verdict
            self._stage = None
            ended = Stopped(reason="overloaded")
        except Changed:
            self.ending = Ending.CHANGED
            return ()
        finally:
            self._free()
        if record.ambiguous:
            return record.outcomes()
        if isinstance(ended, Stopped):
            if self._apart(ended):
                self.ending = Ending.REFUSED
                return ()
            for index, member in list(record.open()):
                record.fail(index, self._named(ended, member))
        return record.outcomes()

    def interrupted(self) -> tuple[Outcome, ...]:
        """What is known after ``run`` was cancelled: accepted, unknown, or provably not sent."""
        record = self._record
        if self._stage is not None and not self._stage.unsent:
            record.left_unanswered()
        if not record.ambiguous:
            for index, member in list(record.open()):
                record.fail(index, session_closed(self._operation, member.key))
        return record.outcomes()

    @property
    def may_be_taken(self) -> bool:
        """Whether it is being written, or was, and nobody knows yet."""
        return self._stage is not None or self._record.ambiguous

    def leave(self, place: int, why: Leaving) -> SendError:
        """The caller of one message does not wait any more: what is known of it now."""
        if self.may_be_taken:
            return self._record.unknown(place)
        self._left = True
        member = self._members[place]
        if why == "closed":
            error: SendError = session_closed(self._operation, member.key)
        else:
            paused = self._calls.paused(self._rules.operation)
            stopped = Stopped(reason="deadline", attempts=tuple(self._failed), retry_after=paused)
            error = self._named(stopped, member)
        self._record.fail(place, error)
        return error

    def _free(self) -> None:
        if self._slot is not None:
            self._slot.free()

    def _attempts(self) -> Callable[[str], Awaitable[A | Attempt]]:
        calls, record = self._calls, self._record
        reader = calls.reader(self._read)
        wire, cap = self._wire(), self._cap()

        async def attempt(node: str) -> A | Attempt:
            if self._left and not record.ambiguous:
                raise Changed
            self._stage = stage = Stage("POST")
            record.goes_to(node)
            result: A | Attempt = await calls.attempt(
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
                self._failed.append(result)
                record.failed(result)
            self._free()
            return result

        return attempt

    def _read(self, answer: HttpAnswer, root: Element) -> A | Fault:
        """What an answer says. Accepted ids are on record before anything is awaited again."""
        result = self._decode(root)
        if not isinstance(result, Fault):
            self._take(result, answer.node)
            if self._slot is not None:
                self._slot.answered(len(self._members), answer.ended - answer.started)
        return result

    def _take(self, answer: A, node: str) -> None:
        if self._empty(answer):
            self._nothing_queued(node)
            return
        self._settle(answer, node)
        if self._record.has_open:
            self._record.left_unanswered()

    def _nothing_queued(self, node: str) -> None:
        if self._record.ambiguous:
            return  # this repeat was not queued; an attempt before it may have been
        for index, member in list(self._record.open()):
            error = Rejected(
                f"{self._operation}: the platform queued nothing.",
                node=node,
                message_key=member.key,
                advice="Check the number and the text: it names no reason.",
            )
            self._record.fail(index, error)

    def _named(self, stopped: Stopped, member: Member) -> SendError:
        return send_error(
            stopped,
            operation=self._operation,
            key=member.key,
            fault_error=self._fault_error,
            wording=WORDING,
            expired=self._expires_at < self._deadline,
        )

    def _fault_error(self, fault: Fault, node: str | None, key: str) -> Rejected:
        return error_for(
            fault.code,
            fault.message,
            operation=self._operation,
            node=node,
            message_key=key,
            on_send=True,
            has_restrictive_id=False,
        )

    # --- what a protocol adds

    def _wire(self) -> HttpRequest:
        """The request."""
        raise NotImplementedError

    def _cap(self) -> int:
        """The most bytes an answer may have."""
        raise NotImplementedError

    def _decode(self, root: Element) -> A | Fault:
        """What a body says; pure."""
        raise NotImplementedError

    def _empty(self, answer: A) -> bool:
        """Whether it says that nothing was queued, and no word about any message."""
        raise NotImplementedError

    def _settle(self, answer: A, node: str) -> None:
        """Record what an answer says of each message."""
        raise NotImplementedError

    def _apart(self, stopped: Stopped) -> bool:  # noqa: ARG002 - for those that can
        """Whether the request is to be sent in pieces instead of refused."""
        return False


def _record(
    members: Sequence[Member], via: Via, start_at: datetime | None, clock: Clock, telemetry: Telemetry
) -> UnkeyedRecord:
    return UnkeyedRecord(
        members,
        via=via,
        operation=f"{via}.send",
        start_at=start_at,
        clock=clock,
        telemetry=telemetry,
        unknown_advice=UNKNOWN_ADVICE,
    )
