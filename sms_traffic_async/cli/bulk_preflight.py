"""A look at all rows before the first is sent. Sends nothing and asks nobody.

Twice the same number and text is found by a table of digests in a temporary
file of SQLite's, so it takes no memory, however long the file is; the digests
are keyed by chance, so what is left on a disk tells nobody's number.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from sms_traffic_async.cli.bulk_journal import Fate
from sms_traffic_async.cli.bulk_recipe import Recipe, RowProblem, estimate
from sms_traffic_async.cli.bulk_rows import RowFile
from sms_traffic_async.messages import Message

__all__ = ("Preflight", "look")

SHOWN = 10
"""Bad rows that are named; the result file has all."""
TELL_EVERY = 5_000
SPAM_AFTER = 4
"""So often the platform takes one text to one number within an hour (document, status Rejected)."""
_DIGEST_BYTES = 16


@dataclass(slots=True, kw_only=True)
class Preflight:
    """What a file holds.

    Attributes:
        fates: of each row by its number, one octet each.
        rows: in the file.
        bad: that cannot be sent.
        named: line and reason of the first bad ones.
        duplicates: rows whose number and text stood in an earlier one.
        spam: of those that are sent all the same, the fifth to a number and later ones.
        same_number: rows whose number stood in an earlier one, with another text.
        parts: SMS parts of all that can be sent.
        doubtful: rows of which the document leaves the parts open.
        longest: parts of the longest text.
        encodings: rows by encoding.
        labelled: rows with a label of their own.
    """

    fates: bytearray = field(default_factory=lambda: bytearray(1))
    rows: int = 0
    bad: int = 0
    named: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    duplicates: int = 0
    spam: int = 0
    same_number: int = 0
    parts: int = 0
    doubtful: int = 0
    longest: int = 0
    encodings: Counter[str] = field(default_factory=Counter[str])
    labelled: int = 0

    def record(self) -> dict[str, Any]:
        """For printing."""
        return {
            "rows": self.rows,
            "to_send": self.fates.count(Fate.UNTOUCHED) - 1,
            "parts": self.parts,
            "parts_exact": self.doubtful == 0,
            "longest": self.longest,
            "encodings": dict(self.encodings),
            "bad": self.bad,
            "bad_rows": [{"line": line, "reason": reason} for line, reason in self.named],
            "duplicates": self.duplicates,
            "spam": self.spam,
            "same_number": self.same_number,
        }


def look(
    rows: RowFile, recipe: Recipe, *, skip_duplicates: bool, most_parts: int = 255, told: Callable[[int], None]
) -> Preflight:
    """Read all rows, send none.

    Args:
        rows: the file.
        recipe: what a row becomes.
        skip_duplicates: a row is not to be sent where an earlier one has its number and text.
        most_parts: of one text.
        told: called with the number of rows seen, now and then.

    Raises:
        UsageError: the file cannot be read to its end.
    """
    found = Preflight()
    with _Seen() as seen:
        for row in rows.rows():
            found.rows = row.number
            try:
                message = recipe.message(row)
                fate = _count(found, message, recipe, seen, skip_duplicates=skip_duplicates, most_parts=most_parts)
            except RowProblem as problem:
                fate = Fate.BAD
                found.bad += 1
                if len(found.named) < SHOWN:
                    found.named.append((row.line, str(problem)))
            found.fates.append(fate)
            if row.number % TELL_EVERY == 0:
                told(row.number)
    return found


def _count(
    found: Preflight, message: Message, recipe: Recipe, seen: _Seen, *, skip_duplicates: bool, most_parts: int
) -> Fate:
    size = estimate(message, recipe.via)
    if size.parts > (recipe.max_parts or most_parts):
        raise RowProblem(f"text: {size.parts} parts, and {recipe.max_parts or most_parts} are the most")
    number_again = seen.again(message.to)
    times = seen.again(message.to, message.text)
    if times:
        found.duplicates += 1
        if skip_duplicates:
            return Fate.DUPLICATE
        found.spam += times >= SPAM_AFTER
    elif number_again:
        found.same_number += 1
    found.parts += size.parts
    found.doubtful += not size.exact
    found.longest = max(found.longest, size.parts)
    found.encodings[str(size.encoding)] += 1
    found.labelled += message.tracking_data is not None
    return Fate.UNTOUCHED


class _Seen:
    """What was there before, on a disk."""

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def __enter__(self) -> Self:
        # An empty name is a temporary file: kept in memory while it is small, and gone when it is closed.
        self._table = sqlite3.connect("", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID",
            "BEGIN",
        ):
            self._table.execute(statement)
        return self

    def __exit__(self, *error: object) -> None:
        self._table.close()

    def again(self, *words: str) -> int:
        """How often the same was asked before."""
        digest = hashlib.blake2b("\0".join(words).encode(), digest_size=_DIGEST_BYTES, key=self._key).digest()
        if self._table.execute("INSERT OR IGNORE INTO seen VALUES (?, 0)", (digest,)).rowcount:
            return 0
        self._table.execute("UPDATE seen SET times = times + 1 WHERE digest = ?", (digest,))
        times: int = self._table.execute("SELECT times FROM seen WHERE digest = ?", (digest,)).fetchone()[0]
        return times
