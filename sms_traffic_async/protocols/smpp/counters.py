"""What a session counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ("SessionStats",)

_SMOOTHING: Final = 0.125


@dataclass(slots=True)
class SessionStats:
    """Counters of one session, readable at any time.

    Attributes:
        octets_in: octets received.
        octets_out: octets handed out for writing.
        pdus_in: whole PDUs received.
        requests: requests of ours that took a place of the window.
        answered: of these, answered in time, whatever the answer.
        late: answered after they had expired.
        expired: without answer in time.
        unexpected: responses that nothing waited for.
        refused: PDUs of the peer's that the session refused by itself.
        requested: requests of the peer's that were handed on.
        enquired: enquire_links sent.
        enquired_by_peer: enquire_links answered.
        by_status: answers other than ESME_ROK, by their status.
        round_trip: seconds from request to answer, smoothed; ``None`` before the first.
        round_trip_max: the longest, answers in time only.
    """

    octets_in: int = 0
    octets_out: int = 0
    pdus_in: int = 0
    requests: int = 0
    answered: int = 0
    late: int = 0
    expired: int = 0
    unexpected: int = 0
    refused: int = 0
    requested: int = 0
    enquired: int = 0
    enquired_by_peer: int = 0
    by_status: dict[int, int] = field(default_factory=dict[int, int])
    round_trip: float | None = None
    round_trip_max: float = 0.0

    def took(self, elapsed: float) -> None:
        """Note a round trip."""
        old = self.round_trip
        self.round_trip = elapsed if old is None else old + (elapsed - old) * _SMOOTHING
        if elapsed > self.round_trip_max:  # noqa: PLR1730 - max() costs four times as much, for every answer
            self.round_trip_max = elapsed

    def snapshot(self) -> dict[str, Any]:
        """A copy by name."""
        values = {name: getattr(self, name) for name in self.__slots__}
        values["by_status"] = dict(sorted(self.by_status.items()))
        return values
