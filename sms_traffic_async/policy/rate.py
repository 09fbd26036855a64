"""How fast one account may send: reservations, pauses, and a rate that learns from throttling.

Rules
-----
1. A caller reserves, and is told *its own* moment (GCRA). Nobody waits, asks
   again and collides with the others who do the same.
2. First come, first served, whatever it costs: a message of ten parts is not
   overtaken for ever by messages of one.
3. What goes in any stretch of one second costs at most ``rate`` plus the larger
   of the burst and the dearest single cost. Who sends parts one by one takes
   them one by one. The burst is ``burst`` and what ``catch_up`` seconds allow:
   so much lateness of timers costs nothing of the rate.
4. "Too many" cuts the allowed rate to 0.7, once a second at most: the answers to
   what was already under way say nothing new. While one refusal follows the
   other, nothing goes for a growing moment, so that one probes for all.
5. The rate then comes back on a curve (CUBIC's, a little flatter): soon near
   what was accepted of late, long about it, then faster and faster. It never
   passes ``rate``.
6. Without a rate nothing is limited, until the platform says "too many": then a
   rate is learned from what was accepted of late, and let go of after `QUIET`
   seconds. One refusal in so many (`ISOLATED`) teaches nothing: a limit that is
   reached refuses again at once. It holds everything for a moment, as any does.

``RateLimiter`` knows no asyncio and no clock; every step is O(1). Times are
monotonic seconds, rates are units (SMS parts, or requests) per second. ``wait``
(room ``turns``) is for callers that only want their turn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sms_traffic_async.errors import ConfigurationError
from sms_traffic_async.policy.turns import Line, wait
from sms_traffic_async.policy.window import Window

__all__ = ("RateLimiter", "RateSnapshot", "wait")

CUT = 0.7
CONGESTION = 1.0
"""Seconds after a cut in which a further "too many" cuts nothing."""
RETURN = 4.0
"""Seconds in which the curve is back at the rate that was too much."""
QUIET = 15.0
"""Seconds without "too many" after which a learned rate is let go of: the curve is at fifty times of it by then."""
ISOLATED = 50.0
"""Units accepted since the last "too many", and `CONGESTION` seconds: then one more is an accident, and no limit."""
MARGIN = 1.08
"""The curve is long about this much at most of what was accepted per second of late."""
LEAST = 0.5
"""Units per second that are always allowed: throttling never starves anybody."""
LONGEST_HOLD = 1.0
SHORTEST_HOLD = 0.1
FASTEST = 1e9
LONGEST_LAG = 1.0
"""Seconds of lateness that are made up for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSnapshot:
    """A limiter as it stands.

    Attributes:
        rate: units per second as configured; ``None`` for no limit.
        allowed: units per second now; infinite while nothing limits.
        burst: units that may go at once after a rest, as of now.
        paused_until: monotonic seconds; nothing goes before.
        free_at: monotonic seconds; when what was reserved so far is paid.
        throttles: how often the platform said "too many".
        cuts: how often the rate was cut for that.
    """

    rate: float | None
    allowed: float
    burst: float
    paused_until: float
    free_at: float
    throttles: int
    cuts: int


class RateLimiter:
    """Reservations at a rate. One per account (or token), shared by all that spend it.

    Args:
        rate: units per second; ``None`` for no limit.
        burst: units that may go at once after a rest, at least 1.
        catch_up: seconds; what the rate allows in them may go at once too, so that timers may be so late.
        window: the platform's own count, where every unit is one request. Who comes late
            for its turn then holds nobody else up: the window bounds what goes.

    Attributes:
        window: as given.

    Raises:
        ConfigurationError: a value is not a finite number above 0 (``burst``: 1 or more; ``catch_up``: 0 or more).
    """

    __slots__ = (
        "_accepted",
        "_allowed",
        "_burst",
        "_catch_up",
        "_ceiling",
        "_cut_at",
        "_cuts",
        "_floor",
        "_last",
        "_paused",
        "_rate",
        "_recent",
        "_recent_at",
        "_seen",
        "_streak",
        "_tat",
        "_throttled_at",
        "_throttles",
        "line",
        "window",
    )

    def __init__(
        self, rate: float | None, *, burst: float = 1.0, catch_up: float = 0.0, window: Window | None = None
    ) -> None:
        if type(burst) not in {int, float} or not 1 <= burst < math.inf:
            raise ConfigurationError("burst is a number of at least 1")
        if type(catch_up) not in {int, float} or not 0 <= catch_up < math.inf:
            raise ConfigurationError("catch_up is a number of seconds, 0 or more")
        self._burst = float(burst)
        self._catch_up = float(catch_up)
        self._rate = _checked(rate)
        self._allowed = self._rate
        # When everything reserved so far is paid, and the moment of the latest reservation.
        self._tat = self._last = self._paused = self._seen = -math.inf
        # The latest cut: when, and the rate that was too much. Without one, nothing has to come back.
        self._cut_at: float | None = None
        self._floor = self._ceiling = 0.0
        self._streak = self._throttles = self._cuts = 0
        self._recent = 0.0
        self._recent_at = -math.inf
        # Since the latest "too many": what was accepted; and when that was.
        self._accepted = 0.0
        self._throttled_at = -math.inf
        self.line: Line = Line()
        self.window: Window | None = window

    @property
    def rate(self) -> float | None:
        """Units per second; ``None`` for no limit. Setting it forgets what was learned from throttling.

        Raises:
            ConfigurationError: not a finite number above 0.
        """
        return None if self._rate == math.inf else self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        self._rate = _checked(rate)
        self._cut_at = None
        self._go_at(self._rate)

    @property
    def allowed(self) -> float:
        """Units per second as of the latest call; infinite while nothing limits."""
        return self._allowed

    @property
    def burst(self) -> float:
        """Units that may go at once after a rest, at the rate that is allowed now."""
        return self._burst if self._allowed == math.inf else self._burst + self._catch_up * self._allowed

    def ready_at(self, now: float, cost: float = 1.0) -> float:
        """When the next ``cost`` may go: ``now`` or later. Reserves nothing."""
        self._look(now)
        moment = max(now, self._paused, self._last)
        if self.window is not None:
            moment = max(moment, self.window.ready_at())
        if self._allowed == math.inf:
            return moment
        spare = self._burst + self._catch_up * self._allowed - cost
        return max(moment, self._tat - spare / self._allowed if spare > 0 else self._tat)

    def take(self, cost: float, now: float, due: float = math.inf) -> float:
        """Reserve.

        Args:
            cost: units, 0 or more. More than ``burst`` goes at once and is paid afterwards.
            now: the time.
            due: the moment it waited for and, if a timer was late, has passed. Counts with a ``window`` only.

        Returns:
            The moment it may go, not before ``now`` and not before any earlier reservation.
        """
        moment = self.ready_at(now, cost)
        self._last = moment
        began = moment if self.window is None else min(moment, max(due, moment - LONGEST_LAG))
        self._tat = max(self._tat, began)
        if self._allowed != math.inf:
            self._tat += cost / self._allowed
        return moment

    def pause_until(self, moment: float) -> None:
        """Nothing goes before; a pause is never shortened."""
        self._paused = max(self._paused, moment)

    def throttled(self, now: float) -> None:
        """The platform said "too many" to something (429, ESME_RTHROTTLED)."""
        self._look(now)
        self._throttles += 1
        self._streak += 1
        isolated = self._accepted >= ISOLATED and now >= self._throttled_at + CONGESTION
        self._accepted, self._throttled_at = 0.0, now
        if self._allowed == math.inf:
            if not isolated:
                self._cut(now)
        elif self._cut_at is None or now >= self._cut_at + CONGESTION:
            self._cut(now)
        hold = max(0.5 / self._allowed, SHORTEST_HOLD) * 2.0 ** min(self._streak - 1, 10)
        self.pause_until(now + min(hold, LONGEST_HOLD))

    def succeeded(self, now: float, cost: float = 1.0) -> None:
        """The platform took something."""
        self._streak = 0
        self._accepted += cost
        self._recent = self._recent_rate(now) + cost
        self._recent_at = now

    def snapshot(self) -> RateSnapshot:
        """As of the latest call."""
        return RateSnapshot(
            rate=self.rate,
            allowed=self._allowed,
            burst=self.burst,
            paused_until=self._paused,
            free_at=self._tat,
            throttles=self._throttles,
            cuts=self._cuts,
        )

    def __repr__(self) -> str:
        return f"RateLimiter(rate={self.rate}, allowed={self._allowed:.4g}, burst={self._burst:g})"

    def _cut(self, now: float) -> None:
        recent = self._recent_rate(now)
        too_much = max(recent, LEAST) if self._allowed == math.inf else self._allowed
        least = min(LEAST, self._rate)
        self._floor = max(too_much * CUT, least)
        # The limit is between what was taken of late and what was too much, and not far above the first: half-way.
        # Where as much as the configured rate was taken, that is the limit, and this was an accident of a moment.
        likely = recent * MARGIN
        if likely < self._rate:
            likely = min(likely, max(recent, (recent + too_much) / 2.0))
        self._ceiling = min(max(likely, self._floor), max(too_much, least))
        self._cut_at = now
        self._cuts += 1
        self._go_at(self._floor)

    def _recent_rate(self, now: float) -> float:
        return self._recent * math.exp(-max(now - self._recent_at, 0.0)) if self._recent else 0.0

    def _look(self, now: float) -> None:
        """Bring the allowed rate up to date."""
        self._seen = max(self._seen, now)
        if self._cut_at is None:
            return
        since = self._seen - self._cut_at
        if self._rate == math.inf and since >= QUIET:
            self._cut_at = None
            self._go_at(math.inf)
            return
        bend = ((since - RETURN) / RETURN) ** 5
        span = self._ceiling - self._floor if bend < 0 else self._ceiling * (1.0 - CUT)
        allowed = self._ceiling + span * bend
        if allowed >= self._rate:
            self._cut_at = None
            allowed = self._rate
        if allowed != self._allowed:
            self._go_at(allowed)

    def _go_at(self, allowed: float) -> None:
        """Another rate: what is owed beyond the latest reservation is owed in units, not in seconds."""
        start = max(self._seen, self._last)
        owed = self._tat - start
        if owed > 0:
            units = 0.0 if self._allowed == math.inf else owed * self._allowed
            self._tat = start if allowed == math.inf else start + units / allowed
        self._allowed = allowed


def _checked(rate: float | None) -> float:
    if rate is None:
        return math.inf
    if type(rate) not in {int, float} or not 0 < rate < math.inf:
        raise ConfigurationError("a rate is a number of units per second greater than 0, or None for no limit")
    return min(float(rate), FASTEST)
