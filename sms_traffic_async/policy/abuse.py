"""A guard for one-time codes: whoever can ask for a code can spend your money.

"SMS pumping" has a service send thousands of codes to numbers that earn the
attacker a share, and a code that is asked for again and again is a nuisance to
its owner. The guard decides before any I/O, and its refusal says nothing of why:
what an application shows to its user, it shows to the attacker. The operator
reads ``error.rule`` and ``guard.refused``.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from sms_traffic_async.clock import SYSTEM_CLOCK, Clock
from sms_traffic_async.complaints import Complaints
from sms_traffic_async.errors import ConfigurationError, InvalidMessage, NotSent, Rejected
from sms_traffic_async.messages import Message, Submission
from sms_traffic_async.policy.abuse_rules import AbuseRules
from sms_traffic_async.policy.abuse_store import AbuseStore, Claim, MemoryStore
from sms_traffic_async.secrets import Secret, mask_phone
from sms_traffic_async.telemetry import get_logger

if TYPE_CHECKING:
    from sms_traffic_async.fallback import Submit

__all__ = ("AbuseGuard", "AbuseRules", "Guarded", "Permit")

HOUR, HALF_DAY, DAY = 3600.0, 43_200.0, 86_400.0
NEIGHBOURHOOD = 20
NEIGHBOUR_WINDOW = 600.0
PEPPER_BYTES = 16

_log = get_logger("abuse")


class Guarded(NotSent):
    """The abuse guard refused a message. Its text may be shown to anybody.

    Attributes:
        rule: which of the rules, such as ``cooldown``; for the operator only.
        retry_after: seconds until the rule would let it through, if time helps.
    """

    def __init__(self, text: str, *, rule: str = "", retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(text, reason="guarded", **rest)
        self.rule = rule
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A message that may go.

    Attributes:
        message: it, with its time to live.
        claims: what was counted for it.
    """

    message: Message
    claims: tuple[Claim, ...]


class AbuseGuard:
    """Refuses one-time codes that look like abuse. Opt-in; make one, once, for each kind of message.

    Args:
        rules: what is allowed.
        store: where messages are counted; ``None`` counts in memory. Several
            processes need a store in common.
        pepper: the key under which numbers and texts are hashed before a store
            sees them; at least 16 characters, the same in every process. Needed with a ``store``.
        when_store_fails: ``refuse``, or ``allow`` what cannot be counted.
        clock: for the time of day.

    Attributes:
        refused: refusals, by rule.

    Raises:
        ConfigurationError: a store without a pepper.
    """

    def __init__(
        self,
        rules: AbuseRules,
        *,
        store: AbuseStore | None = None,
        pepper: str | Secret | None = None,
        when_store_fails: Literal["refuse", "allow"] = "refuse",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        key = pepper.reveal() if isinstance(pepper, Secret) else pepper
        del pepper  # a traceback printed with locals shows this frame
        if key is None and store is not None:
            raise ConfigurationError("a store needs pepper=: the same secret of at least 16 characters everywhere")
        self._key = secrets.token_bytes(32) if key is None else hashlib.sha256(key.encode()).digest()
        short = key is not None and len(key) < PEPPER_BYTES
        del key
        if short:
            raise ConfigurationError("pepper is a secret of at least 16 characters")
        if when_store_fails not in {"refuse", "allow"}:
            raise ConfigurationError("when_store_fails is 'refuse' or 'allow'")
        self.rules = rules
        self.refused: Counter[str] = Counter()
        self._store = MemoryStore() if store is None else store
        self._lenient = when_store_fails == "allow"
        self._clock = clock
        self._complaints = Complaints(_log, clock.monotonic)

    async def submit(
        self,
        submit: Submit,
        message: Message,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the deadline of the whole call
    ) -> Submission:
        """Send a message, if it may go.

        Args:
            submit: sends it, such as ``sms.v2.submit``.
            message: what to send.
            timeout: handed on.

        Raises:
            Guarded: it may not; nothing was sent.
            SendError, InvalidMessage: as ``submit`` does. What was not sent is not counted;
                what the platform refused costs no money, and counts otherwise.

        Cancellation: what was counted stays counted.
        """
        permit = await self.admit(message)
        try:
            return await submit(permit.message, timeout=timeout)
        except (NotSent, InvalidMessage):
            await self.give_back(permit.claims)
            raise
        except Rejected:
            await self.give_back([claim for claim in permit.claims if claim.rule == "budget"])
            raise

    async def admit(self, message: Message) -> Permit:
        """Count a message, if it may go.

        Returns:
            The message to send, with its time to live.

        Raises:
            Guarded: it may not go; nothing was counted.

        Cancellation: what the store counted by then stays counted.
        """
        rules = self.rules
        country = rules.country(message.to)
        if country is None:
            raise self._refusal(message, "country")
        parts = _parts(message)
        if parts > rules.max_parts:
            raise self._refusal(message, "max_parts")
        claims = self._claims(message, country, parts)
        failed: str | None = None
        over = None
        try:
            over = await self._store.take(claims, self._clock.wall())
        except Exception as error:  # noqa: BLE001 - a store of the caller's; whatever it raises, the rule decides
            failed = type(error).__name__
        if failed is not None:
            self._complaints.about("the store of the abuse guard failed (%s): the message was %s", failed,
                         "let through" if self._lenient else "refused")  # fmt: skip
            if not self._lenient:
                raise self._refusal(message, "store")
            claims = ()
        if over is not None:
            raise self._refusal(message, over.claim.rule, over.retry_after)
        if rules.ttl is not None and (message.expires_in is None or message.expires_in > rules.ttl):
            message = replace(message, expires_in=rules.ttl)
        return Permit(message=message, claims=claims)

    async def give_back(self, claims: Sequence[Claim]) -> None:
        """Nothing was sent for these. A store that fails is left as it is."""
        try:
            await self._store.give_back(claims, self._clock.wall())
        except Exception as error:  # noqa: BLE001 - the outcome of the message is what matters
            self._complaints.about("the store of the abuse guard failed (%s): limits stay used", type(error).__name__)

    def _claims(self, message: Message, country: str, parts: int) -> tuple[Claim, ...]:
        rules, phone = self.rules, message.to
        number = self._hash("number", phone)
        text = self._hash("text", f"{phone} {message.text}")
        claims = [
            Claim(rule="cooldown", key=f"c{number}", window=rules.cooldown, limit=1),
            Claim(rule="per_hour", key=f"h{number}", window=HOUR, limit=rules.per_hour),
            Claim(rule="per_day", key=f"d{number}", window=DAY, limit=rules.per_day),
            Claim(rule="same_text", key=f"t{text}", window=HOUR, limit=rules.same_text_per_hour),
            Claim(rule="same_text", key=f"u{text}", window=HALF_DAY, limit=rules.same_text_per_half_day),
        ]
        if rules.prefix_per_hour is not None:
            key = self._hash("prefix", phone[: rules.prefix_digits])
            claims.append(Claim(rule="prefix", key=f"p{key}", window=HOUR, limit=rules.prefix_per_hour))
        if rules.country_per_hour is not None:
            claims.append(Claim(rule="country_per_hour", key=f"l{country}", window=HOUR, limit=rules.country_per_hour))
        if rules.neighbours is not None:
            # Two rows of blocks, half a block apart: any ten numbers that stand together lie within one of them.
            for row in (0, NEIGHBOURHOOD // 2):
                key = self._hash("neighbours", f"{row} {len(phone)} {(int(phone) + row) // NEIGHBOURHOOD}")
                claims.append(
                    Claim(
                        rule="neighbours",
                        key=f"n{key}",
                        window=NEIGHBOUR_WINDOW,
                        limit=rules.neighbours,
                        member=number,
                    )
                )
        if rules.budget is not None:
            cost, budget = rules.cost(country, parts), rules.budget_cost()
            claims.append(Claim(rule="budget", key="budget", window=rules.budget_window, limit=budget, amount=cost))
        return tuple(claims)

    def _hash(self, kind: str, value: str) -> str:
        return hashlib.blake2b(f"{kind} {value}".encode(), key=self._key, digest_size=12).hexdigest()

    def _refusal(self, message: Message, rule: str, retry_after: float | None = None) -> Guarded:
        self.refused[rule] += 1
        _log.debug("%s was refused by the abuse guard: %s", mask_phone(message.to), rule)
        return Guarded(
            "A code cannot be sent to this number now.",
            rule=rule,
            retry_after=retry_after,
            advice="Try again later, or another way. (For the operator: error.rule names the rule.)",
        )


def _parts(message: Message) -> int:
    from sms_traffic_async.text import estimate_v2

    return estimate_v2(message.text, transliterate=message.transliterate).parts
