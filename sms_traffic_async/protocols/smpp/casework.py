"""What becomes of each message: refusals, repeats, deadlines, losses, and the error at the end.

The slow half of `desk.Desk`. Rules (docs/reliability.md, rows 18 to 29 and "Without a key")
-----------------------------------------------------------------------------------
1. A message of which nothing was written, or all of whose parts were refused,
   was not sent, and says so: `NotSent`, or the refusal. As long as that is so it
   may go to any server (N1).
2. A part that was written and has no answer may have been taken. With
   ``on_unknown="raise"`` nothing more of its message is written, and the outcome
   is unknown, unless an answer still comes in time. With ``"resend"`` the parts
   without answer, and only these, go again: to the same server (N2), with the
   same reference, within two minutes, twice at most.
3. ESME_RTHROTTLED and ESME_RMSGQFUL put a part back where it was; the brakes
   say when. ESME_RSYSERR and ESME_RSUBMITFAIL: three tries, then the other server.
4. Where some parts were taken and one was refused, the outcome is not
   "rejected": that would mean that no SMS goes out, and some handsets show what
   they have. It is unknown, and its evidence says which parts were taken; code
   and advice are those of the refusal.
5. What is known is recorded before the caller is told. A caller that went away
   changes nothing for what was written: its answer is recorded all the same.
6. A message that has begun is brought to its end even if its caller goes away:
   half of a message is of no use to anybody, and costs money.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import SendError
from sms_traffic_async.lifecycle import Life
from sms_traffic_async.policy.attempts import RESENDS_PER_HOUR
from sms_traffic_async.policy.rate import RateLimiter
from sms_traffic_async.protocols.smpp.admission import Admission
from sms_traffic_async.protocols.smpp.brake import Brake
from sms_traffic_async.protocols.smpp.failures import SUBMIT, Meaning, ruling_of
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.parcel import Parcel, submission
from sms_traffic_async.protocols.smpp.queue import SubmitQueue
from sms_traffic_async.protocols.smpp.receiving import Receiving
from sms_traffic_async.protocols.smpp.verdicts import Verdicts
from sms_traffic_async.protocols.smpp.vocabulary import CommandStatus
from sms_traffic_async.settings_smpp import SmppOptions
from sms_traffic_async.telemetry import SendFinished, Telemetry

__all__ = ("Casework", "Token")

Token = Parcel | tuple[Parcel, int]
"""What goes with a submit_sm: a message of one part, or a message and which of its parts."""

REPEAT_WITHIN: Final = 120.0
TRIES: Final = 3
FIRST_REST: Final = 0.5
THROTTLE_LONGEST: Final = 10.0
THROTTLE_FIRST: Final = 0.1
FULL_LONGEST: Final = 60.0
FULL_FIRST: Final = 1.0

_COUNTED: Final = ("accepted", "rejected", "not_sent", "unknown", "late", "throttled", "full", "repeated")
_NEVER: Final = float("inf")
SLACK: Final = 1000


class Casework(Verdicts):
    """Queue, brakes, deadlines and outcomes of one account. Not for use by itself.

    Attributes:
        queue: what waits to be written.
        admission: who waits for room in it.
        receiving: what comes in.
        wanted: servers that a message may go to only.
    """

    def __init__(
        self,
        *,
        options: SmppOptions,
        clock: Clock,
        telemetry: Telemetry,
        life: Life,
        limiter: RateLimiter,
        receiving: Receiving,
    ) -> None:
        super().__init__(clock=clock, limiter=limiter, throttle=Brake(THROTTLE_LONGEST))
        self.queue: SubmitQueue = SubmitQueue(options.queue)
        self.admission: Admission = Admission(lambda: self.queue.limit - self.queue.parts, life.calls, life.forget)
        self.receiving = receiving
        self.wanted: set[str] = set()
        self.want: Callable[[str], None] = self.wanted.add
        self.names: tuple[str, ...] = tuple(server.name for server in options.nodes)
        self.counts: dict[str, int] = {name: 0 for name in _COUNTED}  # noqa: C420 - else typed by the literals
        self._options = options
        self._telemetry = telemetry
        self._life = life
        # By `Parcel.until`: most is later than the one before, and stands in a queue; the others on a heap.
        self._line: deque[Parcel] = deque()
        self._deadlines: list[tuple[float, int, Parcel]] = []
        self._open: int = 0

    # --- answers

    def _part_accepted(self, parcel: Parcel, index: int, message_id: str, now: float, *, late: bool) -> None:
        if message_id:
            self.receiving.submitted(message_id, now)
        if not late:
            parcel.flying -= 1
        ids = parcel.ids
        if ids is None:
            ids = parcel.ids = {}
        ids.setdefault(index, message_id)
        if parcel.unanswered is not None:
            parcel.unanswered.pop(index, None)
            self._withdraw_part(parcel, index)
        if parcel.settled:
            self.counts["late"] += 1
        elif len(ids) == parcel.count:
            accepted_at = datetime.fromtimestamp(self._clock.wall(), UTC)
            self._settle(parcel, "accepted", None, now)
            sent = submission(parcel, parcel.message_ids, accepted_at)
            if self._telemetry.accepted is not None:
                self._telemetry.accepted(sent)
            parcel.accept(sent)
        elif not parcel.flying:
            self._consider(parcel, now)

    def _withdraw_part(self, parcel: Parcel, index: int) -> None:
        """A part that was to be repeated has its answer after all."""
        todo = parcel.todo
        if parcel.pending and (todo is None or index in todo):
            self.queue.parts -= 1
            parcel.pending -= 1
            if todo is not None:
                todo.remove(index)

    def _part_refused(
        self, link: Link, token: Token, parcel: Parcel, index: int, status: CommandStatus, now: float, *, late: bool
    ) -> None:
        meaning = ruling_of(status).meaning
        if not late:
            parcel.flying -= 1
        else:
            (parcel.unanswered or {}).pop(index, None)
        if meaning is Meaning.THROTTLED:
            self._throttled(token, now)
        elif meaning is Meaning.FULL:
            self.counts["full"] += 1
            link.brake.refused(token, now, base=FULL_FIRST, chance=self._clock.random())
        if status == CommandStatus.ESME_RINVCMDLEN and not late:
            link.leave()  # the peer has lost its place in our octets, and another link is the only way to find it
        if parcel.settled:
            return
        parcel.refusal, parcel.refused_by = int(status), link.server
        if parcel.final or late:
            parcel.refused |= {index}
            self._consider(parcel, now)
        elif meaning is Meaning.THROTTLED or meaning is Meaning.FULL:
            parcel.repeats += 1
            self.queue.give_back(parcel, index)
        elif meaning is Meaning.AGAIN:
            self._try_again(parcel, index, link, now)
        else:
            parcel.final = True
            parcel.refused |= {index}
            self.queue.drop(parcel)
            self._consider(parcel, now)

    def _throttled(self, token: Token, now: float) -> None:
        self.counts["throttled"] += 1
        allowed = self.limiter.allowed
        base = THROTTLE_FIRST if allowed == _NEVER else min(max(1.0 / allowed, THROTTLE_FIRST), 1.0)
        if self.throttle.refused(token, now, base=base, chance=self._clock.random()):
            self.limiter.throttled(now)

    def _try_again(self, parcel: Parcel, index: int, link: Link, now: float) -> None:
        parcel.repeats += 1
        count = parcel.tries.get(link.server, 0) + 1
        tries = parcel.tries = {**parcel.tries, link.server: count}
        if count < TRIES:
            parcel.rests = True
            wait = FIRST_REST * 2.0 ** (count - 1) * (1.0 + 0.5 * self._clock.random())
            parcel.rests_until = now + wait
            self.queue.give_back(parcel, index)
            self._watch(parcel, parcel.rests_until)
            return
        other = next((name for name in self.names if tries.get(name, 0) < TRIES), None)
        if other is None or parcel.unanswered:
            parcel.final = True
            parcel.refused |= {index}
            self.queue.drop(parcel)
            self._consider(parcel, now)
            return
        parcel.bound_to = other
        self.queue.give_back(parcel, index)
        self.want(other)

    # --- losses

    def _part_lost(self, link: Link, token: Token, sequence: int, now: float, *, may_come: bool) -> None:
        """A part was written, and nobody can tell whether it was taken."""
        parcel, index = token if isinstance(token, tuple) else (token, 0)
        parcel.sequence = sequence
        self.throttle.forgotten(token)
        link.brake.forgotten(token)
        parcel.flying -= 1
        if parcel.unanswered is None:
            parcel.unanswered = {}
        repeated = parcel.unanswered[index] = parcel.unanswered.get(index, -1) + 1
        if parcel.settled:
            return
        may_repeat = parcel.resend and not parcel.final and parcel.is_awaited and repeated < RESENDS_PER_HOUR
        if may_repeat and now < parcel.repeats_until:
            if parcel.repeats_until == _NEVER:
                parcel.repeats_until = now + REPEAT_WITHIN
                self._watch(parcel, parcel.repeats_until)
            parcel.bound_to = link.server
            parcel.repeats += 1
            self.counts["repeated"] += 1
            self.queue.give_back(parcel, index)
            self.want(link.server)
            return
        self.queue.drop(parcel)
        if may_come:
            link.overdue.add(parcel)
            parcel.late_until = now + self._options.late_timeout - self._options.response_timeout
            self._watch(parcel, parcel.late_until)
        self._consider(parcel, now)

    def _never_left(self, link: Link, token: Token) -> None:
        """A part was registered and not written: it is where it was before."""
        parcel, index = token if isinstance(token, tuple) else (token, 0)
        self.throttle.forgotten(token)
        link.brake.forgotten(token)
        parcel.flying -= 1
        if not parcel.settled and not parcel.final:
            self.queue.give_back(parcel, index)

    # --- ends

    def _consider(self, parcel: Parcel, now: float) -> None:
        """Whether the message has come to its end."""
        if parcel.settled or parcel.flying or parcel.pending or now < parcel.late_until:
            return
        self.conclude(parcel, now, "")

    def conclude(self, parcel: Parcel, now: float, why: str) -> None:
        """It ends here, with what is known.

        Args:
            parcel: the message.
            now: the time.
            why: ``closed``, ``expired`` or ``deadline``; empty where its parts say it.
        """
        if parcel.settled:
            return
        error = self.error_of(parcel, now, why)
        error_code = error.code
        self._settle(parcel, error.outcome.value, error_code, now)
        parcel.fail(error)

    def _settle(self, parcel: Parcel, outcome: str, code: int | None, now: float) -> None:
        parcel.settled = True
        self._open -= 1
        if parcel.pending:
            self.queue.drop(parcel)
            if self.admission.waiting:
                self.admission.call()
        self.counts[outcome] += 1
        self._telemetry.stats.count(f"{SUBMIT}.{outcome}")
        if self._telemetry.hooks:
            self._tell(parcel, outcome, code, now)
        self._life.forget(parcel)

    def _tell(self, parcel: Parcel, outcome: str, code: int | None, now: float) -> None:
        seconds = now - parcel.put_at
        self._telemetry.emit(
            SendFinished(via="smpp", outcome=outcome, attempts=parcel.repeats + 1, seconds=seconds, code=code)
        )

    # --- deadlines

    def _watch(self, parcel: Parcel, moment: float) -> None:
        heapq.heappush(self._deadlines, (moment, parcel.number, parcel))
        self._wake_at(moment)

    def _wake_at(self, moment: float) -> None:
        raise NotImplementedError

    def _expire(self, now: float) -> None:
        """Whatever is due for messages."""
        heap, line = self._deadlines, self._line
        while heap and (heap[0][0] <= now or heap[0][2].settled):
            parcel = heapq.heappop(heap)[2]
            if not parcel.settled:
                self._on_time(parcel, now)
        while line and (line[0].until <= now or line[0].settled):
            parcel = line.popleft()
            if not parcel.settled:
                self._on_time(parcel, now)
        self._compact()

    def _compact(self) -> None:
        heap, line = self._deadlines, self._line
        while line and line[0].settled:
            line.popleft()
        if len(heap) + len(line) > SLACK + 4 * self._open:
            heap[:] = [entry for entry in heap if not entry[2].settled]
            heapq.heapify(heap)
            kept = [parcel for parcel in line if not parcel.settled]
            line.clear()
            line.extend(kept)

    def _on_time(self, parcel: Parcel, now: float) -> None:
        if now >= parcel.deadline:
            self.conclude(parcel, now, "deadline")
            return
        if now >= parcel.expires_at and not parcel.begun:
            self.conclude(parcel, now, "expired")
            return
        if parcel.rests and now >= parcel.rests_until:
            parcel.rests = False
            self.queue.give_back(parcel)
        if now >= parcel.repeats_until:
            self.queue.drop(parcel)
        self._consider(parcel, now)
        if not parcel.settled and parcel.expires_at <= now:
            self._watch(parcel, parcel.deadline)

    # --- the caller's side

    async def room(self, parcel: Parcel) -> None:
        """Wait until the queue has room, which is the caller's then.

        Raises:
            NotSent: ``overloaded``, ``expired`` or ``closed``.

        Cancellation: nothing was sent.
        """
        answer = await self.admission.wait(parcel)
        if answer == "come":
            parcel.put_at = asyncio.get_running_loop().time()
            return
        why = answer if answer == "closed" else "expired" if parcel.expires_at < parcel.deadline else "overloaded"
        self.counts["not_sent"] += 1
        self._telemetry.stats.count(f"{SUBMIT}.not_sent")
        if self._telemetry.hooks:
            self._tell(parcel, "not_sent", None, asyncio.get_running_loop().time())
        raise self.not_sent(parcel.key, why)

    def abandon(self, parcel: Parcel, now: float) -> None:
        """Its caller went away. What was not begun is never written."""
        if not parcel.settled and not parcel.begun:
            self._settle(parcel, "not_sent", None, now)

    def interrupt(self, parcel: Parcel, now: float) -> None:
        """The session closes, or its `send_many` was left: nothing more of it is written. Answers are waited for."""
        if not parcel.begun:
            self.conclude(parcel, now, "closed")
            return
        parcel.resend = False
        self.queue.drop(parcel)
        self._consider(parcel, now)

    def evict(self, error: Callable[[str], SendError], now: float) -> None:
        """Nothing can leave any more, for this reason: whoever waits for it is told."""
        for parcel in self.waiting():
            if not parcel.begun:
                failure = error(parcel.key)
                self._settle(parcel, failure.outcome.value, failure.code, now)
                parcel.fail(failure)

    def waiting(self) -> list[Parcel]:
        """Every message without an outcome, in the order of coming."""
        parcels = (*(entry[2] for entry in self._deadlines), *self._line)
        found = {parcel.number: parcel for parcel in parcels if not parcel.settled}
        return [found[number] for number in sorted(found)]

    @property
    def open(self) -> int:
        """Messages without an outcome."""
        return self._open
