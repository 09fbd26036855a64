"""F16: the mutation score of what decides about SMS, group by group, by mutmut.

``python -m tests.mutation.run [--sample 300] [--seed 1] [group ...]``

mutmut writes into its working directory, so a copy of the project is mutated in a
temporary folder. What it cannot mutate (decorated functions, such as properties,
and statements outside functions) is not counted. A mutant that only a time limit
ended counts as noticed, and is shown apart.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

GROUPS = {
    "retry": tuple(
        f"policy/{name}"
        for name in ("retry", "retry_after", "attempts", "breaker", "endings", "guards", "loop", "nodes")
    ),
    "limits": ("policy/rate", "policy/turns", "policy/window", "policy/limits", "policy/abuse*"),
    "smpp_queue": ("protocols/smpp/queue",),
    "smpp_desk": ("protocols/smpp/desk", "protocols/smpp/dispatch"),
    "batching": tuple(f"protocols/{name}" for name in ("alarms", "batch_size", "batching", "flight", "lanes")),
    "outbox_values": ("outbox/codec", "outbox/requests", "outbox/verdicts"),
    "outbox": ("outbox/gate", "outbox/sending", "outbox/sqlite*", "outbox/store", "outbox/worker"),
}
GOAL = 0.85
NOTICED, SURVIVED, NO_TESTS = 1, 0, 33
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".nox", ".venv*", "__pycache__", "site", "dist", "node_modules", "mutants", ".mypy_cache", ".ruff_cache"
)


def verdicts(copy: Path, rooms: tuple[str, ...]) -> dict[str, int | None]:
    """What mutmut knows of each mutant of these modules: an exit code, or ``None``."""
    found: dict[str, int | None] = {}
    for room in rooms:
        for meta in sorted((copy / "mutants" / "sms_traffic_async").glob(f"{room}.py.meta")):
            found |= json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def mutmut(copy: Path, *names: str) -> None:
    """Run it; its last words are shown if it fails."""
    done = subprocess.run(["mutmut", "run", *names], cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout[-4000:] + done.stderr[-4000:])


def judged(copy: Path, group: str, sample: int, seed: int) -> bool:
    """Judge a group; whether it reaches the goal."""
    names = sorted(verdicts(copy, GROUPS[group]))
    total = len(names)
    random.Random(seed).shuffle(names)
    names = names[:sample]
    mutmut(copy, *names)
    known = verdicts(copy, GROUPS[group])
    codes = Counter(known[name] for name in names)
    survivors = sorted(name for name in names if known[name] in {SURVIVED, NO_TESTS})
    score = 1 - len(survivors) / len(names)
    facts = {
        "group": group,
        "mutants": total,
        "judged": len(names),
        "survived": codes[SURVIVED] + codes[NO_TESTS],
        "by_time_limit": sum(count for code, count in codes.items() if code not in {NOTICED, SURVIVED, NO_TESTS}),
        "score": round(score, 3),
        "seed": seed,
    }
    print(json.dumps(facts), flush=True)
    for name in survivors:
        print("   ", name, flush=True)
    return score >= GOAL


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.mutation.run")
    parser.add_argument("--sample", type=int, default=10**6, help="mutants of a group, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help="all, if none is named")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "project"
        shutil.copytree(Path.cwd(), copy, ignore=LEFT_OUT)
        mutmut(copy, "sms_traffic_async.policy.turns.x_wait__mutmut_1")  # makes all mutants, and judges one
        results = [judged(copy, group, told.sample, told.seed) for group in told.groups or GROUPS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
