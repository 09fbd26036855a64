"""What ``from sms_traffic_async import SmsTraffic, Message`` costs, against ``import httpx``.

Each import runs in a fresh interpreter, the two in turn; the time is the
interpreter's own, from just before the import to just after it. Goal: at most
1.3 times httpx, so a ratio of at least 0.77.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import Options, finish, machine, median_ratio, parse_args, version

ROOT = Path(__file__).resolve().parents[1]
OURS = "from sms_traffic_async import SmsTraffic, Message"
HTTPX = "import httpx"


def spent(statement: str) -> float:
    """Seconds of one import in a fresh interpreter."""
    code = f"import time\nstarted = time.perf_counter()\n{statement}\nprint(time.perf_counter() - started)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return float(done.stdout)


def main() -> None:
    options: Options = parse_args(__doc__ or "")
    options.say(machine())
    rounds = 15 if options.quick else 60
    spent(OURS), spent(HTTPX)  # the byte code is written
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        ours.append(spent(OURS))
        theirs.append(spent(HTTPX))
    middle = sorted(ours)[rounds // 2], sorted(theirs)[rounds // 2]
    options.say(f"\n{OURS}\n  {middle[0] * 1000:.1f} ms")
    options.say(f"import httpx ({version('httpx')})\n  {middle[1] * 1000:.1f} ms")
    finish(
        "import_time",
        {"httpx": median_ratio(theirs, ours)},
        {"milliseconds": round(middle[0] * 1000, 1)},
        wanted={"httpx": 1 / 1.3},
    )


if __name__ == "__main__":
    main()
