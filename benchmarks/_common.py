"""What every benchmark shares: its arguments, fair timing, and the last line.

A benchmark starts with the three lines that let it run as ``python
benchmarks/x.py`` and as ``python -m benchmarks.x``::

    import sys
    from pathlib import Path
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

It takes ``--quick`` and ``--json``, and its last line is one JSON object (see
`finish`) with ``ratios``: our speed divided by a peer's, so more is better; and
``asked``: what the project asks of these and of other figures. That line is all
that ``run.py`` knows about a script, so a new script needs no change there.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

__all__ = (
    "Asked",
    "Options",
    "finish",
    "geometric_mean",
    "interleave",
    "machine",
    "median_ratio",
    "parse_args",
    "version",
)

BATCH_SECONDS = 0.001

# Whatever was asked for by `version`: it stands in the last line.
_VERSIONS: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line asked for."""

    quick: bool
    json: bool

    def say(self, *values: object) -> None:
        """Print a line for people; nothing with ``--json``."""
        if not self.json:
            print(*values, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A figure that the project asks for, and what it was.

    Attributes:
        figure: its name, with the unit.
        measured: ``None`` if it could not be measured here.
        at_least: what is asked, where more is better.
        at_most: what is asked, where less is better.
    """

    figure: str
    measured: float | None
    at_least: float | None = None
    at_most: float | None = None

    def row(self) -> dict[str, Any]:
        """For the last line."""
        found = self.measured
        kept: bool | None = None
        if found is not None:
            kept = (self.at_least is None or found >= self.at_least) and (self.at_most is None or found <= self.at_most)
        limits = {"at_least": self.at_least, "at_most": self.at_most}
        return {
            "figure": self.figure,
            **{name: limit for name, limit in limits.items() if limit is not None},
            "measured": None if found is None else round(found, 3),
            "kept": kept,
        }


def parse_args(description: str) -> Options:
    """Read ``--quick`` and ``--json``."""
    parser = argparse.ArgumentParser(
        description=description.strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under 40 seconds")
    parser.add_argument("--json", action="store_true", help="print only the JSON object")
    found = parser.parse_args()
    return Options(quick=found.quick, json=found.json)


def machine() -> str:
    """The machine and the interpreter in one line."""
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{implementation}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


def version(package: str) -> str | None:
    """The installed version of a package, or ``None``."""
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
    _VERSIONS[package] = found
    return found


def interleave(jobs: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Time functions in turns, so that a slow moment of the machine meets all of them.

    Each round calls every job for a millisecond, forwards and backwards in
    alternation. Compare within rounds: `median_ratio`.

    Returns:
        Seconds a call in each round, by name.
    """
    loops = {name: _loops(job) for name, job in jobs.items()}
    times: dict[str, list[float]] = {name: [] for name in jobs}
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            for name in list(jobs)[:: 1 if turn % 2 == 0 else -1]:
                times[name].append(_time(jobs[name], loops[name]))
    finally:
        if was_enabled:
            gc.enable()
    return times


def median_ratio(theirs: list[float], ours: list[float]) -> float:
    """The median over rounds of their time divided by ours."""
    return statistics.median(their / our for their, our in zip(theirs, ours, strict=True))


def _loops(job: Callable[[], object]) -> int:
    loops = 1
    while True:
        spent = _time(job, loops) * loops
        if spent >= BATCH_SECONDS / 2:
            return max(1, round(loops * BATCH_SECONDS / spent))
        loops *= 4


def _time(job: Callable[[], object], loops: int) -> float:
    started = time.perf_counter()
    for _ in range(loops):
        job()
    return (time.perf_counter() - started) / loops


def geometric_mean(values: Iterable[float]) -> float:
    """The mean of ratios: the same whichever way round they are taken."""
    found = list(values)
    return math.exp(sum(map(math.log, found)) / len(found))


def finish(
    name: str,
    ratios: Mapping[str, float],
    extra: Mapping[str, Any] | None = None,
    *,
    wanted: Mapping[str, float] | None = None,
    asked: Iterable[Asked] = (),
) -> None:
    """Print the last line: one JSON object.

    Args:
        name: the benchmark.
        ratios: our speed divided by each peer's; more is better.
        extra: anything else worth keeping.
        wanted: what the project asks of the ratios, at least, by peer.
        asked: what it asks of other figures.
    """
    limits = [Asked(figure=peer, measured=ratios.get(peer), at_least=least) for peer, least in (wanted or {}).items()]
    more = dict(extra or {})
    versions = _VERSIONS | {package: found for package, found in more.pop("versions", {}).items() if found is not None}
    record = {
        "benchmark": name,
        "machine": machine(),
        "ratios": {peer: round(ratio, 3) for peer, ratio in ratios.items()},
        "asked": [one.row() for one in (*limits, *asked)],
        **more,
        "versions": versions,
    }
    print(json.dumps(record, ensure_ascii=False), flush=True)
