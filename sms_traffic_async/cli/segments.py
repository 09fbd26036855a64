"""``sms-traffic segments``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from rich.markup import escape

from sms_traffic_async.cli.output import Exit, Output, printable, table
from sms_traffic_async.cli.stdin import read_text
from sms_traffic_async.text import segment

NAME = "segments"
__all__ = ("NAME", "command")


def command(
    text: Annotated[str, Parameter(allow_leading_hyphen=True, help="The text; '-' reads it from standard input.")],
    /,
    *,
    reference_bytes: Annotated[Literal[1, 2], Parameter(help="Octets of the reference that ties parts together.")] = 1,
    json: Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object.")] = False,
) -> int:
    """Show how a text is cut into parts, and which characters make it UCS-2.

    Needs no connection.
    """
    output = Output(json=json)
    body = read_text(output) if text == "-" else text
    made = segment(body, reference_bytes=reference_bytes)
    record = {
        "encoding": str(made.encoding),
        "parts": made.count,
        "units": made.units,
        "units_left": made.units_left,
        "forced_by": made.forced_by,
        "ucs2_cost": made.ucs2_cost,
    }
    if json:
        output.record(record | {"texts": [part.text for part in made.parts]})
        return Exit.DONE
    output.records([record], ("encoding", "parts", "units", "units_left"))
    if made.forced_by:
        shown = " ".join(printable(char) for char in made.forced_by[:20])
        output.say(f"UCS-2 because of: {shown}")
        if made.ucs2_cost:
            output.say(f"without them it would take {made.count - made.ucs2_cost} part(s)")
    parts = table("part", "units", "text")
    for part in made.parts:
        parts.add_row(str(part.number), str(part.units), escape(printable(part.text)))
    output.out.print(parts)
    return Exit.DONE
