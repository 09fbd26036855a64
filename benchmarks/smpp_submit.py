"""Messages a second over SMPP: ours beside four other clients and a ceiling, in one run.

One responder on loopback that is not the bottleneck (``smsc.c``), a window of 50,
100 messages under way, the same Cyrillic and Latin texts for everybody (no two are
equal), a fifth of them in three parts; encoding them is part of the work. Every
client has a process of its own, and they take turns. What each does stands in
``_smpp_peers.py``.

Ours is used in both of its ways: ``ours`` is 100 callers that each await
``submit``, ``send_many`` one caller that reads the results of many. Either learns
what became of each message. Another library is compared with the faster of the two, as it
is used in the fastest way it has; ``ceiling`` with the callers, ``pump`` with ``send_many``.

``ceiling`` is a bare `asyncio.Protocol` with a struct codec that writes in one go what a
read made room for, before it wakes anybody, as we do, and has a future for each message;
it encodes texts by our ``segment``.
``pump`` is less: nobody waits for its messages, and its encoding does for these
texts only. aiosmpplib looks through everything it has sent whenever it sends,
so its speed depends on how much that is: it is given 5,000 messages, a twelfth of
ours, which suits it.

Required: 4 x smpp34, 10 x smpplib, 100 x aiosmpplib, 0.5 of the ceiling, on either loop.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._common import Options, finish, machine, parse_args, version
from benchmarks._smsc import responder

TRIES: Final = 3
PEERS = Path(__file__).with_name("_smpp_peers.py")
Record: TypeAlias = dict[str, Any]
WAYS: Final = ("ours", "send_many")
WANTED: Final = {"smpp34": 4.0, "smpplib": 10.0, "aiosmpplib": 100.0, "ceiling": 0.5}


@dataclass(frozen=True, slots=True)
class Contender:
    """A client on a loop, and how many messages it gets."""

    name: str
    loop: str
    messages: int
    seconds_steady: int = 10
    rounds: int = 100

    @property
    def label(self) -> str:
        """Its row in the table."""
        return self.name if self.loop == "-" else f"{self.name}, {self.loop}"


CONTENDERS: Final = (
    Contender("ours", "asyncio", 60_000),
    Contender("send_many", "asyncio", 60_000),
    Contender("ceiling", "asyncio", 100_000),
    Contender("pump", "asyncio", 100_000),
    Contender("ours", "uvloop", 60_000),
    Contender("send_many", "uvloop", 60_000),
    Contender("ceiling", "uvloop", 100_000),
    Contender("pump", "uvloop", 100_000),
    Contender("smpp34", "asyncio", 15_000),
    Contender("smpp34", "uvloop", 15_000),
    Contender("smpplib", "-", 10_000),
    Contender("aiosmpplib", "asyncio", 5000, rounds=1),
    Contender("aiosmpplib", "uvloop", 5000, rounds=1),
)


def run(contender: Contender, port: int, *, messages: int, steady: int) -> Record:
    """One client's turn."""
    command = [
        sys.executable, str(PEERS), contender.name, str(port),
        f"--loop={contender.loop}", f"--messages={messages}", f"--steady={steady}",
    ]  # fmt: skip
    for _ in range(TRIES):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        # smpp34 dies now and then when its interpreter ends: what it has printed counts.
        if done.stdout.endswith("}\n"):
            found: Record = json.loads(done.stdout.splitlines()[-1])
            return found
    raise RuntimeError(f"{contender.label}: ended with {done.returncode}: {done.stderr[-2000:]}")


def collect(options: Options, port: int) -> dict[Contender, list[Record]]:
    """Every client's turns; the last of them with messages at 20 a second."""
    rounds = 3 if options.quick else 5
    found: dict[Contender, list[Record]] = {one: [] for one in CONTENDERS}
    for turn in range(rounds):
        for one in CONTENDERS[:: 1 if turn % 2 == 0 else -1]:
            if turn >= one.rounds:
                continue
            is_last = turn == min(rounds, one.rounds) - 1
            messages = max(500, one.messages // (5 if options.quick else 1))
            steadily = is_last and one.name not in {"pump", "send_many"}
            seconds = (2 if options.quick else one.seconds_steady) if steadily else 0
            found[one].append(run(one, port, messages=messages, steady=20 * seconds))
    return found


def speed(record: Record) -> float:
    """Messages a second."""
    return float(record["messages"] / record["seconds"])


def cpu(record: Record) -> float:
    """CPU microseconds a message."""
    return float(record["cpu"] / record["messages"] * 1e6)


def middle(records: list[Record], of: Callable[[Record], float]) -> float:
    """The median over the rounds."""
    return statistics.median(map(of, records))


def times(record: Record, kind: str) -> str:
    """Median and 99th percentile, in milliseconds."""
    found = record.get(kind)
    return "" if found is None else f"{found['p50_ms']:.2f} / {found['p99_ms']:.2f}"


def table(found: Mapping[Contender, list[Record]]) -> list[str]:
    """Markdown: what everybody did."""
    lines = [
        "| client | messages/s | CPU µs a message | p50 / p99 ms, full speed | p50 / p99 ms, 20/s |",
        "|---|---|---|---|---|",
    ]
    for one, records in found.items():
        full = sorted(records, key=lambda record: record.get("full", {}).get("p99_ms", 0))[len(records) // 2]
        lines.append(
            f"| {one.label} | {middle(records, speed):,.0f} | {middle(records, cpu):.1f} | {times(full, 'full')} "
            f"| {times(records[-1], 'steady')} |"
        )
    return lines


def ratios(found: Mapping[Contender, list[Record]], mine: str, of: Callable[[Record], float]) -> dict[str, float]:
    """One way of ours divided by each of the others on the same loop: the median over rounds where both had a turn."""
    made: dict[str, float] = {}
    for loop in ("asyncio", "uvloop"):
        ours = next(records for one, records in found.items() if (one.name, one.loop) == (mine, loop))
        for one, theirs in found.items():
            if one.name not in WAYS and one.loop in {loop, "-"}:
                each = [of(our) / of(their) for our, their in zip(ours, theirs, strict=False)]
                made[f"{one.name}, {loop}"] = statistics.median(each)
    return made


def fair(by_way: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Each of the others against the way of ours that it is to be compared with; see the module's text."""
    ours, in_bulk = (by_way[way] for way in WAYS)
    kind = {"ceiling": ours, "pump": in_bulk}
    faster = {label: max(ratio, in_bulk[label]) for label, ratio in ours.items()}
    return {label: kind.get(label.split(",")[0], faster)[label] for label in ours}


def main() -> None:
    options = parse_args(__doc__ or "")
    with responder() as (port, written_in):
        found = collect(options, port)
    versions = ", ".join(f"{name} {version(name)}" for name in ("smpp34", "smpplib", "aiosmpplib", "uvloop"))
    options.say(f"{machine()}, {versions}; responder in {written_in}\n")
    options.say("\n".join(table(found)))
    by_speed = {way: ratios(found, way, speed) for way in WAYS}
    by_cpu = {way: ratios(found, way, lambda record: 1 / cpu(record)) for way in WAYS}
    compared = fair(by_speed)
    options.say(
        "\n| divided by | ours: messages/s | per CPU second | send_many: messages/s | per CPU second | compared |"
        "\n|---|---|---|---|---|---|"
    )
    for name, ratio in compared.items():
        cells = [f"{by[way][name]:.2f}" for way in WAYS for by in (by_speed, by_cpu)]
        options.say(f"| {name} | {' | '.join(cells)} | {ratio:.2f} |")
    finish(
        "smpp_submit",
        compared,
        {
            "by_way": {way: {name: round(ratio, 3) for name, ratio in by_speed[way].items()} for way in WAYS},
            "cpu_ratios": {way: {name: round(ratio, 3) for name, ratio in by_cpu[way].items()} for way in WAYS},
            "messages_per_s": {one.label: round(middle(records, speed)) for one, records in found.items()},
            "responder": written_in,
        },
        wanted={f"{peer}, {loop}": least for peer, least in WANTED.items() for loop in ("asyncio", "uvloop")},
    )


if __name__ == "__main__":
    main()
