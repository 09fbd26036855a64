"""One unit of an outbox on its way: what is sent, what is only looked up, and what is known in the end.

Rules
-----
1. Nothing leaves before ``begin`` is committed, and nothing at all where the token was lost.
2. A unit that may have been taken is sent again only whole, only while its bytes are
   what they were, no member has expired, and the platform still knows its id; else it
   is only looked up. Refusals of the repeat then prove nothing about the first one.
3. Without a key (every protocol but v2) what may have been taken is not sent again,
   unless the session says ``on_unknown="resend"``.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from sms_traffic_async.errors import InvalidMessage, NotSent, RequestError, SendError
from sms_traffic_async.messages import Message, Submission, Via
from sms_traffic_async.outbox.codec import Codec, Unreadable
from sms_traffic_async.outbox.gate import Gate, Passage
from sms_traffic_async.outbox.requests import batch_of, digest_of, problem_of
from sms_traffic_async.outbox.store import Result, State, Store, Unit
from sms_traffic_async.outbox.verdicts import CHECK_SOONEST, again_after, result_of
from sms_traffic_async.protocols.http_v2.batch import Batch
from sms_traffic_async.session import SmsTraffic
from sms_traffic_async.storage.sqlite import StorageError
from sms_traffic_async.telemetry import ORIGINS

__all__ = ("Errand",)

REPEATABLE: Final = 55 * 60.0
"""Seconds for which a repeat under the same id is harmless: the platform's hour, less a margin."""
CHECK_LONGEST: Final = 300.0
NO_TURN: Final = 0.5

Readable: TypeAlias = list[tuple[str, Message]]
Wrong: TypeAlias = dict[str, InvalidMessage]


class Errand:
    """One claimed unit. Made for one use: ``results = await Errand(...).run()``.

    Args:
        sms: the session.
        store: where it came from.
        codec: reads its members.
        unit: what was claimed.
        via: the protocol.
        gate: what it passes before it is begun.
    """

    def __init__(self, sms: SmsTraffic, store: Store, codec: Codec, unit: Unit, via: Via, gate: Gate) -> None:
        self._sms = sms
        self._store = store
        self._codec = codec
        self._unit = unit
        self._via: Via = via
        self._gate = gate

    async def run(self) -> Sequence[Result] | None:
        """Send it or look it up.

        Returns:
            What became of its members; nothing where it was not begun; ``None`` where it is somebody else's now.

        Raises:
            StorageError: the store failed before anything was sent.

        Cancellation: what was begun is claimed again when its lease has run out, as one that may have been taken.
        """
        readable, results = self._read()
        if not readable:
            return results
        traces = tuple(dict.fromkeys(member.trace for member in self._unit.members if member.trace is not None))
        token = ORIGINS.set(traces)
        try:
            if self._via == "v2":
                return await self._keyed(readable, results)
            return await self._unkeyed(readable[0])
        finally:
            ORIGINS.reset(token)

    def _read(self) -> tuple[Readable, list[Result]]:
        readable: Readable = []
        results: list[Result] = []
        for member in self._unit.members:
            try:
                readable.append((member.id, self._codec.decode(member.body)))
            except Unreadable as error:
                state = State.UNKNOWN if self._unit.maybe else State.HELD
                results.append(Result(id=member.id, state=state, reason=str(error)))
        if results and not self._unit.maybe:
            # The others go out in another unit.
            results += [Result(id=id_, state=State.PENDING) for id_, _ in readable]
            return [], results
        return readable, results

    # --- v2

    async def _keyed(self, readable: Readable, results: list[Result]) -> Sequence[Result] | None:
        unit, settings = self._unit, self._sms.settings
        if unit.maybe and (results or not self._whole()):
            return results + await self._look(readable)
        if not unit.maybe:
            wrong: Wrong = {id_: problem for id_, message in readable if (problem := problem_of(message, settings))}
            if wrong:
                return _without(readable, wrong)
        try:
            batch = batch_of(unit.id, readable, settings)
        except InvalidMessage:
            return await self._look(readable)  # other settings than when it was sent first
        digest = digest_of(batch)
        if unit.maybe and unit.digest != digest:
            return await self._look(readable)
        # What was begun before has passed the guards, and was counted.
        passage = Passage() if unit.maybe else await self._gate.admit(readable)
        if passage.refused:
            await passage.not_sent()
            return _without(readable, passage.refused)
        begun = False
        try:
            if not await self._turn(readable):
                return self._later(readable)
            begun = await self._store.begin(unit, digest=digest)
        finally:
            if not begun:
                await passage.not_sent()
        return await self._deliver(batch, readable, passage) if begun else None

    async def _turn(self, readable: Readable) -> bool:
        return await self._gate.turn([message for _, message in readable], self._lives())

    def _lives(self) -> float | None:
        return min((member.lives for member in self._unit.members if member.lives is not None), default=None)

    def _later(self, readable: Readable) -> list[Result]:
        """Its turn would come when one of them has expired."""
        state = State.AMBIGUOUS if self._unit.maybe else State.PENDING
        return [Result(id=id_, state=state, after=NO_TURN) for id_, _ in readable]

    def _whole(self) -> bool:
        unit, ttl = self._unit, self._gate.guard_ttl
        alive = all(member.open and (member.lives is None or member.lives > 0) for member in unit.members)
        return alive and unit.age is not None and unit.age < min(REPEATABLE, math.inf if ttl is None else ttl)

    async def _deliver(self, batch: Batch, readable: Readable, passage: Passage) -> Sequence[Result]:
        unit, settings = self._unit, self._sms.settings
        lives = [one for one in (self._lives(), passage.ttl) if one is not None]
        try:
            outcomes = await self._sms.v2.deliver(
                batch,
                timeout=settings.timeouts.deadline + settings.retry.lookup_window,
                expires_in=min(lives) if lives else None,
                since=unit.idle if unit.maybe else None,
            )
        except NotSent as error:  # a guard: it does not say who of several
            if unit.maybe:
                return await self._look(readable)
            outcomes = None if len(readable) > 1 else (error,)
        if outcomes is None:
            await passage.not_sent()
            crowd = max(1, len(readable) // 2)
            return [Result(id=id_, state=State.PENDING, crowd=crowd) for id_, _ in readable]
        await passage.sent({id_: outcome for (id_, _), outcome in zip(readable, outcomes, strict=True)})
        await self._heard(outcomes)
        results = [
            result_of(id_, outcome, attempts=self._attempts(index), keyed=True)
            for index, ((id_, _), outcome) in enumerate(zip(readable, outcomes, strict=True))
        ]
        # Perhaps one alone has no route, or there is money for some: whoever is held goes in smaller company next time.
        crowd = max(1, len(readable) // 2)
        return [replace(one, crowd=crowd) if one.state is State.HELD else one for one in results]

    async def _heard(self, outcomes: Sequence[Submission | SendError | InvalidMessage]) -> None:
        # That the others were not told to wait changes nothing about what is known of these.
        with contextlib.suppress(StorageError):
            await self._gate.heard(outcomes)

    def _attempts(self, index: int) -> int:
        return max(self._unit.attempts, self._unit.members[index].attempts)

    async def _look(self, readable: Readable) -> list[Result]:
        """Ask what became of members that nobody may send again."""
        unit, settings = self._unit, self._sms.settings
        still = {member.id for member in unit.members if member.open}
        labels = {id_: id_ for id_, message in readable if id_ in still and message.tracking_data is None}
        found: dict[str, tuple[str, ...]] = {}
        asked = not labels
        if labels:
            try:
                reply = await self._sms.v2.statuses(tracking_data=list(labels))
            except RequestError:
                pass
            else:
                asked = True
                for update in reply.found:
                    label = update.tracking_data or ""
                    found[label] = (*found.get(label, ()), update.message_id)
        idle = unit.idle or 0.0
        over = idle > settings.retry.lookup_window and (asked or idle > REPEATABLE)
        results: list[Result] = []
        for id_ in still:
            if id_ in found:
                results.append(Result(id=id_, state=State.ACCEPTED, message_ids=tuple(dict.fromkeys(found[id_]))))
            elif over:
                reason = "it may have been taken, and no node knows it: resolve it or retry it"
                results.append(Result(id=id_, state=State.UNKNOWN, reason=reason))
            else:
                after = again_after(unit.attempts, CHECK_SOONEST, CHECK_LONGEST)
                results.append(Result(id=id_, state=State.AMBIGUOUS, after=after))
        return results

    # --- the others

    async def _unkeyed(self, one: tuple[str, Message]) -> Sequence[Result] | None:
        unit = self._unit
        id_, message = one
        if unit.maybe and self._sms.settings.on_unknown != "resend":
            reason = "the process ended while it was being sent: resolve it or retry it"
            return [Result(id=id_, state=State.UNKNOWN, reason=reason)]
        lives = unit.members[0].lives
        if lives is not None and lives <= 0:
            state = State.UNKNOWN if unit.maybe else State.EXPIRED
            return [Result(id=id_, state=state, reason="its time to live has passed")]
        if not await self._turn([one]):
            return self._later([one])
        if not await self._store.begin(unit):
            return None
        outcome: Submission | SendError | InvalidMessage
        try:
            outcome = await self._sms.send(_living(message, lives), via=self._via)
        except (SendError, InvalidMessage) as error:
            outcome = error.with_traceback(None)
        await self._heard([outcome])
        return [result_of(id_, outcome, attempts=self._attempts(0), keyed=False)]


def _living(message: Message, lives: float | None) -> Message:
    if lives is None:
        return message
    return replace(message, expires_in=lives)


def _without(readable: Readable, refused: Wrong | Mapping[str, NotSent]) -> list[Result]:
    """Refuse some, and have the others go out in another unit."""
    return [
        result_of(id_, refused[id_], attempts=1, keyed=True) if id_ in refused else Result(id=id_, state=State.PENDING)
        for id_, _ in readable
    ]
