"""Who may go, and when: the guards of the session, and the rate that workers share.

A session asks its guards message by message; a unit of v2 passes them here,
before it is begun. Whoever is refused stays behind, and the others go in another
unit, because the members of one are never changed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sms_traffic_async.clock import Clock
from sms_traffic_async.errors import InvalidMessage, NotSent, RateLimited, Rejected, SendError
from sms_traffic_async.messages import Message, Submission, Via
from sms_traffic_async.outbox.store import Turns
from sms_traffic_async.policy.guards import OnlyTo
from sms_traffic_async.settings import Settings
from sms_traffic_async.text import estimate_v2

if TYPE_CHECKING:
    from sms_traffic_async.policy.abuse import AbuseGuard
    from sms_traffic_async.policy.abuse_store import Claim

__all__ = ("Gate", "Passage", "share_of")

PAUSE: Final = 1.0
"""Seconds, where the platform said "too many" and not for how long."""


def share_of(settings: Settings, via: Via) -> tuple[str, float] | None:
    """The account whose rate is shared by workers, and the rate; ``None`` for no limit of ours.

    Requests a second (v2, v1, SOAP) or SMS parts a second (SMPP). Nothing of the name is secret.
    """
    credentials = settings.credentials
    if via == "smtp":
        return None
    if via == "smpp" and settings.smpp is not None:
        rate, name = settings.smpp.rate, settings.smpp.system_id or credentials.login
    elif via == "v2" and credentials.api_key is not None:
        rate, name = settings.http.rate, credentials.api_key.reveal().partition("/")[0]
    else:
        rate, name = settings.http.rate, credentials.login
        via = "v1"  # SOAP spends the same
    return None if rate is None or not name else (f"{via} {name}", rate)


class Passage:
    """Messages at the gate.

    Attributes:
        refused: those that may not go, by id.
        ttl: seconds that the guard gives to the others; ``None`` for any.
    """

    __slots__ = ("_claims", "_guard", "refused", "ttl")

    def __init__(self, guard: AbuseGuard | None = None) -> None:
        self._guard = guard
        self._claims: dict[str, tuple[Claim, ...]] = {}
        self.refused: dict[str, NotSent] = {}
        self.ttl: float | None = None

    def let(self, id_: str, claims: tuple[Claim, ...]) -> None:
        """One may go, and was counted."""
        self._claims[id_] = claims

    async def not_sent(self) -> None:
        """None of them went: what was counted is given back."""
        if self._guard is not None:
            await self._guard.give_back([claim for claims in self._claims.values() for claim in claims])
        self._claims.clear()

    async def sent(self, outcomes: Mapping[str, Submission | SendError | InvalidMessage]) -> None:
        """What the platform said of each: what was not sent does not count, what was refused costs nothing."""
        if self._guard is None:
            return
        back: list[Claim] = []
        for id_, claims in self._claims.items():
            outcome = outcomes.get(id_)
            if isinstance(outcome, (NotSent, InvalidMessage)):
                back += claims
            elif isinstance(outcome, Rejected):
                back += [claim for claim in claims if claim.rule == "budget"]
        if back:
            await self._guard.give_back(back)


class Gate:
    """What the units of one worker pass before they are begun.

    Args:
        guard: of the session.
        turns: the shared rate.
        via: the protocol.
        clock: time.
    """

    def __init__(self, guard: AbuseGuard | None, turns: Turns | None, via: Via, clock: Clock) -> None:
        self._guard = guard
        self._turns = turns
        self._only_to = OnlyTo.from_env()
        self._in_parts = via == "smpp"
        self._clock = clock

    @property
    def guard_ttl(self) -> float | None:
        """Seconds that the guard lets any message live."""
        return None if self._guard is None else self._guard.rules.ttl

    async def admit(self, messages: Sequence[tuple[str, Message]]) -> Passage:
        """Ask the guards about each message; those that may go are counted by the abuse guard."""
        passage = Passage(self._guard)
        for id_, message in messages:
            refusal = self._only_to.refusal((message.to,))
            if refusal is not None:
                passage.refused[id_] = refusal
            elif self._guard is not None:
                try:
                    permit = await self._guard.admit(message)
                except NotSent as error:
                    passage.refused[id_] = error.with_traceback(None)
                    continue
                passage.let(id_, permit.claims)
                passage.ttl = self._guard.rules.ttl
        return passage

    async def turn(self, messages: Iterable[Message], lives: float | None) -> bool:
        """Wait for a turn at the shared rate; ``False``: it would come after ``lives`` seconds.

        Raises:
            StorageError: the rate cannot be asked for. Nothing was sent.
        """
        if self._turns is None:
            return True
        cost = 1.0
        if self._in_parts:
            cost = float(sum(estimate_v2(one.text, transliterate=one.transliterate).parts for one in messages))
        before = math.inf if lives is None else self._clock.monotonic() + lives
        return await self._turns.wait(cost, before=before)

    async def heard(self, outcomes: Iterable[Submission | SendError | InvalidMessage]) -> None:
        """Where the platform said "too many", nobody has a turn for as long as it said.

        Raises:
            StorageError: the others were not told.
        """
        if self._turns is None:
            return
        waits = [one.retry_after or PAUSE for one in outcomes if isinstance(one, RateLimited)]
        if waits:
            await self._turns.pause(max(waits))
