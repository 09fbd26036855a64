"""``sms-traffic bulk``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, cast

from cyclopts import Parameter
from cyclopts.validators import Number

from sms_traffic_async.cli.bulk_journal import TO_DO, Fate, Identity, Journal, already_there
from sms_traffic_async.cli.bulk_options import Files, Making
from sms_traffic_async.cli.bulk_preflight import Preflight, look
from sms_traffic_async.cli.bulk_recipe import Recipe
from sms_traffic_async.cli.bulk_results import write_results
from sms_traffic_async.cli.bulk_rows import Form, RowFile
from sms_traffic_async.cli.bulk_sending import Sending
from sms_traffic_async.cli.bulk_show import bulk_exit, show_preflight, show_summary
from sms_traffic_async.cli.connect import WorkerCarrier
from sms_traffic_async.cli.files import is_json_lines
from sms_traffic_async.cli.output import Exit, Output, UsageError
from sms_traffic_async.cli.progress import Meter
from sms_traffic_async.errors import SmsTrafficError
from sms_traffic_async.messages import Via
from sms_traffic_async.settings import Settings

NAME = "bulk"
__all__ = ("NAME", "command")

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where things are written."""

    journal: Path
    results: Path


def command(
    file: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True, help="CSV with a header line, or one JSON object a line; '-' is standard input."
        ),
    ],
    /,
    *,
    dry_run: Annotated[
        bool, Parameter(negative="", show_default=False, help="Check all rows, send none; needs no credentials.")
    ] = False,
    yes: Annotated[bool, Parameter(negative="", show_default=False, help="Do not ask before sending.")] = False,
    resume: Annotated[
        bool, Parameter(negative="", show_default=False, help="Go on with an earlier run; repeats nothing unknown.")
    ] = False,
    rate: Annotated[
        float | None, Parameter(validator=Number(gt=0), help="SMS parts a second, at most.", show_default=False)
    ] = None,
    duplicates: Annotated[
        Literal["skip", "send"], Parameter(help="Rows with the number and the text of an earlier one.")
    ] = "skip",
    making: Making | None = None,
    files: Files | None = None,
    connect: WorkerCarrier | None = None,
) -> int:
    """Send a message for each row of a file: checks all rows first, keeps a journal, writes a result file.

    After Ctrl-C, or a crash, --resume sends what was left. A row whose outcome is unknown is never
    repeated.
    """
    options = connect or WorkerCarrier()
    files = files or Files()
    output = Output(json=options.json)
    recipe = (making or Making()).recipe(_protocol(options))
    with _opened(file) as (source, apart):
        if apart and not dry_run and (files.journal is None or not yes):
            raise UsageError(f"{file}: can be read only once: give --journal FILE and --yes")
        rows = RowFile(source, name="standard input" if file == "-" else file, form=_form(file, files.format, source))
        if rows.columns is not None:
            recipe.check_columns(rows.columns, rows.name)
        journal, results = files.places(file, apart=apart, form=rows.form)
        for path in (journal, results):
            if not dry_run and not path.parent.is_dir():
                raise UsageError(f"{path} cannot be written: there is no folder {path.parent}")
        if not (dry_run or resume) and journal.exists():
            raise already_there(journal)  # before the rows are looked at and a question is asked
        found = _look(rows, recipe, output, skip_duplicates=duplicates == "skip")
        show_preflight(found, recipe, output)
        if dry_run:
            return Exit.SOME_FAILED if found.bad else Exit.DONE
        places = _Places(journal=journal, results=results)
        return _carry_out(rows, recipe, found, places, options, output, resume=resume, yes=yes, rate=rate)


def _carry_out(
    rows: RowFile,
    recipe: Recipe,
    found: Preflight,
    places: _Places,
    options: WorkerCarrier,
    output: Output,
    *,
    resume: bool,
    yes: bool,
    rate: float | None,
) -> int:
    session = options.session()  # wrong credentials are said before a journal is there
    identity = Identity(
        file=rows.fingerprint(),
        recipe=recipe.digest(),
        rows=found.rows,
        via=recipe.via,
        labelled=recipe.via == "v2" and not found.labelled,
    )
    if resume:
        journal = Journal.resume(places.journal, identity, found.fates)
    else:
        left = found.fates.count(Fate.UNTOUCHED) - 1
        if left and not yes and not _agreed(output, f"Send {left:,} messages by {recipe.via}?"):
            output.note("nothing was sent")
            return Exit.DONE
        journal = Journal.create(places.journal, identity, found.fates)
    with contextlib.closing(journal):
        left = sum(1 for fate in journal.fates if fate in TO_DO) - 1
        unknown = journal.fates.count(Fate.UNKNOWN)
        if resume:
            output.note(f"{left:,} rows are left to send; {unknown:,} unknown ones are not repeated")
            if left and not yes and not _agreed(output, f"Send {left:,} messages by {recipe.via}?"):
                return Exit.DONE
        sending = Sending(session, rows, recipe, journal, output, left=left, rate=rate)
        interrupted = False
        failure: SmsTrafficError | OSError | None = None
        try:
            if left or unknown:
                asyncio.run(sending.run(via=recipe.via, look_up=bool(resume and unknown)))
        except KeyboardInterrupt:  # where a loop has no signals of its own
            interrupted = True
        except (SmsTrafficError, OSError) as error:
            failure = error
        interrupted = interrupted or sending.interrupted
        try:
            write_results(places.results, rows, recipe, journal)
        except (SmsTrafficError, OSError) as error:
            failure = failure or error
        show_summary(journal, places.journal, places.results, output, error=sending.error, interrupted=interrupted)
        if failure is not None:
            raise failure
        return bulk_exit(journal, sending, interrupted=interrupted)


def _protocol(options: WorkerCarrier) -> Via:
    if options.via is not None:
        return options.via
    credentials = Settings.from_env().credentials
    # Without any, a look is taken with the eyes of v2; to send, the session will ask for some.
    return "v1" if credentials.api_key is None and credentials.login is not None else "v2"


def _look(rows: RowFile, recipe: Recipe, output: Output, *, skip_duplicates: bool) -> Preflight:
    with Meter(output, unit="rows looked at") as meter:
        found = look(rows, recipe, skip_duplicates=skip_duplicates, told=meter.at)
    if not found.rows:
        raise UsageError(f"{rows.name} has no rows")
    return found


def _agreed(output: Output, question: str) -> bool:
    """Asked at a terminal; elsewhere nobody could answer, and whoever started it meant it."""
    if sys.stdin is None or not sys.stdin.isatty() or not output.err.is_terminal:
        return True
    output.err.print(f"{question} \\[y/N] ", end="")
    return sys.stdin.readline().strip().lower() in {"y", "yes", "д", "да"}


def _form(file: str, given: Form | None, source: BinaryIO) -> Form:
    if given is not None:
        return given
    if is_json_lines(Path(file)):
        return "jsonl"
    if file == "-":
        first = source.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        source.seek(0)
        return "jsonl" if first == b"{" else "csv"
    return "csv"


@contextlib.contextmanager
def _opened(file: str) -> Generator[tuple[BinaryIO, bool]]:
    """The file, and whether it had to be copied: a pipe can be read only once."""
    with contextlib.ExitStack() as stack:
        if file != "-":
            source: BinaryIO = stack.enter_context(Path(file).open("rb"))
            if stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                yield source, False
                return
        elif sys.stdin is None:
            raise UsageError("the rows cannot be read: standard input is closed")
        else:
            source = cast("BinaryIO", sys.stdin.buffer)
        copy = stack.enter_context(tempfile.TemporaryFile())
        while piece := source.read(_PIECE):
            copy.write(piece)
        copy.flush()
        copy.seek(0)
        yield cast("BinaryIO", copy), True
