"""Child processes of a test, which must not outlive its failure."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any

__all__ = ("killed_at_last",)


@contextlib.contextmanager
def killed_at_last(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Kill a child that still runs when the block is left.

    ``with Popen(...)`` alone waits for its child without a bound, also after the
    exception of a timeout, which comes only once: the run would never end.
    """
    try:
        yield
    finally:
        process.kill()
