"""The one retry policy: what a failed attempt means, and what is done next.

Every protocol (HTTP v2 and v1, SOAP, SMPP, SMTP) tells how far an attempt got
as a ``Verdict``; ``decide`` says what comes next. It is a pure function.

Rules
-----
1. **Outcome before name.** Only the verdict decides, never the name of an
   exception. Whatever is not provably unsent and has no complete answer is
   ``AMBIGUOUS``.
2. **N1, free failover.** While every attempt was ``UNSENT`` or ``REFUSED``, the
   next one goes to another node.
3. **N2, sticky.** After the first ``AMBIGUOUS`` attempt a send belongs to that
   node and is repeated nowhere else, whatever the later attempts say: whether
   the nodes share their restrictiveIds is not known (U1).
4. **An unkeyed ambiguous send is not repeated** (``UNKEYED_SEND``), unless the
   caller chose it (``RESENDING_SEND``), and then three times an hour at most.
5. **A key lives an hour.** A keyed send is repeated after an ambiguous attempt
   only within ``policy.window`` of the first attempt.
6. **What the platform asks for is waited for**, on the node that asked, from
   nothing to a tenth longer, and does not count as an attempt.
7. **No wait that would reach the deadline is begun.** It ends at once, with the
   wait that was asked for.
8. **Bounded.** ``policy.max_attempts`` bounds the attempts of a call; every
   repeat of an unsent, refused or throttled attempt is paid from the failed
   node's budget. Settling an ambiguous attempt is not.
9. **A certificate that is not accepted** (``UNSENT`` with a ``TlsError`` as its
   cause) is tried once on each node and never again.

The table
---------
=============  =====================================  =================================
last verdict   node                                   wait
=============  =====================================  =================================
``PERMANENT``  stop
``UNSENT``     the one tried longest ago (N1)         none while a node is untried, then
                                                      full jitter
``REFUSED``    the one tried longest ago (N1)         from 1 s, doubling, +0–50 %
``THROTTLED``  the same; with ``node_limits``         as asked (+0–10 %), else from 1 s,
               one that is not throttled, at once     doubling, +0–50 %
``AMBIGUOUS``  send: the same (N2)                    as asked, else full jitter
               query: the one tried longest ago
=============  =====================================  =================================

Full jitter is random from 0 to ``min(max_delay, base_delay * 2**n)``. A pinned
call (a report) knows one node only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sms_traffic_async.errors import TlsError
from sms_traffic_async.policy.attempts import (
    KEYED_SEND,
    QUERY,
    REPORT,
    RESENDING_SEND,
    UNKEYED_SEND,
    Attempt,
    CallRules,
    History,
    Operation,
    Verdict,
    pinned,
)
from sms_traffic_async.policy.retry_after import with_jitter
from sms_traffic_async.settings import RetryPolicy

__all__ = (
    "KEYED_SEND",
    "QUERY",
    "REPORT",
    "RESENDING_SEND",
    "UNKEYED_SEND",
    "Again",
    "Attempt",
    "CallRules",
    "Decision",
    "History",
    "Operation",
    "Stop",
    "StopReason",
    "Verdict",
    "decide",
    "latest_start",
    "pinned",
    "throttle_delay",
)

StopReason: TypeAlias = Literal[
    "permanent", "tls", "ambiguous", "attempts", "budget", "window", "deadline", "overloaded", "local"
]

_HOUR = 3600.0
_PACE = 1.0
_SPREAD = 0.5
# 2**n past this is over any max_delay, and a float must not overflow on a long history.
_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Try again, on this node, after so many seconds."""

    node: str
    delay: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Do not try again.

    Attributes:
        reason: ``permanent`` (the platform said no), ``tls`` (no node's
            certificate was accepted), ``ambiguous`` (a repeat could be a
            second SMS), ``attempts``, ``budget``, ``window`` (the key's hour is
            over), ``deadline`` (the next wait would reach it). And never from
            ``decide``: ``overloaded`` (no free place in time), ``local`` (this
            process could not go on with a call that may have been taken).
        retry_after: seconds the platform asked to wait, if it did.
    """

    reason: StopReason
    retry_after: float | None = None


Decision: TypeAlias = Again | Stop


def decide(
    history: History,
    now: float,
    *,
    policy: RetryPolicy,
    deadline: float,
    order: Sequence[str],
    chance: float,
    affordable: bool,
) -> Decision:
    """What comes after the last attempt of ``history``.

    Args:
        history: the call so far, at least one attempt.
        now: monotonic seconds.
        policy: the numbers.
        deadline: monotonic seconds; no attempt is begun at or after it.
        order: the nodes that may be asked, best first; at least one.
        chance: a number in [0, 1), for jitter.
        affordable: whether the failed node's budget can pay for a repeat.
    """
    last = history.last
    reason = _ending(history, now, policy, affordable)
    if reason is not None:
        return Stop(reason=reason, retry_after=last.retry_after)
    node = _next_node(history, order)
    if last.verdict is Verdict.UNSENT and isinstance(last.cause, TlsError) and _tried(history, node):
        return Stop(reason="tls")
    delay = _delay(history, node, policy, chance)
    if now + delay >= latest_start(history, policy, deadline):
        reason = "deadline" if now + delay >= deadline else "window"
        return Stop(reason=reason, retry_after=last.retry_after)
    return Again(node=node, delay=delay)


def latest_start(history: History, policy: RetryPolicy, deadline: float) -> float:
    """The moment from which no further attempt may begin: the deadline, or the end of the key's hour (rule 5)."""
    if history.rules.keyed and history.ambiguous:
        return min(deadline, history.first_at + policy.window)
    return deadline


def throttle_delay(history: History, policy: RetryPolicy, chance: float) -> float:
    """Seconds for which the last, throttled attempt closes its operation on its node."""
    asked = history.last.retry_after
    if asked is not None:
        return with_jitter(asked, chance)
    unasked = sum(a.verdict is Verdict.THROTTLED and a.retry_after is None for a in history.attempts)
    return _paced(unasked - 1, policy, chance)


def _ending(history: History, now: float, policy: RetryPolicy, affordable: bool) -> StopReason | None:
    ambiguous = history.ambiguous
    if ambiguous and not history.rules.repeat_ambiguous:
        return "ambiguous"
    if history.last.verdict is Verdict.PERMANENT:
        return "permanent"
    if _resends_spent(history, now):
        return "ambiguous"
    if history.counted >= policy.max_attempts:
        return "attempts"
    if not affordable and not ambiguous:
        return "budget"
    return None


def _resends_spent(history: History, now: float) -> bool:
    limit = history.rules.resends
    if limit is None:
        return False
    recent = sum(a.verdict is Verdict.AMBIGUOUS and a.ended > now - _HOUR for a in history.attempts)
    return recent > limit


def _next_node(history: History, order: Sequence[str]) -> str:
    last = history.last
    bound = history.bound
    if bound is not None:
        return bound
    if last.verdict is Verdict.THROTTLED:
        return _unthrottled(history, order) if history.rules.node_limits else last.node
    latest = {attempt.node: index for index, attempt in enumerate(history.attempts)}
    return min(order, key=lambda node: latest.get(node, -1))


def _unthrottled(history: History, order: Sequence[str]) -> str:
    latest = {attempt.node: attempt.verdict for attempt in history.attempts}
    return next((node for node in order if latest.get(node) is not Verdict.THROTTLED), history.last.node)


def _delay(history: History, node: str, policy: RetryPolicy, chance: float) -> float:
    last = history.last
    moved = node != last.node
    if last.verdict is Verdict.THROTTLED:
        return 0.0 if moved else throttle_delay(history, policy, chance)
    if last.retry_after is not None and not moved:
        return with_jitter(last.retry_after, chance)
    if last.verdict is Verdict.UNSENT and not _tried(history, node):
        return 0.0
    if last.verdict is Verdict.REFUSED:
        return _paced(_repeats(history), policy, chance)
    return chance * min(policy.max_delay, policy.base_delay * 2.0 ** _repeats(history))


def _repeats(history: History) -> int:
    """How often a node was asked again: the first attempt on each node is not a repeat."""
    counted = [attempt.node for attempt in history.attempts if attempt.verdict is not Verdict.THROTTLED]
    return min(len(counted) - len(set(counted)), _MAX_DOUBLINGS)


def _paced(doublings: int, policy: RetryPolicy, chance: float) -> float:
    return min(policy.max_delay, _PACE * 2.0 ** min(doublings, _MAX_DOUBLINGS) * (1.0 + _SPREAD * chance))


def _tried(history: History, node: str) -> bool:
    return any(attempt.node == node for attempt in history.attempts)
