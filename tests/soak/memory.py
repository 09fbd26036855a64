"""What of a process's memory is in use, and whether that grows: what its resident size alone does not tell.

The resident size is a high-water mark. Measured over 30 minutes at 200 messages a second: a table of a megabyte (the
receipts seen lately) is made anew about every 90 seconds; the C library puts it on its heap, small blocks settle in the
gap that the old one leaves, and the next one goes to the heap's end. So the resident size rises by a megabyte at a
time, ever more rarely, while the bytes in use stay the same. Those are what is judged: a leak of anything that was
allocated, by Python or by a library in C such as OpenSSL, is in them.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

__all__ = ("MOST_IN_USE_GROWTH", "MOST_RESIDENT_GROWTH", "WARM_UP", "growth", "in_use", "resident")

WARM_UP = 3.0
"""Minutes until tables, caches and connections have come to their size."""
MOST_IN_USE_GROWTH = 0.09
"""MB a minute of the bytes in use. A leak of 1 kB per 100 messages is 0.12 at 200 messages a second."""
MOST_RESIDENT_GROWTH = 1.0
"""MB a minute of the resident size: for what neither allocator knows, such as a library's own mappings."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
_OBJECTS = re.compile(r"# bytes in allocated blocks\s*=\s*([0-9,]+)")


class _Mallinfo2(ctypes.Structure):
    """``struct mallinfo2`` of glibc 2.33 and later."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks",
                     "keepcost")
    )  # fmt: skip


def _malloc() -> int:
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _Mallinfo2
    found = libc.mallinfo2()
    return int(found.uordblks + found.hblkhd)


def _objects() -> int:
    """Bytes of Python's small objects: they are printed only, and to the descriptor, beside ``sys.stderr``."""
    with tempfile.TemporaryFile() as printed:
        sys.stderr.flush()
        kept = os.dup(2)
        try:
            os.dup2(printed.fileno(), 2)
            sys._debugmallocstats()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        printed.seek(0)
        found = _OBJECTS.search(printed.read().decode())
    assert found is not None
    return int(found[1].replace(",", ""))


def in_use() -> float:
    """Megabytes that were allocated and not freed: Python's small objects, and everything that came from malloc."""
    return (_objects() + _malloc()) / 1e6


def resident() -> float:
    """Megabytes of the process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6


def growth(samples: Sequence[tuple[float, float]]) -> float:
    """Megabytes a minute by which the floor rises.

    Messages under way come and go, by megabytes when the machine is busy, so that a line through all samples says more
    about where the run ended. The floor does not: the lowest fifth of the last third is compared with that of the
    first. What is left to chance is 0.07 in ten minutes on a busy machine, and less the longer the run.

    Args:
        samples: minute and megabytes, in order, from the warm-up on.
    """
    first, last = samples[0][0], samples[-1][0]
    third = (last - first) / 3
    early = _floor([megabytes for minute, megabytes in samples if minute <= first + third])
    late = _floor([megabytes for minute, megabytes in samples if minute >= last - third])
    return (late - early) / (2 * third)


def _floor(megabytes: Sequence[float]) -> float:
    return fmean(sorted(megabytes)[: max(1, len(megabytes) // 5)])
