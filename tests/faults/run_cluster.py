"""F5, F6, F7 and the SMPP binder's takeover at length, on a real PostgreSQL. Takes about a quarter of an hour.

Run by ``nox -s cluster``::

    python -m tests.faults.run_cluster [f5] [f6] [f7] [binder]
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Mapping

from tests.faults.cluster_binder import LIMIT, binder_run
from tests.faults.cluster_limit import limit_run
from tests.faults.cluster_outbox import fault_run, idle_run

__all__ = ("RUNS",)

LEASE = 2.0


def _f5() -> bool:
    seen = asyncio.run(fault_run(messages=50_000, kills=50, restarts=20, latency=0.2))
    print("F5", seen.row(), flush=True)
    return seen.clean


def _f6() -> bool:
    seen = asyncio.run(idle_run(kills=100, lease=LEASE))
    print("F6", seen.row(), flush=True)
    return seen.clean and max(seen.reclaims) < LEASE + 2


def _f7() -> bool:
    seen = asyncio.run(limit_run())
    print("F7", seen, flush=True)
    return seen.passes(20.0)


def _binder() -> bool:
    seen = asyncio.run(binder_run(kills=30, restarts=5))
    print("binder", f"{len(seen.seconds)} takeovers, longest {seen.longest:.2f} s, at a node at once: {seen.most}")
    return seen.longest <= LIMIT and seen.most == 1


RUNS: Mapping[str, Callable[[], bool]] = {"f5": _f5, "f6": _f6, "f7": _f7, "binder": _binder}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", choices=[[], *RUNS], default=[])
    wanted = parser.parse_args().runs or list(RUNS)
    failed = [name for name in wanted if not RUNS[name]()]
    print(f"FAILED: {', '.join(failed)}" if failed else "passed")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
