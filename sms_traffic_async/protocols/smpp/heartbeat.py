"""Is the peer alive? When to ask, when to give up. Decides only; the session sends."""

from __future__ import annotations

from typing import Final, NamedTuple

from sms_traffic_async.protocols.smpp.options import KeepAlive

__all__ = ("Ask", "Heartbeat")

_NEVER: Final = float("inf")


class Ask(NamedTuple):
    """An enquire_link that is to be sent, or has been.

    Attributes:
        limit: seconds that its answer may take.
        probe: sent out of turn, because something looks wrong.
        octets: how many had come from the peer when it was sent.
    """

    limit: float
    probe: bool
    octets: int = 0


class Heartbeat:
    """The clockwork of a bound session.

    1. An enquire_link every ``interval``, whatever the traffic.
    2. One that is followed by no octet at all within its limit is a miss;
       ``misses`` of them in a row end the link. Any octet is a sign of life:
       peers were seen that answer under a number of their own (smpplib#52), or
       late (cloudhopper#134).
    3. A full window and ``silence`` since the last octet, or a request without
       answer past its time: one at once, out of turn, with a short limit. When
       that is missed too, the next follows at once.
    4. As an SMSC: no enquire_link for ``peer_limit``, or no enquire_link_resp
       for ``answer_limit``, ends the link.
    """

    __slots__ = ("_answered_at", "_keep", "_misses", "_next_at", "_peer_asked_at", "_probes")

    def __init__(self, keep: KeepAlive, now: float) -> None:
        self._keep = keep
        self._misses = 0
        self._probes = 0
        self._next_at = _NEVER if keep.interval is None else now + keep.interval
        self._peer_asked_at = now
        self._answered_at = now

    def peer_asked(self, now: float) -> None:
        """An enquire_link came."""
        self._peer_asked_at = now

    def answered(self, now: float, ask: Ask | None) -> None:
        """An enquire_link_resp came; ``ask`` is what it answers, where that is known."""
        self._misses = 0
        self._answered_at = now
        if ask is not None and ask.probe:
            self._probes -= 1

    def missed(self, ask: Ask, octets: int) -> Ask | None:
        """One had no answer in its time: the next, if it is to follow at once.

        Args:
            ask: the one.
            octets: how many have come by now.
        """
        if ask.probe:
            self._probes -= 1
        if octets > ask.octets:
            self._misses = 0
            return None
        self._misses += 1
        return self._probe() if ask.probe and not self.is_dead else None

    def due(self, now: float, silent_since: float | None) -> Ask | None:
        """The enquire_link that is to be sent now.

        Args:
            now: the time.
            silent_since: since when the window has been full without a word;
                ``None`` while it is not full.
        """
        if self._silence_ends(silent_since) <= now:
            return self._probe()
        if self._next_at <= now:
            interval = self._keep.interval
            self._next_at = _NEVER if interval is None else now + interval
            return Ask(self._keep.limit, probe=False)
        return None

    def doubt(self) -> Ask | None:
        """A request had no answer in its time: ask, unless that is being done or nothing would follow from it."""
        return None if self._probes or self._keep.misses is None else self._probe()

    @property
    def is_dead(self) -> bool:
        """Too many misses in a row."""
        return self._keep.misses is not None and self._misses >= self._keep.misses

    def is_cut(self, now: float) -> bool:
        """The peer has not kept to the rules for too long."""
        return self._cut_at() <= now

    def next_deadline(self, silent_since: float | None) -> float:
        """When there is something to do; infinity for never."""
        return min(self._next_at, self._silence_ends(silent_since), self._cut_at())

    def _probe(self) -> Ask:
        self._probes += 1
        return Ask(self._keep.probe_limit, probe=True)

    def _silence_ends(self, silent_since: float | None) -> float:
        if silent_since is None or self._keep.silence is None or self._probes:
            return _NEVER
        return silent_since + self._keep.silence

    def _cut_at(self) -> float:
        keep = self._keep
        asked = _NEVER if keep.peer_limit is None else self._peer_asked_at + keep.peer_limit
        answered = _NEVER if keep.answer_limit is None else self._answered_at + keep.answer_limit
        return min(asked, answered)
