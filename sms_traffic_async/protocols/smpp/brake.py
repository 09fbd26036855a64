"""The stop after "too many" or "no room": growing, jittered, ended by one probe. Pure.

It belongs to the submit side and not to the message. What was
under way already tells nothing new when it is refused too; while one refusal
follows the other, one message probes for all.
"""

from __future__ import annotations

from typing import Final

__all__ = ("Brake",)

_MAX_DOUBLINGS: Final = 16
_SPREAD: Final = 0.5
_NEVER: Final = float("inf")


class Brake:
    """One stop, of the account or of a server. Times are monotonic seconds.

    Args:
        longest: seconds; the longest stop, jitter aside.

    Attributes:
        closed_since: when the refusals began; ``None`` while it is open.
        stops: how often it was closed.
    """

    __slots__ = ("_longest", "_probe", "_streak", "_until", "closed_since", "stops")

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._streak = 0
        self._until = -_NEVER
        self._probe: object = None
        self.closed_since: float | None = None
        self.stops: int = 0

    def ready_at(self, now: float) -> float:
        """When the next message may go; infinity while a probe is out."""
        if self.closed_since is None:
            return now
        return _NEVER if self._probe is not None else max(now, self._until)

    def goes(self, token: object) -> None:
        """A message goes; with the brake closed it is the probe."""
        if self.closed_since is not None:
            self._probe = token

    def refused(self, token: object, now: float, *, base: float, chance: float) -> bool:
        """One was refused for now.

        Args:
            token: which.
            now: the time.
            base: seconds; the first stop.
            chance: a number in [0, 1), for jitter.

        Returns:
            Whether that is news: the first refusal, or the probe's.
        """
        if self.closed_since is None:
            self.closed_since = now
        elif self._probe is not token:
            return False
        self._probe = None
        stop = min(self._longest, base * 2.0 ** min(self._streak, _MAX_DOUBLINGS))
        self._until = now + stop * (1.0 + _SPREAD * chance)
        self._streak += 1
        self.stops += 1
        return True

    def answered(self, token: object) -> bool:
        """One was answered with anything else; if it is the probe, the brake opens. Returns whether it did."""
        if self._probe is not token or self.closed_since is None:
            return False
        self._probe = None
        self._streak = 0
        self.closed_since = None
        return True

    def forgotten(self, token: object) -> None:
        """One will not be answered: if it was the probe, another may go."""
        if self._probe is token:
            self._probe = None
