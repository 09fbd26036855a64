"""``sms-traffic report``."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from sms_traffic_async.cli.connect import Connect
from sms_traffic_async.cli.output import Exit, Output, printable
from sms_traffic_async.cli.times import Ago, AgoOrNone

NAME = "report"
__all__ = ("NAME", "command")


async def command(
    *,
    since: Annotated[Ago, Parameter(help="From this time on: 2026-01-31T00:00+03:00, or how long ago, such as 2h.")],
    until: Annotated[AgoOrNone, Parameter(help="Up to this time. [default: now]")] = None,
    to: Annotated[
        Path | None, Parameter(help="Write the file the platform made here, instead of printing rows.")
    ] = None,
    format: Annotated[Literal["csv", "zip", "json"], Parameter(help="What the platform is asked for.")] = "csv",  # noqa: A002 - the document's word
    type: Annotated[Literal["mt", "mo"] | None, Parameter(help="Sent (mt) or received (mo) only.")] = None,  # noqa: A002 - the document's word
    status: Annotated[Literal["delivered", "not_delivered", "read"] | None, Parameter(help="Only these.")] = None,
    subscriber: Annotated[str | None, Parameter(help="Only this number.")] = None,
    originator: Annotated[str | None, Parameter(help="Only this sender; case counts.")] = None,
    field: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Fields in the order wanted; may be repeated.")
    ] = (),
    connect: Connect | None = None,
) -> int:
    """Fetch a report of messages: rows under a line of names on standard output, or the file with --to.

    Needs an API key.
    """
    options = connect or Connect()
    output = Output(json=options.json)
    async with (
        options.session() as sms,
        sms.v2.report(
            since=since,
            until=until or datetime.now(UTC),
            format=format,
            type=type,
            status=status,
            subscriber=subscriber,
            originator=originator,
            fields=field or None,
        ) as report,
    ):
        if to is not None:
            saved = await report.save(to)
            if options.json:
                output.record({"file": str(saved.path), "bytes": saved.size})
            output.note(f"{saved.path}: {saved.size:,} bytes")
            return Exit.DONE
        lines = csv.writer(sys.stdout, delimiter=";", lineterminator="\n")
        named = False
        async for row in report:
            if options.json:
                output.record(dict(zip(row.fields, row.raw, strict=False)))
                continue
            if not named:
                lines.writerow(row.fields)
                named = True
            # A file gets the text as it is; a terminal must not be driven by it.
            lines.writerow(map(printable, row.raw) if output.out.is_terminal else row.raw)
        if not named and not options.json:
            output.note("no messages in that time")
    return Exit.DONE
