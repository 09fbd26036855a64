"""``sms-traffic status``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from cyclopts import Parameter

from sms_traffic_async.cli.connect import Connect
from sms_traffic_async.cli.output import Exit, Output
from sms_traffic_async.messages import StatusUpdate

NAME = "status"
__all__ = ("NAME", "as_record", "command")

COLUMNS = ("message_id", "status", "status_at", "error", "reason", "tracking_data")


async def command(
    ids: Annotated[tuple[str, ...], Parameter(help="Message ids, as 'send' printed them.")] = (),
    /,
    *,
    tracking_data: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Ask by your own label; may be repeated.")
    ] = (),
    connect: Connect | None = None,
) -> int:
    """Print the present status of messages.

    Exits with 3 when the platform does not know some of them.
    """
    options = connect or Connect()
    output = Output(json=options.json)
    if not ids and not tracking_data:
        output.note("nothing to ask for: give message ids or --tracking-data")
        return Exit.USAGE
    async with options.session() as sms:
        reply = await sms.v2.statuses(ids, tracking_data=tracking_data, extended=True)
    missing = [{"message_id": item, "status": None, "reason": "not known to the platform"} for item in reply.missing]
    output.records([*map(as_record, reply.found), *missing], COLUMNS)
    return Exit.SOME_FAILED if reply.missing else Exit.DONE


def as_record(update: StatusUpdate) -> Mapping[str, Any]:
    """A status for printing."""
    return {
        "message_id": update.message_id,
        "status": str(update.status),
        "final": update.is_final,
        "submitted_at": update.submitted_at,
        "sent_at": update.sent_at,
        "status_at": update.status_at,
        "error": None if update.error is None else int(update.error),
        "reason": update.error_text,
        "tracking_data": update.tracking_data,
    }
