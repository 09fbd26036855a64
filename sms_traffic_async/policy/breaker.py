"""The health of one node, told by the requests that go there anyway.

Rules
-----
1. A *failure* is an attempt without a complete answer (``UNSENT``,
   ``AMBIGUOUS``). Any complete answer, be it 429, code 1000 or a refusal, proves
   the node alive.
2. ``OPEN``: after 5 failures in a row, or when within 10 s half of at least 20
   attempts failed.
3. An open node is probed by one request at a time after 5 s, 10 s, 20 s ... 60 s.
   Any answer, the probe's or another request's, closes it.
4. ``RECOVERING``: for 30 s after that; probed every 10 s. A failed probe opens
   it again, a failed request starts the 30 s again.
5. ``SUSPECT``: requests are in flight and not one byte came for 2 s. It ends with
   the next byte. When the silence ended by giving up instead, it stays until the
   node is heard, and is probed like an open one.

The machine is passive: nothing happens by itself, every method costs O(1), and
time and chance are arguments.
"""

from __future__ import annotations

import enum
import math

from sms_traffic_async.policy.attempts import Verdict

__all__ = ("Breaker", "NodeState")

FAILURES_IN_A_ROW = 5
WINDOW_SECONDS = 10
WINDOW_LEAST = 20
WINDOW_SHARE = 0.5
FIRST_PROBE = 5.0
LONGEST_PROBE = 60.0
RECOVERY = 30.0
RECHECK = 10.0
PROBE_LEASE = 30.0
"""A probe that was taken and never reported (its client was closed) blocks the next for so long."""

_PROBE_JITTER = 0.2
_MAX_DOUBLINGS = 4
_FAILURES = frozenset({Verdict.UNSENT, Verdict.AMBIGUOUS})


class NodeState(enum.IntEnum):
    """How willingly a node is asked; lower is better."""

    HEALTHY = 0
    RECOVERING = 1
    SUSPECT = 2
    OPEN = 3


class Breaker:
    """See the module's rules. Times are monotonic seconds."""

    __slots__ = (
        "_failed",
        "_healthy_since",
        "_opened",
        "_probe_at",
        "_probe_until",
        "_quiet_since",
        "_silenced",
        "_stamps",
        "_suspect_after",
        "_totals",
        "_trips",
        "failures",
        "in_flight",
    )

    def __init__(self, *, suspect_after: float) -> None:
        self._suspect_after = suspect_after
        self.in_flight: int = 0
        self.failures: int = 0
        self._quiet_since = 0.0
        self._opened = False
        self._silenced = False
        self._trips = 0
        self._healthy_since = -math.inf
        self._probe_at = math.inf
        self._probe_until = -math.inf
        # One slot a second: the window is bounded whatever the rate.
        self._stamps = [-1] * WINDOW_SECONDS
        self._totals = [0] * WINDOW_SECONDS
        self._failed = [0] * WINDOW_SECONDS

    def state(self, now: float) -> NodeState:
        """The state at this moment."""
        if self._opened:
            return NodeState.OPEN
        if self._silenced or self._is_silent(now):
            return NodeState.SUSPECT
        return NodeState.RECOVERING if now < self._healthy_since + RECOVERY else NodeState.HEALTHY

    def started(self, now: float) -> None:
        """A request goes out that is answered as soon as the node can."""
        if self.in_flight == 0:
            self._quiet_since = now
        self.in_flight += 1

    def heard(self, now: float) -> None:
        """A byte came."""
        self._quiet_since = now
        self._silenced = False

    def ended(self, now: float) -> None:
        """A request is no longer in flight, whatever became of it."""
        if self._is_silent(now) and not self._silenced:
            self._silenced = True
            self._probe_at = now + FIRST_PROBE
        self.in_flight = max(self.in_flight - 1, 0)

    def judged(self, verdict: Verdict | None, now: float, chance: float) -> None:
        """What an attempt told of the node; ``None`` for an answer."""
        slot = self._slot(now)
        self._totals[slot] += 1
        if verdict not in _FAILURES:
            self._alive(now)
            return
        self._failed[slot] += 1
        self.failures += 1
        if self._opened:
            return
        if now < self._healthy_since + RECOVERY:
            self._healthy_since = now
        if self.failures >= FAILURES_IN_A_ROW or self._window_is_bad(now):
            self._open(now, chance)

    def take_probe(self, now: float) -> bool:
        """Whether a probe is due; if so it is the caller's to run and to report."""
        if now < self.probe_at():
            return False
        self._probe_until = now + PROBE_LEASE
        return True

    def probe_at(self) -> float:
        """When the next probe is due; infinite while none is needed."""
        return max(self._probe_at, self._probe_until)

    def probed(self, *, ok: bool, now: float, chance: float) -> None:
        """The probe came back."""
        self._probe_until = -math.inf
        if not ok:
            self._open(now, chance)
            return
        self._alive(now)
        self._probe_at = now + RECHECK if now < self._healthy_since + RECOVERY else math.inf

    def _alive(self, now: float) -> None:
        self.failures = 0
        self._silenced = False
        self._quiet_since = now
        if self._opened:
            self._opened = False
            self._healthy_since = now
            self._probe_at = now + RECHECK
            self._stamps = [-1] * WINDOW_SECONDS
        elif now >= self._healthy_since + RECOVERY:
            self._probe_at = math.inf

    def _open(self, now: float, chance: float) -> None:
        if not self._opened and now >= self._healthy_since + RECOVERY:
            self._trips = 0
        self._opened = True
        wait = min(LONGEST_PROBE, FIRST_PROBE * 2.0 ** min(self._trips, _MAX_DOUBLINGS))
        # Downward, so that 60 s stays the longest; a herd of clients still does not probe in step.
        self._probe_at = now + wait * (1.0 - _PROBE_JITTER * chance)
        self._trips += 1

    def _is_silent(self, now: float) -> bool:
        return self.in_flight > 0 and now - self._quiet_since >= self._suspect_after

    def _slot(self, now: float) -> int:
        second = int(now)
        slot = second % WINDOW_SECONDS
        if self._stamps[slot] != second:
            self._stamps[slot] = second
            self._totals[slot] = 0
            self._failed[slot] = 0
        return slot

    def _window_is_bad(self, now: float) -> bool:
        oldest = int(now) - WINDOW_SECONDS
        live = [slot for slot, stamp in enumerate(self._stamps) if stamp > oldest]
        total = sum(self._totals[slot] for slot in live)
        return total >= WINDOW_LEAST and sum(self._failed[slot] for slot in live) >= total * WINDOW_SHARE
