"""Where a stream is cut: a sample in the default suite, every byte in ``nox -s faults``."""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ("cut_points",)

EVERY = bool(os.environ.get("SMS_TRAFFIC_TESTS_EVERY_CUT"))  # read before a test's environment is cleaned
STRIDE = 11
EDGE = 6


def cut_points(size: int) -> Iterable[int]:
    """Offsets from 0 to ``size``, it excluded: every eleventh and both edges, or all of them."""
    if EVERY:
        return range(size)
    return sorted({*range(0, size, STRIDE), *range(min(EDGE, size)), *range(max(size - EDGE, 0), size)})
