"""The SMPP side of a session at one moment. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from sms_traffic_async.policy.rate import RateSnapshot
from sms_traffic_async.protocols.smpp.link import Link
from sms_traffic_async.protocols.smpp.receiving import ReceivingStats

__all__ = ("LinkStats", "SmppStats", "link_stats")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStats:
    """One connection at one moment.

    Attributes:
        line: what it is for.
        server: where it leads.
        mode: ``transceiver``, ``transmitter`` or ``receiver``.
        state: of its session, such as ``bound_trx``.
        serving: new messages go here.
        suspect: silent with messages under way.
        in_flight: messages without answer.
        seconds: since it was bound; 0 before.
        round_trip: seconds from request to answer, smoothed.
    """

    line: str
    server: str
    mode: str
    state: str
    serving: bool
    suspect: bool
    in_flight: int
    seconds: float
    round_trip: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppStats:
    """The SMPP side of a session at one moment. Messages and parts since its start, where no moment is named.

    Attributes:
        waiting: parts in the queue now.
        in_flight: parts without answer now.
        open: messages without outcome now.
        accepted: messages that were taken.
        rejected: messages that were refused.
        not_sent: messages that never left.
        unknown: messages that may have been taken.
        late: answers that came after their caller had gone.
        throttled: parts that were refused with ESME_RTHROTTLED, and put back.
        full: parts that were refused with ESME_RMSGQFUL, and put back.
        repeated: parts without answer that went again (``on_unknown="resend"``).
        reconnects: links that ended by themselves.
        round_trip: seconds from request to answer, smoothed.
        round_trip_max: the longest.
        by_status: answers other than ESME_ROK, by their status.
        links: the connections.
        rate: the rate limiter.
        receiving: what came in.
    """

    waiting: int
    in_flight: int
    open: int
    accepted: int
    rejected: int
    not_sent: int
    unknown: int
    late: int
    throttled: int
    full: int
    repeated: int
    reconnects: int
    round_trip: float | None
    round_trip_max: float
    by_status: dict[int, int]
    links: tuple[LinkStats, ...]
    rate: RateSnapshot
    receiving: ReceivingStats


def link_stats(line: str, link: Link, now: float, *, serving: bool) -> LinkStats:
    """One link."""
    return LinkStats(
        line=line,
        server=link.server,
        mode=link.mode.value,
        state=link.session.state.value,
        serving=serving,
        suspect=link.suspect,
        in_flight=link.session.in_flight,
        seconds=now - link.bound_at if link.bound_at else 0.0,
        round_trip=link.session.stats.round_trip,
    )
