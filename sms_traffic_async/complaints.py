"""Warnings that do not flood a log: at most once a minute with a count of what was left out, or once and no more."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ("Complaints", "ShortValidity")

_EVERY = 60.0
SHORT_VALIDITY = 600
"""Seconds."""


class Complaints:
    """Tells of each kind of trouble once a minute.

    Args:
        log: where.
        now: seconds that never go back.
    """

    __slots__ = ("_log", "_now", "_told")

    def __init__(self, log: logging.Logger, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        # By sentence, which are ours: a bounded number of them.
        self._told: dict[str, tuple[float, int]] = {}

    def about(self, sentence: str, *values: object) -> None:
        """Warn, or count. The values hold no number, no text and no secret."""
        now = self._now()
        due, left_out = self._told.get(sentence, (now, 0))
        if now < due:
            self._told[sentence] = (due, left_out + 1)
            return
        self._told[sentence] = (now + _EVERY, 0)
        if left_out:
            self._log.warning(sentence + " (and %d times more)", *values, left_out)
        else:
            self._log.warning(sentence, *values)


class ShortValidity:
    """Says once that operators may ignore or refuse a validity of less than ten minutes (document, ``timeout``).

    Args:
        log: where.
    """

    __slots__ = ("_log", "_told")

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told = False

    def look_at(self, validity: int | None) -> None:
        """Warn, if this is the first one that is so short."""
        if validity is not None and validity < SHORT_VALIDITY and not self._told:
            self._told = True
            self._log.warning(
                "a validity below %d s may be ignored or refused by operators; see expires_in", SHORT_VALIDITY
            )
