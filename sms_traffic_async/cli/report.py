"""``sms-traffic report``."""

from __future__ import annotations

import contextlib
import csv
import errno
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import orjson
from cyclopts import Parameter

from sms_traffic_async.cli.connect import Reporting
from sms_traffic_async.cli.files import is_json_lines, whole_file
from sms_traffic_async.cli.output import Exit, Output, printable
from sms_traffic_async.cli.progress import Meter, waiting
from sms_traffic_async.cli.times import Ago, AgoOrNone
from sms_traffic_async.protocols.http_v2.reports import Report

NAME = "report"
__all__ = ("NAME", "command")


async def command(
    *,
    since: Annotated[Ago, Parameter(help="From this time on: 2026-01-31T00:00+03:00, or how long ago, such as 2h.")],
    until: Annotated[AgoOrNone, Parameter(help="Up to this time. [default: now]")] = None,
    to: Annotated[
        Path | None,
        Parameter(help="Write here, instead of printing: rows of JSON by the name .jsonl, else the platform's file."),
    ] = None,
    format: Annotated[Literal["csv", "zip", "json"], Parameter(help="What the platform is asked for.")] = "csv",  # noqa: A002 - the document's word
    type: Annotated[Literal["mt", "mo"] | None, Parameter(help="Sent (mt) or received (mo) only.")] = None,  # noqa: A002 - the document's word
    status: Annotated[Literal["delivered", "not_delivered", "read"] | None, Parameter(help="Only these.")] = None,
    subscriber: Annotated[str | None, Parameter(help="Only this number.")] = None,
    originator: Annotated[str | None, Parameter(help="Only this sender; case counts.")] = None,
    channel: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Only this channel; may be repeated.")
    ] = (),
    department: Annotated[
        str | None, Parameter(help="Only this department's, by its login; '' is the main account alone.")
    ] = None,
    field: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Fields in the order wanted; may be repeated.")
    ] = (),
    connect: Reporting | None = None,
) -> int:
    """Fetch a report of messages: rows under a header line on standard output, or a file with --to.

    Needs an API key.
    """
    options = connect or Reporting()
    output = Output(json=options.json)
    if to is not None:
        _folder_of(to)
    async with contextlib.AsyncExitStack() as stack:
        sms = await stack.enter_async_context(options.session())
        with waiting(output, "the platform prepares the report"):
            report = await stack.enter_async_context(
                sms.v2.report(
                    since=since,
                    until=until or datetime.now(UTC),
                    format=format,
                    type=type,
                    status=status,
                    subscriber=subscriber,
                    originator=originator,
                    channels=channel or None,
                    department=department,
                    fields=field or None,
                    timeout=options.timeout,
                )
            )
        if to is None:
            await _print(report, output)
        elif is_json_lines(to):
            rows = await _write(report, to, output)
            _saved(output, to, to.stat().st_size, rows)
        else:
            with waiting(output, f"writing {to}"):
                saved = await report.save(to)
            _saved(output, saved.path, saved.size, None)
    return Exit.DONE


def _folder_of(path: Path) -> None:
    """Look before the platform is asked for anything, and name what the user named."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))


def _saved(output: Output, path: Path, size: int, rows: int | None) -> None:
    if output.json:
        output.record({"file": str(path), "bytes": size, "rows": rows})
    output.note(f"{path}: {size:,} bytes" + ("" if rows is None else f", {rows:,} {'row' if rows == 1 else 'rows'}"))


async def _write(report: Report, path: Path, output: Output) -> int:
    """One JSON object a line; the file appears whole or not at all."""
    count = 0
    with whole_file(path) as file, Meter(output, unit="rows", total=report.total) as meter:
        async for row in report:
            pairs = dict(zip(row.fields, row.raw, strict=False))
            file.write(orjson.dumps(pairs, option=orjson.OPT_APPEND_NEWLINE).decode())
            count += 1
            meter.at(count)
    return count


async def _print(report: Report, output: Output) -> None:
    lines = csv.writer(sys.stdout, delimiter=";", lineterminator="\n")
    count = 0
    # Rows that scroll by at a terminal tell by themselves how far it is.
    shown = contextlib.nullcontext() if output.out.is_terminal else Meter(output, unit="rows", total=report.total)
    with shown as meter:
        async for row in report:
            count += 1
            if meter is not None:
                meter.at(count)
            if output.json:
                output.record(dict(zip(row.fields, row.raw, strict=False)))
                continue
            if count == 1:
                lines.writerow(row.fields)
            # A file gets the text as it is; a terminal must not be driven by it.
            lines.writerow(map(printable, row.raw) if output.out.is_terminal else row.raw)
    if not count and not output.json:
        output.note("no messages in that time")
