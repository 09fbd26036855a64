"""Draws images/house.svg, the rooms of the package and who imports whom: ``python docs/_generate_picture.py``.

A test fails while the picture and the imports differ.
"""  # noqa: INP001 - a script beside the pages it writes

from __future__ import annotations

import ast
from collections import Counter
from html import escape
from pathlib import Path
from typing import NamedTuple

PACKAGE = "sms_traffic_async"
ROOT = Path(__file__).resolve().parents[1] / PACKAGE
PICTURE = Path(__file__).with_name("images") / "house.svg"

# From the street down to the cellar; a room that is not here has no place yet.
ROWS = (
    ("cli", "testing"),
    ("outbox", "sandbox"),
    ("session", "webhooks", "observation"),
    ("delivery",),
    ("http_v2", "http_v1", "soap", "smtp", "smpp", "pushes"),
    ("http", "protocols"),
    ("policy", "storage"),
    ("text", "values"),
)
SESSION = (
    "session",
    "session_reception",
    "session_protocols",
    "reception",
    "carriers",
    "connections",
    "lifecycle",
    "bulk",
    "bulk_source",
)
OBSERVATION = ("otel", "otel_metrics", "observing", "processing")
WIDTH, HEIGHT, ROW, GAP = 1000, 44, 92, 16


class Plan(NamedTuple):
    """Lines of each room, and how many modules of a room import something of another."""

    lines: dict[str, int]
    edges: dict[tuple[str, str], int]


def room(module: str) -> str:
    """The room that a module belongs to."""
    first, _, rest = module.partition(".")
    if first == "protocols":
        second = rest.partition(".")[0]
        return second if second in ROWS[4] or second == "http" else "protocols"
    if first in {"cli", "__main__"}:
        return "cli"
    if first in {"testing", "pytest_plugin"}:
        return "testing"
    if first in SESSION:
        return "session"
    if first in OBSERVATION:
        return "observation"
    if first in {"outbox", "sandbox", "webhooks", "delivery", "policy", "storage", "text"}:
        return first
    return "values"


def read() -> Plan:
    """The package as it stands."""
    lines: Counter[str] = Counter()
    edges: Counter[tuple[str, str]] = Counter()
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if module == "__init__":
            continue  # the face hands names on, lazily
        text = path.read_text(encoding="utf-8")
        here = room(module)
        lines[here] += text.count("\n")
        names = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
        seen = {room(name[len(PACKAGE) + 1 :]) for name in names if name.startswith(PACKAGE + ".")}
        for there in seen - {here, "values"}:  # everybody uses the values: drawn, they would hide the rest
            edges[here, there] += 1
    return Plan(dict(lines), dict(edges))


def places(plan: Plan) -> dict[str, tuple[float, float, float]]:
    """Left edge, top and width of each room."""
    found: dict[str, tuple[float, float, float]] = {}
    rows = [tuple(one for one in row if one in plan.lines) for row in ROWS]
    missing = set(plan.lines) - {one for row in rows for one in row}
    if missing:
        raise SystemExit(f"these rooms have no place in the picture: {missing}")
    for number, row in enumerate(rows):
        widths = [max(110.0, 60 + 2.2 * plan.lines[one] ** 0.5) for one in row]
        squeeze = min(1.0, (WIDTH - GAP * (len(row) + 1)) / sum(widths))
        widths = [width * squeeze for width in widths]
        left = (WIDTH - sum(widths) - GAP * (len(row) - 1)) / 2
        for one, width in zip(row, widths, strict=True):
            found[one] = (left, 24 + number * ROW, width)
            left += width + GAP
    return found


def render(plan: Plan) -> str:
    """The picture, as SVG that is readable on a light and on a dark page."""
    at = places(plan)
    deep = 24 + (len(ROWS) - 1) * ROW + HEIGHT + 24
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {deep}" font-family="system-ui, sans-serif">',
        f"<title>{PACKAGE}: rooms, their size, and who imports whom</title>",
        "<style>",
        "text{fill:#1f2937;text-anchor:middle}.n{font-size:14px;font-weight:600}.l{font-size:11px;fill:#6b7280}",
        "rect{fill:#eef2ff;stroke:#6366f1}path{fill:none;stroke:#64748b}",
        "</style>",
    ]
    for (here, there), count in sorted(plan.edges.items()):
        (left, top, wide), (left2, top2, wide2) = at[here], at[there]
        x, x2 = left + wide / 2, left2 + wide2 / 2
        same = top == top2
        y, y2 = (top + HEIGHT, top2 + HEIGHT) if same else (top + HEIGHT, top2)
        if top > top2:
            y, y2 = top, top2 + HEIGHT
        bend = y + 26 if same else (y + y2) / 2
        out.append(
            f'<path data-edge="{escape(here)} &gt; {escape(there)}" stroke-width="{min(0.6 + count / 8, 5):.1f}" '
            f'opacity="{min(0.12 + count / 60, 0.6):.2f}" d="M{x:.0f} {y:.0f}C{x:.0f} {bend:.0f} {x2:.0f} {bend:.0f} '
            f'{x2:.0f} {y2:.0f}"><title>{escape(here)} imports {escape(there)} in {count} modules</title></path>'
        )
    for name, (left, top, wide) in at.items():
        middle = left + wide / 2
        out.append(
            f'<rect x="{left:.0f}" y="{top}" width="{wide:.0f}" height="{HEIGHT}" rx="7"/>'
            f'<text class="n" x="{middle:.0f}" y="{top + 19}">{escape(name)}</text>'
            f'<text class="l" x="{middle:.0f}" y="{top + 35}">{round(plan.lines[name], -2):,} lines</text>'
        )
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(render(read()), encoding="utf-8")
