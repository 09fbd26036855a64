"""The page of figures: what scripts printed, as one table and a section each. Pure, but for `describe`.

Rules
-----
1. A script is known by its last line only: one JSON object (see ``_common.finish``).
2. What stands in a section is what was printed. The table is made of the sections, so
   a part of the scripts can be run again: the others are read back from the page.
3. What stands outside of the two marks is nobody's business here.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from benchmarks._common import machine

__all__ = ("BEGIN", "END", "Form", "Printed", "below", "describe", "page", "read", "replace", "table")

BEGIN, END = "<!-- run.py: from here -->", "<!-- run.py: to here -->"
Form: TypeAlias = Literal["long", "short"]

_SECTION = re.compile(
    r"^### (?P<script>\w+)\n\n(?:[^\n]+\n\n)?(?P<when>[\d :-]+ UTC), (?P<form>long|short) form, (?P<seconds>\d+) s"
    r"(?:, ended with (?P<code>-?\d+))?\.\n\n````text\n\$ [^\n]*\n(?P<text>.*?)````$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What one script printed.

    Attributes:
        script: its name, without ``.py``.
        text: all of it.
        when: when it began, UTC.
        form: whether it was called with ``--quick``.
        seconds: how long it took.
        code: what it ended with.
    """

    script: str
    text: str
    when: str
    form: Form
    seconds: int
    code: int = 0

    @property
    def record(self) -> Mapping[str, Any]:
        """Its last line; empty if that is no result."""
        lines = self.text.rstrip().splitlines()
        try:
            found = json.loads(lines[-1]) if lines else None
        except ValueError:
            return {}
        return found if isinstance(found, dict) and "ratios" in found else {}

    def section(self, goal: str) -> str:
        """Its part of the page.

        Args:
            goal: what it measures, in one line.
        """
        command = f"$ python benchmarks/{self.script}.py{' --quick' if self.form == 'short' else ''}"
        ended = f", ended with {self.code}" if self.code else ""
        text = self.text.strip("\n")
        return (
            f"### {self.script}\n\n{goal}\n\n{self.when}, {self.form} form, {self.seconds} s{ended}.\n\n"
            f"````text\n{command}\n{text}\n````\n"
        )


def read(document: str) -> dict[str, Printed]:
    """The sections of a page, by script."""
    _, _, rest = document.partition(BEGIN)
    inside, _, _ = rest.partition(END)
    return {
        found["script"]: Printed(
            script=found["script"],
            text=found["text"],
            when=found["when"],
            form="short" if found["form"] == "short" else "long",
            seconds=int(found["seconds"]),
            code=int(found["code"] or 0),
        )
        for found in _SECTION.finditer(inside)
    }


def _asked(one: Mapping[str, Any]) -> str:
    words = {"at_least": "at least", "at_most": "at most"}
    return ", ".join(f"{word} {one[key]:.3g}" for key, word in words.items() if key in one)


def _verdict(one: Mapping[str, Any]) -> str:
    return {True: "reached", False: "**not reached**", None: "not measured"}[one["kept"]]


def _rows(printed: Printed) -> Iterator[tuple[str, ...]]:
    record = printed.record
    if not record:
        yield printed.script, "no result", "", "", "**failed**"
        return
    asked = {one["figure"]: one for one in record.get("asked", ())}
    for peer, ratio in record["ratios"].items():
        one = asked.pop(peer, None)
        yield printed.script, peer, f"{ratio:.2f} x", *(("", "") if one is None else (_asked(one), _verdict(one)))
    for figure, one in asked.items():
        measured = "" if one["measured"] is None else f"{one['measured']:.4g}"
        yield printed.script, figure, measured, _asked(one), _verdict(one)


def table(results: Iterable[Printed]) -> str:
    """Every ratio of every script, and what was asked of it."""
    lines = ["| script | beside | measured | asked | |", "|---|---|--:|---|---|"]
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for one in results for row in _rows(one)]
    return "\n".join(lines)


def below(results: Iterable[Printed]) -> list[str]:
    """What was asked and not reached, a sentence each."""
    return [
        f"{one.script}: {figure} is {measured}; {asked} is asked." if asked else f"{one.script} printed no result."
        for one in results
        for _, figure, measured, asked, verdict in _rows(one)
        if verdict.startswith("**")
    ]


def _goal(folder: Path, script: str) -> str:
    doc = ast.get_docstring(ast.parse((folder / f"{script}.py").read_text(encoding="utf-8"))) or script
    return " ".join(doc.split("\n\n")[0].split())


def page(results: Sequence[Printed], about: Mapping[str, str], folder: Path) -> str:
    """All that stands between the marks.

    Args:
        results: of each script.
        about: the machine, see `describe`.
        folder: where the scripts are; their first sentences say what they measure.
    """
    versions: dict[str, str] = {}
    for one in results:
        versions |= one.record.get("versions", {})
    facts = {**about, "packages": ", ".join(f"{name} {versions[name]}" for name in sorted(versions, key=str.lower))}
    short = below(results)
    verdict = "**Below what is asked:**\n\n" + "\n".join(f"* {sentence}" for sentence in short)
    parts = [
        "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in facts.items()),
        "## All ratios",
        table(results),
        verdict if short else "Nothing is below what is asked.",
        "## As printed",
        *(one.section(_goal(folder, one.script)).rstrip() for one in results),
    ]
    return "\n\n".join(parts) + "\n"


def replace(document: str, inside: str) -> str:
    """A page with new figures between its marks.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{inside}\n{END}{after}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def describe(when: str, commit: str) -> dict[str, str]:
    """This machine, as it is now.

    Args:
        when: UTC.
        commit: of this repository.
    """
    load = f"{os.getloadavg()[0]:.2f} before the first script" if hasattr(os, "getloadavg") else "unknown"
    return {
        "date": when,
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": machine().partition(",")[0],
        "load": load,
        "commit": commit,
    }
