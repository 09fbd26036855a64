"""What a command prints, and what it exits with.

Data goes to stdout, everything else to stderr. What came from outside is
printed with control characters escaped, so a text cannot drive the terminal.
"""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TextIO, cast

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sms_traffic_async.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidMessage,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    RequestFailed,
    RequestRefused,
    SendError,
    SmsTrafficError,
)

__all__ = ("Exit", "Output", "UsageError", "exit_code", "printable", "table")


_JSON = orjson.OPT_PASSTHROUGH_SUBCLASS
PIPE_WIDTH = 10_000
"""Columns where nobody looks: a table that goes to another program breaks no line of it."""


class Exit(enum.IntEnum):
    """Exit codes, the same for every command."""

    DONE = 0
    FAILURE = 1
    USAGE = 2
    SOME_FAILED = 3
    CONFIGURATION = 4
    REFUSED = 5
    UNKNOWN = 6
    RATE_LIMITED = 7
    INTERRUPTED = 130


class UsageError(SmsTrafficError):
    """The command line cannot be understood; nothing was done."""


_EXITS: tuple[tuple[type[SmsTrafficError], Exit], ...] = (
    (RateLimited, Exit.RATE_LIMITED),
    (OutcomeUnknown, Exit.UNKNOWN),
    (AuthenticationFailed, Exit.CONFIGURATION),
    (PermissionDenied, Exit.CONFIGURATION),
    (ConfigurationError, Exit.CONFIGURATION),
    (InvalidMessage, Exit.USAGE),
    (UsageError, Exit.USAGE),
    (Rejected, Exit.REFUSED),
    (RequestRefused, Exit.REFUSED),
)


# HTTP 401 and 403, and what the platform says of logins, passwords, addresses and permissions.
_CREDENTIAL_CODES = frozenset({401, 402, 403, 411, 412, 419, 439})


def exit_code(error: BaseException) -> Exit:
    """The exit code for an error."""
    if isinstance(error, RequestRefused) and error.code in _CREDENTIAL_CODES:
        return Exit.CONFIGURATION
    for kind, code in _EXITS:
        if isinstance(error, kind):
            return code
    return Exit.FAILURE


def printable(value: object) -> str:
    """Text with control characters shown as escapes; tabs and line feeds too."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(value))


def _plain(value: object) -> str:
    # Decimal, and strings with a class of their own; the rest orjson writes by itself.
    if isinstance(value, (Decimal, str)):
        return str(value)
    raise TypeError


# Not cut in two on a narrow terminal: somebody will want to copy them.
_WHOLE = frozenset(
    {"created_at", "member", "message_id", "recipient", "sender", "sent_at", "status_at", "submitted_at", "to"}
)


def table(*columns: str, title: str | None = None) -> Table:
    """A table in the one style every command uses."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    return made


def _console(file: TextIO) -> Console:
    # No :names: of emoji: what came from outside is printed as it is.
    console = Console(file=file, highlight=False, emoji=False)
    if not console.is_terminal and not os.environ.get("COLUMNS"):
        console.width = PIPE_WIDTH
    return console


def _facts(error: BaseException) -> dict[str, Any]:
    """What a program wants to know of an error; always the same names."""
    return {
        "outcome": error.outcome.value if isinstance(error, SendError) else None,
        "code": getattr(error, "code", None),
        "node": getattr(error, "node", None),
        "key": getattr(error, "message_key", None),
        "tracking_data": _label(error),
        "retry_after": getattr(error, "retry_after", None),
    }


def _label(error: BaseException) -> str | None:
    """What the platform can be asked by, where an answer was lost."""
    return getattr(getattr(error, "evidence", None), "tracking_data", None)


def _next(error: BaseException) -> str:
    """What to do now, at a shell, where the error itself does not say."""
    if isinstance(error, OutcomeUnknown) and _label(error):
        return f"ask what became of it: sms-traffic status --tracking-data {_label(error)}"
    if isinstance(error, RequestFailed):
        return (
            "check the network and SMS_TRAFFIC_NODES (or --node); --timeout allows more time; asking again is harmless"
        )
    return ""


class Output:
    """Prints a command's results: NDJSON with ``--json``, for people otherwise."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.out: Console = _console(sys.stdout)
        self.err: Console = _console(sys.stderr)

    def record(self, record: Mapping[str, Any]) -> None:
        """One JSON object on one line."""
        line = orjson.dumps(record, default=_plain, option=_JSON | orjson.OPT_APPEND_NEWLINE)
        # Bytes: NDJSON is UTF-8 with line feeds, whatever the locale and the system.
        sys.stdout.flush()
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    def records(self, records: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str | None = None) -> None:
        """Records as NDJSON, or as a table of the given columns."""
        if self.json:
            for record in records:
                self.record(record)
            return
        made = table(*columns, title=title)
        for record in records:
            made.add_row(*(cell(record.get(column)) for column in columns))
        self.out.print(made)

    def say(self, text: str, *, style: str | None = None) -> None:
        """A sentence for people, on stdout; nothing with ``--json``."""
        if not self.json:
            self.out.print(escape(printable(text)), style=style)

    def note(self, text: str) -> None:
        """A sentence for people, on stderr."""
        self.err.print(escape(printable(text)), style="dim")

    def error(self, error: BaseException) -> int:
        """Say what went wrong; the exit code for it."""
        code = exit_code(error)
        if self.json:
            self.record({"error": type(error).__name__, "message": str(error), "exit_code": int(code)} | _facts(error))
        else:
            self.err.print(f"[bold red]{type(error).__name__}[/]: {escape(printable(error))}")
            if _next(error):
                self.note(_next(error))
        return int(code)


def cell(value: Any) -> str:
    """One cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return ", ".join(escape(printable(item)) for item in cast("Iterable[object]", value))
    return escape(printable(value))
