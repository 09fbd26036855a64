"""What the soak of all protocols wrote down, held against what the platform took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol, TextIO

from sms_traffic_async.errors import Outcome
from sms_traffic_async.outbox.store import State

__all__ = ("Journal", "Measured", "OutboxRow", "number_of", "parts_of", "steady", "verdict")

ACCEPTED, UNSENT = "accepted", frozenset({"rejected", "not_sent"})
OUTCOMES = ("missing", *(one.value for one in Outcome))
"""By the code that a journal keeps of each message."""
_OUTBOX = {
    State.ACCEPTED: ACCEPTED,
    State.FINAL: ACCEPTED,
    State.REJECTED: "rejected",
    State.UNKNOWN: "unknown",
}
DRIFT = 3
"""Tasks, descriptors or threads by which the last third of a run may be above its first third."""


def number_of(index: int) -> str:
    """The recipient of a message, which is how the platform's log knows it."""
    return f"79{index:09d}"


def parts_of(index: int, via: str) -> int:
    """Entries of the platform's log: over SMPP every tenth message is long, and its parts are taken one by one."""
    return 2 if via == "smpp" and index % 10 == 0 else 1


class Journal:
    """The application's own records. On the disk, as memory is what is measured: a byte or two a message stay in it."""

    def __init__(self, path: Path) -> None:
        self.vias: list[str] = []
        self.via = bytearray()
        self.outcome = bytearray()
        self.ends = 0
        self.inbound = 0
        self._path = path
        self._file: TextIO = path.open("w", buffering=1 << 16)

    def begin(self, via: str) -> int:
        """A message is handed in; its index."""
        if via not in self.vias:
            self.vias.append(via)
        self.via.append(self.vias.index(via))
        self.outcome.append(0)
        return len(self.outcome) - 1

    def accepted(self, index: int, message_ids: Sequence[str]) -> None:
        """The caller was told so."""
        self.outcome[index] = OUTCOMES.index(ACCEPTED)
        if message_ids:
            self._file.write(f"A {message_ids[0]}\n")

    def failed(self, index: int, outcome: Outcome) -> None:
        """The caller was told that."""
        self.outcome[index] = OUTCOMES.index(outcome.value)

    def ended(self, message_id: str, status: str) -> None:
        """A reader was told a last status."""
        self.ends += 1
        self._file.write(f"E {message_id} {status}\n")

    def came(self, text: str) -> None:
        """A reader was told what a subscriber wrote."""
        self.inbound += 1
        self._file.write(f"I {text}\n")

    def read(self) -> tuple[set[str], Counter[str], Counter[str]]:
        """Ids that were accepted; how often the end of each was told; how often each inbound message came."""
        self._file.close()
        accepted, ends, inbound = set[str](), Counter[str](), Counter[str]()
        with self._path.open() as lines:
            for line in lines:
                kind, _, rest = line.rstrip("\n").partition(" ")
                if kind == "A":
                    accepted.add(rest)
                elif kind == "E":
                    ends[rest.partition(" ")[0]] += 1
                else:
                    inbound[rest] += 1
        return accepted, ends, inbound


@dataclass(slots=True, kw_only=True)
class OutboxRow:
    """What is left of a message in the outbox."""

    index: int
    state: State
    message_ids: tuple[str, ...]


class Measured(Protocol):
    """The part of a sample that a verdict needs."""

    @property
    def tasks(self) -> int: ...
    @property
    def descriptors(self) -> int: ...
    @property
    def threads(self) -> int: ...


def steady(samples: Sequence[Measured]) -> dict[str, Any]:
    """Tasks, descriptors and threads: least and most, and whether the last third stands above the first."""
    row: dict[str, Any] = {}
    third = max(1, len(samples) // 3)
    for name in ("tasks", "descriptors", "threads"):
        values = [getattr(one, name) for one in samples]
        drift = median(values[-third:]) - median(values[:third])
        row[name] = {"least": min(values), "most": max(values), "drift": drift, "holds": drift <= DRIFT}
    return row


@dataclass(slots=True, kw_only=True)
class Told:
    """By protocol, and what is false in it: protocol and index."""

    by_protocol: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    lost: list[str] = field(default_factory=list[str])
    false_refusals: list[str] = field(default_factory=list[str])
    duplicates: list[str] = field(default_factory=list[str])
    missing: list[str] = field(default_factory=list[str])


def _judge(journal: Journal, rows: Sequence[OutboxRow], taken: Mapping[str, int]) -> Told:
    of_outbox = {row.index: row.state for row in rows}
    told = Told()
    for index, (place, code) in enumerate(zip(journal.via, journal.outcome, strict=True)):
        via = journal.vias[place]
        outcome = OUTCOMES[code]
        if via == "outbox":
            state = of_outbox.get(index)
            outcome = "missing" if state is None else _OUTBOX.get(state, "missing")
        times, parts = taken.get(number_of(index), 0), parts_of(index, via)
        told.by_protocol.setdefault(via, Counter())[outcome] += 1
        for found, false in (
            (told.lost, outcome == ACCEPTED and times < parts),
            (told.false_refusals, outcome in UNSENT and times > 0),
            (told.duplicates, times > parts),
            (told.missing, outcome == "missing"),
        ):
            if false:
                found.append(f"{via} {index}")
    return told


def verdict(journal: Journal, rows: Sequence[OutboxRow], told: Mapping[str, Any]) -> dict[str, Any]:
    """The figures, and whether all of it is true."""
    accepted, ends, inbound = journal.read()
    accepted |= {row.message_ids[0] for row in rows if row.message_ids}
    judged = _judge(journal, rows, told["accepted"])
    false = {
        "lost": len(judged.lost),
        "duplicates": len(judged.duplicates),
        "false_refusals": len(judged.false_refusals),
        "missing": len(judged.missing),
        "ends_missing": sum(one not in ends for one in accepted),
        "ends_twice": sum(times > 1 for times in ends.values()),
        "inbound_missing": told["inbound"] - len(inbound),
        "inbound_twice": sum(times > 1 for times in inbound.values()),
    }
    return {
        "messages": len(journal.outcome),
        "by_protocol": {via: dict(counts) for via, counts in sorted(judged.by_protocol.items())},
        "taken": told["by_protocol"],
        "faults": told["faults"],
        "latest_faults": told["latest_faults"],
        "pushes": told["pushes"],
        "outbox": Counter(str(row.state) for row in rows),
        "ends": len(ends),
        "inbound": len(inbound),
        **false,
        "false": (judged.lost + judged.duplicates + judged.false_refusals + judged.missing)[:20],
        "true": not any(false.values()),
    }
