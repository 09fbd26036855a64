"""Sending a batch so that no message becomes two SMS and no accepted one is lost.

Rules (docs/reliability.md, "restrictiveId")
-----------------------
1. An attempt that may have been taken is repeated on the same node, under the
   same restrictiveId; ``policy`` sees to that.
2. Code 105 means that the id was *seen*, which proves nothing: the messages are
   looked up by label, on the node that may have them and then on the others,
   until the window after the last such attempt has passed.
3. 105 after attempts that were all refused: a failed request used the id up. Looked
   up twice, one interval apart, and not found: sent under another id, three at most.
4. 105 on the very first attempt: an id of the caller's choosing was used before.
   A chosen id is never replaced by another.
5. A message missing from an answer, or standing in it twice, is looked up.
6. A message is never called rejected or not sent while one attempt for it may
   have been taken.
7. At the caller's deadline the outcome is what is known by then.
8. In a shared batch (``batching``) somebody may leave. Before a request is written
   under an id of its own, those who left are taken out, and the others go on under
   a new id; from then on the request stays as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sms_traffic_async.api_codes import DUPLICATE, describe
from sms_traffic_async.errors import NotSent, OutcomeUnknown, SendError, TemporarilyUnavailable
from sms_traffic_async.policy.attempts import Attempt, Verdict
from sms_traffic_async.policy.loop import Finished, Stopped
from sms_traffic_async.protocols.flight import Changed, Ending, Leaving, Slot
from sms_traffic_async.protocols.http.exchange import HttpAnswer
from sms_traffic_async.protocols.http.failures import session_closed
from sms_traffic_async.protocols.http.stage import Stage
from sms_traffic_async.protocols.http_v2.batch import Batch
from sms_traffic_async.protocols.http_v2.calls import V2Calls
from sms_traffic_async.protocols.http_v2.failures import SEND, duplicate_error, seen_error, send_error
from sms_traffic_async.protocols.http_v2.ledger import LEDGER, LabelLedger
from sms_traffic_async.protocols.http_v2.lookup import Look, LookUp
from sms_traffic_async.protocols.http_v2.matching import match
from sms_traffic_async.protocols.http_v2.models import Fault, Outcome, SendAnswer
from sms_traffic_async.protocols.http_v2.record import Record
from sms_traffic_async.protocols.http_v2.wire import decode_send, encode_send

__all__ = ("MOST_KEYS", "Delivery")

MOST_KEYS = 3
"""restrictiveIds for one message: the platform's filter rejects the fifth same text in an hour."""

_SPOILT_STATUSES = frozenset({400, 413, 422})
"""HTTP statuses that one message of several can be the cause of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The platform has seen the restrictiveId: code 105."""

    fault: Fault
    node: str


Ended: TypeAlias = Finished[SendAnswer | Seen] | Stopped


class Delivery:
    """One batch on its way. Made for one use.

    Args:
        calls: the client's calls.
        batch: what to send.
        deadline: monotonic seconds; nothing is awaited beyond it.
        expires_at: monotonic seconds; no attempt begins after it.
        start_key: the spelling of the start in the request.
        ledger: the caller's labels of this process.
        slot: given back after the first attempt.
        shared: the messages are of several callers: the batch may be halved, and somebody may leave.
        older: the request that this one takes the place of.
        maybe_at: monotonic seconds of an earlier process's attempt at this very request, which may have been taken.
    """

    def __init__(
        self,
        calls: V2Calls,
        batch: Batch,
        *,
        deadline: float,
        expires_at: float = math.inf,
        start_key: str = "startDateTime",
        ledger: LabelLedger = LEDGER,
        slot: Slot | None = None,
        shared: bool = False,
        older: Delivery | None = None,
        maybe_at: float | None = None,
    ) -> None:
        self._calls = calls
        self._batch = batch
        self._deadline = deadline
        self._expires_at = expires_at
        self._start_key = start_key
        self._record = Record(calls, batch, ledger)
        self._stage: Stage | None = None
        self._lookup: LookUp | None = None
        self._slot = slot
        self._shared = shared
        self._older = older
        self._left: set[int] = set()
        self._failed: list[Attempt] = []
        self._keys = 0
        self._maybe_before: float | None = None
        self.ending: Ending = Ending.SETTLED
        self.description: str = ""
        if older is not None:
            self._take_over(older)
        if maybe_at is not None:
            self._record.assume(maybe_at)
        self.whole_error: SendError | None = None
        """Why the request as a whole was refused or not sent; ``None`` where the messages differ, or nobody knows."""

    async def run(self) -> tuple[Outcome, ...]:
        """Send it.

        Returns:
            For each message, in order, a ``Submission`` or a ``SendError``;
            nothing where ``ending`` says that it goes on in other requests.

        Cancellation:
            As it is. What is known by then is what ``interrupted`` gives.
        """
        if self._older is None:
            self._record.begin()
        number = 0
        try:
            while await self._settled(await self._under_key(number)):
                number += 1
                self._keys += 1
        except Changed:
            self.ending = Ending.CHANGED
            self._record.close(self._left)
        finally:
            self._free()
        return self._record.outcomes() if self.ending is Ending.SETTLED else ()

    def interrupted(self) -> tuple[Outcome, ...]:
        """What is known after ``run`` was cancelled: accepted, unknown, or provably not sent."""
        if self._stage is not None and not self._stage.unsent:
            self._record.left_unanswered()
        if self._record.has_open and not (self._record.ambiguous or self._record.any_accepted):
            # Of one request all is sent, or nothing.
            self._fail_all([session_closed(SEND, member.key) for member in self._batch.members])
        return self._record.outcomes()

    def _take_over(self, older: Delivery) -> None:
        self._record.inherit(older._record)
        self._failed = older._failed
        self._keys = older._keys

    @property
    def may_be_taken(self) -> bool:
        """Whether it is being written, or was, and nobody knows yet."""
        return self._stage is not None or self._record.ambiguous

    def leave(self, place: int, why: Leaving) -> SendError:
        """The caller of one message does not wait any more: what is known of it now."""
        self._left.add(place)
        if self.may_be_taken:
            return self._record.unknown(place)
        key = self._batch.members[place].key
        if why == "closed":
            error: SendError = session_closed(SEND, key)
        else:
            paused = self._calls.paused("send")
            error = send_error(Stopped(reason="deadline", attempts=tuple(self._failed), retry_after=paused), key=key)
        self._record.fail(place, error)
        return error

    def _free(self) -> None:
        if self._slot is not None:
            self._slot.free()

    async def _under_key(self, number: int) -> Ended:
        """All attempts under one restrictiveId."""
        calls, record = self._calls, self._record
        self._maybe_before = record.last_maybe
        self._stay()
        request = self._batch.keyed(number)
        record.key(request.restrictive_id or "")
        wire = calls.request(SEND, "POST", "/v2/send", encode_send(request, start_key=self._start_key))

        async def attempt(node: str) -> SendAnswer | Seen | Attempt:
            self._stay()
            self._stage = stage = Stage("POST")
            record.goes_to(node)
            result: SendAnswer | Seen | Attempt = await calls.attempt(
                node, wire, self._read, deadline=self._deadline, stage=stage
            )
            self._stage = None
            if isinstance(result, Attempt):
                self._failed.append(result)
                record.failed(result)
            self._free()
            return result

        until = min(self._deadline, self._expires_at)
        try:
            return await calls.run(attempt, rules=calls.send_rules, deadline=until)
        except NotSent:  # no place in time: the only way an attempt ends without a verdict
            self._stage = None
        return Stopped(reason="overloaded")

    def _stay(self) -> None:
        """Nobody left, or the request stays as it is.

        Raises:
            Changed: the others go on in another request.
        """
        if self._left and self._record.last_maybe == self._maybe_before:
            raise Changed

    def _read(self, answer: HttpAnswer) -> SendAnswer | Seen | Attempt:
        """What an answer says. Accepted ids are on record before anything is awaited again."""
        result: SendAnswer | Fault | Attempt = self._calls.judge(answer, self._decode)
        if isinstance(result, Fault):
            if result.code == DUPLICATE:
                return Seen(fault=result, node=answer.node)
            return self._calls.refused(answer, result)
        if isinstance(result, SendAnswer):
            self._take(result, answer.node)
            if self._slot is not None:
                self._slot.answered(len(self._batch.members), answer.ended - answer.started)
        return result

    def _decode(self, body: bytes) -> SendAnswer | Fault:
        labels = [member.label for member in self._batch.members]
        return decode_send(body, labels if len(set(labels)) == len(labels) else ())

    def _take(self, answer: SendAnswer, node: str) -> None:
        if answer.ids is not None:
            self._record.accept_all(answer.ids, node)
        else:
            self._record.accept_rows(match(self._batch.members, answer.destinations), node)
        if self._record.has_open:
            self._record.left_unanswered()

    async def _settled(self, ended: Ended) -> bool:
        """Find out what is still open after one key; whether another key is to be tried."""
        window = self._calls.settings.retry.lookup_window
        if isinstance(ended, Finished):
            if isinstance(ended.value, Seen):
                # A 429 was not processed, so it can have used no id up.
                reached = any(attempt.verdict not in {Verdict.UNSENT, Verdict.THROTTLED} for attempt in ended.attempts)
                return await self._seen(ended.value, first=self._keys == 0 and not reached)
            if self._record.has_open:
                await self._search(window)
            return False
        if self._record.ambiguous:
            await self._search(window)
            return False
        if self._spoilt(ended):
            self.ending = Ending.REFUSED
            return False
        expired = self._expires_at < self._deadline
        self._fail_all([send_error(ended, key=member.key, expired=expired) for member in self._batch.members])
        return False

    def _spoilt(self, stopped: Stopped) -> bool:
        """Whether a batch of several callers was refused for what may be one message of it."""
        last = stopped.attempts[-1] if stopped.attempts else None
        if not self._shared or len(self._batch.members) < 2 or last is None:  # noqa: PLR2004 - one cannot be halved
            return False
        if last.verdict is not Verdict.PERMANENT:
            return False
        if last.code is None:
            return last.status in _SPOILT_STATUSES
        self.description = last.description
        return describe(last.code).scope == "recipient"

    async def _seen(self, seen: Seen, *, first: bool) -> bool:
        """Code 105; whether to send under another id."""
        record, policy = self._record, self._calls.settings.retry
        if first and self._batch.chosen:
            await self._repeated_by_caller(seen)
            return False
        if first and not record.ambiguous:
            # Nobody can have used an id that was just made: something between us and the platform
            # sent the request twice, and one of the two may have been taken.
            record.left_unanswered()
        if record.ambiguous:
            nothing = await self._search(policy.lookup_window)
            resend = self._calls.settings.on_unknown == "resend" and not self._batch.chosen
            return nothing and resend and self._keys + 1 < MOST_KEYS
        if self._batch.chosen:
            # Used up by our failed request, or by a call of the caller's before it: nobody can tell, so no other id
            # is ever tried for a chosen one.
            if await self._search(policy.lookup_window):
                await self._repeated_by_caller(seen)
            else:
                record.left_unanswered()
            return False
        nothing = await self._search(policy.lookup_interval)
        if nothing and self._keys + 1 < MOST_KEYS:
            return True
        if nothing:
            self._fail_all([_used_up(member.key, seen.node) for member in self._batch.members])
        record.left_unanswered()
        return False

    async def _repeated_by_caller(self, seen: Seen) -> None:
        members = self._batch.members
        look = await self._look([member.label for member in members])
        errors: list[SendError] = []
        for member in members:
            ids = self._record.taken_before(look, member)
            # Seen is not taken: without a witness the first sending is as unknown as any.
            errors.append(
                duplicate_error(seen.fault, node=seen.node, key=member.key, ids=ids)
                if ids
                else seen_error(seen.fault, self._record.evidence(member), node=seen.node)
            )
        self._fail_all(errors)
        if any(isinstance(error, OutcomeUnknown) for error in errors):
            self.whole_error = None

    async def _search(self, window: float) -> bool:
        """Look until all is found, the window has passed, or the deadline comes.

        Args:
            window: seconds after the last attempt that may have been taken.

        Returns:
            Whether "nothing was taken" is now believed: every node answered
            after the window, and not one message of the batch was found.
        """
        record, calls = self._record, self._calls
        last = record.last_maybe
        closes = (calls.clock.monotonic() if last is None else last) + window
        while labels := record.searchable():
            began = calls.clock.monotonic()
            look = await self._look(labels)
            record.found(look)
            if not record.has_open or look.blind:
                return False
            # A node that was silent may be the one that took it: then the last word waits for it.
            if began >= closes and not look.silent:
                return len(labels) == len(self._batch.members)  # all still open, and all could be found
            interval = calls.settings.retry.lookup_interval
            left = closes - calls.clock.monotonic()
            pause = min(interval, left) if left > 0 else interval
            if calls.clock.monotonic() + pause >= self._deadline:
                return False
            await calls.clock.sleep(pause)
        return False

    async def _look(self, labels: list[str]) -> Look:
        if self._lookup is None:
            self._lookup = LookUp(self._calls)
        return await self._lookup.look(labels, self._record.search_order(), deadline=self._deadline)

    def _fail_all(self, errors: Sequence[SendError]) -> None:
        self.whole_error = errors[0]
        for index, error in enumerate(errors):
            self._record.fail(index, error)


def _used_up(key: str, node: str) -> TemporarilyUnavailable:
    return TemporarilyUnavailable(
        f"{SEND}: every id of it was used up by a request that failed.",
        code=DUPLICATE,
        node=node,
        message_key=key,
        advice="Send it again later.",
    )
