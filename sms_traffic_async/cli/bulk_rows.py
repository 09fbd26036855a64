"""A file of rows: CSV with a line of names, or one JSON object a line. Read row by row, as often as needed."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal, TypeAlias, cast

import orjson

from sms_traffic_async.cli.output import UsageError

__all__ = ("Form", "Row", "RowFile")

Form: TypeAlias = Literal["csv", "jsonl"]

LINE_BYTES = 1_000_000
"""Of one line; above any text of 255 parts."""
MOST_ROWS = 50_000_000
"""A row takes nine bytes of memory."""
_DELIMITERS = ";,\t"
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as it stands in the file; its values do not print.

    Attributes:
        number: from 1, the line of names not counted.
        line: of the file, from 1, where it begins.
        values: by column.
        problem: why it cannot be read.
    """

    number: int
    line: int
    values: Mapping[str, str]
    problem: str = ""

    def __repr__(self) -> str:
        return f"Row(number={self.number}, line={self.line})"


class RowFile:
    """An open file of rows.

    Args:
        file: opened for reading bytes; can be read from its beginning again.
        name: for sentences.
        form: what it is.

    Raises:
        UsageError: it has no line of names, or one that cannot be used.
    """

    def __init__(self, file: BinaryIO, *, name: str, form: Form) -> None:
        self.name = name
        self.form: Form = form
        self.columns: tuple[str, ...] | None = None
        """The names of CSV; ``None`` for JSON, where each row has its own."""
        self._file = file
        self._delimiter = ","
        self._seen = self._state()
        if form == "csv":
            self.columns = self._header()

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns

    def fingerprint(self) -> str:
        """SHA-256 of all of it."""
        self._file.seek(0)
        digest = hashlib.sha256()
        while piece := self._file.read(_PIECE):
            digest.update(piece)
        return digest.hexdigest()

    def rows(self) -> Iterator[Row]:
        """All rows, from the first.

        Raises:
            UsageError: the file cannot be read any further, or it changed since it was opened.
        """
        if self._state() != self._seen:
            raise UsageError(f"{self.name} has changed while it was read")
        self._file.seek(0)
        for number, row in enumerate(self._csv() if self.form == "csv" else self._json(), start=1):
            if number > MOST_ROWS:
                raise UsageError(f"{self.name} has more than {MOST_ROWS:,} rows: split it")
            yield Row(number=number, line=row[0], values=row[1], problem=row[2])
        if self._state() != self._seen:
            raise UsageError(f"{self.name} has changed while it was read")

    def _header(self) -> tuple[str, ...]:
        first = self._file.readline(LINE_BYTES)
        try:
            line = first.decode("utf-8-sig")
        except UnicodeDecodeError:
            line = None
        if line is None:
            raise self._not_utf8(1)
        # Counted where nothing is quoted: a name may hold a comma.
        outside = "".join(line.split('"')[::2])
        self._delimiter = max(_DELIMITERS, key=lambda one: (outside.count(one), one == ","))
        names = tuple(name.strip() for name in next(csv.reader([line], delimiter=self._delimiter), list[str]()))
        if not any(names):
            raise UsageError(f"{self.name}: its first line has to name the columns, such as phone,text")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"{self.name}: columns stand twice: {', '.join(map(repr, twice))}")
        return names

    def _not_utf8(self, line: int) -> UsageError:
        return UsageError(
            f"{self.name}, near line {line}: is not UTF-8. Convert it: iconv -f WINDOWS-1251 -t UTF-8 {self.name}"
        )

    def _csv(self) -> Iterator[tuple[int, Mapping[str, str], str]]:
        columns = self.columns or ()
        text = io.TextIOWrapper(cast("BinaryIO", _Borrowed(self._file)), encoding="utf-8-sig", newline="")
        reader = csv.reader(text, delimiter=self._delimiter, strict=True)
        wrong: UsageError | None = None
        begins = 1
        try:
            for number, cells in enumerate(reader):
                line, begins = begins, reader.line_num + 1
                if not cells or number == 0:
                    continue
                if len(cells) != len(columns):
                    yield line, {}, f"has {len(cells)} cells, and the first line {len(columns)} names"
                else:
                    yield line, dict(zip(columns, cells, strict=True)), ""
        except csv.Error as error:
            wrong = UsageError(f"{self.name}, line {begins}: {error}")
        except UnicodeDecodeError:
            wrong = self._not_utf8(begins)
        if wrong is not None:
            raise wrong  # here, and without the codec's error: it holds what was read

    def _json(self) -> Iterator[tuple[int, Mapping[str, str], str]]:
        line = 0
        while content := self._file.readline(LINE_BYTES + 1):
            line += 1
            if len(content) > LINE_BYTES:
                raise UsageError(f"{self.name}, line {line}: is longer than {LINE_BYTES:,} bytes")
            if line == 1:
                content = content.removeprefix(b"\xef\xbb\xbf")
            if content.strip():
                yield line, *_object(content)


def _object(content: bytes) -> tuple[Mapping[str, str], str]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}, "is no JSON object"
    if not isinstance(found, dict):
        return {}, "is no JSON object"
    values: dict[str, str] = {}
    for name, value in cast("dict[str, object]", found).items():
        if value is None:
            continue
        if type(value) is not str and type(value) is not int:
            return {}, f"{name!r} is neither a string nor a whole number"
        values[name] = str(value)
    return values, ""


class _Borrowed(io.RawIOBase):
    """Reads from a file and does not close it: a reader that is dropped half-way closes what it was given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        """As a buffered file: what is there, up to a piece."""
        return self._file.read(_PIECE if size < 0 else size)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)
