"""Warnings that do not flood a log: each sentence at most once a minute, with a count of what was left out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ("Complaints",)

_EVERY = 60.0


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
