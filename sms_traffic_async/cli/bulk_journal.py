"""What happened to the rows of a file, in a file of its own, so that a second run repeats nothing.

1. A row is written down as begun, and that is on the disk, before its first byte leaves.
2. What became of it is appended when it is known.
3. A row that was begun, and of which nothing else stands here, may have gone out. It is never begun again.
4. Lines are only appended. A last line without its end was being written when
   the machine stopped: what it says had not happened yet, or is as if unknown.
5. One process at a time.

Holds no number and no text.
"""

from __future__ import annotations

import enum
import os
import sys
import threading
import uuid
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import orjson

from sms_traffic_async.cli.output import UsageError

__all__ = ("TO_DO", "Fate", "Identity", "Journal", "already_there")

VERSION = 1
LINE_BYTES = 100_000
_ID_DIGITS = 12
_LOCK_AT = 1 << 30
_FIRST = b'{"bulk":'


class Fate(enum.IntEnum):
    """What is known of one row. The names are those of the result file."""

    UNTOUCHED = 0
    BAD = 1
    DUPLICATE = 2
    UNKNOWN = 3
    ACCEPTED = 4
    REJECTED = 5
    NOT_SENT = 6
    REFUSED_FOR_NOW = 7
    """Rejected for a reason that is not the row's: ``--resume`` tries it again."""

    @property
    def word(self) -> str:
        """As it is written."""
        return "rejected" if self is Fate.REFUSED_FOR_NOW else self.name.lower()


TO_DO = frozenset({Fate.UNTOUCHED, Fate.NOT_SENT, Fate.REFUSED_FOR_NOW})
_ENDS = {fate.name.lower(): fate for fate in Fate}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a journal belongs to. Another file, or another recipe, is another sending.

    Attributes:
        file: fingerprint of the rows.
        recipe: fingerprint of what they become.
        rows: how many there are.
        via: the protocol.
        labelled: every message has a label of ours (v2), by which it can be asked for.
    """

    file: str
    recipe: str
    rows: int
    via: str
    labelled: bool


class Journal:
    """An open journal; made by ``create`` or ``resume``.

    Attributes:
        fates: of each row, by its number; one octet each.
        id: of this sending, and the beginning of its labels.
    """

    def __init__(self, path: Path, file: BinaryIO, identity: Identity, fates: bytearray) -> None:
        self.path = path
        self.identity = identity
        self.fates = fates
        self.id: str = ""
        self._file = file
        self._guard = threading.Lock()
        self._places = array("Q", bytes(8 * len(fates)))

    @classmethod
    def create(cls, path: Path, identity: Identity, fates: bytearray) -> Self:
        """Begin one.

        Args:
            path: where; nothing may be there.
            identity: of the sending.
            fates: by row number; 0 stands for no row.

        Raises:
            UsageError: there is one already.
            OSError: it cannot be written.
        """
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o600), "r+b")
        except FileExistsError:
            file = None
        if file is None:
            raise already_there(path)
        journal = cls(path, file, identity, fates)
        try:
            _lock(file.fileno(), path)
            journal.id = uuid.uuid4().hex[:_ID_DIGITS]
            journal._begin_file()
        except BaseException:
            file.close()
            raise
        return journal

    @classmethod
    def resume(cls, path: Path, identity: Identity, fates: bytearray) -> Self:
        """Go on with one.

        Raises:
            UsageError: there is none, it belongs to another sending, another process has it, or it cannot be read.
            OSError: it cannot be opened.
        """
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            file = None
        if file is None:
            raise UsageError(f"{path} is not there: there is nothing to go on with. Without --resume a sending begins")
        journal = cls(path, file, identity, fates)
        try:
            _lock(file.fileno(), path)
            journal._read()
        except BaseException:
            file.close()
            raise
        return journal

    def _begin_file(self) -> None:
        made = self.identity
        self._append(
            {
                "bulk": VERSION,
                "id": self.id,
                "file": made.file,
                "recipe": made.recipe,
                "rows": made.rows,
                "via": made.via,
                "labelled": made.labelled,
                "at": datetime.now(UTC),
            }
        )
        self._sync()
        if os.name == "posix":
            # The name of a new file is on the disk with its folder only.
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _read(self) -> None:
        place = 0
        number = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n") and (number > 1 or _FIRST.startswith(line[: len(_FIRST)])):
                break
            try:
                found = orjson.loads(line)
                self._believe(found, number, place)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError):
                found = None
            if found is None:
                raise UsageError(f"{self.path}, line {number}: is no line of a journal; it cannot be gone on with")
            place += len(line)
        if not self.id:
            # It was being made when the machine stopped: nothing had been begun.
            self._file.truncate(0)
            self._file.seek(0)
            self.id = uuid.uuid4().hex[:_ID_DIGITS]
            self._begin_file()
            return
        self._file.truncate(place)
        self._file.seek(place)

    def _believe(self, found: dict[str, Any], number: int, place: int) -> None:
        if number == 1:
            self._recognise(found)
        elif "row" in found:
            row = self._row(found["row"])
            self.fates[row] = Fate.REFUSED_FOR_NOW if found["again"] and found["outcome"] == "rejected" else _ENDS[
                found["outcome"]
            ]  # fmt: skip
            self._places[row] = place
        else:
            fate = Fate.UNKNOWN if "begin" in found else Fate.UNTOUCHED
            for first, last in found["begin" if "begin" in found else "released"]:
                for row in range(self._row(first), self._row(last) + 1):
                    self.fates[row] = fate
                    self._places[row] = 0

    def _row(self, number: object) -> int:
        if type(number) is not int or not 0 < number < len(self.fates):
            raise ValueError
        return number

    def _recognise(self, found: dict[str, Any]) -> None:
        made = self.identity
        if found["bulk"] != VERSION:
            raise UsageError(f"{self.path}: was written by another version")
        for name, theirs, ours in (
            ("the file is not the one that it was begun with", found["file"], made.file),
            ("it was begun with another text or other options", found["recipe"], made.recipe),
            (f"it was begun with --via {found['via']}", found["via"], made.via),
        ):
            if theirs != ours:
                raise UsageError(f"{self.path}: {name}; a row could go out twice")
        self.id = str(found["id"])

    def begin(self, rows: Sequence[int]) -> None:
        """Write down rows as begun. When it returns they are on the disk, and may go out."""
        with self._guard:
            self._append({"begin": _ranges(rows)})
            self._sync()
        for row in rows:
            self.fates[row] = Fate.UNKNOWN
            self._places[row] = 0

    def release(self, rows: Sequence[int]) -> None:
        """Take it back for rows that provably did not go out."""
        if not rows:
            return
        with self._guard:
            self._append({"released": _ranges(rows)})
        for row in rows:
            self.fates[row] = Fate.UNTOUCHED

    def end(self, row: int, fate: Fate, facts: Mapping[str, Any]) -> None:
        """Write down what became of a row."""
        line = {"row": row, "outcome": fate.word, "again": fate in TO_DO, **facts}
        with self._guard:
            self._places[row] = self._append(line)
        self.fates[row] = fate

    def facts(self, row: int) -> dict[str, Any]:
        """What was written of a row at last; empty where nothing was."""
        if not self._places[row]:
            return {}
        with self._guard:
            self._file.seek(self._places[row])
            line = self._file.readline(LINE_BYTES)
            self._file.seek(0, os.SEEK_END)
        return cast("dict[str, Any]", orjson.loads(line))

    def counts(self) -> dict[Fate, int]:
        """Rows by what is known of them."""
        return {fate: self.fates.count(fate) - (1 if fate == self.fates[0] else 0) for fate in Fate}

    def label(self, row: int) -> str | None:
        """The label a row is sent with."""
        return f"{self.id}-{row}" if self.identity.labelled else None

    def close(self) -> None:
        """Bring all of it to the disk, and let others have it."""
        with self._guard:
            if not self._file.closed:
                try:
                    self._sync()
                finally:
                    self._file.close()

    def _append(self, line: Mapping[str, Any]) -> int:
        """Where it stands. Past this call the end of the process loses nothing of it; that of the machine may."""
        place = self._file.seek(0, os.SEEK_END)
        content = memoryview(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        while content:
            content = content[self._file.write(content) :]
        self._file.flush()
        return place

    def _sync(self) -> None:
        os.fsync(self._file.fileno())


_BINARY = getattr(os, "O_BINARY", 0)


def already_there(path: Path) -> UsageError:
    """Why a sending cannot begin."""
    return UsageError(
        f"{path} is there: this file was sent before, or its sending was interrupted. --resume goes on; to send all of "
        "it again, delete the journal"
    )


def _ranges(rows: Sequence[int]) -> list[list[int]]:
    found: list[list[int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return found


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, path: Path) -> None:
        """Until it is closed; the end of a process, however it comes, frees it."""
        os.lseek(descriptor, _LOCK_AT, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            raise _taken(path) from None
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int, path: Path) -> None:
        """Until it is closed; the end of a process, however it comes, frees it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(path) from None


def _taken(path: Path) -> UsageError:
    return UsageError(f"{path}: another process is sending this file")
