"""The result file: every row of the input, in its order, and what became of it.

Made whole at the end of each run, from the input and the journal, and put in
its place in one step: there is never half of one.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import orjson

from sms_traffic_async.cli.bulk_journal import Fate, Journal
from sms_traffic_async.cli.bulk_recipe import Recipe, RowProblem
from sms_traffic_async.cli.bulk_rows import Row, RowFile
from sms_traffic_async.cli.files import is_json_lines, whole_file

__all__ = ("COLUMNS", "row_record", "write_results")

COLUMNS = ("row", "line", "to", "outcome", "message_ids", "code", "parts", "tracking_data", "reason")
DUPLICATE = "an earlier row has the same number and text"
INTERRUPTED = "it was under way when the sending ended: an SMS may have gone out"


def row_record(row: Row, fate: Fate, facts: dict[str, Any], *, to: str, label: str | None) -> dict[str, Any]:
    """One row, for the file and for ``--json``; the number as it stands in the input."""
    return {
        "row": row.number,
        "line": row.line,
        "to": to,
        "outcome": fate.word,
        "message_ids": facts.get("message_ids") or [],
        "code": facts.get("code"),
        "parts": facts.get("parts"),
        "tracking_data": row.values.get("tracking_data") or label,
        "reason": facts.get("reason"),
    }


def write_results(path: Path, rows: RowFile, recipe: Recipe, journal: Journal) -> None:
    """Write it: CSV, or JSON where the name says so.

    Raises:
        OSError: it cannot be written.
    """
    with whole_file(path) as file:
        table = None if is_json_lines(path) else csv.writer(file, lineterminator="\n")
        if table is not None:
            table.writerow(COLUMNS)
        for row in rows.rows():
            record = _record(row, recipe, journal)
            if table is None:
                file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE).decode())
            else:
                table.writerow(_cells(record))


def _cells(record: dict[str, Any]) -> list[Any]:
    return list((record | {"message_ids": " ".join(record["message_ids"])}).values())


def _record(row: Row, recipe: Recipe, journal: Journal) -> dict[str, Any]:
    fate = Fate(journal.fates[row.number])
    facts = journal.facts(row.number)
    label = None
    if fate is Fate.BAD:
        facts = {"reason": _why(row, recipe)}
    elif fate is Fate.DUPLICATE:
        facts = {"reason": DUPLICATE}
    elif fate is not Fate.UNTOUCHED:
        label = journal.label(row.number)
        if fate is Fate.UNKNOWN and not facts:
            facts = {"reason": INTERRUPTED}
    return row_record(row, fate, facts, to=recipe.number(row), label=label)


def _why(row: Row, recipe: Recipe) -> str | None:
    try:
        recipe.message(row)
    except RowProblem as problem:
        return str(problem)
    return "text: too many parts"
