r"""A CSV report, cut into rows while it arrives.

The document gives a separator (``;``) and nothing else: no header, no charset,
no rule for quotes, no last line end (field notes, R6). Hence:

1. Bytes are cut after a line feed and only whole lines are decoded, so no
   character is ever cut in two, whatever the charset.
2. A byte order mark, or text beyond ASCII that is valid UTF-8, makes the file
   UTF-8; text that is not makes it windows-1251. A few letters prove little, so
   the choice is held to only after ``PROOF`` of them: ``Яё`` in windows-1251
   happens to be valid UTF-8, eight such pairs in a row happen to nobody. In a
   file known as UTF-8 a broken sequence (a text cut by bytes) becomes U+FFFD.
3. Cells may be quoted with ``"``, hold separators, doubled quotes and line ends.
4. Should the platform not quote at all: where quotes are not as rule 3 has them
   (a closing one is followed by a separator or a line end), or a record comes out
   with another number of cells than was asked for, the line is read again with
   its quotes as letters; and separators too many are the message's own.
5. No row is longer than ``ROW_LIMIT``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice
from typing import TypeAlias

from sms_traffic_async.errors import RequestFailed

__all__ = ("ROW_LIMIT", "CsvRows")

Cells: TypeAlias = tuple[str, ...]

ROW_LIMIT = 262_144
"""Characters (bytes before decoding) of one row; the longest message known is 39,015 bytes (field notes, A13)."""

PROOF = 8
_BOM = b"\xef\xbb\xbf"


class _OutOfLines(Exception):
    """The parser asked for a line that has not arrived."""


class CsvRows:
    """Turns chunks of a CSV report into rows of cells. Pure: no I/O, no clock.

    Args:
        fields: the names of the cells, in order.
    """

    def __init__(self, fields: Sequence[str]) -> None:
        self._width = len(fields)
        self._message = fields.index("message") if "message" in fields else None
        self._tail: list[bytes] = []
        self._tail_size = 0
        self._open = ""  # lines of a record whose quote is not closed yet
        self._charset: str | None = None
        self._proof = 0  # bytes that only UTF-8 explains
        self._begun = False

    def feed(self, data: bytes) -> list[Cells]:
        """The rows that these bytes complete, in order.

        Raises:
            RequestFailed: a row is longer than ``ROW_LIMIT``.
        """
        end = data.rfind(b"\n") + 1
        if not end:
            self._keep(data)
            return []
        block = b"".join((*self._tail, data[:end]))
        self._tail.clear()
        self._tail_size = 0
        if end < len(data):
            self._keep(data[end:])
        return self._rows(self._decode(block), last=False)

    def close(self) -> list[Cells]:
        """The last rows, when the report has ended; its last line may lack a line end."""
        block = b"".join(self._tail)
        self._tail.clear()
        self._tail_size = 0
        return self._rows(self._decode(block), last=True)

    def _keep(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_size += len(data)
        if self._tail_size > ROW_LIMIT:
            raise RequestFailed(f"not a CSV report: a line of more than {ROW_LIMIT} bytes", operation="v2.report")

    def _decode(self, block: bytes) -> str:
        if not self._begun:
            self._begun = True
            if block.startswith(_BOM):
                block = block[len(_BOM) :]
                self._charset = "utf-8"
        if self._charset is not None:
            return block.decode(self._charset, errors="replace")
        try:
            text = block.decode()
        except UnicodeDecodeError:
            self._charset = self._vote(block)
            return block.decode(self._charset, errors="replace")
        self._proof += len(block) - len(text)
        if self._proof >= PROOF:
            self._charset = "utf-8"
        return text

    def _vote(self, block: bytes) -> str:
        """Which charset a block is in that is not clean UTF-8: in windows-1251 nearly every letter is broken UTF-8."""
        text = block.decode(errors="replace")
        broken = text.count("\ufffd")
        whole = len(text) - len(text.encode("ascii", errors="ignore")) - broken
        return "utf-8" if self._proof + whole > broken else "windows-1251"

    def _rows(self, text: str, *, last: bool) -> list[Cells]:
        if self._open:
            text = self._open + text
            self._open = ""
        if '"' in text:
            return self._quoted(list(StringIO(text, newline="\n")), last=last)
        lines = text.replace("\r\n", "\n").removesuffix("\r").split("\n")
        if not lines[-1]:
            lines.pop()
        rows: list[Cells] = []
        width = self._width
        for line in lines:
            cells = tuple(line.split(";"))
            if len(cells) == width and line:
                rows.append(cells)
            else:
                self._literal(line, rows)
        return rows

    def _plain(self, line: str) -> Cells | None:
        """A line whose quotes are letters. An empty line is no row, unless a row is one cell wide."""
        line = line.removesuffix("\r")
        if not line and self._width > 1:
            return None
        cells = line.split(";")
        return tuple(cells) if len(cells) == self._width else self._folded(cells)

    def _folded(self, cells: list[str]) -> Cells:
        """Separators too many: they are taken to be the message's own, if there is a message."""
        at, extra = self._message, len(cells) - self._width
        if at is None or extra <= 0:
            return tuple(cells)
        return (*cells[:at], ";".join(cells[at : at + extra + 1]), *cells[at + extra + 1 :])

    def _quoted(self, lines: list[str], *, last: bool) -> list[Cells]:
        rows: list[Cells] = []
        at = 0
        while at < len(lines):
            at, waiting = self._parse(lines, at, rows)
            if not waiting or at == len(lines):
                continue
            # A quote is not closed yet, or never will be.
            rest = "".join(lines[at:])
            if not last and len(rest) <= ROW_LIMIT:
                self._open = rest
                break
            self._literal(lines[at], rows)
            at += 1
        return rows

    def _parse(self, lines: list[str], start: int, rows: list[Cells]) -> tuple[int, bool]:
        """Read records from a line on; gives the line to go on with, and whether the lines ran out."""
        reader = csv.reader(_source(lines, start), delimiter=";", strict=True)
        width, done = self._width, start
        try:
            for record in reader:  # pragma: no branch - the lines end by _OutOfLines
                if len(record) == width:
                    rows.append(tuple(record))
                elif not record:
                    self._literal("", rows)
                elif self._looks_whole(lines[done], alone=done + 1 == start + reader.line_num):
                    break
                else:
                    rows.append(self._folded(record))
                done = start + reader.line_num
        except _OutOfLines:
            return done, True
        except csv.Error:
            pass
        self._literal(lines[done], rows)
        return done + 1, False

    def _looks_whole(self, line: str, *, alone: bool) -> bool:
        """Whether a line that begins a record of a wrong width would be a row if its quotes were letters."""
        extra = line.count(";") + 1 - self._width
        return extra == 0 or (extra > 0 and not alone)

    def _literal(self, line: str, rows: list[Cells]) -> None:
        cells = self._plain(line.removesuffix("\n"))
        if cells is not None:
            rows.append(cells)


def _source(lines: list[str], start: int) -> Iterator[str]:
    # An end by StopIteration would make the parser hand out half a record as a whole one.
    yield from islice(lines, start, None)
    raise _OutOfLines
